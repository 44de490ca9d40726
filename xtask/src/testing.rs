//! Turns `cargo xtask test` into all tests: setup, the binary, the tests, the doc tests.

use anyhow::{Result, bail};

use crate::command::Run;
use crate::packages;

/// The version that is installed where there is none.
const NEXTEST: &str = "0.9.143";

/// Which part of `.config/nextest.toml` holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Profile {
    /// At a desk.
    Default,
    /// In CI.
    Ci,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Ci => "ci",
        }
    }
}

/// Runs everything and prints the closing lines of the runners together at the end.
pub(crate) fn run(profile: Profile) -> Result<()> {
    packages::setup()?;
    // Behaviour tests start the binary, so that it must be fresh whatever is tested first.
    Run::cargo(&["build", "--locked", "-p", "annunciator"]).run()?;
    let mut closing = Vec::new();
    let mut failures = Vec::new();
    let doc = Run::cargo(&["test", "--locked", "--doc", "--workspace"]);
    for tests in [tests(profile), doc] {
        let (lines, result) = tests.closing_lines();
        closing.extend(lines);
        failures.extend(result.err().map(|error| error.to_string()));
    }
    println!("\ntests:");
    for line in &closing {
        println!("  {line}");
    }
    if !failures.is_empty() {
        bail!("{}", failures.join("\nxtask: "));
    }
    Ok(())
}

fn tests(profile: Profile) -> Run {
    if has_nextest(profile) {
        let profile = profile.name();
        let arguments = ["--workspace", "--locked", "--no-fail-fast", "--profile", profile];
        Run::cargo(&[&["nextest", "run"], arguments.as_slice()].concat())
    } else {
        let arguments = ["test", "--workspace", "--locked", "--all-targets", "--no-fail-fast"];
        Run::cargo(&arguments)
    }
}

/// Whether nextest is there; root and CI install it, others are told how.
fn has_nextest(profile: Profile) -> bool {
    if Run::cargo(&["nextest", "--version"]).succeeds() {
        return true;
    }
    let install = Run::cargo(&["install", "cargo-nextest", "--version", NEXTEST, "--locked"]);
    let may_install =
        profile == Profile::Ci || std::env::var_os("CI").is_some() || packages::is_root();
    if !may_install {
        eprintln!(
            "test: cargo-nextest is missing, so that cargo test runs; to have it: {}",
            install.line()
        );
        return false;
    }
    match install.run() {
        Ok(()) => true,
        Err(error) => {
            eprintln!("test: {error}; cargo test runs instead");
            false
        }
    }
}
