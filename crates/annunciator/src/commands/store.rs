//! `annunciator store`: a store is brought to this version, looked over, or copied into a database,
//! without a server.
//!
//! In: the bootstrap config, which says where the store is. Out: what was done or found.
//! Failure: an address is shown without user and password, whatever went wrong with it.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_server::{
    Copied, CopyEnd, Examination, Migration, Place, StoreError, StorePlace, check_store,
    copy_store, migrate_store,
};
use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit_code;
use crate::config::{self, Config};
use crate::output::{self, Cell, Paint, Tone};

/// Arguments of `store`.
#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Subcommand, Debug)]
enum StoreCommand {
    /// Bring the store to the tables of this version, as the server does at its start
    Migrate(PlaceArgs),
    /// Say whether the store is sound, and what to do when it is not; a server may run meanwhile
    Check(PlaceArgs),
    /// Copy the embedded store of a folder into an empty PostgreSQL database
    ///
    /// Without --to it goes where `store` of the config says, so that the password of the database
    /// stands in no list of processes: set `ANNUNCIATOR_STORE` in the environment, as for the
    /// server. The server of the folder must be stopped. The copy is one transaction: what does not
    /// end well leaves the database empty.
    Copy(CopyArgs),
}

#[derive(Args, Debug)]
struct PlaceArgs {
    /// The bootstrap config [default: /etc/annunciator/annunciator.toml, when it exists]
    #[arg(long, value_name = "FILE", env = "ANNUNCIATOR_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct CopyArgs {
    /// The folder of the embedded store [default: `data_dir` of the config]
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    // A text: whoever parses it here would show it, and its password, when it is wrong.
    /// The address of the database, postgres://… [default: `store` of the config]
    #[arg(long, value_name = "ADDRESS", hide_default_value = true)]
    to: Option<String>,
    /// Copy and count everything, and undo it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs `store`.
pub(crate) async fn run(args: StoreArgs) -> Result<ExitCode> {
    match args.command {
        StoreCommand::Migrate(args) => migrate(&args).await,
        StoreCommand::Check(args) => check(&args).await,
        StoreCommand::Copy(args) => copy(&args).await,
    }
}

fn load(args: &PlaceArgs) -> Result<Config> {
    let config = config::load_whole(args.config.as_deref())?;
    for warning in &config.warnings {
        output::print_note(&format!("note: {warning}"));
    }
    Ok(config)
}

/// An error in the words of whoever typed the command.
fn told(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::BadRequest(words) | StoreError::Busy(words) | StoreError::Io(words) => {
            anyhow!(words)
        }
        other => other.into(),
    }
}

async fn migrate(args: &PlaceArgs) -> Result<ExitCode> {
    let config = load(args)?;
    let place = Place(&config.store, &config.data_dir).to_string();
    let Migration { from, to } =
        migrate_store(&config.store, &config.data_dir).await.map_err(told)?;
    if args.json {
        output::print_line(&json!({ "store": place, "from": from, "to": to }).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    output::print_line(&match from {
        0 => format!("{place}: made, with version {to}"),
        from if from == to => format!("{place}: it has version {to} already, nothing was to do"),
        from => format!("{place}: brought from version {from} to {to}"),
    });
    Ok(ExitCode::SUCCESS)
}

async fn check(args: &PlaceArgs) -> Result<ExitCode> {
    let config = load(args)?;
    let place = Place(&config.store, &config.data_dir).to_string();
    let checked = check_store(&config.store, &config.data_dir, &config.secret_key_file).await;
    let found = checked.map_err(told)?;
    if args.json {
        output::print_line(&serde_json::to_string_pretty(&as_json(&place, &found))?);
    } else {
        output::print(&report(Paint::for_output(), &place, &found));
    }
    Ok(exit_code(found.flaws.is_empty()))
}

fn as_json(place: &str, found: &Examination) -> Value {
    let tables = found.tables.iter().map(|one| json!({ "table": one.table, "rows": one.rows }));
    let flaws = found.flaws.iter().map(|one| json!({ "what": one.what, "advice": one.advice }));
    json!({
        "store": place,
        "engine": found.engine,
        "schema_version": found.schema_version,
        "tables": tables.collect::<Vec<_>>(),
        "problems": flaws.collect::<Vec<_>>(),
    })
}

fn report(paint: Paint, place: &str, found: &Examination) -> String {
    let fact = |name: &str, value: &str| vec![Cell::toned(name, Tone::Faint), value.into()];
    let mut text = output::columns(
        paint,
        &[
            fact("store", place),
            fact("engine", &found.engine),
            fact("version", &found.schema_version.to_string()),
        ],
    );
    let row = |table: &str, rows: u64| vec![Cell::from(table), rows.to_string().into()];
    let rows: Vec<_> = found.tables.iter().map(|one| row(&one.table, one.rows)).collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&output::table(paint, &["TABLE", "ROWS"], &rows));
    }
    text.push('\n');
    for flaw in &found.flaws {
        let wrong = paint.paint(Tone::Bad, "wrong:");
        text.push_str(&format!("{wrong} {}\n  what to do: {}\n", flaw.what, flaw.advice));
    }
    if found.flaws.is_empty() {
        text.push_str(&paint.paint(Tone::Good, "all is well"));
        text.push('\n');
    }
    text
}

