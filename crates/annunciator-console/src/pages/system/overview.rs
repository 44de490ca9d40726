//! The server: what it is, what it keeps and for how long, its nodes, its backups.
//!
//! In: `GET /api/v1/system`, `GET /api/v1/backups`. Out: facts in groups, and the backups for whom
//! may manage them.

use annunciator_api_types::{BackupList, BackupView, StoreView, SystemView};
use annunciator_core::Timestamp;
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use hyper::{Method, StatusCode};

use super::nodes::Nodes;
use crate::api::{Refusal, escape};
use crate::charts::{percent, portion};
use crate::page::{Guest, Page, Visitor, lead_to, show_as};
use crate::refusal::{Errors, Stop};

/// Most backups that are shown; there is room for 1,000.
const BACKUPS_MAX: usize = 50;
/// Free room below this multiple of the reserve deserves a look.
const RESERVES_MIN: u64 = 2;

/// What programs ask, and the key of the words about it.
const ENDPOINTS: [(&str, &str); 4] = [
    ("/-/healthy", "system-healthy"),
    ("/-/ready", "system-ready"),
    ("/metrics", "system-metrics"),
    ("/api/v1/openapi.json", "system-openapi"),
];

#[derive(Template)]
#[template(path = "system/system.html")]
struct SystemPage {
    page: Page,
    groups: Vec<Group>,
    nodes: Nodes,
    /// Whether the store is a database, which is copied by its own tools.
    is_database: bool,
    /// Nothing for whom they are not.
    backups: Option<Vec<BackupView>>,
    /// How many more there are than are shown.
    more_backups: usize,
    error: Option<String>,
}

/// Facts that belong together.
struct Group {
    name: &'static str,
    facts: Vec<Fact>,
    disk: Option<Disk>,
    /// Where it is changed: words and path.
    link: Option<(String, String)>,
}

/// One fact: a text, or a time.
#[derive(Default)]
struct Fact {
    label: String,
    value: String,
    at: Option<Timestamp>,
}

/// The room that the store has: what it takes and what is free.
struct Disk {
    free: u64,
    total: u64,
    taken: String,
    reserve_at: String,
    reserve_width: String,
    tone: &'static str,
}

impl Disk {
    /// Nothing where the store is a database, whose disk is not asked.
    fn of_file(store: &StoreView) -> Option<Self> {
        (!is_database(store)).then(|| Self::of(store))
    }

    fn of(store: &StoreView) -> Self {
        let total = store.size_bytes.saturating_add(store.disk_free_bytes);
        let reserve = portion(store.disk_reserve_bytes, total);
        let free = store.disk_free_bytes;
        let tone = match store.disk_reserve_bytes {
            reserve if free < reserve => "bad",
            reserve if free < reserve.saturating_mul(RESERVES_MIN) => "warn",
            _ => "",
        };
        Self {
            free,
            total,
            taken: percent(portion(store.size_bytes, total)),
            reserve_at: percent(100.0 - reserve),
            reserve_width: percent(reserve),
            tone,
        }
    }
}

fn is_database(store: &StoreView) -> bool {
    store.kind != "sqlite"
}

pub(super) async fn system(visitor: Visitor) -> Result<Response, Stop> {
    draw(&visitor, StatusCode::OK, None).await
}

async fn draw(
    visitor: &Visitor,
    status: StatusCode,
    error: Option<String>,
) -> Result<Response, Stop> {
    let page = visitor.page("nav-system", "system");
    let system: SystemView = visitor.get("/api/v1/system").await?;
    let mut backups: Option<Vec<BackupView>> = None;
    if visitor.may("manage_backups") {
        let list: BackupList = visitor.get("/api/v1/backups").await?;
        backups = Some(list.backups);
    }
    let count = backups.as_ref().map_or(0, Vec::len);
    if let Some(backups) = &mut backups {
        backups.truncate(BACKUPS_MAX);
    }
    let more_backups = count.saturating_sub(BACKUPS_MAX);
    let groups = groups(&page, &system);
    let nodes = Nodes::fetch(visitor, &page).await?;
    let is_database = is_database(&system.store);
    let page = SystemPage { page, groups, nodes, is_database, backups, more_backups, error };
    Ok(show_as(status, &page))
}

pub(super) async fn back_up(visitor: Visitor) -> Result<Response, Stop> {
    let made = visitor.try_send(Method::POST, "/api/v1/backups", &()).await;
    after(&visitor, made.map(drop), "backup-made").await
}

pub(super) async fn delete(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    let path = format!("/api/v1/backups/{}", escape(&name.0));
    let deleted = visitor.try_send(Method::DELETE, &path, &()).await;
    after(&visitor, deleted.map(drop), "backup-deleted").await
}

