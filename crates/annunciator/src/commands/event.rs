//! `annunciator event`: hand in events, list them, show one.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_api_types::{
    AcceptedEvents, ApplicationInput, DeviceInput, EventDetail, EventInput, EventList, EventView,
    ParameterInput,
};
use annunciator_core::Timestamp;
use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use hyper::Method;

use super::export::{self, ExportOptions};
use super::paging::{PageOptions, for_each_page, print_end};
use super::{event_types, story};
use crate::client::{Call, Client, ConnectOptions, Query, percent_encode};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

/// Largest file of events; the server's own limit may be lower. Unit: octets.
const FILE_SIZE_MAX: u64 = 64 * 1024 * 1024;
/// The severities, in their order.
pub(super) const SEVERITIES: &[&str] = &["info", "warning", "failure", "critical"];

/// Arguments of `event`.
#[derive(Args, Debug)]
pub(crate) struct EventArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: EventCommand,
}

#[derive(Subcommand, Debug)]
enum EventCommand {
    /// Hand in an event, or a file of events
    Send(Box<SendArgs>),
    /// List events, newest first
    List(ListArgs),
    /// Save events as a file: CSV, JSON or NDJSON, at most 100,000
    Export {
        #[command(flatten)]
        filters: Box<Filters>,
        #[command(flatten)]
        options: ExportOptions,
    },
    /// List the known event types and what holds for each
    Types {
        /// Only of this application
        #[arg(long, value_name = "NAME")]
        application: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an event: what was decided, in which words, for whom, and what became of it
    Show {
        /// The ledger's id, or the source's id
        id: String,
        /// The application that gave the source's id, when several use the same
        #[arg(long, value_name = "NAME")]
        application: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
struct SendArgs {
    /// A file of events instead: JSON (one event or an array) or NDJSON; - reads standard input
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["event_type", "severity", "application"])]
    file: Option<PathBuf>,
    /// Code of the event type, such as disk.full
    #[arg(long = "type", value_name = "CODE", required_unless_present = "file")]
    event_type: Option<String>,
    /// How bad it is
    #[arg(long, value_parser = PossibleValuesParser::new(SEVERITIES))]
    #[arg(required_unless_present = "file")]
    severity: Option<String>,
    /// Name of the product that reports
    #[arg(long, value_name = "NAME", required_unless_present = "file")]
    application: Option<String>,
    /// Its version
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true)]
    application_version: String,
    /// The source's id: the same id again is the same event
    #[arg(long, default_value = "", hide_default_value = true)]
    id: String,
    /// Display name of the event type
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    type_name: String,
    /// What happened
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// Name of the device
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    device: String,
    /// IP address of the device
    #[arg(long, value_name = "IP", default_value = "", hide_default_value = true)]
    device_ip: String,
    /// IP address that the device connects from
    #[arg(long, value_name = "IP", default_value = "", hide_default_value = true)]
    connection_ip: String,
    /// Domain of the device
    #[arg(long, default_value = "", hide_default_value = true)]
    domain: String,
    /// Device group, such as Plant A/Line 2
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    group: String,
    /// Task name
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    task: String,
    /// When it happened: a time, or how long ago (90s, 15m) [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    occurred_at: Option<Timestamp>,
    /// A parameter; numbers and true or false are taken as such
    #[arg(long = "parameter", short = 'p', value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, ParameterInput)>,
    /// Makes a repeated request harmless
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Which events.
#[derive(Args, Debug)]
struct Filters {
    /// Only of this application
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// Only of this event type
    #[arg(long = "type", value_name = "CODE")]
    event_type: Option<String>,
    /// Only of this severity, or these: failure,critical
    #[arg(long, value_parser = PossibleValuesParser::new(SEVERITIES), value_delimiter = ',')]
    severity: Vec<String>,
    /// Only of this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Only of devices in this group
    #[arg(long, value_name = "PATH")]
    group: Option<String>,
    /// Only where this was decided for one of the channels
    #[arg(long, value_parser = ["notified", "limited", "silenced", "off", "incomplete"])]
    decision: Option<String>,
    /// Only in this state
    #[arg(long, value_parser = ["accepted", "planned", "parked"])]
    state: Option<String>,
    /// Only with this text in them
    #[arg(long, short = 'q', value_name = "TEXT")]
    query: Option<String>,
    /// Only registered since: a time, a date, or how long ago (15m, 2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    since: Option<Timestamp>,
    /// Only registered until
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<Timestamp>,
}

