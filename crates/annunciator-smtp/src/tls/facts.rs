//! What a handshake says for the ledger.

use annunciator_core::{TlsFacts, one_line};
use openssl::asn1::Asn1TimeRef;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKeyRef, Public};
use openssl::ssl::SslRef;
use openssl::x509::{X509NameRef, X509Ref, X509VerifyResult};

/// Longest name of a subject or an issuer. Unit: characters.
const NAME_CHARS_MAX: usize = 500;
/// Most certificates of a chain that are listed.
const CHAIN_MAX: usize = 10;

/// What was agreed on and presented. `verified` is OpenSSL's own word, which a resumed session
/// keeps from the full handshake.
pub(super) fn facts_of(ssl: &SslRef, with_chain: bool) -> TlsFacts {
    let mut facts = TlsFacts {
        protocol: ssl.version_str().to_owned(),
        cipher: ssl.current_cipher().map(|cipher| cipher.name().to_owned()).unwrap_or_default(),
        resumed: ssl.session_reused(),
        ..TlsFacts::default()
    };
    let Some(certificate) = ssl.peer_certificate() else {
        facts.verify_error = "the server presented no certificate".to_owned();
        return facts;
    };
    facts.subject = name_words(certificate.subject_name());
    facts.issuer = name_words(certificate.issuer_name());
    let serial = certificate.serial_number().to_bn().and_then(|number| number.to_hex_str());
    facts.serial = serial.map(|hex| hex.to_lowercase()).unwrap_or_default();
    facts.not_before = certificate.not_before().to_string();
    facts.not_after = certificate.not_after().to_string();
    facts.key = certificate.public_key().map(|key| key_words(&key)).unwrap_or_default();
    if let Ok(digest) = certificate.digest(MessageDigest::sha256()) {
        facts.fingerprint_sha256 = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    }
    if with_chain {
        let chain = ssl.peer_cert_chain().into_iter().flatten();
        facts.chain = chain.take(CHAIN_MAX).map(link_words).collect();
    }
    let result = ssl.verify_result();
    facts.verified = result == X509VerifyResult::OK;
    if !facts.verified {
        result.error_string().clone_into(&mut facts.verify_error);
    }
    facts
}

/// `CN=mail.example.org, O=Example`.
pub(super) fn name_words(name: &X509NameRef) -> String {
    let parts = name.entries().map(|entry| {
        let key = entry.object().nid().short_name().unwrap_or("?");
        let value = entry.data().to_string().unwrap_or_default();
        format!("{key}={value}")
    });
    one_line(&parts.collect::<Vec<_>>().join(", "), NAME_CHARS_MAX)
}

/// `Nov  1 12:00:00 2026 GMT` → `Nov 1 2026`.
pub(super) fn day_words(time: &Asn1TimeRef) -> String {
    let time = time.to_string();
    let words: Vec<&str> = time.split_whitespace().collect();
    match words[..] {
        [month, day, _, year, ..] => format!("{month} {day} {year}"),
        _ => time,
    }
}

/// `RSA 2048`, `EC P-256`, `Ed25519`.
fn key_words(key: &PKeyRef<Public>) -> String {
    let curve = || key.ec_key().ok().and_then(|key| key.group().curve_name());
    match key.id() {
        Id::RSA => format!("RSA {}", key.bits()),
        Id::RSA_PSS => format!("RSA-PSS {}", key.bits()),
        Id::DSA => format!("DSA {}", key.bits()),
        Id::ED25519 => "Ed25519".to_owned(),
        Id::ED448 => "Ed448".to_owned(),
        Id::EC => match curve() {
            Some(Nid::X9_62_PRIME256V1) => "EC P-256".to_owned(),
            Some(Nid::SECP384R1) => "EC P-384".to_owned(),
            Some(Nid::SECP521R1) => "EC P-521".to_owned(),
            Some(curve) => format!("EC {}", curve.short_name().unwrap_or("of another curve")),
            None => format!("EC {}", key.bits()),
        },
        _ => format!("{} bits", key.bits()),
    }
}

/// `CN=mail.example.org ← CN=Example CA, Nov 1 2026 to Nov 1 2027`.
fn link_words(certificate: &X509Ref) -> String {
    format!(
        "{} ← {}, {} to {}",
        name_words(certificate.subject_name()),
        name_words(certificate.issuer_name()),
        day_words(certificate.not_before()),
        day_words(certificate.not_after()),
    )
}

#[cfg(test)]
mod tests {
    use openssl::ec::{EcGroup, EcKey};
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;

    use super::*;

    #[test]
    fn keys_are_named_by_kind_and_size() {
        let ec = |curve| {
            let group = EcGroup::from_curve_name(curve).unwrap();
            PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
        };
        for (key, expected) in [
            (PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap(), "RSA 1024"),
            (ec(Nid::X9_62_PRIME256V1), "EC P-256"),
            (ec(Nid::SECP384R1), "EC P-384"),
            (ec(Nid::SECP256K1), "EC secp256k1"),
            (PKey::generate_ed25519().unwrap(), "Ed25519"),
        ] {
            let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
            assert_eq!(key_words(&public), expected);
        }
    }
}
