//! A delivery or an event into the text that tells what happened to it.

use annunciator_api_types::{
    AttemptView, DeliveryDetail, DeviceInput, EventDetail, EventView, FailureView,
    NotificationView, ParameterInput, RouteView, RunView, StagesView, TlsView,
};
use annunciator_core::{Timestamp, one_line};
use jiff::tz::TimeZone;

use super::ledger;
use crate::moment;
use crate::output::{Cell, Paint, Tone, columns, tone_of_state};

/// Longest line from outside. Unit: characters.
const LINE_CHARS_MAX: usize = 400;
/// Longest text shown whole. Unit: lines.
const TEXT_LINES_MAX: usize = 60;

/// What stands beside what.
struct Facts {
    paint: Paint,
    rows: Vec<Vec<Cell>>,
}

impl Facts {
    fn new(paint: Paint) -> Self {
        Self { paint, rows: Vec::new() }
    }

    /// Adds a fact unless it is empty.
    fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            let name = Cell::toned(name, Tone::Faint);
            self.rows.push(vec![name, Cell::from(value)]);
        }
    }

    fn text(&self) -> String {
        // The cells' texts are trimmed; the names are indented here.
        let text = columns(self.paint, &self.rows);
        text.lines().map(|line| format!("  {line}\n")).collect()
    }
}

/// `451 4.7.1 try again later` or, without a reply, `connection refused (connect)`.
pub(crate) fn failure_line(failure: &FailureView) -> String {
    let text = one_line(&failure.diagnostic, LINE_CHARS_MAX);
    match failure.code {
        Some(code) if text.starts_with(&code.to_string()) => text,
        Some(code) if text.starts_with(&failure.status) => format!("{code} {text}"),
        Some(code) => format!("{code} {} {text}", failure.status),
        None => format!("{text} ({})", failure.stage),
    }
}

/// The story of a delivery.
pub(crate) fn of_delivery(
    paint: Paint,
    zone: &TimeZone,
    now: Timestamp,
    detail: &DeliveryDetail,
) -> String {
    let DeliveryDetail { delivery, attempts, .. } = detail;
    let state = paint.paint(tone_of_state(&delivery.state), &delivery.state);
    let mut text = format!("{} {}  {state}\n", paint.strong("Delivery"), delivery.id);
    let mut facts = Facts::new(paint);
    let recipient = &delivery.recipient;
    facts.add("recipient", &format!("{} ({})", recipient.address, recipient.role));
    facts.add("subject", &delivery.subject);
    facts.add("channel", &format!("{}, lane {}", delivery.channel, delivery.lane));
    facts.add("event", &delivery.event);
    facts.add("notification", &delivery.notification);
    facts.add("planned", &moment::full(delivery.created_at, zone));
    let mut time = |name: &str, at: Option<Timestamp>| {
        if let Some(at) = at {
            let when = moment::full(at, zone);
            facts.add(name, &format!("{when}, {}", moment::relative(at, now)));
        }
    };
    time("next try", delivery.due_at);
    time("given up", delivery.expires_at);
    time("finished", delivery.finished_at);
    facts.add("waits for", delivery.waiting_for.as_deref().unwrap_or_default());
    if delivery.possibly_duplicated {
        let why = "possibly: an earlier attempt was handed over, and its confirmation was lost";
        facts.add("duplicated", why);
    }
    text.push_str(&facts.text());
    if attempts.is_empty() {
        text.push_str("\nNo attempt yet.\n");
    }
    for attempt in attempts {
        text.push('\n');
        text.push_str(&of_attempt(paint, zone, attempt));
    }
    text
}

