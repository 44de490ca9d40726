//! Ready settings for families of relays (spec 4.6).
//!
//! Out: [`PRESETS`], rows of settings of [`RelaySettings`](crate::RelaySettings) with what the
//! administrator has to add.
//! Knows nothing of: which settings are saved.

use annunciator_settings::SettingsLayer as _;

use crate::relay_settings::RelayLayer;

/// The value of one setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PresetValue {
    /// A text or a word; `<name>` in it stands for the answer of that name.
    Text(&'static str),
    /// A number.
    Number(u32),
}

/// What the administrator has to give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PresetQuestion {
    /// The name of a `<name>` in a value, or the key of a setting.
    pub name: &'static str,
    /// What it is, and where it is found.
    pub doc: &'static str,
}

/// Settings for one family of relays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preset {
    /// The word of API and command line.
    pub name: &'static str,
    /// The family.
    pub title: &'static str,
    /// Settings of the relay that differ from their defaults.
    pub values: &'static [(&'static str, PresetValue)],
    /// What must be given, in the order in which it is asked for.
    pub questions: &'static [PresetQuestion],
    /// What to know and to do at the other end.
    pub note: &'static str,
}

impl Preset {
    /// Settings of the relay that go back to their defaults, so that nothing of the relay before
    /// holds for this one.
    #[must_use]
    pub fn cleared(&self) -> Vec<&'static str> {
        let is_set = |key: &str| self.values.iter().any(|(name, _)| *name == key);
        let of_relay = RelayLayer::definitions().iter().filter(|row| row.unit() == Some("relay"));
        of_relay.map(|row| row.key).filter(|key| !is_set(key)).collect()
    }
}

use PresetValue::{Number, Text};

const fn question(name: &'static str, doc: &'static str) -> PresetQuestion {
    PresetQuestion { name, doc }
}

const SERVERS: PresetQuestion = question("servers", "names or addresses of the relay, `;` between");

/// The presets, in the order of the guide.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "postfix",
        title: "Postfix or another relay of your own that takes mail from this host",
        values: &[("port", Number(25)), ("tls", Text("if_supported"))],
        questions: &[SERVERS],
        note: "The relay must take mail from this host's address: with Postfix, add it to \
               `mynetworks`. TLS is used when the relay offers it, whatever its certificate; when \
               its certificate verifies, set `email.tls=required`.",
    },
    Preset {
        name: "exchange_onpremises",
        title: "Microsoft Exchange Server of your own",
        values: &[
            ("port", Number(25)),
            ("tls", Text("if_supported")),
            ("messages_per_connection_max", Number(500)),
        ],
        questions: &[SERVERS],
        note: "Exchange needs a receive connector that takes mail from this host's address and \
               may relay. To sign in instead, use port 587 with `auth=password`, `username` and \
               `password`, `tls=required`, and the authority of Exchange's certificate as \
               `ca_certificates`; the connector for clients takes 5 messages a minute unless its \
               MessageRateLimit is raised.",
    },
    Preset {
        name: "microsoft_365",
        title: "Microsoft 365 (Exchange Online) with OAuth 2.0",
        values: &[
            ("servers", Text("smtp.office365.com")),
            ("port", Number(587)),
            ("tls", Text("required")),
            ("auth", Text("oauth2")),
            ("oauth_flow", Text("client_credentials")),
            (
                "oauth_token_url",
                Text("https://login.microsoftonline.com/<tenant>/oauth2/v2.0/token"),
            ),
            ("oauth_scope", Text("https://outlook.office365.com/.default")),
            ("connections_max", Number(3)),
            ("messages_per_minute_max", Number(30)),
        ],
        questions: &[
            question("tenant", "the directory (tenant) id, or a domain of the tenant"),
            question("username", "the mailbox that sends, such as alerts@example.org"),
            question("oauth_client_id", "the application (client) id of the registered app"),
            question("oauth_client_secret", "the value of the app's client secret"),
        ],
        note: "The app needs the permission SMTP.SendAsApp with the consent of an administrator, \
               and access to the mailbox; SMTP AUTH must be on for the mailbox. `email.sender` is \
               the mailbox, or an address that it may send as. Exchange Online takes 3 connections \
               and 30 messages a minute from a mailbox, and 10,000 recipients a day.",
    },
    Preset {
        name: "google",
        title: "Gmail or Google Workspace with OAuth 2.0",
        values: &[
            ("servers", Text("smtp.gmail.com")),
            ("port", Number(587)),
            ("tls", Text("required")),
            ("auth", Text("oauth2")),
            ("oauth_flow", Text("refresh_token")),
            ("oauth_token_url", Text("https://oauth2.googleapis.com/token")),
            ("oauth_scope", Text("https://mail.google.com/")),
            ("connections_max", Number(3)),
            ("messages_per_minute_max", Number(60)),
        ],
        questions: &[
            question("username", "the mailbox that sends"),
            question("oauth_client_id", "the client id of the project"),
            question("oauth_client_secret", "the client secret of the project"),
            question(
                "oauth_refresh_token",
                "the refresh token that the mailbox gave its consent to",
            ),
        ],
        note: "Gmail takes 500 messages a day from a personal mailbox and 2,000 from one of \
               Workspace; it names no number by the minute, and 60 is a careful one. \
               `email.sender` is the mailbox or one of its aliases.",
    },
    Preset {
        name: "google_relay",
        title: "Google Workspace SMTP relay service, by this network's address",
        values: &[
            ("servers", Text("smtp-relay.gmail.com")),
            ("port", Number(587)),
            ("tls", Text("required")),
            ("connections_max", Number(3)),
        ],
        questions: &[],
        note: "An administrator of Workspace allows this network's public address under Gmail, \
               Routing, SMTP relay service. `email.sender` must be of a domain of yours there, and \
               `hello_name` in the config a name of yours, not `localhost`.",
    },
    Preset {
        name: "amazon_ses",
        title: "Amazon SES",
        values: &[
            ("servers", Text("email-smtp.<region>.amazonaws.com")),
            ("port", Number(587)),
            ("tls", Text("required")),
            ("auth", Text("password")),
            ("messages_per_minute_max", Number(60)),
        ],
        questions: &[
            question("region", "the AWS region, such as eu-central-1"),
            question("username", "the user name of SES's SMTP credentials, not of an access key"),
            question("password", "the password of SES's SMTP credentials"),
        ],
        note: "60 messages a minute is the rate of SES's sandbox; an account outside it begins at \
               14 a second: `messages_per_minute_max=840`. `email.sender` must be an address or of \
               a domain that SES has verified, in the same region.",
    },
    Preset {
        name: "old_tls10",
        title: "An old relay that speaks TLS 1.0 or 1.1 only",
        values: &[
            ("port", Number(25)),
            ("tls", Text("required")),
            ("tls_version_min", Text("any")),
        ],
        questions: &[SERVERS],
        note: "The relay's certificate must still verify: name its own authority as \
               `ca_certificates` if it has one. TLS 1.0 and 1.1 protect from a listener, hardly \
               from an attacker: use them inside your network only.",
    },
];

