//! What an operator can ask, whatever the way in: API, command line, console.
//!
//! Knows nothing of: HTTP.

pub mod audit;
pub mod backups;
mod beneath;
pub mod certificate_cleanup;
mod certificate_upload;
pub mod certificates;
pub mod deliveries;
pub mod effective;
pub mod explain;
mod incident_drafts;
pub mod incidents;
pub mod key_download;
pub mod ledger;
pub mod mappings;
pub mod nodes;
mod override_edit;
pub mod overrides;
pub mod policies;
pub mod presets;
pub mod preview;
pub mod replay;
pub mod roles;
pub mod saved_views;
pub mod send_test;
pub mod sessions;
pub mod settings;
pub mod settings_code;
pub mod sign_in;
pub mod silences;
pub mod statistics;
pub mod status;
pub mod subscriptions;
pub mod templates;
pub mod test_addressees;
mod test_incident;
mod test_record;
pub mod tokens;
mod user_record;
pub mod users;

use annunciator_api_types::FieldError;
use annunciator_store::StoreError;

/// Why something was not done: the variant says who must act.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The caller: the fields that are wrong.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    /// The caller: there is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The caller: it does not fit the state of things.
    #[error("{0}")]
    Conflict(String),
    /// The caller: they may not, or have not proven who they are.
    #[error("{0}")]
    Forbidden(String),
    /// The caller: they have not shown who they are.
    #[error("{0}")]
    Unauthenticated(String),
    /// The caller: they must wait.
    #[error("too many wrong tries: try again in {wait_s} s")]
    Throttled {
        /// How long. Unit: seconds.
        wait_s: u16,
    },
    /// Nobody: later it may work.
    #[error("{0}")]
    Unavailable(String),
    /// The operator: the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
