//! Files of an upload become what is stored of a certificate object.
//!
//! In: an upload. Out: [`Read`]. Failure: [`AdminError::Invalid`] with the file it is about;
//! nothing is half taken. Standard: quality G14; spec 9.5 for one part without the other.

use annunciator_api_types::{CertificateFile, CertificateUpload, FieldError};
use annunciator_certificates::{
    CertificateError, CertificateFacts, CertificateKind, FILES_MAX, KeptPart, SecretOctets,
    TakenParts, describe_key, read_authorities, read_client_parts, read_signing_key,
};
use annunciator_core::{Timestamp, one_line};
use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::{AdminError, certificates};
use crate::certificate_parts::{SealedParts, UploadedFile, seal_key};
use crate::secrets::Sealer;
use crate::shared::Shared;

/// Longest name of an object. Unit: characters.
const NAME_CHARS_MAX: usize = 100;
/// The parts of a client certificate, as an upload names them.
const PARTS: [&str; 2] = ["certificate", "key"];

/// Name, kind, and what only a client certificate may have.
pub(super) fn check_head(
    upload: &CertificateUpload,
    may_lack_name: bool,
) -> Result<CertificateKind, AdminError> {
    let mut errors = Vec::new();
    let name = &upload.name;
    if (name.trim().is_empty() && !(may_lack_name && name.is_empty()))
        || name.chars().count() > NAME_CHARS_MAX
        || name.chars().any(char::is_control)
    {
        let words = format!("must be 1 to {NAME_CHARS_MAX} characters without control characters");
        errors.push(FieldError::new("/name", "format", words));
    }
    let kind = CertificateKind::from_word(&upload.kind);
    if kind.is_none() {
        let words = "must be authorities, client or signing_key";
        errors.push(FieldError::new("/kind", "one_of", words));
    }
    let files_max = if kind == Some(CertificateKind::SigningKey) { 1 } else { FILES_MAX };
    // What is taken over from another object needs no file.
    let is_empty = upload.files.is_empty() && upload.kept.is_none();
    if is_empty || upload.files.len() > files_max {
        let words = format!("must be 1 to {files_max} files for this kind");
        errors.push(FieldError::new("/files", "range", words));
    }
    let takes_parts = upload.kept.is_some() || upload.incomplete || upload.only_while_used;
    if takes_parts && kind != Some(CertificateKind::Client) {
        let words = "`kept`, `incomplete` and `only_while_used` are for client certificates";
        errors.push(FieldError::new("/kind", "wrong_kind", words));
    }
    if upload.kept.as_ref().is_some_and(|kept| !PARTS.contains(&kept.part.as_str())) {
        errors.push(FieldError::new("/kept/part", "one_of", "must be certificate or key"));
    }
    match kind {
        Some(kind) if errors.is_empty() => Ok(kind),
        _ => Err(AdminError::Invalid(errors)),
    }
}

/// What an upload gave.
pub(super) struct Read {
    pub(super) public: Vec<Vec<u8>>,
    secret: Secret,
    pub(super) warnings: Vec<String>,
    /// What the audit log says of it.
    pub(super) told: Vec<String>,
}

/// What of an upload is sealed.
enum Secret {
    Nothing,
    Key(SecretOctets),
    Parts(Box<SealedParts>),
}

impl Read {
    /// What the store gets, sealed for an object.
    pub(super) fn seal(&self, sealer: &Sealer, id: &str) -> Option<String> {
        match &self.secret {
            Secret::Nothing => None,
            Secret::Key(key) => Some(seal_key(sealer, id, key)),
            Secret::Parts(parts) => Some(parts.seal(sealer, id)),
        }
    }
}

/// A part of another object that an upload takes over.
#[derive(Default)]
struct Kept {
    chain: Vec<Vec<u8>>,
    key: Option<SecretOctets>,
    file: Option<UploadedFile>,
}

impl Kept {
    /// Finds it; nothing when the upload takes over nothing.
    fn find(shared: &Shared, upload: &CertificateUpload) -> Result<Self, AdminError> {
        let Some(kept) = &upload.kept else { return Ok(Self::default()) };
        let refuse = |code: &str, words: &str| {
            Err(AdminError::Invalid(vec![FieldError::new("/kept/id", code, words)]))
        };
        let entry = match certificates::find(shared, &kept.id) {
            Ok(entry) if entry.kind == CertificateKind::Client => entry,
            _ => return refuse("unknown_certificate", "there is no client certificate of this id"),
        };
        let Ok(parts) = entry.parts(&shared.sealer) else {
            return refuse("certificate_lost", "its key does not open with this key file");
        };
        let found = match kept.part == PARTS[0] {
            true => {
                Self { chain: entry.record.public.clone(), file: parts.certificate_file, key: None }
            }
            false => Self { key: parts.key, file: parts.key_file, chain: Vec::new() },
        };
        if found.chain.is_empty() && found.key.is_none() {
            return refuse("part_missing", "the object has no such part");
        }
        Ok(found)
    }

    fn part(&self) -> KeptPart<'_> {
        match &self.key {
            Some(key) => KeptPart::Key(key),
            None if self.chain.is_empty() => KeptPart::Nothing,
            None => KeptPart::Certificate(&self.chain),
        }
    }
}