impl Filters {
    fn query(&self, path: &str) -> Query {
        let severities = Some(self.severity.join(",")).filter(|words| !words.is_empty());
        Query::new(path)
            .with_some("application", self.application.as_ref())
            .with_some("type", self.event_type.as_ref())
            .with_some("severity", severities)
            .with_some("device", self.device.as_ref())
            .with_some("group", self.group.as_ref())
            .with_some("decision", self.decision.as_ref())
            .with_some("state", self.state.as_ref())
            .with_some("q", self.query.as_ref())
            .with_some("since", self.since)
            .with_some("until", self.until)
    }
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    page: PageOptions,
}

/// Runs `event`.
pub(crate) async fn run(args: EventArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        EventCommand::Send(args) => send(&client, *args).await,
        EventCommand::List(args) => list(&client, &args).await,
        EventCommand::Export { filters, options } => {
            export::run(&client, filters.query("/api/v1/events/export"), &options).await
        }
        EventCommand::Types { application, json } => {
            event_types::run(&client, application.as_deref(), json).await
        }
        EventCommand::Show { id, application, json } => {
            show(&client, &id, application.as_deref(), json).await
        }
    }
}

async fn send(client: &Client, args: SendArgs) -> Result<ExitCode> {
    let mut call = Call::new(Method::POST, "/api/v1/events");
    call.headers.extend(args.idempotency_key.clone().map(|key| ("idempotency-key", key)));
    call.body = Some(match &args.file {
        Some(file) => {
            let text = read_events(file)?;
            (media_type(&text), text.into_bytes())
        }
        None => ("application/json", serde_json::to_vec(&event_of(args))?),
    });
    let answer: AcceptedEvents = client.call(call).await?;
    for event in answer.events {
        let known = if event.duplicate { "  known already" } else { "" };
        output::print_line(&format!("{}{known}", event.id));
    }
    Ok(ExitCode::SUCCESS)
}

fn event_of(args: SendArgs) -> EventInput {
    let device = DeviceInput {
        name: args.device,
        ip: args.device_ip,
        connection_ip: args.connection_ip,
        domain: args.domain,
        group: args.group,
    };
    EventInput {
        id: args.id,
        event_type: args.event_type.unwrap_or_default(),
        type_name: args.type_name,
        severity: args.severity.unwrap_or_default(),
        application: ApplicationInput {
            name: args.application.unwrap_or_default(),
            version: args.application_version,
        },
        device: (device != DeviceInput::default()).then_some(device),
        task: args.task,
        description: args.description,
        occurred_at: args.occurred_at.map(|at| at.to_string()),
        parameters: args.parameters.into_iter().collect(),
    }
}

fn read_events(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(FILE_SIZE_MAX + 1).read_to_string(&mut text)
    } else {
        let show = || format!("{} cannot be read", file.display());
        std::fs::File::open(file)
            .with_context(show)?
            .take(FILE_SIZE_MAX + 1)
            .read_to_string(&mut text)
    };
    let size = read.with_context(|| format!("{} cannot be read as text", file.display()))?;
    if size as u64 > FILE_SIZE_MAX {
        bail!("{} is larger than {FILE_SIZE_MAX} octets: send it in parts", file.display());
    }
    Ok(text)
}

/// One JSON value is JSON; several, one per line, are NDJSON. What is neither goes as NDJSON when
/// its first line is whole, so that the server's error names the line that is wrong.
fn media_type(text: &str) -> &'static str {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let is_ndjson = matches!(values.next(), Some(Ok(_))) && values.next().is_some();
    if is_ndjson { "application/x-ndjson" } else { "application/json" }
}

