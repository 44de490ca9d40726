//! Counts of a period become its chart and its sums.
//!
//! In: `GET /api/v1/statistics`. Out: [`Flow`], which `dashboard/flow.html` shows; [`Totals`].

use std::collections::BTreeMap;

use annunciator_core::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::period::Period;
use crate::charts::{self, Axis, percent};
use crate::page::Page;

/// The counts that the chart stacks, the undermost first; also the ends of their CSS classes.
const STACKED: [&str; 2] = ["delivered", "failed"];

/// What the API answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Statistics {
    series: Vec<Series>,
    totals: BTreeMap<String, Value>,
}

/// One count over time; those of several channels stand apart.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Series {
    name: String,
    values: Vec<(Value, u64)>,
}

impl Statistics {
    /// The sum of a count over the whole period.
    pub(super) fn total(&self, name: &str) -> u64 {
        let of_name = self.series.iter().filter(|series| series.name == name);
        let summed = || of_name.flat_map(|series| &series.values).map(|(_, count)| count).sum();
        self.totals.get(name).and_then(Value::as_u64).unwrap_or_else(summed)
    }

    /// The sums of a count over pieces that begin so, all channels together.
    fn pieces(&self, name: &str, starts: &[Timestamp]) -> Vec<u64> {
        let mut sums = vec![0_u64; starts.len()];
        let of_name = self.series.iter().filter(|series| series.name == name);
        for (at, count) in of_name.flat_map(|series| &series.values) {
            let Some(at) = time_of(at) else { continue };
            let after = starts.partition_point(|start| *start <= at);
            if let Some(sum) = after.checked_sub(1).and_then(|piece| sums.get_mut(piece)) {
                *sum = sum.saturating_add(*count);
            }
        }
        sums
    }
}

/// A time as text, or as milliseconds.
fn time_of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64().map(Timestamp),
    }
}

/// The chart.
pub(super) struct Flow {
    /// Lines of the axis.
    pub(super) lines: Vec<Line>,
    /// Columns, oldest first.
    pub(super) columns: Vec<Column>,
    /// Names of what is stacked, with their sums: class, words, sum.
    pub(super) legend: Vec<(&'static str, String, String)>,
    /// Whether there is nothing to be seen.
    pub(super) is_empty: bool,
}

/// A line of the axis.
pub(super) struct Line {
    /// Distance from the top.
    pub(super) y: String,
    /// Its number.
    pub(super) label: String,
}

/// A column.
pub(super) struct Column {
    /// Left end of its place.
    pub(super) x: String,
    /// Width of its place.
    pub(super) width: String,
    /// Its time and numbers, for whoever points at it.
    pub(super) title: String,
    /// Its time alone.
    pub(super) name: String,
    /// Its numbers.
    pub(super) numbers: Vec<String>,
    /// Its colours.
    pub(super) parts: Vec<Part>,
    /// The time below it, or nothing.
    pub(super) label: String,
    /// Whether a phone has room for that time.
    pub(super) is_on_phone: bool,
}

/// One colour of a column.
pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
}

impl Flow {
    pub(super) fn of(statistics: &Statistics, period: Period, page: &Page) -> Self {
        let starts = period.starts(page.now, &page.zone);
        let counts = STACKED.map(|name| statistics.pieces(name, &starts));
        let stacks: Vec<Vec<u64>> =
            (0..starts.len()).map(|at| counts.iter().map(|of| of[at]).collect()).collect();
        let highest = stacks.iter().map(|stack| stack.iter().sum()).max().unwrap_or(0);
        let axis = charts::axis(highest);
        let words = STACKED.map(|name| page.t(&format!("dashboard-{name}")));
        let mut columns: Vec<Column> = starts
            .iter()
            .enumerate()
            .map(|(at, start)| column(page, period, &axis, &words, (at, *start), &stacks))
            .collect();
        thin(&mut columns);
        let legend = STACKED.into_iter().zip(words).map(|(name, words)| {
            let sum: u64 = counts[usize::from(name == STACKED[1])].iter().sum();
            (name, words, page.number(&sum))
        });
        let lines = axis
            .lines
            .iter()
            .map(|number| Line { y: percent(axis.depth_of(*number)), label: page.number(number) });
        Self { lines: lines.collect(), columns, legend: legend.collect(), is_empty: highest == 0 }
    }
}

fn column(
    page: &Page,
    period: Period,
    axis: &Axis,
    words: &[String; 2],
    (at, start): (usize, Timestamp),
    stacks: &[Vec<u64>],
) -> Column {
    let (numbers, zone): (_, &TimeZone) = (&stacks[at], &page.zone);
    let place = charts::place(at, stacks.len());
    let name = period.name(start, zone, page.language);
    let shown: Vec<String> = numbers.iter().map(|number| page.number(number)).collect();
    let told = words.iter().zip(&shown).map(|(words, number)| format!("{words}: {number}"));
    let parts = charts::column(numbers, axis, at, stacks.len()).into_iter().map(|part| Part {
        class: STACKED[part.number],
        x: percent(part.x),
        y: percent(part.y),
        width: percent(part.width),
        height: percent(part.height),
    });
    let is_labelled = period.is_labelled(at, start, zone);
    Column {
        x: percent(place.x),
        width: percent(place.width),
        title: format!("{name}\n{}", told.collect::<Vec<_>>().join("\n")),
        name,
        numbers: shown,
        parts: parts.collect(),
        label: if is_labelled { period.label(start, zone, page.language) } else { String::new() },
        is_on_phone: true,
    }
}

/// Takes every second time from where there is little room.
fn thin(columns: &mut [Column]) {
    let labelled = columns.iter_mut().filter(|column| !column.label.is_empty());
    for (at, column) in labelled.enumerate() {
        column.is_on_phone = at % 2 == 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fall_into_the_piece_that_holds_their_time() {
        let statistics: Statistics = serde_json::from_value(serde_json::json!({
            "step_s": 300,
            "series": [
                {"name": "delivered", "channel": "email",
                 "values": [["2026-11-30T05:00:00.000Z", 3], ["2026-11-30T05:25:00.000Z", 4]]},
                {"name": "delivered", "channel": "sms",
                 "values": [["2026-11-30T05:30:00.000Z", 5], ["2026-11-30T04:55:00.000Z", 9]]},
                {"name": "failed", "channel": "sms", "values": [["2026-11-30T05:30:00.000Z", 1]]},
            ],
            "totals": {"failed": 7},
        }))
        .unwrap();
        let starts: Vec<Timestamp> = ["2026-11-30T05:00:00.000Z", "2026-11-30T05:30:00.000Z"]
            .map(|at| at.parse().unwrap())
            .to_vec();
        assert_eq!(statistics.pieces("delivered", &starts), [7, 5]);
        assert_eq!(statistics.pieces("failed", &starts), [0, 1]);
        assert_eq!(statistics.pieces("unknown", &starts), [0, 0]);
        // What the API sums is taken; what it does not is summed here.
        assert_eq!((statistics.total("failed"), statistics.total("delivered")), (7, 21));
    }
}
