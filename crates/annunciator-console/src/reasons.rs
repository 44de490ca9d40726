//! What the API says in English becomes the reader's language, and names of settings their labels.
//!
//! In: reasons of decisions, problems and advice, with names between backticks. Out: plain words
//! for attributes, or escaped HTML. Standard: [`TEXTS`] is the only place that knows the API's
//! words. Failure: what is not in the table stands as the API wrote it.

use annunciator_core::Timestamp;
use askama::filters::Safe;
use jiff::tz::TimeZone;

use crate::language::Language;
use crate::moments;
use crate::page::Page;

/// Texts of the API with their places, and the keys of our words; those of `reasons.ftl`.
const TEXTS: &[(&str, &str)] = &[
    ("turned on ({origin})", "reason-turned-on"),
    ("turned off ({origin})", "reason-turned-off"),
    ("notify_about includes all events", "reason-all"),
    ("notify_about is `configured` and no event configuration turns it on", "reason-configured"),
    ("notify_about includes severity `{severity}`", "reason-severity"),
    ("notify_about does not include severity `{severity}`", "reason-severity-left-out"),
    ("silenced until {at} by {author}: {comment} (silence {id})", "reason-silenced"),
    ("the limit of {count} in {seconds} s ({origin}) is reached", "reason-limit"),
    ("limit of {count} in {seconds} s ({origin}) reached", "reason-limit"),
    ("summary of the limit of {count} in {seconds} s ({origin})", "reason-summary"),
    ("no recipients are set", "reason-no-recipients"),
    ("no SMTP servers are set", "reason-no-servers"),
    ("no phone numbers and no recipients are set", "reason-no-phone-numbers"),
    ("no executable is set", "reason-no-executable"),
    ("the bootstrap config names no folder for executables", "reason-no-folder"),
    ("is no user", "reason-no-user"),
    ("is blocked", "reason-blocked"),
    ("has paused it", "reason-paused"),
    ("has no address", "reason-no-address"),
    ("is the address of a blocked user", "reason-blocked-address"),
    ("incidents with the status `{status}` are not told", "reason-status-untold"),
    ("the change to the status `{status}` is not told", "reason-change-untold"),
    ("there are no subscriptions", "reason-no-subscriptions"),
    ("no subscription is met", "reason-none-met"),
    ("the Mail Notifier cannot send: no SMTP servers are set", "reason-notifier-servers"),
    ("the Mail Notifier cannot send: no sender is set", "reason-notifier-sender"),
    ("bundle of subscription `{name}`", "reason-bundle"),
    ("what waited is not told: it is the address of a blocked user", "reason-waited-blocked"),
    ("what waited is not told: user `{name}` has paused it", "reason-waited-paused"),
    ("what waited is not told: the subscription `{name}` is turned off", "reason-waited-off"),
    ("what waited is not told: there is no subscription `{name}` any more", "reason-waited-gone"),
    (
        "what waited is not told: the subscription `{name}` does not lead to this address any more",
        "reason-waited-elsewhere",
    ),
    ("`{address}` has no `@`: type an address such as ops@example.org", "problem-address-no-at"),
    ("`{address}` is not well-formed before the `@`: {rest}", "problem-address-local"),
    ("`{address}` is not well-formed after the `@`: {rest}", "problem-address-domain"),
    ("`{address}` has a space or a control character: remove it", "problem-address-character"),
    ("`{address}` has a display name: {rest}", "problem-address-name"),
    ("`{name}` is not the name of a time zone: {rest}", "problem-zone"),
    ("must be a time of day as HH:MM", "problem-time-of-day"),
    ("nobody is named: give users or addresses, else nobody is told", "problem-names-nobody"),
    (
        "`{status}` is no longer a status, but incidents have it ({count} or more): they keep it \
         until they get another",
        "problem-status-in-use-more",
    ),
    (
        "`{status}` is no longer a status, but incidents have it ({count}): they keep it until \
         they get another",
        "problem-status-in-use",
    ),
    ("give the begin too", "problem-begin"),
    ("give the end too", "problem-end"),
    (
        "must differ from the begin: for no quiet hours leave both empty",
        "problem-same-begin-and-end",
    ),
    ("give the time of the daily mail", "problem-daily"),
    ("must have a name", "problem-name"),
    ("must have a code", "problem-code"),
    ("`{name}` is there twice: take another name", "problem-name-twice"),
    ("`{name}` is there twice: take another code", "problem-code-twice"),
    ("must be of small letters, digits, `_` and `-`", "problem-small-letters"),
    ("must be the code of a status: {codes}", "problem-status-code"),
    ("must be given: a JSON pointer such as `/id`, or a text", "problem-pointer-or-text"),
    ("must be a JSON pointer such as `/data/incidents`", "problem-pointer"),
    ("the mapping `{name}` looks for incidents here", "problem-no-items"),
    (
        "must be text, a number, true or false; the mapping takes it from `{from}`",
        "problem-mapped-value",
    ),
    ("must be a number; the mapping takes it from `{from}`", "problem-mapped-number"),
    ("must be a text or a number; the mapping takes it from `{from}`", "problem-mapped-text"),
    (
        "somebody else has changed the incident meanwhile: look at it again",
        "problem-incident-changed",
    ),
    ("There is no incident of this id.", "problem-no-incident"),
    ("There is no subscription of this name.", "problem-no-subscription"),
    ("You may pause your own subscriptions, and not those of others.", "problem-not-own"),
    ("must be given", "problem-given"),
    ("must be given, and differ from all others", "problem-given-and-unique"),
    ("must have {count} characters at most", "problem-too-long"),
    ("must have {count} characters or more: a few words do well", "problem-too-short"),
    ("must be from {least} to {most}, not {number}", "problem-range"),
    ("must not be the name of the user", "problem-same-as-name"),
    ("is one of the commonest passwords: choose another", "problem-common"),
    ("is too large", "problem-too-large"),
    ("must be text", "problem-text"),
    ("must be true or false", "problem-yes-or-no"),
    ("There is nothing at this path.", "refusal-not-found"),
    ("There is no such delivery.", "problem-no-delivery"),
    ("There is no such notification.", "problem-no-notification"),
    ("There is no silence of this id.", "problem-no-silence"),
    ("There is no event of this id.", "problem-no-event"),
    ("There is no user of this name.", "problem-no-user"),
    ("There is no role of this name.", "problem-no-role"),
    ("There is no token of this id.", "problem-no-token"),
    ("There is no backup of this name.", "problem-no-backup"),
    ("There is no node of this id.", "problem-no-node"),
    ("The node {name} does not run.", "problem-node-not-running"),
    ("The node {name} drains already: start it again.", "problem-node-drains"),
    ("There is no certificate object of this id.", "problem-no-certificate"),
    ("There is no policy `{name}`.", "problem-no-policy"),
    ("There is no device group `{name}`.", "problem-no-group"),
    ("There are no settings of this application on this device.", "problem-no-device"),
];
/// Where a layer that decides is named, as the API names it.
const ORIGINS: &[(&str, &str)] = &[
    ("from policy {name}", "event-configuration-origin-policy"),
    ("from application settings {name}", "event-configuration-origin-application"),
    ("event configuration", "event-configuration-origin-event-configuration"),
    ("server-wide settings", "event-configuration-origin-server"),
    ("server settings", "event-configuration-origin-server"),
    ("compiled default", "event-configuration-origin-compiled-default"),
];