fn of_attempt(paint: Paint, zone: &TimeZone, attempt: &AttemptView) -> String {
    let tone = match attempt.outcome.as_str() {
        "delivered" => Tone::Good,
        "permanent_failure" => Tone::Bad,
        _ => Tone::Waiting,
    };
    let outcome = paint.paint(tone, &attempt.outcome.replace('_', " "));
    let title = paint.strong(&format!("Attempt {}", attempt.number));
    let mut facts = Facts::new(paint);
    facts.add("begun", &moment::full(attempt.started_at, zone));
    for tried in &attempt.tried_before {
        facts.add("tried before", &format!("{}: {}", tried.server, failure_line(&tried.failure)));
    }
    let mut server = attempt.server.clone();
    if !attempt.address.is_empty() && attempt.address != attempt.server {
        server = format!("{server} at {}", attempt.address);
    }
    let reused = if attempt.reused_connection { ", on a connection used before" } else { "" };
    if let Some(run) = &attempt.run {
        facts.add("executable", &attempt.server);
        facts.add("run", &run_line(run));
    } else if !server.is_empty() {
        facts.add("server", &format!("{server}{reused}"));
        facts.add("found by", &attempt.route.as_ref().map(route_line).unwrap_or_default());
        facts.add("TLS", &attempt.tls.as_ref().map_or("none".to_owned(), tls_line));
        for (name, text) in attempt.tls.iter().flat_map(certificate_lines) {
            facts.add(name, &text);
        }
    }
    if let Some(failure) = &attempt.failure {
        facts.add("stopped at", &failure.stage.replace('_', " "));
        facts.add("because", &failure_line(failure));
        facts.add("meaning", meaning(&attempt.outcome, failure));
    }
    // The reply to the final dot was for those whom the relay had accepted.
    if attempt.failure.is_none() {
        facts.add("reply", &attempt.reply);
        facts.add("queue id", &attempt.queue_id);
    }
    facts.add("times", &times_line(attempt));
    let mut text = format!("{title}  {outcome}\n{}", facts.text());
    for line in &attempt.dialogue {
        text.push_str(&format!("    {}\n", paint.faint(&one_line(line, LINE_CHARS_MAX))));
    }
    text.push_str(&attempt.run.as_ref().map(|run| output_text(paint, run)).unwrap_or_default());
    text
}

/// `exited with status 1, sandbox enforced; 2 processes that it left were ended`.
pub(crate) fn run_line(run: &RunView) -> String {
    let mut line = format!("{}, sandbox {}", run.status, run.sandbox.replace('_', " "));
    match run.processes_ended {
        0 => {}
        1 => line.push_str("; a process that it left was ended"),
        count => line.push_str(&format!("; {count} processes that it left were ended")),
    }
    line
}

/// What an executable wrote, the first lines of each stream.
pub(crate) fn output_text(paint: Paint, run: &RunView) -> String {
    const LINES_MAX: usize = 50;
    let mut text = String::new();
    let streams = [
        ("standard output", &run.stdout, run.stdout_bytes),
        ("standard error", &run.stderr, run.stderr_bytes),
    ];
    for (name, written, bytes) in streams {
        if bytes == 0 {
            continue;
        }
        text.push_str(&format!("    {} ({bytes} octets)\n", paint.strong(name)));
        for line in written.lines().take(LINES_MAX) {
            text.push_str(&format!("      {}\n", paint.faint(&one_line(line, LINE_CHARS_MAX))));
        }
        if written.lines().count() > LINES_MAX {
            text.push_str("      …\n");
        }
    }
    text
}

fn meaning(outcome: &str, failure: &FailureView) -> &'static str {
    match (outcome, failure.scope.as_str()) {
        ("permanent_failure", _) => "will not get better by itself; not tried again",
        ("uncertain", _) => "handed over, but not confirmed; tried again with the same Message-ID",
        (_, "relay") => "trouble with the relay or program: its whole lane waits and is probed",
        _ => "about this delivery alone: its own retry schedule goes on",
    }
}

/// `MX 10 of example.org, DNSSEC secure, DANE ok`.
pub(crate) fn route_line(route: &RouteView) -> String {
    let mut parts = Vec::new();
    if !route.domain.is_empty() {
        let preference = route.preference.map(|preference| format!(" {preference}"));
        parts.push(format!("MX{} of {}", preference.unwrap_or_default(), route.domain));
    }
    if !route.dnssec.is_empty() {
        parts.push(format!("DNSSEC {}", route.dnssec));
    }
    parts.extend(route.dane.as_ref().map(|dane| format!("DANE {}", dane.replace('_', " "))));
    if !route.mta_sts.is_empty() {
        parts.push(format!("MTA-STS {}", route.mta_sts));
    }
    parts.join(", ")
}

