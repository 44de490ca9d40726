//! An override, there or not, into the layers that lie beneath it: what it inherits from.
//!
//! In: owner and target as a request names them; the layers that apply to an event. Out: those of
//! them that are farther than the override.
//! Knows nothing of: what layers set.

use annunciator_api_types::{BeneathInput, FieldError, TargetInput};
use annunciator_channels::ChannelLayers;
use annunciator_planner::{Entry, LayerNumber, MatcherSet, Owner, Selector};
use serde_json::Map;

use super::override_edit::read_owner;
use crate::overrides_document::read_target;
use crate::snapshot::Snapshot;

/// An override under which is looked.
pub(super) struct Place {
    owner: Owner,
    selector: Selector,
    condition: Option<u64>,
}

impl Place {
    /// Reads where it is, for an event of that application.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into the request.
    pub(super) fn read(
        input: &BeneathInput,
        application: &String,
        snapshot: &Snapshot,
    ) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let configuration = &snapshot.configuration;
        let owner = read_owner(&input.owner, Some(application), configuration, &mut errors);
        for error in &mut errors {
            error.pointer.insert_str(0, "/beneath");
        }
        let target = read_target(&row_of(&input.target)).map_err(|found| {
            errors.extend(found.into_iter().map(|mut error| {
                error.pointer.insert_str(0, "/beneath/target");
                error
            }));
        });
        match (owner, target) {
            (Some(owner), Ok((selector, condition))) if errors.is_empty() => {
                let condition = condition.as_ref().map(MatcherSet::fingerprint);
                Ok(Self { owner, selector, condition })
            }
            _ => Err(errors),
        }
    }

    /// Those of these layers, nearest first, that are farther than it.
    pub(super) fn keep_beneath(&self, layers: &mut Vec<LayerNumber>, snapshot: &Snapshot) {
        // An entry with the same events and other conditions is beneath it when it comes later.
        let mut is_behind = false;
        layers.retain(|number| {
            let Some((owner, entry)) = snapshot.layer(*number) else { return false };
            if owner.id() != self.owner.id() {
                return rank_of_owner(owner) > rank_of_owner(&self.owner);
            }
            let is_same = entry.selector == self.selector;
            let condition = entry.condition.as_ref().map(MatcherSet::fingerprint);
            if is_same && condition == self.condition {
                is_behind = true;
                return false;
            }
            match is_same {
                true => is_behind || (self.condition.is_some() && condition.is_none()),
                false => rank_of(entry) > rank_of_selector(&self.selector),
            }
        });
    }
}

fn row_of(target: &TargetInput) -> Map<String, serde_json::Value> {
    let mut row = Map::new();
    row.extend(target.event_type.clone().map(|code| ("type".to_owned(), code.into())));
    row.extend(target.severity.clone().map(|word| ("severity".to_owned(), word.into())));
    row.extend(target.conditions.clone().map(|rows| ("conditions".to_owned(), rows)));
    row
}

/// Farther owners have a higher rank; groups with more names above them are nearer.
fn rank_of_owner(owner: &Owner) -> (u8, usize) {
    match owner {
        Owner::Application { .. } => (0, 0),
        Owner::Policy(policy) => {
            let depth = policy.group.split('/').filter(|name| !name.is_empty()).count();
            (1, usize::MAX - depth)
        }
        Owner::EventConfiguration { .. } => (2, 0),
    }
}

fn rank_of(entry: &Entry<ChannelLayers>) -> u8 {
    rank_of_selector(&entry.selector)
}

fn rank_of_selector(selector: &Selector) -> u8 {
    match selector {
        Selector::Type(_) => 0,
        Selector::Severity(_) => 1,
        Selector::All => 2,
    }
}
