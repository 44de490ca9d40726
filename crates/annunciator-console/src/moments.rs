//! Times, durations, sizes and numbers become what people read, in their zone and language.

use std::time::{SystemTime, UNIX_EPOCH};

use annunciator_core::Timestamp;
use jiff::tz::TimeZone;

use crate::language::Language;

/// The zone of this IANA name; UTC when there is none. `%2F` stands for a slash, as in cookies.
pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(&name.replace("%2F", "/")).unwrap_or(TimeZone::UTC)
}

/// The time of the page.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What a field of the kind `datetime-local` holds.
pub(crate) fn local_input(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// The time that such a field means in a zone; nothing when it holds none.
pub(crate) fn of_local_input(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let at = civil.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(at.timestamp().as_millisecond()))
}

pub(crate) fn time(at: Timestamp, zone: &TimeZone, language: Language) -> String {
    let form = match language {
        Language::English => "%-d %b %Y, %H:%M:%S",
        Language::Russian => "%d.%m.%Y, %H:%M:%S",
    };
    at.to_jiff().to_zoned(zone.clone()).strftime(form).to_string()
}

pub(crate) fn short_time(
    at: Timestamp,
    now: Timestamp,
    zone: &TimeZone,
    language: Language,
) -> String {
    let (then, today) = (at.to_jiff().to_zoned(zone.clone()), now.to_jiff().to_zoned(zone.clone()));
    let form = match (then.date() == today.date(), then.year() == today.year(), language) {
        (true, ..) => "%H:%M:%S",
        (false, true, Language::English) => "%-d %b, %H:%M",
        (false, true, Language::Russian) => "%d.%m, %H:%M",
        (false, false, Language::English) => "%-d %b %Y",
        (false, false, Language::Russian) => "%d.%m.%Y",
    };
    then.strftime(form).to_string()
}

pub(crate) fn ago(at: Timestamp, now: Timestamp, language: Language) -> String {
    let ms = now.ms_since(at);
    let (seconds, is_past) = (ms.unsigned_abs() / 1000, ms >= 0);
    // What was given 2 hours a moment ago ends in 2 hours, not in 1.
    let in_units = |unit: u64| if is_past { seconds / unit } else { (seconds + unit / 2) / unit };
    let (count, unit) = match seconds {
        0..10 => return language.say(if is_past { "ago-now" } else { "ago-soon" }),
        10..90 => (seconds, "s"),
        90..5_400 => (in_units(60), "min"),
        5_400..129_600 => (in_units(3_600), "h"),
        _ => (in_units(86_400), "d"),
    };
    let key = if is_past { format!("ago-{unit}") } else { format!("ahead-{unit}") };
    language.say_with(&key, &[("count", count.into())])
}

pub(crate) fn bytes(bytes: u64, language: Language) -> String {
    let units = ["bytes", "kb", "mb", "gb", "tb"];
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1000.0 && unit + 1 < units.len() {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    let digits = usize::from(unit > 0 && value < 100.0);
    format!(
        "{} {}",
        decimal(value, digits, language),
        language.say(&format!("unit-{}", units[unit]))
    )
}

pub(crate) fn duration_us(duration_us: u64, language: Language) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let us = duration_us as f64;
    let (value, unit) = match duration_us {
        0..1_000_000 => (us / 1e3, "ms"),
        1_000_000..120_000_000 => (us / 1e6, "s"),
        120_000_000..7_200_000_000 => (us / 6e7, "min"),
        7_200_000_000..172_800_000_000 => (us / 3.6e9, "h"),
        _ => (us / 8.64e10, "d"),
    };
    let digits = usize::from(value < 100.0);
    format!("{} {}", decimal(value, digits, language), language.say(&format!("unit-{unit}")))
}

/// With the language's own decimal sign; a zero after it is left out.
fn decimal(value: f64, digits: usize, language: Language) -> String {
    let text = format!("{value:.digits$}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    match language {
        Language::English => text.to_owned(),
        Language::Russian => text.replace('.', ","),
    }
}

/// With a thin gap, or a comma in English, between thousands.
pub(crate) fn number(number: u64, language: Language) -> String {
    let digits = number.to_string();
    let gap = match language {
        Language::English => ',',
        Language::Russian => '\u{202f}',
    };
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(gap);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_in_the_readers_zone_and_form() {
        let at: Timestamp = "2026-11-30T05:21:07.000Z".parse().unwrap();
        let moscow = zone("Europe%2FMoscow");
        assert_eq!(time(at, &moscow, Language::English), "30 Nov 2026, 08:21:07");
        assert_eq!(time(at, &zone("nowhere"), Language::Russian), "30.11.2026, 05:21:07");
        let later = at.plus_ms(3_600_000);
        assert_eq!(short_time(at, later, &moscow, Language::English), "08:21:07");
        let tomorrow = at.plus_ms(86_400_000);
        assert_eq!(short_time(at, tomorrow, &moscow, Language::Russian), "30.11, 08:21");
    }

    #[test]
    fn a_local_time_is_one_of_the_readers_zone() {
        let moscow = zone("Europe/Moscow");
        let at = of_local_input("2026-11-30T08:21", &moscow).unwrap();
        assert_eq!(at.to_string(), "2026-11-30T05:21:00.000Z");
        assert_eq!(local_input(at, &moscow), "2026-11-30T08:21");
        assert_eq!(of_local_input("soon", &moscow), None);
    }

    #[test]
    fn sizes_and_durations_have_at_most_one_digit_after_the_point() {
        let check = |found: String, expected: &str| assert_eq!(found, expected);
        check(bytes(999, Language::English), "999 B");
        check(bytes(1_440_000, Language::English), "1.4 MB");
        check(bytes(2_000_000_000, Language::Russian), "2 ГБ");
        check(duration_us(1_440, Language::English), "1.4 ms");
        check(duration_us(1_500_000, Language::Russian), "1,5 с");
        check(number(1_234_567, Language::English), "1,234,567");
        check(number(12, Language::English), "12");
    }

    #[test]
    fn how_long_ago_is_said_in_one_unit() {
        let check = |ms: i64, expected: &str| {
            assert_eq!(ago(Timestamp(0), Timestamp(ms), Language::English), expected);
        };
        check(3_000, "just now");
        check(30_000, "30 s ago");
        check(600_000, "10 min ago");
        check(-600_000, "in 10 min");
        check(-7_190_000, "in 2 h");
        check(7_190_000, "1 h ago");
        check(7_200_000, "2 h ago");
        check(864_000_000, "10 d ago");
    }
}