/// `TLSv1.3 TLS_AES_256_GCM_SHA384, CN=mail.example.org, RSA 2048, verified`.
pub(crate) fn tls_line(tls: &TlsView) -> String {
    let verified = match (tls.verified, tls.verify_error.as_str()) {
        (true, _) => "verified".to_owned(),
        (false, "") => "not verified".to_owned(),
        (false, why) => format!("not verified: {why}"),
    };
    let mut parts = vec![format!("{} {}", tls.protocol, tls.cipher)];
    parts.extend((!tls.subject.is_empty()).then(|| tls.subject.clone()));
    parts.extend((!tls.key.is_empty()).then(|| tls.key.clone()));
    parts.extend((!tls.not_after.is_empty()).then(|| format!("valid until {}", tls.not_after)));
    parts.push(verified);
    parts.extend(tls.resumed.then(|| "session resumed".to_owned()));
    parts.join(", ")
}

/// What is worth a line of its own when somebody looks for a certificate: names and values.
fn certificate_lines(tls: &TlsView) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let mut add = |name, text: &str| {
        if !text.is_empty() {
            lines.push((name, text.to_owned()));
        }
    };
    add("issuer", &tls.issuer);
    add("serial", &tls.serial);
    add("valid from", &tls.not_before);
    add("SHA-256", &tls.fingerprint_sha256);
    tls.chain.iter().for_each(|link| add("chain", link));
    lines
}

fn times_line(attempt: &AttemptView) -> String {
    let StagesView { connect_us, handshake_us, transaction_us } = attempt.timings;
    let stages =
        [("connect", connect_us), ("handshake", handshake_us), ("transaction", transaction_us)];
    let mut parts: Vec<String> = stages
        .into_iter()
        .filter_map(|(name, us)| Some(format!("{name} {}", moment::took(us?))))
        .collect();
    let whole_us = attempt.ended_at.ms_since(attempt.started_at).max(0).cast_unsigned() * 1000;
    if whole_us > 0 || parts.is_empty() {
        parts.push(format!("{} in all", moment::took(whole_us)));
    }
    parts.join(", ")
}

/// The story of an event.
pub(crate) fn of_event(
    paint: Paint,
    zone: &TimeZone,
    now: Timestamp,
    detail: &EventDetail,
) -> String {
    let mut text = event_facts(paint, zone, &detail.event);
    for notification in &detail.notifications {
        text.push_str(&notification_text(paint, notification));
    }
    if !detail.deliveries.is_empty() {
        text.push_str(&format!("\n{}\n", paint.strong("Deliveries")));
        text.push_str(&ledger::table(paint, zone, now, &detail.deliveries, true));
    }
    text
}

fn event_facts(paint: Paint, zone: &TimeZone, event: &EventView) -> String {
    let state = paint.paint(tone_of_state(&event.state), &event.state);
    let mut facts = Facts::new(paint);
    facts.add("id", &event.id);
    facts.add("type", &event.event_type);
    facts.add("type name", &event.type_name);
    facts.add("severity", event.severity.display_name());
    let application = &event.application;
    facts.add("application", format!("{} {}", application.name, application.version).trim());
    facts.add("device", &device_line(&event.device));
    facts.add("task", &event.task);
    facts.add("occurred", &moment::full(event.occurred_at, zone));
    facts.add("registered", &moment::full(event.registered_at, zone));
    facts.add("description", &event.description);
    for (name, value) in &event.parameters {
        facts.add("parameter", &format!("{name} = {}", parameter_text(value)));
    }
    facts.add("parked", event.reason.as_deref().unwrap_or_default());
    for decision in &event.decisions {
        let channel = &decision.channel;
        facts.add("decision", &format!("{channel}: {} ({})", decision.decision, decision.reason));
    }
    format!("{} {}  {state}\n{}", paint.strong("Event"), event.uid, facts.text())
}

fn notification_text(paint: Paint, notification: &NotificationView) -> String {
    let mut facts = Facts::new(paint);
    facts.add("channel", &notification.channel);
    facts.add("sender", &notification.sender);
    facts.add("message id", &notification.message_id);
    facts.add("subject", &notification.subject);
    let mut text = format!("\n{} {}\n", paint.strong("Notification"), notification.id);
    text.push_str(&facts.text());
    for line in notification.text.lines().take(TEXT_LINES_MAX) {
        text.push_str(&format!("    | {}\n", one_line(line, LINE_CHARS_MAX)));
    }
    text
}

