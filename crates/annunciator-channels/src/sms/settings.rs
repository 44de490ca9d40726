//! Settings about whom to notify by SMS, in which words, and how numbers reach the gateway
//! (spec 3.2).

use annunciator_planner::Limit;
use annunciator_settings::{
    Definition, Format, LayerGroup, NotifyAbout, Problem, TextList, settings,
};
use annunciator_template::{Localized, Purpose, Template};
use serde_json::{Map, Value};

use crate::RelayLayer;
use crate::mail_transport::check_address;
use crate::sms::{Destination, PhoneFormat, PhoneNumber, addresses, check_pattern, check_phone};

/// The standard text: short, as every segment is paid for.
pub(super) const STANDARD_MESSAGE: Localized = Localized {
    english: "%SEVERITY%: %EVENT% on %COMPUTER%. %DESCR%",
    russian: "%SEVERITY%: %EVENT% на %COMPUTER%. %DESCR%",
};

/// How the name of the phone number begins and ends in templates.
const PHONE_NAME: &str = "%PHONE%";

fn check_template(text: &str) -> Result<(), String> {
    Template::parse(text, Purpose::Sms).map(drop).map_err(|error| error.to_string())
}

settings! {
    /// Which events are notified by SMS, who is told, in which words, and how a number reaches
    /// the gateway.
    pub struct NotifySettings / NotifyLayer {
        /// Which events are notified: `all`, a list of severities, or `configured` (only where the
        /// event configuration says so).
        notify_about: NotifyAbout = NotifyAbout::Severities(Vec::new()), server_only();
        /// Whether these events are notified by SMS, whatever `notify_about` says.
        notify: bool = false, override_only();
        /// Phone numbers with `+` and the country code (E.164), separated by `;` or `,`.
        phone_numbers: TextList = TextList::default(), chars_max(40), items_max(1_000),
            check(check_phone);
        /// Address of a number at the gateway, such as `%PHONE%@sms.example.org`; the domain alone
        /// means the same.
        ///
        /// Empty where the number stands in subject or message, or where the gateway knows the
        /// numbers itself.
        gateway_address: String = String::new(), chars_max(254), check(check_pattern);
        /// How `%PHONE%` is written for the gateway, in its address and in the words.
        phone_format: PhoneFormat = PhoneFormat::Plus;
        /// Fixed addresses at the gateway.
        ///
        /// Each gets a mail for each phone number when subject or message name `%PHONE%`, else one.
        recipients: TextList = TextList::default(), format(Format::Mailbox), chars_max(254),
            items_max(1_000);
        /// Sender address; the gateway may let only some senders in.
        sender: String = String::new(), format(Format::Mailbox), chars_max(254);
        /// Subject template of the mail to the gateway; may be empty.
        subject: String = String::new(), format(Format::Template), chars_max(1_000),
            check(check_template);
        /// Message template: the text of the SMS.
        message: String = STANDARD_MESSAGE.english.to_owned(), format(Format::Template), chars_max(16_384),
            check(check_template);
        /// Most segments of one SMS; a longer text is cut and ends with an ellipsis. 0 = no limit.
        segments_max: u32 = 3, range(0, 255);
        /// Write the text in GSM-7 whatever letters it has, so that more fits into a segment.
        transliterate: bool = false;
        /// At most so many notifications in any period of that length; what is beyond is recorded
        /// as limited, and one summary tells how many were.
        limit: Option<Limit> = None;
    }
}

impl NotifySettings {
    /// Whether subject or message name the phone number.
    #[must_use]
    pub fn words_name_the_phone(&self) -> bool {
        // `%%PHONE%%` is a text and not the name.
        let names = |text: &str| text.replace("%%", "").contains(PHONE_NAME);
        names(&self.subject) || names(&self.message)
    }

    /// Where an SMS goes.
    ///
    /// # Errors
    /// What does not fit together, with a pointer below the group.
    pub fn destinations(&self) -> Result<Vec<Destination>, Problem> {
        let numbers = PhoneNumber::parse_all(self.phone_numbers.iter());
        let numbers = numbers
            .map_err(|error| Problem::new("format", error.to_string()).under("phone_numbers"))?;
        let recipients: Vec<String> = self.recipients.iter().map(str::to_owned).collect();
        let is_named = self.words_name_the_phone();
        addresses(&numbers, &recipients, &self.gateway_address, self.phone_format, is_named)
    }

    /// What cannot be saved, with pointers below the group.
    #[must_use]
    pub fn find_problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.destinations().err().into_iter().collect();
        if !self.sender.is_empty()
            && let Err(detail) = check_address(&self.sender)
        {
            problems.push(Problem::new("format", detail).under("sender"));
        }
        problems
    }
}

/// Settings of a relay that make no sense for a gateway: it is named, not looked up.
const NOT_FOR_GATEWAYS: [&str; 3] = ["mx_lookup", "dane", "mta_sts"];

/// What one layer sets of the gateway's mail server: a relay without MX lookup (spec 3.2).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct GatewayLayer(pub RelayLayer);

/// Whether a relay's setting is one of a gateway's mail server.
pub(super) fn is_for_gateways(key: &str) -> bool {
    !NOT_FOR_GATEWAYS.contains(&key)
}

impl LayerGroup for GatewayLayer {
    fn parts(&self) -> Vec<&dyn LayerGroup> {
        vec![&self.0]
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn LayerGroup> {
        vec![&mut self.0]
    }

    fn rows(&self) -> Vec<&'static Definition> {
        self.0.rows().into_iter().filter(|row| is_for_gateways(row.key)).collect()
    }

    fn shown(&self) -> Map<String, Value> {
        self.0.shown().into_iter().filter(|(key, _)| is_for_gateways(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use annunciator_settings::{SettingsGroup as _, find_faults};

    use super::*;

    #[test]
    fn the_definitions_have_no_faults() {
        assert_eq!(find_faults(NotifySettings::definitions()), Vec::<String>::new());
    }

    #[test]
    fn a_gateway_has_no_mx_lookup() {
        let keys: Vec<_> = GatewayLayer::default().rows().iter().map(|row| row.key).collect();
        assert!(keys.contains(&"servers") && keys.contains(&"tls"));
        assert!(NOT_FOR_GATEWAYS.iter().all(|key| !keys.contains(key)), "{keys:?}");
    }

    #[test]
    fn a_percent_sign_that_is_doubled_names_nothing() {
        let check = |subject: &str, message: &str, expected: bool| {
            let settings = NotifySettings {
                subject: subject.to_owned(),
                message: message.to_owned(),
                ..NotifySettings::default()
            };
            assert_eq!(settings.words_name_the_phone(), expected, "{subject} {message}");
        };
        check("", "%EVENT%", false);
        check("%PHONE%", "%EVENT%", true);
        check("", "to %PHONE%", true);
        check("", "%%PHONE%%", false);
        check("", "100%%%PHONE%", true);
    }
}
