//! When fields of a relay matter, beyond what their definitions say.
//!
//! A value that is set is shown where it still counts, although a newcomer would not see the field.

use std::collections::BTreeMap;

use super::arrangement::NOTIFIER;
use crate::settings_form::{Condition, Sheet};

/// The conditions of a group's fields, which replace those of the definitions.
pub(super) fn of_group(group: &str, sheet: &Sheet) -> BTreeMap<String, Condition> {
    let mut conditions = BTreeMap::new();
    if sheet.setting("tls").is_none() || sheet.setting("auth").is_none() {
        return conditions;
    }
    let when = |key: &str, words: &[&str]| Condition::when(&format!("{group}.{key}"), words);
    let verified = || when("tls", &["required", "implicit"]);
    let encrypted = || when("tls", &["if_supported", "required", "implicit"]);
    let is_set = |key: &str| sheet.standing(key).is_set;
    let password = || when("auth", &["password"]);
    let oauth = || when("auth", &["oauth2"]);
    let credentials = || when("auth", &["password", "oauth2"]);
    let mut put = |key: &str, condition: Condition| {
        conditions.insert(key.to_owned(), condition);
    };
    put("tls_version_min", verified());
    for key in ["ca_certificates", "client_certificate"] {
        put(key, if is_set(key) { encrypted() } else { verified() });
    }
    let certificate = if is_set("client_certificate") { encrypted() } else { verified() };
    put("client_certificate", certificate.or(when("auth", &["external"])));
    put("username", when("auth", &["password", "oauth2", "external"]));
    put("password", password());
    put("allow_auth_without_tls", when("tls", &["off", "if_supported"]).and(credentials()));
    if group == NOTIFIER.group.unwrap_or_default() {
        // It stands beside the toggle (spec 9.5).
        put("allow_auth_without_tls", when("tls", &["off"]));
    }
    put("allow_auth_unverified", when("tls", &["if_supported"]).and(credentials()));
    put("oauth_refresh_token", oauth().and(when("oauth_flow", &["refresh_token"])));
    conditions
}
