//! Certificate objects: list, upload, look, replace, download, delete.
//!
//! In: files that a browser uploads. Out: pages about what is in them; never a key, but for the one
//! download that asks for the password again.

mod dialog;
pub(super) mod upload;

use std::sync::Arc;

use annunciator_api_types::{CertificateList, CertificateView};
use annunciator_core::Timestamp;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hyper::{Method, StatusCode, header};
use serde_json::json;

use crate::Console;
use crate::api::{Reply, escape};
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};
use upload::{KINDS, Upload};

/// Days before its end from which a certificate is marked.
const SOON_DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/certificates", get(list))
        .route("/certificates/new", get(new).post(create))
        .route("/certificates/dialog", get(dialog::open).post(dialog::upload))
        .route("/certificates/{id}", get(detail).post(replace))
        .route("/certificates/{id}/delete", post(delete))
        .route("/certificates/{id}/pem", get(download))
        .route("/certificates/{id}/file", get(download_file))
        .route("/certificates/{id}/key", post(download_key))
}

fn path_of(id: &str) -> String {
    format!("/api/v1/certificates/{}", escape(id))
}

/// How near an end is: a tone for its badge.
fn tone(not_after: Timestamp, now: Timestamp) -> &'static str {
    let left_ms = not_after.ms_since(now);
    match left_ms {
        ..=0 => "bad",
        _ if left_ms <= SOON_DAYS * DAY_MS => "warn",
        _ => "good",
    }
}

#[derive(Template)]
#[template(path = "certificates/list.html")]
struct List {
    page: Page,
    certificates: Vec<CertificateView>,
}

impl List {
    fn tone(&self, at: &Timestamp) -> &'static str {
        tone(*at, self.page.now)
    }
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let found: CertificateList = visitor.get("/api/v1/certificates").await?;
    let page = visitor.page("certificates-title", "certificates");
    Ok(show(&List { page, certificates: found.certificates }))
}

#[derive(Template)]
#[template(path = "certificates/new.html")]
struct New {
    page: Page,
    kinds: [&'static str; 3],
    kind: String,
    name: String,
    errors: Errors,
}

async fn new(visitor: Visitor) -> Result<Response, Stop> {
    let asked = visitor.guest.query();
    let kind = upload::known_kind(asked.text("kind")).to_owned();
    let page = visitor.page("certificates-new-title", "certificates");
    let (name, errors) = (String::new(), Errors::default());
    Ok(show(&New { page, kinds: KINDS, kind, name, errors }))
}

async fn create(visitor: Visitor, upload: Upload) -> Result<Response, Stop> {
    match upload.send(&visitor, Method::POST, "/api/v1/certificates").await? {
        Ok(saved) => {
            let id = escape(&saved.certificate.id);
            Ok(lead_to(&visitor.guest, &format!("/certificates/{id}?notice=uploaded")))
        }
        Err(errors) => {
            let page = visitor.page("certificates-new-title", "certificates");
            let (kind, name) = (upload.kind, upload.name);
            let form = New { page, kinds: KINDS, kind, name, errors };
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &form))
        }
    }
}

#[derive(Template)]
#[template(path = "certificates/detail.html")]
struct Detail {
    page: Page,
    object: CertificateView,
    errors: Errors,
    /// Whether the errors are of the download of the key, not of an upload.
    is_about_key: bool,
}

impl Detail {
    fn tone(&self, at: &Timestamp) -> &'static str {
        tone(*at, self.page.now)
    }
}

async fn show_detail(
    visitor: &Visitor,
    id: &str,
    errors: Errors,
    is_about_key: bool,
) -> Result<Response, Stop> {
    let object: CertificateView = visitor.get(&path_of(id)).await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut page = visitor.page("certificates-title", "certificates");
    page.title.clone_from(&object.name);
    Ok(show_as(status, &Detail { page, object, errors, is_about_key }))
}

async fn detail(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    show_detail(&visitor, &id.0, Errors::default(), false).await
}

async fn replace(visitor: Visitor, id: Path<String>, upload: Upload) -> Result<Response, Stop> {
    match upload.send(&visitor, Method::PUT, &path_of(&id.0)).await? {
        Ok(_) => {
            let path = format!("/certificates/{}?notice=replaced", escape(&id.0));
            Ok(lead_to(&visitor.guest, &path))
        }
        Err(errors) => show_detail(&visitor, &id.0, errors, false).await,
    }
}

async fn delete(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    match visitor.try_send(Method::DELETE, &path_of(&id.0), &()).await {
        Ok(_) => Ok(lead_to(&visitor.guest, "/certificates?notice=deleted")),
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            show_detail(&visitor, &id.0, errors, false).await
        }
    }
}

async fn download(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let path = format!("{}/pem", path_of(&id.0));
    let reply = visitor.send(Method::GET, &path, &()).await?;
    Ok(attachment(&format!("{}.pem", file_name(&id.0)), reply.body))
}

/// The certificate's file as it was uploaded, under its own name.
async fn download_file(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let path = format!("{}/file", path_of(&id.0));
    Ok(passed_on(visitor.send(Method::GET, &path, &()).await?))
}

/// A file of the API as it came.
fn passed_on(reply: Reply) -> Response {
    let mut response = reply.body.into_response();
    for name in [header::CONTENT_TYPE, header::CONTENT_DISPOSITION] {
        if let Some(value) = reply.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

async fn download_key(visitor: Visitor, id: Path<String>, form: Form) -> Result<Response, Stop> {
    let request = json!({
        "credential": form.text("credential"),
        "export_password": form.text("export_password"),
        "as_uploaded": form.is_on("as_uploaded"),
    });
    let path = format!("{}/key", path_of(&id.0));
    match visitor.try_send(Method::POST, &path, &request).await {
        Ok(reply) if form.is_on("as_uploaded") => Ok(passed_on(reply)),
        Ok(reply) => Ok(attachment(&format!("{}.key.pem", file_name(&id.0)), reply.body)),
        Err(crate::api::Refusal::Problem(problem, _)) => {
            let summary = problem.detail.unwrap_or(problem.title);
            let errors = Errors { summary, fields: problem.errors };
            show_detail(&visitor, &id.0, errors, true).await
        }
        Err(refusal) => Err(visitor.stop(refusal)),
    }
}

/// Ids are made by the server; what else stands there does not get into a header.
fn file_name(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

fn attachment(name: &str, body: bytes::Bytes) -> Response {
    let kind = (header::CONTENT_TYPE, "application/x-pem-file".to_owned());
    let place = (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    ([kind, place], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_the_end_the_louder() {
        let check = |days: i64, expected: &str| {
            assert_eq!(tone(Timestamp(days * DAY_MS), Timestamp(0)), expected, "{days} days");
        };
        check(31, "good");
        check(30, "warn");
        check(1, "warn");
        check(0, "bad");
        check(-3, "bad");
    }

    #[test]
    fn a_file_name_is_inert() {
        assert_eq!(file_name("01-a\"\r\n/../x"), "01-ax");
    }
}
