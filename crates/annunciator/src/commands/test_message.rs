//! `annunciator test-message`: each stage of a test message, with advice where it failed.

use std::io::IsTerminal;
use std::process::ExitCode;

use annunciator_api_types::{
    SettingsView, StageView, TestMessageLine, TestMessageRequest, TestMessageResult,
    TestRecipientResult,
};
use annunciator_core::one_line;
use anyhow::{Context, Result};
use clap::Args;
use hyper::Method;
use serde_json::{Map, Value};

use super::{exit_code, story};
use crate::assignment::{Assignment, build_patch};
use crate::client::{Call, Client, ConnectOptions, LONG_ANSWER_TIME_MAX};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone, columns};

/// Longest line of the report that comes from outside. Unit: characters.
const LINE_CHARS_MAX: usize = 500;

/// Widths of mark, stage and time when stages are printed while they happen. Unit: characters.
const LIVE_WIDTHS: [usize; 3] = [6, 9, 7];

/// Arguments of `test-message`.
#[derive(Args, Debug)]
pub(crate) struct TestMessageArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    /// Settings for this test only, laid over the saved ones: servers=mail.example.org
    /// recipients=me@example.org names.dnssec=off; a key without a group is one of the channel's;
    /// KEY@FILE and KEY work as in `settings set`
    #[arg(value_name = "KEY=VALUE")]
    assignments: Vec<Assignment>,
    /// The channel to test
    #[arg(long, value_name = "NAME", default_value = "email")]
    #[arg(value_parser = ["email", "sms", "executable", "mail_notifier"])]
    channel: String,
    /// Who gets the test message of `mail_notifier`, which has no recipients of its own: addresses
    /// separated by `;`
    #[arg(long, value_name = "ADDRESSES", default_value = "", hide_default_value = true)]
    to: String,
    /// Language of the test message of `mail_notifier`: en or ru
    #[arg(long, value_name = "LANGUAGE", default_value = "", hide_default_value = true)]
    language: String,
    /// Stop before the message itself: nothing is sent
    #[arg(long)]
    dry_run: bool,
    /// Show the SMTP dialogue too, without secrets
    #[arg(long)]
    trace: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs `test-message`.
pub(crate) async fn run(args: TestMessageArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    let mut patch = Map::new();
    if !args.assignments.is_empty() {
        let assignments: Vec<_> = args
            .assignments
            .into_iter()
            .map(|assignment| {
                assignment.within(&[
                    &args.channel,
                    "email",
                    "sms",
                    "executable",
                    "mail_notifier",
                    "names",
                ])
            })
            .collect();
        let view: SettingsView = client.get("/api/v1/settings").await?;
        patch = build_patch(&assignments, &view.values)?;
    }
    let group = |name: &str| patch.get(name).and_then(Value::as_object).cloned();
    let request = TestMessageRequest {
        channel: Some(args.channel),
        email: group("email"),
        sms: group("sms"),
        executable: group("executable"),
        mail_notifier: group("mail_notifier"),
        to: args.to,
        language: args.language,
        names: group("names"),
        dry_run: args.dry_run,
        trace: args.trace,
    };
    let mut call = Call::json(Method::POST, "/api/v1/test-message", &request)?;
    call.time_max = LONG_ANSWER_TIME_MAX;
    let paint = Paint::for_output();
    let result = if !args.json && std::io::stdout().is_terminal() {
        let result = follow(&client, call, paint).await?;
        output::print(&report(paint, &result));
        result
    } else {
        let result: TestMessageResult = client.call(call).await?;
        if args.json {
            output::print_line(&serde_json::to_string_pretty(&result)?);
        } else {
            output::print(&stages_text(paint, &result.stages, &[]));
            output::print(&report(paint, &result));
        }
        result
    };
    Ok(exit_code(result.ok))
}

/// Prints the stages while they happen; gives the result.
async fn follow(client: &Client, mut call: Call, paint: Paint) -> Result<TestMessageResult> {
    call.headers.push(("Accept", "application/x-ndjson".to_owned()));
    let (mut pending, mut result) = (Vec::new(), None);
    let each = |piece: &[u8]| {
        pending.extend_from_slice(piece);
        while let Some(end) = pending.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            match serde_json::from_slice(&line).context("a stage cannot be read")? {
                TestMessageLine::Stage(stage) => {
                    output::print(&stages_text(paint, &[stage], &LIVE_WIDTHS));
                }
                TestMessageLine::Result(all) => result = Some(*all),
            }
        }
        Ok(())
    };
    client.follow(call, each).await?;
    result.context("the server ended the test before its result")
}

