//! `annunciator settings preview`: templates into what a reader would get.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_api_types::{EventInput, PreviewRequest, PreviewResult, SegmentsView, TextLength};
use anyhow::{Context, Result, bail};
use clap::Args;

use crate::client::Client;
use crate::output::{self, Paint};

/// Largest file of a template or an event. Unit: octets.
const FILE_SIZE_MAX: u64 = 1024 * 1024;

/// What the help ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  annunciator settings preview
  annunciator settings preview --language ru --time-zone Europe/Moscow --time-format local
  annunciator settings preview --event a1 --html-message @page.html --html-file shown.html
  annunciator settings preview --event-file event.json";

/// Arguments of `settings preview`.
#[derive(Args, Debug)]
pub(crate) struct PreviewArgs {
    /// The channel whose message is shown [default: email]
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Subject template, or @FILE; the saved one when absent
    #[arg(long, value_name = "TEMPLATE")]
    subject: Option<String>,
    /// Message template, or @FILE; the saved one when absent
    #[arg(long, value_name = "TEMPLATE")]
    message: Option<String>,
    /// HTML template, or @FILE; the saved one when absent
    #[arg(long, value_name = "TEMPLATE")]
    html_message: Option<String>,
    /// Language of the reader: en or ru; the saved one when absent
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Time zone of the reader, such as Europe/Moscow; the saved one when absent
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Form of times: rfc3339 or local; the saved one when absent
    #[arg(long, value_name = "FORM")]
    time_format: Option<String>,
    /// The event to show, by the ledger's id or the source's; a sample event when absent
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// The application that gave the source's id, when several use the same
    #[arg(long, value_name = "NAME", requires = "event")]
    application: Option<String>,
    /// An event that has not happened, as JSON in a file; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "event")]
    event_file: Option<PathBuf>,
    /// Write the HTML into a file instead of showing it
    #[arg(long, value_name = "FILE")]
    html_file: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs `settings preview`.
pub(crate) async fn run(client: &Client, args: PreviewArgs) -> Result<ExitCode> {
    let request = PreviewRequest {
        channel: args.channel,
        subject: template(args.subject)?,
        message: template(args.message)?,
        html_message: template(args.html_message)?,
        language: args.language,
        time_zone: args.time_zone,
        time_format: args.time_format,
        settings: None,
        event: args.event,
        application: args.application,
        hypothetical: args.event_file.as_deref().map(read_event).transpose()?,
    };
    let result: PreviewResult = client.post("/api/v1/settings/preview", &request).await?;
    if let Some(file) = &args.html_file {
        write_html(file, &result)?;
    }
    if args.json {
        output::print_line(&serde_json::to_string_pretty(&result)?);
    } else {
        show(&result, args.html_file.as_deref());
    }
    Ok(ExitCode::SUCCESS)
}

fn show(result: &PreviewResult, html_file: Option<&Path>) {
    let paint = Paint::for_output();
    let heading = |name: &str, length: TextLength| {
        format!("{} {}", paint.faint(&format!("{name}:")), paint.faint(&in_words(length)))
    };
    let subject = annunciator_core::one_line(&result.subject, 1000);
    output::print_line(&heading("Subject", result.lengths.subject));
    output::print_line(&format!("{subject}\n"));
    output::print_line(&heading("Text", result.lengths.text));
    print_lines(&result.text);
    if let Some(cost) = &result.lengths.segments {
        let SegmentsView { count, alphabet, units, units_left } = cost;
        let words = format!("{count}, {units} characters of {alphabet}, {units_left} left");
        output::print_line(&format!("{} {words}", paint.faint("Segments:")));
    }
    for argument in result.arguments.iter().flatten() {
        let argument = annunciator_core::one_line(argument, 1000);
        output::print_line(&format!("{} {argument}", paint.faint("Argument:")));
    }
    let (Some(html), Some(length)) = (&result.html, result.lengths.html) else { return };
    output::print_line(&format!("\n{}", heading("HTML", length)));
    match html_file {
        Some(file) => output::print_line(&format!("written to {}", file.display())),
        None => print_lines(html),
    }
}

fn in_words(length: TextLength) -> String {
    format!("({} characters, {} octets)", length.characters, length.octets)
}

fn write_html(file: &Path, result: &PreviewResult) -> Result<()> {
    let Some(html) = &result.html else {
        bail!(
            "there is no HTML to write: give --html-message, or set {}.html_message",
            result.channel
        );
    };
    std::fs::write(file, html).with_context(|| format!("{} cannot be written", file.display()))
}

fn template(text: Option<String>) -> Result<Option<String>> {
    let Some(file) = text.as_deref().and_then(|text| text.strip_prefix('@')) else {
        return Ok(text);
    };
    read(Path::new(file)).map(Some)
}

/// Reads an event as JSON from a file, `-` for standard input.
pub(super) fn read_event(file: &Path) -> Result<EventInput> {
    let text = read(file)?;
    serde_json::from_str(&text).with_context(|| format!("{} is no event", file.display()))
}

/// Reads a file, `-` for standard input.
fn read(file: &Path) -> Result<String> {
    let show = || format!("{} cannot be read", file.display());
    let mut text = String::new();
    let size = if file == Path::new("-") {
        std::io::stdin().lock().take(FILE_SIZE_MAX + 1).read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file).with_context(show)?;
        opened.take(FILE_SIZE_MAX + 1).read_to_string(&mut text)
    };
    if size.with_context(show)? as u64 > FILE_SIZE_MAX {
        bail!("{} is larger than {FILE_SIZE_MAX} octets", file.display());
    }
    Ok(text)
}

fn print_lines(text: &str) {
    output::print_message(text.as_bytes());
    output::print("\n");
}
