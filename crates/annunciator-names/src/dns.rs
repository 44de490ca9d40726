//! DNS: questions into answers with their proof.
//!
//! `upstream.rs` asks servers; `anchors.rs` what is trusted; `chain.rs` from there down to a name;
//! `finding.rs` what a response says; `questions.rs` all of them together, with the cache.

mod anchors;
mod chain;
mod finding;
mod questions;
mod upstream;

pub(crate) use anchors::Anchors;
pub(crate) use finding::weakest;
pub(crate) use questions::{Found, Questions};
