//! What a domain demands of those who send to it, by MTA-STS.
//!
//! In: the TXT record and the policy file, both text. Out: [`Policy`], [`Verdict`].
//! Knows nothing of: how they are fetched (`fetch`) and kept (`policies`).
//! Standard: RFC 8461 sections 3.1, 3.2 and 4.1.
//! Failure: what does not parse is no policy; the domain is then treated as one without.

pub(crate) mod fetch;
pub(crate) mod policies;

/// Longest time that a policy may be kept (RFC 8461 section 3.2). Unit: seconds.
const AGE_S_MAX: u64 = 31_557_600;
/// Most patterns of a policy.
const PATTERNS_MAX: usize = 100;

/// What a policy is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Only the named servers, only with TLS that verifies.
    Enforce,
    /// As if there were none; what would have happened is recorded.
    Testing,
    /// There was a policy once.
    None,
}

/// A policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Policy {
    pub(crate) mode: Mode,
    /// How long it may be kept. Unit: seconds; at most [`AGE_S_MAX`].
    pub(crate) age_s_max: u64,
    /// Lower case; one may begin with `*.`, which stands for exactly one label.
    pub(crate) patterns: Vec<String>,
}

/// What the policy of a domain says of one of its mail exchangers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    pub(crate) mode: Mode,
    pub(crate) is_named: bool,
}

impl Verdict {
    /// As the ledger keeps it.
    pub(crate) fn as_str(self) -> &'static str {
        match (self.mode, self.is_named) {
            (Mode::Enforce, true) => "enforce: matched",
            (Mode::Enforce, false) => "enforce: not matched",
            (Mode::Testing, true) => "testing: matched",
            (Mode::Testing, false) => "testing: not matched",
            (Mode::None, _) => "none",
        }
    }
}

impl Policy {
    /// Reads a policy file. Unknown fields are for later versions, and of a field that may stand
    /// once the first one counts (RFC 8461 section 3.2).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut version, mut mode, mut age, mut patterns) = (None, None, None, Vec::new());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (key, value) = line.split_once(':')?;
            let value = value.trim_matches([' ', '\t']);
            match key {
                "version" => _ = version.get_or_insert(value),
                "mode" => _ = mode.get_or_insert(value),
                "max_age" => _ = age.get_or_insert(value),
                "mx" if patterns.len() < PATTERNS_MAX => patterns.push(pattern_of(value)?),
                key if is_field_name(key) => {}
                _ => return None,
            }
        }
        let mode = match mode? {
            "enforce" => Mode::Enforce,
            "testing" => Mode::Testing,
            "none" => Mode::None,
            _ => return None,
        };
        let age = age.filter(|age| (1..=10).contains(&age.len()))?;
        let is_number = age.bytes().all(|octet| octet.is_ascii_digit());
        let age_s_max = age.parse::<u64>().ok().filter(|_| is_number)?.min(AGE_S_MAX);
        let is_whole = version? == "STSv1" && (mode == Mode::None || !patterns.is_empty());
        is_whole.then_some(Self { mode, age_s_max, patterns })
    }

    /// What it says of a server (RFC 8461 section 4.1).
    pub(crate) fn judge(&self, host: &str) -> Verdict {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let fits = |pattern: &String| match pattern.strip_prefix("*.") {
            Some(rest) => host
                .split_once('.')
                .is_some_and(|(first, parent)| !first.is_empty() && parent == rest),
            None => *pattern == host,
        };
        Verdict { mode: self.mode, is_named: self.patterns.iter().any(fits) }
    }
}

fn is_field_name(key: &str) -> bool {
    let mut octets = key.bytes();
    octets.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && key.len() <= 32
        && octets.all(|octet| octet.is_ascii_alphanumeric() || b"_-.".contains(&octet))
}

