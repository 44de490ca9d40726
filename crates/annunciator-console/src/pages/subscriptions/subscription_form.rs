//! The form of a subscription, and the way to and from its settings.
//!
//! In: settings as the API shows them; a posted form. Out: settings, whole.
//! Failure: what cannot be read goes to the API as it was typed, which says what is wrong.

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::form::Form;
use crate::page::Page;
use crate::pages::incidents::KINDS;

/// What a new one has. Unit: minutes.
const BUNDLE_MINUTES: &str = "30";
/// When a new one is mailed daily.
const DAILY_AT: &str = "08:00";

/// A subscription as it stands in the form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SubscriptionForm {
    pub(super) name: String,
    pub(super) enabled: bool,
    pub(super) users: Vec<String>,
    pub(super) addresses: Vec<String>,
    pub(super) language: String,
    pub(super) time_zone: String,
    pub(super) detectors: Vec<String>,
    pub(super) models: Vec<String>,
    pub(super) assets: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) severity: String,
    pub(super) delivery: String,
    pub(super) bundle_minutes: String,
    pub(super) daily_at: String,
    pub(super) quiet_from: String,
    pub(super) quiet_until: String,
    pub(super) follow_ups: bool,
}

impl SubscriptionForm {
    /// A new one, for readers like whoever makes it.
    pub(super) fn new(language: &str, zone: &TimeZone) -> Self {
        Self {
            enabled: true,
            language: language.to_owned(),
            time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            severity: "info".to_owned(),
            delivery: "at_once".to_owned(),
            bundle_minutes: BUNDLE_MINUTES.to_owned(),
            daily_at: DAILY_AT.to_owned(),
            ..Self::default()
        }
    }

    /// As it is stored.
    pub(super) fn of_settings(settings: &Map<String, Value>) -> Self {
        let value = |key: &str| settings.get(key).cloned().unwrap_or_default();
        let text = |key: &str| match value(key) {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let list = |key: &str| match value(key) {
            Value::Array(items) => {
                items.iter().filter_map(|item| Some(item.as_str()?.to_owned())).collect()
            }
            Value::String(text) => split(&text),
            _ => Vec::new(),
        };
        let is_on = |key: &str| value(key) == true;
        Self {
            name: text("name"),
            enabled: is_on("enabled"),
            users: list("users"),
            addresses: list("addresses"),
            language: text("language"),
            time_zone: text("time_zone"),
            detectors: list("detectors"),
            models: list("models"),
            assets: list("assets"),
            groups: list("groups"),
            severity: text("severity"),
            delivery: text("delivery"),
            bundle_minutes: text("bundle_minutes"),
            daily_at: text("daily_at"),
            quiet_from: text("quiet_from"),
            quiet_until: text("quiet_until"),
            follow_ups: is_on("follow_ups"),
        }
    }

    /// As it was posted.
    pub(super) fn of_posted(form: &Form) -> Self {
        let text = |name: &str| form.trimmed(name).to_owned();
        // What its rhythm does not use is not posted, and stands there again when it does.
        let or_default = |name: &str, default: &str| match form.has(name) {
            true => text(name),
            false => default.to_owned(),
        };
        let boxes = |name: &str| -> Vec<String> {
            let all = form.all(name).into_iter().map(str::trim);
            all.filter(|one| !one.is_empty()).map(str::to_owned).collect()
        };
        let mut users = boxes("user");
        users.extend(split(form.text("users")));
        let mut detectors = boxes("detector");
        detectors.extend(split(form.text("detectors")));
        Self {
            name: text("name"),
            enabled: form.is_on("enabled"),
            users,
            addresses: split(form.text("addresses")),
            language: text("language"),
            time_zone: text("time_zone"),
            detectors,
            models: lines(form.text("models")),
            assets: lines(form.text("assets")),
            groups: lines(form.text("groups")),
            severity: text("severity"),
            delivery: text("delivery"),
            bundle_minutes: or_default("bundle_minutes", BUNDLE_MINUTES),
            daily_at: or_default("daily_at", DAILY_AT),
            quiet_from: text("quiet_from"),
            quiet_until: text("quiet_until"),
            follow_ups: form.is_on("follow_ups"),
        }
    }

    /// The settings, whole; what its rhythm does not use is left at its default.
    pub(super) fn settings(&self) -> Value {
        let mut settings = json!({
            "name": self.name,
            "enabled": self.enabled,
            "users": self.users,
            "addresses": self.addresses,
            "language": self.language,
            "time_zone": self.time_zone,
            "detectors": self.detectors,
            "models": self.models,
            "assets": self.assets,
            "groups": self.groups,
            "severity": self.severity,
            "delivery": self.delivery,
            "quiet_from": self.quiet_from,
            "quiet_until": self.quiet_until,
            "follow_ups": self.follow_ups,
        });
        match self.delivery.as_str() {
            "bundled" => {
                let minutes: Result<u64, _> = self.bundle_minutes.parse();
                settings["bundle_minutes"] =
                    minutes.map_or_else(|_| self.bundle_minutes.as_str().into(), Value::from);
            }
            "daily" => settings["daily_at"] = self.daily_at.as_str().into(),
            _ => {}
        }
        settings
    }

    /// The keys of the labels of what differs from another one.
    pub(super) fn find_changes(&self, other: &Self) -> Vec<&'static str> {
        let all = [
            ("subscriptions-name", self.name == other.name),
            ("subscriptions-on", self.enabled == other.enabled),
            ("subscriptions-users", self.users == other.users),
            ("subscriptions-addresses", self.addresses == other.addresses),
            ("subscriptions-language", self.language == other.language),
            ("subscriptions-time-zone", self.time_zone == other.time_zone),
            ("subscriptions-detectors", self.detectors == other.detectors),
            ("subscriptions-models", self.models == other.models),
            ("subscriptions-assets", self.assets == other.assets),
            ("subscriptions-groups", self.groups == other.groups),
            ("incidents-severity-min", self.severity == other.severity),
            ("subscriptions-when", self.delivery == other.delivery),
            ("subscriptions-bundle", self.bundle_minutes == other.bundle_minutes),
            ("subscriptions-daily", self.daily_at == other.daily_at),
            ("subscriptions-quiet-from", self.quiet_from == other.quiet_from),
            ("subscriptions-quiet-until", self.quiet_until == other.quiet_until),
            ("subscriptions-follow-ups", self.follow_ups == other.follow_ups),
        ];
        all.into_iter().filter(|(_, is_same)| !is_same).map(|(key, _)| key).collect()
    }

