//! Which settings stand on which tab, in which order.
//!
//! What nobody has arranged stands by itself: a setting under "Advanced" of its group's tab, a
//! whole group as a section of the tab *Server*.

use crate::settings_form::{Definitions, Place, Setting};

/// A tab.
#[derive(Debug)]
pub(super) struct Tab {
    /// Its name in paths and words.
    pub(super) name: &'static str,
    /// The one group of a channel; none for the tab *Server*, which has all other groups.
    pub(super) group: Option<&'static str>,
    sections: &'static [Section],
}

/// A section: its words are `settings-section-NAME`.
#[derive(Debug)]
struct Section {
    name: &'static str,
    fields: &'static [&'static str],
}

const fn section(name: &'static str, fields: &'static [&'static str]) -> Section {
    Section { name, fields }
}

/// Name of the folded section for everything that few need.
pub(super) const ADVANCED: &str = "advanced";

const SECURITY: Section =
    section("security", &["tls", "tls_version_min", "ca_certificates", "client_certificate"]);
const AUTHENTICATION: Section = section(
    "authentication",
    &[
        "auth",
        "username",
        "password",
        "auth_mechanism",
        "oauth_flow",
        "oauth_token_url",
        "oauth_client_id",
        "oauth_client_secret",
        "oauth_secret_expires",
        "oauth_refresh_token",
        "oauth_scope",
        "allow_auth_without_tls",
        "allow_auth_unverified",
    ],
);

/// The tabs, in their order.
pub(super) const TABS: &[Tab] = &[
    Tab {
        name: "email",
        group: Some("email"),
        sections: &[
            section("told", &["notify_about"]),
            section("people", &["sender", "recipients", "recipients_cc", "recipients_bcc"]),
            section("relay", &["servers", "port", "mx_lookup", "dane", "mta_sts"]),
            SECURITY,
            AUTHENTICATION,
            section("message", &["subject", "message", "html_message"]),
            section("readers", &["language", "time_zone", "time_format"]),
            section("limit", &["limit"]),
        ],
    },
    Tab {
        name: "sms",
        group: Some("sms"),
        sections: &[
            section("told", &["notify_about"]),
            section(
                "phones",
                &["phone_numbers", "gateway_address", "phone_format", "recipients", "sender"],
            ),
            section("gateway", &["servers", "port"]),
            SECURITY,
            AUTHENTICATION,
            section("text", &["message", "segments_max", "transliterate", "subject"]),
            section("readers", &["language", "time_zone", "time_format"]),
            section("limit", &["limit"]),
        ],
    },
    Tab {
        name: "executable",
        group: Some("executable"),
        sections: &[
            section("started", &["notify_about"]),
            section("program", &["file", "arguments", "time_limit_s"]),
            section("readers", &["language", "time_zone", "time_format"]),
            section("limit", &["limit"]),
        ],
    },
    Tab { name: "server", group: None, sections: &[] },
];

/// The Mail Notifier: a page of its own among the system parameters.
pub(super) static NOTIFIER: Tab = Tab {
    name: "mail-notifier",
    group: Some("mail_notifier"),
    sections: &[
        section("mail-server", &["sender", "servers", "port"]),
        section(
            "authentication",
            &[
                "auth",
                "username",
                "password",
                "auth_mechanism",
                "oauth_flow",
                "oauth_token_url",
                "oauth_client_id",
                "oauth_client_secret",
                "oauth_secret_expires",
                "oauth_refresh_token",
                "oauth_scope",
                "allow_auth_unverified",
            ],
        ),
        section(
            "mail-tls",
            &[
                "tls",
                "allow_auth_without_tls",
                "client_certificate",
                "ca_certificates",
                "tls_version_min",
            ],
        ),
    ],
};

/// Groups of settings that stand on pages of their own.
const OWN_PAGES: [&str; 2] = ["incidents", "mail_notifier"];

impl Tab {
    /// The tab of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        TABS.iter().chain([&NOTIFIER]).find(|tab| tab.name == name)
    }

    /// Whether it is a page of its own, and not one of the ways of delivery.
    pub(super) fn is_apart(&self) -> bool {
        self.name == NOTIFIER.name
    }

    /// The section of the menu that is marked.
    pub(super) fn menu_section(&self) -> &'static str {
        if self.is_apart() { "mail-notifier" } else { "delivery" }
    }

    /// The groups that stand on it.
    pub(super) fn groups(&self, definitions: &Definitions) -> Vec<String> {
        let is_elsewhere = |name: &str| {
            TABS.iter().any(|tab| tab.group == Some(name)) || OWN_PAGES.contains(&name)
        };
        match self.group {
            Some(group) => vec![group.to_owned()],
            None => {
                let mut groups: Vec<_> = definitions
                    .groups()
                    .map(|(name, _)| name.to_owned())
                    .filter(|name| !is_elsewhere(name))
                    .collect();
                let known = ["console", "delivery", "retention", "names"];
                let rank = |name: &String| known.iter().position(|other| other == name);
                groups.sort_by_key(|name| rank(name).unwrap_or(known.len()));
                groups
            }
        }
    }

    /// The sections with the settings of each, of those groups of the tab: name of the section,
    /// and of its settings group and key.
    pub(super) fn sections(&self, definitions: &Definitions) -> Vec<(String, Vec<Spot>)> {
        let mut sections = Vec::new();
        let Some(group) = self.group else {
            for group in self.groups(definitions) {
                let keys = here(definitions.group(&group)).map(|one| one.key.clone());
                let fields = keys.map(|key| Spot { group: group.clone(), key }).collect();
                sections.push((group, fields));
            }
            return sections;
        };
        let settings: Vec<_> = here(definitions.group(group)).collect();
        let place = |key: &str| Spot { group: group.to_owned(), key: key.to_owned() };
        for section in self.sections {
            let there = section.fields.iter().filter(|key| settings.iter().any(|s| s.key == **key));
            let fields: Vec<_> = there.map(|key| place(key)).collect();
            if !fields.is_empty() {
                sections.push((section.name.to_owned(), fields));
            }
        }
        let is_arranged =
            |key: &str| self.sections.iter().any(|section| section.fields.contains(&key));
        let rest = settings.iter().filter(|setting| !is_arranged(&setting.key));
        let rest: Vec<_> = rest.map(|setting| place(&setting.key)).collect();
        if !rest.is_empty() {
            sections.push((ADVANCED.to_owned(), rest));
        }
        sections
    }
}

