//! What waits for the writers, and which of them takes it.
//!
//! Concurrency: callers push, a few writers take. A writer takes what has gathered while it committed
//! what was before; another one helps it when much waits, or something waits long. Events whose
//! caller is gone before a writer takes them are dropped: their source was refused. Any other job is
//! done all the same, and nobody is told.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use annunciator_core::{DeliveryId, Event, ParameterValue};
use tokio::sync::{Notify, oneshot};

use super::doubts::{Doubt, Doubts};
use crate::{
    Accept, Acceptance, KeptText, LeftOut, PlanCommit, PlanVerdict, Result, Settlement, StoreError,
};

/// Most rows that wait, over all jobs; [`OCTETS_PER_ROW`] of text weigh as one more.
const WAITING_WEIGHT_MAX: usize = 200_000;
/// Most rows of one group; a job that has more alone is a group of its own.
const GROUP_WEIGHT_MAX: usize = 2_000;
/// Text of events that weighs as much as a row.
const OCTETS_PER_ROW: usize = 1024;
/// So much must wait before another writer takes it, too, or so long: the more of a group, the less
/// costs each job, and the database, too, has only so many processors.
const CROWD_WEIGHT: usize = 500;
const CROWD_WAIT: Duration = Duration::from_millis(50);

/// A call on its way, with what it asks.
pub(super) enum Job {
    Accept(Accept, oneshot::Sender<Result<Acceptance>>),
    Plans(Vec<PlanCommit>, oneshot::Sender<Result<LeftOut>>),
    Settle(Vec<Settlement>, oneshot::Sender<Result<Vec<DeliveryId>>>),
    Keep(String, KeptText, oneshot::Sender<Result<()>>),
}

/// What a job is answered.
pub(super) enum Answer {
    Accept(Acceptance),
    Plans(LeftOut),
    Settle(Vec<DeliveryId>),
    Keep,
}

impl Job {
    /// Rows that it writes, about.
    fn weight(&self) -> usize {
        let of_plan = |plan: &PlanCommit| match &plan.verdict {
            PlanVerdict::Planned { notifications, .. } => {
                notifications.iter().map(|planned| planned.deliveries.len() + 1).sum::<usize>() + 1
            }
            PlanVerdict::Failed { .. } => 1,
        };
        match self {
            Self::Accept(ask, _) => {
                let octets: usize = ask.events.iter().map(octets_of).sum();
                ask.events.len() + octets / OCTETS_PER_ROW
            }
            Self::Plans(plans, _) => plans.iter().map(of_plan).sum(),
            Self::Settle(settlements, _) => settlements.len(),
            Self::Keep(..) => 1,
        }
    }

    /// Whether it is of no use any more: what a source was refused must not be stored later, as it
    /// comes again, perhaps as another event.
    fn is_given_up(&self) -> bool {
        matches!(self, Self::Accept(_, reply) if reply.is_closed())
    }

    // Whoever does not wait any longer needs no answer, but for claims that are nobody's then.
    pub(super) fn answer(self, answer: Result<Answer>, doubts: &Doubts) {
        match (self, answer) {
            (Self::Accept(ask, reply), Ok(Answer::Accept(answer))) => {
                if reply.send(Ok(answer)).is_err() && ask.claimed {
                    doubts.add(Doubt::of_events(&ask.events));
                }
            }
            (Self::Plans(_, reply), Ok(Answer::Plans(answer))) => drop(reply.send(Ok(answer))),
            (Self::Settle(_, reply), Ok(Answer::Settle(answer))) => drop(reply.send(Ok(answer))),
            (Self::Keep(_, _, reply), Ok(Answer::Keep)) => drop(reply.send(Ok(()))),
            (Self::Accept(_, reply), other) => drop(reply.send(Err(failure(other)))),
            (Self::Plans(_, reply), other) => drop(reply.send(Err(failure(other)))),
            (Self::Settle(_, reply), other) => drop(reply.send(Err(failure(other)))),
            (Self::Keep(_, _, reply), other) => drop(reply.send(Err(failure(other)))),
        }
    }
}

/// The text of an event that may be long.
fn octets_of(event: &Event) -> usize {
    let of = |(name, value): (&String, &ParameterValue)| match value {
        ParameterValue::Text(text) => name.len() + text.len(),
        _ => name.len(),
    };
    event.description.len() + event.parameters.iter().map(of).sum::<usize>()
}

fn failure(answer: Result<Answer>) -> StoreError {
    answer.err().unwrap_or(StoreError::Closed)
}

/// What waits for the writers.
#[derive(Default)]
pub(super) struct Jobs {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    weight: usize,
    /// When the first of them has waited long; none when none waits.
    late_at: Option<Instant>,
    /// Writers that commit a group now.
    busy: usize,
    is_closed: bool,
}

