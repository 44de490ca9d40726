//! A page into what keeps people from using it, by the judgement of axe-core.
//!
//! In: the open page, rules to leave out. Out: [`Violation`]s.
//! Scripts of the driver are not bound by the page's content security policy.

use std::fmt;

use serde_json::{Value, json};

use super::Browser;

const AXE: &str = include_str!("../../assets/axe/axe.min.js");
const RUN: &str = "
return axe.run(document, { resultTypes: ['violations'], rules: arguments[0] }).then(found =>
  found.violations.map(one => ({
    rule: one.id, impact: one.impact, help: one.help,
    places: one.nodes.map(node => ({
      selector: node.target.flat(9).join(' '), summary: node.failureSummary || '' })) })));";

/// A rule that a page breaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Name of the rule, such as `color-contrast`.
    pub rule: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    pub impact: String,
    /// The rule as a sentence.
    pub help: String,
    /// Where it is broken: a CSS selector, and what would mend it.
    pub places: Vec<(String, String)>,
}

impl Violation {
    fn of(found: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let places = found["places"].as_array().into_iter().flatten();
        Self {
            rule: word(&found["rule"]),
            impact: word(&found["impact"]),
            help: word(&found["help"]),
            places: places.map(|it| (word(&it["selector"]), word(&it["summary"]))).collect(),
        }
    }

    /// Whether it keeps people from using the page.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        matches!(self.impact.as_str(), "serious" | "critical")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.rule, self.impact, self.help)?;
        for (selector, summary) in &self.places {
            write!(f, "\n    {selector}: {}", summary.replace('\n', " "))?;
        }
        Ok(())
    }
}

impl Browser {
    /// What axe-core finds in the open page, without the rules left out, each with its reason.
    #[must_use]
    #[track_caller]
    pub fn accessibility(&self, left_out: &[(&str, &str)]) -> Vec<Violation> {
        let mut rules = serde_json::Map::new();
        for (rule, reason) in left_out {
            assert!(!reason.is_empty(), "say why `{rule}` is left out");
            rules.insert((*rule).to_owned(), json!({ "enabled": false }));
        }
        if self.script("return typeof axe") != "object" {
            self.script(AXE);
        }
        let found = self.script_with(RUN, &[Value::Object(rules)]);
        found.as_array().into_iter().flatten().map(Violation::of).collect()
    }

    /// Fails when the open page breaks a rule with serious or critical impact; `name` says which
    /// page it is.
    #[track_caller]
    pub fn assert_accessible(&self, name: &str) {
        self.assert_accessible_without(name, &[]);
    }

    /// As [`Browser::assert_accessible`], without the rules left out, each with its reason.
    #[track_caller]
    pub fn assert_accessible_without(&self, name: &str, left_out: &[(&str, &str)]) {
        let found = self.accessibility(left_out);
        let grave = found.iter().filter(|one| one.is_grave()).map(ToString::to_string);
        let grave: Vec<String> = grave.collect();
        assert!(grave.is_empty(), "{name} is not accessible:\n  {}", grave.join("\n  "));
    }
}
