//! Every way out: a notification and its recipients into one outcome per recipient.
//!
//! In: [`Order`]s with everything an attempt needs. Out: an [`AttemptReport`] for each.
//! Knows nothing of: stores, queues, which layer a setting came from.
//! Failure: an attempt never returns an error; every end is an outcome.
//!
//! [`CHANNELS`] is the registry; nothing else compares channel names.

mod attempt;
pub mod email;
mod names_settings;
mod presets;
mod relay_settings;
pub mod sms;

mod transport_parts;

use std::sync::Arc;

use annunciator_core::{ChannelName, Notification};

pub use annunciator_smtp::{Keeper, MemoryKeeper, Notice, StageReport};
pub use attempt::{AttemptReport, Order, OrderFeed, ServerStatus, Transport, TransportFuture};
pub use names_settings::{NamesLayer, NamesSettings};
pub use presets::{PRESETS, Preset, PresetQuestion, PresetValue};
pub use relay_settings::{AuthMode, RelayLayer, RelaySettings, TlsMode, TlsVersionMin};
pub use transport_parts::TransportParts;

/// A way out.
pub trait Channel: Send + Sync {
    /// Its name in settings, API and ledger.
    fn name(&self) -> ChannelName;

    /// Checks a recipient's or sender's address.
    ///
    /// # Errors
    /// What is wrong and what to do.
    fn check_address(&self, address: &str) -> Result<(), String>;

    /// Makes ready to send with these settings; connections are shared between transports of
    /// equal settings.
    fn transport(&self, parts: TransportParts<'_>) -> Arc<dyn Transport>;

    /// The bytes that recipients get, for showing.
    ///
    /// # Errors
    /// Why there are none.
    fn message(&self, notification: &Notification) -> Result<Vec<u8>, String>;

    /// State of the servers it talks to.
    fn servers(&self) -> Vec<ServerStatus>;

    /// Settings have changed: forget what went wrong before.
    fn forget_failures(&self);

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
}

/// Makes a channel.
pub type MakeChannel = fn(surroundings: &Surroundings) -> Arc<dyn Channel>;

/// The registry: one row per channel.
pub const CHANNELS: &[(&str, MakeChannel)] = &[("email", email::make)];