#[cfg(test)]
mod tests {
    use annunciator_certificates::CertificateBook;
    use annunciator_settings::{Origin, SettingsGroup as _};
    use serde_json::{Map, Value};

    use super::*;
    use crate::RelaySettings;

    /// The settings of a preset; what is a secret, or named here, is not answered.
    fn fill(preset: &Preset, is_answered: bool) -> Value {
        let mut settings = Map::new();
        for (key, value) in preset.values {
            let value = match value {
                Text(text) => preset
                    .questions
                    .iter()
                    .fold((*text).to_owned(), |text, one| {
                        text.replace(&format!("<{}>", one.name), "answer")
                    })
                    .into(),
                Number(number) => (*number).into(),
            };
            settings.insert((*key).to_owned(), value);
        }
        for question in preset.questions.iter().filter(|_| is_answered) {
            if RelayLayer::definitions().iter().any(|row| row.key == question.name) {
                settings.insert(question.name.to_owned(), "answer".into());
            }
        }
        settings.into()
    }

    fn conflicts(settings: &Value) -> Vec<(String, &'static str)> {
        let layer = RelayLayer::from_json(settings).expect("settings and values that there are");
        let resolved = RelaySettings::resolve(&[(Origin::Server, &layer)]).values;
        let problems = resolved.find_conflicts(&CertificateBook::default());
        problems.into_iter().map(|one| (one.pointer, one.code)).collect()
    }

    #[test]
    fn every_preset_can_be_saved_once_its_questions_are_answered() {
        for preset in PRESETS {
            let settings = fill(preset, true);
            assert_eq!(conflicts(&settings), [], "{}", preset.name);
            assert!(!settings["servers"].as_str().unwrap().contains('<'), "{}", preset.name);
            let needed = conflicts(&fill(preset, false));
            for (pointer, code) in needed {
                assert_eq!(code, "required", "{} {pointer}", preset.name);
                let asked = preset.questions.iter().any(|one| pointer[1..] == *one.name);
                assert!(asked, "{}: {pointer} is needed and not asked for", preset.name);
            }
        }
    }

    #[test]
    fn every_question_has_its_place_and_every_place_its_question() {
        for (at, preset) in PRESETS.iter().enumerate() {
            assert!(PRESETS[..at].iter().all(|other| other.name != preset.name));
            let is_setting = |name| RelayLayer::definitions().iter().any(|row| row.key == name);
            let texts: Vec<&str> = preset
                .values
                .iter()
                .filter_map(|(_, value)| if let Text(text) = value { Some(*text) } else { None })
                .collect();
            for question in preset.questions {
                let place = format!("<{}>", question.name);
                let stands = texts.iter().any(|text| text.contains(&place));
                assert!(stands != is_setting(question.name), "{} {place}", preset.name);
            }
            let places: usize = texts.iter().map(|text| text.matches('<').count()).sum();
            let answers = preset.questions.iter().filter(|one| !is_setting(one.name)).count();
            assert_eq!(places, answers, "{}", preset.name);
        }
    }

    #[test]
    fn nothing_of_the_relay_before_stays() {
        for preset in PRESETS {
            let cleared = preset.cleared();
            for key in ["client_certificate", "mx_lookup", "ca_certificates", "password"] {
                assert!(cleared.contains(&key), "{} {key}", preset.name);
            }
            assert!(!cleared.contains(&"dkim_key") && !cleared.contains(&"port"));
        }
    }
}
