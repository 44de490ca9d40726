//! How a run ended.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::file::FileProblem;

/// A run that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// How.
    pub status: Status,
    /// The beginning of standard output.
    pub stdout: Vec<u8>,
    /// The beginning of standard error.
    pub stderr: Vec<u8>,
    /// Octets of standard output, kept and dropped.
    pub stdout_total: u64,
    /// Octets of standard error, kept and dropped.
    pub stderr_total: u64,
    /// From the start of the program until it ended.
    pub duration: Duration,
    /// Processes of the run, other than the program itself, that had to be ended with it.
    pub survivors_killed: u32,
    /// Processes that did not even end by SIGKILL within five seconds: the kernel holds them.
    pub survivors_left: u32,
    /// The private folder, where it could not be removed.
    pub folder_left: Option<PathBuf>,
    /// Whether the kernel kept it to its [`Sandbox`](crate::Sandbox).
    pub sandbox: SandboxState,
}

impl Ended {
    pub(crate) fn without_program(reason: NotStarted) -> Self {
        Self::with_status(Status::NotStarted(reason))
    }

    pub(crate) fn with_status(status: Status) -> Self {
        Self {
            status,
            stdout: Vec::new(),
            stderr: Vec::new(),
            stdout_total: 0,
            stderr_total: 0,
            duration: Duration::ZERO,
            survivors_killed: 0,
            survivors_left: 0,
            folder_left: None,
            sandbox: SandboxState::NotAvailable,
        }
    }
}

/// How a program ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal, which we did not send; a limit of the system ends with one as well.
    Signalled(i32),
    /// It was still there when its time was over. What it has done by then is not known.
    TimedOut,
    /// It had more processes than allowed, and was ended. What it has done is not known.
    TooManyProcesses,
    /// No instruction of it was executed.
    NotStarted(NotStarted),
    /// The launcher process was killed; the program was ended, but how far it came is not known.
    Lost,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::Signalled(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "ended by {name} (signal {signal})"),
                None => write!(f, "ended by signal {signal}"),
            },
            Self::TimedOut => f.write_str("still running at its time limit, and ended"),
            Self::TooManyProcesses => f.write_str("had too many processes, and was ended"),
            Self::NotStarted(reason) => write!(f, "not started: {reason}"),
            Self::Lost => f.write_str("ended because the process that watched it was killed"),
        }
    }
}

/// The signals that programs end by, with what a limit of ours has to do with them.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU, its limit of CPU time",
        libc::SIGXFSZ => "SIGXFSZ, its limit of file size",
        libc::SIGSYS => "SIGSYS",
        _ => return None,
    })
}

/// Why no program ran.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotStarted {
    /// Something is wrong with the file or a folder above it.
    File(FileProblem),
    /// An argument or a value of the environment has a NUL in it, which no program can be given.
    Nul {
        /// `argument 2`, `environment NAME`.
        place: String,
    },
    /// A name of the environment is empty, or has `=` or NUL in it.
    EnvironmentName(String),
    /// An argument, a value or all of them are longer than the system hands over.
    TooLong,
    /// It neither begins with `#!` nor is it a program for this machine.
    Format,
    /// What its first line names, or its loader, is not there.
    Interpreter,
    /// The system does not execute it: a file system without execution, or its interpreter's mode.
    Denied,
    /// A folder that it may write to would lay open what it must not read or change.
    Writable {
        /// The folder.
        folder: PathBuf,
        /// What it would lay open.
        kept: PathBuf,
    },
    /// The system failed at a step before.
    System {
        /// What was being done.
        step: Step,
        /// The error number.
        errno: i32,
    },
    /// The launcher process could not be started, or ended before the program was.
    Launcher(String),
}

impl NotStarted {
    /// Whether the same job may start later without anybody changing it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::System { .. } | Self::Launcher(_))
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(problem) => problem.fmt(f),
            Self::Nul { place } => write!(f, "{place} holds a NUL character: leave it out"),
            Self::EnvironmentName(name) => {
                write!(f, "{name:?} cannot be the name of an environment variable")
            }
            Self::TooLong => {
                f.write_str("an argument or all of them together are too long: read standard input")
            }
            Self::Format => f.write_str(
                "it is no program of this machine and does not begin with #!: name an interpreter \
                 in its first line, such as #!/bin/sh",
            ),
            Self::Interpreter => f.write_str(
                "the interpreter that its first line names, or its loader, does not exist: correct \
                 the line, which must not end with a carriage return, or install it",
            ),
            Self::Denied => f.write_str(
                "the system does not execute it: see whether its file system is mounted noexec, \
                 and whether its interpreter is executable",
            ),
            Self::Writable { folder, kept } => {
                let (folder, kept) = (folder.display(), kept.display());
                write!(
                    f,
                    "{folder}, which it may write to, would lay {kept} open: take another folder, \
                     which neither holds that nor lies in it"
                )
            }
            Self::System { step, errno } => {
                let error = io::Error::from_raw_os_error(*errno);
                write!(f, "{} failed: {error}", step.as_str())
            }
            Self::Launcher(words) => write!(f, "the launcher process failed: {words}"),
        }
    }
}

/// A step on the way to the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Becoming the parent of all its descendants, and finding them.
    Subreaper,
    /// Making the private folder.
    Folder,
    /// Putting down what standard input holds.
    Stdin,
    /// Starting a process.
    Fork,
    /// A session of its own, in the private folder.
    Session,
    /// Setting limits.
    Limits,
    /// Closing it in.
    Sandbox,
    /// Executing the file.
    Execute,
}

impl Step {
    pub(crate) const ALL: [Self; 8] = [
        Self::Subreaper,
        Self::Folder,
        Self::Stdin,
        Self::Fork,
        Self::Session,
        Self::Limits,
        Self::Sandbox,
        Self::Execute,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Subreaper => "watching over its processes",
            Self::Folder => "making its private folder",
            Self::Stdin => "preparing its standard input",
            Self::Fork => "starting a process",
            Self::Session => "giving it a session and a working folder",
            Self::Limits => "setting its limits",
            Self::Sandbox => "closing it into its sandbox",
            Self::Execute => "executing it",
        }
    }
}

/// Whether the kernel keeps a program to its sandbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SandboxState {
    /// In all that was asked.
    Enforced,
    /// An older kernel: in some of it.
    Partial,
    /// The kernel has no Landlock.
    NotAvailable,
}

impl SandboxState {
    pub(crate) const ALL: [Self; 3] = [Self::Enforced, Self::Partial, Self::NotAvailable];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_in_words() {
        for (status, expected) in [
            (Status::Exited(75), "exited with status 75"),
            (Status::Signalled(9), "ended by SIGKILL (signal 9)"),
            (Status::Signalled(25), "ended by SIGXFSZ, its limit of file size (signal 25)"),
            (Status::Signalled(40), "ended by signal 40"),
            (Status::TimedOut, "still running at its time limit, and ended"),
            (
                Status::NotStarted(NotStarted::System { step: Step::Fork, errno: 11 }),
                "not started: starting a process failed: Resource temporarily unavailable (os error 11)",
            ),
        ] {
            assert_eq!(status.to_string(), expected);
        }
    }

    #[test]
    fn only_trouble_of_the_system_passes_by_itself() {
        let system = NotStarted::System { step: Step::Fork, errno: 11 };
        assert!(system.is_transient() && NotStarted::Launcher(String::new()).is_transient());
        assert!(!NotStarted::Format.is_transient() && !NotStarted::TooLong.is_transient());
    }
}
