//! Rules of a test become what the relay does at each stage of a session.
//!
//! In: stage, connection number, addresses concerned. Out: a [`Plan`] for the reply.
//! Knows nothing of: sockets.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Most rules one script may have.
const RULES_MAX: usize = 1_000;

/// The points of a session at which a rule can act.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// The connection was accepted; nothing was sent, not even a TLS handshake on an implicit port.
    Connect,
    /// The `220` banner.
    Greeting,
    /// The reply to EHLO or HELO.
    Ehlo,
    /// The reply to STARTTLS.
    StartTls,
    /// The TLS handshake itself, after `220` or on an implicit port: what is sent instead of it.
    Handshake,
    /// The final reply to AUTH.
    Auth,
    /// The reply to MAIL.
    Mail,
    /// The reply to RCPT.
    Rcpt,
    /// The reply to DATA.
    Data,
    /// The reply to a BDAT that is not the last.
    Bdat,
    /// The reply to the final dot, or to BDAT LAST.
    DataEnd,
    /// The reply to RSET.
    Rset,
    /// The reply to QUIT.
    Quit,
}

/// What the relay does instead of its usual reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Sends this reply, CRLF added; after a `421` the connection is closed.
    ///
    /// The session goes on by the code: 2yz and 3yz as success, the rest as a refusal.
    Reply(String),
    /// Sends this reply and closes at once, inside TLS without `close_notify`.
    ReplyThenClose(String),
    /// Sends exactly these octets; the session goes on by their first digit.
    Raw(Vec<u8>),
    /// Sends these pieces each in a segment of its own, `pause` between them.
    Segments {
        /// The pieces in order.
        pieces: Vec<Vec<u8>>,
        /// Wait between two pieces.
        pause: Duration,
    },
    /// Closes at once without a reply.
    Close,
    /// Ends its own direction without a reply and reads until the client closes too.
    CloseAfterReading,
    /// Sends nothing more, and reads until the client closes.
    Silence,
    /// Sends the usual reply octet by octet.
    DripFeed {
        /// Wait before each octet.
        every: Duration,
    },
    /// Waits, then goes on with the next rule that fits or the usual reply.
    Delay(Duration),
}

/// Shorthand for [`Action::Reply`].
pub fn reply(text: impl Into<String>) -> Action {
    Action::Reply(text.into())
}

/// Shorthand for [`When::For`].
pub fn for_address(pattern: impl Into<String>) -> When {
    When::For(pattern.into())
}

/// The occasions on which a rule acts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum When {
    /// Each time.
    Always,
    /// The first `n` times.
    Times(u64),
    /// All but the first `n` times.
    After(u64),
    /// Each `n`th time.
    EveryNth(u64),
    /// When an address concerned fits: the name in EHLO, the user in AUTH, the reverse-path in
    /// MAIL, the forward-path in RCPT, any of them in DATA, BDAT and at the end. `*` stands for any
    /// text; case does not count.
    For(String),
    /// On the connection with this number; the first one is 1.
    OnConnection(u64),
    /// Both; the counting ones count only the occasions on which all others hold.
    Both(Box<When>, Box<When>),
}

impl When {
    /// This and another condition.
    #[must_use]
    pub fn and(self, other: When) -> When {
        When::Both(Box::new(self), Box::new(other))
    }

    fn fits(&self, connection: u64, addresses: &[&str]) -> bool {
        match self {
            When::Always | When::Times(_) | When::After(_) | When::EveryNth(_) => true,
            When::For(pattern) => addresses.iter().any(|address| fits_pattern(pattern, address)),
            When::OnConnection(number) => *number == connection,
            When::Both(a, b) => a.fits(connection, addresses) && b.fits(connection, addresses),
        }
    }

    fn counts(&self, occasion: u64) -> bool {
        match self {
            When::Always | When::For(_) | When::OnConnection(_) => true,
            When::Times(n) => occasion <= *n,
            When::After(n) => occasion > *n,
            When::EveryNth(n) => *n > 0 && occasion.is_multiple_of(*n),
            When::Both(a, b) => a.counts(occasion) && b.counts(occasion),
        }
    }
}

/// Does `text` fit a pattern in which `*` stands for any text, case aside?
fn fits_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What to do at one stage: wait, then act (or reply as usual).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) action: Option<Action>,
}

