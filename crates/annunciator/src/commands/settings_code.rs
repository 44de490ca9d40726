//! `annunciator settings export`, `diff`, `apply`, `rollback`, `show-revision`: settings as code.
//!
//! In: a TOML file that holds the whole document. Out: a plan, and a change after a yes.
//! Failure: what is applied is what the plan showed; a change in between is refused.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_api_types::{
    RollbackRequest, SettingChange, SettingsPlan, SettingsRevisionDetail, StatusView,
};
use annunciator_core::{ellipsize, one_line};
use annunciator_server::api::SETTINGS_BYTES_MAX;
use annunciator_server::settings_order;
use anyhow::{Context, Result, bail};
use clap::Args;
use hyper::Method;
use serde_json::{Map, Value};

use super::settings::{print_warnings, read_settings};
use crate::client::{Call, Client, Query};
use crate::document_text;
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

/// The exit status of a plan that changes something.
const CHANGES_STATUS: u8 = 2;
/// Longest value in a line of a plan. Unit: characters.
const VALUE_CHARS_MAX: usize = 160;
/// Longest answer to a question. Unit: octets.
const ANSWER_SIZE_MAX: u64 = 100;
/// Largest document that is read: what the server takes. Unit: octets.
pub(super) const DOCUMENT_SIZE_MAX: u64 = SETTINGS_BYTES_MAX as u64;

/// What the exit status of `diff` says.
pub(super) const DIFF_HELP: &str = "Exit status: 0 when nothing would change, 2 when something would, 1 when the file is not \
     good or the server does not answer.";
/// How a file is kept in use.
pub(super) const APPLY_HELP: &str = "The file is the whole configuration: what it leaves out is cleared. `settings set --file` lays \
     a file over the saved settings instead, and what that leaves out stays. A secret written as \
     <secret> stays as it is.";

/// Arguments of `settings export`.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// Write secrets sealed, for a server with the same key file, instead of as `<secret>`
    #[arg(long)]
    sealed: bool,
    /// Write to this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Arguments of `settings diff`.
#[derive(Args, Debug)]
pub(super) struct DiffArgs {
    /// A file as `settings export` writes it; `-` reads standard input
    file: PathBuf,
}

/// Arguments of `settings apply`.
#[derive(Args, Debug)]
pub(super) struct ApplyArgs {
    /// A file as `settings export` writes it; `-` reads standard input
    file: PathBuf,
    #[command(flatten)]
    how: HowArgs,
    /// Only when the saved revision is still this one
    #[arg(long, value_name = "N")]
    revision: Option<i64>,
}

/// Arguments of `settings rollback`.
#[derive(Args, Debug)]
pub(super) struct RollbackArgs {
    /// The revision to bring back; `settings history` lists them
    revision: i64,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Args, Debug)]
