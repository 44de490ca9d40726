//! The key of a certificate object, for an administrator who proves again who it is (spec 10.3).
//!
//! In: an id, a proof, a password for the copy. Out: PKCS#8 in PEM.
//! Failure: a wrong proof is refused, audited and slowed down; nothing is given without its line
//! in the audit log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use annunciator_api_types::{FieldError, KeyDownloadRequest};
use annunciator_certificates::{CertificateObject, PASSWORD_BYTES_MAX};
use annunciator_core::Timestamp;
use annunciator_store::NewAudit;
use openssl::pkey::PKey;
use openssl::symm::Cipher;
use zeroize::Zeroizing;

use super::{AdminError, certificates};
use crate::shared::Shared;

/// Wrong proofs after which a caller waits.
const WRONG_MAX: u32 = 5;
/// How long it waits. Unit: milliseconds.
const WAIT_MS: i64 = 900_000;
/// Most callers that are remembered.
const CALLERS_MAX: usize = 1_000;

/// Who asks, as far as the connection tells.
pub enum Asker<'a> {
    /// Over the owner's socket: the system vouches for them.
    Local,
    /// Over the network, with the token of this id.
    Token(&'a str),
}

/// Wrong proofs of late, by token.
#[derive(Default)]
pub struct WrongProofs(Mutex<HashMap<String, (u32, Timestamp)>>);

impl WrongProofs {
    fn is_waiting(&self, token: &str, now: Timestamp) -> bool {
        let wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wrong
            .get(token)
            .is_some_and(|(count, last)| *count >= WRONG_MAX && now.ms_since(*last) < WAIT_MS)
    }

    fn note(&self, token: &str, now: Timestamp) {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|_, (_, last)| now.ms_since(*last) < WAIT_MS);
        if wrong.len() < CALLERS_MAX || wrong.contains_key(token) {
            let entry = wrong.entry(token.to_owned()).or_insert((0, now));
            *entry = (entry.0 + 1, now);
        }
    }

    fn forget(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
    }
}

/// Gives the key.
///
/// # Errors
/// [`AdminError::Forbidden`] without the proof, [`AdminError::Throttled`] after too many wrong
/// ones, no such object, an object without a key or with one that does not open.
pub async fn run(
    shared: &Shared,
    id: &str,
    request: KeyDownloadRequest,
    asker: Asker<'_>,
    author: &str,
) -> Result<Zeroizing<String>, AdminError> {
    let entry = certificates::find(shared, id)?;
    let credential = Zeroizing::new(request.credential);
    let password = Zeroizing::new(request.export_password);
    let note = |action: &str| NewAudit {
        at: shared.clock.now(),
        author: author.to_owned(),
        action: action.to_owned(),
        target: id.to_owned(),
        detail: serde_json::json!({
            "name": entry.record.name, "encrypted": !password.is_empty(),
        })
        .to_string(),
    };
    if password.len() > PASSWORD_BYTES_MAX {
        let words = format!("must be at most {PASSWORD_BYTES_MAX} octets");
        let error = FieldError::new("/export_password", "too_long", words);
        return Err(AdminError::Invalid(vec![error]));
    }
    if let Err(error) = check_proof(shared, &asker, &credential) {
        shared.store.note(note("certificate.download_key.refused")).await?;
        return Err(error);
    }
    let key = match &entry.object {
        Some(CertificateObject::Client(client)) => &client.key,
        Some(CertificateObject::SigningKey(signing)) => &signing.key,
        Some(CertificateObject::Authorities(_)) => {
            return Err(AdminError::NotFound("The object has no key.".to_owned()));
        }
        None => {
            let words = "The key does not open with this key file: it is lost.";
            return Err(AdminError::Conflict(words.to_owned()));
        }
    };
    let pem = to_pem(key.expose(), &password)
        .ok_or_else(|| AdminError::Unavailable("The key could not be written.".to_owned()))?;
    // First the line, then the key: nobody has it without a trace.
    shared.store.note(note("certificate.download_key")).await?;
    Ok(pem)
}

fn check_proof(shared: &Shared, asker: &Asker<'_>, credential: &str) -> Result<(), AdminError> {
    let Asker::Token(token) = *asker else { return Ok(()) };
    let now = shared.clock.now();
    if shared.wrong_proofs.is_waiting(token, now) {
        let words = "Too many wrong credentials: try again in 15 minutes.";
        return Err(AdminError::Throttled(words.to_owned()));
    }
    let proven = shared.tokens.authenticate(credential, now);
    if proven.is_some_and(|identity| identity.token_id == token) {
        shared.wrong_proofs.forget(token);
        return Ok(());
    }
    // An empty one is a form that was not filled in, not a guess.
    if !credential.is_empty() {
        shared.wrong_proofs.note(token, now);
    }
    Err(AdminError::Forbidden(
        "A key is given only to who proves again who they are: give the text of the token in use \
         as `credential`, or ask over the owner's socket on the server itself."
            .to_owned(),
    ))
}

fn to_pem(key: &[u8], password: &str) -> Option<Zeroizing<String>> {
    let key = PKey::private_key_from_pkcs8(key).ok()?;
    let pem = if password.is_empty() {
        key.private_key_to_pem_pkcs8()
    } else {
        key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), password.as_bytes())
    };
    String::from_utf8(pem.ok()?).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_proofs_make_a_caller_wait() {
        let wrong = WrongProofs::default();
        let now = Timestamp(0);
        for count in 1..=WRONG_MAX {
            assert!(!wrong.is_waiting("a", now), "before the {count}th");
            wrong.note("a", now);
        }
        assert!(wrong.is_waiting("a", Timestamp(WAIT_MS - 1)));
        assert!(!wrong.is_waiting("b", now), "others do not wait");
        assert!(!wrong.is_waiting("a", Timestamp(WAIT_MS)));
        wrong.note("a", Timestamp(WAIT_MS));
        assert!(!wrong.is_waiting("a", Timestamp(WAIT_MS)), "the count begins anew");
        wrong.forget("a");
    }
}
