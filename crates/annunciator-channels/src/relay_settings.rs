//! Settings of an SMTP relay, used under `email.`, later `sms.` and `mail_notifier.` (spec 3.1).
//!
//! Servers, port, TLS and credentials resolve as one unit, the *relay* (spec 4.3).

use annunciator_certificates::{CertificateBook, CertificateKind, ClientHalf, SigningKey};
use annunciator_core::Timestamp;
use annunciator_mail::SigningName;
use annunciator_settings::{Format, Problem, Secret, TextList, choice, settings};

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
        /// With an OAuth 2.0 access token (XOAUTH2 or OAUTHBEARER).
        OAuth2 = "oauth2",
        /// With the client certificate (EXTERNAL).
        External = "external",
    }
}

choice! {
    /// The mechanism that proves a password.
    pub enum AuthMechanism {
        /// The strongest that the server offers.
        Automatic = "automatic",
        /// PLAIN.
        Plain = "plain",
        /// LOGIN.
        Login = "login",
        /// CRAM-MD5.
        CramMd5 = "cram_md5",
        /// SCRAM-SHA-1, with channel binding where TLS gives it.
        ScramSha1 = "scram_sha_1",
        /// SCRAM-SHA-256, with channel binding where TLS gives it.
        ScramSha256 = "scram_sha_256",
    }
}

choice! {
    /// How access tokens are obtained.
    pub enum OAuthFlow {
        /// With a refresh token that was obtained once.
        RefreshToken = "refresh_token",
        /// With the client's own secret.
        ClientCredentials = "client_credentials",
    }
}

