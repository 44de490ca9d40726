//! Entries of policies beside those of the policies they inherit from, where a lock is at stake.
//!
//! In: [`Overrides`]. Out: each meeting of an entry that is asked about with one that locks.
//! Cost: a look-up for each entry and each setting that a policy above locks, and a visit for each
//! meeting, until the visitor has seen enough.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use crate::layers::{LayerNumber, group_paths};
use crate::overrides::{Entry, Overrides, Owner, Policy, Selector};

/// Whether two entries are about the same events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Overlap {
    /// Every event of the lower one, as far as can be told without events.
    Certain,
    /// Perhaps some.
    Possible,
}

/// An entry of a policy and one of a policy that it inherits from, which locks a setting. Entries
/// of one policy do not meet: among them the nearest counts, locked or not.
pub(super) struct Meeting<'a, C> {
    pub(super) number: LayerNumber,
    /// The policy of `upper`.
    pub(super) policy: &'a Policy,
    pub(super) upper: &'a Entry<C>,
    /// What `upper` locks.
    pub(super) key: &'a str,
    pub(super) overlap: Overlap,
}

/// Which meetings are looked for.
pub(super) struct Wanted<'a, C> {
    /// Whether an entry is asked about for a setting.
    pub(super) is_asked: &'a dyn Fn(&Entry<C>, &str) -> bool,
    /// Whether meetings that are only possible count.
    pub(super) with_possible: bool,
}

/// What an entry is for: its selector, and the fingerprint of its conditions.
type Target<'a> = (&'a Selector, Option<u64>);

/// The entries of a policy that lock one setting.
struct Locking<'a, C> {
    by_target: HashMap<Target<'a>, Vec<&'a Entry<C>>>,
    by_selector: HashMap<&'a Selector, Vec<&'a Entry<C>>>,
    of_types: Vec<&'a Entry<C>>,
    of_severities: Vec<&'a Entry<C>>,
}

impl<C> Default for Locking<'_, C> {
    fn default() -> Self {
        Self {
            by_target: HashMap::new(),
            by_selector: HashMap::new(),
            of_types: Vec::new(),
            of_severities: Vec::new(),
        }
    }
}

impl<'a, C> Locking<'a, C> {
    fn add(&mut self, target: Target<'a>, entry: &'a Entry<C>) {
        self.by_target.entry(target).or_default().push(entry);
        self.by_selector.entry(target.0).or_default().push(entry);
        match entry.selector {
            Selector::Type(_) => self.of_types.push(entry),
            Selector::Severity(_) => self.of_severities.push(entry),
            Selector::All => {}
        }
    }

    /// The entries that are about every event of a target.
    fn certain<'s>(
        &'s self,
        target: Target<'s>,
    ) -> impl Iterator<Item = &'a Entry<C>> + use<'s, 'a, C> {
        let (selector, condition) = target;
        let above = (*selector != Selector::All).then_some(&Selector::All);
        let selectors = [selector].into_iter().chain(above);
        let targets = selectors.flat_map(move |selector| {
            let own = condition.map(|_| (selector, condition));
            [(selector, None)].into_iter().chain(own)
        });
        targets.flat_map(|target| self.by_target.get(&target).into_iter().flatten()).copied()
    }

    /// The entries that are perhaps about an event of a target.
    fn possible<'s>(
        &'s self,
        target: Target<'s>,
    ) -> impl Iterator<Item = &'a Entry<C>> + use<'s, 'a, C> {
        let (selector, condition) = target;
        let same =
            [selector].into_iter().chain((*selector != Selector::All).then_some(&Selector::All));
        let same = same.flat_map(|selector| self.by_selector.get(selector).into_iter().flatten());
        // Without a condition, or with the same, it is certain.
        let is_other = move |upper: &&&Entry<C>| {
            let upper = upper.condition.as_ref().map(|condition| condition.fingerprint());
            upper.is_some() && upper != condition
        };
        let (types, severities): (&[_], &[_]) = match selector {
            Selector::Type(_) => (&[], &self.of_severities),
            Selector::Severity(_) => (&self.of_types, &[]),
            Selector::All => (&self.of_types, &self.of_severities),
        };
        same.filter(is_other).chain(types).chain(severities).copied()
    }
}

/// A policy that locks something, ready to be met.
struct Upper<'a, C> {
    policy: &'a Policy,
    by_key: BTreeMap<&'a str, Locking<'a, C>>,
}

fn target_of<C>(entry: &Entry<C>) -> Target<'_> {
    (&entry.selector, entry.condition.as_ref().map(|condition| condition.fingerprint()))
}

/// The enabled policies by application and group.
type Uppers<'a, C> = HashMap<(&'a str, &'a str), Upper<'a, C>>;

fn uppers<C>(overrides: &Overrides<C>) -> Uppers<'_, C> {
    let mut policies = Uppers::new();
    for owned in &overrides.owned {
        if let Owner::Policy(policy) = &owned.owner
            && policy.enabled
        {
            let mut by_key = BTreeMap::<&str, Locking<'_, C>>::new();
            for entry in owned.entries.iter().filter(|entry| !entry.locked.is_empty()) {
                let target = target_of(entry);
                for key in &entry.locked {
                    by_key.entry(key).or_default().add(target, entry);
                }
            }
            let place = (policy.application.as_str(), policy.group.as_str());
            policies.insert(place, Upper { policy, by_key });
        }
    }
    policies
}

/// Looks at every entry of an enabled policy beside the entries above it that lock something.
pub(super) fn for_each_meeting<'a, C>(
    overrides: &'a Overrides<C>,
    wanted: &Wanted<'_, C>,
    visit: &mut dyn FnMut(Meeting<'a, C>) -> ControlFlow<()>,
) {
    let policies = uppers(overrides);
    let mut number: LayerNumber = 0;
    for owned in &overrides.owned {
        let first = number;
        number += LayerNumber::try_from(owned.entries.len()).unwrap_or(0);
        let Owner::Policy(own) = &owned.owner else { continue };
        // One that is off sets nothing and locks nothing.
        if !own.enabled {
            continue;
        }
        let mut inherits = own.inherit;
        // The first path is the policy's own.
        for path in group_paths(&own.group).skip(1) {
            let key = (own.application.as_str(), path);
            let Some(upper) = policies.get(&key) else { continue };
            if (inherits || upper.policy.force_children)
                && meet(&owned.entries, first, upper, wanted, visit).is_break()
            {
                return;
            }
            inherits &= upper.policy.inherit;
        }
    }
}

fn meet<'a, C>(
    lower: &[Entry<C>],
    first: LayerNumber,
    above: &Upper<'a, C>,
    wanted: &Wanted<'_, C>,
    visit: &mut dyn FnMut(Meeting<'a, C>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if above.by_key.is_empty() {
        return ControlFlow::Continue(());
    }
    for (number, lower) in (first..).zip(lower) {
        let mut target = None;
        for (key, locking) in &above.by_key {
            if !(wanted.is_asked)(lower, key) {
                continue;
            }
            let target = *target.get_or_insert_with(|| target_of(lower));
            let mut tell = |upper, overlap| {
                visit(Meeting { number, policy: above.policy, upper, key, overlap })
            };
            for upper in locking.certain(target) {
                tell(upper, Overlap::Certain)?;
            }
            if wanted.with_possible {
                for upper in locking.possible(target) {
                    tell(upper, Overlap::Possible)?;
                }
            }
        }
    }
    ControlFlow::Continue(())
}
