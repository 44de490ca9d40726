//! What single rounds measured, into medians with their range, as a table or as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// One figure of one round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// What was measured.
    pub(crate) name: &'static str,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// How much.
    pub(crate) value: f64,
    /// CPU time of the program under test for a thousand, when it is its own. Unit: seconds.
    pub(crate) cpu_s_per_1000: Option<f64>,
    /// Most memory of the program under test. Unit: MiB.
    pub(crate) rss_mib: Option<f64>,
}

/// Chooses a number of a figure.
type Part = fn(&Measured) -> Option<f64>;

/// All figures.
pub(crate) struct Report {
    rounds: u32,
    /// By name, in the order in which they came first.
    figures: Vec<Vec<Measured>>,
}

/// Median, smallest and largest of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        Some(Self { median: percentile(&values, 50), min, max })
    }

    fn to_json(self) -> Value {
        json!({ "median": rounded(self.median), "min": rounded(self.min), "max": rounded(self.max) })
    }
}

/// The value below which that part of the sorted values lies (nearest rank); 0 for none.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// Three decimals are more than the measurement is good for.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

impl Report {
    pub(crate) fn new(rounds: u32) -> Self {
        Self { rounds, figures: Vec::new() }
    }

    /// Takes the figures of a round.
    pub(crate) fn add(&mut self, measured: Vec<Measured>) {
        for one in measured {
            match self.figures.iter_mut().find(|figure| figure[0].name == one.name) {
                Some(figure) => figure.push(one),
                None => self.figures.push(vec![one]),
            }
        }
    }

    pub(crate) fn to_json(&self) -> String {
        let figures: Vec<Value> = self.figures.iter().map(|rows| figure_json(rows)).collect();
        let document = json!({
            "program": "annunciator",
            "version": env!("CARGO_PKG_VERSION"),
            "rounds": self.rounds,
            "cpus": std::thread::available_parallelism().map_or(0, usize::from),
            "figures": figures,
        });
        format!("{document:#}")
    }

    pub(crate) fn to_table(&self) -> String {
        let mut table = format!(
            "annunciator {}, median of {} (smallest .. largest)\n\n| figure | value | unit | CPU s per 1,000 | peak RSS, MiB |\n|---|---|---|---|---|\n",
            env!("CARGO_PKG_VERSION"),
            self.rounds,
        );
        for rows in &self.figures {
            let digits = usize::from(rows[0].unit == "ms") * 2;
            let values = text(spread(rows, |row| Some(row.value)), digits);
            let cpu = text(spread(rows, |row| row.cpu_s_per_1000), 3);
            let rss = text(spread(rows, |row| row.rss_mib), 0);
            let (name, unit) = (rows[0].name, rows[0].unit);
            let _ = writeln!(table, "| {name} | {values} | {unit} | {cpu} | {rss} |");
        }
        table
    }
}

fn spread(rows: &[Measured], part: Part) -> Option<Spread> {
    Spread::of(rows.iter().filter_map(part).collect())
}

fn figure_json(rows: &[Measured]) -> Value {
    let mut figure = json!({ "name": rows[0].name, "unit": rows[0].unit });
    let parts: [(&str, Part); 3] = [
        ("value", |row| Some(row.value)),
        ("cpu_s_per_1000", |row| row.cpu_s_per_1000),
        ("peak_rss_mib", |row| row.rss_mib),
    ];
    for (key, part) in parts {
        if let Some(spread) = spread(rows, part) {
            figure[key] = spread.to_json();
        }
    }
    figure
}

fn text(spread: Option<Spread>, digits: usize) -> String {
    let Some(Spread { median, min, max }) = spread else { return String::new() };
    format!("{median:.digits$} ({min:.digits$} .. {max:.digits$})")
}
