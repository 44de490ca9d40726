//! Trouble → what an administrator can do about it, naming the settings.
//!
//! Shown beside a failed stage of a test message; decides nothing (`trouble` does).
//! Settings are named by their keys, as the API, the settings file and the console name them.

use annunciator_core::{EnhancedStatus, Stage};

use crate::expectation::Demand;
use crate::relay::{TlsPolicy, TlsVersionMin};
use crate::trouble::{Cause, CertificateFault, Kind, Trouble, Withheld};

/// What counts at a server beside the trouble.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    /// Who wants TLS there whatever the TLS policy says.
    demand: Option<Demand>,
    /// Whether `tls_version_min` keeps old versions out.
    has_minimum: bool,
}

impl Terms {
    pub(crate) fn new(policy: &TlsPolicy, demand: Option<Demand>) -> Self {
        let has_minimum = match policy {
            TlsPolicy::Required { verify } | TlsPolicy::Implicit { verify } => {
                verify.version_min != TlsVersionMin::Any
            }
            TlsPolicy::Off | TlsPolicy::IfSupported { .. } => false,
        };
        Self { demand, has_minimum }
    }
}

/// What an administrator can do; empty when nothing is known.
#[must_use]
pub(crate) fn on(trouble: &Trouble, terms: Terms) -> String {
    let Some(demand) = terms.demand.filter(|_| trouble.stage == Stage::Tls) else {
        return on_cause(trouble, terms);
    };
    let why = match demand {
        Demand::Dane => "The domain's TLSA records demand TLS (`dane`).",
        Demand::MtaSts => "The domain's policy demands TLS that verifies (`mta_sts`).",
    };
    // What helps against the TLS policy does not help against a domain.
    let advice = match (&trouble.cause, trouble.cause.kind()) {
        (Cause::Reply { .. }, kind) if kind != Kind::Closing => {
            "The server offers STARTTLS and cannot do it: check its certificate and log.".to_owned()
        }
        (_, Kind::Forbidden) => "Turn STARTTLS on at the server.".to_owned(),
        (Cause::Certificate(CertificateFault::Weak, _), _) => {
            "Install a certificate with RSA 2048 or EC P-256 or more, signed with SHA-256."
                .to_owned()
        }
        _ => on_cause(trouble, terms),
    };
    format!("{advice} {why}")
}

fn on_cause(trouble: &Trouble, terms: Terms) -> String {
    match &trouble.cause {
        Cause::Certificate(fault, _) => on_certificate(fault),
        Cause::Withheld(why, _) => on_withheld(*why).to_owned(),
        // Less TLS would not help who asks for more of it (RFC 8689 section 4.1).
        Cause::Forbidden(status, _) if (status.subject, status.detail) == (7, 30) => {
            "Use a server that offers REQUIRETLS, with `tls = \"required\"` and a certificate that \
             verifies; or turn `require_tls` off."
                .to_owned()
        }
        Cause::OldTls(_) if !terms.has_minimum => {
            "The server has no TLS version that is known here: update it.".to_owned()
        }
        Cause::OldTls(_) => {
            "The server is older than the minimum: set `tls_version_min = \"any\"` for it, or \
             update the server."
                .to_owned()
        }
        Cause::ClientCertificate(_) => {
            "Upload a certificate with its key that this server accepts and name it as \
             `client_certificate`; check its dates and that the server trusts its issuer."
                .to_owned()
        }
        Cause::PlainGreeting => {
            "Set `tls = \"required\"` for this port, or `port = 465` if the server has TLS from \
             the first octet there."
                .to_owned()
        }
        Cause::Injected => "Nothing was sent. Find out who answers between this machine and the \
                            server: a proxy, a firewall that inspects mail, or an attacker."
            .to_owned(),
        Cause::Reply { status, .. } => {
            on_reply(trouble.stage, trouble.cause.kind(), *status).to_owned()
        }
        _ => on_stage(trouble.stage, trouble.cause.kind()).to_owned(),
    }
}

