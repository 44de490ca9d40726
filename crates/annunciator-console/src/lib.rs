//! The web console: requests of a browser become calls of the API inside the process, and its
//! answers become pages.
//!
//! In: the API as a router. Out: one router that answers both. Knows nothing of: store, channels,
//! who may do what: the API decides all of that, so that the console can do nothing it cannot.
//! Standard: HTML Living Standard, WCAG 2.2 AA; spec 10.1.
//! Failure: a refusal of the API becomes a page that says what to do; errors of fields stand
//! beside their fields.

mod api;
mod assets;
mod charts;
mod form;
mod language;
mod menu;
mod moments;

mod page;

mod reasons;

mod refusal;

mod pages;

mod settings_form;
mod test_stream;

mod hardening;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use hyper::http::Extensions;
use hyper::{HeaderMap, StatusCode, Version};
use tower::ServiceExt as _;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _};

/// What all pages have in common.
pub(crate) struct Console {
    api: api::Api,
}

/// Compression collects what it is given: not where a page is told piece by piece.
fn is_collected(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(test_stream::UNBUFFERED)
}

/// API and console in one router: paths of the API go to it, all others are pages.
pub fn router(api: Router) -> Router {
    let console = Arc::new(Console { api: api::Api::new(api.clone()) });
    let pages = pages::routes()
        .merge(assets::routes())
        .fallback(refusal::unknown_page)
        .layer(axum::middleware::map_response(hardening::harden))
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .compress_when(DefaultPredicate::new().and(is_collected)),
        )
        .layer(axum::extract::DefaultBodyLimit::max(form::FORM_BYTES_MAX))
        .with_state(console);
    // No routes with a wildcard: its parameter would be one more of the API's own.
    Router::new().fallback_service(tower::service_fn(move |mut request: Request| {
        let is_of_api = is_of_api(request.uri().path());
        if !is_of_api {
            api::remember_outside(&mut request);
        }
        let router = if is_of_api { api.clone() } else { pages.clone() };
        router.oneshot(request)
    }))
}

/// What the API knows by path is its own; the first segment tells.
fn is_of_api(path: &str) -> bool {
    let first = path.strip_prefix('/').and_then(|path| path.split('/').next());
    matches!(first, Some("api" | "-" | "metrics"))
}
