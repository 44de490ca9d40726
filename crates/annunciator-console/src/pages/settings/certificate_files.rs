//! Certificate and key of the Mail Notifier, each as a file: browse, clear, download.
//!
//! In: files as they are chosen in the form, with the form around them. Out: an object of the API,
//! which may be half a pair, named by the form; settings name it once the form is saved. With
//! script the two files alone are drawn again, without it the whole page.
//! Failure: what is wrong with a file is told beside it, and nothing else of the form is lost.
//! Standard: spec 9.5, 10.3.

use annunciator_api_types::{CertificateList, CertificateView, KeptPart};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::arrangement::Tab;
use super::save;
use super::tab::{Desk, Given};
use crate::api::escape;
use crate::form::Form;
use crate::page::{Page, Visitor, show, show_as};
use crate::pages::certificates::upload::{PartOfPair, Upload};
use crate::refusal::Stop;
use crate::settings_form::{Kind, Setting};

/// The setting.
const KEY: &str = "client_certificate";
/// What is uploaded.
const CLIENT: &str = "client";
/// Where it goes.
const OBJECTS: &str = "/api/v1/certificates";
/// The two parts, as fields of the form and as the API names them.
const CERTIFICATE: &str = "certificate";
const THE_KEY: &str = "key";

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
    /// What keeps the settings from being saved.
    error: String,
    warnings: Vec<String>,
    told: Told,
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

/// What came of a file, in words.
#[derive(Template, Default)]
#[template(path = "settings/certificate_said.html")]
pub(super) struct Told {
    words: String,
    is_error: bool,
}

impl CertificateFiles {
    /// The dialog that asks for the password before the key is handed out.
    pub(super) fn key_dialog(&self) -> String {
        let object = self.object.as_ref().filter(|object| !object.key.is_empty());
        let dialog = KeyDialog { page: &self.page, object, is_answer: self.is_answer };
        dialog.render().unwrap_or_default()
    }

    /// Whether there is a certificate.
    fn has_certificate(&self) -> bool {
        self.object.as_ref().is_some_and(|object| !object.certificates.is_empty())
    }

    /// Whether there is a key.
    fn has_key(&self) -> bool {
        self.object.as_ref().is_some_and(|object| !object.key.is_empty())
    }

    /// Whether one part is there without the other.
    fn is_half(&self) -> bool {
        self.has_certificate() != self.has_key()
    }

