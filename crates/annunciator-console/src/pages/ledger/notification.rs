//! The content of a notification as its reader sees it: HTML in a frame that can do nothing, and
//! the message as it goes over the wire.
//!
//! Standard: CSP Level 3, `sandbox`. The HTML was made of an event's texts; here it runs nothing,
//! asks nobody, and has no origin.

use std::sync::Arc;

use annunciator_api_types::NotificationView;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use hyper::Method;
use hyper::header::{self, HeaderName};

use crate::Console;
use crate::api::escape;
use crate::page::{Page, Visitor, show};
use crate::refusal::Stop;

/// What the HTML of a notification may do, in a frame of ours and nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; \
     frame-ancestors 'self'; base-uri 'none'; form-action 'none'";
/// How much of a message is shown; the rest is in the file. Unit: octets.
const SOURCE_BYTES_MAX: usize = 128 << 10;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/notifications/{id}/html", get(html))
        .route("/notifications/{id}/source", get(source))
        .route("/notifications/{id}/message.eml", get(message))
}

async fn html(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let path = format!("/api/v1/notifications/{}", escape(&id.0));
    let notification: NotificationView = visitor.get(&path).await?;
    Ok(framed(notification.html.ok_or_else(|| Stop::not_found(&visitor.guest))?))
}

/// HTML that others wrote, for a frame of ours and nowhere else.
pub(in crate::pages) fn framed(html: String) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}

#[derive(Template)]
#[template(path = "ledger/source.html")]
struct Source {
    page: Page,
    text: String,
    left_out_bytes: u64,
}

async fn read(visitor: &Visitor, id: &str) -> Result<bytes::Bytes, Stop> {
    let path = format!("/api/v1/notifications/{}/message", escape(id));
    Ok(visitor.send(Method::GET, &path, &()).await?.body)
}

async fn source(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let message = read(&visitor, &id.0).await?;
    let shown = &message[..message.len().min(SOURCE_BYTES_MAX)];
    let text = String::from_utf8_lossy(shown).replace("\r\n", "\n");
    let left_out_bytes = (message.len() - shown.len()) as u64;
    Ok(show(&Source { page: visitor.page("nav-ledger", "ledger"), text, left_out_bytes }))
}

/// The message as a file.
async fn message(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let message = read(&visitor, &id.0).await?;
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let name: String = id.0.chars().filter(is_plain).collect();
    let headers: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, "message/rfc822".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.eml\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, message).into_response())
}
