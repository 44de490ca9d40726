//! Every password mechanism against peers that we did not write: GNU SASL behind the scripted
//! relay, and Dovecot behind Postfix.

use annunciator_certificates::{ClientCertificate, SecretOctets};
use annunciator_smtp::{
    Auth, AuthGuard, Client, PasswordMechanism, Relay, SecretText, TlsPolicy, Verify,
};
use annunciator_testkit::certificates::Authority;
use annunciator_testkit::dovecot::Dovecot;
use annunciator_testkit::postfix::{Postfix, PostfixError, PostfixSetup};
use annunciator_testkit::relay::{Action, RelayBuilder, Stage, TlsSetup, TlsVersion, When, reply};

use crate::stage::{Server, deliver, diagnostic, relay_at, relay_to, submission, words};

const PASSWORD: &str = "pass word \u{e9}";
const ALL: [&str; 7] = [
    "LOGIN",
    "PLAIN",
    "CRAM-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256-PLUS",
];

fn auth(password: &str, mechanism: Option<PasswordMechanism>) -> Auth {
    Auth::Password {
        username: "user".into(),
        password: SecretText::new(password.into()),
        mechanism,
        guard: AuthGuard { allow_without_tls: true, allow_unverified: false },
    }
}

fn server(mechanisms: &[&str]) -> RelayBuilder {
    Server::builder().user("user", PASSWORD).auth(mechanisms).require_auth()
}

/// STARTTLS that must verify, by this authority.
pub(crate) fn required(ca: &Authority) -> TlsPolicy {
    let ca = Some(vec![ca.certificate().to_der().unwrap()]);
    TlsPolicy::Required { verify: Verify { ca, ..Verify::default() } }
}

/// What an AUTH exchange carried, as far as it is long enough to be told from a word.
fn exchanged(server: &Server) -> Vec<String> {
    let lines = server.dialogue();
    let words = lines.iter().filter_map(|line| {
        let (rest, last) = line.text.rsplit_once(' ').unwrap_or(("", &line.text));
        let is_exchange = rest.is_empty() || rest == "334" || rest.starts_with("AUTH ");
        let is_long = last.len() >= 12 && openssl::base64::decode_block(last).is_ok();
        (is_exchange && is_long).then(|| last.to_owned())
    });
    words.collect()
}

/// Delivers one message; nothing of the exchange may show anywhere.
async fn check(server: &Server, relay: &Relay, expected: &str) {
    let mut traced = submission(1, &["a@x.test"]);
    traced.trace = true;
    let report = deliver(&Client::default(), relay, vec![traced]).await.remove(0);
    let shown = format!("{report:?}");
    for secret in exchanged(server) {
        assert!(!shown.contains(&secret), "{secret} in {shown}");
    }
    if expected == "delivered" {
        assert_eq!(words(&report), ["delivered"], "{shown} {}", server.transcript());
        assert_eq!(server.messages()[0].auth_user.as_deref(), Some("user"));
    } else {
        assert!(words(&report)[0].starts_with("transient auth Relay"), "{shown}");
        assert!(diagnostic(&report).contains(expected), "{shown}");
    }
}

fn used(server: &Server) -> Vec<String> {
    let connections = server.connections();
    connections.iter().flat_map(|one| &one.auth).map(|auth| auth.mechanism.clone()).collect()
}

#[tokio::test]
async fn gnu_sasl_accepts_each_mechanism_and_the_strongest_is_used() {
    for (offered, expected) in [
        (&["CRAM-MD5"][..], "CRAM-MD5"),
        (&["PLAIN", "CRAM-MD5"], "CRAM-MD5"),
        (&["SCRAM-SHA-1"], "SCRAM-SHA-1"),
        (&["CRAM-MD5", "SCRAM-SHA-1"], "SCRAM-SHA-1"),
        (&ALL, "SCRAM-SHA-256"),
    ] {
        let server = server(offered).start();
        let relay = Relay { auth: auth(PASSWORD, None), ..relay_to(&server) };
        check(&server, &relay, "delivered").await;
        assert_eq!(used(&server), [expected]);
        assert!(!exchanged(&server).is_empty());
    }
}

