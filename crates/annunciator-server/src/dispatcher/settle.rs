//! A delivery and the outcome of its attempt into its next state. The only place that decides it.
//!
//! In: delivery, outcome, schedule, now, a random number. Out: the delivery in its next state.
//! Knows nothing of: stores, channels, clocks.
//! Standard: spec 4.7.

use annunciator_core::{
    Delivery, DeliveryState, EnhancedStatus, Failure, FailureScope, Outcome, Stage, Timestamp,
};

use super::settings::DeliverySettings;

/// Retry waits vary by this part of themselves, either way.
const JITTER: f64 = 0.1;

/// The state that an outcome leads to. `chance` is random, 0 to 1.
///
/// Trouble with the relay up to MAIL (no connection, 421) uses up nothing of the schedule: the
/// delivery keeps its place in the lane. Trouble after that does, so that a delivery which upsets
/// its relay each time cannot hold up the lane (quality G6).
#[must_use]
pub fn settle(
    delivery: &Delivery,
    outcome: &Outcome,
    settings: &DeliverySettings,
    now: Timestamp,
    chance: f64,
) -> Delivery {
    let mut next = delivery.clone();
    next.attempts += 1;
    next.last_failure = outcome.failure().cloned();
    next.state = match outcome {
        Outcome::Delivered => DeliveryState::Delivered { at: now },
        Outcome::PermanentFailure(_) => DeliveryState::Failed { at: now },
        Outcome::TransientFailure(failure) if keeps_its_place(failure) => give_back(delivery, now),
        Outcome::TransientFailure(_) => wait(&mut next, settings, now, chance),
        Outcome::Uncertain(_) => {
            next.possibly_duplicated = true;
            wait(&mut next, settings, now, chance)
        }
    };
    next
}

/// Whether a failure is the relay's alone.
#[must_use]
pub fn keeps_its_place(failure: &Failure) -> bool {
    failure.scope == FailureScope::Relay
        && (failure.stage <= Stage::MailFrom || failure.stage == Stage::Prepare)
}

/// Back to the queue with its place in it: due since it was planned, also when the wall clock was
/// set back since.
#[must_use]
pub fn give_back(delivery: &Delivery, now: Timestamp) -> DeliveryState {
    let due_at = match delivery.state {
        DeliveryState::Queued { due_at } => due_at,
        _ => delivery.created_at.min(now),
    };
    DeliveryState::Queued { due_at }
}

/// A delivery whose lifetime has ended without an attempt.
#[must_use]
pub fn expire(delivery: &Delivery, now: Timestamp) -> Delivery {
    let mut next = delivery.clone();
    next.state = DeliveryState::Failed { at: now };
    let last = match &delivery.last_failure {
        Some(failure) => format!("; last failure: {}", failure.diagnostic),
        None if delivery.attempts == 0 => {
            "; it waited for its turn all the time, for its relay or for its limit".to_owned()
        }
        None => "; its relay did not answer in that time".to_owned(),
    };
    let attempts = delivery.attempts;
    let ending = format!("its lifetime ended after {attempts} attempts{last}");
    next.last_failure = Some(Failure {
        stage: delivery.last_failure.as_ref().map_or(Stage::Prepare, |failure| failure.stage),
        scope: FailureScope::Delivery,
        code: delivery.last_failure.as_ref().and_then(|failure| failure.code),
        status: EnhancedStatus::new(4, 4, 7),
        diagnostic: annunciator_core::one_line(&ending, 1_000),
    });
    next
}

fn wait(
    next: &mut Delivery,
    settings: &DeliverySettings,
    now: Timestamp,
    chance: f64,
) -> DeliveryState {
    let wait_ms = settings.retry_wait_ms(next.retries);
    next.retries += 1;
    #[expect(clippy::cast_possible_truncation, reason = "a tenth of a day in ms")]
    let jitter_ms = (wait_ms as f64 * JITTER * (chance * 2.0 - 1.0)) as i64;
    // Past the end of its lifetime it is given up then, not now: an operator may still retry it.
    let due_at = now.plus_ms(wait_ms + jitter_ms).min(next.expires_at);
    DeliveryState::Queued { due_at }
}

