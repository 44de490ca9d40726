//! How a document of another detector becomes an incident, as settings (spec 9.1).
//!
//! In: what an administrator writes. Out: pointers and constants that an incident can be made of.
//! Standard: RFC 6901 (JSON pointers).
//! Failure: a constant that no incident could have is refused at save, not at each incident.

use std::collections::HashSet;

use annunciator_core::{Event, Severity};
use annunciator_settings::{Problem, choice, object};

use super::settings::{IncidentStatus, check_code, check_time_zone};

/// Longest kind of a detector. Unit: characters.
pub const KIND_CHARS_MAX: usize = 64;
/// Longest units of a top tag. Unit: characters.
pub const UNITS_CHARS_MAX: usize = 100;
/// Longest description of a top tag, and longest value that is text. Unit: characters.
pub const TAG_DESCRIPTION_CHARS_MAX: usize = 1_000;

choice! {
    /// How a document writes its times.
    pub enum MappedTimes {
        /// As RFC 3339 says: `2026-11-22T05:30:00Z`.
        Rfc3339 = "rfc3339",
        /// Seconds since 1970, as a number.
        EpochS = "epoch_s",
        /// Milliseconds since 1970, as a number.
        EpochMs = "epoch_ms",
        /// As the clocks of `time_zone` show it: `22.11.2026 08:30`, `2026-11-22 08:30:00`.
        Local = "local",
        /// Whichever of these it is; a number from 100,000,000,000 on counts milliseconds.
        Auto = "auto",
    }
}

choice! {
    /// A field whose words are translated.
    pub enum MappedField {
        /// Severity.
        Severity = "severity",
        /// Status.
        Status = "status",
        /// Kind of the detector.
        DetectorKind = "detector_kind",
    }
}

object! {
    /// What a word or number of the document means here.
    pub struct MappedValue {
        /// The field.
        field: MappedField;
        /// What the document says; case does not count.
        from: String, chars_max(256);
        /// What it is here.
        to: String, chars_max(100);
    }
}

object! {
    /// How another detector's document becomes an incident. A text that begins with `/` is a JSON
    /// pointer into the document; any other text is taken as it stands.
    pub struct IncidentMapping {
        /// Its name, part of the address that the detector posts to.
        name: String, chars_max(64), check(check_code);
        /// Where the list of incidents stands in the document; empty = the document is one
        /// incident, or a list of them.
        items: String = String::new(), chars_max(1_000);
        /// Incident id: always a pointer.
        id: String, chars_max(1_000);
        /// Kind of the detector.
        detector_kind: String, chars_max(1_000);
        /// Name of the detector.
        detector_name: String = String::new(), chars_max(1_000);
        /// Severity.
        severity: String = String::new(), chars_max(1_000);
        /// Model.
        model: String = String::new(), chars_max(1_000);
        /// Name of the asset.
        asset: String = String::new(), chars_max(1_000);
        /// Device group of the asset.
        asset_group: String = String::new(), chars_max(1_000);
        /// Name of the top tag.
        top_tag: String = String::new(), chars_max(1_000);
        /// Description of the top tag.
        top_tag_description: String = String::new(), chars_max(1_000);
        /// Value of the top tag.
        top_tag_value: String = String::new(), chars_max(1_000);
        /// Units of the top tag.
        top_tag_units: String = String::new(), chars_max(1_000);
        /// Mean squared error.
        mse: String = String::new(), chars_max(1_000);
        /// Threshold.
        threshold: String = String::new(), chars_max(1_000);
        /// Start, written as `times` says: always a pointer.
        start: String = String::new(), chars_max(1_000);
        /// End, written as `times` says: always a pointer.
        end: String = String::new(), chars_max(1_000);
        /// Status.
        status: String = String::new(), chars_max(1_000);
        /// Link to the history.
        history: String = String::new(), chars_max(1_000);
        /// What similar incidents share.
        group: String = String::new(), chars_max(1_000);
        /// Description.
        description: String = String::new(), chars_max(1_000);
        /// Samples of the top tag, a list of objects with `at` and `value`: always a pointer.
        samples: String = String::new(), chars_max(1_000);
        /// How the document writes its times.
        times: MappedTimes = MappedTimes::Rfc3339;
        /// Time zone of times that say none, for `local` and `auto`: a name of the IANA database
        /// such as `Europe/Moscow`, or `UTC`.
        time_zone: String = String::new(), chars_max(64), check(check_time_zone);
        /// What words and numbers of the document mean here; what is not listed stays as it is.
        values: Vec<MappedValue> = Vec::new(), items_max(200);
    }
}

/// Whether a text can be the kind of a detector, its length aside.
#[must_use]
pub fn is_detector_kind(text: &str) -> bool {
    check_code(text).is_ok()
}

/// Whether a link leads to the web, and to nothing that a reader's program would execute.
#[must_use]
pub fn is_web_link(text: &str) -> bool {
    ["https://", "http://"].iter().any(|begin| text.starts_with(begin))
}

impl IncidentMapping {
    /// What a word of the document means here, when the mapping says so.
    #[must_use]
    pub fn translate(&self, field: MappedField, word: &str) -> Option<&str> {
        let word = word.trim().to_lowercase();
        let mut rows = self.values.iter().filter(|row| row.field == field);
        rows.find(|row| row.from.trim().to_lowercase() == word).map(|row| row.to.as_str())
    }

