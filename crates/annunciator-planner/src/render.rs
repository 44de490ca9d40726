//! Templates and an event into the words of a message, before any connection is opened.

use annunciator_core::{Content, Event, NotificationId};
use annunciator_template::{Escape, ParseError, Purpose, Template, Values};

use crate::{Composed, Incident};

/// Compiled templates of a message.
#[derive(Debug, Clone)]
pub struct Words {
    /// Subject.
    pub subject: Template,
    /// Plain text.
    pub text: Template,
    /// HTML beside the text.
    pub html: Option<Template>,
}

impl Words {
    /// Compiles templates for a purpose.
    ///
    /// # Errors
    /// The first template that does not parse; settings are checked at save, so that this is a
    /// broken store.
    pub fn parse(
        subject: &str,
        text: &str,
        html: &str,
        purpose: Purpose,
    ) -> Result<Self, ParseError> {
        let html = (!html.is_empty()).then(|| Template::parse(html, purpose)).transpose()?;
        Ok(Self {
            subject: Template::parse(subject, purpose)?,
            text: Template::parse(text, purpose)?,
            html,
        })
    }

    /// No words at all.
    #[must_use]
    pub fn empty() -> Self {
        Self { subject: Template::empty(), text: Template::empty(), html: None }
    }

    /// The words for these values.
    #[must_use]
    pub fn render(&self, values: &dyn Values) -> RenderedWords {
        RenderedWords {
            subject: self.subject.render(values, Escape::Line),
            text: self.text.render(values, Escape::None),
            html: self.html.as_ref().map(|html| html.render(values, Escape::Html)),
        }
    }
}

/// Rendered templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedWords {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML, values escaped.
    pub html: Option<String>,
}

/// What is frozen in a notification about an event.
#[must_use]
pub fn freeze(composed: Composed, event: &Event, id: NotificationId, domain: &str) -> Content {
    Content {
        subject: composed.subject,
        text: composed.text,
        html: composed.html,
        sender: composed.sender,
        recipients: composed.recipients,
        message_id: format!("{id}@{domain}"),
        thread_id: format!("{:016x}@{domain}", thread_number(event)),
        event_id: event.id.clone(),
        command: composed.command,
        pictures: composed.pictures,
    }
}

/// The same for all events of one type on one device, over restarts and versions, so that mail
/// readers thread them (spec 4.8); of an incident, the same for all that is told of it.
/// FNV-1a, 64 bits; a collision only threads two kinds together.
fn thread_number(event: &Event) -> u64 {
    let mut fields = [&*event.application.name, &*event.event_type, &*event.device.name];
    if let Some(incident) = Incident::of(event) {
        // An incident and all that becomes of it.
        fields = [&event.application.name, "incident", incident.id];
    }
    let octets = fields.iter().flat_map(|field| field.bytes().chain([0]));
    octets.fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
