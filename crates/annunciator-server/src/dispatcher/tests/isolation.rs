//! Ten lanes, of which one does not answer, or does harm (quality G6).

use annunciator_core::Outcome;

use super::lanes::HELD_BYTES_MAX;
use super::script::{Answer, deferred};
use super::*;

const LANES: u32 = 10;
const EACH: u32 = 20;
/// The lane that takes and never answers.
const BLACK_HOLE: &str = "lane-0";

fn lane(number: u32) -> String {
    format!("lane-{number}")
}

/// Delivers everything but what is for the black hole.
fn one_black_hole() -> ScriptedChannel {
    ScriptedChannel::new(2, |order| {
        let is_lost = order.notification.content.subject.starts_with(BLACK_HOLE);
        if is_lost { Answer::Silence } else { Answer::Is(Outcome::Delivered) }
    })
}

async fn delivered(stand: &Stand) -> usize {
    let deliveries = stand.deliveries().await;
    let is_done = |delivery: &&Delivery| delivery.state.as_str() == "delivered";
    deliveries.iter().filter(is_done).count()
}

#[tokio::test]
async fn a_black_holed_lane_delays_no_other() {
    let mut stand = Stand::new(one_black_hole());
    for number in 0..LANES {
        let first = number * EACH;
        stand.queue(&lane(number), first..first + EACH).await;
    }
    stand.start();
    // The clock stands still: nobody else waits for a time-out of the black hole.
    let others = ((LANES - 1) * EACH) as usize;
    stand.until("the others go out", || async { delivered(&stand).await == others }).await;
    let tried = stand.channel.take_calls();
    let lost = tried.iter().filter(|call| call.subject.starts_with(BLACK_HOLE)).count();
    assert_eq!(lost, 2, "as many attempts as the transport allows, and no more");
    assert_eq!(stand.suspended(), []);
}

#[tokio::test]
async fn a_black_holed_lane_with_much_content_leaves_room_for_the_others() {
    let mut stand = Stand::new(one_black_hole());
    let heavy = HELD_BYTES_MAX / 400;
    stand.queue_of(samples::event(0), BLACK_HOLE, 0..500, heavy).await;
    stand.start();
    let lanes = || &stand.inner().lanes;
    stand.until("memory is full", || async { lanes().held().1 > HELD_BYTES_MAX }).await;
    stand.queue("lane-1", 1_000..1_020).await;
    let light = Lane::new("lane-1");
    let dispatcher = stand.dispatcher.as_ref().expect("it was started");
    dispatcher.note_queued(&light);
    stand.until("the other goes out", || async { delivered(&stand).await == 20 }).await;
    stand.until("nothing is left of it", || async { lanes().held().0 == 500 }).await;
    assert!(dispatcher.reserve(&light, 1, 4_096), "fresh work of the other goes on in memory");
    assert!(!dispatcher.reserve(&Lane::new(BLACK_HOLE), 1, 4_096));
}

#[tokio::test]
async fn an_attempt_that_panics_is_a_transient_failure_of_its_deliveries_alone() {
    let mut stand = Stand::new(ScriptedChannel::new(1, |order| {
        let is_first_of_bad = order.notification.content.subject == "lane-0 1";
        if is_first_of_bad { Answer::Panic } else { Answer::Is(Outcome::Delivered) }
    }));
    stand.queue(&lane(0), 0..3).await;
    stand.start();
    stand.rest().await;
    let deliveries = stand.deliveries().await;
    assert_eq!(states(&deliveries), [("delivered", 2), ("queued", 1)]);
    let attempts = stand.attempts(&deliveries[1]).await;
    assert_eq!(attempts.len(), 1);
    let failure = attempts[0].outcome.failure().expect("it failed");
    assert!(failure.diagnostic.starts_with("internal error"), "{}", failure.diagnostic);
    assert!(matches!(attempts[0].outcome, Outcome::TransientFailure(_)));
    assert_eq!(deliveries[1].retries, 1, "it uses up its own schedule");
    assert_eq!(stand.suspended(), []);
}

#[tokio::test]
async fn a_deferred_delivery_does_not_hold_up_those_behind_it() {
    let mut stand = Stand::new(ScriptedChannel::new(1, |order| {
        let is_busy = order.notification.content.subject == "lane-0 0";
        Answer::Is(if is_busy { deferred() } else { Outcome::Delivered })
    }));
    stand.queue(&lane(0), 0..5).await;
    stand.start();
    stand.rest().await;
    assert_eq!(states(&stand.deliveries().await), [("delivered", 4), ("queued", 1)]);
    assert_eq!(stand.suspended(), []);
}
