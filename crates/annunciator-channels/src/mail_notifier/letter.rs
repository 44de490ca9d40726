//! An incident into the rows of its mail, and rows into text and HTML (spec 9.4).
//!
//! In: an incident, who reads. Out: subject, plain text and HTML with the same content.
//! Every value is escaped for where it stands; empty ones have no row.

use std::fmt::Write as _;

use annunciator_core::{ParameterValue, one_line};
use annunciator_planner::{Incident, IncidentRules, Told, is_web_link};
use annunciator_template::{Localized, Reader};

use super::{numbers, words};

/// Longest part of a subject. Unit: characters.
const SUBJECT_PART_CHARS_MAX: usize = 80;
/// Longest value that is shown. Unit: characters.
const VALUE_CHARS_MAX: usize = 1_000;

/// One row of a mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) label: &'static str,
    pub(super) value: String,
    /// Where the value leads to.
    pub(super) link: String,
}

/// What a mail says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) heading: String,
    pub(super) rows: Vec<Row>,
    pub(super) description: String,
}

/// Gathers rows in the language of a reader.
struct Rows<'a> {
    reader: &'a Reader,
    rows: Vec<Row>,
}

impl Rows<'_> {
    fn add(&mut self, label: &Localized, value: &str) {
        self.add_link(label, value, "");
    }

    fn add_link(&mut self, label: &Localized, value: &str, link: &str) {
        if !value.is_empty() {
            let label = label.of(self.reader.language);
            let value = one_line(value, VALUE_CHARS_MAX);
            self.rows.push(Row { label, value, link: link.to_owned() });
        }
    }

    fn number(&mut self, label: &Localized, value: Option<f64>) {
        if let Some(value) = value {
            self.add(label, &numbers::write(value, self.reader.language));
        }
    }
}

/// What the mail about an incident says.
pub(super) fn write(
    incident: &Incident<'_>,
    rules: &IncidentRules,
    reader: &Reader,
    link: &str,
) -> Letter {
    let language = reader.language;
    let status = rules.status_name(incident.status(), language);
    let part = |text: &str| one_line(text, SUBJECT_PART_CHARS_MAX);
    let tag = match incident.text("top_tag") {
        "" => words::NO_TAG.of(language).to_owned(),
        tag => part(tag),
    };
    let place = [incident.model(), &incident.event.device.name];
    let place = place.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let about = match place {
        "" => tag,
        place => format!("{tag}, {}", part(place)),
    };
    let severity = language.severity_word(incident.severity);
    let (subject, heading) = match incident.told {
        Told::FollowUp => {
            let words = words::STATUS_OF.of(language);
            (format!("{words}: {status} ({about})"), format!("{words}: {status}"))
        }
        _ => {
            let words = words::INCIDENT.of(language);
            (format!("{severity}: {words} ({about})"), format!("{words}: {about}"))
        }
    };
    Letter {
        subject,
        heading,
        rows: rows_of(incident, rules, reader, link),
        description: incident.event.description.clone(),
    }
}

fn rows_of(
    incident: &Incident<'_>,
    rules: &IncidentRules,
    reader: &Reader,
    link: &str,
) -> Vec<Row> {
    let language = reader.language;
    let name = |code: &str| rules.status_name(code, language).to_owned();
    let time = |name: &str| incident.time(name).map(|at| reader.print_time(at)).unwrap_or_default();
    let mut rows = Rows { reader, rows: Vec::new() };
    rows.add(&words::REGISTERED, &reader.print_time(incident.registered_at()));
    rows.add(&words::STATUS, &name(incident.status()));
    if incident.told == Told::FollowUp {
        rows.add(&words::STATUS_BEFORE, &name(incident.text("status_before")));
    }
    if incident.told != Told::Registered {
        rows.add(&words::STATUS_AUTHOR, incident.text("status_author"));
        rows.add(&words::STATUS_COMMENT, incident.text("status_comment"));
    }
    rows.add(&words::SEVERITY, language.severity_word(incident.severity));
    rows.add(&words::MODEL, incident.model());
    rows.add(&words::ASSET, &incident.event.device.name);
    rows.add(&words::GROUP, &incident.event.device.group);
    rows.add(&words::TOP_TAG, incident.text("top_tag"));
    rows.add(&words::TAG_DESCRIPTION, incident.text("top_tag_description"));
    rows.add(&words::VALUE, &value_of(incident, reader));
    let history = incident.text("history");
    rows.add(&words::START, &time("start"));
    rows.add(&words::END, &time("end"));
    // Intake admits no other; events that were stored before it looked may have one.
    match is_web_link(history) {
        true => rows.add_link(&words::HISTORY, history, history),
        false => rows.add(&words::HISTORY, history),
    }
    rows.add(&words::ID, incident.id);
    rows.add(&words::DETECTOR, &detector_of(incident));
    rows.number(&words::MSE, incident.number("mse"));
    rows.number(&words::THRESHOLD, incident.number("threshold"));
    rows.add_link(&words::CONSOLE, link, link);
    rows.rows
}

