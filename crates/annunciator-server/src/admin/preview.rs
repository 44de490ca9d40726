//! Templates into what a reader would get, without saving or sending anything (spec 5.4).
//!
//! In: templates and a reader, laid over the saved server-wide settings; a stored, hypothetical or
//! sample event. Out: the rendered texts with their lengths.
//! It is the walk of planning: the same merge, the same profile, the same composer; what overrides
//! the server-wide settings is left out, so that the templates given are the ones shown.
//! Failure: a template or field that is wrong is named with its pointer.

use annunciator_api_types::{
    EventInput, FieldError, PreviewLengths, PreviewRequest, PreviewResult, SegmentsView, TextLength,
};
use annunciator_channels::Channel;
use annunciator_core::{Content, Event, ParameterValue};
use annunciator_planner::{Composed, Overrides};
use annunciator_template::{Purpose, Template, sample_event};
use serde_json::{Map, Value, json};

use super::{AdminError, ledger};
use crate::configuration::Configuration;
use crate::console_address;
use crate::intake;
use crate::settings_document as document;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// The channel when none is named.
const CHANNEL_DEFAULT: &str = "email";
/// Who gets what is shown while nobody is set: an address that nobody has (RFC 2606).
const READER: &str = "reader@example.org";

/// Renders templates.
///
/// # Errors
/// [`AdminError::Invalid`] for a template that does not parse and for any other field that is
/// wrong, [`AdminError::NotFound`] for an unknown event.
pub async fn preview(
    shared: &Shared,
    request: PreviewRequest,
) -> Result<PreviewResult, AdminError> {
    let saved = shared.settings.current();
    let channel = request.channel.clone().unwrap_or_else(|| CHANNEL_DEFAULT.to_owned());
    let position = find_channel(&saved, &channel)?;
    let configuration =
        lay_over(&saved.configuration, &channel, settings_of(&request)).map_err(below(&channel))?;
    let event = find_event(shared, &request, &configuration, &channel).await?;
    let console = console_address::base(&saved.console.values, &shared.installation);
    let link = annunciator_planner::link_to(&console, &event);
    let composed = compose(&saved, &configuration, &channel, position, (&event, &link))?;
    let segments = measure(saved.channels()[position].as_ref(), &composed);
    Ok(result(channel, composed, segments))
}

fn find_channel(snapshot: &Snapshot, name: &str) -> Result<usize, AdminError> {
    let channels = snapshot.channels();
    channels.iter().position(|channel| channel.name().as_str() == name).ok_or_else(|| {
        let names: Vec<String> =
            channels.iter().map(|channel| format!("`{}`", channel.name().as_str())).collect();
        let detail = format!("must be one of {}", names.join(", "));
        AdminError::Invalid(vec![FieldError::new("/channel", "one_of", detail)])
    })
}

/// What the request says about settings of the channel.
fn settings_of(request: &PreviewRequest) -> Map<String, Value> {
    let fields = [
        ("subject", &request.subject),
        ("message", &request.message),
        ("html_message", &request.html_message),
        ("language", &request.language),
        ("time_zone", &request.time_zone),
        ("time_format", &request.time_format),
    ];
    let given = fields.into_iter().filter_map(|(key, text)| Some((key, text.as_deref()?)));
    let mut settings = request.settings.clone().unwrap_or_default();
    settings.extend(given.map(|(key, text)| (key.to_owned(), text.into())));
    settings
}

/// The server-wide settings alone, with these of the channel laid over them.
fn lay_over(
    saved: &Configuration,
    channel: &str,
    fields: Map<String, Value>,
) -> Result<Configuration, Vec<FieldError>> {
    let patch = Map::from_iter([(channel.to_owned(), Value::Object(fields))]);
    let merged = document::lay_over(saved, &patch)?;
    Ok(Configuration { overrides: Overrides::default(), ..merged })
}

/// Pointers into the settings become pointers into the request.
fn below(channel: &str) -> impl FnOnce(Vec<FieldError>) -> AdminError {
    let prefix = format!("/{channel}/");
    move |mut errors| {
        for error in &mut errors {
            if let Some(key) = error.pointer.strip_prefix(&prefix) {
                error.pointer = format!("/{key}");
            }
        }
        AdminError::Invalid(errors)
    }
}

