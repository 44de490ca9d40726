//! Notification settings into a profile: templates compiled, recipients listed, ready for events.
//!
//! A profile is made once per revision of the settings, not per event.

use annunciator_core::{
    ChannelName, Decision, DecisionKind, Event, Lane, Recipient, RecipientRole,
};
use annunciator_settings::{NotifyAbout, TextList};
use annunciator_template::{ParseError, Purpose, Template};

use crate::{LimitSource, NotifySettings};

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
    /// Compiles templates.
    ///
    /// # Errors
    /// The first template that does not parse; settings are checked at save, so that this is a
    /// broken store.
    pub fn parse(subject: &str, text: &str, html: &str) -> Result<Self, ParseError> {
        let html = (!html.is_empty()).then(|| Template::parse(html, Purpose::Email)).transpose()?;
        Ok(Self {
            subject: Template::parse(subject, Purpose::Email)?,
            text: Template::parse(text, Purpose::Email)?,
            html,
        })
    }
}

/// What holds for one channel, ready to plan events with.
#[derive(Debug, Clone)]
pub struct ChannelProfile {
    /// The channel.
    pub channel: ChannelName,
    /// The queue that its deliveries wait in.
    pub lane: Lane,
    /// Which events are notified.
    pub notify_about: NotifyAbout,
    /// Who gets them, each address once, To before Cc before Bcc.
    pub recipients: Vec<Recipient>,
    /// Sender, may be empty.
    pub sender: String,
    /// The words.
    pub words: Words,
    /// What is missing to send anything, such as a server; empty when nothing is.
    pub missing: String,
    /// The limit, when there is one.
    pub limit: Option<LimitSource>,
}

impl ChannelProfile {
    /// Compiles the settings of a channel. `missing` says what its transport lacks.
    ///
    /// # Errors
    /// A template does not parse.
    pub fn compile(
        channel: ChannelName,
        lane: Lane,
        settings: &NotifySettings,
        missing: &str,
    ) -> Result<Self, ParseError> {
        let recipients = list_recipients(settings);
        let limit = settings.limit.clone().map(|limit| LimitSource {
            channel: channel.clone(),
            layer: "server".to_owned(),
            origin: "server settings".to_owned(),
            limit,
        });
        let lacks = if recipients.is_empty() { "no recipients are set" } else { missing };
        Ok(Self {
            channel,
            lane,
            notify_about: settings.notify_about.clone(),
            recipients,
            sender: settings.sender.clone(),
            words: Words::parse(&settings.subject, &settings.message, &settings.html_message)?,
            missing: lacks.to_owned(),
            limit,
        })
    }

    /// Whether an event is notified over this channel, and why.
    #[must_use]
    pub fn decide(&self, event: &Event) -> Decision {
        let severity = event.severity.as_str();
        let is_on = self.notify_about.admits(event.severity);
        let (kind, reason) = match (&self.notify_about, is_on) {
            (NotifyAbout::Configured, _) => (
                DecisionKind::Off,
                "notify_about is `configured` and no event configuration turns it on".to_owned(),
            ),
            (_, false) => {
                (DecisionKind::Off, format!("notify_about does not include severity `{severity}`"))
            }
            _ if !self.missing.is_empty() => (DecisionKind::Incomplete, self.missing.clone()),
            (NotifyAbout::All, _) => {
                (DecisionKind::Notified, "notify_about includes all events".to_owned())
            }
            _ => (DecisionKind::Notified, format!("notify_about includes severity `{severity}`")),
        };
        Decision { channel: self.channel.clone(), kind, reason }
    }
}

/// To, Cc and Bcc in this order, an address only where it stands first.
fn list_recipients(settings: &NotifySettings) -> Vec<Recipient> {
    let lists: [(&TextList, RecipientRole); 3] = [
        (&settings.recipients, RecipientRole::To),
        (&settings.recipients_cc, RecipientRole::Cc),
        (&settings.recipients_bcc, RecipientRole::Bcc),
    ];
    let mut known = std::collections::HashSet::new();
    let mut recipients = Vec::new();
    for (list, role) in lists {
        for address in list.iter() {
            if known.insert(folded(address)) {
                recipients.push(Recipient { address: address.to_owned(), role });
            }
        }
    }
    recipients
}

/// The form two spellings of one address share: domains compare without case (RFC 5321 2.4).
fn folded(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.to_owned(),
    }
}
