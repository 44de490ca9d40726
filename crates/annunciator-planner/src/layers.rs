//! Which layers apply to an event, nearest first (spec 6.1, ADR 0007). The one place that knows
//! how owners rank.
//!
//! From near to far: application settings of the device; policies, the nearest group first; the
//! event configuration. Within an owner: the event's type, its severity, all events; and with the
//! same selector entries with a condition before one without. The server-wide settings and the
//! compiled defaults lie below all of them.
//!
//! A policy holds for its group and the groups below. One that does not inherit hides the
//! policies of the groups above, but for those that force it.
//!
//! Cost: a look-up for each group of the event's path, whatever the number of owners.

use std::collections::HashMap;

use annunciator_core::{Event, Scope, Severity};

use crate::matcher::MatcherSet;
use crate::overrides::{Entry, GROUP_SEPARATOR, Overrides, Owner, Selector};

/// Position of an entry in [`Overrides::layers`].
pub type LayerNumber = u32;

/// Whether a layer that is about an event applies to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It does.
    Applies,
    /// Its condition does not hold.
    ConditionFails,
    /// Its policy is switched off.
    PolicyOff,
    /// A nearer policy does not inherit from its policy.
    NotInherited,
}

/// What says whether a condition holds: an event, or what was found when one was planned.
#[derive(Clone, Copy, Debug)]
pub enum Evidence<'a> {
    /// The event itself.
    Event(&'a Event),
    /// The conditions that held then, by their fingerprints (ADR 0003).
    Planned,
}

impl Evidence<'_> {
    fn holds(self, condition: &Condition, scope: &Scope) -> bool {
        match self {
            Self::Event(event) => condition.matchers.holds(event),
            Self::Planned => scope.conditions.contains(&condition.fingerprint),
        }
    }
}

/// The entries of all owners, ready to be looked up.
#[derive(Debug, Default)]
pub struct LayerIndex {
    applications: HashMap<String, ApplicationIndex>,
    conditions: HashMap<LayerNumber, Condition>,
}

#[derive(Debug, Clone)]
struct Condition {
    matchers: MatcherSet,
    fingerprint: u64,
}

/// The owners that are about one application.
#[derive(Debug, Default)]
struct ApplicationIndex {
    event_configuration: Layers,
    /// By group path.
    policies: HashMap<String, Vec<PolicyIndex>>,
    /// By device name.
    devices: HashMap<String, Layers>,
}

#[derive(Debug)]
struct PolicyIndex {
    enabled: bool,
    inherit: bool,
    force_children: bool,
    layers: Layers,
}

/// The entries of one owner.
#[derive(Debug, Default)]
struct Layers {
    by_type: HashMap<String, Vec<LayerNumber>>,
    by_severity: [Vec<LayerNumber>; Severity::ALL.len()],
    all: Vec<LayerNumber>,
}

impl Layers {
    fn add<C>(&mut self, number: LayerNumber, entry: &Entry<C>) {
        match &entry.selector {
            Selector::Type(code) => self.by_type.entry(code.clone()).or_default().push(number),
            Selector::Severity(severity) => self.by_severity[*severity as usize].push(number),
            Selector::All => self.all.push(number),
        }
    }

    fn extend(&mut self, others: Self) {
        for (code, numbers) in others.by_type {
            self.by_type.entry(code).or_default().extend(numbers);
        }
        for (list, numbers) in self.by_severity.iter_mut().zip(others.by_severity) {
            list.extend(numbers);
        }
        self.all.extend(others.all);
    }

    /// Entries with a condition go first.
    fn sort(&mut self, conditions: &HashMap<LayerNumber, Condition>) {
        let lists = self.by_type.values_mut().chain(&mut self.by_severity).chain([&mut self.all]);
        for list in lists {
            list.sort_by_key(|number| !conditions.contains_key(number));
        }
    }

    fn about<'l>(&'l self, scope: &Scope) -> impl Iterator<Item = LayerNumber> + use<'l> {
        let of_type = self.by_type.get(&scope.event_type).into_iter().flatten();
        let of_severity = &self.by_severity[scope.severity as usize];
        of_type.chain(of_severity).chain(&self.all).copied()
    }
}

impl ApplicationIndex {
    fn sort(&mut self, conditions: &HashMap<LayerNumber, Condition>) {
        let policies = self.policies.values_mut().flatten().map(|policy| &mut policy.layers);
        let owners =
            policies.chain(self.devices.values_mut()).chain([&mut self.event_configuration]);
        owners.for_each(|layers| layers.sort(conditions));
    }
}

impl LayerIndex {
    /// Makes overrides ready to be looked up.
    #[must_use]
    pub fn new<C>(overrides: &Overrides<C>) -> Self {
        let mut index = Self::default();
        let mut number: LayerNumber = 0;
        for owned in &overrides.owned {
            let mut layers = Layers::default();
            for entry in &owned.entries {
                if let Some(matchers) = &entry.condition {
                    let fingerprint = matchers.fingerprint();
                    let condition = Condition { matchers: matchers.clone(), fingerprint };
                    index.conditions.insert(number, condition);
                }
                layers.add(number, entry);
                number += 1;
            }
            index.add(&owned.owner, layers);
        }
        for application in index.applications.values_mut() {
            application.sort(&index.conditions);
        }
        index
    }

