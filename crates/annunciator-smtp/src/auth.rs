//! Proves who we are, by the strongest mechanism that both sides know.
//!
//! In: credentials, what the server offers. Out: nothing, or why not.
//! Knows nothing of: whether the connection is safe enough; `session` has decided that before.
//! Standard: RFC 4954, RFC 4616 (PLAIN), draft-murchison-sasl-login (LOGIN).
//! Failure: words of the server that hold a secret are not passed on.

use annunciator_core::{EnhancedStatus, Stage};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::capabilities::Capabilities;
use crate::connection::Connection;
use crate::relay::SecretText;
use crate::trouble::{Cause, Trouble};

/// Longest command line without its CRLF (RFC 5321 section 4.5.3.1.4). Unit: octets.
const COMMAND_OCTETS_MAX: usize = 510;

/// A way to prove who we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mechanism {
    Plain,
    Login,
}

/// All that are known here, strongest first. ◄ add here
const MECHANISMS: [(&str, Mechanism); 2] =
    [("PLAIN", Mechanism::Plain), ("LOGIN", Mechanism::Login)];

fn choose(capabilities: &Capabilities) -> Option<Mechanism> {
    let offered = |(name, _): &&(&str, Mechanism)| capabilities.offers_auth(name);
    MECHANISMS.iter().find(offered).map(|(_, mechanism)| *mechanism)
}

/// Names the mechanism that would be used.
pub(crate) fn mechanism_name(capabilities: &Capabilities) -> Option<&'static str> {
    MECHANISMS.iter().find(|(name, _)| capabilities.offers_auth(name)).map(|(name, _)| *name)
}

/// Runs AUTH. `step_deadline` gives the deadline of each step.
pub(crate) async fn authenticate(
    connection: &mut Connection,
    capabilities: &Capabilities,
    username: &str,
    password: &SecretText,
    step_deadline: impl Fn() -> Instant,
) -> Result<(), Trouble> {
    let forbidden = |detail, words: &str| {
        let status = EnhancedStatus::new(4, 7, detail);
        Trouble::new(Stage::Auth, Cause::Forbidden(status, words.to_owned()))
    };
    if username.contains('\0') || password.expose().contains('\0') {
        return Err(forbidden(0, "user name and password must not hold a NUL"));
    }
    let steps = match choose(capabilities) {
        None if capabilities.mechanisms.is_empty() => {
            return Err(forbidden(0, "the server does not offer authentication (AUTH)"));
        }
        None => {
            let offered = capabilities.mechanisms.join(", ");
            let words = format!("the server offers no way of authentication known here: {offered}");
            return Err(forbidden(0, &words));
        }
        Some(Mechanism::Plain) => {
            let message = Zeroizing::new(format!("\0{username}\0{}", password.expose()));
            vec![base64(message.as_bytes())]
        }
        Some(Mechanism::Login) => {
            vec![base64(username.as_bytes()), base64(password.expose().as_bytes())]
        }
    };
    let initial = choose(capabilities) == Some(Mechanism::Plain)
        && steps[0].len() + "AUTH PLAIN ".len() <= COMMAND_OCTETS_MAX;
    let name = mechanism_name(capabilities).unwrap_or_default();
    let mut rest = steps.iter();
    match rest.as_slice() {
        [first] if initial => {
            connection.put_secret("AUTH PLAIN ", first);
            rest.next();
        }
        _ => connection.put_command(&["AUTH ", name]),
    }
    let secrets = [password.expose(), steps.last().map_or("", |step| step.as_str())];
    secrets.iter().for_each(|secret| connection.hide(secret));
    loop {
        let deadline = step_deadline();
        let lost = |broken: crate::connection::Broken| Trouble::new(Stage::Auth, broken.into());
        connection.flush(deadline).await.map_err(lost)?;
        let reply = connection.reply(deadline).await.map_err(lost)?;
        match (reply.code.number(), rest.next()) {
            (235, _) => return Ok(()),
            (334, Some(step)) => connection.put_secret("", step),
            _ => return Err(Trouble::new(Stage::Auth, redact(Cause::reply(reply), &secrets))),
        }
    }
}

fn base64(octets: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(openssl::base64::encode_block(octets))
}

/// Some servers repeat what they were told.
fn redact(cause: Cause, secrets: &[&str]) -> Cause {
    match cause {
        Cause::Reply { code, status, text } if holds(&text, secrets) => Cause::Reply {
            code,
            status,
            text: format!("{code} <hidden: the reply repeats a secret>"),
        },
        cause => cause,
    }
}

fn holds(text: &str, secrets: &[&str]) -> bool {
    secrets.iter().any(|secret| !secret.is_empty() && text.contains(*secret))
}

#[cfg(test)]
mod tests {
    use annunciator_core::ReplyCode;

    use super::*;

    #[test]
    fn the_strongest_mechanism_of_both_is_chosen() {
        for (offered, expected) in [
            (vec!["LOGIN", "PLAIN"], Some(Mechanism::Plain)),
            (vec!["LOGIN", "GSSAPI"], Some(Mechanism::Login)),
            (vec!["GSSAPI"], None),
            (vec![], None),
        ] {
            let mechanisms = offered.into_iter().map(str::to_owned).collect();
            let capabilities = Capabilities { mechanisms, ..Capabilities::default() };
            assert_eq!(choose(&capabilities), expected);
        }
    }

    #[test]
    fn a_reply_that_repeats_the_secret_is_hidden() {
        let code = ReplyCode::new(535).unwrap();
        for (text, expected) in [
            ("535 bad password", "535 bad password"),
            ("535 bad hunter2", "535 <hidden: the reply repeats a secret>"),
        ] {
            let cause = Cause::Reply { code, status: None, text: text.into() };
            let expected = Cause::Reply { code, status: None, text: expected.into() };
            assert_eq!(redact(cause, &["hunter2", ""]), expected);
        }
    }
}
