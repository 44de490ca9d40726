//! Settings of an SMTP relay, used under `email.`, later `sms.` and `mail_notifier.` (spec 3.1).
//!
//! Servers, port, TLS and credentials resolve as one unit, the *relay* (spec 4.3).

use std::time::Duration;

use annunciator_settings::{Format, Problem, Secret, TextList, choice, settings};
use annunciator_smtp::{Auth, Limits, Relay, SecretText, Timeouts, TlsPolicy, Verify};

choice! {
    /// When TLS is used.
    pub enum TlsMode {
        /// Never.
        Off = "off",
        /// STARTTLS when the server offers it, whatever its certificate.
        IfSupported = "if_supported",
        /// STARTTLS and a certificate that verifies, or nothing is sent.
        Required = "required",
        /// TLS from the first octet (port 465) and a certificate that verifies, or nothing is sent.
        Implicit = "implicit",
    }
}

choice! {
    /// Oldest TLS version.
    pub enum TlsVersionMin {
        /// TLS 1.0 and later, for old servers.
        Any = "any",
        /// TLS 1.2 and later.
        Tls12 = "1.2",
    }
}

choice! {
    /// How we authenticate to the relay.
    pub enum AuthMode {
        /// Not at all.
        Off = "off",
        /// With user name and password (ESMTP AUTH, RFC 4954).
        Password = "password",
    }
}

/// A server is named without a port: one port holds for all of them.
fn check_server(text: &str) -> Result<(), String> {
    let has_port = match text.strip_prefix('[') {
        Some(literal) => !literal.ends_with(']'),
        None => text.matches(':').count() == 1,
    };
    if has_port {
        return Err("must be a name or an address without a port: set the port as `port`".into());
    }
    Ok(())
}

settings! {
    /// How mail reaches its relay.
    pub struct RelaySettings / RelayLayer {
        /// SMTP servers, tried in the order given: IPv4 or IPv6 addresses or DNS names, separated
        /// by `;` or `,`.
        servers: TextList = TextList::default(), format(Format::HostName), chars_max(255),
            items_max(20), check(check_server), leads_unit("relay");
        /// TCP port of the servers, one for all of them.
        port: u16 = 25, range(1, 65_535), unit("relay"), binds_secrets();
        /// When TLS is used.
        tls: TlsMode = TlsMode::IfSupported, unit("relay"), binds_secrets();
        /// Oldest TLS version that is accepted when TLS is required or implicit.
        tls_version_min: TlsVersionMin = TlsVersionMin::Tls12, unit("relay"), binds_secrets(),
            only_when("tls", "required");
        /// How we authenticate to the relay.
        auth: AuthMode = AuthMode::Off, unit("relay");
        /// User name for ESMTP authentication.
        username: String = String::new(), chars_max(255), unit("relay"),
            only_when("auth", "password");
        /// Password for ESMTP authentication; it is stored sealed and never shown.
        password: Secret = Secret::default(), chars_max(1_024), unit("relay"),
            only_when("auth", "password");
        /// Send credentials even where there is no TLS: whoever listens can read them.
        allow_auth_without_tls: bool = false, unit("relay"), binds_secrets(),
            only_when("auth", "password");
        /// Send credentials, with TLS `if_supported`, to a server whose certificate does not
        /// verify: whoever stands between can read them.
        allow_auth_unverified: bool = false, unit("relay"), binds_secrets(),
            only_when("auth", "password");
        /// Most connections to the relay at the same time.
        connections_max: u32 = 4, range(1, 100), unit("relay");
        /// Messages after which a connection is closed; 0 = no limit.
        messages_per_connection_max: u32 = 0, range(0, 1_000_000), unit("relay");
        /// How long an unused connection is kept open.
        idle_s: u32 = 30, range(0, 300), measure("seconds"), unit("relay");
    }
}

