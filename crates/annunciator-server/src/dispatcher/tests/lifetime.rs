//! Retries over two days, and their end (quality G20, G25).

use annunciator_core::{DeliveryState, Outcome};

use super::record::{OWN_APPLICATION, RAISED_PER_TURN_MAX};
use super::script::{Answer, deferred};
use super::*;

const LANE: &str = "email/server";

fn always_deferred() -> ScriptedChannel {
    ScriptedChannel::new(4, |_| Answer::Is(deferred()))
}

/// Moves the clock from due time to due time until nothing waits; answers how often.
async fn wait_for_the_end(stand: &Stand) -> usize {
    for moves in 0..200 {
        stand.rest().await;
        let deliveries = stand.deliveries().await;
        let due = deliveries.iter().filter_map(|delivery| match delivery.state {
            DeliveryState::Queued { due_at } => Some(due_at),
            _ => None,
        });
        let Some(next_at) = due.min() else { return moves };
        // Past the moment when lifetimes are looked at, too.
        stand.clock.set(next_at.max(stand.clock.now().plus_ms(10_000)));
    }
    panic!("it does not end");
}

#[tokio::test]
async fn a_deferred_delivery_is_tried_by_its_schedule_until_its_lifetime_ends() {
    let mut stand = Stand::new(always_deferred());
    stand.queue(LANE, 0..1).await;
    stand.start();
    let moves = wait_for_the_end(&stand).await;
    let delivery = stand.deliveries().await.remove(0);
    assert_eq!(delivery.state.as_str(), "failed");
    let attempts = stand.attempts(&delivery).await;
    assert!((40..=60).contains(&attempts.len()), "{} attempts in two days", attempts.len());
    assert!(moves >= attempts.len());
    let waits: Vec<i64> = attempts
        .windows(2)
        .map(|pair| pair[1].started_at.ms_since(pair[0].ended_at) / 1_000)
        .collect();
    for (wait_s, planned_s) in waits.iter().zip([60, 120, 300, 600, 1_200, 2_400, 3_600, 3_600]) {
        assert!((wait_s - planned_s).abs() <= planned_s / 10, "{waits:?}");
    }
    let ended_at = delivery.expires_at;
    assert!(attempts.iter().all(|attempt| attempt.started_at < ended_at));
    let failure = delivery.last_failure.expect("it says why");
    assert!(failure.diagnostic.contains("lifetime ended"), "{}", failure.diagnostic);
    assert!(failure.diagnostic.ends_with("mailbox busy"), "{}", failure.diagnostic);

    let own = stand.own_events().await;
    assert_eq!(own.len(), 1, "one event of our own about it");
    assert_eq!(own[0].event.application.name, OWN_APPLICATION);
    assert!(own[0].event.description.contains("mailbox busy"), "{}", own[0].event.description);
    assert_eq!(own[0].state.as_str(), "accepted", "it waits for planning like any other");
}

#[tokio::test]
async fn a_given_up_delivery_of_our_own_event_raises_no_further_one() {
    let mut stand = Stand::new(always_deferred());
    let mut own = samples::event(0);
    own.application.name = OWN_APPLICATION.to_owned();
    stand.queue_of(own, LANE, 0..1, 10).await;
    stand.start();
    wait_for_the_end(&stand).await;
    assert_eq!(states(&stand.deliveries().await), [("failed", 1)]);
    assert_eq!(stand.own_events().await.len(), 0);
}

#[tokio::test]
async fn many_deliveries_given_up_together_raise_few_events() {
    // More than one claim of expired ones takes, of as many events.
    let count = 600_u32;
    let mut stand = Stand::new(always_deferred());
    let events: Vec<_> = (0..count).map(samples::event).collect();
    samples::accept(stand.store.as_ref(), events.clone()).await;
    let plans = events.iter().zip(0..).map(|(event, number)| {
        let state = samples::queued(samples::time_of(number));
        let planned = samples::planned(event, number, LANE, 1, &state);
        let verdict = annunciator_store::PlanVerdict::Planned {
            notifications: vec![planned],
            decisions: Vec::new(),
            term_days: None,
            postponed: Vec::new(),
        };
        annunciator_store::PlanCommit { event: event.uid, verdict }
    });
    stand.store.commit_plans(plans.collect()).await.expect("committed");
    // The server was off for longer than their lifetime.
    stand.clock.set(START.plus_ms(samples::LIFETIME_MS + 600_000));
    stand.start();
    stand.rest().await;
    assert_eq!(states(&stand.deliveries().await), [("failed", count as usize)]);
    assert_eq!(stand.own_events().await.len(), RAISED_PER_TURN_MAX);
    assert_eq!(stand.channel.take_calls().len(), 0, "nothing is tried after its end");
}

#[tokio::test]
async fn a_permanent_refusal_is_not_tried_again() {
    let mut stand = Stand::new(ScriptedChannel::new(1, |_| {
        let mut failure = deferred().failure().expect("it is one").clone();
        failure.diagnostic = "no such user".to_owned();
        Answer::Is(Outcome::PermanentFailure(failure))
    }));
    stand.queue(LANE, 0..2).await;
    stand.start();
    assert_eq!(wait_for_the_end(&stand).await, 0);
    let deliveries = stand.deliveries().await;
    assert_eq!(states(&deliveries), [("failed", 2)]);
    assert!(deliveries.iter().all(|delivery| delivery.attempts == 1));
    assert_eq!(stand.own_events().await.len(), 0);
}
