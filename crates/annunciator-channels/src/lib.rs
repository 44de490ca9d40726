//! Every way out: a notification and its recipients into one outcome per recipient.
//!
//! In: [`Order`]s with everything an attempt needs. Out: an [`AttemptReport`] for each.
//! Knows nothing of: stores, queues, which layer a setting came from.
//! Failure: an attempt never returns an error; every end is an outcome.
//!
//! [`CHANNELS`] is the registry; nothing else compares channel names.

mod attempt;
mod names_settings;
mod presets;
mod reader_settings;
mod readers;
mod relay_settings;
pub mod sms;

mod relay_parts;

mod mail_transport;
mod mail_warnings;

mod layers;

pub mod email;
pub mod executable;
pub mod mail_notifier;

use std::sync::Arc;

use annunciator_certificates::CertificateBook;
use annunciator_core::{ChannelName, Content, Notification};
use annunciator_planner::ChannelProfile;
use annunciator_settings::Problem;

pub use annunciator_smtp::{Keeper, MemoryKeeper, Notice, Share, StageReport};
pub use attempt::{AttemptReport, Order, OrderFeed, ServerStatus, Transport, TransportFuture};
pub use executable::Executables;
pub use layers::{ChannelLayers, EffectiveValue, LayerView};
pub use mail_transport::check_address;
pub use names_settings::{NamesLayer, NamesSettings};
pub use presets::{PRESETS, Preset, PresetQuestion, PresetValue};
pub use reader_settings::{LanguageChoice, ReaderLayer, ReaderSettings, TimeFormatChoice};
pub use relay_parts::Basis;
pub use relay_settings::{AuthMode, RelayLayer, RelaySettings, TlsMode, TlsVersionMin};

/// A way out.
pub trait Channel: Send + Sync {
    /// Its name in settings, API and ledger.
    fn name(&self) -> ChannelName;

    /// Whether a layer sets anything that its transports are made from.
    fn sets_transport(&self, layers: &ChannelLayers) -> bool;

    /// Whether a layer sets anything of this channel.
    fn sets_profile(&self, layers: &ChannelLayers) -> bool;

    /// What events are planned with under these layers, nearest first; `transport` is the one
    /// that [`Self::transport`] makes of them.
    fn profile(&self, layers: &[LayerView<'_>], transport: &dyn Transport) -> ChannelProfile;

    /// Makes ready to send with these layers, nearest first; connections are shared between
    /// transports of equal settings.
    fn transport(&self, layers: &[LayerView<'_>], basis: Basis<'_>) -> Arc<dyn Transport>;

    /// Effective values under these layers, for showing.
    fn effective(&self, layers: &[LayerView<'_>]) -> Vec<EffectiveValue>;

    /// What cannot be saved, with pointers below the channel's group.
    fn find_problems(&self, layers: &[LayerView<'_>], basis: Basis<'_>) -> Vec<Problem>;

    /// What works but deserves a look, with pointers below the channel's group.
    fn find_warnings(
        &self,
        layers: &[LayerView<'_>],
        certificates: &CertificateBook,
    ) -> Vec<Problem>;

    /// The bytes that recipients get, for showing.
    ///
    /// # Errors
    /// Why there are none.
    fn message(&self, notification: &Notification) -> Result<Vec<u8>, String>;

    /// What there is to say of words beside them, such as what an SMS costs; mostly nothing.
    fn remark(&self, _content: &Content) -> String {
        String::new()
    }

    /// What words cost, where they are paid for by length.
    fn measure(&self, _content: &Content) -> Option<sms::Measure> {
        None
    }

    /// State of the servers it talks to.
    fn servers(&self) -> Vec<ServerStatus>;

    /// Settings have changed: forget what went wrong before.
    fn forget_failures(&self);

    /// Others send over the same servers: from now on it keeps to its part of their bounds. What
    /// uses this machine alone is not shared.
    fn set_share(&self, _share: Share) {}

    /// Closes connections that nobody uses.
    fn close_idle(&self) -> TransportFuture<'_>;
}

/// What a channel is made with.
#[derive(Clone)]
pub struct Surroundings {
    /// What this host calls itself.
    pub hello_name: Arc<str>,
    /// Keeps small texts over restarts, and passes notices on.
    pub keeper: Arc<dyn Keeper>,
    /// Which executables may be started.
    pub executables: Arc<Executables>,
}

/// Makes a channel.
pub type MakeChannel = fn(surroundings: &Surroundings) -> Arc<dyn Channel>;

/// The registry: one row per channel.
pub const CHANNELS: &[(&str, MakeChannel)] = &[
    ("email", email::make),
    ("sms", sms::make),
    ("executable", executable::make),
    ("mail_notifier", mail_notifier::make),
];

/// An event for tests.
#[cfg(test)]
fn sample_event() -> annunciator_core::Event {
    use annunciator_core::{Application, Device, Event, EventUid, Severity, Timestamp};
    Event {
        uid: EventUid::from_parts(1, [0; 10]),
        id: "a1".into(),
        event_type: "disk.full".into(),
        type_name: "Disk full".into(),
        severity: Severity::Critical,
        application: Application { name: "Storage Guard".into(), version: "1.4".into() },
        device: Device { name: "pc-17".into(), ..Device::default() },
        task: String::new(),
        description: "Volume D: has 1 % left".into(),
        occurred_at: Timestamp(0),
        registered_at: Timestamp(5),
        parameters: [].into(),
    }
}