#[tokio::test]
async fn gnu_sasl_accepts_channel_binding_of_tls_1_2_and_1_3() {
    let ca = Authority::new("ca");
    let identity = ca.server(&["127.0.0.1"]);
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        for (offered, expected) in [
            (&ALL[..], "SCRAM-SHA-256-PLUS"),
            (&["SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"], "SCRAM-SHA-1-PLUS"),
            (&["SCRAM-SHA-256"], "SCRAM-SHA-256"),
        ] {
            let tls = TlsSetup::new(&identity).versions(version, version);
            let server = server(offered).starttls(&tls).start();
            let auth = auth(PASSWORD, None);
            let relay = Relay { tls: required(&ca), auth, ..relay_to(&server) };
            check(&server, &relay, "delivered").await;
            assert_eq!(used(&server), [expected], "{version:?}");
        }
    }
}

#[tokio::test]
async fn gnu_sasl_notices_that_channel_binding_was_taken_out_of_the_list() {
    let ca = Authority::new("ca");
    let tls = TlsSetup::new(&ca.server(&["127.0.0.1"]));
    let stripped = reply("250-relay.test\r\n250-STARTTLS\r\n250 AUTH SCRAM-SHA-256");
    let server = server(&ALL).starttls(&tls).on(Stage::Ehlo, When::Always, stripped).start();
    let relay = Relay { tls: required(&ca), auth: auth(PASSWORD, None), ..relay_to(&server) };
    check(&server, &relay, "535").await;
}

#[tokio::test]
async fn a_wrong_password_is_told_once_whatever_else_is_offered() {
    for mechanism in ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"] {
        let server = server(&[mechanism, "LOGIN"]).start();
        let relay = Relay { auth: auth("wrong", None), ..relay_to(&server) };
        check(&server, &relay, "535").await;
        assert_eq!(used(&server), [mechanism]);
    }
}

#[tokio::test]
async fn a_mechanism_that_is_turned_down_gives_way_to_the_next() {
    for (code, first, expected) in [
        ("504 5.5.4 not known", "CRAM-MD5", "delivered"),
        ("504 5.5.4 not known", "PLAIN", "delivered"),
        // The password was out: this is about it, whatever the number says.
        ("534 5.7.9 too weak", "PLAIN", "534 5.7.9"),
        ("534 5.7.9 too weak", "CRAM-MD5", "534 5.7.9"),
        ("535 5.7.8 wrong", "PLAIN", "535 5.7.8"),
        ("454 4.7.0 later", "PLAIN", "454 4.7.0"),
    ] {
        let server = server(&[first, "LOGIN"]).on(Stage::Auth, When::Times(1), reply(code)).start();
        let relay = Relay { auth: auth(PASSWORD, None), ..relay_to(&server) };
        check(&server, &relay, expected).await;
        let count = if expected == "delivered" { 2 } else { 1 };
        assert_eq!(used(&server).len(), count, "{code} {first}");
    }
}

#[tokio::test]
async fn a_mechanism_that_is_set_is_used_or_nothing() {
    let server = server(&["PLAIN", "LOGIN"]).start();
    let auth = auth(PASSWORD, Some(PasswordMechanism::ScramSha256));
    let relay = Relay { auth, ..relay_to(&server) };
    let words = "no way of authentication that is the one set here; it offers PLAIN, LOGIN";
    check(&server, &relay, words).await;
    assert!(used(&server).is_empty());
}

