//! `annunciator audit`: who changed what.

use std::process::ExitCode;

use annunciator_api_types::{AuditList, AuditView};
use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::paging::{PageOptions, for_each_page, print_end};
use crate::client::{Client, ConnectOptions, Query};
use crate::moment;
use crate::output::{self, Cell, Paint};

/// Arguments of `audit`.
#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    /// Only lines whose author's name has this in it
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Only lines about this, such as settings.save
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only lines with this text in author, action, target or detail
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    #[command(flatten)]
    page: PageOptions,
}

/// Runs `audit`.
pub(crate) async fn run(args: AuditArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    let (paint, zone) = (Paint::for_output(), moment::local_zone());
    let show = |entries: Vec<AuditView>, is_first: bool| {
        let row = |entry: &AuditView| {
            let detail = match &entry.detail {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            vec![
                Cell::from(entry.number.to_string()),
                Cell::from(moment::short(entry.at, &zone)),
                Cell::from(&entry.author),
                Cell::from(&entry.action),
                Cell::from(&entry.target),
                Cell::from(detail),
            ]
        };
        let rows: Vec<_> = entries.iter().map(row).collect();
        if is_first && !rows.is_empty() {
            let time = moment::heading("TIME", moment::now(), &zone);
            let headings = ["NO.", &time, "BY", "ACTION", "TARGET", "DETAIL"];
            output::print(&output::table(paint, &headings, &rows));
        } else {
            output::print(&output::columns(paint, &rows));
        }
        Ok(())
    };
    let query = Query::new("/api/v1/audit")
        .with_some("author", args.author.as_ref())
        .with_some("action", args.action.as_ref())
        .with_some("q", args.search.as_ref());
    let end = for_each_page::<AuditList>(&client, &query, &args.page, show).await?;
    print_end(&args.page, end, "entries");
    Ok(ExitCode::SUCCESS)
}
