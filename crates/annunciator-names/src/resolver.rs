//! The resolver.

use std::time::Instant;

use crate::answer::{Addresses, Exchangers, LookupError, Texts, TlsaRecords};
use crate::policy::NamesPolicy;

/// Resolves names under one policy; answers are cached as long as they hold. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Resolver {
    _policy: NamesPolicy,
}

impl Resolver {
    /// A resolver with an empty cache.
    ///
    /// # Errors
    /// A trust anchor that does not parse, or a system without resolver settings; in words.
    pub fn new(policy: &NamesPolicy) -> Result<Self, String> {
        Ok(Self { _policy: policy.clone() })
    }

    /// The addresses of a host: an address literal (with or without brackets) is its own; then
    /// DNS; then NetBIOS when the policy asks it.
    ///
    /// # Errors
    /// [`LookupError`].
    pub async fn addresses(
        &self,
        _host: &str,
        _deadline: Instant,
    ) -> Result<Addresses, LookupError> {
        Err(LookupError::Unavailable("not built".into()))
    }

    /// The mail exchangers of a domain, in any spelling (U-labels are converted, RFC 5891).
    ///
    /// # Errors
    /// [`LookupError::Absent`] when the domain does not exist at all.
    pub async fn exchangers(
        &self,
        _domain: &str,
        _deadline: Instant,
    ) -> Result<Exchangers, LookupError> {
        Err(LookupError::Unavailable("not built".into()))
    }

    /// The TLSA records of `_<port>._tcp.<host>`.
    ///
    /// # Errors
    /// [`LookupError`]; absence is no error.
    pub async fn tlsa(
        &self,
        _host: &str,
        _port: u16,
        _deadline: Instant,
    ) -> Result<TlsaRecords, LookupError> {
        Err(LookupError::Unavailable("not built".into()))
    }

    /// The TXT records of a name.
    ///
    /// # Errors
    /// [`LookupError`]; absence is no error.
    pub async fn texts(&self, _name: &str, _deadline: Instant) -> Result<Texts, LookupError> {
        Err(LookupError::Unavailable("not built".into()))
    }
}