    /// Whether a user is one of its own; case does not count.
    pub(super) fn has_user(&self, name: &str) -> bool {
        self.users.iter().any(|user| user.eq_ignore_ascii_case(name))
    }

    /// Whether a kind of detectors is chosen.
    pub(super) fn has_detector(&self, kind: &str) -> bool {
        self.detectors.iter().any(|one| one == kind)
    }

    /// The kinds that are not offered.
    pub(super) fn other_detectors(&self) -> String {
        let others = self.detectors.iter().filter(|kind| !KINDS.contains(&kind.as_str()));
        others.map(String::as_str).collect::<Vec<_>>().join("; ")
    }

    /// What it is about, each part with its words; nothing for everything.
    pub(super) fn about(&self, page: &Page) -> Vec<(String, String)> {
        let kinds: Vec<_> =
            self.detectors.iter().map(|kind| page.word("incidents-kind", kind)).collect();
        let severity = match self.severity.as_str() {
            "" | "info" => Vec::new(),
            word => vec![page.word("incidents-severity-from", word)],
        };
        let parts = [
            ("events-severity", &severity),
            ("incidents-detector", &kinds),
            ("incidents-model", &self.models),
            ("incidents-asset", &self.assets),
            ("listing-group", &self.groups),
        ];
        let parts = parts.into_iter().filter(|(_, values)| !values.is_empty());
        parts.map(|(key, values)| (page.t(key), values.join(", "))).collect()
    }

    /// When it is told, in words.
    pub(super) fn rhythm(&self, page: &Page) -> String {
        match self.delivery.as_str() {
            "bundled" => page.t1("subscriptions-every", "minutes", self.bundle_minutes.as_str()),
            "daily" => page.t1("subscriptions-daily-at", "time", self.daily_at.as_str()),
            _ => page.t("subscriptions-at-once"),
        }
    }
}

/// The items between `;`, `,` and line ends.
fn split(text: &str) -> Vec<String> {
    let items = text.split([';', ',', '\n']).map(str::trim);
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// One item in a line: names may hold commas.
fn lines(text: &str) -> Vec<String> {
    let items = text.lines().map(str::trim);
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posted_form_becomes_settings_and_they_the_same_form() {
        let check = |posted: &str, key: &str, expected: Value| {
            let form = SubscriptionForm::of_posted(&Form::parse(posted.as_bytes()));
            let settings = form.settings();
            assert_eq!(settings[key], expected, "{posted}");
            let again = SubscriptionForm::of_settings(settings.as_object().unwrap());
            assert_eq!(again.settings(), settings, "{posted}");
        };
        check("addresses=a%40b.c%3B+d%40b.c%2C", "addresses", json!(["a@b.c", "d@b.c"]));
        check("user=anna&user=&users=boris%3B", "users", json!(["anna", "boris"]));
        check("detector=limit&detectors=own%3B+two", "detectors", json!(["limit", "own", "two"]));
        check("models=Boiler%2C+old%0D%0A*", "models", json!(["Boiler, old", "*"]));
        check("delivery=bundled&bundle_minutes=15", "bundle_minutes", json!(15));
        check("delivery=bundled&bundle_minutes=x", "bundle_minutes", json!("x"));
        check("delivery=at_once&bundle_minutes=x", "bundle_minutes", Value::Null);
        check("delivery=daily&daily_at=07:30", "daily_at", json!("07:30"));
        let form = SubscriptionForm::of_posted(&Form::parse(b"delivery=at_once"));
        assert_eq!((form.bundle_minutes.as_str(), form.daily_at.as_str()), ("30", "08:00"));
        let form = SubscriptionForm::of_posted(&Form::parse(b"bundle_minutes=&daily_at="));
        assert_eq!((form.bundle_minutes.as_str(), form.daily_at.as_str()), ("", ""));
        check("enabled=off&enabled=on", "enabled", json!(true));
        check("", "enabled", json!(false));
    }
}
