//! What does not fit together among overrides, and what has no effect.
//!
//! In: [`Overrides`], and whether an entry sets a setting. Out: problems with their places, the
//! first hundred.
//! Knows nothing of: settings themselves, documents.

mod meetings;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use annunciator_settings::Problem;

use crate::layers::LayerNumber;
use crate::overrides::{Entry, Overrides, Owner, Policy, Selector};
use meetings::{Overlap, Wanted, for_each_meeting};

/// Most problems that are looked for.
const PROBLEMS_MAX: usize = 100;

/// Where a problem stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// At an owner, by its position.
    Owner(usize),
    /// At an entry.
    Layer(LayerNumber),
}

/// Whether an entry's content sets a setting such as `email.recipients`.
pub type Sets<'a, C> = &'a dyn Fn(&C, &str) -> bool;

/// What must not be saved.
#[must_use]
pub fn find_override_problems<C>(
    overrides: &Overrides<C>,
    sets: Sets<'_, C>,
) -> Vec<(Place, Problem)> {
    let mut found = Vec::new();
    check_owners(overrides, &mut found);
    check_entries(overrides, sets, &mut found);
    let wanted =
        Wanted { is_asked: &|lower, key| lower.locked.contains(key), with_possible: false };
    let mut told = None;
    for_each_meeting(overrides, &wanted, &mut |meeting| {
        // One is enough to know what to do.
        if told.replace(meeting.number) == Some(meeting.number) {
            return ControlFlow::Continue(());
        }
        let (name, words, key) = (&meeting.policy.name, meeting.upper.words(), meeting.key);
        let detail = format!(
            "policy `{name}` locks `{key}` for {words} already, and this policy inherits from it: \
             remove the lock here or there"
        );
        let problem = Problem::new("lock_conflict", detail).under("locked");
        found.push((Place::Layer(meeting.number), problem));
        go_on(&found)
    });
    found.truncate(PROBLEMS_MAX);
    found
}

/// Whether there is room for more problems.
fn go_on(found: &[(Place, Problem)]) -> ControlFlow<()> {
    if found.len() < PROBLEMS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// What can be saved and has no effect, or perhaps another than was meant.
#[must_use]
pub fn find_override_warnings<C>(
    overrides: &Overrides<C>,
    sets: Sets<'_, C>,
) -> Vec<(Place, Problem)> {
    let mut found = Vec::new();
    let layers = overrides.layers().enumerate();
    for (number, (_, entry)) in layers {
        if go_on(&found).is_break() {
            return found;
        }
        let place = Place::Layer(LayerNumber::try_from(number).unwrap_or(LayerNumber::MAX));
        let contradiction = entry.condition.as_ref().and_then(|one| one.find_contradiction());
        if let Some(words) = contradiction {
            let detail = format!("this condition can never hold: {words}");
            found.push((place, Problem::new("never_holds", detail).under("conditions")));
        }
    }
    let wanted = Wanted {
        is_asked: &|lower: &Entry<C>, key| sets(&lower.content, key),
        with_possible: true,
    };
    for_each_meeting(overrides, &wanted, &mut |meeting| {
        let (name, words) = (&meeting.policy.name, meeting.upper.words());
        let detail = match meeting.overlap {
            Overlap::Certain => format!("has no effect: policy `{name}` locks it for {words}"),
            Overlap::Possible => {
                format!("has no effect where policy `{name}` locks it: for {words}")
            }
        };
        let (group, key) = meeting.key.split_once('.').unwrap_or((meeting.key, ""));
        let problem = Problem::new("locked", detail).under(key).under(group);
        found.push((Place::Layer(meeting.number), problem));
        go_on(&found)
    });
    found.truncate(PROBLEMS_MAX);
    found
}

fn check_owners<C>(overrides: &Overrides<C>, found: &mut Vec<(Place, Problem)>) {
    let mut names = HashSet::new();
    let mut places = HashMap::new();
    let mut groups = None;
    for (at, owned) in overrides.owned.iter().enumerate() {
        if go_on(found).is_break() {
            return;
        }
        let mut add = |key: &str, code: &'static str, detail: String| {
            found.push((Place::Owner(at), Problem::new(code, detail).under(key)));
        };
        if owned.owner.application().is_empty() {
            add("application", "required", "must be given: the name that events carry".to_owned());
        }
        match &owned.owner {
            Owner::EventConfiguration { .. } => {}
            Owner::Application { device, .. } => {
                if device.is_empty() {
                    add("device", "required", "must be given: a device's name".to_owned());
                } else if !names.insert(owned.owner.id()) {
                    let detail = "there are settings of this application on this device already: \
                                  put the events there";
                    add("device", "duplicate", detail.to_owned());
                }
            }
            Owner::Policy(policy) => {
                if !overrides.knows_group(&policy.group) {
                    let known = groups.get_or_insert_with(|| KnownGroups::new(&overrides.groups));
                    add("group", "unknown_group", known.unknown(&policy.group));
                }
                check_policy(policy, owned.owner.id(), &mut names, &mut places, &mut add);
            }
        }
    }
}

