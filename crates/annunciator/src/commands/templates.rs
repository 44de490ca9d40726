//! `annunciator settings template`: ready templates, shown or saved.
//!
//! In: the library of the server, a name of it, or pieces of a subject.
//! Out: one change of the settings, or what it would be.

use std::process::ExitCode;

use annunciator_api_types::{SettingsView, TemplateList, TemplateView};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Map, Value};

use super::settings::{print_warnings, save};
use crate::client::{Client, Query};
use crate::output::{self, Cell, Paint, Tone};

/// What the help ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  annunciator settings template
  annunciator settings template html_table
  annunciator settings template html_table --language ru --apply
  annunciator settings template --subject severity,event,computer --apply";

/// The language of what is listed when nothing else is known.
const LANGUAGE_DEFAULT: &str = "en";

/// Arguments of `settings template`.
#[derive(Args, Debug)]
pub(crate) struct TemplateArgs {
    /// The template; all are listed when absent
    #[arg(conflicts_with = "subject")]
    name: Option<String>,
    /// A subject joined from these pieces instead
    #[arg(long, value_name = "PIECE,PIECE")]
    subject: Option<String>,
    /// The language of the template: en or ru; that of the channel when absent
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Save it as a setting of the channel
    #[arg(long)]
    apply: bool,
    /// The channel that it is for [default: email, and sms for templates of SMS]
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// With --apply: show what would change, and save nothing
    #[arg(long, requires = "apply")]
    dry_run: bool,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT", requires = "apply")]
    comment: Option<String>,
}

/// A template that was chosen, and the setting that it is for.
struct Choice {
    title: String,
    channel: String,
    key: &'static str,
    text: String,
    sample: String,
}

/// Runs `settings template`.
pub(crate) async fn run(client: &Client, args: TemplateArgs) -> Result<ExitCode> {
    let view: SettingsView = client.get("/api/v1/settings").await?;
    let language = match &args.language {
        Some(language) => language.clone(),
        None => language_of(&view, args.channel.as_deref().unwrap_or("email")),
    };
    let query = Query::new("/api/v1/settings/templates")
        .with_some("language", Some(&language))
        .with_some("subject", args.subject.as_ref());
    let list: TemplateList = client.get(query).await?;
    let paint = Paint::for_output();
    let Some(choice) = choose(&args, list.clone())? else {
        if args.apply {
            bail!("nothing is chosen: name a template, or give --subject");
        }
        output::print(&overview(paint, &list.templates));
        return Ok(ExitCode::SUCCESS);
    };
    if !args.apply {
        output::print(&description(paint, &choice));
        return Ok(ExitCode::SUCCESS);
    }
    if args.dry_run {
        output::print(&difference(&choice, &view));
        return Ok(ExitCode::SUCCESS);
    }
    let comment = args.comment.unwrap_or_else(|| format!("template {}", choice.title));
    let saved = save(client, &patch(&choice), Some(&comment), None).await?;
    output::print_line(&format!("saved as revision {}", saved.revision));
    print_warnings(&saved.warnings);
    output::print_line("See it: annunciator settings preview");
    Ok(ExitCode::SUCCESS)
}

fn language_of(view: &SettingsView, channel: &str) -> String {
    let language = view.values.get(channel).and_then(|settings| settings["language"].as_str());
    language.unwrap_or(LANGUAGE_DEFAULT).to_owned()
}

