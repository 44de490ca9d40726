//! The samples of a top tag become a line over time, in parts of a hundred of its place.
//!
//! In: samples; the start of the incident. Out: points as SVG takes them, round marks of values,
//! where the start is. Knows nothing of: words, colours.
//! Failure: fewer than two samples at different times make no line.

use std::fmt::Write as _;

use annunciator_api_types::SampleView;
use annunciator_core::Timestamp;
use annunciator_template::ValueAxis;

/// Room that stays empty above the last and below the first mark. Unit: percent of the height.
const MARGIN: f64 = 6.0;

/// The line.
#[derive(Debug, PartialEq)]
pub(crate) struct Course {
    /// Points of the line: `x,y x,y …`, each from 0 to 100.
    pub(crate) points: String,
    /// Where the incident begins; nothing when it begins outside.
    pub(crate) start: Option<f64>,
    /// Lowest value.
    pub(crate) lowest: f64,
    /// Highest value.
    pub(crate) highest: f64,
    /// First time.
    pub(crate) first: Timestamp,
    /// Last time.
    pub(crate) last: Timestamp,
    /// Round marks of values.
    pub(crate) axis: ValueAxis,
}

impl Course {
    /// The line of these samples.
    pub(crate) fn of(samples: &[SampleView], start: Timestamp) -> Option<Self> {
        let mut samples: Vec<_> = samples.iter().filter(|one| one.value.is_finite()).collect();
        samples.sort_by_key(|one| one.at);
        let (first, last) = (samples.first()?.at, samples.last()?.at);
        if first == last {
            return None;
        }
        let values = samples.iter().map(|one| one.value);
        let lowest = values.clone().fold(f64::INFINITY, f64::min);
        let highest = values.fold(f64::NEG_INFINITY, f64::max);
        let across = |at: Timestamp| 100.0 * real(at.ms_since(first)) / real(last.ms_since(first));
        let axis = ValueAxis::of(lowest, highest);
        let down = |value: f64| down(axis.share(value));
        let mut points = String::new();
        for one in &samples {
            let (x, y) = (across(one.at), down(one.value));
            write!(points, "{x:.2},{y:.2} ").expect("a String takes everything");
        }
        points.truncate(points.trim_end().len());
        let is_within = start >= first && start <= last;
        let start = is_within.then(|| across(start));
        Some(Self { points, start, lowest, highest, first, last, axis })
    }

    /// Where the lines of the marks are, from the top.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |mark: &f64| format!("{:.2}", down(self.axis.share(*mark)));
        self.axis.marks.iter().map(line).collect()
    }
}

/// Where a share of the axis is, from the top.
fn down(share: f64) -> f64 {
    MARGIN + (1.0 - share) * (100.0 - 2.0 * MARGIN)
}

#[expect(clippy::cast_precision_loss, reason = "times of centuries fit into 52 bits")]
fn real(ms: i64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_where_their_values_do() {
        let sample = |at, value| SampleView { at: Timestamp(at), value };
        let samples = [sample(0, 538.500_123), sample(9, 560.664_643_972_892_6)];
        let course = Course::of(&samples, Timestamp(0)).unwrap();
        assert_eq!(course.lines(), ["94.00", "72.00", "50.00", "28.00", "6.00"]);
        assert_eq!(course.axis.marks, [530.0, 540.0, 550.0, 560.0, 570.0]);
        assert!(course.points.starts_with("0.00,75.30 "), "{}", course.points);
    }

    #[test]
    fn samples_become_a_line_from_edge_to_edge() {
        let sample = |(at, value): &(i64, f64)| SampleView { at: Timestamp(*at), value: *value };
        let check = |samples: &[(i64, f64)], start: i64, expected: Option<(&str, Option<f64>)>| {
            let samples: Vec<_> = samples.iter().map(sample).collect();
            let found = Course::of(&samples, Timestamp(start));
            let found = found.as_ref().map(|course| (course.points.as_str(), course.start));
            assert_eq!(found, expected);
        };
        check(&[], 0, None);
        check(&[(5, 1.0), (5, 2.0)], 5, None);
        let line = "0.00,94.00 50.00,6.00 100.00,50.00";
        check(&[(0, 0.0), (10, 2.0), (20, 1.0)], 5, Some((line, Some(25.0))));
        check(&[(20, 1.0), (0, 0.0), (10, 2.0)], 21, Some((line, None)));
        check(
            &[(0, f64::NAN), (0, 3.0), (4, 3.0)],
            4,
            Some(("0.00,50.00 100.00,50.00", Some(100.0))),
        );
    }
}
