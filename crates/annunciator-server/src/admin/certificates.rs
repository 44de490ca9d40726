//! Certificate objects: upload, show, replace, delete, download (spec 3.1, quality G14).
//!
//! In: files as they come. Out: views; an object in force as soon as it is stored.
//! Failure: an upload is read whole before anything is stored; what is in use is not deleted.
//! Knows nothing of: HTTP.
//!
//! A stored password never goes to a server that is trusted in another way than when it was typed
//! (spec 4.3, 8). Naming another object in the settings asks for it anew; the content of an object
//! that such settings use is therefore not replaced: upload another object and name it.

use std::sync::Arc;

use annunciator_api_types::{
    CertificateFactsView, CertificateSaved, CertificateUpload, CertificateView, FieldError,
};
use annunciator_certificates::{
    CertificateFacts, CertificateKind, CertificateObject, ExpiryStage, is_key_weak,
};
use annunciator_core::Timestamp;
use annunciator_store::{CertificateRecord, NewAudit};
use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::AdminError;
use super::certificate_upload::{check_head, read};
use crate::certificates::{Entry, OBJECTS_MAX};
use crate::configuration::Configuration;
use crate::settings_document as document;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// All objects, oldest first.
#[must_use]
pub fn list(shared: &Shared) -> Vec<CertificateView> {
    shared.certificates.entries().iter().map(|entry| view(shared, entry)).collect()
}

/// One object.
///
/// # Errors
/// None of that id.
pub fn show(shared: &Shared, id: &str) -> Result<CertificateView, AdminError> {
    Ok(view(shared, &*find(shared, id)?))
}

pub(super) fn find(shared: &Shared, id: &str) -> Result<Arc<Entry>, AdminError> {
    let unknown = || AdminError::NotFound("There is no certificate object of this id.".to_owned());
    shared.certificates.entry(id).ok_or_else(unknown)
}

/// Takes an upload and puts it in force.
///
/// # Errors
/// [`AdminError::Invalid`] with what is wrong with which file; too many objects.
pub async fn upload(
    shared: &Shared,
    upload: CertificateUpload,
    author: &str,
) -> Result<CertificateSaved, AdminError> {
    let kind = check_head(&upload, false)?;
    let name = upload.name.clone();
    let read = read(shared, kind, upload).await?;
    let _steady = shared.certificates.steady().await;
    if shared.certificates.entries().len() >= OBJECTS_MAX {
        let words = format!("There are {OBJECTS_MAX} certificate objects already: delete some.");
        return Err(AdminError::Conflict(words));
    }
    let now = shared.clock.now();
    let id = shared.ids.certificate(now);
    let record = CertificateRecord {
        sealed_key: read.seal(&shared.sealer, &id),
        id,
        name,
        kind: kind.as_str().to_owned(),
        public: read.public,
        created_at: now,
        created_by: author.to_owned(),
        replaced_at: None,
    };
    put(shared, record, "certificate.upload", author, now, read.told, read.warnings).await
}

/// Takes an upload in place of what an object holds.
///
/// # Errors
/// As [`upload`]; another kind; trusted certificates that settings with a stored password use.
pub async fn replace(
    shared: &Shared,
    id: &str,
    upload: CertificateUpload,
    author: &str,
) -> Result<CertificateSaved, AdminError> {
    let kind = check_head(&upload, true)?;
    if upload.incomplete || upload.only_while_used {
        let words = "an object that is replaced stays what it is: whole, and kept or not as before";
        return Err(AdminError::Invalid(vec![FieldError::new("", "misplaced", words)]));
    }
    let is_tied = check_replaceable(shared, id, kind)?.files.only_while_used;
    let name = upload.name.clone();
    let upload = CertificateUpload { only_while_used: is_tied, ..upload };
    let read = read(shared, kind, upload).await?;
    let _steady = shared.certificates.steady().await;
    // Looked at again: the settings may have changed while the files were read.
    let entry = check_replaceable(shared, id, kind)?;
    let now = shared.clock.now();
    let record = CertificateRecord {
        name: if name.is_empty() { entry.record.name.clone() } else { name },
        sealed_key: read.seal(&shared.sealer, id),
        public: read.public,
        replaced_at: Some(now),
        ..entry.record.clone()
    };
    put(shared, record, "certificate.replace", author, now, read.told, read.warnings).await
}

