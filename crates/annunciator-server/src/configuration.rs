//! Everything that an administrator configures: the server-wide settings and what overrides them.
//!
//! Knows nothing of: documents, stores.

use annunciator_channels::{ChannelLayers, NamesLayer, RelayLayer};
use annunciator_planner::{IncidentLayer, Overrides};
use annunciator_settings::LayerGroup;

use crate::console_address::ConsoleLayer;
use crate::dispatcher::settings::DeliveryLayer;
use crate::upkeep::RetentionLayer;

/// What the server-wide layer sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerLayer {
    /// The channels: whom they tell, and how.
    pub channels: ChannelLayers,
    /// Incidents: statuses, and who is told of them.
    pub incidents: IncidentLayer,
    /// How names are resolved.
    pub names: NamesLayer,
    /// Retry and lifetime.
    pub delivery: DeliveryLayer,
    /// What is kept.
    pub retention: RetentionLayer,
    /// Where the console is reached.
    pub console: ConsoleLayer,
}

impl ServerLayer {
    /// Its groups by their keys in documents, the channels first.
    #[must_use]
    pub fn groups(&self) -> Vec<(&'static str, &dyn LayerGroup)> {
        let mut groups = self.channels.groups();
        groups.push(("incidents", &self.incidents));
        groups.push(("names", &self.names));
        groups.push(("delivery", &self.delivery));
        groups.push(("retention", &self.retention));
        groups.push(("console", &self.console));
        groups
    }

    /// Its groups by their keys in documents, the channels first.
    #[must_use]
    pub fn groups_mut(&mut self) -> Vec<(&'static str, &mut dyn LayerGroup)> {
        let mut groups = self.channels.groups_mut();
        groups.push(("incidents", &mut self.incidents));
        groups.push(("names", &mut self.names));
        groups.push(("delivery", &mut self.delivery));
        groups.push(("retention", &mut self.retention));
        groups.push(("console", &mut self.console));
        groups
    }
}

/// The server-wide layer and all overrides: one revision of the settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// The server-wide layer.
    pub server: ServerLayer,
    /// Event configuration, policies, application settings.
    pub overrides: Overrides<ChannelLayers>,
}

impl Configuration {
    /// The settings of every layer that hold a value for a key, such as `email.dkim_key`, with the
    /// value's JSON form; named `email.dkim_key`, or with the owner in front.
    #[must_use]
    pub fn values_of(&self, keys: &[&str]) -> Vec<(String, serde_json::Value)> {
        let mut found = Vec::new();
        let mut look = |owner: &str, groups: Vec<(&'static str, &dyn LayerGroup)>| {
            for (name, group) in groups {
                let shown = group.shown();
                for key in keys {
                    if let Some(value) = shown.get(*key) {
                        found.push((format!("{owner}{name}.{key}"), value.clone()));
                    }
                }
            }
        };
        look("", self.server.groups());
        for (owner, entry) in self.overrides.layers() {
            let owner = format!("{} ({}): ", owner.id(), entry.words());
            look(&owner, entry.content.groups());
        }
        found
    }

    /// The relays that layers set, the server's first.
    pub fn relays(&self) -> impl Iterator<Item = &RelayLayer> {
        let overrides = self.overrides.layers().map(|(_, entry)| &entry.content);
        [&self.server.channels].into_iter().chain(overrides).flat_map(ChannelLayers::relays)
    }

    /// Whether any layer holds a secret.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        let holds = |groups: Vec<(&'static str, &dyn LayerGroup)>| {
            groups.iter().any(|(_, group)| !group.secrets().is_empty())
        };
        holds(self.server.groups())
            || self.overrides.layers().any(|(_, entry)| holds(entry.content.groups()))
    }
}
