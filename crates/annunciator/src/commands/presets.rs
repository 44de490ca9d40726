//! `annunciator settings preset`: ready settings for a family of relays, shown or saved.
//!
//! In: a preset of the server, and the answers to its questions as `KEY=VALUE`.
//! Out: one change of the settings, or what is missing for it.

use std::process::ExitCode;

use annunciator_api_types::{PresetList, PresetQuestion, PresetView, SettingsView};
use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value};

use super::settings::{print_warnings, save, warn_of_secrets};
use crate::assignment::{Assignment, build_patch, is_secret};
use crate::client::Client;
use crate::output::{self, Cell, Paint, Tone, columns};

/// What the help ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  annunciator settings preset
  annunciator settings preset microsoft_365 --dry-run
  annunciator settings preset amazon_ses region=eu-central-1 username=AKIA... password";

/// Arguments of `settings preset`.
#[derive(Args, Debug)]
pub(crate) struct PresetArgs {
    /// The preset; all are listed when absent
    name: Option<String>,
    /// Answers to its questions, and other e-mail settings: tenant=contoso.com; KEY@FILE and KEY
    /// work as in `settings set`
    #[arg(value_name = "KEY=VALUE", requires = "name")]
    assignments: Vec<Assignment>,
    /// Show what would change, and save nothing
    #[arg(long, requires = "name")]
    dry_run: bool,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Runs `settings preset`.
pub(crate) async fn run(client: &Client, args: PresetArgs) -> Result<ExitCode> {
    let list: PresetList = client.get("/api/v1/settings/presets").await?;
    let paint = Paint::for_output();
    let Some(name) = &args.name else {
        output::print(&overview(paint, &list.presets));
        return Ok(ExitCode::SUCCESS);
    };
    let Some(preset) = list.presets.iter().find(|preset| preset.name == *name) else {
        let names: Vec<String> = list.presets.into_iter().map(|preset| preset.name).collect();
        let advice = match crate::config::nearest(name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        bail!("there is no preset `{name}`; {advice}");
    };
    let (answers, settings) = sort(preset, args.assignments);
    let missing = missing(preset, &answers, &settings);
    if !missing.is_empty() {
        output::print(&description(paint, preset));
        output::print_note(&format!("\nnothing is saved; this is missing: {}", missing.join(" ")));
        return Ok(if args.dry_run { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    warn_of_secrets(&settings);
    let view: SettingsView = client.get("/api/v1/settings").await?;
    let patch = patch(preset, &answers, &settings, &view)?;
    if args.dry_run {
        output::print(&difference(&patch, &view));
        return Ok(ExitCode::SUCCESS);
    }
    let comment = args.comment.unwrap_or_else(|| format!("preset {name}"));
    let saved = save(client, &patch, Some(&comment), None).await?;
    output::print_line(&format!("saved as revision {}", saved.revision));
    print_warnings(&saved.warnings);
    output::print_line(&format!("{}\nTry it: annunciator test-message --dry-run", preset.note));
    Ok(ExitCode::SUCCESS)
}

fn overview(paint: Paint, presets: &[PresetView]) -> String {
    let row = |preset: &PresetView| {
        let asked: Vec<&str> = preset.questions.iter().map(|one| one.name.as_str()).collect();
        vec![
            Cell::from(&preset.name),
            Cell::from(&preset.title),
            Cell::toned(&asked.join(" "), Tone::Faint),
        ]
    };
    let rows: Vec<_> = presets.iter().map(row).collect();
    output::table(paint, &["PRESET", "FOR", "ASKS FOR"], &rows)
}

/// All that there is to know of a preset.
fn description(paint: Paint, preset: &PresetView) -> String {
    let setting = |(key, value): (&String, &Value)| {
        vec![Cell::from(format!("email.{key}")), Cell::from(show(value))]
    };
    let question = |one: &PresetQuestion| vec![Cell::from(&one.name), Cell::from(&one.detail)];
    let settings: Vec<_> = preset.values.iter().map(setting).collect();
    let questions: Vec<_> = preset.questions.iter().map(question).collect();
    format!(
        "{}\n\n{}\n{}\n\n{}",
        paint.strong(&preset.title),
        columns(paint, &settings),
        preset.note,
        columns(paint, &questions)
    )
}

/// Texts for people stand without quotes.
fn show(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether the answer fills a place in a value; else it is a setting.
fn is_place(preset: &PresetView, name: &str) -> bool {
    let place = format!("<{name}>");
    preset.values.values().any(|value| value.as_str().is_some_and(|text| text.contains(&place)))
}

/// Answers that fill places, and settings of the group.
fn sort(preset: &PresetView, all: Vec<Assignment>) -> (Vec<Assignment>, Vec<Assignment>) {
    let (answers, settings): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| one.path.len() == 1 && is_place(preset, &one.path[0]));
    (answers, settings.into_iter().map(|one| one.within(&["email", "names"])).collect())
}

/// What was asked for and not given, as it is written on the command line.
fn missing(preset: &PresetView, answers: &[Assignment], settings: &[Assignment]) -> Vec<String> {
    let is_given = |name: &str| {
        answers.iter().any(|one| one.path[0] == name)
            || settings.iter().any(|one| one.path.get(1).is_some_and(|key| key == name))
    };
    let asked = preset.questions.iter().map(|one| one.name.as_str());
    let written = |name: &str| {
        // Without a value it is asked for, and nobody sees it.
        if is_secret(name) { name.to_owned() } else { format!("{name}=…") }
    };
    asked.filter(|name| !is_given(name)).map(written).collect()
}

/// The change that the preset with its answers is.
fn patch(
    preset: &PresetView,
    answers: &[Assignment],
    settings: &[Assignment],
    view: &SettingsView,
) -> Result<Map<String, Value>> {
    let mut email: Map<String, Value> =
        preset.cleared.iter().map(|key| (key.clone(), Value::Null)).collect();
    email.extend(preset.values.clone());
    for answer in answers {
        let (name, text) = (&answer.path[0], answer.text()?);
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if text.is_empty() || !text.chars().all(is_word) {
            bail!("`{name}` must be one word of letters, digits, `.`, `-` and `_`");
        }
        for value in email.values_mut() {
            if let Value::String(pattern) = value {
                *pattern = pattern.replace(&format!("<{name}>"), &text);
            }
        }
    }
    for (group, given) in build_patch(settings, &view.values)? {
        match (group.as_str(), given) {
            ("email", Value::Object(given)) => email.extend(given),
            _ => bail!("a preset takes settings of the group `email` only, not of `{group}`"),
        }
    }
    Ok(Map::from_iter([("email".to_owned(), Value::Object(email))]))
}

/// What a change would change, a line for each setting.
fn difference(patch: &Map<String, Value>, view: &SettingsView) -> String {
    let mut text = String::new();
    for (group, settings) in patch {
        for (key, value) in settings.as_object().into_iter().flatten() {
            let of = |map: &Map<String, Value>| {
                map.get(group).and_then(|settings| settings.get(key)).cloned().unwrap_or_default()
            };
            let origin = of(&view.origins);
            if value.is_null() && origin.as_str().is_some_and(|text| text.contains("default")) {
                continue;
            }
            let shown = match value {
                Value::Null => "back to its default".to_owned(),
                _ if is_secret(key) => "as given".to_owned(),
                value => show(value),
            };
            text.push_str(&format!("{group}.{key}: {} → {shown}\n", show(&of(&view.values))));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn preset() -> PresetView {
        let question =
            |name: &str| PresetQuestion { name: name.to_owned(), detail: "d".to_owned() };
        PresetView {
            name: "p".to_owned(),
            title: "A relay".to_owned(),
            values: object(json!({"servers": "smtp.<region>.example", "port": 587})),
            cleared: vec!["mx_lookup".to_owned(), "password".to_owned()],
            questions: vec![question("region"), question("password")],
            note: "Note.".to_owned(),
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object") };
        object
    }

    fn view() -> SettingsView {
        SettingsView {
            revision: 1,
            values: object(json!({"email": {"servers": ["old"], "port": 25, "mx_lookup": true,
                "password": "<secret>", "connections_max": 4}})),
            origins: object(json!({"email": {"servers": "server", "port": "default",
                "mx_lookup": "server", "password": "server"}})),
            warnings: vec![],
        }
    }

    #[track_caller]
    fn check(texts: &[&str], missing_words: &[&str], expected: Result<Value, &str>) {
        let given = texts.iter().map(|text| text.parse().unwrap()).collect();
        let (answers, settings) = sort(&preset(), given);
        assert_eq!(missing(&preset(), &answers, &settings), missing_words);
        match (patch(&preset(), &answers, &settings, &view()), expected) {
            (Ok(patch), Ok(expected)) => assert_eq!(patch["email"], expected),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn a_preset_and_its_answers_are_one_change() {
        check(
            &["region=eu-1", "password=x", "email.connections_max=9"],
            &[],
            Ok(json!({"servers": "smtp.eu-1.example", "port": 587, "mx_lookup": null,
                "password": "x", "connections_max": 9})),
        );
        check(
            &["port=25"],
            &["region=…", "password"],
            Ok(json!({"servers": "smtp.<region>.example", "port": 25, "mx_lookup": null,
                "password": null})),
        );
        check(&["region=a/b", "password=x"], &[], Err("one word"));
        check(&["region=", "password=x"], &[], Err("one word"));
    }

    #[test]
    fn what_would_change_is_shown_without_secrets() {
        let given = ["region=eu-1", "password=canary"].map(|text| text.parse().unwrap());
        let (answers, settings) = sort(&preset(), given.into());
        let patch = patch(&preset(), &answers, &settings, &view()).unwrap();
        let expected = "\
email.mx_lookup: true → back to its default
email.password: <secret> → as given
email.port: 25 → 587
email.servers: [\"old\"] → smtp.eu-1.example
";
        let shown = difference(&patch, &view());
        let mut lines: Vec<_> = shown.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines.join("\n") + "\n", expected);
    }

    #[test]
    fn a_preset_tells_what_it_sets_and_asks() {
        let expected = "\
A relay

email.port     587
email.servers  smtp.<region>.example

Note.

region    d
password  d
";
        let mut preset = preset();
        preset.values.sort_keys();
        assert_eq!(description(Paint::off(), &preset), expected);
    }
}
