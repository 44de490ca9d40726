//! The store in one SQLite file: for one process, without anything to install.
//!
//! In: a folder. Out: [`SqliteStore`], an implementation of [`Store`].
//! Threads: `store-writer` commits (writer.rs), `store-checkpoint` moves the log (checkpoint.rs),
//! readers run on the runtime's blocking threads (readers.rs).
//! Standard: WAL with `synchronous = FULL`: what was answered is on the disk (quality G2).

mod backups;
mod bundles;
mod certificates;
mod checkpoint;
mod claims;
mod deliveries;
mod events;
mod fault;
mod figures;
mod group;
mod history;
mod inbox;
mod incidents;
mod key;
mod limits;
mod limits_face;
mod nodes;
mod plans;
mod readers;
mod records;
mod retention;
mod roles;
mod room;
mod rows;
pub(crate) mod schema;
mod search;
mod session;
mod settlement;
mod silences;
mod slots;
mod soundness;
mod user_sessions;
mod users;
mod users_face;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use annunciator_core::{
    Attempt, DeliveryId, Event, EventUid, Notification, NotificationId, Timestamp,
};
use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::fault::{Trouble, store_error};
use self::group::{Call, Kind};
use self::room::{Measure, Room, measure_of, size_of_event};
use self::search::Extent;
use self::session::Session;
pub(crate) use self::soundness::file_of;
pub use self::soundness::{engine, examine, migrate};
use self::writer::Shared;
use crate::{
    Accept, Acceptance, AuditEntry, AuditFilter, Backups as _, CertificateRecord, ClaimAsk,
    ClaimedOrder, Claims, DeliveryFilter, DeliveryRow, EventFilter, EventRow, EventTypeRow,
    FigureAsk, FigureRow, KeptText, LeftOut, NewAudit, Operated, Page, Paged, PlanCommit,
    PlannedNotification, QueueCounts, Requeue, Result, Retained, RetentionRule, SavedSettings,
    SettingsChange, SettingsSave, Settlement, Store, StoreError, StoreHealth, TokenRecord,
};

/// A store in a folder of its own.
///
/// Dropping it waits for the commit under way; [`Store::close`] does so without blocking a thread
/// of the runtime.
pub struct SqliteStore {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<()>,
    checkpoints: JoinHandle<()>,
    /// Keeps other processes out until the threads have ended.
    lock: File,
}

impl SqliteStore {
    /// Opens the store of a folder, which is made when it is not there. Blocks.
    ///
    /// Deliveries that were in flight when the last process ended are queued again and marked as
    /// possibly duplicated; events it had claimed for planning wait again.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when another process has it, [`StoreError::Corrupt`] when the file is
    /// damaged or of a newer version, [`StoreError::Io`] and [`StoreError::Full`] from the disk.
    pub fn open(dir: &Path) -> Result<Arc<Self>> {
        Self::open_measured(dir, measure_of(dir))
    }