#[tokio::test]
async fn a_server_that_accepts_before_it_has_proven_itself_is_left() {
    // Said in the place of the exchange's end, before server-final has come.
    let server = server(&["SCRAM-SHA-256"])
        .on(Stage::Auth, When::Always, Action::Reply("235 2.7.0 welcome".into()))
        .user("other", "x")
        .start();
    let relay = Relay { auth: auth("not the password", None), ..relay_to(&server) };
    check(&server, &relay, "without proving that it knows the password").await;
    assert_eq!(server.message_count(), 0);
}

#[tokio::test]
async fn a_client_certificate_is_no_proof_when_there_is_none() {
    let server = server(&["EXTERNAL"]).start();
    let auth = Auth::External { username: String::new() };
    let relay = Relay { auth, ..relay_to(&server) };
    check(&server, &relay, "and there is none").await;
}

#[tokio::test]
async fn with_a_client_certificate_external_names_the_identity_or_none() {
    let ca = Authority::new("ca");
    let shown = ca.client("annunciator.test");
    let client_certificate = Some(ClientCertificate {
        chain: vec![shown.certificate.to_der().unwrap()],
        key: SecretOctets::new(shown.key.private_key_to_pkcs8().unwrap()),
    });
    for username in ["", "alerts@plant.test"] {
        let tls = TlsSetup::new(&ca.server(&["127.0.0.1"]));
        let server = Server::builder().auth(&["EXTERNAL", "PLAIN"]).starttls(&tls).start();
        let auth = Auth::External { username: username.into() };
        let tls = required(&ca);
        let client_certificate = client_certificate.clone();
        let relay = Relay { tls, auth, client_certificate, ..relay_to(&server) };
        let report =
            deliver(&Client::default(), &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
        assert_eq!(words(&report), ["delivered"], "{}", server.transcript());
        assert_eq!(used(&server), ["EXTERNAL"]);
        assert_eq!(server.connections()[0].auth[0].identity, username);
    }
}

/// Postfix with Dovecot behind it; nothing where one of them is missing.
pub(crate) fn postfix_with(dovecot: &Dovecot, ca: &Authority) -> Option<Postfix> {
    let setup = PostfixSetup::default().starttls(&ca.server(&["127.0.0.1"]));
    let setup = dovecot.postfix_lines().iter().fold(setup, |setup, line| setup.line(line));
    match setup.start() {
        Ok(postfix) => Some(postfix),
        Err(PostfixError::Missing(what)) => {
            // The machine's fault, not ours; the sentence must help.
            assert!(what.contains("install") || what.contains("root"), "{what}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn dovecot_behind_postfix_accepts_each_mechanism() {
    use PasswordMechanism::{CramMd5, Login, Plain, ScramSha1, ScramSha256};
    let names = ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"];
    let dovecot = Dovecot::start(&names, &[("user", PASSWORD)], None).unwrap();
    let ca = Authority::new("ca");
    let Some(postfix) = postfix_with(&dovecot, &ca) else { return };
    let relay_with = |auth| Relay {
        tls: required(&ca),
        auth,
        ..relay_at(&["127.0.0.1"], postfix.address().port())
    };
    for (set, expected) in [
        (None, "SCRAM-SHA-256"),
        (Some(Plain), "PLAIN"),
        (Some(Login), "LOGIN"),
        (Some(CramMd5), "CRAM-MD5"),
        (Some(ScramSha1), "SCRAM-SHA-1"),
        (Some(ScramSha256), "SCRAM-SHA-256"),
    ] {
        let relay = relay_with(auth(PASSWORD, set));
        let before = postfix.log().len();
        let report =
            deliver(&Client::default(), &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
        assert_eq!(words(&report), ["delivered"], "{report:?} {}", dovecot.log());
        let log = postfix.log()[before..].to_owned();
        assert!(log.contains(&format!("sasl_method={expected}, sasl_username=user")), "{log}");
        let relay = relay_with(auth("wrong", set));
        let report =
            deliver(&Client::default(), &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
        assert_eq!(words(&report), ["transient auth Relay 535 5.7.8"], "{report:?}");
    }
}
