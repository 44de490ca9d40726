//! How much of a long queue is in memory at once, and what becomes of what waits there too long.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use annunciator_core::Outcome;
use annunciator_store::ClaimAsk;

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

#[tokio::test]
async fn what_was_claimed_before_a_silence_is_claimed_anew_before_it_is_tried() {
    let gate = Arc::new(Notify::new());
    let opened = gate.clone();
    let mut stand = Stand::new(ScriptedChannel::new(1, move |_| {
        Answer::After(opened.clone(), Outcome::Delivered)
    }));
    stand.queue(LANE, 0..1).await;
    let now = stand.clock.now();
    let ask = ClaimAsk { lease_until: now.plus_ms(1_900_000), ..samples::ask(now) };
    let order = stand.store.claim_due(ask).await.expect("it is due").orders.remove(0);
    let delivery = order.deliveries[0].delivery.clone();
    // The store tells of another time of this node by now.
    stand.start_with(|stand| {
        let dispatcher = stand.dispatcher.clone().expect("it was started");
        assert!(dispatcher.reserve(&Lane::new(LANE), 1, 9));
        dispatcher.hand_over(&Lane::new(LANE), order, 9, Some(7));
    });
    let calls = std::cell::RefCell::new(Vec::new());
    let is_tried = || async {
        calls.borrow_mut().extend(stand.channel.take_calls());
        !calls.borrow().is_empty()
    };
    stand.until("it is tried", is_tried).await;
    let state = DeliveryState::Delivered { at: now };
    let old = samples::settlement(&delivery, 1, state);
    assert!(samples::is_stale(stand.store.as_ref(), old).await, "under its old claim");
    gate.notify_one();
    stand.rest().await;
    calls.borrow_mut().extend(stand.channel.take_calls());
    assert_eq!(calls.borrow().len(), 1);
    assert_eq!(states(&stand.deliveries().await), [("delivered", 1)]);
}
