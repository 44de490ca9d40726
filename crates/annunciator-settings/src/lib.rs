//! One definition of each setting into its type, its JSON form, its checks, its schema, its page
//! of the manual, and its effective value over several layers (spec 3 and 6.1).
//!
//! A group of settings is written once, with the [`settings!`] macro, in the module that reads it:
//!
//! ```
//! use annunciator_settings::{Format, Origin, Secret, SettingsGroup, SettingsLayer, TextList};
//!
//! annunciator_settings::settings! {
//!     /// How mail reaches its relay.
//!     pub struct Relay / RelayLayer {
//!         /// Servers, tried in the order given.
//!         servers: TextList = TextList::default(), format(Format::HostName), leads_unit("relay");
//!         /// TCP port of the relay.
//!         port: u16 = 25, range(1, 65_535), unit("relay"), binds_secrets();
//!         /// Password for SMTP AUTH (RFC 4954).
//!         password: Secret = Secret::default(), unit("relay");
//!     }
//! }
//!
//! let saved = RelayLayer::from_json(&serde_json::json!({"servers": "a.example; b.example"}))?;
//! let relay = Relay::resolve(&[(Origin::Server, &saved)]);
//! assert_eq!(relay.values.servers.as_slice(), ["a.example", "b.example"]);
//! assert_eq!(relay.values.port, 25);
//! assert_eq!(relay.origin_of("port"), Some(&Origin::CompiledDefault));
//! # Ok::<(), Vec<annunciator_settings::Problem>>(())
//! ```
//!
//! In: JSON that an administrator wrote; layers, nearest first.
//! Out: typed values, and all [`Problem`]s at once with pointers into that JSON.
//! Knows nothing of: who owns a layer and how owners rank, where layers are stored, channels.
//! Failure: a layer is changed wholly or not at all.

mod definition;
mod group;
mod layer;
mod macros;
mod notify_about;
mod problem;
mod resolve;
mod rules;
mod schema;
mod secret;
mod text_list;
mod value;

pub use definition::{Choice, Definition, Kind, find_faults};
pub use group::{LayerGroup, find_misplaced};
pub use layer::{SettingsLayer, Slot};
pub use notify_about::NotifyAbout;
pub use problem::{PROBLEMS_MAX, Problem};
pub use resolve::{Locks, Origin, Resolved, SettingsGroup, Source};
pub use rules::{Format, Place, Rules, TextCheck};
pub use schema::{group_schema, reference_markdown, rows_schema};
pub use secret::{SEALED_PREFIX, SECRET_MASK, Secret};
pub use text_list::TextList;
pub use value::{SettingValue, nearest_name};

#[doc(hidden)]
pub mod derived {
    //! What the macros' expansions call; not for use by hand.
    pub use crate::layer::serde_error;
    pub use crate::resolve::{choose_layers, find_locked};
    pub use crate::value::{parse_choice, parse_object, read_field};
    pub use serde;
    pub use serde_json;
}

#[cfg(test)]
mod tests;
