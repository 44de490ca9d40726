//! The key of a certificate object, for an administrator who proves again who it is (spec 10.3).
//!
//! In: an id, a proof, a password for the copy. Out: PKCS#8 in PEM, or the file as it was uploaded.
//! Failure: a wrong proof is refused, audited and slowed down; nothing is given without its line
//! in the audit log.

use annunciator_api_types::{FieldError, KeyDownloadRequest};
use annunciator_certificates::{CertificateObject, PASSWORD_BYTES_MAX};
use annunciator_store::{ADMINISTRATOR, NewAudit};
use openssl::pkey::PKey;
use openssl::symm::Cipher;
use zeroize::Zeroizing;

use super::certificates::NamedFile;
use super::{AdminError, certificates, sign_in};
use crate::certificate_parts::SealedParts;
use crate::certificates::Entry;
use crate::identity::{Credential, Identity};
use crate::shared::Shared;
use crate::throttle::Counter;

/// Gives the key.
///
/// # Errors
/// [`AdminError::Forbidden`] to another role or without the proof, [`AdminError::Throttled`] after too many wrong
/// ones, no such object, an object without a key or with one that does not open.
pub async fn run(
    shared: &Shared,
    id: &str,
    request: KeyDownloadRequest,
    caller: &Identity,
) -> Result<NamedFile, AdminError> {
    let entry = certificates::find(shared, id)?;
    let credential = Zeroizing::new(request.credential);
    let password = Zeroizing::new(request.export_password);
    let note = |action: &str| NewAudit {
        at: shared.clock.now(),
        author: caller.name.clone(),
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
    if let Err(error) = check_proof(shared, caller, &credential).await {
        shared.store.note(note("certificate.download_key.refused")).await?;
        return Err(error);
    }
    let file = take_key(shared, &entry, &password, request.as_uploaded)?;
    // First the line, then the key: nobody has it without a trace.
    shared.store.note(note("certificate.download_key")).await?;
    Ok(file)
}

/// The key as its file came, when that is asked for and there is such a file; PKCS#8 otherwise.
fn take_key(
    shared: &Shared,
    entry: &Entry,
    password: &str,
    is_as_uploaded: bool,
) -> Result<NamedFile, AdminError> {
    let none = || AdminError::NotFound("The object has no key.".to_owned());
    let parts = match &entry.object {
        None => {
            let words = "The key does not open with this key file: it is lost.";
            return Err(AdminError::Conflict(words.to_owned()));
        }
        Some(CertificateObject::SigningKey(signing)) => {
            SealedParts { key: Some(signing.key.clone()), ..SealedParts::default() }
        }
        Some(CertificateObject::Client(_) | CertificateObject::Half(_)) => {
            entry.parts(&shared.sealer).map_err(|_| none())?
        }
        Some(CertificateObject::Authorities(_)) => return Err(none()),
    };
    let key = parts.key.ok_or_else(none)?;
    if let Some(file) = parts.key_file.filter(|_| is_as_uploaded && password.is_empty()) {
        return Ok((file.name, Zeroizing::new(file.content.expose().to_vec())));
    }
    let pem = to_pem(key.expose(), password)
        .ok_or_else(|| AdminError::Unavailable("The key could not be written.".to_owned()))?;
    Ok(("key.pem".to_owned(), pem))
}

async fn check_proof(
    shared: &Shared,
    caller: &Identity,
    credential: &str,
) -> Result<(), AdminError> {
    if caller.role != ADMINISTRATOR {
        let words = "A key is given only to an administrator: ask one to download it.";
        return Err(AdminError::Forbidden(words.to_owned()));
    }
    // A form that was not filled in is no guess.
    let is_proven = match &caller.credential {
        Credential::Local => true,
        _ if credential.is_empty() => false,
        Credential::Session { user, .. } => {
            sign_in::prove(shared, user, credential).await?.is_some()
        }
        Credential::Token(id) => is_token_shown(shared, id, credential)?,
    };
    if is_proven {
        return Ok(());
    }
    Err(AdminError::Forbidden(
        "A key is given only to who proves again who they are: give your password, or the text of \
         the token in use, as `credential`; or ask over the owner's socket on the server itself."
            .to_owned(),
    ))
}

fn is_token_shown(shared: &Shared, id: &str, credential: &str) -> Result<bool, AdminError> {
    let counters = [Counter::Proof(id.to_owned())];
    sign_in::begin(shared, &counters)?;
    let shown = shared.tokens.authenticate(credential, shared.clock.now());
    let is_shown = shown.is_some_and(|shown| shown.owner == id);
    if is_shown {
        shared.throttle.succeed(&counters);
    }
    Ok(is_shown)
}

fn to_pem(key: &[u8], password: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = PKey::private_key_from_pkcs8(key).ok()?;
    let pem = if password.is_empty() {
        key.private_key_to_pem_pkcs8()
    } else {
        key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), password.as_bytes())
    };
    pem.ok().map(Zeroizing::new)
}
