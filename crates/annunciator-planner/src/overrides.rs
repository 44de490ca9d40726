//! What overrides the server-wide settings, where, and for which events (spec 6).
//!
//! Owners are the event configuration of the server, policies and application settings; each
//! holds entries, and each entry is one layer. `C` is what an entry sets: the planner does not
//! look into it.

use std::collections::BTreeSet;
use std::fmt;

use annunciator_core::Severity;
use annunciator_settings::Origin;

use crate::matcher::MatcherSet;

/// Separates the groups of a path such as `Plant A/Line 2`.
pub const GROUP_SEPARATOR: char = '/';

/// Which events of an application an entry is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Selector {
    /// Events of one type, by its code.
    Type(String),
    /// All events of a severity.
    Severity(Severity),
    /// All events.
    All,
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(code) => write!(f, "type {code}"),
            Self::Severity(severity) => write!(f, "severity {severity}"),
            Self::All => f.write_str("all events"),
        }
    }
}

/// What one owner sets for some events: one layer.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry<C> {
    /// Which events.
    pub selector: Selector,
    /// A condition on the event; none = always.
    pub condition: Option<MatcherSet>,
    /// Settings whose values nothing nearer may override, such as `email.recipients`.
    pub locked: BTreeSet<String>,
    /// How long such events are kept; 0 = not listed. Unit: days.
    pub storage_term_days: Option<u32>,
    /// What it sets.
    pub content: C,
}

impl<C> Entry<C> {
    /// The entry in words, such as `type disk.full where free_percent < 5`.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.condition {
            None => self.selector.to_string(),
            Some(condition) => format!("{} where {condition}", self.selector),
        }
    }
}

/// A policy: for an application, in a device group and the groups below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Its name, unique.
    pub name: String,
    /// The application.
    pub application: String,
    /// Path of the device group; empty = all devices.
    pub group: String,
    /// Whether it counts.
    pub enabled: bool,
    /// Whether policies of the groups above hold below it too.
    pub inherit: bool,
    /// Whether policies of the groups below inherit, whatever they say themselves.
    pub force_children: bool,
}

/// Who owns entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owner {
    /// The Administration Server's event configuration of an application.
    EventConfiguration {
        /// The application.
        application: String,
    },
    /// A policy.
    Policy(Policy),
    /// The settings of an application on one device.
    Application {
        /// The application.
        application: String,
        /// The device.
        device: String,
    },
}

impl Owner {
    /// The application that it is about.
    #[must_use]
    pub fn application(&self) -> &str {
        match self {
            Self::EventConfiguration { application } | Self::Application { application, .. } => {
                application
            }
            Self::Policy(policy) => &policy.application,
        }
    }

    /// The owner as the origin of values.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match self {
            Self::EventConfiguration { .. } => Origin::EventConfiguration,
            Self::Policy(policy) => Origin::Policy(policy.name.as_str().into()),
            Self::Application { application, device } => {
                Origin::Application(format!("{application} on {device}").into())
            }
        }
    }

    /// The owner's name among all, as part of lanes and counters.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::EventConfiguration { application } => {
                format!("event_configuration/{}", part(application))
            }
            Self::Policy(policy) => format!("policy/{}", part(&policy.name)),
            Self::Application { application, device } => {
                format!("application/{}@{}", part(application), part(device))
            }
        }
    }
}

/// A part of an id, so that no two lists of parts make the same id.
fn part(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F").replace('@', "%40")
}

/// An owner with its entries.
#[derive(Clone, PartialEq, Debug)]
pub struct Owned<C> {
    /// Whose they are.
    pub owner: Owner,
    /// The entries; with the same selector one with a condition goes before one without, and
    /// earlier ones before later ones.
    pub entries: Vec<Entry<C>>,
}

/// All overrides.
#[derive(Clone, PartialEq, Debug)]
pub struct Overrides<C> {
    /// Device groups that policies may name, by path; the groups above one are known with it.
    pub groups: BTreeSet<String>,
    /// The owners: a policy, and an application on a device, each once.
    pub owned: Vec<Owned<C>>,
}

impl<C> Default for Overrides<C> {
    fn default() -> Self {
        Self { groups: BTreeSet::new(), owned: Vec::new() }
    }
}

impl<C> Overrides<C> {
    /// Whether a device group is known: named, above one that is, or the root.
    #[must_use]
    pub fn knows_group(&self, path: &str) -> bool {
        let below = format!("{path}{GROUP_SEPARATOR}");
        let is_above = || {
            let next = self.groups.range(below.clone()..).next();
            next.is_some_and(|known| known.starts_with(&below))
        };
        path.is_empty() || self.groups.contains(path) || is_above()
    }

    /// Every entry with its owner, in the order of the document; the position is its number.
    pub fn layers(&self) -> impl Iterator<Item = (&Owner, &Entry<C>)> {
        self.owned
            .iter()
            .flat_map(|owned| owned.entries.iter().map(move |entry| (&owned.owner, entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_owners_have_the_same_id() {
        let on = |application: &str, device: &str| {
            let (application, device) = (application.to_owned(), device.to_owned());
            Owner::Application { application, device }.id()
        };
        assert_eq!(on("Guard", "pc-17"), "application/Guard@pc-17");
        assert_ne!(on("a@b", "c"), on("a", "b@c"));
        let of = |name: &str| {
            Owner::EventConfiguration { application: name.to_owned() }.id() + "/all events"
        };
        assert_ne!(of("a/all events"), of("a") + "/all events");
        assert_ne!(of("a%2F"), of("a/"));
    }

    #[test]
    fn a_group_is_known_with_those_above_it() {
        let groups = ["Plant A/Line 2", "Plant B"].map(str::to_owned).into();
        let overrides = Overrides::<()> { groups, owned: Vec::new() };
        let check = |path: &str, expected: bool| {
            assert_eq!(overrides.knows_group(path), expected, "{path}");
        };
        check("", true);
        check("Plant A", true);
        check("Plant A/Line 2", true);
        check("Plant B", true);
        check("Plant A/Line", false);
        check("Plant", false);
        check("Plant A/Line 2/Cell", false);
        check("plant b", false);
        check("Plant A/", false);
    }
}