impl Plan {
    /// The first line the client will see, or nothing when the plan gives it no reply.
    pub(crate) fn first_line(&self, usual: &str) -> Option<String> {
        match &self.action {
            None | Some(Action::Delay(_) | Action::DripFeed { .. }) => Some(usual.to_owned()),
            Some(Action::Reply(text) | Action::ReplyThenClose(text)) => Some(text.clone()),
            Some(Action::Raw(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Some(Action::Segments { pieces, .. }) => {
                Some(String::from_utf8_lossy(&pieces.concat()).into_owned())
            }
            Some(Action::Close | Action::CloseAfterReading | Action::Silence) => None,
        }
    }
}

struct Rule {
    stage: Stage,
    when: When,
    action: Action,
    occasions: u64,
}

/// The rules of a relay; can be changed while it runs.
#[derive(Default)]
pub(crate) struct Script {
    rules: Mutex<Vec<Rule>>,
}

impl Script {
    pub(crate) fn add(&self, stage: Stage, when: When, action: Action) {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(rules.len() < RULES_MAX, "a script has at most {RULES_MAX} rules");
        rules.push(Rule { stage, when, action, occasions: 0 });
    }

    pub(crate) fn clear(&self) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Sums the delays up to the first rule that fits and does more than wait.
    pub(crate) fn plan(&self, stage: Stage, connection: u64, addresses: &[&str]) -> Plan {
        let mut plan = Plan::default();
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in rules.iter_mut().filter(|rule| rule.stage == stage) {
            if !rule.when.fits(connection, addresses) {
                continue;
            }
            rule.occasions += 1;
            if !rule.when.counts(rule.occasions) {
                continue;
            }
            match &rule.action {
                Action::Delay(time) => plan.delay += *time,
                action => {
                    plan.action = Some(action.clone());
                    break;
                }
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_case_does_not_count() {
        for (pattern, text, expected) in [
            ("bad@example.org", "BAD@example.org", true),
            ("bad@example.org", "bad@example.org.uk", false),
            ("*@example.org", "any@example.org", true),
            ("*@example.org", "any@example.com", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(fits_pattern(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// Which of the first six occasions, alternately for `a@x` and `b@x`, meet the condition.
    fn check(when: &When, expected: [bool; 6]) {
        let script = Script::default();
        script.add(Stage::Rcpt, when.clone(), reply("450 4.2.1 later"));
        let met = [("a@x", 1), ("b@x", 1), ("a@x", 2), ("b@x", 2), ("a@x", 3), ("b@x", 3)]
            .map(|(address, n)| script.plan(Stage::Rcpt, n, &[address]).action.is_some());
        assert_eq!(met, expected, "{when:?}");
        assert_eq!(script.plan(Stage::Mail, 1, &["a@x"]), Plan::default(), "other stages");
    }

    #[test]
    fn conditions_count_only_the_occasions_that_fit() {
        let (o, x) = (false, true);
        check(&When::Always, [x; 6]);
        check(&When::Times(2), [x, x, o, o, o, o]);
        check(&When::After(4), [o, o, o, o, x, x]);
        check(&When::EveryNth(3), [o, o, x, o, o, x]);
        check(&When::EveryNth(0), [o; 6]);
        check(&for_address("a@*"), [x, o, x, o, x, o]);
        check(&When::OnConnection(2), [o, o, x, x, o, o]);
        check(&for_address("a@x").and(When::Times(2)), [x, o, x, o, o, o]);
        check(&When::OnConnection(2).and(for_address("b@x")), [o, o, o, x, o, o]);
    }

    #[test]
    fn delays_add_up_until_a_rule_acts() {
        let script = Script::default();
        let second = Duration::from_secs(1);
        script.add(Stage::Mail, When::Always, Action::Delay(second));
        script.add(Stage::Mail, When::Always, Action::Delay(second));
        script.add(Stage::Mail, When::Always, Action::Close);
        script.add(Stage::Mail, When::Always, Action::Delay(second));
        let plan = script.plan(Stage::Mail, 1, &[]);
        assert_eq!(plan, Plan { delay: 2 * second, action: Some(Action::Close) });
        assert_eq!(plan.first_line("250 fine"), None);
        script.clear();
        assert_eq!(script.plan(Stage::Mail, 1, &[]), Plan::default());
    }
}
