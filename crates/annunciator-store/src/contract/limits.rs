//! Promises about limits: nobody gets in beyond them, and nothing that was limited is lost.

use std::sync::atomic::{AtomicU32, Ordering};

use annunciator_core::{
    Decision, DecisionKind, DeliveryState, HeldTime, LimitKey, LimitRule, NotificationLimit,
    Timestamp,
};

use super::samples::{
    LIFETIME_MS, START, accept, ask, claim_all, enqueue, event, first_page, notification_id_of,
    planned, queued, settlement, time_of, uid_of,
};
use crate::{
    Audience, AuditFilter, LimitClockRecord, LimitedType, PlanCommit, PlanVerdict, PlannedLimit,
    PlannedNotification, SlotAnswer, SlotAsk, SlotEnd, SlotId, Store, SummaryCommit,
    SummaryVerdict, Waiting,
};

pub(super) const PERIOD_MS: i64 = 1_000;
/// When held time begins in these checks: nowhere near the wall clock.
pub(super) const BEGIN: HeldTime = HeldTime(50_000);

pub(super) fn limit(count: u32) -> NotificationLimit {
    NotificationLimit {
        key: LimitKey("email/server".into()),
        rule: LimitRule { count, period_ms: PERIOD_MS },
        origin: "server settings".to_owned(),
    }
}

/// Commits the plan of an event of that number; whether its notification was admitted.
async fn commit_limited(store: &dyn Store, number: u32, count: u32, now: HeldTime) -> bool {
    commit_limited_over("a", store, number, count, now).await
}

async fn commit_limited_over(
    lane: &str,
    store: &dyn Store,
    number: u32,
    count: u32,
    now: HeldTime,
) -> bool {
    let event = event(number);
    accept(store, vec![event.clone()]).await;
    let mut planned = planned(&event, number, lane, 1, &queued(time_of(number)));
    let type_name = event.type_name.clone();
    planned.limit = Some(PlannedLimit { limit: limit(count), type_name, now });
    let decision = Decision {
        channel: planned.notification.channel.clone(),
        kind: DecisionKind::Notified,
        reason: "notify_about includes all events".to_owned(),
    };
    let verdict = PlanVerdict::Planned {
        notifications: vec![planned],
        decisions: vec![decision],
        term_days: None,
        postponed: Vec::new(),
    };
    let plan = PlanCommit { event: event.uid, verdict };
    let left_out = store.commit_plans(vec![plan]).await.expect("committed");
    let limited = left_out.limited;
    assert!(left_out.overtaken.is_empty(), "nobody else plans");
    assert!(limited.is_empty() || limited == vec![notification_id_of(number)]);
    limited.is_empty()
}

pub(super) async fn decisions(store: &dyn Store, number: u32) -> Vec<DecisionKind> {
    let row = store.event(uid_of(number)).await.expect("read").expect("it is there");
    row.decisions.into_iter().map(|decision| decision.kind).collect()
}

pub(super) async fn however_many_commit_at_once_the_limit_is_exact(store: &dyn Store) {
    const COMMITTERS: u32 = 16;
    const EACH: u32 = 25;
    let next = AtomicU32::new(0);
    let committer = || async {
        let mut admitted = Vec::new();
        for _ in 0..EACH {
            let number = next.fetch_add(1, Ordering::Relaxed);
            // 7 ms from one to the next: some periods pass meanwhile.
            let now = BEGIN.plus_ms(i64::from(number) * 7);
            if commit_limited(store, number, 5, now).await {
                admitted.push((number, now));
            }
        }
        admitted
    };
    let all: Vec<_> = (0..COMMITTERS).map(|_| committer()).collect();
    let admitted: Vec<_> = join_all(all).await.into_iter().flatten().collect();
    assert!(admitted.len() > 5, "{} admitted", admitted.len());
    // Out of order, one may be admitted as of the time of the one before: by so much at most.
    let disorder_ms = i64::from(COMMITTERS) * 7;
    for (_, from) in &admitted {
        let within = |at: HeldTime| (0..PERIOD_MS - disorder_ms).contains(&at.ms_since(*from));
        let count = admitted.iter().filter(|(_, at)| within(*at)).count();
        assert!(count <= 5, "{count} from {from:?}");
    }
    let mut limited = 0;
    for number in 0..COMMITTERS * EACH {
        limited += u64::from(decisions(store, number).await == [DecisionKind::Limited]);
    }
    let keys = store.limited_keys().await.expect("read");
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (keys[0].count, limited),
        (limited, u64::from(COMMITTERS * EACH) - admitted.len() as u64)
    );
    assert_eq!(store.queue_counts().await.expect("read").queued[0].1, admitted.len() as u64);
}

