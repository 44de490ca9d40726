//! `annunciator replay`: what changed settings would have done with past events.

use std::path::PathBuf;
use std::process::ExitCode;

use annunciator_api_types::{ReplayRequest, ReplaySideView, ReplayView, SettingsView};
use annunciator_core::{Timestamp, one_line};
use anyhow::Result;
use clap::Args;
use hyper::Method;

use super::settings::read_settings;
use crate::assignment::{Assignment, build_patch};
use crate::client::{Call, Client, ConnectOptions, LONG_ANSWER_TIME_MAX};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

/// Arguments of `replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    /// Server-wide settings to try: email.recipients=b@example.org, as in `settings set`
    #[arg(value_name = "KEY=VALUE", required_unless_present_any = ["file", "revision"])]
    assignments: Vec<Assignment>,
    /// A whole settings document (TOML), as `settings export` writes it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["assignments", "revision"])]
    file: Option<PathBuf>,
    /// A saved revision
    #[arg(long, value_name = "N", conflicts_with = "assignments")]
    revision: Option<i64>,
    /// Events registered since: a time, a date, or how long ago (15m, 2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = moment::parse, default_value = "24h")]
    since: Timestamp,
    /// Events registered until [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<Timestamp>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs `replay`.
pub(crate) async fn run(args: ReplayArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    let mut request = ReplayRequest {
        since: args.since.to_string(),
        until: args.until.map(|at| at.to_string()),
        revision: args.revision,
        ..ReplayRequest::default()
    };
    if let Some(file) = &args.file {
        request.document = Some(read_settings(file)?);
    } else if request.revision.is_none() {
        let view: SettingsView = client.get("/api/v1/settings").await?;
        request.settings = Some(build_patch(&args.assignments, &view.values)?);
    }
    let mut call = Call::json(Method::POST, "/api/v1/replay", &request)?;
    call.time_max = LONG_ANSWER_TIME_MAX;
    let view: ReplayView = client.call(call).await?;
    if args.json {
        output::print_line(&serde_json::to_string_pretty(&view)?);
    } else {
        output::print(&report(Paint::for_output(), &view));
    }
    Ok(ExitCode::SUCCESS)
}

fn report(paint: Paint, view: &ReplayView) -> String {
    let newest = if view.truncated { ", the newest of more" } else { "" };
    let mut text = format!(
        "{}\n\n",
        paint.strong(&format!("{} events{newest}; {} would differ", view.events, view.changed))
    );
    let rows: Vec<Vec<Cell>> = view
        .channels
        .iter()
        .map(|channel| {
            let change = |before: usize, after: usize| {
                let tone = if before == after { Tone::Faint } else { Tone::Plain };
                Cell::toned(&format!("{before} → {after}"), tone)
            };
            let (before, after) = (&channel.before, &channel.after);
            vec![
                Cell::from(&channel.channel),
                change(before.notifications, after.notifications),
                change(before.deliveries, after.deliveries),
                change(before.limited, after.limited),
                change(before.silenced, after.silenced),
            ]
        })
        .collect();
    let headings = ["CHANNEL", "NOTIFICATIONS", "DELIVERIES", "LIMITED", "SILENCED"];
    text.push_str(&output::table(paint, &headings, &rows));
    let zone = moment::local_zone();
    for one in &view.differences {
        let title = format!("{} {} of {}", one.severity, one.event_type, one.application);
        text.push_str(&format!(
            "\n{}  {}  {}  {}\n",
            moment::full(one.registered_at, &zone),
            one_line(&title, 200),
            paint.faint(&one.event),
            one.channel
        ));
        text.push_str(&format!("  {} {}\n", paint.paint(Tone::Bad, "-"), side(&one.before)));
        text.push_str(&format!("  {} {}\n", paint.paint(Tone::Good, "+"), side(&one.after)));
    }
    if view.changed > view.differences.len() {
        text.push_str("\nThere are more differences; choose a shorter period to see them.\n");
    }
    text
}

fn side(side: &ReplaySideView) -> String {
    let mut line = format!("{}: {}", side.decision, one_line(&side.reason, 200));
    if !side.recipients.is_empty() {
        line.push_str(&format!("; to {}", one_line(&side.recipients.join(", "), 300)));
    }
    if side.words_differ {
        let subjects = one_line(&side.subjects.join(" | "), 200);
        line.push_str(&format!("; subject \"{subjects}\""));
    }
    line
}
