//! An event into the words of its SMS.

use annunciator_core::{Event, Recipient, RecipientRole};
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
    fn one(
        &self,
        (event, link): (&Event, &str),
        phone: &str,
        recipients: Vec<Recipient>,
    ) -> Composed {
        let values = EventValues { link, phone, ..EventValues::for_reader(event, &self.reader) };
        let rendered = self.words.render(&values);
        // Gateways count what the phone shows: a line break is one character there.
        let text = rendered.text.replace("\r\n", "\n");
        let (text, _) = shorten(text.trim_end(), self.segments_max, self.transliterate);
        let (subject, sender) = (rendered.subject, self.sender.clone());
        Composed { subject, text, sender, recipients, ..Composed::default() }
    }
}

impl Compose for SmsComposer {
    fn compose(&self, event: &Event, link: &str) -> Vec<Composed> {
        let recipient = |destination: &Destination| Recipient {
            address: destination.address.clone(),
            role: RecipientRole::To,
        };
        if !self.are_words_personal {
            let recipients = self.destinations.iter().map(recipient).collect();
            return vec![self.one((event, link), "", recipients)];
        }
        let each = |destination: &Destination| {
            let phone = destination.phone.as_ref();
            let phone = phone.map(|phone| self.phone_format.write(phone)).unwrap_or_default();
            self.one((event, link), &phone, vec![recipient(destination)])
        };
        self.destinations.iter().map(each).collect()
    }

    fn summaries(&self, event: &Event, draft: Composed) -> Vec<Composed> {
        if self.are_words_personal {
            // The gateway finds the number in the words: they are those of any event.
            return self.compose(event, "");
        }
        // The subject says it all, and a list of types would cost many segments.
        let (text, _) = shorten(&draft.subject, self.segments_max, self.transliterate);
        vec![Composed { text, ..draft }]
    }
}
