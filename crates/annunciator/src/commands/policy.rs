//! `annunciator policy`: policies for an application in a device group.

use std::process::ExitCode;

use annunciator_api_types::{OverrideList, PolicyInput, PolicyList, PolicyView};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use hyper::Method;

use super::overrides::{finish, table as override_table};
use crate::client::{Call, Client, ConnectOptions, Query, Refused, percent_encode};
use crate::output::{self, Cell, Paint, Tone};

/// Arguments of `policy`.
#[derive(Args, Debug)]
pub(crate) struct PolicyArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Subcommand, Debug)]
enum PolicyCommand {
    /// List the policies
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a policy and what it overrides
    Show {
        /// Its name
        name: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a policy, or change an existing one; what is not given stays
    Set(SetArgs),
    /// Delete a policy with what it overrides
    Delete {
        /// Its name
        name: String,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
}

#[derive(Args, Debug)]
struct SetArgs {
    /// Its name
    name: String,
    /// The application whose events it is about
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// Path of the device group, such as 'Plant A/Line 2'; '' for all devices
    #[arg(long, value_name = "PATH")]
    group: Option<String>,
    /// Whether it counts
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// Whether policies of the groups above hold below it too
    #[arg(long, value_name = "true|false")]
    inherit: Option<bool>,
    /// Whether it holds in the groups below, whether or not policies there inherit
    #[arg(long, value_name = "true|false")]
    force_children: Option<bool>,
    /// Give it another name
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Runs `policy`.
pub(crate) async fn run(args: PolicyArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        PolicyCommand::List { json } => list(&client, json).await,
        PolicyCommand::Show { name, json } => show(&client, &name, json).await,
        PolicyCommand::Set(args) => set(&client, args).await,
        PolicyCommand::Delete { name, comment } => {
            let query = Query::new(&path_of(&name)).with_some("comment", comment);
            finish(&client, Call::new(Method::DELETE, query), None).await
        }
    }
}

fn path_of(name: &str) -> String {
    format!("/api/v1/policies/{}", percent_encode(name))
}

async fn list(client: &Client, json: bool) -> Result<ExitCode> {
    let found: PolicyList = client.get("/api/v1/policies").await?;
    if json {
        output::print_line(&serde_json::to_string_pretty(&found)?);
    } else {
        output::print(&table(Paint::for_output(), &found.policies));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(paint: Paint, policies: &[PolicyView]) -> String {
    let row = |policy: &PolicyView| {
        let group = if policy.group.is_empty() { "(all devices)" } else { &policy.group };
        let tone = if policy.enabled { Tone::Plain } else { Tone::Faint };
        vec![
            Cell::toned(&policy.name, tone),
            Cell::toned(&policy.application, tone),
            Cell::toned(group, tone),
            Cell::toned(if policy.enabled { "on" } else { "off" }, tone),
            Cell::from(if policy.inherit { "inherits" } else { "" }),
            Cell::from(if policy.force_children { "forces children" } else { "" }),
            Cell::from(policy.event_count.to_string()),
        ]
    };
    let rows: Vec<_> = policies.iter().map(row).collect();
    let headings =
        ["POLICY", "APPLICATION", "GROUP", "STATE", "INHERITANCE", "CHILDREN", "OVERRIDES"];
    output::table(paint, &headings, &rows)
}

async fn show(client: &Client, name: &str, json: bool) -> Result<ExitCode> {
    let policy: PolicyView = client.get(path_of(name)).await?;
    let query = Query::new("/api/v1/overrides").with("policy", name);
    let found: OverrideList = client.get(query).await?;
    if json {
        output::print_line(&serde_json::to_string_pretty(&found.owners)?);
    } else {
        let paint = Paint::for_output();
        output::print(&table(paint, &[policy]));
        output::print("\n");
        output::print(&override_table(paint, &found.owners));
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(client: &Client, args: SetArgs) -> Result<ExitCode> {
    let found: PolicyList = client.get("/api/v1/policies").await?;
    let before = found.policies.into_iter().find(|policy| policy.name == args.name);
    let Some(application) =
        args.application.or_else(|| before.as_ref().map(|policy| policy.application.clone()))
    else {
        bail!("there is no policy `{}` yet: give its --application", args.name);
    };
    let kept = |pick: fn(&PolicyView) -> bool| before.as_ref().map(pick);
    let input = PolicyInput {
        name: args.rename,
        application,
        group: args
            .group
            .or_else(|| before.as_ref().map(|policy| policy.group.clone()))
            .unwrap_or_default(),
        enabled: args.enabled.or_else(|| kept(|policy| policy.enabled)),
        inherit: args.inherit.or_else(|| kept(|policy| policy.inherit)),
        force_children: args.force_children.or_else(|| kept(|policy| policy.force_children)),
        events: None,
    };
    let query = Query::new(&path_of(&args.name)).with_some("comment", args.comment);
    let call = Call::json(Method::PUT, query, &input)?;
    // What was read must still hold: nobody else's change is undone.
    finish(client, call, Some(found.revision)).await.map_err(|error| match error.downcast_ref() {
        Some(Refused(problem)) if problem.status == 412 => {
            anyhow::anyhow!("{error}\n  somebody changed the settings meanwhile: run this again")
        }
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_show_where_and_how_they_hold() {
        let policy = PolicyView {
            name: "Plant A".to_owned(),
            application: "Guard".to_owned(),
            group: String::new(),
            enabled: true,
            inherit: false,
            force_children: true,
            event_count: 2,
        };
        let expected = "\
POLICY   APPLICATION  GROUP          STATE  INHERITANCE  CHILDREN         OVERRIDES
Plant A  Guard        (all devices)  on                  forces children  2
";
        assert_eq!(table(Paint::off(), &[policy]), expected);
    }
}
