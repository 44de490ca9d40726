//! One X.509 certificate, within bounds, with what is asked about it.
//!
//! In: DER. Out: [`Certificate`], [`CertificateFacts`]. Standard: RFC 5280.
//! Failure: `malformed`, `too_large`, `key_size`, `key_unsupported`; the octets are looked over
//! before OpenSSL sees them.

use std::net::IpAddr;

use annunciator_core::{Timestamp, one_line};
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::nid::Nid;
use openssl::x509::{X509, X509NameRef, X509VerifyResult};

use crate::der::{Element, Malformed, Reader, check_shape, tag};
use crate::key::{KeyKind, kind_of_public};
use crate::{CertificateError, CertificateFacts};

/// Most certificates of one upload.
pub const CERTIFICATES_MAX: usize = 100;
/// Largest certificate. Unit: octets of its DER.
const CERTIFICATE_BYTES_MAX: usize = 64 << 10;
/// Longest subject or issuer that is shown. Unit: characters.
const NAME_CHARS_MAX: usize = 500;
/// Most alternative names that are shown.
const NAMES_MAX: usize = 200;
const DAY_S: i64 = 86_400;

const BASIC_CONSTRAINTS: &[u8] = b"\x55\x1d\x13";
const KEY_USAGE: &[u8] = b"\x55\x1d\x0f";
/// `keyCertSign` in the first octet of the key usage.
const KEY_CERT_SIGN: u8 = 0x04;

/// The refusal of more certificates than an upload may have.
pub(crate) fn too_many() -> CertificateError {
    let words = format!("an upload may hold {CERTIFICATES_MAX} certificates at most: split it");
    CertificateError::new("too_many", words)
}

/// A certificate.
pub(crate) struct Certificate {
    pub(crate) x509: X509,
    pub(crate) facts: CertificateFacts,
}

impl Certificate {
    /// Reads a certificate.
    pub(crate) fn read(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            let words = format!("a certificate may have {CERTIFICATE_BYTES_MAX} octets at most");
            return Err(CertificateError::new("too_large", words));
        }
        let outline = Outline::of(&check_shape(der)?)?;
        let x509 = X509::from_der(der).map_err(|_| Malformed)?;
        let facts = tell(&x509, &outline)?;
        Ok(Self { x509, facts })
    }

    /// In words for messages: its subject, or its serial number when it has none.
    pub(crate) fn title(&self) -> String {
        let facts = &self.facts;
        if facts.subject.is_empty() { facts.serial.clone() } else { facts.subject.clone() }
    }

    /// Refuses it when its time is over or has not begun.
    pub(crate) fn check_dates(&self, now: Timestamp) -> Result<(), CertificateError> {
        let facts = &self.facts;
        let (code, words) = if facts.not_after <= now {
            ("expired", format!("`{}` ended on {}", self.title(), facts.not_after))
        } else if facts.not_before > now {
            ("not_yet_valid", format!("`{}` begins on {}", self.title(), facts.not_before))
        } else {
            return Ok(());
        };
        Err(CertificateError::new(code, format!("{words}: upload one that is valid now")))
    }

    /// As DER.
    pub(crate) fn to_der(&self) -> Result<Vec<u8>, CertificateError> {
        Ok(self.x509.to_der().map_err(|_| Malformed)?)
    }
}

/// What the octets say before anything is computed.
struct Outline {
    key: KeyKind,
    is_authority: bool,
}

impl Outline {
    fn of(certificate: &Element<'_>) -> Result<Self, CertificateError> {
        let mut fields = certificate.inside()?.expect(tag::SEQUENCE)?.inside()?;
        fields.take_if(tag::CONTEXT_0)?;
        fields.expect(tag::INTEGER)?;
        // Signature algorithm, issuer, validity, subject.
        for _ in 0..4 {
            fields.expect(tag::SEQUENCE)?;
        }
        let key = kind_of_public(&fields.expect(tag::SEQUENCE)?)?;
        let (mut is_ca, mut may_sign) = (false, true);
        while let Some(field) = fields.next()? {
            if field.tag != tag::CONTEXT_3 {
                continue;
            }
            let mut extensions = field.inside()?.expect(tag::SEQUENCE)?.inside()?;
            while let Some(extension) = extensions.next()? {
                let mut parts = extension.inside()?;
                let oid = parts.expect(tag::OID)?.content;
                parts.take_if(tag::BOOLEAN)?;
                let value = parts.expect(tag::OCTET_STRING)?.content;
                match oid {
                    BASIC_CONSTRAINTS => is_ca = says_ca(value)?,
                    KEY_USAGE => may_sign = says_cert_sign(value)?,
                    _ => {}
                }
            }
        }
        Ok(Self { key, is_authority: is_ca && may_sign })
    }
}