    fn add(&mut self, owner: &Owner, layers: Layers) {
        let application = self.applications.entry(owner.application().to_owned()).or_default();
        match owner {
            Owner::EventConfiguration { .. } => application.event_configuration.extend(layers),
            Owner::Application { device, .. } => {
                application.devices.entry(device.clone()).or_default().extend(layers);
            }
            Owner::Policy(policy) => {
                let policies = application.policies.entry(policy.group.clone()).or_default();
                policies.push(PolicyIndex {
                    enabled: policy.enabled,
                    inherit: policy.inherit,
                    force_children: policy.force_children,
                    layers,
                });
            }
        }
    }

    /// Looks at every layer that is about the event, nearest first, and says whether it applies.
    pub fn consult(
        &self,
        scope: &Scope,
        evidence: Evidence<'_>,
        visit: &mut dyn FnMut(LayerNumber, Standing),
    ) {
        let Some(application) = self.applications.get(&scope.application) else { return };
        let mut look = |layers: &Layers, standing: Standing| {
            for number in layers.about(scope) {
                let condition = self.conditions.get(&number);
                let holds = condition.is_none_or(|condition| evidence.holds(condition, scope));
                let is_cut = standing != Standing::Applies || holds;
                visit(number, if is_cut { standing } else { Standing::ConditionFails });
            }
        };
        if let Some(layers) = application.devices.get(&scope.device) {
            look(layers, Standing::Applies);
        }
        let mut inherits = true;
        for policy in
            group_paths(&scope.group).filter_map(|path| application.policies.get(path)).flatten()
        {
            let standing = match (policy.enabled, inherits || policy.force_children) {
                (false, _) => Standing::PolicyOff,
                (true, false) => Standing::NotInherited,
                (true, true) => Standing::Applies,
            };
            look(&policy.layers, standing);
            inherits &= policy.inherit || !policy.enabled;
        }
        look(&application.event_configuration, Standing::Applies);
    }

    /// The layers that apply to an event, nearest first.
    #[must_use]
    pub fn layers_for(&self, scope: &Scope, evidence: Evidence<'_>) -> Vec<LayerNumber> {
        let mut layers = Vec::new();
        if !self.applications.is_empty() {
            self.consult(scope, evidence, &mut |number, standing| {
                if standing == Standing::Applies {
                    layers.push(number);
                }
            });
        }
        layers
    }

    /// The scope of an event, with the conditions that hold for it.
    #[must_use]
    pub fn scope_of(&self, event: &Event) -> Scope {
        let mut scope = Scope::of(event);
        if self.conditions.is_empty() {
            return scope;
        }
        let mut held = Vec::new();
        self.consult(&scope, Evidence::Event(event), &mut |number, standing| {
            if standing == Standing::Applies
                && let Some(condition) = self.conditions.get(&number)
            {
                held.push(condition.fingerprint);
            }
        });
        held.sort_unstable();
        held.dedup();
        scope.conditions = held;
        scope
    }
}

/// A group's path and those of the groups above it, nearest first; the root, which is empty, last.
pub(crate) fn group_paths(path: &str) -> impl Iterator<Item = &str> {
    let own = (!path.is_empty()).then_some(path);
    let above = path.rmatch_indices(GROUP_SEPARATOR).map(|(at, _)| &path[..at]);
    own.into_iter().chain(above).chain([""])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overrides::{Owned, Policy};

    #[test]
    fn the_groups_above_a_path_end_with_the_root() {
        let check = |path: &str, expected: &[&str]| {
            assert_eq!(group_paths(path).collect::<Vec<_>>(), expected, "{path}");
        };
        check("", &[""]);
        check("A", &["A", ""]);
        check("A/B/C", &["A/B/C", "A/B", "A", ""]);
    }

    #[test]
    fn a_slash_at_the_ends_of_an_events_group_means_nothing() {
        let policy = Policy {
            name: "P".into(),
            application: "Storage Guard".into(),
            group: "Plant A".into(),
            enabled: true,
            inherit: true,
            force_children: false,
        };
        let entry = Entry {
            selector: Selector::All,
            condition: None,
            locked: [].into(),
            storage_term_days: None,
            content: (),
        };
        let owned = vec![Owned { owner: Owner::Policy(policy), entries: vec![entry] }];
        let index = LayerIndex::new(&Overrides { groups: ["Plant A".to_owned()].into(), owned });
        let check = |group: &str, expected: &[LayerNumber]| {
            let mut event = crate::tests::event(Severity::Critical);
            event.device.group = group.into();
            let found = index.layers_for(&index.scope_of(&event), Evidence::Event(&event));
            assert_eq!(found, expected, "{group}");
            let within =
                serde_json::json!([{"field": "group", "op": "within", "value": "Plant A"}]);
            let silence = MatcherSet::from_json(&within).expect("good");
            assert_eq!(silence.holds(&event), !expected.is_empty(), "as for a silence: {group}");
        };
        check("Plant A", &[0]);
        check("/Plant A", &[0]);
        check("Plant A/", &[0]);
        check("/Plant A/Line 2/", &[0]);
        check("Plant AB", &[]);
        check("", &[]);
    }
}
