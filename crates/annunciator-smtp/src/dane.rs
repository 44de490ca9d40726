//! The TLSA records of a server into what they demand.
//!
//! In: where the name of the server came from and how its addresses were proven. Out: [`Dane`].
//! Knows nothing of: the handshake; `matching` compares the certificate afterwards.
//! Standard: RFC 7672 section 2.2, RFC 7671.
//! Failure: records that cannot be had are never taken for absent: the server is put off.

use annunciator_core::DaneOutcome;
use annunciator_names::{Addresses, LookupError, Proof, Resolver, Tlsa};
use tokio::time::Instant;

use crate::trouble::Cause;

pub(crate) mod matching;

/// Most records of a server that are compared.
const RECORDS_MAX: usize = 64;

/// What the TLSA records of a server demand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Dane {
    /// TLS, and a certificate that matches one of these.
    Usable {
        /// The name the records stand at; also the one that is asked for in the handshake.
        base: String,
        /// At least one.
        records: Vec<Tlsa>,
    },
    /// TLS, whatever the certificate.
    Unusable {
        /// The name the records stand at.
        base: String,
    },
    /// Nothing: there are no records, and that is proven.
    NotApplicable,
    /// Nothing: a zone on the way is not signed, or nobody checked.
    Insecure,
}

impl Dane {
    /// The outcome that is known before a handshake.
    pub(crate) fn outcome(&self) -> Option<DaneOutcome> {
        match self {
            Self::Usable { .. } => None,
            Self::Unusable { .. } => Some(DaneOutcome::Unusable),
            Self::NotApplicable => Some(DaneOutcome::NotApplicable),
            Self::Insecure => Some(DaneOutcome::Insecure),
        }
    }

    /// A line for the report of the stage.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Usable { base, records } => {
                let plural = if records.len() == 1 { "" } else { "s" };
                format!("DANE: {} usable TLSA record{plural} of {base}", records.len())
            }
            Self::Unusable { base } => {
                format!("DANE: no usable TLSA record of {base}: TLS without authentication")
            }
            Self::NotApplicable => "DANE: no TLSA records".to_owned(),
            Self::Insecure => "DANE: not used, the answers are not secured by DNSSEC".to_owned(),
        }
    }
}

/// Looks the records of a server up. The caller has found that its name is secure.
///
/// The records of the name that the aliases end at come first, then those of the name itself
/// (RFC 7672 section 2.2.3). When the addresses are not secure, an alias in a secure zone may
/// still lead out of it, so the name itself is asked for (section 2.2.2).
pub(crate) async fn look_up(
    resolver: &Resolver,
    host: &str,
    port: u16,
    addresses: &Addresses,
    deadline: Instant,
) -> Result<Dane, Cause> {
    let is_alias = addresses.canonical != host;
    let bases: &[&str] = match (addresses.proof == Proof::Secure, is_alias) {
        (true, true) => &[&addresses.canonical, host],
        (true, false) | (false, true) => &[host],
        (false, false) => return Ok(Dane::Insecure),
    };
    let mut found = Dane::NotApplicable;
    for base in bases {
        match resolver.tlsa(base, port, deadline.into_std()).await {
            Ok(records) if records.proof != Proof::Secure => found = Dane::Insecure,
            Ok(records) if records.list.is_empty() => {}
            Ok(records) => return Ok(weigh(base, records.list)),
            // No records can stand at a name that cannot be.
            Err(LookupError::Malformed(_)) => {}
            Err(error) => {
                let words = format!(
                    "the TLSA records of _{port}._tcp.{base} cannot be had, and without them the \
                     server is not used: {error}"
                );
                return Err(Cause::Untrusted(words));
            }
        }
    }
    Ok(found)
}

fn weigh(base: &str, mut records: Vec<Tlsa>) -> Dane {
    let base = base.to_owned();
    records.retain(matching::is_usable);
    records.truncate(RECORDS_MAX);
    if records.is_empty() { Dane::Unusable { base } } else { Dane::Usable { base, records } }
}
