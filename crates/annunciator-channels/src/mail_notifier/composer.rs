//! An incident and those who read alike into one mail.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use annunciator_core::{Event, EventUid, Picture, Timestamp};
use annunciator_planner::{BundleLetter, BundleMail, Compose, Composed, IncidentLetter};

use super::chart::{self, Chart};
use super::{bundle, letter};

/// Pictures that are kept for the next readers: those of one incident are written to one after
/// another, in not many more time zones.
const KEPT_MAX: usize = 16;

/// What mails about incidents are made from.
#[derive(Debug)]
pub(super) struct IncidentComposer {
    sender: String,
    drawn: Gallery,
}

impl IncidentComposer {
    pub(super) fn new(sender: String) -> Self {
        Self { sender, drawn: Gallery::default() }
    }
}

/// The last pictures that were drawn: drawing is by far the dearest part of a mail, and readers of
/// one incident differ by the marks of their time zone at most.
#[derive(Debug, Default)]
struct Gallery(Mutex<VecDeque<(PictureKey, Vec<u8>)>>);

/// The event, and where the marks of time stand.
type PictureKey = (EventUid, Vec<Timestamp>);

impl Gallery {
    fn draw(&self, event: EventUid, chart: &Chart<'_>) -> Option<Vec<u8>> {
        let key = (event, chart.marks_of_time().to_vec());
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, png)) = known().iter().find(|(kept, _)| *kept == key) {
            return Some(png.clone());
        }
        let png = chart.draw()?;
        let mut kept = known();
        kept.truncate(KEPT_MAX - 1);
        kept.push_front((key, png.clone()));
        Some(png)
    }
}

impl Compose for IncidentComposer {
    /// Only incidents are mailed, and only to those whom subscriptions name.
    fn compose(&self, _event: &Event, _link: &str) -> Vec<Composed> {
        Vec::new()
    }

    fn is_for_subscribers(&self) -> bool {
        true
    }

    fn compose_bundle(&self, letter: &BundleLetter<'_>) -> Vec<BundleMail> {
        let mail = |written: bundle::Bundle| BundleMail {
            told: written.told,
            composed: Composed {
                subject: written.subject,
                text: written.text,
                html: Some(written.html),
                sender: self.sender.clone(),
                recipients: letter.recipients.clone(),
                command: None,
                pictures: written.pictures,
            },
        };
        bundle::write(letter).into_iter().map(mail).collect()
    }

    fn compose_incident(&self, letter: &IncidentLetter<'_>) -> Composed {
        let IncidentLetter { incident, rules, reader, recipients, link, samples } = letter;
        let written = letter::write(incident, rules, reader, link);
        let content_id = chart::content_id(incident);
        let tag = (incident.text("top_tag"), incident.text("top_tag_units"));
        let chart = Chart::of(incident, samples, reader);
        let drawn = chart.and_then(|chart| {
            let png = self.drawn.draw(incident.event.uid, &chart)?;
            Some((png, chart.to_html(&content_id, tag)))
        });
        let (png, shown) = drawn.unzip();
        Composed {
            text: written.to_text(),
            html: Some(written.to_html(&shown.unwrap_or_default())),
            subject: written.subject,
            sender: self.sender.clone(),
            recipients: recipients.clone(),
            command: None,
            pictures: png.map(|png| Picture { content_id, png }).into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use annunciator_core::Sample;
    use annunciator_template::{Reader, TimeZone};

    use super::*;

    #[test]
    fn a_picture_is_drawn_once_for_readers_whose_marks_are_alike() {
        let hour = 3_600_000;
        let sample =
            |n: i64| Sample { at: Timestamp(n * hour), value: if n % 2 == 0 { 1.0 } else { 2.0 } };
        let samples: Vec<_> = (0..30).map(sample).collect();
        let reader = |zone: &str| Reader {
            time_zone: TimeZone::named(zone).unwrap(),
            ..Reader::STANDARD.clone()
        };
        let (gallery, uid) = (Gallery::default(), EventUid::from_parts(1, [0; 10]));
        let mut pictures = Vec::new();
        // Marks stand at full parts of a day: those of Kathmandu stand elsewhere.
        for zone in ["UTC", "UTC", "Asia/Kathmandu", "UTC"] {
            let reader = reader(zone);
            let chart = Chart::with(&samples, None, None, &reader).unwrap();
            pictures.push(gallery.draw(uid, &chart).unwrap());
            assert_eq!(pictures.last(), chart.draw().as_ref(), "{zone}");
        }
        assert_ne!(pictures[0], pictures[2]);
        assert_eq!(gallery.0.lock().unwrap().len(), 2);
        let utc = reader("UTC");
        let chart = Chart::with(&samples, None, None, &utc).unwrap();
        for n in 0..40 {
            gallery.draw(EventUid::from_parts(2, [n; 10]), &chart).unwrap();
        }
        assert_eq!(gallery.0.lock().unwrap().len(), KEPT_MAX, "not more than that");
    }
}
