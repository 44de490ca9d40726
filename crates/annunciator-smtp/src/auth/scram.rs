//! SCRAM: the password never leaves this machine, and the server proves that it knows it too.
//!
//! client-first → server-first → client-final → server-final
//!
//! In: name, password, channel binding, the server's messages. Out: ours, and whether the server
//! has proven itself.
//! Knows nothing of: SMTP, base64 of the SASL profile.
//! Standard: RFC 5802, RFC 7677 (SHA-256), RFC 4013.
//! Failure: in words that hold nothing derived from the password.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use zeroize::Zeroizing;

use crate::auth::binding::Binding;
use crate::auth::preparation::prepare;

/// Fewest and most iterations; fewer than RFC 5802 section 5.1 wants make a stolen exchange easy
/// to guess, more would be a way to keep this machine busy (the most take under a second).
const ITERATIONS: std::ops::RangeInclusive<usize> = 4_096..=1_000_000;
/// Octets of our nonce before base64.
const NONCE_OCTETS: usize = 18;
/// Longest nonce of both sides together. Unit: octets.
const NONCE_OCTETS_MAX: usize = 1_024;
/// Longest salt. Unit: octets.
const SALT_OCTETS_MAX: usize = 1_024;
/// Longest message of the server. Unit: octets.
const MESSAGE_OCTETS_MAX: usize = 8 * 1_024;

/// The hash that everything is computed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    fn digest(self) -> MessageDigest {
        match self {
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha256 => MessageDigest::sha256(),
        }
    }
}

/// What is said about channel binding (gs2-cbind-flag).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Flag {
    /// We cannot, or the server offers it and it is not used on purpose.
    None,
    /// We could, and the server seems unable: one that is able knows then that somebody has
    /// taken it out of the list, and refuses.
    ServerSeemsUnable,
    /// It is used.
    Used(Binding),
}

impl Flag {
    fn header(&self) -> String {
        match self {
            Self::None => "n,,".to_owned(),
            Self::ServerSeemsUnable => "y,,".to_owned(),
            Self::Used(binding) => format!("p={},,", binding.name),
        }
    }
}

/// One exchange.
pub(crate) struct Scram {
    hash: Hash,
    flag: Flag,
    password: Zeroizing<String>,
    /// `n=…,r=…`
    first_bare: String,
    nonce: String,
    state: State,
}

enum State {
    /// client-first is out, or will be.
    First,
    /// client-final is out; the server must answer with this.
    Final(Zeroizing<Vec<u8>>),
    /// The server has proven itself.
    Proven,
}

impl Scram {
    /// Begins an exchange with a new nonce.
    ///
    /// # Errors
    /// A name or password that SCRAM does not allow; no random numbers.
    pub(crate) fn new(
        hash: Hash,
        flag: Flag,
        username: &str,
        password: &str,
    ) -> Result<Self, String> {
        let mut nonce = [0; NONCE_OCTETS];
        openssl::rand::rand_bytes(&mut nonce).map_err(|error| error.to_string())?;
        let nonce = openssl::base64::encode_block(&nonce);
        Self::with_nonce(hash, flag, username, password, nonce)
    }

    pub(crate) fn with_nonce(
        hash: Hash,
        flag: Flag,
        username: &str,
        password: &str,
        nonce: String,
    ) -> Result<Self, String> {
        let username = escape(&prepare(username, "user name")?);
        let password = prepare(password, "password")?;
        let first_bare = format!("n={username},r={nonce}");
        Ok(Self { hash, flag, password, first_bare, nonce, state: State::First })
    }

    /// The client-first message.
    pub(crate) fn first(&self) -> String {
        format!("{}{}", self.flag.header(), self.first_bare)
    }

    /// Whether the proof of the password is out.
    pub(crate) fn has_proven(&self) -> bool {
        !matches!(self.state, State::First)
    }

    /// Whether the server has proven that it knows the password.
    pub(crate) fn is_server_proven(&self) -> bool {
        matches!(self.state, State::Proven)
    }

    /// Answers a message of the server: client-final to server-first, nothing to a good
    /// server-final. The work stands on a thread of its own.
    pub(crate) async fn answer(&mut self, message: &[u8]) -> Result<Zeroizing<String>, String> {
        let message = std::str::from_utf8(message).ok().filter(|m| m.len() <= MESSAGE_OCTETS_MAX);
        let message = message.ok_or("the server's SCRAM message is too long or no text")?;
        match &self.state {
            State::First => {
                let first = ServerFirst::parse(message, &self.nonce)?;
                let (hash, password) = (self.hash, self.password.clone());
                let (salt, iterations) = (first.salt, first.iterations);
                let salted = tokio::task::spawn_blocking(move || {
                    salt_password(hash, &password, &salt, iterations)
                });
                let salted = salted.await.map_err(|_| "the computation broke off".to_owned())?;
                let salted = salted.map_err(|error| error.to_string())?;
                self.finish(message, &first.nonce, &salted).map_err(|error| error.to_string())
            }
            State::Final(expected) => {
                check_final(message, expected)?;
                self.state = State::Proven;
                Ok(Zeroizing::default())
            }
            State::Proven => Err("the server goes on after the end of SCRAM".to_owned()),
        }
    }