    /// What is missing of the pair, beside where it is to be chosen.
    fn missing(&self, part: &str) -> String {
        match part {
            CERTIFICATE if self.has_key() && !self.has_certificate() => {
                self.page.t("notifier-missing-certificate")
            }
            THE_KEY if self.has_certificate() && !self.has_key() => {
                self.page.t("notifier-missing-key")
            }
            _ => String::new(),
        }
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

/// Name of the setting in the form of a tab that has it.
fn field_of(tab: &Tab) -> Option<String> {
    Some(format!("{}.{KEY}", tab.group.filter(|_| tab.is_apart())?))
}

/// The files of a tab as they stand; nothing on tabs without them.
pub(super) fn of(desk: &Desk) -> Option<CertificateFiles> {
    let name = field_of(desk.tab)?;
    let visitor = &desk.visitor;
    let field = desk.sheet(desk.tab.group?)?.field(KEY, visitor.guest.language)?;
    let page = visitor.page("notifier-title", desk.tab.menu_section());
    let id = id_of(desk, &desk.typed());
    let object = desk.objects.iter().find(|object| object.id == id).cloned();
    let mut warnings = vec![field.warning];
    if object.as_ref().is_some_and(|object| object.weak_key) {
        warnings.push(page.t("settings-problem-weak-key"));
    }
    warnings.retain(|words| !words.is_empty());
    warnings.dedup();
    Some(CertificateFiles {
        tab: desk.tab.name,
        field: name,
        id,
        object,
        is_open: visitor.may("manage_certificates") && visitor.may("change_settings"),
        error: field.error,
        warnings,
        told: Told { words: desk.told.words.clone(), is_error: desk.told.is_error },
        is_answer: visitor.guest.is_partial,
        page,
    })
}

/// The id that a form holds, or the one that is saved.
fn id_of(desk: &Desk, form: &Form) -> String {
    let Some(name) = field_of(desk.tab) else { return String::new() };
    if form.has(&name) {
        return form.trimmed(&name).to_owned();
    }
    let standing = desk.tab.group.and_then(|group| desk.sheet(group));
    match standing.map(|sheet| sheet.standing(KEY).value) {
        Some(Value::String(id)) => id,
        _ => String::new(),
    }
}

/// A form of settings, and the object that it names.
struct Pair {
    desk: Desk,
    form: Form,
    held: Option<CertificateView>,
}

impl Pair {
    async fn open(visitor: Visitor, tab: &str, form: Form) -> Result<Self, Stop> {
        let desk = Desk::open(visitor, tab).await?;
        if !desk.tab.is_apart() {
            return Err(Stop::not_found(&desk.visitor.guest));
        }
        let id = id_of(&desk, &form);
        let held = desk.objects.iter().find(|object| object.id == id).cloned();
        Ok(Self { desk, form, held })
    }

    /// A part of what the form names, to be taken over; none when it has no such part.
    fn part(&self, part: &str) -> Option<KeptPart> {
        let held = self.held.as_ref().filter(|held| !held.lost)?;
        let has = match part {
            CERTIFICATE => !held.certificates.is_empty(),
            _ => !held.key.is_empty(),
        };
        has.then(|| KeptPart { id: held.id.clone(), part: part.to_owned() })
    }

    /// Names another object in the form, or none; the one before goes when nothing uses it.
    async fn replace(&mut self, object: Option<CertificateView>) {
        let id = object.as_ref().map_or_else(String::new, |object| object.id.clone());
        let name = field_of(self.desk.tab).unwrap_or_default();
        self.form.0.retain(|(key, _)| *key != name);
        self.form.0.push((name, id));
        self.desk.objects.extend(object);
        let unused =
            self.held.take().filter(|held| held.only_while_used && held.used_by.is_empty());
        if let Some(unused) = unused {
            let path = format!("/api/v1/certificates/{}", escape(&unused.id));
            // What stays is deleted by the server within a day.
            drop(self.desk.visitor.try_send(Method::DELETE, &path, &()).await);
        }
    }

    /// The files, or the whole page for a browser without script.
    async fn answer(mut self, words: String, is_error: bool) -> Result<Response, Stop> {
        let told = Told { words, is_error };
        let status = if is_error { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let is_partial = self.desk.visitor.guest.is_partial;
        if is_partial && is_error {
            return Ok(show_as(status, &told));
        }
        // What somebody else saved since this form was drawn is still to be told.
        let revision = self.form.trimmed("revision").parse();
        self.desk.view.revision = revision.unwrap_or(self.desk.view.revision);
        self.desk.told = told;
        self.desk.put_form(&self.form, &[]);
        if is_partial {
            let files = of(&self.desk).ok_or_else(|| Stop::not_found(&self.desk.visitor.guest))?;
            return Ok(show(&files));
        }
        let comment = save::comment_of(&self.form);
        save::draw(self.desk, Given { status, comment, is_changed: true, ..Given::default() }).await
    }
}

/// Takes a certificate, a key or both; what is not chosen anew stays, when the two belong together.
pub(super) async fn upload(
    visitor: Visitor,
    name: Path<String>,
    mut upload: Upload,
) -> Result<Response, Stop> {
    let form = std::mem::take(&mut upload.rest);
    let mut pair = Pair::open(visitor, &name.0, form).await?;
    let visitor = pair.desk.visitor.clone();
    let page = visitor.page("notifier-title", pair.desk.tab.menu_section());
    let is_chosen = |part: &str| upload.slots.iter().any(|slot| slot == part);
    let kept = match (is_chosen(CERTIFICATE), is_chosen(THE_KEY)) {
        (false, false) => return pair.answer(page.t("notifier-nothing-chosen"), true).await,
        (true, false) => pair.part(THE_KEY),
        (false, true) => pair.part(CERTIFICATE),
        (true, true) => None,
    };
    CLIENT.clone_into(&mut upload.kind);
    upload.name = page.t1("notifier-object-name", "time", page.time(&page.now));
    upload.part = PartOfPair { kept, may_be_half: true };
    let mut words = "notifier-uploaded";
    let mut sent = upload.send(&visitor, Method::POST, OBJECTS).await?;
    let is_other_pair = |error: &annunciator_api_types::FieldError| error.code == "key_mismatch";
    if upload.part.kept.is_some()
        && sent.as_ref().is_err_and(|errors| errors.fields.iter().any(is_other_pair))
    {
        // The file that was chosen now is the one that is meant.
        words =
            if is_chosen(CERTIFICATE) { "notifier-key-gone" } else { "notifier-certificate-gone" };
        upload.part.kept = None;
        sent = upload.send(&visitor, Method::POST, OBJECTS).await?;
    }
    match sent {
        Ok(saved) => {
            let mut words = vec![page.t(words)];
            words.extend(saved.warnings);
            pair.replace(Some(saved.certificate)).await;
            pair.answer(words.join(" "), false).await
        }
        Err(errors) => {
            let words: Vec<_> = errors.fields.iter().map(|one| one.detail.as_str()).collect();
            let words = if words.is_empty() { errors.summary } else { words.join("; ") };
            pair.answer(words, true).await
        }
    }
}

/// Takes one part out of the form; the other stays.
pub(super) async fn clear(
    visitor: Visitor,
    Path((name, part)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Stop> {
    let mut pair = Pair::open(visitor, &name, form).await?;
    let visitor = pair.desk.visitor.clone();
    let page = visitor.page("notifier-title", pair.desk.tab.menu_section());
    let other = match part.as_str() {
        CERTIFICATE => THE_KEY,
        THE_KEY => CERTIFICATE,
        _ => return Err(Stop::not_found(&visitor.guest)),
    };
    let Some(kept) = pair.part(other) else {
        pair.replace(None).await;
        return pair.answer(page.t("notifier-cleared"), false).await;
    };
    let mut upload = Upload::default();
    CLIENT.clone_into(&mut upload.kind);
    upload.name = page.t1("notifier-object-name", "time", page.time(&page.now));
    upload.part = PartOfPair { kept: Some(kept), may_be_half: true };
    match upload.send(&visitor, Method::POST, OBJECTS).await? {
        Ok(saved) => {
            pair.replace(Some(saved.certificate)).await;
            pair.answer(page.t("notifier-cleared"), false).await
        }
        Err(errors) => pair.answer(errors.summary, true).await,
    }
}
