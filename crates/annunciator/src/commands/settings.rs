//! `annunciator settings`: read, change, and look back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_api_types::{
    FieldError, SettingsHistory, SettingsRevisionLine, SettingsSaved, SettingsView,
};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value};

use super::paging::{PageOptions, for_each_page, print_end};
use super::{presets, preview, settings_code, templates};
use crate::assignment::{Assignment, build_patch, find, parse_key, put};
use crate::client::{Call, Client, ConnectOptions, Query, Refused, field_name};
use crate::output::{self, Cell, Paint, Tone};
use crate::{document_text, moment};

/// Arguments of `settings`.
#[derive(Args, Debug)]
pub(crate) struct SettingsArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: SettingsCommand,
}

#[derive(Subcommand, Debug)]
enum SettingsCommand {
    /// Show the effective settings and where each comes from
    Get {
        /// One setting (email.servers) or one group (email); all when absent
        key: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Change settings; nothing is saved unless all of them are good
    Set(SetArgs),
    /// Show ready settings for a family of relays, or save them with your answers
    #[command(after_help = presets::EXAMPLES)]
    Preset(presets::PresetArgs),
    /// Write the whole configuration as one TOML document
    Export(settings_code::ExportArgs),
    /// Show what a document would change
    #[command(after_help = settings_code::DIFF_HELP)]
    Diff(settings_code::DiffArgs),
    /// Make the configuration what a document says; shows the plan and asks first
    #[command(after_help = settings_code::APPLY_HELP)]
    Apply(settings_code::ApplyArgs),
    /// Bring back an earlier revision, with its secrets; shows the plan and asks first
    Rollback(settings_code::RollbackArgs),
    /// Show who saved what, newest first
    History {
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show one saved revision and what it changed
    ShowRevision(settings_code::ShowRevisionArgs),
    /// Show ready templates, or save one as a setting
    #[command(after_help = templates::EXAMPLES)]
    Template(templates::TemplateArgs),
    /// Render subject and message without saving or sending anything
    #[command(after_help = preview::EXAMPLES)]
    Preview(preview::PreviewArgs),
}

#[derive(Args, Debug)]
struct SetArgs {
    /// KEY=VALUE (email.port=587; lists: email.servers=a;b), KEY@FILE for the content of a file
    /// (KEY@- reads standard input), or KEY alone to be asked without echo
    #[arg(value_name = "KEY=VALUE", required_unless_present_any = ["unset", "file"])]
    assignments: Vec<Assignment>,
    /// Clear a setting, or a whole group such as `mail_notifier`: the defaults hold again
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// A TOML file of settings, laid over the saved ones: what it leaves out stays as it is
    /// (`settings apply` takes a file as the whole configuration instead)
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Only when the saved revision is still this one
    #[arg(long, value_name = "N")]
    revision: Option<i64>,
}

/// Runs `settings`.
pub(crate) async fn run(args: SettingsArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        SettingsCommand::Get { key, json } => get(&client, key.as_deref(), json).await,
        SettingsCommand::Set(args) => set(&client, &args).await,
        SettingsCommand::Preset(args) => presets::run(&client, args).await,
        SettingsCommand::Export(args) => settings_code::export(&client, &args).await,
        SettingsCommand::Diff(args) => settings_code::diff(&client, &args).await,
        SettingsCommand::Apply(args) => settings_code::apply(&client, &args).await,
        SettingsCommand::Rollback(args) => settings_code::roll_back(&client, &args).await,
        SettingsCommand::ShowRevision(args) => settings_code::show_revision(&client, &args).await,
        SettingsCommand::History { page } => history(&client, &page).await,
        SettingsCommand::Template(args) => templates::run(&client, args).await,
        SettingsCommand::Preview(args) => preview::run(&client, args).await,
    }
}

async fn get(client: &Client, key: Option<&str>, json: bool) -> Result<ExitCode> {
    let view: SettingsView = client.get("/api/v1/settings").await?;
    let Some(key) = key else {
        if json {
            output::print_line(&serde_json::to_string_pretty(&view)?);
        } else {
            output::print(&table(Paint::for_output(), &view.values, &view.origins));
            print_warnings(&view.warnings);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let path = parse_key(key).map_err(anyhow::Error::msg)?;
    let Some(value) = find(&view.values, &path) else {
        let known = known_keys(&view.values);
        let near = crate::config::nearest(key, &known);
        let advice = near.map_or_else(
            || "`annunciator settings get` lists all".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        bail!("there is no setting `{key}`; {advice}");
    };
    match value {
        Value::Object(settings) if path.len() == 1 && !json => {
            let one_of = |map: Value| Map::from_iter([(path[0].clone(), map)]);
            let values = one_of(Value::Object(settings.clone()));
            let origins = one_of(view.origins.get(&path[0]).cloned().unwrap_or_default());
            output::print(&table(Paint::for_output(), &values, &origins));
        }
        Value::String(text) if !json => output::print_line(text),
        value => output::print_line(&value.to_string()),
    }
    Ok(ExitCode::SUCCESS)
}

fn known_keys(values: &Map<String, Value>) -> Vec<String> {
    let mut keys: Vec<String> = values.keys().cloned().collect();
    for (group, settings) in values {
        let names = settings.as_object().into_iter().flat_map(Map::keys);
        keys.extend(names.map(|name| format!("{group}.{name}")));
    }
    keys
}

fn table(paint: Paint, values: &Map<String, Value>, origins: &Map<String, Value>) -> String {
    let mut rows = Vec::new();
    for (group, settings) in values {
        for (name, value) in settings.as_object().into_iter().flatten() {
            let origin = origins.get(group).and_then(|group| group.get(name));
            let origin = origin.and_then(Value::as_str).unwrap_or_default();
            let is_default = origin.is_empty() || origin.contains("default");
            let tone = if is_default { Tone::Faint } else { Tone::Plain };
            rows.push(vec![
                Cell::toned(&format!("{group}.{name}"), tone),
                Cell::toned(&value.to_string(), tone).at_most(90),
                Cell::toned(origin, Tone::Faint),
            ]);
        }
    }
    output::table(paint, &["SETTING", "VALUE", "ORIGIN"], &rows)
}

async fn set(client: &Client, args: &SetArgs) -> Result<ExitCode> {
    warn_of_secrets(&args.assignments);
    let mut patch = match &args.file {
        Some(file) => read_settings(file)?,
        None => Map::new(),
    };
    if !args.assignments.is_empty() {
        let view: SettingsView = client.get("/api/v1/settings").await?;
        for (group, settings) in build_patch(&args.assignments, &view.values)? {
            merge(patch.entry(group).or_insert(Value::Null), settings);
        }
    }
    for key in &args.unset {
        let path = parse_key(key).map_err(anyhow::Error::msg)?;
        unset(&mut patch, &path)?;
    }
    let saved = save(client, &patch, args.comment.as_deref(), args.revision).await;
    let saved = saved.map_err(|error| with_unset(error, &patch))?;
    output::print_line(&format!("saved as revision {}", saved.revision));
    print_warnings(&saved.warnings);
    Ok(ExitCode::SUCCESS)
}

/// Takes one setting back to its default, or a whole group.
fn unset(patch: &mut Map<String, Value>, path: &[String]) -> Result<()> {
    let [group] = path else { return put(patch, path, Value::Null) };
    if patch.insert(group.clone(), Value::Null).is_some() {
        bail!("`{group}` is given twice: a whole group is unset alone");
    }
    Ok(())
}

/// Says which assignments show a secret to others.
pub(crate) fn warn_of_secrets(assignments: &[Assignment]) {
    for assignment in assignments.iter().filter(|assignment| assignment.shows_secret()) {
        let key = assignment.key();
        output::print_note(&format!(
            "note: other users of this machine could see this secret on the command line; {key}@FILE \
             or {key} alone keeps it away from them"
        ));
    }
}

/// Lays one value over another, object by object.
fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                merge(below.entry(name).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// Names the option that forgets a secret which would have to be typed again.
fn with_unset(error: anyhow::Error, patch: &Map<String, Value>) -> anyhow::Error {
    let Some(Refused(problem)) = error.downcast_ref() else { return error };
    let options: Vec<_> = problem
        .errors
        .iter()
        .filter(|one| one.code == "retype")
        .map(|one| format!("--unset {}", field_name(&one.pointer)))
        .collect();
    if options.is_empty() {
        return error;
    }
    let turns_off = patch.get("email").and_then(|email| email.get("auth")) == Some(&"off".into());
    let when = if turns_off { "authentication is off now" } else { "you need it no longer" };
    anyhow::anyhow!("{error}\n  when {when}, forget it: add {}", options.join(" "))
}

/// Saves a merge patch.
pub(crate) async fn save(
    client: &Client,
    patch: &Map<String, Value>,
    comment: Option<&str>,
    revision: Option<i64>,
) -> Result<SettingsSaved> {
    let query = Query::new("/api/v1/settings").with_some("comment", comment);
    let mut call = Call::json(Method::PATCH, query, patch)?;
    call.headers.extend(revision.map(|revision| ("if-match", format!("\"{revision}\""))));
    client.call(call).await
}

/// Reads a TOML file of settings.
pub(crate) fn read_settings(file: &Path) -> Result<Map<String, Value>> {
    let show = || format!("{} cannot be read", file.display());
    let size_max = settings_code::DOCUMENT_SIZE_MAX;
    if std::fs::metadata(file).with_context(show)?.len() > size_max {
        bail!("{}: it is larger than {size_max} octets", show());
    }
    let text = std::fs::read_to_string(file).with_context(show)?;
    document_text::read(&text).with_context(|| file.display().to_string())
}

/// Says what works but deserves a look.
pub(crate) fn print_warnings(warnings: &[FieldError]) {
    for warning in warnings {
        output::print_note(&format!("note: {}: {}", field_name(&warning.pointer), warning.detail));
    }
}

async fn history(client: &Client, page: &PageOptions) -> Result<ExitCode> {
    let (paint, zone) = (Paint::for_output(), moment::local_zone());
    let show = |revisions: Vec<SettingsRevisionLine>, _| {
        for revision in revisions {
            let SettingsRevisionLine { revision, author, saved_at, comment } = revision;
            let title = paint.strong(&format!("Revision {revision}"));
            let when = moment::full(saved_at, &zone);
            let rows = [
                vec![Cell::toned("by", Tone::Faint), Cell::from(author)],
                vec![Cell::toned("comment", Tone::Faint), Cell::from(comment)],
            ];
            output::print(&format!("{title}  {when}\n{}\n", output::columns(paint, &rows)));
        }
        Ok(())
    };
    let query = Query::new("/api/v1/settings/history");
    let end = for_each_page::<SettingsHistory>(client, &query, page, show).await?;
    print_end(page, end, "revisions");
    output::print_note("note: `annunciator settings show-revision N` shows what one changed");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn settings_show_with_their_origins() {
        let values = map(&json!({"email": {"port": 25, "servers": ["a"]}}));
        let origins = map(&json!({"email": {"port": "default", "servers": "server"}}));
        let text = table(Paint::off(), &values, &origins);
        let expected = "\
SETTING        VALUE  ORIGIN
email.port     25     default
email.servers  [\"a\"]  server
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_secret_for_another_server_can_be_forgotten() {
        let refused = |code: &str| {
            let error = json!({"pointer": "/email/password", "code": code, "detail": "type it"});
            let problem = json!({"type": "urn:annunciator:invalid", "title": "Wrong",
                "status": 422, "errors": [error]});
            anyhow::Error::from(Refused(serde_json::from_value(problem).unwrap()))
        };
        for (patch, code, expected) in [
            (json!({"email": {"auth": "off"}}), "retype", "when authentication is off now"),
            (json!({"email": {"servers": []}}), "retype", "when you need it no longer"),
            (json!({}), "required", ""),
        ] {
            let words = with_unset(refused(code), &map(&patch)).to_string();
            assert!(words.contains(expected), "{words}");
            assert_eq!(words.contains("--unset email.password"), !expected.is_empty(), "{words}");
        }
    }

    #[test]
    fn a_whole_group_is_unset_alone() {
        let check = |before: Value, key: &str, expected: Option<Value>| {
            let mut patch = map(&before);
            let done = unset(&mut patch, &parse_key(key).unwrap());
            assert_eq!(done.is_ok().then_some(Value::Object(patch)), expected, "{before} {key}");
        };
        check(json!({}), "mail_notifier", Some(json!({"mail_notifier": null})));
        check(json!({}), "email.port", Some(json!({"email": {"port": null}})));
        check(json!({"email": {"port": 1}}), "email", None);
        check(json!({"email": null}), "email.port", None);
    }

    #[test]
    fn an_assignment_lies_over_the_file() {
        let mut below = json!({"email": {"port": 1, "servers": ["a"]}});
        merge(&mut below, json!({"email": {"port": 2}, "delivery": {"x": 1}}));
        let expected = json!({"email": {"port": 2, "servers": ["a"]}, "delivery": {"x": 1}});
        assert_eq!(below, expected);
    }

    #[test]
    fn a_settings_file_is_toml() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, "[email]\nservers = [\"a\"]\nlimit = { count = 1 }\n").unwrap();
        let expected = json!({"email": {"servers": ["a"], "limit": {"count": 1}}});
        assert_eq!(Value::Object(read_settings(&file).unwrap()), expected);
        std::fs::write(&file, "[email\n").unwrap();
        assert!(format!("{:#}", read_settings(&file).unwrap_err()).contains("line 1"));
    }
}
