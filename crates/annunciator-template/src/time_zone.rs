//! Names of time zones into their rules, from the database inside the binary.
//!
//! In: a name of the IANA database. Out: the zone, or the known name most like it.
//! Knows nothing of: the machine's own time zone and its files.
//! Standard: IANA Time Zone Database.

use annunciator_core::Timestamp;
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, AmbiguousZoned, Offset, TimeZoneDatabase};

/// Names less alike than this are no help.
const SIMILARITY_MIN: f64 = 0.85;

/// The rules of a place's clocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeZone(jiff::tz::TimeZone);

/// A name that no time zone has; for the administrator who wrote it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{name}` is not the name of a time zone: {}", remedy(.nearest.as_deref()))]
pub struct UnknownTimeZone {
    /// The name as written.
    pub name: String,
    /// The known name most like it.
    pub nearest: Option<String>,
}

fn remedy(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "use a name of the IANA database such as `Europe/Moscow`, or `UTC`".to_owned(),
    }
}

impl TimeZone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(jiff::tz::TimeZone::UTC);

    /// The zone of that name, in any case.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self, UnknownTimeZone> {
        match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) if !zone.is_unknown() => Ok(Self(zone)),
            _ => Err(UnknownTimeZone { name: name.to_owned(), nearest: nearest(name) }),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// How far its clocks are ahead of UTC at a time. Unit: seconds.
    #[must_use]
    pub fn offset_s(&self, at: Timestamp) -> i32 {
        self.0.to_offset(at.to_jiff()).seconds()
    }

    /// What its calendars and clocks show at a time.
    pub(crate) fn civil(&self, at: Timestamp) -> jiff::civil::DateTime {
        self.offset(at).to_datetime(at.to_jiff())
    }

    /// The minute of the day that its clocks show at a time, 0 to 1,439.
    #[must_use]
    pub fn minute_of_day(&self, at: Timestamp) -> u16 {
        let local = self.civil(at);
        u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs())
    }

    /// When its clocks show that minute of the day next, after a time: where they skip it, the
    /// time they jump to; where they show it twice on a day, the first.
    #[must_use]
    pub fn next_minute_of_day(&self, minute: u16, after: Timestamp) -> Timestamp {
        self.next_of_day(minute, after, |shown| shown.compatible().ok().into_iter().collect())
    }

    /// As [`TimeZone::next_minute_of_day`], where clocks that are set back show it a second time.
    #[must_use]
    pub fn next_minute_shown(&self, minute: u16, after: Timestamp) -> Timestamp {
        self.next_of_day(minute, after, |shown| match shown.offset() {
            AmbiguousOffset::Fold { .. } => {
                [shown.clone().earlier(), shown.later()].into_iter().flatten().collect()
            }
            _ => shown.compatible().ok().into_iter().collect(),
        })
    }

    fn next_of_day(
        &self,
        minute: u16,
        after: Timestamp,
        readings: impl Fn(AmbiguousZoned) -> Vec<Zoned>,
    ) -> Timestamp {
        const DAY_MS: i64 = 24 * 3_600_000;
        let (hour, minute) = (minute / 60 % 24, minute % 60);
        let hour = i8::try_from(hour).unwrap_or_default();
        let minute = i8::try_from(minute).unwrap_or_default();
        let at = |day: i64| {
            let date = self.civil(after.plus_ms(day * DAY_MS)).date();
            let shown = self.0.to_ambiguous_zoned(date.at(hour, minute, 0, 0));
            let times = readings(shown).into_iter();
            let mut times = times.map(|zoned| Timestamp(zoned.timestamp().as_millisecond()));
            times.find(|at| *at > after)
        };
        // A clock that is set back may show the same day for 25 hours.
        (0..3).find_map(at).unwrap_or(after.plus_ms(DAY_MS))
    }

    /// When its clocks show a written date and time; none when it is written otherwise.
    ///
    /// Forms: `22.11.2026 08:30`, `22.11.2026 08:30:15`, `2026-11-22 08:30`,
    /// `2026-11-22T08:30:15.250`. Where clocks skip it, the time they jump to; where they show it
    /// twice, the first.
    #[must_use]
    pub fn read_local(&self, text: &str) -> Option<Timestamp> {
        const FORMS: [&str; 6] = [
            "%d.%m.%Y %H:%M",
            "%d.%m.%Y %H:%M:%S%.f",
            "%Y-%m-%d %H:%M",
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y-%m-%dT%H:%M",
            "%Y-%m-%dT%H:%M:%S%.f",
        ];
        let text = text.trim();
        let local = FORMS.iter().find_map(|form| DateTime::strptime(form, text).ok());
        // Fewer digits than four are read as a year of antiquity.
        let local = local.filter(|local| local.year() >= 1_000)?;
        let zoned = self.0.to_ambiguous_zoned(local).compatible().ok()?;
        Some(Timestamp(zoned.timestamp().as_millisecond()))
    }

    fn offset(&self, at: Timestamp) -> Offset {
        self.0.to_offset(at.to_jiff())
    }
}

