//! Notifications: look at one, and at the message made of it.

use std::sync::Arc;

use annunciator_api_types::NotificationView;
use annunciator_core::NotificationId;
use axum::Json;
use axum::extract::{Path, State};
use hyper::header::{self, HeaderValue};

use super::document::Problems;
use super::error::ApiError;
use super::{Answer, views};
use crate::admin::{self, ledger};
use crate::shared::Shared;

/// Media type of messages.
const MESSAGE: HeaderValue = HeaderValue::from_static("message/rfc822");

/// Look at a notification.
#[utoipa::path(
    get, path = "/api/v1/notifications/{id}", tag = "ledger",
    params(("id" = String, Path, description = "Id of the notification")),
    responses((status = 200, description = "The notification", body = NotificationView), Problems)
)]
pub(super) async fn show_notification(
    state: State<Arc<Shared>>,
    id: Path<String>,
) -> Answer<NotificationView> {
    let found = ledger::notification(&state.0, notification_id(&id.0)?).await?;
    let channels = state.0.settings.channels().iter();
    let channel = channels.into_iter().find(|channel| channel.name() == found.channel);
    let remark = channel.map(|channel| channel.remark(&found.content)).unwrap_or_default();
    Ok(Json(NotificationView { remark, ..views::notification(found) }))
}

/// The message as it goes over the wire.
#[utoipa::path(
    get, path = "/api/v1/notifications/{id}/message", tag = "ledger",
    params(("id" = String, Path, description = "Id of the notification")),
    responses(
        (status = 200, description = "The message", body = String, content_type = "message/rfc822"),
        Problems
    )
)]
pub(super) async fn show_message(
    state: State<Arc<Shared>>,
    id: Path<String>,
) -> Result<([(header::HeaderName, HeaderValue); 1], Vec<u8>), ApiError> {
    let message = admin::deliveries::message(&state.0, notification_id(&id.0)?).await?;
    Ok(([(header::CONTENT_TYPE, MESSAGE)], message))
}

fn notification_id(text: &str) -> Result<NotificationId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found("There is no such notification."))
}
