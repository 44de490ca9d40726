//! What an operator can ask of the ledger and the queue: read, retry, cancel.
//!
//! In: filters, ids, who asks. Out: rows of the store.
//! Knows nothing of: HTTP, JSON.
//! Failure: [`AdminError`]; a command answers for each delivery what became of it.

use annunciator_core::{Attempt, Delivery, DeliveryId, EventUid, Notification, NotificationId};
use annunciator_store::{
    AuditEntry, AuditFilter, DeliveryFilter, DeliveryRow, EventFilter, EventRow, NewAudit,
    Operated, Page, Paged, Requeue,
};

use super::AdminError;
use crate::shared::Shared;

/// Most deliveries that one command is meant for.
pub const TARGETS_MAX: usize = 1_000;
/// Most deliveries that are shown with an event.
const DELIVERIES_SHOWN_MAX: usize = 1_000;

/// Most operations that are shown with a delivery.
const OPERATIONS_SHOWN_MAX: usize = 100;
/// How much a clock may have been set back between a plan and what was done later. Unit: ms.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// An event with what came of it.
#[derive(Debug, Clone)]
pub struct EventStory {
    /// The event.
    pub event: EventRow,
    /// Its notifications.
    pub notifications: Vec<Notification>,
    /// Its deliveries, the first 1,000.
    pub deliveries: Vec<DeliveryRow>,
}

/// Events, newest first.
///
/// # Errors
/// What the store answers.
pub async fn events(
    shared: &Shared,
    filter: EventFilter,
    page: Page,
) -> Result<Paged<EventRow>, AdminError> {
    shared.store.events(filter, page).await.map_err(AdminError::Store)
}

/// An event by the ledger's id or the source's; the latter may need the application.
///
/// # Errors
/// None of that id; several applications used it.
pub async fn event(
    shared: &Shared,
    id: &str,
    application: Option<&str>,
) -> Result<EventStory, AdminError> {
    let event = find_event(shared, id, application).await?;
    let uid = event.event.uid;
    let notifications = shared.store.notifications_of(uid).await.map_err(AdminError::Store)?;
    let filter = DeliveryFilter { event: Some(uid), ..DeliveryFilter::default() };
    let page = Page { after: None, count_max: DELIVERIES_SHOWN_MAX };
    let deliveries = shared.store.deliveries(filter, page).await.map_err(AdminError::Store)?.rows;
    Ok(EventStory { event, notifications, deliveries })
}

/// An event by the ledger's id or the source's; the latter may need the application.
pub(super) async fn find_event(
    shared: &Shared,
    id: &str,
    application: Option<&str>,
) -> Result<EventRow, AdminError> {
    if let Ok(uid) = id.parse::<EventUid>()
        && let Some(row) = shared.store.event(uid).await.map_err(AdminError::Store)?
        && application.is_none_or(|name| name == row.event.application.name)
    {
        return Ok(row);
    }
    let rows = shared.store.events_by_source_id(id, application).await;
    let mut rows = rows.map_err(AdminError::Store)?;
    if rows.len() > 1 {
        let names: Vec<String> =
            rows.iter().map(|row| format!("\"{}\"", row.event.application.name)).collect();
        return Err(AdminError::Conflict(format!(
            "Several applications have an event of this id: {}. Say which with ?application=.",
            names.join(", ")
        )));
    }
    rows.pop().ok_or_else(|| AdminError::NotFound("There is no event of this id.".to_owned()))
}

/// Deliveries, newest first.
///
/// # Errors
/// What the store answers.
pub async fn deliveries(
    shared: &Shared,
    filter: DeliveryFilter,
    page: Page,
) -> Result<Paged<DeliveryRow>, AdminError> {
    shared.store.deliveries(filter, page).await.map_err(AdminError::Store)
}

/// Whether the list of events is longer than this.
///
/// # Errors
/// What the store answers.
pub async fn events_exceed(
    shared: &Shared,
    filter: EventFilter,
    count: usize,
) -> Result<bool, AdminError> {
    shared.store.events_exceed(filter, count).await.map_err(AdminError::Store)
}

/// Whether the list of deliveries is longer than this.
///
/// # Errors
/// What the store answers.
pub async fn deliveries_exceed(
    shared: &Shared,
    filter: DeliveryFilter,
    count: usize,
) -> Result<bool, AdminError> {
    shared.store.deliveries_exceed(filter, count).await.map_err(AdminError::Store)
}

