//! An incident and those who read alike into one mail.

use annunciator_core::{Event, Picture};
use annunciator_planner::{BundleLetter, BundleMail, Compose, Composed, IncidentLetter};

use super::chart::{self, Chart};
use super::{bundle, letter};

/// What mails about incidents are made from.
#[derive(Debug)]
pub(super) struct IncidentComposer {
    sender: String,
}

impl IncidentComposer {
    pub(super) fn new(sender: String) -> Self {
        Self { sender }
    }
}

impl Compose for IncidentComposer {
    /// Only incidents are mailed, and only to those whom subscriptions name.
    fn compose(&self, _event: &Event, _link: &str) -> Vec<Composed> {
        Vec::new()
    }

    fn is_for_subscribers(&self) -> bool {
        true
    }

    fn compose_bundle(&self, letter: &BundleLetter<'_>) -> Vec<BundleMail> {
        let mail = |written: bundle::Bundle| BundleMail {
            told: written.told,
            composed: Composed {
                subject: written.subject,
                text: written.text,
                html: Some(written.html),
                sender: self.sender.clone(),
                recipients: letter.recipients.clone(),
                command: None,
                pictures: written.pictures,
            },
        };
        bundle::write(letter).into_iter().map(mail).collect()
    }

    fn compose_incident(&self, letter: &IncidentLetter<'_>) -> Composed {
        let IncidentLetter { incident, rules, reader, recipients, link, samples } = letter;
        let written = letter::write(incident, rules, reader, link);
        let content_id = chart::content_id(incident);
        let tag = (incident.text("top_tag"), incident.text("top_tag_units"));
        let chart = Chart::of(incident, samples, reader);
        let drawn = chart.and_then(|chart| Some((chart.draw()?, chart.to_html(&content_id, tag))));
        let (png, shown) = drawn.unzip();
        Composed {
            text: written.to_text(),
            html: Some(written.to_html(&shown.unwrap_or_default())),
            subject: written.subject,
            sender: self.sender.clone(),
            recipients: recipients.clone(),
            command: None,
            pictures: png.map(|png| Picture { content_id, png }).into_iter().collect(),
        }
    }
}
