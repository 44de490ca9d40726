//! Turns `cargo xtask <verb>` into the repository's daily commands.
//!
//! Knows nothing of: the product's code; it reads sources as text and runs programs.
//! Failure: one line that says what failed and what to do, exit status 1.
#![expect(clippy::print_stdout, reason = "a command-line program answers on standard output")]
#![expect(clippy::print_stderr, reason = "progress goes to standard error")]

mod source;

mod workspace;

mod arrows;
mod lints;
mod map;
mod pages;
mod purity;
mod sizes;
mod words;

mod tidy;

mod command;

mod codegen;
mod packages;
mod programs;
mod testing;

mod ci;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask <verb>

  ci                  everything that must be green before a push: format, clippy, tidy,
                      codegen --check, doc, deny, test
  test                setup, then all tests and doc tests
  setup               check the Debian packages that building and testing need;
                      root installs what is missing
  tidy                the repository's own rules: arrows, sizes, headers, words, pages
  codegen [--check]   write docs/reference from the binary, or say whether it is stale
  bench [--json] [--quick]
                      measure accept, plan, deliver and the whole way, in a release build
  fuzz [TARGET] [--seconds N]
                      run the fuzz targets, 60 s each unless told otherwise
  dist                build the release binary and say where it is
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((verb, rest)) = arguments.split_first() else {
        print!("{USAGE}");
        bail!("a verb is missing");
    };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (verb.as_str(), rest.as_slice()) {
        ("help" | "--help" | "-h", _) => {
            print!("{USAGE}");
            Ok(())
        }
        ("ci", []) => ci::run(),
        ("test", []) => testing::run(testing::Profile::Default),
        ("setup", []) => packages::setup(),
        ("tidy", []) => tidy::run(),
        ("codegen", []) => codegen::run(codegen::Mode::Write),
        ("codegen", ["--check"]) => codegen::run(codegen::Mode::Check),
        ("bench", options) => programs::bench(options),
        ("fuzz", options) => programs::fuzz(options),
        ("dist", []) => programs::dist(),
        _ => {
            print!("{USAGE}");
            bail!("not understood: cargo xtask {}", arguments.join(" "));
        }
    }
}
