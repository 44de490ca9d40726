//! Which mechanism: the strongest that both sides know, or the one that is set.
//!
//! The order is the same with and without TLS. The SCRAM mechanisms and CRAM-MD5 stand first, and
//! with them nobody who listens learns the password; PLAIN and LOGIN stand last, and whether they
//! may go without TLS has been decided before.
//! Standard: RFC 4954 section 4, RFC 5802 section 6 (channel binding).

use crate::auth::binding::Binding;
use crate::auth::scram::{Flag, Hash};
use crate::capabilities::Capabilities;
use crate::relay::PasswordMechanism;

/// A way to prove who we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mechanism {
    Scram { hash: Hash, bound: bool },
    CramMd5,
    Plain,
    Login,
    OAuthBearer,
    XOAuth2,
    External,
}

/// Those that prove a password, strongest first. ◄ add here
const FOR_PASSWORD: [Mechanism; 7] = [
    Mechanism::Scram { hash: Hash::Sha256, bound: true },
    Mechanism::Scram { hash: Hash::Sha1, bound: true },
    Mechanism::Scram { hash: Hash::Sha256, bound: false },
    Mechanism::Scram { hash: Hash::Sha1, bound: false },
    Mechanism::CramMd5,
    Mechanism::Plain,
    Mechanism::Login,
];

/// Those that carry an access token: the standard first.
pub(crate) const FOR_TOKEN: [Mechanism; 2] = [Mechanism::OAuthBearer, Mechanism::XOAuth2];

impl Mechanism {
    /// As registered with IANA.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scram { hash: Hash::Sha256, bound: true } => "SCRAM-SHA-256-PLUS",
            Self::Scram { hash: Hash::Sha1, bound: true } => "SCRAM-SHA-1-PLUS",
            Self::Scram { hash: Hash::Sha256, bound: false } => "SCRAM-SHA-256",
            Self::Scram { hash: Hash::Sha1, bound: false } => "SCRAM-SHA-1",
            Self::CramMd5 => "CRAM-MD5",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::External => "EXTERNAL",
        }
    }

    fn is(self, set: PasswordMechanism) -> bool {
        matches!(
            (self, set),
            (Self::Scram { hash: Hash::Sha256, .. }, PasswordMechanism::ScramSha256)
                | (Self::Scram { hash: Hash::Sha1, .. }, PasswordMechanism::ScramSha1)
                | (Self::CramMd5, PasswordMechanism::CramMd5)
                | (Self::Plain, PasswordMechanism::Plain)
                | (Self::Login, PasswordMechanism::Login)
        )
    }
}

/// Those that prove a password to this server, strongest first; with `set` that one alone, with
/// channel binding where it is offered.
pub(crate) fn for_password(
    capabilities: &Capabilities,
    set: Option<PasswordMechanism>,
    can_bind: bool,
) -> Vec<Mechanism> {
    let fits = |mechanism: &Mechanism| {
        let bindable = can_bind || !matches!(mechanism, Mechanism::Scram { bound: true, .. });
        bindable && set.is_none_or(|set| mechanism.is(set))
    };
    offered(&FOR_PASSWORD, capabilities).filter(fits).collect()
}

/// Those of a list that the server offers.
pub(crate) fn offered<'a>(
    list: &'a [Mechanism],
    capabilities: &'a Capabilities,
) -> impl Iterator<Item = Mechanism> + 'a {
    list.iter().copied().filter(|mechanism| capabilities.offers_auth(mechanism.name()))
}

/// What SCRAM says about channel binding.
pub(crate) fn flag(
    hash: Hash,
    bound: bool,
    binding: Option<&Binding>,
    capabilities: &Capabilities,
) -> Flag {
    let server_binds = capabilities.offers_auth(Mechanism::Scram { hash, bound: true }.name());
    match binding {
        Some(binding) if bound => Flag::Used(binding.clone()),
        Some(_) if !server_binds => Flag::ServerSeemsUnable,
        _ => Flag::None,
    }
}

/// Why none is left, naming what is offered.
pub(crate) fn none_words(wanted: &str, capabilities: &Capabilities) -> String {
    if capabilities.mechanisms.is_empty() {
        return "the server does not offer authentication (AUTH)".to_owned();
    }
    let list = capabilities.mechanisms.join(", ");
    format!("the server offers no way of authentication {wanted}; it offers {list}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capabilities(offered: &[&str]) -> Capabilities {
        let mechanisms = offered.iter().map(ToString::to_string).collect();
        Capabilities { mechanisms, ..Capabilities::default() }
    }

    #[test]
    fn the_strongest_mechanism_of_both_is_first_and_a_set_one_alone() {
        use PasswordMechanism::{Login, ScramSha1, ScramSha256};
        let all = "LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS \
                   SCRAM-SHA-256-PLUS EXTERNAL XOAUTH2 OAUTHBEARER";
        for (offered, set, can_bind, expected) in [
            ("LOGIN PLAIN", None, true, "PLAIN LOGIN"),
            ("LOGIN GSSAPI", None, true, "LOGIN"),
            ("GSSAPI EXTERNAL XOAUTH2", None, true, ""),
            ("", None, true, ""),
            (
                all,
                None,
                true,
                "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN",
            ),
            (all, None, false, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN"),
            (all, Some(ScramSha256), true, "SCRAM-SHA-256-PLUS SCRAM-SHA-256"),
            (all, Some(ScramSha1), false, "SCRAM-SHA-1"),
            (all, Some(Login), true, "LOGIN"),
            ("PLAIN", Some(Login), true, ""),
        ] {
            let offered: Vec<&str> = offered.split_whitespace().collect();
            let chosen = for_password(&capabilities(&offered), set, can_bind);
            let names: Vec<_> = chosen.iter().map(|mechanism| mechanism.name()).collect();
            assert_eq!(names.join(" "), expected, "{offered:?} {set:?} {can_bind}");
        }
    }

    #[test]
    fn a_list_from_which_channel_binding_was_taken_out_is_noticed() {
        let binding = Binding { name: "tls-exporter", octets: vec![1].into() };
        for (offered, bound, can_bind, expected) in [
            ("SCRAM-SHA-256", false, true, Flag::ServerSeemsUnable),
            ("SCRAM-SHA-256 SCRAM-SHA-1-PLUS", false, true, Flag::ServerSeemsUnable),
            ("SCRAM-SHA-256", false, false, Flag::None),
            ("SCRAM-SHA-256 SCRAM-SHA-256-PLUS", false, true, Flag::None),
            ("SCRAM-SHA-256 SCRAM-SHA-256-PLUS", true, true, Flag::Used(binding.clone())),
        ] {
            let offered: Vec<&str> = offered.split_whitespace().collect();
            let binding = can_bind.then_some(&binding);
            let got = flag(Hash::Sha256, bound, binding, &capabilities(&offered));
            assert_eq!(got, expected, "{offered:?} {bound} {can_bind}");
        }
    }
}
