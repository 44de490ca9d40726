//! The template parameters, one row each: parsing, validation, console and reference follow from
//! this table.
//!
//! Standard: spec 5.2; limits of the fields spec 2.1.

use std::fmt::Write as _;

use annunciator_core::Event;

/// What a template is for; decides which names it may use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Purpose {
    /// Subject, text and HTML of e-mail.
    Email,
    /// Subject and text of SMS, and the pattern of gateway addresses.
    Sms,
    /// Arguments of an executable.
    Executable,
}

/// A name that templates may use, besides `PARAM:name`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Parameter {
    /// `SEVERITY`
    Severity,
    /// `SEVERITY_NUM`
    SeverityNum,
    /// `COMPUTER`
    Computer,
    /// `DOMAIN`
    Domain,
    /// `EVENT`
    Event,
    /// `EVENT_TYPE`
    EventType,
    /// `DESCR`
    Descr,
    /// `RISE_TIME`
    RiseTime,
    /// `TASK`
    Task,
    /// `PRODUCT`
    Product,
    /// `VERSION`
    Version,
    /// `HOST_IP`
    HostIp,
    /// `HOST_CONN_IP`
    HostConnIp,
    /// `GROUP`
    Group,
    /// `EVENT_ID`
    EventId,
    /// `LINK`
    Link,
    /// `PHONE`
    Phone,
}

impl Parameter {
    /// Its row of the table.
    #[must_use]
    pub fn row(self) -> &'static ParameterRow {
        &PARAMETERS[self as usize]
    }

    /// The parameter of that name or alias, in upper case as templates write it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PARAMETERS
            .iter()
            .find(|row| row.name == name || row.aliases.contains(&name))
            .map(|row| row.parameter)
    }
}

/// One row of [`PARAMETERS`].
#[derive(Debug)]
pub struct ParameterRow {
    /// Which parameter.
    pub parameter: Parameter,
    /// Its name, without percent signs.
    pub name: &'static str,
    /// Other names of the same value.
    pub aliases: &'static [&'static str],
    /// One sentence for the manual and the console.
    pub doc: &'static str,
    /// A value as it may look.
    pub sample: &'static str,
    /// What templates show of it; the rest becomes an ellipsis. Unit: characters.
    pub chars_max: usize,
    /// Which templates may use it.
    pub purposes: &'static [Purpose],
}

/// Begins the name of an event parameter: `%PARAM:free_percent%`.
pub(crate) const EVENT_PARAMETER_PREFIX: &str = "PARAM:";

/// Longest link that is shown. Unit: characters.
const LINK_CHARS_MAX: usize = 2048;
/// Longest phone number that is shown: E.164 with room for separators. Unit: characters.
const PHONE_CHARS_MAX: usize = 32;

const EVERY_PURPOSE: &[Purpose] = &[Purpose::Email, Purpose::Sms, Purpose::Executable];

/// A row that every template may use.
const fn row(
    parameter: Parameter,
    name: &'static str,
    chars_max: usize,
    sample: &'static str,
    doc: &'static str,
) -> ParameterRow {
    ParameterRow { parameter, name, aliases: &[], doc, sample, chars_max, purposes: EVERY_PURPOSE }
}

