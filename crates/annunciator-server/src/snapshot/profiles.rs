//! Combinations of layers into what events are planned and sent with, each made once.
//!
//! In: the numbers of the layers that apply, nearest first. Out: profile and transport of a
//! channel under them. Events of one kind share a combination, so that few are made; those that
//! differ only in what a channel does not look at are the same for it.
//!
//! Concurrency: a mutex around what was made; it is held for the look-up and the insertion, not
//! while something is made, so that two threads may make the same and one of the two is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use annunciator_certificates::CertificateBook;
use annunciator_channels::{Basis, Channel, ChannelLayers, LayerView, NamesSettings, Transport};
use annunciator_planner::{ChannelProfile, Entry, LayerNumber, Owner};
use annunciator_settings::Origin;

use crate::configuration::Configuration;

/// Most combinations that are remembered; then they are made anew. Each may hold templates of its
/// own.
const MADE_MAX: usize = 4_096;
/// Name of the server-wide layer in lanes.
const SERVER_ID: &str = "server";

/// A combination: the channel's position, and layers.
type Key = (usize, Vec<LayerNumber>);

/// What was made, for all layers of a configuration.
pub(super) struct ProfileBook {
    channels: Arc<[Arc<dyn Channel>]>,
    configuration: Arc<Configuration>,
    certificates: CertificateBook,
    names: NamesSettings,
    first_retry: Duration,
    layers: Vec<LayerPlace>,
    made: Mutex<Made>,
}

/// Where a layer stands, and which channels look at it.
struct LayerPlace {
    owned: usize,
    entry: usize,
    id: String,
    /// A bit for each channel.
    profiles: u64,
    /// A bit for each channel.
    transports: u64,
}

#[derive(Default)]
struct Made {
    profiles: HashMap<Key, Arc<ChannelProfile>>,
    transports: HashMap<Key, Arc<dyn Transport>>,
}

impl ProfileBook {
    pub(super) fn new(
        channels: &Arc<[Arc<dyn Channel>]>,
        configuration: &Arc<Configuration>,
        certificates: &CertificateBook,
        names: &NamesSettings,
        first_retry: Duration,
    ) -> Self {
        let mut layers = Vec::new();
        for (at, owned) in configuration.overrides.owned.iter().enumerate() {
            for (entry, set) in owned.entries.iter().enumerate() {
                let bits = |asks: &dyn Fn(&dyn Channel) -> bool| {
                    let bit = |(position, channel): (usize, &Arc<dyn Channel>)| {
                        u64::from(asks(channel.as_ref())) << position
                    };
                    channels.iter().enumerate().map(bit).sum()
                };
                let condition = set.condition.as_ref();
                let suffix = condition.map(|c| format!("?{:016x}", c.fingerprint()));
                let id =
                    format!("{}/{}{}", owned.owner.id(), set.selector, suffix.unwrap_or_default());
                layers.push(LayerPlace {
                    owned: at,
                    entry,
                    id,
                    profiles: bits(&|channel| channel.sets_profile(&set.content)),
                    transports: bits(&|channel| channel.sets_transport(&set.content)),
                });
            }
        }
        Self {
            channels: channels.clone(),
            configuration: configuration.clone(),
            certificates: certificates.clone(),
            names: names.clone(),
            first_retry,
            layers,
            made: Mutex::default(),
        }
    }

    pub(super) fn channels(&self) -> &Arc<[Arc<dyn Channel>]> {
        &self.channels
    }

    /// Name of a layer in lanes and counters.
    pub(super) fn id(&self, number: LayerNumber) -> &str {
        &self.layers[number as usize].id
    }

    /// A layer: whose it is and what it sets.
    pub(super) fn layer(&self, number: LayerNumber) -> Option<(&Owner, &Entry<ChannelLayers>)> {
        let place = self.layers.get(number as usize)?;
        let owned = &self.configuration.overrides.owned[place.owned];
        Some((&owned.owner, &owned.entries[place.entry]))
    }

    /// What the channels' transports are made with.
    pub(super) fn basis(&self) -> Basis<'_> {
        Basis {
            names: &self.names,
            certificates: &self.certificates,
            first_retry: self.first_retry,
        }
    }

    /// The layers as channels see them, nearest first, the server-wide one last.
    pub(super) fn views(&self, layers: &[LayerNumber]) -> Vec<LayerView<'_>> {
        let view = |number: &LayerNumber| {
            let place = &self.layers[*number as usize];
            let owned = &self.configuration.overrides.owned[place.owned];
            let entry = &owned.entries[place.entry];
            LayerView {
                id: &place.id,
                origin: owned.owner.origin(),
                layers: &entry.content,
                locked: Some(&entry.locked),
            }
        };
        let server = LayerView {
            id: SERVER_ID,
            origin: Origin::Server,
            layers: &self.configuration.server.channels,
            locked: None,
        };
        layers.iter().map(view).chain([server]).collect()
    }

    /// The profile of a channel under these layers.
    pub(super) fn profile(&self, channel: usize, layers: &[LayerNumber]) -> Arc<ChannelProfile> {
        let key = self.key(channel, layers, |place| place.profiles);
        if let Some(found) = self.made().profiles.get(&key) {
            return found.clone();
        }
        let transport = self.transport(channel, layers);
        let profile =
            Arc::new(self.channels[channel].profile(&self.views(&key.1), transport.as_ref()));
        let mut made = self.made();
        if made.profiles.len() >= MADE_MAX {
            made.profiles.clear();
        }
        made.profiles.entry(key).or_insert(profile).clone()
    }

    /// What sends for a channel under these layers: the same one for the same relay settings.
    pub(super) fn transport(&self, channel: usize, layers: &[LayerNumber]) -> Arc<dyn Transport> {
        let key = self.key(channel, layers, |place| place.transports);
        if let Some(found) = self.made().transports.get(&key) {
            return found.clone();
        }
        let transport = self.channels[channel].transport(&self.views(&key.1), self.basis());
        let mut made = self.made();
        if made.transports.len() >= MADE_MAX {
            made.transports.clear();
        }
        made.transports.entry(key).or_insert(transport).clone()
    }

    fn key(&self, channel: usize, layers: &[LayerNumber], bits: fn(&LayerPlace) -> u64) -> Key {
        let concerns =
            |number: &&LayerNumber| bits(&self.layers[**number as usize]) & (1 << channel) != 0;
        (channel, layers.iter().filter(concerns).copied().collect())
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().expect("no panic while it is held")
    }
}
