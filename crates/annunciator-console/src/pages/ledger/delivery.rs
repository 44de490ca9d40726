//! One delivery: where it stands, each attempt, and what an operator can do about it.

use std::sync::Arc;

use annunciator_api_types::DeliveryDetail;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::StatusCode;

use super::operation::{self, Done};
use super::tone;
use crate::Console;
use crate::api::escape;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::Stop;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/ledger/{id}", get(delivery))
        .route("/ledger/{id}/state", get(state))
        .route("/ledger/{id}/attempts", get(attempts))
        .route("/ledger/{id}/{operation}", post(operate))
}

#[derive(Template)]
#[template(path = "ledger/delivery.html")]
struct DeliveryPage {
    page: Page,
    detail: DeliveryDetail,
    done: Option<Done>,
}

#[derive(Template)]
#[template(path = "ledger/delivery.html", block = "state")]
struct DeliveryState {
    page: Page,
    detail: DeliveryDetail,
}

#[derive(Template)]
#[template(path = "ledger/delivery.html", block = "attempts")]
struct DeliveryAttempts {
    page: Page,
    detail: DeliveryDetail,
}

fn is_finished(detail: &DeliveryDetail) -> bool {
    detail.delivery.finished_at.is_some()
}

async fn read(visitor: &Visitor, id: &str) -> Result<(Page, DeliveryDetail), Stop> {
    let mut page = visitor.page("ledger-delivery", "ledger");
    let detail: DeliveryDetail = visitor.get(&format!("/api/v1/deliveries/{}", escape(id))).await?;
    page.title = page.t1("ledger-delivery-to", "recipient", &detail.delivery.recipient.address);
    Ok((page, detail))
}

async fn delivery(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let (page, detail) = read(&visitor, &id.0).await?;
    Ok(show(&DeliveryPage { page, detail, done: None }))
}

async fn state(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let (page, detail) = read(&visitor, &id.0).await?;
    Ok(show_as(again(is_finished(&detail)), &DeliveryState { page, detail }))
}

async fn attempts(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let (page, detail) = read(&visitor, &id.0).await?;
    Ok(show_as(again(is_finished(&detail)), &DeliveryAttempts { page, detail }))
}

/// Whether htmx is to ask again: 286 is its word for no.
pub(in crate::pages) fn again(is_settled: bool) -> StatusCode {
    let stop = StatusCode::from_u16(286).expect("286 is a status");
    if is_settled { stop } else { StatusCode::OK }
}

async fn operate(visitor: Visitor, path: Path<(String, String)>) -> Result<Response, Stop> {
    let Path((id, operation)) = path;
    let mut done = operation::operate(&visitor, &operation, &[&id]).await?;
    done.look_at_relay(&visitor, &[&id]).await;
    let shown = done.made.as_deref().unwrap_or(&id);
    if done.count == 1 {
        let waits = if done.waits { "-waits" } else { "" };
        let operation = done.operation;
        let notice = format!("/ledger/{}?notice=ledger-{operation}{waits}", escape(shown));
        return Ok(lead_to(&visitor.guest, &notice));
    }
    let (page, detail) = read(&visitor, &id).await?;
    Ok(show_as(StatusCode::CONFLICT, &DeliveryPage { page, detail, done: Some(done) }))
}
