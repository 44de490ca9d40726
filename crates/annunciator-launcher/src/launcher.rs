//! A job into its end, seen from the server: starts the launcher process, reads what the program
//! puts out, waits for the report.
//!
//! The server holds one end of the socket and the reading ends of two pipes. Dropping the future
//! closes them: the launcher process then ends the program and itself, and the runtime reaps it.
//! Failure: a launcher process that is killed or says nothing in time ends as [`Status::Lost`].

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::capture::Capture;
use crate::ended::{Ended, NotStarted, SandboxState, Status};
use crate::job::Job;
use crate::launch::{ASKED, KILL_PATIENCE, REMOVAL_PATIENCE};
use crate::order;
use crate::report::{Report, RunEnd};
use crate::strays;
use crate::wire::{LENGTH_BYTES, frame_length};

/// How long the launcher process may take beyond the limits it keeps.
const MARGIN: Duration = Duration::from_secs(10);
/// How long it may take to be gone after its report.
const LEAVING: Duration = Duration::from_secs(5);

/// Starts executables by way of our own binary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launcher {
    binary: PathBuf,
}

impl Default for Launcher {
    /// By way of the binary that runs, also when its file has been replaced since.
    fn default() -> Self {
        Self::with_binary("/proc/self/exe".into())
    }
}

impl Launcher {
    /// By way of a binary that calls [`main_if_asked`](crate::main_if_asked).
    #[must_use]
    pub fn with_binary(binary: PathBuf) -> Self {
        Self { binary }
    }

    /// Runs a job to its end. It comes back within the time limit and a bounded rest, whatever the
    /// program does.
    pub async fn run(&self, job: &Job) -> Ended {
        let order = match order::encode(job) {
            Ok(order) => order,
            Err(reason) => return Ended::without_program(reason),
        };
        let began = Instant::now();
        match Run::start(self, job) {
            Ok(run) => run.finish(&order, job, began).await,
            Err(error) => Ended::without_program(NotStarted::Launcher(error.to_string())),
        }
    }
}

/// A launcher process at work.
struct Run {
    process: Child,
    /// The number of that process.
    number: i32,
    socket: UnixStream,
    stdout: Capture,
    stderr: Capture,
}

/// What is known of a program while it runs.
struct Running {
    process: i32,
    sandbox: SandboxState,
}

impl Run {
    fn start(launcher: &Launcher, job: &Job) -> io::Result<Self> {
        let kept = job.limits.output_bytes_max;
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (stdout, stdout_end) = io::pipe()?;
        let (stderr, stderr_end) = io::pipe()?;
        let mut command = Command::new(&launcher.binary);
        command
            .arg0("annunciator")
            .arg(ASKED)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(stdout_end))
            .stderr(Stdio::from(stderr_end));
        let process = strays::start_launcher(|| command.spawn(), Child::id)?;
        // With it go our ends of what it has.
        drop(command);
        Ok(Self {
            number: process.id().and_then(|number| i32::try_from(number).ok()).unwrap_or_default(),
            process,
            socket: UnixStream::from_std(ours)?,
            stdout: Capture::new(stdout.into(), kept)?,
            stderr: Capture::new(stderr.into(), kept)?,
        })
    }

    async fn finish(mut self, order: &[u8], job: &Job, began: Instant) -> Ended {
        let patience = job
            .limits
            .time
            .saturating_add(job.limits.grace + KILL_PATIENCE + REMOVAL_PATIENCE + MARGIN);
        let mut running = None;
        let talk = self.talk_and_read(order, &mut running);
        let told = tokio::time::timeout(patience, talk).await;
        let mut ended = match told {
            Ok(Ok(Report::Ended(end))) => of_end(end),
            Ok(Ok(Report::NotStarted(reason))) => Ended::without_program(reason),
            Ok(Ok(Report::Started { .. })) | Ok(Err(_)) | Err(_) => {
                self.lost(running.as_ref(), began).await
            }
        };
        if let Some(running) = running {
            ended.sandbox = running.sandbox;
        }
        self.leave(&ended).await;
        (ended.stdout, ended.stdout_total) = self.stdout.finish();
        (ended.stderr, ended.stderr_total) = self.stderr.finish();
        ended
    }

    /// The launcher process has reported and does nothing more; one that stays is killed. What it
    /// could not end is ended.
    async fn leave(&mut self, ended: &Ended) {
        match tokio::time::timeout(LEAVING, self.process.wait()).await {
            Ok(_) => strays::forget_launcher(self.number),
            Err(_) => drop(self.process.start_kill()),
        }
        if ended.status == Status::Lost || ended.survivors_left > 0 {
            let _ = tokio::task::spawn_blocking(strays::end_strays).await;
        }
    }

    /// Hands the order over and waits for the last report, while all output is read.
    async fn talk_and_read(
        &mut self,
        order: &[u8],
        running: &mut Option<Running>,
    ) -> io::Result<Report> {
        let talk = talk(&mut self.socket, order, running);
        tokio::pin!(talk);
        loop {
            tokio::select! {
                report = &mut talk => return report,
                () = self.stdout.take(), if self.stdout.is_open() => {}
                () = self.stderr.take(), if self.stderr.is_open() => {}
            }
        }
    }

    /// The launcher process is gone without a last report, or no longer answers.
    async fn lost(&mut self, running: Option<&Running>, began: Instant) -> Ended {
        let _ = self.process.start_kill();
        let left = tokio::time::timeout(LEAVING, self.process.wait()).await;
        let Some(running) = running else {
            let words = match left {
                Ok(Ok(status)) => format!("it ended before the program started ({status})"),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it neither answers nor ends".to_owned(),
            };
            return Ended::without_program(NotStarted::Launcher(words));
        };
        // The kernel has killed the program with the launcher process; the rest of its group
        // carries its number, so that nobody else can have it.
        if let Some(group) = Pid::from_raw(running.process) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        Ended { duration: began.elapsed(), ..Ended::with_status(Status::Lost) }
    }
}

fn of_end(end: RunEnd) -> Ended {
    Ended {
        duration: end.duration,
        survivors_killed: end.survivors_killed,
        survivors_left: end.survivors_left,
        folder_left: end.folder_left,
        ..Ended::with_status(end.status)
    }
}

/// Writes the order, then reads reports until the last.
async fn talk(
    socket: &mut UnixStream,
    order: &[u8],
    running: &mut Option<Running>,
) -> io::Result<Report> {
    socket.write_all(order).await?;
    loop {
        match read_report(socket).await? {
            Report::Started { process, sandbox } => *running = Some(Running { process, sandbox }),
            last => return Ok(last),
        }
    }
}

async fn read_report(socket: &mut UnixStream) -> io::Result<Report> {
    let mut head = [0; LENGTH_BYTES];
    socket.read_exact(&mut head).await?;
    let length = frame_length(head).ok_or(io::ErrorKind::InvalidData)?;
    let mut frame = vec![0; length];
    socket.read_exact(&mut frame).await?;
    Report::decode(&frame).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
