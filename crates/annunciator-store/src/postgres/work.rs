//! What a transaction does beside its main business: figures and event types, written at its end.
//!
//! Failure: a transaction that is undone takes its [`Work`] with it; nothing is counted or
//! remembered that is not committed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use annunciator_core::{
    ChannelName, Decision, DecisionKind, Delivery, DeliveryState, Event, Severity, Timestamp,
};
use uuid::Uuid;

use super::bind::{text, values};
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::severity_number;
use crate::{BUCKET_MS, Figure, Settlement};

/// Most event types that are remembered.
const TYPES_MAX: usize = 10_000;
/// How long what was seen of a type is believed: another node may have seen something else since.
const BELIEVED: Duration = Duration::from_secs(60);

/// Event types as they were seen last.
#[derive(Default)]
pub(super) struct KnownTypes(Mutex<HashMap<TypeKey, LastSeen>>);

/// Application and code.
type TypeKey = (String, String);
/// Display name, severity, and when that was seen here.
type LastSeen = (String, Severity, Instant);

/// What was seen of a type within a transaction.
struct SeenType {
    type_name: String,
    severity: Severity,
    first_at: Timestamp,
}

/// Beside the main business.
pub(super) struct Work {
    /// Whose claims are made.
    pub(super) node: Uuid,
    /// Whose rows of figures are added to.
    writer: i32,
    counts: BTreeMap<(i64, i16, String), i64>,
    seen: BTreeMap<(String, String), SeenType>,
    /// Whether deliveries wait that are due.
    pub(super) leaves_work: bool,
    /// Whether events wait that nobody has.
    pub(super) leaves_events: bool,
}

impl Work {
    pub(super) fn new(node: Uuid, writer: i32) -> Self {
        Self {
            node,
            writer,
            counts: BTreeMap::new(),
            seen: BTreeMap::new(),
            leaves_work: false,
            leaves_events: false,
        }
    }

    /// What the transaction did so far is undone, and it goes on.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.node, self.writer);
    }

    fn count(&mut self, at: Timestamp, figure: Figure, word: &str) {
        let key = (at.0.div_euclid(BUCKET_MS), figure as i16, word.to_owned());
        *self.counts.entry(key).or_default() += 1;
    }

    /// Counts a new event, and notes what is seen of its type (spec 2.3).
    pub(super) fn note_event(&mut self, event: &Event) {
        self.count(event.registered_at, Figure::Accepted, event.severity.as_str());
        let key = (event.application.name.clone(), event.event_type.clone());
        let seen = self.seen.entry(key).or_insert_with(|| SeenType {
            type_name: String::new(),
            severity: event.severity,
            first_at: event.registered_at,
        });
        seen.severity = event.severity;
        if !event.type_name.is_empty() {
            seen.type_name.clone_from(&event.type_name);
        }
    }

    /// Counts the channels that do not tell an event, each once.
    pub(super) fn count_decisions(&mut self, at: Timestamp, decisions: &[Decision]) {
        for (place, decision) in decisions.iter().enumerate() {
            let figure = match decision.kind {
                DecisionKind::Limited => Figure::Limited,
                DecisionKind::Silenced => Figure::Silenced,
                _ => continue,
            };
            let is_same =
                |one: &Decision| one.kind == decision.kind && one.channel == decision.channel;
            if !decisions[..place].iter().any(is_same) {
                self.count(at, figure, decision.channel.as_str());
            }
        }
    }

    /// Counts an attempt and what it led to.
    pub(super) fn count_settlement(&mut self, settlement: &Settlement, channel: &ChannelName) {
        let Settlement { delivery: Delivery { state, .. }, attempt, .. } = settlement;
        let channel = channel.as_str();
        if let Some(attempt) = attempt {
            self.count(attempt.ended_at, Figure::Attempts, channel);
        }
        match (state, attempt) {
            (DeliveryState::Delivered { at }, _) => self.count(*at, Figure::Delivered, channel),
            (DeliveryState::Failed { at }, _) => self.count(*at, Figure::Failed, channel),
            (DeliveryState::Queued { .. }, Some(attempt)) => {
                self.count(attempt.ended_at, Figure::Transient, channel);
            }
            _ => {}
        }
    }

    /// Writes what was counted and seen, in the order of the rows, so that nobody waits in a ring.
    pub(super) async fn store(&self, db: &Lent, known: &KnownTypes) -> Outcome<()> {
        self.store_types(db, known).await?;
        if self.counts.is_empty() {
            return Ok(());
        }
        let (mut buckets, mut names, mut words, mut counts) = (vec![], vec![], vec![], vec![]);
        for ((bucket, name, word), count) in &self.counts {
            buckets.push(*bucket);
            names.push(*name);
            words.push(word.as_str());
            counts.push(*count);
        }
        let add = "INSERT INTO figures AS f (bucket, name, word, writer, count)
             SELECT bucket, name, word, $5, count
             FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::bigint[])
               AS g(bucket, name, word, count)
             ON CONFLICT (bucket, name, word, writer) DO UPDATE SET count = f.count + excluded.count";
        db.run(add, values![buckets, names, words, counts, self.writer]).await.map(drop)
    }

    async fn store_types(&self, db: &Lent, known: &KnownTypes) -> Outcome<()> {
        let mut columns = (vec![], vec![], vec![], vec![], vec![]);
        for ((application, event_type), seen) in &self.seen {
            if known.has(application, event_type, seen) {
                continue;
            }
            columns.0.push(text(application));
            columns.1.push(text(event_type));
            columns.2.push(text(&seen.type_name));
            columns.3.push(severity_number(seen.severity));
            columns.4.push(seen.first_at.0);
        }
        if columns.0.is_empty() {
            return Ok(());
        }
        let upsert = "INSERT INTO event_types AS t
               (application, event_type, type_name, severity, first_seen_at)
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::bigint[])
             ON CONFLICT (application, event_type) DO UPDATE SET severity = excluded.severity,
               type_name = CASE excluded.type_name WHEN '' THEN t.type_name
                           ELSE excluded.type_name END";
        let (applications, types, names, severities, times) = columns;
        db.run(upsert, values![applications, types, names, severities, times]).await.map(drop)
    }

    /// Remembers what is committed now.
    pub(super) fn keep(self, known: &KnownTypes) {
        let mut types = known.0.lock().expect("no panic while held");
        for (key, seen) in self.seen {
            if types.len() >= TYPES_MAX {
                types.clear();
            }
            let name = match types.remove(&key) {
                Some((name, ..)) if seen.type_name.is_empty() => name,
                _ => seen.type_name,
            };
            types.insert(key, (name, seen.severity, Instant::now()));
        }
    }
}

impl KnownTypes {
    fn has(&self, application: &str, event_type: &str, seen: &SeenType) -> bool {
        let types = self.0.lock().expect("no panic while held");
        let found = types.get(&(application.to_owned(), event_type.to_owned()));
        found.is_some_and(|(name, severity, at)| {
            *severity == seen.severity
                && (seen.type_name.is_empty() || *name == seen.type_name)
                && at.elapsed() < BELIEVED
        })
    }
}
