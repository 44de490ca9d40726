//! Turns a program with its arguments into its success, or into an error that can be repeated.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// Most closing lines that are kept of one run; more test binaries than this are not expected.
const CLOSING_LINES_MAX: usize = 1_000;

/// One program to run in the root of the repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Run {
    /// `cargo` with these arguments.
    pub(crate) fn cargo(arguments: &[&str]) -> Self {
        Self::new("cargo", arguments)
    }

    /// A program with these arguments.
    pub(crate) fn new(program: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { program: program.to_owned(), arguments, environment: Vec::new() }
    }

    /// The same with a variable set.
    pub(crate) fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.environment.push((variable, value.to_owned()));
        self
    }

    /// The line that repeats it in a shell.
    pub(crate) fn line(&self) -> String {
        let mut line = String::new();
        for (variable, value) in &self.environment {
            let _ = write!(line, "{variable}={} ", quoted(value));
        }
        line.push_str(&self.program);
        for argument in &self.arguments {
            let _ = write!(line, " {}", quoted(argument));
        }
        line
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(workspace::root()?);
        command.envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        Ok(command)
    }

    /// Runs it with our own input and output.
    pub(crate) fn run(&self) -> Result<()> {
        let status = self.command()?.status().with_context(|| self.line())?;
        ensure!(status.success(), "failed ({status}): {}", self.line());
        Ok(())
    }

    /// Runs it and gives what it printed on standard output.
    pub(crate) fn output(&self) -> Result<String> {
        let mut command = self.command()?;
        let output = command.stderr(Stdio::inherit()).output().with_context(|| self.line())?;
        ensure!(output.status.success(), "failed ({}): {}", output.status, self.line());
        String::from_utf8(output.stdout).with_context(|| self.line())
    }

    /// Whether it can be started and succeeds; prints nothing.
    pub(crate) fn succeeds(&self) -> bool {
        let quiet = |mut command: Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
        };
        self.command().is_ok_and(|command| quiet(command).is_ok_and(|status| status.success()))
    }

    /// Runs tests, shows what they print, and keeps the lines with which the runner closes.
    ///
    /// The second part is the result of the run, so that the lines are there when it failed.
    pub(crate) fn closing_lines(&self) -> (Vec<String>, Result<()>) {
        let mut lines = Vec::new();
        let result = self.shown(&mut lines);
        (lines, result)
    }

    fn shown(&self, lines: &mut Vec<String>) -> Result<()> {
        let mut command = self.command()?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| self.line())?;
        let out = child.stdout.take().context("standard output was piped")?;
        let err = child.stderr.take().context("standard error was piped")?;
        let (from_out, from_err) = thread::scope(|scope| {
            let from_err = scope.spawn(|| shown(err, |line| eprintln!("{line}")));
            let from_out = shown(out, |line| println!("{line}"));
            (from_out, from_err.join().unwrap_or_default())
        });
        lines.extend(from_out);
        lines.extend(from_err);
        let status = child.wait().with_context(|| self.line())?;
        ensure!(status.success(), "failed ({status}): {}", self.line());
        Ok(())
    }
}

/// Passes lines on as they come and keeps the closing ones.
fn shown(from: impl Read, show: impl Fn(&str)) -> Vec<String> {
    let mut kept = Vec::new();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        show(&line);
        if is_closing(&line) && kept.len() < CLOSING_LINES_MAX {
            kept.push(line.trim().to_owned());
        }
    }
    kept
}

/// Whether a line is the sum of a runner: nextest's summary, or libtest's result of some tests.
fn is_closing(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("Summary [")
        || (line.starts_with("test result: ") && !line.contains(" 0 passed; 0 failed; 0 ignored"))
}

fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_repeats_the_run() {
        for (run, expected) in [
            (Run::cargo(&["doc", "--no-deps"]), "cargo doc --no-deps"),
            (Run::new("a", &["b c", "it's"]).with("X", "-D w"), r"X='-D w' a 'b c' 'it'\''s'"),
        ] {
            assert_eq!(run.line(), expected);
        }
    }

    #[test]
    fn closing_lines_are_kept_and_failure_is_told() {
        let script = "echo 'test result: ok. 3 passed; 0 failed;'; echo x; \
                      echo '     Summary [   0.1s] 2 tests run' >&2; exit 3";
        let (lines, result) = Run::new("sh", &["-c", script]).closing_lines();
        assert_eq!(
            lines,
            ["test result: ok. 3 passed; 0 failed;", "Summary [   0.1s] 2 tests run"]
        );
        assert!(result.unwrap_err().to_string().contains("exit status: 3"));
    }

    #[test]
    fn a_result_of_no_tests_is_not_worth_a_line() {
        for (line, expected) in [
            ("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured", false),
            ("test result: FAILED. 0 passed; 1 failed; 0 ignored", true),
            ("running 3 tests", false),
        ] {
            assert_eq!(is_closing(line), expected, "{line}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_does_not_succeed() {
        assert!(Run::new("true", &[]).succeeds());
        assert!(!Run::new("false", &[]).succeeds());
        assert!(!Run::new("no-such-program", &[]).succeeds());
    }
}
