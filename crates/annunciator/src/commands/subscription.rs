//! `annunciator subscription`: who is told of which incidents.

use std::path::PathBuf;
use std::process::ExitCode;

use annunciator_api_types::{
    AudienceRequest, AudienceView, LeftOutView, SettingsSaved, SubscriptionList, SubscriptionSaved,
    SubscriptionView,
};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value};

use super::incident::read_document;
use super::settings::print_warnings;
use crate::assignment::Assignment;
use crate::client::{Call, Client, ConnectOptions, percent_encode};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

const PATH: &str = "/api/v1/subscriptions";

/// Arguments of `subscription`.
#[derive(Args, Debug)]
pub(crate) struct SubscriptionArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: SubscriptionCommand,
}

#[derive(Subcommand, Debug)]
enum SubscriptionCommand {
    /// List subscriptions
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a subscription, and who of it is told nothing
    Show {
        /// Its name
        name: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a subscription, or change what is given of one
    Set {
        /// Its name
        name: String,
        /// Settings: users=anna;boris addresses=shift@plant.example language=ru delivery=daily; an
        /// empty list means all
        #[arg(value_name = "KEY=VALUE", required = true)]
        assignments: Vec<Assignment>,
    },
    /// Delete a subscription
    Delete {
        /// Its name
        name: String,
    },
    /// Show who would be told of an incident
    Preview {
        /// A stored incident: the ledger's id, or the detector's
        #[arg(required_unless_present = "file", conflicts_with = "file")]
        id: Option<String>,
        /// A file with an incident that could come; - reads standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs `subscription`.
pub(crate) async fn run(args: SubscriptionArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        SubscriptionCommand::List { json } => list(&client, json).await,
        SubscriptionCommand::Show { name, json } => show(&client, &name, json).await,
        SubscriptionCommand::Set { name, assignments } => set(&client, &name, &assignments).await,
        SubscriptionCommand::Delete { name } => {
            let call = Call::new(Method::DELETE, path_of(&name));
            let saved: SettingsSaved = client.call(call).await?;
            output::print_line(&format!("{name}  deleted (revision {})", saved.revision));
            Ok(ExitCode::SUCCESS)
        }
        SubscriptionCommand::Preview { id, file, json } => {
            let incident = match file {
                Some(file) => {
                    let document = read_document(&file)?;
                    let words = || format!("{} is no incident", file.display());
                    Some(serde_json::from_value(document).with_context(words)?)
                }
                None => None,
            };
            let request = AudienceRequest { incident_id: id, incident, ..Default::default() };
            preview(&client, &request, json).await
        }
    }
}

fn path_of(name: &str) -> String {
    format!("{PATH}/{}", percent_encode(name))
}

async fn list(client: &Client, json: bool) -> Result<ExitCode> {
    let list: SubscriptionList = client.get(PATH).await?;
    if json {
        output::print_line(&serde_json::to_string_pretty(&list)?);
        return Ok(ExitCode::SUCCESS);
    }
    let count = |one: &SubscriptionView, key: &str| {
        one.settings.get(key).and_then(Value::as_array).map_or(0, Vec::len).to_string()
    };
    let row = |one: &SubscriptionView| {
        let state = if one.enabled { "on" } else { "off" };
        vec![
            Cell::from(&one.name).at_most(60),
            Cell::from(state),
            Cell::from(count(one, "users")),
            Cell::from(count(one, "addresses")),
            Cell::from(one.settings["severity"].as_str().unwrap_or_default()),
            Cell::from(one.settings["delivery"].as_str().unwrap_or_default()),
            Cell::from(one.left_out.len().to_string()),
        ]
    };
    let rows: Vec<_> = list.subscriptions.iter().map(row).collect();
    if rows.is_empty() {
        output::print_note("no subscriptions: `annunciator subscription set NAME …` makes one");
    } else {
        let headings = ["NAME", "STATE", "USERS", "ADDRESSES", "SEVERITY", "DELIVERY", "LEFT OUT"];
        output::print(&output::table(Paint::for_output(), &headings, &rows));
    }
    if !list.cannot_send.is_empty() {
        output::print_note(&format!("nobody is told: {}", list.cannot_send));
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(client: &Client, name: &str, json: bool) -> Result<ExitCode> {
    let one: SubscriptionView = client.get(path_of(name)).await?;
    if json {
        output::print_line(&serde_json::to_string_pretty(&one)?);
    } else {
        print_subscription(&one);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_subscription(one: &SubscriptionView) {
    let words = |value: &Value| match value {
        Value::Array(items) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |(key, value): (&String, &Value)| {
        vec![Cell::toned(key, Tone::Faint), Cell::from(words(value))]
    };
    let given = one.settings.iter().filter(|(_, value)| !words(value).is_empty());
    let rows: Vec<_> = given.map(row).collect();
    output::print(&output::columns(Paint::for_output(), &rows));
    print_left_out(&one.left_out);
}

fn print_left_out(left_out: &[LeftOutView]) {
    for LeftOutView { subscription, who, reason } in left_out {
        output::print_note(&format!("{who} is told nothing by `{subscription}`: {who} {reason}"));
    }
}

/// A value of the kind that the setting has.
fn value_of(assignment: &Assignment) -> Result<Value> {
    let text = assignment.text()?;
    Ok(match assignment.key().as_str() {
        "enabled" | "follow_ups" => text.parse().map_or_else(|_| text.into(), Value::Bool),
        "bundle_minutes" => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        _ => text.into(),
    })
}

async fn set(client: &Client, name: &str, assignments: &[Assignment]) -> Result<ExitCode> {
    let list: SubscriptionList = client.get(PATH).await?;
    let is_meant = |one: &&SubscriptionView| one.name.to_lowercase() == name.to_lowercase();
    let known = list.subscriptions.iter().find(is_meant);
    let mut settings = known.map_or_else(Map::new, |one| one.settings.clone());
    for assignment in assignments {
        settings.insert(assignment.key(), value_of(assignment)?);
    }
    let path = format!("{}?expected_revision={}", path_of(name), list.revision);
    let call = Call::json(Method::PUT, path, &settings)?;
    let saved: SubscriptionSaved = client.call(call).await?;
    print_subscription(&saved.subscription);
    print_warnings(&saved.warnings);
    Ok(ExitCode::SUCCESS)
}

async fn preview(client: &Client, request: &AudienceRequest, json: bool) -> Result<ExitCode> {
    let told: AudienceView = client.post("/api/v1/incidents/audience", request).await?;
    if json {
        output::print_line(&serde_json::to_string_pretty(&told)?);
        return Ok(ExitCode::SUCCESS);
    }
    if !told.silent.is_empty() {
        output::print_line(&format!("nobody is told: {}", told.silent));
    }
    if told.subscriptions.is_empty() {
        output::print_line("no subscription is met");
    }
    let zone = moment::local_zone();
    let row = |one: &annunciator_api_types::AddresseeView| {
        let when = one.due_at.map_or_else(|| "at once".to_owned(), |at| moment::full(at, &zone));
        vec![
            Cell::from(&one.address),
            Cell::from(&one.subscription).at_most(60),
            Cell::from(&one.language),
            Cell::from(&one.time_zone),
            Cell::from(when),
        ]
    };
    let rows: Vec<_> = told.addressees.iter().map(row).collect();
    if !rows.is_empty() {
        let headings = ["ADDRESS", "SUBSCRIPTION", "LANGUAGE", "TIME ZONE", "TOLD"];
        output::print(&output::table(Paint::for_output(), &headings, &rows));
    }
    print_left_out(&told.left_out);
    Ok(ExitCode::SUCCESS)
}
