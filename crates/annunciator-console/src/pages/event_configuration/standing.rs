//! What an owner sets, and what holds beneath it, as rows of pages.

use annunciator_api_types::{EntryView, FieldError, OriginView, OwnerView};
use serde_json::Value;

use super::owner::Owner;
use crate::api::with_query;
use crate::page::Page;
use crate::settings_form::{Definitions, label, shown_value};

/// Settings that a row names.
const NAMED_MAX: usize = 8;

/// An override of the owner.
pub(super) struct EntryRow {
    /// Application.
    pub(super) application: String,
    /// For which events.
    pub(super) words: String,
    /// What it sets, in words.
    pub(super) sets: Vec<String>,
    /// How many more settings it sets.
    pub(super) more: usize,
    /// How many of them are locked.
    pub(super) locked: usize,
    /// Its editor.
    pub(super) path: String,
}

/// Overrides as rows.
pub(super) fn entry_rows(
    page: &Page,
    owner: &Owner,
    definitions: &Definitions,
    entries: &[(&OwnerView, &EntryView)],
) -> Vec<EntryRow> {
    let row = |(by, entry): &(&OwnerView, &EntryView)| {
        let mut sets = set_words(page, definitions, entry);
        let more = sets.len().saturating_sub(NAMED_MAX);
        sets.truncate(NAMED_MAX);
        let mut pairs = owner.pairs();
        pairs.push(("entry", &entry.id));
        EntryRow {
            application: by.application.clone(),
            words: events_words(page, entry),
            sets,
            more,
            locked: entry.locked.len(),
            path: with_query("/event-configuration/override", &pairs),
        }
    };
    entries.iter().map(row).collect()
}

/// Which events an override is for.
pub(super) fn events_words(page: &Page, entry: &EntryView) -> String {
    let conditions = entry.words.split_once(" where ").map(|(_, conditions)| conditions);
    let events = match (&entry.event_type, &entry.severity) {
        (Some(code), _) => code.clone(),
        (None, Some(severity)) => {
            let words = page.word("severity", severity);
            page.t1("event-configuration-events-severity", "severity", words)
        }
        (None, None) => page.t("event-configuration-events-all"),
    };
    match conditions.filter(|_| entry.conditions.is_some()) {
        Some(conditions) => {
            let (one, two) = ("events", "conditions");
            page.t2("event-configuration-events-where", one, events, two, conditions)
        }
        None => events,
    }
}

fn set_words(page: &Page, definitions: &Definitions, entry: &EntryView) -> Vec<String> {
    let mut words = Vec::new();
    for (channel, settings) in &entry.settings {
        let name = page.word("channel", channel);
        for setting in definitions.group(channel) {
            let Some(value) = settings.get(&setting.key) else { continue };
            if setting.key == "notify" {
                let key = if *value == true { "on" } else { "off" };
                words.push(format!("{name}: {}", page.t(&format!("event-configuration-{key}"))));
                continue;
            }
            let value = shown_value(page.language, setting, value);
            words.push(format!("{name}, {}: {value}", label(page.language, setting)));
        }
    }
    if let Some(days) = entry.storage_term_days {
        words.push(term_words(page, days));
    }
    words
}

/// How long events are kept.
pub(super) fn term_words(page: &Page, days: u32) -> String {
    match days {
        0 => page.t("event-configuration-term-none"),
        days => page.t1("event-configuration-term", "days", u64::from(days)),
    }
}

/// Where a value comes from, in the reader's language.
pub(super) fn origin_words(page: &Page, origin: &OriginView) -> String {
    let key = format!("event-configuration-origin-{}", origin.layer.replace('_', "-"));
    page.t1(&key, "name", origin.name.as_deref().unwrap_or_default())
}

/// Problems of a request, with pointers as the fields of the form have them.
pub(super) fn of_fields(errors: &[FieldError]) -> Vec<FieldError> {
    let strip = |error: &FieldError| {
        let mut error = error.clone();
        if let Some(rest) = error.pointer.strip_prefix("/change") {
            error.pointer = rest.to_owned();
        }
        error
    };
    errors.iter().map(strip).collect()
}

/// The value of a setting in an override; nothing when it does not set it.
pub(super) fn own_value<'e>(entry: &'e EntryView, channel: &str, key: &str) -> Option<&'e Value> {
    entry.settings.get(channel)?.get(key)
}