impl Page {
    /// What the API says, in the reader's language, as plain words.
    pub(crate) fn reason(&self, text: impl AsRef<str>) -> String {
        plain(text.as_ref(), self.language, &self.zone)
    }

    /// The same as HTML, with the names in it as code or by their labels.
    pub(crate) fn words(&self, text: impl AsRef<str>) -> Safe<String> {
        html(text.as_ref(), self.language, &self.zone)
    }
}

/// The words of a text in the reader's language; nothing where the table does not know it.
pub(crate) fn find(text: &str, language: Language, zone: &TimeZone) -> Option<String> {
    let (values, key) = TEXTS.iter().find_map(|(form, key)| Some((places(form, text)?, key)))?;
    let told = |(name, value): (&'static str, &str)| (name, spoken(name, value, language, zone));
    let values: Vec<_> = values.into_iter().map(told).collect();
    let values: Vec<_> =
        values.iter().map(|(name, value)| (*name, value.as_str().into())).collect();
    Some(language.say_with(key, &values))
}

/// The same, or the text itself without its marks.
pub(crate) fn plain(text: &str, language: Language, zone: &TimeZone) -> String {
    find(text, language, zone).unwrap_or_else(|| text.replace('`', ""))
}

/// The same as HTML: what stood between backticks as code, a setting by its label.
pub(crate) fn html(text: &str, language: Language, zone: &TimeZone) -> Safe<String> {
    let text = find(text, language, zone).unwrap_or_else(|| text.to_owned());
    let pieces: Vec<&str> = text.split('`').collect();
    let is_whole = pieces.len() % 2 == 1;
    let mut html = String::with_capacity(text.len() + 16);
    for (at, piece) in pieces.iter().enumerate() {
        if !is_whole || at % 2 == 0 {
            if !is_whole && at > 0 {
                html.push('`');
            }
            escape_into(piece, &mut html);
            continue;
        }
        let label = setting(piece, language);
        let (tag, words) = label.as_ref().map_or(("code", *piece), |words| ("q", words.as_str()));
        html.push_str(&format!("<{tag}>"));
        escape_into(words, &mut html);
        html.push_str(&format!("</{tag}>"));
    }
    Safe(html)
}

fn escape_into(text: &str, html: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&#34;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

/// A setting by its label, with its value when one is named: `tls = "implicit"`.
fn setting(text: &str, language: Language) -> Option<String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key.trim(), Some(value.trim().trim_matches('"'))),
        None => (text, None),
    };
    let is_key = key.bytes().all(|b| b.is_ascii_lowercase() || b"_.-".contains(&b));
    if !is_key || key.is_empty() {
        return None;
    }
    let find = |name: &str| language.find(&format!("setting-{}", name.replace(['_', '.'], "-")));
    let last = key.rsplit('.').next().unwrap_or(key);
    let label = find(key).or_else(|| find(last))?;
    let Some(value) = value else { return Some(label) };
    let said = match value {
        "true" => Some(language.say("shell-yes")),
        "false" => Some(language.say("shell-no")),
        word => find(&format!("{last}-{word}")),
    };
    Some(format!("{label}: {}", said.as_deref().unwrap_or(value)))
}

