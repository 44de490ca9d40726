//! Layers, nearest first, into effective values with their origins.
//!
//! Standard: spec 6.1 (the nearest layer that sets a value wins, setting by setting) and 4.3
//! (a unit is taken whole).
//! Knows nothing of: how the owners of layers rank; the caller gives the order.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::definition::Definition;
use crate::layer::{SettingsLayer, leader_of};

/// Where an effective value comes from (spec 6.1).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "layer", content = "name")]
pub enum Origin {
    /// No layer sets it.
    CompiledDefault,
    /// The server-wide delivery settings.
    Server,
    /// The Administration Server's event configuration.
    EventConfiguration,
    /// A policy, by its name.
    Policy(Arc<str>),
    /// The settings of an application on a device, by their name.
    Application(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CompiledDefault => f.write_str("compiled default"),
            Self::Server => f.write_str("server-wide settings"),
            Self::EventConfiguration => f.write_str("event configuration"),
            Self::Policy(name) => write!(f, "from policy {name}"),
            Self::Application(name) => write!(f, "from application settings {name}"),
        }
    }
}

/// One layer in the order of resolution.
#[derive(Clone, Debug)]
pub struct Source<'a, L> {
    /// Whose it is.
    pub origin: Origin,
    /// What it sets.
    pub layer: &'a L,
    /// Which of its values nothing nearer may override.
    pub locks: Locks<'a>,
}

/// Which values of a layer are locked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Locks<'a> {
    /// The key of the document under which the layer stands, such as `email`.
    pub group: &'a str,
    /// Locked settings of the whole document, such as `email.recipients`.
    pub keys: Option<&'a BTreeSet<String>>,
}

impl Locks<'_> {
    /// Whether the value of a setting is locked.
    #[must_use]
    pub fn hold(&self, key: &str) -> bool {
        // Mostly nothing is.
        let keys = self.keys.filter(|keys| !keys.is_empty());
        keys.is_some_and(|keys| keys.contains(&format!("{}.{key}", self.group)))
    }
}

/// What every group type made by `settings!` can do.
pub trait SettingsGroup: Clone + Default + fmt::Debug + 'static {
    /// Its layers.
    type Layer: SettingsLayer;

    /// The group's doc comment, as the compiler gives it.
    const DOC_SOURCE: &'static str;

    /// Effective values over layers, nearest first; what no layer sets is the compiled default,
    /// and a locked value wins over all that is nearer than its owner.
    #[must_use]
    fn resolve_sources(sources: &[Source<'_, Self::Layer>]) -> Resolved<Self>;

    /// The same over layers that lock nothing.
    #[must_use]
    fn resolve(layers: &[(Origin, &Self::Layer)]) -> Resolved<Self> {
        let sources: Vec<_> = layers
            .iter()
            .map(|&(ref origin, layer)| Source {
                origin: origin.clone(),
                layer,
                locks: Locks::default(),
            })
            .collect();
        Self::resolve_sources(&sources)
    }

    /// The values as JSON, secrets masked.
    fn to_json(&self) -> Value;

    /// The settings of the group, in the order of their definition.
    #[must_use]
    fn definitions() -> &'static [Definition] {
        Self::Layer::definitions()
    }
}

/// Effective values and where each comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Resolved<G> {
    /// The values.
    pub values: G,
    /// The origin of each, in the order of the definitions.
    pub origins: Vec<Origin>,
    /// The layer that supplies each, by its position; nothing for a compiled default.
    pub suppliers: Vec<Option<usize>>,
    /// Whether each is locked where it stands, in the same order.
    pub locked: Vec<bool>,
}

impl<G: SettingsGroup> Resolved<G> {
    /// Where the effective value of a setting comes from; nothing for an unknown key.
    #[must_use]
    pub fn origin_of(&self, key: &str) -> Option<&Origin> {
        let at = G::definitions().iter().position(|definition| definition.key == key)?;
        self.origins.get(at)
    }

    /// The layer that supplies a setting, by its position; nothing for a compiled default.
    #[must_use]
    pub fn supplier_of(&self, key: &str) -> Option<usize> {
        let at = G::definitions().iter().position(|definition| definition.key == key)?;
        self.suppliers.get(at).copied().flatten()
    }

    /// `{"port": {"value": 25, "origin": {"layer": "server"}}, …}`, secrets masked.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let values = self.values.to_json();
        let mut map = Map::new();
        for (definition, origin) in G::definitions().iter().zip(&self.origins) {
            let row = serde_json::json!({"value": values[definition.key], "origin": origin});
            map.insert(definition.key.to_owned(), row);
        }
        Value::Object(map)
    }
}

/// For each setting the position of the layer that supplies it; nothing where the compiled
/// default holds.
///
/// A lock binds what is nearer than its owner: the farthest owner that locks a setting supplies
/// it, and among the layers of that owner the nearest counts, as ever. Layers of one owner share
/// their origin.
#[must_use]
pub fn choose_layers<L: SettingsLayer>(sources: &[Source<'_, L>]) -> Vec<Option<usize>> {
    let definitions = L::definitions();
    let set: Vec<Vec<bool>> = sources
        .iter()
        .map(|source| source.layer.slots().iter().map(|slot| slot.is_set()).collect())
        .collect();
    let supplier_of = |at: usize| {
        let key = definitions[at].key;
        let is_fixed = |layer: &usize| set[*layer][at] && sources[*layer].locks.hold(key);
        let fixed = (0..sources.len()).rev().find(is_fixed);
        let owner = fixed.map(|fixed| &sources[fixed].origin);
        let counts = |layer: &usize| {
            set[*layer][at] && owner.is_none_or(|owner| sources[*layer].origin == *owner)
        };
        (0..sources.len()).find(counts)
    };
    let choose = |(at, definition): (usize, &Definition)| {
        let Some(leader) = leader_of(definitions, definition.unit()) else {
            return supplier_of(at);
        };
        // While no layer sets the leader, the nearest that sets anything of the unit counts, so
        // that a form shows what was typed before the server is.
        let supplier = supplier_of(leader).or_else(|| {
            let is_of_unit = |other: usize| definitions[other].unit() == definition.unit();
            set.iter().position(|layer| (0..layer.len()).any(|o| layer[o] && is_of_unit(o)))
        });
        supplier.filter(|supplier| set[*supplier][at])
    };
    definitions.iter().enumerate().map(choose).collect()
}

/// Whether the owner of each chosen value locks it; the values of a unit are as their leader.
#[must_use]
pub fn find_locked<L: SettingsLayer>(
    sources: &[Source<'_, L>],
    chosen: &[Option<usize>],
) -> Vec<bool> {
    let definitions = L::definitions();
    let is_locked = |(at, definition): (usize, &Definition)| {
        let at = leader_of(definitions, definition.unit()).unwrap_or(at);
        let Some(supplier) = chosen[at] else { return false };
        let key = definitions[at].key;
        let is_of_owner = |source: &&Source<'_, L>| source.origin == sources[supplier].origin;
        let mut of_owner = sources.iter().filter(is_of_owner);
        of_owner.any(|source| source.locks.hold(key) && source.layer.slots()[at].is_set())
    };
    definitions.iter().enumerate().map(is_locked).collect()
}