choice! {
    /// About what the relay is asked to report to the sender.
    pub enum DsnNotify {
        /// Nothing is asked: the relay does as it always does.
        Unasked = "unasked",
        /// Nothing at all.
        Never = "never",
        /// Final failure.
        Failure = "failure",
        /// Final failure and delay.
        FailureDelay = "failure_delay",
        /// Final failure, delay, and delivery.
        All = "all",
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

fn check_day(text: &str) -> Result<(), String> {
    let midnight: Result<Timestamp, _> = format!("{text}T00:00:00Z").parse();
    midnight.map(drop).map_err(|_| "must be a day as YYYY-MM-DD".into())
}

fn check_url(text: &str) -> Result<(), String> {
    match text.strip_prefix("https://") {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(()),
        _ => Err("must be an address that begins with https://".into()),
    }
}

settings! {
    /// How mail reaches its relay.
    pub struct RelaySettings / RelayLayer {
        /// SMTP servers, tried in the order given: IPv4 or IPv6 addresses, DNS or Windows names,
        /// separated by `;` or `,`.
        servers: TextList = TextList::default(), format(Format::HostName), chars_max(255),
            items_max(20), check(check_server), leads_unit("relay");
        /// TCP port of the servers, one for all of them.
        port: u16 = 25, range(1, 65_535), unit("relay"), binds_secrets();
        /// Take each server for a domain, and use its mail exchangers (MX records).
        mx_lookup: bool = false, unit("relay"), binds_secrets();
        /// With MX lookup: let the TLSA records of signed zones decide about TLS (DANE, RFC 7672).
        dane: bool = true, unit("relay"), binds_secrets(), only_when("mx_lookup", "true");
        /// With MX lookup: fetch the domain's MTA-STS policy over HTTPS and keep to it (RFC 8461).
        mta_sts: bool = false, unit("relay"), binds_secrets(), only_when("mx_lookup", "true");
        /// When TLS is used.
        tls: TlsMode = TlsMode::IfSupported, unit("relay"), binds_secrets();
        /// Oldest TLS version that is accepted when TLS is required or implicit.
        tls_version_min: TlsVersionMin = TlsVersionMin::Tls12, unit("relay"), binds_secrets();
        /// Certificate object with the authorities that are trusted instead of the system's.
        ca_certificates: String = String::new(), chars_max(64), unit("relay"), binds_secrets();
        /// Certificate object, a certificate with its key, that is shown to a server that asks.
        client_certificate: String = String::new(), chars_max(64), unit("relay");
        /// How we authenticate to the relay.
        auth: AuthMode = AuthMode::Off, unit("relay");
        /// User name for ESMTP authentication; with `oauth2` the mailbox; with `external` it may
        /// be empty.
        username: String = String::new(), chars_max(255), unit("relay");
        /// Password for ESMTP authentication; it is stored sealed and never shown.
        password: Secret = Secret::default(), chars_max(1_024), unit("relay"),
            only_when("auth", "password");
        /// The mechanism that proves the password.
        auth_mechanism: AuthMechanism = AuthMechanism::Automatic, unit("relay"), binds_secrets(),
            only_when("auth", "password");
        /// Send credentials even where there is no TLS: whoever listens can read them.
        allow_auth_without_tls: bool = false, unit("relay"), binds_secrets();
        /// Send credentials, with TLS `if_supported`, to a server whose certificate does not
        /// verify: whoever stands between can read them.
        allow_auth_unverified: bool = false, unit("relay"), binds_secrets();
        /// How access tokens are obtained.
        oauth_flow: OAuthFlow = OAuthFlow::RefreshToken, unit("relay"),
            only_when("auth", "oauth2");
        /// Token endpoint, such as `https://login.microsoftonline.com/<tenant>/oauth2/v2.0/token`.
        oauth_token_url: String = String::new(), chars_max(1_000), check(check_url),
            unit("relay"), binds_secrets(), only_when("auth", "oauth2");
        /// Client id of the application that is registered with the provider.
        oauth_client_id: String = String::new(), chars_max(255), unit("relay"), binds_secrets(),
            only_when("auth", "oauth2");
        /// Secret of the application; it is stored sealed and never shown.
        oauth_client_secret: Secret = Secret::default(), chars_max(1_024), unit("relay"),
            only_when("auth", "oauth2");
        /// Day on which the client secret ends, `YYYY-MM-DD`, as the provider shows it: an event
        /// warns 30, 7 and 1 days before.
        oauth_secret_expires: String = String::new(), chars_max(10), check(check_day),
            unit("relay"), only_when("auth", "oauth2");
        /// Refresh token; it is stored sealed and never shown.
        oauth_refresh_token: Secret = Secret::default(), chars_max(4_096), unit("relay"),
            only_when("auth", "oauth2");
        /// Scope that is asked for.
        oauth_scope: String = String::new(), chars_max(1_000), unit("relay"), binds_secrets(),
            only_when("auth", "oauth2");
        /// Most connections to the relay at the same time; several nodes share them, and each has 1 at
        /// least.
        connections_max: u32 = 4, range(1, 100), unit("relay");
        /// Messages after which a connection is closed; 0 = no limit.
        messages_per_connection_max: u32 = 0, range(0, 1_000_000), unit("relay");
        /// Most messages that are begun in any minute; 0 = no limit. Several nodes share them, and each
        /// has 1 at least.
        messages_per_minute_max: u32 = 0, range(0, 1_000_000), unit("relay");
        /// How long an unused connection is kept open.
        idle_s: u32 = 30, range(0, 300), measure("seconds"), unit("relay");
        /// Send content with BDAT where the server offers CHUNKING (RFC 3030): several messages
        /// are then under way on one connection.
        chunking: bool = true, unit("relay");
        /// About what the relay is asked to report to the sender, where it offers DSN (RFC 3461).
        dsn: DsnNotify = DsnNotify::Unasked;
        /// Ask that every further hop uses verified TLS (REQUIRETLS, RFC 8689); a relay that does
        /// not offer it gets nothing.
        require_tls: bool = false;
        /// Certificate object, a key alone, that signs messages (DKIM, RFC 6376); empty = they
        /// are not signed.
        dkim_key: String = String::new(), chars_max(64);
        /// Domain that signs; empty = the sender's.
        dkim_domain: String = String::new(), format(Format::HostName), chars_max(253);
        /// Selector: the public key stands in DNS at `<selector>._domainkey.<domain>`.
        dkim_selector: String = String::new(), format(Format::HostName), chars_max(63);
        /// Keep the SMTP dialogue of each attempt, without secrets, in the ledger.
        trace: bool = false;
    }
}

impl RelaySettings {
    /// What does not fit together, with pointers below the group.
    #[must_use]
    pub fn find_conflicts(&self, certificates: &CertificateBook) -> Vec<Problem> {
        let mut found = Conflicts(Vec::new());
        self.check_auth(&mut found);
        self.check_objects(certificates, &mut found);
        found.0
    }

    fn check_auth(&self, found: &mut Conflicts) {
        match self.auth {
            AuthMode::Off => return,
            AuthMode::Password => {
                found.require(
                    "username",
                    &self.username,
                    "authentication is on: give the user name",
                );
                let password = self.password.reveal();
                found.require("password", password, "authentication is on: give the password");
            }
            AuthMode::OAuth2 => self.check_oauth(found),
            AuthMode::External => {
                let words = "authentication is by certificate: name the client certificate";
                found.require("client_certificate", &self.client_certificate, words);
                if self.tls == TlsMode::Off {
                    let words = "a client certificate needs TLS: choose another TLS mode";
                    found.add("tls", "conflict", words);
                }
                return;
            }
        }
        if self.tls == TlsMode::Off && !self.allow_auth_without_tls {
            found.add(
                "tls",
                "conflict",
                "credentials would cross the network in clear: choose another TLS mode, or \
                 turn on `allow_auth_without_tls` if you accept that",
            );
        }
    }

    fn check_oauth(&self, found: &mut Conflicts) {
        for (key, value, words) in [
            ("username", self.username.as_str(), "OAuth 2.0 is on: give the mailbox"),
            ("oauth_token_url", &self.oauth_token_url, "OAuth 2.0 is on: give the token endpoint"),
            ("oauth_client_id", &self.oauth_client_id, "OAuth 2.0 is on: give the client id"),
        ] {
            found.require(key, value, words);
        }
        match self.oauth_flow {
            OAuthFlow::RefreshToken => {
                let words = "this flow needs a refresh token";
                found.require("oauth_refresh_token", self.oauth_refresh_token.reveal(), words);
            }
            OAuthFlow::ClientCredentials => {
                let words = "this flow needs the client secret";
                found.require("oauth_client_secret", self.oauth_client_secret.reveal(), words);
            }
        }
    }

    fn check_objects(&self, certificates: &CertificateBook, found: &mut Conflicts) {
        let wanted = [
            ("ca_certificates", &self.ca_certificates, CertificateKind::Authorities),
            ("client_certificate", &self.client_certificate, CertificateKind::Client),
            ("dkim_key", &self.dkim_key, CertificateKind::SigningKey),
        ];
        for (key, id, kind) in wanted {
            if id.is_empty() {
                continue;
            }
            match certificates.get(id) {
                None => {
                    let words = format!("there is no certificate object `{id}`: upload it first");
                    found.add(key, "unknown_certificate", &words);
                }
                Some(object) if object.kind() != kind => {
                    let (is, wants) = (object.kind().as_str(), kind.as_str());
                    let words = format!(
                        "certificate object `{id}` is of kind `{is}`; this \
                                         setting takes one of kind `{wants}`"
                    );
                    found.add(key, "wrong_kind", &words);
                }
                Some(_) => self.check_half(certificates, id, found),
            }
        }
        self.check_dkim(certificates, found);
    }

    /// With TLS on, a client certificate is whole.
    fn check_half(&self, certificates: &CertificateBook, id: &str, found: &mut Conflicts) {
        let (code, words) = match certificates.half(id) {
            None => return,
            Some(_) if self.tls == TlsMode::Off => return,
            Some(ClientHalf::Certificate) => (
                "key_missing",
                "the certificate's key is missing: choose its file, or clear the certificate",
            ),
            Some(ClientHalf::Key) => (
                "certificate_missing",
                "the key's certificate is missing: choose its file, or clear the key",
            ),
        };
        found.add("client_certificate", code, words);
    }

    fn check_dkim(&self, certificates: &CertificateBook, found: &mut Conflicts) {
        if self.dkim_key.is_empty() {
            return;
        }
        let words = "messages are signed: give the selector of the key";
        found.require("dkim_selector", &self.dkim_selector, words);
        let key = certificates.signing_key(&self.dkim_key);
        if let Some(Err(error)) = key.map(SigningKey::signer) {
            found.add("dkim_key", error.code, &error.words);
        }
        // Each is looked at beside one that is in order.
        for (key, text, name) in [
            ("dkim_domain", &self.dkim_domain, SigningName::new(&self.dkim_domain, "x")),
            ("dkim_selector", &self.dkim_selector, SigningName::new("x", &self.dkim_selector)),
        ] {
            match name {
                Err(words) if !text.is_empty() => found.add(key, "format", &words),
                _ => {}
            }
        }
    }
}

struct Conflicts(Vec<Problem>);

impl Conflicts {
    fn add(&mut self, key: &str, code: &'static str, words: &str) {
        self.0.push(Problem::new(code, words).under(key));
    }

    fn require(&mut self, key: &str, value: &str, words: &str) {
        if value.is_empty() {
            self.add(key, "required", words);
        }
    }
}

#[cfg(test)]
mod tests {
    use annunciator_certificates::CertificateObject;
    use annunciator_settings::{Origin, SettingsGroup as _, SettingsLayer as _, find_faults};
    use serde_json::{Value, json};

    use super::*;

    fn conflicts(document: &Value) -> Vec<String> {
        let layer = RelayLayer::from_json(document).expect("valid");
        let settings = RelaySettings::resolve(&[(Origin::Server, &layer)]).values;
        settings
            .find_conflicts(&CertificateBook::default())
            .into_iter()
            .map(|problem| problem.pointer)
            .collect()
    }

    #[test]
    fn the_definitions_have_no_faults() {
        assert_eq!(find_faults(RelaySettings::definitions()), Vec::<String>::new());
        // It counts with `required` and with `implicit`.
        let definitions = RelaySettings::definitions();
        let version = definitions.iter().find(|one| one.key == "tls_version_min").unwrap();
        assert_eq!(version.only_when(), None);
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
    fn half_a_pair_is_taken_where_tls_is_off_alone() {
        let halves = [("a", ClientHalf::Certificate), ("b", ClientHalf::Key)];
        let object =
            |(id, half): (&str, ClientHalf)| (id.to_owned(), CertificateObject::Half(half));
        let book = CertificateBook::new(halves.into_iter().map(object).collect());
        for (id, tls, expected) in [
            ("a", "off", None),
            ("b", "off", None),
            ("a", "required", Some("key_missing")),
            ("b", "implicit", Some("certificate_missing")),
            ("a", "if_supported", Some("key_missing")),
        ] {
            let document = json!({"tls": tls, "client_certificate": id});
            let layer = RelayLayer::from_json(&document).expect("valid");
            let settings = RelaySettings::resolve(&[(Origin::Server, &layer)]).values;
            let found = settings.find_conflicts(&book);
            let codes: Vec<_> = found.iter().map(|one| (one.pointer.as_str(), one.code)).collect();
            let expected = expected.map(|code| ("/client_certificate", code));
            assert_eq!(codes, Vec::from_iter(expected), "{document}");
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
