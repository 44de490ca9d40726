//! `annunciator token`: make, list and revoke API tokens.

use std::process::ExitCode;

use annunciator_api_types::{NewToken, NewTokenRequest, TokenList};
use annunciator_core::Timestamp;
use anyhow::Result;
use clap::{Args, Subcommand};
use hyper::Method;

use crate::client::{Call, Client, ConnectOptions, percent_encode};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

/// Arguments of `token`.
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    /// Make a token; it is shown only now
    Create {
        /// Its name, such as the name of the source that will use it
        #[arg(long)]
        name: String,
        /// What it may do: administrator (everything), operator (read events and ledger; retry,
        /// cancel, resend; silences; explain), viewer (read events and ledger), ingest (hand in events,
        /// nothing else), or a role of yours (see `role list`)
        #[arg(long)]
        role: String,
        /// When it ends: a time, a date, or how long it lasts (90d) [default: never]
        #[arg(long, value_name = "TIME", value_parser = moment::parse_to_come)]
        expires_at: Option<Timestamp>,
        /// Print the token alone
        #[arg(long, short)]
        quiet: bool,
    },
    /// List the tokens, without their secrets
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Revoke tokens at once
    Revoke {
        /// Ids of the tokens
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// Runs `token`.
pub(crate) async fn run(args: TokenArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        TokenCommand::Create { name, role, expires_at, quiet } => {
            create(&client, NewTokenRequest { name, role, expires_at }, quiet).await
        }
        TokenCommand::List { json } => list(&client, json).await,
        TokenCommand::Revoke { ids } => revoke(&client, &ids).await,
    }
}

async fn create(client: &Client, request: NewTokenRequest, quiet: bool) -> Result<ExitCode> {
    let made: NewToken = client.post("/api/v1/tokens", &request).await?;
    if quiet {
        output::print_line(&made.token);
        return Ok(ExitCode::SUCCESS);
    }
    let (role, name) = (&made.record.role, &made.record.name);
    let rows = [
        vec![Cell::toned("token", Tone::Faint), Cell::toned(&made.token, Tone::Accent)],
        vec![Cell::toned("id", Tone::Faint), Cell::from(&made.record.id)],
        vec![Cell::toned("name", Tone::Faint), Cell::from(name)],
        vec![Cell::toned("role", Tone::Faint), Cell::from(role)],
    ];
    output::print(&output::columns(Paint::for_output(), &rows));
    output::print_note("\nKeep it now: it is stored as a hash only and cannot be shown again.");
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, json: bool) -> Result<ExitCode> {
    let list: TokenList = client.get("/api/v1/tokens").await?;
    if json {
        for token in &list.tokens {
            output::print_line(&serde_json::to_string(token)?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (zone, now) = (moment::local_zone(), moment::now());
    let time = |at: Option<Timestamp>, never: &str| {
        at.map_or_else(|| never.to_owned(), |at| moment::short(at, &zone))
    };
    let rows: Vec<Vec<Cell>> = list
        .tokens
        .iter()
        .map(|token| {
            let is_over = token.expires_at.is_some_and(|at| at <= now);
            let tone = if is_over { Tone::Bad } else { Tone::Plain };
            vec![
                Cell::from(&token.id),
                Cell::from(&token.name),
                Cell::from(&token.role),
                Cell::from(moment::short(token.created_at, &zone)),
                Cell::from(&token.created_by),
                Cell::toned(&time(token.expires_at, "never"), tone),
                Cell::from(time(token.last_used_at, "never")),
            ]
        })
        .collect();
    if rows.is_empty() {
        output::print_note(
            "no tokens: `annunciator token create --name NAME --role ROLE` makes one",
        );
        return Ok(ExitCode::SUCCESS);
    }
    let made = moment::heading("MADE", now, &zone);
    let headings = ["ID", "NAME", "ROLE", &made, "BY", "ENDS", "LAST USED"];
    output::print(&output::table(Paint::for_output(), &headings, &rows));
    Ok(ExitCode::SUCCESS)
}

async fn revoke(client: &Client, ids: &[String]) -> Result<ExitCode> {
    for id in ids {
        let path = format!("/api/v1/tokens/{}", percent_encode(id));
        client.fetch(Call::new(Method::DELETE, path)).await?;
        output::print_line(&format!("{id}  revoked"));
    }
    Ok(ExitCode::SUCCESS)
}
