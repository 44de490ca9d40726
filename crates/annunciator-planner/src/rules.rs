//! What does not fit together among overrides, and what has no effect.
//!
//! In: [`Overrides`], and whether an entry sets a setting. Out: problems with their places.
//! Knows nothing of: settings themselves, documents.

use std::collections::{HashMap, HashSet};

use annunciator_settings::Problem;

use crate::layers::{LayerNumber, group_paths};
use crate::overrides::{Entry, Overrides, Owner, Policy, Selector};

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
    for_each_meeting(overrides, &mut |meeting| {
        if meeting.overlap == Overlap::Certain
            && let Some(key) = meeting.lower.locked.intersection(&meeting.upper.locked).next()
        {
            let (name, words) = (&meeting.policy.name, meeting.upper.words());
            let detail = format!(
                "policy `{name}` locks `{key}` for {words} already, and this policy inherits from \
                 it: remove the lock here or there"
            );
            let problem = Problem::new("lock_conflict", detail).under("locked");
            found.push((Place::Layer(meeting.number), problem));
        }
    });
    found
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
        let place = Place::Layer(LayerNumber::try_from(number).unwrap_or(LayerNumber::MAX));
        let contradiction = entry.condition.as_ref().and_then(|one| one.find_contradiction());
        if let Some(words) = contradiction {
            let detail = format!("this condition can never hold: {words}");
            found.push((place, Problem::new("never_holds", detail).under("conditions")));
        }
    }
    for_each_meeting(overrides, &mut |meeting| {
        for key in meeting.upper.locked.iter().filter(|key| sets(&meeting.lower.content, key)) {
            let (name, words) = (&meeting.policy.name, meeting.upper.words());
            let detail = match meeting.overlap {
                Overlap::Certain => format!("has no effect: policy `{name}` locks it for {words}"),
                Overlap::Possible => {
                    format!("has no effect where policy `{name}` locks it: for {words}")
                }
            };
            let (group, key) = key.split_once('.').unwrap_or((key, ""));
            let problem = Problem::new("locked", detail).under(key).under(group);
            found.push((Place::Layer(meeting.number), problem));
        }
    });
    found
}

fn check_owners<C>(overrides: &Overrides<C>, found: &mut Vec<(Place, Problem)>) {
    let mut names = HashSet::new();
    let mut places = HashMap::new();
    for (at, owned) in overrides.owned.iter().enumerate() {
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
                if policy.name.is_empty() {
                    add("name", "required", "must be given, and differ from all others".to_owned());
                } else if !names.insert(owned.owner.id()) {
                    let detail = format!("there is a policy `{}` already", policy.name);
                    add("name", "duplicate", detail);
                }
                if !overrides.knows_group(&policy.group) {
                    add("group", "unknown_group", unknown_group(overrides, &policy.group));
                }
                let place = (policy.application.as_str(), policy.group.as_str());
                if let Some(other) = places.insert(place, policy.name.as_str()) {
                    let detail = format!(
                        "policy `{other}` is for this application and group already: put the \
                         events there, or choose another group"
                    );
                    add("group", "duplicate", detail);
                }
            }
        }
    }
}

fn unknown_group<C>(overrides: &Overrides<C>, path: &str) -> String {
    let wanted = path.to_lowercase();
    let is_near = |known: &&String| {
        let known = known.to_lowercase();
        known == wanted || known.ends_with(&wanted) || known.starts_with(&wanted)
    };
    let remedy = match overrides.groups.iter().find(is_near) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add `{path}` to `groups` first"),
    };
    format!("there is no device group `{path}`; {remedy}")
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
            if !matches!(owned.owner, Owner::Policy(_)) && !entry.locked.is_empty() {
                let detail = "only policies lock values: remove it".to_owned();
                add("locked", "misplaced", detail);
            }
            if let Some(key) = entry.locked.iter().find(|key| !sets(&entry.content, key)) {
                let detail = format!(
                    "`{key}` is locked and not set here: set it here, or remove it from `locked`"
                );
                add("locked", "lock_unset", detail);
            }
            number += 1;
        }
    }
}

/// Whether two entries are about the same events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Overlap {
    /// Every event of the lower one, as far as can be told without events.
    Certain,
    /// Perhaps some.
    Possible,
}

/// An entry of a policy and one of a policy that it inherits from. Entries of one policy do not
/// meet: among them the nearest counts, locked or not.
struct Meeting<'a, C> {
    number: LayerNumber,
    lower: &'a Entry<C>,
    /// The policy of `upper`.
    policy: &'a Policy,
    upper: &'a Entry<C>,
    overlap: Overlap,
}

fn overlap<C>(lower: &Entry<C>, upper: &Entry<C>) -> Option<Overlap> {
    let of_selectors = match (&lower.selector, &upper.selector) {
        (_, Selector::All) => Overlap::Certain,
        (lower, upper) if lower == upper => Overlap::Certain,
        (Selector::Type(_), Selector::Type(_)) | (Selector::Severity(_), Selector::Severity(_)) => {
            return None;
        }
        _ => Overlap::Possible,
    };
    let is_conditional = upper.condition.is_some() && upper.condition != lower.condition;
    Some(if is_conditional { Overlap::Possible } else { of_selectors })
}

/// The enabled policies by application and group.
type Policies<'a, C> = HashMap<(&'a str, &'a str), (&'a Policy, &'a [Entry<C>])>;

/// Looks at every entry of a policy beside the entries above it that lock something.
fn for_each_meeting<C>(overrides: &Overrides<C>, visit: &mut dyn FnMut(Meeting<'_, C>)) {
    let mut policies = Policies::new();
    for owned in &overrides.owned {
        if let Owner::Policy(policy) = &owned.owner
            && policy.enabled
        {
            let key = (policy.application.as_str(), policy.group.as_str());
            policies.insert(key, (policy, &owned.entries));
        }
    }
    let mut number: LayerNumber = 0;
    for owned in &overrides.owned {
        let first = number;
        number += LayerNumber::try_from(owned.entries.len()).unwrap_or(0);
        let Owner::Policy(own) = &owned.owner else { continue };
        let mut inherits = own.inherit;
        // The first path is the policy's own.
        for path in group_paths(&own.group).skip(1) {
            let key = (own.application.as_str(), path);
            let Some((policy, entries)) = policies.get(&key) else { continue };
            if inherits || policy.force_children {
                meet(&owned.entries, first, policy, entries, visit);
            }
            inherits &= policy.inherit;
        }
    }
}

fn meet<'a, C>(
    lower: &'a [Entry<C>],
    first: LayerNumber,
    policy: &'a Policy,
    upper: &'a [Entry<C>],
    visit: &mut dyn FnMut(Meeting<'a, C>),
) {
    for (number, lower) in (first..).zip(lower) {
        for upper in upper.iter().filter(|upper| !upper.locked.is_empty()) {
            if let Some(overlap) = overlap(lower, upper) {
                visit(Meeting { number, lower, policy, upper, overlap });
            }
        }
    }
}
