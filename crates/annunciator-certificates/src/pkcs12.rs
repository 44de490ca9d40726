//! PKCS#12 files into certificates and the key, within bounds.
//!
//! In: a file, a password. Out: certificates and one key as DER. Standard: RFC 7292; BER as well,
//! as older systems write it.
//! Failure: `too_large`, `too_many`, `too_costly`, `password_wrong`, `unsupported_encryption`,
//! `malformed`; the integrity check comes first, so that a wrong password is told as such.
//!
//! Every derivation of a key, also one that is named inside of what was encrypted, is charged to
//! one budget before it is done (docs/adr/0027).

use std::borrow::Cow;

use openssl::pkey::PKey;
use openssl::sign::Signer;

use crate::der::{Element, Malformed, Reader, tag};
use crate::derivation::{self, Budget, Hash, Password, Use};
use crate::encryption::{Clear, decrypt, password_wrong};
use crate::{CERTIFICATES_MAX, CertificateError};

/// Largest file. Unit: octets.
pub const PKCS12_BYTES_MAX: usize = 256 << 10;
/// Most parts of a file.
const PARTS_MAX: usize = 20;
/// Most bags in all.
const BAGS_MAX: usize = 500;
/// Deepest nesting of bags.
const BAGS_DEPTH_MAX: usize = 3;

const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const ENCRYPTED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
/// `bagtypes`, followed by one octet.
const BAGS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01";
const X509_CERTIFICATE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
/// Hashes of NIST, followed by one octet.
const SHA2: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02";

/// What a file holds.
#[derive(Default)]
pub(crate) struct Contents {
    /// Certificates, DER, in the order of the file.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// The key.
    pub(crate) key: Option<BaggedKey>,
}

/// A key as it lies in its bag.
pub(crate) enum BaggedKey {
    /// PKCS#8.
    Clear(Clear),
    /// PKCS#8, encrypted; not opened yet.
    Shrouded(Clear),
}

/// Opens a file.
///
/// # Errors
/// As the module says.
pub(crate) fn open(
    file: &[u8],
    password: &str,
    budget: &mut Budget,
) -> Result<(Contents, Password), CertificateError> {
    if file.len() > PKCS12_BYTES_MAX {
        let words = format!("a PKCS#12 file may have {PKCS12_BYTES_MAX} octets at most");
        return Err(CertificateError::new("too_large", words));
    }
    let mut outer = Reader::new(file);
    let mut fields = outer.expect(tag::SEQUENCE)?.inside()?;
    outer.end()?;
    if fields.expect(tag::INTEGER)?.number()? != 3 {
        return Err(Malformed.into());
    }
    let mut safe = fields.expect(tag::SEQUENCE)?.inside()?;
    if safe.expect(tag::OID)?.content != DATA {
        let words = "a PKCS#12 file with a signature in place of a password is not supported";
        return Err(CertificateError::new("unsupported_encryption", words));
    }
    let safe = content_of(&safe.expect(tag::CONTEXT_0)?)?;
    let password = match fields.take_if(tag::SEQUENCE)? {
        None => Password::new(password),
        Some(mac) => check_mac(&mac, &safe, password, budget)?,
    };
    let contents = Opening { password: &password, budget, bags: 0, contents: Contents::default() };
    let contents = contents.open_parts(&safe)?;
    Ok((contents, password))
}

/// The octet string below `[0]`.
fn content_of<'a>(tagged: &Element<'a>) -> Result<Cow<'a, [u8]>, Malformed> {
    let inside = tagged.inside()?.next()?.ok_or(Malformed)?;
    if inside.tag & !tag::CONSTRUCTED != tag::OCTET_STRING {
        return Err(Malformed);
    }
    inside.octets()
}

/// Finds the form of the password that the check of the file was made with.
fn check_mac(
    mac: &Element<'_>,
    safe: &[u8],
    password: &str,
    budget: &mut Budget,
) -> Result<Password, CertificateError> {
    let mut fields = mac.inside()?;
    let mut digest = fields.expect(tag::SEQUENCE)?.inside()?;
    let algorithm = digest.expect(tag::SEQUENCE)?.inside()?.expect(tag::OID)?.content;
    let expected = digest.expect(tag::OCTET_STRING)?.content;
    let salt = fields.expect(tag::OCTET_STRING)?.content;
    let iterations = match fields.take_if(tag::INTEGER)? {
        None => 1,
        Some(count) => count.number()?,
    };
    let hash = match (algorithm.strip_prefix(SHA2), algorithm) {
        (_, SHA1) => Hash::Sha1,
        (Some([1]), _) => Hash::Sha256,
        (Some([2]), _) => Hash::Sha384,
        (Some([3]), _) => Hash::Sha512,
        (Some([4]), _) => Hash::Sha224,
        _ => {
            let words = "the integrity check of this PKCS#12 file is not supported: export it \
                         with HMAC and SHA-256";
            return Err(CertificateError::new("unsupported_encryption", words));
        }
    };
    let mut candidates = vec![Password::new(password)];
    if password.is_empty() {
        candidates.push(Password::none());
    }
    for candidate in candidates {
        let length = hash.size();
        let key = derivation::pkcs12(hash, Use::Mac, &candidate, salt, iterations, length, budget)?;
        let found = PKey::hmac(&key)
            .and_then(|key| Signer::new(hash.to_digest(), &key)?.sign_oneshot_to_vec(safe));
        let found = found.map_err(|_| Malformed)?;
        if found.len() == expected.len() && openssl::memcmp::eq(&found, expected) {
            return Ok(candidate);
        }
    }
    Err(password_wrong())
}