fn on_certificate(fault: &CertificateFault) -> String {
    match fault {
        CertificateFault::Name(names) => match names.iter().find(|name| !name.contains('*')) {
            Some(name) => format!(
                "Set `servers` to a name that the certificate holds, such as {name}, if that is \
                 the same server; or have a certificate issued for the name that is set."
            ),
            None if names.is_empty() => {
                "Have a certificate issued that holds the server's name as a subjectAltName; the \
                 common name alone does not count."
                    .to_owned()
            }
            None => "Set `servers` to a name that the certificate holds, or have a certificate \
                     issued for the name that is set."
                .to_owned(),
        },
        CertificateFault::Issuer => {
            "Upload the certificate of the authority that issued it and name it as \
             `ca_certificates`; if it is there, let the server send its intermediate certificates \
             too."
        }
        .to_owned(),
        CertificateFault::SelfSigned => "Upload this certificate itself, after comparing its \
                                         fingerprint with the server's, and name it as \
                                         `ca_certificates`; or install one from an authority."
            .to_owned(),
        CertificateFault::Expired => "Renew the server's certificate; if it is newer than that, \
                                      check the clock of this machine."
            .to_owned(),
        CertificateFault::NotYetValid => {
            "Check the clock and the date of this machine, then those of the machine that issued \
             the certificate."
        }
        .to_owned(),
        CertificateFault::Weak => {
            "Install a certificate with RSA 2048 or EC P-256 or more, signed with SHA-256. No \
             setting accepts a weaker one where TLS must verify; `tls = \"if_supported\"` does \
             not verify."
        }
        .to_owned(),
        CertificateFault::Usage => {
            "Install a certificate that is made for TLS servers (extended key usage serverAuth)."
                .to_owned()
        }
        CertificateFault::Other => {
            "Check the server's certificate, and `ca_certificates` if one is set.".to_owned()
        }
    }
}

fn on_withheld(why: Withheld) -> &'static str {
    match why {
        Withheld::NoTls => {
            "Turn STARTTLS on at the server. Only where nobody can listen: set \
             `allow_auth_without_tls`."
        }
        Withheld::Unverified => {
            "Make the certificate verify (see above), best with `tls = \"required\"`. Only where \
             nobody can stand between: set `allow_auth_unverified`."
        }
    }
}

/// On a reply that the state does not accept, by its class and enhanced code (RFC 3463).
fn on_reply(stage: Stage, kind: Kind, status: Option<EnhancedStatus>) -> &'static str {
    let about = status.map_or((0, 0), |status| (status.subject, status.detail));
    match (stage, kind, about) {
        (Stage::Greeting | Stage::Hello, Kind::Closing, (7, _)) => {
            "The server refuses this machine: see its words. It may want a certificate from it \
             (`client_certificate`), or be told to let it in."
        }
        (_, Kind::Closing, _) => {
            "The server is busy or limits connections: it is tried again. If it lasts, lower \
             `connections_max` or ask the server's administrator."
        }
        (Stage::Tls, ..) => {
            "The server offers STARTTLS and cannot do it: check its certificate and log. With \
             `tls = \"if_supported\"` mail goes in plain text after a while, without credentials."
        }
        (Stage::Auth, _, (7, 9 | 14)) => {
            "The server wants another way to authenticate: see `auth` and `auth_mechanism`."
        }
        (Stage::Auth, _, (7, 11)) => "The server wants TLS first: set `tls = \"required\"`.",
        (Stage::Auth, Kind::Negative4, _) => {
            "The server cannot check credentials now: it is tried again; see its log if it lasts."
        }
        (Stage::Auth, ..) => {
            "Check `username` and `password`; some providers want an application password or \
             `auth = \"oauth2\"`."
        }
        (_, Kind::AccessFirst, _) => {
            "The server wants authentication or TLS first: set `auth`, or `tls = \"required\"`."
        }
        (Stage::MailFrom | Stage::RcptTo, _, (1, 7 | 8)) | (Stage::MailFrom, _, (1, _)) => {
            "The server refuses the sender: set `sender` to an address of a domain that exists \
             and that it accepts."
        }
        (Stage::MailFrom, Kind::Negative4 | Kind::Negative5, _) => {
            "The server refuses the sender or this machine: set `sender` to an address that it \
             accepts, turn `auth` on, or have this machine allowed."
        }
        (Stage::RcptTo, ..) => on_recipient(kind, about),
        (Stage::Greeting | Stage::Hello, ..) => {
            "Ask the server's administrator whether this machine may connect."
        }
        (Stage::Data | Stage::DataEnd, _, (3, 4)) => {
            "The message is larger than the server takes: shorten it, or have the limit raised."
        }
        (Stage::Data | Stage::DataEnd, _, (7, _)) => {
            "The server refuses the content: see its words, and its filter for spam and viruses."
        }
        _ => "",
    }
}

