//! Style, script and icon out of the binary, under names that change with what they hold.
//!
//! Out: a route for each; a browser may keep them for ever.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::StatusCode;
use hyper::header;

use crate::Console;

const STYLE: &str = concat!(
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/shell.css"),
    include_str!("../assets/css/parts.css"),
    include_str!("../assets/css/forms.css"),
    include_str!("../assets/css/pages.css"),
    include_str!("../assets/css/people.css"),
    include_str!("../assets/css/dashboard.css"),
    include_str!("../assets/css/settings.css"),
    include_str!("../assets/css/settings_tools.css"),
    include_str!("../assets/css/silences.css"),
    include_str!("../assets/css/ledger.css"),
    include_str!("../assets/css/incidents.css"),
    include_str!("../assets/css/event_configuration.css"),
);
/// htmx 2.0.11 (Zero-Clause BSD), then ours.
const SCRIPT: &str =
    concat!(include_str!("../assets/htmx.min.js"), "\n", include_str!("../assets/console.js"),);
const ICON: &str = include_str!("../assets/icon.svg");

/// The paths under which pages name them.
pub(crate) struct Assets {
    /// The style sheet.
    pub(crate) style: String,
    /// The script.
    pub(crate) script: String,
    /// The icon.
    pub(crate) icon: String,
}

/// Paths of this build.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let path = |name: &str, end: &str, text: &str| {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        format!("/assets/{name}-{:016x}.{end}", hasher.finish())
    };
    Assets {
        style: path("console", "css", STYLE),
        script: path("console", "js", SCRIPT),
        icon: path("icon", "svg", ICON),
    }
});

pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/assets/{name}", get(asset)).route("/favicon.ico", get(icon))
}

async fn asset(name: Path<String>) -> Response {
    let path = format!("/assets/{}", name.0);
    let found = [
        (&ASSETS.style, "text/css; charset=utf-8", STYLE),
        (&ASSETS.script, "text/javascript; charset=utf-8", SCRIPT),
        (&ASSETS.icon, "image/svg+xml", ICON),
    ]
    .into_iter()
    .find(|(known, ..)| **known == path);
    let Some((_, kind, text)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let kept = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    ([(header::CONTENT_TYPE, kind), kept], text).into_response()
}

async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}
