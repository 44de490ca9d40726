//! What a reader would get, beside the fields that decide it, while they are typed.
//!
//! In: the form of a tab, saved or not; an event that was chosen. Out: subject, text, HTML in a
//! frame that can do nothing, arguments; for an SMS what it costs and what of it is cut.
//! Failure: what is wrong with a template is told beside its field, with its position.

use annunciator_api_types::{EventList, FieldError, PreviewRequest, PreviewResult};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use serde_json::{Map, Value};

use super::save::{changes, draw};
use super::tab::{Desk, Given, Remark};
use crate::api::{Question, Refusal};
use crate::form::Form;
use crate::page::{Page, Visitor, show};
use crate::pages::ledger::framed;
use crate::refusal::{Errors, Stop};

/// Events to choose from.
const EVENTS_MAX: usize = 20;
/// Longest name of an event in the list. Unit: characters.
const NAME_CHARS_MAX: usize = 48;
/// Settings that decide what a reader gets; all others of a tab are left out of the question.
const KEYS: [&str; 14] = [
    "subject",
    "message",
    "html_message",
    "language",
    "time_zone",
    "time_format",
    "arguments",
    "file",
    "segments_max",
    "transliterate",
    "phone_numbers",
    "gateway_address",
    "phone_format",
    "recipients",
];
/// Those of them that hold templates: what is wrong is told below them while they are typed.
pub(super) const TEMPLATES: [&str; 4] = ["subject", "message", "html_message", "arguments"];

/// An event to look at a template with.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    id: String,
    label: String,
    is_chosen: bool,
}

/// A field that holds a template, with what is wrong with it.
struct Live {
    id: String,
    words: String,
}

/// What a reader would get.
#[derive(Template)]
#[template(path = "settings/preview_shown.html")]
pub(super) struct Shown {
    page: Page,
    channel: &'static str,
    result: Option<PreviewResult>,
    /// What of an SMS is not sent.
    cut: String,
    summary: String,
    wrong: Vec<Remark>,
    /// Fields of the tab that hold templates; only for the page that is open already.
    live: Vec<Live>,
    /// Names of the fields that decide it.
    names: String,
}

/// The preview with the choice of an event.
#[derive(Template)]
#[template(path = "settings/preview.html")]
pub(super) struct Preview {
    page: Page,
    tab: &'static str,
    shown: Shown,
    events: Vec<Choice>,
    /// Names of the fields that decide it, separated by commas.
    names: String,
}

/// The preview of a tab as it stands; nothing on a tab without words.
pub(super) async fn of(desk: &Desk) -> Option<Preview> {
    if desk.tab.is_apart() {
        return None;
    }
    let (channel, form) = (desk.tab.group?, &desk.typed());
    let shown = shown(desk, channel, form, false).await;
    Some(Preview {
        page: desk.visitor.page("settings-title", "delivery"),
        tab: desk.tab.name,
        shown,
        events: events(&desk.visitor, form.trimmed("preview.event")).await,
        names: names(desk, ","),
    })
}

fn names(desk: &Desk, between: &str) -> String {
    let settings = desk.sheets.iter().flat_map(|sheet| &sheet.settings);
    let own = settings.filter(|one| KEYS.contains(&one.key.as_str())).map(|one| one.name());
    // A checkbox says by `seen` that it was there.
    let more = ["seen", "preview.event"].map(str::to_owned);
    own.chain(more).collect::<Vec<_>>().join(between)
}

/// The last events, for whoever may read them.
async fn events(visitor: &Visitor, chosen: &str) -> Vec<Choice> {
    let path = format!("/api/v1/events?limit={EVENTS_MAX}");
    let Ok(list) = visitor.try_get::<EventList>(&path).await else { return Vec::new() };
    let page = visitor.page("settings-title", "delivery");
    let choice = |event: annunciator_api_types::EventView| {
        let name = if event.type_name.is_empty() { &event.event_type } else { &event.type_name };
        let place = &event.device.name;
        let name = if place.is_empty() { name.clone() } else { format!("{name}, {place}") };
        let name = annunciator_core::one_line(&name, NAME_CHARS_MAX);
        let label = format!("{}  {name}", page.short_time(&event.registered_at));
        Choice { is_chosen: event.uid == chosen, id: event.uid, label }
    };
    list.events.into_iter().map(choice).collect()
}

/// What the form changes of what decides the words.
fn settings_of(desk: &Desk, channel: &str, form: &Form) -> Map<String, Value> {
    let all = changes(desk, form);
    let group = all.get(channel).and_then(Value::as_object).cloned().unwrap_or_default();
    group.into_iter().filter(|(key, _)| KEYS.contains(&key.as_str())).collect()
}

/// Asks for a preview.
async fn ask(
    visitor: &Visitor,
    channel: &str,
    settings: Map<String, Value>,
    event: &str,
) -> Result<PreviewResult, Refusal> {
    let request = PreviewRequest {
        channel: Some(channel.to_owned()),
        settings: Some(settings),
        event: (!event.is_empty()).then(|| event.to_owned()),
        ..PreviewRequest::default()
    };
    visitor.ask(Question::Preview, &request).await?.json("preview")
}

