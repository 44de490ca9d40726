//! A revision of the settings into an immutable snapshot: typed, compiled, ready for events.
//!
//! In: a configuration. Out: a [`Snapshot`], swapped in whole.
//! Failure: [`Snapshot::check`] finds what must not be saved; compiling cannot fail, so that a
//! server always starts: what cannot be used is told where it would be used.

mod checks;
mod profiles;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use annunciator_api_types::FieldError;
use annunciator_certificates::CertificateBook;
use annunciator_channels::{
    CHANNELS, Channel, ChannelLayers, EffectiveValue, Keeper, MemoryKeeper, NamesSettings,
    Surroundings, Transport,
};
use annunciator_core::{ChannelName, Event, NotificationLimit, Scope};
use annunciator_planner::{
    ChannelProfile, Entry, Evidence, IncidentRules, IncidentSettings, LayerIndex, LayerNumber,
    Owner, Standing,
};
use annunciator_settings::{Origin, Problem, Resolved, SettingsGroup};
use arc_swap::ArcSwap;

use crate::configuration::Configuration;
use crate::console_address::ConsoleSettings;
use crate::dispatcher::settings::DeliverySettings;
use crate::keeper::QuietKeeper;
use crate::upkeep::RetentionSettings;
pub(crate) use checks::find_incident_problems;
use profiles::ProfileBook;

/// A claim outlasts the longest attempt by this much. Unit: milliseconds.
const LEASE_MARGIN_MS: i64 = 600_000;

/// The settings that are in force.
pub struct Snapshot {
    /// Revision; 0 when nothing was saved.
    pub revision: i64,
    /// What was saved.
    pub configuration: Arc<Configuration>,
    /// The certificate objects.
    pub certificates: CertificateBook,
    /// How names are resolved.
    pub names: Resolved<NamesSettings>,
    /// Retry and lifetime.
    pub delivery: DeliverySettings,
    /// Origins of retry and lifetime.
    pub delivery_resolved: Resolved<DeliverySettings>,
    /// What is kept.
    pub retention: Resolved<RetentionSettings>,
    /// Settings about incidents.
    pub incidents: Resolved<IncidentSettings>,
    /// The same, compiled.
    pub incident_rules: IncidentRules,
    /// Where the console is reached.
    pub console: Resolved<ConsoleSettings>,
    index: LayerIndex,
    profiles: ProfileBook,
    warnings: OnceLock<Vec<FieldError>>,
}

/// What works but deserves a look; looked for once in the life of a snapshot.
#[must_use]
pub fn find_warnings(snapshot: &Snapshot) -> &[FieldError] {
    snapshot.warnings.get_or_init(|| checks::find_warnings(snapshot))
}

/// What holds for an event: the layers that apply and what was made of them.
pub struct Holding {
    /// The scope of the event, with its conditions.
    pub scope: Scope,
    /// The layers that apply, nearest first.
    pub layers: Vec<LayerNumber>,
    /// One profile per channel.
    pub profiles: Vec<Arc<ChannelProfile>>,
}

impl Snapshot {
    /// Compiles a configuration that was saved; for one that is to be saved see [`Self::check`].
    #[must_use]
    pub fn compile(
        channels: &Arc<[Arc<dyn Channel>]>,
        certificates: &CertificateBook,
        configuration: Configuration,
        revision: i64,
    ) -> Self {
        let configuration = Arc::new(configuration);
        let server = &configuration.server;
        let names = NamesSettings::resolve(&[(Origin::Server, &server.names)]);
        let delivery_resolved = DeliverySettings::resolve(&[(Origin::Server, &server.delivery)]);
        let retention = RetentionSettings::resolve(&[(Origin::Server, &server.retention)]);
        let incidents = IncidentSettings::resolve(&[(Origin::Server, &server.incidents)]);
        let console = ConsoleSettings::resolve(&[(Origin::Server, &server.console)]);
        let first_retry_ms = delivery_resolved.values.retry_wait_ms(0);
        let first_retry = Duration::from_millis(first_retry_ms.unsigned_abs());
        let profiles =
            ProfileBook::new(channels, &configuration, certificates, &names.values, first_retry);
        Self {
            revision,
            index: LayerIndex::new(&configuration.overrides),
            certificates: certificates.clone(),
            names,
            delivery: delivery_resolved.values.clone(),
            delivery_resolved,
            retention,
            incident_rules: IncidentRules::new(&incidents.values),
            incidents,
            console,
            profiles,
            warnings: OnceLock::new(),
            configuration,
        }
    }