fn detector_of(incident: &Incident<'_>) -> String {
    let name = incident.text("detector");
    match name.is_empty() || name == incident.kind {
        true => incident.kind.to_owned(),
        false => format!("{name} ({})", incident.kind),
    }
}

/// The value of the top tag with its units.
fn value_of(incident: &Incident<'_>, reader: &Reader) -> String {
    let Some(value) = incident.event.parameters.get("top_tag_value") else { return String::new() };
    let written = match value {
        ParameterValue::Integer(value) => numbers::localized(&value.to_string(), reader.language),
        ParameterValue::Number(value) => numbers::write(*value, reader.language),
        ParameterValue::Bool(value) => value.to_string(),
        ParameterValue::Text(text) => text.clone(),
    };
    match incident.text("top_tag_units") {
        "" => written,
        units => format!("{written}\u{a0}{units}"),
    }
}

impl Letter {
    /// The letter as plain text: labels and values in two columns.
    pub(super) fn to_text(&self) -> String {
        let width = self.rows.iter().map(|row| row.label.chars().count()).max().unwrap_or_default();
        let mut text = format!("{}\n\n", one_line(&self.heading, VALUE_CHARS_MAX));
        for Row { label, value, .. } in &self.rows {
            let gap = " ".repeat(width - label.chars().count());
            let _ = writeln!(text, "{label}:{gap} {value}");
        }
        if !self.description.is_empty() {
            let _ = writeln!(text, "\n{}", self.description);
        }
        text
    }

    /// The rows as an HTML table.
    pub(super) fn to_table(&self) -> String {
        let mut html = "<table cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\n".to_owned();
        for Row { label, value, link } in &self.rows {
            let value = match link.is_empty() {
                true => escape(value),
                false => format!("<a href=\"{}\">{}</a>", escape(link), escape(value)),
            };
            let _ = writeln!(
                html,
                "<tr><td valign=\"top\" style=\"padding:4px 16px 4px 0;color:#5b6b7b;{FONT}\">\
                 {label}</td><td valign=\"top\" style=\"padding:4px 0;{FONT}\">{value}</td></tr>"
            );
        }
        html.push_str("</table>\n");
        html
    }

    /// The letter as HTML; `picture` stands below the rows.
    pub(super) fn to_html(&self, language: &str, picture: &str) -> String {
        let mut html = String::with_capacity(4_096);
        let heading = escape(&self.heading);
        let _ = write!(
            html,
            "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta http-equiv=\"Content-Type\" \
             content=\"text/html; charset=utf-8\" />\n<title>{heading}</title>\n</head>\n\
             <body style=\"margin:0;padding:16px;{FONT};color:#1c2733\">\n\
             <h2 style=\"margin:0 0 12px 0;font-size:20px\">{heading}</h2>\n"
        );
        html.push_str(&self.to_table());
        html.push_str(picture);
        if !self.description.is_empty() {
            let description = escape(&self.description);
            let _ = writeln!(html, "<p style=\"white-space:pre-wrap;{FONT}\">{description}</p>");
        }
        html.push_str("</body>\n</html>\n");
        html
    }
}

/// Inline, as Outlook and Gmail need it.
pub(super) const FONT: &str =
    "font-family:Segoe UI,Helvetica,Arial,sans-serif;font-size:14px;line-height:20px";

/// A text as it stands in HTML, in an element or in an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
