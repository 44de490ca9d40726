//! Promises about figures.

use annunciator_core::{ChannelName, DeliveryState};

use super::samples::{
    LEASE_MS, START, accept, claim_all, commit, deliver, enqueue, event, in_flight, is_stale,
    queued, settlement, time_of, uid_of,
};
use crate::{
    BUCKET_MS, Decision, DecisionKind, FIGURES_KEPT_MS, Figure, FigureAsk, PlanCommit, PlanVerdict,
    RetentionRule, Store,
};

async fn counted(store: &dyn Store) -> Vec<(Figure, String, u64)> {
    let (since, until) = (START, START.plus_ms(BUCKET_MS));
    let ask = FigureAsk { since, until, step_ms: BUCKET_MS };
    let rows = store.figures(ask).await.expect("read");
    assert!(rows.iter().all(|row| row.at == START), "{rows:?}");
    rows.into_iter().map(|row| (row.figure, row.word, row.count)).collect()
}

pub(super) async fn figures_count_what_was_committed(store: &dyn Store) {
    assert_eq!(counted(store).await, []);
    let first = enqueue(store, 1, "a", 2, in_flight()).await;
    // The same event again is no other one.
    accept(store, vec![event(1)]).await;
    deliver(store, &first.deliveries[0], 1).await;
    let again = settlement(&first.deliveries[1], 1, DeliveryState::Queued { due_at: START });
    assert!(!is_stale(store, again.clone()).await);
    assert!(is_stale(store, again).await, "counted once");
    let claimed = claim_all(store, START).await.remove(0);
    let failed = DeliveryState::Failed { at: START };
    assert!(!is_stale(store, settlement(&claimed.delivery, claimed.token, failed)).await);
    accept(store, vec![event(2)]).await;
    let decided = |channel, kind| Decision {
        channel: ChannelName::from_static(channel),
        kind,
        reason: String::new(),
    };
    let decisions = vec![
        decided("email", DecisionKind::Limited),
        decided("email", DecisionKind::Limited),
        decided("sms", DecisionKind::Silenced),
        decided("executable", DecisionKind::Off),
    ];
    let verdict = PlanVerdict::Planned {
        notifications: vec![],
        decisions,
        term_days: None,
        postponed: Vec::new(),
    };
    let plan = PlanCommit { event: uid_of(2), verdict };
    store.commit_plans(vec![plan.clone()]).await.expect("committed");
    store.commit_plans(vec![plan]).await.expect("committed");
    let of = |figure, word: &str, count| (figure, word.to_owned(), count);
    let expected = [
        of(Figure::Accepted, "critical", 2),
        of(Figure::Attempts, "email", 3),
        of(Figure::Delivered, "email", 1),
        of(Figure::Failed, "email", 1),
        of(Figure::Transient, "email", 1),
        of(Figure::Limited, "email", 1),
        of(Figure::Silenced, "sms", 1),
    ];
    assert_eq!(counted(store).await, expected);
    assert_eq!(claim_all(store, START.plus_ms(LEASE_MS)).await.len(), 0);
}

pub(super) async fn figures_are_summed_over_steps_and_forgotten_in_time(store: &dyn Store) {
    let hour = i64::from(3_600_000_u32);
    // START is half past an hour.
    for (number, minutes) in [(1, 0), (2, 4), (3, 6), (4, 29), (5, 31)] {
        let mut late = event(number);
        late.registered_at = START.plus_ms(minutes * 60_000);
        accept(store, vec![late.clone()]).await;
        commit(store, &late, Vec::new()).await;
    }
    let sums = async |step_ms, since, until| {
        let rows = store.figures(FigureAsk { since, until, step_ms }).await.expect("read");
        let sums = rows.into_iter().map(|row| (row.at.ms_since(START) / 60_000, row.count));
        sums.collect::<Vec<_>>()
    };
    let end = START.plus_ms(2 * hour);
    assert_eq!(sums(BUCKET_MS, START, end).await, [(0, 2), (5, 1), (25, 1), (30, 1)]);
    assert_eq!(sums(hour, START, end).await, [(-30, 4), (30, 1)], "begins with its hour");
    assert_eq!(sums(BUCKET_MS, START.plus_ms(hour / 2), end).await, [(30, 1)]);
    assert_eq!(sums(BUCKET_MS, START, START.plus_ms(BUCKET_MS)).await, [(0, 2)]);
    let rule = |now| RetentionRule {
        now,
        term_days: [3_650; 4],
        events_max: 1_000,
        audit_max: 1_000,
        step_max: 100,
    };
    let kept = START.plus_ms(FIGURES_KEPT_MS);
    store.retain(rule(kept)).await.expect("retained");
    assert_eq!(sums(BUCKET_MS, START, end).await.len(), 4);
    store.retain(rule(kept.plus_ms(2 * BUCKET_MS))).await.expect("retained");
    assert_eq!(sums(BUCKET_MS, START, end).await, [(25, 1), (30, 1)]);
    enqueue(store, 9, "a", 1, queued(time_of(9))).await;
    assert_eq!(claim_all(store, time_of(9)).await.len(), 1);
}
