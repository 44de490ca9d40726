//! Calls become jobs that wait for a writer, which takes all that have gathered into one commit.
//!
//! Concurrency: callers push, a few writer tasks take. A push wakes one writer that sleeps. A caller
//! that is gone changes nothing: the job is done and nobody is told.
//! Failure: a group that is refused for what one job says is done again job by job; one that met
//! another transaction is repeated; otherwise every caller is told.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use annunciator_core::{DeliveryId, NotificationId};
use tokio::sync::{Notify, oneshot};

use super::fault::{Outcome, Trouble};
use super::pool::Lent;
use super::untold::{Claimed, Untold};
use super::work::Work;
use super::{Inner, accept, plans, records, settlement};
use crate::{
    Accept, Acceptance, KeptText, PlanCommit, PlanVerdict, Result, Settlement, StoreError,
};

/// Most rows that wait, over all jobs.
const WAITING_WEIGHT_MAX: usize = 200_000;
/// Most rows of one group; a job that has more alone is a group of its own.
const GROUP_WEIGHT_MAX: usize = 2_000;
/// How often a group is repeated that met another transaction.
const COLLISIONS_MAX: usize = 8;

/// A call on its way, with what it asks.
pub(super) enum Job {
    Accept(Accept, oneshot::Sender<Result<Acceptance>>),
    Plans(Vec<PlanCommit>, oneshot::Sender<Result<Vec<NotificationId>>>),
    Settle(Vec<Settlement>, oneshot::Sender<Result<Vec<DeliveryId>>>),
    Keep(String, KeptText, oneshot::Sender<Result<()>>),
}

