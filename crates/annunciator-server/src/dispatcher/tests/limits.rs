//! What counts against a limit is handed over no faster than it allows, without asking the store
//! all the time, and holds up nobody else.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use annunciator_certificates::CertificateBook;
use annunciator_core::Outcome;
use annunciator_settings::LayerGroup as _;
use serde_json::json;

use super::script::{Answer, deferred, refused};
use super::*;
use crate::configuration::Configuration;
use crate::metrics::ChannelLabels;
use crate::snapshot::Snapshot;

const LANE: &str = "email/server";

/// Puts a limit in force.
fn set_limit(stand: &Stand, limit: &serde_json::Value) {
    let mut configuration = Configuration::default();
    let email = &mut configuration.server.channels.email;
    email.patch(&json!({ "limit": limit })).expect("a good limit");
    let settings = &stand.inner().settings;
    let book = CertificateBook::default();
    settings.swap(Snapshot::compile(settings.channels(), &book, configuration, 1));
}

/// When each hand-over was, by its subject.
type Log = Arc<Mutex<Vec<(Timestamp, String)>>>;

/// A stand whose channel notes when it delivers, as long as it does.
fn stand_with(
    workers: usize,
    outcome: impl Fn(&str) -> Outcome + Send + Sync + 'static,
) -> (Stand, Log) {
    let log = Log::default();
    let clock: Arc<std::sync::OnceLock<annunciator_testkit::clock::ManualClock>> = Arc::default();
    let (noted, seen) = (log.clone(), clock.clone());
    let stand = Stand::new(ScriptedChannel::new(workers, move |order| {
        let subject = order.notification.content.subject.clone();
        let outcome = outcome(&subject);
        if outcome == Outcome::Delivered {
            let now = seen.get().expect("it is set").now();
            noted.lock().expect("no panic while held").push((now, subject));
        }
        Answer::Is(outcome)
    }));
    assert!(clock.set(stand.clock.clone()).is_ok());
    (stand, log)
}

fn most_in(log: &Log, period_ms: i64) -> usize {
    let log = log.lock().expect("no panic while held");
    let within = |from: Timestamp| {
        log.iter().filter(|(at, _)| (0..=period_ms).contains(&at.ms_since(from))).count()
    };
    log.iter().map(|(from, _)| within(*from)).max().unwrap_or(0)
}

fn put_off(stand: &Stand) -> u64 {
    let labels = ChannelLabels { channel: "email".to_owned() };
    stand.inner().metrics.put_off.get_or_create(&labels).get()
}

async fn step_until_delivered(stand: &Stand, count: usize) {
    for _ in 0..5_000 {
        stand.rest().await;
        if stand.store.queue_counts().await.expect("counted").queued.is_empty() {
            assert_eq!(states(&stand.deliveries().await), [("delivered", count)]);
            return;
        }
        assert!(stand.clock.advance_to_next_sleeper());
    }
    panic!("not all are delivered: {:?}", states(&stand.deliveries().await));
}

#[tokio::test]
async fn a_long_backlog_is_released_at_the_limit_and_the_store_is_asked_little() {
    const COUNT: u32 = 1_000;
    let (mut stand, log) = stand_with(4, |_| Outcome::Delivered);
    stand.queue(LANE, 0..COUNT).await;
    // Started under the limit: the first claim comes at once.
    stand.start_with(|stand| set_limit(stand, &json!({"count": 5, "period_s": 1})));
    let began_at = stand.clock.now();
    step_until_delivered(&stand, COUNT as usize).await;
    assert_eq!(log.lock().expect("no panic while held").len(), COUNT as usize);
    assert_eq!(most_in(&log, 1_000), 5);
    let took_ms = stand.clock.now().ms_since(began_at);
    assert!((199_000..215_000).contains(&took_ms), "{took_ms} ms for 200 periods");
    let put_off = put_off(&stand);
    assert!(put_off <= u64::from(3 * COUNT), "{put_off} returns to the store for {COUNT}");
    let log = log.lock().expect("no panic while held");
    let is_early = |(position, (_, subject)): &(usize, &(Timestamp, String))| {
        let number = subject.rsplit(' ').next().and_then(|number| number.parse::<usize>().ok());
        number.expect("a number").abs_diff(*position) > 20
    };
    // What several workers asked for at once may go ahead of its claim; the rest keeps its place.
    let early = log.iter().enumerate().filter(is_early).count();
    assert!(early <= 8, "{early} of {COUNT} are out of order");
}

