//! `annunciator role`: list, make or change, delete roles.

use std::process::ExitCode;

use annunciator_api_types::{RoleInput, RoleList, RoleView};
use anyhow::Result;
use clap::{Args, Subcommand};
use hyper::Method;

use crate::client::{Call, Client, ConnectOptions, percent_encode};
use crate::output::{self, Cell, Paint};

/// Arguments of `role`.
#[derive(Args, Debug)]
pub(crate) struct RoleArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: RoleCommand,
}

#[derive(Subcommand, Debug)]
enum RoleCommand {
    /// List the roles
    List {
        /// List all rights there are instead
        #[arg(long)]
        rights: bool,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Make a role, or give it other rights; at once for all who have it
    Set {
        /// Name of the role
        name: String,
        /// A right, such as `read_events`; may be given many times
        #[arg(long = "right", value_name = "RIGHT", required = true)]
        rights: Vec<String>,
    },
    /// Delete a role that nobody has
    Delete {
        /// Name of the role
        name: String,
    },
}

/// Runs `role`.
pub(crate) async fn run(args: RoleArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        RoleCommand::List { rights, json } => {
            let list: RoleList = client.get("/api/v1/roles").await?;
            if rights { list_rights(&list, json)? } else { list_roles(&list, json)? }
        }
        RoleCommand::Set { name, rights } => {
            let call = Call::json(Method::PUT, path_of(&name), &RoleInput { rights })?;
            let role: RoleView = client.call(call).await?;
            output::print_line(&format!("{name}  {}", role.rights.join(", ")));
        }
        RoleCommand::Delete { name } => {
            client.fetch(Call::new(Method::DELETE, path_of(&name))).await?;
            output::print_line(&format!("{name}  deleted"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path_of(name: &str) -> String {
    format!("/api/v1/roles/{}", percent_encode(name))
}

fn list_rights(list: &RoleList, json: bool) -> Result<()> {
    if json {
        for right in &list.rights {
            output::print_line(&serde_json::to_string(right)?);
        }
        return Ok(());
    }
    let rows: Vec<Vec<Cell>> = list
        .rights
        .iter()
        .map(|right| vec![Cell::from(&right.name), Cell::from(&right.words)])
        .collect();
    output::print(&output::table(Paint::for_output(), &["RIGHT", "MAY"], &rows));
    Ok(())
}

fn list_roles(list: &RoleList, json: bool) -> Result<()> {
    if json {
        for role in &list.roles {
            output::print_line(&serde_json::to_string(role)?);
        }
        return Ok(());
    }
    let rows: Vec<Vec<Cell>> = list
        .roles
        .iter()
        .map(|role| {
            vec![
                Cell::from(&role.name),
                Cell::from(if role.built_in { "built in" } else { "yours" }),
                Cell::from(role.users.to_string()),
                Cell::from(role.tokens.to_string()),
                Cell::from(role.rights.join(", ")),
            ]
        })
        .collect();
    let headings = ["ROLE", "KIND", "USERS", "TOKENS", "RIGHTS"];
    output::print(&output::table(Paint::for_output(), &headings, &rows));
    Ok(())
}