    fn open_measured(dir: &Path, measure: Measure) -> Result<Arc<Self>> {
        let lock = schema::lock(dir)?;
        let file = dir.join(schema::FILE_NAME);
        schema::keep_private(&file)?;
        let shared = Arc::new(Shared {
            jobs: group::Jobs::default(),
            readers: readers::Readers::new(file.clone()),
            checkpoints: checkpoint::Checkpoints::default(),
            room: Room::new(measure),
            flights: 0.into(),
            node: nodes::OwnNode::default(),
            backup: Mutex::new(()),
            are_backups_stopped: false.into(),
            ailment: Mutex::new(None),
            #[cfg(test)]
            faults: writer::Faults::default(),
            file,
        });
        let sqlite = |error: rusqlite::Error| store_error(&error);
        let mut session = Session::new(writer::open(&shared)?).map_err(sqlite)?;
        let count = session.requeue_flights().map_err(sqlite)?;
        if count > 0 {
            tracing::info!(count, "deliveries were in flight at the last end and are queued again");
        }
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
            thread.map_err(|error| StoreError::Io(format!("cannot start a thread: {error}")))
        };
        let for_writer = Arc::clone(&shared);
        let writer = spawn("store-writer", Box::new(move || writer::run(&for_writer, session)))?;
        let moved = Arc::clone(&shared);
        let checkpoints =
            spawn("store-checkpoint", Box::new(move || moved.checkpoints.run(&moved.file)))?;
        let threads = Mutex::new(Some(Threads { writer, checkpoints, lock }));
        Ok(Arc::new(Self { shared, threads }))
    }

    async fn write<T, F>(&self, kind: Kind, weight: usize, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Session) -> std::result::Result<T, Trouble> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.shared.jobs.push(Box::new(Call { kind, weight, work, outcome: None, reply }))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn read<T, F>(&self, question: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let ask = |connection: &Connection| question(connection).map_err(|e| store_error(&e));
        self.shared.readers.ask(ask).await
    }

    async fn search<T, F>(&self, question: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let ask = |connection: &Connection| question(connection).map_err(|e| store_error(&e));
        self.shared.readers.search(ask).await
    }

    /// What is in flight, when that is asked for: only the writer knows.
    async fn flights_of(&self, filter: &DeliveryFilter) -> Result<Option<Vec<i64>>> {
        if filter.state.as_deref() != Some("in_flight") {
            return Ok(None);
        }
        let work = |session: &mut Session| Ok(session.memory.flight_keys());
        self.write(Kind::Flow, 1, work).await.map(Some)
    }

    fn end_threads(&self) -> Option<Threads> {
        self.stop_backups();
        self.shared.jobs.close();
        self.threads.lock().expect("no panic while held").take()
    }
}

