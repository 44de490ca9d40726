//! Several incidents into one mail: how many and how bad in the subject, the rows of each below.
//!
//! In: incidents, oldest first, who reads. Out: subject, plain text and HTML with the same content,
//! and the courses of the first top tags as pictures, bounded in number and size.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

use annunciator_core::{Picture, Sample, Severity, one_line};
use annunciator_planner::{BundleLetter, BundledIncident, Incident};
use annunciator_template::Reader;

use super::chart::{self, Chart};
use super::letter::{self, Letter};
use super::page::{BREAK, escape};
use super::{page, plain, words};

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
        let chart = Chart::of(incident, samples, reader)?;
        let (png, content_id) = (chart.draw()?, chart::content_id(incident));
        let tag = (incident.text("top_tag"), incident.text("top_tag_units"));
        let html = chart.to_html(&content_id, tag);
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
    let told = distinct(incidents);
    let count = words::incidents(told.len(), language);
    let worst = told.iter().map(|one| one.incident.severity).max();
    let worst = worst.unwrap_or(Severity::Info);
    let subject = format!("{}: {count} ({name})", language.severity_word(worst));
    let label = words::SUBSCRIPTION.of(language);
    let mut text = String::new();
    plain::push_text(&mut text, &format!("{subject}\n{label}: {name}"));
    let mut html = String::new();
    let mut album = Album::default();
    for BundledIncident { incident, link, samples } in told {
        let one = letter::write(incident, rules, reader, link);
        let _ = write!(text, "\n{}\n\n{}", "-".repeat(plain::COLUMNS_MAX), one.to_text());
        html.push_str(&heading(&one));
        html.push_str(&one.to_table());
        html.push_str(&album.add(incident, samples, reader).unwrap_or_default());
    }
    let title = format!("{count}: {name}");
    let html = page::write(language, &title, &page::bar(worst, language), &html);
    Bundle { subject, text, html, pictures: album.pictures }
}

/// The severity of one incident and which it is.
fn heading(one: &Letter) -> String {
    let (bar, title) = (page::bar(one.severity, one.language), escape(&one.title));
    format!(
        "<div style=\"margin-top:24px\">\n{bar}</div>\n\
         <h3 style=\"margin:8px 0;font-size:16px;line-height:22px;{BREAK}\">{title}</h3>\n"
    )
}

/// Each incident once, as the latest of its events tells it, where the first of them stood.
fn distinct<'a, 'b>(told: &'a [BundledIncident<'b>]) -> Vec<&'a BundledIncident<'b>> {
    let mut kept: Vec<&BundledIncident<'_>> = Vec::with_capacity(told.len());
    let mut places = HashMap::with_capacity(told.len());
    for one in told {
        let Incident { event, id, .. } = one.incident;
        match places.entry((&event.application.name, id)) {
            Entry::Occupied(place) => kept[*place.get()] = one,
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(one);
            }
        }
    }
    kept
}
