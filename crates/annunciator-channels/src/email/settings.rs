//! Settings about whom to notify by e-mail and in which words (spec 3.1).

use annunciator_core::{Recipient, RecipientRole, Severity};
use annunciator_planner::Limit;
use annunciator_settings::{Format, NotifyAbout, Origin, Problem, Resolved, TextList, settings};
use annunciator_template::{Language, Purpose, STANDARD_MESSAGE, STANDARD_SUBJECT, Template};

use crate::mail_transport::check_address;

fn check_template(text: &str) -> Result<(), String> {
    Template::parse(text, Purpose::Email).map(drop).map_err(|error| error.to_string())
}

settings! {
    /// Which events are notified, who is told, and in which words.
    pub struct NotifySettings / NotifyLayer {
        /// Which events are notified: `all`, a list of severities, or `configured` (only where the
        /// event configuration says so).
        notify_about: NotifyAbout =
            NotifyAbout::Severities(vec![Severity::Failure, Severity::Critical]), server_only();
        /// Whether these events are notified by e-mail, whatever `notify_about` says.
        notify: bool = false, override_only();
        /// Addresses that are named in To, separated by `;` or `,`.
        ///
        /// Each gets a delivery of its own in the ledger; one that is refused holds up nobody.
        recipients: TextList = TextList::default(), format(Format::Mailbox), chars_max(254),
            items_max(1_000);
        /// Addresses that are named in Cc.
        recipients_cc: TextList = TextList::default(), format(Format::Mailbox), chars_max(254),
            items_max(1_000);
        /// Addresses that get the message without being named in it.
        recipients_bcc: TextList = TextList::default(), format(Format::Mailbox), chars_max(254),
            items_max(1_000);
        /// Sender address.
        ///
        /// When it is empty, each recipient gets the message from its own address, in a
        /// transaction of its own. Many relays refuse that or call it spam: better set it.
        sender: String = String::new(), format(Format::Mailbox), chars_max(254);
        /// Subject template; may be empty.
        ///
        /// When it is not set, the standard subject in the language of `language` is used.
        subject: String = STANDARD_SUBJECT.english.to_owned(),
            format(Format::Template), chars_max(1_000), check(check_template);
        /// Message template, plain text.
        ///
        /// When it is not set, the standard text in the language of `language` is used.
        message: String = STANDARD_MESSAGE.english.to_owned(), format(Format::Template), chars_max(65_536),
            check(check_template);
        /// HTML template; when it is set, the message has an HTML part beside the text.
        html_message: String = String::new(), format(Format::Template), chars_max(262_144),
            check(check_template);
        /// At most so many notifications in any period of that length; what is beyond is recorded
        /// as limited, and one summary tells how many were.
        limit: Option<Limit> = None;
    }
}

/// Puts the standard texts of a language where no layer sets a template; their origin stays the
/// compiled default.
pub(super) fn put_standard_texts(resolved: &mut Resolved<NotifySettings>, language: Language) {
    let is_unset = |resolved: &Resolved<NotifySettings>, key: &str| {
        resolved.origin_of(key) == Some(&Origin::CompiledDefault)
    };
    if is_unset(resolved, "subject") {
        resolved.values.subject = STANDARD_SUBJECT.of(language).to_owned();
    }
    if is_unset(resolved, "message") {
        resolved.values.message = STANDARD_MESSAGE.of(language).to_owned();
    }
}

impl NotifySettings {
    /// To, Cc and Bcc in this order, an address only where it stands first.
    #[must_use]
    pub fn list_recipients(&self) -> Vec<Recipient> {
        let mut known = std::collections::HashSet::new();
        let mut recipients = Vec::new();
        for (_, list, role) in self.lists() {
            for address in list.iter() {
                if known.insert(folded(address)) {
                    recipients.push(Recipient { address: address.to_owned(), role });
                }
            }
        }
        recipients
    }

    fn lists(&self) -> [(&'static str, &TextList, RecipientRole); 3] {
        [
            ("recipients", &self.recipients, RecipientRole::To),
            ("recipients_cc", &self.recipients_cc, RecipientRole::Cc),
            ("recipients_bcc", &self.recipients_bcc, RecipientRole::Bcc),
        ]
    }

    /// Addresses that are none, with pointers below the group.
    #[must_use]
    pub fn find_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (key, list, _) in self.lists() {
            for (at, address) in list.iter().enumerate() {
                if let Err(detail) = check_address(address) {
                    let problem = Problem::new("format", detail);
                    problems.push(problem.under(&at.to_string()).under(key));
                }
            }
        }
        if !self.sender.is_empty()
            && let Err(detail) = check_address(&self.sender)
        {
            problems.push(Problem::new("format", detail).under("sender"));
        }
        problems
    }
}

/// The form two spellings of one address share: domains compare without case (RFC 5321 2.4).
fn folded(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_have_no_faults() {
        use annunciator_settings::SettingsGroup as _;
        let faults = annunciator_settings::find_faults(NotifySettings::definitions());
        assert_eq!(faults, Vec::<String>::new());
    }

    #[test]
    fn a_template_with_a_lone_percent_sign_is_refused_with_its_position() {
        use annunciator_settings::SettingsLayer as _;
        let document = serde_json::json!({"subject": "100 % of %EVENT%"});
        let problems = NotifyLayer::from_json(&document).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].pointer, "/subject");
        assert!(problems[0].detail.contains('5'), "{}", problems[0].detail);
    }
}
