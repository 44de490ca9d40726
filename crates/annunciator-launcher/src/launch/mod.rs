//! The launcher process: an order into a program that has run, and reports about it.
//!
//! It has one thread, its standard input is the socket to the server, and standard output and
//! error are those of the program. It leaves when nothing of the program is left.
//!
//! In: the frame of a [`Job`]. Out: [`Report`]s.
//! Failure: without a server to report to, it ends what it has started and then itself.

mod folder;
mod sandbox;
mod start;
mod system;
mod tree;
mod watch;

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use self::folder::PrivateFolder;
use self::tree::Tree;
use crate::ended::{NotStarted, Step};
use crate::file::check_file;
use crate::job::Job;
use crate::order;
use crate::report::{Report, RunEnd};
use crate::wire::{LENGTH_BYTES, frame_length};

pub(crate) use self::folder::REMOVAL_PATIENCE;
pub(crate) use self::tree::{DESCENDANTS_MAX, children, descendants_of, kill_descendant};
pub(crate) use self::watch::KILL_PATIENCE;

/// The first word of the arguments of a launcher process.
pub(crate) const ASKED: &str = "launch-executable";

/// Does the work of the launcher process if the arguments of this process ask for it.
///
/// Call it first in `main`, before any thread starts, and leave with the code it gives.
#[must_use]
pub fn main_if_asked() -> Option<ExitCode> {
    let word = std::env::args_os().nth(1)?;
    if word != ASKED {
        return None;
    }
    Some(match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // It lands in the standard error that the server reads.
            let _ = writeln!(io::stderr(), "annunciator: {ASKED}: {error}");
            ExitCode::from(2)
        }
    })
}

fn serve() -> io::Result<()> {
    system::close_inherited()?;
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    if socket.peer_addr().is_err() {
        return Err(io::Error::other("only the server calls it, with its orders on a socket"));
    }
    // Signals to the server's terminal or unit are not for us: we end when the socket closes.
    system::block_signals()?;
    rustix::process::setsid()?;
    rustix::process::chdir("/")?;
    let job = read_job(&mut socket)?;
    run(&mut socket, &job)
}

fn read_job(socket: &mut UnixStream) -> io::Result<Job> {
    let mut head = [0; LENGTH_BYTES];
    socket.read_exact(&mut head)?;
    let length = frame_length(head).ok_or(io::ErrorKind::InvalidData)?;
    let mut frame = vec![0; length];
    socket.read_exact(&mut frame)?;
    order::decode(&frame).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn run(socket: &mut UnixStream, job: &Job) -> io::Result<()> {
    let folder = match prepare(job) {
        Ok(folder) => folder,
        Err(reason) => return socket.write_all(&Report::NotStarted(reason).encode()),
    };
    let report = match start_in(job, &folder) {
        Ok(started) => {
            // A server that is gone is noticed by whoever watches.
            let process = started.process.as_raw_nonzero().get();
            let report = Report::Started { process, sandbox: started.sandbox };
            let _ = socket.write_all(&report.encode());
            let end = watch::watch(socket, Tree::of(started.process), &job.limits);
            // What is still alive might be writing there.
            let folder_left =
                if end.survivors_left == 0 { folder.remove() } else { Some(folder.keep()) };
            Report::Ended(RunEnd { folder_left, ..end })
        }
        Err(reason) => {
            let _ = folder.remove();
            Report::NotStarted(reason)
        }
    };
    socket.write_all(&report.encode())
}

/// What must be there before a process is started.
fn prepare(job: &Job) -> Result<PrivateFolder, NotStarted> {
    let failed = |step| move |error| system_failure(step, &error);
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|errno| system_failure(Step::Subreaper, &errno.into()))?;
    tree::can_be_seen().map_err(failed(Step::Subreaper))?;
    PrivateFolder::make(&job.sandbox.temporary).map_err(failed(Step::Folder))
}

fn start_in(job: &Job, folder: &PrivateFolder) -> Result<start::Started, NotStarted> {
    let checked = check_file(&job.file, &job.folders).map_err(NotStarted::File)?;
    start::start(job, checked, folder.path())
}

/// A step that the system did not let us take.
fn system_failure(step: Step, error: &io::Error) -> NotStarted {
    NotStarted::System { step, errno: error.raw_os_error().unwrap_or(libc::EIO) }
}
