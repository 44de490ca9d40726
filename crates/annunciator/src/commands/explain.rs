//! `annunciator explain`: every layer and decision about an event, and what would be sent.

use std::path::PathBuf;
use std::process::ExitCode;

use annunciator_api_types::{
    ApplicationInput, ConsultedLayerView, DeviceInput, EventInput, ExplainRequest, ExplainView,
    ExplainedChannelView, ParameterInput,
};
use annunciator_core::one_line;
use anyhow::Result;
use clap::Args;

use super::event::parse_parameter;
use super::preview::read_event;
use crate::client::{Client, ConnectOptions};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone, columns};

/// Longest line that comes from outside. Unit: characters.
const LINE_CHARS_MAX: usize = 500;
/// Lines of a text that are shown.
const LINES_MAX: usize = 40;

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    /// The ledger's id of a stored event, or the source's id
    #[arg(required_unless_present_any = ["file", "event_type"])]
    id: Option<String>,
    /// A file with an event as JSON that could come; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "event_type"])]
    file: Option<PathBuf>,
    /// Type of an event that could come
    #[arg(long = "type", value_name = "CODE", conflicts_with = "id")]
    #[arg(requires_all = ["severity", "application"])]
    event_type: Option<String>,
    /// How bad it is
    #[arg(long, value_parser = ["info", "warning", "failure", "critical"])]
    severity: Option<String>,
    /// Application that reports it, or that gave the source's id
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// Name of the device
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    device: String,
    /// Device group, such as Plant A/Line 2
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    group: String,
    /// What happened
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// A parameter; numbers and true or false are taken as such
    #[arg(long = "parameter", short = 'p', value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, ParameterInput)>,
    /// Every setting with its origin, not only those that a layer sets
    #[arg(long)]
    settings: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs `explain`.
pub(crate) async fn run(args: ExplainArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    let (all_settings, json) = (args.settings, args.json);
    let view: ExplainView = client.post("/api/v1/explain", &request(args)?).await?;
    if json {
        output::print_line(&serde_json::to_string_pretty(&view)?);
    } else {
        output::print(&report(Paint::for_output(), &view, all_settings));
    }
    Ok(ExitCode::SUCCESS)
}

fn request(args: ExplainArgs) -> Result<ExplainRequest> {
    if let Some(file) = &args.file {
        return Ok(ExplainRequest { event: Some(read_event(file)?), ..ExplainRequest::default() });
    }
    let Some(event_type) = args.event_type else {
        let (event_id, application) = (args.id, args.application);
        return Ok(ExplainRequest { event_id, application, event: None });
    };
    let name = args.application.unwrap_or_default();
    let device = DeviceInput { name: args.device, group: args.group, ..DeviceInput::default() };
    let event = EventInput {
        event_type,
        severity: args.severity.unwrap_or_default(),
        application: ApplicationInput { name, ..ApplicationInput::default() },
        device: Some(device),
        description: args.description,
        parameters: args.parameters.into_iter().collect(),
        ..EventInput::default()
    };
    Ok(ExplainRequest { event: Some(event), ..ExplainRequest::default() })
}

/// What a layer sets in vain, in words; empty when nothing.
pub(crate) fn overruled(layer: &ConsultedLayerView) -> String {
    match layer.overruled.is_empty() {
        true => String::new(),
        false => format!("overruled by a lock: {}", layer.overruled.join(", ")),
    }
}

fn report(paint: Paint, view: &ExplainView, all_settings: bool) -> String {
    let event = &view.event;
    let title = format!("{}: {} of {}", event.severity, event.event_type, event.application.name);
    let kind = if view.stored { "stored event" } else { "an event that could come" };
    let mut text = format!("{}  {}\n\n", paint.strong(&one_line(&title, 300)), paint.faint(kind));
    text.push_str(&format!("{}\n", paint.strong("Layers, nearest first")));
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for layer in &view.layers {
        let applies = layer.standing == "applies";
        let tone = if applies { Tone::Good } else { Tone::Faint };
        rows.push(vec![
            Cell::toned(&layer.standing.replace('_', " "), tone),
            Cell::from(&layer.origin.words),
            Cell::toned(&layer.events, Tone::Faint),
            Cell::toned(&overruled(layer), Tone::Waiting),
        ]);
    }
    rows.push(vec![Cell::toned("applies", Tone::Good), Cell::from("server-wide settings")]);
    text.push_str(&columns(paint, &rows));
    let term = &view.storage_term;
    text.push_str(&format!("\nKept for {} days ({})\n", term.days, term.origin.words));
    for channel in &view.channels {
        text.push('\n');
        text.push_str(&channel_text(paint, channel, all_settings));
    }
    let then: Vec<String> = event
        .decisions
        .iter()
        .map(|one| format!("{} {}: {}", one.channel, one.decision, one_line(&one.reason, 300)))
        .collect();
    if !then.is_empty() {
        let words = "Decided when it was planned";
        text.push_str(&format!("\n{}\n  {}\n", paint.strong(words), then.join("\n  ")));
    }
    text
}

fn channel_text(paint: Paint, channel: &ExplainedChannelView, all_settings: bool) -> String {
    let tone = match channel.decision.as_str() {
        "notified" => Tone::Good,
        "incomplete" => Tone::Bad,
        "off" => Tone::Faint,
        _ => Tone::Waiting,
    };
    let decision = paint.paint(tone, &channel.decision);
    let reason = one_line(&channel.reason, LINE_CHARS_MAX);
    let mut text = format!("{}  {decision}: {reason}\n", paint.strong(&channel.channel));
    if let Some(limit) = &channel.limit {
        let now = match (limit.admits, limit.frees_at) {
            (true, _) => "one more is admitted".to_owned(),
            (false, Some(at)) => format!("full until {}", moment::full(at, &moment::local_zone())),
            (false, None) => "full".to_owned(),
        };
        text.push_str(&format!(
            "  limit: {} in {} s ({}), {now}\n",
            limit.count, limit.period_s, limit.origin
        ));
    }
    for one in &channel.notifications {
        let to: Vec<&str> = one.recipients.iter().map(|to| to.address.as_str()).collect();
        text.push_str(&format!("  to: {}\n", one_line(&to.join(", "), LINE_CHARS_MAX)));
        if !one.subject.is_empty() {
            text.push_str(&format!("  subject: {}\n", one_line(&one.subject, LINE_CHARS_MAX)));
        }
        for line in one.text.lines().take(LINES_MAX) {
            text.push_str(&format!("    {}\n", paint.faint(&one_line(line, LINE_CHARS_MAX))));
        }
        for argument in one.command.iter().flat_map(|command| &command.arguments) {
            text.push_str(&format!("  argument: {}\n", one_line(argument, LINE_CHARS_MAX)));
        }
        if !one.remark.is_empty() {
            text.push_str(&format!("  {}\n", paint.faint(&one.remark)));
        }
    }
    let is_shown = |layer: &str| all_settings || layer != "compiled_default";
    let rows: Vec<Vec<Cell>> = channel
        .settings
        .iter()
        .filter(|one| channel.decision != "off" || all_settings || one.layer.is_some())
        .filter(|one| is_shown(&one.origin.layer))
        .map(|one| {
            let locked = if one.locked { "locked" } else { "" };
            vec![
                Cell::toned(&format!("  {}.{}", channel.channel, one.key), Tone::Faint),
                Cell::from(one.value.to_string()).at_most(70),
                Cell::toned(&one.origin.words, Tone::Faint),
                Cell::toned(locked, Tone::Waiting),
            ]
        })
        .collect();
    text.push_str(&columns(paint, &rows));
    text
}
