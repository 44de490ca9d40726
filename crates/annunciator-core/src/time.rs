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
        self.to_jiff().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1000);
        let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
        let ms = self.0.rem_euclid(1000);
        let text = at.strftime("%Y-%m-%dT%H:%M:%S");
        write!(f, "{text}.{ms:03}Z")
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