/// Reads the files away from the runtime's threads, one upload at a time.
pub(super) async fn read(
    shared: &Shared,
    kind: CertificateKind,
    upload: CertificateUpload,
) -> Result<Read, AdminError> {
    let kept = Kept::find(shared, &upload)?;
    let busy = || AdminError::Unavailable("Other uploads are being read.".to_owned());
    let _turn = shared.certificates.turn().await.ok_or_else(busy)?;
    let now = shared.clock.now();
    let reading = tokio::task::spawn_blocking(move || read_files(kind, upload, &kept, now));
    let read = reading.await.map_err(|error| {
        tracing::error!(%error, "reading an upload ended unexpectedly");
        AdminError::Unavailable("The files could not be read.".to_owned())
    })?;
    read.map_err(AdminError::Invalid)
}

fn read_files(
    kind: CertificateKind,
    upload: CertificateUpload,
    kept: &Kept,
    now: Timestamp,
) -> Result<Read, Vec<FieldError>> {
    let password = Zeroizing::new(upload.password);
    let (mut files, mut names) = (Vec::new(), Vec::new());
    for (at, CertificateFile { name, content_base64 }) in upload.files.into_iter().enumerate() {
        let text = Zeroizing::new(content_base64);
        let octets = Base64::decode_vec(text.trim()).map_err(|_| {
            let pointer = format!("/files/{at}/content_base64");
            vec![FieldError::new(pointer, "format", "must be base64 without line breaks")]
        })?;
        files.push(Zeroizing::new(octets));
        names.push(name);
    }
    let files: Vec<&[u8]> = files.iter().map(|file| file.as_slice()).collect();
    let refused = |error: CertificateError| vec![field_error(&error, &names)];
    match kind {
        CertificateKind::Authorities => {
            let taken = read_authorities(&files, now).map_err(refused)?;
            let (told, public) = (told(&taken.facts), taken.object.certificates);
            Ok(Read { public, secret: Secret::Nothing, warnings: taken.warnings, told })
        }
        CertificateKind::Client => {
            let taken = read_client_parts(&files, &password, kept.part(), now).map_err(refused)?;
            if !upload.incomplete {
                check_whole(&taken).map_err(refused)?;
            }
            let file = |at: Option<usize>, stem: &str| {
                at.and_then(|at| UploadedFile::take(&names[at], files[at], stem))
            };
            let mut parts = SealedParts {
                certificate_file: file(taken.certificate_file, PARTS[0]),
                key_file: file(taken.key_file, PARTS[1]),
                only_while_used: upload.only_while_used,
                key: None,
            };
            put_kept_file(&mut parts, kept, &taken);
            let mut told = told(&taken.facts);
            if let (Some(key), true) = (&taken.key, told.is_empty()) {
                told.push(describe_key(key).map_err(refused)?);
            }
            parts.key = taken.key;
            let secret = Secret::Parts(Box::new(parts));
            Ok(Read { public: taken.chain, secret, warnings: taken.warnings, told })
        }
        CertificateKind::SigningKey => {
            let taken = read_signing_key(files[0], &password).map_err(refused)?;
            let (secret, told) = (Secret::Key(taken.object.key), vec![taken.kind]);
            Ok(Read { public: vec![taken.public], secret, warnings: Vec::new(), told })
        }
    }
}

/// The file of what was taken over goes with it.
fn put_kept_file(parts: &mut SealedParts, kept: &Kept, taken: &TakenParts) {
    let is_kept_key = kept.key.is_some() && kept.key == taken.key;
    let is_kept_chain = !kept.chain.is_empty() && kept.chain == taken.chain;
    if is_kept_key && parts.key_file.is_none() {
        parts.key_file.clone_from(&kept.file);
    }
    if is_kept_chain && parts.certificate_file.is_none() {
        parts.certificate_file.clone_from(&kept.file);
    }
}

fn check_whole(taken: &TakenParts) -> Result<(), CertificateError> {
    let (code, words) = match (taken.chain.is_empty(), &taken.key) {
        (_, None) => ("key_missing", "there is no key in it: add the file with the private key"),
        (true, _) => (
            "certificate_missing",
            "there is no certificate in it: add the file with the certificate of this key",
        ),
        (false, Some(_)) => return Ok(()),
    };
    Err(CertificateError::new(code, words))
}

fn told(facts: &[CertificateFacts]) -> Vec<String> {
    facts.iter().map(|facts| format!("{} {}", facts.subject, facts.fingerprint_sha256)).collect()
}

fn field_error(error: &CertificateError, names: &[String]) -> FieldError {
    if error.code.starts_with("password_") {
        return FieldError::new("/password", error.code, &error.words);
    }
    let Some(at) = error.file else {
        return FieldError::new("/files", error.code, &error.words);
    };
    let name = names.get(at).map(|name| one_line(name, 100)).unwrap_or_default();
    let detail =
        if name.is_empty() { error.words.clone() } else { format!("{name}: {}", error.words) };
    FieldError::new(format!("/files/{at}"), error.code, detail)
}
