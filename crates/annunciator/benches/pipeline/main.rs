//! Measures the pipeline, part by part and end to end, and prints the figures.
//!
//! In: `--json` (one JSON document instead of a table), `--quick` (one round, fewer events), and
//! names of programs, to run only those. Out: figures on standard output.
//! Knows nothing of: what is good enough; it measures and never judges.
//! Failure: a lost event, a refused request or a wait beyond its limit ends it with a panic.
//!
//! How to read the figures: `docs/benchmarks.md`.
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]
#![expect(clippy::print_stderr, reason = "its progress is told beside the figures")]

mod events;
mod figures;
mod http;
mod overrides;
mod parts;
mod server;
mod sink;
mod stores;
mod usage;
mod whole;

use figures::{Measured, Report};

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    /// Rounds; the figures are their medians.
    rounds: u32,
    /// Events that are accepted alone.
    accepted: u32,
    /// Events that are planned alone, and composed alone.
    computed: u32,
    /// Events that are planned over many policies and event types.
    overridden: u32,
    /// Events that go through the store alone.
    stored: u32,
    /// Deliveries that are drained.
    drained: u32,
    /// Events of the burst.
    burst: u32,
    /// Events of the burst over each store.
    shared: u32,
    /// Events of the measurement of latency, at [`whole::RATE`] a second.
    paced: u32,
}

const FULL: Size = Size {
    rounds: 5,
    accepted: 20_000,
    computed: 50_000,
    overridden: 100_000,
    stored: 20_000,
    drained: 10_000,
    burst: 3_000,
    shared: 20_000,
    paced: 200,
};

const QUICK: Size = Size {
    rounds: 1,
    accepted: 3_000,
    computed: 5_000,
    overridden: 10_000,
    stored: 3_000,
    drained: 2_000,
    burst: 1_000,
    shared: 3_000,
    paced: 30,
};

/// A program: what it is called, and one round of it.
type Program = (&'static str, fn(&Size) -> Vec<Measured>);

/// Every program, in the order of an event's way.
const PROGRAMS: [Program; 9] = [
    ("accept", |size| whole::accept(size.accepted)),
    ("plan", |size| parts::plan(size.computed)),
    ("overrides", |size| overrides::plan(size.overridden)),
    ("compose", |size| parts::compose(size.computed)),
    ("store", |size| parts::store(size.stored)),
    ("deliver", |size| whole::deliver(size.drained)),
    ("burst", |size| whole::burst(size.burst)),
    ("stores", |size| stores::burst(size.shared)),
    ("latency", |size| whole::latency(size.paced)),
];

fn main() {
    let mut size = FULL;
    let mut prints_json = false;
    let mut chosen: Vec<Program> = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => prints_json = true,
            "--quick" => size = QUICK,
            // Cargo says so to every bench program.
            "--bench" => {}
            name => {
                let found = PROGRAMS.into_iter().find(|(known, _)| *known == name);
                let names = PROGRAMS.map(|(name, _)| name).join(", ");
                chosen.push(found.unwrap_or_else(|| {
                    panic!("{name} is neither --json, --quick nor one of {names}")
                }));
            }
        }
    }
    if chosen.is_empty() {
        chosen = PROGRAMS.into();
    }
    let mut report = Report::new(size.rounds);
    // Round by round, so that a neighbour on the machine spoils one round of each, not all of one.
    for round in 1..=size.rounds {
        for (name, run) in &chosen {
            eprintln!("round {round} of {}: {name}", size.rounds);
            report.add(run(&size));
        }
    }
    println!("{}", if prints_json { report.to_json() } else { report.to_table() });
}
