//! When a subscription tells of an incident: at once, or with others later.
//!
//! In: a rhythm, quiet hours, a severity, now. Out: the time, or nothing for "now".

use annunciator_core::{Severity, Timestamp};
use annunciator_template::TimeZone;

use super::settings::{Rhythm, Subscription};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1_440 * MINUTE_MS;

/// When a subscription tells.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    rhythm: Rhythm,
    bundle_ms: i64,
    daily_at: u16,
    /// Begin and end, minutes of the day.
    quiet: Option<(u16, u16)>,
}

/// The minute of the day of `HH:MM`.
pub(super) fn parse_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, end: u16| {
        let is_number = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|number: &u16| is_number && *number < end)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

impl Timing {
    pub(super) fn of(subscription: &Subscription) -> Self {
        let quiet = parse_minute(&subscription.quiet_from);
        let quiet = quiet.zip(parse_minute(&subscription.quiet_until));
        Self {
            rhythm: subscription.delivery,
            bundle_ms: i64::from(subscription.bundle_minutes.max(1)) * MINUTE_MS,
            daily_at: parse_minute(&subscription.daily_at).unwrap_or_default(),
            quiet: quiet.filter(|(from, until)| from != until),
        }
    }

    /// When an incident is told; nothing for "now".
    pub(super) fn due_at(
        &self,
        severity: Severity,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if severity == Severity::Critical {
            return None;
        }
        let due_at = match self.rhythm {
            Rhythm::AtOnce => now,
            Rhythm::Bundled => self.end_of_bundle(now),
            Rhythm::Daily => zone.next_minute_of_day(self.daily_at, now),
        };
        let due_at = match self.quiet {
            Some((from, until)) if is_within(zone.minute_of_day(due_at), from, until) => {
                zone.next_minute_shown(until, due_at)
            }
            _ => due_at,
        };
        (due_at > now).then_some(due_at)
    }

    /// The next full multiple of the bundle's length, counted from midnight UTC, or midnight.
    fn end_of_bundle(&self, now: Timestamp) -> Timestamp {
        let midnight = now.0.div_euclid(DAY_MS).saturating_mul(DAY_MS);
        let in_day = ((now.0 - midnight) / self.bundle_ms + 1).saturating_mul(self.bundle_ms);
        Timestamp(midnight.saturating_add(in_day.min(DAY_MS)))
    }
}

/// Whether a minute is in quiet hours, which may span midnight.
fn is_within(minute: u16, from: u16, until: u16) -> bool {
    match from < until {
        true => (from..until).contains(&minute),
        false => minute >= from || minute < until,
    }
}
