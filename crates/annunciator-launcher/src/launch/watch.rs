//! A running program into its end: waits for it, for its time limit, or for the server to lose
//! interest; then ends and reaps all that is left.
//!
//! What wakes the wait: the program's pidfd, the socket, the time, and ten times a second the
//! look for processes that have ended or are too many.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, Signal, pidfd_open};

use super::tree::{Tree, descendants};
use crate::ended::Status;
use crate::job::Limits;
use crate::report::RunEnd;

/// How long processes may take to be gone after SIGKILL.
pub(crate) const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at the processes.
const LOOK: Duration = Duration::from_millis(100);
/// Between two passes when they are being ended.
const PASS: Duration = Duration::from_millis(2);

/// Why the wait is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    /// The program has ended.
    Ended,
    /// Its time is over.
    Time,
    /// It has too many processes.
    TooMany,
    /// The server has closed the socket, or is gone.
    Abandoned,
}

/// Waits for the end of a program, and ends what is left of it.
pub(super) fn watch(socket: &UnixStream, mut tree: Tree, limits: &Limits) -> RunEnd {
    let began = Instant::now();
    let end_at = began + limits.time;
    let kill_at = end_at + limits.grace;
    let cause = wait(socket, &mut tree, end_at, limits);
    let duration = began.elapsed();
    // What had ended by itself before is none of those that had to be ended.
    tree.reap();
    let before = tree.reaped();
    let end = match cause {
        Cause::Ended => Instant::now() + limits.grace,
        Cause::Time => kill_at,
        Cause::TooMany | Cause::Abandoned => Instant::now(),
    };
    let is_clean = end_gently(socket, &mut tree, end) || kill_all(&mut tree);
    let status = match (cause, tree.status()) {
        (Cause::Ended, Some(status)) => status.clone(),
        (Cause::Ended | Cause::Abandoned, _) => Status::Lost,
        (Cause::Time, _) => Status::TimedOut,
        (Cause::TooMany, _) => Status::TooManyProcesses,
    };
    let left = if is_clean { 0 } else { descendants(usize::MAX).len() };
    RunEnd {
        status,
        duration,
        survivors_killed: tree.reaped() - before,
        survivors_left: u32::try_from(left).unwrap_or(u32::MAX),
        folder_left: None,
    }
}

/// Waits for one of the causes.
fn wait(socket: &UnixStream, tree: &mut Tree, end: Instant, limits: &Limits) -> Cause {
    // Without one, the looks still find its end.
    let pidfd = pidfd_open(tree.program(), PidfdFlags::empty()).ok();
    let mut look_at = Instant::now();
    loop {
        tree.reap();
        if tree.status().is_some() {
            return Cause::Ended;
        }
        let now = Instant::now();
        if now >= end {
            return Cause::Time;
        }
        if now >= look_at {
            if descendants(limits.processes_max.saturating_add(1)).len() > limits.processes_max {
                return Cause::TooMany;
            }
            look_at = Instant::now() + LOOK;
        }
        let pause = end.min(look_at).saturating_duration_since(Instant::now());
        if is_abandoned(socket, pidfd.as_ref(), pause) {
            return Cause::Abandoned;
        }
    }
}

/// Sleeps until something happens. Whether the server is gone; it never says anything.
fn is_abandoned(socket: &UnixStream, pidfd: Option<&OwnedFd>, pause: Duration) -> bool {
    let mut awaited = vec![PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)];
    awaited.extend(pidfd.map(|pidfd| PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)));
    // A pause that cannot be told to the system is no pause; the loop goes on.
    let pause = Timespec::try_from(pause).unwrap_or_default();
    poll(&mut awaited, Some(&pause)).is_ok() && !awaited[0].revents().is_empty()
}

/// Asks all to end, and gives them until then, unless the server is gone. Whether none is left.
fn end_gently(socket: &UnixStream, tree: &mut Tree, end: Instant) -> bool {
    if !tree.reap() {
        return true;
    }
    if Instant::now() >= end {
        return false;
    }
    tree.signal(Signal::TERM);
    while tree.reap() {
        if Instant::now() >= end || is_abandoned(socket, None, PASS) {
            return false;
        }
    }
    true
}

/// Kills all until none is left. Whether none is; the kernel may hold one.
fn kill_all(tree: &mut Tree) -> bool {
    let end = Instant::now() + KILL_PATIENCE;
    while tree.reap() {
        if Instant::now() >= end {
            return false;
        }
        tree.signal(Signal::KILL);
        // The killed need a moment, which those that fork meanwhile do not get for long.
        thread::sleep(PASS);
    }
    true
}
