//! Points in time, and the clock that everything asks.
//!
//! Standard: RFC 3339, UTC, milliseconds (spec 13).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The latest time this product handles: the end of the calendar library, in the year 9999.
    pub const MAX: Self = Self(253_402_207_200_999);

    /// This time moved by a number of milliseconds, either way.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to here; negative when `earlier` is later.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same instant for the calendar library.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }

    /// RFC 5322 section 3.3 date-time in UTC, as in `Sun, 22 Nov 2026 05:30:00 +0000`.
    #[must_use]
    pub fn to_rfc5322(self) -> String {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let at = self.to_civil();
        let day = DAYS[usize::from(at.weekday().to_monday_zero_offset().unsigned_abs())];
        let month = MONTHS[usize::from(at.month().unsigned_abs()) - 1];
        let (hour, minute, second) = (at.hour(), at.minute(), at.second());
        let (date, year) = (at.day(), at.year());
        format!("{day}, {date:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
    }

    fn to_civil(self) -> jiff::civil::DateTime {
        jiff::tz::Offset::UTC.to_datetime(self.to_jiff())
    }
}

impl fmt::Display for Timestamp {
    /// Written digit by digit: it stands in every log line and every stored event.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.to_civil();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |place: usize, digits: usize, value: u64| {
            let mut rest = value;
            for octet in text[place..place + digits].iter_mut().rev() {
                *octet = b'0' + u8::try_from(rest % 10).unwrap_or_default();
                rest /= 10;
            }
        };
        put(0, 4, u64::from(at.year().unsigned_abs()));
        put(5, 2, u64::from(at.month().unsigned_abs()));
        put(8, 2, u64::from(at.day().unsigned_abs()));
        put(11, 2, u64::from(at.hour().unsigned_abs()));
        put(14, 2, u64::from(at.minute().unsigned_abs()));
        put(17, 2, u64::from(at.second().unsigned_abs()));
        put(20, 3, self.0.rem_euclid(1000).unsigned_abs());
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;
    /// Any RFC 3339 time with an offset; finer than milliseconds is cut.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at: jiff::Timestamp = text.parse()?;
        Ok(Self(at.as_millisecond().min(Self::MAX.0)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            de::Error::custom(format_args!(
                "`{text}` is not an RFC 3339 time such as 2026-11-22T05:30:00.000Z"
            ))
        })
    }
}

/// What [`Clock::sleep_until`] returns.
pub type SleepFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Where the time comes from: the system in production, a hand-moved clock in tests.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Ends when the clock has reached `at`, at once when it has passed.
    fn sleep_until(&self, at: Timestamp) -> SleepFuture<'_>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_with_three_digits_and_z_and_parse_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_325_400_007, "2026-11-22T05:30:00.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (Timestamp::MAX.0, "9999-12-30T22:00:00.999Z"),
        ] {
            assert_eq!(Timestamp(ms).to_string(), text);
        }
        let parsed: Timestamp = "2026-11-22T08:30:00.0079+03:00".parse().unwrap();
        assert_eq!(parsed, Timestamp(1_795_325_400_007));
        assert!("2026-11-22".parse::<Timestamp>().is_err());
    }

    #[test]
    fn the_date_header_has_the_form_of_rfc_5322() {
        let at: Timestamp = "2026-11-02T05:03:09Z".parse().unwrap();
        assert_eq!(at.to_rfc5322(), "Mon, 02 Nov 2026 05:03:09 +0000");
    }
}
