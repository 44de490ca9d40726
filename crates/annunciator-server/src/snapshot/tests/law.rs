//! The law of layers (ADR 0007, ADR 0031): resolution equals a slow one that was written from the
//! words of the records.

use annunciator_certificates::CertificateBook;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Situation, selector, short, usual_event, when_free_is_below};
use crate::snapshot::{SettingsBook, Snapshot};

const KEYS: [&str; 2] = ["subject", "message"];
const GROUPS: [&str; 6] = ["", "A", "A/B", "A/B/C", "A/D", "E"];
const SELECTORS: [&str; 5] = ["*", "!critical", "!info", "disk.full", "cpu.hot"];

/// What one entry says.
#[derive(Clone, Debug)]
struct Said {
    selector: &'static str,
    /// For each of [`KEYS`] whether it is set, and whether it is locked.
    sets: [(bool, bool); 2],
    term: Option<u32>,
    /// A condition, and whether it holds.
    condition: Option<bool>,
    /// A value that no other entry has.
    value: String,
}

#[derive(Clone, Debug)]
struct SaidPolicy {
    group: &'static str,
    enabled: bool,
    inherit: bool,
    force_children: bool,
    entries: Vec<Said>,
}

#[derive(Clone, Debug)]
struct World {
    events: Vec<Said>,
    policies: Vec<SaidPolicy>,
    app: Vec<Said>,
    event: Value,
}

/// Entries with different selectors.
fn entries(prefix: &'static str) -> impl Strategy<Value = Vec<Said>> {
    let one = (
        any::<[(bool, bool); 2]>(),
        proptest::option::of(0..9_u32),
        proptest::option::of(any::<bool>()),
    );
    let all = proptest::sample::subsequence(&SELECTORS[..], 0..=SELECTORS.len());
    (all, proptest::collection::vec(one, SELECTORS.len())).prop_map(move |(selectors, said)| {
        let said = selectors.into_iter().zip(said);
        said.map(|(selector, (sets, term, condition))| Said {
            selector,
            sets,
            term,
            condition,
            value: format!("{prefix} {selector}"),
        })
        .collect()
    })
}

fn world() -> impl Strategy<Value = World> {
    let policy =
        (any::<(bool, bool, bool)>(), entries("p")).prop_map(|(flags, entries)| SaidPolicy {
            group: "",
            enabled: flags.0,
            inherit: flags.1,
            force_children: flags.2,
            entries,
        });
    let groups = proptest::sample::subsequence(&GROUPS[..], 0..=GROUPS.len());
    let policies = (groups, proptest::collection::vec(policy, GROUPS.len()));
    let event = (
        proptest::sample::select(&["disk.full", "cpu.hot", "x"][..]),
        proptest::sample::select(&["critical", "info", "failure"][..]),
        proptest::sample::select(&GROUPS[..]),
        proptest::sample::select(&["pc-17", "pc-18", ""][..]),
    );
    (entries("e"), policies, entries("a"), event).prop_map(|(events, policies, app, event)| {
        let place = |(group, mut policy): (&'static str, SaidPolicy)| {
            policy.group = group;
            for entry in &mut policy.entries {
                entry.value = format!("{} of {group}", entry.value);
            }
            policy
        };
        let event =
            json!({"type": event.0, "severity": event.1, "group": event.2, "device": event.3});
        let policies = policies.0.into_iter().zip(policies.1).map(place).collect();
        World { events, policies, app, event }
    })
}

/// An entry as the document has it; locks only in policies.
fn row(said: &Said, may_lock: bool) -> Value {
    let mut row = selector(said.selector);
    let (mut email, mut locked) = (Map::new(), Vec::new());
    for (key, (sets, locks)) in KEYS.into_iter().zip(said.sets) {
        if sets {
            email.insert(key.to_owned(), json!(said.value));
            locked.extend((locks && may_lock).then(|| format!("email.{key}")));
        }
    }
    row.insert("email".to_owned(), email.into());
    row.insert("locked".to_owned(), json!(locked));
    row.extend(said.term.map(|days| ("storage_term_days".to_owned(), json!(days))));
    let row = Value::Object(row);
    // There are 3 free.
    match said.condition {
        None => row,
        Some(true) => when_free_is_below(5, row),
        Some(false) => when_free_is_below(2, row),
    }
}

impl World {
    fn situation(&self) -> Situation {
        let rows = |entries: &[Said], may_lock| -> Value {
            entries.iter().map(|said| row(said, may_lock)).collect()
        };
        let mut one = super::situation("a world");
        for said in &self.events {
            one = one.events(row(said, false));
        }
        for policy in &self.policies {
            let attributes = json!({"enabled": policy.enabled, "inherit": policy.inherit,
                "force_children": policy.force_children});
            one = one.policy_with(policy.group, attributes, rows(&policy.entries, true));
        }
        one.on("pc-17", rows(&self.app, false))
    }

