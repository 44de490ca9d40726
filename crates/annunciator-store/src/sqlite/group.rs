//! Calls become jobs that wait for the writer, which takes all that have gathered.
//!
//! Concurrency: any thread pushes, the writer alone takes. A push wakes the writer when it sleeps.
//! A caller that is gone (its future dropped) changes nothing: the job runs and nobody is told.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;

use super::fault::Trouble;
use super::session::Session;
use crate::{Result, StoreError};

/// Most jobs that wait.
const JOBS_MAX: usize = 16_384;
/// Most rows that wait, over all jobs.
const WAITING_WEIGHT_MAX: usize = 200_000;
/// Most rows of one group; a job that has more alone is a group of its own.
const GROUP_WEIGHT_MAX: usize = 2_000;

/// How a job is treated when something goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Takes in more; refused first when the disk is full.
    Intake,
    /// Carries on what was taken in; cannot be refused for its content.
    Flow,
    /// May be refused alone, and is undone alone then.
    Command,
}

/// A call on its way.
pub(super) trait Job: Send {
    /// Rows that it writes, about.
    fn weight(&self) -> usize;
    /// How it is treated.
    fn kind(&self) -> Kind;
    /// Does the work; a second time when the first was undone.
    fn run(&mut self, session: &mut Session) -> std::result::Result<(), Trouble>;
    /// Tells the caller: the answer when it is committed, or why it is not.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

/// A job made of a closure.
pub(super) struct Call<T, F> {
    pub(super) kind: Kind,
    pub(super) weight: usize,
    pub(super) work: F,
    pub(super) outcome: Option<Result<T>>,
    pub(super) reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnMut(&mut Session) -> std::result::Result<T, Trouble> + Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn run(&mut self, session: &mut Session) -> std::result::Result<(), Trouble> {
        match (self.work)(session) {
            Ok(value) => {
                self.outcome = Some(Ok(value));
                Ok(())
            }
            Err(Trouble::Refused(error)) => {
                self.outcome = Some(Err(error.clone()));
                Err(Trouble::Refused(error))
            }
            Err(trouble) => Err(trouble),
        }
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let outcome = match failure {
            Some(error) => Err(error),
            None => self.outcome.unwrap_or(Err(StoreError::Closed)),
        };
        // Whoever does not wait any longer needs no answer.
        let _ = self.reply.send(outcome);
    }
}

/// What waits for the writer.
#[derive(Default)]
pub(super) struct Jobs {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Box<dyn Job>>,
    weight: usize,
    is_closed: bool,
    is_writer_asleep: bool,
}

impl Jobs {
    /// Adds a job.
    ///
    /// # Errors
    /// [`StoreError::Closed`], or [`StoreError::Busy`] when too much waits.
    pub(super) fn push(&self, job: Box<dyn Job>) -> Result<()> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return Err(StoreError::Closed);
        }
        if waiting.jobs.len() >= JOBS_MAX || waiting.weight >= WAITING_WEIGHT_MAX {
            return Err(StoreError::Busy("too many writes wait for the disk".to_owned()));
        }
        waiting.weight += job.weight();
        waiting.jobs.push_back(job);
        let is_writer_asleep = std::mem::take(&mut waiting.is_writer_asleep);
        drop(waiting);
        if is_writer_asleep {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Takes what has gathered, up to a group; waits for the first job. Empty when it is closed
    /// and nothing is left.
    pub(super) fn take(&self, group: &mut Vec<Box<dyn Job>>) {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.is_closed {
            waiting.is_writer_asleep = true;
            waiting = self.wake.wait(waiting).expect("no panic while held");
        }
        let mut weight = 0;
        while let Some(job) = waiting.jobs.front() {
            if !group.is_empty() && weight + job.weight() > GROUP_WEIGHT_MAX {
                break;
            }
            weight += job.weight();
            let job = waiting.jobs.pop_front().expect("there is a front");
            waiting.weight -= job.weight();
            group.push(job);
        }
    }

    /// Refuses all that comes within a time; true when it is closed.
    pub(super) fn refuse_for(&self, time: Duration, error: &StoreError) -> bool {
        let end = std::time::Instant::now() + time;
        loop {
            let mut waiting = self.lock();
            let refused = std::mem::take(&mut waiting.jobs);
            waiting.weight = 0;
            if waiting.is_closed && refused.is_empty() {
                return true;
            }
            let left = end.saturating_duration_since(std::time::Instant::now());
            if refused.is_empty() && left.is_zero() {
                return false;
            }
            if refused.is_empty() {
                waiting.is_writer_asleep = true;
                drop(self.wake.wait_timeout(waiting, left).expect("no panic while held"));
                continue;
            }
            drop(waiting);
            for job in refused {
                job.answer(Some(error.clone()));
            }
        }
    }

    /// Takes no more jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_all();
    }

    /// Refuses whatever waits.
    pub(super) fn abandon(&self) {
        self.close();
        let left = std::mem::take(&mut self.lock().jobs);
        for job in left {
            job.answer(Some(StoreError::Closed));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no panic while held")
    }
}
