//! A client certificate is uploaded in any form, named in settings, replaced, downloaded; its key
//! is given only to who proves again who they are, and survives a restart sealed.

use annunciator_testkit::certificates::Authority;
use annunciator_testkit::relay::{Relay, TlsSetup};
use serde_json::{Value, json};

use crate::certificates::{octets_of, upload, upload_of, uploaded};
use crate::people::{Browser, PASSWORD, make_user};
use crate::support::{
    PATIENCE, Site, answer, client_with, email_settings, eventually, field_errors, text,
};

#[test]
fn a_client_certificate_is_uploaded_used_and_never_shown() {
    let mut site = Site::start();
    let authority = Authority::new("Relay root");
    let identity = authority.intermediate("Below").client("robot");
    let saved = upload(&site, "client", &[&identity.pkcs12("secret")], "secret");
    let saved = saved.expect_status(201).json();
    let id = text(&saved["certificate"]["id"]).to_owned();
    assert_eq!(saved["certificate"]["certificates"][0]["subject"], "CN=robot");
    assert_eq!(saved["certificate"]["certificates"][1]["subject"], "CN=Below");
    assert_eq!(saved["certificate"]["key"], "EC P-256");
    assert_eq!(saved["certificate"]["used_by"], json!([]));
    let ca = uploaded(&site, "authorities", &[&authority.pem()], "");
    let email = json!({"servers": ["127.0.0.1"], "tls": "required", "auth": "external",
        "client_certificate": id, "ca_certificates": ca});
    site.save(&json!({ "email": email }));
    let swapped = json!({"email": {"client_certificate": ca, "ca_certificates": "gone"}});
    let swapped = site.patch_settings(&swapped).expect_status(422).json();
    let expected = [
        ("/email/ca_certificates".to_owned(), "unknown_certificate".to_owned()),
        ("/email/client_certificate".to_owned(), "wrong_kind".to_owned()),
    ];
    assert_eq!(field_errors(&swapped), expected);
    site.server.restart();
    let shown = site.get(&format!("/api/v1/certificates/{id}"));
    assert_eq!(shown["used_by"], json!(["email.client_certificate"]));
    assert_eq!(shown["lost"], false, "its key opens after a restart");
    let pem = site.get_text(&format!("/api/v1/certificates/{id}/pem"));
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(!pem.contains("KEY"));
    assert!(site.get_text("/metrics").contains(&format!("id=\"{id}\",name=\"my client\"")));

    // Another certificate under the same id: settings stay as they are.
    let other = authority.client("robot-2");
    let files: [&[u8]; 2] = [&other.key_pem_encrypted("p"), &other.certificate_pem()];
    let path = format!("/api/v1/certificates/{id}");
    let client = site.server.client();
    let wrong = answer(client.put(&path, &upload_of("client", &files, "q"))).expect_status(422);
    let expected = [("/password".to_owned(), "password_wrong".to_owned())];
    assert_eq!(field_errors(&wrong.json()), expected);
    let kind = answer(client.put(&path, &upload_of("authorities", &[&authority.pem()], "")));
    let expected = [("/kind".to_owned(), "wrong_kind".to_owned())];
    assert_eq!(field_errors(&kind.expect_status(422).json()), expected);
    let replaced = answer(client.put(&path, &upload_of("client", &files, "p"))).expect_status(200);
    assert_eq!(replaced.json()["certificate"]["certificates"][0]["subject"], "CN=robot-2");
    expect_guarded_key(&site, &id, &other.key_pem());
}

/// The key is given for the token in use and for no other, and each time is audited.
fn expect_guarded_key(site: &Site, id: &str, expected: &[u8]) {
    let path = format!("/api/v1/certificates/{id}/key");
    let make = |name: &str| {
        let words = ["token", "create", "--name", name, "--role", "administrator", "--quiet"];
        site.run(&words).trim().to_owned()
    };
    let (own, foreign) = (make("own"), make("foreign"));
    let ask = |body: &Value| answer(client_with(&site.server, &own).post(&path, body));
    for credential in ["", "ann_x_0123456789abcdef0123", &foreign] {
        let refused = ask(&json!({ "credential": credential })).expect_status(403);
        assert!(refused.text().contains("credential"), "{refused}");
    }
    let given = ask(&json!({ "credential": own })).expect_status(200);
    assert_eq!(octets_of(&given.body), octets_of(expected));
    let sealed = json!({"credential": own, "export_password": "copy"});
    let sealed = ask(&sealed).expect_status(200).text();
    assert!(sealed.contains("BEGIN ENCRYPTED PRIVATE KEY"), "{sealed}");
    for _ in 0..3 {
        drop(ask(&json!({ "credential": "ann_x_guess" })).expect_status(403));
    }
    let waiting = ask(&json!({ "credential": own })).expect_status(429);
    assert!(waiting.header("Retry-After").is_some());
    // A user shows the password.
    make_user(site, "anna", "administrator");
    let anna = Browser::of(site, "anna");
    let show = |credential: &str| {
        anna.send(site, "POST", &path, &json!({ "credential": credential })).status
    };
    assert_eq!([show(""), show(&own), show(PASSWORD)], [403, 403, 200]);
    // The right to manage certificates is not enough.
    let keeper = json!({"rights": ["manage_certificates"]});
    drop(answer(site.server.client().put("/api/v1/roles/keeper", &keeper)).expect_status(200));
    make_user(site, "keeper", "keeper");
    let keeper = Browser::of(site, "keeper");
    assert_eq!(keeper.status(site, &format!("/api/v1/certificates/{id}")), 200);
    let refused = keeper.send(site, "POST", &path, &json!({ "credential": PASSWORD }));
    assert!(refused.expect_status(403).text().contains("only to an administrator"));
    // Over the owner's socket the system vouches for who asks.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    let file = file.to_str().unwrap();
    let words = ["certificate", "download-key", id, "--plain", "--output", file];
    site.run(&words);
    assert_eq!(octets_of(&std::fs::read(file).unwrap()), octets_of(expected));
    assert!(!site.command(&words).status.success(), "what is there is not written over");
    let audit = site.get("/api/v1/audit?limit=1000");
    let count = |action: &str| {
        let entries = audit["entries"].as_array().unwrap();
        entries.iter().filter(|entry| entry["action"] == action).count()
    };
    assert_eq!(count("certificate.download_key"), 5);
    assert_eq!(count("certificate.download_key.refused"), 10);
}