    /// The policies that hold, nearest first.
    fn policies_that_hold(&self) -> Vec<&SaidPolicy> {
        let at = self.event["group"].as_str().unwrap();
        let is_above = |policy: &&SaidPolicy| {
            policy.group.is_empty()
                || at == policy.group
                || at.starts_with(&format!("{}/", policy.group))
        };
        let mut above: Vec<_> =
            self.policies.iter().filter(|one| one.enabled).filter(is_above).collect();
        // Of two groups above the event the nearer one has the longer path.
        above.sort_by_key(|policy| std::cmp::Reverse(policy.group.len()));
        let holds = |(at, policy): (usize, &&SaidPolicy)| {
            policy.force_children || above[..at].iter().all(|nearer| nearer.inherit)
        };
        above
            .iter()
            .enumerate()
            .filter(|&(at, policy)| holds((at, policy)))
            .map(|(_, p)| *p)
            .collect()
    }

    /// Every owner with its origin, nearest first.
    fn owners(&self) -> Vec<(String, &[Said])> {
        let mut owners: Vec<(String, &[Said])> = Vec::new();
        if self.event["device"] == "pc-17" {
            owners.push(("app".to_owned(), &self.app));
        }
        for policy in self.policies_that_hold() {
            let name = if policy.group.is_empty() { "root" } else { policy.group };
            owners.push((format!("policy {name}"), &policy.entries));
        }
        owners.push(("events".to_owned(), &self.events));
        owners
    }

    /// The entries of an owner about the event: type, severity, all events.
    fn about<'a>(&self, entries: &'a [Said]) -> Vec<&'a Said> {
        let severity = format!("!{}", self.event["severity"].as_str().unwrap());
        let order = [self.event["type"].as_str().unwrap(), &severity, "*"];
        let find = |word: &&str| {
            let holds = |said: &&Said| said.condition != Some(false);
            entries.iter().filter(holds).find(|said| said.selector == *word)
        };
        order.iter().filter_map(find).collect()
    }

    /// The effective value of a setting and its origin.
    fn value(&self, key: usize) -> (String, String) {
        let owners = self.owners();
        let value_of = |(origin, entries): &(String, &[Said])| {
            let about = self.about(entries);
            let said = about.iter().find(|said| said.sets[key].0)?;
            let locks = about.iter().any(|said| said.sets[key] == (true, true));
            let locks = locks && origin.starts_with("policy");
            Some((said.value.clone(), origin.clone(), locks))
        };
        let values: Vec<_> = owners.iter().filter_map(value_of).collect();
        let locked = values.iter().rev().find(|(_, _, locks)| *locks);
        match locked.or_else(|| values.first()) {
            Some((value, origin, locks)) => {
                (value.clone(), format!("{origin}{}", if *locks { "!" } else { "" }))
            }
            None if KEYS[key] == "subject" => ("server".to_owned(), "server".to_owned()),
            None => (String::new(), "default".to_owned()),
        }
    }

    fn term(&self) -> Option<(u32, String)> {
        let owners = self.owners();
        owners.iter().find_map(|(origin, entries)| {
            let days = self.about(entries).iter().find_map(|said| said.term)?;
            Some((days, origin.clone()))
        })
    }
}

proptest! {
    #[test]
    fn resolution_is_as_the_records_say(world in world()) {
        let one = world.situation();
        let book = SettingsBook::offline();
        // Locks that fight are refused at save, and have an order all the same.
        let snapshot =
            Snapshot::compile(book.channels(), &CertificateBook::default(), one.configuration(), 1);
        let event = usual_event(&world.event);
        let holding = snapshot.holding(&event);
        let found = snapshot.effective(0, &holding.layers);
        for (at, key) in KEYS.into_iter().enumerate() {
            let found = found.iter().find(|one| one.key == key).unwrap();
            let (value, origin) = world.value(at);
            prop_assert_eq!(short(&found.origin.to_string(), found.locked), origin.clone());
            if origin != "default" {
                prop_assert_eq!(&found.value, &json!(value));
            }
        }
        let term = snapshot.storage_term(&holding.layers);
        let term = term.map(|(days, origin)| (days, short(&origin.to_string(), false)));
        prop_assert_eq!(term, world.term());
        // What was planned with these layers is sent with them, though the event is gone.
        let planned = snapshot.index.layers_for(&holding.scope, annunciator_planner::Evidence::Planned);
        prop_assert_eq!(planned, holding.layers);
    }
}
