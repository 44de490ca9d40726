//! Turns the verbs `bench`, `fuzz` and `dist` into runs of what they build.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::command::Run;
use crate::workspace;

/// How long each fuzz target runs unless told. Unit: seconds.
const FUZZ_S: u32 = 60;
/// Longest time that can be asked for: a week. Unit: seconds.
const FUZZ_S_MAX: u32 = 7 * 24 * 3600;
const FUZZ_VERSION: &str = "0.13.2";

/// Measures the pipeline in a release build.
pub(crate) fn bench(options: &[&str]) -> Result<()> {
    for option in options {
        ensure!(
            matches!(*option, "--json" | "--quick"),
            "bench knows --json and --quick, not {option}"
        );
    }
    Run::cargo(&["build", "--quiet", "--locked", "--release", "-p", "annunciator"]).run()?;
    let program =
        ["bench", "--quiet", "--locked", "-p", "annunciator", "--bench", "pipeline", "--"];
    Run::cargo(&[&program, options].concat()).run()
}

/// Builds the release binary and says where it is.
pub(crate) fn dist() -> Result<()> {
    Run::cargo(&["build", "--locked", "--release", "-p", "annunciator"]).run()?;
    let binary = workspace::target_folder()?.join("release").join("annunciator");
    let bytes = fs::metadata(&binary).with_context(|| binary.display().to_string())?.len();
    println!("{} ({}.{} MB)", binary.display(), bytes / 1_000_000, bytes / 100_000 % 10);
    Ok(())
}

/// What `fuzz` was asked for.
#[derive(PartialEq, Eq, Debug)]
struct FuzzOrder {
    target: Option<String>,
    seconds: u32,
}

impl FuzzOrder {
    fn parse(options: &[&str]) -> Result<Self> {
        let mut order = Self { target: None, seconds: FUZZ_S };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            if *option == "--seconds" {
                let text = options.next().context("--seconds needs a number")?;
                let seconds =
                    text.parse().ok().filter(|seconds| (1..=FUZZ_S_MAX).contains(seconds));
                order.seconds = seconds
                    .with_context(|| format!("--seconds is 1 to {FUZZ_S_MAX}, not {text}"))?;
            } else if option.starts_with('-') || order.target.is_some() {
                bail!("fuzz knows one target and --seconds, not {option}");
            } else {
                order.target = Some((*option).to_owned());
            }
        }
        Ok(order)
    }
}

/// Runs the fuzz targets one after the other.
pub(crate) fn fuzz(options: &[&str]) -> Result<()> {
    let order = FuzzOrder::parse(options)?;
    let targets = fuzz_targets()?;
    let chosen: Vec<_> = match &order.target {
        Some(target) => targets.iter().filter(|name| *name == target).collect(),
        None => targets.iter().collect(),
    };
    ensure!(!chosen.is_empty(), "the targets are {}", targets.join(", "));
    if !Run::cargo(&["+nightly", "fuzz", "--version"]).succeeds() {
        bail!(
            "fuzzing needs nightly and cargo-fuzz: rustup toolchain install nightly && \
             cargo install cargo-fuzz --version {FUZZ_VERSION} --locked"
        );
    }
    // What a run finds goes to the build folder first: only seeds worth keeping are checked in.
    let scratch = workspace::target_folder()?.join("fuzz-corpus");
    for target in chosen {
        let found = scratch.join(target);
        fs::create_dir_all(&found).with_context(|| found.display().to_string())?;
        let found = found.to_string_lossy();
        let seeds = format!("fuzz/corpus/{target}");
        let time = format!("-max_total_time={}", order.seconds);
        let fuzz = ["+nightly", "fuzz", "run", target, &found, &seeds, "--", &time, "-timeout=10"];
        println!("fuzz {target}: {} s", order.seconds);
        Run::cargo(&fuzz).run()?;
    }
    Ok(())
}

fn fuzz_targets() -> Result<Vec<String>> {
    let folder = workspace::root()?.join("fuzz").join("fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        targets.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    targets.sort();
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_fuzz_is_understood() {
        let order = |target: Option<&str>, seconds| FuzzOrder {
            target: target.map(str::to_owned),
            seconds,
        };
        for (options, expected) in [
            (&[] as &[&str], Some(order(None, FUZZ_S))),
            (&["reply"], Some(order(Some("reply"), FUZZ_S))),
            (&["reply", "--seconds", "5"], Some(order(Some("reply"), 5))),
            (&["--seconds", "5"], Some(order(None, 5))),
            (&["--seconds"], None),
            (&["--seconds", "0"], None),
            (&["reply", "template"], None),
            (&["--fast"], None),
        ] {
            assert_eq!(FuzzOrder::parse(options).ok(), expected, "{options:?}");
        }
    }

    #[test]
    fn every_fuzz_target_has_seeds_and_a_row_in_its_manifest() {
        let root = workspace::root().unwrap();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let targets = fuzz_targets().unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
            let seeds = fs::read_dir(root.join("fuzz/corpus").join(&target)).unwrap().count();
            assert!(seeds >= 3, "{target} has {seeds} seeds");
        }
    }

    #[test]
    fn an_unknown_option_of_bench_is_refused_before_anything_is_built() {
        assert!(bench(&["--slow"]).unwrap_err().to_string().contains("--slow"));
    }
}