/// The known name most like it; a city alone is enough.
fn nearest(name: &str) -> Option<String> {
    let written = name.to_lowercase();
    let similarity = |known: &str| {
        let known = known.to_lowercase();
        let place = known.rsplit('/').next().unwrap_or_default();
        strsim::jaro_winkler(&written, &known).max(strsim::jaro_winkler(&written, place))
    };
    let database = TimeZoneDatabase::bundled();
    let known = database.available().map(|known| (similarity(known.as_str()), known));
    let alike = known.filter(|(similarity, _)| *similarity >= SIMILARITY_MIN);
    // The first of equals, so that the same mistake gets the same answer.
    let better = |best: (f64, _), other: (f64, _)| if other.0 > best.0 { other } else { best };
    alike.reduce(better).map(|(_, known)| known.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_by_its_name_in_any_case() {
        for (name, expected) in [
            ("UTC", "UTC"),
            ("Europe/Moscow", "Europe/Moscow"),
            ("europe/moscow", "Europe/Moscow"),
            ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
            ("Etc/GMT-3", "Etc/GMT-3"),
        ] {
            assert_eq!(TimeZone::named(name).unwrap().name(), expected);
        }
        assert_eq!(TimeZone::UTC, TimeZone::named("utc").unwrap());
    }

    #[test]
    fn the_next_time_of_day_is_that_of_the_zone() {
        let check = |zone: &str, minute: u16, after: &str, expected: &str| {
            let zone = TimeZone::named(zone).unwrap();
            let at = zone.next_minute_of_day(minute, after.parse().unwrap());
            assert_eq!(at, expected.parse().unwrap(), "{minute} after {after}: {at}");
        };
        check("UTC", 480, "2026-11-22T07:59:59.999Z", "2026-11-22T08:00:00Z");
        check("UTC", 480, "2026-11-22T08:00:00Z", "2026-11-23T08:00:00Z");
        check("Europe/Moscow", 480, "2026-11-22T22:00:00Z", "2026-11-23T05:00:00Z");
        // 02:30 is skipped on this day in Berlin.
        check("Europe/Berlin", 150, "2026-03-28T23:30:00Z", "2026-03-29T01:30:00Z");
        check("Europe/Berlin", 150, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
        let moscow = TimeZone::named("Europe/Moscow").unwrap();
        assert_eq!(moscow.minute_of_day("2026-11-22T22:05:59Z".parse().unwrap()), 65);
    }

    #[test]
    fn a_written_time_is_that_of_the_clocks() {
        let check = |zone: &str, text: &str, expected: Option<&str>| {
            let at = TimeZone::named(zone).unwrap().read_local(text);
            assert_eq!(at, expected.map(|at| at.parse().unwrap()), "{text} in {zone}");
        };
        check("Europe/Moscow", "30.11.2026 13:46", Some("2026-11-30T10:46:00Z"));
        check("Europe/Moscow", " 30.11.2026 13:46:07 ", Some("2026-11-30T10:46:07Z"));
        check("UTC", "2026-11-30 13:46:07.250", Some("2026-11-30T13:46:07.250Z"));
        check("UTC", "2026-11-30T13:46", Some("2026-11-30T13:46:00Z"));
        // Skipped on this day, and shown twice on that.
        check("Europe/Berlin", "29.03.2026 02:30", Some("2026-03-29T01:30:00Z"));
        check("Europe/Berlin", "25.10.2026 02:30", Some("2026-10-25T00:30:00Z"));
        for text in ["", "31.11.2026 13:46", "11/30/2026 13:46", "2026-11-30", "30.11.26 13:46"] {
            check("UTC", text, None);
        }
        check("UTC", "2026-11-30T13:46:00Z", None);
    }

    #[test]
    fn an_unknown_zone_is_refused_with_the_nearest_name() {
        for (name, expected) in [
            ("Europe/Moskow", Some("Europe/Moscow")),
            ("Moscow", Some("Europe/Moscow")),
            ("yekaterinburg", Some("Asia/Yekaterinburg")),
            ("Europe/Berlin ", Some("Europe/Berlin")),
            ("+03:00", None),
            ("zzzzzz", None),
            ("../../etc/passwd", None),
            ("", None),
        ] {
            let error = TimeZone::named(name).unwrap_err();
            assert_eq!(error.nearest.as_deref(), expected, "{name}");
            assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
        }
        assert!(TimeZone::named("Etc/Unknown").is_err(), "it says that nothing is known");
    }
}
