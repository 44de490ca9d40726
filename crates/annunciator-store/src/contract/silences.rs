//! Promises about silences.

use annunciator_core::{ChannelName, SilenceId, Timestamp};

use super::samples::{START, all_at_once, audit, audited, first_page};
use crate::{
    NewAudit, Page, SILENCES_ENDED_MAX, SILENCES_MAX, SilenceFilter, SilenceRecord, Store,
};

const HOUR_MS: i64 = 3_600_000;

fn id_of(number: u64) -> SilenceId {
    SilenceId::from_parts(number, [7; 10])
}

/// A silence from the start of the check for an hour.
fn record(number: u64) -> SilenceRecord {
    SilenceRecord {
        id: id_of(number),
        matchers: format!("[\"{number}\"]"),
        channels: vec![ChannelName::from_static("email"), ChannelName::from_static("sms")],
        author: "token ops-1".to_owned(),
        comment: "new disk".to_owned(),
        created_at: START,
        starts_at: START,
        ends_at: START.plus_ms(HOUR_MS),
        ended_by: None,
    }
}

fn audit_at(action: &str, after_ms: i64) -> NewAudit {
    NewAudit { at: START.plus_ms(after_ms), ..audit(action) }
}

async fn listed(store: &dyn Store, ended: Option<(bool, Timestamp)>) -> Vec<SilenceId> {
    let page = store.silences(SilenceFilter { ended }, first_page()).await.expect("read");
    page.rows.into_iter().map(|row| row.id).collect()
}

pub(super) async fn silences_come_change_and_end_with_their_audit_lines(store: &dyn Store) {
    assert_eq!(store.silence(id_of(1)).await.expect("read"), None);
    let all = SilenceRecord { channels: Vec::new(), ..record(2) };
    for record in [record(1), all.clone()] {
        assert!(store.put_silence(record, audit("silence.create")).await.expect("stored"));
    }
    assert_eq!(store.silence(id_of(1)).await.expect("read"), Some(record(1)));
    assert_eq!(store.silence(id_of(2)).await.expect("read"), Some(all));
    let changed = SilenceRecord {
        matchers: "[]".to_owned(),
        comment: "and a new fan".to_owned(),
        ends_at: START.plus_ms(2 * HOUR_MS),
        ..record(1)
    };
    assert!(store.put_silence(changed.clone(), audit("silence.change")).await.expect("stored"));
    assert_eq!(store.silence(id_of(1)).await.expect("read"), Some(changed.clone()));
    assert_eq!(listed(store, None).await, [id_of(2), id_of(1)], "a change is no new one");

    let end =
        |number, after_ms| store.end_silence(id_of(number), audit_at("silence.end", after_ms));
    let ended = end(1, 5).await.expect("answered");
    let expected =
        SilenceRecord { ends_at: START.plus_ms(5), ended_by: Some(audit("").author), ..changed };
    assert_eq!(ended, Some(expected.clone()));
    assert_eq!(store.silence(id_of(1)).await.expect("read"), Some(expected));
    assert_eq!(end(1, 6).await.expect("answered"), None, "it has ended already");
    assert_eq!(end(2, HOUR_MS).await.expect("answered"), None, "it ended by itself");
    assert_eq!(end(9, 5).await.expect("answered"), None, "there is none");
    let expected = ["silence.end", "silence.change", "silence.create", "silence.create"];
    assert_eq!(audited(store).await, expected);
}

pub(super) async fn a_silence_ended_before_its_start_never_begins(store: &dyn Store) {
    let later = SilenceRecord { starts_at: START.plus_ms(HOUR_MS / 2), ..record(1) };
    assert!(store.put_silence(later, audit("silence.create")).await.expect("stored"));
    let ended = store.end_silence(id_of(1), audit_at("silence.end", 5)).await.expect("answered");
    let ended = ended.expect("it had not ended");
    assert_eq!((ended.starts_at, ended.ends_at), (START.plus_ms(5), START.plus_ms(5)));
}