struct HowArgs {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Arguments of `settings show-revision`.
#[derive(Args, Debug)]
pub(super) struct ShowRevisionArgs {
    /// The revision
    revision: i64,
    /// Print its whole document, as `settings export` does
    #[arg(long)]
    document: bool,
}

/// Writes the whole document.
pub(super) async fn export(client: &Client, args: &ExportArgs) -> Result<ExitCode> {
    let secrets = args.sealed.then_some("sealed");
    let query = Query::new("/api/v1/settings/document").with_some("secrets", secrets);
    let (revision, document) = client.fetch_revision(Call::new(Method::GET, query)).await?;
    let document: Map<String, Value> = serde_json::from_slice(&document)?;
    let status: StatusView = client.get("/api/v1/status").await?;
    let saved = match revision {
        0 => "before the first change".to_owned(),
        number => {
            let detail = show(client, number).await?.saved.line;
            let author = one_line(&detail.author, 100);
            format!("revision {number}, saved {} by {author}", detail.saved_at)
        }
    };
    let secrets = if args.sealed {
        "Secrets are sealed: only a server with the same key file opens them, at the same place."
    } else {
        "Secrets are left out: <secret> leaves the one that the server has."
    };
    let head = format!(
        "# Settings of Annunciator {}, {saved}.\n# {secrets}\n# What is not set here holds its \
         default. Check changes with `annunciator settings diff FILE`,\n# then use `annunciator \
         settings apply FILE`.\n",
        status.version
    );
    let text = format!("{head}{}", document_text::write(&document, &settings_order())?);
    if text.len() as u64 > DOCUMENT_SIZE_MAX {
        output::print_note(&format!(
            "note: the document is larger than the {DOCUMENT_SIZE_MAX} octets that `settings \
             apply` takes"
        ));
    }
    match &args.output {
        None => output::print(&text),
        Some(file) => {
            std::fs::write(file, text)
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what a file would change.
pub(super) async fn diff(client: &Client, args: &DiffArgs) -> Result<ExitCode> {
    let document = read_document(&args.file)?;
    let plan = put(client, &document, None, None, true).await?;
    print_warnings(&plan.warnings);
    if plan.changes.is_empty() {
        output::print_line(&nothing_to_do(&plan));
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&plan_text(Paint::for_output(), &plan.changes));
    Ok(ExitCode::from(CHANGES_STATUS))
}

/// Makes the settings what a file says.
pub(super) async fn apply(client: &Client, args: &ApplyArgs) -> Result<ExitCode> {
    let document = read_document(&args.file)?;
    let plan = put(client, &document, args.revision, None, true).await?;
    if !is_wanted(&plan, &args.how)? {
        return Ok(ExitCode::SUCCESS);
    }
    let comment = args.how.comment.as_deref();
    let saved = put(client, &document, Some(plan.revision), comment, false).await?;
    output::print_line(&format!("saved as revision {}", saved.revision));
    Ok(ExitCode::SUCCESS)
}

/// Brings back a revision.
pub(super) async fn roll_back(client: &Client, args: &RollbackArgs) -> Result<ExitCode> {
    let ask = |revision: Option<i64>, dry_run: bool| {
        let comment = args.how.comment.clone().unwrap_or_default();
        let request = RollbackRequest { revision: args.revision, comment, dry_run };
        let mut call = Call::json(Method::POST, "/api/v1/settings/rollback", &request)?;
        call.headers.extend(revision.map(if_match));
        Ok::<_, anyhow::Error>(call)
    };
    let plan: SettingsPlan = client.call(ask(None, true)?).await?;
    if !is_wanted(&plan, &args.how)? {
        return Ok(ExitCode::SUCCESS);
    }
    let saved: SettingsPlan = client.call(ask(Some(plan.revision), false)?).await?;
    let (back, revision) = (args.revision, saved.revision);
    output::print_line(&format!("revision {back} is back, saved as revision {revision}"));
    Ok(ExitCode::SUCCESS)
}

/// Shows a saved revision.
pub(super) async fn show_revision(client: &Client, args: &ShowRevisionArgs) -> Result<ExitCode> {
    let detail = show(client, args.revision).await?;
    if args.document {
        output::print(&document_text::write(&detail.saved.values, &settings_order())?);
        return Ok(ExitCode::SUCCESS);
    }
    let (paint, zone) = (Paint::for_output(), moment::local_zone());
    let title = paint.strong(&format!("Revision {}", detail.saved.line.revision));
    let line = detail.saved.line;
    let rows = [
        vec![Cell::toned("by", Tone::Faint), Cell::from(line.author)],
        vec![Cell::toned("comment", Tone::Faint), Cell::from(line.comment)],
    ];
    let when = moment::full(line.saved_at, &zone);
    output::print(&format!("{title}  {when}\n{}", output::columns(paint, &rows)));
    output::print(&plan_text(paint, &detail.changes));
    Ok(ExitCode::SUCCESS)
}

async fn show(client: &Client, revision: i64) -> Result<SettingsRevisionDetail> {
    client.get(format!("/api/v1/settings/revisions/{revision}")).await
}

async fn put(
    client: &Client,
    document: &Map<String, Value>,
    revision: Option<i64>,
    comment: Option<&str>,
    is_dry_run: bool,
) -> Result<SettingsPlan> {
    let query = Query::new("/api/v1/settings/document")
        .with_some("comment", comment)
        .with_some("dry_run", is_dry_run.then_some("true"));
    let mut call = Call::json(Method::PUT, query, document)?;
    call.headers.extend(revision.map(if_match));
    client.call(call).await
}

fn if_match(revision: i64) -> (&'static str, String) {
    ("if-match", format!("\"{revision}\""))
}

/// Reads a document from a file or from standard input.
fn read_document(file: &Path) -> Result<Map<String, Value>> {
    if file != Path::new("-") {
        return read_settings(file);
    }
    let mut text = String::new();
    let input = std::io::stdin().lock().take(DOCUMENT_SIZE_MAX + 1);
    { input }.read_to_string(&mut text).context("standard input cannot be read")?;
    if text.len() as u64 > DOCUMENT_SIZE_MAX {
        bail!("standard input is larger than {DOCUMENT_SIZE_MAX} octets");
    }
    document_text::read(&text).context("standard input")
}

/// Shows a plan and asks whether it is to be followed.
fn is_wanted(plan: &SettingsPlan, how: &HowArgs) -> Result<bool> {
    print_warnings(&plan.warnings);
    if plan.changes.is_empty() {
        output::print_line(&nothing_to_do(plan));
        return Ok(false);
    }
    output::print(&plan_text(Paint::for_output(), &plan.changes));
    if how.yes {
        return Ok(true);
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!("nothing was changed: nobody can be asked here; give --yes");
    }
    let _ = write!(std::io::stderr(), "Make these changes? [y/N] ");
    let mut line = String::new();
    { input.lock().take(ANSWER_SIZE_MAX) }.read_line(&mut line).context("nothing could be read")?;
    let is_yes = matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        output::print_line("nothing was changed");
    }
    Ok(is_yes)
}

fn nothing_to_do(plan: &SettingsPlan) -> String {
    format!("nothing to do: the settings are so already (revision {})", plan.revision)
}

/// A plan, a line for each change, and their number.
fn plan_text(paint: Paint, changes: &[SettingChange]) -> String {
    let mut text = String::new();
    let (mut added, mut removed) = (0, 0);
    for change in changes {
        let (sign, tone) = match (&change.from, &change.to) {
            (Value::Null, _) => ("+", Tone::Good),
            (_, Value::Null) => ("-", Tone::Bad),
            _ => ("~", Tone::Waiting),
        };
        added += usize::from(sign == "+");
        removed += usize::from(sign == "-");
        let name = one_line(&change.name, VALUE_CHARS_MAX * 4);
        let line = format!("{sign} {name}{}", values_text(change));
        text.push_str(&paint.paint(tone, &line));
        text.push('\n');
    }
    let changed = changes.len() - added - removed;
    text.push_str(&format!("{added} to add, {changed} to change, {removed} to remove\n"));
    text
}

fn values_text(change: &SettingChange) -> String {
    let show = |value: &Value| {
        let line = one_line(&value.to_string(), VALUE_CHARS_MAX * 4);
        ellipsize(&line, VALUE_CHARS_MAX).into_owned()
    };
    // Owners, entries and groups come and go by their name alone.
    let is_thing = change.name.contains('/') && !change.name.contains(": ");
    match (&change.from, &change.to) {
        (Value::Bool(true), Value::Null) | (Value::Null, Value::Bool(true)) if is_thing => {
            String::new()
        }
        (Value::Null, to) => format!(" = {}", show(to)),
        (from, Value::Null) => format!(" = {}", show(from)),
        (from, to) if from == to => " (another secret)".to_owned(),
        (from, to) => format!(": {} → {}", show(from), show(to)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_has_a_line_for_each_change() {
        let change =
            |name: &str, from: Value, to: Value| SettingChange { name: name.to_owned(), from, to };
        let changes = [
            change("email.port", json!(25), json!(587)),
            change("email.sender", json!("a@example.org"), Value::Null),
            change("email.password", json!("<secret>"), json!("<secret>")),
            change("email.mx_lookup", Value::Null, json!(true)),
            change("policy/Plant A", Value::Null, json!(true)),
            change("policy/Plant A: enabled", Value::Null, json!(true)),
            change("groups/B\u{1b}[31m", json!(true), Value::Null),
        ];
        let expected = "\
~ email.port: 25 → 587
- email.sender = \"a@example.org\"
~ email.password (another secret)
+ email.mx_lookup = true
+ policy/Plant A
+ policy/Plant A: enabled = true
- groups/B [31m
3 to add, 2 to change, 2 to remove
";
        assert_eq!(plan_text(Paint::off(), &changes), expected);
    }
}
