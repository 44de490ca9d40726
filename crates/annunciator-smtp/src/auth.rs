//! Proves who we are, by the strongest mechanism that both sides know.
//!
//! guard → (token) → mechanism → exchange → (another mechanism, or a renewed token, once)
//!
//! In: a session that has greeted, the relay's credentials. Out: what the report says about it, or
//! why not.
//! Standard: RFC 4954; `auth/mechanism` has the order, `auth/exchange` the messages.
//! Failure: words of the server that hold a secret are not passed on. A wrong password is told
//! once and with one mechanism: some servers lock the account after a few.

mod bearer;
mod binding;
mod exchange;
mod mechanism;
mod preparation;
mod scram;

use annunciator_core::{EnhancedStatus, Stage, TlsFacts, one_line};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::auth::binding::{Binding, bindings_of};
use crate::auth::exchange::{Exchange, Identity, Message};
use crate::auth::mechanism::{FOR_TOKEN, Mechanism};
use crate::capabilities::Capabilities;
use crate::connection::{Broken, Connection};
use crate::oauth::{OAuth2, Tokens};
use crate::relay::{Auth, AuthGuard, Relay, SecretText};
use crate::trouble::{Cause, Trouble, Withheld};

/// Longest command line without its CRLF (RFC 5321 section 4.5.3.1.4). Unit: octets.
const COMMAND_OCTETS_MAX: usize = 510;
/// Longest line of an exchange without its CRLF (RFC 4954 section 4). Unit: octets.
const LINE_OCTETS_MAX: usize = 12_286;
/// Longest reason of a refused token that is shown. Unit: characters.
const REASON_CHARS_MAX: usize = 400;
/// Most challenges of one exchange; no mechanism here has more than three.
const CHALLENGES_MAX: usize = 8;

/// Where and as whom.
pub(crate) struct Claim<'a> {
    pub(crate) relay: &'a Relay,
    pub(crate) capabilities: &'a Capabilities,
    pub(crate) tls: Option<&'a TlsFacts>,
    /// The server's name, without brackets.
    pub(crate) host: &'a str,
    pub(crate) tokens: &'a Tokens,
    /// The deadline of the whole attempt.
    pub(crate) deadline: Instant,
}

/// Proves who we are, if the relay wants that. What was done, for the report.
pub(crate) async fn prove(
    connection: &mut Connection,
    claim: &Claim<'_>,
) -> Result<Vec<String>, Trouble> {
    let caps = claim.capabilities;
    match &claim.relay.auth {
        Auth::None => Ok(Vec::new()),
        Auth::Password { username, password, mechanism, guard } => {
            check_guard(claim.tls, *guard)?;
            let bindings = connection.ssl().map(bindings_of).unwrap_or_default();
            let list = mechanism::for_password(caps, *mechanism, !bindings.is_empty());
            let wanted = match mechanism {
                Some(_) => "that is the one set here",
                None => "known here that takes a password",
            };
            let proof = Proof { username, secret: password, bindings: &bindings, wanted };
            let used = try_each(connection, claim, &list, &proof).await;
            used.map(|used| vec![used.name().to_owned()]).map_err(|refusal| refusal.trouble)
        }
        Auth::OAuth2 { username, source, guard } => {
            check_guard(claim.tls, *guard)?;
            prove_by_token(connection, claim, username, source).await
        }
        Auth::External { username } => {
            if claim.tls.is_none() || claim.relay.client_certificate.is_none() {
                let words = "EXTERNAL proves who we are by a client certificate inside TLS, and \
                             there is none";
                return Err(forbidden(11, words));
            }
            let list: Vec<_> = mechanism::offered(&[Mechanism::External], caps).collect();
            let secret = SecretText::default();
            let wanted = "by client certificate (EXTERNAL)";
            let proof = Proof { username, secret: &secret, bindings: &[], wanted };
            let used = try_each(connection, claim, &list, &proof).await;
            used.map(|used| vec![used.name().to_owned()]).map_err(|refusal| refusal.trouble)
        }
    }
}

fn forbidden(detail: u16, words: &str) -> Trouble {
    let status = EnhancedStatus::new(4, 7, detail);
    Trouble::new(Stage::Auth, Cause::Forbidden(status, words.to_owned()))
}