/// `NAME=VALUE` of a parameter.
pub(super) fn parse_parameter(text: &str) -> Result<(String, ParameterInput), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("`{text}`: write NAME=VALUE"))?;
    let value = match serde_json::from_str(value) {
        // JSON text in quotes is text without them; lists and objects are text as they stand.
        Ok(value) => value,
        Err(_) => ParameterInput::Text(value.to_owned()),
    };
    Ok((name.to_owned(), value))
}

async fn list(client: &Client, args: &ListArgs) -> Result<ExitCode> {
    let query = args.filters.query("/api/v1/events");
    let paint = Paint::for_output();
    let show = |events: Vec<EventView>, is_first: bool| {
        if !events.is_empty() {
            output::print(&table(paint, &events, is_first));
        }
        Ok(())
    };
    let end = for_each_page::<EventList>(client, &query, &args.page, show).await?;
    print_end(&args.page, end, "events");
    Ok(ExitCode::SUCCESS)
}

fn table(paint: Paint, events: &[EventView], has_headings: bool) -> String {
    let zone = moment::local_zone();
    let row = |event: &EventView| {
        let name = if event.type_name.is_empty() { &event.event_type } else { &event.type_name };
        vec![
            Cell::toned(&event.uid, Tone::Faint),
            moment::short(event.registered_at, &zone).into(),
            Cell::toned(&event.state, output::tone_of_state(&event.state)),
            event.severity.as_str().into(),
            Cell::from(&event.application.name).at_most(24),
            Cell::from(&event.device.name).at_most(24),
            Cell::from(name).at_most(32),
            Cell::from(&event.description).at_most(48),
        ]
    };
    let rows: Vec<_> = events.iter().map(row).collect();
    if !has_headings {
        return output::columns(paint, &rows);
    }
    let time = moment::heading("REGISTERED", moment::now(), &zone);
    let headings =
        ["EVENT", &time, "STATE", "SEVERITY", "APPLICATION", "DEVICE", "TYPE", "DESCRIPTION"];
    output::table(paint, &headings, &rows)
}

async fn show(
    client: &Client,
    id: &str,
    application: Option<&str>,
    json: bool,
) -> Result<ExitCode> {
    let path = format!("/api/v1/events/{}", percent_encode(id));
    let query = Query::new(&path).with_some("application", application);
    let detail: EventDetail = client.get(query).await?;
    if json {
        output::print_line(&serde_json::to_string_pretty(&detail)?);
    } else {
        let (paint, zone) = (Paint::for_output(), moment::local_zone());
        output::print(&story::of_event(paint, &zone, moment::now(), &detail));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_json_value_is_json_and_several_are_ndjson() {
        for (text, expected) in [
            ("{\"a\":1}", "application/json"),
            ("[{},\n{}]", "application/json"),
            ("{\"a\":\n1}\n", "application/json"),
            ("{}\n{}\n", "application/x-ndjson"),
            ("{}\n{broken\n", "application/x-ndjson"),
            ("", "application/json"),
            ("{broken", "application/json"),
        ] {
            assert_eq!(media_type(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_parameter_is_text_number_or_truth_value() {
        for (text, expected) in [
            ("a=1", Some(ParameterInput::Integer(1))),
            ("a=1.5", Some(ParameterInput::Number(1.5))),
            ("a=true", Some(ParameterInput::Bool(true))),
            ("a=\"1\"", Some(ParameterInput::Text("1".into()))),
            ("a=b=c", Some(ParameterInput::Text("b=c".into()))),
            ("a=[1]", Some(ParameterInput::Text("[1]".into()))),
            ("a=", Some(ParameterInput::Text(String::new()))),
            ("=1", None),
            ("a", None),
        ] {
            assert_eq!(parse_parameter(text).ok().map(|(_, value)| value), expected, "{text}");
        }
    }
}
