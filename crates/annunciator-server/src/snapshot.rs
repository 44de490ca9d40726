//! A revision of the settings into an immutable snapshot: typed, compiled, ready for events.
//!
//! In: the saved document of the server-wide layer. Out: a [`Snapshot`], swapped in whole.
//! Failure: everything that can fail happens before the swap; the old snapshot stays in force.

use std::sync::Arc;
use std::time::Duration;

use annunciator_api_types::FieldError;
use annunciator_certificates::CertificateBook;
use annunciator_channels::{
    CHANNELS, Channel, Keeper, MemoryKeeper, NamesLayer, NamesSettings, RelayLayer, RelaySettings,
    Surroundings, Transport, TransportParts,
};
use annunciator_core::{ChannelName, Lane, NotificationLimit, Scope};
use annunciator_planner::{ChannelProfile, NotifyLayer, NotifySettings};
use annunciator_settings::{Origin, Problem, Resolved, SettingsGroup};
use arc_swap::ArcSwap;

use crate::dispatcher::settings::{DeliveryLayer, DeliverySettings};
use crate::keeper::QuietKeeper;
use crate::upkeep::{RetentionLayer, RetentionSettings};

/// A claim outlasts the longest attempt by this much. Unit: milliseconds.
const LEASE_MARGIN_MS: i64 = 600_000;

/// What the server-wide layer sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerLayer {
    /// Whom the e-mail channel tells, and how.
    pub email_notify: NotifyLayer,
    /// How its mail reaches the relay.
    pub email_relay: RelayLayer,
    /// How names are resolved.
    pub names: NamesLayer,
    /// Retry and lifetime.
    pub delivery: DeliveryLayer,
    /// What is kept.
    pub retention: RetentionLayer,
}

/// The settings that are in force.
pub struct Snapshot {
    /// Revision of the server-wide layer; 0 when nothing was saved.
    pub revision: i64,
    /// The layer itself.
    pub layer: ServerLayer,
    /// The certificate objects.
    pub certificates: CertificateBook,
    /// E-mail: whom and how.
    pub email_notify: Resolved<NotifySettings>,
    /// E-mail: the relay.
    pub email_relay: Resolved<RelaySettings>,
    /// How names are resolved.
    pub names: Resolved<NamesSettings>,
    /// Retry and lifetime.
    pub delivery: DeliverySettings,
    /// Origins of retry and lifetime.
    pub delivery_resolved: Resolved<DeliverySettings>,
    /// What is kept.
    pub retention: Resolved<RetentionSettings>,
    profiles: Vec<ChannelProfile>,
    transports: Vec<(ChannelName, Arc<dyn Transport>)>,
}

impl Snapshot {
    /// Compiles a layer that was saved; for one that is to be saved see [`Self::check`].
    ///
    /// # Errors
    /// What cannot be used, with pointers such as `/email/recipients/0`.
    pub fn compile(
        channels: &[Arc<dyn Channel>],
        certificates: &CertificateBook,
        layer: ServerLayer,
        revision: i64,
    ) -> Result<Self, Vec<FieldError>> {
        let names = NamesSettings::resolve(&[(Origin::Server, &layer.names)]);
        let email_notify = NotifySettings::resolve(&[(Origin::Server, &layer.email_notify)]);
        let email_relay = RelaySettings::resolve(&[(Origin::Server, &layer.email_relay)]);
        let delivery_resolved = DeliverySettings::resolve(&[(Origin::Server, &layer.delivery)]);
        let retention = RetentionSettings::resolve(&[(Origin::Server, &layer.retention)]);
        let mut errors = Vec::new();
        let first_retry_ms = delivery_resolved.values.retry_wait_ms(0);
        let first_retry = Duration::from_millis(first_retry_ms.unsigned_abs());
        let mut profiles = Vec::new();
        let mut transports = Vec::new();
        for channel in channels {
            errors.extend(check_addresses(channel.as_ref(), &email_notify.values));
            let transport = channel.transport(TransportParts {
                relay: &email_relay.values,
                names: &names.values,
                certificates,
                first_retry,
            });
            let lane = Lane::new(&format!("{}/server", channel.name()));
            let missing = transport.missing().to_owned();
            match ChannelProfile::compile(channel.name(), lane, &email_notify.values, &missing) {
                Ok(profile) => profiles.push(profile),
                Err(error) => {
                    let detail = format!("a template does not parse: {error}");
                    errors.push(FieldError::new("/email", "format", detail));
                }
            }
            transports.push((channel.name(), transport));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            revision,
            layer,
            certificates: certificates.clone(),
            email_notify,
            email_relay,
            names,
            delivery: delivery_resolved.values.clone(),
            delivery_resolved,
            retention,
            profiles,
            transports,
        })
    }

    /// Compiles a layer that somebody wants to save or to test.
    ///
    /// # Errors
    /// As [`Self::compile`], and settings that contradict each other.
    pub fn check(
        channels: &[Arc<dyn Channel>],
        certificates: &CertificateBook,
        layer: ServerLayer,
        revision: i64,
    ) -> Result<Self, Vec<FieldError>> {
        let snapshot = Self::compile(channels, certificates, layer, revision)?;
        let email = snapshot.email_relay.values.find_conflicts(certificates);
        let mut conflicts = field_errors("email", email);
        conflicts.extend(field_errors("names", snapshot.names.values.find_conflicts()));
        if conflicts.is_empty() { Ok(snapshot) } else { Err(conflicts) }
    }

    /// The profiles that hold for an event, one per channel. All events share the server-wide
    /// layer as yet.
    #[must_use]
    pub fn profiles(&self, _scope: &Scope) -> Vec<&ChannelProfile> {
        self.profiles.iter().collect()
    }

    /// What a notification of that scope counts against now, when its channel has a limit.
    #[must_use]
    pub fn limit_of(&self, channel: &ChannelName, scope: &Scope) -> Option<NotificationLimit> {
        let profile = self.profiles.iter().find(|profile| profile.channel == *channel)?;
        profile.limit.as_ref().map(|limit| limit.for_scope(scope))
    }

    /// How long a claim holds: an attempt and a margin. Unit: milliseconds.
    #[must_use]
    pub fn claim_ms(&self) -> i64 {
        i64::from(self.delivery.attempt_s_max) * 1_000 + LEASE_MARGIN_MS
    }

    /// What sends for a channel, resolved at each attempt (ADR 0003).
    #[must_use]
    pub fn transport(&self, channel: &ChannelName, _scope: &Scope) -> Option<Arc<dyn Transport>> {
        let found = self.transports.iter().find(|(name, _)| name == channel);
        found.map(|(_, transport)| transport.clone())
    }
}

