//! [`Store`] over the writers and the connections that are lent.

use std::time::Duration;

use annunciator_core::{
    Attempt, DeliveryId, Event, EventUid, Lane, Notification, NotificationId, Timestamp,
};
use async_trait::async_trait;
use tokio::sync::{broadcast, oneshot};

use super::doubts::Doubt;
use super::fault::Trouble;
use super::jobs::Job;
use super::pool::Lent;
use super::schema::lock;
use super::{
    PostgresStore, accept, claims, deliveries, events, figures, life, operator, plans, records,
    retention,
};
use crate::{
    Accept, Acceptance, AuditEntry, AuditFilter, CertificateRecord, Change, ClaimAsk, ClaimedOrder,
    Claims, DeliveryFilter, DeliveryRow, EventFilter, EventRow, EventTypeRow, FigureAsk, FigureRow,
    KeptText, LeftOut, NewAudit, Operated, Page, Paged, PlanCommit, PlannedNotification,
    QueueCounts, Requeue, Result, Retained, RetentionRule, SavedSettings, SettingsChange,
    SettingsSave, Settlement, Store, StoreError, StoreHealth, TokenRecord,
};

/// Longest wait for an event to be stored: its source waits as long.
const ACCEPT_WAIT: Duration = Duration::from_secs(25);

/// A question of a reader: asked again once when its connection had died unnoticed.
macro_rules! read {
    ($store:expr, $db:ident => $question:expr) => {{
        let mut tried = false;
        loop {
            let $db = $store.inner.readers.lend().await?;
            let outcome = $question.await;
            let is_dead = outcome.as_ref().is_err_and(Trouble::is_of_dead_connection);
            match $db.done(outcome) {
                Err(_) if is_dead && !tried => tried = true,
                answer => break answer,
            }
        }
    }};
}

/// A transaction of a command.
macro_rules! write {
    ($store:expr, $db:ident => $command:expr) => {{
        let $db = $store.inner.writers.begin().await?;
        let outcome = $command.await;
        $db.end(outcome).await
    }};
    ($store:expr, $lock:ident, $db:ident => $command:expr) => {{
        let $db = $store.inner.writers.begin_holding(lock::$lock).await?;
        let outcome = $command.await;
        $db.end(outcome).await
    }};
}

impl PostgresStore {
    /// Hands a job to the writers and waits for its answer.
    async fn gather<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T>>) -> Job) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.inner.jobs.push(job(reply))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Begins a claim: what earlier ones left behind without an answer waits again.
    pub(super) async fn begin_claim(&self) -> Result<Lent> {
        let db = self.inner.writers.begin().await?;
        if self.inner.doubts.is_empty() {
            return Ok(db);
        }
        match self.inner.doubts.give_up(&db).await {
            Ok(_) => Ok(db),
            Err(trouble) => db.end(Err(trouble)).await,
        }
    }
}

/// What is answered to a source in time, or that it is late: then the source asks again.
pub(super) async fn in_time(
    answer: impl Future<Output = Result<Acceptance>>,
) -> Result<Acceptance> {
    let late = || Err(StoreError::Io("the database does not answer in time".to_owned()));
    tokio::time::timeout(ACCEPT_WAIT, answer).await.unwrap_or_else(|_| late())
}

#[async_trait]
impl Store for PostgresStore {
    async fn accept(&self, accept: Accept) -> Result<Acceptance> {
        // A writer that has nobody to tell gives up the claim.
        in_time(self.gather(|reply| Job::Accept(accept, reply))).await
    }

    async fn claim_events(&self, count_max: usize) -> Result<Vec<Event>> {
        let inner = &self.inner;
        let db = inner.writers.begin().await?;
        let outcome = async {
            if !inner.doubts.is_empty() {
                inner.doubts.give_up_events(&db, inner.node).await?;
            }
            accept::claim_events(&db, inner.node, count_max).await
        };
        let outcome = outcome.await;
        let events = inner.end_claim(db, outcome, |events| Doubt::of_events(events)).await?;
        inner.doubts.forget_events(&events);
        Ok(events)
    }

