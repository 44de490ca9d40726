//! A `postgres://` address becomes what a connection needs; its password is shown to nobody.
//!
//! Standard: connection URIs of libpq, section 34.1.1.2 of the manual of PostgreSQL 15, with several
//! hosts and `target_session_attrs`; `sslmode`, `sslrootcert`, `sslcert` and `sslkey` are read here,
//! as the driver does not know all of them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVerifyMode};
use openssl::x509::store::X509StoreBuilder;
use postgres_openssl::MakeTlsConnector;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::{Result, StoreError};

/// Longest wait for one host to answer, unless the address says otherwise.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// What was sent and not confirmed for so long ends the connection.
const SENT_WAIT: Duration = Duration::from_secs(10);
/// Quiet connections are looked after this often: one that waits for an answer of a database that is
/// gone ends at [`SENT_WAIT`] then, at the second look.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// How far TLS has to prove who answers (libpq's words).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// No TLS.
    Disable,
    /// TLS when the server has it.
    Prefer,
    /// TLS, with whomever.
    Require,
    /// The certificate is signed by one that is trusted.
    Authority,
    /// And it names the host.
    Full,
}

/// Where a database is, and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress {
    config: Config,
    proof: Proof,
    root_file: Option<String>,
    identity: Option<(String, String)>,
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({self})")
    }
}

/// Hosts and the name of the database, without user and password.
impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        let ports = self.config.get_ports();
        for (place, host) in self.config.get_hosts().iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            match host {
                tokio_postgres::config::Host::Tcp(name) => f.write_str(name)?,
                tokio_postgres::config::Host::Unix(path) => path.display().fmt(f)?,
            }
            let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or("postgres"))
    }
}

impl FromStr for PostgresAddress {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |words: &str| StoreError::BadRequest(format!("the address of the store {words}"));
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(bad("does not begin with postgres://"));
        }
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut proof, mut root_file, mut certificate, mut key) =
            (Proof::Prefer, None, None, None);
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) =
                pair.split_once('=').ok_or_else(|| bad("has a word without `=`"))?;
            let file = || Some(unescape(value));
            match name {
                "sslmode" => {
                    proof = proof_of(value).ok_or_else(|| bad("has an unknown sslmode"))?;
                }
                "sslrootcert" => root_file = file(),
                "sslcert" => certificate = file(),
                "sslkey" => key = file(),
                _ => others.push(pair),
            }
        }
        let plain = if others.is_empty() {
            place.to_owned()
        } else {
            format!("{place}?{}", others.join("&"))
        };
        // The driver's own words may repeat parts of the address: they are not told.
        let mut config = Config::from_str(&plain).map_err(|_| bad("is not readable"))?;
        if config.get_hosts().is_empty() {
            return Err(bad("names no host"));
        }
        config.ssl_mode(match proof {
            Proof::Disable => SslMode::Disable,
            Proof::Prefer => SslMode::Prefer,
            Proof::Require | Proof::Authority | Proof::Full => SslMode::Require,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WAIT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SENT_WAIT);
        }
        config.keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(3);
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(bad("has only one of sslcert and sslkey")),
        };
        Ok(Self { config, proof, root_file, identity })
    }
}

impl PostgresAddress {
    /// For the driver.
    pub(super) fn config(&self, name: &str) -> Config {
        let mut config = self.config.clone();
        config.application_name(name);
        config
    }

    /// What makes TLS around connections.
    pub(super) fn tls(&self) -> Result<MakeTlsConnector> {
        let wrong = |what: String| {
            move |error: ErrorStack| {
                let words = format!("TLS to the database cannot be set up{what}: {error}");
                StoreError::BadRequest(words)
            }
        };
        let with = |option: &str, file: &str| wrong(format!(" with {option} `{file}`"));
        let mut builder = SslConnector::builder(SslMethod::tls()).map_err(wrong(String::new()))?;
        if let Some(file) = &self.root_file {
            // In place of the system's, as with libpq: nobody else is trusted.
            let none = X509StoreBuilder::new().map_err(wrong(String::new()))?;
            builder.set_cert_store(none.build());
            builder.set_ca_file(file).map_err(with("sslrootcert", file))?;
        }
        if let Some((certificate, key)) = &self.identity {
            let used = builder.set_certificate_chain_file(certificate);
            used.map_err(with("sslcert", certificate))?;
            let used = builder.set_private_key_file(key, SslFiletype::PEM);
            used.map_err(with("sslkey", key))?;
        }
        // As libpq does it: `require` with a root certificate is `verify-ca`.
        let is_proven = match self.proof {
            Proof::Authority | Proof::Full => true,
            Proof::Require => self.root_file.is_some(),
            Proof::Disable | Proof::Prefer => false,
        };
        builder.set_verify(if is_proven { SslVerifyMode::PEER } else { SslVerifyMode::NONE });
        let mut connector = MakeTlsConnector::new(builder.build());
        let names_host = self.proof == Proof::Full;
        connector.set_callback(move |configuration, _| {
            configuration.set_verify_hostname(names_host);
            Ok(())
        });
        Ok(connector)
    }
}

fn proof_of(word: &str) -> Option<Proof> {
    Some(match word {
        "disable" => Proof::Disable,
        "allow" | "prefer" => Proof::Prefer,
        "require" => Proof::Require,
        "verify-ca" => Proof::Authority,
        "verify-full" => Proof::Full,
        _ => return None,
    })
}

/// `%2F` into `/` and so on; what is no such sign stays.
fn unescape(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(octet) => {
                octets.push(octet);
                rest = &behind[2..];
            }
            None => {
                octets.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (text, expected) in [
            ("postgres://ann:geheim@db1:5433,db2/main", "postgres://db1:5433,db2:5432/main"),
            (
                "postgresql://ann:geheim@a,b/x?target_session_attrs=read-write&sslmode=verify-full",
                "postgres://a:5432,b:5432/x",
            ),
        ] {
            let address: PostgresAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), expected);
            assert!(!format!("{address:?}").contains("geheim"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in [
            "mysql://x",
            "postgres://ann:geheim@db:port/x",
            "postgres://ann:geheim@db/x?sslmode=perhaps",
            "postgres://ann:geheim@db/x?sslcert=a.pem",
            "postgres://ann:geheim@db/x?nonsense=1",
        ] {
            let error = text.parse::<PostgresAddress>().unwrap_err().to_string();
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