    /// What cannot make an incident, with pointers below the mapping.
    pub(super) fn find_problems(&self, statuses: &[IncidentStatus]) -> Vec<Problem> {
        let mut found = Vec::new();
        for (key, text, must) in self.fields() {
            let checked = match text.is_empty() {
                true if matches!(key, "id" | "detector_kind") => Err("must be given".to_owned()),
                true => Ok(()),
                false if text.starts_with('/') => check_escapes(text),
                false => must.check(text, statuses),
            };
            let code = if text.is_empty() { "required" } else { "format" };
            found.extend(checked.err().map(|detail| Problem::new(code, detail).under(key)));
        }
        if self.times == MappedTimes::Local && self.time_zone.is_empty() {
            let words = "must be given with `times = \"local\"`: a name such as `Europe/Moscow`";
            found.push(Problem::new("required", words).under("time_zone"));
        }
        self.check_values(statuses, &mut found);
        found
    }

    fn fields(&self) -> [(&'static str, &str, Constant); 21] {
        use Constant::{Kind, Link, None, Number, Severity, Status, Text};
        let name = Text(Event::NAME_CHARS_MAX);
        [
            ("items", &self.items, None),
            ("id", &self.id, None),
            ("detector_kind", &self.detector_kind, Kind),
            ("detector_name", &self.detector_name, name),
            ("severity", &self.severity, Severity),
            ("model", &self.model, name),
            ("asset", &self.asset, Text(Event::DEVICE_CHARS_MAX)),
            ("asset_group", &self.asset_group, Text(Event::GROUP_CHARS_MAX)),
            ("top_tag", &self.top_tag, name),
            ("top_tag_description", &self.top_tag_description, Text(TAG_DESCRIPTION_CHARS_MAX)),
            ("top_tag_value", &self.top_tag_value, Text(TAG_DESCRIPTION_CHARS_MAX)),
            ("top_tag_units", &self.top_tag_units, Text(UNITS_CHARS_MAX)),
            ("mse", &self.mse, Number),
            ("threshold", &self.threshold, Number),
            ("start", &self.start, None),
            ("end", &self.end, None),
            ("status", &self.status, Status),
            ("history", &self.history, Link),
            ("group", &self.group, name),
            ("description", &self.description, Text(Event::DESCRIPTION_CHARS_MAX)),
            ("samples", &self.samples, None),
        ]
    }

    fn check_values(&self, statuses: &[IncidentStatus], found: &mut Vec<Problem>) {
        let mut known = HashSet::new();
        for (at, row) in self.values.iter().enumerate() {
            let must = match row.field {
                MappedField::Severity => Constant::Severity,
                MappedField::Status => Constant::Status,
                MappedField::DetectorKind => Constant::Kind,
            };
            let mut add = |problem: Problem, key: &str| {
                found.push(problem.under(key).under(&at.to_string()).under("values"));
            };
            match row.from.trim() {
                "" => add(Problem::new("required", "must be given"), "from"),
                from if !known.insert((row.field, from.to_lowercase())) => {
                    add(Problem::new("conflict", format!("`{from}` is there twice")), "from");
                }
                _ => {}
            }
            if let Err(detail) = must.check(&row.to, statuses) {
                add(Problem::new("format", detail), "to");
            }
        }
    }
}

/// What a field may be when it is no pointer.
#[derive(Clone, Copy)]
enum Constant {
    /// Nothing: it differs from incident to incident.
    None,
    /// A text of at most so many characters.
    Text(usize),
    Kind,
    Severity,
    Status,
    Number,
    Link,
}

impl Constant {
    /// Checks a constant as intake would.
    fn check(self, text: &str, statuses: &[IncidentStatus]) -> Result<(), String> {
        let (is_right, must) = match self {
            Self::None => return Err("must be a JSON pointer, which begins with `/`".to_owned()),
            Self::Text(most) => {
                (text.chars().count() <= most, format!("must have at most {most} characters"))
            }
            Self::Kind => {
                let fits = text.chars().count() <= KIND_CHARS_MAX && is_detector_kind(text);
                let most = KIND_CHARS_MAX;
                let words =
                    format!("must be of small letters, digits, `_` and `-`, at most {most}");
                (fits && !text.is_empty(), words)
            }
            Self::Severity => {
                let must = "must be info, warning, failure or critical".to_owned();
                (text.parse::<Severity>().is_ok(), must)
            }
            Self::Status => {
                let codes: Vec<_> = statuses.iter().map(|one| one.code.as_str()).collect();
                let is_known = statuses.iter().any(|one| one.is_meant(text));
                (is_known, format!("must be one of {}", codes.join(", ")))
            }
            Self::Number => {
                let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
                (number.is_some(), "must be a number".to_owned())
            }
            Self::Link => (is_web_link(text), "must begin with https:// or http://".to_owned()),
        };
        if is_right { Ok(()) } else { Err(format!("{must}, or a JSON pointer such as `/id`")) }
    }
}

/// RFC 6901 section 3: `~` stands before `0` or `1` alone.
fn check_escapes(pointer: &str) -> Result<(), String> {
    let mut after = pointer.split('~').skip(1);
    match after.all(|rest| rest.starts_with(['0', '1'])) {
        true => Ok(()),
        false => Err("must write `~` as `~0`, and `/` within a name as `~1`".to_owned()),
    }
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
