//! The setting of a limit into counters, and what was limited into the words of a summary.
//!
//! In: a limit with the layer that sets it, events. Out: what each of them counts against.
//! Knows nothing of: who counts; the store admits and limits (ADR 0029).

use std::fmt::Write as _;

use annunciator_core::{
    ChannelName, Event, LimitKey, LimitRule, NotificationLimit, Scope, Timestamp, one_line,
};
use annunciator_settings::{choice, object};

/// Most event types that a summary lists.
pub const SUMMARY_TYPES_MAX: usize = 50;
/// Longest name of an event type or application in a summary. Unit: characters.
const NAME_CHARS_MAX: usize = 100;

choice! {
    /// What a limit counts.
    pub enum LimitPer {
        /// All notifications of the channel together.
        Channel = "channel",
        /// The notifications of each event type for themselves.
        EventType = "event_type",
    }
}

object! {
    /// At most so many notifications in any period of that length.
    pub struct Limit {
        /// Most notifications in any period.
        count: u32, range(1, 10_000),
            remedy("to tell nobody, turn the channel off; to tell everything, set the limit to `none`");
        /// Length of the period; it slides.
        period_s: u32, range(1, 2_592_000), measure("seconds");
        /// Whether all notifications of the channel are counted together, or those of each event
        /// type for themselves.
        per: LimitPer = LimitPer::Channel;
    }
}

/// A limit with the layer that sets it: what makes counters.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSource {
    /// The channel that is limited.
    pub channel: ChannelName,
    /// The layer that sets the limit, such as `server`: its notifications are counted together.
    pub layer: String,
    /// The layer in words, such as `server settings`.
    pub origin: String,
    /// The limit.
    pub limit: Limit,
}

impl LimitSource {
    /// What a notification about an event counts against.
    #[must_use]
    pub fn for_event(&self, event: &Event) -> NotificationLimit {
        self.for_type(&event.application.name, &event.event_type)
    }

    /// What a notification that was planned counts against now: the same as when it was planned,
    /// unless the settings have changed.
    #[must_use]
    pub fn for_scope(&self, scope: &Scope) -> NotificationLimit {
        self.for_type(&scope.application, &scope.event_type)
    }

    fn for_type(&self, application: &str, event_type: &str) -> NotificationLimit {
        let mut key = format!("{}/{}", part(self.channel.as_str()), part(&self.layer));
        if self.limit.per == LimitPer::EventType {
            let _ = write!(key, "/{}/{}", part(application), part(event_type));
        }
        NotificationLimit {
            key: LimitKey(key.into()),
            rule: LimitRule {
                count: self.limit.count,
                period_ms: i64::from(self.limit.period_s) * 1_000,
            },
            origin: self.origin.clone(),
        }
    }
}

/// A part of a key, so that no two lists of parts make the same key.
fn part(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F")
}

/// An event type of which notifications were limited.
#[derive(Clone, Copy, Debug)]
pub struct SummaryType<'a> {
    /// Its display name, or its code.
    pub name: &'a str,
    /// Application name.
    pub application: &'a str,
    /// How many.
    pub count: u64,
}

/// What a summary tells.
#[derive(Clone, Copy, Debug)]
pub struct SummaryFacts<'a> {
    /// The limit that was reached.
    pub rule: LimitRule,
    /// Who set it, in words.
    pub origin: &'a str,
    /// The types, the most frequent first.
    pub types: &'a [SummaryType<'a>],
    /// When the first was limited.
    pub first_at: Timestamp,
    /// When the last was limited.
    pub last_at: Timestamp,
}

/// The words of a summary: subject and plain text.
#[must_use]
pub fn render_summary(facts: &SummaryFacts<'_>) -> (String, String) {
    let SummaryFacts { rule, origin, types, first_at, last_at } = facts;
    let count: u64 = types.iter().map(|each| each.count).sum();
    let (noun, were) = if count == 1 { ("notification", "was") } else { ("notifications", "were") };
    let subject = format!("Summary: {count} {noun} {were} limited ({rule})");
    let mut text = format!(
        "{count} {noun} {were} not sent, because the limit of {rule} ({origin}) was reached.\n\n\
         First: {first_at}\nLast:  {last_at}\n\n"
    );
    let shown = &types[..types.len().min(SUMMARY_TYPES_MAX)];
    for each in shown {
        let name = one_line(each.name, NAME_CHARS_MAX);
        let application = one_line(each.application, NAME_CHARS_MAX);
        let _ = writeln!(text, "{:>7}  {name} ({application})", each.count);
    }
    if types.len() > shown.len() {
        let rest: u64 = types[shown.len()..].iter().map(|each| each.count).sum();
        let more = types.len() - shown.len();
        let plural = if more == 1 { "" } else { "s" };
        let _ = writeln!(text, "{rest:>7}  of {more} more event type{plural}");
    }
    text.push_str("\n`annunciator event list` names the events, `annunciator event show ID` says this of each.\n");
    (subject, text)
}

