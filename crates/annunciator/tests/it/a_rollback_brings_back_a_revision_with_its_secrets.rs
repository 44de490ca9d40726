//! An earlier revision comes back as a new one: its relay and its password work again, and the
//! password shows nowhere on the way; what is gone by now is named.

use std::path::Path;

use annunciator_testkit::certificates::Authority;
use annunciator_testkit::process::Launch;
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::certificates::uploaded;
use crate::stores::key_of;
use crate::support::{BINARY, PATIENCE, Site, answer, email_settings, field_errors, text};

const CANARY: &str = "Canary-a9e04b-Passwort";

fn with_password(port: u16) -> Value {
    let mut email = email_settings(port);
    email["auth"] = json!("password");
    email["username"] = json!("robot");
    email["password"] = json!(CANARY);
    email["allow_auth_without_tls"] = json!(true);
    // Each message asks for the password.
    email["messages_per_connection_max"] = json!(1);
    json!({ "email": email })
}

fn roll_back(site: &Site, body: &Value) -> annunciator_testkit::http::Response {
    site.post("/api/v1/settings/rollback", body)
}

#[test]
fn a_revision_comes_back_with_its_password() {
    let relay = Relay::builder().auth(&["PLAIN"]).user("robot", CANARY).start();
    let site = Site::start();
    site.save(&with_password(relay.port()));
    site.submit("first");
    relay.wait_for_messages(1, PATIENCE).unwrap();
    site.save(&json!({"email": {"auth": "off", "username": null, "password": null,
        "subject": "without"}}));

    let mut said = vec![site.run(&["settings", "show-revision", "1"])];
    said.push(site.run(&["settings", "show-revision", "2"]));
    assert!(said[1].contains("- email.password = \"<secret>\""), "{}", said[1]);
    let dry = roll_back(&site, &json!({"revision": 1, "dry_run": true})).expect_status(200);
    let names: Vec<_> = dry.json()["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| text(&change["name"]).to_owned())
        .collect();
    assert_eq!(names, ["email.auth", "email.password", "email.subject", "email.username"]);
    said.push(dry.text());
    assert_eq!(site.get("/api/v1/settings")["revision"], 2, "a plan saves nothing");
    let refused = site.command(&["settings", "rollback", "1"]);
    assert_eq!(refused.status.code(), Some(1), "nobody said yes");

    said.push(site.run(&["settings", "rollback", "1", "--yes"]));
    assert!(said[3].contains("+ email.password = \"<secret>\""), "{}", said[3]);
    assert!(said[3].ends_with("revision 1 is back, saved as revision 3\n"), "{}", said[3]);
    site.submit("second");
    relay.wait_for_messages(2, PATIENCE).unwrap();
    site.wait_for_deliveries(2, "delivered");
    let accepted = relay.connections().into_iter().flat_map(|one| one.auth);
    let accepted: Vec<_> = accepted.filter(|one| one.accepted).collect();
    let last = accepted.last().expect("the relay asks for a password");
    assert_eq!((accepted.len(), last.secret.as_str()), (2, CANARY));

    let again = roll_back(&site, &json!({"revision": 1})).expect_status(200).json();
    assert_eq!(
        (&again["revision"], &again["changes"]),
        (&json!(3), &json!([])),
        "it is so already"
    );
    let history = site.get("/api/v1/settings/history");
    assert_eq!(history["revisions"][0]["comment"], "back to revision 1");
    said.extend(
        ["/api/v1/settings/history", "/api/v1/audit", "/api/v1/settings/revisions/3"]
            .map(|path| site.get_text(path)),
    );
    said.push(site.server.log());
    assert!(said.iter().all(|text| !text.contains(CANARY)), "the password shows");
}

#[test]
fn a_revision_that_is_gone_or_whose_objects_are_gone_is_refused() {
    let site = Site::start();
    let authority = Authority::new("Root").pem();
    let id = uploaded(&site, "authorities", &[&authority], "");
    site.save(&json!({"email": {"ca_certificates": id}}));
    site.save(&json!({"email": {"ca_certificates": null}}));
    drop(answer(site.server.client().delete(&format!("/api/v1/certificates/{id}"))));
    let refused = roll_back(&site, &json!({"revision": 1})).expect_status(422);
    let found = field_errors(&refused.json());
    assert_eq!(found, [("/email/ca_certificates".to_owned(), "unknown_certificate".to_owned())]);
    assert!(refused.text().contains(&id), "{refused}");
    for unknown in [0, 3, -1] {
        drop(roll_back(&site, &json!({"revision": unknown})).expect_status(404));
    }
    drop(answer(site.server.client().get("/api/v1/settings/revisions/x")).expect_status(404));
    let refused = roll_back(&site, &json!({"revison": 1})).expect_status(422);
    assert_eq!(field_errors(&refused.json())[0].1, "unknown_field");
    assert_eq!(site.get("/api/v1/settings")["revision"], 2);
}

#[test]
fn what_was_typed_for_other_authorities_does_not_come_back() {
    let site = Site::start();
    let one = Authority::new("Root").pem();
    let id = uploaded(&site, "authorities", &[&one], "");
    let mut settings = with_password(2525);
    settings["email"]["ca_certificates"] = json!(id);
    site.save(&settings);
    site.save(&json!({"email": {"auth": "off", "password": null}}));
    let other = Authority::new("Other").pem();
    let body = crate::certificates::upload_of("authorities", &[&other], "");
    let path = format!("/api/v1/certificates/{id}");
    drop(answer(site.server.client().put(&path, &body)).expect_status(200));
    let refused = roll_back(&site, &json!({"revision": 1})).expect_status(422);
    assert_eq!(
        field_errors(&refused.json()),
        [("/email/password".to_owned(), "secret_lost".to_owned())]
    );
}

#[test]
fn a_lost_key_file_loses_the_password_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Launch::new(Path::new(BINARY), folder.path());
    let site = Site::of(start(), tempfile::tempdir().unwrap());
    let mut settings = with_password(2525);
    settings["email"]["auth"] = json!("off");
    site.save(&settings);
    site.save(&json!({"email": {"subject": "other", "password": null}}));
    std::fs::remove_file(key_of(&site.server.data_folder())).unwrap();
    drop(site);
    let site = Site::of(start().word("--accept-new-key"), tempfile::tempdir().unwrap());
    let back = roll_back(&site, &json!({"revision": 1})).expect_status(200).json();
    assert_eq!(back["warnings"][0]["pointer"], "/email/password");
    assert_eq!(back["warnings"][0]["code"], "secret_lost");
    let values = site.get("/api/v1/settings/document");
    assert_eq!(
        (&values["email"]["subject"], &values["email"]["password"]),
        (&Value::Null, &Value::Null)
    );
}
