//! `annunciator effective`: what holds for an event, and where each value comes from.

use std::process::ExitCode;

use annunciator_api_types::{EffectiveRequest, EffectiveView, ParameterInput};
use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;
use hyper::Method;

use super::event::{SEVERITIES, parse_parameter};
use super::explain::overruled;
use crate::client::{Call, Client, ConnectOptions};
use crate::output::{self, Cell, Paint, Tone};

/// Arguments of `effective`.
#[derive(Args, Debug)]
pub(crate) struct EffectiveArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    /// Name of the application
    #[arg(long, value_name = "NAME")]
    application: String,
    /// Code of the event type
    #[arg(long = "type", value_name = "CODE")]
    event_type: String,
    /// Severity; the last seen one of a known type when absent
    #[arg(long, value_parser = PossibleValuesParser::new(SEVERITIES))]
    severity: Option<String>,
    /// Name of the device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Path of the device's group, such as 'Plant A/Line 2'
    #[arg(long, value_name = "PATH")]
    group: Option<String>,
    /// A parameter, for conditions; numbers and true or false are taken as such
    #[arg(long = "parameter", short = 'p', value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, ParameterInput)>,
    /// Settings that keep their compiled default too
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs `effective`.
pub(crate) async fn run(args: EffectiveArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    let request = EffectiveRequest {
        application: args.application,
        event_type: args.event_type,
        severity: args.severity,
        device: args.device,
        group: args.group,
        parameters: args.parameters.into_iter().collect(),
        beneath: None,
    };
    let call = Call::json(Method::POST, "/api/v1/effective", &request)?;
    let view: EffectiveView = client.call(call).await?;
    if args.json {
        output::print_line(&serde_json::to_string_pretty(&view)?);
    } else {
        let paint = Paint::for_output();
        output::print(&layers_table(paint, &view));
        output::print("\n");
        output::print(&settings_table(paint, &view, args.all));
    }
    Ok(ExitCode::SUCCESS)
}

fn layers_table(paint: Paint, view: &EffectiveView) -> String {
    let mut rows = Vec::new();
    for layer in &view.layers {
        let (words, tone) = match layer.standing.as_str() {
            "applies" => ("applies", Tone::Good),
            "condition_fails" => ("its condition does not hold", Tone::Faint),
            "policy_off" => ("the policy is off", Tone::Faint),
            "not_inherited" => ("not inherited: a nearer policy cuts it off", Tone::Faint),
            other => (other, Tone::Plain),
        };
        let origin = Cell::from(&layer.origin.words);
        let overruled = overruled(layer);
        let (words, tone) = match overruled.is_empty() {
            true => (words.to_owned(), tone),
            false => (format!("{words}; {overruled}"), Tone::Waiting),
        };
        rows.push(vec![origin, Cell::from(&layer.events), Cell::toned(&words, tone)]);
    }
    let server = ["server-wide settings", "all events", "applies"];
    rows.push(server.into_iter().map(Cell::from).collect());
    output::table(paint, &["LAYER, NEAREST FIRST", "EVENTS", "STANDING"], &rows)
}

fn settings_table(paint: Paint, view: &EffectiveView, shows_defaults: bool) -> String {
    let mut rows = Vec::new();
    for channel in &view.channels {
        let (state, tone) = if channel.on { ("on", Tone::Good) } else { ("off", Tone::Faint) };
        let mut reason = channel.reason.clone();
        if let Some(missing) = &channel.missing {
            reason = format!("{reason}; {missing}");
        }
        rows.push(vec![
            Cell::from(&channel.channel),
            Cell::toned(state, tone),
            Cell::from(reason),
            Cell::from(""),
        ]);
        for setting in &channel.settings {
            let is_default = setting.origin.layer == "compiled_default";
            if is_default && !shows_defaults {
                continue;
            }
            let tone = if is_default { Tone::Faint } else { Tone::Plain };
            rows.push(vec![
                Cell::toned(&format!("{}.{}", channel.channel, setting.key), tone),
                Cell::toned(&setting.value.to_string(), tone).at_most(60),
                Cell::toned(&setting.origin.words, tone),
                Cell::toned(if setting.locked { "locked" } else { "" }, Tone::Waiting),
            ]);
        }
    }
    let term = &view.storage_term;
    rows.push(vec![
        Cell::from("storage_term_days"),
        Cell::from(term.days.to_string()),
        Cell::from(&term.origin.words),
        Cell::from(""),
    ]);
    output::table(paint, &["SETTING", "VALUE", "ORIGIN", "LOCKED"], &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_show_with_their_origins_and_defaults_only_when_asked_for() {
        let policy = json!({"layer": "policy", "name": "Plant A", "words": "from policy Plant A"});
        let default = json!({"layer": "compiled_default", "words": "compiled default"});
        let view: EffectiveView = serde_json::from_value(json!({
            "revision": 1, "severity": "critical",
            "layers": [
                {"id": "a", "origin": policy, "events": "all events", "standing": "applies"},
                {"id": "b", "origin": policy, "events": "type x", "standing": "policy_off"},
            ],
            "storage_term": {"days": 30, "origin": policy},
            "channels": [{"channel": "email", "on": true, "reason": "turned on", "settings": [
                {"key": "port", "value": 26, "origin": policy, "locked": true},
                {"key": "sender", "value": "", "origin": default, "locked": false},
            ]}],
        }))
        .unwrap();
        let expected = "\
LAYER, NEAREST FIRST  EVENTS      STANDING
from policy Plant A   all events  applies
from policy Plant A   type x      the policy is off
server-wide settings  all events  applies
";
        assert_eq!(layers_table(Paint::off(), &view), expected);
        let expected = "\
SETTING            VALUE  ORIGIN               LOCKED
email              on     turned on
email.port         26     from policy Plant A  locked
storage_term_days  30     from policy Plant A
";
        assert_eq!(settings_table(Paint::off(), &view, false), expected);
        assert!(settings_table(Paint::off(), &view, true).contains("email.sender"));
    }
}