/// What was chosen, nothing when all are to be listed.
fn choose(args: &TemplateArgs, list: TemplateList) -> Result<Option<Choice>> {
    let channel = |default: &str| args.channel.clone().unwrap_or_else(|| default.to_owned());
    if let Some(pieces) = &args.subject {
        let joined = list.subjects.into_iter().next().context("the server joined no subject")?;
        return Ok(Some(Choice {
            title: format!("subject {pieces}"),
            channel: channel("email"),
            key: "subject",
            text: joined.text,
            sample: joined.sample,
        }));
    }
    let Some(name) = &args.name else { return Ok(None) };
    let names: Vec<String> = list.templates.iter().map(|one| one.name.clone()).collect();
    let Some(found) = list.templates.into_iter().find(|one| one.name == *name) else {
        let advice = match crate::config::nearest(name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        bail!("there is no template `{name}`; {advice}");
    };
    let (default, key) = match found.kind.as_str() {
        "subject" => ("email", "subject"),
        "html_message" => ("email", "html_message"),
        "sms" => ("sms", "message"),
        _ => ("email", "message"),
    };
    Ok(Some(Choice {
        title: found.name,
        channel: channel(default),
        key,
        text: found.text,
        sample: found.sample,
    }))
}

fn overview(paint: Paint, templates: &[TemplateView]) -> String {
    let row = |one: &TemplateView| {
        let look = if one.kind == "subject" { &one.text } else { &one.purpose };
        vec![
            Cell::from(&one.name),
            Cell::toned(&one.kind, Tone::Faint),
            Cell::from(&one.title),
            Cell::toned(look, Tone::Faint).at_most(90),
        ]
    };
    let rows: Vec<_> = templates.iter().map(row).collect();
    output::table(paint, &["TEMPLATE", "KIND", "TITLE", "FOR"], &rows)
}

fn description(paint: Paint, choice: &Choice) -> String {
    let Choice { title, channel, key, text, sample } = choice;
    format!(
        "{} → {channel}.{key}\n\n{}\n\n{}\n\n{}\n",
        paint.strong(title),
        text.trim_end(),
        paint.faint("Looks like:"),
        sample.trim_end()
    )
}

fn patch(choice: &Choice) -> Map<String, Value> {
    let setting = Map::from_iter([(choice.key.to_owned(), choice.text.clone().into())]);
    Map::from_iter([(choice.channel.clone(), Value::Object(setting))])
}

/// What a change would change.
fn difference(choice: &Choice, view: &SettingsView) -> String {
    let before = view.values.get(&choice.channel).and_then(|settings| settings.get(choice.key));
    let before = before.and_then(Value::as_str).unwrap_or_default();
    let name = format!("{}.{}", choice.channel, choice.key);
    let lines = |sign: char, text: &str| -> String {
        text.lines().map(|line| format!("{sign} {line}\n")).collect()
    };
    if before == choice.text {
        return format!("{name} is this already\n");
    }
    format!("{name}:\n{}{}", lines('-', before), lines('+', &choice.text))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: TemplateArgs,
    }

    fn list() -> TemplateList {
        let template = |name: &str, kind: &str| {
            json!({"name": name, "kind": kind, "language": "en", "title": "T", "purpose": "P.",
                "needs": "N.", "parameters": [], "text": format!("%EVENT% {name}"), "sample": "S"})
        };
        let list = json!({
            "templates": [template("severity", "subject"), template("short", "message"),
                template("html_table", "html_message"), template("sms_short", "sms")],
            "subjects": [{"language": "en", "text": "%SEVERITY%: %EVENT%", "sample": "S"}],
        });
        serde_json::from_value(list).unwrap()
    }

    #[track_caller]
    fn check(words: &[&str], expected: Result<Value, &str>) {
        let args = Line::parse_from([&["x"], words].concat()).args;
        match (choose(&args, list()), expected) {
            (Ok(choice), Ok(expected)) => {
                let found = choice.map_or(Value::Null, |choice| patch(&choice).into());
                assert_eq!(found, expected, "{words:?}");
            }
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (found, expected) => panic!("{:?} is not {expected:?}", found.map(|_| ())),
        }
    }

    #[test]
    fn a_template_becomes_the_setting_that_it_is_for() {
        check(&[], Ok(Value::Null));
        check(&["short"], Ok(json!({"email": {"message": "%EVENT% short"}})));
        check(&["severity"], Ok(json!({"email": {"subject": "%EVENT% severity"}})));
        check(&["html_table"], Ok(json!({"email": {"html_message": "%EVENT% html_table"}})));
        check(&["sms_short"], Ok(json!({"sms": {"message": "%EVENT% sms_short"}})));
        check(&["short", "--channel", "sms"], Ok(json!({"sms": {"message": "%EVENT% short"}})));
        check(
            &["--subject", "severity,event"],
            Ok(json!({"email": {"subject": "%SEVERITY%: %EVENT%"}})),
        );
        check(&["shorty"], Err("did you mean `short`?"));
        check(&["zzz"], Err("there are: severity, short"));
    }

    #[test]
    fn what_would_change_is_shown_line_by_line() {
        let choice = Choice {
            title: "t".to_owned(),
            channel: "email".to_owned(),
            key: "message",
            text: "a\nb\n".to_owned(),
            sample: String::new(),
        };
        let view = |text: &str| SettingsView {
            revision: 1,
            values: json!({"email": {"message": text}}).as_object().unwrap().clone(),
            origins: Map::new(),
            warnings: vec![],
        };
        assert_eq!(difference(&choice, &view("c")), "email.message:\n- c\n+ a\n+ b\n");
        assert_eq!(difference(&choice, &view("a\nb\n")), "email.message is this already\n");
    }
}
