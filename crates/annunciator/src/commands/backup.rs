//! `annunciator backup`: make, list and delete copies of the store.

use std::process::ExitCode;

use annunciator_api_types::{BackupList, BackupView};
use anyhow::Result;
use clap::{Args, Subcommand};
use hyper::Method;

use crate::client::{Call, Client, ConnectOptions, LONG_ANSWER_TIME_MAX, percent_encode};
use crate::moment;
use crate::output::{self, Cell, Paint};

const PATH: &str = "/api/v1/backups";

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: BackupCommand,
}

#[derive(Subcommand, Debug)]
enum BackupCommand {
    /// Make a copy in the folder `backups` of the data folder; work goes on meanwhile
    Create,
    /// List the copies, the newest first
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Delete copies
    Delete {
        /// Names of the copies
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

/// Runs `backup`.
pub(crate) async fn run(args: BackupArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        BackupCommand::Create => {
            let mut call = Call::new(Method::POST, PATH);
            call.time_max = LONG_ANSWER_TIME_MAX;
            let made: BackupView = client.call(call).await?;
            output::print_line(&made.name);
            output::print_note(
                "Keep it with the secret key file, and not with it on the same disk: without the \
                 key the passwords in it are lost.",
            );
        }
        BackupCommand::List { json } => list(&client, json).await?,
        BackupCommand::Delete { names } => {
            for name in names {
                let path = format!("{PATH}/{}", percent_encode(&name));
                client.fetch(Call::new(Method::DELETE, path)).await?;
                output::print_line(&format!("{name}  deleted"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, json: bool) -> Result<()> {
    let found: BackupList = client.get(PATH).await?;
    if json {
        for backup in &found.backups {
            output::print_line(&serde_json::to_string(backup)?);
        }
        return Ok(());
    }
    if found.backups.is_empty() {
        output::print_note("no backups");
        return Ok(());
    }
    let zone = moment::local_zone();
    let row = |backup: &BackupView| {
        vec![
            Cell::from(&backup.name),
            moment::short(backup.created_at, &zone).into(),
            Cell::from(format!("{} KiB", backup.size_bytes.div_ceil(1 << 10))),
        ]
    };
    let rows: Vec<Vec<Cell>> = found.backups.iter().map(row).collect();
    let made = moment::heading("MADE", moment::now(), &zone);
    output::print(&output::table(Paint::for_output(), &["NAME", &made, "SIZE"], &rows));
    Ok(())
}
