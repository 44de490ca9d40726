//! The rules of SMS through a mail gateway (spec 3.2): what a text costs, which phone numbers
//! there are, and under which addresses the gateway takes them.
//!
//! Knows nothing of: connections, queues, layers; every function is pure.

mod alphabet;
mod gateway;
mod grapheme;
mod phone;
mod text;
mod transliteration;

pub use alphabet::Alphabet;
pub use gateway::{DESTINATIONS_MAX, Destination, PhoneFormat, addresses, check_pattern};
pub use phone::{NUMBERS_MAX, PhoneNumber, PhoneProblem, PhoneProblemKind, check_phone};
pub use text::{Measure, measure, shorten};
pub use transliteration::transliterate;