/// The event to show: the stored or hypothetical one, else a sample in the reader's language.
async fn find_event(
    shared: &Shared,
    request: &PreviewRequest,
    configuration: &Configuration,
    channel: &str,
) -> Result<Event, AdminError> {
    let invalid = |code: &str, detail: &str| {
        AdminError::Invalid(vec![FieldError::new("/hypothetical", code, detail)])
    };
    match (&request.event, &request.hypothetical) {
        (Some(_), Some(_)) => {
            Err(invalid("conflict", "give either this or `event`: leave one out"))
        }
        (Some(id), None) => {
            let row = ledger::find_event(shared, id, request.application.as_deref()).await?;
            Ok(row.event)
        }
        (None, Some(input)) => check_hypothetical(shared, input.clone()),
        (None, None) => Ok(sample(configuration, channel)),
    }
}

fn check_hypothetical(shared: &Shared, input: EventInput) -> Result<Event, AdminError> {
    let now = shared.clock.now();
    intake::check_event(input, shared.ids.event(now), now).map_err(|mut errors| {
        for error in &mut errors {
            error.pointer.insert_str(0, "/hypothetical");
        }
        AdminError::Invalid(errors)
    })
}

/// The sample event, with a value for every event parameter that a template names.
fn sample(configuration: &Configuration, channel: &str) -> Event {
    let groups = configuration.server.groups();
    let group = groups.into_iter().find(|(name, _)| *name == channel);
    let set = group.map(|(_, group)| group.shown()).unwrap_or_default();
    let language = set.get("language").and_then(Value::as_str);
    let language = language.and_then(annunciator_template::Language::with_code);
    let mut event = sample_event(language.unwrap_or_default());
    for text in set.values().flat_map(texts) {
        // SMS templates may use every name there is; what is no template is not looked at.
        let Ok(template) = Template::parse(text, Purpose::Sms) else { continue };
        for name in template.event_parameters().take(Event::PARAMETERS_MAX) {
            let value = || ParameterValue::Text(format!("<{name}>"));
            event.parameters.entry(name.to_owned()).or_insert_with(value);
        }
    }
    event
}

/// A text, or the texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// What the channel makes of the event; somebody reads it even where no recipients are set yet.
fn compose(
    saved: &Snapshot,
    configuration: &Configuration,
    channel: &str,
    position: usize,
    (event, link): (&Event, &str),
) -> Result<Composed, AdminError> {
    let make = |configuration: Configuration| {
        let snapshot =
            Snapshot::compile(saved.channels(), &saved.certificates, configuration, saved.revision);
        let profile = snapshot.holding(event).profiles.swap_remove(position);
        profile.composer.compose(event, link).into_iter().next()
    };
    if let Some(composed) = make(configuration.clone()) {
        return Ok(composed);
    }
    let reader = Map::from_iter([("recipients".to_owned(), json!([READER]))]);
    let somebody = lay_over(configuration, channel, reader).ok();
    somebody.and_then(make).ok_or_else(|| {
        let detail = format!("`{channel}` has nothing to show yet: set its settings first");
        AdminError::Invalid(vec![FieldError::new("/channel", "incomplete", detail)])
    })
}

/// What the words cost, where they are paid for by length.
fn measure(channel: &dyn Channel, composed: &Composed) -> Option<SegmentsView> {
    let content = Content {
        subject: composed.subject.clone(),
        text: composed.text.clone(),
        html: None,
        pictures: Vec::new(),
        sender: String::new(),
        recipients: Vec::new(),
        message_id: String::new(),
        thread_id: String::new(),
        event_id: String::new(),
        command: None,
    };
    let cost = channel.measure(&content)?;
    Some(SegmentsView {
        count: number(cost.segments),
        alphabet: cost.alphabet.as_str().to_owned(),
        units: number(cost.units),
        units_left: number(cost.units_left),
    })
}

fn result(channel: String, composed: Composed, segments: Option<SegmentsView>) -> PreviewResult {
    let Composed { subject, text, html, command, .. } = composed;
    let lengths = PreviewLengths {
        subject: length(&subject),
        text: length(&text),
        html: html.as_deref().map(length),
        segments,
    };
    let arguments = command.map(|command| command.arguments);
    PreviewResult { channel, subject, text, html, arguments, lengths }
}

fn length(text: &str) -> TextLength {
    TextLength { characters: number(text.chars().count()), octets: number(text.len()) }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
