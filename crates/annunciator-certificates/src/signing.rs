//! A signing key into signatures, and into the DNS record that verifiers ask for.
//!
//! In: [`SigningKey`] objects. Out: a [`Signer`], read once and used for every message.
//! Knows nothing of: messages.
//! Standard: RFC 6376 section 3.3, RFC 8301 (RSA), RFC 8463 (Ed25519).
//! Failure: [`CertificateError`] for a key that must not sign.

use std::fmt;

use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};

use crate::object::{CertificateError, SigningKey};

/// RFC 8301 section 3.2 asks signers for as much. Unit: bits.
const RSA_BITS_MIN: u32 = 2_048;
/// Quality G14. Unit: bits.
const RSA_BITS_MAX: u32 = 8_192;
/// RFC 1035 section 3.3.14: a TXT record consists of strings of this length. Unit: octets.
const TXT_STRING_OCTETS_MAX: usize = 255;

/// What a key signs with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Algorithm {
    Rsa,
    Ed25519,
}

/// A key that is ready to sign.
#[derive(Clone)]
pub struct Signer {
    key: PKey<Private>,
    algorithm: Algorithm,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads the key, and proves once that it signs.
    ///
    /// # Errors
    /// It cannot be read, is neither RSA nor Ed25519, or is an RSA key outside 2,048 to 8,192
    /// bits.
    pub fn signer(&self) -> Result<Signer, CertificateError> {
        let key = PKey::private_key_from_pkcs8(self.key.expose()).map_err(|_| {
            refuse("key_unreadable", "the key cannot be read: upload it again".to_owned())
        })?;
        let algorithm = match key.id() {
            Id::RSA => Algorithm::Rsa,
            Id::ED25519 => Algorithm::Ed25519,
            _ => {
                let words = "a key for signatures is an RSA or an Ed25519 key: make another one";
                return Err(refuse("key_kind", words.to_owned()));
            }
        };
        let bits = key.bits();
        if algorithm == Algorithm::Rsa && !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            let words = format!(
                "the RSA key has {bits} bits; signatures take {RSA_BITS_MIN} to {RSA_BITS_MAX}: \
                 make another one"
            );
            return Err(refuse("key_size", words));
        }
        let signer = Signer { key, algorithm };
        signer.sign(b"")?;
        Ok(signer)
    }
}

impl Signer {
    /// The name of the algorithm in a signature (`a=`).
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Rsa => "rsa-sha256",
            Algorithm::Ed25519 => "ed25519-sha256",
        }
    }

    /// The digest that goes with every algorithm.
    #[must_use]
    pub fn digest(octets: &[u8]) -> [u8; 32] {
        openssl::sha::sha256(octets)
    }

    /// Signs the SHA-256 of these octets; the same octets give the same signature.
    ///
    /// # Errors
    /// The library refuses, which it would have done in [`SigningKey::signer`].
    pub fn sign(&self, octets: &[u8]) -> Result<Vec<u8>, CertificateError> {
        let signature = match self.algorithm {
            Algorithm::Rsa => openssl::sign::Signer::new(MessageDigest::sha256(), &self.key)
                .and_then(|mut signer| signer.sign_oneshot_to_vec(octets)),
            // RFC 8463 section 3: Ed25519 itself over the digest.
            Algorithm::Ed25519 => openssl::sign::Signer::new_without_digest(&self.key)
                .and_then(|mut signer| signer.sign_oneshot_to_vec(&Self::digest(octets))),
        };
        signature.map_err(|error| refuse("key_unusable", format!("the key does not sign: {error}")))
    }

    /// The text of the TXT record at `<selector>._domainkey.<domain>` (RFC 6376 section 3.6.1).
    #[must_use]
    pub fn dns_record(&self) -> String {
        let invariant = "a key that signs has a public half";
        let (kind, public) = match self.algorithm {
            Algorithm::Rsa => ("rsa", self.key.public_key_to_der().expect(invariant)),
            Algorithm::Ed25519 => ("ed25519", self.key.raw_public_key().expect(invariant)),
        };
        format!("v=DKIM1; k={kind}; p={}", openssl::base64::encode_block(&public))
    }

    /// The same record as a zone file has it: quoted strings of at most 255 octets, with spaces
    /// between them.
    #[must_use]
    pub fn zone_record(&self) -> String {
        let record = self.dns_record();
        let strings = record.as_bytes().chunks(TXT_STRING_OCTETS_MAX).map(|octets| {
            let text = std::str::from_utf8(octets).expect("the record is ASCII");
            format!("\"{text}\"")
        });
        strings.collect::<Vec<_>>().join(" ")
    }
}

