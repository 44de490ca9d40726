//! Incidents of detectors: who is told of one, and when (spec 9).
//!
//! In: an event that is an incident, statuses and subscriptions as they were configured, users.
//! Out: each address once, with the language it reads and the time at which it is told; or why
//! nobody is.
//! Knows nothing of: where users are stored, how a mail looks.

mod audience;
mod incident;
mod mapping;
mod recheck;
mod settings;
mod subscribers;
mod telling;
mod timing;

pub use audience::{
    Addressee, Audience, Directory, DirectoryUser, LeftOut, find_audience, find_left_out,
};
pub use incident::{INCIDENT_TYPE_PREFIX, Incident, STATUS_TYPE_PREFIX, Told};
pub use mapping::{
    IncidentMapping, KIND_CHARS_MAX, MappedField, MappedTimes, MappedValue,
    TAG_DESCRIPTION_CHARS_MAX, UNITS_CHARS_MAX, is_detector_kind, is_web_link,
};
pub use recheck::{Recheck, Waiting, recheck, why_untold};
pub use settings::{
    IncidentLayer, IncidentSettings, IncidentStatus, ReaderLanguage, Rhythm, SeverityMin,
    Subscription,
};
pub use subscribers::{IncidentRules, Subscriber};
pub use telling::{
    BundleLetter, BundleMail, BundledIncident, IncidentLetter, Postponed, reader_of,
};
pub(crate) use telling::{Telling, tell};

#[cfg(test)]
mod tests;
