//! Makes certificates, good and bad, for servers and clients of a test.
//!
//! Out: OpenSSL objects, PEM, PKCS#12 and files. Standard: RFC 5280.
//! Failure: panics; making a certificate in memory fails only on a wrong argument of the test.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

const DAY_S: i64 = 86_400;

/// What a certificate is for (extended key usage).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// TLS server.
    Server,
    /// TLS client.
    Client,
    /// Signing code, which no TLS end may accept.
    CodeSigning,
    /// Signing certificates.
    Authority,
}

/// The kind of key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// NIST P-256, the quick one.
    Ec,
    /// RSA with this number of bits.
    Rsa(u32),
}

/// All that a certificate says; the functions of [`Authority`] cover the usual ones.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Common name of the subject.
    pub common_name: String,
    /// Subject alternative names: DNS names and IP addresses.
    pub names: Vec<String>,
    /// Start of validity in days from now; negative is past.
    pub valid_from_days: i64,
    /// End of validity in days from now.
    pub valid_to_days: i64,
    /// What it is for.
    pub purpose: Purpose,
    /// Kind of key.
    pub key: KeyKind,
    /// Is it signed with SHA-1 in place of SHA-256?
    pub sha1: bool,
}

impl Profile {
    /// A good server certificate for these DNS names and IP addresses.
    #[must_use]
    pub fn server(names: &[&str]) -> Self {
        Self {
            common_name: names.first().copied().unwrap_or_default().to_owned(),
            names: names.iter().map(ToString::to_string).collect(),
            valid_from_days: -1,
            valid_to_days: 90,
            purpose: Purpose::Server,
            key: KeyKind::Ec,
            sha1: false,
        }
    }
}

/// A certificate with its key and the certificates up to, not including, the root.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: X509,
    /// Its private key.
    pub key: PKey<Private>,
    /// Intermediate certificates, nearest first.
    pub chain: Vec<X509>,
}

impl Identity {
    /// The certificate and its intermediates in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> Vec<u8> {
        let all = std::iter::once(&self.certificate).chain(&self.chain);
        all.flat_map(|one| one.to_pem().expect("a certificate prints")).collect()
    }

    /// The private key as PKCS#8 in PEM.
    #[must_use]
    pub fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().expect("a key prints")
    }

    /// The private key as encrypted PKCS#8 in PEM.
    #[must_use]
    pub fn key_pem_encrypted(&self, password: &str) -> Vec<u8> {
        let cipher = openssl::symm::Cipher::aes_256_cbc();
        let pem = self.key.private_key_to_pem_pkcs8_passphrase(cipher, password.as_bytes());
        pem.expect("a key prints")
    }

    /// Certificate, key and intermediates as PKCS#12.
    #[must_use]
    pub fn pkcs12(&self, password: &str) -> Vec<u8> {
        let mut stack = openssl::stack::Stack::new().expect("an empty stack");
        for one in &self.chain {
            stack.push(one.clone()).expect("room in the stack");
        }
        let mut builder = Pkcs12::builder();
        builder.name("test").pkey(&self.key).cert(&self.certificate).ca(stack);
        let made = builder.build2(password).and_then(|made| made.to_der());
        made.expect("a PKCS#12 from a matching pair")
    }

    /// Writes `<stem>.crt` (with intermediates) and `<stem>.key` into a folder.
    #[must_use]
    pub fn write_files(&self, folder: &Path, stem: &str) -> (PathBuf, PathBuf) {
        let certificate = folder.join(format!("{stem}.crt"));
        let key = folder.join(format!("{stem}.key"));
        std::fs::write(&certificate, self.certificate_pem()).expect("the folder takes files");
        std::fs::write(&key, self.key_pem()).expect("the folder takes files");
        (certificate, key)
    }
}

/// A certificate authority of its own.
#[derive(Clone)]
pub struct Authority {
    identity: Identity,
    /// Intermediates below the root, this authority's own first; empty for a root.
    chain: Vec<X509>,
}

