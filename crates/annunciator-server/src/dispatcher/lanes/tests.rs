//! Rules of the lanes, without time passing.

use annunciator_core::{
    ChannelName, Content, Delivery, DeliveryId, DeliveryState, EnhancedStatus, EventUid,
    FailureScope, Notification, NotificationId, Recipient, RecipientRole, Scope, Severity, Stage,
};
use annunciator_store::{ClaimedDelivery, LaneTrouble};

use super::*;

fn lane() -> Lane {
    Lane::new("email/server")
}

fn work(number: u64) -> Work {
    let id = NotificationId::from_parts(number, [0; 10]);
    let recipient = Recipient { address: "a@example.org".into(), role: RecipientRole::To };
    let scope = Scope {
        application: String::new(),
        event_type: String::new(),
        severity: Severity::Info,
        device: String::new(),
        group: String::new(),
        conditions: Vec::new(),
    };
    let content = Content {
        subject: number.to_string(),
        text: String::new(),
        html: None,
        sender: String::new(),
        recipients: vec![recipient.clone()],
        message_id: String::new(),
        thread_id: String::new(),
        event_id: String::new(),
        command: None,
        pictures: Vec::new(),
    };
    let notification = Notification {
        id,
        event: EventUid::from_parts(number, [0; 10]),
        channel: ChannelName::from_static("email"),
        created_at: Timestamp(0),
        scope,
        content,
    };
    let delivery = Delivery {
        id: DeliveryId::from_parts(number, [0; 10]),
        notification: id,
        recipient,
        lane: lane(),
        state: DeliveryState::InFlight { lease_until: Timestamp(1) },
        created_at: Timestamp(0),
        expires_at: Timestamp(9),
        attempts: 0,
        retries: 0,
        possibly_duplicated: false,
        last_failure: None,
    };
    let deliveries = vec![ClaimedDelivery { delivery, token: 1 }];
    Work::new(ClaimedOrder { notification: notification.into(), deliveries }, Some(0))
}

fn failure(stage: Stage) -> Failure {
    Failure {
        stage,
        scope: FailureScope::Relay,
        code: None,
        status: EnhancedStatus::new(4, 4, 1),
        diagnostic: "refused".into(),
    }
}

fn subject(work: Option<Work>) -> Option<String> {
    work.map(|work| work.order.notification.content.subject.clone())
}

#[test]
fn work_comes_out_in_the_order_it_went_in_and_ends_the_worker_when_none_is_left() {
    let book = LaneBook::default();
    assert!(book.push(&lane(), work(1), 4), "the first work starts a worker");
    assert!(book.push(&lane(), work(2), 4), "more waits than works: a second one");
    assert!(!book.push(&lane(), work(3), 2), "the transport allows no third");
    assert_eq!(subject(book.pop(&lane())).as_deref(), Some("1"));
    assert_eq!(subject(book.pop_or_end(&lane())).as_deref(), Some("2"));
    assert_eq!(subject(book.pop_or_end(&lane())).as_deref(), Some("3"));
    assert_eq!(book.workers(), 2);
    assert!(book.pop_or_end(&lane()).is_none());
    assert_eq!(book.workers(), 1);
}

#[test]
fn fresh_work_never_overtakes_what_waits_in_the_store() {
    let book = LaneBook::default();
    assert!(book.reserve(&lane(), 1, 10));
    book.note_backlog(&lane());
    assert!(!book.reserve(&lane(), 1, 10));
    let plan = book.plan_claims(Timestamp(0));
    book.set_backlog(&plan, &[lane()]);
    assert!(!book.reserve(&lane(), 1, 10), "the store has more");
    let plan = book.plan_claims(Timestamp(0));
    book.set_backlog(&plan, &[]);
    assert!(book.reserve(&lane(), 1, 10));
}

#[test]
fn a_backlog_noted_during_a_claim_is_not_forgotten_by_it() {
    let book = LaneBook::default();
    book.note_backlog(&lane());
    let plan = book.plan_claims(Timestamp(0));
    book.note_backlog(&lane());
    book.set_backlog(&plan, &[]);
    assert!(!book.reserve(&lane(), 1, 10));
}

#[test]
fn memory_is_bounded_by_deliveries_and_by_octets() {
    let book = LaneBook::default();
    assert!(book.reserve(&lane(), LANE_HELD_MAX, 10));
    assert!(!book.reserve(&lane(), 1, 10));
    let other = Lane::new("other");
    assert!(book.reserve(&other, 1, HELD_BYTES_MAX - 10));
    assert!(!book.reserve(&other, 1, 10));
    book.release(&other, 1, HELD_BYTES_MAX - 10);
    assert!(book.reserve(&other, 5_000, 10), "a notification is never cut");
}

