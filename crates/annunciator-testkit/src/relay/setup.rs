//! What a test wants of a relay before it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use openssl::ssl::{SslContext, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use crate::certificates::{Authority, Identity};

use super::Relay;
use super::script::{Action, Script, Stage, When};

/// TLS versions by their names in the matrix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsVersion {
    /// TLS 1.0.
    V1_0,
    /// TLS 1.1.
    V1_1,
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl TlsVersion {
    fn to_openssl(self) -> SslVersion {
        match self {
            Self::V1_0 => SslVersion::TLS1,
            Self::V1_1 => SslVersion::TLS1_1,
            Self::V1_2 => SslVersion::TLS1_2,
            Self::V1_3 => SslVersion::TLS1_3,
        }
    }
}

/// How the relay does TLS: whose certificate, which versions, what of the client.
#[derive(Clone)]
pub struct TlsSetup {
    identity: Identity,
    version_min: TlsVersion,
    version_max: TlsVersion,
    client_authority: Option<X509>,
}

impl TlsSetup {
    /// TLS 1.0 to 1.3 with this certificate, at OpenSSL's security level 0: the relay refuses
    /// nothing by itself, the client decides.
    #[must_use]
    pub fn new(identity: &Identity) -> Self {
        Self {
            identity: identity.clone(),
            version_min: TlsVersion::V1_0,
            version_max: TlsVersion::V1_3,
            client_authority: None,
        }
    }

    /// Only these versions.
    #[must_use]
    pub fn versions(mut self, min: TlsVersion, max: TlsVersion) -> Self {
        (self.version_min, self.version_max) = (min, max);
        self
    }

    /// Breaks the handshake of clients without a certificate of this authority.
    #[must_use]
    pub fn require_client_certificate(mut self, authority: &Authority) -> Self {
        self.client_authority = Some(authority.certificate().clone());
        self
    }

    fn context(&self) -> Result<SslContext, openssl::error::ErrorStack> {
        let mut builder = SslContext::builder(SslMethod::tls_server())?;
        builder.set_security_level(0);
        builder.set_cipher_list("ALL:@SECLEVEL=0")?;
        builder.set_certificate(&self.identity.certificate)?;
        builder.set_private_key(&self.identity.key)?;
        for certificate in &self.identity.chain {
            builder.add_extra_chain_cert(certificate.clone())?;
        }
        builder.set_min_proto_version(Some(self.version_min.to_openssl()))?;
        builder.set_max_proto_version(Some(self.version_max.to_openssl()))?;
        // Resumption with client certificates fails without it.
        builder.set_session_id_context(b"testkit relay")?;
        if let Some(authority) = &self.client_authority {
            let mut store = X509StoreBuilder::new()?;
            store.add_cert(authority.clone())?;
            builder.set_verify_cert_store(store.build())?;
            builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        }
        Ok(builder.build())
    }
}

/// Everything a running relay goes by.
pub(crate) struct Setup {
    pub(crate) address: SocketAddr,
    pub(crate) name: String,
    pub(crate) script: Script,
    pub(crate) pipelining: bool,
    pub(crate) eight_bit: bool,
    pub(crate) smtputf8: bool,
    pub(crate) chunking: bool,
    pub(crate) dsn: bool,
    pub(crate) require_tls: bool,
    pub(crate) size: Option<usize>,
    pub(crate) starttls: Option<SslContext>,
    pub(crate) implicit_tls: Option<SslContext>,
    pub(crate) auth: Vec<String>,
    pub(crate) auth_in_tls_only: bool,
    pub(crate) users: Vec<(String, String)>,
    pub(crate) auth_required: bool,
    pub(crate) tls_required: bool,
    pub(crate) lines: Vec<String>,
    pub(crate) lines_before_tls: Vec<String>,
    pub(crate) messages_per_connection_max: u64,
    pub(crate) connections_max: usize,
    pub(crate) recipients_max: usize,
    pub(crate) counting_only: bool,
}

/// Puts a relay together; announces PIPELINING, 8BITMIME and SMTPUTF8 unless told otherwise.
#[must_use]
pub struct RelayBuilder {
    setup: Setup,
}

impl RelayBuilder {
    pub(crate) fn new() -> Self {
        let setup = Setup {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            name: "relay.test".to_owned(),
            script: Script::default(),
            pipelining: true,
            eight_bit: true,
            smtputf8: true,
            chunking: false,
            dsn: false,
            require_tls: false,
            size: None,
            starttls: None,
            implicit_tls: None,
            auth: Vec::new(),
            auth_in_tls_only: false,
            users: Vec::new(),
            auth_required: false,
            tls_required: false,
            lines: Vec::new(),
            lines_before_tls: Vec::new(),
            messages_per_connection_max: u64::MAX,
            connections_max: 10_000,
            recipients_max: 1_000,
            counting_only: false,
        };
        Self { setup }
    }

    fn set(mut self, change: impl FnOnce(&mut Setup)) -> Self {
        change(&mut self.setup);
        self
    }