/// The snapshot in force, and the channels. Cheap to clone: clones see the same.
#[derive(Clone)]
pub struct SettingsBook {
    current: Arc<ArcSwap<Snapshot>>,
    channels: Arc<[Arc<dyn Channel>]>,
    /// The right-hand side of Message-IDs and the argument of EHLO.
    hello_name: Arc<str>,
    keeper: Arc<dyn Keeper>,
}

fn make_channels(hello_name: &Arc<str>, keeper: &Arc<dyn Keeper>) -> Vec<Arc<dyn Channel>> {
    let surroundings = Surroundings { hello_name: hello_name.clone(), keeper: keeper.clone() };
    CHANNELS.iter().map(|(_, make)| make(&surroundings)).collect()
}

impl SettingsBook {
    /// A book that begins with the compiled defaults.
    #[must_use]
    pub fn new(hello_name: &str, keeper: &Arc<dyn Keeper>) -> Self {
        let channels = make_channels(&hello_name.into(), keeper);
        let book = Self::with_channels(channels.into(), hello_name);
        Self { keeper: keeper.clone(), ..book }
    }

    /// A book over given channels, for tests with a scripted channel.
    #[must_use]
    pub fn with_channels(channels: Arc<[Arc<dyn Channel>]>, hello_name: &str) -> Self {
        let snapshot =
            Snapshot::compile(&channels, &CertificateBook::default(), ServerLayer::default(), 0)
                .unwrap_or_else(|errors| panic!("the compiled defaults are valid: {errors:?}"));
        Self {
            current: Arc::new(ArcSwap::from_pointee(snapshot)),
            channels,
            hello_name: hello_name.into(),
            keeper: Arc::new(MemoryKeeper::default()),
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
    pub fn channels(&self) -> &[Arc<dyn Channel>] {
        &self.channels
    }

    /// Channels of their own, for a test: what a test meets is not remembered of the relays.
    #[must_use]
    pub fn new_channels(&self) -> Vec<Arc<dyn Channel>> {
        // A test that replaced a refresh token and forgot the new one would lock the account out.
        let keeper: Arc<dyn Keeper> = Arc::new(QuietKeeper::new(self.keeper.clone()));
        make_channels(&self.hello_name, &keeper)
    }

    /// What this host calls itself.
    #[must_use]
    pub fn hello_name(&self) -> &str {
        &self.hello_name
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

/// Addresses are checked by the channel, which knows their form.
fn check_addresses(channel: &dyn Channel, settings: &NotifySettings) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let lists = [
        ("recipients", &settings.recipients),
        ("recipients_cc", &settings.recipients_cc),
        ("recipients_bcc", &settings.recipients_bcc),
    ];
    for (key, list) in lists {
        for (at, address) in list.iter().enumerate() {
            if let Err(detail) = channel.check_address(address) {
                errors.push(FieldError::new(format!("/email/{key}/{at}"), "format", detail));
            }
        }
    }
    if !settings.sender.is_empty()
        && let Err(detail) = channel.check_address(&settings.sender)
    {
        errors.push(FieldError::new("/email/sender", "format", detail));
    }
    errors
}
