//! Layers of settings as the channels see them, and what several channels do with them.
//!
//! In: layers, nearest first, the server-wide one last. Out: effective values with their origins.
//! Knows nothing of: owners, how they rank.

use std::collections::BTreeSet;

use annunciator_core::ChannelName;
use annunciator_planner::{Limit, LimitSource, Switch};
use annunciator_settings::{
    LayerGroup, Locks, NotifyAbout, Origin, Resolved, SettingsGroup, Source,
};
use serde_json::Value;

use crate::RelayLayer;
use crate::email::EmailLayer;
use crate::executable::ExecutableLayer;
use crate::mail_notifier::MailNotifierLayer;
use crate::sms::SmsLayer;

/// What one layer sets for every channel: a field each.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ChannelLayers {
    /// E-mail.
    pub email: EmailLayer,
    /// SMS.
    pub sms: SmsLayer,
    /// Executables.
    pub executable: ExecutableLayer,
    /// The Mail Notifier.
    pub mail_notifier: MailNotifierLayer,
}

impl ChannelLayers {
    /// The channels' layers by their keys in documents.
    #[must_use]
    pub fn groups(&self) -> Vec<(&'static str, &dyn LayerGroup)> {
        vec![
            ("email", &self.email),
            ("sms", &self.sms),
            ("executable", &self.executable),
            ("mail_notifier", &self.mail_notifier),
        ]
    }

    /// The channels' layers by their keys in documents.
    #[must_use]
    pub fn groups_mut(&mut self) -> Vec<(&'static str, &mut dyn LayerGroup)> {
        vec![
            ("email", &mut self.email),
            ("sms", &mut self.sms),
            ("executable", &mut self.executable),
            ("mail_notifier", &mut self.mail_notifier),
        ]
    }

    /// What it sets of the channels' relays.
    #[must_use]
    pub fn relays(&self) -> Vec<&RelayLayer> {
        vec![&self.email.relay, &self.sms.relay.0, &self.mail_notifier.relay.0]
    }

    /// Whether it sets a setting, such as `email.recipients`.
    #[must_use]
    pub fn sets(&self, name: &str) -> bool {
        let Some((group, key)) = name.split_once('.') else { return false };
        let mut groups = self.groups().into_iter();
        groups.any(|(name, layer)| name == group && layer.set_keys().contains(&key))
    }
}

/// One layer in the order of resolution.
#[derive(Clone, Debug)]
pub struct LayerView<'a> {
    /// Its name among all, part of lanes and counters.
    pub id: &'a str,
    /// Whose it is.
    pub origin: Origin,
    /// What it sets.
    pub layers: &'a ChannelLayers,
    /// Settings whose values nothing nearer may override, such as `email.recipients`.
    pub locked: Option<&'a BTreeSet<String>>,
}

/// The effective value of one setting.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveValue {
    /// The setting.
    pub key: &'static str,
    /// Its value, a secret masked.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
    /// The layer that supplies it, by its position; nothing for a compiled default.
    pub supplier: Option<usize>,
    /// Whether nothing nearer may override it.
    pub locked: bool,
}

/// The layers of one type, for [`SettingsGroup::resolve_sources`].
pub(crate) fn sources<'a, L>(
    group: &'a str,
    layers: &[LayerView<'a>],
    pick: fn(&ChannelLayers) -> &L,
) -> Vec<Source<'a, L>> {
    let source = |view: &LayerView<'a>| Source {
        origin: view.origin.clone(),
        layer: pick(view.layers),
        locks: Locks { group, keys: view.locked },
    };
    layers.iter().map(source).collect()
}

/// Effective values of a group, for showing.
pub(crate) fn effective_values<G: SettingsGroup>(resolved: &Resolved<G>) -> Vec<EffectiveValue> {
    let json = resolved.values.to_json();
    let rows = G::definitions().iter().enumerate();
    let value = |(at, row): (usize, &annunciator_settings::Definition)| EffectiveValue {
        key: row.key,
        value: json[row.key].clone(),
        origin: resolved.origins[at].clone(),
        supplier: resolved.suppliers[at],
        locked: resolved.locked[at],
    };
    rows.map(value).collect()
}

/// The part of a lane's name that says whose settings it follows (ADR 0019).
pub(crate) fn lane_id<'a>(layers: &[LayerView<'a>], supplier: Option<usize>) -> &'a str {
    supplier.and_then(|at| layers.get(at)).map_or("server", |view| view.id)
}

/// The limit that holds, with the layer that sets it: its notifications are counted together.
pub(crate) fn limit_of<G: SettingsGroup>(
    channel: &ChannelName,
    layers: &[LayerView<'_>],
    resolved: &Resolved<G>,
    limit: Option<&Limit>,
) -> Option<LimitSource> {
    let origin = resolved.origin_of("limit")?;
    Some(LimitSource {
        channel: channel.clone(),
        layer: lane_id(layers, resolved.supplier_of("limit")).to_owned(),
        origin: origin.to_string(),
        limit: limit?.clone(),
    })
}

/// Whether the channel is on: by the nearest layer that sets `notify`, else by the server.
pub(crate) fn switch_of<G: SettingsGroup>(
    resolved: &Resolved<G>,
    about: &NotifyAbout,
    notify: bool,
) -> Switch {
    match resolved.supplier_of("notify").and(resolved.origin_of("notify")) {
        Some(origin) => Switch::Layer { on: notify, origin: origin.clone() },
        None => Switch::About(about.clone()),
    }
}
