//! Certificate objects: upload, list, show, replace, delete, download.

use std::sync::Arc;

use annunciator_api_types::{
    CertificateList, CertificateSaved, CertificateUpload, CertificateView, KeyDownloadRequest,
};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

use super::body::{JsonBody, UPLOAD_BYTES_MAX};
use super::document::Problems;
use super::error::ApiError;
use super::{Answer, Caller};
use crate::admin::certificates::{self, NamedFile};
use crate::admin::key_download;
use crate::shared::Shared;

/// Media type of PEM.
const PEM: &str = "application/x-pem-file";

/// List the certificate objects, without their keys.
#[utoipa::path(
    get, path = "/api/v1/certificates", tag = "certificates",
    responses((status = 200, description = "The objects", body = CertificateList), Problems)
)]
pub(super) async fn list_certificates(state: State<Arc<Shared>>) -> Answer<CertificateList> {
    Ok(Json(CertificateList { certificates: certificates::list(&state.0) }))
}

/// Upload a certificate object.
///
/// Files come in any order, in PEM or DER, or as PKCS#12. Nothing is stored unless everything is
/// good. The key is sealed and never shown.
#[utoipa::path(
    post, path = "/api/v1/certificates", tag = "certificates", request_body = CertificateUpload,
    responses((status = 201, description = "Stored and in force", body = CertificateSaved), Problems)
)]
pub(super) async fn upload_certificate(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<CertificateUpload, UPLOAD_BYTES_MAX>,
) -> Result<(StatusCode, Json<CertificateSaved>), ApiError> {
    let saved = certificates::upload(&state.0, body.0, caller.author()).await?;
    Ok((StatusCode::CREATED, Json(saved)))
}

/// Show a certificate object.
#[utoipa::path(
    get, path = "/api/v1/certificates/{id}", tag = "certificates",
    params(("id" = String, Path, description = "Id of the object")),
    responses((status = 200, description = "The object", body = CertificateView), Problems)
)]
pub(super) async fn show_certificate(
    state: State<Arc<Shared>>,
    id: Path<String>,
) -> Answer<CertificateView> {
    Ok(Json(certificates::show(&state.0, &id.0)?))
}

/// Replace what a certificate object holds; it keeps its id and kind.
///
/// Authorities that settings use together with a stored password are not replaced (409): upload
/// another object, name it in the setting, and type the password again.
#[utoipa::path(
    put, path = "/api/v1/certificates/{id}", tag = "certificates",
    params(("id" = String, Path, description = "Id of the object")),
    request_body = CertificateUpload,
    responses((status = 200, description = "Replaced and in force", body = CertificateSaved), Problems)
)]
pub(super) async fn replace_certificate(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
    body: JsonBody<CertificateUpload, UPLOAD_BYTES_MAX>,
) -> Answer<CertificateSaved> {
    let saved = certificates::replace(&state.0, &id.0, body.0, caller.author()).await?;
    Ok(Json(saved))
}

/// Delete a certificate object that no setting uses.
#[utoipa::path(
    delete, path = "/api/v1/certificates/{id}", tag = "certificates",
    params(("id" = String, Path, description = "Id of the object")),
    responses((status = 204, description = "Deleted"), Problems)
)]
pub(super) async fn delete_certificate(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
) -> Result<StatusCode, ApiError> {
    certificates::delete(&state.0, &id.0, caller.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Download the certificates of an object as PEM; of a signing key its public half.
#[utoipa::path(
    get, path = "/api/v1/certificates/{id}/pem", tag = "certificates",
    params(("id" = String, Path, description = "Id of the object")),
    responses(
        (status = 200, description = "PEM", body = String, content_type = "application/x-pem-file"),
        Problems
    )
)]
pub(super) async fn download_certificate(
    state: State<Arc<Shared>>,
    id: Path<String>,
) -> Result<Response, ApiError> {
    Ok(as_pem(certificates::download(&state.0, &id.0)?))
}

/// Download the certificate of an object as its file was uploaded, octet by octet.
///
/// A file that held the key as well, or was larger than 64 KiB, is not kept as it came: PEM then.
#[utoipa::path(
    get, path = "/api/v1/certificates/{id}/file", tag = "certificates",
    params(("id" = String, Path, description = "Id of the object")),
    responses(
        (status = 200, description = "The file", body = String,
         content_type = "application/octet-stream"),
        Problems
    )
)]
pub(super) async fn download_certificate_file(
    state: State<Arc<Shared>>,
    id: Path<String>,
) -> Result<Response, ApiError> {
    Ok(as_file(certificates::download_file(&state.0, &id.0)?))
}

/// Download the key of an object, as PKCS#8 in PEM; audited.
///
/// Over HTTP the caller gives the own password, or the text of the token in use, again as
/// `credential`; over the owner's socket the system vouches for the caller. With `export_password` the copy is encrypted.
/// With `as_uploaded` and without a password it is the file that was uploaded, octet by octet, where
/// that held no certificate and is kept as it came.
#[utoipa::path(
    post, path = "/api/v1/certificates/{id}/key", tag = "certificates",
    params(("id" = String, Path, description = "Id of the object")),
    request_body = KeyDownloadRequest,
    responses(
        (status = 200, description = "PEM", body = String, content_type = "application/x-pem-file"),
        Problems
    )
)]
pub(super) async fn download_key(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
    body: JsonBody<KeyDownloadRequest>,
) -> Result<Response, ApiError> {
    Ok(as_file(key_download::run(&state.0, &id.0, body.0, caller.identity()).await?))
}

/// A file to save under its name.
fn as_file((name, content): NamedFile) -> Response {
    let is_text = content.starts_with(b"-----") || std::str::from_utf8(&content).is_ok();
    let kind = if is_text { PEM } else { "application/octet-stream" };
    let mut response = content.to_vec().into_response();
    let place = format!("attachment; filename=\"{name}\"");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, place);
    }
    response
}

fn as_pem(text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PEM));
    response
}
