//! Private keys in every form that they are kept in, into PKCS#8.
//!
//! In: DER of PKCS#8, PKCS#1 or SEC 1, encrypted or not. Out: [`PrivateKey`]. Standard: RFC 5958,
//! RFC 8017, RFC 5915. Failure: `password_wrong`, `password_required`, `key_unsupported`,
//! `malformed`, and those of decryption.
//!
//! The numbers are measured before OpenSSL computes with them: an exponent of a million bits would
//! keep it busy for minutes.

use openssl::ec::EcKey;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use openssl::rsa::Rsa;
use openssl::sign::{Signer, Verifier};

use crate::der::{Element, Malformed, check_shape, tag};
use crate::derivation::{Budget, Password};
use crate::encryption::{Clear, decrypt, password_wrong};
use crate::{CertificateError, SecretOctets};

/// Largest key. Unit: octets of its DER.
pub(crate) const KEY_BYTES_MAX: usize = 64 << 10;
/// Smallest RSA key. Unit: bits.
const RSA_BITS_MIN: usize = 2_048;
/// Largest RSA key. Unit: bits.
const RSA_BITS_MAX: usize = 8_192;

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x2b\x81\x04\x00\x22";
const P521: &[u8] = b"\x2b\x81\x04\x00\x23";
const ED25519: &[u8] = b"\x2b\x65\x70";

/// Kind of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeyKind {
    /// RSA with so many bits.
    Rsa(usize),
    /// NIST P-256, P-384, P-521, by their number.
    Ec(u16),
    /// Ed25519.
    Ed25519,
}

impl KeyKind {
    /// In words, such as `RSA 2048` or `EC P-256`.
    pub(crate) fn to_text(self) -> String {
        match self {
            Self::Rsa(bits) => format!("RSA {bits}"),
            Self::Ec(curve) => format!("EC P-{curve}"),
            Self::Ed25519 => "Ed25519".to_owned(),
        }
    }
}

/// Whether a key, described as `RSA 2048` or `EC P-256`, is weaker than is recommended for a Mail
/// Notifier: RSA under 4,096 bits, EC under P-384 (spec 9.5).
#[must_use]
pub fn is_key_weak(kind: &str) -> bool {
    let number = |text: &str| {
        let digits = text.chars().skip_while(|c| !c.is_ascii_digit());
        let digits: String = digits.take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(u32::MAX)
    };
    match kind.split_once(' ') {
        Some(("RSA", bits)) => number(bits) < 4_096,
        Some(("EC", curve)) => number(curve) < 384,
        _ => false,
    }
}

fn unsupported() -> CertificateError {
    let words = "this kind of key is not supported: use RSA with 2,048 to 8,192 bits, EC with the \
                 curve P-256, P-384 or P-521, or Ed25519";
    CertificateError::new("key_unsupported", words)
}

fn check_rsa_bits(modulus: &[u8]) -> Result<usize, CertificateError> {
    let first = modulus.first().ok_or(Malformed)?;
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    if (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Ok(bits);
    }
    let words = format!(
        "the RSA key has {bits} bits: it must have {RSA_BITS_MIN} to {RSA_BITS_MAX}; make a new one"
    );
    Err(CertificateError::new("key_size", words))
}

fn curve_of(oid: &[u8]) -> Result<KeyKind, CertificateError> {
    match oid {
        P256 => Ok(KeyKind::Ec(256)),
        P384 => Ok(KeyKind::Ec(384)),
        P521 => Ok(KeyKind::Ec(521)),
        _ => Err(unsupported()),
    }
}

/// The kind of a public key, from `SubjectPublicKeyInfo`; nothing is computed.
pub(crate) fn kind_of_public(info: &Element<'_>) -> Result<KeyKind, CertificateError> {
    let mut fields = info.inside()?;
    let mut algorithm = fields.expect(tag::SEQUENCE)?.inside()?;
    let bits = fields.expect(tag::BIT_STRING)?.content;
    match algorithm.expect(tag::OID)?.content {
        RSA | RSA_PSS => {
            let octets = bits.strip_prefix(&[0]).ok_or(Malformed)?;
            let mut numbers = check_shape(octets)?.inside()?;
            let modulus = numbers.expect(tag::INTEGER)?.magnitude()?;
            // OpenSSL verifies no larger exponents either.
            if numbers.expect(tag::INTEGER)?.magnitude()?.len() > 8 {
                return Err(unsupported());
            }
            check_rsa_bits(modulus).map(KeyKind::Rsa)
        }
        // A curve must be named: one that is described could be anything.
        EC => curve_of(algorithm.take_if(tag::OID)?.ok_or_else(unsupported)?.content),
        ED25519 => Ok(KeyKind::Ed25519),
        _ => Err(unsupported()),
    }
}

