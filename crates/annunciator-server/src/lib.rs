//! The server: intake, planner task, dispatcher, admin, API; the only crate that knows the store
//! and the channels.
//!
//! [`start`] wires them, top to bottom; it decides nothing about content and nothing about
//! protocols.

pub mod admin;
pub mod api;
mod certificate_parts;
mod certificates;
mod clock;
mod configuration;
mod console_address;
mod devices;
pub mod dispatcher;
mod expiry_watch;
mod http;
mod identity;
mod ids;
mod incident_bundles;
mod incident_supply;
mod installation;
mod intake;
mod keeper;
mod lifecycle;
mod limit_clock;
mod limit_summary;
mod metrics;
mod nodes;
mod offline;
mod overrides_document;
mod own_events;
mod passwords;
mod planner_task;
mod planning;
pub mod reference;
mod roles;
mod secrets;
mod session_book;
mod settings_document;
mod setup_key;
mod shared;
mod silence_book;
pub mod snapshot;
mod start;
mod start_error;
mod store_key;
mod store_place;
mod throttle;
mod tokens;
mod upkeep;

pub use annunciator_store::postgres::{Copied, CopyEnd};
pub use annunciator_store::{Examination, Migration, StoreError};
pub use offline::{Place, check_store, copy_store, migrate_store};
#[doc(hidden)]
pub use settings_document::compile as compile_settings;
pub use settings_document::{Verdict, check as check_settings, order as settings_order};
pub use start::{
    Bootstrap, BootstrapToken, Pages, RunningServer, ServerConfig, StartError, TlsFiles, start,
};
pub use store_place::StorePlace;