/// The result as text, below its stages: what was learnt of the server, the recipients, the end.
fn report(paint: Paint, result: &TestMessageResult) -> String {
    let mut text = String::new();
    for (name, line) in [
        ("Found by:", result.route.as_ref().map(story::route_line)),
        ("TLS:", result.tls.as_ref().map(story::tls_line)),
    ] {
        if let Some(line) = line.filter(|line| !line.is_empty()) {
            text.push_str(&format!("\n{} {line}\n", paint.faint(name)));
        }
    }
    if !result.recipients.is_empty() {
        text.push('\n');
    }
    let rows: Vec<Vec<Cell>> = result.recipients.iter().map(recipient_row).collect();
    text.push_str(&columns(paint, &rows));
    if !result.reply.is_empty() {
        let reply = one_line(&result.reply, 500);
        text.push_str(&format!("\n{} {reply}\n", paint.faint("The relay says:")));
    }
    if let Some(run) = &result.run {
        text.push_str(&story::output_text(paint, run));
    }
    if !result.dialogue.is_empty() {
        text.push_str(&format!("\n{}\n", paint.strong("Dialogue")));
        for line in &result.dialogue {
            text.push_str(&format!("    {}\n", paint.faint(&one_line(line, LINE_CHARS_MAX))));
        }
    }
    let tone = if result.ok { Tone::Good } else { Tone::Bad };
    text.push_str(&format!("\n{}\n", paint.paint(tone, &one_line(&result.summary, 1000))));
    text
}

/// One line per stage; below it what does not fit there, and the remedy where it failed. Columns
/// are at least so wide: whoever prints stage after stage does not know how wide they will be.
fn stages_text(paint: Paint, stages: &[StageView], widths_min: &[usize]) -> String {
    let facts_of = |stage: &StageView| -> Vec<String> {
        stage.detail.lines().map(|line| one_line(line, LINE_CHARS_MAX)).collect()
    };
    let row = |stage: &StageView| {
        let (mark, tone) = if stage.ok { ("ok", Tone::Good) } else { ("FAILED", Tone::Bad) };
        let facts = facts_of(stage);
        vec![
            Cell::toned(mark, tone),
            Cell::from(stage.stage.replace('_', " ")),
            Cell::toned(&moment::took(stage.duration_us), Tone::Faint),
            Cell::from(&stage.server),
            Cell::from(if facts.len() == 1 { facts[0].as_str() } else { "" }),
        ]
    };
    // The first row only makes the columns wide.
    let mut rows = vec![widths_min.iter().map(|width| "x".repeat(*width).into()).collect()];
    rows.extend(stages.iter().map(row));
    let lines = columns(paint, &rows);
    let mut text = String::new();
    for (line, stage) in lines.lines().skip(1).zip(stages) {
        text.push_str(line);
        text.push('\n');
        let facts = facts_of(stage);
        for fact in facts.iter().filter(|_| facts.len() > 1) {
            text.push_str(&format!("          {}\n", paint.faint(fact)));
        }
        if let Some(advice) = &stage.advice {
            let advice = one_line(advice, 1000);
            text.push_str(&format!("        → {}\n", paint.paint(Tone::Waiting, &advice)));
        }
    }
    text
}

fn recipient_row(recipient: &TestRecipientResult) -> Vec<Cell> {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_aligned_with_advice_under_the_one_that_failed() {
        let json = serde_json::json!({
            "ok": false, "summary": "The certificate was refused.",
            "stages": [
                {"stage": "resolve", "server": "mail.b.example", "ok": true,
                    "detail": "MX 10 mail.b.example (secure)\n192.0.2.1", "duration_us": 900},
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
ok      resolve  900 µs   mail.b.example
          MX 10 mail.b.example (secure)
          192.0.2.1
ok      connect  1.2 ms   mail.b.example  192.0.2.1:25
FAILED  tls      15.0 ms  mail.b.example  name does not match
        → ask for *.a.example

ops@example.org  transient failure  name does not match (tls)

The certificate was refused.
";
        let printed = stages_text(Paint::off(), &result.stages, &[]);
        assert_eq!(printed + &report(Paint::off(), &result), expected);
        let live: String = result
            .stages
            .iter()
            .map(|stage| stages_text(Paint::off(), std::slice::from_ref(stage), &LIVE_WIDTHS))
            .collect();
        assert_eq!(
            live,
            "\
ok      resolve    900 µs   mail.b.example
          MX 10 mail.b.example (secure)
          192.0.2.1
ok      connect    1.2 ms   mail.b.example  192.0.2.1:25
FAILED  tls        15.0 ms  mail.b.example  name does not match
        → ask for *.a.example
"
        );
    }
}
