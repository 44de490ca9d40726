//! Credentials: which mechanism, and never to whom they must not go.

use std::time::Duration;

use annunciator_smtp::{Auth, AuthGuard, Client, Relay, SecretText, TlsPolicy, Verify};
use annunciator_testkit::certificates::{Authority, self_signed};
use annunciator_testkit::relay::{Action, RelayBuilder, Stage, TlsSetup, When, reply};

use crate::stage::{Server, deliver, diagnostic, relay_to, submission, words};

const PASSWORD: &str = "pass word \u{e9}";

fn credentials(allow_without_tls: bool, allow_unverified: bool) -> Auth {
    let password = SecretText::new(PASSWORD.to_owned());
    let guard = AuthGuard { allow_without_tls, allow_unverified };
    Auth::Password { username: "user".into(), password, mechanism: None, guard }
}

fn if_supported() -> TlsPolicy {
    TlsPolicy::IfSupported { plaintext_after: Duration::ZERO, ca: None }
}

fn server(mechanisms: &[&str]) -> RelayBuilder {
    let builder = Server::builder().user("user", PASSWORD);
    if mechanisms.is_empty() { builder } else { builder.auth(mechanisms).require_auth() }
}

async fn check(server: &Server, tls: TlsPolicy, auth: Auth, expected: &str) {
    let relay = Relay { tls, auth, ..relay_to(server) };
    let mut traced = submission(1, &["a@x.test"]);
    traced.trace = true;
    let report = deliver(&Client::default(), &relay, vec![traced]).await.remove(0);
    let all = format!("{report:?}");
    let encoded = openssl::base64::encode_block(PASSWORD.as_bytes());
    assert!(!all.contains(PASSWORD) && !all.contains(&encoded), "{all}");
    if expected == "delivered" {
        assert_eq!(words(&report), ["delivered"], "{}", server.transcript());
        assert_eq!(server.messages()[0].auth_user.as_deref(), Some("user"));
    } else {
        assert!(words(&report)[0].starts_with("transient auth Relay"), "{:?}", words(&report));
        assert!(diagnostic(&report).contains(expected), "{}", diagnostic(&report));
        assert_eq!(server.message_count(), 0);
    }
}

#[tokio::test]
async fn plain_and_login_prove_who_we_are() {
    for (offered, used) in [
        (&["PLAIN"][..], "PLAIN"),
        (&["LOGIN"], "LOGIN"),
        (&["LOGIN", "PLAIN"], "PLAIN"),
        (&["XOAUTH2", "LOGIN"], "LOGIN"),
    ] {
        let server = server(offered).start();
        check(&server, TlsPolicy::Off, credentials(true, false), "delivered").await;
        assert_eq!(server.connections()[0].auth[0].mechanism, used);
    }
}

#[tokio::test]
async fn a_long_password_goes_after_the_command() {
    let long = "x".repeat(600);
    let server = Server::builder().user("user", &long).auth(&["PLAIN"]).require_auth().start();
    let password = SecretText::new(long);
    let auth = Auth::Password {
        username: "user".into(),
        password,
        mechanism: None,
        guard: AuthGuard { allow_without_tls: true, allow_unverified: false },
    };
    check(&server, TlsPolicy::Off, auth, "delivered").await;
}

#[tokio::test]
async fn authentication_that_is_not_offered_is_never_left_out() {
    check(
        &server(&[]).start(),
        TlsPolicy::Off,
        credentials(true, true),
        "does not offer authentication",
    )
    .await;
    let foreign = server(&["XOAUTH2"]).start();
    check(&foreign, TlsPolicy::Off, credentials(true, true), "no way of authentication known")
        .await;
}

#[tokio::test]
async fn a_refused_password_is_trouble_with_the_relay() {
    let refusing =
        server(&["PLAIN"]).on(Stage::Auth, When::Always, reply("535 5.7.8 wrong")).start();
    check(&refusing, TlsPolicy::Off, credentials(true, true), "535 5.7.8 wrong").await;
    let echo = format!("535 5.7.8 wrong: {PASSWORD}");
    let telling = server(&["PLAIN"]).on(Stage::Auth, When::Always, reply(echo)).start();
    check(&telling, TlsPolicy::Off, credentials(true, true), "hidden").await;
    let odd = server(&["PLAIN"]).on(Stage::Auth, When::Always, reply("250 ok")).start();
    check(&odd, TlsPolicy::Off, credentials(true, true), "unexpected reply to AUTH").await;
}

#[tokio::test]
async fn credentials_are_never_sent_in_clear_unless_that_is_allowed() {
    for tls in [TlsPolicy::Off, if_supported()] {
        let open = server(&["PLAIN"]).start();
        check(&open, tls.clone(), credentials(false, true), "not sent without TLS").await;
        assert!(open.connections().iter().all(|connection| connection.auth.is_empty()));
        check(&open, tls, credentials(true, true), "delivered").await;
    }
}

#[tokio::test]
async fn a_broken_starttls_never_leads_to_credentials_in_clear() {
    let ca = Authority::new("ca");
    let identity = ca.server(&["127.0.0.1"]);
    let breaking = server(&["PLAIN"])
        .starttls(&TlsSetup::new(&identity))
        .on(Stage::Handshake, When::Always, Action::Close)
        .start();
    let (client, auth) = (Client::default(), credentials(false, true));
    let relay = Relay { tls: if_supported(), auth, ..relay_to(&breaking) };
    for _ in 0..3 {
        let report = deliver(&client, &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
        assert!(words(&report)[0].starts_with("transient tls Relay"));
    }
    assert!(breaking.connections().iter().all(|connection| connection.auth.is_empty()));
}

#[tokio::test]
async fn an_unverified_server_gets_credentials_only_when_that_is_allowed() {
    let make = || {
        let tls = TlsSetup::new(&self_signed(&["127.0.0.1"]));
        server(&["PLAIN"]).starttls(&tls).auth_in_tls_only().start()
    };
    check(
        &make(),
        if_supported(),
        credentials(false, false),
        "is not verified: certificate is self-signed",
    )
    .await;
    check(&make(), if_supported(), credentials(false, true), "delivered").await;
}

#[tokio::test]
async fn a_verified_server_gets_credentials() {
    let ca = Authority::new("ca");
    let tls = TlsSetup::new(&ca.server(&["127.0.0.1"]));
    let server = server(&["PLAIN"]).starttls(&tls).auth_in_tls_only().start();
    let verify = Verify { ca: Some(vec![ca.certificate().to_der().unwrap()]), ..Verify::default() };
    check(&server, TlsPolicy::Required { verify }, credentials(false, false), "delivered").await;
    assert!(server.connections()[0].auth[0].tls);
}