fn check_policy<'a>(
    policy: &'a Policy,
    id: String,
    names: &mut HashSet<String>,
    places: &mut HashMap<(&'a str, &'a str), &'a str>,
    add: &mut dyn FnMut(&str, &'static str, String),
) {
    if policy.name.is_empty() {
        add("name", "required", "must be given, and differ from all others".to_owned());
    } else if !names.insert(id) {
        add("name", "duplicate", format!("there is a policy `{}` already", policy.name));
    }
    let place = (policy.application.as_str(), policy.group.as_str());
    if let Some(other) = places.insert(place, policy.name.as_str()) {
        let detail = format!(
            "policy `{other}` is for this application and group already: put the events there, or \
             choose another group"
        );
        add("group", "duplicate", detail);
    }
}

/// The device groups, with their names in lower case to look for a near one.
struct KnownGroups<'a>(Vec<(String, &'a str)>);

impl<'a> KnownGroups<'a> {
    fn new(groups: &'a BTreeSet<String>) -> Self {
        Self(groups.iter().map(|group| (group.to_lowercase(), group.as_str())).collect())
    }

    /// What is wrong with a path that is not known.
    fn unknown(&self, path: &str) -> String {
        let wanted = path.to_lowercase();
        let is_near =
            |known: &&(String, &str)| known.0.ends_with(&wanted) || known.0.starts_with(&wanted);
        let remedy = match self.0.iter().find(is_near) {
            Some((_, near)) => format!("did you mean `{near}`?"),
            None => format!("add it to `groups` first: annunciator group add '{path}'"),
        };
        format!("there is no device group `{path}`; {remedy}")
    }
}

fn check_entries<C>(
    overrides: &Overrides<C>,
    sets: Sets<'_, C>,
    found: &mut Vec<(Place, Problem)>,
) {
    let mut number: LayerNumber = 0;
    let mut seen = HashSet::new();
    for owned in &overrides.owned {
        let owner = owned.owner.id();
        for entry in &owned.entries {
            if go_on(found).is_break() {
                return;
            }
            let mut add = |key: &str, code: &'static str, detail: String| {
                found.push((Place::Layer(number), Problem::new(code, detail).under(key)));
            };
            let fingerprint = entry.condition.as_ref().map(|condition| condition.fingerprint());
            if !seen.insert((owner.clone(), &entry.selector, fingerprint)) {
                let key = match entry.selector {
                    Selector::Type(_) | Selector::All => "type",
                    Selector::Severity(_) => "severity",
                };
                let detail = format!("{} come twice: put all settings into one", entry.words());
                add(key, "duplicate", detail);
            }
            let is_policy = matches!(owned.owner, Owner::Policy(_));
            if !is_policy && !entry.locked.is_empty() {
                let detail = "only policies lock values: remove it".to_owned();
                add("locked", "misplaced", detail);
            } else if let Some(key) = entry.locked.iter().find(|key| !sets(&entry.content, key)) {
                let detail = format!(
                    "`{key}` is locked and not set here: set it here, or remove it from `locked`"
                );
                add("locked", "lock_unset", detail);
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests;
