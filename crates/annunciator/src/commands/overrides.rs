//! `annunciator override`: what overrides the server-wide settings, for which events.

use std::path::Path;
use std::process::ExitCode;

use annunciator_api_types::{
    DeviceOwnerInput, EntryView, OverrideChange, OverrideList, OverridesSaved, OwnerInput,
    OwnerView, SettingsView, TargetInput,
};
use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value};

use super::event::SEVERITIES;
use super::settings::{print_warnings, warn_of_secrets};
use crate::assignment::{Assignment, build_patch, parse_key, put, read_file};
use crate::client::{Call, Client, ConnectOptions, Query};
use crate::output::{self, Cell, Paint, Tone};

pub(crate) const EXAMPLES: &str = "\
Examples:
  annunciator override set --application 'Storage Guard' --type disk.full --type cpu.hot \\
      email.notify=true email.recipients='a@example.org;b@example.org' storage_term_days=30
  annunciator override set --policy 'Plant A' --all-events email.recipients=plant-a@example.org \\
      lock=email.recipients
  annunciator override clear --application 'Storage Guard' --type disk.full";

/// Arguments of `override`.
#[derive(Args, Debug)]
pub(crate) struct OverrideArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: OverrideCommand,
}

#[derive(Subcommand, Debug)]
enum OverrideCommand {
    /// List what is overridden, where, and for which events
    List(ListArgs),
    /// Override settings for these events; all of them are changed, or none
    #[command(after_help = EXAMPLES)]
    Set(SetArgs),
    /// Use the Administration Server's settings again for these events
    Clear(ClearArgs),
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Only of this application
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// Only of this policy
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Only application settings on this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Whose overrides, and for which events.
#[derive(Args, Debug)]
struct Targets {
    /// The application; policies know theirs
    #[arg(long, value_name = "NAME", required_unless_present = "policy")]
    application: Option<String>,
    /// In this policy; without it and --device in the server's event configuration
    #[arg(long, value_name = "NAME", conflicts_with = "device")]
    policy: Option<String>,
    /// In the application's settings on this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// For events of this type; may be repeated
    #[arg(long = "type", value_name = "CODE")]
    #[arg(required_unless_present_any = ["severities", "all_events"])]
    types: Vec<String>,
    /// For all events of this severity; may be repeated
    #[arg(long = "severity", value_name = "SEVERITY")]
    #[arg(value_parser = PossibleValuesParser::new(SEVERITIES))]
    severities: Vec<String>,
    /// For all events
    #[arg(long)]
    all_events: bool,
    /// Only while these conditions hold: a JSON list of matchers, or a file that holds one
    #[arg(long, value_name = "JSON|FILE")]
    conditions: Option<String>,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Only when the saved revision is still this one
    #[arg(long, value_name = "N")]
    revision: Option<i64>,
}

#[derive(Args, Debug)]
struct SetArgs {
    #[command(flatten)]
    targets: Targets,
    /// KEY=VALUE as for `settings set`; `storage_term_days=DAYS`; `lock=KEY;KEY` for all settings that
    /// nothing nearer may override (policies only; none: `lock=`)
    #[arg(value_name = "KEY=VALUE", required_unless_present = "unset")]
    assignments: Vec<Assignment>,
    /// Clear a setting, so that what is farther holds again
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
}

#[derive(Args, Debug)]
struct ClearArgs {
    #[command(flatten)]
    targets: Targets,
}

/// Runs `override`.
pub(crate) async fn run(args: OverrideArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        OverrideCommand::List(args) => list(&client, &args).await,
        OverrideCommand::Set(args) => set(&client, args).await,
        OverrideCommand::Clear(args) => {
            let change = OverrideChange {
                use_administration_server_settings: true,
                ..change_of(&args.targets)?
            };
            save(&client, &args.targets, &change).await
        }
    }
}

