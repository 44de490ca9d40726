//! Names into addresses: DNS with DNSSEC, mail exchangers, TLSA records, NetBIOS (spec 4.2, 4.4,
//! 4.10).
//!
//! In: a [`NamesPolicy`], names. Out: answers, each with its [`Proof`] and until when it holds.
//! Knows nothing of: SMTP, TLS, which answer is good enough for whom.
//! Failure: [`LookupError`] says by type whether the name is absent, nobody could tell, or the
//! answer was forged.

mod answer;
mod cache;
mod dns;
mod name;
mod netbios;
mod order;
mod policy;
mod resolver;
mod system;

pub use answer::{
    AddressSource, Addresses, Exchanger, Exchangers, LookupError, Proof, Texts, Tlsa, TlsaRecords,
};
pub use name::literal;
pub use policy::{Dnssec, NamesPolicy, NetBios};
pub use resolver::Resolver;