/// What a job is answered.
enum Answer {
    Accept(Acceptance),
    Plans(Vec<NotificationId>),
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
            Self::Accept(ask, _) => ask.events.len(),
            Self::Plans(plans, _) => plans.iter().map(of_plan).sum(),
            Self::Settle(settlements, _) => settlements.len(),
            Self::Keep(..) => 1,
        }
    }

    /// The events that it claims for this node.
    fn claimed(&self) -> Claimed {
        match self {
            Self::Accept(ask, _) if ask.claimed => Claimed::events(&ask.events),
            _ => Claimed::default(),
        }
    }

    // Whoever does not wait any longer needs no answer, but for claims that are nobody's then.
    fn answer(self, answer: Result<Answer>, untold: &Untold) {
        match (self, answer) {
            (Self::Accept(ask, reply), Ok(Answer::Accept(answer))) => {
                if reply.send(Ok(answer)).is_err() && ask.claimed {
                    untold.note(Claimed::events(&ask.events));
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
        drop(waiting);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes what has gathered, up to a group; empty when it is closed and nothing is left.
    async fn take(&self) -> Vec<Job> {
        loop {
            let woken = self.wake.notified();
            {
                let mut waiting = self.waiting.lock().expect("no panic while held");
                let group = waiting.cut();
                if !group.is_empty() || waiting.is_closed {
                    if !waiting.jobs.is_empty() || waiting.is_closed {
                        self.wake.notify_one();
                    }
                    return group;
                }
            }
            woken.await;
        }
    }

    /// Takes no more jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.waiting.lock().expect("no panic while held").is_closed = true;
        self.wake.notify_one();
    }
}

impl Waiting {
    fn cut(&mut self) -> Vec<Job> {
        let (mut group, mut weight) = (Vec::new(), 0);
        while let Some(job) = self.jobs.front() {
            if !group.is_empty() && weight + job.weight() > GROUP_WEIGHT_MAX {
                break;
            }
            weight += job.weight();
            group.extend(self.jobs.pop_front());
        }
        self.weight = self.weight.saturating_sub(weight);
        group
    }
}

/// A writer: takes groups and commits them, until the end.
pub(super) async fn write(inner: Arc<Inner>, writer: i32) {
    loop {
        let group = inner.jobs.take().await;
        if group.is_empty() {
            return;
        }
        match commit(&inner, writer, &group).await {
            Ok(answers) => {
                for (job, answer) in group.into_iter().zip(answers) {
                    job.answer(Ok(answer), &inner.untold);
                }
            }
            Err(trouble) if trouble.is_about_content() && group.len() > 1 => {
                for job in group {
                    let alone = commit(&inner, writer, std::slice::from_ref(&job)).await;
                    let answer = alone.map(|mut answers| answers.remove(0));
                    job.answer(answer.map_err(Trouble::into_error), &inner.untold);
                }
            }
            Err(trouble) => {
                let error = trouble.into_error();
                for job in group {
                    job.answer(Err(error.clone()), &inner.untold);
                }
            }
        }
    }
}

/// Commits a group, again when it met another transaction.
async fn commit(inner: &Inner, writer: i32, group: &[Job]) -> Outcome<Vec<Answer>> {
    let mut collisions = 0;
    loop {
        let db = inner.writers.begin().await?;
        let mut work = Work::new(inner.node, writer);
        let done = run(&db, &mut work, group).await;
        let done = match done {
            Ok(answers) => work.store(&db, &inner.types).await.map(|()| answers),
            Err(trouble) => Err(trouble),
        };
        let is_done = done.is_ok();
        match db.end_as(done).await {
            Ok(answers) => {
                inner.note_committed(work);
                return Ok(answers);
            }
            Err(trouble) if trouble.is_collision() && collisions < COLLISIONS_MAX => {
                collisions += 1;
            }
            Err(trouble) => {
                if is_done {
                    // The commit may have reached the disk.
                    group.iter().for_each(|job| inner.untold.note(job.claimed()));
                }
                return Err(trouble);
            }
        }
    }
}

async fn run(db: &Lent, work: &mut Work, group: &[Job]) -> Outcome<Vec<Answer>> {
    let mut answers: Vec<Option<Answer>> = group.iter().map(|_| None).collect();
    run_accepts(db, work, group, &mut answers).await?;
    run_plans(db, work, group, &mut answers).await?;
    run_settlements(db, work, group, &mut answers).await?;
    run_kept(db, group, &mut answers).await?;
    Ok(answers.into_iter().map(|answer| answer.expect("every job was run")).collect())
}

async fn run_accepts(
    db: &Lent,
    work: &mut Work,
    group: &[Job],
    answers: &mut [Option<Answer>],
) -> Outcome<()> {
    let mut asks: Vec<(usize, &Accept)> = Vec::new();
    for (place, job) in group.iter().enumerate() {
        if let Job::Accept(ask, _) = job {
            asks.push((place, ask));
        }
    }
    let key_of = |(_, ask): &(usize, &Accept)| {
        ask.idempotency.as_ref().map(|one| (one.owner.clone(), one.key.clone()))
    };
    for round in rounds(asks, |ask| key_of(ask).into_iter().collect()) {
        let asks: Vec<&Accept> = round.iter().map(|(_, ask)| *ask).collect();
        let accepted = accept::accept(db, work, &asks).await?;
        for ((place, _), answer) in round.iter().zip(accepted) {
            answers[*place] = Some(Answer::Accept(answer));
        }
    }
    Ok(())
}

async fn run_plans(
    db: &Lent,
    work: &mut Work,
    group: &[Job],
    answers: &mut [Option<Answer>],
) -> Outcome<()> {
    let mut all: Vec<(usize, &PlanCommit)> = Vec::new();
    for (place, job) in group.iter().enumerate() {
        if let Job::Plans(plans, _) = job {
            answers[place] = Some(Answer::Plans(Vec::new()));
            all.extend(plans.iter().map(|plan| (place, plan)));
        }
    }
    for round in rounds(all, |(_, plan)| vec![plan.event]) {
        let plans: Vec<&PlanCommit> = round.iter().map(|(_, plan)| *plan).collect();
        let left_out = plans::commit_plans(db, work, &plans).await?;
        for ((place, _), mut ids) in round.iter().zip(left_out) {
            if let Some(Answer::Plans(answer)) = &mut answers[*place] {
                answer.append(&mut ids);
            }
        }
    }
    Ok(())
}

async fn run_settlements(
    db: &Lent,
    work: &mut Work,
    group: &[Job],
    answers: &mut [Option<Answer>],
) -> Outcome<()> {
    let mut all: Vec<(usize, &Settlement)> = Vec::new();
    for (place, job) in group.iter().enumerate() {
        if let Job::Settle(settlements, _) = job {
            answers[place] = Some(Answer::Settle(Vec::new()));
            all.extend(settlements.iter().map(|one| (place, one)));
        }
    }
    for round in rounds(all, |(_, one)| vec![one.delivery.id]) {
        let settlements: Vec<&Settlement> = round.iter().map(|(_, one)| *one).collect();
        let stale = settlement::settle(db, work, &settlements).await?;
        for ((place, one), is_stale) in round.iter().zip(stale) {
            if let (true, Some(Answer::Settle(ids))) = (is_stale, &mut answers[*place]) {
                ids.push(one.delivery.id);
            }
        }
    }
    Ok(())
}

async fn run_kept(db: &Lent, group: &[Job], answers: &mut [Option<Answer>]) -> Outcome<()> {
    let mut newest: BTreeMap<&str, &KeptText> = BTreeMap::new();
    for (place, job) in group.iter().enumerate() {
        if let Job::Keep(at, kept, _) = job {
            answers[place] = Some(Answer::Keep);
            newest.insert(at, kept);
        }
    }
    let all: Vec<(&str, &KeptText)> = newest.into_iter().collect();
    records::keep(db, &all).await
}

/// Parts a list so that no key stands twice in a part, and what has the same key keeps its order.
fn rounds<T, K: Hash + Eq>(all: Vec<T>, keys_of: impl Fn(&T) -> Vec<K>) -> Vec<Vec<T>> {
    let mut next: HashMap<K, usize> = HashMap::new();
    let mut parts: Vec<Vec<T>> = Vec::new();
    for one in all {
        let keys = keys_of(&one);
        let part = keys.iter().filter_map(|key| next.get(key)).max().copied().unwrap_or(0);
        for key in keys {
            next.insert(key, part + 1);
        }
        if parts.len() <= part {
            parts.push(Vec::new());
        }
        parts[part].push(one);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::rounds;

    #[test]
    fn what_has_the_same_key_comes_one_after_the_other() {
        let parts = rounds(vec!["a1", "b1", "a2", "c1", "a3", "b2"], |one| vec![one.as_bytes()[0]]);
        assert_eq!(parts, [vec!["a1", "b1", "c1"], vec!["a2", "b2"], vec!["a3"]]);
        assert!(rounds(Vec::<u8>::new(), |one| vec![*one]).is_empty());
    }
}
