//! One exchange by one mechanism: what we say first, and to each challenge.
//!
//! In: a mechanism and what proves who we are; challenges. Out: our messages, and whether all that
//! the mechanism promises has happened.
//! Knows nothing of: SMTP, base64.
//! Standard: RFC 4616 (PLAIN), draft-murchison-sasl-login (LOGIN), RFC 2195 (CRAM-MD5), RFC 4422
//! appendix A (EXTERNAL); `scram` and `bearer` for the others.
//! Failure: in words that hold no secret.

use openssl::hash::MessageDigest;
use zeroize::Zeroizing;

use crate::auth::bearer;
use crate::auth::mechanism::Mechanism;
use crate::auth::scram::{Flag, Scram, hmac};
use crate::relay::SecretText;

/// One of our messages.
pub(crate) struct Message {
    pub(crate) octets: Zeroizing<Vec<u8>>,
    /// Whether a reply that repeats it must not be shown.
    pub(crate) is_secret: bool,
}

impl Message {
    fn secret(text: &str) -> Self {
        Self { octets: Zeroizing::new(text.as_bytes().to_vec()), is_secret: true }
    }

    fn open(text: &str) -> Self {
        Self { octets: Zeroizing::new(text.as_bytes().to_vec()), is_secret: false }
    }
}

/// What is known of ourselves and the place, for any mechanism.
pub(crate) struct Identity<'a> {
    pub(crate) username: &'a str,
    /// Password or access token; empty with EXTERNAL.
    pub(crate) secret: &'a SecretText,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// For SCRAM.
    pub(crate) flag: Flag,
}

/// An exchange under way.
pub(crate) struct Exchange {
    kind: Kind,
    /// Whether something is out that the server can judge us by.
    proven: bool,
    /// What the server said about a token.
    reason: Option<String>,
}

enum Kind {
    /// One message, then nothing more.
    Single(Option<Message>),
    Login {
        username: Option<String>,
        password: Option<Zeroizing<String>>,
    },
    CramMd5 {
        username: String,
        password: Option<Zeroizing<String>>,
    },
    Scram(Box<Scram>),
    /// One message; a challenge after it is a refusal, to be answered with this.
    Bearer {
        message: Option<Message>,
        farewell: &'static str,
    },
}

impl Exchange {
    /// Begins.
    ///
    /// # Errors
    /// A name or secret that the mechanism cannot carry.
    pub(crate) fn new(mechanism: Mechanism, identity: Identity<'_>) -> Result<Self, String> {
        let Identity { username, secret, host, port, flag } = identity;
        let secret = secret.expose();
        if username.contains('\0') || secret.contains('\0') {
            return Err("user name and password must not hold a NUL".to_owned());
        }
        let password = || Some(Zeroizing::new(secret.to_owned()));
        let bearer = |message: &str, farewell| Kind::Bearer {
            message: Some(Message::secret(message)),
            farewell,
        };
        let kind = match mechanism {
            Mechanism::Plain => {
                let message = Zeroizing::new(format!("\0{username}\0{secret}"));
                Kind::Single(Some(Message::secret(&message)))
            }
            Mechanism::Login => {
                Kind::Login { username: Some(username.to_owned()), password: password() }
            }
            Mechanism::CramMd5 => {
                Kind::CramMd5 { username: username.to_owned(), password: password() }
            }
            Mechanism::Scram { hash, .. } => {
                Kind::Scram(Box::new(Scram::new(hash, flag, username, secret)?))
            }
            Mechanism::OAuthBearer | Mechanism::XOAuth2 if username.contains(char::is_control) => {
                return Err("the user name must not hold control characters".to_owned());
            }
            Mechanism::OAuthBearer => {
                bearer(&bearer::oauthbearer(username, host, port, secret), "\u{1}")
            }
            Mechanism::XOAuth2 => bearer(&bearer::xoauth2(username, secret), ""),
            Mechanism::External => Kind::Single(Some(Message::open(username))),
        };
        Ok(Self { kind, proven: false, reason: None })
    }

    /// What may go with the command itself; `None` when the server begins.
    pub(crate) fn first(&mut self) -> Option<Message> {
        match &mut self.kind {
            Kind::Single(message) | Kind::Bearer { message, .. } => {
                self.proven = true;
                message.take()
            }
            Kind::Scram(scram) => Some(Message::open(&scram.first())),
            Kind::Login { .. } | Kind::CramMd5 { .. } => None,
        }
    }

