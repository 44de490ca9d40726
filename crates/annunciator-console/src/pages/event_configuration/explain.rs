//! Why an event is told to whom, and why not: every layer, every decision, what would be sent.
//!
//! In: `event=` with the id of a stored one, or the fields of one that could come.
//! Out: the explanation of the API. Nothing is stored or sent.

use std::collections::BTreeMap;

use annunciator_api_types::{
    ApplicationInput, ConsultedLayerView, DeviceInput, EffectiveSettingView, EventInput,
    EventTypeList, ExplainRequest, ExplainView, ExplainedChannelView, ParameterInput,
};
use annunciator_core::Severity;
use askama::Template;
use axum::response::Response;
use hyper::StatusCode;

use super::SECTION;
use super::standing::{origin_words, term_words};
use crate::api::{Question, with_query};
use crate::form::Form;
use crate::page::{Page, Visitor, show, show_as};
use crate::refusal::{Errors, Stop};
use crate::settings_form::{Definitions, label, shown_value};

const PATH: &str = "/api/v1/explain";
/// Most names that are offered while one is typed.
const OFFERED_MAX: usize = 200;
/// Most parameters that are read; events have no more.
const PARAMETERS_MAX: usize = 256;

/// A setting with its value in words.
struct SettingRow {
    key: String,
    label: String,
    value: String,
    origin: String,
    is_locked: bool,
    /// Whether somebody set it.
    is_set: bool,
}

/// A channel with its settings in words.
struct ChannelPart {
    view: ExplainedChannelView,
    settings: Vec<SettingRow>,
    set: usize,
}

#[derive(Template)]
#[template(path = "event_configuration/explain.html")]
struct WhyPage {
    page: Page,
    /// What was asked.
    asked: Form,
    view: Option<ExplainView>,
    channels: Vec<ChannelPart>,
    applications: Vec<String>,
    types: Vec<String>,
    severities: [Severity; 4],
    errors: Errors,
}

impl ChannelPart {
    /// The setting that a recipient comes from.
    fn source(&self, role: &str) -> Option<&SettingRow> {
        let keys = match role {
            "cc" => &["recipients_cc"][..],
            "bcc" => &["recipients_bcc"],
            _ => &["phone_numbers", "recipients"],
        };
        let mut rows = self.settings.iter().filter(|row| row.is_set);
        rows.find(|row| keys.contains(&row.key.as_str()))
    }
}

impl WhyPage {
    /// Where a layer is edited; the server's own is below the event configuration.
    fn layer_path(&self, view: &ExplainView, layer: &ConsultedLayerView) -> String {
        let name = layer.origin.name.as_deref().unwrap_or_default();
        let event = &view.event;
        match layer.origin.layer.as_str() {
            "policy" => with_query("/event-configuration", &[("policy", name)]),
            "application" => {
                let (application, device) = (&event.application.name, &event.device.name);
                let pairs = [("application", application.as_str()), ("device", device)];
                with_query("/event-configuration", &pairs)
            }
            _ => "/event-configuration".to_owned(),
        }
    }

    /// Whose a layer is.
    fn layer_origin(&self, layer: &ConsultedLayerView) -> String {
        origin_words(&self.page, &layer.origin)
    }

    /// How long the event is kept, and who says so.
    fn term(&self, view: &ExplainView) -> String {
        let term = &view.storage_term;
        format!(
            "{} · {}",
            term_words(&self.page, term.days),
            origin_words(&self.page, &term.origin)
        )
    }

    /// What is wrong with a field of the hypothetical event.
    fn error(&self, pointer: &str) -> String {
        self.errors.at(&format!("/event{pointer}"))
    }
}

/// The form of a hypothetical event, with the explanation once one was asked for.
pub(super) async fn show_why(visitor: Visitor) -> Result<Response, Stop> {
    let asked = visitor.guest.query();
    let stored = asked.trimmed("event");
    let request = match (stored.is_empty(), asked.trimmed("type").is_empty()) {
        (false, _) => {
            Some(ExplainRequest { event_id: Some(stored.to_owned()), ..ExplainRequest::default() })
        }
        (true, false) => {
            Some(ExplainRequest { event: Some(event_of(&asked)), ..ExplainRequest::default() })
        }
        (true, true) => None,
    };
    let mut view: Option<ExplainView> = None;
    let mut errors = Errors::default();
    if let Some(request) = &request {
        match visitor.ask(Question::Explain, request).await {
            Ok(reply) => view = Some(reply.json(PATH).map_err(|refusal| visitor.stop(refusal))?),
            Err(refusal) => errors = Errors::of(&visitor.guest, refusal)?,
        }
    }
    let page = visitor.page("event-configuration-why", SECTION);
    let channels = match &view {
        Some(view) => parts(&visitor, &page, view).await,
        None => Vec::new(),
    };
    let (applications, types) = names(&visitor).await;
    let severities = [Severity::Critical, Severity::Failure, Severity::Warning, Severity::Info];
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let asked = view.as_ref().filter(|view| view.stored).map_or(asked, form_of);
    let why = WhyPage { page, asked, view, channels, applications, types, severities, errors };
    Ok(show_as_or_plain(status, &why))
}

