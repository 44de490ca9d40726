//! The rules of SMS through a mail gateway (spec 3.2): what a text costs, and which phone numbers
//! there are.
//!
//! Knows nothing of: connections, queues, layers; every function is pure.

mod alphabet;
mod grapheme;
mod phone;
mod text;
mod transliteration;

pub use alphabet::Alphabet;
pub use phone::{NUMBERS_MAX, PhoneNumber, PhoneProblem, PhoneProblemKind, check_phone};
pub use text::{Measure, measure, shorten};
pub use transliteration::transliterate;
