//! `annunciator test-message`: each stage of a test message, with advice where it failed.

use std::process::ExitCode;

use annunciator_api_types::{SettingsView, TestMessageRequest, TestMessageResult};
use anyhow::Result;
use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::{exit_code, story};
use crate::assignment::{Assignment, build_patch};
use crate::client::{Call, Client, ConnectOptions, LONG_ANSWER_TIME_MAX};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone, columns};

/// Arguments of `test-message`.
#[derive(Args, Debug)]
pub(crate) struct TestMessageArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    /// E-mail settings for this test only, laid over the saved ones: servers=mail.example.org
    /// recipients=me@example.org; KEY@FILE and KEY work as in `settings set`
    #[arg(value_name = "KEY=VALUE")]
    assignments: Vec<Assignment>,
    /// Stop before the message itself: nothing is sent
    #[arg(long)]
    dry_run: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs `test-message`.
pub(crate) async fn run(args: TestMessageArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    let mut email = None;
    if !args.assignments.is_empty() {
        let assignments: Vec<_> =
            args.assignments.into_iter().map(|assignment| assignment.in_group("email")).collect();
        let view: SettingsView = client.get("/api/v1/settings").await?;
        let patch = build_patch(&assignments, &view.values)?;
        email = patch.get("email").and_then(Value::as_object).cloned();
    }
    let request = TestMessageRequest { email, dry_run: args.dry_run };
    let mut call = Call::json(Method::POST, "/api/v1/test-message", &request)?;
    call.time_max = LONG_ANSWER_TIME_MAX;
    let result: TestMessageResult = client.call(call).await?;
    if args.json {
        output::print_line(&serde_json::to_string_pretty(&result)?);
    } else {
        output::print(&report(Paint::for_output(), &result));
    }
    Ok(exit_code(result.ok))
}

/// The result as text.
fn report(paint: Paint, result: &TestMessageResult) -> String {
    let mut text = String::new();
    let rows: Vec<Vec<Cell>> = result
        .stages
        .iter()
        .map(|stage| {
            let (mark, tone) = if stage.ok { ("ok", Tone::Good) } else { ("FAILED", Tone::Bad) };
            vec![
                Cell::toned(mark, tone),
                Cell::from(stage.stage.replace('_', " ")),
                Cell::toned(&moment::took(stage.duration_us), Tone::Faint),
                Cell::from(&stage.server),
                Cell::from(&stage.detail),
            ]
        })
        .collect();
    let lines = columns(paint, &rows);
    for (line, stage) in lines.lines().zip(&result.stages) {
        text.push_str(line);
        text.push('\n');
        if let Some(advice) = &stage.advice {
            let advice = annunciator_core::one_line(advice, 1000);
            text.push_str(&format!("        → {}\n", paint.paint(Tone::Waiting, &advice)));
        }
    }
    if let Some(tls) = &result.tls {
        text.push_str(&format!("\n{} {}\n", paint.faint("TLS:"), story::tls_line(tls)));
    }
    if !result.recipients.is_empty() {
        text.push('\n');
    }
    let rows: Vec<Vec<Cell>> = result
        .recipients
        .iter()
        .map(|recipient| {
            let tone = match recipient.outcome.as_str() {
                "delivered" | "would_be_accepted" => Tone::Good,
                "permanent_failure" => Tone::Bad,
                _ => Tone::Waiting,
            };
            let why = recipient.failure.as_ref().map(story::failure_line).unwrap_or_default();
            vec![
                Cell::from(&recipient.address),
                Cell::toned(&recipient.outcome.replace('_', " "), tone),
                Cell::from(why),
            ]
        })
        .collect();
    text.push_str(&columns(paint, &rows));
    if !result.reply.is_empty() {
        let reply = annunciator_core::one_line(&result.reply, 500);
        text.push_str(&format!("\n{} {reply}\n", paint.faint("The relay says:")));
    }
    let tone = if result.ok { Tone::Good } else { Tone::Bad };
    let summary = annunciator_core::one_line(&result.summary, 1000);
    text.push_str(&format!("\n{}\n", paint.paint(tone, &summary)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_aligned_with_advice_under_the_one_that_failed() {
        let json = serde_json::json!({
            "ok": false, "summary": "The certificate was refused.",
            "stages": [
                {"stage": "connect", "server": "mail.b.example", "ok": true,
                    "detail": "192.0.2.1:25", "duration_us": 1200},
                {"stage": "tls", "server": "mail.b.example", "ok": false,
                    "detail": "name does not match", "advice": "ask for *.a.example",
                    "duration_us": 15000}],
            "recipients": [{"address": "ops@example.org", "outcome": "transient_failure",
                "failure": {"stage": "tls", "scope": "relay", "status": "4.7.5",
                    "diagnostic": "name does not match"}}]
        });
        let result: TestMessageResult = serde_json::from_value(json).unwrap();
        let expected = "\
ok      connect  1.2 ms   mail.b.example  192.0.2.1:25
FAILED  tls      15.0 ms  mail.b.example  name does not match
        → ask for *.a.example

ops@example.org  transient failure  name does not match (tls)

The certificate was refused.
";
        assert_eq!(report(Paint::off(), &result), expected);
    }
}
