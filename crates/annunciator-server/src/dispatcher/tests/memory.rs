//! How much of a long queue is in memory at once, and what becomes of what waits there too long.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use annunciator_core::Outcome;

use super::lanes::LANE_HELD_MAX;
use super::script::Answer;
use super::*;

const LANE: &str = "email/server";

#[tokio::test]
async fn five_thousand_deliveries_are_drained_with_no_more_in_memory_than_the_bound() {
    let count = 5_000_u32;
    let most = Arc::new(AtomicUsize::new(0));
    // Set after the start: the script looks at the lanes at each attempt.
    let lanes: Arc<std::sync::OnceLock<Dispatcher>> = Arc::default();
    let (seen, book) = (most.clone(), lanes.clone());
    let mut stand = Stand::new(ScriptedChannel::new(4, move |_| {
        if let Some(dispatcher) = book.get() {
            seen.fetch_max(dispatcher.inner.lanes.held().0, Ordering::AcqRel);
        }
        Answer::Is(Outcome::Delivered)
    }));
    stand.queue(LANE, 0..count).await;
    stand.start();
    let dispatcher = stand.dispatcher.clone().expect("it was started");
    assert!(lanes.set(dispatcher).is_ok());
    let is_done = || async { stand.store.queue_counts().await.expect("counted").queued.is_empty() };
    stand.until("all go out", is_done).await;
    stand.rest().await;
    assert_eq!(states(&stand.deliveries().await), [("delivered", count as usize)]);
    let calls = stand.channel.take_calls();
    assert_eq!(calls.len(), count as usize, "each was tried once");
    let most = most.load(Ordering::Acquire);
    assert!((1..=LANE_HELD_MAX).contains(&most), "{most} of {LANE_HELD_MAX} were in memory");
}

#[tokio::test]
async fn what_waits_in_memory_beyond_its_claim_is_claimed_anew_and_tried_once() {
    let is_slow = Arc::new(AtomicBool::new(true));
    let gate = Arc::new(Notify::new());
    let (slow, opened) = (is_slow.clone(), gate.clone());
    let mut stand = Stand::new(ScriptedChannel::new(1, move |_| {
        if slow.swap(false, Ordering::AcqRel) {
            return Answer::After(opened.clone(), Outcome::Delivered);
        }
        Answer::Is(Outcome::Delivered)
    }));
    stand.queue(LANE, 0..20).await;
    stand.start();
    let lanes = || &stand.inner().lanes;
    stand.until("all are in memory", || async { lanes().held().0 == 20 }).await;
    stand.until("one is tried", || async { !is_slow.load(Ordering::Acquire) }).await;
    // So slow a relay that all claims end: the store gives everything out once more.
    stand.clock.advance(1_900_000);
    stand.until("all are claimed anew", || async { lanes().held().0 == 40 }).await;
    gate.notify_one();
    stand.rest().await;
    let deliveries = stand.deliveries().await;
    assert_eq!(states(&deliveries), [("delivered", 20)]);
    assert!(deliveries.iter().all(|delivery| delivery.attempts == 1));
    let mut tried = stand.channel.take_calls();
    tried.sort_by(|a, b| a.subject.cmp(&b.subject));
    tried.dedup_by(|a, b| a.subject == b.subject && a.subject == format!("{LANE} 0"));
    assert_eq!(tried.len(), 20, "only the one under way then was tried twice");
}