fn refuse(code: &'static str, words: String) -> CertificateError {
    CertificateError::new(code, words)
}

#[cfg(test)]
mod tests {
    use openssl::ec::{EcGroup, EcKey};
    use openssl::nid::Nid;
    use openssl::rsa::Rsa;
    use openssl::sign::Verifier;

    use super::*;
    use crate::object::SecretOctets;

    fn object(key: &PKey<Private>) -> SigningKey {
        SigningKey { key: SecretOctets::new(key.private_key_to_pkcs8().unwrap()) }
    }

    fn rsa(bits: u32) -> PKey<Private> {
        PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
    }

    #[test]
    fn a_key_signs_or_says_why_not() {
        let p256 = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let ec = PKey::from_ec_key(EcKey::generate(&p256).unwrap()).unwrap();
        for (key, expected) in [
            (rsa(2_048), Ok("rsa-sha256")),
            (rsa(1_024), Err("key_size")),
            (PKey::generate_ed25519().unwrap(), Ok("ed25519-sha256")),
            (PKey::generate_ed448().unwrap(), Err("key_kind")),
            (ec, Err("key_kind")),
        ] {
            let found = object(&key).signer();
            let found = found.as_ref().map(Signer::algorithm).map_err(|error| error.code);
            assert_eq!(found, expected);
        }
        let damaged = SigningKey { key: SecretOctets::new(b"no key".to_vec()) };
        assert_eq!(damaged.signer().unwrap_err().code, "key_unreadable");
    }

    #[test]
    fn the_same_octets_have_the_same_signature() {
        for key in [rsa(2_048), PKey::generate_ed25519().unwrap()] {
            let signer = object(&key).signer().unwrap();
            let signature = signer.sign(b"octets").unwrap();
            assert_eq!(signer.sign(b"octets").unwrap(), signature);
            assert_ne!(signer.sign(b"others").unwrap(), signature);
        }
    }

    #[test]
    fn an_ed25519_signature_is_over_the_digest() {
        let key = PKey::generate_ed25519().unwrap();
        let signature = object(&key).signer().unwrap().sign(b"octets").unwrap();
        let mut verifier = Verifier::new_without_digest(&key).unwrap();
        assert!(verifier.verify_oneshot(&signature, &Signer::digest(b"octets")).unwrap());
        let mut verifier = Verifier::new_without_digest(&key).unwrap();
        assert!(!verifier.verify_oneshot(&signature, b"octets").unwrap());
    }

    #[test]
    fn the_record_holds_the_public_half_and_fits_into_strings() {
        let key = rsa(2_048);
        let signer = object(&key).signer().unwrap();
        let record = signer.dns_record();
        let base64 = record.strip_prefix("v=DKIM1; k=rsa; p=").expect("the tags in their order");
        let public = openssl::base64::decode_block(base64).unwrap();
        assert!(key.public_eq(&PKey::public_key_from_der(&public).unwrap()));
        let zone = signer.zone_record();
        let strings: Vec<_> = zone.split('"').filter(|part| !part.trim().is_empty()).collect();
        assert!(strings.len() > 1 && strings.iter().all(|string| string.len() <= 255), "{zone}");
        assert_eq!(strings.concat(), record);
        let short = object(&PKey::generate_ed25519().unwrap()).signer().unwrap();
        assert_eq!(short.zone_record(), format!("\"{}\"", short.dns_record()));
        assert_eq!(short.dns_record().len(), "v=DKIM1; k=ed25519; p=".len() + 44);
        assert!(format!("{short:?}").starts_with("Signer {"), "no key in it");
    }
}
