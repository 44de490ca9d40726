//! Promises about those who wait for a limit: changed limits hold nobody back, and what one plan
//! made of one event is one.

use std::sync::Arc;

use annunciator_core::{DecisionKind, DeliveryState, HeldTime};

use super::limits::{BEGIN, PERIOD_MS, decisions, free, limit, line_of, slot_ask};
use super::samples::{
    START, accept, claim_all, enqueue, event, notification_id_of, planned, queued, settlement,
    time_of, uid_of,
};
use crate::{PlanCommit, PlanVerdict, PlannedLimit, SlotAnswer, SlotAsk, Store, Waiting};

pub(super) async fn a_line_is_that_of_its_rule(store: &dyn Store) {
    let taken = store.take_slot(slot_ask(0, 1, BEGIN)).await.expect("asked");
    let SlotAnswer::Taken(slot) = taken else { panic!("it is free") };
    free(store, slot, BEGIN, true).await;
    let line_up = |numbers: std::ops::Range<u32>, count| async move {
        let line = numbers.map(line_of).collect();
        store.line_up(limit(count), line, BEGIN).await.expect("lined up")
    };
    let frees_at = BEGIN.plus_ms(PERIOD_MS);
    let long = line_up(1..100, 1).await;
    assert!(long[98] > BEGIN.plus_ms(98 * PERIOD_MS), "{long:?}");
    assert!(line_up(100..101, 1).await[0] > long[98]);
    // A wider limit: nobody waits for the end of the old line.
    let wider = line_up(101..103, 2).await;
    assert!(wider.iter().all(|at| *at <= frees_at), "{wider:?}");
    // And back: neither does anybody wait for the end of that.
    assert_eq!(line_up(103..104, 1).await, [frees_at]);
    // Lines end with what was put off.
    line_up(104..200, 1).await;
    store.release_put_off(START).await.expect("released");
    assert_eq!(line_up(200..201, 1).await, [frees_at]);
}

pub(super) async fn whatever_was_put_off_is_released_in_its_old_place(store: &dyn Store) {
    // More than one step of the store.
    const COUNT: u32 = 1_201;
    let now = START.plus_ms(100_000);
    let far = DeliveryState::Queued { due_at: now.plus_ms(40 * 86_400_000) };
    for number in 0..COUNT {
        enqueue(store, number, "a", 1, queued(START)).await;
    }
    let mut put_off = 0;
    while put_off < COUNT {
        let claimed = claim_all(store, now).await;
        assert!(!claimed.is_empty());
        put_off += u32::try_from(claimed.len()).expect("few");
        let end = |claim: crate::ClaimedDelivery| {
            let mut settlement = settlement(&claim.delivery, claim.token, far.clone());
            settlement.delivery.attempts = claim.delivery.attempts;
            // The first one was tried and waits for its next try.
            settlement.attempt = settlement.attempt.filter(|_| claim.delivery.created_at == START);
            settlement
        };
        store.settle(claimed.into_iter().map(end).collect()).await.expect("settled");
    }
    assert_eq!(claim_all(store, now).await.len(), 0);
    assert_eq!(store.release_put_off(now).await.expect("released"), COUNT as usize - 1);
    assert_eq!(store.release_put_off(now).await.expect("released"), 0, "they are due");
    let first = claim_all(store, time_of(3)).await;
    let created: Vec<_> = first.iter().map(|claimed| claimed.delivery.created_at).collect();
    assert_eq!(created, [time_of(1), time_of(2), time_of(3)], "each where it was");
    assert_eq!(claim_all(store, now).await.len() + first.len(), 1_003);
}

/// Commits an event with so many notifications of one limit of 1; how many were limited.
async fn commit_several(store: &dyn Store, number: u32, count: u32, now: HeldTime) -> usize {
    let event = event(number);
    accept(store, vec![event.clone()]).await;
    let one = |index: u32| {
        let at = number * 10 + index;
        let mut planned = planned(&event, at, "a", 1, &queued(time_of(number)));
        let notification = Arc::make_mut(&mut planned.notification);
        notification.content.recipients[0].address = format!("user-{index}@example.org");
        planned.deliveries[0].recipient.address = format!("user-{index}@example.org");
        planned.limit =
            Some(PlannedLimit { limit: limit(1), type_name: event.type_name.clone(), now });
        planned
    };
    let notifications = (0..count).map(one).collect();
    let verdict = PlanVerdict::Planned {
        notifications,
        decisions: Vec::new(),
        term_days: None,
        postponed: Vec::new(),
    };
    let plan = PlanCommit { event: event.uid, verdict };
    store.commit_plans(vec![plan]).await.expect("committed").limited.len()
}

pub(super) async fn what_one_plan_makes_of_an_event_counts_once(store: &dyn Store) {
    assert_eq!(commit_several(store, 1, 2, BEGIN).await, 0, "one place is enough for both");
    assert_eq!(commit_several(store, 2, 3, BEGIN).await, 3);
    assert_eq!(decisions(store, 2).await, [DecisionKind::Limited]);
    let owed = store.limited(&limit(1).key).await.expect("read").expect("it owes a summary");
    assert_eq!(
        (owed.limited.count, owed.audiences[0].recipients.len()),
        (1, 3),
        "all of them are told"
    );
    // They share a slot, and stand in line at one place.
    let ask = |notification, event, now| SlotAsk {
        notification: notification_id_of(notification),
        event: uid_of(event),
        planned_at: START,
        ..slot_ask(0, 1, now)
    };
    let take = |ask: SlotAsk| async move { store.take_slot(ask).await.expect("asked") };
    let SlotAnswer::Taken(first) = take(ask(10, 1, BEGIN)).await else { panic!("it is free") };
    let SlotAnswer::Taken(second) = take(ask(11, 1, BEGIN)).await else { panic!("it shares") };
    let resent = SlotAsk { planned_at: START.plus_ms(5), ..ask(12, 1, BEGIN) };
    assert_eq!(take(resent).await, SlotAnswer::Full, "sent again, it is another one");
    free(store, first, BEGIN.plus_ms(10), true).await;
    free(store, second, BEGIN.plus_ms(20), true).await;
    let line = [(20, 2), (21, 2), (30, 3)]
        .map(|(id, of)| Waiting { notification: notification_id_of(id), ..line_of(of) });
    let times = store.line_up(limit(1), line.to_vec(), BEGIN.plus_ms(20)).await.expect("lined up");
    let frees_at = BEGIN.plus_ms(20 + PERIOD_MS);
    assert_eq!(times[..2], [frees_at; 2]);
    assert!(times[2] > frees_at);
    assert_eq!(take(ask(20, 2, frees_at.plus_ms(-1))).await, SlotAnswer::Full);
    assert!(matches!(take(ask(20, 2, frees_at)).await, SlotAnswer::Taken(_)));
    // Under a limit of two, the two who share leave a slot to somebody else.
    assert!(matches!(take(ask(21, 2, frees_at)).await, SlotAnswer::Taken(_)));
    let two =
        |notification, event| SlotAsk { limit: limit(2), ..ask(notification, event, frees_at) };
    assert!(matches!(take(two(30, 3)).await, SlotAnswer::Taken(_)));
    assert_eq!(take(two(40, 4)).await, SlotAnswer::Full);
}
