//! The Mail Notifier shows its client certificate to a relay that demands it, trusts it as an
//! anchor, and keeps to suites with authenticated encryption and forward secrecy.

use annunciator_testkit::certificates::{Authority, self_signed};
use annunciator_testkit::postfix::{PostfixError, PostfixSetup};
use annunciator_testkit::relay::{Relay, TlsSetup};
use serde_json::{Value, json};

use crate::certificates::uploaded;
use crate::subscribers_are_mailed_once_in_their_language::{incident, notifier};
use crate::support::{PATIENCE, Site, text};

fn save(site: &Site, port: u16, more: &Value) -> Value {
    let mut settings = notifier(port);
    settings["tls"] = json!("required");
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let subscriptions = json!([{"name": "A", "addresses": "a@example.org"}]);
    let incidents = json!({ "subscriptions": subscriptions });
    site.save(&json!({"mail_notifier": settings, "incidents": incidents}))
}

/// The TLS of the one delivery's attempt.
fn tls_of(site: &Site) -> Value {
    let delivery = site.wait_for_deliveries(1, "delivered").remove(0);
    let detail = site.delivery(text(&delivery["id"]));
    let attempts = detail["attempts"].as_array().unwrap();
    attempts.last().unwrap()["tls"].clone()
}

#[test]
fn a_postfix_that_demands_the_client_certificate_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = Authority::new("Plant root");
    let file = folder.path().join("root.pem");
    std::fs::write(&file, root.pem()).unwrap();
    let setup = PostfixSetup::default()
        .starttls(&root.server(&["127.0.0.1"]))
        .line("smtpd_tls_security_level = encrypt")
        .line("smtpd_tls_req_ccert = yes")
        .line(&format!("smtpd_tls_CAfile = {}", file.display()));
    let postfix = match setup.start() {
        Ok(postfix) => postfix,
        Err(PostfixError::Missing(what)) => {
            eprintln!("skipped: {what}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let site = Site::start();
    let ca = uploaded(&site, "authorities", &[&root.pem()], "");
    let client = uploaded(&site, "client", &[&root.client("notifier").pkcs12("p")], "p");
    let port = postfix.address().port();
    save(&site, port, &json!({"ca_certificates": ca}));
    drop(site.post("/api/v1/incidents", &incident("i-1")).expect_status(202));
    site.wait_for_the_delivery("waits without a certificate", |detail| {
        detail["delivery"]["waiting_for"].is_string()
    });
    save(&site, port, &json!({"ca_certificates": ca, "client_certificate": client}));
    postfix.wait_for_received(1, PATIENCE).unwrap();
    let tls = tls_of(&site);
    assert_eq!(tls["verified"], true, "{tls}");
}

#[test]
fn a_relay_with_the_same_certificate_is_trusted() {
    let identity = self_signed(&["127.0.0.1"]);
    let relay = Relay::builder().starttls(&TlsSetup::new(&identity)).start();
    let site = Site::start();
    let files: [&[u8]; 2] = [&identity.certificate_pem(), &identity.key_pem()];
    let client = uploaded(&site, "client", &files, "");
    let saved = save(&site, relay.port(), &json!({ "client_certificate": client }));
    let warnings = saved["warnings"].as_array().unwrap().iter();
    let weak = warnings.filter(|one| one["code"] == "weak_key").count();
    assert_eq!(weak, 1, "an EC key of P-256 is taken with a warning: {saved}");
    drop(site.post("/api/v1/incidents", &incident("i-1")).expect_status(202));
    relay.wait_for_messages(1, PATIENCE).unwrap();
    let tls = tls_of(&site);
    assert_eq!(tls["verified"], true, "{tls}");
    let cipher = text(&tls["cipher"]);
    assert!(["GCM", "CHACHA20"].iter().any(|aead| cipher.contains(aead)), "{cipher}");
}