fn check_replaceable(
    shared: &Shared,
    id: &str,
    kind: CertificateKind,
) -> Result<Arc<Entry>, AdminError> {
    let entry = find(shared, id)?;
    if entry.kind != kind {
        let words = format!("the object is of kind `{}`, and stays so", entry.kind.as_str());
        return Err(AdminError::Invalid(vec![FieldError::new("/kind", "wrong_kind", words)]));
    }
    let configuration = shared.settings.current().configuration.clone();
    let uses = document::uses_of_certificate(&configuration, id);
    let is_trusted = kind == CertificateKind::Authorities && !uses.is_empty();
    if is_trusted && configuration.holds_secret() {
        return Err(AdminError::Conflict(format!(
            "{} uses these authorities together with a stored password, which would go to servers \
             of others' choice: upload another object, name it in the setting, and type the \
             password again.",
            uses.join(", ")
        )));
    }
    Ok(entry)
}

/// Removes an object that no setting uses.
///
/// # Errors
/// None of that id; in use, naming the settings.
pub async fn delete(shared: &Shared, id: &str, author: &str) -> Result<(), AdminError> {
    let _steady = shared.certificates.steady().await;
    let entry = find(shared, id)?;
    let uses = document::uses_of_certificate(&shared.settings.current().configuration, id);
    if !uses.is_empty() {
        let words = format!("The object is in use: change {} first.", uses.join(", "));
        return Err(AdminError::Conflict(words));
    }
    remove(shared, &entry, author).await?;
    put_in_force(shared).await
}

/// Removes an object from the store; the caller holds `steady`, and puts the others in force.
pub(super) async fn remove(shared: &Shared, entry: &Entry, author: &str) -> Result<(), AdminError> {
    let detail = serde_json::json!({ "name": entry.record.name, "kind": entry.record.kind });
    let note = NewAudit {
        at: shared.clock.now(),
        author: author.to_owned(),
        action: "certificate.delete".to_owned(),
        target: entry.record.id.clone(),
        detail: detail.to_string(),
    };
    shared.store.delete_certificate(&entry.record.id, note).await?;
    Ok(())
}

/// The certificates of an object as PEM; of a signing key its public half.
///
/// # Errors
/// None of that id.
pub fn download(shared: &Shared, id: &str) -> Result<String, AdminError> {
    let entry = find(shared, id)?;
    let label =
        if entry.kind == CertificateKind::SigningKey { "PUBLIC KEY" } else { "CERTIFICATE" };
    Ok(entry.record.public.iter().map(|der| pem(label, der)).collect())
}

/// Name and content of a file.
pub type NamedFile = (String, Zeroizing<Vec<u8>>);

/// The file of a client certificate as it was uploaded; where it is not kept as it came, PEM.
///
/// # Errors
/// None of that id; an object without a certificate.
pub fn download_file(shared: &Shared, id: &str) -> Result<NamedFile, AdminError> {
    let entry = find(shared, id)?;
    if entry.record.public.is_empty() {
        return Err(AdminError::NotFound("The object has no certificate.".to_owned()));
    }
    let file = match entry.kind {
        CertificateKind::Client => entry.parts(&shared.sealer).ok(),
        CertificateKind::Authorities | CertificateKind::SigningKey => None,
    };
    Ok(match file.and_then(|parts| parts.certificate_file) {
        Some(file) => (file.name, Zeroizing::new(file.content.expose().to_vec())),
        None => ("certificate.pem".to_owned(), Zeroizing::new(download(shared, id)?.into_bytes())),
    })
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|octet| char::from(*octet)));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

/// Reads the objects of the store and compiles the settings in force with them.
///
/// # Errors
/// The store fails.
pub async fn put_in_force(shared: &Shared) -> Result<(), AdminError> {
    let records = shared.store.certificates().await?;
    let book = shared.certificates.fill(records, &shared.sealer);
    let current = shared.settings.current();
    let channels = shared.settings.channels();
    let configuration = Configuration::clone(&current.configuration);
    let snapshot = Snapshot::compile(channels, &book, configuration, current.revision);
    shared.settings.swap(snapshot);
    shared.dispatcher.settings_changed();
    Ok(())
}

