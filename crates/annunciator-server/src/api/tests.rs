//! Problems on the wire, and the document against the routes.

use std::collections::BTreeSet;

use annunciator_api_types::FieldError;
use annunciator_store::StoreError;
use axum::response::IntoResponse;
use http_body_util::BodyExt;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::error::ApiError;
use super::rights::OPERATIONS;
use super::*;
use crate::admin::AdminError;
use crate::intake::Refusal;

async fn on_the_wire(error: ApiError) -> (u16, hyper::HeaderMap, Value) {
    let (parts, body) = error.into_response().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_problem_has_the_form_of_the_contract() {
    let errors =
        vec![FieldError::new("/severity", "one_of", "must be info, warning, failure or critical")];
    let (status, headers, body) = on_the_wire(Refusal::Invalid(errors).into()).await;
    assert_eq!(status, 422);
    assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(
        body,
        json!({
            "type": "urn:annunciator:invalid", "title": "The event is not valid", "status": 422,
            "errors": [{"pointer": "/severity", "code": "one_of",
                        "detail": "must be info, warning, failure or critical"}]
        })
    );
}

#[tokio::test]
async fn every_refusal_has_its_status_kind_and_headers() {
    let rows: Vec<(ApiError, u16, &str, &[&str])> = vec![
        (Refusal::NotReady.into(), 503, "unavailable", &["retry-after"]),
        (Refusal::Malformed(String::new()).into(), 400, "malformed", &[]),
        (Refusal::UnsupportedMediaType(String::new()).into(), 415, "unsupported-media-type", &[]),
        (Refusal::TooMany(1_001).into(), 422, "too-many", &[]),
        (Refusal::KeyReused.into(), 422, "idempotency-key-reused", &[]),
        (Refusal::Interrupted.into(), 503, "unavailable", &["retry-after"]),
        (StoreError::Full("x".into()).into(), 507, "store-full", &["retry-after"]),
        (StoreError::Busy("x".into()).into(), 503, "unavailable", &["retry-after"]),
        (StoreError::Io("x".into()).into(), 503, "unavailable", &["retry-after"]),
        (StoreError::Closed.into(), 503, "unavailable", &["retry-after"]),
        (StoreError::Corrupt("x".into()).into(), 500, "internal", &[]),
        (StoreError::BadRequest("x".into()).into(), 400, "malformed", &[]),
        (AdminError::Invalid(Vec::new()).into(), 422, "invalid", &[]),
        (AdminError::NotFound(String::new()).into(), 404, "not-found", &[]),
        (AdminError::Conflict(String::new()).into(), 409, "conflict", &[]),
        (AdminError::Elsewhere(String::new()).into(), 409, "elsewhere", &[]),
        (AdminError::Forbidden(String::new()).into(), 403, "forbidden", &[]),
        (AdminError::Throttled { wait_s: 4 }.into(), 429, "throttled", &["retry-after"]),
        (AdminError::Unavailable(String::new()).into(), 503, "unavailable", &["retry-after"]),
        (
            ApiError::from(AdminError::Conflict(String::new())).conditional(),
            412,
            "precondition-failed",
            &[],
        ),
        (ApiError::unauthenticated(false), 401, "unauthenticated", &["www-authenticate"]),
        (ApiError::forbidden(""), 403, "forbidden", &[]),
        (ApiError::method_not_allowed("GET, POST"), 405, "method-not-allowed", &["allow"]),
        (ApiError::too_large(1), 413, "too-large", &["connection"]),
        (ApiError::too_slow(), 408, "too-slow", &["connection"]),
        (ApiError::of_status(StatusCode::IM_A_TEAPOT), 418, "refused", &[]),
        (ApiError::of_status(StatusCode::BAD_GATEWAY), 500, "internal", &[]),
    ];
    for (error, status, kind, names) in rows {
        let (found, headers, body) = on_the_wire(error).await;
        assert_eq!((found, &body["status"]), (status, &json!(status)), "{kind}");
        assert_eq!(body["type"], format!("urn:annunciator:{kind}"));
        for name in names {
            assert!(headers.contains_key(*name), "{kind} has no {name}");
        }
        assert_eq!(headers.len(), names.len() + 1, "{kind}: {headers:?}");
    }
}

#[tokio::test]
async fn words_of_a_fault_stay_inside() {
    for error in [
        StoreError::Io("/var/lib/secret-path".into()),
        StoreError::Corrupt("/var/lib/secret-path".into()),
        StoreError::Full("/var/lib/secret-path".into()),
    ] {
        let (_, _, body) = on_the_wire(error.into()).await;
        assert!(!body.to_string().contains("secret-path"), "{body}");
    }
}

#[test]
fn document_routes_and_rights_name_the_same_operations() {
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let rights: BTreeSet<String> =
        OPERATIONS.iter().map(|row| format!("{} {}", row.method, row.path)).collect();
    assert_eq!(described, rights);
}

#[test]
fn the_document_is_the_same_text_every_time_and_ends_its_last_line() {
    let text = openapi_json();
    assert_eq!(text, openapi_json());
    assert!(text.ends_with("}\n"));
}

#[test]
fn every_operation_says_who_may_call_it_and_what_a_problem_is() {
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    for row in OPERATIONS {
        let operation = &document["paths"][row.path][row.method.to_lowercase()];
        let text = operation["description"].as_str().unwrap_or_default();
        assert!(
            [
                "Roles: administrator",
                "Open to everybody.",
                "Every user and token.",
                "Users who have"
            ]
            .iter()
            .any(|words| text.contains(words)),
            "{} {}: {text}",
            row.method,
            row.path
        );
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
        assert!(problem.is_object(), "{} {}", row.method, row.path);
        let is_open = row.access == rights::Access::Open;
        assert_eq!(operation.get("security").is_some(), is_open, "{} {}", row.method, row.path);
    }
}

#[test]
fn every_schema_that_is_named_is_there() {
    let text = openapi_json();
    let document: Value = serde_json::from_str(&text).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap_or_default();
        assert!(schemas.contains_key(name), "{name} is named and not there");
    }
}
