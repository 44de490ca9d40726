//! What happened to an event, in the order of time.
//!
//! In: the event with its notifications and deliveries, and attempts of these. Out: [`Moment`]s.
//! One transaction with several recipients is one moment, with the outcome of each.

use annunciator_api_types::{
    AttemptView, DecisionView, DeliveryDetail, DeliveryView, EventDetail, FailureView,
    NotificationView, OperationView,
};
use annunciator_core::Timestamp;

use crate::pages::tone;

/// Most waiting deliveries that are told one by one.
const WAITING_MAX: usize = 10;

/// One thing that happened, or will.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// Id within the page.
    pub(super) id: String,
    /// When; none where nobody noted it.
    pub(super) at: Option<Timestamp>,
    /// Tone of its mark.
    pub(super) tone: &'static str,
    /// What.
    pub(super) kind: Kind,
}

/// What happened.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// The event was written to the disk.
    Accepted,
    /// It could not be planned.
    Parked {
        /// Why.
        reason: String,
    },
    /// What was decided for a channel.
    Decided(DecisionView),
    /// A notification was planned.
    Planned(Box<NotificationView>),
    /// An attempt ended.
    Tried(Box<Try>),
    /// Somebody did something by hand.
    Operated(Box<Operation>),
    /// A delivery waits for its next attempt.
    Waits(Box<DeliveryView>),
}

/// What somebody did, and to which deliveries.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// What, by whom.
    pub(super) view: OperationView,
    /// Ids and addresses.
    pub(super) deliveries: Vec<(String, String)>,
}

/// An attempt with all whom it was for.
#[derive(Debug, Clone)]
pub(super) struct Try {
    /// The attempt, as the first of them tells it.
    pub(super) attempt: AttemptView,
    /// The channel.
    pub(super) channel: String,
    /// Each recipient with its outcome.
    pub(super) recipients: Vec<Got>,
}

/// What an attempt was for one recipient.
#[derive(Debug, Clone)]
pub(super) struct Got {
    /// The delivery.
    pub(super) delivery: String,
    /// Address.
    pub(super) address: String,
    /// How it went.
    pub(super) outcome: String,
    /// Why not well.
    pub(super) failure: Option<FailureView>,
}

impl Moment {
    /// All of them.
    pub(super) fn all(detail: &EventDetail, told: &[DeliveryDetail]) -> Vec<Self> {
        let event = &detail.event;
        let new = |id: String, at, tone, kind| Self { id, at, tone, kind };
        let mut all =
            vec![new("m-accepted".into(), Some(event.registered_at), "good", Kind::Accepted)];
        if let Some(reason) = &event.reason {
            let kind = Kind::Parked { reason: reason.clone() };
            all.push(new("m-parked".to_owned(), None, "bad", kind));
        }
        all.extend(event.decisions.iter().map(|one| {
            let id = format!("m-decided-{}", one.channel);
            // Who was to be notified is not yet told anything: what follows says what came of it.
            let tone = match one.decision.as_str() {
                "notified" => "",
                other => tone::decision(other),
            };
            new(id, None, tone, Kind::Decided(one.clone()))
        }));
        let mut later: Vec<_> = detail
            .notifications
            .iter()
            .map(|one| {
                let id = format!("m-{}", one.id);
                new(id, Some(one.created_at), "", Kind::Planned(Box::new(one.clone())))
            })
            .chain(tries(told))
            .chain(operations(told))
            .collect();
        later.sort_by_key(|moment| moment.at);
        all.extend(later);
        let waiting = detail.deliveries.iter().filter(|one| one.state == "queued");
        all.extend(waiting.take(WAITING_MAX).map(|one| {
            new(format!("m-waits-{}", one.id), one.due_at, "", Kind::Waits(Box::new(one.clone())))
        }));
        all
    }
}

/// Attempts of several deliveries; those of one transaction become one.
fn tries(told: &[DeliveryDetail]) -> Vec<Moment> {
    let mut moments: Vec<(String, Try)> = Vec::new();
    for DeliveryDetail { delivery, attempts, .. } in told {
        for attempt in attempts {
            let got = Got {
                delivery: delivery.id.clone(),
                address: delivery.recipient.address.clone(),
                outcome: attempt.outcome.clone(),
                failure: attempt.failure.clone(),
            };
            let same = moments.iter_mut().find(|(notification, other)| {
                *notification == delivery.notification && is_same(&other.attempt, attempt)
            });
            if let Some((_, known)) = same {
                known.recipients.push(got);
                continue;
            }
            let (attempt, channel) = (attempt.clone(), delivery.channel.clone());
            let first = Try { attempt, channel, recipients: vec![got] };
            moments.push((delivery.notification.clone(), first));
        }
    }
    let moments = moments.into_iter().map(|(_, one)| Moment {
        id: format!("m-{}-{}", one.recipients[0].delivery, one.attempt.number),
        at: Some(one.attempt.started_at),
        tone: one.tone(),
        kind: Kind::Tried(Box::new(one)),
    });
    moments.collect()
}

/// What was done by hand; what was done to several at once becomes one.
fn operations(told: &[DeliveryDetail]) -> Vec<Moment> {
    let mut done: Vec<Operation> = Vec::new();
    for DeliveryDetail { delivery, operations, .. } in told {
        for view in operations {
            let one = (delivery.id.clone(), delivery.recipient.address.clone());
            match done.iter_mut().find(|other| other.view == *view) {
                // Sent again, it is the same recipient.
                Some(known) if known.deliveries.iter().any(|(_, address)| *address == one.1) => {}
                Some(known) => known.deliveries.push(one),
                None => done.push(Operation { view: view.clone(), deliveries: vec![one] }),
            }
        }
    }
    let moments = done.into_iter().map(|one| Moment {
        id: format!("m-{}-{}-{}", one.deliveries[0].0, one.view.operation, one.view.at.0),
        at: Some(one.view.at),
        tone: "",
        kind: Kind::Operated(Box::new(one)),
    });
    moments.collect()
}

/// Whether two attempts were one transaction.
fn is_same(one: &AttemptView, other: &AttemptView) -> bool {
    let of = |attempt: &AttemptView| {
        (attempt.started_at, attempt.ended_at, attempt.timings, attempt.run.clone())
    };
    one.server == other.server && one.address == other.address && of(one) == of(other)
}

impl Try {
    /// Tone of the worst outcome.
    fn tone(&self) -> &'static str {
        let tones: Vec<_> = self.recipients.iter().map(|got| tone::outcome(&got.outcome)).collect();
        let worst = ["bad", "warn"].into_iter().find(|tone| tones.contains(tone));
        worst.unwrap_or("good")
    }

    /// Whether all recipients have the same outcome for the same reason.
    pub(super) fn is_alike(&self) -> bool {
        let first = &self.recipients[0];
        let is_alike = |got: &Got| got.outcome == first.outcome && got.failure == first.failure;
        self.recipients.iter().all(is_alike)
    }
}

#[cfg(test)]
#[path = "moment_tests.rs"]
mod tests;