async fn copy(args: &CopyArgs) -> Result<ExitCode> {
    let config = load(&args.place)?;
    let to: StorePlace = match &args.to {
        Some(address) => address.parse().map_err(told)?,
        None => config.store.clone(),
    };
    let from = args.from.as_deref().unwrap_or(&config.data_dir);
    let end = if args.dry_run { CopyEnd::Undo } else { CopyEnd::Keep };
    let mut progress = Progress { is_on_terminal: std::io::stderr().is_terminal() };
    let copied = copy_store(from, &to, end, |copied| progress.tell(copied)).await;
    progress.end();
    let copied = copied.map_err(told)?;
    let place = Place(&to, from).to_string();
    let all: u64 = copied.iter().map(|one| one.rows).sum();
    if args.place.json {
        let tables = copied.iter().map(|one| json!({ "table": one.table, "rows": one.rows }));
        let told = json!({
            "from": from.display().to_string(), "to": place, "dry_run": args.dry_run,
            "rows": all, "tables": tables.collect::<Vec<_>>(),
        });
        output::print_line(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let row = |one: &Copied| vec![Cell::from(one.table), one.rows.to_string().into()];
    let mut rows: Vec<_> = copied.iter().map(row).collect();
    rows.push(vec![Cell::toned("all", Tone::Strong), all.to_string().into()]);
    output::print(&output::table(Paint::for_output(), &["TABLE", "ROWS"], &rows));
    output::print_line(&if args.dry_run {
        format!("\nAll of {} fits into {place}; nothing was kept of the trial.", from.display())
    } else {
        next_steps(from, &place, &config.secret_key_file)
    });
    Ok(ExitCode::SUCCESS)
}

fn next_steps(from: &Path, place: &str, key_file: &Path) -> String {
    format!(
        "\nCopied, and counted on both sides: {from} is in {place}.\n\nNext:\n  \
         1. Set `store` to the address on each node, best as ANNUNCIATOR_STORE in its environment.\n  \
         2. Put the key file {key} on each node, with mode 0600: it opens the secrets in the store.\n  \
         3. Start one node, then the others. Start no server with the embedded store of {from} any\n     \
         more: it would send what waits a second time.",
        from = from.display(),
        key = key_file.display(),
    )
}

/// How far a copy is, on standard error: a line that changes on a terminal, else a line per table.
struct Progress {
    is_on_terminal: bool,
}

impl Progress {
    fn tell(&mut self, copied: &Copied) {
        let Copied { table, rows, all } = copied;
        if self.is_on_terminal {
            self.show(&format!("{table}: {rows} of {all}"));
        } else if rows == all {
            output::print_note(&format!("{table}: {rows}"));
        }
    }

    /// The line goes, so that what follows stands alone.
    fn end(&mut self) {
        if self.is_on_terminal {
            self.show("");
        }
    }

    fn show(&mut self, text: &str) {
        let mut out = std::io::stderr().lock();
        // Nobody can be told when that fails.
        let _ = write!(out, "\r\u{1b}[2K{text}").and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_refused_without_being_shown() {
        for text in ["postgres://ann:geheim@db:port/x", "mysql://ann:geheim@db/x", "geheim"] {
            let error = text.parse::<StorePlace>().map_err(told).unwrap_err();
            let words = format!("{error:#} {error:?}");
            assert!(words.contains("the address of the store") && !words.contains("geheim"));
        }
        let place: StorePlace = "postgres://ann:geheim@db/x".parse().unwrap();
        assert_eq!(
            Place(&place, Path::new("/d")).to_string(),
            "PostgreSQL at postgres://db:5432/x"
        );
        let steps = next_steps(Path::new("/d"), "x", Path::new("/d.key"));
        assert!(steps.contains("key file /d.key") && steps.contains("ANNUNCIATOR_STORE"));
    }
}
