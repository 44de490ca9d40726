//! A writer takes all jobs that have gathered into one commit.
//!
//! Failure: a group that is refused for what one job says is done again job by job; one that met
//! another transaction is repeated; otherwise every caller is told.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use annunciator_core::DeliveryId;
use tokio::sync::watch;

use super::doubts::Doubt;
use super::fault::{Outcome, Trouble};
use super::jobs::{Answer, Job};
use super::pool::Lent;
use super::work::Work;
use super::{Inner, accept, plans, records, settlement};
use crate::{Accept, KeptText, LeftOut, PlanCommit, Settlement, StoreError};

/// How often a group is repeated that met another transaction.
const COLLISIONS_MAX: usize = 8;
/// How many connections are given up that turn out to be dead when a group begins.
const DEAD_MAX: usize = 2;

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
                    job.answer(Ok(answer), &inner.doubts);
                }
            }
            Err(trouble) if trouble.is_about_content() && group.len() > 1 => {
                for job in group {
                    let alone = commit(&inner, writer, std::slice::from_ref(&job)).await;
                    let answer = alone.map(|mut answers| answers.remove(0));
                    if answer.is_err() {
                        note_doubts(&inner, std::slice::from_ref(&job));
                    }
                    job.answer(answer.map_err(Trouble::into_error), &inner.doubts);
                }
            }
            Err(trouble) => {
                let error = trouble.into_error();
                note_doubts(&inner, &group);
                for job in group {
                    job.answer(Err(error.clone()), &inner.doubts);
                }
            }
        }
        inner.jobs.note_done();
    }
}

/// Without an answer nobody knows whether events were accepted and claimed; nobody plans them.
fn note_doubts(inner: &Inner, group: &[Job]) {
    let asks = group.iter().filter_map(|job| match job {
        Job::Accept(ask, _) if ask.claimed => Some(ask),
        _ => None,
    });
    inner.doubts.add(Doubt::of_events(asks.flat_map(|ask| &ask.events)));
}

