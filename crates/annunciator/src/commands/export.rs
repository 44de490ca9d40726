//! A list of the API into a file, or onto standard output.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use hyper::Method;

use crate::client::{Call, Client, Query};
use crate::output;

/// Header of an answer that holds a part of the list.
const TRUNCATED: &str = "annunciator-truncated";

/// How a list is saved.
#[derive(Args, Debug)]
pub(crate) struct ExportOptions {
    /// Form of the file; CSV opens in spreadsheets
    #[arg(long, value_parser = ["csv", "json", "ndjson"], default_value = "csv")]
    format: String,
    /// Write to this new file instead of standard output
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Saves a list.
pub(crate) async fn run(
    client: &Client,
    query: Query,
    options: &ExportOptions,
) -> Result<ExitCode> {
    let call = Call::new(Method::GET, query.with("format", &options.format));
    let head = match &options.output {
        None => {
            client
                .follow(call, |piece| {
                    output::print_octets(piece);
                    Ok(())
                })
                .await?
        }
        Some(path) => {
            let show = || format!("{} cannot be written", path.display());
            // The ledger holds addresses: nobody else reads the file.
            let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let mut file = opened.with_context(show)?;
            let head =
                client.follow(call, |piece| file.write_all(piece).with_context(show)).await?;
            file.sync_all().with_context(show)?;
            head
        }
    };
    if head.contains_key(TRUNCATED) {
        output::print_note(
            "there are more: the file holds the newest; --until goes on before them",
        );
    }
    Ok(ExitCode::SUCCESS)
}