/// Runs futures side by side on this task.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|f| Some(Box::pin(f))).collect();
    let mut outputs: Vec<_> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if let Some(running) = future
                && let std::task::Poll::Ready(ended) = running.as_mut().poll(context)
            {
                *output = Some(ended);
                *future = None;
            }
        }
        let is_over = futures.iter().all(Option::is_none);
        if is_over { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outputs.into_iter().map(|output| output.expect("all have ended")).collect()
}

pub(super) async fn a_limited_notification_leaves_a_decision_and_no_delivery(store: &dyn Store) {
    assert!(commit_limited(store, 0, 1, BEGIN).await);
    assert!(!commit_limited(store, 1, 1, BEGIN.plus_ms(999)).await);
    assert_eq!(decisions(store, 0).await, [DecisionKind::Notified]);
    let row = store.event(uid_of(1)).await.expect("read").expect("it is there");
    assert_eq!(row.state.as_str(), "planned");
    assert_eq!(row.decisions.len(), 1, "{:?}", row.decisions);
    assert_eq!(row.decisions[0].kind, DecisionKind::Limited);
    assert_eq!(row.decisions[0].reason, "the limit of 1 in 1 s (server settings) is reached");
    assert!(store.notifications_of(uid_of(1)).await.expect("read").is_empty());
    assert_eq!(claim_all(store, START.plus_ms(1_000)).await.len(), 1);
    // The same plan again counts nothing again.
    let verdict = PlanVerdict::Planned {
        notifications: Vec::new(),
        decisions: Vec::new(),
        term_days: None,
        postponed: Vec::new(),
    };
    store.commit_plans(vec![PlanCommit { event: uid_of(1), verdict }]).await.expect("committed");
    assert_eq!(store.limited_keys().await.expect("read")[0].count, 1);
}

pub(super) fn slot_ask(number: u32, count: u32, now: HeldTime) -> SlotAsk {
    SlotAsk {
        limit: limit(count),
        notification: notification_id_of(number),
        event: uid_of(number),
        planned_at: time_of(number),
        was_tried: false,
        may_have_arrived: false,
        now,
    }
}

