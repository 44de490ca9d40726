//! A source's events become events in the inbox: validate, commit, hand over to the planner.
//!
//! In: events as they came. Out: [`Accepted`] after the commit, or a [`Refusal`] with nothing
//! stored.
//! Knows nothing of: settings, channels, how an answer looks on the wire.
//! Failure: all errors of all events at once; a batch is accepted whole or not at all.

pub mod json;
mod validation;

pub mod http;
pub mod incidents;
pub mod mapping;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use annunciator_api_types::{EventInput, FieldError};
use annunciator_core::{Event, EventUid, Timestamp};
use annunciator_store::{Accept, Acceptance, Accepted, Idempotency, NewIncident, StoreError};

use self::incidents::{IncidentBatch, Registration};
use crate::metrics::ResultLabels;
use crate::shared::Shared;

/// Most events of one batch.
pub const EVENTS_MAX: usize = 1_000;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intake {
    /// Name.
    pub name: &'static str,
    /// Where it listens.
    pub entrance: &'static str,
    /// What it takes, a sentence.
    pub doc: &'static str,
}

/// Every way in. A new one is a file beside this one and a row here.
pub const INTAKES: [Intake; 2] = [
    Intake {
        name: "http",
        entrance: http::PATH,
        doc: "One event, an array of events or NDJSON, posted over HTTP.",
    },
    Intake {
        name: "incidents",
        entrance: incidents::PATH,
        doc: "One incident of a detector or an array of them, posted over HTTP.",
    },
];

/// Events of one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The events as they came.
    pub inputs: Vec<EventInput>,
    /// Whether they came as a list, so that pointers begin with the position.
    pub is_list: bool,
}

/// Why nothing was stored.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The server does not take events yet: worth repeating soon.
    NotReady,
    /// The text is not what it should be.
    Malformed(String),
    /// Another media type or encoding is needed.
    UnsupportedMediaType(String),
    /// More than [`EVENTS_MAX`] events: the number.
    TooMany(usize),
    /// Fields are wrong.
    Invalid(Vec<FieldError>),
    /// The idempotency key was used for another body.
    KeyReused,
    /// The store did not take it.
    Store(StoreError),
    /// A fault of ours; whether it is stored is not known.
    Interrupted,
}

/// Takes responsibility for a batch; answers after the commit, one entry per event, in order.
///
/// The commit and the hand-over run to their end even if the caller goes away, so that no event
/// stays claimed by nobody.
///
/// # Errors
/// Why nothing was stored.
pub async fn accept(
    shared: &Arc<Shared>,
    batch: Batch,
    idempotency: Option<Idempotency>,
) -> Result<Vec<Accepted>, Refusal> {
    let answer = accept_uncounted(shared, batch, idempotency).await;
    count_answer(shared, &answer);
    answer
}

/// An incident that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenIncident {
    /// Its event.
    pub accepted: Accepted,
    /// Whether it was known already, and says something else now.
    pub differs: bool,
}

/// Takes responsibility for incidents, as [`accept`] does for events.
///
/// # Errors
/// Why nothing was stored.
pub async fn accept_incidents(
    shared: &Arc<Shared>,
    batch: IncidentBatch,
    author: &str,
    idempotency: Option<Idempotency>,
) -> Result<Vec<TakenIncident>, Refusal> {
    let mut handed = Vec::new();
    let answer = accept_incidents_uncounted(shared, batch, author, idempotency, &mut handed).await;
    count_answer(shared, &answer);
    let mut taken = Vec::with_capacity(handed.len());
    for (event, accepted) in handed.iter().zip(answer?) {
        let differs = accepted.duplicate && differs_from_first(shared, event, &accepted).await;
        taken.push(TakenIncident { accepted, differs });
    }
    Ok(taken)
}

async fn differs_from_first(shared: &Shared, again: &Event, accepted: &Accepted) -> bool {
    match shared.store.incident(accepted.uid).await {
        Ok(row) => row.is_some_and(|first| incidents::repeats::differs(again, &first.event)),
        Err(error) => {
            // It is only a hint: that the incident is kept stands firm.
            tracing::warn!(%error, "an incident that came again is not compared with the first");
            false
        }
    }
}

async fn accept_incidents_uncounted(
    shared: &Arc<Shared>,
    batch: IncidentBatch,
    author: &str,
    idempotency: Option<Idempotency>,
    handed: &mut Vec<Event>,
) -> Result<Vec<Accepted>, Refusal> {
    if !shared.ready.load(Ordering::Acquire) {
        return Err(Refusal::NotReady);
    }
    let now = shared.clock.now();
    let snapshot = shared.settings.current();
    let registration = Registration { now, author, rules: &snapshot.incident_rules };
    let is_list = batch.is_list;
    let taken = incidents::validate(batch, registration, || shared.ids.event(now));
    let (events, mut incidents): (Vec<_>, Vec<_>) =
        taken.map_err(Refusal::Invalid)?.into_iter().unzip();
    handed.clone_from(&events);
    let (events, repeats) = without_repeats(events);
    // What repeats an earlier one of the batch has no event, and no incident either.
    let is_kept: Vec<bool> =
        handed.iter().map(|one| events.iter().any(|event| event.uid == one.uid)).collect();
    let mut kept = is_kept.iter();
    incidents.retain(|_| kept.next().copied().unwrap_or(false));
    let positions = is_kept.iter().enumerate().filter(|(_, is_kept)| **is_kept);
    let ids = positions.map(|(at, _)| if is_list { format!("/{at}/id") } else { "/id".to_owned() });
    let beside = Beside { incidents, ids: ids.collect() };
    let commit = commit(Arc::clone(shared), events, beside, idempotency, now);
    let accepted = tokio::spawn(commit).await.map_err(|_| Refusal::Interrupted)??;
    Ok(match repeats {
        None => accepted,
        Some(repeats) => with_repeats(&accepted, &repeats),
    })
}

