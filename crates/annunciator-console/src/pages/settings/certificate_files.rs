//! Certificate and key of the Mail Notifier, each as a file: browse, clear, download.
//!
//! In: files as they are chosen in the form. Out: an object of the API, named by the form, which
//! settings name once the form is saved; nothing is stored in settings before.
//! Failure: what is no certificate with its key is told beside the files.
//! Standard: spec 9.5, 10.3.

use annunciator_api_types::{CertificateList, CertificateView};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::arrangement::Tab;
use super::tab::Desk;
use crate::form::Form;
use crate::page::{Page, Visitor, show, show_as};
use crate::pages::certificates::upload::Upload;
use crate::refusal::Stop;
use crate::settings_form::{Kind, Setting};

/// The setting.
const KEY: &str = "client_certificate";

/// The two files. `{{ files|safe }}` shows them: its template escapes all texts.
#[derive(Template)]
#[template(path = "settings/certificate_files.html")]
pub(super) struct CertificateFiles {
    page: Page,
    tab: &'static str,
    /// Name of the setting in its form.
    field: String,
    /// Id that the form holds; empty for none.
    id: String,
    object: Option<CertificateView>,
    is_open: bool,
    error: String,
    warnings: Vec<String>,
    /// What was done, in words.
    said: String,
    /// Whether it is put into a page that is open.
    is_answer: bool,
}

#[derive(Template)]
#[template(path = "settings/certificate_key_dialog.html")]
struct KeyDialog<'a> {
    page: &'a Page,
    object: Option<&'a CertificateView>,
    is_answer: bool,
}

#[derive(Template)]
#[template(path = "settings/certificate_said.html")]
struct Said {
    words: String,
    tone: &'static str,
}

impl CertificateFiles {
    /// The dialog that asks for the password before the key is handed out.
    pub(super) fn key_dialog(&self) -> String {
        let object = self.object.as_ref().filter(|object| !object.key.is_empty());
        let dialog = KeyDialog { page: &self.page, object, is_answer: self.is_answer };
        dialog.render().unwrap_or_default()
    }

    fn new(visitor: &Visitor, tab: &Tab, object: Option<CertificateView>) -> Option<Self> {
        Some(Self {
            page: visitor.page("notifier-title", tab.menu_section()),
            tab: tab.name,
            field: format!("{}.{KEY}", tab.group.filter(|_| tab.is_apart())?),
            id: object.as_ref().map_or_else(String::new, |object| object.id.clone()),
            object,
            is_open: visitor.may("manage_certificates") && visitor.may("change_settings"),
            error: String::new(),
            warnings: Vec::new(),
            said: String::new(),
            is_answer: false,
        })
    }
}

/// The words of a choice that this page does not offer.
pub(super) fn leave_out_half_tls(setting: &mut Setting) {
    if setting.key == "tls"
        && let Kind::Choice(choices) = &mut setting.kind
    {
        choices.retain(|(word, _)| word != "if_supported");
    }
}

/// The objects; none for who may not see them.
pub(super) async fn objects(visitor: &Visitor) -> Vec<CertificateView> {
    if !visitor.may("manage_certificates") {
        return Vec::new();
    }
    let list = visitor.try_get::<CertificateList>("/api/v1/certificates").await;
    list.map(|list| list.certificates).unwrap_or_default()
}

/// The files of a tab as they stand; nothing on tabs without them.
pub(super) fn of(desk: &Desk) -> Option<CertificateFiles> {
    let sheet = desk.sheet(desk.tab.group.filter(|_| desk.tab.is_apart())?)?;
    let field = sheet.field(KEY, desk.visitor.guest.language)?;
    let typed = desk.typed();
    let id = match typed.has(&field.name) {
        true => typed.trimmed(&field.name).to_owned(),
        false => match sheet.standing(KEY).value {
            Value::String(id) => id,
            _ => String::new(),
        },
    };
    let object = desk.objects.iter().find(|object| object.id == id).cloned();
    let mut files = CertificateFiles::new(&desk.visitor, desk.tab, object)?;
    files.id = id;
    files.error = field.error;
    files.warnings = Some(field.warning).filter(|words| !words.is_empty()).into_iter().collect();
    Some(files)
}

