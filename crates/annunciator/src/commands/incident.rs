//! `annunciator incident`: hand in incidents, list them, show one, change a status.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_api_types::{
    AcceptedIncidents, IncidentDetail, IncidentList, IncidentStatusRequest, IncidentStatusResult,
    IncidentView, ParameterInput,
};
use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use super::event::SEVERITIES;
use super::paging::{PageOptions, for_each_page, print_end};
use crate::assignment;
use crate::client::{Call, Client, ConnectOptions, Query, percent_encode};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

const PATH: &str = "/api/v1/incidents";

/// Arguments of `incident`.
#[derive(Args, Debug)]
pub(crate) struct IncidentArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: IncidentCommand,
}

#[derive(Subcommand, Debug)]
enum IncidentCommand {
    /// Hand in a file of incidents
    Send {
        /// JSON: one incident or an array; - reads standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// The file is a document of another detector: the mapping of the settings that reads it
        #[arg(long, value_name = "NAME")]
        mapping: Option<String>,
    },
    /// List incidents, newest first
    List(Box<ListArgs>),
    /// Show an incident, the statuses it had, and what its top tag did
    Show {
        #[command(flatten)]
        which: Which,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Change the status of an incident
    Status {
        #[command(flatten)]
        which: Which,
        /// The status, by its code or its name
        status: String,
        /// Why; the history shows it
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        comment: String,
    },
}

#[derive(Args, Debug)]
struct Which {
    /// The ledger's id, or the detector's
    id: String,
    /// Name of the detector, when several use the same id
    #[arg(long, value_name = "NAME")]
    detector: Option<String>,
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Only with this text in id, model, asset, detector, top tag, group or description
    #[arg(long)]
    search: Option<String>,
    /// Only of this kind of detector
    #[arg(long)]
    kind: Option<String>,
    /// Only of this detector
    #[arg(long, value_name = "NAME")]
    detector: Option<String>,
    /// Only of this model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Only of this top tag
    #[arg(long, value_name = "NAME")]
    top_tag: Option<String>,
    /// Only of this asset
    #[arg(long, value_name = "NAME")]
    asset: Option<String>,
    /// Only with this status, by its code or its name
    #[arg(long)]
    status: Option<String>,
    /// Only of this group
    #[arg(long)]
    group: Option<String>,
    /// Only of this severity or worse
    #[arg(long, value_parser = PossibleValuesParser::new(SEVERITIES))]
    severity: Option<String>,
    #[command(flatten)]
    page: PageOptions,
}

impl Which {
    fn query(&self, below: &str) -> Query {
        let path = format!("{PATH}/{}{below}", percent_encode(&self.id));
        Query::new(&path).with_some("detector", self.detector.as_ref())
    }
}

/// Runs `incident`.
pub(crate) async fn run(args: IncidentArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        IncidentCommand::Send { file, mapping } => send(&client, &file, mapping.as_deref()).await,
        IncidentCommand::List(args) => list(&client, *args).await,
        IncidentCommand::Show { which, json } => show(&client, &which, json).await,
        IncidentCommand::Status { which, status, comment } => {
            change(&client, &which, IncidentStatusRequest { status, comment, from: String::new() })
                .await
        }
    }
}