async fn shown(desk: &Desk, channel: &'static str, form: &Form, is_live: bool) -> Shown {
    let page = desk.visitor.page("settings-title", "delivery");
    let settings = settings_of(desk, channel, form);
    let event = form.trimmed("preview.event");
    let mut shown = Shown {
        channel,
        result: None,
        cut: String::new(),
        summary: String::new(),
        wrong: Vec::new(),
        live: Vec::new(),
        names: names(desk, " "),
        page,
    };
    match ask(&desk.visitor, channel, settings.clone(), event).await {
        Ok(result) => {
            if result.lengths.segments.is_some() {
                shown.cut = cut(desk, channel, settings, event, &result.text).await;
            }
            shown.result = Some(result);
        }
        Err(refusal) => {
            // Who may not ask sees nothing of it; the fields stay.
            let errors = Errors::of(&desk.visitor.guest, refusal).unwrap_or_default();
            let fields = below(channel, errors.fields);
            shown.summary = errors.summary;
            shown.wrong = desk.remarks(&fields, &shown.page, true);
        }
    }
    if is_live {
        shown.live = live(desk, &shown.wrong);
    }
    shown
}

/// Pointers into the request become pointers into the settings.
fn below(channel: &str, mut errors: Vec<FieldError>) -> Vec<FieldError> {
    for error in &mut errors {
        let is_setting = KEYS.iter().any(|key| {
            error.pointer.strip_prefix('/').and_then(|path| path.split('/').next()) == Some(*key)
        });
        if is_setting {
            error.pointer.insert_str(0, &format!("/{channel}"));
        }
    }
    errors
}

fn live(desk: &Desk, wrong: &[Remark]) -> Vec<Live> {
    let settings = desk.sheets.iter().flat_map(|sheet| &sheet.settings);
    let templates = settings.filter(|one| TEMPLATES.contains(&one.key.as_str()));
    let of_setting = |id: String| {
        let words = wrong.iter().filter(|one| one.id == id).map(|one| one.words.as_str());
        Live { words: words.collect::<Vec<_>>().join("; "), id }
    };
    templates.map(|one| of_setting(one.name().replace(['.', '_'], "-"))).collect()
}

/// What of an SMS is not sent, since it would take more segments than it may.
async fn cut(
    desk: &Desk,
    channel: &str,
    mut settings: Map<String, Value>,
    event: &str,
    sent: &str,
) -> String {
    settings.insert("segments_max".to_owned(), 0.into());
    match ask(&desk.visitor, channel, settings, event).await {
        Ok(whole) => rest(&whole.text, sent),
        Err(_) => String::new(),
    }
}

/// What of a text is missing in its shortened form, which ends with an ellipsis.
fn rest(whole: &str, short: &str) -> String {
    if whole == short {
        return String::new();
    }
    let same = whole.chars().zip(short.chars()).take_while(|(one, other)| one == other).count();
    whole.chars().skip(same).collect()
}

/// What a reader would get of the form as it stands; the whole tab for a browser without script.
pub(super) async fn show_typed(
    visitor: Visitor,
    name: Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let mut desk = Desk::open(visitor, &name.0).await?;
    let Some(channel) = desk.tab.group else {
        return Err(Stop::not_found(&desk.visitor.guest));
    };
    if desk.visitor.guest.is_partial {
        return Ok(show(&shown(&desk, channel, &form, true).await));
    }
    desk.put_form(&form, &[]);
    draw(desk, Given { is_changed: true, ..Given::default() }).await
}

/// The HTML alone, for a frame that can do nothing.
pub(super) async fn show_html(
    visitor: Visitor,
    name: Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let desk = Desk::open(visitor, &name.0).await?;
    let channel = desk.tab.group.unwrap_or_default();
    let settings = settings_of(&desk, channel, &form);
    let event = form.trimmed("preview.event");
    let html = match ask(&desk.visitor, channel, settings, event).await {
        Ok(result) => result.html.unwrap_or_default(),
        Err(_) => String::new(),
    };
    Ok(framed(html))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_begins_where_the_ellipsis_stands() {
        let check = |whole: &str, short: &str, expected: &str| {
            assert_eq!(rest(whole, short), expected, "{whole}");
        };
        check("Disk full", "Disk full", "");
        check("Disk full on pc-17", "Disk full...", " on pc-17");
        check("Диск заполнен", "Диск…", " заполнен");
    }

    #[test]
    fn errors_of_the_request_are_those_of_the_settings() {
        let check = |pointer: &str, expected: &str| {
            let errors = below("email", vec![FieldError::new(pointer, "template", "x")]);
            assert_eq!(errors[0].pointer, expected);
        };
        check("/html_message", "/email/html_message");
        check("/arguments/3", "/email/arguments/3");
        check("/channel", "/channel");
    }
}