fn on_recipient(kind: Kind, about: (u16, u16)) -> &'static str {
    match (kind, about) {
        (_, (2, 2)) => "The mailbox is full: it must be emptied, or `recipients` changed.",
        (_, (1, 1 | 3 | 6) | (2, 1)) => "There is no such mailbox: check `recipients`.",
        (_, (1, 2 | 10)) => "The domain takes no mail: check `recipients`.",
        (Kind::Negative5, (7, _)) => {
            "The server does not pass mail on for this machine (relaying denied): turn `auth` on, \
             or have this machine allowed; else check `recipients`."
        }
        (Kind::Negative4, (7, _) | (2, 0) | (0, 0)) => {
            "Often greylisting: the server accepts it when it is tried again, by itself, in some \
             minutes. If it lasts, have this machine allowed."
        }
        (Kind::Negative4, _) => "It is tried again by itself; see the server's words if it lasts.",
        (Kind::Negative5, _) => {
            "Check `recipients`, and whether the server passes mail on for their domain."
        }
        _ => "",
    }
}

/// On what is no reply.
fn on_stage(stage: Stage, kind: Kind) -> &'static str {
    match (stage, kind) {
        (Stage::Resolve, Kind::Unsupported) => {
            "Set `servers` to a domain that takes mail; or to the server itself, and turn \
             `mx_lookup` off."
        }
        (Stage::Resolve, Kind::Untrusted) => {
            "Ask who keeps the zone whether its DNSSEC signatures are current and its TLSA records \
             are answered: nothing is sent until they are. If other zones fail too, check the \
             clock and the resolver of this machine."
        }
        (Stage::Resolve, Kind::Forbidden) => {
            "Check the settings of name resolution, and whether the domain's MTA-STS policy names \
             this mail exchanger."
        }
        (Stage::Resolve, _) => "Check the name in `servers`, and this machine's DNS settings.",
        (Stage::Connect, Kind::Timeout) => {
            "Check `servers` and `port`, and that no firewall drops the connection."
        }
        (Stage::Connect, _) => "Check `servers` and `port`, and that the server is running.",
        (Stage::Greeting, Kind::Timeout | Kind::Malformed | Kind::Lost) => {
            "Check `port`: this may be no SMTP server, or one that expects TLS from the first \
             octet, as on port 465: set `tls = \"implicit\"` for it."
        }
        (Stage::Greeting | Stage::Hello, _) => {
            "Ask the server's administrator whether this machine may connect."
        }
        (Stage::Tls, Kind::Untrusted) => {
            "Ask the server's administrator to publish TLSA records for the certificate that is \
             in use, before it is changed."
        }
        (Stage::Tls, Kind::Forbidden) => {
            "Turn STARTTLS on at the server; or set `tls = \"implicit\"` with its port for TLS \
             from the first octet (465), or `tls = \"if_supported\"` where plain text will do."
        }
        (Stage::Tls, _) => {
            "Check the server's TLS settings and log, and `tls_version_min` and \
             `client_certificate` here."
        }
        (Stage::Auth, Kind::TokenRefused) => {
            "Check `oauth_client_id`, `oauth_client_secret` and `oauth_scope`; give consent at the \
             identity provider again and set the new `oauth_refresh_token`."
        }
        (Stage::Auth, Kind::TokenMissing) => {
            "Check `oauth_token_url`, that this machine reaches it without a proxy, and \
             `ca_certificates`."
        }
        (Stage::Auth, Kind::Forbidden) => {
            "Compare `auth`, `auth_mechanism` and `tls` with what the server offers."
        }
        _ => "",
    }
}

#[cfg(test)]
#[path = "advice_tests.rs"]
mod tests;