impl RelaySettings {
    /// What does not fit together, with pointers below the group.
    #[must_use]
    pub fn find_conflicts(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut add = |key: &str, code: &'static str, detail: &str| {
            problems.push(Problem::new(code, detail).under(key));
        };
        if self.auth == AuthMode::Password {
            if self.username.is_empty() {
                add("username", "required", "authentication is on: give the user name");
            }
            if self.password.is_empty() {
                add("password", "required", "authentication is on: give the password");
            }
            if self.tls == TlsMode::Off && !self.allow_auth_without_tls {
                add(
                    "tls",
                    "conflict",
                    "credentials would cross the network in clear: choose another TLS mode, or \
                     turn on `allow_auth_without_tls` if you accept that",
                );
            }
        }
        problems
    }

    /// The relay they describe. `hello_name` is the argument of EHLO; not before `first_retry`
    /// plain text may follow failed TLS.
    #[must_use]
    pub fn to_relay(&self, hello_name: &str, first_retry: Duration) -> Relay {
        let version_min = match self.tls_version_min {
            TlsVersionMin::Any => annunciator_smtp::TlsVersionMin::Any,
            TlsVersionMin::Tls12 => annunciator_smtp::TlsVersionMin::Tls12,
        };
        let verify = Verify { ca: None, version_min };
        let tls = match self.tls {
            TlsMode::Off => TlsPolicy::Off,
            TlsMode::IfSupported => TlsPolicy::IfSupported { plaintext_after: first_retry },
            TlsMode::Required => TlsPolicy::Required { verify },
            TlsMode::Implicit => TlsPolicy::Implicit { verify },
        };
        let auth = match self.auth {
            AuthMode::Off => Auth::None,
            AuthMode::Password => Auth::Password {
                username: self.username.clone(),
                password: SecretText::new(self.password.reveal().to_owned()),
                allow_without_tls: self.allow_auth_without_tls,
                allow_unverified: self.allow_auth_unverified,
            },
        };
        Relay {
            hosts: self.servers.as_slice().to_vec(),
            port: self.port,
            tls,
            auth,
            hello_name: hello_name.to_owned(),
            limits: Limits {
                connections_max: self.connections_max as usize,
                messages_per_connection_max: self.messages_per_connection_max,
                idle: Duration::from_secs(u64::from(self.idle_s)),
            },
            timeouts: Timeouts::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use annunciator_settings::{Origin, SettingsGroup as _, SettingsLayer as _, find_faults};
    use serde_json::{Value, json};

    use super::*;

    fn conflicts(document: &Value) -> Vec<String> {
        let layer = RelayLayer::from_json(document).expect("valid");
        let settings = RelaySettings::resolve(&[(Origin::Server, &layer)]).values;
        settings.find_conflicts().into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn the_definitions_have_no_faults() {
        assert_eq!(find_faults(RelaySettings::definitions()), Vec::<String>::new());
    }

    #[test]
    fn credentials_without_tls_need_their_switch() {
        let with = |tls: &str, allow: bool| {
            json!({"servers": "a.example", "tls": tls, "auth": "password", "username": "u",
                   "password": "p", "allow_auth_without_tls": allow})
        };
        for (document, expected) in [
            (with("off", false), vec!["/tls"]),
            (with("off", true), vec![]),
            (with("if_supported", false), vec![]),
            (json!({"auth": "password"}), vec!["/username", "/password"]),
            (json!({"tls": "off"}), vec![]),
        ] {
            assert_eq!(conflicts(&document), expected, "{document}");
        }
    }

    #[test]
    fn a_server_is_named_without_its_port() {
        for (server, valid) in [
            ("mail.example.org", true),
            ("192.0.2.1", true),
            ("2001:db8::1", true),
            ("[2001:db8::1]", true),
            ("mail.example.org:587", false),
            ("192.0.2.1:587", false),
            ("[2001:db8::1]:587", false),
        ] {
            let read = RelayLayer::from_json(&json!({ "servers": [server] }));
            assert_eq!(read.is_ok(), valid, "{server}: {read:?}");
        }
    }

    #[test]
    fn a_stored_password_is_typed_again_for_a_changed_server() {
        let mut layer = RelayLayer::from_json(&json!({
            "servers": "a.example", "auth": "password", "username": "u", "password": "p"}))
        .expect("valid");
        let before = layer.clone();
        let problems = layer.merge_patch(&json!({"servers": "b.example"})).unwrap_err();
        assert_eq!((problems[0].pointer.as_str(), problems[0].code), ("/password", "retype"));
        assert_eq!(layer, before);
        layer.merge_patch(&json!({"servers": "b.example", "password": "q"})).expect("typed");
    }
}
