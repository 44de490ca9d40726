//! `annunciator ledger`: deliveries as a table; retry, cancel, resend.

use std::process::ExitCode;

use annunciator_api_types::{
    DeliveryDetail, DeliveryList, DeliveryView, OperationResults, OperationTargets, ResendResult,
};
use annunciator_core::Timestamp;
use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use hyper::Method;
use jiff::tz::TimeZone;

use super::event::SEVERITIES;
use super::export::{self, ExportOptions};
use super::paging::{PageOptions, for_each_page, print_end};
use super::{exit_code, story};
use crate::client::{Call, Client, ConnectOptions, Query, percent_encode};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

/// Deliveries in one request (spec of the API). Unit: deliveries.
const BATCH_MAX: usize = 1000;
/// Deliveries that `--all-failed` takes at most in one go.
const ALL_FAILED_MAX: usize = 1_000_000;
const LIST: &str = "/api/v1/deliveries";
const EXPORT: &str = "/api/v1/deliveries/export";
const STATES: &[&str] = &["queued", "in_flight", "delivered", "failed", "cancelled"];

/// Arguments of `ledger`.
#[derive(Args, Debug)]
pub(crate) struct LedgerArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: Option<LedgerCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Args, Debug, Default, PartialEq, Eq)]
struct ListArgs {
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    page: PageOptions,
}

/// Which deliveries.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
struct Filters {
    /// Only with this text in recipient, subject, event type, device, application or event id
    #[arg(long, short = 'q', value_name = "TEXT")]
    query: Option<String>,
    /// Only in this state
    #[arg(long, value_parser = PossibleValuesParser::new(STATES))]
    state: Option<String>,
    /// Only of this channel
    #[arg(long)]
    channel: Option<String>,
    /// Only to this address
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    /// Only about events of this severity, or these: failure,critical
    #[arg(long, value_parser = PossibleValuesParser::new(SEVERITIES), value_delimiter = ',')]
    severity: Vec<String>,
    /// Only about events of this application
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// Only about events of this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Only about events of this type
    #[arg(long = "type", value_name = "CODE")]
    event_type: Option<String>,
    /// Only in the queue of this relay
    #[arg(long)]
    lane: Option<String>,
    /// Only of this event (the ledger's id)
    #[arg(long, value_name = "UID")]
    event: Option<String>,
    /// Only of this notification
    #[arg(long, value_name = "ID")]
    notification: Option<String>,
    /// Only planned since: a time, a date, or how long ago (15m, 2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    since: Option<Timestamp>,
    /// Only planned until
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<Timestamp>,
}

impl Filters {
    fn query(&self, path: &str) -> Query {
        let severities = Some(self.severity.join(",")).filter(|words| !words.is_empty());
        Query::new(path)
            .with_some("q", self.query.as_ref())
            .with_some("severity", severities)
            .with_some("application", self.application.as_ref())
            .with_some("device", self.device.as_ref())
            .with_some("event_type", self.event_type.as_ref())
            .with_some("state", self.state.as_ref())
            .with_some("channel", self.channel.as_ref())
            .with_some("recipient", self.recipient.as_ref())
            .with_some("lane", self.lane.as_ref())
            .with_some("event", self.event.as_ref())
            .with_some("notification", self.notification.as_ref())
            .with_some("since", self.since)
            .with_some("until", self.until)
    }
}

