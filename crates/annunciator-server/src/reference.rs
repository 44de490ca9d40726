//! The generated pages of the reference: settings, template parameters, metrics, OpenAPI.

use std::fmt::Write as _;

use crate::metrics::METRICS;
use crate::settings_document::GROUPS;

/// Every setting, Markdown.
#[must_use]
pub fn settings() -> String {
    let mut page = String::from(
        "# Settings\n\nGenerated from the setting definitions; change them there.\n\
         Set them with `annunciator settings set GROUP.KEY=VALUE`, or \
         `PATCH /api/v1/settings`.\n",
    );
    for group in GROUPS {
        let _ = write!(page, "\n## {}\n\n{}\n\n{}", group.name, group.doc, group.reference());
    }
    page
}

/// Every template parameter, Markdown.
#[must_use]
pub fn parameters() -> String {
    let table = annunciator_template::reference_markdown();
    format!(
        "# Template parameters\n\nGenerated from the table in `parameters.rs` of the template crate.\n\
         They are used in subjects and messages; `%%` is a percent sign.\n\n{table}"
    )
}

/// Every metric, Markdown.
#[must_use]
pub fn metrics() -> String {
    let mut page = String::from(
        "# Metrics\n\nGenerated from the list in `metrics.rs`.\n\
         `GET /metrics` gives them as OpenMetrics text; all names begin with `annunciator_`, \
         counters end in `_total`.\n\n| metric | kind | meaning |\n|---|---|---|\n",
    );
    for (name, kind, help) in METRICS {
        let _ = writeln!(page, "| `annunciator_{name}` | {kind} | {help} |");
    }
    page
}

/// The OpenAPI 3.1 document.
#[must_use]
pub fn openapi_json() -> String {
    crate::api::openapi_json()
}