/// What DER octets are, by their first elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Certificate,
    Pkcs12,
    Pkcs8,
    EncryptedPkcs8,
    Pkcs1,
    Sec1,
    Other,
}

impl Shape {
    /// Looks at the first elements.
    pub(crate) fn of(octets: &[u8]) -> Self {
        Self::look(octets).unwrap_or(Self::Other)
    }

    fn look(octets: &[u8]) -> Result<Self, Malformed> {
        let mut fields = crate::der::Reader::new(octets).expect(tag::SEQUENCE)?.inside()?;
        let first = fields.next()?.ok_or(Malformed)?;
        let second = fields.next()?.ok_or(Malformed)?;
        let third = fields.next()?.map(|element| element.tag);
        Ok(match (first.tag, second.tag, third) {
            (tag::SEQUENCE, tag::SEQUENCE, Some(tag::BIT_STRING)) => Self::Certificate,
            (tag::SEQUENCE, tag::OCTET_STRING, None) => Self::EncryptedPkcs8,
            (tag::INTEGER, tag::SEQUENCE, third) if first.number()? == 3 => match third {
                None | Some(tag::SEQUENCE) => Self::Pkcs12,
                Some(_) => Self::Other,
            },
            (tag::INTEGER, tag::SEQUENCE, Some(tag::OCTET_STRING)) => Self::Pkcs8,
            (tag::INTEGER, tag::INTEGER, Some(tag::INTEGER)) => Self::Pkcs1,
            (tag::INTEGER, tag::OCTET_STRING, _) => Self::Sec1,
            _ => Self::Other,
        })
    }
}

/// A private key that is within bounds.
pub(crate) struct PrivateKey {
    pub(crate) key: PKey<Private>,
    pub(crate) kind: KeyKind,
}

impl PrivateKey {
    /// Reads a key that is not encrypted.
    pub(crate) fn read(der: &[u8]) -> Result<Self, CertificateError> {
        check_size(der)?;
        let top = check_shape(der)?;
        let failed = |_| CertificateError::from(Malformed);
        let (kind, key) = match Shape::of(der) {
            Shape::Pkcs8 => {
                (kind_of_pkcs8(&top)?, PKey::private_key_from_pkcs8(der).map_err(failed)?)
            }
            Shape::Pkcs1 => {
                let kind = kind_of_pkcs1(&top)?;
                let rsa = Rsa::private_key_from_der(der).map_err(failed)?;
                (kind, PKey::from_rsa(rsa).map_err(failed)?)
            }
            Shape::Sec1 => {
                let kind = kind_of_sec1(&top)?;
                let ec = EcKey::private_key_from_der(der).map_err(failed)?;
                (kind, PKey::from_ec_key(ec).map_err(failed)?)
            }
            _ => return Err(Malformed.into()),
        };
        if let KeyKind::Rsa(_) = kind {
            check_factors(&key)?;
        }
        Ok(Self { key, kind })
    }

    /// Reads a PKCS#8 key that is encrypted.
    pub(crate) fn read_encrypted(
        der: &[u8],
        password: &Password,
        budget: &mut Budget,
    ) -> Result<Self, CertificateError> {
        check_size(der)?;
        let mut fields = check_shape(der)?.inside()?;
        let algorithm = fields.expect(tag::SEQUENCE)?;
        let octets = fields.expect(tag::OCTET_STRING)?.content;
        Self::read_decrypted(&decrypt(&algorithm, octets, password, budget)?)
    }

    /// Reads what came out of a decryption: nonsense means that the password was wrong.
    pub(crate) fn read_decrypted(clear: &Clear) -> Result<Self, CertificateError> {
        if Shape::of(clear) == Shape::Other {
            return Err(password_wrong());
        }
        Self::read(clear)
    }

    /// As PKCS#8 DER.
    pub(crate) fn to_pkcs8(&self) -> Result<SecretOctets, CertificateError> {
        let der = self.key.private_key_to_pkcs8().map_err(|_| Malformed)?;
        Ok(SecretOctets::new(der))
    }

    /// The public half as `SubjectPublicKeyInfo`, DER.
    pub(crate) fn to_public(&self) -> Result<Vec<u8>, CertificateError> {
        Ok(self.key.public_key_to_der().map_err(|_| Malformed)?)
    }