#[test]
fn a_suspended_lane_is_probed_after_1_2_5_10_30_60_120_and_then_every_300_seconds() {
    let book = LaneBook::default();
    let mut now = Timestamp(0);
    let trouble = failure(Stage::Auth);
    book.push(&lane(), work(1), 1);
    book.push(&lane(), work(2), 1);
    let (waiting, was_free) = book.suspend(&lane(), &trouble, now, true);
    assert_eq!((waiting.len(), was_free), (2, true));
    assert!(!book.suspend(&lane(), &trouble, now, true).1, "several workers meet the same trouble");
    for wait_s in [1, 2, 5, 10, 30, 60, 120, 300, 300] {
        assert!(!book.reserve(&lane(), 1, 1));
        let just_before = book.plan_claims(now.plus_ms(wait_s * 1_000 - 1));
        assert_eq!(just_before.probing, [], "too early for {wait_s} s");
        now = now.plus_ms(wait_s * 1_000);
        let plan = book.plan_claims(now);
        assert_eq!((&plan.probing[..], &plan.excluded[..]), (&[lane()][..], &[lane()][..]));
        assert_eq!(book.plan_claims(now).probing, [], "one probe at a time");
        book.suspend(&lane(), &trouble, now, true);
    }
    assert!(book.resume(&lane(), now));
    assert!(!book.resume(&lane(), now));
    assert!(!book.reserve(&lane(), 1, 1), "what waited goes first");
}

#[test]
fn a_relay_that_does_not_answer_is_knocked_at_and_probed_when_it_does() {
    for (stage, knocks) in [(Stage::Connect, 1), (Stage::Greeting, 1), (Stage::Auth, 0)] {
        let book = LaneBook::default();
        let mut now = Timestamp(0);
        for _ in 0..4 {
            book.suspend(&lane(), &failure(stage), now, true);
            now = now.plus_ms(20_000);
            book.plan_claims(now);
        }
        book.suspend(&lane(), &failure(stage), now, true);
        let plan = book.plan_claims(now.plus_ms(2_000));
        assert_eq!(plan.knocking.len(), knocks, "{stage}");
        if knocks == 1 {
            assert_eq!(plan.probing, []);
            book.probe_now(&lane(), now.plus_ms(2_001));
            assert_eq!(book.plan_claims(now.plus_ms(2_001)).probing, [lane()]);
        }
    }
}

#[test]
fn one_lane_in_trouble_leaves_the_others_alone() {
    let book = LaneBook::default();
    let other = Lane::new("other");
    book.suspend(&lane(), &failure(Stage::Connect), Timestamp(0), true);
    assert!(book.reserve(&other, 1, 1));
    assert!(book.push(&other, work(1), 1));
    assert_eq!(book.plan_claims(Timestamp(0)).excluded, [lane()]);
}

#[test]
fn a_drain_gives_out_nothing_more() {
    let book = LaneBook::default();
    book.push(&lane(), work(1), 1);
    assert_eq!(book.drain().len(), 1);
    assert!(!book.reserve(&lane(), 1, 1));
    assert!(book.pop_or_end(&lane()).is_none());
}

#[test]
fn work_that_waits_behind_a_stalled_worker_gets_another_one_after_a_while() {
    let book = LaneBook::default();
    assert!(book.push(&lane(), work(1), 2));
    assert_eq!(subject(book.pop_or_end(&lane())).as_deref(), Some("1"), "it stalls here");
    assert!(!book.push(&lane(), work(2), 2), "one waits behind one");
    assert!(book.begin_watch(&lane(), 2));
    assert!(!book.begin_watch(&lane(), 2), "one watch at a time");
    assert_eq!(book.add_worker(&lane(), 2), (true, true));
    assert_eq!(book.workers(), 2);
    assert_eq!(subject(book.pop_or_end(&lane())).as_deref(), Some("2"));
    assert_eq!(book.add_worker(&lane(), 2), (false, false), "nothing waits any more");
    assert!(!book.begin_watch(&lane(), 2));
}

#[test]
fn a_failure_of_an_attempt_from_before_does_not_count_as_the_probes() {
    let book = LaneBook::default();
    let trouble = failure(Stage::Connect);
    book.suspend(&lane(), &trouble, Timestamp(0), false);
    let probe_at = |book: &LaneBook| book.suspensions().remove(0).1.map(|s| s.probe_at);
    assert_eq!(probe_at(&book), Some(Timestamp(1_000)));
    assert_eq!(book.plan_claims(Timestamp(1_000)).probing, [lane()]);
    book.suspend(&lane(), &trouble, Timestamp(1_500), false);
    assert_eq!(probe_at(&book), Some(Timestamp(1_000)), "the probe is still under way");
    book.suspend(&lane(), &trouble, Timestamp(2_000), true);
    assert_eq!(probe_at(&book), Some(Timestamp(4_000)), "the second wait begins at its end");
}

#[test]
fn an_operator_who_asks_has_the_lane_probed_at_once() {
    let book = LaneBook::default();
    book.suspend(&lane(), &failure(Stage::Connect), Timestamp(0), false);
    assert_eq!(book.plan_claims(Timestamp(500)).probing, []);
    book.probe_all_now(Timestamp(500));
    assert_eq!(book.plan_claims(Timestamp(500)).probing, [lane()]);
}