async fn list(client: &Client, args: &ListArgs) -> Result<ExitCode> {
    let owner = args.device.as_ref().map(|_| "application_settings");
    let query = Query::new("/api/v1/overrides")
        .with_some("owner", owner)
        .with_some("application", args.application.as_ref())
        .with_some("policy", args.policy.as_ref())
        .with_some("device", args.device.as_ref());
    let found: OverrideList = client.get(query).await?;
    if args.json {
        output::print_line(&serde_json::to_string_pretty(&found)?);
    } else {
        output::print(&table(Paint::for_output(), &found.owners));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is overridden: a row per setting.
pub(crate) fn table(paint: Paint, owners: &[OwnerView]) -> String {
    let mut rows = Vec::new();
    for owner in owners {
        let words = match (&owner.policy, &owner.device) {
            (Some(policy), _) => format!("policy {}", policy.name),
            (None, Some(device)) => format!("{} on {device}", owner.application),
            (None, None) => format!("event configuration of {}", owner.application),
        };
        for event in &owner.events {
            for (key, value, is_locked) in settings_of(event) {
                let locked = if is_locked { "locked" } else { "" };
                rows.push(vec![
                    Cell::from(&words).at_most(48),
                    Cell::from(&event.words).at_most(48),
                    Cell::from(key),
                    Cell::from(value).at_most(60),
                    Cell::toned(locked, Tone::Waiting),
                ]);
            }
        }
    }
    output::table(paint, &["OWNER", "EVENTS", "SETTING", "VALUE", "LOCKED"], &rows)
}

fn settings_of(event: &EntryView) -> Vec<(String, String, bool)> {
    let mut settings = Vec::new();
    for (group, values) in &event.settings {
        for (key, value) in values.as_object().into_iter().flatten() {
            let name = format!("{group}.{key}");
            let is_locked = event.locked.contains(&name);
            settings.push((name, value.to_string(), is_locked));
        }
    }
    let term = event.storage_term_days;
    settings.extend(term.map(|days| ("storage_term_days".to_owned(), days.to_string(), false)));
    settings
}

async fn set(client: &Client, args: SetArgs) -> Result<ExitCode> {
    warn_of_secrets(&args.assignments);
    let is_own =
        |assignment: &Assignment| matches!(assignment.key().as_str(), "lock" | "storage_term_days");
    let (own, assignments): (Vec<_>, Vec<_>) = args.assignments.into_iter().partition(is_own);
    let mut patch = Map::new();
    if !assignments.is_empty() {
        let view: SettingsView = client.get("/api/v1/settings").await?;
        patch = build_patch(&assignments, &view.values)?;
    }
    for assignment in own {
        let (key, value) = own_setting(&assignment)?;
        if patch.insert(key.to_owned(), value).is_some() {
            bail!("`{}` is given twice", assignment.key());
        }
    }
    for key in &args.unset {
        match key.as_str() {
            "lock" => drop(patch.insert("locked".to_owned(), Value::Null)),
            "storage_term_days" => drop(patch.insert(key.clone(), Value::Null)),
            key => put(&mut patch, &parse_key(key).map_err(anyhow::Error::msg)?, Value::Null)?,
        }
    }
    let change = OverrideChange { change: Some(patch), ..change_of(&args.targets)? };
    save(client, &args.targets, &change).await
}

/// What is no setting of a channel.
fn own_setting(assignment: &Assignment) -> Result<(&'static str, Value)> {
    let text = assignment.text()?;
    if assignment.key() == "lock" {
        let keys = text.split([';', ',']).map(str::trim).filter(|key| !key.is_empty());
        return Ok(("locked", keys.collect()));
    }
    let days: u32 = text.trim().parse().with_context(|| {
        format!("storage_term_days: `{text}` is no number of days: write storage_term_days=30")
    })?;
    Ok(("storage_term_days", days.into()))
}

/// The request without what is to change.
fn change_of(targets: &Targets) -> Result<OverrideChange> {
    let conditions = targets.conditions.as_deref().map(read_conditions).transpose()?;
    let target = |event_type: Option<&String>, severity: Option<&String>| TargetInput {
        event_type: event_type.cloned(),
        severity: severity.cloned(),
        conditions: conditions.clone(),
    };
    let types = targets.types.iter().map(|code| target(Some(code), None));
    let severities = targets.severities.iter().map(|severity| target(None, Some(severity)));
    let all = targets.all_events.then(|| target(None, None));
    let owner = match (&targets.policy, &targets.device) {
        (Some(name), _) => OwnerInput { policy: Some(name.clone()), ..OwnerInput::default() },
        (None, Some(device)) => OwnerInput {
            application_settings: Some(DeviceOwnerInput { device: device.clone() }),
            ..OwnerInput::default()
        },
        (None, None) => OwnerInput { event_configuration: true, ..OwnerInput::default() },
    };
    Ok(OverrideChange {
        owner,
        application: targets.application.clone(),
        targets: types.chain(severities).chain(all).collect(),
        ..OverrideChange::default()
    })
}

fn read_conditions(given: &str) -> Result<Value> {
    let (text, name) = match given.trim_start().starts_with(['[', '{']) {
        true => (given.to_owned(), "--conditions"),
        false => (read_file(Path::new(given))?, given),
    };
    let value = serde_json::from_str(&text).with_context(|| format!("{name}: it is no JSON"))?;
    Ok(match value {
        row @ Value::Object(_) => vec![row].into(),
        value => value,
    })
}

async fn save(client: &Client, targets: &Targets, change: &OverrideChange) -> Result<ExitCode> {
    let query = Query::new("/api/v1/overrides").with_some("comment", targets.comment.as_ref());
    let call = Call::json(Method::PATCH, query, change)?;
    finish(client, call, targets.revision).await
}

/// Makes a change and tells its revision.
pub(crate) async fn finish(
    client: &Client,
    mut call: Call,
    revision: Option<i64>,
) -> Result<ExitCode> {
    call.headers.extend(revision.map(|revision| ("if-match", format!("\"{revision}\""))));
    let saved: OverridesSaved = client.call(call).await?;
    let is_new = saved.warnings.iter().all(|warning| warning.code != "nothing_cleared");
    let words = if is_new { "saved as revision" } else { "nothing to clear: still revision" };
    output::print_line(&format!("{words} {}", saved.revision));
    print_warnings(&saved.warnings);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn locks_and_storage_terms_are_read() {
        let check = |text: &str, expected: Option<(&str, Value)>| {
            let found = own_setting(&text.parse().expect("an assignment"));
            assert_eq!(found.ok(), expected, "{text}");
        };
        check("lock=email.recipients", Some(("locked", json!(["email.recipients"]))));
        check("lock=a.b; c.d,e.f", Some(("locked", json!(["a.b", "c.d", "e.f"]))));
        check("lock=", Some(("locked", json!([]))));
        check("storage_term_days=30", Some(("storage_term_days", json!(30))));
        check("storage_term_days=-1", None);
        check("storage_term_days=soon", None);
    }

    #[test]
    fn conditions_are_json_or_a_file() {
        let row = json!({"field": "severity", "op": "equal", "value": "critical"});
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("conditions.json");
        std::fs::write(&file, json!([row]).to_string()).unwrap();
        let check = |given: &str, expected: Option<Value>| {
            assert_eq!(read_conditions(given).ok(), expected, "{given}");
        };
        check(&json!([row]).to_string(), Some(json!([row])));
        check(&row.to_string(), Some(json!([row])));
        check(file.to_str().unwrap(), Some(json!([row])));
        check("/nonexistent", None);
        check("[", None);
    }

    #[test]
    fn overrides_show_by_owner_and_events() {
        let owners: Vec<OwnerView> = serde_json::from_value(json!([{
            "id": "policy/Plant A", "kind": "policy", "application": "Guard",
            "policy": {"name": "Plant A", "application": "Guard", "group": "", "enabled": true,
                       "inherit": true, "force_children": false, "event_count": 1},
            "events": [{"id": "x", "words": "all events", "locked": ["email.port"],
                        "storage_term_days": 3, "settings": {"email": {"port": 25}}}],
        }]))
        .unwrap();
        let expected = "\
OWNER           EVENTS      SETTING            VALUE  LOCKED
policy Plant A  all events  email.port         25     locked
policy Plant A  all events  storage_term_days  3
";
        assert_eq!(table(Paint::off(), &owners), expected);
    }
}
