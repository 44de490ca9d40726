//! `annunciator settings preview`: templates into what a reader would get.

use std::path::Path;
use std::process::ExitCode;

use annunciator_api_types::{PreviewRequest, PreviewResult};
use anyhow::{Context, Result};
use clap::Args;

use crate::client::Client;
use crate::output::{self, Paint};

/// Arguments of `settings preview`.
#[derive(Args, Debug)]
pub(crate) struct PreviewArgs {
    /// Subject template, or @FILE; the saved one when absent
    #[arg(long, value_name = "TEMPLATE")]
    subject: Option<String>,
    /// Message template, or @FILE; the saved one when absent
    #[arg(long, value_name = "TEMPLATE")]
    message: Option<String>,
    /// HTML template, or @FILE; the saved one when absent
    #[arg(long, value_name = "TEMPLATE")]
    html_message: Option<String>,
    /// The ledger's id of the event to show; a sample event when absent
    #[arg(long, value_name = "UID")]
    event: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs `settings preview`.
pub(crate) async fn run(client: &Client, args: PreviewArgs) -> Result<ExitCode> {
    let request = PreviewRequest {
        subject: template(args.subject)?,
        message: template(args.message)?,
        html_message: template(args.html_message)?,
        event: args.event,
    };
    let result: PreviewResult = client.post("/api/v1/settings/preview", &request).await?;
    if args.json {
        output::print_line(&serde_json::to_string_pretty(&result)?);
        return Ok(ExitCode::SUCCESS);
    }
    let paint = Paint::for_output();
    let subject = annunciator_core::one_line(&result.subject, 1000);
    output::print_line(&format!("{} {subject}\n", paint.faint("Subject:")));
    print_lines(&result.text);
    if let Some(html) = &result.html {
        output::print_line(&format!("\n{}", paint.faint("HTML:")));
        print_lines(html);
    }
    Ok(ExitCode::SUCCESS)
}

fn template(text: Option<String>) -> Result<Option<String>> {
    let Some(file) = text.as_deref().and_then(|text| text.strip_prefix('@')) else {
        return Ok(text);
    };
    let read = std::fs::read_to_string(Path::new(file));
    read.map(Some).with_context(|| format!("{file} cannot be read"))
}

fn print_lines(text: &str) {
    output::print_message(text.as_bytes());
    output::print("\n");
}