/// Credentials of every kind go to nobody without TLS, and to nobody unverified, unless that is
/// allowed: even SCRAM shows a listener what a password can be guessed from.
fn check_guard(tls: Option<&TlsFacts>, guard: AuthGuard) -> Result<(), Trouble> {
    match tls {
        None if !guard.allow_without_tls => {
            let words = "credentials are not sent without TLS, and the server does not offer it";
            Err(Trouble::new(Stage::Auth, Cause::Withheld(Withheld::NoTls, words.to_owned())))
        }
        Some(facts) if !facts.verified && !guard.allow_unverified => {
            let why = &facts.verify_error;
            let words = format!("credentials are not sent to a server that is not verified: {why}");
            Err(Trouble::new(Stage::Auth, Cause::Withheld(Withheld::Unverified, words)))
        }
        _ => Ok(()),
    }
}

/// What is proven, whatever the mechanism.
struct Proof<'a> {
    username: &'a str,
    secret: &'a SecretText,
    bindings: &'a [Binding],
    /// Which mechanisms would do, for the words when there is none.
    wanted: &'a str,
}

/// A token that was kept may have been withdrawn: it is renewed once.
async fn prove_by_token(
    connection: &mut Connection,
    claim: &Claim<'_>,
    username: &str,
    source: &OAuth2,
) -> Result<Vec<String>, Trouble> {
    let list: Vec<_> = mechanism::offered(&FOR_TOKEN, claim.capabilities).collect();
    let wanted = "that takes an access token (OAUTHBEARER, XOAUTH2)";
    if list.is_empty() {
        return Err(forbidden(0, &mechanism::none_words(wanted, claim.capabilities)));
    }
    let names = &claim.relay.names;
    let token = claim.tokens.give(source, names, None, claim.deadline).await;
    let mut given = token.map_err(token_trouble)?;
    for is_last in [false, true] {
        let proof = Proof { username, secret: &given.token, bindings: &[], wanted };
        match try_each(connection, claim, &list, &proof).await {
            Ok(used) => return Ok(vec![used.name().to_owned(), given.words()]),
            Err(refusal) if refusal.is_of_secret && given.was_kept && !is_last => {
                let renewed =
                    claim.tokens.give(source, names, Some(&given.token), claim.deadline).await;
                given = renewed.map_err(token_trouble)?;
            }
            Err(refusal) => return Err(refusal.trouble),
        }
    }
    unreachable!("the second turn returns")
}

fn token_trouble(error: crate::oauth::TokenError) -> Trouble {
    Trouble::new(Stage::Auth, Cause::Token { refused: error.refused, words: error.words })
}

/// Why a mechanism did not get us in.
struct Refusal {
    trouble: Trouble,
    /// The server does not want the mechanism, and has judged nothing else.
    is_of_mechanism: bool,
    /// It has judged name and secret.
    is_of_secret: bool,
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, is_of_mechanism: false, is_of_secret: false }
    }
}

/// The first mechanism that the server does not turn down as such.
async fn try_each(
    connection: &mut Connection,
    claim: &Claim<'_>,
    list: &[Mechanism],
    proof: &Proof<'_>,
) -> Result<Mechanism, Refusal> {
    let words = || mechanism::none_words(proof.wanted, claim.capabilities);
    let mut last = None;
    for mechanism in list {
        match try_one(connection, claim, *mechanism, proof).await {
            Ok(()) => return Ok(*mechanism),
            Err(refusal) if refusal.is_of_mechanism => last = Some(refusal),
            Err(refusal) => return Err(refusal),
        }
    }
    Err(last.unwrap_or_else(|| forbidden(0, &words()).into()))
}

async fn try_one(
    connection: &mut Connection,
    claim: &Claim<'_>,
    mechanism: Mechanism,
    proof: &Proof<'_>,
) -> Result<(), Refusal> {
    let caps = claim.capabilities;
    let flag = match mechanism {
        Mechanism::Scram { hash, bound } => {
            mechanism::flag(hash, bound, proof.bindings.first(), caps)
        }
        _ => scram::Flag::None,
    };
    let Proof { username, secret, .. } = *proof;
    let (host, port) = (claim.host, claim.relay.port);
    let exchange = Exchange::new(mechanism, Identity { username, secret, host, port, flag });
    let mut dialogue = Dialogue {
        connection,
        claim,
        exchange: exchange.map_err(|words| forbidden(0, &words))?,
        secrets: Vec::new(),
    };
    dialogue.hide(secret.expose());
    dialogue.run(mechanism.name()).await
}