/// Frees a slot as the settlement of a claim that nobody holds does.
pub(super) async fn free(store: &dyn Store, slot: SlotId, at: HeldTime, may_have_arrived: bool) {
    let event = event(900_000);
    let delivery = planned(&event, 900_000, "z", 1, &queued(START)).deliveries.remove(0);
    let mut settlement = settlement(&delivery, 77, DeliveryState::Delivered { at: START });
    settlement.slot = Some(SlotEnd { slot, at, may_have_arrived });
    let stale = store.settle(vec![settlement]).await.expect("settled");
    assert_eq!(stale.len(), 1, "nobody holds this claim");
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

pub(super) async fn no_period_sees_more_hand_overs_than_the_limit(store: &dyn Store) {
    const COUNT: u32 = 3;
    let mut dice = Dice(7);
    let mut now = BEGIN;
    // Attempts under way: slot, end, when it hands over, whether it does.
    let mut running: Vec<(SlotId, HeldTime, HeldTime, bool)> = Vec::new();
    let mut handed_over: Vec<HeldTime> = Vec::new();
    let mut refused = 0;
    for number in 0..600 {
        now = now.plus_ms(dice.below(200));
        let (ended, still): (Vec<_>, Vec<_>) = running.into_iter().partition(|one| one.1 <= now);
        running = still;
        for (slot, end, hand_over, arrives) in ended {
            free(store, slot, end.plus_ms(1), arrives).await;
            handed_over.extend(arrives.then_some(hand_over));
        }
        if number % 97 == 96 {
            // The process dies: what it was about to hand over may have arrived until now.
            for (_, _, hand_over, _) in running.drain(..) {
                handed_over.push(hand_over.min(now));
            }
            store.free_lost_slots(now).await.expect("freed");
        }
        match store.take_slot(slot_ask(number, COUNT, now)).await.expect("asked") {
            SlotAnswer::Taken(slot) => {
                let end = now.plus_ms(dice.below(700));
                let hand_over = now.plus_ms(dice.below(end.ms_since(now) + 1));
                running.push((slot, end, hand_over, dice.below(4) > 0));
            }
            SlotAnswer::Full => refused += 1,
            SlotAnswer::Passes => panic!("none of them arrived before"),
        }
    }
    assert!(refused > 100 && handed_over.len() > 50, "{refused}, {}", handed_over.len());
    for from in &handed_over {
        let within = |at: &&HeldTime| (0..=PERIOD_MS).contains(&at.ms_since(*from));
        let count = handed_over.iter().filter(within).count();
        assert!(count <= COUNT as usize, "{count} from {from:?}");
    }
}

pub(super) async fn a_slot_is_asked_for_when_something_is_handed_over(store: &dyn Store) {
    let two = enqueue(store, 0, "a", 2, queued(START)).await;
    let take = |ask: SlotAsk| async move { store.take_slot(ask).await.expect("asked") };
    let first = slot_ask(0, 1, BEGIN);
    let SlotAnswer::Taken(slot) = take(first.clone()).await else { panic!("it is free") };
    assert_eq!(take(slot_ask(1, 1, BEGIN)).await, SlotAnswer::Full);
    // Another order of the same notification is no other notification.
    let SlotAnswer::Taken(shared) = take(first.clone()).await else { panic!("it is counted") };
    // One that may have arrived already would arrive twice.
    let again = SlotAsk { may_have_arrived: true, ..first.clone() };
    assert_eq!(take(again.clone()).await, SlotAnswer::Full);
    // Nothing was handed over: both slots are as if they had never been taken.
    free(store, slot, BEGIN.plus_ms(10), false).await;
    free(store, shared, BEGIN.plus_ms(10), false).await;
    let SlotAnswer::Taken(slot) = take(slot_ask(1, 1, BEGIN.plus_ms(10))).await else {
        panic!("it was given back")
    };
    free(store, slot, BEGIN.plus_ms(20), true).await;
    let at = BEGIN.plus_ms(20 + PERIOD_MS);
    assert_eq!(take(slot_ask(2, 1, at.plus_ms(-1))).await, SlotAnswer::Full);
    assert!(matches!(take(slot_ask(2, 1, at)).await, SlotAnswer::Taken(_)));
    // It reached one of two: it was counted then, and the other one waits for nobody.
    let retry = SlotAsk { was_tried: true, now: at, ..first };
    assert_eq!(take(retry.clone()).await, SlotAnswer::Full);
    let claimed = claim_all(store, START.plus_ms(1)).await;
    assert_eq!(claimed.len(), two.deliveries.len());
    let state = DeliveryState::Delivered { at: START };
    let settled = settlement(&claimed[0].delivery, claimed[0].token, state);
    store.settle(vec![settled]).await.expect("settled");
    assert_eq!(take(retry).await, SlotAnswer::Passes);
    let again = SlotAsk { now: at, was_tried: true, ..again };
    assert_eq!(take(again).await, SlotAnswer::Full);
}

pub(super) async fn a_settlement_frees_its_slot_whatever_becomes_of_the_claim(store: &dyn Store) {
    let SlotAnswer::Taken(slot) = store.take_slot(slot_ask(0, 1, BEGIN)).await.expect("asked")
    else {
        panic!("it is free")
    };
    free(store, slot, BEGIN.plus_ms(5), true).await;
    // Settled once more, after an answer that was lost: nobody else's slot is touched.
    let at = BEGIN.plus_ms(5 + PERIOD_MS);
    let taken = store.take_slot(slot_ask(1, 1, at)).await.expect("asked");
    assert!(matches!(taken, SlotAnswer::Taken(other) if other != slot));
    free(store, slot, at, false).await;
    assert_eq!(store.take_slot(slot_ask(2, 1, at)).await.expect("asked"), SlotAnswer::Full);
}

/// One that stands in line.
pub(super) fn line_of(number: u32) -> Waiting {
    Waiting {
        notification: notification_id_of(number),
        event: uid_of(number),
        planned_at: time_of(number),
    }
}

pub(super) async fn those_who_wait_stand_in_line(store: &dyn Store) {
    let SlotAnswer::Taken(slot) = store.take_slot(slot_ask(0, 2, BEGIN)).await.expect("asked")
    else {
        panic!("it is free")
    };
    let ids = |numbers: std::ops::Range<u32>| numbers.map(line_of).collect::<Vec<_>>();
    let line_up = |numbers, now| async move {
        store.line_up(limit(2), ids(numbers), now).await.expect("lined up")
    };
    free(store, slot, BEGIN.plus_ms(100), true).await;
    let times = line_up(1..8, BEGIN.plus_ms(100)).await;
    assert_eq!(times[0], BEGIN.plus_ms(100), "one slot is free still");
    assert_eq!(times[1], times[0]);
    for (at, later) in [(0, 2), (2, 4), (4, 6)] {
        let step = times[later].ms_since(times[at]);
        assert!((PERIOD_MS..PERIOD_MS + 100).contains(&step), "{times:?}");
        assert_eq!(times[later], *times.get(later + 1).unwrap_or(&times[later]));
    }
    // Who comes later stands behind them, who stood in line already in front.
    let later = line_up(8..10, BEGIN.plus_ms(200)).await;
    assert_eq!(later[0], times[6]);
    assert!(later[1] > times[6]);
    let again = line_up(3..5, BEGIN.plus_ms(200)).await;
    assert!(again.iter().all(|at| *at <= times[2]), "{again:?}");
}

/// A summary that tells so many of each type, and its event's number.
fn summary(number: u32, told: Vec<LimitedType>, now: HeldTime) -> SummaryCommit {
    let event = event(number);
    let planned: PlannedNotification = planned(&event, number, "a", 1, &queued(time_of(number)));
    SummaryCommit {
        key: limit(1).key,
        told,
        event,
        planned: vec![planned],
        reason: "summary of the limit".to_owned(),
        now,
    }
}

fn told(count: u64) -> Vec<LimitedType> {
    let event = event(0);
    vec![LimitedType {
        application: event.application.name,
        event_type: event.event_type,
        type_name: event.type_name,
        count,
    }]
}

pub(super) async fn a_summary_tells_exactly_what_was_limited(store: &dyn Store) {
    let key = limit(1).key;
    assert!(store.limited(&key).await.expect("read").is_none());
    for number in 0..4 {
        assert_eq!(commit_limited(store, number, 1, BEGIN).await, number == 0);
    }
    let owed = store.limited(&key).await.expect("read").expect("it owes a summary");
    assert_eq!((owed.limited.count, owed.types), (3, told(3)));
    assert_eq!((owed.limited.first_at, owed.limited.last_at), (time_of(1), time_of(3)));
    let audience: Vec<_> =
        owed.audiences[0].recipients.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(audience, ["user-0@example.org"]);
    let source = &owed.limited.source;
    assert_eq!((source.lane.as_str(), source.lifetime_ms), ("a", LIFETIME_MS));
    let due_at = BEGIN.plus_ms(PERIOD_MS);
    assert_eq!(owed.limited.counter.summary_due_at(source.rule), Some(due_at));
    let commit = |summary| async { store.commit_summary(summary).await.expect("committed") };
    let early = summary(10, told(3), due_at.plus_ms(-1));
    assert_eq!(commit(early).await, SummaryVerdict::NotYet(due_at));
    assert_eq!(commit(summary(10, told(4), due_at)).await, SummaryVerdict::Changed);
    assert_eq!(commit(summary(10, told(3), due_at)).await, SummaryVerdict::Committed);
    assert!(store.limited(&key).await.expect("read").is_none());
    assert_eq!(commit(summary(10, told(3), due_at)).await, SummaryVerdict::Changed);
    let row = store.event(uid_of(10)).await.expect("read").expect("it is in the ledger");
    assert_eq!((row.state.as_str(), row.decisions.len()), ("planned", 1));
    assert_eq!(row.decisions[0].reason, "summary of the limit");
    assert!(store.claim_events(10).await.expect("claimed").is_empty(), "it is not planned again");
    // It took a place itself.
    assert!(!commit_limited(store, 20, 1, due_at.plus_ms(PERIOD_MS - 1)).await);
    assert_eq!(store.queue_counts().await.expect("read").queued[0].1, 2);
}

pub(super) async fn what_comes_after_the_text_stays_for_the_next_summary(store: &dyn Store) {
    for number in 0..6 {
        commit_limited(store, number, 1, BEGIN).await;
    }
    let due_at = BEGIN.plus_ms(PERIOD_MS);
    let verdict = store.commit_summary(summary(10, told(2), due_at)).await.expect("committed");
    assert_eq!(verdict, SummaryVerdict::Committed);
    let rest = store.limited(&limit(1).key).await.expect("read").expect("three are owed");
    assert_eq!((rest.limited.count, rest.types), (3, told(3)));
    assert_eq!(rest.audiences[0].recipients.len(), 1);
}

pub(super) async fn an_audience_is_told_over_the_lane_of_what_it_missed(store: &dyn Store) {
    for (number, lane) in ["a", "a", "b", "b", "a"].into_iter().enumerate() {
        let number = u32::try_from(number).expect("a few");
        commit_limited_over(lane, store, number, 1, BEGIN).await;
    }
    let owed = store.limited(&limit(1).key).await.expect("read").expect("four are owed");
    assert_eq!(owed.limited.count, 4, "the limit is one");
    let told = |audience: &Audience| {
        let addresses = audience.recipients.iter().map(|one| one.address.clone());
        (audience.source.lane.as_str().to_owned(), addresses.collect::<Vec<_>>())
    };
    let told: Vec<_> = owed.audiences.iter().map(told).collect();
    let user = || vec!["user-0@example.org".to_owned()];
    assert_eq!(told, [("a".to_owned(), user()), ("b".to_owned(), user())]);
}

pub(super) async fn an_event_and_a_summary_take_turns(store: &dyn Store) {
    assert!(commit_limited(store, 0, 1, BEGIN).await);
    assert!(!commit_limited(store, 1, 1, BEGIN).await);
    let free_at = BEGIN.plus_ms(PERIOD_MS);
    assert!(!commit_limited(store, 2, 1, free_at).await, "the place is the summary's");
    let verdict = store.commit_summary(summary(10, told(2), free_at)).await.expect("committed");
    assert_eq!(verdict, SummaryVerdict::Committed);
    assert!(!commit_limited(store, 3, 1, free_at.plus_ms(1)).await);
    let free_at = free_at.plus_ms(PERIOD_MS);
    let early = store.commit_summary(summary(11, told(1), free_at)).await.expect("answered");
    assert_eq!(early, SummaryVerdict::NotYet(free_at.plus_ms(PERIOD_MS)));
    assert!(commit_limited(store, 4, 1, free_at).await, "now it is an event's turn");
    let counter = store.counter(&limit(1).key, limit(1).rule).await.expect("read");
    assert!(counter.owes_summary && !counter.newest_is_summary);
    assert_eq!(counter.nth, Some(free_at));
}

pub(super) async fn the_clock_is_kept_and_old_limits_are_forgotten(store: &dyn Store) {
    assert_eq!(store.limit_clock().await.expect("read"), (None, None));
    let mut record = LimitClockRecord { boot_id: "a".to_owned(), offset_ms: 5, wall_ahead_ms: -7 };
    store.keep_limit_clock(record.clone()).await.expect("kept");
    record.offset_ms = 6;
    store.keep_limit_clock(record.clone()).await.expect("kept");
    commit_limited(store, 0, 1, BEGIN).await;
    assert_eq!(store.limit_clock().await.expect("read"), (Some(record), Some(BEGIN)));
    let SlotAnswer::Taken(slot) =
        store.take_slot(slot_ask(0, 1, BEGIN.plus_ms(10))).await.expect("asked")
    else {
        panic!("it is free")
    };
    assert_eq!(
        store.forget_limits(BEGIN.plus_ms(9_000)).await.expect("asked"),
        0,
        "a slot is open"
    );
    free(store, slot, BEGIN.plus_ms(20), true).await;
    assert_eq!(store.limit_clock().await.expect("read").1, Some(BEGIN.plus_ms(20)));
    assert_eq!(store.forget_limits(BEGIN.plus_ms(20)).await.expect("asked"), 0);
    commit_limited(store, 1, 1, BEGIN.plus_ms(20)).await;
    let late = BEGIN.plus_ms(9_000);
    assert_eq!(store.forget_limits(late).await.expect("asked"), 0, "a summary is owed");
    let done = store.commit_summary(summary(10, told(1), BEGIN.plus_ms(5_000))).await;
    assert_eq!(done.expect("committed"), SummaryVerdict::Committed);
    assert_eq!(store.forget_limits(late).await.expect("asked"), 1);
    assert_eq!(store.limit_clock().await.expect("read").1, None);
}

pub(super) async fn a_wall_clock_set_back_holds_up_nothing(store: &dyn Store) {
    const BACK_MS: i64 = 172_800_000;
    enqueue(store, 0, "a", 1, queued(START)).await;
    enqueue(store, 1, "a", 1, queued(START.plus_ms(5_000))).await;
    let now = Timestamp(START.0 - BACK_MS);
    assert_eq!(store.claim_due(ask(now)).await.expect("claimed").orders.len(), 0);
    assert_eq!(store.move_due(now, BACK_MS).await.expect("moved"), 2);
    assert_eq!(claim_all(store, now).await.len(), 1);
    let claims = store.claim_due(ask(now.plus_ms(4_999))).await.expect("claimed");
    assert!(claims.orders.is_empty(), "it waits as long as before");
    assert_eq!(claim_all(store, now.plus_ms(5_000)).await.len(), 1);
    assert!(store.audit(AuditFilter::default(), first_page()).await.expect("read").rows.is_empty());
}