    /// Whether it is the key of this public key: the halves are equal, and what one signs the
    /// other verifies.
    pub(crate) fn fits(&self, public: &PKeyRef<Public>) -> bool {
        self.key.public_eq(public) && proves(&self.key, public).unwrap_or(false)
    }
}

fn proves(
    key: &PKeyRef<Private>,
    public: &PKeyRef<Public>,
) -> Result<bool, openssl::error::ErrorStack> {
    let text = b"annunciator";
    let signature = if key.id() == Id::ED25519 {
        Signer::new_without_digest(key)?.sign_oneshot_to_vec(text)?
    } else {
        Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(text)?
    };
    if key.id() == Id::ED25519 {
        Verifier::new_without_digest(public)?.verify_oneshot(&signature, text)
    } else {
        Verifier::new(MessageDigest::sha256(), public)?.verify_oneshot(&signature, text)
    }
}

fn check_size(der: &[u8]) -> Result<(), CertificateError> {
    if der.len() <= KEY_BYTES_MAX {
        return Ok(());
    }
    let words = format!("a key may have {KEY_BYTES_MAX} octets at most");
    Err(CertificateError::new("too_large", words))
}

fn kind_of_pkcs8(top: &Element<'_>) -> Result<KeyKind, CertificateError> {
    let mut fields = top.inside()?;
    fields.expect(tag::INTEGER)?;
    let mut algorithm = fields.expect(tag::SEQUENCE)?.inside()?;
    let octets = fields.expect(tag::OCTET_STRING)?.content;
    match algorithm.expect(tag::OID)?.content {
        RSA => kind_of_pkcs1(&check_shape(octets)?),
        EC => {
            let curve = algorithm.take_if(tag::OID)?.ok_or_else(unsupported)?.content;
            let mut inner = check_shape(octets)?.inside()?;
            inner.expect(tag::INTEGER)?;
            inner.expect(tag::OCTET_STRING)?;
            check_named_again(inner.take_if(tag::CONTEXT_0)?, curve)?;
            curve_of(curve)
        }
        ED25519 => Ok(KeyKind::Ed25519),
        _ => Err(unsupported()),
    }
}

/// The curve that stands inside of the key as well must be the same, and named.
fn check_named_again(tagged: Option<Element<'_>>, curve: &[u8]) -> Result<(), CertificateError> {
    match tagged {
        Some(tagged) if tagged.inside()?.expect(tag::OID)?.content != curve => Err(unsupported()),
        _ => Ok(()),
    }
}

fn kind_of_pkcs1(top: &Element<'_>) -> Result<KeyKind, CertificateError> {
    let mut numbers = top.inside()?;
    if numbers.expect(tag::INTEGER)?.number()? != 0 {
        return Err(unsupported());
    }
    let modulus = numbers.expect(tag::INTEGER)?.magnitude()?;
    let bits = check_rsa_bits(modulus)?;
    let exponent = numbers.expect(tag::INTEGER)?.magnitude()?;
    if exponent.len() > 8 {
        return Err(unsupported());
    }
    for _ in 0..6 {
        if numbers.expect(tag::INTEGER)?.magnitude()?.len() > modulus.len() {
            return Err(Malformed.into());
        }
    }
    Ok(KeyKind::Rsa(bits))
}

fn kind_of_sec1(top: &Element<'_>) -> Result<KeyKind, CertificateError> {
    let mut fields = top.inside()?;
    fields.expect(tag::INTEGER)?;
    fields.expect(tag::OCTET_STRING)?;
    let tagged = fields.take_if(tag::CONTEXT_0)?.ok_or_else(unsupported)?;
    let curve = tagged.inside()?.take_if(tag::OID)?.ok_or_else(unsupported)?.content;
    curve_of(curve)
}

/// The factors must be those of the modulus: OpenSSL computes with them and asks no question.
fn check_factors(key: &PKey<Private>) -> Result<(), CertificateError> {
    let multiplied = || -> Result<bool, openssl::error::ErrorStack> {
        let rsa = key.rsa()?;
        let (Some(p), Some(q)) = (rsa.p(), rsa.q()) else { return Ok(false) };
        let mut product = openssl::bn::BigNum::new()?;
        let mut context = openssl::bn::BigNumContext::new()?;
        product.checked_mul(p, q, &mut context)?;
        Ok(*product == *rsa.n())
    };
    if multiplied().unwrap_or(false) { Ok(()) } else { Err(Malformed.into()) }
}