/// Commits a group, again when it met another transaction.
///
/// What does not need an answer of the database first is sent without waiting for one: its first
/// statements go with BEGIN, its figures with COMMIT.
async fn commit(inner: &Inner, writer: i32, group: &[Job]) -> Outcome<Vec<Answer>> {
    let (mut collisions, mut dead) = (0, 0);
    loop {
        let db = inner.gatherers.lend().await?;
        let (tell, begun) = watch::channel(false);
        let begin = async {
            db.begin().await?;
            // Nobody may wait for it.
            let _ = tell.send(true);
            drop(tell);
            Ok(())
        };
        let mut work = Work::new(inner.node, writer);
        let (begin, done) = tokio::join!(biased; begin, run(&db, begun, &mut work, group));
        match begin {
            Ok(()) => {}
            // Dropped, the connection takes along what is open.
            Err(trouble) if db.is_misnamed(&trouble) && dead < DEAD_MAX => {
                dead += 1;
                continue;
            }
            // A connection that lay idle may have died unnoticed.
            Err(trouble @ Trouble::Postgres(_))
                if trouble.is_about_connection() && dead < DEAD_MAX =>
            {
                dead += 1;
                drop(db.end_as::<()>(Err(trouble)).await);
                continue;
            }
            // Dropped, the connection takes along what may be open.
            Err(trouble) => return Err(trouble),
        }
        let done = match done {
            Ok(answers) => db.prepare_asked().await.map(|()| answers),
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = &done
            && db.is_misnamed(trouble)
            && dead < DEAD_MAX
        {
            dead += 1;
            continue;
        }
        let done = inner.commit(&db, &work, done).await;
        match db.end_committed(done).await {
            Ok(answers) => {
                inner.note_committed(work);
                return Ok(answers);
            }
            Err(trouble) if trouble.is_collision() && collisions < COLLISIONS_MAX => {
                collisions += 1;
            }
            Err(trouble) => return Err(trouble),
        }
    }
}

/// What is answered to whom: places in the group.
type Answered = Vec<(usize, Answer)>;

async fn run(
    db: &Lent,
    begun: watch::Receiver<bool>,
    work: &mut Work,
    group: &[Job],
) -> Outcome<Vec<Answer>> {
    let (mut planning, mut settling) = (work.fresh(), work.fresh());
    let (accepted, planned, settled, kept) = tokio::try_join!(biased;
        run_accepts(db, work, group),
        run_plans(db, begun.clone(), &mut planning, group),
        run_settlements(db, begun, &mut settling, group),
        run_kept(db, group),
    )?;
    work.absorb(planning);
    work.absorb(settling);
    let mut answers: Vec<Option<Answer>> = group.iter().map(|_| None).collect();
    for (place, answer) in accepted.into_iter().chain(planned).chain(settled).chain(kept) {
        answers[place] = Some(answer);
    }
    Ok(answers.into_iter().map(|answer| answer.expect("every job was run")).collect())
}

async fn run_accepts(db: &Lent, work: &mut Work, group: &[Job]) -> Outcome<Answered> {
    let mut asks: Vec<(usize, &Accept)> = Vec::new();
    for (place, job) in group.iter().enumerate() {
        if let Job::Accept(ask, _) = job {
            asks.push((place, ask));
        }
    }
    let key_of = |(_, ask): &(usize, &Accept)| {
        ask.idempotency.as_ref().map(|one| (one.owner.clone(), one.key.clone()))
    };
    let mut answers = Vec::with_capacity(asks.len());
    for round in rounds(asks, |ask| key_of(ask).into_iter().collect()) {
        let asks: Vec<&Accept> = round.iter().map(|(_, ask)| *ask).collect();
        let accepted = accept::accept(db, work, &asks).await?;
        let accepted = accepted.into_iter().map(Answer::Accept);
        answers.extend(round.iter().map(|(place, _)| *place).zip(accepted));
    }
    Ok(answers)
}

async fn run_plans(
    db: &Lent,
    begun: watch::Receiver<bool>,
    work: &mut Work,
    group: &[Job],
) -> Outcome<Answered> {
    let mut all: Vec<(usize, &PlanCommit)> = Vec::new();
    let mut answers: BTreeMap<usize, LeftOut> = BTreeMap::new();
    for (place, job) in group.iter().enumerate() {
        if let Job::Plans(plans, _) = job {
            answers.insert(place, LeftOut::default());
            all.extend(plans.iter().map(|plan| (place, plan)));
        }
    }
    // A plan takes its event out of the inbox before it writes what comes of it: without a
    // transaction the event could be lost.
    if !all.is_empty() {
        has_begun(begun).await?;
    }
    for round in rounds(all, |(_, plan)| vec![plan.event]) {
        let plans: Vec<&PlanCommit> = round.iter().map(|(_, plan)| *plan).collect();
        let left_out = plans::commit_plans(db, work, &plans).await?;
        for ((place, _), one) in round.iter().zip(left_out) {
            answers.entry(*place).or_default().add(one);
        }
    }
    Ok(answers.into_iter().map(|(place, one)| (place, Answer::Plans(one))).collect())
}

/// Waits until the transaction is open; whoever fails to begin it tells why.
async fn has_begun(mut begun: watch::Receiver<bool>) -> Outcome<()> {
    let is_open = begun.wait_for(|is_open| *is_open).await.is_ok();
    if is_open { Ok(()) } else { Err(StoreError::Closed.into()) }
}

async fn run_settlements(
    db: &Lent,
    begun: watch::Receiver<bool>,
    work: &mut Work,
    group: &[Job],
) -> Outcome<Answered> {
    let mut all: Vec<(usize, &Settlement)> = Vec::new();
    let mut answers: BTreeMap<usize, Vec<DeliveryId>> = BTreeMap::new();
    for (place, job) in group.iter().enumerate() {
        if let Job::Settle(settlements, _) = job {
            answers.insert(place, Vec::new());
            all.extend(settlements.iter().map(|one| (place, one)));
        }
    }
    // What it raises and frees must be of the same transaction.
    if !all.is_empty() {
        has_begun(begun).await?;
    }
    for round in rounds(all, |(_, one)| vec![one.delivery.id]) {
        let settlements: Vec<&Settlement> = round.iter().map(|(_, one)| *one).collect();
        let stale = settlement::settle(db, work, &settlements).await?;
        for ((place, one), is_stale) in round.iter().zip(stale) {
            answers.entry(*place).or_default().extend(is_stale.then_some(one.delivery.id));
        }
    }
    Ok(answers.into_iter().map(|(place, ids)| (place, Answer::Settle(ids))).collect())
}

async fn run_kept(db: &Lent, group: &[Job]) -> Outcome<Answered> {
    let mut newest: BTreeMap<&str, &KeptText> = BTreeMap::new();
    let mut answers = Vec::new();
    for (place, job) in group.iter().enumerate() {
        if let Job::Keep(at, kept, _) = job {
            answers.push((place, Answer::Keep));
            newest.insert(at, kept);
        }
    }
    let all: Vec<(&str, &KeptText)> = newest.into_iter().collect();
    records::keep(db, &all).await?;
    Ok(answers)
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