#[tokio::test]
async fn who_waits_for_a_limit_holds_up_nobody_else() {
    let (mut stand, log) = stand_with(2, |_| Outcome::Delivered);
    let mut other = samples::event(500);
    other.event_type = "door.open".to_owned();
    stand.queue(LANE, 0..300).await;
    stand.queue_of(other, LANE, 500..503, 200).await;
    let limit = json!({"count": 3, "period_s": 60, "per": "event_type"});
    stand.start_with(|stand| set_limit(stand, &limit));
    stand.rest().await;
    assert_eq!(log.lock().expect("no panic while held").len(), 6, "three of each type");
    stand.step_for(59_000).await;
    assert_eq!(log.lock().expect("no panic while held").len(), 6);
    // Who asks while the first attempts still run is given a step of the line, with its margin.
    stand.step_for(3_000).await;
    assert_eq!(log.lock().expect("no panic while held").len(), 9);
    // Without the limit nothing waits for it, not even for the clock.
    let now = stand.clock.now();
    change_limit(&stand, &json!("none"));
    are_delivered(&stand, &log, 303).await;
    assert_eq!(stand.clock.now(), now);
}

/// Puts a limit in force as a save of the settings does.
fn change_limit(stand: &Stand, limit: &serde_json::Value) {
    set_limit(stand, limit);
    stand.dispatcher.as_ref().expect("it was started").settings_changed();
}

/// Ends when so many are delivered, without a move of the clock.
async fn are_delivered(stand: &Stand, log: &Log, count: usize) {
    let is_so = || async { log.lock().expect("no panic while held").len() == count };
    stand.until("they are delivered", is_so).await;
    stand.rest().await;
    assert_eq!(log.lock().expect("no panic while held").len(), count);
}

#[tokio::test]
async fn a_limit_that_is_made_wider_again_holds_nothing_back() {
    let (mut stand, log) = stand_with(4, |_| Outcome::Delivered);
    stand.queue(LANE, 0..100).await;
    let wide = json!({"count": 10, "period_s": 60});
    stand.start_with(|stand| set_limit(stand, &wide));
    are_delivered(&stand, &log, 10).await;
    // Somebody makes it narrow by mistake: the last of them would wait for days.
    change_limit(&stand, &json!({"count": 1, "period_s": 3600}));
    stand.step_for(300_000).await;
    assert_eq!(log.lock().expect("no panic while held").len(), 10);
    let began_at = stand.clock.now();
    change_limit(&stand, &wide);
    are_delivered(&stand, &log, 20).await;
    assert_eq!(stand.clock.now(), began_at);
    // What comes now stands behind them, and not at the end of the narrow line.
    stand.queue(LANE, 200..210).await;
    stand.dispatcher.as_ref().expect("it was started").note_queued(&Lane::new(LANE));
    step_until_delivered(&stand, 110).await;
    let took_ms = stand.clock.now().ms_since(began_at);
    assert!(took_ms < 12 * 60_000, "{took_ms} ms for 10 periods");
    assert_eq!(most_in(&log, 60_000), 10);
}

#[tokio::test]
async fn an_outage_uses_no_slots_and_opens_no_gate() {
    let is_down = Arc::new(AtomicBool::new(true));
    let down = is_down.clone();
    let (mut stand, log) =
        stand_with(
            4,
            move |_| {
                if down.load(Ordering::Acquire) { refused() } else { Outcome::Delivered }
            },
        );
    stand.queue(LANE, 0..40).await;
    stand.start_with(|stand| set_limit(stand, &json!({"count": 4, "period_s": 10})));
    stand.step_for(30_000).await;
    assert_eq!(stand.suspended().len(), 1);
    is_down.store(false, Ordering::Release);
    step_until_delivered(&stand, 40).await;
    assert_eq!(most_in(&log, 10_000), 4, "those that were tried in vain count again");
}

#[tokio::test]
async fn a_retry_that_reaches_somebody_for_the_first_time_counts() {
    let is_busy = Arc::new(AtomicBool::new(true));
    let busy = is_busy.clone();
    let (mut stand, log) =
        stand_with(
            4,
            move |_| {
                if busy.load(Ordering::Acquire) { deferred() } else { Outcome::Delivered }
            },
        );
    stand.queue(LANE, 0..12).await;
    stand.start_with(|stand| set_limit(stand, &json!({"count": 2, "period_s": 20})));
    stand.rest().await;
    is_busy.store(false, Ordering::Release);
    step_until_delivered(&stand, 12).await;
    assert_eq!(most_in(&log, 20_000), 2);
}
