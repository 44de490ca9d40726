//! A setting as a row that schema, form, reference and command line are derived from.

use serde_json::Value;

use crate::rules::{Format, Place, Rules};

/// What values a setting takes.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
        /// What it counts, may be empty.
        measure: &'static str,
    },
    /// Text.
    Text {
        /// Longest. Unit: characters.
        chars_max: usize,
        /// What it is.
        format: Format,
    },
    /// A text that is never shown.
    Secret {
        /// Longest. Unit: characters.
        chars_max: usize,
    },
    /// One of a few words.
    Choice(&'static [Choice]),
    /// Several values.
    List {
        /// Kind of each.
        of: Box<Kind>,
        /// Longest.
        items_max: usize,
        /// Whether one text with `;` or `,` between the items is taken as well.
        is_separable: bool,
    },
    /// What a set of delivery settings notifies about ([`crate::NotifyAbout`]).
    Severities,
    /// A text, a number, `true` or `false`, or a list of these.
    Scalars {
        /// Longest text. Unit: characters.
        chars_max: usize,
        /// Longest list.
        items_max: usize,
    },
    /// Fields that are set together.
    Object(&'static [Definition]),
    /// A value, or the word `none`.
    Optional(Box<Kind>),
}

/// One word of a [`Kind::Choice`].
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The word in JSON.
    pub value: &'static str,
    /// The doc comment as the compiler gives it; see [`Self::doc`].
    pub doc_source: &'static str,
}

impl Choice {
    /// What the word means, in Markdown.
    #[must_use]
    pub fn doc(&self) -> String {
        clean_doc(self.doc_source)
    }
}

/// One setting, or one field of an object.
#[derive(Debug)]
pub struct Definition {
    /// Its name in JSON and TOML.
    pub key: &'static str,
    /// The doc comment as the compiler gives it; see [`Self::doc`].
    pub doc_source: &'static str,
    /// Kind of its values under given rules; see [`Self::kind`].
    pub kind_under: fn(&Rules) -> Kind,
    /// The value when no layer sets it; nothing for a field that must be given.
    pub default: fn() -> Option<Value>,
    /// Its rules.
    pub rules: Rules,
}

impl Definition {
    /// What values it takes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        (self.kind_under)(&self.rules)
    }

    /// The manual's text, in Markdown.
    #[must_use]
    pub fn doc(&self) -> String {
        clean_doc(self.doc_source)
    }

    /// The first paragraph of the manual's text, on one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let doc = self.doc();
        doc.split("\n\n").next().unwrap_or_default().replace('\n', " ")
    }

    /// Whether its value is never shown (spec 10.3).
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.kind(), Kind::Secret { .. })
    }

    /// The unit that it belongs to (spec 4.3).
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        self.rules.unit
    }

    /// Whether it leads its unit.
    #[must_use]
    pub fn leads_unit(&self) -> bool {
        self.rules.leads_unit
    }

    /// Whether it decides who would see the secrets of its unit.
    #[must_use]
    pub fn binds_secrets(&self) -> bool {
        self.rules.binds_secrets
    }

    /// At which layers it can be set.
    #[must_use]
    pub fn place(&self) -> Place {
        self.rules.place
    }

    /// The other setting and its value without which this one does not matter.
    #[must_use]
    pub fn only_when(&self) -> Option<(&'static str, &'static str)> {
        self.rules.only_when
    }
}

/// Doc comments come with a space at the begin of each line.
fn clean_doc(source: &str) -> String {
    let lines: Vec<_> = source.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n").trim().to_owned()
}

/// Faults that the compiler cannot see in a group's definitions; empty when all is well.
///
/// For the test that each group has: keys once, docs are sentences, each unit has one leader,
/// conditions name settings that exist, secrets stand at the top.
#[must_use]
pub fn find_faults(definitions: &[Definition]) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, definition) in definitions.iter().enumerate() {
        let key = definition.key;
        if definitions[..at].iter().any(|other| other.key == key) {
            faults.push(format!("`{key}` is defined twice"));
        }
        if !definition.summary().ends_with('.') {
            faults.push(format!("the doc comment of `{key}` does not begin with a sentence"));
        }
        if let Some((other, _)) = definition.only_when()
            && !definitions.iter().any(|definition| definition.key == other)
        {
            faults.push(format!("`{key}` depends on `{other}`, which does not exist"));
        }
        if let Some(unit) = definition.unit() {
            let of_unit = definitions.iter().filter(|other| other.unit() == Some(unit));
            let leaders = of_unit.filter(|other| other.leads_unit()).count();
            if leaders != 1 {
                faults.push(format!("unit `{unit}` of `{key}` has {leaders} leaders"));
            }
        }
        if holds_secret_inside(&definition.kind()) {
            faults.push(format!("`{key}` holds a secret inside: it would be shown"));
        }
    }
    faults
}

fn holds_secret_inside(kind: &Kind) -> bool {
    let is_secret = |kind: &Kind| matches!(kind, Kind::Secret { .. }) || holds_secret_inside(kind);
    match kind {
        Kind::List { of, .. } | Kind::Optional(of) => is_secret(of),
        Kind::Object(fields) => fields.iter().any(|field| is_secret(&field.kind())),
        _ => false,
    }
}