    fn claim_era(&self) -> Option<u64> {
        self.inner.life.era(life::running())
    }

    async fn commit_plans(&self, plans: Vec<PlanCommit>) -> Result<LeftOut> {
        self.gather(|reply| Job::Plans(plans, reply)).await
    }

    async fn claim_due(&self, ask: ClaimAsk) -> Result<Claims> {
        let inner = &self.inner;
        let mut last = inner.lane_last.lock().await;
        let db = self.begin_claim().await?;
        let outcome = claims::claim_due(&db, inner.node, &ask, &mut last).await;
        inner.end_claim(db, outcome, |claims| Doubt::of_orders(&claims.orders)).await
    }

    async fn lanes_with_work(&self, lanes: Vec<Lane>, now: Timestamp) -> Result<Vec<Lane>> {
        read!(self, db => claims::lanes_with_work(&db, &lanes, now))
    }

    async fn claim_expired(&self, ask: ClaimAsk) -> Result<Vec<ClaimedOrder>> {
        let db = self.inner.writers.begin().await?;
        let outcome = claims::claim_expired(&db, self.inner.node, &ask).await;
        self.inner.end_claim(db, outcome, |orders| Doubt::of_orders(orders)).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<DeliveryId>> {
        self.gather(|reply| Job::Settle(settlements, reply)).await
    }

    async fn insert_notification(
        &self,
        planned: PlannedNotification,
        audit: NewAudit,
    ) -> Result<()> {
        let db = self.inner.writers.begin().await?;
        let mut work = self.inner.work();
        let outcome = match plans::insert_notification(&db, &mut work, &planned).await {
            Ok(()) => records::insert_audit(&db, &audit).await,
            Err(trouble) => Err(trouble),
        };
        self.inner.end(db, work, outcome).await
    }

    async fn requeue(
        &self,
        requeue: Requeue,
        audit: NewAudit,
    ) -> Result<Vec<(DeliveryId, Operated)>> {
        let done = write!(self, db => operator::requeue(&db, &requeue, &audit));
        self.inner.has_work.notify_one();
        done
    }

    async fn cancel(
        &self,
        deliveries: Vec<DeliveryId>,
        now: Timestamp,
        audit: NewAudit,
    ) -> Result<Vec<(DeliveryId, Operated)>> {
        write!(self, db => operator::cancel(&db, &deliveries, now, &audit))
    }

    async fn queue_counts(&self) -> Result<QueueCounts> {
        read!(self, db => deliveries::queue_counts(&db))
    }

    async fn events(&self, filter: EventFilter, page: Page) -> Result<Paged<EventRow>> {
        read!(self, db => events::events(&db, &filter, &page, self.inner.fold))
    }

    async fn event(&self, uid: EventUid) -> Result<Option<EventRow>> {
        read!(self, db => events::event(&db, uid))
    }

    async fn events_by_source_id(
        &self,
        id: &str,
        application: Option<&str>,
    ) -> Result<Vec<EventRow>> {
        read!(self, db => events::events_by_source_id(&db, id, application))
    }

    async fn event_types(&self) -> Result<Vec<EventTypeRow>> {
        read!(self, db => events::event_types(&db))
    }

    async fn notifications_of(&self, event: EventUid) -> Result<Vec<Notification>> {
        read!(self, db => events::notifications_of(&db, event))
    }

    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        read!(self, db => events::notification(&db, id))
    }

    async fn deliveries(&self, filter: DeliveryFilter, page: Page) -> Result<Paged<DeliveryRow>> {
        read!(self, db => deliveries::deliveries(&db, &filter, &page, self.inner.fold))
    }

    async fn events_exceed(&self, filter: EventFilter, count: usize) -> Result<bool> {
        read!(self, db => events::exceed(&db, &filter, count, self.inner.fold))
    }

