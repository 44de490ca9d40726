//! What the demonstration says on the terminal.

use std::path::Path;

use annunciator_api_types::{DeliveryView, EventInput};
use annunciator_core::one_line;

use super::mail::Mail;
use crate::commands::ledger;
use crate::moment;
use crate::output::{Cell, Paint, Tone, columns, print, print_line, tone_of_state};

/// Lines of a mail's text that are shown.
const TEXT_LINES_MAX: usize = 12;
/// Width of a line. Unit: characters.
const LINE_CHARS_MAX: usize = 110;

/// Where things are, for the opening and the closing words.
pub(super) struct Places<'a> {
    /// Address of the API, as a URL.
    pub(super) api: &'a str,
    /// Address of the page with the caught mails.
    pub(super) page: &'a str,
    /// Port of the catching relay.
    pub(super) relay_port: u16,
    /// The folder of the demonstration.
    pub(super) folder: &'a Path,
    /// The config for other commands.
    pub(super) config: &'a Path,
    /// A token that may hand in events.
    pub(super) token: &'a str,
    /// The console; while there is no user, the link that makes the administrator.
    pub(super) console: &'a str,
}

/// The opening.
pub(super) fn opening(paint: Paint, places: &Places<'_>) {
    let Places { api, page, relay_port, folder, console, .. } = places;
    print_line(&format!("\n{}\n", paint.strong("Annunciator: events in, mail out, and a ledger")));
    let relay = format!("127.0.0.1:{relay_port} (catches everything, sends nothing)");
    let folder = folder.display().to_string();
    for (name, value) in [("server", *api), ("relay", &relay), ("mails", page), ("folder", &folder)]
    {
        print_line(&format!("  {} {value}", paint.faint(&format!("{name:<8}"))));
    }
    print_line(&format!("\n{} {}", paint.strong("Console:"), paint.paint(Tone::Accent, console)));
}

/// A heading.
pub(super) fn heading(paint: Paint, text: &str) {
    print_line(&format!("\n{}", paint.strong(text)));
}

/// An event that is handed in.
pub(super) fn event(paint: Paint, event: &EventInput) {
    let tone = match event.severity.as_str() {
        "critical" | "failure" => Tone::Bad,
        "warning" => Tone::Waiting,
        _ => Tone::Plain,
    };
    let severity = paint.paint(tone, &event.severity);
    let device = event.device.as_ref().map_or("", |device| device.name.as_str());
    print_line(&format!(
        "\n{} {severity}: {} on {device} {}",
        paint.paint(Tone::Accent, "event in  →"),
        event.type_name,
        paint.faint(&format!("({})", event.application.name)),
    ));
}

/// A mail that was caught.
pub(super) fn mail(paint: Paint, mail: &Mail) {
    let mut text = format!(
        "{} {}\n",
        paint.paint(Tone::Good, "mail out  ←"),
        one_line(&mail.recipients.join(", "), LINE_CHARS_MAX)
    );
    let bar = paint.faint("│");
    for (name, value) in [("From", &mail.from), ("Subject", &mail.subject)] {
        let value = one_line(value, LINE_CHARS_MAX);
        text.push_str(&format!("  {bar} {} {value}\n", paint.faint(&format!("{name:<8}"))));
    }
    text.push_str(&format!("  {bar}\n"));
    let lines: Vec<&str> = mail.text.trim().lines().collect();
    for line in lines.iter().take(TEXT_LINES_MAX) {
        let line = format!("  {bar} {}", one_line(line, LINE_CHARS_MAX));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if lines.len() > TEXT_LINES_MAX {
        let more = lines.len() - TEXT_LINES_MAX;
        text.push_str(&format!("  {bar} {}\n", paint.faint(&format!("… {more} more lines"))));
    }
    print(&text);
}

/// The ledger, narrow enough for any terminal: what did not go well stands below its delivery.
pub(super) fn ledger(paint: Paint, deliveries: &[DeliveryView]) {
    heading(paint, "The ledger, recipient by recipient");
    let now = moment::now();
    let row = |delivery: &DeliveryView| {
        vec![
            Cell::toned(&delivery.state, tone_of_state(&delivery.state)),
            Cell::from(&delivery.recipient.address).at_most(32),
            Cell::from(&delivery.subject).at_most(38),
        ]
    };
    let text = columns(paint, &deliveries.iter().map(row).collect::<Vec<_>>());
    for (line, delivery) in text.lines().zip(deliveries) {
        print_line(&format!("  {line}"));
        let note = ledger::note(delivery, now);
        if !note.is_empty() {
            print_line(&format!("             {}", paint.faint(&one_line(&note, LINE_CHARS_MAX))));
        }
    }
}

/// What to try next.
pub(super) fn closing(paint: Paint, places: &Places<'_>, deliveries: &[DeliveryView]) {
    let Places { api, page, config, token, .. } = places;
    let (program, config) = (program(), quote(&config.display().to_string()));
    heading(paint, "Try next, in another terminal");
    let failed = deliveries.iter().find(|delivery| delivery.state == "failed");
    let id = failed.or(deliveries.first()).map_or("ID", |delivery| delivery.id.as_str());
    let body = r#"{"type":"door.open","type_name":"Door open","severity":"critical","application":{"name":"Gate"},"device":{"name":"gate-4"},"description":"Open for 15 minutes"}"#;
    let steps = [
        ("see the mails in a browser", (*page).to_owned()),
        (
            "hand in an event of your own",
            format!(
                "curl -sS {api}/api/v1/events -H 'Authorization: Bearer {token}' \
                 -H 'Content-Type: application/json' -d '{body}'"
            ),
        ),
        ("what became of it", format!("{program} ledger --config {config}")),
        ("why a delivery failed", format!("{program} ledger show {id} --config {config}")),
        ("each stage of sending", format!("{program} test-message --config {config}")),
        ("what can be set", format!("{program} settings get --config {config}")),
    ];
    for (why, command) in steps {
        print_line(&format!("  {}\n    {}", paint.faint(why), paint.paint(Tone::Accent, &command)));
    }
    print_line(&format!(
        "\n{}",
        paint.strong("Mails that come now show up here. Ctrl-C ends it all.")
    ));
}

/// This program as it was called.
fn program() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = name.to_string_lossy();
    if name.is_empty() { "annunciator".to_owned() } else { quote(&name) }
}

/// Quotes a word for the shell when it must be.
fn quote(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+:=@,".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell_when_they_must_be() {
        for (word, expected) in [
            ("/tmp/a-1.toml", "/tmp/a-1.toml"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quote(word), expected);
        }
    }
}
