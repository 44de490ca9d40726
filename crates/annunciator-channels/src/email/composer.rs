//! An event into the words of its e-mail, once for each reader.

use annunciator_core::{Event, Recipient};
use annunciator_planner::{Compose, Composed, Words};
use annunciator_template::{EventValues, Reader};

use crate::readers::{PerLanguage, ReaderGroup, group_by_reader};

/// What messages are made from.
#[derive(Debug)]
pub(super) struct EmailComposer {
    words: PerLanguage<Words>,
    sender: String,
    groups: Vec<ReaderGroup>,
}

impl EmailComposer {
    /// Recipients with different readers get messages of their own; `reader_of` says who reads.
    pub(super) fn new(
        words: PerLanguage<Words>,
        sender: String,
        recipients: Vec<Recipient>,
        reader_of: &dyn Fn(&Recipient) -> Reader,
    ) -> Self {
        Self { words, sender, groups: group_by_reader(recipients, reader_of) }
    }
}

impl Compose for EmailComposer {
    fn compose(&self, event: &Event, link: &str) -> Vec<Composed> {
        let compose = |group: &ReaderGroup| {
            let words = self.words.of(group.reader.language);
            let values = EventValues { link, ..EventValues::for_reader(event, &group.reader) };
            let rendered = words.render(&values);
            Composed {
                subject: rendered.subject,
                text: rendered.text,
                html: rendered.html,
                sender: self.sender.clone(),
                recipients: group.recipients.clone(),
                command: None,
                pictures: Vec::new(),
            }
        };
        self.groups.iter().map(compose).collect()
    }
}
