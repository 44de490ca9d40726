//! Several incidents into one mail: how many in the subject, the rows of each below.
//!
//! In: incidents, oldest first, who reads. Out: subject, plain text and HTML with the same content,
//! and the courses of the first top tags as pictures, bounded in number and size.

use std::fmt::Write as _;

use annunciator_core::{Picture, Sample, one_line};
use annunciator_planner::{BundleLetter, BundledIncident, Incident};
use annunciator_template::Reader;

use super::letter::{self, FONT, escape};
use super::{chart, words};

/// Longest name of a subscription in the subject. Unit: characters.
const NAME_CHARS_MAX: usize = 100;
/// Most pictures of one mail: those of the first incidents that have samples.
const PICTURES_MAX: usize = 5;
/// Most octets of all pictures together; the one that passes it is left out.
const PICTURES_BYTES_MAX: usize = 200_000;

/// What the mail says.
pub(super) struct Bundle {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    pub(super) pictures: Vec<Picture>,
}

/// The pictures of a mail, bounded.
#[derive(Default)]
struct Album {
    pictures: Vec<Picture>,
    bytes: usize,
}

impl Album {
    /// Takes the picture of an incident, and answers the HTML that shows it; nothing when there is
    /// nothing to draw, or no room.
    fn add(
        &mut self,
        incident: &Incident<'_>,
        samples: &[Sample],
        reader: &Reader,
    ) -> Option<String> {
        if self.pictures.len() >= PICTURES_MAX {
            return None;
        }
        let png = chart::draw(samples, incident.time("start"))?;
        let content_id = chart::content_id(incident);
        let tag = (incident.text("top_tag"), incident.text("top_tag_units"));
        let html = chart::to_html(samples, &content_id, tag, reader)?;
        if self.bytes + png.len() > PICTURES_BYTES_MAX {
            return None;
        }
        self.bytes += png.len();
        self.pictures.push(Picture { content_id, png });
        Some(html)
    }
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
    let mut album = Album::default();
    for BundledIncident { incident, link, samples } in incidents {
        let one = letter::write(incident, rules, reader, link);
        let _ = write!(text, "\n----\n\n{}", one.to_text());
        let heading = escape(&one.heading);
        let _ = writeln!(html, "<h3 style=\"margin:20px 0 8px 0;font-size:16px\">{heading}</h3>");
        html.push_str(&one.to_table());
        html.push_str(&album.add(incident, samples, reader).unwrap_or_default());
    }
    html.push_str("</body>\n</html>\n");
    Bundle { subject, text, html, pictures: album.pictures }
}
