//! An event into the words of its SMS.

use annunciator_core::{Content, Event, Recipient, RecipientRole};
use annunciator_planner::{Compose, Composed, Words};
use annunciator_template::{EventValues, Reader};

use crate::sms::{Destination, PhoneFormat, shorten};

/// What the SMS of an event are made from.
#[derive(Debug)]
pub(super) struct SmsComposer {
    pub(super) words: Words,
    pub(super) reader: Reader,
    pub(super) sender: String,
    pub(super) destinations: Vec<Destination>,
    /// Whether the words name the phone number, so that they differ from one to the next.
    pub(super) are_words_personal: bool,
    pub(super) phone_format: PhoneFormat,
    pub(super) segments_max: usize,
    pub(super) transliterate: bool,
}

impl SmsComposer {
    fn one(&self, event: &Event, phone: &str, recipients: Vec<Recipient>) -> Composed {
        let values = EventValues { phone, ..EventValues::for_reader(event, &self.reader) };
        let rendered = self.words.render(&values);
        // Gateways count what the phone shows: a line break is one character there.
        let text = rendered.text.replace("\r\n", "\n");
        let (text, _) = shorten(text.trim_end(), self.segments_max, self.transliterate);
        let (subject, sender) = (rendered.subject, self.sender.clone());
        Composed { subject, text, sender, recipients, ..Composed::default() }
    }
}

impl Compose for SmsComposer {
    fn compose(&self, event: &Event) -> Vec<Composed> {
        let recipient = |destination: &Destination| Recipient {
            address: destination.address.clone(),
            role: RecipientRole::To,
        };
        if !self.are_words_personal {
            let recipients = self.destinations.iter().map(recipient).collect();
            return vec![self.one(event, "", recipients)];
        }
        let each = |destination: &Destination| {
            let phone = destination.phone.as_ref();
            let phone = phone.map(|phone| self.phone_format.write(phone)).unwrap_or_default();
            self.one(event, &phone, vec![recipient(destination)])
        };
        self.destinations.iter().map(each).collect()
    }

    fn fit_summary(&self, _event: &Event, content: &mut Content) {
        // The subject says it all, and a list of types would cost many segments.
        let text = content.subject.clone();
        (content.text, _) = shorten(&text, self.segments_max, self.transliterate);
    }
}
