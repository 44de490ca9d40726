//! A stored password is found in no answer, no log, no file, and goes to no changed server.

use annunciator_testkit::certificates::Authority;
use annunciator_testkit::relay::{Relay, Stage, When, reply};
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use crate::certificates::{octets_of, upload, uploaded};
use crate::people::{Browser, setup_key};
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

/// Passwords, cookies and keys of users, as somebody meets them who goes all ways there are.
#[test]
fn passwords_sessions_and_keys_of_users_show_nowhere() {
    let mut site = Site::start_with("log = { level = \"trace\", format = \"logfmt\" }");
    let setup = setup_key(&site);
    let (anna, boris) = (Browser::default(), Browser::default());
    let body = json!({ "key": setup, "user": "anna", "password": CANARY });
    let mut answers = vec![anna.send(&site, "POST", "/api/v1/setup", &body).expect_status(201)];
    let first = anna.cookie("annunciator_session").unwrap();
    answers.push(anna.try_sign_in(&site, "anna", CANARY).expect_status(200));
    // In the wrong field, as people do.
    answers.push(boris.try_sign_in(&site, CANARY, "anna").expect_status(401));
    answers.push(boris.try_sign_in(&site, "anna", &format!("{CANARY}!")).expect_status(401));
    let users = "/api/v1/users";
    let invited = json!({ "name": "boris", "role": "viewer" });
    let invited = anna.send(&site, "POST", users, &invited).expect_status(201).json();
    let key = crate::support::text(&invited["sign_in_link_key"]).to_owned();
    for (path, body, status) in [
        ("session/key", json!({ "key": key, "password": format!("{CANARY} b") }), 200),
        ("session/key", json!({ "key": key, "password": CANARY, "x": 1 }), 422),
        ("session/password", json!({ "current": format!("{CANARY} b"), "new": CANARY }), 204),
        ("session/password", json!({ "current": CANARY, "new": [CANARY] }), 422),
        ("session", json!({ "user": "boris", "password": { "a": CANARY } }), 422),
    ] {
        let path = format!("/api/v1/{path}");
        answers.push(boris.send(&site, "POST", &path, &body).expect_status(status));
    }
    let set = json!({ "password": format!("{CANARY} c") });
    answers.push(anna.send(&site, "POST", "/api/v1/users/boris/password", &set).expect_status(204));
    for path in ["session", "sessions", "users", "users/anna", "roles", "audit", "tokens"] {
        let answer = anna.send(&site, "GET", &format!("/api/v1/{path}"), &Value::Null);
        answers.push(answer.expect_status(200));
    }
    for path in ["settings/document", "settings", "status", "setup", "openapi.json"] {
        let answer = anna.send(&site, "GET", &format!("/api/v1/{path}"), &Value::Null);
        answers.push(answer.expect_status(200));
    }
    let cookies = [first, anna.cookie("annunciator_session").unwrap()];
    let cookies = cookies.into_iter().chain(boris.cookie("annunciator_session"));
    let secrets: Vec<String> = cookies.chain([key, CANARY.to_owned()]).collect();
    let expect_none = |what: &str, text: &str| {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{secret} stands in {what}");
        }
        assert!(!text.contains("$argon2"), "a hash stands in {what}");
    };
    for answer in &answers {
        expect_none("an answer", &answer.text());
        assert!(!answer.text().contains(&setup), "the setup key stands in an answer");
    }
    for words in
        [&["audit"][..], &["user", "list"], &["user", "show", "anna"], &["settings", "export"]]
    {
        expect_none(words[0], &site.run(words));
    }
    site.server.restart();
    let log = site.server.log();
    expect_none("the log at level trace", &log);
    assert_eq!(log.matches(&setup).count(), 1, "the one line of the start");
    for file in std::fs::read_dir(site.server.data_folder()).unwrap().take(FILES_MAX) {
        let path = file.unwrap().path();
        if path.is_file() {
            let octets = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&octets).replace("$argon2", "");
            expect_none(&path.display().to_string(), &text);
            assert!(!text.contains(&setup), "the setup key lies in {}", path.display());
        }
    }
}