fn device_line(device: &DeviceInput) -> String {
    let DeviceInput { name, ip, connection_ip, domain, group } = device;
    let parts = [("", name), ("ip ", ip), ("connects from ", connection_ip), ("domain ", domain)];
    let mut parts: Vec<String> =
        parts.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| format!("{n}{v}")).collect();
    parts.extend((!group.is_empty()).then(|| format!("group {group}")));
    parts.join(", ")
}

fn parameter_text(value: &ParameterInput) -> String {
    match value {
        ParameterInput::Bool(value) => value.to_string(),
        ParameterInput::Integer(value) => value.to_string(),
        ParameterInput::Number(value) => value.to_string(),
        ParameterInput::Text(value) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_795_325_400_000);

    fn detail() -> DeliveryDetail {
        let json = serde_json::json!({
            "delivery": {"id": "d1", "event": "e1", "notification": "n1", "channel": "email",
                "recipient": {"address": "ops@example.org", "role": "to"}, "subject": "Disk full",
                "severity": "critical", "event_type": "disk.full", "application": "Guard",
                "lane": "email:mail.example.org", "state": "queued", "possibly_duplicated": true,
                "created_at": "2026-11-22T05:30:00.000Z", "due_at": "2026-11-22T05:31:00.000Z",
                "attempts": 1},
            "attempts": [{"number": 1, "started_at": "2026-11-22T05:30:00.000Z",
                "ended_at": "2026-11-22T05:30:00.012Z", "outcome": "transient_failure",
                "failure": {"stage": "rcpt_to", "scope": "delivery", "code": 451,
                    "status": "4.7.1", "diagnostic": "4.7.1 greylisted\u{1b}[2J"},
                "server": "mail.example.org", "address": "192.0.2.1:25",
                "tls": {"protocol": "TLSv1.3", "cipher": "X", "subject": "CN=mail", "issuer": "",
                    "serial": "0a", "not_after": "", "key": "EC P-256",
                    "fingerprint_sha256": "", "verified": false, "resumed": true,
                    "verify_error": "self-signed", "chain": ["CN=mail ← CN=ca"]},
                "reply": "", "queue_id": "", "reused_connection": true,
                "timings": {"connect_us": 1200}}]
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_story_of_a_delivery_tells_each_attempt() {
        let text = of_delivery(Paint::off(), &TimeZone::UTC, AT, &detail());
        let expected = "\
Delivery d1  queued
  recipient     ops@example.org (to)
  subject       Disk full
  channel       email, lane email:mail.example.org
  event         e1
  notification  n1
  planned       2026-11-22 05:30:00.000Z
  next try      2026-11-22 05:31:00.000Z, in 60 s
  duplicated    possibly: an earlier attempt was handed over, and its confirmation was lost

Attempt 1  transient failure
  begun       2026-11-22 05:30:00.000Z
  server      mail.example.org at 192.0.2.1:25, on a connection used before
  TLS         TLSv1.3 X, CN=mail, EC P-256, not verified: self-signed, session resumed
  serial      0a
  chain       CN=mail ← CN=ca
  stopped at  rcpt to
  because     451 4.7.1 greylisted [2J
  meaning     about this delivery alone: its own retry schedule goes on
  times       connect 1.2 ms, 12.0 ms in all
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_failure_is_told_once_and_whole() {
        for (code, diagnostic, expected) in [
            (Some(550), "5.1.1 no such user", "550 5.1.1 no such user"),
            (Some(550), "550 5.1.1 no such user", "550 5.1.1 no such user"),
            (Some(550), "no such user", "550 5.1.1 no such user"),
            (None, "connection refused", "connection refused (connect)"),
        ] {
            let failure = FailureView {
                stage: "connect".into(),
                scope: "relay".into(),
                code,
                status: "5.1.1".into(),
                diagnostic: diagnostic.into(),
            };
            assert_eq!(failure_line(&failure), expected);
        }
    }
}