impl Jobs {
    /// Adds a job.
    pub(super) fn push(&self, job: Job) -> Result<()> {
        let mut waiting = self.waiting.lock().expect("no panic while held");
        if waiting.is_closed {
            return Err(StoreError::Closed);
        }
        if waiting.weight >= WAITING_WEIGHT_MAX {
            return Err(StoreError::Busy("too many writes wait for the database".to_owned()));
        }
        waiting.weight += job.weight();
        waiting.jobs.push_back(job);
        let now = Instant::now();
        let is_first = waiting.late_at.is_none();
        waiting.late_at.get_or_insert(now + CROWD_WAIT);
        // Who sleeps must know when it becomes late; else only what calls for a writer wakes one.
        if is_first || waiting.calls_for_writer(now) {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Takes what has gathered, up to a group; empty when it is closed and nothing is left.
    pub(super) async fn take(&self) -> Vec<Job> {
        loop {
            let woken = self.wake.notified();
            let late_at = {
                let mut waiting = self.waiting.lock().expect("no panic while held");
                let group = waiting.cut_for_next(Instant::now());
                if !group.is_empty() || waiting.is_over() {
                    if !waiting.jobs.is_empty() || waiting.is_closed {
                        self.wake.notify_one();
                    }
                    return group;
                }
                waiting.late_at
            };
            match late_at {
                Some(at) => drop(tokio::time::timeout_at(at.into(), woken).await),
                None => woken.await,
            }
        }
    }

    /// A writer has committed what it took.
    pub(super) fn note_done(&self) {
        self.waiting.lock().expect("no panic while held").busy -= 1;
    }

    /// Takes no more jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.waiting.lock().expect("no panic while held").is_closed = true;
        self.wake.notify_one();
    }
}

impl Waiting {
    /// Nothing is left, and nothing will come.
    fn is_over(&self) -> bool {
        self.is_closed && self.jobs.is_empty()
    }

    /// Whether what waits is worth one more writer.
    fn calls_for_writer(&self, now: Instant) -> bool {
        let is_late = self.late_at.is_some_and(|at| at <= now);
        self.busy == 0 || self.weight >= CROWD_WEIGHT || is_late || self.is_closed
    }

    /// What one more writer takes, if it is to take something.
    fn cut_for_next(&mut self, now: Instant) -> Vec<Job> {
        if !self.calls_for_writer(now) {
            return Vec::new();
        }
        let group = self.cut();
        self.busy += usize::from(!group.is_empty());
        self.late_at = (!self.jobs.is_empty()).then(|| now + CROWD_WAIT);
        group
    }

    fn cut(&mut self) -> Vec<Job> {
        let (mut group, mut weight) = (Vec::new(), 0);
        while let Some(job) = self.jobs.front() {
            let more = job.weight();
            let is_given_up = job.is_given_up();
            if !is_given_up && !group.is_empty() && weight + more > GROUP_WEIGHT_MAX {
                break;
            }
            self.weight = self.weight.saturating_sub(more);
            let job = self.jobs.pop_front();
            if !is_given_up {
                weight += more;
                group.extend(job);
            }
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use annunciator_core::Timestamp;
    use tokio::sync::oneshot::{self, Receiver};

    use super::*;
    use crate::contract::samples::event;

    fn accept(description: &str) -> (Job, Receiver<Result<Acceptance>>) {
        let mut event = event(1);
        event.description = description.to_owned();
        event.parameters.clear();
        let now = Timestamp(0);
        let ask = Accept { events: vec![event], idempotency: None, claimed: true, now };
        let (reply, answer) = oneshot::channel();
        (Job::Accept(ask, reply), answer)
    }

    #[test]
    fn what_a_source_was_refused_is_not_stored_later_and_weighs_nothing() {
        let jobs = Jobs::default();
        let (refused, answer) = accept("refused");
        let (waiting, _answer) = accept("waiting");
        let (kept, answer_of_kept) = oneshot::channel();
        jobs.push(refused).unwrap();
        jobs.push(waiting).unwrap();
        let text = crate::KeptText { text: String::new(), saved_at: Timestamp(0) };
        jobs.push(Job::Keep("at".to_owned(), text, kept)).unwrap();
        drop((answer, answer_of_kept));
        let mut waiting = jobs.waiting.lock().unwrap();
        assert_eq!(waiting.weight, 3);
        let group = waiting.cut();
        assert!(matches!(&group[..], [Job::Accept(ask, _), Job::Keep(..)]
                if ask.events[0].description == "waiting"));
        assert_eq!((waiting.weight, waiting.jobs.len()), (0, 0));
    }

    #[test]
    fn long_texts_weigh_more_than_their_row() {
        let (short, long) = (accept("short").0, accept(&"x".repeat(10 * 1024)).0);
        assert_eq!((short.weight(), long.weight()), (1, 11));
    }

    #[test]
    fn another_writer_helps_when_much_waits_or_something_waits_long() {
        let jobs = Jobs::default();
        let (mut begun, mut answers) = (Instant::now(), Vec::new());
        let mut push = |count: usize| {
            for _ in 0..count {
                let (job, answer) = accept("waiting");
                answers.push(answer);
                jobs.push(job).unwrap();
            }
        };
        let cut = |now| jobs.waiting.lock().unwrap().cut_for_next(now).len();
        push(2);
        assert_eq!(cut(begun), 2, "the first writer takes what there is");
        begun = Instant::now();
        push(2);
        assert_eq!(cut(begun), 0, "it is busy, and takes these as well when it is back");
        assert_eq!(cut(begun + 2 * CROWD_WAIT), 2, "unless it takes long");
        push(CROWD_WEIGHT - 1);
        begun = Instant::now();
        assert_eq!(cut(begun), 0);
        push(1);
        assert_eq!(cut(begun), CROWD_WEIGHT);
        push(1);
        assert_eq!(cut(Instant::now()), 0);
        for _ in 0..3 {
            jobs.note_done();
        }
        assert_eq!(cut(Instant::now()), 1, "nobody is busy");
        push(1);
        jobs.close();
        assert_eq!(cut(Instant::now()), 1, "at the end everybody helps");
    }
}
