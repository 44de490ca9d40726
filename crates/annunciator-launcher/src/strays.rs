//! What a launcher process that was killed leaves behind, into nothing.
//!
//! The server is made the subreaper of all that it has started: what a launcher process no longer
//! watches becomes the server's own child, and is no stranger to it (see [`crate::is_descendant`]).
//! A child that is no launcher process is such a stray; it is killed with all below it, and reaped
//! by its number, since the runtime reaps the launcher processes.
//!
//! Concurrency: one mutex guards the list of launcher processes of this process; it is held while
//! one is started and during a look at the children, never over an await.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

use crate::launch::{DESCENDANTS_MAX, KILL_PATIENCE, children, descendants_of, kill_descendant};

/// Between two passes.
const PASS: Duration = Duration::from_millis(2);
/// So many passes that find none end the search: the kernel's list may miss one while others end.
const EMPTY_PASSES: u32 = 2;
/// From so many on, launcher processes that are gone are looked for at each start.
const LISTED_MAX: usize = 256;

/// The children of this process that are no strays.
struct Book {
    /// Whether every other child is a stray.
    adopts: bool,
    /// Launcher processes, and what this process had as children before it adopted.
    known: BTreeSet<i32>,
}

static BOOK: Mutex<Book> = Mutex::new(Book { adopts: false, known: BTreeSet::new() });

fn book() -> MutexGuard<'static, Book> {
    BOOK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this process the parent of whatever outlives its launcher process, so that it can be ended
/// and is never taken for a stranger.
///
/// For a process that starts no other children than launcher processes from now on: they would be
/// killed, as would orphans of others where this is process 1 of a container.
///
/// # Errors
///
/// If the kernel refuses.
pub fn adopt_strays() -> io::Result<()> {
    let mut book = book();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    // A script may have started them before it became this process.
    book.known.extend(children(rustix::process::getpid()).into_iter().map(raw));
    book.adopts = true;
    Ok(())
}

/// Starts a launcher process, of which no other thread sees a child that it does not know.
pub(crate) fn start_launcher<C>(
    start: impl FnOnce() -> io::Result<C>,
    number: impl FnOnce(&C) -> Option<u32>,
) -> io::Result<C> {
    let mut book = book();
    if book.known.len() >= LISTED_MAX {
        book.forget_the_gone(&children(rustix::process::getpid()));
    }
    let launcher = start()?;
    book.known.extend(number(&launcher).and_then(|number| i32::try_from(number).ok()));
    Ok(launcher)
}

/// A launcher process that has ended and was reaped.
pub(crate) fn forget_launcher(number: i32) {
    book().known.remove(&number);
}

/// Kills and reaps all strays. It blocks, for a bounded time.
pub(crate) fn end_strays() {
    let end = Instant::now() + KILL_PATIENCE;
    let mut empty = 0;
    while empty < EMPTY_PASSES && Instant::now() < end {
        empty = if book().end_those_seen() { 0 } else { empty + 1 };
        thread::sleep(PASS);
    }
}

impl Book {
    /// What is no child of ours any more need not be known.
    fn forget_the_gone(&mut self, children: &[Pid]) {
        let is_there = |number: &i32| children.iter().any(|child| raw(*child) == *number);
        self.known.retain(is_there);
    }

    /// One pass. Whether there was any.
    fn end_those_seen(&mut self) -> bool {
        if !self.adopts {
            return false;
        }
        let mut strays = children(rustix::process::getpid());
        self.forget_the_gone(&strays);
        strays.retain(|child| !self.known.contains(&raw(*child)));
        for stray in &strays {
            for below in descendants_of(*stray, DESCENDANTS_MAX) {
                kill_descendant(below, Signal::KILL);
            }
            // Nobody else reaps it, and the book is locked: the number is still its own.
            let _ = rustix::process::kill_process(*stray, Signal::KILL);
            let _ = rustix::process::waitpid(Some(*stray), WaitOptions::NOHANG);
        }
        !strays.is_empty()
    }
}

fn raw(process: Pid) -> i32 {
    process.as_raw_nonzero().get()
}
