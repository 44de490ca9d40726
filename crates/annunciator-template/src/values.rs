//! Where a template's values come from: an event, and who reads it.

use std::borrow::Cow;

use annunciator_core::{Event, ParameterValue, Severity};

use crate::parameters::Parameter;
use crate::reader::Reader;

/// Gives the value of each parameter; an absent value is empty.
///
/// Values are given whole: rendering shortens and escapes them.
pub trait Values {
    /// The value of a parameter of the table.
    fn value(&self, parameter: Parameter) -> Cow<'_, str>;

    /// The value of the event parameter of that name.
    fn event_parameter(&self, name: &str) -> Cow<'_, str>;
}

/// The values of an event, for one reader.
#[derive(Clone, Copy, Debug)]
pub struct EventValues<'a> {
    /// The event.
    pub event: &'a Event,
    /// Who reads them.
    pub reader: &'a Reader,
    /// Address of the event in the console, may be empty.
    pub link: &'a str,
    /// Phone number of the recipient, empty but for SMS.
    pub phone: &'a str,
}

impl<'a> EventValues<'a> {
    /// The values of an event in English, times in RFC 3339 UTC, without link and phone.
    #[must_use]
    pub fn new(event: &'a Event) -> Self {
        Self::for_reader(event, Reader::STANDARD)
    }

    /// The values of an event for a reader, without link and phone.
    #[must_use]
    pub fn for_reader(event: &'a Event, reader: &'a Reader) -> Self {
        Self { event, reader, link: "", phone: "" }
    }
}

impl Values for EventValues<'_> {
    fn value(&self, parameter: Parameter) -> Cow<'_, str> {
        let event = self.event;
        Cow::Borrowed(match parameter {
            Parameter::Severity => self.reader.language.severity_word(event.severity),
            Parameter::SeverityNum => match event.severity {
                Severity::Info => "1",
                Severity::Warning => "2",
                Severity::Failure => "3",
                Severity::Critical => "4",
            },
            Parameter::Computer => &event.device.name,
            Parameter::Domain => &event.device.domain,
            Parameter::Event => event.display_name(),
            Parameter::EventType => &event.event_type,
            Parameter::Descr => &event.description,
            Parameter::RiseTime => return Cow::Owned(self.reader.print_time(event.occurred_at)),
            Parameter::Task => &event.task,
            Parameter::Product => &event.application.name,
            Parameter::Version => &event.application.version,
            Parameter::HostIp => &event.device.ip,
            Parameter::HostConnIp => &event.device.connection_ip,
            Parameter::Group => &event.device.group,
            Parameter::EventId => &event.id,
            Parameter::Link => self.link,
            Parameter::Phone => self.phone,
        })
    }

    fn event_parameter(&self, name: &str) -> Cow<'_, str> {
        match self.event.parameters.get(name) {
            None => Cow::Borrowed(""),
            Some(ParameterValue::Text(text)) => Cow::Borrowed(text),
            Some(other) => Cow::Owned(other.to_string()),
        }
    }
}