#[cfg(test)]
mod tests {
    use annunciator_core::{DeliveryId, Lane, NotificationId, Recipient, RecipientRole};

    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId::from_parts(1, [0; 10]),
            notification: NotificationId::from_parts(1, [0; 10]),
            recipient: Recipient { address: "a@example.org".into(), role: RecipientRole::To },
            lane: Lane::new("email/server"),
            state: DeliveryState::InFlight { lease_until: Timestamp(99_999) },
            created_at: Timestamp(1_000),
            expires_at: Timestamp(1_000 + 172_800_000),
            attempts: 0,
            retries: 0,
            possibly_duplicated: false,
            last_failure: None,
        }
    }

    fn failure(stage: Stage, scope: FailureScope) -> Failure {
        let status = EnhancedStatus::new(4, 0, 0);
        Failure { stage, scope, code: None, status, diagnostic: "no".into() }
    }

    #[test]
    fn each_outcome_leads_to_its_state() {
        let now = Timestamp(10_000);
        let relay = |stage| failure(stage, FailureScope::Relay);
        let own = |stage| failure(stage, FailureScope::Delivery);
        let queued = |due_at| DeliveryState::Queued { due_at: Timestamp(due_at) };
        for (outcome, state, retries, duplicated) in [
            (Outcome::Delivered, DeliveryState::Delivered { at: now }, 0, false),
            (
                Outcome::PermanentFailure(own(Stage::RcptTo)),
                DeliveryState::Failed { at: now },
                0,
                false,
            ),
            (Outcome::TransientFailure(own(Stage::RcptTo)), queued(70_000), 1, false),
            (Outcome::TransientFailure(relay(Stage::Connect)), queued(1_000), 0, false),
            (Outcome::TransientFailure(relay(Stage::Auth)), queued(1_000), 0, false),
            (Outcome::TransientFailure(relay(Stage::Prepare)), queued(1_000), 0, false),
            (Outcome::TransientFailure(relay(Stage::MailFrom)), queued(1_000), 0, false),
            (Outcome::TransientFailure(relay(Stage::Data)), queued(70_000), 1, false),
            (Outcome::Uncertain(own(Stage::DataEnd)), queued(70_000), 1, true),
        ] {
            let next = settle(&delivery(), &outcome, &DeliverySettings::default(), now, 0.5);
            assert_eq!(next.state, state, "{outcome:?}");
            assert_eq!((next.retries, next.possibly_duplicated), (retries, duplicated));
            assert_eq!(next.attempts, 1);
            assert_eq!(next.last_failure.is_some(), outcome != Outcome::Delivered);
        }
    }

    #[test]
    fn retries_follow_the_schedule_within_a_tenth_until_the_lifetime_ends() {
        let settings = DeliverySettings::default();
        let outcome = Outcome::TransientFailure(failure(Stage::RcptTo, FailureScope::Delivery));
        let mut delivery = delivery();
        let mut now = Timestamp(1_000);
        let mut waits = Vec::new();
        for step in 0..200_u32 {
            let chance = f64::from(step % 11) / 10.0;
            delivery = settle(&delivery, &outcome, &settings, now, chance);
            let DeliveryState::Queued { due_at } = delivery.state else { panic!("queued") };
            assert!(due_at <= delivery.expires_at);
            let planned = settings.retry_wait_ms(step);
            let wait = due_at.ms_since(now);
            if due_at < delivery.expires_at {
                assert!((wait - planned).abs() <= planned / 10, "{wait} for {planned}");
            }
            waits.push(planned / 60_000);
            if due_at == delivery.expires_at {
                break;
            }
            now = due_at;
        }
        assert_eq!(waits[..8], [1, 2, 5, 10, 20, 40, 60, 60]);
        assert!((40..60).contains(&waits.len()), "{} attempts in two days", waits.len());
    }

    #[test]
    fn an_expired_delivery_keeps_the_reason_it_waited_for() {
        let mut waited = delivery();
        waited.last_failure = Some(failure(Stage::Connect, FailureScope::Relay));
        let expired = expire(&waited, Timestamp(7));
        assert_eq!(expired.state, DeliveryState::Failed { at: Timestamp(7) });
        let failure = expired.last_failure.expect("a reason");
        assert!(failure.diagnostic.contains("lifetime ended"), "{}", failure.diagnostic);
        assert!(failure.diagnostic.ends_with("last failure: no"));
        // Nothing was tried: nobody knows of a relay that did not answer.
        let failure = expire(&delivery(), Timestamp(7)).last_failure.expect("a reason");
        let ending = "its lifetime ended after 0 attempts; it waited for its turn all the time, \
                      for its relay or for its limit";
        assert_eq!(failure.diagnostic, ending);
    }
}