/// A JSON document of a file, or of standard input.
pub(super) fn read_document(file: &Path) -> Result<Value> {
    let text = match file.as_os_str() == "-" {
        true => assignment::read_standard_input()?,
        false => assignment::read_file(file)?,
    };
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

async fn send(client: &Client, file: &Path, mapping: Option<&str>) -> Result<ExitCode> {
    let path = match mapping {
        Some(name) => format!("{PATH}/mapped/{}", percent_encode(name)),
        None => PATH.to_owned(),
    };
    let accepted: AcceptedIncidents = client.post(path, &read_document(file)?).await?;
    for one in accepted.incidents {
        let said = match (one.duplicate, one.differs) {
            (false, _) => "accepted",
            (true, false) => "known already",
            (true, true) => "known already, and it differs",
        };
        output::print_line(&format!("{}  {said}", one.id));
        if !one.advice.is_empty() {
            output::print_line(&format!("  {}", one.advice));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, args: ListArgs) -> Result<ExitCode> {
    let (paint, zone, now) = (Paint::for_output(), moment::local_zone(), moment::now());
    let show = |incidents: Vec<IncidentView>, is_first: bool| {
        let row = |one: &IncidentView| {
            vec![
                Cell::from(moment::short(one.start, &zone)),
                Cell::from(one.severity.as_str()),
                Cell::from(&one.status.name),
                Cell::from(&one.model).at_most(40),
                Cell::from(one.top_tag.as_ref().map_or("", |tag| &tag.name)).at_most(40),
                Cell::from(&one.asset.name).at_most(40),
                Cell::from(&one.detector.kind),
                Cell::from(&one.id).at_most(40),
            ]
        };
        let rows: Vec<_> = incidents.iter().map(row).collect();
        if is_first && !rows.is_empty() {
            let start = moment::heading("START", now, &zone);
            let headings =
                [&*start, "SEVERITY", "STATUS", "MODEL", "TOP TAG", "ASSET", "DETECTOR", "ID"];
            output::print(&output::table(paint, &headings, &rows));
        } else {
            output::print(&output::columns(paint, &rows));
        }
        Ok(())
    };
    let query = Query::new(PATH)
        .with_some("q", args.search)
        .with_some("kind", args.kind)
        .with_some("detector", args.detector)
        .with_some("model", args.model)
        .with_some("top_tag", args.top_tag)
        .with_some("asset", args.asset)
        .with_some("status", args.status)
        .with_some("group", args.group)
        .with_some("severity", args.severity);
    let end = for_each_page::<IncidentList>(client, &query, &args.page, show).await?;
    print_end(&args.page, end, "incidents");
    Ok(ExitCode::SUCCESS)
}

async fn show(client: &Client, which: &Which, json: bool) -> Result<ExitCode> {
    let detail: IncidentDetail = client.get(which.query("")).await?;
    if json {
        output::print_line(&serde_json::to_string_pretty(&detail)?);
        return Ok(ExitCode::SUCCESS);
    }
    print_incident(&detail.incident);
    let zone = moment::local_zone();
    output::print_line("");
    let row = |had: &annunciator_api_types::IncidentStatusEntry| {
        vec![
            Cell::from(moment::full(had.at, &zone)),
            Cell::from(&had.status.name),
            Cell::from(&had.author),
            Cell::from(&had.comment).at_most(80),
        ]
    };
    let rows: Vec<_> = detail.statuses.iter().map(row).collect();
    output::print(&output::table(Paint::for_output(), &["SINCE", "STATUS", "BY", "WHY"], &rows));
    Ok(ExitCode::SUCCESS)
}

fn print_incident(one: &IncidentView) {
    let zone = moment::local_zone();
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let tag = one.top_tag.clone().unwrap_or_default();
    let value = match &tag.value {
        None => String::new(),
        Some(ParameterInput::Text(text)) => text.clone(),
        Some(value) => serde_json::to_string(value).unwrap_or_default(),
    };
    let told = if one.told { "told" } else { "not told" };
    let lines = [
        ("id", one.id.clone()),
        ("ledger's id", one.uid.clone()),
        ("status", format!("{} ({told})", one.status.name)),
        ("severity", one.severity.clone()),
        ("registered", moment::full(one.registered_at, &zone)),
        ("detector", format!("{} ({})", one.detector.name, one.detector.kind)),
        ("model", one.model.clone()),
        ("asset", one.asset.name.clone()),
        ("device group", one.asset.group.clone()),
        ("top tag", tag.name),
        ("of the tag", tag.description),
        ("value", format!("{value} {}", tag.units).trim().to_owned()),
        ("mse", number(one.mse)),
        ("threshold", number(one.threshold)),
        ("start", moment::full(one.start, &zone)),
        ("end", one.end.map(|at| moment::full(at, &zone)).unwrap_or_default()),
        ("history", one.history.clone()),
        ("group", one.group.clone()),
        ("description", one.description.clone()),
    ];
    let given = lines.into_iter().filter(|(_, value)| !value.is_empty());
    let row = |(name, value): (&str, String)| vec![Cell::toned(name, Tone::Faint), value.into()];
    let rows: Vec<_> = given.map(row).collect();
    output::print(&output::columns(Paint::for_output(), &rows));
}

async fn change(
    client: &Client,
    which: &Which,
    request: IncidentStatusRequest,
) -> Result<ExitCode> {
    let call = Call::json(Method::POST, which.query("/status"), &request)?;
    let result: IncidentStatusResult = client.call(call).await?;
    let told = match result.told.as_deref() {
        None => "it has this status already",
        Some("late") => "it is told now",
        Some("follow_up") => "subscriptions with follow-ups are told",
        Some(_) => "nobody is told",
    };
    let IncidentView { id, status, .. } = &result.incident;
    output::print_line(&format!("{id}  {}: {told}", status.name));
    Ok(ExitCode::SUCCESS)
}
