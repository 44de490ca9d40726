//! A certificate against TLSA records.
//!
//! In: usable records, the certificates that were presented. Out: whether one of them matches.
//! Knows nothing of: where the records came from.
//! Standard: RFC 7671 (usages 2 and 3, digest agility), RFC 7672 section 3.1 (usages 0 and 1 are
//! unusable for SMTP), RFC 6698 section 2.1.

use annunciator_names::Tlsa;
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::PKey;
use openssl::stack::{Stack, StackRef};
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509Ref, X509StoreContext, X509VerifyResult};

use crate::tls::names;

/// Certificate usages (RFC 7218).
const DANE_TA: u8 = 2;
const DANE_EE: u8 = 3;
/// Selectors.
const CERTIFICATE: u8 = 0;
const PUBLIC_KEY: u8 = 1;
/// Matching types.
const FULL: u8 = 0;
const SHA_256: u8 = 1;
const SHA_512: u8 = 2;
/// Least strength of a chain to a trust anchor, as everywhere: RSA 2048, SHA-256.
const CHAIN_LEVEL: i32 = 2;
/// Most certificates of a chain that are looked at.
const CHAIN_MAX: usize = 20;

/// Whether a record can ever match in SMTP (RFC 7672 section 3.1.3).
pub(crate) fn is_usable(record: &Tlsa) -> bool {
    let octets = match record.matching {
        FULL => is_parsable(record),
        SHA_256 => record.data.len() == 32,
        SHA_512 => record.data.len() == 64,
        _ => false,
    };
    matches!(record.usage, DANE_TA | DANE_EE)
        && matches!(record.selector, CERTIFICATE | PUBLIC_KEY)
        && octets
}

fn is_parsable(record: &Tlsa) -> bool {
    match record.selector {
        CERTIFICATE => X509::from_der(&record.data).is_ok(),
        _ => PKey::public_key_from_der(&record.data).is_ok(),
    }
}

/// Compares what was presented with usable records. `names` are those of which the certificate
/// must bear one when it is matched through an authority; with usage 3 neither name nor dates
/// count (RFC 7671 section 5.1).
///
/// # Errors
/// Why none matches, in words.
pub(crate) fn find_match(
    records: &[Tlsa],
    leaf: &X509Ref,
    chain: Option<&StackRef<X509>>,
    names: &[String],
) -> Result<(), String> {
    let result = compare(&strongest(records), leaf, chain, names);
    // What OpenSSL noted on the way would be taken for a failure of the session.
    drop(ErrorStack::get());
    result
}

fn compare(
    records: &[&Tlsa],
    leaf: &X509Ref,
    chain: Option<&StackRef<X509>>,
    names: &[String],
) -> Result<(), String> {
    if records.iter().any(|record| record.usage == DANE_EE && is_match(record, leaf)) {
        return Ok(());
    }
    let mut reason = None;
    for record in records.iter().filter(|record| record.usage == DANE_TA) {
        for anchor in anchors_of(record, leaf, chain) {
            match verify_below(&anchor, leaf, chain, names) {
                Ok(X509VerifyResult::OK) => return Ok(()),
                Ok(error) => reason = Some(error.error_string().to_owned()),
                Err(error) => reason = Some(error.to_string()),
            }
        }
    }
    let plural = if records.len() == 1 { "" } else { "s" };
    let count = records.len();
    Err(match reason {
        Some(reason) => format!(
            "the certificate does not verify below the authority that its TLSA record names: \
             {reason}"
        ),
        None => format!("the certificate matches none of {count} usable TLSA record{plural}"),
    })
}

/// Of records that differ only in their digest, those with the strongest (RFC 7671 section 9):
/// who can break the weaker one gains nothing.
fn strongest(records: &[Tlsa]) -> Vec<&Tlsa> {
    let is_beaten = |record: &Tlsa| {
        let beats = |other: &Tlsa| {
            (other.usage, other.selector) == (record.usage, record.selector)
                && other.matching > record.matching
        };
        record.matching != FULL && records.iter().any(beats)
    };
    records.iter().filter(|record| !is_beaten(record)).collect()
}

fn is_match(record: &Tlsa, certificate: &X509Ref) -> bool {
    let Ok(der) = certificate.to_der() else { return false };
    let selected = match record.selector {
        CERTIFICATE => Some(der.as_slice()),
        _ => public_key_of(&der),
    };
    let Some(selected) = selected else { return false };
    match record.matching {
        FULL => selected == record.data,
        SHA_256 => is_digest(MessageDigest::sha256(), selected, &record.data),
        _ => is_digest(MessageDigest::sha512(), selected, &record.data),
    }
}

fn is_digest(digest: MessageDigest, octets: &[u8], expected: &[u8]) -> bool {
    hash(digest, octets).is_ok_and(|found| &*found == expected)
}

/// What the record makes a trust anchor: an issuer in the chain that matches it, the certificate
/// that it holds, or the one that the key it holds has signed.
fn anchors_of(record: &Tlsa, leaf: &X509Ref, chain: Option<&StackRef<X509>>) -> Vec<X509> {
    let presented = || chain.into_iter().flatten().take(CHAIN_MAX);
    let is_leaf = |certificate: &X509Ref| certificate.to_der().ok() == leaf.to_der().ok();
    let mut anchors: Vec<X509> = presented()
        .filter(|certificate| !is_leaf(certificate) && is_match(record, certificate))
        .map(ToOwned::to_owned)
        .collect();
    match (record.matching, record.selector) {
        (FULL, CERTIFICATE) => {
            let held = X509::from_der(&record.data);
            anchors.extend(held.into_iter().filter(|certificate| !is_leaf(certificate)));
        }
        (FULL, _) => {
            if let Ok(key) = PKey::public_key_from_der(&record.data) {
                let is_signed = |c: &&X509Ref| c.verify(&key).unwrap_or(false);
                let all = std::iter::once(leaf).chain(presented());
                anchors.extend(all.filter(is_signed).map(ToOwned::to_owned));
            }
        }
        _ => {}
    }
    anchors
}