#[derive(Subcommand, Debug)]
enum LedgerCommand {
    /// List deliveries, newest first (as `ledger` alone does)
    List(ListArgs),
    /// Save deliveries as a file: CSV, JSON or NDJSON, at most 100,000
    Export {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        options: ExportOptions,
    },
    /// Tell the story of a delivery: each attempt with server, TLS, reply and timings
    Show {
        /// Id of the delivery
        id: String,
        /// The message as it goes over the wire (RFC 5322) instead
        #[arg(long, conflicts_with = "json")]
        message: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Try deliveries again now
    Retry(RetryArgs),
    /// Cancel queued deliveries
    Cancel {
        /// Ids of the deliveries
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Send deliveries once more, as new ones with Message-IDs of their own
    Resend {
        /// Ids of the deliveries
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

#[derive(Args, Debug)]
struct RetryArgs {
    /// Ids of the deliveries
    #[arg(value_name = "ID", required_unless_present = "all_failed")]
    ids: Vec<String>,
    /// All failed deliveries, or those of them that the filters let through
    #[arg(long, conflicts_with = "ids")]
    all_failed: bool,
    #[command(flatten)]
    filters: Filters,
}

/// Runs `ledger`.
pub(crate) async fn run(args: LedgerArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    if args.command.is_some() && args.list != ListArgs::default() {
        bail!("filters stand behind the subcommand: annunciator ledger list --state failed");
    }
    match args.command {
        None => list(&client, &args.list).await,
        Some(LedgerCommand::List(args)) => list(&client, &args).await,
        Some(LedgerCommand::Export { filters, options }) => {
            export::run(&client, filters.query(EXPORT), &options).await
        }
        Some(LedgerCommand::Show { id, message, json }) => show(&client, &id, message, json).await,
        Some(LedgerCommand::Retry(args)) => retry(&client, args).await,
        Some(LedgerCommand::Cancel { ids }) => operate(&client, "cancel", &ids).await,
        Some(LedgerCommand::Resend { ids }) => resend(&client, &ids).await,
    }
}

async fn list(client: &Client, args: &ListArgs) -> Result<ExitCode> {
    let (paint, zone) = (Paint::for_output(), moment::local_zone());
    let show = |deliveries: Vec<DeliveryView>, is_first: bool| {
        if !deliveries.is_empty() {
            output::print(&table(paint, &zone, moment::now(), &deliveries, is_first));
        }
        Ok(())
    };
    let end =
        for_each_page::<DeliveryList>(client, &args.filters.query(LIST), &args.page, show).await?;
    print_end(&args.page, end, "deliveries");
    Ok(ExitCode::SUCCESS)
}

/// Deliveries as a table.
pub(crate) fn table(
    paint: Paint,
    zone: &TimeZone,
    now: Timestamp,
    deliveries: &[DeliveryView],
    has_headings: bool,
) -> String {
    let rows: Vec<Vec<Cell>> = deliveries.iter().map(|delivery| row(delivery, zone, now)).collect();
    if !has_headings {
        return output::columns(paint, &rows);
    }
    let planned = moment::heading("PLANNED", now, zone);
    let headings = ["DELIVERY", &planned, "STATE", "TRIES", "RECIPIENT", "SUBJECT", "NOTE"];
    output::table(paint, &headings, &rows)
}

fn row(delivery: &DeliveryView, zone: &TimeZone, now: Timestamp) -> Vec<Cell> {
    vec![
        Cell::toned(&delivery.id, Tone::Faint),
        moment::short(delivery.created_at, zone).into(),
        Cell::toned(&delivery.state, output::tone_of_state(&delivery.state)),
        delivery.attempts.to_string().into(),
        Cell::from(&delivery.recipient.address).at_most(40),
        Cell::from(&delivery.subject).at_most(44),
        Cell::from(note(delivery, now)).at_most(90),
    ]
}

/// Why a delivery is not delivered, and when it goes on.
pub(crate) fn note(delivery: &DeliveryView, now: Timestamp) -> String {
    let mut parts = Vec::new();
    if delivery.state != "delivered" {
        parts.extend(delivery.last_failure.as_ref().map(story::failure_line));
    }
    if delivery.state == "queued" {
        parts.extend(delivery.waiting_for.as_ref().map(|why| format!("waits for {why}")));
        if delivery.attempts > 0 || delivery.waiting_for.is_some() {
            let due = delivery.due_at.map(|at| moment::relative(at, now));
            parts.extend(due.map(|due| format!("next try {due}")));
        }
    }
    if delivery.possibly_duplicated {
        parts.push("possibly duplicated".to_owned());
    }
    // What comes first is what survives the end of the line.
    parts.reverse();
    parts.join("; ")
}

async fn show(client: &Client, id: &str, message: bool, json: bool) -> Result<ExitCode> {
    let path = format!("/api/v1/deliveries/{}", percent_encode(id));
    let detail: DeliveryDetail = client.get(path).await?;
    if message {
        let notification = percent_encode(&detail.delivery.notification);
        let path = format!("/api/v1/notifications/{notification}/message");
        let octets = client.fetch(Call::new(Method::GET, path)).await?;
        output::print_message(&octets);
    } else if json {
        output::print_line(&serde_json::to_string_pretty(&detail)?);
    } else {
        let (paint, zone) = (Paint::for_output(), moment::local_zone());
        output::print(&story::of_delivery(paint, &zone, moment::now(), &detail));
    }
    Ok(ExitCode::SUCCESS)
}

async fn retry(client: &Client, mut args: RetryArgs) -> Result<ExitCode> {
    if !args.all_failed {
        if args.filters != Filters::default() {
            bail!("filters go with --all-failed, not with ids");
        }
        return operate(client, "retry", &args.ids).await;
    }
    if args.filters.state.as_deref().is_some_and(|state| state != "failed") {
        bail!("--all-failed takes failed deliveries only: leave --state out");
    }
    args.filters.state = Some("failed".to_owned());
    let mut ids = Vec::new();
    let collect = |deliveries: Vec<DeliveryView>, _| {
        ids.extend(deliveries.into_iter().map(|delivery| delivery.id));
        if ids.len() > ALL_FAILED_MAX {
            bail!("more than {ALL_FAILED_MAX} deliveries: narrow them down with --since");
        }
        Ok(())
    };
    let query = args.filters.query(LIST);
    for_each_page::<DeliveryList>(client, &query, &PageOptions::everything(), collect).await?;
    if ids.is_empty() {
        output::print_note("no failed deliveries");
        return Ok(ExitCode::SUCCESS);
    }
    operate(client, "retry", &ids).await
}

async fn operate(client: &Client, verb: &str, ids: &[String]) -> Result<ExitCode> {
    let mut is_good = true;
    for batch in ids.chunks(BATCH_MAX) {
        let targets = OperationTargets { deliveries: batch.to_vec() };
        let path = format!("/api/v1/deliveries/{verb}");
        let answer: OperationResults = client.post(path, &targets).await?;
        for result in answer.results {
            is_good &= result.done;
            let what = match (&result.reason, result.done) {
                (Some(reason), false) => format!("not done: {reason}"),
                (None, false) => "not done".to_owned(),
                (_, true) => format!("{verb}: done"),
            };
            output::print_line(&format!("{}  {what}", result.delivery));
        }
    }
    Ok(exit_code(is_good))
}

async fn resend(client: &Client, ids: &[String]) -> Result<ExitCode> {
    for id in ids {
        let path = format!("/api/v1/deliveries/{}/resend", percent_encode(id));
        let answer: ResendResult = client.call(Call::new(Method::POST, path)).await?;
        output::print_line(&format!("{id}  resent as {}", answer.delivery));
    }
    Ok(ExitCode::SUCCESS)
}
