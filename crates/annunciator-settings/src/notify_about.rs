//! The switch "notify about" of a set of delivery settings (spec 3).

use annunciator_core::Severity;
use serde_json::Value;

use crate::definition::Kind;
use crate::problem::Problem;
use crate::rules::Rules;
use crate::value::SettingValue;

/// Which events a set of delivery settings notifies about.
///
/// In JSON `"all"`, `"configured"`, or a list of severities; one text with `;` or `,` between
/// severities is taken as well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotifyAbout {
    /// Every event.
    All,
    /// Only where the event configuration says so (spec 6.2).
    Configured,
    /// Events of these severities; with an empty list, none. Mildest first.
    Severities(Vec<Severity>),
}

impl NotifyAbout {
    /// Whether an event of that severity is notified, unless its event configuration decides.
    #[must_use]
    pub fn admits(&self, severity: Severity) -> bool {
        match self {
            Self::All => true,
            Self::Configured => false,
            Self::Severities(severities) => severities.contains(&severity),
        }
    }
}

impl SettingValue for NotifyAbout {
    fn kind(_: &Rules) -> Kind {
        Kind::Severities
    }

    fn parse(value: &Value, _: &Rules) -> Result<Self, Vec<Problem>> {
        const REMEDY: &str = "must be `all`, `configured`, or a list of `info`, `warning`, \
                              `failure` and `critical`";
        match value {
            Value::String(word) if word == "all" => Ok(Self::All),
            Value::String(word) if word == "configured" => Ok(Self::Configured),
            Value::Array(words) => {
                let mut chosen = [false; Severity::ALL.len()];
                for (at, word) in words.iter().enumerate() {
                    let severity: Option<Severity> =
                        word.as_str().and_then(|word| word.parse().ok());
                    let Some(severity) = severity else {
                        return Err(vec![Problem::new("one_of", REMEDY).under(&at.to_string())]);
                    };
                    chosen[severity as usize] = true;
                }
                let severities = Severity::ALL.into_iter().filter(|s| chosen[*s as usize]);
                Ok(Self::Severities(severities.collect()))
            }
            Value::String(words) => {
                let words: Option<Vec<Severity>> =
                    words.split([';', ',']).map(|word| word.trim().parse().ok()).collect();
                let words = words.ok_or_else(|| vec![Problem::new("one_of", REMEDY)])?;
                let chosen = Severity::ALL.into_iter().filter(|one| words.contains(one));
                Ok(Self::Severities(chosen.collect()))
            }
            _ => Err(vec![Problem::new("type", REMEDY)]),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::All => "all".into(),
            Self::Configured => "configured".into(),
            Self::Severities(severities) => severities.iter().map(|s| s.as_str()).collect(),
        }
    }
}