/// One exchange over SMTP.
struct Dialogue<'a> {
    connection: &'a mut Connection,
    claim: &'a Claim<'a>,
    exchange: Exchange,
    /// What no diagnostic may show.
    secrets: Vec<Zeroizing<String>>,
}

impl Dialogue<'_> {
    fn deadline(&self) -> Instant {
        self.claim.deadline.min(Instant::now() + self.claim.relay.timeouts.auth)
    }

    fn hide(&mut self, secret: &str) {
        self.connection.hide(secret);
        self.secrets.push(Zeroizing::new(secret.to_owned()));
    }

    /// As base64; an empty first message is `=` with the command (RFC 4954 section 4).
    fn encode(&mut self, message: &Message) -> Result<Zeroizing<String>, Trouble> {
        let line = Zeroizing::new(openssl::base64::encode_block(&message.octets));
        if line.len() > LINE_OCTETS_MAX {
            return Err(forbidden(0, "the credentials are longer than a line of AUTH may be"));
        }
        if message.is_secret {
            self.hide(&line);
        }
        Ok(line)
    }

    async fn run(&mut self, name: &str) -> Result<(), Refusal> {
        let lost = |broken: Broken| Trouble::new(Stage::Auth, broken.into());
        self.connection.check_sync().map_err(lost)?;
        // What did not fit into the command goes as the answer to an empty challenge.
        let mut waiting = None;
        match self.exchange.first() {
            Some(message) => {
                let line = self.encode(&message)?;
                if "AUTH  ".len() + name.len() + line.len() <= COMMAND_OCTETS_MAX {
                    let line = if line.is_empty() { "=" } else { line.as_str() };
                    self.connection.put_secret(&format!("AUTH {name} "), line);
                } else {
                    self.connection.put_command(&["AUTH ", name]);
                    waiting = Some(line);
                }
            }
            None => self.connection.put_command(&["AUTH ", name]),
        }
        for _ in 0..CHALLENGES_MAX {
            let deadline = self.deadline();
            self.connection.flush(deadline).await.map_err(lost)?;
            let reply = self.connection.challenge(deadline).await.map_err(lost)?;
            let challenge = match reply.code.number() {
                235 => return self.exchange.accept().map_err(|words| forbidden(0, &words).into()),
                334 if self.exchange.ignores_challenges() => Some(Vec::new()),
                334 => decode(reply.octets),
                _ => {
                    let cause = Cause::reply(reply);
                    return Err(self.judge(cause));
                }
            };
            let answer = match (waiting.take(), challenge) {
                (Some(line), _) => Ok(line),
                (None, None) => Err("the server's challenge is not base64".to_owned()),
                (None, Some(challenge)) => match self.answer(&challenge).await {
                    Ok(message) => Ok(self.encode(&message)?),
                    // The words may hold a part of what the server wrote.
                    Err(_) if holds(&String::from_utf8_lossy(&challenge), &self.secrets) => {
                        Err("the server's challenge repeats a secret".to_owned())
                    }
                    Err(words) => Err(words),
                },
            };
            match answer {
                Ok(line) => self.connection.put_secret("", &line),
                Err(words) => return Err(self.cancel(&words).await),
            }
        }
        Err(forbidden(0, "the server asks again and again").into())
    }

    async fn answer(&mut self, challenge: &[u8]) -> Result<Message, String> {
        let deadline = self.deadline();
        let answer = tokio::time::timeout_at(deadline, self.exchange.answer(challenge)).await;
        answer.unwrap_or_else(|_| Err("the computation takes too long".to_owned()))
    }

    /// Breaks the exchange off (RFC 4954 section 4), so that QUIT is not taken for an answer.
    async fn cancel(&mut self, words: &str) -> Refusal {
        self.connection.put_command(&["*"]);
        let deadline = self.deadline();
        if self.connection.flush(deadline).await.is_ok() {
            // What it says to that changes nothing.
            let _ = self.connection.reply(deadline).await;
        }
        forbidden(0, words).into()
    }

    /// What a refusal means for what is tried next.
    fn judge(&self, cause: Cause) -> Refusal {
        let number = match &cause {
            Cause::Reply { code, .. } => code.number(),
            _ => 0,
        };
        // 504 knows no such mechanism. 534 and 538 find it too weak; but there are servers that
        // say 534 about a password, so that they count only before it is out.
        let is_of_mechanism =
            number == 504 || (matches!(number, 534 | 538) && !self.exchange.has_proven());
        let cause = redact(cause, self.exchange.reason(), &self.secrets);
        let is_of_secret = number == 535;
        Refusal { trouble: Trouble::new(Stage::Auth, cause), is_of_mechanism, is_of_secret }
    }
}