/// A delivery with its attempts.
///
/// # Errors
/// None of that id.
pub async fn delivery(
    shared: &Shared,
    id: DeliveryId,
) -> Result<(DeliveryRow, Vec<Attempt>), AdminError> {
    let row = shared.store.delivery(id).await.map_err(AdminError::Store)?;
    let row = row.ok_or_else(|| AdminError::NotFound("There is no such delivery.".to_owned()))?;
    let attempts = shared.store.attempts_of(id).await.map_err(AdminError::Store)?;
    Ok((row, attempts))
}

/// What was done to a delivery by hand, first to last, as far back as a search looks.
///
/// # Errors
/// What the store answers.
pub async fn operations(
    shared: &Shared,
    delivery: &Delivery,
) -> Result<Vec<AuditEntry>, AdminError> {
    let id = delivery.id.to_string();
    let since = Some(delivery.created_at.plus_ms(-CLOCK_TOLERANCE_MS));
    let filter = AuditFilter { text: Some(id.clone()), since, ..AuditFilter::default() };
    let page = Page { after: None, count_max: OPERATIONS_SHOWN_MAX };
    let found = shared.store.audit(filter, page).await.map_err(AdminError::Store)?;
    let mut done: Vec<_> = found.rows.into_iter().filter(|row| is_done(row, &id)).collect();
    done.reverse();
    Ok(done)
}

/// Whether a line tells of something that was done to this delivery.
fn is_done(row: &AuditEntry, id: &str) -> bool {
    let detail: serde_json::Value = serde_json::from_str(&row.entry.detail).unwrap_or_default();
    let names = |list: &serde_json::Value| {
        list.as_array().is_some_and(|ids| ids.iter().any(|one| one == id))
    };
    match row.entry.action.as_str() {
        "delivery.retry" | "delivery.cancel" => {
            names(&detail["deliveries"]) && !names(&detail["refused"])
        }
        "delivery.resend" => row.entry.target == id || detail["new_delivery"] == id,
        _ => false,
    }
}

/// A notification.
///
/// # Errors
/// None of that id.
pub async fn notification(shared: &Shared, id: NotificationId) -> Result<Notification, AdminError> {
    let found = shared.store.notification(id).await.map_err(AdminError::Store)?;
    found.ok_or_else(|| AdminError::NotFound("There is no such notification.".to_owned()))
}

/// Makes deliveries due now: queued ones, and failed ones with a new lifetime.
///
/// # Errors
/// What the store answers.
pub async fn retry(
    shared: &Shared,
    deliveries: Vec<DeliveryId>,
    author: &str,
) -> Result<Vec<(DeliveryId, Operated)>, AdminError> {
    let now = shared.clock.now();
    let lifetime_ms = shared.settings.current().delivery.lifetime_ms();
    let audit = audit(shared, "delivery.retry", &deliveries, author);
    let requeue = Requeue { deliveries, due_at: now, expires_at: now.plus_ms(lifetime_ms) };
    let done = shared.store.requeue(requeue, audit).await.map_err(AdminError::Store)?;
    shared.dispatcher.retry_asked();
    Ok(done)
}

/// Gives queued deliveries up.
///
/// # Errors
/// What the store answers.
pub async fn cancel(
    shared: &Shared,
    deliveries: Vec<DeliveryId>,
    author: &str,
) -> Result<Vec<(DeliveryId, Operated)>, AdminError> {
    let now = shared.clock.now();
    let audit = audit(shared, "delivery.cancel", &deliveries, author);
    shared.store.cancel(deliveries, now, audit).await.map_err(AdminError::Store)
}

fn audit(shared: &Shared, action: &str, deliveries: &[DeliveryId], author: &str) -> NewAudit {
    let ids: Vec<String> = deliveries.iter().map(ToString::to_string).collect();
    let target = match ids.as_slice() {
        [only] => only.clone(),
        _ => format!("{} deliveries", ids.len()),
    };
    NewAudit {
        at: shared.clock.now(),
        author: author.to_owned(),
        action: action.to_owned(),
        target,
        detail: serde_json::json!({ "deliveries": ids }).to_string(),
    }
}
