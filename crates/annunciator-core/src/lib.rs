//! The nouns of Annunciator: what every other crate talks about.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | *event* | something that happened, handed in by a source ([`Event`]) |
//! | *event type* | the kind of an event, known per application |
//! | *severity* | info, warning, failure, critical ([`Severity`]) |
//! | *application* | the product that reports ([`Application`]) |
//! | *device*, *device group* | where it happened ([`Device`]) |
//! | *intake* | a way events come in |
//! | *accept* | to take responsibility for an event, by a commit |
//! | *setting*, *layer*, *override*, *effective value*, *origin* | see `annunciator-settings` |
//! | *incident* | an event of a detector that watches an asset ([`Sample`]) |
//! | *subscription* | who is told of which incidents |
//! | *silence* | an operator's time-bounded mute |
//! | *limit* | at most N notifications in any period T |
//! | *notification* | frozen content for one channel ([`Notification`]) |
//! | *channel* | a way out: e-mail, SMS, executable ([`ChannelName`]) |
//! | *recipient* | who gets a notification ([`Recipient`]) |
//! | *delivery* | notification × recipient, the unit of retry ([`Delivery`]) |
//! | *attempt* | one try to make a delivery ([`Attempt`]) |
//! | *outcome* | delivered, transient failure, permanent failure, uncertain ([`Outcome`]) |
//! | *relay* | the SMTP server we hand mail to |
//! | *gateway* | a mail system that turns mail into SMS |
//! | *lane* | the queue of one relay ([`Lane`]) |
//! | *envelope*, *reverse-path*, *forward-path*, *reply code* | RFC 5321 |
//! | *enhanced status code* | RFC 3463 ([`EnhancedStatus`]) |
//! | *message* | RFC 5322 text and nothing else |
//! | *ledger* | the lasting record of deliveries and attempts |
//!
//! The types derive serde for the *stored* form; wire types live in `annunciator-api-types`.

mod decision;
mod delivery;
mod event;
mod id;
mod incident;
mod limit;
mod notification;
mod outcome;
mod status;
mod text;
mod time;

pub use decision::{Decision, DecisionKind};
pub use delivery::{
    Attempt, AttemptFacts, DaneOutcome, Delivery, DeliveryState, Lane, RouteFacts, RunFacts,
    Stages, TlsFacts,
};
pub use event::{Application, Device, Event, EventTypeKey, ParameterValue, Severity};
pub use id::{DeliveryId, EventUid, NotificationId, SilenceId};
pub use incident::Sample;
pub use limit::{Counter, HeldTime, LimitKey, LimitRule, Marks, NotificationLimit};
pub use notification::{
    ChannelName, Command, Content, Notification, Picture, Recipient, RecipientRole, Scope,
};
pub use outcome::{Failure, FailureScope, Outcome, Stage};
pub use status::{EnhancedStatus, ReplyCode};
pub use text::{ellipsize, is_dots, is_hidden, mask_address, one_line};
pub use time::{Clock, SleepFuture, Timestamp};
