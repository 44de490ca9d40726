//! An uploaded form with files becomes a request of the API.
//!
//! Standard: RFC 7578 (`multipart/form-data`). Failure: a broken upload is a sentence above the
//! form; what the API refuses stands there as well.

use annunciator_api_types::{CertificateFile, CertificateSaved, CertificateUpload, KeptPart};
use axum::extract::{FromRequest, Multipart, Request};
use axum::response::Response;
use base64ct::{Base64, Encoding as _};
use hyper::Method;

use crate::form::Form;
use crate::page::Visitor;
use crate::refusal::{Errors, Stop};

/// Kinds of objects, in the order in which they are offered.
pub(super) const KINDS: [&str; 3] = ["authorities", "client", "signing_key"];
/// Most files that are read of one upload; the API takes fewer and says so.
const FILES_MAX: usize = 10;

/// That kind, or the first of all.
pub(super) fn known_kind(kind: &str) -> &'static str {
    KINDS.into_iter().find(|known| *known == kind).unwrap_or(KINDS[0])
}

/// A key among trusted authorities, locked or open, is of the wrong kind: a password does not help.
fn tell_of_keys(kind: &str, errors: &mut Errors, words: &str) {
    let is_key = |code: &str| code == "unexpected_key" || code.starts_with("password_");
    for error in errors.fields.iter_mut().filter(|error| is_key(&error.code)) {
        if kind == KINDS[0] {
            "/files".clone_into(&mut error.pointer);
            words.clone_into(&mut error.detail);
        }
    }
}

/// Whether certificate and key come one by one.
#[derive(Default)]
pub(in crate::pages) struct PartOfPair {
    /// The other part, of the object that the form holds.
    pub(in crate::pages) kept: Option<KeptPart>,
    /// Whether one part may be missing; the object then lives only while it is used.
    pub(in crate::pages) may_be_half: bool,
}

/// What was uploaded.
#[derive(Default)]
pub(in crate::pages) struct Upload {
    pub(in crate::pages) kind: String,
    pub(in crate::pages) name: String,
    /// The setting that it is for, such as `email.client_certificate`; empty without one.
    pub(super) field: String,
    password: String,
    pub(in crate::pages) files: Vec<CertificateFile>,
    /// In which field of the form each file was chosen.
    pub(in crate::pages) slots: Vec<String>,
    /// What a form of settings asks for beside its files.
    pub(in crate::pages) part: PartOfPair,
    /// The other fields of the form.
    pub(in crate::pages) rest: Form,
    is_broken: bool,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let mut upload = Self::default();
        match Multipart::from_request(request, state).await {
            Ok(parts) => upload.is_broken = upload.read(parts).await.is_none(),
            Err(_) => upload.is_broken = true,
        }
        Ok(upload)
    }
}

impl Upload {
    /// Nothing when the form breaks off or is too large.
    async fn read(&mut self, mut parts: Multipart) -> Option<()> {
        while let Some(part) = parts.next_field().await.ok()? {
            let name = part.name().unwrap_or_default().to_owned();
            if ["files", "certificate", "key"].contains(&name.as_str()) {
                let file_name = part.file_name().unwrap_or_default().to_owned();
                let content = part.bytes().await.ok()?;
                if self.files.len() < FILES_MAX && !(file_name.is_empty() && content.is_empty()) {
                    let content_base64 = Base64::encode_string(&content);
                    self.files.push(CertificateFile { name: file_name, content_base64 });
                    self.slots.push(name);
                }
                continue;
            }
            let value = part.text().await.ok()?;
            match name.as_str() {
                "kind" => known_kind(&value).clone_into(&mut self.kind),
                "name" => value.trim().clone_into(&mut self.name),
                "field" => self.field = value,
                "password" => self.password = value,
                _ => self.rest.0.push((name, value)),
            }
        }
        Some(())
    }

    /// Uploads it as this visitor; what is wrong with it, otherwise.
    pub(in crate::pages) async fn send(
        &self,
        visitor: &Visitor,
        method: Method,
        path: &str,
    ) -> Result<Result<CertificateSaved, Errors>, Stop> {
        if self.is_broken {
            let summary = visitor.guest.language.say("certificates-broken-upload");
            return Ok(Err(Errors { summary, fields: vec![] }));
        }
        let request = CertificateUpload {
            name: self.name.clone(),
            kind: self.kind.clone(),
            files: self.files.clone(),
            password: self.password.clone(),
            kept: self.part.kept.clone(),
            incomplete: self.part.may_be_half,
            only_while_used: self.part.may_be_half,
        };
        match visitor.try_send(method, path, &request).await {
            Ok(reply) => {
                let saved = reply.json::<CertificateSaved>(path);
                saved.map(Ok).map_err(|refusal| visitor.stop(refusal))
            }
            Err(refusal) => {
                let mut errors = Errors::of(&visitor.guest, refusal)?;
                let words = visitor.guest.language.say("certificates-key-among-authorities");
                tell_of_keys(&self.kind, &mut errors, &words);
                Ok(Err(errors))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use annunciator_api_types::FieldError;

    use super::*;

    #[test]
    fn a_key_among_authorities_is_of_another_kind() {
        let check = |kind: &str, code: &str, pointer: &str, expected: &str| {
            let fields = vec![FieldError::new(pointer, code, "as the API says")];
            let mut errors = Errors { summary: String::new(), fields };
            tell_of_keys(kind, &mut errors, "another kind");
            let found = &errors.fields[0];
            assert_eq!(format!("{} {}", found.pointer, found.detail), expected, "{kind} {code}");
        };
        check("authorities", "unexpected_key", "/files/0", "/files another kind");
        check("authorities", "password_required", "/password", "/files another kind");
        check("authorities", "expired", "/files/0", "/files/0 as the API says");
        check("client", "password_required", "/password", "/password as the API says");
    }
}