/// The octets of a `334` reply.
fn decode(reply: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(reply).ok()?.get(3..)?.trim();
    // Some servers put words in the place of an empty challenge.
    if text.is_empty() { Some(Vec::new()) } else { openssl::base64::decode_block(text).ok() }
}

/// The refusal with the reason that was given before it. Some servers repeat what they were told,
/// in one or the other.
fn redact(cause: Cause, reason: Option<&str>, secrets: &[Zeroizing<String>]) -> Cause {
    let Cause::Reply { code, status, text } = cause else { return cause };
    let text = if holds(&text, secrets) || reason.is_some_and(|reason| holds(reason, secrets)) {
        format!("{code} <hidden: the reply repeats a secret>")
    } else if let Some(reason) = reason {
        format!("{text} ({})", one_line(reason, REASON_CHARS_MAX))
    } else {
        text
    };
    Cause::Reply { code, status, text }
}

fn holds(text: &str, secrets: &[Zeroizing<String>]) -> bool {
    secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret.as_str()))
}

#[cfg(test)]
mod tests {
    use annunciator_core::ReplyCode;

    use super::*;

    #[test]
    fn a_reply_that_repeats_the_secret_is_hidden() {
        let code = ReplyCode::new(535).unwrap();
        let hidden = "535 <hidden: the reply repeats a secret>";
        let long = format!("{}hunter2", "x".repeat(1_000));
        for (text, reason, expected) in [
            ("535 bad password", None, "535 bad password"),
            ("535 bad hunter2", None, hidden),
            ("535 bad", Some("old"), "535 bad (old)"),
            ("535 bad", Some("old hunter2"), hidden),
            ("535 bad", Some(&*long), hidden),
            ("535 bad hunter2", Some("old"), hidden),
        ] {
            let cause = Cause::Reply { code, status: None, text: text.into() };
            let expected = Cause::Reply { code, status: None, text: expected.into() };
            let secrets = ["hunter2", ""].map(|secret| Zeroizing::new(secret.to_owned()));
            assert_eq!(redact(cause, reason, &secrets), expected);
        }
    }

    #[test]
    fn challenges_are_base64() {
        for (reply, expected) in [
            ("334 \r\n", Some("")),
            ("334\r\n", Some("")),
            ("334 YWI=\r\n", Some("ab")),
            ("334 go on\r\n", None),
        ] {
            assert_eq!(decode(reply.as_bytes()).as_deref(), expected.map(str::as_bytes), "{reply}");
        }
    }

    #[test]
    fn credentials_go_only_where_they_may() {
        let facts =
            |verified| TlsFacts { verified, verify_error: "why".into(), ..TlsFacts::default() };
        for (tls, allow_without_tls, allow_unverified, expected) in [
            (None, false, true, "without TLS"),
            (None, true, false, ""),
            (Some(facts(false)), true, false, "not verified: why"),
            (Some(facts(false)), false, true, ""),
            (Some(facts(true)), false, false, ""),
        ] {
            let guard = AuthGuard { allow_without_tls, allow_unverified };
            let result = check_guard(tls.as_ref(), guard);
            let words = result.err().map(|trouble| trouble.failure().diagnostic);
            assert!(words.clone().unwrap_or_default().contains(expected), "{words:?}");
            assert_eq!(words.is_some(), !expected.is_empty());
        }
    }
}