    /// Compiles a configuration that somebody wants to save or to test.
    ///
    /// # Errors
    /// Everything that is wrong with it, with pointers such as `/email/recipients/0`.
    pub fn check(
        channels: &Arc<[Arc<dyn Channel>]>,
        certificates: &CertificateBook,
        configuration: Configuration,
        revision: i64,
    ) -> Result<Self, Vec<FieldError>> {
        let snapshot = Self::compile(channels, certificates, configuration, revision);
        let problems = checks::find_problems(&snapshot);
        if problems.is_empty() { Ok(snapshot) } else { Err(problems) }
    }

    /// The same, saved as this revision.
    #[must_use]
    pub fn as_revision(self, revision: i64) -> Self {
        Self { revision, ..self }
    }

    /// What holds for an event.
    #[must_use]
    pub fn holding(&self, event: &Event) -> Holding {
        let scope = self.index.scope_of(event);
        let layers = self.index.layers_for(&scope, Evidence::Event(event));
        self.holding_under(scope, layers)
    }

    /// What holds under these layers alone.
    #[must_use]
    pub fn holding_under(&self, scope: Scope, layers: Vec<LayerNumber>) -> Holding {
        let profile = |channel| self.profiles.profile(channel, &layers);
        let profiles = (0..self.profiles.channels().len()).map(profile).collect();
        Holding { scope, layers, profiles }
    }

    /// Every layer that is about an event, nearest first, and whether it applies.
    #[must_use]
    pub fn consult(&self, event: &Event) -> Vec<(LayerNumber, Standing)> {
        let mut consulted = Vec::new();
        let scope = Scope::of(event);
        self.index.consult(&scope, Evidence::Event(event), &mut |number, standing| {
            consulted.push((number, standing));
        });
        consulted
    }

    /// Name of a layer in lanes and counters.
    #[must_use]
    pub fn layer_id(&self, number: LayerNumber) -> &str {
        self.profiles.id(number)
    }

    /// A layer, by its number: whose it is and what it sets.
    #[must_use]
    pub fn layer(&self, number: LayerNumber) -> Option<(&Owner, &Entry<ChannelLayers>)> {
        self.profiles.layer(number)
    }

    /// How long events are kept by the nearest of these layers that says so, in days, and whose it
    /// is; nothing when none does.
    #[must_use]
    pub fn storage_term(&self, layers: &[LayerNumber]) -> Option<(u32, Origin)> {
        layers.iter().find_map(|number| {
            let (owner, entry) = self.layer(*number)?;
            Some((entry.storage_term_days?, owner.origin()))
        })
    }

    /// Effective values of a channel, by its position, under these layers.
    #[must_use]
    pub fn effective(&self, channel: usize, layers: &[LayerNumber]) -> Vec<EffectiveValue> {
        self.profiles.channels()[channel].effective(&self.profiles.views(layers))
    }

    /// The channels of this snapshot.
    #[must_use]
    pub fn channels(&self) -> &Arc<[Arc<dyn Channel>]> {
        self.profiles.channels()
    }

    /// What holds now for a notification that was planned for that scope.
    #[must_use]
    pub fn profile(&self, channel: &ChannelName, scope: &Scope) -> Option<Arc<ChannelProfile>> {
        let position = self.position(channel)?;
        let layers = self.index.layers_for(scope, Evidence::Planned);
        Some(self.profiles.profile(position, &layers))
    }

