//! Several incidents into one mail: how many and how bad in the subject, the rows of each below.
//!
//! In: incidents, oldest first, who reads. Out: subject, plain text and HTML with the same content,
//! and the courses of the first top tags as pictures, bounded in number and size. What has no room
//! in one mail (spec 5.3) stands in the next.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use annunciator_core::{Picture, Sample, Severity, one_line};
use annunciator_planner::{BundleLetter, BundledIncident, Incident};
use annunciator_template::{RENDERED_BYTES_MAX, Reader};

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

/// Kept for what stands around the incidents: subject, title, style sheet. Unit: octets.
const AROUND_BYTES: usize = 8 * 1024;

/// What one mail says.
pub(super) struct Bundle {
    /// Which of the incidents it tells, by their positions.
    pub(super) told: Vec<usize>,
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
        room: usize,
    ) -> Option<String> {
        if self.pictures.len() >= PICTURES_MAX {
            return None;
        }
        let chart = Chart::of(incident, samples, reader)?;
        let (png, content_id) = (chart.draw()?, chart::content_id(incident));
        let tag = (incident.text("top_tag"), incident.text("top_tag_units"));
        let html = chart.to_html(&content_id, tag);
        let has_room = png.len() + html.len() <= room;
        if !has_room || self.bytes + png.len() > PICTURES_BYTES_MAX {
            return None;
        }
        self.bytes += png.len();
        self.pictures.push(Picture { content_id, png });
        Some(html)
    }
}

/// The incidents of one mail, while there is room.
#[derive(Default)]
struct Sheet {
    told: Vec<usize>,
    worst: Option<Severity>,
    text: String,
    html: String,
    album: Album,
}

impl Sheet {
    /// What it takes by now. Unit: octets.
    fn bytes(&self) -> usize {
        AROUND_BYTES + self.text.len() + self.html.len() + self.album.bytes
    }

    /// Takes an incident; false when it has no room. The first always has.
    fn add(&mut self, letter: &BundleLetter<'_>, at: usize) -> bool {
        let BundledIncident { incident, link, samples } = &letter.incidents[at];
        let one = letter::write(incident, letter.rules, &letter.reader, link);
        let text = format!("\n{}\n\n{}", "-".repeat(plain::COLUMNS_MAX), one.to_text());
        let (above, below) = (heading(&one) + &one.to_table(), one.to_paragraph());
        let bytes = text.len() + above.len() + below.len();
        if !self.told.is_empty() && self.bytes() + bytes > RENDERED_BYTES_MAX {
            return false;
        }
        let room = RENDERED_BYTES_MAX.saturating_sub(self.bytes() + bytes);
        let picture = self.album.add(incident, samples, &letter.reader, room);
        self.text.push_str(&text);
        self.html.extend([above, picture.unwrap_or_default(), below]);
        self.worst = self.worst.max(Some(incident.severity));
        self.told.push(at);
        true
    }

    fn finish(self, letter: &BundleLetter<'_>) -> Bundle {
        let language = letter.reader.language;
        let name = one_line(letter.subscription, NAME_CHARS_MAX);
        let count = words::incidents(self.told.len(), language);
        let worst = self.worst.unwrap_or(Severity::Info);
        let subject = format!("{}: {count} ({name})", language.severity_word(worst));
        let label = words::SUBSCRIPTION.of(language);
        let mut text = String::with_capacity(self.text.len() + 512);
        plain::push_text(&mut text, &format!("{subject}\n{label}: {name}"));
        text.push_str(&self.text);
        let title = format!("{count}: {name}");
        let html = page::write(language, &title, &page::bar(worst, language), &self.html);
        Bundle { told: self.told, subject, text, html, pictures: self.album.pictures }
    }
}

/// Writes the mails, at least one, none of more than [`RENDERED_BYTES_MAX`].
pub(super) fn write(letter: &BundleLetter<'_>) -> Vec<Bundle> {
    let (mut sheets, mut sheet) = (Vec::new(), Sheet::default());
    for at in distinct(&letter.incidents) {
        if !sheet.add(letter, at) {
            sheets.push(std::mem::take(&mut sheet));
            sheet.add(letter, at);
        }
    }
    sheets.push(sheet);
    sheets.into_iter().map(|sheet| sheet.finish(letter)).collect()
}

/// The severity of one incident and which it is.
fn heading(one: &Letter) -> String {
    let (bar, title) = (page::bar(one.severity, one.language), escape(&one.title));
    format!(
        "<div style=\"margin-top:24px\">\n{bar}</div>\n\
         <h3 style=\"margin:8px 0;font-size:16px;line-height:22px;{BREAK}\">{title}</h3>\n"
    )
}

/// Each incident once, as the latest of its events tells it, where the first of them stood: by
/// positions.
fn distinct(incidents: &[BundledIncident<'_>]) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::with_capacity(incidents.len());
    let mut places = HashMap::with_capacity(incidents.len());
    for (at, one) in incidents.iter().enumerate() {
        let Incident { event, id, .. } = one.incident;
        match places.entry((&event.application.name, id)) {
            Entry::Occupied(place) => kept[*place.get()] = at,
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(at);
            }
        }
    }
    kept
}
