//! `annunciator group`: the device groups that policies may name.

use std::process::ExitCode;

use annunciator_api_types::{DeviceGroupInput, DeviceGroupList, DeviceGroupView};
use anyhow::Result;
use clap::{Args, Subcommand};
use hyper::Method;

use super::overrides::finish;
use crate::client::{Call, Client, ConnectOptions, Query, percent_encode};
use crate::output::{self, Cell, Paint, Tone};

/// Arguments of `group`.
#[derive(Args, Debug)]
pub(crate) struct GroupArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: GroupCommand,
}

#[derive(Subcommand, Debug)]
enum GroupCommand {
    /// Show the tree of device groups with their policies
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a device group, so that policies may name it
    Add {
        /// Its path, such as 'Plant A/Line 2'; the groups above it are known with it
        path: String,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
    /// Remove a device group and those below it, when no policy is for any of them
    Remove {
        /// Its path
        path: String,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
}

/// Runs `group`.
pub(crate) async fn run(args: GroupArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    const PATH: &str = "/api/v1/device-groups";
    match args.command {
        GroupCommand::List { json } => {
            let found: DeviceGroupList = client.get(PATH).await?;
            if json {
                output::print_line(&serde_json::to_string_pretty(&found)?);
            } else {
                output::print(&table(Paint::for_output(), &found.groups));
            }
            Ok(ExitCode::SUCCESS)
        }
        GroupCommand::Add { path, comment } => {
            let query = Query::new(PATH).with_some("comment", comment);
            finish(&client, Call::json(Method::POST, query, &DeviceGroupInput { path })?, None)
                .await
        }
        GroupCommand::Remove { path, comment } => {
            let path = format!("{PATH}/{}", percent_encode(&path));
            let query = Query::new(&path).with_some("comment", comment);
            finish(&client, Call::new(Method::DELETE, query), None).await
        }
    }
}

fn table(paint: Paint, groups: &[DeviceGroupView]) -> String {
    let row = |group: &DeviceGroupView| {
        let name = match group.path.rsplit('/').next().unwrap_or_default() {
            "" => "(all devices)".to_owned(),
            name => format!("{}{name}", "  ".repeat(group.path.split('/').count())),
        };
        vec![name, group.policies.join(", ")]
    };
    let rows: Vec<Vec<String>> = groups.iter().map(row).collect();
    // Cells have no spaces in front: the tree is drawn here.
    let width = rows.iter().map(|row| row[0].chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &rows {
        let indent: String = row[0].chars().take_while(|c| *c == ' ').collect();
        let name = annunciator_core::one_line(row[0].trim_start(), 200);
        let padding = " ".repeat((width + 2).saturating_sub(row[0].chars().count()));
        let policies = output::columns(paint, &[vec![Cell::toned(&row[1], Tone::Faint)]]);
        let line = format!("{indent}{name}{padding}{}", policies.trim_end());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_show_as_a_tree() {
        let group = |path: &str, policies: &[&str]| DeviceGroupView {
            path: path.to_owned(),
            policies: policies.iter().map(|name| (*name).to_owned()).collect(),
        };
        let groups = [group("", &["All"]), group("Plant A", &[]), group("Plant A/Line 2", &["X"])];
        let expected = "(all devices)  All\n  Plant A\n    Line 2     X\n";
        assert_eq!(table(Paint::off(), &groups), expected);
    }
}