    /// What a notification of that scope counts against now, when its channel has a limit.
    #[must_use]
    pub fn limit_of(&self, channel: &ChannelName, scope: &Scope) -> Option<NotificationLimit> {
        let profile = self.profile(channel, scope)?;
        profile.limit.as_ref().map(|limit| limit.for_scope(scope))
    }

    fn position(&self, channel: &ChannelName) -> Option<usize> {
        self.channels().iter().position(|one| one.name() == *channel)
    }

    /// How long a claim holds: an attempt and a margin. Unit: milliseconds.
    #[must_use]
    pub fn claim_ms(&self) -> i64 {
        i64::from(self.delivery.attempt_s_max) * 1_000 + LEASE_MARGIN_MS
    }

    /// What sends for a channel, resolved at each attempt (ADR 0003).
    #[must_use]
    pub fn transport(&self, channel: &ChannelName, scope: &Scope) -> Option<Arc<dyn Transport>> {
        let position = self.position(channel)?;
        let layers = self.index.layers_for(scope, Evidence::Planned);
        Some(self.profiles.transport(position, &layers))
    }
}

/// The snapshot in force, and the channels. Cheap to clone: clones see the same.
#[derive(Clone)]
pub struct SettingsBook {
    current: Arc<ArcSwap<Snapshot>>,
    channels: Arc<[Arc<dyn Channel>]>,
    surroundings: Surroundings,
}

fn make_channels(surroundings: &Surroundings) -> Arc<[Arc<dyn Channel>]> {
    CHANNELS.iter().map(|(_, make)| make(surroundings)).collect()
}

impl SettingsBook {
    /// A book that begins with the compiled defaults.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> Self {
        let channels = make_channels(&surroundings);
        let book = Self::with_channels(channels, &surroundings.hello_name);
        Self { surroundings, ..book }
    }

    /// A book for a check without a server: no executable is known.
    #[must_use]
    pub fn offline() -> Self {
        Self::new(Surroundings {
            hello_name: "localhost".into(),
            keeper: Arc::new(MemoryKeeper::default()),
            executables: Arc::default(),
        })
    }

    /// A book over given channels, for tests with a scripted channel.
    #[must_use]
    pub fn with_channels(channels: Arc<[Arc<dyn Channel>]>, hello_name: &str) -> Self {
        let (certificates, configuration) = (CertificateBook::default(), Configuration::default());
        let snapshot = Snapshot::compile(&channels, &certificates, configuration, 0);
        Self {
            current: Arc::new(ArcSwap::from_pointee(snapshot)),
            channels,
            surroundings: Surroundings {
                hello_name: hello_name.into(),
                keeper: Arc::new(MemoryKeeper::default()),
                executables: Arc::default(),
            },
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Puts a snapshot in force.
    pub fn swap(&self, snapshot: Snapshot) {
        self.current.store(Arc::new(snapshot));
        for channel in self.channels.iter() {
            channel.forget_failures();
        }
    }

    /// The channels.
    #[must_use]
    pub fn channels(&self) -> &Arc<[Arc<dyn Channel>]> {
        &self.channels
    }

    /// Channels of their own, for a test: what a test meets is not remembered of the relays.
    #[must_use]
    pub fn new_channels(&self) -> Arc<[Arc<dyn Channel>]> {
        // A test that replaced a refresh token and forgot the new one would lock the account out.
        let keeper: Arc<dyn Keeper> = Arc::new(QuietKeeper::new(self.surroundings.keeper.clone()));
        make_channels(&Surroundings { keeper, ..self.surroundings.clone() })
    }

    /// What this host calls itself: the right-hand side of Message-IDs, the argument of EHLO.
    #[must_use]
    pub fn hello_name(&self) -> &str {
        &self.surroundings.hello_name
    }
}

/// Problems of a group as the API names them.
pub(crate) fn field_errors(group: &str, problems: Vec<Problem>) -> Vec<FieldError> {
    let error = |problem: Problem| {
        let problem = problem.under(group);
        FieldError::new(problem.pointer, problem.code, problem.detail)
    };
    problems.into_iter().map(error).collect()
}

#[cfg(test)]
mod tests;