impl Authority {
    /// A new self-signed root.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let profile = Self::profile(name);
        Self { identity: make(&profile, None), chain: Vec::new() }
    }

    fn profile(name: &str) -> Profile {
        Profile {
            common_name: name.to_owned(),
            purpose: Purpose::Authority,
            valid_to_days: 3_650,
            ..Profile::server(&[])
        }
    }

    /// An authority below this one, whose certificates come with it in their chain.
    #[must_use]
    pub fn intermediate(&self, name: &str) -> Self {
        let identity = self.issue(&Self::profile(name));
        let mut chain = vec![identity.certificate.clone()];
        chain.extend(self.chain.iter().cloned());
        Self { identity, chain }
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn certificate(&self) -> &X509 {
        &self.identity.certificate
    }

    /// The authority's own certificate in PEM, as an operator would upload it.
    #[must_use]
    pub fn pem(&self) -> Vec<u8> {
        self.identity.certificate.to_pem().expect("a certificate prints")
    }

    /// A certificate by this profile.
    #[must_use]
    pub fn issue(&self, profile: &Profile) -> Identity {
        let mut identity = make(profile, Some(&self.identity));
        identity.chain.clone_from(&self.chain);
        identity
    }

    /// A good server certificate for these names and IP addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Identity {
        self.issue(&Profile::server(names))
    }

    /// A server certificate that ended yesterday.
    #[must_use]
    pub fn expired(&self, names: &[&str]) -> Identity {
        let dates = Profile { valid_from_days: -30, valid_to_days: -1, ..Profile::server(names) };
        self.issue(&dates)
    }

    /// A server certificate that begins tomorrow.
    #[must_use]
    pub fn not_yet_valid(&self, names: &[&str]) -> Identity {
        self.issue(&Profile { valid_from_days: 1, ..Profile::server(names) })
    }

    /// A server certificate for a name that no test uses.
    #[must_use]
    pub fn wrong_name(&self) -> Identity {
        self.server(&["wrong.invalid"])
    }

    /// A server certificate with the name in the subject alone, without alternative names.
    #[must_use]
    pub fn common_name_only(&self, name: &str) -> Identity {
        self.issue(&Profile { names: Vec::new(), ..Profile::server(&[name]) })
    }

    /// A certificate with the right names that is not for TLS servers.
    #[must_use]
    pub fn wrong_usage(&self, names: &[&str]) -> Identity {
        self.issue(&Profile { purpose: Purpose::CodeSigning, ..Profile::server(names) })
    }

    /// A server certificate signed with SHA-1.
    #[must_use]
    pub fn sha1(&self, names: &[&str]) -> Identity {
        self.issue(&Profile { sha1: true, ..Profile::server(names) })
    }

    /// A server certificate with an RSA key of 1,024 bits.
    #[must_use]
    pub fn rsa_1024(&self, names: &[&str]) -> Identity {
        self.issue(&Profile { key: KeyKind::Rsa(1_024), ..Profile::server(names) })
    }

    /// A client certificate.
    #[must_use]
    pub fn client(&self, name: &str) -> Identity {
        self.issue(&Profile { purpose: Purpose::Client, ..Profile::server(&[name]) })
    }

    /// A client certificate that ended yesterday.
    #[must_use]
    pub fn expired_client(&self, name: &str) -> Identity {
        let profile = Profile { purpose: Purpose::Client, ..Profile::server(&[name]) };
        self.issue(&Profile { valid_from_days: -30, valid_to_days: -1, ..profile })
    }
}

/// A key for signatures as PKCS#8 DER: RSA of so many bits.
#[must_use]
pub fn rsa_signing_key(bits: u32) -> Vec<u8> {
    let key = PKey::from_rsa(Rsa::generate(bits).expect("a key of that length"));
    key.and_then(|key| key.private_key_to_pkcs8()).expect("a key can be written")
}

/// A key for signatures as PKCS#8 DER: Ed25519.
#[must_use]
pub fn ed25519_signing_key() -> Vec<u8> {
    PKey::generate_ed25519().and_then(|key| key.private_key_to_pkcs8()).expect("a key of that kind")
}

/// A server certificate signed by its own key.
#[must_use]
pub fn self_signed(names: &[&str]) -> Identity {
    make(&Profile::server(names), None)
}

/// A time so many days from now.
fn in_days(days: i64) -> Asn1Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let now = i64::try_from(now.as_secs()).expect("the clock is before the year 292 billion");
    Asn1Time::from_unix(now + days * DAY_S).expect("a time that certificates can hold")
}

fn new_key(kind: KeyKind) -> PKey<Private> {
    match kind {
        KeyKind::Ec => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256 is known");
            let key = EcKey::generate(&group).expect("keys can be made");
            PKey::from_ec_key(key).expect("an EC key is a key")
        }
        KeyKind::Rsa(bits) => {
            let key = Rsa::generate(bits).expect("keys can be made");
            PKey::from_rsa(key).expect("an RSA key is a key")
        }
    }
}

/// Makes a certificate, signed by `issuer` or by its own key.
fn make(profile: &Profile, issuer: Option<&Identity>) -> Identity {
    let key = new_key(profile.key);
    let built = build(profile, &key, issuer);
    let certificate = built.unwrap_or_else(|error| panic!("certificate {profile:?}: {error}"));
    Identity { certificate, key, chain: Vec::new() }
}

fn build(
    profile: &Profile,
    key: &PKey<Private>,
    issuer: Option<&Identity>,
) -> Result<X509, openssl::error::ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, &profile.common_name)?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let serial = serial.to_asn1_integer()?;

    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(issuer.map_or(&name, |issuer| issuer.certificate.subject_name()))?;
    let (from, to) = (in_days(profile.valid_from_days), in_days(profile.valid_to_days));
    builder.set_not_before(&from)?;
    builder.set_not_after(&to)?;
    builder.set_pubkey(key)?;
    add_extensions(&mut builder, profile, issuer)?;
    let digest = if profile.sha1 { MessageDigest::sha1() } else { MessageDigest::sha256() };
    builder.sign(issuer.map_or(key, |issuer| &issuer.key), digest)?;
    Ok(builder.build())
}

