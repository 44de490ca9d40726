//! What is said about a user becomes a record, or the list of what is wrong with it.
//!
//! Knows nothing of: roles, passwords, who says it.

use annunciator_api_types::FieldError;
use annunciator_core::{Timestamp, is_dots, is_hidden};
use annunciator_store::UserRecord;
use annunciator_template::TimeZone;

/// Languages of the console; empty: as the browser says.
pub const LANGUAGES: [&str; 3] = ["", "en", "ru"];
/// Colours of the console.
pub const THEMES: [&str; 3] = ["auto", "light", "dark"];
/// Longest name of a user. Unit: characters.
const NAME_CHARS_MAX: usize = 64;
/// Longest name for people. Unit: characters.
const FULL_NAME_CHARS_MAX: usize = 200;
/// Longest address. Unit: octets.
const EMAIL_BYTES_MAX: usize = 254;

/// A user of this name and role, and nothing else.
pub(super) fn blank_user(name: &str, role: &str, author: &str, now: Timestamp) -> UserRecord {
    UserRecord {
        name: name.to_owned(),
        full_name: String::new(),
        email: String::new(),
        role: role.to_owned(),
        password: None,
        password_giver: None,
        is_blocked: false,
        language: String::new(),
        time_zone: String::new(),
        theme: THEMES[0].to_owned(),
        created_at: now,
        created_by: author.to_owned(),
        last_sign_in_at: None,
        key: None,
    }
}

/// What is wrong with what is said about a user.
pub(super) fn check_record(user: &UserRecord, name_pointer: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |pointer: &str, code: &str, detail: String| {
        errors.push(FieldError::new(pointer, code, detail));
    };
    let is_name = (1..=NAME_CHARS_MAX).contains(&user.name.len())
        && user.name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_@".contains(&b))
        && !is_dots(&user.name);
    if !is_name {
        let detail = format!(
            "must be 1 to {NAME_CHARS_MAX} of a-z, A-Z, 0-9, `.`, `-`, `_`, `@`, not `.` or `..`"
        );
        wrong(name_pointer, "format", detail);
    }
    if user.full_name.chars().count() > FULL_NAME_CHARS_MAX || user.full_name.chars().any(is_hidden)
    {
        let detail = format!("must be at most {FULL_NAME_CHARS_MAX} characters on one line");
        wrong("/full_name", "format", detail);
    }
    if !is_email(&user.email) {
        wrong("/email", "format", "must be an address such as anna@example.org".to_owned());
    }
    if !LANGUAGES.contains(&user.language.as_str()) {
        wrong("/language", "one_of", "must be en, ru or empty".to_owned());
    }
    if !user.time_zone.is_empty()
        && let Err(error) = TimeZone::named(&user.time_zone)
    {
        wrong("/time_zone", "unknown", annunciator_core::one_line(&error.to_string(), 200));
    }
    if !THEMES.contains(&user.theme.as_str()) {
        wrong("/theme", "one_of", "must be auto, light or dark".to_owned());
    }
    errors
}

fn is_email(text: &str) -> bool {
    text.is_empty()
        || text.len() <= EMAIL_BYTES_MAX
            && !text.chars().any(|c| c.is_control() || c.is_whitespace())
            && text.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !domain.contains('@')
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_about_a_user_is_checked() {
        let check = |change: fn(&mut UserRecord), expected: &[&str]| {
            let mut user = blank_user("anna", "viewer", "local root", Timestamp(0));
            change(&mut user);
            let errors = check_record(&user, "/name");
            let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
            assert_eq!(pointers, expected, "{errors:?}");
        };
        check(|_| {}, &[]);
        check(|user| user.name = "A.b-c_d@example".into(), &[]);
        check(|user| user.name = String::new(), &["/name"]);
        check(|user| user.name = "a".repeat(65), &["/name"]);
        check(|user| user.name = "anna b".into(), &["/name"]);
        check(|user| user.name = "анна".into(), &["/name"]);
        check(|user| user.name = ".".into(), &["/name"]);
        check(|user| user.name = "..".into(), &["/name"]);
        check(|user| user.name = "...".into(), &[]);
        check(|user| user.full_name = "a\u{202e}b".into(), &["/full_name"]);
        check(|user| user.full_name = "a\nb".into(), &["/full_name"]);
        check(|user| user.email = "a@b".into(), &[]);
        check(|user| user.email = "a b@c".into(), &["/email"]);
        check(|user| user.email = "@c".into(), &["/email"]);
        check(|user| user.language = "ru".into(), &[]);
        check(|user| user.language = "fr".into(), &["/language"]);
        check(|user| user.time_zone = "Europe/Moscow".into(), &[]);
        check(|user| user.time_zone = "Moscow".into(), &["/time_zone"]);
        check(|user| user.theme = "pink".into(), &["/theme"]);
    }
}
