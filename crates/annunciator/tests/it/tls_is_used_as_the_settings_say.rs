//! TLS modes against a relay whose certificate nobody knows, and credentials that never cross the
//! network in clear.

use annunciator_testkit::certificates::Authority;
use annunciator_testkit::relay::{Relay, RelayBuilder, TlsSetup};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, email_settings, text};

const PASSWORD: &str = "s3cret-word";

fn untrusted() -> TlsSetup {
    TlsSetup::new(&Authority::new("Unknown root").server(&["127.0.0.1"]))
}

fn site(relay: &Relay, patch: &Value) -> Site {
    let site = Site::start();
    let mut email = email_settings(relay.port());
    for (key, value) in patch.as_object().expect("an object") {
        email[key] = value.clone();
    }
    site.save(&json!({ "email": email }));
    site.submit("disk.full");
    site
}

/// Settings and relay of which nothing may come; the reason that the ledger must give.
fn check_deferred(builder: RelayBuilder, patch: &Value, stage: &str, words: &[&str]) {
    let relay = builder.start();
    let site = site(&relay, patch);
    let detail = site.wait_for_the_delivery("waits for its relay", |detail| {
        detail["delivery"]["waiting_for"].is_string()
    });
    let failure = &detail["attempts"][0]["failure"];
    assert_eq!(failure["stage"], stage, "{detail}");
    assert_eq!(failure["scope"], "relay", "{detail}");
    assert_eq!(detail["delivery"]["state"], "queued");
    let diagnostic = text(&failure["diagnostic"]).to_lowercase();
    for word in words {
        assert!(diagnostic.contains(word), "`{word}` is not in {diagnostic}");
    }
    assert_eq!(relay.message_count(), 0);
    let connections = relay.connections();
    assert!(connections.iter().all(|one| one.auth.is_empty()), "{}", relay.transcript());
    assert!(!relay.transcript().contains("MAIL FROM"), "{}", relay.transcript());
    site.cancel_the_rest();
}

#[test]
fn required_tls_without_a_trusted_certificate_sends_nothing() {
    let required = json!({"tls": "required"});
    check_deferred(Relay::builder(), &required, "tls", &["starttls"]);
    check_deferred(
        Relay::builder().starttls(&untrusted()),
        &required,
        "tls",
        &["certificate", "unknown root", "not trusted"],
    );
    check_deferred(
        Relay::builder().implicit_tls(&untrusted()),
        &json!({"tls": "implicit"}),
        "tls",
        &["certificate", "unknown root", "not trusted"],
    );
}

#[test]
fn tls_if_supported_takes_any_certificate_and_tells_it() {
    let relay = Relay::builder().starttls(&untrusted()).start();
    let site = site(&relay, &json!({}));
    let message = relay.wait_for_messages(1, PATIENCE).unwrap().remove(0);
    assert!(message.tls);
    let delivery = site.wait_for_deliveries(1, "delivered").remove(0);
    let detail = site.delivery(text(&delivery["id"]));
    let tls = &detail["attempts"][0]["tls"];
    assert_eq!(tls["verified"], false);
    assert!(text(&tls["issuer"]).contains("Unknown root"), "{tls}");
    assert!(text(&tls["protocol"]).starts_with("TLSv1."), "{tls}");
    assert!(!text(&tls["verify_error"]).is_empty(), "{tls}");
    assert!(site.run(&["ledger", "show", text(&delivery["id"])]).contains("not verified"));
}

#[test]
fn credentials_never_cross_the_network_in_clear() {
    let credentials = json!({"auth": "password", "username": "robot", "password": PASSWORD});
    let relay = || Relay::builder().auth(&["PLAIN", "LOGIN"]).user("robot", PASSWORD);
    check_deferred(relay(), &credentials, "auth", &["tls"]);
    // Inside TLS that does not verify they go only where the setting says so.
    check_deferred(relay().starttls(&untrusted()), &credentials, "auth", &["certificate"]);

    let relay = relay().starttls(&untrusted()).start();
    let mut unverified = credentials.clone();
    unverified["allow_auth_unverified"] = json!(true);
    let site = site(&relay, &unverified);
    let message = relay.wait_for_messages(1, PATIENCE).unwrap().remove(0);
    assert_eq!((message.tls, message.auth_user.as_deref()), (true, Some("robot")));
    let auth: Vec<_> = relay.connections().into_iter().flat_map(|one| one.auth).collect();
    assert!(auth.iter().all(|one| one.tls), "{auth:?}");
    site.wait_for_deliveries(1, "delivered");
}
