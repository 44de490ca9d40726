//! A test message says at the failed stage what is wrong and which setting helps (spec 8).

use std::time::Duration;

use annunciator_core::Stage as At;
use annunciator_smtp::{
    Auth, AuthGuard, Client, Relay, SecretText, StageReport, TlsPolicy, Verify,
};
use annunciator_testkit::certificates::self_signed;
use annunciator_testkit::relay::{RelayBuilder, Stage, TlsSetup, TlsVersion, When, reply};

use crate::stage::{Basket, Server, relay_to, submission};
use crate::tls_rows::{CA, CLIENTS, NAMES};

fn verify() -> Verify {
    let ca = Some(vec![CA.certificate().to_der().unwrap()]);
    Verify { ca, ..Verify::default() }
}

fn required() -> TlsPolicy {
    TlsPolicy::Required { verify: verify() }
}

fn implicit() -> TlsPolicy {
    TlsPolicy::Implicit { verify: verify() }
}

fn password() -> Auth {
    let password = SecretText::new("secret".to_owned());
    let guard = AuthGuard::default();
    Auth::Password { username: "user".into(), password, mechanism: None, guard }
}

/// The stages of a test message to two recipients.
async fn stages(server: &Server, tls: TlsPolicy, auth: Auth) -> Vec<StageReport> {
    let mut relay = Relay { tls, auth, ..relay_to(server) };
    relay.timeouts.greeting = Duration::from_millis(500);
    let mut mail = submission(1, &["a@x.test", "b@x.test", "c@x.test"]);
    mail.fresh_connection = true;
    let basket = Basket::default();
    Client::default().deliver(&relay, mail, &basket).await;
    let _ = server.violations();
    basket.stages.into_inner().unwrap()
}

async fn check(
    server: RelayBuilder,
    (tls, auth): (TlsPolicy, Auth),
    (stage, said, advice): (At, &str, &str),
) {
    let server = server.start();
    let stages = stages(&server, tls, auth).await;
    let failed = stages.iter().find(|stage| !stage.ok).expect("a stage fails");
    let detail = failed.detail.join("\n");
    assert!(failed.stage == stage && detail.contains(said), "{failed:?}");
    assert!(failed.advice.contains(advice), "{failed:?}");
    assert_eq!(server.message_count(), 0);
}

fn offering() -> RelayBuilder {
    Server::builder().starttls(&TlsSetup::new(&CA.server(&NAMES)))
}

#[tokio::test]
async fn each_fault_of_tls_names_its_remedy() {
    let with = |setup: &TlsSetup| Server::builder().starttls(setup);
    let good = CA.server(&NAMES);
    let old = TlsSetup::new(&good).versions(TlsVersion::V1_0, TlsVersion::V1_0);
    let asking = TlsSetup::new(&good).require_client_certificate(&CLIENTS);
    let none = || (required(), Auth::None);
    let plain_smtp = "the server speaks plain SMTP here: TLS from the first octet is set, this \
                      port wants STARTTLS";
    for (server, said, advice) in [
        (
            with(&TlsSetup::new(&CA.wrong_name())),
            "is for wrong.invalid, asked for",
            "wrong.invalid",
        ),
        (with(&TlsSetup::new(&self_signed(&NAMES))), "self-signed", "`ca_certificates`"),
        (with(&TlsSetup::new(&CA.expired(&NAMES))), "has expired", "Renew"),
        (with(&TlsSetup::new(&CA.not_yet_valid(&NAMES))), "not valid before", "clock"),
        (with(&TlsSetup::new(&CA.sha1(&NAMES))), "too weak", "SHA-256"),
        (with(&TlsSetup::new(&CA.wrong_usage(&NAMES))), "key usage", "serverAuth"),
        (with(&old), "no TLS version", "`tls_version_min = \"any\"`"),
        (with(&asking), "client certificate", "`client_certificate`"),
        (Server::builder(), "does not offer STARTTLS", "`tls = \"implicit\"`"),
    ] {
        check(server, none(), (At::Tls, said, advice)).await;
    }
    let (tls, first) = ((implicit(), Auth::None), "`tls = \"required\"`");
    check(offering(), tls, (At::Tls, plain_smtp, first)).await;
    let wrapped = Server::builder().implicit_tls(&TlsSetup::new(&good));
    check(wrapped, none(), (At::Greeting, "no answer in time", "`tls = \"implicit\"`")).await;
}

#[tokio::test]
async fn each_fault_of_credentials_and_envelopes_names_its_remedy() {
    let off = || (TlsPolicy::Off, Auth::None);
    let open = || Server::builder().user("user", "other").auth(&["PLAIN"]);
    let after = Duration::from_secs(60);
    let loose = TlsPolicy::IfSupported { plaintext_after: after, ca: None };
    let unverified = offering().user("user", "secret").auth(&["PLAIN"]);
    let withheld = "`allow_auth_without_tls`";
    check(open(), (TlsPolicy::Off, password()), (At::Auth, "without TLS", withheld)).await;
    let withheld = (At::Auth, "not verified", "`allow_auth_unverified`");
    check(unverified, (loose, password()), withheld).await;
    let wrong = offering().user("user", "other").auth(&["PLAIN"]);
    check(wrong, (required(), password()), (At::Auth, "535", "`password`")).await;
    check(open().require_auth(), off(), (At::MailFrom, "530", "`auth`")).await;
    for (stage, at, answer, advice) in [
        (Stage::Mail, At::MailFrom, "550 5.7.1 not you", "`sender`"),
        (Stage::Rcpt, At::RcptTo, "552 5.2.2 over quota", "full"),
        (Stage::Rcpt, At::RcptTo, "554 5.7.1 no relaying", "relaying denied"),
        (Stage::Rcpt, At::RcptTo, "451 4.7.1 greylisted", "reylisting"),
    ] {
        let server = Server::builder().on(stage, When::Always, reply(answer));
        check(server, off(), (at, answer, advice)).await;
    }
}

#[tokio::test]
async fn recipients_are_told_in_the_order_they_were_given() {
    let refuse = annunciator_testkit::relay::for_address("b@x.test");
    let server = Server::builder().on(Stage::Rcpt, refuse, reply("550 5.1.1 nobody")).start();
    let stages = stages(&server, TlsPolicy::Off, Auth::None).await;
    let told: Vec<_> = stages.iter().filter(|stage| stage.stage == At::RcptTo).collect();
    let told: Vec<_> = told.iter().map(|stage| (stage.detail[0].as_str(), stage.ok)).collect();
    assert_eq!(
        told,
        [
            ("a@x.test: accepted", true),
            ("b@x.test: 550 5.1.1 nobody", false),
            ("c@x.test: accepted", true)
        ]
    );
}