/// All parameters, in the order of [`Parameter`].
pub const PARAMETERS: &[ParameterRow] = &[
    row(
        Parameter::Severity,
        "SEVERITY",
        Event::NAME_CHARS_MAX,
        "Critical",
        "How bad the event is: Info, Warning, Functional failure or Critical.",
    ),
    ParameterRow {
        aliases: &["KLCSAK_EVENT_SEVERITY_NUM"],
        ..row(
            Parameter::SeverityNum,
            "SEVERITY_NUM",
            Event::NAME_CHARS_MAX,
            "4",
            "How bad the event is, as a number from 1 (info) to 4 (critical).",
        )
    },
    row(
        Parameter::Computer,
        "COMPUTER",
        Event::DEVICE_CHARS_MAX,
        "pc-17",
        "Name of the device where it happened.",
    ),
    row(
        Parameter::Domain,
        "DOMAIN",
        Event::NAME_CHARS_MAX,
        "PLANT",
        "Windows or DNS domain of the device.",
    ),
    row(
        Parameter::Event,
        "EVENT",
        Event::TITLE_CHARS_MAX,
        "Disk full",
        "Display name of the event type, or its code when there is none.",
    ),
    row(
        Parameter::EventType,
        "EVENT_TYPE",
        Event::NAME_CHARS_MAX,
        "disk.full",
        "Code of the event type.",
    ),
    row(
        Parameter::Descr,
        "DESCR",
        Event::DESCRIPTION_SHOWN_CHARS_MAX,
        "Volume D: has 1 % left",
        "Description of the event.",
    ),
    row(
        Parameter::RiseTime,
        "RISE_TIME",
        Event::NAME_CHARS_MAX,
        "2026-11-22T05:30:00.000Z",
        "When the event occurred.",
    ),
    ParameterRow {
        aliases: &["KLCSAK_EVENT_TASK_DISPLAY_NAME"],
        ..row(
            Parameter::Task,
            "TASK",
            Event::TITLE_CHARS_MAX,
            "Nightly backup",
            "Name of the task that caused the event.",
        )
    },
    ParameterRow {
        aliases: &["KL_PRODUCT"],
        ..row(
            Parameter::Product,
            "PRODUCT",
            Event::NAME_CHARS_MAX,
            "Storage Guard",
            "Name of the application that reports the event.",
        )
    },
    ParameterRow {
        aliases: &["KL_VERSION"],
        ..row(
            Parameter::Version,
            "VERSION",
            Event::NAME_CHARS_MAX,
            "1.4",
            "Version of the application that reports the event.",
        )
    },
    row(
        Parameter::HostIp,
        "HOST_IP",
        Event::NAME_CHARS_MAX,
        "10.0.0.17",
        "IP address of the device.",
    ),
    row(
        Parameter::HostConnIp,
        "HOST_CONN_IP",
        Event::NAME_CHARS_MAX,
        "10.0.0.1",
        "IP address that the device connected from.",
    ),
    row(
        Parameter::Group,
        "GROUP",
        Event::GROUP_CHARS_MAX,
        "Plant A/Line 2",
        "Path of the device group.",
    ),
    row(
        Parameter::EventId,
        "EVENT_ID",
        Event::NAME_CHARS_MAX,
        "a1",
        "Id of the event, as its source gave it.",
    ),
    row(
        Parameter::Link,
        "LINK",
        LINK_CHARS_MAX,
        "https://annunciator.example.org/events/019aaa36-5c11-7cc4-8f54-1f5a7d0f9ad2",
        "Address of the event in the console; `console.url` says where that is.",
    ),
    ParameterRow {
        purposes: &[Purpose::Sms],
        ..row(
            Parameter::Phone,
            "PHONE",
            PHONE_CHARS_MAX,
            "+491701234567",
            "Phone number of the recipient (SMS only).",
        )
    },
];

/// The table as a page of the reference, in Markdown.
#[must_use]
pub fn reference_markdown() -> String {
    let mut page = String::from(
        "| name | value | example | characters |\n\
         |---|---|---|---:|\n",
    );
    for row in PARAMETERS {
        let mut names = format!("`%{}%`", row.name);
        for alias in row.aliases {
            write!(names, ", `%{alias}%`").expect("a String takes everything");
        }
        writeln!(page, "| {names} | {} | {} | {} |", row.doc, row.sample, row.chars_max)
            .expect("a String takes everything");
    }
    writeln!(
        page,
        "| `%PARAM:name%` | Value of the event's parameter `name`, empty when it has none. | 1 | {} |",
        Event::PARAMETER_CHARS_MAX
    )
    .expect("a String takes everything");
    page.push_str("| `%%` | A percent sign. | % | 1 |\n");
    page
}
