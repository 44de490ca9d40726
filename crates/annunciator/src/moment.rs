//! Points in time into words for people, and the words of people into points in time.
//!
//! People read their own time zone, named once in a heading; where a time stands alone, UTC stands
//! beside it, because that is what logs and other machines say.

use annunciator_core::Timestamp;
use jiff::tz::TimeZone;

/// The time now.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// Whoever reads: their time zone.
pub(crate) fn local_zone() -> TimeZone {
    TimeZone::system()
}

/// For tables: `2026-11-22 06:30:00`.
pub(crate) fn short(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A heading for [`short`] times: `TIME (UTC+01:00)`.
pub(crate) fn heading(name: &str, at: Timestamp, zone: &TimeZone) -> String {
    match offset(at, zone).as_str() {
        "+00:00" => format!("{name} (UTC)"),
        offset => format!("{name} (UTC{offset})"),
    }
}

/// For a time that stands alone: `2026-11-22 06:30:00.123 +01:00 (05:30:00.123Z)`.
pub(crate) fn full(at: Timestamp, zone: &TimeZone) -> String {
    let ms = at.0.rem_euclid(1000);
    let local = short(at, zone);
    match offset(at, zone).as_str() {
        "+00:00" => format!("{local}.{ms:03}Z"),
        offset => {
            let utc = at.to_jiff().strftime("%H:%M:%S").to_string();
            format!("{local}.{ms:03} {offset} ({utc}.{ms:03}Z)")
        }
    }
}

fn offset(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%:z").to_string()
}

/// A span from now: `in 58 s`, `3 min ago`, `now`.
pub(crate) fn relative(at: Timestamp, now: Timestamp) -> String {
    let ms = at.ms_since(now);
    match ms {
        -999..=999 => "now".to_owned(),
        1000.. => format!("in {}", rough(ms)),
        _ => format!("{} ago", rough(-ms)),
    }
}

fn rough(ms: i64) -> String {
    let s = ms / 1000;
    match s {
        0..=119 => format!("{s} s"),
        120..=7199 => format!("{} min", s / 60),
        7200..=172_799 => format!("{} h", s / 3600),
        _ => format!("{} days", s / 86_400),
    }
}

/// How long something took. Unit of the argument: microseconds.
pub(crate) fn took(us: u64) -> String {
    match us {
        0..=999 => format!("{us} µs"),
        1000..=999_999 => format!("{}.{} ms", us / 1000, us % 1000 / 100),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

/// What people write for a point in time: RFC 3339, a date, or how long ago (`90s`, `15m`, `2h`,
/// `7d`).
///
/// # Errors
/// The text is none of these; it says what would be.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    parse_at(text, now(), &local_zone())
}

fn parse_at(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && let Ok(begin) = date.to_zoned(zone.clone())
    {
        return Ok(Timestamp(begin.timestamp().as_millisecond()));
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    match digits.parse::<u32>() {
        Ok(count) if unit_ms > 0 => Ok(now.plus_ms(-(i64::from(count) * unit_ms))),
        _ => Err(format!(
            "`{text}` is no time: write 2026-11-22T05:30:00Z, 2026-11-22, or how long ago: 90s, \
             15m, 2h, 7d"
        )),
    }
}

/// A time that is to come: RFC 3339, a date, or how long from now (`30d`).
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_to_come(text: &str) -> Result<Timestamp, String> {
    let (now, at) =
        (now(), parse(text).map_err(|error| error.replace("how long ago", "how long"))?);
    let is_span = text.parse::<Timestamp>().is_err() && !text.contains('-');
    Ok(if is_span { now.plus_ms(now.ms_since(at)) } else { at })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_795_325_400_007);

    fn berlin() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(1))
    }

    #[test]
    fn times_show_in_the_readers_zone_with_utc_beside() {
        assert_eq!(full(AT, &berlin()), "2026-11-22 06:30:00.007 +01:00 (05:30:00.007Z)");
        assert_eq!(full(AT, &TimeZone::UTC), "2026-11-22 05:30:00.007Z");
        assert_eq!(short(AT, &berlin()), "2026-11-22 06:30:00");
        assert_eq!(heading("TIME", AT, &berlin()), "TIME (UTC+01:00)");
        assert_eq!(heading("TIME", AT, &TimeZone::UTC), "TIME (UTC)");
    }

    #[test]
    fn people_write_times_in_several_ways() {
        for (text, expected) in [
            ("2026-11-22T05:30:00.007Z", Some(AT)),
            ("2026-11-22", Some(Timestamp(1_795_302_000_000))),
            ("90s", Some(AT.plus_ms(-90_000))),
            ("15m", Some(AT.plus_ms(-900_000))),
            ("2h", Some(AT.plus_ms(-7_200_000))),
            ("7d", Some(AT.plus_ms(-604_800_000))),
            ("7", None),
            ("d", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_at(text, AT, &berlin()).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_span_to_come_lies_ahead() {
        assert!(parse_to_come("1d").unwrap() > now());
        assert_eq!(parse_to_come("2026-11-22T05:30:00.007Z").unwrap(), AT);
    }

    #[test]
    fn spans_are_rough_and_durations_are_short() {
        for (ms, expected) in [
            (0, "now"),
            (58_000, "in 58 s"),
            (-180_000, "3 min ago"),
            (-7_200_000, "2 h ago"),
            (259_200_000, "in 3 days"),
        ] {
            assert_eq!(relative(AT.plus_ms(ms), AT), expected);
        }
        for (us, expected) in [(999, "999 µs"), (1250, "1.2 ms"), (2_340_000, "2.3 s")] {
            assert_eq!(took(us), expected);
        }
    }
}
