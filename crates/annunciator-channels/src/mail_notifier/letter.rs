//! An incident into the rows of its mail, and rows into text and HTML (spec 9.4).
//!
//! In: an incident, who reads. Out: subject, plain text and HTML with the same content.
//! Every value is escaped for where it stands; empty ones have no row.

use std::fmt::Write as _;

use annunciator_core::{ParameterValue, Severity, ellipsize, one_line};
use annunciator_planner::{Incident, IncidentRules, Told, is_web_link};
use annunciator_template::{Language, Localized, Reader};

use super::page::{BREAK, FAINT, FONT, escape};
use super::{page, plain, words};

/// Longest part of a subject. Unit: characters.
const SUBJECT_PART_CHARS_MAX: usize = 80;
/// Longest value that is shown. Unit: characters.
const VALUE_CHARS_MAX: usize = 1_000;

/// Longest description that is shown; the ledger keeps all of it (spec 2.1). Unit: characters.
const DESCRIPTION_CHARS_MAX: usize = 1_000;

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
    /// The same for all that is told of an incident, but for `Re:`; mail readers thread by it.
    pub(super) subject: String,
    /// The subject without `Re:`.
    base: String,
    /// Which incident it is.
    pub(super) title: String,
    /// What is new about an incident that was told before.
    pub(super) news: Option<String>,
    pub(super) severity: Severity,
    pub(super) language: Language,
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
            self.add(label, &self.reader.language.write_number(value));
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
    let (severity, about) = (incident.severity, about(incident, language));
    let (word, incident_word) = (language.severity_word(severity), words::INCIDENT.of(language));
    let base = format!("{word}: {incident_word} ({about})");
    let is_news = incident.told == Told::FollowUp;
    let news = is_news.then(|| {
        let status = rules.status_name(incident.status(), language);
        format!("{}: {status}", words::STATUS_OF.of(language))
    });
    Letter {
        // RFC 5322 section 3.6.5.
        subject: if is_news { format!("Re: {base}") } else { base.clone() },
        base,
        title: format!("{incident_word}: {about}"),
        news,
        severity,
        language,
        rows: rows_of(incident, rules, reader, link),
        description: ellipsize(&incident.event.description, DESCRIPTION_CHARS_MAX).into_owned(),
    }
}

/// Where it happened, and what: the asset, else the model; the top tag, else the model, else the
/// detector.
fn about(incident: &Incident<'_>, language: Language) -> String {
    let part = |text: &str| one_line(text, SUBJECT_PART_CHARS_MAX);
    let (asset, model) = (part(&incident.event.device.name), part(incident.model()));
    let tag = part(incident.text("top_tag"));
    let parts = match (asset.is_empty(), tag.is_empty(), model.is_empty()) {
        (false, false, _) => [asset, tag],
        (false, true, false) => [asset, model],
        (true, false, false) => [model, tag],
        (true, false, true) => [tag, String::new()],
        (false, true, true) => [asset, part(&detector_of(incident, language))],
        (true, true, _) => [model, part(&detector_of(incident, language))],
    };
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
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
        let author = words::author(incident.text("status_author"), language);
        rows.add(&words::STATUS_AUTHOR, &author);
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
    rows.add_link(&words::CONSOLE, link, link);
    rows.add(&words::ID, incident.id);
    rows.add(&words::DETECTOR, &detector_of(incident, language));
    rows.number(&words::MSE, incident.number("mse"));
    rows.number(&words::THRESHOLD, incident.number("threshold"));
    rows.rows
}

/// The detector's name with its kind in words.
fn detector_of(incident: &Incident<'_>, language: Language) -> String {
    let (name, kind) = (incident.text("detector"), words::kind(incident.kind, language));
    match name.is_empty() || name == incident.kind {
        true => kind.to_owned(),
        false if kind == incident.kind => format!("{name} ({kind})"),
        false => format!("{name} ({})", kind.to_lowercase()),
    }
}

/// The value of the top tag with its units.
fn value_of(incident: &Incident<'_>, reader: &Reader) -> String {
    let Some(value) = incident.event.parameters.get("top_tag_value") else { return String::new() };
    let written = match value {
        ParameterValue::Integer(value) => reader.language.write_digits(&value.to_string()),
        ParameterValue::Number(value) => reader.language.write_number(*value),
        ParameterValue::Bool(value) => value.to_string(),
        ParameterValue::Text(text) => text.clone(),
    };
    match incident.text("top_tag_units") {
        "" => written,
        units => format!("{written}\u{a0}{units}"),
    }
}

impl Letter {
    /// The letter as plain text: labels and values in two columns, links below.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        let line = |line: &str| one_line(line, VALUE_CHARS_MAX);
        if let Some(news) = &self.news {
            plain::push_text(&mut text, &line(news));
        }
        plain::push_text(&mut text, &line(&self.base));
        text.push('\n');
        let (links, rows): (Vec<_>, Vec<_>) =
            self.rows.iter().partition(|row| !row.link.is_empty());
        let rows: Vec<_> = rows.into_iter().map(|row| (row.label, row.value.as_str())).collect();
        plain::push_rows(&mut text, &rows);
        for Row { label, value, .. } in links {
            let _ = writeln!(text, "\n{label}:\n{value}");
        }
        if !self.description.is_empty() {
            text.push('\n');
            plain::push_text(&mut text, &self.description);
        }
        text
    }

    /// The rows as an HTML table.
    pub(super) fn to_table(&self) -> String {
        // Fixed columns, else a long link would leave other words no room.
        let mut html = "<table width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
                        style=\"table-layout:fixed\">\n"
            .to_owned();
        for Row { label, value, link } in &self.rows {
            let value = match link.is_empty() {
                true => escape(value),
                false => format!(
                    "<a href=\"{}\" style=\"color:#0b57a4\">{}</a>",
                    escape(link),
                    escape(value)
                ),
            };
            let _ = writeln!(
                html,
                "<tr><td class=\"faint\" width=\"42%\" valign=\"top\" style=\"padding:4px 10px 4px 0;\
                 {FAINT};{FONT}\">{label}</td><td valign=\"top\" style=\"padding:4px 0;{FONT};\
                 {BREAK}\">{value}</td></tr>"
            );
        }
        html.push_str("</table>\n");
        html
    }

    /// The description as HTML; nothing when there is none.
    pub(super) fn to_paragraph(&self) -> String {
        if self.description.is_empty() {
            return String::new();
        }
        let description = escape(&self.description);
        format!("<p style=\"white-space:pre-wrap;{FONT};{BREAK}\">{description}</p>\n")
    }

    /// The letter as HTML; `picture` stands below the rows.
    pub(super) fn to_html(&self, picture: &str) -> String {
        let mut html = String::with_capacity(4_096);
        let bar = page::bar(self.severity, self.language);
        if self.news.is_some() {
            let title = escape(&self.title);
            let _ = writeln!(html, "<p style=\"margin:0 0 12px 0;{FONT};{BREAK}\">{title}</p>");
        }
        html.push_str(&self.to_table());
        html.push_str(picture);
        html.push_str(&self.to_paragraph());
        page::write(self.language, self.news.as_ref().unwrap_or(&self.title), &bar, &html)
    }
}
