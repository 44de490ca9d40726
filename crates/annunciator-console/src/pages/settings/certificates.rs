//! Certificate objects as choices of the settings that name one.

use std::collections::BTreeMap;

use annunciator_api_types::{CertificateList, CertificateView};

use crate::page::{Page, Visitor};
use crate::settings_form::Choosable;

/// Settings that name an object: key, kind of the object, words where none is named.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("ca_certificates", "authorities", "settings-certificate-system"),
    ("client_certificate", "client", "settings-certificate-none"),
    ("dkim_key", "signing_key", "settings-certificate-unsigned"),
];

/// The choices, by key of the setting; none for who may not see the objects: he sees their ids.
pub(in crate::pages) async fn choices(
    visitor: &Visitor,
    page: &Page,
) -> BTreeMap<String, Vec<Choosable>> {
    if !visitor.may("manage_certificates") {
        return BTreeMap::new();
    }
    match visitor.try_get::<CertificateList>("/api/v1/certificates").await {
        Ok(list) => among(&list.certificates, page),
        // The ids can still be typed.
        Err(_) => BTreeMap::new(),
    }
}

fn among(objects: &[CertificateView], page: &Page) -> BTreeMap<String, Vec<Choosable>> {
    let choice = |word: &str, label: String, help: String| Choosable {
        word: word.to_owned(),
        label,
        help,
        is_chosen: false,
    };
    let of_object = |object: &CertificateView| {
        let help = match (&object.not_after, object.key.as_str()) {
            (Some(at), _) => page.t1("settings-certificate-until", "time", page.short_time(at)),
            (None, key) => key.to_owned(),
        };
        choice(&object.id, object.name.clone(), help)
    };
    let of_setting = |(key, kind, none): (&str, &str, &str)| {
        // Half a pair can be used by nobody.
        let is_whole = |object: &&CertificateView| {
            kind != "client" || !(object.certificates.is_empty() || object.key.is_empty())
        };
        let objects = objects.iter().filter(|object| object.kind == kind).filter(is_whole);
        let objects = objects.map(of_object);
        let all = std::iter::once(choice("", page.t(none), String::new())).chain(objects);
        (key.to_owned(), all.collect())
    };
    SETTINGS.into_iter().map(of_setting).collect()
}
