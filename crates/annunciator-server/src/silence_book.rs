//! The silences in force, in memory: what the planner asks for every event (spec 6.4).
//!
//! In: records of the store. Out: the list of silences that have not ended.
//! Knows nothing of: HTTP, who may make a silence.
//! Failure: a record that this version cannot read is left out, and the log says so.
//!
//! Concurrency: readers take no lock. Whoever changes silences holds [`SilenceBook::steady`] from
//! the look at the old one until the new list is in force. Upkeep reads the store again now and
//! then, which heals what a change that was dropped half-way left behind.

use std::sync::Arc;

use annunciator_core::Timestamp;
use annunciator_planner::{MatcherSet, Silence, SilenceState};
use annunciator_store::{Page, SILENCES_MAX, SilenceFilter, SilenceRecord, Store, StoreError};
use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard};

/// Records read at a time.
const PAGE_ROWS: usize = 200;

/// All silences that have not ended.
#[derive(Default)]
pub struct SilenceBook {
    in_force: ArcSwap<Vec<Silence>>,
    changing: Mutex<()>,
}

impl SilenceBook {
    /// Reads the silences that have not ended.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn load(store: &dyn Store, now: Timestamp) -> Result<Self, StoreError> {
        let book = Self::default();
        book.reload(store, now).await?;
        Ok(book)
    }

    /// Reads the store again; those that have ended are left out.
    ///
    /// # Errors
    /// What the store answers; the list is as before then.
    pub async fn reload(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        let _steady = self.steady().await;
        let filter = SilenceFilter { ended: Some((false, now)) };
        let mut page = Page { after: None, count_max: PAGE_ROWS };
        let mut silences = Vec::new();
        // The store takes no more than these; a page more would be a broken cursor.
        for _ in 0..=SILENCES_MAX / PAGE_ROWS {
            let found = store.silences(filter.clone(), page.clone()).await?;
            silences.extend(found.rows.into_iter().filter_map(read));
            page.after = found.next;
            if page.after.is_none() {
                break;
            }
        }
        self.in_force.store(Arc::new(silences));
        Ok(())
    }

    /// The silences, those included that have not begun.
    #[must_use]
    pub fn current(&self) -> Arc<Vec<Silence>> {
        self.in_force.load_full()
    }

    /// How many of them mute now.
    #[must_use]
    pub fn active_count(&self, now: Timestamp) -> usize {
        let is_active = |silence: &&Silence| silence.state(now) == SilenceState::Active;
        self.in_force.load().iter().filter(is_active).count()
    }

    /// Nobody else changes silences while this is held.
    pub async fn steady(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Puts a silence in force instead of the one of its id, or takes it out when it has ended.
    /// The caller holds [`Self::steady`].
    pub fn replace(&self, silence: Silence, now: Timestamp) {
        let old = self.in_force.load();
        let others = old.iter().filter(|other| other.id != silence.id).cloned();
        let mut silences: Vec<Silence> = others.collect();
        if silence.state(now) != SilenceState::Ended {
            silences.push(silence);
        }
        self.in_force.store(Arc::new(silences));
    }
}

fn read(record: SilenceRecord) -> Option<Silence> {
    let id = record.id;
    let silence = silence_of(record);
    if silence.is_none() {
        tracing::warn!(silence.id = %id, "A silence that cannot be read is left out");
    }
    silence
}

/// A record as the planner knows it; none when its matchers cannot be read.
#[must_use]
pub fn silence_of(record: SilenceRecord) -> Option<Silence> {
    let matchers = serde_json::from_str(&record.matchers).ok()?;
    Some(Silence {
        id: record.id,
        matchers: MatcherSet::from_json(&matchers).ok()?,
        channels: record.channels,
        author: record.author,
        comment: record.comment,
        created_at: record.created_at,
        starts_at: record.starts_at,
        ends_at: record.ends_at,
    })
}

#[cfg(test)]
mod tests {
    use annunciator_core::SilenceId;
    use annunciator_store::NewAudit;
    use annunciator_store::sqlite::SqliteStore;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn record(number: u64, ends_after_ms: i64) -> SilenceRecord {
        SilenceRecord {
            id: SilenceId::from_parts(number, [0; 10]),
            matchers: r#"[{"field":"device","op":"exists"}]"#.to_owned(),
            channels: Vec::new(),
            author: "local root".to_owned(),
            comment: "new disk".to_owned(),
            created_at: NOW,
            starts_at: NOW.plus_ms(5),
            ends_at: NOW.plus_ms(ends_after_ms),
            ended_by: None,
        }
    }

    async fn put(store: &dyn Store, record: SilenceRecord) {
        let audit = NewAudit {
            at: Timestamp(0),
            author: String::new(),
            action: String::new(),
            target: String::new(),
            detail: String::new(),
        };
        assert!(store.put_silence(record, audit).await.expect("stored"));
    }

    fn ids(book: &SilenceBook) -> Vec<SilenceId> {
        let mut ids: Vec<_> = book.current().iter().map(|silence| silence.id).collect();
        ids.sort();
        ids
    }

    #[tokio::test]
    async fn the_book_holds_what_has_not_ended_and_can_be_read() {
        let folder = tempfile::tempdir().expect("a folder is made");
        let store: Arc<dyn Store> = SqliteStore::open(folder.path()).expect("a store is opened");
        let count = u64::try_from(PAGE_ROWS).expect("small") + 50;
        for number in 0..count {
            put(store.as_ref(), record(number, 10 + i64::try_from(number).expect("small"))).await;
        }
        let unreadable = r#"[{"field":"mood","op":"exists"}]"#.to_owned();
        put(store.as_ref(), SilenceRecord { matchers: unreadable, ..record(count, 50) }).await;
        put(store.as_ref(), record(count + 1, 0)).await;

        let book = SilenceBook::load(store.as_ref(), NOW).await.expect("read");
        assert_eq!(book.current().len(), PAGE_ROWS + 50);
        assert_eq!(
            (book.active_count(NOW), book.active_count(NOW.plus_ms(5))),
            (0, PAGE_ROWS + 50)
        );
        assert_eq!(book.active_count(NOW.plus_ms(11)), PAGE_ROWS + 48, "two have ended by then");
        let later = NOW.plus_ms(10 + i64::try_from(PAGE_ROWS).expect("small") + 47);
        book.reload(store.as_ref(), later).await.expect("read");
        assert_eq!(ids(&book), [record(count - 2, 0).id, record(count - 1, 0).id]);
    }

    #[test]
    fn a_change_takes_the_place_of_the_old_one() {
        let book = SilenceBook::default();
        let silence = |number, ends_after_ms| silence_of(record(number, ends_after_ms)).unwrap();
        for number in [1, 2] {
            book.replace(silence(number, 20), NOW);
        }
        book.replace(silence(1, 30), NOW);
        assert_eq!(ids(&book), [record(1, 0).id, record(2, 0).id]);
        let ends: Vec<_> = book.current().iter().map(|silence| silence.ends_at).collect();
        assert!(ends.contains(&NOW.plus_ms(30)), "{ends:?}");
        book.replace(silence(2, 0), NOW);
        assert_eq!(ids(&book), [record(1, 0).id], "one that has ended is taken out");
    }
}