/// The values that a text has at the places of a form; nothing when it is not of this form.
fn places<'t>(form: &'static str, text: &'t str) -> Option<Vec<(&'static str, &'t str)>> {
    let mut parts = form.split('{');
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    for part in parts {
        let (name, after) = part.split_once('}')?;
        let end = match after {
            "" => rest.len(),
            // What people typed may hold what follows it.
            _ if name == "comment" || name == "origin" => rest.rfind(after)?,
            _ => rest.find(after)?,
        };
        found.push((name, &rest[..end]));
        rest = &rest[end + after.len()..];
    }
    rest.is_empty().then_some(found)
}

/// A value in the reader's language.
fn spoken(name: &str, value: &str, language: Language, zone: &TimeZone) -> String {
    let said = match name {
        "severity" => language.find(&format!("severity-{value}")),
        "at" => value.parse::<Timestamp>().ok().map(|at| moments::time(at, zone, language)),
        "origin" => origin(value, language),
        _ => None,
    };
    said.unwrap_or_else(|| value.to_owned())
}

fn origin(text: &str, language: Language) -> Option<String> {
    let (values, key) = ORIGINS.iter().find_map(|(form, key)| Some((places(form, text)?, key)))?;
    let name = values.first().map_or("", |(_, name)| name);
    Some(language.say_with(key, &[("name", name.into())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts_are_told_in_the_readers_language() {
        let check = |text: &str, expected: &str| {
            assert_eq!(plain(text, Language::Russian, &TimeZone::UTC), expected, "{text}");
        };
        check(
            "notify_about includes severity `failure`",
            "Включено для событий уровня важности «Отказ функционирования»",
        );
        check(
            "the limit of 2 in 60 s (from policy A (b)) is reached",
            "Ограничение исчерпано: 2 за 60 с (политика A (b))",
        );
        check(
            "silenced until 2026-11-30T05:21:07.000Z by anna: works (silence a) (silence 7)",
            "Уведомления отключены до 30.11.2026, 05:21:07; кто: anna, причина: works (silence a)",
        );
        check("no such thing as `x`", "no such thing as x");
    }

    #[test]
    fn every_text_has_words_with_its_places() {
        for (form, key) in TEXTS {
            for language in [Language::English, Language::Russian] {
                assert!(language.find(key).is_some(), "{key}");
                assert!(find(form, language, &TimeZone::UTC).is_some(), "{form}");
            }
        }
    }

    #[test]
    fn names_between_backticks_become_code_or_labels() {
        let check = |text: &str, expected: &str| {
            assert_eq!(html(text, Language::English, &TimeZone::UTC).0, expected, "{text}");
        };
        check("set `tls = \"implicit\"`", "set <q>TLS: Implicit, from the first byte</q>");
        check("see `servers`", "see <q>SMTP servers</q>");
        check("`<b>` & `email.servers`", "<code>&lt;b&gt;</code> &amp; <q>SMTP servers</q>");
        check("one ` alone <i>", "one ` alone &lt;i&gt;");
    }
}