#[cfg(test)]
mod tests {
    use annunciator_settings::{Rules, SettingValue as _};
    use serde_json::json;

    use super::*;

    fn source(layer: &str, per: LimitPer) -> LimitSource {
        LimitSource {
            channel: ChannelName::from_static("email"),
            layer: layer.to_owned(),
            origin: "server settings".to_owned(),
            limit: Limit { count: 10, period_s: 60, per },
        }
    }

    #[test]
    fn each_counter_has_a_name_of_its_own() {
        let check = |layer: &str, per, application: &str, event_type: &str, expected: &str| {
            let limit = source(layer, per).for_type(application, event_type);
            assert_eq!(limit.key.as_str(), expected);
            assert_eq!(limit.rule, LimitRule { count: 10, period_ms: 60_000 });
        };
        check("server", LimitPer::Channel, "Guard", "disk.full", "email/server");
        check("server", LimitPer::EventType, "Guard", "disk.full", "email/server/Guard/disk.full");
        check("server", LimitPer::EventType, "a/b", "c", "email/server/a%2Fb/c");
        check("server", LimitPer::EventType, "a", "b/c", "email/server/a/b%2Fc");
        check("server", LimitPer::EventType, "a%2Fb", "c", "email/server/a%252Fb/c");
        check("policy/A", LimitPer::Channel, "x", "y", "email/policy%2FA");
    }

    #[test]
    fn a_limit_is_checked_with_a_remedy() {
        let check = |document: serde_json::Value, pointer: &str, words: &str| {
            let problems = Limit::parse(&document, &Rules::DEFAULT).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].pointer, pointer);
            assert!(problems[0].detail.contains(words), "{}", problems[0].detail);
        };
        check(json!({"count": 0, "period_s": 60}), "/count", "set the limit to `none`");
        check(json!({"count": 10_001, "period_s": 60}), "/count", "from 1 to 10000");
        check(json!({"count": 1, "period_s": 0}), "/period_s", "from 1 to 2592000");
        check(json!({"count": 1}), "/period_s", "must be given");
        check(json!({"count": 1, "period_s": 1, "per": "device"}), "/per", "event_type");
        let good = Limit::parse(&json!({"count": 5, "period_s": 60}), &Rules::DEFAULT).unwrap();
        assert_eq!(good, Limit { count: 5, period_s: 60, per: LimitPer::Channel });
    }

    #[test]
    fn a_summary_says_how_many_of_which_and_when() {
        let types = [
            SummaryType { name: "Disk full", application: "Guard", count: 30 },
            SummaryType { name: "a\r\nBcc: x@y", application: "B", count: 1 },
        ];
        let facts = SummaryFacts {
            rule: LimitRule { count: 5, period_ms: 60_000 },
            origin: "server settings",
            types: &types,
            first_at: Timestamp(1_795_325_400_000),
            last_at: Timestamp(1_795_325_459_000),
        };
        let (subject, text) = render_summary(&facts);
        assert_eq!(subject, "Summary: 31 notifications were limited (5 in 60 s)");
        let expected = "\
31 notifications were not sent, because the limit of 5 in 60 s (server settings) was reached.

First: 2026-11-22T05:30:00.000Z
Last:  2026-11-22T05:30:59.000Z

     30  Disk full (Guard)
      1  a  Bcc: x@y (B)

`annunciator event list` names the events, `annunciator event show ID` says this of each.
";
        assert_eq!(text, expected);
        let one = SummaryType { name: "x", application: "y", count: 2 };
        let many = vec![one; SUMMARY_TYPES_MAX + 3];
        let (subject, text) = render_summary(&SummaryFacts { types: &many, ..facts });
        assert!(subject.contains("106 notifications"), "{subject}");
        assert!(text.contains("      6  of 3 more event types\n"), "{text}");
        let (subject, _) = render_summary(&SummaryFacts { types: &types[1..], ..facts });
        assert_eq!(subject, "Summary: 1 notification was limited (5 in 60 s)");
    }
}
