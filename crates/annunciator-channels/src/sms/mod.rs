//! The rules of SMS through a mail gateway (spec 3.2): what a text costs.
//!
//! Knows nothing of: connections, queues, layers; every function is pure.

mod alphabet;
mod grapheme;
mod text;
mod transliteration;

pub use alphabet::Alphabet;
pub use text::{Measure, measure, shorten};
pub use transliteration::transliterate;