impl Threads {
    fn join(self, shared: &Shared) {
        // A thread that panicked has said so; there is nothing left to do about it.
        let _ = self.writer.join();
        shared.checkpoints.close();
        let _ = self.checkpoints.join();
        drop(self.lock);
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Some(threads) = self.end_threads() {
            threads.join(&self.shared);
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn accept(&self, accept: Accept) -> Result<Acceptance> {
        self.shared.room.take(accept.events.iter().map(size_of_event).sum())?;
        let weight = accept.events.len();
        self.write(Kind::Intake, weight, move |session| inbox::accept(session, &accept)).await
    }

    async fn claim_events(&self, count_max: usize) -> Result<Vec<Event>> {
        self.write(Kind::Flow, 1, move |session| inbox::claim_events(session, count_max)).await
    }

    async fn commit_plans(&self, plans: Vec<PlanCommit>) -> Result<LeftOut> {
        let weight = plans.iter().map(weight_of_plan).sum();
        self.write(Kind::Flow, weight, move |session| plans::commit_plans(session, &plans)).await
    }

    async fn claim_due(&self, ask: ClaimAsk) -> Result<Claims> {
        let weight = ask.total_max;
        self.write(Kind::Flow, weight, move |session| claims::claim_due(session, &ask)).await
    }

    async fn claim_expired(&self, ask: ClaimAsk) -> Result<Vec<ClaimedOrder>> {
        let weight = ask.total_max;
        self.write(Kind::Flow, weight, move |session| claims::claim_expired(session, &ask)).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<DeliveryId>> {
        let weight = settlements.len();
        let work = move |session: &mut Session| settlement::settle(session, &settlements);
        self.write(Kind::Flow, weight, work).await
    }

    async fn insert_notification(
        &self,
        planned: PlannedNotification,
        audit: NewAudit,
    ) -> Result<()> {
        let weight = planned.deliveries.len() + 1;
        let work = move |session: &mut Session| {
            plans::insert_notification(session, &planned)?;
            Ok(records::insert_audit(&session.connection, &audit)?)
        };
        self.write(Kind::Command, weight, work).await
    }

    async fn requeue(
        &self,
        requeue: Requeue,
        audit: NewAudit,
    ) -> Result<Vec<(DeliveryId, Operated)>> {
        let weight = requeue.deliveries.len();
        let work = move |session: &mut Session| records::requeue(session, &requeue, &audit);
        self.write(Kind::Command, weight, work).await
    }

    async fn cancel(
        &self,
        deliveries: Vec<DeliveryId>,
        now: Timestamp,
        audit: NewAudit,
    ) -> Result<Vec<(DeliveryId, Operated)>> {
        let weight = deliveries.len();
        let work = move |session: &mut Session| records::cancel(session, &deliveries, now, &audit);
        self.write(Kind::Command, weight, work).await
    }

    async fn queue_counts(&self) -> Result<QueueCounts> {
        let shared = Arc::clone(&self.shared);
        let in_flight = move || shared.flights.load(Ordering::SeqCst);
        self.read(move |connection| deliveries::queue_counts(connection, in_flight)).await
    }

    async fn events(&self, filter: EventFilter, page: Page) -> Result<Paged<EventRow>> {
        let ask = move |connection: &Connection| {
            events::events(connection, &filter, &page, search::Budget::PAGE)
        };
        self.shared.readers.search(ask).await
    }

    async fn event(&self, uid: EventUid) -> Result<Option<EventRow>> {
        self.read(move |connection| events::event(connection, uid)).await
    }

    async fn events_by_source_id(
        &self,
        id: &str,
        application: Option<&str>,
    ) -> Result<Vec<EventRow>> {
        let (id, application) = (id.to_owned(), application.map(str::to_owned));
        self.read(move |connection| {
            events::events_by_source_id(connection, &id, application.as_deref())
        })
        .await
    }

    async fn event_types(&self) -> Result<Vec<EventTypeRow>> {
        self.read(events::event_types).await
    }

    async fn notifications_of(&self, event: EventUid) -> Result<Vec<Notification>> {
        self.read(move |connection| events::notifications_of(connection, event)).await
    }

    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        self.read(move |connection| events::notification(connection, id)).await
    }

    async fn deliveries(&self, filter: DeliveryFilter, page: Page) -> Result<Paged<DeliveryRow>> {
        let flights = self.flights_of(&filter).await?;
        let ask = move |connection: &Connection| {
            deliveries::deliveries(connection, &filter, &page, flights, search::Budget::PAGE)
        };
        self.shared.readers.search(ask).await
    }

    async fn events_exceed(&self, filter: EventFilter, count: usize) -> Result<bool> {
        let filter = Arc::new(filter);
        let mut extent = Extent::up_to(count);
        while !extent.is_known() {
            let (filter, place) = (Arc::clone(&filter), extent.place());
            let ask = move |connection: &Connection| {
                events::find(connection, &filter, place, search::Budget::PAGE)
            };
            extent.add(&self.search(ask).await?);
        }
        Ok(extent.is_exceeded())
    }

    async fn deliveries_exceed(&self, filter: DeliveryFilter, count: usize) -> Result<bool> {
        let flights = self.flights_of(&filter).await?;
        let filter = Arc::new(filter);
        let mut extent = Extent::up_to(count);
        while !extent.is_known() {
            let (filter, place, flights) = (Arc::clone(&filter), extent.place(), flights.clone());
            let ask = move |connection: &Connection| {
                deliveries::find(connection, &filter, flights, place, search::Budget::PAGE)
            };
            extent.add(&self.search(ask).await?);
        }
        Ok(extent.is_exceeded())
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRow>> {
        self.read(move |connection| deliveries::delivery(connection, id)).await
    }

    async fn attempts_of(&self, id: DeliveryId) -> Result<Vec<Attempt>> {
        self.read(move |connection| deliveries::attempts_of(connection, id)).await
    }

    async fn figures(&self, ask: FigureAsk) -> Result<Vec<FigureRow>> {
        self.search(move |connection| figures::figures(connection, ask)).await
    }

    async fn settings(&self, layer: &str) -> Result<Option<SavedSettings>> {
        let layer = layer.to_owned();
        self.read(move |connection| history::newest_settings(connection, &layer)).await
    }

    async fn settings_history(&self, layer: &str, page: Page) -> Result<Paged<SavedSettings>> {
        let layer = layer.to_owned();
        let ask = move |connection: &Connection| history::settings(connection, &layer, &page);
        self.shared.readers.ask(ask).await
    }

    async fn settings_revision(&self, layer: &str, revision: i64) -> Result<Vec<SavedSettings>> {
        let layer = layer.to_owned();
        self.read(move |connection| history::settings_revision(connection, &layer, revision)).await
    }

    async fn save_settings(&self, change: SettingsChange) -> Result<SettingsSave> {
        let work =
            move |session: &mut Session| records::save_settings(&session.connection, &change);
        self.write(Kind::Command, 1, work).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        self.read(records::tokens).await
    }

    async fn insert_token(&self, token: TokenRecord, audit: NewAudit) -> Result<()> {
        let work =
            move |session: &mut Session| records::insert_token(&session.connection, &token, &audit);
        self.write(Kind::Command, 1, work).await
    }

    async fn delete_token(&self, id: &str, audit: NewAudit) -> Result<bool> {
        let id = id.to_owned();
        let work =
            move |session: &mut Session| records::delete_token(&session.connection, &id, &audit);
        self.write(Kind::Command, 1, work).await
    }

    async fn touch_tokens(&self, used: Vec<(String, Timestamp)>) -> Result<()> {
        let work = move |session: &mut Session| records::touch_tokens(&session.connection, &used);
        self.write(Kind::Flow, 1, work).await
    }

    async fn certificates(&self) -> Result<Vec<CertificateRecord>> {
        self.read(certificates::certificates).await
    }

    async fn put_certificate(&self, record: CertificateRecord, audit: NewAudit) -> Result<()> {
        let work = move |session: &mut Session| {
            certificates::put_certificate(&session.connection, &record, &audit)
        };
        self.write(Kind::Command, 1, work).await
    }

    async fn delete_certificate(&self, id: &str, audit: NewAudit) -> Result<bool> {
        let id = id.to_owned();
        let work = move |session: &mut Session| {
            certificates::delete_certificate(&session.connection, &id, &audit)
        };
        self.write(Kind::Command, 1, work).await
    }

    async fn kept(&self, place: &str) -> Result<Option<KeptText>> {
        let place = place.to_owned();
        self.read(move |connection| certificates::kept(connection, &place)).await
    }

    async fn keep(&self, place: &str, kept: KeptText) -> Result<()> {
        let place = place.to_owned();
        let work =
            move |session: &mut Session| certificates::keep(&session.connection, &place, &kept);
        self.write(Kind::Command, 1, work).await
    }

    async fn keep_first(&self, place: &str, kept: KeptText) -> Result<KeptText> {
        let place = place.to_owned();
        let work = move |session: &mut Session| {
            certificates::keep_first(&session.connection, &place, &kept)
        };
        self.write(Kind::Command, 1, work).await
    }

    async fn note(&self, audit: NewAudit) -> Result<()> {
        let work =
            move |session: &mut Session| Ok(records::insert_audit(&session.connection, &audit)?);
        self.write(Kind::Command, 1, work).await
    }

    async fn audit(&self, filter: AuditFilter, page: Page) -> Result<Paged<AuditEntry>> {
        let ask = move |connection: &Connection| history::audit(connection, &filter, &page);
        self.shared.readers.search(ask).await
    }

    async fn retain(&self, rule: RetentionRule) -> Result<Retained> {
        let weight = rule.step_max;
        self.write(Kind::Flow, weight, move |session| retention::retain(session, &rule)).await
    }

    async fn health(&self) -> StoreHealth {
        let ailment = self.shared.ailment.lock().expect("no panic while held").clone();
        let space = self.shared.room.space();
        let size = |suffix: &str| {
            let mut file = self.shared.file.clone().into_os_string();
            file.push(suffix);
            std::fs::metadata(file).map_or(0, |facts| facts.len())
        };
        let reason = ailment.or(space.as_ref().err().cloned());
        StoreHealth {
            writable: reason.is_none(),
            reason: reason.map(|error| error.to_string()).unwrap_or_default(),
            free_bytes: space.as_ref().map_or(0, |space| space.free),
            reserve_bytes: space.as_ref().map_or(0, |space| Room::reserve_of(*space)),
            size_bytes: size("") + size("-wal"),
        }
    }

    async fn close(&self) {
        if let Some(threads) = self.end_threads() {
            let shared = Arc::clone(&self.shared);
            // Fails only when the runtime ends before: then nobody waits for the answer.
            let _ = tokio::task::spawn_blocking(move || threads.join(&shared)).await;
        }
    }
}

/// Rows that a plan writes, about.
fn weight_of_plan(plan: &PlanCommit) -> usize {
    match &plan.verdict {
        crate::PlanVerdict::Planned { notifications, .. } => {
            notifications.iter().map(|planned| planned.deliveries.len() + 1).sum::<usize>() + 1
        }
        crate::PlanVerdict::Failed { .. } => 1,
    }
}
