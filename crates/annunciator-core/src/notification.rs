//! Notifications: content frozen at planning, and who gets it (ADR 0003).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Event, EventUid, NotificationId, Severity, Timestamp};

/// Name of a channel, as in settings, API and ledger. Only the registry of channels compares it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelName(pub std::borrow::Cow<'static, str>);

impl ChannelName {
    /// A name known at compile time.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        Self(std::borrow::Cow::Borrowed(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a recipient is named in the message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecipientRole {
    /// Named in To.
    To,
    /// Named in Cc.
    Cc,
    /// Not named.
    Bcc,
}

/// Who gets a notification: for e-mail a mailbox address without a display name.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Recipient {
    /// The address, in the channel's own form, validated at save.
    pub address: String,
    /// How the message names it.
    pub role: RecipientRole,
}

/// What decides which layers apply to an event; kept so that transport is resolved at each attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Scope {
    /// Application name.
    pub application: String,
    /// Event type code.
    pub event_type: String,
    /// Severity of the event.
    pub severity: Severity,
    /// Device name, may be empty.
    pub device: String,
    /// Device group path, may be empty.
    pub group: String,
    /// Fingerprints of the conditions on the event that held when it was planned, ascending:
    /// layers with another condition do not apply to its transport.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<u64>,
}

impl Scope {
    /// The scope of an event, without conditions; `/` at the ends of its group means nothing, as
    /// for silences.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            application: event.application.name.clone(),
            event_type: event.event_type.clone(),
            severity: event.severity,
            device: event.device.name.clone(),
            group: event.device.group.trim_matches('/').to_owned(),
            conditions: Vec::new(),
        }
    }
}

/// What an executable gets besides its standard input, which is the content's text.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Command {
    /// Arguments, without the program's own name; no NUL in any.
    pub arguments: Vec<String>,
    /// Names and values of the environment, each name once; no NUL in any.
    pub environment: Vec<(String, String)>,
}

/// A picture within a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Picture {
    /// How HTML names it: `<img src="cid:…">` (RFC 2392); of letters, digits, `.`, `-` and `@`, and
    /// another one in every message, as some programs keep pictures by it.
    pub content_id: String,
    /// PNG.
    pub png: Vec<u8>,
}

/// The words of a notification, rendered before any connection is opened (spec 5.3).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Content {
    /// Subject line, no line breaks; may be empty.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML, sent beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Sender address; empty means that each recipient gets it from its own address (ADR 0011).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sender: String,
    /// Address for the To header, Cc header: every recipient of the notification, in order.
    pub recipients: Vec<Recipient>,
    /// Message-ID without angle brackets, the same for every attempt.
    pub message_id: String,
    /// Messages of one thread share it (event type and device), without angle brackets.
    pub thread_id: String,
    /// The source's id of the event.
    pub event_id: String,
    /// What an executable gets; none for messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Pictures that the HTML shows by `cid:` and [`Picture::content_id`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Picture>,
}

/// Content for one channel, frozen at planning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notification {
    /// Id.
    pub id: NotificationId,
    /// The event it tells about.
    pub event: EventUid,
    /// The way out.
    pub channel: ChannelName,
    /// When it was planned; the message's Date.
    pub created_at: Timestamp,
    /// Which layers apply when its transport is resolved.
    pub scope: Scope,
    /// The words.
    pub content: Content,
}
