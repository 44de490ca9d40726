//! A period that ends now becomes pieces of time that begin at round times of the reader's zone.

use annunciator_core::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::language::Language;

/// How far back the dashboard looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    /// An hour in pieces of five minutes.
    Hour,
    /// A day in half-hours.
    Day,
    /// A week in pieces of four hours.
    Week,
    /// Thirty days.
    Month,
}

impl Period {
    pub(super) const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The word of queries and keys.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// The period of a word; a day for any other.
    pub(super) fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|period| period.word() == word).unwrap_or(Self::Day)
    }

    /// The same period as lists know it, for a link; lists have no word for a month.
    pub(super) fn pairs(self, since: &str) -> [(&'static str, &str); 2] {
        match self {
            Self::Hour => [("period", "hour"), ("since", "")],
            Self::Day => [("period", "day"), ("since", "")],
            Self::Week => [("period", "week"), ("since", "")],
            Self::Month => [("period", "custom"), ("since", since)],
        }
    }

    /// How fine the numbers are that it is made of. Unit: seconds.
    pub(super) fn step_s(self) -> u32 {
        match self {
            Self::Hour | Self::Day => 300,
            Self::Week | Self::Month => 3_600,
        }
    }

    /// Length of a piece. Unit: minutes.
    fn piece_min(self) -> i16 {
        match self {
            Self::Hour => 5,
            Self::Day => 30,
            Self::Week => 240,
            Self::Month => 1_440,
        }
    }

    fn pieces(self) -> usize {
        match self {
            Self::Hour => 12,
            Self::Day => 48,
            Self::Week => 42,
            Self::Month => 30,
        }
    }

    /// Where its pieces begin, oldest first; the last is the one of now.
    pub(super) fn starts(self, now: Timestamp, zone: &TimeZone) -> Vec<Timestamp> {
        let today = now.to_jiff().to_zoned(zone.clone()).date();
        let days = i32::try_from(self.pieces()).unwrap_or(i32::MAX) * i32::from(self.piece_min());
        let days = days / 1_440 + 1;
        let mut starts = Vec::new();
        for back in (0..=days).rev() {
            let Ok(date) = today.checked_sub(back.days()) else { continue };
            for minute in (0..1_440).step_by(usize::from(self.piece_min().unsigned_abs())) {
                let minute = i8::try_from(minute / 60).ok().zip(i8::try_from(minute % 60).ok());
                let (hour, minute) = minute.expect("a day has 24 hours of 60 minutes");
                let time = Time::constant(hour, minute, 0, 0);
                if let Ok(at) = date.to_datetime(time).to_zoned(zone.clone()) {
                    starts.push(Timestamp(at.timestamp().as_millisecond()));
                }
            }
        }
        starts.retain(|start| *start <= now);
        // Where a clock is put forward, some times do not exist and stand for a later one.
        starts.sort();
        starts.dedup();
        starts.split_off(starts.len().saturating_sub(self.pieces()))
    }

    /// Which pieces have their time written below them.
    pub(super) fn is_labelled(self, at: usize, start: Timestamp, zone: &TimeZone) -> bool {
        let time = start.to_jiff().to_zoned(zone.clone()).time();
        let minute = i16::from(time.hour()) * 60 + i16::from(time.minute());
        match self {
            Self::Hour => minute % 15 == 0,
            Self::Day => minute % 180 == 0,
            Self::Week => minute == 0,
            Self::Month => at % 5 == 2,
        }
    }

    /// The time below a piece.
    pub(super) fn label(self, start: Timestamp, zone: &TimeZone, language: Language) -> String {
        let form = match (self, language) {
            (Self::Hour | Self::Day, _) => "%H:%M",
            (_, Language::English) => "%-d %b",
            (_, Language::Russian) => "%d.%m",
        };
        start.to_jiff().to_zoned(zone.clone()).strftime(form).to_string()
    }

    /// From when to when a piece is: `30 Nov, 08:00–08:30`.
    pub(super) fn name(self, start: Timestamp, zone: &TimeZone, language: Language) -> String {
        let start = start.to_jiff().to_zoned(zone.clone());
        let day = match language {
            Language::English => start.strftime("%-d %b").to_string(),
            Language::Russian => start.strftime("%d.%m").to_string(),
        };
        if self == Self::Month {
            return day;
        }
        let end = start.datetime().saturating_add(i64::from(self.piece_min()).minutes());
        format!("{day}, {}–{}", start.strftime("%H:%M"), end.strftime("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments::zone;

    fn starts(period: Period, now: &str, name: &str) -> (usize, String, String) {
        let zone = zone(name);
        let starts = period.starts(now.parse().unwrap(), &zone);
        let show = |at: &Timestamp| {
            at.to_jiff().to_zoned(zone.clone()).strftime("%m-%d %H:%M").to_string()
        };
        (starts.len(), show(starts.first().unwrap()), show(starts.last().unwrap()))
    }

    #[test]
    fn pieces_begin_at_round_times_of_the_readers_zone() {
        let check = |period, now, zone, count, first: &str, last: &str| {
            let found = starts(period, now, zone);
            assert_eq!(found, (count, first.to_owned(), last.to_owned()), "{period:?} {zone}");
        };
        let now = "2026-11-30T05:21:07Z";
        check(Period::Hour, now, "UTC", 12, "11-30 04:25", "11-30 05:20");
        check(Period::Day, now, "Europe/Moscow", 48, "11-29 08:30", "11-30 08:00");
        check(Period::Day, now, "Asia/Kolkata", 48, "11-29 11:00", "11-30 10:30");
        check(Period::Week, now, "UTC", 42, "11-23 08:00", "11-30 04:00");
        check(Period::Month, now, "America/New_York", 30, "11-01 00:00", "11-30 00:00");
        // The clock was put forward: the pieces of the hour that was left out do not exist.
        check(
            Period::Day,
            "2026-03-29T10:00:00Z",
            "Europe/Berlin",
            48,
            "03-28 11:30",
            "03-29 12:00",
        );
    }

    #[test]
    fn a_piece_is_named_by_its_times() {
        let at: Timestamp = "2026-11-30T05:30:00Z".parse().unwrap();
        let check = |period: Period, language, expected: &str| {
            assert_eq!(period.name(at, &zone("Europe/Moscow"), language), expected);
        };
        check(Period::Day, Language::English, "30 Nov, 08:30–09:00");
        check(Period::Week, Language::Russian, "30.11, 08:30–12:30");
        check(Period::Month, Language::English, "30 Nov");
    }

    #[test]
    fn labels_are_few() {
        for period in Period::ALL {
            for name in ["UTC", "Europe/Moscow", "Asia/Kathmandu"] {
                let zone = zone(name);
                let starts = period.starts("2026-11-30T05:21:07Z".parse().unwrap(), &zone);
                let labelled = starts.iter().enumerate();
                let count = labelled.filter(|(at, s)| period.is_labelled(*at, **s, &zone)).count();
                assert!((4..=8).contains(&count), "{period:?} {name}: {count}");
            }
        }
    }
}