/// Verifies the leaf below one trust anchor: chain, dates, key usage, and one of the names.
fn verify_below(
    anchor: &X509Ref,
    leaf: &X509Ref,
    chain: Option<&StackRef<X509>>,
    names: &[String],
) -> Result<X509VerifyResult, ErrorStack> {
    let mut untrusted = Stack::new()?;
    for certificate in chain.into_iter().flatten().take(CHAIN_MAX) {
        untrusted.push(certificate.to_owned())?;
    }
    let mut last = X509VerifyResult::APPLICATION_VERIFICATION;
    for name in names {
        let store = store_for(anchor, name)?;
        last = X509StoreContext::new()?.init(&store, leaf, &untrusted, |context| {
            context.verify_cert()?;
            Ok(context.error())
        })?;
        if last == X509VerifyResult::OK {
            break;
        }
    }
    Ok(last)
}

fn store_for(anchor: &X509Ref, name: &str) -> Result<X509Store, ErrorStack> {
    let mut parameters = X509VerifyParam::new()?;
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    parameters.set_purpose(X509PurposeId::SSL_SERVER)?;
    parameters.set_auth_level(CHAIN_LEVEL);
    parameters.set_hostflags(names::RULES);
    names::ask_for(&mut parameters, name)?;
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(anchor.to_owned())?;
    store.set_param(&parameters)?;
    Ok(store.build())
}

/// The `SubjectPublicKeyInfo` of a certificate, octet by octet as it stands there (RFC 5280
/// section 4.1): after version, serial number, signature, issuer, validity and subject.
fn public_key_of(der: &[u8]) -> Option<&[u8]> {
    const VERSION: u8 = 0xa0;
    let certificate = element(der)?.content;
    let mut rest = element(certificate)?.content;
    if *rest.first()? == VERSION {
        rest = element(rest)?.after;
    }
    for _ in ["serial number", "signature", "issuer", "validity", "subject"] {
        rest = element(rest)?.after;
    }
    Some(element(rest)?.whole)
}

/// A DER element.
struct Element<'a> {
    whole: &'a [u8],
    content: &'a [u8],
    after: &'a [u8],
}

fn element(der: &[u8]) -> Option<Element<'_>> {
    let first = usize::from(*der.get(1)?);
    let (length, head) = if first < 0x80 {
        (first, 2)
    } else {
        let count = first & 0x7f;
        let octets = der.get(2..2 + count).filter(|_| (1..=4).contains(&count))?;
        (octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), 2 + count)
    };
    let end = head.checked_add(length)?;
    Some(Element { whole: der.get(..end)?, content: der.get(head..end)?, after: der.get(end..)? })
}

#[cfg(test)]
mod tests {
    use annunciator_testkit::certificates::{Authority, self_signed};

    use super::*;

    fn record(usage: u8, selector: u8, matching: u8, data: &[u8]) -> Tlsa {
        Tlsa { usage, selector, matching, data: data.to_vec() }
    }

    #[test]
    fn only_usages_2_and_3_with_whole_data_are_usable() {
        let identity = self_signed(&["mx.test"]);
        let certificate = identity.certificate.to_der().unwrap();
        let key = identity.certificate.public_key().unwrap().public_key_to_der().unwrap();
        for (usage, selector, matching, data, expected) in [
            (3, 1, 1, &[0; 32][..], true),
            (2, 0, 1, &[0; 32], true),
            (3, 1, 2, &[0; 64], true),
            (0, 1, 1, &[0; 32], false),
            (1, 1, 1, &[0; 32], false),
            (255, 1, 1, &[0; 32], false),
            (3, 2, 1, &[0; 32], false),
            (3, 1, 3, &[0; 32], false),
            (3, 1, 1, &[0; 31], false),
            (3, 1, 1, &[0; 64], false),
            (3, 1, 2, &[0; 32], false),
            (3, 1, 1, &[], false),
            (3, 0, 0, &certificate, true),
            (2, 1, 0, &key, true),
            (3, 1, 0, &certificate, false),
            (3, 0, 0, &key, false),
            (3, 0, 0, &[], false),
        ] {
            let found = is_usable(&record(usage, selector, matching, data));
            assert_eq!(found, expected, "{usage} {selector} {matching} {}", data.len());
        }
    }

    #[test]
    fn the_public_key_is_cut_out_as_openssl_writes_it() {
        let authority = Authority::new("ca");
        for identity in [self_signed(&["a.test"]), authority.rsa_1024(&["a.test"])] {
            let der = identity.certificate.to_der().unwrap();
            let expected = identity.certificate.public_key().unwrap().public_key_to_der().unwrap();
            assert_eq!(public_key_of(&der), Some(expected.as_slice()));
            for cut in 0..der.len() {
                let _ = public_key_of(&der[..cut]);
            }
        }
    }

    #[test]
    fn a_weaker_digest_counts_only_without_a_stronger_one() {
        let records = [
            record(3, 1, 1, &[1; 32]),
            record(3, 1, 2, &[1; 64]),
            record(3, 0, 1, &[1; 32]),
            record(3, 1, 0, &[1]),
            record(2, 1, 1, &[1; 32]),
        ];
        let left: Vec<_> =
            strongest(&records).iter().map(|r| (r.usage, r.selector, r.matching)).collect();
        assert_eq!(left, [(3, 1, 2), (3, 0, 1), (3, 1, 0), (2, 1, 1)]);
    }
}
