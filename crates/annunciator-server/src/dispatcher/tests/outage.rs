//! A relay that is away for an hour, by the clock of the test.

use std::sync::atomic::{AtomicBool, Ordering};

use annunciator_core::{Outcome, Stage};

use super::script::{Answer, deferred, refused, unconfirmed};
use super::*;

const LANE: &str = "email/server";
const COUNT: u32 = 50;

/// A channel whose relay is up or not, as the flag says.
fn relay() -> (ScriptedChannel, Arc<AtomicBool>) {
    let is_up = Arc::new(AtomicBool::new(false));
    let state = is_up.clone();
    let channel = ScriptedChannel::new(4, move |_| {
        let is_up = state.load(Ordering::Acquire);
        Answer::Is(if is_up { Outcome::Delivered } else { refused() })
    });
    (channel, is_up)
}

#[tokio::test]
async fn after_an_hour_without_a_relay_all_goes_out_oldest_first_and_the_ledger_says_why() {
    let (channel, is_up) = relay();
    let mut stand = Stand::new(channel);
    stand.queue(LANE, 0..COUNT).await;
    stand.start();
    stand.rest().await;
    let down_since = stand.clock.now();
    while stand.clock.now().ms_since(down_since) < 3_600_000 {
        stand.step().await;
    }
    assert_eq!(states(&stand.deliveries().await), [("queued", COUNT as usize)]);
    assert_eq!(stand.suspended(), [Lane::new(LANE)]);

    // Every probe was made with the oldest, and is in the ledger with its reason.
    let oldest = stand.deliveries().await.remove(0);
    let probes = stand.attempts(&oldest).await;
    let since: Vec<i64> =
        probes.iter().map(|probe| probe.started_at.ms_since(down_since) / 1_000).collect();
    let (early, late) = since.split_at(8);
    assert_eq!(early, [0, 1, 3, 8, 18, 48, 108, 228]);
    assert_eq!(late.len(), 11, "one each 5 minutes: {since:?}");
    assert!(late.windows(2).all(|pair| pair[1] - pair[0] == 300), "{since:?}");
    for probe in &probes {
        let failure = probe.outcome.failure().expect("it failed");
        assert_eq!(
            (failure.stage, failure.diagnostic.as_str()),
            (Stage::Connect, "connection refused")
        );
    }
    assert_eq!((oldest.retries, oldest.attempts as usize), (0, probes.len()));
    assert_eq!(oldest.last_failure.as_ref().map(|failure| failure.stage), Some(Stage::Connect));

    // The relay is back: the next knock finds out, without waiting for the next probe.
    stand.channel.take_calls();
    is_up.store(true, Ordering::Release);
    stand.channel.set_answers_knocks(true);
    let back_at = stand.clock.now();
    while !stand.suspended().is_empty() {
        stand.step().await;
    }
    let waited_ms = stand.clock.now().ms_since(back_at);
    assert!(waited_ms <= 2_000, "the first mail went out after {waited_ms} ms");
    stand.rest().await;
    let expected: Vec<String> = (0..COUNT).map(|number| format!("{LANE} {number}")).collect();
    assert_eq!(subjects(&stand.channel.take_calls()), expected);
    assert_eq!(states(&stand.deliveries().await), [("delivered", COUNT as usize)]);
}

#[tokio::test]
async fn fresh_deliveries_wait_behind_a_suspended_lane_and_do_not_overtake() {
    let (channel, is_up) = relay();
    let mut stand = Stand::new(channel);
    stand.queue(LANE, 0..3).await;
    stand.start();
    stand.rest().await;
    let lane = Lane::new(LANE);
    let dispatcher = stand.dispatcher.as_ref().expect("it was started");
    assert!(!dispatcher.reserve(&lane, 1, 100), "a suspended lane has no room for fresh work");
    stand.queue(LANE, 3..6).await;
    dispatcher.note_queued(&lane);
    stand.channel.take_calls();
    is_up.store(true, Ordering::Release);
    while !stand.suspended().is_empty() {
        stand.step().await;
    }
    stand.rest().await;
    let expected: Vec<String> = (0..6).map(|number| format!("{LANE} {number}")).collect();
    assert_eq!(subjects(&stand.channel.take_calls()), expected);
}

#[tokio::test]
async fn a_probe_whose_delivery_has_expired_does_not_leave_its_lane_suspended_for_ever() {
    let (channel, is_up) = relay();
    let mut stand = Stand::new(channel);
    // Its lifetime ends between two looks at lifetimes, and before the probe after 3 seconds.
    stand.lifetime_ms = 2_000;
    stand.queue(LANE, 0..1).await;
    stand.start();
    stand.rest().await;
    let since = stand.clock.now();
    while stand.clock.now().ms_since(since) < 3_000 {
        stand.step().await;
    }
    assert_eq!(states(&stand.deliveries().await), [("failed", 1)], "found by the probe");
    stand.lifetime_ms = samples::LIFETIME_MS;
    stand.queue(LANE, 1..3).await;
    is_up.store(true, Ordering::Release);
    while !stand.suspended().is_empty() && stand.clock.now().ms_since(since) < 3_600_000 {
        stand.step().await;
    }
    stand.rest().await;
    assert_eq!(stand.suspended(), []);
    assert_eq!(states(&stand.deliveries().await), [("delivered", 2), ("failed", 1)]);
}

#[tokio::test]
async fn what_may_have_arrived_goes_to_the_same_server_however_often_that_fails() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let script = move |_: &annunciator_channels::Order| {
        Answer::Is(match tries.fetch_add(1, Ordering::AcqRel) {
            0 => unconfirmed(),
            1 => deferred(),
            2 => refused(),
            _ => Outcome::Delivered,
        })
    };
    let mut stand = Stand::new(ScriptedChannel::new(1, script));
    stand.queue("a", 0..1).await;
    stand.start();
    stand.rest().await;
    for _ in 0..200 {
        if states(&stand.deliveries().await) == [("delivered", 1)] {
            break;
        }
        stand.step().await;
    }
    let calls = stand.channel.take_calls();
    let asked: Vec<_> = calls.iter().map(|call| call.prefer_server.as_deref()).collect();
    assert_eq!(asked, [None, Some("script"), Some("script"), Some("script")]);
}
