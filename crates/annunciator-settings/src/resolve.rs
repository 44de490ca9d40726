//! Layers, nearest first, into effective values with their origins.
//!
//! Standard: spec 6.1 (the nearest layer that sets a value wins, setting by setting) and 4.3
//! (a unit is taken whole).
//! Knows nothing of: how the owners of layers rank; the caller gives the order.

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

/// What every group type made by `settings!` can do.
pub trait SettingsGroup: Clone + Default + fmt::Debug + 'static {
    /// Its layers.
    type Layer: SettingsLayer;

    /// The group's doc comment, as the compiler gives it.
    const DOC_SOURCE: &'static str;

    /// Effective values over layers, nearest first; what no layer sets is the compiled default.
    #[must_use]
    fn resolve(layers: &[(Origin, &Self::Layer)]) -> Resolved<Self>;

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
}

impl<G: SettingsGroup> Resolved<G> {
    /// Where the effective value of a setting comes from; nothing for an unknown key.
    #[must_use]
    pub fn origin_of(&self, key: &str) -> Option<&Origin> {
        let at = G::definitions().iter().position(|definition| definition.key == key)?;
        self.origins.get(at)
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
#[must_use]
pub fn choose_layers<L: SettingsLayer>(layers: &[(Origin, &L)]) -> Vec<Option<usize>> {
    let definitions = L::definitions();
    let set: Vec<Vec<bool>> = layers
        .iter()
        .map(|(_, layer)| layer.slots().iter().map(|slot| slot.is_set()).collect())
        .collect();
    let nearest = |at: usize| set.iter().position(|layer| layer[at]);
    let choose = |(at, definition): (usize, &Definition)| {
        let Some(leader) = leader_of(definitions, definition.unit()) else { return nearest(at) };
        // While no layer sets the leader, the nearest that sets anything of the unit counts, so
        // that a form shows what was typed before the server is.
        let supplier = nearest(leader).or_else(|| {
            let is_of_unit = |other: usize| definitions[other].unit() == definition.unit();
            set.iter().position(|layer| (0..layer.len()).any(|o| layer[o] && is_of_unit(o)))
        });
        supplier.filter(|supplier| set[*supplier][at])
    };
    definitions.iter().enumerate().map(choose).collect()
}