#[test]
fn a_relay_that_bears_fewer_connections_keeps_fewer_workers() {
    let book = LaneBook::default();
    let pushed: Vec<bool> = (0..6).map(|number| book.push(&lane(), work(number), 4)).collect();
    assert_eq!(pushed, [true, true, true, true, false, false]);
    book.set_workers_limit(&lane(), 0);
    // Three of four end although work waits; the last goes on, and none is added.
    let ends: Vec<bool> = (0..3).map(|_| book.pop_or_end(&lane()).is_none()).collect();
    assert_eq!((ends, book.workers()), (vec![true; 3], 1));
    assert_eq!(subject(book.pop_or_end(&lane())), Some("0".into()));
    assert!(!book.push(&lane(), work(6), 4));
    assert!(!book.begin_watch(&lane(), 4));
    assert_eq!(book.add_worker(&lane(), 4), (false, false));
    book.set_workers_limit(&lane(), 2);
    assert!(book.begin_watch(&lane(), 4));
    assert_eq!(book.add_worker(&lane(), 4), (true, true));
    assert_eq!(book.add_worker(&lane(), 4), (false, false));
}

#[test]
fn a_command_weighs_what_its_arguments_and_environment_hold() {
    let weight = |command: Option<Command>| {
        let mut notification = Notification::clone(&work(1).order.notification);
        notification.content.command = command;
        weigh(&notification, 1)
    };
    let plain = weight(None);
    let long = "x".repeat(1 << 20);
    for (command, least) in [
        (Command { arguments: vec![long.clone(); 2], environment: Vec::new() }, 2 << 20),
        (Command { arguments: Vec::new(), environment: vec![("A".into(), long.clone())] }, 1 << 20),
        (Command { arguments: Vec::new(), environment: vec![(long, String::new())] }, 1 << 20),
    ] {
        let weight = weight(Some(command)) - plain;
        assert!((least..least + 1_024).contains(&weight), "{weight}");
    }
}

fn told(number: i64, is_own: bool) -> LaneTrouble {
    let (since, failure) = (Timestamp(0), failure(Stage::Auth));
    LaneTrouble { lane: lane(), since, failure, number, is_own }
}

#[test]
fn a_relay_that_another_node_found_in_trouble_is_not_run_into() {
    let book = LaneBook::default();
    let now = Timestamp(100_000);
    book.push(&lane(), work(1), 1);
    book.push(&lane(), work(2), 1);
    let heard = book.take_over(&[told(1, false)], now);
    assert_eq!(heard.suspended, [lane()]);
    assert_eq!(heard.given_back.len(), 2);
    assert!(!book.reserve(&lane(), 1, 1));
    // The same news again change nothing; a probe of the other node that failed was ours, too.
    assert!(book.take_over(&[told(1, false)], now.plus_ms(500)).suspended.is_empty());
    assert_eq!(book.plan_claims(now.plus_ms(999)).probing, []);
    book.take_over(&[told(2, false)], now.plus_ms(999));
    assert_eq!(book.plan_claims(now.plus_ms(2_998)).probing, [], "the second wait is 2 s");
    assert_eq!(book.plan_claims(now.plus_ms(2_999)).probing, [lane()]);
    // The other node got through.
    assert_eq!(book.take_over(&[], now.plus_ms(3_500)).resumed, [lane()]);
    assert!(book.take_over(&[], now.plus_ms(3_500)).resumed.is_empty());
}

#[test]
fn what_a_node_met_itself_ends_by_others_only_when_they_know_of_it() {
    let book = LaneBook::default();
    let now = Timestamp(100_000);
    book.suspend(&lane(), &failure(Stage::Auth), now, false);
    assert!(book.take_over(&[], now).resumed.is_empty(), "they were not told yet");
    book.take_over(&[told(1, true)], now);
    assert_eq!(book.plan_claims(now.plus_ms(1_000)).probing, [lane()], "its own word is no news");
    book.suspend(&lane(), &failure(Stage::Auth), now.plus_ms(1_000), true);
    assert_eq!(book.take_over(&[], now.plus_ms(1_500)).resumed, [lane()]);
}

#[test]
fn a_node_whose_way_to_the_relay_is_good_does_not_wait_for_one_whose_way_is_not() {
    let book = LaneBook::default();
    let now = Timestamp(100_000);
    book.push(&lane(), work(1), 1);
    assert!(!book.resume(&lane(), now), "it took something");
    assert!(book.take_over(&[told(1, false)], now.plus_ms(59_999)).suspended.is_empty());
    assert_eq!(book.take_over(&[told(2, false)], now.plus_ms(60_000)).suspended, [lane()]);
}

#[test]
fn a_lane_that_nothing_waits_for_is_free_and_hears_of_new_trouble_only() {
    let book = LaneBook::default();
    let now = Timestamp(100_000);
    assert_eq!(book.take_over(&[told(1, false)], now).suspended, [lane()]);
    assert!(!book.free(&lane()), "nobody has looked what waits");
    assert_eq!(book.plan_claims(now.plus_ms(1_000)).probing, [lane()]);
    assert!(book.free(&lane()));
    let later = now.plus_ms(1_500);
    assert!(book.take_over(&[told(1, false)], later).suspended.is_empty(), "it was looked at");
    let heard = book.take_over(&[told(2, false)], later);
    assert_eq!(heard.suspended, [lane()], "nobody has seen that the relay answers");
}