    /// The answer to a challenge.
    ///
    /// # Errors
    /// A challenge that the mechanism does not have, or that shows a server which cheats.
    pub(crate) async fn answer(&mut self, challenge: &[u8]) -> Result<Message, String> {
        let too_much = || "the server asks for more than the mechanism has".to_owned();
        match &mut self.kind {
            Kind::Single(_) => Err(too_much()),
            Kind::Login { username, password } => match username.take() {
                Some(username) => Ok(Message::open(&username)),
                None => {
                    self.proven = true;
                    let password = password.take().ok_or_else(too_much)?;
                    Ok(Message::secret(&password))
                }
            },
            Kind::CramMd5 { username, password } => {
                let password = password.take().ok_or_else(too_much)?;
                self.proven = true;
                let answer = cram_md5(username, &password, challenge);
                let answer = answer.map_err(|_| "OpenSSL computes no MD5".to_owned())?;
                Ok(Message::secret(&answer))
            }
            Kind::Scram(scram) => {
                let answer = scram.answer(challenge).await?;
                self.proven = scram.has_proven();
                Ok(Message::secret(&answer))
            }
            Kind::Bearer { farewell, .. } => {
                if self.reason.is_some() {
                    return Err(too_much());
                }
                self.reason = Some(bearer::reason(challenge).unwrap_or_default());
                Ok(Message::open(farewell))
            }
        }
    }

    /// Checks, once the server accepts us, that it has done its own part.
    ///
    /// # Errors
    /// It has not.
    pub(crate) fn accept(&self) -> Result<(), String> {
        match &self.kind {
            Kind::Scram(scram) if !scram.is_server_proven() => {
                Err("the server accepts without proving that it knows the password: it may not be \
                 the one it pretends to be"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether challenges hold nothing that counts, whatever a server writes there.
    pub(crate) fn ignores_challenges(&self) -> bool {
        matches!(self.kind, Kind::Login { .. })
    }

    /// Whether the server has seen anything that it can judge name and secret by.
    pub(crate) fn has_proven(&self) -> bool {
        self.proven
    }

    /// What the server said about the token before it refused it.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref().filter(|reason| !reason.is_empty())
    }
}

fn cram_md5(
    username: &str,
    password: &str,
    challenge: &[u8],
) -> Result<Zeroizing<String>, openssl::error::ErrorStack> {
    use std::fmt::Write as _;
    let digest = hmac(MessageDigest::md5(), password.as_bytes(), challenge)?;
    let mut answer = Zeroizing::new(format!("{username} "));
    for octet in digest.iter() {
        write!(answer, "{octet:02x}").expect("a text takes more text");
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(mechanism: Mechanism, username: &str, secret: &str) -> Result<Exchange, String> {
        let secret = SecretText::new(secret.to_owned());
        let flag = Flag::None;
        Exchange::new(mechanism, Identity { username, secret: &secret, host: "h", port: 1, flag })
    }

    fn text(message: Option<Message>) -> Option<String> {
        message.map(|message| String::from_utf8(message.octets.to_vec()).unwrap())
    }

    #[test]
    fn cram_md5_is_as_rfc_2195_shows_it() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        let answer = cram_md5("tim", "tanstaaftanstaaf", challenge).unwrap();
        assert_eq!(*answer, "tim b913a602c7eda7a495b4e6e7334d3890");
    }

    #[tokio::test]
    async fn each_mechanism_says_its_own_and_no_more() {
        use Mechanism::{CramMd5, External, Login, OAuthBearer, Plain, XOAuth2};
        for (mechanism, first, answers) in [
            (Plain, Some("\0u\0p"), vec![]),
            (External, Some("u"), vec![]),
            (Login, None, vec!["u", "p"]),
            (CramMd5, None, vec!["u da36278f6d7b321225abe37ff9faee81"]),
            (XOAuth2, Some("user=u\u{1}auth=Bearer p\u{1}\u{1}"), vec![""]),
            (
                OAuthBearer,
                Some("n,a=u,\u{1}host=h\u{1}port=1\u{1}auth=Bearer p\u{1}\u{1}"),
                vec!["\u{1}"],
            ),
        ] {
            let mut exchange = exchange(mechanism, "u", "p").unwrap();
            assert!(!exchange.has_proven());
            assert_eq!(text(exchange.first()).as_deref(), first, "{mechanism:?}");
            for answer in answers {
                let got = exchange.answer(b"x").await.ok();
                assert_eq!(text(got).as_deref(), Some(answer), "{mechanism:?}");
            }
            assert!(exchange.has_proven(), "{mechanism:?}");
            assert!(exchange.answer(b"x").await.is_err(), "{mechanism:?}");
            assert!(exchange.accept().is_ok(), "{mechanism:?}");
        }
    }

    #[test]
    fn a_server_that_has_proven_nothing_is_not_accepted() {
        let scram = Mechanism::Scram { hash: crate::auth::scram::Hash::Sha256, bound: false };
        let mut exchange = exchange(scram, "u", "p").unwrap();
        assert!(exchange.first().is_some() && !exchange.has_proven());
        assert!(exchange.accept().unwrap_err().contains("without proving"));
    }

    #[test]
    fn what_a_mechanism_cannot_carry_is_refused() {
        for (mechanism, username, secret, good) in [
            (Mechanism::Plain, "u\0", "p", false),
            (Mechanism::Login, "u", "p\0", false),
            (Mechanism::XOAuth2, "u\u{1}", "p", false),
            (Mechanism::OAuthBearer, "u\n", "p", false),
            (Mechanism::Plain, "u", "", true),
        ] {
            assert_eq!(exchange(mechanism, username, secret).is_ok(), good, "{mechanism:?}");
        }
    }
}
