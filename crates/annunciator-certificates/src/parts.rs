//! A certificate and its key of which one may be missing still, as a form takes them one by one.
//!
//! In: files in any order, a password, what is kept of another object, the time. Out:
//! [`TakenParts`]. Failure: as for a whole client certificate; a certificate and a key that do not
//! belong together are refused. Standard: spec 9.5.

use annunciator_core::Timestamp;

use crate::certificate::{Certificate, order_chain};
use crate::key::PrivateKey;
use crate::upload::{Gathered, gather, take_one_key};
use crate::{CertificateError, CertificateFacts, SecretOctets};

/// What is taken over from another object, where the files hold no such part.
#[derive(Clone, Copy, Debug)]
pub enum KeptPart<'a> {
    /// Nothing.
    Nothing,
    /// Its certificates, DER, the certificate itself first.
    Certificate(&'a [Vec<u8>]),
    /// Its key, PKCS#8 DER.
    Key(&'a SecretOctets),
}

/// A certificate, its key, or both.
#[derive(Clone, Debug)]
pub struct TakenParts {
    /// DER, the certificate itself first, then its issuers; empty when there is no certificate.
    pub chain: Vec<Vec<u8>>,
    /// What each of its certificates says, in their order.
    pub facts: Vec<CertificateFacts>,
    /// PKCS#8 DER, not encrypted; none when there is no key.
    pub key: Option<SecretOctets>,
    /// What deserves a look, in sentences.
    pub warnings: Vec<String>,
    /// The one file, from 0, that holds all certificates and no key.
    pub certificate_file: Option<usize>,
    /// The one file, from 0, that holds the key and no certificate.
    pub key_file: Option<usize>,
}

/// Reads a certificate, its key, or both; what the files do not hold is taken from `kept`.
///
/// # Errors
/// `empty`, `several_keys`, `key_mismatch`, `expired`, `password_required`, `password_wrong`, a
/// limit, or what cannot be read.
pub fn read_client_parts(
    files: &[&[u8]],
    password: &str,
    kept: KeptPart<'_>,
    now: Timestamp,
) -> Result<TakenParts, CertificateError> {
    let mut gathered = match (files, kept) {
        ([], KeptPart::Certificate(_) | KeptPart::Key(_)) => Gathered::default(),
        _ => gather(files, password)?,
    };
    match kept {
        KeptPart::Certificate(chain) if gathered.certificates.is_empty() => {
            let read = chain.iter().map(|der| Ok((files.len(), Certificate::read(der)?)));
            gathered.certificates = read.collect::<Result<_, CertificateError>>()?;
        }
        KeptPart::Key(key) if gathered.keys.is_empty() => {
            gathered.keys.push((files.len(), PrivateKey::read(key.expose())?));
        }
        _ => {}
    }
    join(gathered, files.len(), now)
}

/// What a private key is, such as `RSA 2048`.
///
/// # Errors
/// `malformed`, or a key beyond the limits.
pub fn describe_key(key: &SecretOctets) -> Result<String, CertificateError> {
    PrivateKey::read(key.expose()).map(|key| key.kind.to_text())
}

/// Puts certificate and key together, as far as they are there; what comes from beyond the last
/// of the files is kept, and not from a file.
pub(crate) fn join(
    gathered: Gathered,
    files: usize,
    now: Timestamp,
) -> Result<TakenParts, CertificateError> {
    let of_key = gathered.keys.first().map(|(file, _)| *file);
    let of_certificates = one_place(gathered.certificates.iter().map(|(file, _)| *file));
    let is_elsewhere = |file: &usize| gathered.certificates.iter().all(|(other, _)| other != file);
    let key_file = of_key.filter(|file| *file < files).filter(is_elsewhere);
    let certificate_file = of_certificates.filter(|file| *file < files && Some(*file) != of_key);
    let key = take_one_key(gathered.keys)?;
    let mut warnings = Vec::new();
    let chain = match gathered.certificates {
        none if none.is_empty() && key.is_none() => {
            let words = "there is neither a certificate nor a key in it";
            return Err(CertificateError::new("empty", words));
        }
        none if none.is_empty() => Vec::new(),
        some => order(some, key.as_ref(), now, &mut warnings)?,
    };
    let der: Result<Vec<_>, _> = chain.iter().map(Certificate::to_der).collect();
    Ok(TakenParts {
        chain: der?,
        facts: chain.into_iter().map(|certificate| certificate.facts).collect(),
        key: key.map(|(_, key)| key.to_pkcs8()).transpose()?,
        warnings,
        certificate_file,
        key_file,
    })
}

/// The one value of all.
fn one_place(mut places: impl Iterator<Item = usize>) -> Option<usize> {
    let first = places.next()?;
    places.all(|place| place == first).then_some(first)
}

/// The certificates as a chain, the key's own first; without a key that of nobody who signed
/// another.
fn order(
    certificates: Vec<(usize, Certificate)>,
    key: Option<&(usize, PrivateKey)>,
    now: Timestamp,
    warnings: &mut Vec<String>,
) -> Result<Vec<Certificate>, CertificateError> {
    let is_own = |(_, certificate): &(usize, Certificate)| match key {
        Some((_, key)) => certificate.x509.public_key().is_ok_and(|public| key.fits(&public)),
        None => !certificate.facts.is_authority,
    };
    let leaf = match (certificates.iter().position(is_own), key) {
        (Some(leaf), _) => leaf,
        (None, None) => 0,
        (None, Some((key_file, _))) => {
            let words = "the key belongs to none of the certificates: upload the two that belong \
                         together";
            return Err(CertificateError::new("key_mismatch", words).of_file(*key_file));
        }
    };
    let (leaf_file, own) = &certificates[leaf];
    match own.check_dates(now) {
        Err(error) if error.code == "not_yet_valid" => {
            warnings.push(format!("`{}` begins on {}", own.title(), own.facts.not_before));
        }
        checked => checked.map_err(|error| error.of_file(*leaf_file))?,
    }
    let certificates = certificates.into_iter().map(|(_, certificate)| certificate);
    let (chain, strangers) = order_chain(certificates.collect(), leaf);
    for issuer in chain.iter().skip(1).filter(|issuer| issuer.check_dates(now).is_err()) {
        warnings.push(format!("the issuer `{}` is not valid now", issuer.title()));
    }
    for stranger in &strangers {
        warnings.push(format!("`{}` is not part of the chain and is left out", stranger.title()));
    }
    Ok(chain)
}