fn show_as_or_plain(status: StatusCode, page: &WhyPage) -> Response {
    if status == StatusCode::OK { show(page) } else { show_as(status, page) }
}

/// Applications and codes that are known, to be offered while one is typed.
async fn names(visitor: &Visitor) -> (Vec<String>, Vec<String>) {
    let known: Option<EventTypeList> = visitor.try_get("/api/v1/event-types").await.ok();
    let rows = known.map(|list| list.event_types).unwrap_or_default();
    let once = |mut names: Vec<String>| {
        names.sort_unstable();
        names.dedup();
        names.truncate(OFFERED_MAX);
        names
    };
    let applications = rows.iter().map(|row| row.application.clone()).collect();
    (once(applications), once(rows.into_iter().map(|row| row.event_type).collect()))
}

/// The event that a form describes.
fn event_of(form: &Form) -> EventInput {
    let text = |name: &str| form.trimmed(name).to_owned();
    EventInput {
        event_type: text("type"),
        type_name: text("type_name"),
        severity: text("severity"),
        application: ApplicationInput { name: text("application"), version: text("version") },
        device: Some(DeviceInput {
            name: text("device"),
            group: text("group"),
            domain: text("domain"),
            ..DeviceInput::default()
        }),
        description: text("description"),
        parameters: parameters(form.text("parameters")),
        ..EventInput::default()
    }
}

/// `NAME=VALUE` on each line; numbers and truth values are taken as such.
fn parameters(text: &str) -> BTreeMap<String, ParameterInput> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let pair = |(name, value): (&str, &str)| {
        let value = value.trim();
        let typed = match value {
            "true" => ParameterInput::Bool(true),
            "false" => ParameterInput::Bool(false),
            _ => match (value.parse::<i64>(), value.parse::<f64>()) {
                (Ok(number), _) => ParameterInput::Integer(number),
                (_, Ok(number)) if number.is_finite() => ParameterInput::Number(number),
                _ => ParameterInput::Text(value.to_owned()),
            },
        };
        (name.trim().to_owned(), typed)
    };
    pairs.take(PARAMETERS_MAX).map(pair).collect()
}

fn parameter_text(value: &ParameterInput) -> String {
    match value {
        ParameterInput::Bool(value) => value.to_string(),
        ParameterInput::Integer(value) => value.to_string(),
        ParameterInput::Number(value) => value.to_string(),
        ParameterInput::Text(value) => value.clone(),
    }
}

/// A stored event as the fields of the form, to be tried with something else.
fn form_of(view: &ExplainView) -> Form {
    let event = &view.event;
    let parameters = event.parameters.iter();
    let parameters = parameters.map(|(name, value)| format!("{name}={}", parameter_text(value)));
    let pairs = [
        ("event", event.uid.clone()),
        ("type", event.event_type.clone()),
        ("type_name", event.type_name.clone()),
        ("severity", event.severity.as_str().to_owned()),
        ("application", event.application.name.clone()),
        ("version", event.application.version.clone()),
        ("device", event.device.name.clone()),
        ("group", event.device.group.clone()),
        ("domain", event.device.domain.clone()),
        ("description", event.description.clone()),
        ("parameters", parameters.collect::<Vec<_>>().join("\n")),
    ];
    Form(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The channels with their settings in words; by their keys for whoever may not read definitions.
async fn parts(visitor: &Visitor, page: &Page, view: &ExplainView) -> Vec<ChannelPart> {
    let may_read = visitor.may("read_settings");
    let definitions = if may_read { Definitions::of(visitor).await.ok() } else { None };
    let part = |view: &ExplainedChannelView| {
        let row = |one: &EffectiveSettingView| {
            let known = definitions.as_ref().map(|all| all.group(&view.channel));
            let known = known.and_then(|all| all.iter().find(|setting| setting.key == one.key));
            SettingRow {
                key: one.key.clone(),
                label: known.map_or_else(|| one.key.clone(), |s| label(page.language, s)),
                value: match known {
                    Some(setting) => shown_value(page.language, setting, &one.value),
                    None => one.value.to_string(),
                },
                origin: origin_words(page, &one.origin),
                is_locked: one.locked,
                is_set: one.origin.layer != "compiled_default",
            }
        };
        let mut settings: Vec<_> = view.settings.iter().map(row).collect();
        settings.sort_by_key(|row| !row.is_set);
        let set = settings.iter().filter(|row| row.is_set).count();
        ChannelPart { view: view.clone(), settings, set }
    };
    view.channels.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbers_and_truth_values_where_they_look_so() {
        let check = |text: &str, expected: &str| {
            let found = serde_json::to_string(&parameters(text)).unwrap();
            assert_eq!(found, expected, "{text:?}");
        };
        check("", "{}");
        check("no sign", "{}");
        check("free=5\nrate = 1.5\r\nup=true", r#"{"free":5,"rate":1.5,"up":true}"#);
        check("a=b=c\nn=NaN\nz=", r#"{"a":"b=c","n":"NaN","z":""}"#);
    }
}