/// What deserves a look about the objects that settings use.
#[must_use]
pub fn find_warnings(shared: &Shared, snapshot: &Snapshot) -> Vec<FieldError> {
    let now = shared.clock.now();
    let mut warnings = Vec::new();
    for entry in shared.certificates.entries().iter() {
        let name = &entry.record.name;
        for setting in document::uses_of_certificate(&snapshot.configuration, &entry.record.id) {
            let pointer = format!("/{}", setting.replace('.', "/"));
            if entry.object.is_none() {
                let words = format!(
                    "the key of certificate object `{name}` does not open with this key file: \
                     upload it again"
                );
                warnings.push(FieldError::new(&pointer, "certificate_lost", words));
            }
            let Some(end) = entry.not_after() else { continue };
            let (code, word) = match ExpiryStage::of(end, now) {
                None => continue,
                Some(ExpiryStage::Over) => ("certificate_ended", "ended"),
                Some(_) => ("certificate_ends", "ends"),
            };
            let words = format!("a certificate of object `{name}` {word} on {end}: replace it");
            warnings.push(FieldError::new(&pointer, code, words));
        }
    }
    warnings
}

/// Stores a record and puts it in force; the caller holds `steady`.
async fn put(
    shared: &Shared,
    record: CertificateRecord,
    action: &str,
    author: &str,
    now: Timestamp,
    told: Vec<String>,
    warnings: Vec<String>,
) -> Result<CertificateSaved, AdminError> {
    let id = record.id.clone();
    let detail = serde_json::json!({
        "name": record.name, "kind": record.kind, "holds": told,
    });
    let note = NewAudit {
        at: now,
        author: author.to_owned(),
        action: action.to_owned(),
        target: id.clone(),
        detail: detail.to_string(),
    };
    shared.store.put_certificate(record, note).await?;
    put_in_force(shared).await?;
    Ok(CertificateSaved { certificate: show(shared, &id)?, warnings })
}

fn view(shared: &Shared, entry: &Entry) -> CertificateView {
    let record = &entry.record;
    let public_key_base64 = match (entry.kind, record.public.first()) {
        (CertificateKind::SigningKey, Some(public)) => Base64::encode_string(dkim_key(public)),
        _ => String::new(),
    };
    CertificateView {
        id: record.id.clone(),
        name: record.name.clone(),
        kind: record.kind.clone(),
        certificates: entry.facts.iter().map(facts_view).collect(),
        key: entry.key.clone(),
        public_key_base64,
        dns_record: dns_record(entry.object.as_ref()),
        not_after: entry.not_after(),
        weak_key: entry.kind == CertificateKind::Client && is_key_weak(&entry.key),
        certificate_file: entry.files.certificate.clone(),
        key_file: entry.files.key.clone(),
        only_while_used: entry.files.only_while_used,
        used_by: document::uses_of_certificate(
            &shared.settings.current().configuration,
            &record.id,
        ),
        lost: entry.object.is_none(),
        created_at: record.created_at,
        created_by: record.created_by.clone(),
        replaced_at: record.replaced_at,
    }
}

/// What an administrator publishes for a key that signs.
fn dns_record(object: Option<&CertificateObject>) -> String {
    match object {
        Some(CertificateObject::SigningKey(key)) => {
            key.signer().map(|signer| signer.dns_record()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// What a DKIM record holds: of RSA the whole structure (RFC 6376 section 3.6.1), of Ed25519 the
/// 32 octets alone (RFC 8463 section 4.2).
fn dkim_key(public: &[u8]) -> &[u8] {
    const ED25519_BYTES: usize = 44;
    if public.len() == ED25519_BYTES { &public[ED25519_BYTES - 32..] } else { public }
}

fn facts_view(facts: &CertificateFacts) -> CertificateFactsView {
    CertificateFactsView {
        subject: facts.subject.clone(),
        issuer: facts.issuer.clone(),
        serial: facts.serial.clone(),
        not_before: facts.not_before,
        not_after: facts.not_after,
        names: facts.names.clone(),
        key: facts.key.clone(),
        is_authority: facts.is_authority,
        fingerprint_sha256: facts.fingerprint_sha256.clone(),
    }
}
