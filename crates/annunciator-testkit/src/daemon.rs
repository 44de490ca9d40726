//! A foreign server as a child process that never outlives its test.
//!
//! In: a program with its arguments. Out: a [`Daemon`] whose output can be read; it is killed
//! when dropped, and by the kernel when the thread that started it dies.
//! Failure: panics with a sentence that says what to install, or with what the program wrote.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks at something that sends no signal.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A running program.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    name: String,
    output: PathBuf,
}

impl Daemon {
    /// Starts a program that stays in the foreground; what it writes goes to a file in `folder`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(program: &str, arguments: &[&str], folder: &Path) -> Self {
        assert!(Path::new(program).exists(), "{program} is missing: run `cargo xtask setup`");
        let name = program.rsplit('/').next().unwrap_or(program).to_owned();
        let output = folder.join(format!("{name}.output"));
        let file = File::create(&output).expect("the test may write into its folder");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", program])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(file)
            .spawn();
        let child = child.expect("setpriv of util-linux is installed");
        Self { child, name, output }
    }

    /// Waits until it does what a server that runs does.
    ///
    /// # Panics
    /// With its output when it ends before, or takes longer than 30 s.
    pub fn wait_until(&mut self, is_ready: impl Fn() -> bool) {
        let deadline = Instant::now() + START_MAX;
        while !is_ready() {
            let ended = self.child.try_wait().expect("a child can be asked");
            let name = &self.name;
            assert!(ended.is_none(), "{name} ended with {ended:?}: {}", self.output());
            assert!(Instant::now() < deadline, "{name} does not answer: {}", self.output());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until it has ended by itself; false when it has not at the limit.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
        true
    }

    /// The file that takes what it writes.
    pub(crate) fn output_file(&self) -> &Path {
        &self.output
    }

    /// All that it wrote.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a program to its end and gives what it wrote to standard output.
///
/// # Panics
/// With its complaint when it fails.
pub(crate) fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program} cannot be started, run `cargo xtask setup`: {error}")
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