    /// Listens at this loopback address; port 0 stands for any. Without it, 127.0.0.1.
    pub fn at(self, address: SocketAddr) -> Self {
        self.set(|setup| setup.address = address)
    }

    /// The name in the greeting and in the reply to EHLO.
    pub fn name(self, name: &str) -> Self {
        self.set(|setup| setup.name = name.to_owned())
    }

    /// Announces none of the extensions that are on by default.
    pub fn bare(self) -> Self {
        self.pipelining(false).eight_bit(false).smtputf8(false)
    }

    /// Announces PIPELINING, or not.
    pub fn pipelining(self, on: bool) -> Self {
        self.set(|setup| setup.pipelining = on)
    }

    /// Announces 8BITMIME, or not.
    pub fn eight_bit(self, on: bool) -> Self {
        self.set(|setup| setup.eight_bit = on)
    }

    /// Announces SMTPUTF8, or not.
    pub fn smtputf8(self, on: bool) -> Self {
        self.set(|setup| setup.smtputf8 = on)
    }

    /// Announces CHUNKING and takes BDAT.
    pub fn chunking(self) -> Self {
        self.set(|setup| setup.chunking = true)
    }

    /// Announces DSN and takes its parameters.
    pub fn dsn(self) -> Self {
        self.set(|setup| setup.dsn = true)
    }

    /// Announces REQUIRETLS inside TLS and takes it.
    pub fn require_tls_onwards(self) -> Self {
        self.set(|setup| setup.require_tls = true)
    }

    /// Announces SIZE and refuses larger messages.
    pub fn size(self, octets_max: usize) -> Self {
        self.set(|setup| setup.size = Some(octets_max))
    }

    /// Announces STARTTLS and does it like this.
    ///
    /// # Panics
    /// When OpenSSL refuses the certificate.
    pub fn starttls(self, tls: &TlsSetup) -> Self {
        let context = tls.context().expect("OpenSSL takes the certificate");
        self.set(|setup| setup.starttls = Some(context))
    }

    /// Begins each connection with a handshake.
    ///
    /// # Panics
    /// When OpenSSL refuses the certificate.
    pub fn implicit_tls(self, tls: &TlsSetup) -> Self {
        let context = tls.context().expect("OpenSSL takes the certificate");
        self.set(|setup| setup.implicit_tls = Some(context))
    }

    /// Announces AUTH with these of PLAIN, LOGIN, XOAUTH2 and EXTERNAL.
    pub fn auth(self, mechanisms: &[&str]) -> Self {
        self.set(|setup| setup.auth = mechanisms.iter().map(ToString::to_string).collect())
    }

    /// Announces AUTH inside TLS only.
    pub fn auth_in_tls_only(self) -> Self {
        self.set(|setup| setup.auth_in_tls_only = true)
    }

    /// Accepts this name with this password or token; without any user everybody is accepted.
    pub fn user(self, name: &str, password: &str) -> Self {
        self.set(|setup| setup.users.push((name.to_owned(), password.to_owned())))
    }

    /// Refuses MAIL with 530 before AUTH.
    pub fn require_auth(self) -> Self {
        self.set(|setup| setup.auth_required = true)
    }

    /// Refuses MAIL and AUTH with 530 before STARTTLS.
    pub fn require_tls(self) -> Self {
        self.set(|setup| setup.tls_required = true)
    }

    /// Adds a line to the reply to EHLO.
    pub fn announce(self, line: &str) -> Self {
        self.set(|setup| setup.lines.push(line.to_owned()))
    }

    /// Adds a line to the reply to EHLO outside TLS, which the client must forget in TLS.
    pub fn announce_before_tls(self, line: &str) -> Self {
        self.set(|setup| setup.lines_before_tls.push(line.to_owned()))
    }

    /// Answers 421 to MAIL after so many messages on one connection.
    pub fn messages_per_connection(self, max: u64) -> Self {
        self.set(|setup| setup.messages_per_connection_max = max)
    }

    /// Answers 452 to RCPT when a transaction has so many; RFC 5321 section 4.5.3.1.8 asks for 100
    /// at least.
    pub fn recipients(self, max: usize) -> Self {
        self.set(|setup| setup.recipients_max = max)
    }

    /// Greets with 421 while so many connections are open.
    pub fn connections(self, max: usize) -> Self {
        self.set(|setup| setup.connections_max = max)
    }

    /// Keeps of each message the envelope, Message-ID and Subject, and no dialogue.
    pub fn counting_only(self) -> Self {
        self.set(|setup| setup.counting_only = true)
    }

    /// Adds a rule; at each stage the first one that fits acts.
    pub fn on(self, stage: Stage, when: When, action: Action) -> Self {
        self.setup.script.add(stage, when, action);
        self
    }

    /// Starts the relay.
    ///
    /// # Panics
    /// When the machine has no thread or loopback port left.
    #[must_use]
    pub fn start(self) -> Relay {
        Relay::start(Arc::new(self.setup))
    }
}