pub(super) async fn silences_are_listed_by_whether_they_have_ended(store: &dyn Store) {
    for number in 1..=3 {
        let ends_at = START.plus_ms(i64::try_from(number).expect("small") * 10);
        let record = SilenceRecord { ends_at, ..record(number) };
        assert!(store.put_silence(record, audit("silence.create")).await.expect("stored"));
    }
    for (after_ms, ended, not_ended) in [
        (9, vec![], vec![3, 2, 1]),
        (10, vec![1], vec![3, 2]),
        (19, vec![1], vec![3, 2]),
        (30, vec![3, 2, 1], vec![]),
    ] {
        let now = START.plus_ms(after_ms);
        let ids = |numbers: Vec<u64>| numbers.into_iter().map(id_of).collect::<Vec<_>>();
        assert_eq!(listed(store, Some((true, now))).await, ids(ended), "ended, {after_ms}");
        assert_eq!(listed(store, Some((false, now))).await, ids(not_ended), "open, {after_ms}");
    }
    let mut page = Page { after: None, count_max: 2 };
    let first = store.silences(SilenceFilter::default(), page.clone()).await.expect("read");
    page.after = first.next;
    let second = store.silences(SilenceFilter::default(), page).await.expect("read");
    let ids: Vec<_> = first.rows.iter().chain(&second.rows).map(|row| row.id).collect();
    assert_eq!((ids, second.next), (vec![id_of(3), id_of(2), id_of(1)], None));
}

pub(super) async fn so_many_silences_at_a_time_and_no_more(store: &dyn Store) {
    let max = u64::try_from(SILENCES_MAX).expect("small");
    let put = |number, after_ms| async move {
        let stored = store.put_silence(record(number), audit_at("silence.create", after_ms)).await;
        stored.expect("answered")
    };
    assert_eq!(all_at_once((0..max).map(|number| put(number, 0))).await, vec![true; SILENCES_MAX]);
    assert!(!put(max, 0).await, "there are so many");
    assert_eq!(store.silence(id_of(max)).await.expect("read"), None);
    assert!(put(3, 0).await, "one of them may change");
    assert!(put(max, HOUR_MS).await, "the others have ended");
}

pub(super) async fn ended_silences_are_forgotten_in_time(store: &dyn Store) {
    for number in 1..=3 {
        let ends_at = START.plus_ms(i64::try_from(number).expect("small") * 10);
        let record = SilenceRecord { ends_at, ..record(number) };
        assert!(store.put_silence(record, audit("silence.create")).await.expect("stored"));
    }
    let forget = |before, now| store.forget_silences(START.plus_ms(before), START.plus_ms(now));
    assert_eq!(forget(10, 25).await.expect("forgotten"), 0);
    assert_eq!(forget(11, 25).await.expect("forgotten"), 1);
    assert_eq!(listed(store, None).await, [id_of(3), id_of(2)]);
}

pub(super) async fn the_oldest_ended_silences_go_beyond_the_bound(store: &dyn Store) {
    let count = u64::try_from(SILENCES_ENDED_MAX).expect("small") + 2;
    let put = |number: u64| async move {
        // Each has ended when the next one is made.
        let at = i64::try_from(number).expect("small");
        let record = SilenceRecord { ends_at: START.plus_ms(at), ..record(number) };
        store.put_silence(record, audit_at("silence.create", at)).await.expect("stored")
    };
    for from in (0..count).step_by(500) {
        all_at_once((from..(from + 500).min(count)).map(put)).await;
    }
    let open = SilenceRecord { ends_at: START.plus_ms(HOUR_MS), ..record(count) };
    let at = i64::try_from(count).expect("small");
    assert!(store.put_silence(open, audit_at("silence.create", at)).await.expect("stored"));
    let now = START.plus_ms(at);
    assert_eq!(store.forget_silences(START, now).await.expect("forgotten"), 2);
    for (number, is_there) in [(0, false), (1, false), (2, true), (count - 1, true), (count, true)]
    {
        let found = store.silence(id_of(number)).await.expect("read");
        assert_eq!(found.is_some(), is_there, "{number}");
    }
}
