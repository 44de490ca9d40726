//! The known event types with what holds for them, and what the chosen owner sets itself.
//!
//! In: the owner, a severity, an application and a text to look for, out of the address.
//! Out: at most 100 types a page, and the owner's overrides.

use annunciator_api_types::{EventTypeView, OriginView, OverrideList};
use annunciator_core::Severity;
use askama::Template;
use axum::response::Response;

use super::SECTION;
use super::owner::Owner;
use super::standing::{EntryRow, entry_rows, origin_words, term_words};
use super::tree::Tree;
use crate::api::with_query;
use crate::form::Form;
use crate::page::{Page, Visitor, show};
use crate::refusal::Stop;
use crate::settings_form::Definitions;

/// Rows of a page.
const ROWS_MAX: usize = 100;
/// Most overrides that are listed below the types.
const ENTRIES_MAX: usize = 100;
/// Most applications that are offered as a filter.
const APPLICATIONS_MAX: usize = 100;
/// Between application and code of a type that was ticked.
pub(super) const PICK_SEPARATOR: char = '\t';

/// A type.
struct Row {
    view: EventTypeView,
    /// Whether the owner overrides something for this type alone.
    is_own: bool,
}

impl Row {
    /// What is posted when it is ticked.
    fn pick(&self) -> String {
        format!("{}{PICK_SEPARATOR}{}", self.view.application, self.view.event_type)
    }

    /// The name to be shown: the code where there is no other.
    fn name(&self) -> &str {
        if self.view.type_name.is_empty() { &self.view.event_type } else { &self.view.type_name }
    }
}

/// Types of one application.
struct Application {
    name: String,
    rows: Vec<Row>,
}

/// A severity above the table, with how many types have it.
struct Tab {
    severity: &'static str,
    path: String,
    count: usize,
    is_current: bool,
}

/// What is looked for.
struct Filter {
    severity: String,
    text: String,
    application: String,
}

impl Filter {
    fn read(asked: &Form, owner: &Owner) -> Self {
        let severity = asked.text("severity");
        let is_known = Severity::ALL.iter().any(|known| known.as_str() == severity);
        // Where the owner is about one application its name is part of the owner.
        let application =
            if *owner == Owner::Server { asked.trimmed("application") } else { "" }.to_owned();
        Self {
            severity: if is_known { severity.to_owned() } else { String::new() },
            text: asked.trimmed("q").to_owned(),
            application,
        }
    }

    fn finds(&self, view: &EventTypeView) -> bool {
        let text = self.text.to_lowercase();
        let has = |field: &str| field.to_lowercase().contains(&text);
        (self.application.is_empty() || view.application == self.application)
            && (has(&view.event_type) || has(&view.type_name) || has(&view.application))
    }

    fn has_severity(&self, view: &EventTypeView) -> bool {
        self.severity.is_empty() || view.severity.as_str() == self.severity
    }

    /// Whether all types are shown.
    fn is_empty(&self) -> bool {
        self.severity.is_empty() && self.text.is_empty() && self.application.is_empty()
    }

    fn path(&self, owner: &Owner, severity: &str, at: usize) -> String {
        let number = if at == 0 { String::new() } else { (at + 1).to_string() };
        let mut pairs = owner.pairs();
        if !self.application.is_empty() {
            pairs.push(("application", &self.application));
        }
        pairs.extend([("severity", severity), ("q", &self.text), ("page", &number)]);
        with_query("/event-configuration", &pairs)
    }
}

#[derive(Template)]
#[template(path = "event_configuration/types.html")]
struct List {
    page: Page,
    tree: Tree,
    owner: Owner,
    owner_words: String,
    filter: Filter,
    tabs: Vec<Tab>,
    applications: Vec<Application>,
    /// Names of all applications that have reported an event.
    known_applications: Vec<String>,
    /// Whether no event has ever come.
    is_new: bool,
    entries: Vec<EntryRow>,
    entry_count: usize,
    /// The first row and the number of all.
    first: usize,
    shown: usize,
    found: usize,
    previous: String,
    next: String,
}

impl List {
    /// The hidden fields that name the owner in forms.
    fn owner_fields(&self) -> Vec<(&'static str, &str)> {
        self.owner.pairs()
    }

    /// Where a value comes from.
    fn origin(&self, origin: &OriginView) -> String {
        origin_words(&self.page, origin)
    }

    /// How long events of a type are kept.
    fn kept(&self, row: &Row) -> String {
        term_words(&self.page, row.view.storage_term_days)
    }

