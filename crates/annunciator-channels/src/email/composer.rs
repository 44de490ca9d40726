//! An event into the words of its e-mail.

use annunciator_core::{Event, Recipient};
use annunciator_planner::{Compose, Composed, Words};
use annunciator_template::EventValues;

/// What one message is made from.
#[derive(Debug)]
pub(super) struct EmailComposer {
    pub(super) words: Words,
    pub(super) sender: String,
    pub(super) recipients: Vec<Recipient>,
}

impl Compose for EmailComposer {
    fn compose(&self, event: &Event) -> Vec<Composed> {
        let rendered = self.words.render(&EventValues::new(event));
        vec![Composed {
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            sender: self.sender.clone(),
            recipients: self.recipients.clone(),
            command: None,
        }]
    }
}
