//! Templates and an event into the words of a notification, before any connection is opened.

use annunciator_core::{Content, Event, NotificationId, Recipient};
use annunciator_template::{Escape, EventValues, SampleValues, Values};

use crate::{ChannelProfile, Words};

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

impl RenderedWords {
    fn of(words: &Words, values: &dyn Values) -> Self {
        Self {
            subject: words.subject.render(values, Escape::Line),
            text: words.text.render(values, Escape::None),
            html: words.html.as_ref().map(|html| html.render(values, Escape::Html)),
        }
    }
}

/// Renders templates for a preview: with an event, or with the samples of the parameter table.
#[must_use]
pub fn render_preview(words: &Words, event: Option<&Event>) -> RenderedWords {
    match event {
        Some(event) => RenderedWords::of(words, &EventValues::new(event)),
        None => RenderedWords::of(words, &SampleValues),
    }
}

/// Renders what is frozen in a notification.
pub(crate) fn render_content(
    profile: &ChannelProfile,
    event: &Event,
    id: NotificationId,
    domain: &str,
) -> Content {
    let rendered = RenderedWords::of(&profile.words, &EventValues::new(event));
    Content {
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        sender: profile.sender.clone(),
        recipients: profile.recipients.clone(),
        message_id: format!("{id}@{domain}"),
        thread_id: format!("{:016x}@{domain}", thread_number(event)),
        event_id: event.id.clone(),
        command: None,
    }
}

/// What is frozen in the summary of a limit, for a channel that sends messages.
#[must_use]
pub fn summary_content(
    (subject, text): (String, String),
    (sender, recipients): (&str, Vec<Recipient>),
    event: &Event,
    id: NotificationId,
    domain: &str,
) -> Content {
    Content {
        subject,
        text,
        html: None,
        sender: sender.to_owned(),
        recipients,
        message_id: format!("{id}@{domain}"),
        thread_id: format!("{:016x}@{domain}", thread_number(event)),
        event_id: event.id.clone(),
        command: None,
    }
}

/// The same for all events of one type on one device, over restarts and versions, so that mail
/// readers thread them (spec 4.8). FNV-1a, 64 bits; a collision only threads two kinds together.
fn thread_number(event: &Event) -> u64 {
    let fields = [&event.application.name, &event.event_type, &event.device.name];
    let octets = fields.iter().flat_map(|field| field.bytes().chain([0]));
    octets.fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