fn add_extensions(
    builder: &mut X509Builder,
    profile: &Profile,
    issuer: Option<&Identity>,
) -> Result<(), openssl::error::ErrorStack> {
    let mut constraints = BasicConstraints::new();
    constraints.critical();
    let mut usage = KeyUsage::new();
    usage.critical();
    if profile.purpose == Purpose::Authority {
        constraints.ca();
        usage.key_cert_sign().crl_sign();
    } else {
        usage.digital_signature().key_encipherment();
    }
    builder.append_extension(constraints.build()?)?;
    builder.append_extension(usage.build()?)?;
    let mut extended = ExtendedKeyUsage::new();
    let extended = match profile.purpose {
        Purpose::Server => Some(extended.server_auth()),
        Purpose::Client => Some(extended.client_auth()),
        Purpose::CodeSigning => Some(extended.code_signing()),
        Purpose::Authority => None,
    };
    if let Some(extended) = extended {
        builder.append_extension(extended.build()?)?;
    }
    if !profile.names.is_empty() {
        let mut names = SubjectAlternativeName::new();
        for name in &profile.names {
            if name.parse::<IpAddr>().is_ok() {
                names.ip(name)
            } else {
                names.dns(name)
            };
        }
        let names = names.build(&builder.x509v3_context(None, None))?;
        builder.append_extension(names)?;
    }
    let signer = issuer.map(|issuer| &*issuer.certificate);
    let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(signer, None))?;
    builder.append_extension(subject_key)?;
    if signer.is_some() {
        let context = builder.x509v3_context(signer, None);
        let authority_key = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
        builder.append_extension(authority_key)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use openssl::stack::Stack;
    use openssl::x509::store::X509StoreBuilder;
    use openssl::x509::verify::X509VerifyParam;
    use openssl::x509::{X509PurposeId, X509StoreContext, X509VerifyResult};

    use super::*;

    /// What OpenSSL says to this certificate for `mx.test`, at security level 2 as a client does.
    fn verify(root: &Authority, identity: &Identity, purpose: X509PurposeId) -> X509VerifyResult {
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(root.certificate().clone()).unwrap();
        store.set_purpose(purpose).unwrap();
        let mut parameters = X509VerifyParam::new().unwrap();
        parameters.set_hostflags(openssl::x509::verify::X509CheckFlags::NEVER_CHECK_SUBJECT);
        parameters.set_host("mx.test").unwrap();
        parameters.set_auth_level(2);
        store.set_param(&parameters).unwrap();
        let store = store.build();
        let mut chain = Stack::new().unwrap();
        for one in &identity.chain {
            chain.push(one.clone()).unwrap();
        }
        let mut context = X509StoreContext::new().unwrap();
        context
            .init(&store, &identity.certificate, &chain, |context| {
                context.verify_cert()?;
                Ok(context.error())
            })
            .unwrap()
    }

    #[test]
    fn each_bad_certificate_fails_for_its_own_reason_alone() {
        let root = Authority::new("Test root");
        let names = ["mx.test", "127.0.0.1"];
        for (identity, expected) in [
            (root.server(&names), 0),
            (root.intermediate("Below").intermediate("Lower").server(&names), 0),
            (Authority::new("Other root").server(&names), 20),
            (self_signed(&names), 18),
            (root.expired(&names), 10),
            (root.not_yet_valid(&names), 9),
            (root.wrong_name(), 62),
            (root.common_name_only("mx.test"), 62),
            (root.wrong_usage(&names), 26),
            (root.client("mx.test"), 26),
            (root.sha1(&names), 68),
            (root.rsa_1024(&names), 66),
        ] {
            let result = verify(&root, &identity, X509PurposeId::SSL_SERVER);
            assert_eq!(result.as_raw(), expected, "{}", result.error_string());
        }
        let client = root.client("mx.test");
        assert_eq!(verify(&root, &client, X509PurposeId::SSL_CLIENT), X509VerifyResult::OK);
    }

    #[test]
    fn files_and_containers_hold_a_matching_pair() {
        let root = Authority::new("Test root");
        let identity = root.intermediate("Below").server(&["mx.test"]);
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = identity.write_files(folder.path(), "server");
        let chain = X509::stack_from_pem(&std::fs::read(certificate).unwrap()).unwrap();
        assert_eq!(chain.len(), 2);
        let key = PKey::private_key_from_pem(&std::fs::read(key).unwrap()).unwrap();
        assert!(chain[0].public_key().unwrap().public_eq(&key));
        let opened = Pkcs12::from_der(&identity.pkcs12("secret")).unwrap();
        assert!(opened.parse2("wrong").is_err());
        let opened = opened.parse2("secret").unwrap();
        assert!(opened.pkey.unwrap().public_eq(&key));
        assert_eq!(opened.ca.unwrap().len(), 1);
        let encrypted = identity.key_pem_encrypted("secret");
        assert!(PKey::private_key_from_pem_passphrase(&encrypted, b"wrong").is_err());
        assert!(PKey::private_key_from_pem_passphrase(&encrypted, b"secret").is_ok());
    }
}