    /// The application for which an override of a severity is offered.
    fn one_application(&self) -> &str {
        let of_owner = self.owner.application();
        let chosen = (!self.filter.application.is_empty()).then_some(&*self.filter.application);
        let only = || match self.known_applications.as_slice() {
            [one] => Some(one.as_str()),
            _ => None,
        };
        of_owner.or(chosen).or_else(only).unwrap_or_default()
    }

    /// The editor for all events, or for those of a severity.
    fn wide_path(&self, severity: &str) -> String {
        let mut pairs = self.owner.pairs();
        if self.owner == Owner::Server {
            pairs.push(("application", self.one_application()));
        }
        let all = if severity.is_empty() { "1" } else { "" };
        pairs.extend([("severity", severity), ("all", all)]);
        with_query("/event-configuration/override", &pairs)
    }

    /// Why an event of this type would be told, or not.
    fn why_path(&self, row: &Row) -> String {
        let (device, group) = self.owner.place();
        let view = &row.view;
        let pairs = [
            ("application", view.application.as_str()),
            ("type", &view.event_type),
            ("severity", view.severity.as_str()),
            ("device", device),
            ("group", group),
        ];
        with_query("/event-configuration/explain", &pairs)
    }

    /// The editor for one type.
    fn edit_path(&self, row: &Row) -> String {
        let pick = row.pick();
        let mut pairs = self.owner.pairs();
        pairs.push(("pick", &pick));
        with_query("/event-configuration/override", &pairs)
    }
}

/// The page of an owner.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let asked = visitor.guest.query();
    let owner = Owner::read(&visitor, &asked).await?;
    let filter = Filter::read(&asked, &owner);
    let types = owner.types(&visitor).await?.event_types;
    let overrides: OverrideList = visitor.get("/api/v1/overrides").await?;
    let definitions = Definitions::of(&visitor).await?;
    let page = visitor.page("event-configuration-title", SECTION);
    let own = overrides.owners.iter().filter(|view| owner.owns(view));
    let own: Vec<_> = own.flat_map(|view| view.events.iter().map(move |e| (view, e))).collect();
    let has_own = |view: &EventTypeView| {
        own.iter().any(|(by, entry)| {
            by.application == view.application
                && entry.event_type.as_ref() == Some(&view.event_type)
        })
    };
    let is_new = types.is_empty();
    let mut known: Vec<String> = types.iter().map(|view| view.application.clone()).collect();
    known.sort_unstable();
    known.dedup();
    known.truncate(APPLICATIONS_MAX);
    let found: Vec<_> = types.into_iter().filter(|view| filter.finds(view)).collect();
    let tabs = tabs(&filter, &owner, &found);
    let found: Vec<_> = found.into_iter().filter(|view| filter.has_severity(view)).collect();
    let count = found.len();
    let last = count.saturating_sub(1) / ROWS_MAX;
    let at = asked.text("page").parse::<usize>().unwrap_or(1).saturating_sub(1).min(last);
    let rows = found.into_iter().skip(at * ROWS_MAX).take(ROWS_MAX);
    let rows: Vec<_> = rows.map(|view| Row { is_own: has_own(&view), view }).collect();
    let turn = |at: usize| filter.path(&owner, &filter.severity, at);
    let list = List {
        tree: Tree::read(&visitor, &owner).await?,
        owner_words: owner.words(&page),
        tabs,
        first: at * ROWS_MAX + 1,
        shown: rows.len(),
        found: count,
        previous: if at > 0 { turn(at - 1) } else { String::new() },
        next: if at < last { turn(at + 1) } else { String::new() },
        applications: by_application(rows),
        known_applications: known,
        is_new,
        entry_count: own.len(),
        entries: entry_rows(&page, &owner, &definitions, &own[..own.len().min(ENTRIES_MAX)]),
        page,
        owner,
        filter,
    };
    Ok(show(&list))
}

fn by_application(rows: Vec<Row>) -> Vec<Application> {
    let mut applications: Vec<Application> = Vec::new();
    for row in rows {
        match applications.last_mut() {
            Some(last) if last.name == row.view.application => last.rows.push(row),
            _ => {
                applications
                    .push(Application { name: row.view.application.clone(), rows: vec![row] });
            }
        }
    }
    applications
}

/// The gravest first, as they are read; then all.
fn tabs(filter: &Filter, owner: &Owner, found: &[EventTypeView]) -> Vec<Tab> {
    let words = Severity::ALL.into_iter().rev().map(Severity::as_str).chain([""]);
    let tab = |severity: &'static str| Tab {
        severity,
        path: filter.path(owner, severity, 0),
        count: found
            .iter()
            .filter(|v| severity.is_empty() || v.severity.as_str() == severity)
            .count(),
        is_current: filter.severity == severity,
    };
    words.map(tab).collect()
}
