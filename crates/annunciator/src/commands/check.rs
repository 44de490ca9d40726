//! `annunciator check`: config and settings files into a verdict, without a server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_api_types::FieldError;
use anyhow::Result;
use clap::Args;

use super::{exit_code, settings};
use crate::client::field_name;
use crate::config::{self, Config};
use crate::output::{self, Cell, Paint, Tone};

/// Arguments of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The bootstrap config [default: /etc/annunciator/annunciator.toml, when it exists]
    #[arg(long, value_name = "FILE", env = "ANNUNCIATOR_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// A TOML file of settings, as `settings apply` and `settings set --file` take it
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// Runs `check`.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let config = config::load_whole(args.config.as_deref())?;
    let paint = Paint::for_output();
    output::print(&summary(paint, &config));
    for warning in &config.warnings {
        output::print_note(&format!("note: {warning}"));
    }
    let mut problems = missing_files(&config);
    if let Some(file) = &args.settings {
        let document = settings::read_settings(file)?;
        let verdict = annunciator_server::check_settings(&document);
        let line = |error: &FieldError| {
            format!("{}: {}: {}", file.display(), field_name(&error.pointer), error.detail)
        };
        for warning in &verdict.warnings {
            output::print_note(&format!("note: {}", line(warning)));
        }
        problems.extend(verdict.errors.iter().map(line));
    }
    for problem in &problems {
        output::print_line(&format!("{} {problem}", paint.paint(Tone::Bad, "wrong:")));
    }
    if problems.is_empty() {
        output::print_line(&paint.paint(Tone::Good, "all is well"));
    }
    Ok(exit_code(problems.is_empty()))
}

fn summary(paint: Paint, config: &Config) -> String {
    let path = |path: &Path| path.display().to_string();
    let file = config.file.as_deref().map_or("none: defaults".to_owned(), path);
    let tls = config.tls.as_ref().map_or("off".to_owned(), |(certificate, _)| path(certificate));
    let facts = [
        ("config", file),
        ("listen", config.listen.to_string()),
        ("tls", tls),
        ("data_dir", path(&config.data_dir)),
        ("secret_key_file", path(&config.secret_key_file)),
        ("log", format!("{} ({:?})", config.log.level, config.log.format).to_lowercase()),
    ];
    let rows: Vec<Vec<Cell>> = facts
        .into_iter()
        .map(|(name, value)| vec![Cell::toned(name, Tone::Faint), value.into()])
        .collect();
    output::columns(paint, &rows)
}

/// What the config names and is not there.
fn missing_files(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    for file in config.tls.iter().flat_map(|(certificate, key)| [certificate, key]) {
        if let Err(error) = std::fs::File::open(file) {
            problems.push(format!("{} cannot be read: {error}", file.display()));
        }
    }
    for folder in &config.executable_dirs {
        if !folder.is_dir() {
            let shown = folder.display();
            problems
                .push(format!("{shown} of executable_dirs is no folder: make it, or remove it"));
        }
    }
    problems
}