/// A setting on a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) group: String,
    pub(super) key: String,
}

/// The settings that the server-wide layer can set.
fn here(settings: &[Setting]) -> impl Iterator<Item = &Setting> {
    settings.iter().filter(|setting| setting.place != Place::OverrideOnly)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn definitions() -> Definitions {
        Definitions::parse(&annunciator_server::admin::settings::definitions())
    }

    #[test]
    fn every_setting_stands_on_one_tab_once() {
        let definitions = definitions();
        let mut found = Vec::new();
        for tab in TABS {
            for (_, fields) in tab.sections(&definitions) {
                found.extend(fields.into_iter().map(|one| format!("{}.{}", one.group, one.key)));
            }
        }
        let all: BTreeSet<_> = definitions
            .groups()
            .filter(|(name, _)| !OWN_PAGES.contains(name))
            .flat_map(|(_, settings)| here(settings))
            .map(Setting::name)
            .collect();
        assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), all);
        assert_eq!(found.len(), all.len(), "a setting stands twice");
    }

    #[test]
    fn the_mail_notifier_has_its_settings_on_its_page_once() {
        let definitions = definitions();
        let sections = NOTIFIER.sections(&definitions);
        let mut found: Vec<_> =
            sections.iter().flat_map(|(_, fields)| fields).map(|one| one.key.clone()).collect();
        let mut all: Vec<_> =
            here(definitions.group("mail_notifier")).map(|one| one.key.clone()).collect();
        found.sort();
        all.sort();
        assert_eq!(found, all);
        let names: Vec<_> = sections.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..3], ["mail-server", "authentication", "mail-tls"]);
    }

    #[test]
    fn what_is_arranged_exists() {
        let definitions = definitions();
        for tab in TABS.iter().chain([&NOTIFIER]) {
            let Some(group) = tab.group else { continue };
            for key in tab.sections.iter().flat_map(|section| section.fields) {
                let is_there = definitions.group(group).iter().any(|one| one.key == *key);
                // The executable has readers only once it has the settings for them.
                assert!(is_there, "{group}.{key}");
            }
        }
    }

    #[test]
    fn a_new_setting_stands_under_advanced_and_a_new_group_as_a_section() {
        let row = |key: &str| {
            serde_json::json!({"key": key, "doc": "New.", "default": 1,
            "schema": {"x-kind": "integer"}})
        };
        let definitions = Definitions::parse(&serde_json::json!({"groups": {
            "email": [row("port"), row("brand_new")], "novel": [row("thing")]}}));
        let email = Tab::named("email").unwrap().sections(&definitions);
        let new = Spot { group: "email".to_owned(), key: "brand_new".to_owned() };
        assert_eq!(email.last().unwrap(), &(ADVANCED.to_owned(), vec![new]));
        let server = Tab::named("server").unwrap().sections(&definitions);
        assert_eq!(server[0].0, "novel");
    }
}