/// A name in lower case, or `*.` and a name.
fn pattern_of(value: &str) -> Option<String> {
    let name = value.strip_prefix("*.").unwrap_or(value);
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    (name.len() <= 253 && name.split('.').all(is_label)).then(|| value.to_ascii_lowercase())
}

/// The id of the policy that a domain announces: there must be one record of the version, and an
/// id in it (RFC 8461 section 3.1).
pub(crate) fn announced_id(texts: &[String]) -> Option<&str> {
    let fields = |text: &str| text.split(';').next().map(str::trim_end) == Some("v=STSv1");
    let mut records = texts.iter().filter(|text| fields(text));
    let (record, None) = (records.next()?, records.next()) else { return None };
    let ids = record.split(';').filter_map(|field| field.trim().strip_prefix("id="));
    let id = ids.take(1).next()?;
    let fits = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_strictly() {
        let whole = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.test\r\nmx: *.example.net\r\nmax_age: 86400\r\n";
        for (text, expected) in [
            (whole.to_owned(), Some((Mode::Enforce, 86_400, 2))),
            (whole.replace("\r\n", "\n"), Some((Mode::Enforce, 86_400, 2))),
            (whole.replace("enforce", "testing"), Some((Mode::Testing, 86_400, 2))),
            (whole.replace(": ", ":\t "), Some((Mode::Enforce, 86_400, 2))),
            ("version: STSv1\nmode: none\nmax_age: 1".into(), Some((Mode::None, 1, 0))),
            (whole.replace("86400", "9999999999"), Some((Mode::Enforce, AGE_S_MAX, 2))),
            (format!("{whole}later: x\r\n"), Some((Mode::Enforce, 86_400, 2))),
            (format!("{whole}mode: none\r\n"), Some((Mode::Enforce, 86_400, 2))),
            (whole.replace("STSv1", "STSv2"), None),
            (whole.replace("enforce", "Enforce"), None),
            (whole.replace("mx: ", "mx_: "), None),
            (whole.replace("86400", "-1"), None),
            (whole.replace("86400", "+1"), None),
            (whole.replace("86400", ""), None),
            (whole.replace("86400", "99999999999"), None),
            (whole.replace("*.example.net", "a*.example.net"), None),
            (whole.replace("*.example.net", "*.*.net"), None),
            (whole.replace("mail.example.test", ""), None),
            (format!("{whole}<html>\r\n"), None),
            (String::new(), None),
        ] {
            let found = Policy::parse(&text);
            let found = found.map(|policy| (policy.mode, policy.age_s_max, policy.patterns.len()));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let policy = Policy {
            mode: Mode::Enforce,
            age_s_max: 1,
            patterns: vec!["mail.example.test".into(), "*.example.net".into()],
        };
        for (host, expected) in [
            ("mail.example.test", true),
            ("MAIL.example.test.", true),
            ("a.mail.example.test", false),
            ("example.test", false),
            ("a.example.net", true),
            ("a.b.example.net", false),
            ("example.net", false),
            (".example.net", false),
        ] {
            assert_eq!(policy.judge(host).is_named, expected, "{host}");
        }
    }

    #[test]
    fn one_record_with_an_id_announces_a_policy() {
        for (texts, expected) in [
            (&["v=STSv1; id=2026a;"][..], Some("2026a")),
            (&["v=STSv1;id=2026a"], Some("2026a")),
            (&["v=STSv1 ; id=2026a; more=x"], Some("2026a")),
            (&["other", "v=STSv1; id=1;"], Some("1")),
            (&["v=STSv1; id=1;", "v=STSv1; id=2;"], None),
            (&["v=STSv1;"], None),
            (&["v=STSv1; id=;"], None),
            (&["v=STSv1; id=a-b;"], None),
            (&["v=STSv10; id=1;"], None),
            (&["id=1; v=STSv1;"], None),
            (&[], None),
        ] {
            let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
            assert_eq!(announced_id(&texts), expected, "{texts:?}");
        }
    }
}
