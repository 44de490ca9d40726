//! *Specify certificate*: an upload within a form of settings, which stays as it is.
//!
//! In: the setting that names the object. Out: the dialog's content; after the upload the setting's
//! list with the new object chosen.

use annunciator_api_types::CertificateSaved;
use askama::Template;
use axum::response::Response;
use hyper::{Method, StatusCode};

use super::upload::{self, Upload};
use crate::page::{Page, Visitor, show, show_as};
use crate::pages::settings::certificates::choices;
use crate::refusal::{Errors, Stop};
use crate::settings_form::Choosable;

/// What a setting of this name holds.
fn kind_of(field: &str) -> &'static str {
    match field.rsplit('.').next() {
        Some("client_certificate") => "client",
        Some("dkim_key") => "signing_key",
        _ => "authorities",
    }
}

#[derive(Template)]
#[template(path = "certificates/dialog.html")]
struct Dialog {
    page: Page,
    kind: String,
    field: String,
    name: String,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "certificates/chosen.html")]
struct Chosen {
    page: Page,
    /// Name of the setting in its form.
    field: String,
    /// The same as an id of its page.
    id: String,
    saved: CertificateSaved,
    options: Vec<Choosable>,
}

impl Chosen {
    fn is_new(&self, option: &Choosable) -> bool {
        option.word == self.saved.certificate.id
    }
}

/// The dialog's content for a setting.
pub(super) async fn open(visitor: Visitor) -> Result<Response, Stop> {
    let field = visitor.guest.query().text("field").to_owned();
    let page = visitor.page("certificates-specify", "certificates");
    let kind = kind_of(&field).to_owned();
    Ok(show(&Dialog { page, kind, field, name: String::new(), errors: Errors::default() }))
}

/// Uploads; the answer replaces the dialog's content.
pub(super) async fn upload(visitor: Visitor, mut upload: Upload) -> Result<Response, Stop> {
    kind_of(&upload.field).clone_into(&mut upload.kind);
    let sent = upload.send(&visitor, Method::POST, "/api/v1/certificates").await?;
    let page = visitor.page("certificates-specify", "certificates");
    let upload::Upload { kind, name, field, .. } = upload;
    match sent {
        Err(errors) => Ok(show_as(
            StatusCode::UNPROCESSABLE_ENTITY,
            &Dialog { page, kind, field, name, errors },
        )),
        Ok(saved) => {
            let key = field.rsplit('.').next().unwrap_or_default();
            let options = choices(&visitor, &page).await.remove(key).unwrap_or_default();
            let id = field.replace(['.', '_'], "-");
            Ok(show(&Chosen { page, field, id, saved, options }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_tells_the_kind() {
        let check = |field: &str, expected: &str| assert_eq!(kind_of(field), expected, "{field}");
        check("email.ca_certificates", "authorities");
        check("sms.client_certificate", "client");
        check("email.dkim_key", "signing_key");
    }
}