#[test]
fn a_relay_that_demands_a_certificate_is_reached_once_it_is_uploaded() {
    let root = Authority::new("Plant root");
    let server = root.server(&["127.0.0.1"]);
    let demanding = TlsSetup::new(&server).require_client_certificate(&root);
    let relay = Relay::builder().starttls(&demanding).start();
    let site = Site::start();
    let ca = uploaded(&site, "authorities", &[&root.pem()], "");
    let mut email = email_settings(relay.port());
    email["tls"] = json!("required");
    email["ca_certificates"] = json!(ca);
    site.save(&json!({ "email": email }));
    site.submit("disk.full");
    site.wait_for_the_delivery("waits: no certificate", |detail| {
        detail["delivery"]["waiting_for"].is_string()
    });
    assert_eq!(relay.message_count(), 0);
    // The relay knows the root alone: the issuer between must come with the certificate.
    let robot = root.intermediate("Below").client("robot");
    let client = uploaded(&site, "client", &[&robot.pkcs12("secret")], "secret");
    site.save(&json!({"email": {"client_certificate": client}}));
    relay.wait_for_messages(1, PATIENCE).unwrap();
    site.wait_for_deliveries(1, "delivered");
    // Replaced by one that the relay does not know, it is refused from the next mail on.
    let stranger = Authority::new("Other root").client("stranger");
    let files: [&[u8]; 2] = [&stranger.certificate_pem(), &stranger.key_pem()];
    let path = format!("/api/v1/certificates/{client}");
    let replaced = site.server.client().put(&path, &upload_of("client", &files, ""));
    drop(answer(replaced).expect_status(200));
    site.submit("disk.full.again");
    eventually("the second mail waits", || {
        let queued = site.deliveries().into_iter().find(|one| one["state"] == "queued");
        let queued = queued.ok_or("not yet")?;
        let waits = queued["waiting_for"].is_string() && queued["last_failure"].is_object()
            || site.delivery(text(&queued["id"]))["attempts"][0].is_object();
        if waits { Ok(()) } else { Err(queued.to_string()) }
    });
    assert_eq!(relay.message_count(), 1);
    site.cancel_the_rest();
}

#[test]
fn the_command_line_uploads_lists_and_deletes() {
    let site = Site::start();
    let identity = Authority::new("Root").client("robot");
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = identity.write_files(folder.path(), "robot");
    let encrypted = folder.path().join("encrypted.key");
    std::fs::write(&encrypted, identity.key_pem_encrypted("secret")).unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "secret\n").unwrap();
    let [certificate, key, encrypted, password] =
        [&certificate, &key, &encrypted, &password].map(|path| path.to_str().unwrap());
    let head = ["certificate", "upload", "--name", "Relay", "--kind", "client", "--quiet"];
    let id = site.run(&[&head[..], &[key, certificate]].concat()).trim().to_owned();
    let words = [encrypted, certificate, "--password-file", password];
    let second = site.run(&[&head[..], &words].concat()).trim().to_owned();
    let refused = site.command(&[&head[..], &[encrypted, certificate]].concat());
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && complaint.contains("password"), "{complaint}");
    let listed = site.run(&["certificate", "list"]);
    assert!(listed.contains(&id) && listed.contains(&second) && listed.contains("CN=robot"));
    assert!(site.run(&["certificate", "show", &id]).contains("EC P-256"));
    assert!(site.run(&["certificate", "download", &id]).starts_with("-----BEGIN CERTIFICATE-----"));
    site.run(&["certificate", "replace", &id, certificate, key, "--name", "Renamed"]);
    assert!(site.run(&["certificate", "list", "--json"]).contains("Renamed"));
    site.run(&["certificate", "delete", &id, &second]);
    assert_eq!(site.get("/api/v1/certificates"), json!({"certificates": []}));
}
