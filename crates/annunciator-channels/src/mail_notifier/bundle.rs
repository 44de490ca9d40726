//! Several incidents into one mail: how many in the subject, the rows of each below.
//!
//! In: incidents, oldest first, who reads. Out: subject, plain text and HTML with the same content.

use std::fmt::Write as _;

use annunciator_core::one_line;
use annunciator_planner::BundleLetter;

use super::letter::{self, FONT, escape};
use super::words;

/// Longest name of a subscription in the subject. Unit: characters.
const NAME_CHARS_MAX: usize = 100;

/// What the mail says.
pub(super) struct Bundle {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// Writes the mail.
pub(super) fn write(letter: &BundleLetter<'_>) -> Bundle {
    let BundleLetter { subscription, rules, incidents, reader, .. } = letter;
    let language = reader.language;
    let name = one_line(subscription, NAME_CHARS_MAX);
    let count = incidents.len();
    let subject = format!("{}: {count} ({name})", words::INCIDENTS.of(language));
    let label = words::SUBSCRIPTION.of(language);
    let mut text = format!("{subject}\n{label}: {name}\n");
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta http-equiv=\"Content-Type\" \
         content=\"text/html; charset=utf-8\" />\n<title>{title}</title>\n</head>\n\
         <body style=\"margin:0;padding:16px;{FONT};color:#1c2733\">\n\
         <h2 style=\"margin:0 0 12px 0;font-size:20px\">{title}</h2>\n",
        language.code(),
        title = escape(&subject),
    );
    for (incident, link) in incidents {
        let one = letter::write(incident, rules, reader, link);
        let _ = write!(text, "\n----\n\n{}", one.to_text());
        let heading = escape(&one.heading);
        let _ = writeln!(html, "<h3 style=\"margin:20px 0 8px 0;font-size:16px\">{heading}</h3>");
        html.push_str(&one.to_table());
    }
    html.push_str("</body>\n</html>\n");
    Bundle { subject, text, html }
}
