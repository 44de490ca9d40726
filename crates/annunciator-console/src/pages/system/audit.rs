//! The audit log: who changed what, when, from what to what.

use annunciator_api_types::{AuditList, AuditView};
use annunciator_core::Timestamp;
use askama::Template;
use axum::response::Response;

use super::difference::{Line, Shown, lines};
use crate::api::with_query;
use crate::page::{Page, Visitor, show};
use crate::refusal::Stop;

/// Entries of one page.
const ENTRIES: &str = "50";
/// Differences that are shown without being asked for.
const LINES_OPEN: usize = 6;
/// Names of parameters that narrow the list.
const FILTERS: [&str; 3] = ["q", "author", "action"];
/// What can be done, for the list to choose from; others are shown by the word of the API.
const ACTIONS: [&str; 35] = [
    "settings.save",
    "settings.export_sealed",
    "token.create",
    "token.delete",
    "user.create",
    "user.change",
    "user.delete",
    "user.change_password",
    "user.change_password.refused",
    "user.set_password",
    "user.give_key",
    "user.use_key",
    "session.start",
    "session.end",
    "role.save",
    "role.delete",
    "view.save",
    "view.delete",
    "certificate.upload",
    "certificate.replace",
    "certificate.delete",
    "certificate.download_key",
    "silence.create",
    "silence.change",
    "silence.end",
    "delivery.retry",
    "delivery.cancel",
    "delivery.resend",
    "incident.status",
    "subscription.pause",
    "test_message.send",
    "backup.create",
    "backup.delete",
    "node.drain",
    "node.undrain",
];

#[derive(Template)]
#[template(path = "system/audit.html")]
struct AuditPage {
    page: Page,
    query: String,
    author: String,
    action: String,
    entries: Vec<Entry>,
    /// How far back was looked, when the search is not at its end.
    searched_until: Option<Timestamp>,
    next_path: Option<String>,
    first_path: Option<String>,
    /// Format and path of each.
    exports: [(&'static str, String); 2],
}

/// An entry.
struct Entry {
    view: AuditView,
    /// What is shown at once.
    first: Vec<Line>,
    /// What is shown on demand.
    rest: Vec<Line>,
}

impl Entry {
    fn of(view: AuditView) -> Self {
        let mut first = lines(&view.detail);
        let rest = first.split_off(first.len().min(LINES_OPEN));
        Self { view, first, rest }
    }
}

impl AuditPage {
    fn is_filtered(&self) -> bool {
        !(self.query.is_empty() && self.author.is_empty() && self.action.is_empty())
    }
}

pub(super) async fn audit(visitor: Visitor) -> Result<Response, Stop> {
    let query = visitor.guest.query();
    let mut pairs: Vec<(&str, &str)> = FILTERS.map(|name| (name, query.trimmed(name))).to_vec();
    let after = query.text("after");
    let exports = ["csv", "json"].map(|format| {
        let pairs = [&[("format", format)], &pairs[..]].concat();
        (format, with_query("/api/v1/audit/export", &pairs))
    });
    let first_path = (!after.is_empty()).then(|| with_query("/audit", &pairs));
    pairs.extend([("after", after), ("limit", ENTRIES)]);
    let list: AuditList = visitor.get(&with_query("/api/v1/audit", &pairs)).await?;
    pairs.truncate(FILTERS.len());
    let next_path = list.next.map(|next| {
        let pairs = [&pairs[..], &[("after", next.as_str())]].concat();
        with_query("/audit", &pairs)
    });
    Ok(show(&AuditPage {
        page: visitor.page("nav-audit", "audit"),
        query: query.trimmed("q").to_owned(),
        author: query.trimmed("author").to_owned(),
        action: query.trimmed("action").to_owned(),
        entries: list.entries.into_iter().map(Entry::of).collect(),
        searched_until: list.searched_until,
        next_path,
        first_path,
        exports,
    }))
}
