//! Reply codes (RFC 5321 section 4.2) and enhanced status codes (RFC 3463).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A three-digit SMTP reply code, 200 to 599.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplyCode(u16);

impl ReplyCode {
    /// A code, if it is one: 200 to 599, second digit 0 to 5 (RFC 5321 section 4.2).
    #[must_use]
    pub fn new(code: u16) -> Option<Self> {
        ((200..600).contains(&code) && (code / 10) % 10 <= 5).then_some(Self(code))
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// First digit: 2 completed, 3 go on, 4 transient, 5 permanent.
    #[must_use]
    pub fn class(self) -> u16 {
        self.0 / 100
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An enhanced status code `class.subject.detail` (RFC 3463), such as 5.1.1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EnhancedStatus {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub class: u8,
    /// 0 to 999.
    pub subject: u16,
    /// 0 to 999.
    pub detail: u16,
}

impl EnhancedStatus {
    /// A status from its three numbers.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl FromStr for EnhancedStatus {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let mut part = || -> Result<u16, ()> {
            let digits = parts.next().ok_or(())?;
            let plain =
                (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            if plain { digits.parse().map_err(|_| ()) } else { Err(()) }
        };
        let (class, subject, detail) = (part()?, part()?, part()?);
        if parts.next().is_some() || !matches!(class, 2 | 4 | 5) {
            return Err(());
        }
        Ok(Self { class: u8::try_from(class).map_err(|_| ())?, subject, detail })
    }
}

impl Serialize for EnhancedStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EnhancedStatus {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("not an enhanced status code"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rfc_codes_are_codes() {
        for (code, valid) in [(199, false), (220, true), (559, true), (560, false), (600, false)] {
            assert_eq!(ReplyCode::new(code).is_some(), valid, "{code}");
        }
    }

    #[test]
    fn only_rfc_3463_statuses_are_statuses() {
        for (text, valid) in [
            ("5.1.1", true),
            ("4.999.999", true),
            ("3.1.1", false),
            ("5.1", false),
            ("5.1.1.1", false),
            ("5.+1.1", false),
            ("5.1.1000", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<EnhancedStatus>().is_ok(), valid, "{text}");
        }
        assert_eq!(EnhancedStatus::new(5, 1, 1).to_string(), "5.1.1");
    }
}