    fn finish(
        &mut self,
        server_first: &str,
        nonce: &str,
        salted: &[u8],
    ) -> Result<Zeroizing<String>, ErrorStack> {
        let digest = self.hash.digest();
        let client_key = hmac(digest, salted, b"Client Key")?;
        let stored_key = openssl::hash::hash(digest, &client_key)?;
        let mut bound = self.flag.header().into_bytes();
        if let Flag::Used(binding) = &self.flag {
            bound.extend_from_slice(&binding.octets);
        }
        let without_proof = format!("c={},r={nonce}", openssl::base64::encode_block(&bound));
        let signed = format!("{},{server_first},{without_proof}", self.first_bare);
        let signature = hmac(digest, &stored_key, signed.as_bytes())?;
        let proof = client_key.iter().zip(signature.iter()).map(|(key, sign)| key ^ sign);
        let proof = Zeroizing::new(proof.collect::<Vec<u8>>());
        let server_key = hmac(digest, salted, b"Server Key")?;
        self.state = State::Final(hmac(digest, &server_key, signed.as_bytes())?);
        let proof = Zeroizing::new(openssl::base64::encode_block(&proof));
        Ok(Zeroizing::new(format!("{without_proof},p={}", proof.as_str())))
    }
}

/// What server-first holds.
struct ServerFirst {
    nonce: String,
    salt: Vec<u8>,
    iterations: usize,
}

impl ServerFirst {
    fn parse(message: &str, ours: &str) -> Result<Self, String> {
        if let Some(error) = message.strip_prefix("e=") {
            return Err(refusal_words(error));
        }
        let bad = |what: &str| format!("the server's SCRAM message has {what}");
        let mut parts = message.split(',');
        let mut take = |key| parts.next().and_then(|part| part.strip_prefix(key));
        // An extension that must be understood stands first (`m=`) and fails here.
        let nonce = take("r=").ok_or_else(|| bad("no nonce"))?;
        let salt = take("s=").ok_or_else(|| bad("no salt"))?;
        let iterations = take("i=").ok_or_else(|| bad("no iteration count"))?;
        let is_printable = nonce.bytes().all(|b| b.is_ascii_graphic());
        let is_ours = nonce.starts_with(ours) && nonce.len() > ours.len();
        if !is_ours || !is_printable || nonce.len() > NONCE_OCTETS_MAX {
            return Err(bad("a nonce that is not made from ours: somebody may be replaying it"));
        }
        let salt = openssl::base64::decode_block(salt).unwrap_or_default();
        if salt.is_empty() || salt.len() > SALT_OCTETS_MAX {
            return Err(bad("no good salt"));
        }
        let iterations = iterations.parse().ok().filter(|count| ITERATIONS.contains(count));
        let range = (ITERATIONS.start(), ITERATIONS.end());
        let iterations = iterations.ok_or_else(|| {
            bad(&format!("an iteration count that is not from {} to {}", range.0, range.1))
        })?;
        Ok(Self { nonce: nonce.to_owned(), salt, iterations })
    }
}

fn check_final(message: &str, expected: &[u8]) -> Result<(), String> {
    if let Some(error) = message.strip_prefix("e=") {
        return Err(refusal_words(error));
    }
    let signature = message.strip_prefix("v=").and_then(|rest| rest.split(',').next());
    let signature = signature.and_then(|text| openssl::base64::decode_block(text).ok());
    match signature {
        Some(s) if s.len() == expected.len() && openssl::memcmp::eq(&s, expected) => Ok(()),
        _ => Err("the server does not prove that it knows the password: it may not be the one \
                  it pretends to be"
            .to_owned()),
    }
}

fn refusal_words(error: &str) -> String {
    let error = error.split(',').next().unwrap_or_default();
    format!("the server refuses: {}", annunciator_core::one_line(error, 100))
}

/// `=` and `,` mean something in SCRAM (saslname).
pub(crate) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn salt_password(
    hash: Hash,
    password: &str,
    salt: &[u8],
    iterations: usize,
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let mut salted = Zeroizing::new(vec![0; hash.digest().size()]);
    pbkdf2_hmac(password.as_bytes(), salt, iterations, hash.digest(), &mut salted)?;
    Ok(salted)
}

/// HMAC (RFC 2104).
pub(crate) fn hmac(
    digest: MessageDigest,
    key: &[u8],
    text: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(digest, &key)?;
    signer.sign_oneshot_to_vec(text).map(Zeroizing::new)
}

#[cfg(test)]
#[path = "scram_tests.rs"]
mod tests;