    async fn deliveries_exceed(&self, filter: DeliveryFilter, count: usize) -> Result<bool> {
        read!(self, db => deliveries::exceed(&db, &filter, count, self.inner.fold))
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRow>> {
        read!(self, db => deliveries::delivery(&db, id))
    }

    async fn attempts_of(&self, id: DeliveryId) -> Result<Vec<Attempt>> {
        read!(self, db => deliveries::attempts_of(&db, id))
    }

    async fn figures(&self, ask: FigureAsk) -> Result<Vec<FigureRow>> {
        read!(self, db => figures::figures(&db, ask))
    }

    async fn settings(&self, layer: &str) -> Result<Option<SavedSettings>> {
        read!(self, db => records::newest_settings(&db, layer))
    }

    async fn settings_history(&self, layer: &str, page: Page) -> Result<Paged<SavedSettings>> {
        read!(self, db => records::settings_history(&db, layer, &page))
    }

    async fn settings_revision(&self, layer: &str, revision: i64) -> Result<Vec<SavedSettings>> {
        read!(self, db => records::settings_revision(&db, layer, revision))
    }

    async fn save_settings(&self, change: SettingsChange) -> Result<SettingsSave> {
        write!(self, SETTINGS, db => records::save_settings(&db, &change))
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        read!(self, db => records::tokens(&db))
    }

    async fn insert_token(&self, token: TokenRecord, audit: NewAudit) -> Result<()> {
        write!(self, USERS, db => records::insert_token(&db, &token, &audit))
    }

    async fn delete_token(&self, id: &str, audit: NewAudit) -> Result<bool> {
        write!(self, db => records::delete_token(&db, id, &audit))
    }

    async fn touch_tokens(&self, used: Vec<(String, Timestamp)>) -> Result<()> {
        write!(self, db => records::touch_tokens(&db, &used))
    }

    async fn certificates(&self) -> Result<Vec<CertificateRecord>> {
        read!(self, db => records::certificates(&db))
    }

    async fn put_certificate(&self, record: CertificateRecord, audit: NewAudit) -> Result<()> {
        write!(self, db => records::put_certificate(&db, &record, &audit))
    }

    async fn delete_certificate(&self, id: &str, audit: NewAudit) -> Result<bool> {
        write!(self, db => records::delete_certificate(&db, id, &audit))
    }

    async fn kept(&self, place: &str) -> Result<Option<KeptText>> {
        read!(self, db => records::kept(&db, place))
    }

    async fn keep(&self, place: &str, kept: KeptText) -> Result<()> {
        let place = place.to_owned();
        self.gather(|reply| Job::Keep(place, kept, reply)).await
    }

    async fn keep_first(&self, place: &str, kept: KeptText) -> Result<KeptText> {
        write!(self, KEPT, db => records::keep_first(&db, place, &kept))
    }

    async fn note(&self, audit: NewAudit) -> Result<()> {
        let db = self.inner.writers.lend().await?;
        let outcome = records::insert_audit(&db, &audit).await;
        db.done(outcome)
    }

    async fn audit(&self, filter: AuditFilter, page: Page) -> Result<Paged<AuditEntry>> {
        read!(self, db => records::audit(&db, &filter, &page, self.inner.fold))
    }

    async fn retain(&self, rule: RetentionRule) -> Result<Retained> {
        let mut sweep = self.inner.sweep.lock().await;
        let mut db = self.inner.writers.begin().await?;
        let outcome = retention::retain(&mut db, &mut sweep, &rule).await;
        db.end(outcome).await
    }

    async fn health(&self) -> StoreHealth {
        self.inner.health().await
    }

    fn changes(&self) -> Option<broadcast::Receiver<Change>> {
        Some(self.inner.changes.subscribe())
    }

    async fn close(&self) {
        self.end().await;
    }
}