fn count_answer(shared: &Shared, answer: &Result<Vec<Accepted>, Refusal>) {
    let count = |result: &'static str, by: usize| {
        if by > 0 {
            let by = u64::try_from(by).unwrap_or(u64::MAX);
            shared.metrics.events.get_or_create(&ResultLabels { result }).inc_by(by);
        }
    };
    match answer {
        Ok(accepted) => {
            let duplicates = accepted.iter().filter(|one| one.duplicate).count();
            count("accepted", accepted.len() - duplicates);
            count("duplicate", duplicates);
        }
        Err(_) => count("refused", 1),
    }
}

/// Checks an event that is only looked at and never stored.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn check_event(
    input: EventInput,
    uid: EventUid,
    now: Timestamp,
) -> Result<Event, Vec<FieldError>> {
    let batch = Batch { inputs: vec![input], is_list: false };
    let mut events = validation::validate(batch, now, || uid)?;
    Ok(events.pop().expect("one event in, one out"))
}

async fn accept_uncounted(
    shared: &Arc<Shared>,
    batch: Batch,
    idempotency: Option<Idempotency>,
) -> Result<Vec<Accepted>, Refusal> {
    if !shared.ready.load(Ordering::Acquire) {
        return Err(Refusal::NotReady);
    }
    if batch.inputs.len() > EVENTS_MAX {
        return Err(Refusal::TooMany(batch.inputs.len()));
    }
    let now = shared.clock.now();
    let mut errors = validation::find_reserved_types(&batch);
    let events = match validation::validate(batch, now, || shared.ids.event(now)) {
        Ok(events) if errors.is_empty() => events,
        validated => {
            errors.extend(validated.err().into_iter().flatten());
            errors.truncate(validation::ERRORS_MAX);
            return Err(Refusal::Invalid(errors));
        }
    };
    let (events, repeats) = without_repeats(events);
    let commit = commit(Arc::clone(shared), events, Beside::default(), idempotency, now);
    let accepted = tokio::spawn(commit).await.map_err(|_| Refusal::Interrupted)??;
    Ok(match repeats {
        None => accepted,
        Some(repeats) => with_repeats(&accepted, &repeats),
    })
}

/// What stands beside the events of a batch, in their order; empty for events that are no
/// incidents.
#[derive(Default)]
struct Beside {
    incidents: Vec<NewIncident>,
    /// Pointers to their ids in the batch.
    ids: Vec<String>,
}

/// Commits, and hands what is new to the planner when it has room.
async fn commit(
    shared: Arc<Shared>,
    events: Vec<Event>,
    Beside { incidents, ids }: Beside,
    idempotency: Option<Idempotency>,
    now: Timestamp,
) -> Result<Vec<Accepted>, Refusal> {
    let permit = shared.planner.reserve(events.len());
    let claimed = permit.is_some();
    let kept = if claimed { events.clone() } else { Vec::new() };
    let accept = Accept { events, idempotency, claimed, now };
    let answer = match incidents.is_empty() {
        true => shared.store.accept(accept).await,
        false => shared.store.accept_incidents(accept, incidents).await,
    };
    if answer.is_err() {
        // A commit that failed may have reached the disk: then the events wait there for a claim.
        shared.planner.note_backlog();
    }
    match answer.map_err(Refusal::Store)? {
        Acceptance::Accepted(accepted) => {
            match permit {
                Some(permit) => {
                    let answers = kept.into_iter().zip(&accepted);
                    permit.hand_over(
                        answers.filter(|(_, one)| !one.duplicate).map(|(event, _)| event).collect(),
                    );
                }
                None => shared.planner.note_backlog(),
            }
            Ok(accepted)
        }
        Acceptance::Replayed(accepted) => Ok(accepted),
        Acceptance::OtherEvents(positions) => {
            const USED: &str = "is the id of an event of this detector that is no incident: \
                                give the incident another id";
            let pointers = positions.into_iter().filter_map(|at| ids.get(at));
            let error = |pointer: &String| FieldError::new(pointer, "conflict", USED);
            Err(Refusal::Invalid(pointers.map(error).take(validation::ERRORS_MAX).collect()))
        }
        Acceptance::KeyReused => Err(Refusal::KeyReused),
    }
}

/// Which stored event each event of the request is, and whether it repeats an earlier one.
type Repeats = Vec<(usize, bool)>;

/// Takes out events whose id came before in the same batch.
fn without_repeats(events: Vec<Event>) -> (Vec<Event>, Option<Repeats>) {
    if events.len() < 2 {
        return (events, None);
    }
    let mut first_of: HashMap<(&str, &str), usize> = HashMap::with_capacity(events.len());
    let mut repeats = Vec::with_capacity(events.len());
    for event in &events {
        let next = first_of.len();
        let place = *first_of.entry((&event.application.name, &event.id)).or_insert(next);
        repeats.push((place, place != next));
    }
    if first_of.len() == events.len() {
        return (events, None);
    }
    let unique = events.into_iter().zip(&repeats).filter(|(_, (_, is_repeat))| !is_repeat);
    (unique.map(|(event, _)| event).collect(), Some(repeats))
}

fn with_repeats(accepted: &[Accepted], repeats: &Repeats) -> Vec<Accepted> {
    let answers = repeats.iter().filter_map(|(place, is_repeat)| {
        let mut answer = accepted.get(*place)?.clone();
        answer.duplicate |= is_repeat;
        Some(answer)
    });
    answers.collect()
}

#[cfg(test)]
mod tests;