/// Leads back with a notice, or shows the page with what went wrong.
pub(super) async fn after(
    visitor: &Visitor,
    done: Result<(), Refusal>,
    notice: &str,
) -> Result<Response, Stop> {
    let guest: &Guest = &visitor.guest;
    match done {
        Ok(()) => Ok(lead_to(guest, &format!("/system?notice={notice}"))),
        Err(refusal) => {
            let errors = Errors::of(guest, refusal)?;
            draw(visitor, StatusCode::UNPROCESSABLE_ENTITY, Some(errors.summary)).await
        }
    }
}

fn groups(page: &Page, system: &SystemView) -> Vec<Group> {
    let group = |name, facts| Group { name, facts, disk: None, link: None };
    let link = page
        .may("change_settings")
        .then(|| (page.t("system-change-retention"), "/settings/server".to_owned()));
    vec![
        group("server", server(page, system)),
        Group { disk: Disk::of_file(&system.store), ..group("store", store(page, &system.store)) },
        Group { link, ..group("retention", retention(page, system)) },
        group("build", build(page, system)),
    ]
}

/// A fact whose label has the key `system-fact-NAME`.
fn fact(page: &Page, name: &str, value: impl Into<String>) -> Fact {
    Fact { label: page.t(&format!("system-fact-{name}")), value: value.into(), at: None }
}

fn moment(page: &Page, name: &str, at: Option<Timestamp>) -> Option<Fact> {
    let at = at?;
    Some(Fact { at: Some(at), ..fact(page, name, "") })
}

fn server(page: &Page, system: &SystemView) -> Vec<Fact> {
    let tls = if system.tls { "system-with-tls" } else { "system-without-tls" };
    let mut facts = vec![
        fact(page, "version", &system.version),
        fact(page, "listen", format!("{} · {}", system.listen, page.t(tls))),
    ];
    facts.extend(moment(page, "started", Some(system.started_at)));
    facts.extend(moment(page, "certificate-ends", system.tls_certificate_ends_at));
    facts.extend(system.data_dir.as_ref().map(|path| fact(page, "data-dir", path)));
    let folders = system.executable_dirs.as_ref().filter(|folders| !folders.is_empty());
    facts.extend(folders.map(|folders| fact(page, "executable-dirs", folders.join(", "))));
    facts
}

fn store(page: &Page, store: &StoreView) -> Vec<Fact> {
    let mut facts = vec![
        fact(
            page,
            "kind",
            format!("{} {}", page.word("system-kind", &store.kind), store.engine_version),
        ),
        fact(page, "size", page.bytes(&store.size_bytes)),
        fact(page, "schema", store.schema_version.to_string()),
        fact(page, "events", page.number(&store.events)),
        fact(page, "deliveries", page.number(&store.deliveries)),
    ];
    if !is_database(store) {
        facts.insert(2, fact(page, "wal", page.bytes(&store.wal_bytes)));
    }
    facts.extend(moment(page, "oldest-event", store.oldest_event_at));
    facts
}

fn retention(page: &Page, system: &SystemView) -> Vec<Fact> {
    let retention = &system.retention;
    let days = |severity: &str, days: u32| Fact {
        label: page.word("severity", severity),
        value: page.t1("system-days", "count", days),
        at: None,
    };
    vec![
        days("critical", retention.critical_days),
        days("failure", retention.failure_days),
        days("warning", retention.warning_days),
        days("info", retention.info_days),
        fact(page, "events-max", page.number(&u64::from(retention.events_max))),
    ]
}

fn build(page: &Page, system: &SystemView) -> Vec<Fact> {
    let build = &system.build;
    vec![
        fact(page, "rustc", &build.rustc),
        fact(page, "target", &build.target),
        fact(page, "openssl", &build.openssl),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meter_shows_what_is_taken_and_what_is_reserved() {
        let check = |size: u64, free: u64, expected: (&str, &str, &str)| {
            let disk = Disk::of(&StoreView {
                kind: "sqlite".to_owned(),
                engine_version: String::new(),
                schema_version: 1,
                size_bytes: size,
                wal_bytes: 0,
                disk_free_bytes: free,
                disk_reserve_bytes: 100,
                events: 0,
                deliveries: 0,
                oldest_event_at: None,
            });
            assert_eq!((disk.taken.as_str(), disk.reserve_at.as_str(), disk.tone), expected);
        };
        check(250, 750, ("25%", "90%", ""));
        check(850, 150, ("85%", "90%", "warn"));
        check(950, 50, ("95%", "90%", "bad"));
        check(0, 0, ("0%", "100%", "bad"));
    }
}
