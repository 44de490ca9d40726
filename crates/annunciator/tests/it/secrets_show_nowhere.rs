//! A stored password is found in no answer, no log, no file, and goes to no changed server.

use annunciator_testkit::certificates::Authority;
use annunciator_testkit::relay::{Relay, Stage, When, reply};
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use crate::certificates::{octets_of, upload, uploaded};
use crate::support::{PATIENCE, Site, answer, email_settings, field_errors};

const CANARY: &str = "Canary-7c1f0e-Passwort";
/// The same in base64, as it stands in AUTH PLAIN and LOGIN.
const CANARY_BASE64: &str = "Q2FuYXJ5LTdjMWYwZS1QYXNzd29ydA";
/// Files below one folder that are looked into.
const FILES_MAX: usize = 1_000;

fn with_password(port: u16) -> Value {
    let mut email = email_settings(port);
    email["auth"] = json!("password");
    email["username"] = json!("robot");
    email["password"] = json!(CANARY);
    email["allow_auth_without_tls"] = json!(true);
    json!({ "email": email })
}

#[track_caller]
fn expect_no_canary(what: &str, text: &str) {
    for canary in [CANARY, CANARY_BASE64] {
        assert!(!text.contains(canary), "the password stands in {what}");
    }
}

#[test]
fn a_stored_password_shows_nowhere() {
    let relay = Relay::builder()
        .auth(&["PLAIN", "LOGIN"])
        .user("robot", CANARY)
        // A relay that is hostile enough to say the password back.
        .on(Stage::Auth, When::Times(1), reply(format!("535 5.7.8 {CANARY} is wrong")))
        .start();
    let mut site = Site::start_with("log = { level = \"trace\", format = \"logfmt\" }");
    site.save(&with_password(relay.port()));
    site.submit("disk.full");
    relay.wait_for_messages(1, PATIENCE).unwrap();
    let auth: Vec<_> = relay.connections().into_iter().flat_map(|one| one.auth).collect();
    assert!(auth.iter().any(|one| one.accepted && one.secret == CANARY), "it is used: {auth:?}");
    let delivery = site.wait_for_deliveries(1, "delivered").remove(0);
    let test = site.post("/api/v1/test-message", &json!({})).expect_status(200);
    expect_no_canary("the answer to a test message", &test.text());
    let refused = site.patch_settings(&json!({"email": {"password": CANARY, "port": 70_000}}));
    expect_no_canary("a refusal", &refused.text());

    let id = crate::support::text(&delivery["id"]);
    for path in [
        "/api/v1/settings",
        "/api/v1/settings/history",
        "/api/v1/settings/revisions/1",
        "/api/v1/settings/definitions",
        "/api/v1/audit",
        "/api/v1/status",
        "/api/v1/events",
        "/api/v1/deliveries",
        "/api/v1/tokens",
        "/metrics",
        &format!("/api/v1/deliveries/{id}"),
    ] {
        let answer = answer(site.server.client().get(path)).expect_status(200);
        expect_no_canary(path, &answer.text());
    }
    assert_eq!(site.get("/api/v1/settings")["values"]["email"]["password"], "<secret>");
    for words in [&["settings", "get"][..], &["settings", "history"], &["audit"], &["status"]] {
        expect_no_canary(words[0], &site.run(words));
    }
    // The key file lies outside the data folder: this is what a backup holds.
    expect_no_canary_in_files(&site);
    site.server.restart();
    site.submit("disk.full.again");
    relay.wait_for_messages(3, PATIENCE).unwrap();
    expect_no_canary("the log at level trace", &site.server.log());
}

fn expect_no_canary_in_files(site: &Site) {
    let files = std::fs::read_dir(site.server.data_folder()).unwrap();
    let mut count = 0;
    for file in files.take(FILES_MAX) {
        let path = file.unwrap().path();
        if path.is_file() {
            let octets = std::fs::read(&path).unwrap();
            expect_no_canary(&path.display().to_string(), &String::from_utf8_lossy(&octets));
            count += 1;
        }
    }
    assert!(count > 0, "the data folder holds the store");
}

#[test]
fn a_stored_password_is_typed_again_for_a_changed_server() {
    let (old, new) = (Relay::builder().start(), Relay::builder().auth(&["PLAIN"]).start());
    let site = Site::start();
    site.save(&with_password(old.port()));
    let retype = [("/email/password".to_owned(), "retype".to_owned())];
    for changed in [
        json!({"port": new.port()}),
        json!({"servers": ["localhost"]}),
        json!({"tls": "off"}),
        json!({"port": new.port(), "password": "<secret>"}),
    ] {
        let answer = site.patch_settings(&json!({ "email": changed })).expect_status(422);
        assert_eq!(field_errors(&answer.json()), retype, "{changed}");
        let test = site.post("/api/v1/test-message", &json!({ "email": changed }));
        assert_eq!(field_errors(&test.expect_status(422).json()), retype, "{changed}");
    }
    assert_eq!(new.connection_count(), 0, "nothing was sent there");
    site.save(&json!({"email": {"subject": "x", "password": "<secret>"}}));
    site.save(&json!({"email": {"port": new.port(), "password": "typed"}}));
    site.submit("disk.full");
    new.wait_for_messages(1, PATIENCE).unwrap();
    let auth: Vec<_> = new.connections().into_iter().flat_map(|one| one.auth).collect();
    assert!(auth.iter().all(|one| one.secret == "typed") && !auth.is_empty(), "{auth:?}");
}

#[test]
fn an_uploaded_key_and_its_password_show_nowhere() {
    let mut site = Site::start_with("log = { level = \"trace\", format = \"logfmt\" }");
    let identity = Authority::new("Root").client("robot");
    let pkcs12 = identity.pkcs12(CANARY);
    let id = uploaded(&site, "client", &[&pkcs12], CANARY);
    let encrypted = identity.key_pem_encrypted(CANARY);
    let files: [&[u8]; 2] = [&encrypted, &identity.certificate_pem()];
    uploaded(&site, "client", &files, CANARY);
    let wrong = upload(&site, "client", &files, &format!("{CANARY}x")).expect_status(422);
    expect_no_canary("a refused upload", &wrong.text());
    // 24 octets within the private number itself, as they are, in hex and in base64.
    let key = octets_of(&identity.key_pem());
    let secret = key[36..60].to_vec();
    let hex: String = secret.iter().map(|octet| format!("{octet:02x}")).collect();
    let texts = [hex, Base64::encode_string(&secret)];
    let expect_no_key = |what: &str, octets: &[u8]| {
        let found = octets.windows(secret.len()).any(|window| window == secret);
        let text = String::from_utf8_lossy(octets);
        assert!(!found && !texts.iter().any(|one| text.contains(one)), "the key stands in {what}");
        expect_no_canary(what, &text);
    };
    for path in ["", &format!("/{id}"), &format!("/{id}/pem")] {
        let answer = answer(site.server.client().get(&format!("/api/v1/certificates{path}")));
        expect_no_key(path, answer.expect_status(200).text().as_bytes());
    }
    for path in ["/api/v1/audit", "/api/v1/status", "/api/v1/settings", "/metrics"] {
        expect_no_key(path, site.get_text(path).as_bytes());
    }
    for words in [&["certificate", "list"][..], &["certificate", "show", &id], &["audit"]] {
        expect_no_key(words[0], site.run(words).as_bytes());
    }
    site.server.restart();
    for file in std::fs::read_dir(site.server.data_folder()).unwrap().take(FILES_MAX) {
        let path = file.unwrap().path();
        if path.is_file() {
            expect_no_key(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
    expect_no_key("the log at level trace", site.server.log().as_bytes());
}
