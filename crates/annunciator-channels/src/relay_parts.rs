//! Settings, names and certificate objects into the relay that the SMTP client is given.

use std::time::Duration;

use annunciator_certificates::CertificateBook;
use annunciator_smtp::{
    Auth, AuthGuard, DsnRequest, Extensions, Grant, Limits, MxPolicy, OAuth2, PasswordMechanism,
    Relay, SecretText, Suites, Timeouts, TlsPolicy, Verify,
};

use crate::names_settings::NamesSettings;
use crate::relay_settings::{
    AuthMechanism, AuthMode, DsnNotify, OAuthFlow, RelaySettings, TlsMode, TlsVersionMin,
};

/// What the transports of all channels are made with, besides their own settings.
#[derive(Clone, Copy)]
pub struct Basis<'a> {
    /// How names are resolved.
    pub names: &'a NamesSettings,
    /// The certificate objects in force.
    pub certificates: &'a CertificateBook,
    /// First wait of the retry schedule: not before it plain text may follow failed TLS
    /// (spec 4.3).
    pub first_retry: Duration,
}

/// What a relay is made from.
#[derive(Clone, Copy)]
pub struct RelayParts<'a> {
    /// The relay's settings.
    pub relay: &'a RelaySettings,
    /// The rest.
    pub basis: Basis<'a>,
    /// Whether TLS is held to authenticated encryption with forward secrecy, and the client
    /// certificate is trusted as an anchor too (spec 9.5).
    pub has_strong_tls: bool,
}

impl RelayParts<'_> {
    /// Why nothing can be sent with them; empty when something can.
    #[must_use]
    pub fn missing(self) -> String {
        if self.relay.servers.is_empty() {
            return "no SMTP servers are set".to_owned();
        }
        // What the settings name and is not there would be replaced by something weaker.
        let problems = self.relay.find_conflicts(self.basis.certificates);
        let lost = problems.into_iter().find(|problem| problem.code == "unknown_certificate");
        lost.map(|problem| problem.detail).unwrap_or_default()
    }

    /// The relay that they describe; `hello_name` is the argument of EHLO.
    #[must_use]
    pub fn to_relay(self, hello_name: &str) -> Relay {
        let settings = self.relay;
        Relay {
            hosts: settings.servers.as_slice().to_vec(),
            port: settings.port,
            mx: settings
                .mx_lookup
                .then_some(MxPolicy { dane: settings.dane, mta_sts: settings.mta_sts }),
            names: self.basis.names.to_policy(),
            tls: self.to_tls(),
            client_certificate: self
                .basis
                .certificates
                .client(&settings.client_certificate)
                .cloned(),
            auth: self.to_auth(),
            extensions: Extensions {
                chunking: settings.chunking,
                dsn: to_dsn(settings.dsn),
                require_tls: settings.require_tls,
            },
            hello_name: hello_name.to_owned(),
            limits: Limits {
                connections_max: settings.connections_max as usize,
                messages_per_connection_max: settings.messages_per_connection_max,
                messages_per_minute_max: settings.messages_per_minute_max,
                idle: Duration::from_secs(u64::from(settings.idle_s)),
            },
            timeouts: Timeouts::default(),
        }
    }

    fn to_tls(self) -> TlsPolicy {
        let version_min = match self.relay.tls_version_min {
            TlsVersionMin::Any => annunciator_smtp::TlsVersionMin::Any,
            TlsVersionMin::Tls12 => annunciator_smtp::TlsVersionMin::Tls12,
        };
        let authorities = self.basis.certificates.authorities(&self.relay.ca_certificates);
        let ca = authorities.map(|authorities| authorities.certificates.clone());
        match self.relay.tls {
            TlsMode::Off => TlsPolicy::Off,
            TlsMode::IfSupported => {
                TlsPolicy::IfSupported { plaintext_after: self.basis.first_retry, ca }
            }
            TlsMode::Required => TlsPolicy::Required { verify: self.to_verify(ca, version_min) },
            TlsMode::Implicit => TlsPolicy::Implicit { verify: self.to_verify(ca, version_min) },
        }
    }

    fn to_verify(
        self,
        ca: Option<Vec<Vec<u8>>>,
        version_min: annunciator_smtp::TlsVersionMin,
    ) -> Verify {
        if !self.has_strong_tls {
            return Verify { ca, version_min, ..Verify::default() };
        }
        let client = self.basis.certificates.client(&self.relay.client_certificate);
        let own = client.and_then(|client| client.chain.first()).cloned();
        let anchors = own.into_iter().collect();
        Verify { ca, version_min, anchors, suites: Suites::ForwardSecret }
    }

    fn to_auth(self) -> Auth {
        let settings = self.relay;
        let username = settings.username.clone();
        let guard = AuthGuard {
            allow_without_tls: settings.allow_auth_without_tls,
            allow_unverified: settings.allow_auth_unverified,
        };
        let secret = |text: &str| SecretText::new(text.to_owned());
        match settings.auth {
            AuthMode::Off => Auth::None,
            AuthMode::Password => Auth::Password {
                username,
                password: secret(settings.password.reveal()),
                mechanism: to_mechanism(settings.auth_mechanism),
                guard,
            },
            AuthMode::OAuth2 => Auth::OAuth2 {
                username,
                source: OAuth2 {
                    token_url: settings.oauth_token_url.clone(),
                    client_id: settings.oauth_client_id.clone(),
                    client_secret: secret(settings.oauth_client_secret.reveal()),
                    scope: settings.oauth_scope.clone(),
                    grant: match settings.oauth_flow {
                        OAuthFlow::RefreshToken => {
                            Grant::RefreshToken(secret(settings.oauth_refresh_token.reveal()))
                        }
                        OAuthFlow::ClientCredentials => Grant::ClientCredentials,
                    },
                    ca: self.oauth_ca(),
                },
                guard,
            },
            AuthMode::External => Auth::External { username },
        }
    }

    /// An own token service in a closed network has its certificate from the same authorities.
    fn oauth_ca(self) -> Option<Vec<Vec<u8>>> {
        let authorities = self.basis.certificates.authorities(&self.relay.ca_certificates);
        authorities.map(|authorities| authorities.certificates.clone())
    }
}

fn to_mechanism(mechanism: AuthMechanism) -> Option<PasswordMechanism> {
    match mechanism {
        AuthMechanism::Automatic => None,
        AuthMechanism::Plain => Some(PasswordMechanism::Plain),
        AuthMechanism::Login => Some(PasswordMechanism::Login),
        AuthMechanism::CramMd5 => Some(PasswordMechanism::CramMd5),
        AuthMechanism::ScramSha1 => Some(PasswordMechanism::ScramSha1),
        AuthMechanism::ScramSha256 => Some(PasswordMechanism::ScramSha256),
    }
}

fn to_dsn(notify: DsnNotify) -> DsnRequest {
    let request = |failure, delay, success| DsnRequest::About { failure, delay, success };
    match notify {
        DsnNotify::Unasked => DsnRequest::Unasked,
        DsnNotify::Never => request(false, false, false),
        DsnNotify::Failure => request(true, false, false),
        DsnNotify::FailureDelay => request(true, true, false),
        DsnNotify::All => request(true, true, true),
    }
}