/// A file on its way into its contents.
struct Opening<'a> {
    password: &'a Password,
    budget: &'a mut Budget,
    bags: usize,
    contents: Contents,
}

impl Opening<'_> {
    fn open_parts(mut self, safe: &[u8]) -> Result<Contents, CertificateError> {
        let mut parts = Reader::new(safe).expect(tag::SEQUENCE)?.inside()?;
        let mut count = 0;
        while let Some(part) = parts.next()? {
            count += 1;
            if count > PARTS_MAX {
                return Err(too_many_parts());
            }
            let mut fields = part.inside()?;
            match fields.expect(tag::OID)?.content {
                DATA => {
                    let content = content_of(&fields.expect(tag::CONTEXT_0)?)?;
                    self.open_bags(&content, BAGS_DEPTH_MAX)?;
                }
                ENCRYPTED_DATA => {
                    let content = self.open_encrypted(&fields.expect(tag::CONTEXT_0)?)?;
                    self.open_bags(&content, BAGS_DEPTH_MAX)?;
                }
                _ => return Err(Malformed.into()),
            }
        }
        Ok(self.contents)
    }

    fn open_encrypted(&mut self, tagged: &Element<'_>) -> Result<Clear, CertificateError> {
        let mut fields = tagged.inside()?.expect(tag::SEQUENCE)?.inside()?;
        fields.expect(tag::INTEGER)?;
        let mut fields = fields.expect(tag::SEQUENCE)?.inside()?;
        fields.expect(tag::OID)?;
        let algorithm = fields.expect(tag::SEQUENCE)?;
        let octets = fields.next()?.ok_or(Malformed)?;
        // `[0]` in place of the tag of an octet string, whole or in pieces.
        if octets.tag & !tag::CONSTRUCTED != 0x80 {
            return Err(Malformed.into());
        }
        decrypt(&algorithm, &octets.octets()?, self.password, self.budget)
    }

    fn open_bags(&mut self, safe: &[u8], depth: usize) -> Result<(), CertificateError> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        let mut bags = Reader::new(safe).expect(tag::SEQUENCE)?.inside()?;
        while let Some(bag) = bags.next()? {
            self.bags += 1;
            if self.bags > BAGS_MAX {
                return Err(too_many_parts());
            }
            let mut fields = bag.inside()?;
            let oid = fields.expect(tag::OID)?.content;
            let value = fields.expect(tag::CONTEXT_0)?.inside()?.next()?.ok_or(Malformed)?;
            let own = || Clear::new(value.whole.to_vec());
            match oid.strip_prefix(BAGS) {
                Some([1]) => self.take_key(BaggedKey::Clear(own()))?,
                Some([2]) => self.take_key(BaggedKey::Shrouded(own()))?,
                Some([3]) => self.take_certificate(&value)?,
                Some([6]) => self.open_bags(value.whole, depth)?,
                // Revocation lists and other secrets are not what is asked for.
                _ => {}
            }
        }
        Ok(())
    }

    fn take_key(&mut self, key: BaggedKey) -> Result<(), CertificateError> {
        if self.contents.key.is_some() {
            let words = "the PKCS#12 file holds several keys: export the one that is meant";
            return Err(CertificateError::new("several_keys", words));
        }
        self.contents.key = Some(key);
        Ok(())
    }

    fn take_certificate(&mut self, bag: &Element<'_>) -> Result<(), CertificateError> {
        let mut fields = bag.inside()?;
        if fields.expect(tag::OID)?.content != X509_CERTIFICATE {
            let words = "the PKCS#12 file holds a certificate that is not X.509";
            return Err(CertificateError::new("malformed", words));
        }
        if self.contents.certificates.len() == CERTIFICATES_MAX {
            return Err(crate::certificate::too_many());
        }
        let der = content_of(&fields.expect(tag::CONTEXT_0)?)?;
        self.contents.certificates.push(der.into_owned());
        Ok(())
    }
}

fn too_many_parts() -> CertificateError {
    CertificateError::new("too_many", "the PKCS#12 file has too many parts: export it anew")
}