/// Takes the files once certificate and key are both there; the answer says what is missing, or
/// puts the new object into the form.
pub(super) async fn upload(
    visitor: Visitor,
    name: Path<String>,
    mut upload: Upload,
) -> Result<Response, Stop> {
    let tab = Tab::named(&name.0).filter(|tab| tab.is_apart());
    let tab = tab.ok_or_else(|| Stop::not_found(&visitor.guest))?;
    let page = visitor.page("notifier-title", tab.menu_section());
    if let Some(key) = missing(&upload) {
        return Ok(show(&Said { words: page.t(key), tone: "" }));
    }
    upload.kind = "client".to_owned();
    upload.name = page.t1("notifier-object-name", "time", page.time(&page.now));
    match upload.send(&visitor, Method::POST, "/api/v1/certificates").await? {
        Ok(saved) => {
            let mut files = CertificateFiles::new(&visitor, tab, Some(saved.certificate))
                .ok_or_else(|| Stop::not_found(&visitor.guest))?;
            files.said = page.t("notifier-uploaded");
            files.warnings = saved.warnings;
            files.is_answer = true;
            Ok(show(&files))
        }
        Err(errors) => {
            let of_fields = errors.fields.iter().map(|one| one.detail.as_str());
            let words: Vec<_> = of_fields.collect();
            let words = if words.is_empty() { errors.summary } else { words.join("; ") };
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &Said { words, tone: "error" }))
        }
    }
}

/// Takes the object out of the form.
pub(super) async fn clear(
    visitor: Visitor,
    name: Path<String>,
    _form: Form,
) -> Result<Response, Stop> {
    let tab = Tab::named(&name.0);
    let files = tab.and_then(|tab| CertificateFiles::new(&visitor, tab, None));
    let mut files = files.ok_or_else(|| Stop::not_found(&visitor.guest))?;
    files.said = files.page.t("notifier-cleared");
    files.is_answer = true;
    Ok(show(&files))
}

/// The words for what is still to be chosen. A PKCS #12 file holds both, and so may a PEM file.
fn missing(upload: &Upload) -> Option<&'static str> {
    let has = |slot: &str| upload.slots.iter().any(|one| one == slot);
    match (has("certificate"), has("key")) {
        (true, false) if !upload.files.iter().any(holds_key) => Some("notifier-missing-key"),
        (false, true) if !upload.files.iter().any(holds_key_and_certificate) => {
            Some("notifier-missing-certificate")
        }
        (false, false) => Some("notifier-missing-certificate"),
        _ => None,
    }
}

fn is_container(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".p12") || name.ends_with(".pfx")
}

fn holds_key(file: &annunciator_api_types::CertificateFile) -> bool {
    is_container(&file.name) || holds(file, "PRIVATE KEY-----")
}

fn holds_key_and_certificate(file: &annunciator_api_types::CertificateFile) -> bool {
    is_container(&file.name) || holds(file, "BEGIN CERTIFICATE-----")
}

fn holds(file: &annunciator_api_types::CertificateFile, part: &str) -> bool {
    use base64ct::Encoding as _;
    let content = base64ct::Base64::decode_vec(&file.content_base64).unwrap_or_default();
    String::from_utf8_lossy(&content).contains(part)
}

#[cfg(test)]
mod tests {
    use annunciator_api_types::CertificateFile;
    use base64ct::{Base64, Encoding as _};

    use super::*;

    #[test]
    fn what_is_missing_is_said_until_both_are_there() {
        let check = |files: &[(&str, &str, &str)], expected: Option<&str>| {
            let mut upload = Upload::default();
            for (slot, name, content) in files {
                upload.slots.push((*slot).to_owned());
                let content_base64 = Base64::encode_string(content.as_bytes());
                upload.files.push(CertificateFile { name: (*name).to_owned(), content_base64 });
            }
            assert_eq!(missing(&upload), expected, "{files:?}");
        };
        let certificate = ("certificate", "a.pem", "-----BEGIN CERTIFICATE-----");
        let key = ("key", "a.key", "-----BEGIN PRIVATE KEY-----");
        check(&[], Some("notifier-missing-certificate"));
        check(&[certificate], Some("notifier-missing-key"));
        check(&[key], Some("notifier-missing-certificate"));
        check(&[certificate, key], None);
        check(&[("certificate", "both.P12", "")], None);
        check(&[("certificate", "both.pem", "-----BEGIN EC PRIVATE KEY-----")], None);
    }
}