/// RFC 5280 section 4.2.1.9.
fn says_ca(value: &[u8]) -> Result<bool, Malformed> {
    let mut fields = Reader::new(value).expect(tag::SEQUENCE)?.inside()?;
    Ok(fields.take_if(tag::BOOLEAN)?.is_some_and(|ca| ca.content != [0]))
}

/// RFC 5280 section 4.2.1.3.
fn says_cert_sign(value: &[u8]) -> Result<bool, Malformed> {
    let bits = Reader::new(value).expect(tag::BIT_STRING)?.content;
    Ok(bits.get(1).is_some_and(|usage| usage & KEY_CERT_SIGN != 0))
}

/// What a certificate says.
///
/// # Errors
/// `malformed`, or a key beyond the limits.
pub fn describe(der: &[u8]) -> Result<CertificateFacts, CertificateError> {
    Certificate::read(der).map(|certificate| certificate.facts)
}

fn tell(x509: &X509, outline: &Outline) -> Result<CertificateFacts, CertificateError> {
    let failed = |_| CertificateError::from(Malformed);
    let serial = x509.serial_number().to_bn().and_then(|number| number.to_hex_str());
    let serial = serial.map_err(failed)?.to_lowercase();
    let digest = x509.digest(openssl::hash::MessageDigest::sha256()).map_err(failed)?;
    let mut names = Vec::new();
    for name in x509.subject_alt_names().iter().flatten().take(NAMES_MAX) {
        if let Some(name) = name.dnsname().or(name.email()).or(name.uri()) {
            names.push(one_line(name, NAME_CHARS_MAX));
        } else if let Some(octets) = name.ipaddress() {
            names.extend(address_of(octets));
        }
    }
    Ok(CertificateFacts {
        subject: name_text(x509.subject_name()),
        issuer: name_text(x509.issuer_name()),
        serial: serial.to_string(),
        not_before: time_of(x509.not_before())?,
        not_after: time_of(x509.not_after())?,
        names,
        key: outline.key.to_text(),
        is_authority: outline.is_authority,
        fingerprint_sha256: digest.iter().map(|octet| format!("{octet:02x}")).collect(),
    })
}

fn address_of(octets: &[u8]) -> Option<String> {
    let address: IpAddr = match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok()?.into(),
        16 => <[u8; 16]>::try_from(octets).ok()?.into(),
        _ => return None,
    };
    Some(address.to_string())
}

fn time_of(time: &Asn1TimeRef) -> Result<Timestamp, CertificateError> {
    let since = Asn1Time::from_unix(0).and_then(|epoch| epoch.diff(time)).map_err(|_| Malformed)?;
    let seconds = i64::from(since.days) * DAY_S + i64::from(since.secs);
    Ok(Timestamp(seconds.saturating_mul(1_000).min(Timestamp::MAX.0)))
}

/// A name as RFC 4514 writes it, the most particular part first, shortened.
fn name_text(name: &X509NameRef) -> String {
    let mut parts: Vec<String> = name
        .entries()
        .map(|entry| {
            let kind = entry.object().nid();
            let kind = if kind == Nid::UNDEF {
                entry.object().to_string()
            } else {
                kind.short_name().unwrap_or("?").to_owned()
            };
            let value = entry.data().to_string().unwrap_or_default();
            format!("{kind}={}", value.replace('\\', "\\\\").replace(',', "\\,"))
        })
        .collect();
    parts.reverse();
    one_line(&parts.join(", "), NAME_CHARS_MAX)
}

/// The certificate of a key and its issuers, nearest first; and how many others there are.
///
/// `leaf` is the place of the key's own certificate.
pub(crate) fn order_chain(
    mut certificates: Vec<Certificate>,
    leaf: usize,
) -> (Vec<Certificate>, Vec<Certificate>) {
    let mut chain = vec![certificates.remove(leaf)];
    while let Some(last) = chain.last() {
        let is_issuer = |candidate: &Certificate| {
            candidate.x509.issued(&last.x509) == X509VerifyResult::OK
                && candidate
                    .x509
                    .public_key()
                    .is_ok_and(|key| last.x509.verify(&key).is_ok_and(|it| it))
        };
        let Some(at) = certificates.iter().position(is_issuer) else { break };
        chain.push(certificates.remove(at));
    }
    (chain, certificates)
}
