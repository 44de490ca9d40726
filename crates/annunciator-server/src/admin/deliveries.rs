//! Commands about deliveries that need a channel or new ids: resend, show the message.

use std::sync::Arc;

use annunciator_core::{Delivery, DeliveryId, DeliveryState, NotificationId};
use annunciator_store::{NewAudit, PlannedNotification};
use serde_json::json;

use crate::admin::AdminError;
use crate::shared::Shared;

/// Sends a finished delivery once more, as a new delivery of a new notification: the Message-ID is
/// another, so that no mail system takes it for the first one.
///
/// # Errors
/// [`AdminError::NotFound`], or [`AdminError::Conflict`] while it is not finished.
pub async fn resend(
    shared: &Shared,
    id: DeliveryId,
    author: &str,
) -> Result<DeliveryId, AdminError> {
    let missing = || AdminError::NotFound(format!("there is no delivery `{id}`"));
    let row = shared.store.delivery(id).await?.ok_or_else(missing)?;
    if !row.delivery.state.is_finished() {
        return Err(AdminError::Conflict(format!(
            "the delivery is {}: retry it, or resend it when it is finished",
            row.delivery.state.as_str()
        )));
    }
    let original = shared.store.notification(row.delivery.notification).await?;
    let mut notification = original.ok_or_else(missing)?;
    let now = shared.clock.now();
    notification.id = shared.ids.notification(now);
    notification.created_at = now;
    let domain = shared.settings.hello_name();
    notification.content.message_id = format!("{}@{domain}", notification.id);
    notification.content.recipients = vec![row.delivery.recipient.clone()];
    let lifetime_ms = shared.settings.current().delivery.lifetime_ms();
    let new_id = shared.ids.delivery(now);
    let delivery = Delivery {
        id: new_id,
        notification: notification.id,
        state: DeliveryState::Queued { due_at: now },
        created_at: now,
        expires_at: now.plus_ms(lifetime_ms),
        attempts: 0,
        retries: 0,
        possibly_duplicated: false,
        last_failure: None,
        ..row.delivery
    };
    let lane = delivery.lane.clone();
    let audit = NewAudit {
        at: now,
        author: author.to_owned(),
        action: "delivery.resend".to_owned(),
        target: id.to_string(),
        detail: json!({ "new_delivery": new_id.to_string() }).to_string(),
    };
    let planned = PlannedNotification {
        notification: Arc::new(notification),
        deliveries: vec![delivery],
        limit: None,
    };
    shared.store.insert_notification(planned, audit).await?;
    shared.dispatcher.note_queued(&lane);
    Ok(new_id)
}

/// The message of a notification, as its channel makes it.
///
/// # Errors
/// [`AdminError::NotFound`] for an unknown notification or one whose channel makes no messages.
pub async fn message(shared: &Shared, id: NotificationId) -> Result<Vec<u8>, AdminError> {
    let missing = || AdminError::NotFound(format!("there is no notification `{id}`"));
    let notification = shared.store.notification(id).await?.ok_or_else(missing)?;
    let channels = shared.settings.channels();
    let channel = channels.iter().find(|channel| channel.name() == notification.channel);
    let channel = channel.ok_or_else(missing)?;
    channel.message(&notification).map_err(AdminError::NotFound)
}
