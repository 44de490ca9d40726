//! Turns `cargo xtask ci` into its steps, in the order in which they fail soonest.
//!
//! Failure: the first step that fails ends it and is named with the command that repeats it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::codegen::{self, Mode};
use crate::command::Run;
use crate::testing::{self, Profile};
use crate::tidy;

/// The version that is installed where there is none.
const DENY: &str = "0.20.2";

/// What a step does.
enum Work {
    Program(Run),
    Ours(&'static str, fn() -> Result<()>),
}

impl Work {
    fn line(&self) -> String {
        match self {
            Self::Program(run) => run.line(),
            Self::Ours(line, _) => (*line).to_owned(),
        }
    }

    fn run(&self) -> Result<()> {
        match self {
            Self::Program(run) => run.run(),
            Self::Ours(_, work) => work(),
        }
    }
}

fn steps() -> Vec<(&'static str, Work)> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    let doc = Run::cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    vec![
        ("format", Work::Program(Run::cargo(&["fmt", "--all", "--check"]))),
        ("clippy", Work::Program(Run::cargo(&clippy))),
        ("tidy", Work::Ours("cargo xtask tidy", tidy::run)),
        ("codegen", Work::Ours("cargo xtask codegen --check", || codegen::run(Mode::Check))),
        ("doc", Work::Program(doc.with("RUSTDOCFLAGS", "-D warnings"))),
        ("deny", Work::Ours("cargo deny check bans licenses sources", deny)),
        ("test", Work::Ours("cargo xtask test", || testing::run(Profile::Ci))),
    ]
}

/// Runs all steps.
pub(crate) fn run() -> Result<()> {
    let began = Instant::now();
    let mut times = Vec::new();
    for (name, work) in steps() {
        println!("\n=== {name}");
        let step_began = Instant::now();
        work.run().with_context(|| format!("step `{name}` failed; alone: {}", work.line()))?;
        let spent = step_began.elapsed();
        println!("=== {name}: {}", seconds(spent));
        times.push((name, spent));
    }
    println!();
    for (name, spent) in times {
        println!("{name:>8} {:>9}", seconds(spent));
    }
    println!("{:>8} {:>9}", "total", seconds(began.elapsed()));
    Ok(())
}

/// Licences, bans and sources; the advisories need a database that is not always at hand.
fn deny() -> Result<()> {
    if !Run::cargo(&["deny", "--version"]).succeeds() {
        Run::cargo(&["install", "cargo-deny", "--version", DENY, "--locked"]).run()?;
    }
    Run::cargo(&["deny", "--workspace", "check", "bans", "licenses", "sources"]).run()
}

fn seconds(spent: Duration) -> String {
    format!("{:.1} s", spent.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_says_how_to_repeat_it() {
        let lines: Vec<_> = steps().iter().map(|(_, work)| work.line()).collect();
        assert!(lines.iter().all(|line| line.contains("cargo ")), "{lines:?}");
        assert_eq!(lines.last().map(String::as_str), Some("cargo xtask test"));
    }
}
