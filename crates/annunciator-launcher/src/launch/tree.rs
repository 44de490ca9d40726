//! The processes of a run: which there are, which have ended, and how the program did.
//!
//! This process is their subreaper: a descendant whose parent ends becomes our child.

use std::fs;
use std::io;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, pidfd_open, pidfd_send_signal,
};

use crate::descent::is_descendant;
use crate::ended::Status;

/// Most that one call reaps: a program that makes processes faster must not hold us up.
const REAPED_MAX: usize = 10_000;
/// Most descendants that are looked at in one pass.
pub(crate) const DESCENDANTS_MAX: usize = 50_000;

/// The processes of a run.
pub(super) struct Tree {
    program: Pid,
    status: Option<Status>,
    reaped: u32,
}

impl Tree {
    /// The tree of a program that was just started.
    pub(super) fn of(program: Pid) -> Self {
        Self { program, status: None, reaped: 0 }
    }

    /// The program itself.
    pub(super) fn program(&self) -> Pid {
        self.program
    }

    /// How the program ended; none while it runs.
    pub(super) fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// How many processes were reaped, without the program.
    pub(super) fn reaped(&self) -> u32 {
        self.reaped
    }

    /// Takes what has ended. Whether there is anything left to wait for.
    pub(super) fn reap(&mut self) -> bool {
        for _ in 0..REAPED_MAX {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((process, status))) if process == self.program => {
                    self.status = Some(status_of(status));
                }
                Ok(Some(_)) => self.reaped += 1,
                Ok(None) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Sends a signal to every descendant, wherever it has gone.
    pub(super) fn signal(&self, signal: Signal) {
        let in_group = |process: &Pid| rustix::process::getpgid(Some(*process)) == Ok(self.program);
        let (group, others): (Vec<_>, Vec<_>) =
            descendants(DESCENDANTS_MAX).into_iter().partition(in_group);
        // One call for the whole group leaves none of it the time to start another process. The
        // number is that of the group as long as a process of ours is in it.
        if !group.is_empty() {
            let _ = rustix::process::kill_process_group(self.program, signal);
        }
        for process in others {
            kill_descendant(process, signal);
        }
    }
}

/// Sends a signal to a process that is still below this one: since it was listed, its parent may
/// have reaped it, and its number may be another's. The descriptor stays with the one process.
pub(crate) fn kill_descendant(process: Pid, signal: Signal) {
    let Ok(descriptor) = pidfd_open(process, PidfdFlags::empty()) else { return };
    if is_descendant(process.as_raw_nonzero().get()).unwrap_or(false) {
        // It has ended meanwhile, or is root's by a right of the system: then it is seen to stay.
        let _ = pidfd_send_signal(descriptor, signal);
    }
}

fn status_of(status: WaitStatus) -> Status {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Status::Exited(status),
        (None, Some(signal)) => Status::Signalled(signal),
        (None, None) => Status::Lost,
    }
}

/// The processes below this one, parents first, at most about so many.
pub(super) fn descendants(max: usize) -> Vec<Pid> {
    descendants_of(rustix::process::getpid(), max)
}

/// The processes below one, parents first, at most about so many.
pub(crate) fn descendants_of(process: Pid, max: usize) -> Vec<Pid> {
    let mut found = children(process);
    let mut at = 0;
    while at < found.len() && found.len() < max {
        found.extend(children(found[at]));
        at += 1;
    }
    found
}

/// Whether the kernel tells which children a process has.
pub(super) fn can_be_seen() -> io::Result<()> {
    let own = rustix::process::getpid().as_raw_nonzero();
    fs::read(format!("/proc/{own}/task/{own}/children")).map(|_| ())
}

/// The children of all threads of a process; none of one that is gone.
pub(crate) fn children(process: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero()));
    let mut found = Vec::new();
    for thread in threads.into_iter().flatten().flatten() {
        let list = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let numbers = list.split_ascii_whitespace().filter_map(|number| number.parse().ok());
        found.extend(numbers.filter_map(Pid::from_raw));
    }
    found
}
