//! The whole configuration is one readable file: exported, changed, compared, applied, and the same
//! after all of that; what is wrong with it is told and changes nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Site, answer, email_settings, field_errors};

const CANARY: &str = "Canary-51d2c9-Passwort";
/// Largest file that is taken. Unit: octets.
const FILE_BYTES_MAX: usize = 8 << 20;

/// A configuration with a bit of everything.
fn configuration() -> Value {
    let mut email = email_settings(2525);
    email["auth"] = json!("password");
    email["username"] = json!("robot");
    email["password"] = json!(CANARY);
    email["tls"] = json!("required");
    email["subject"] = json!("%SEVERITY%: 100 %% of \"%EVENT%\" in C:\\events");
    email["message"] = json!("%EVENT%\n\n  on '%COMPUTER%'\\\n\ttab\n");
    let relay = json!({
        "servers": ["10.0.0.9"], "auth": "password", "username": "line", "password": CANARY,
        "tls": "implicit", "port": 465,
    });
    json!({
        "version": 1,
        "email": email,
        "delivery": {"lifetime_s": 3600},
        "groups": ["Plant A/Line 2", "Büro"],
        "event_configuration": [
            {"application": "Guard", "type": "disk.full", "email": {"notify": true}},
            {"application": "Guard", "severity": "info", "storage_term_days": 3},
        ],
        "policies": [
            {"name": "Plant A", "application": "Guard", "group": "Plant A", "events": [
                {"type": "disk.full", "locked": ["email.recipients"],
                 "email": {"recipients": ["a@example.org", "b@example.org"]}},
                {"email": relay},
                {"type": "disk.full", "email": {"notify": false}, "conditions": [
                    {"field": "device", "op": "equals", "value": "pc-18"},
                    {"field": "parameters.free percent", "op": "less", "value": 2.5},
                    {"field": "parameters.note", "op": "exists"},
                ]},
            ]},
        ],
        "application_settings": [
            {"application": "Guard", "device": "pc-17", "events": [{"email": {"notify": false}}]},
        ],
    })
}

fn put(site: &Site, query: &str, document: &Value) -> annunciator_testkit::http::Response {
    answer(site.server.client().put(&format!("/api/v1/settings/document{query}"), document))
}

fn revision(site: &Site) -> i64 {
    site.get("/api/v1/settings")["revision"].as_i64().unwrap()
}

/// A site with [`configuration`], and a file for it.
fn configured() -> (Site, PathBuf) {
    let site = Site::start();
    let saved = put(&site, "", &configuration()).expect_status(200).json();
    assert_eq!(saved["revision"], 1);
    let file = site.server.data_folder().with_file_name("settings.toml");
    (site, file)
}

fn export(site: &Site, file: &Path) -> String {
    site.run(&["settings", "export", "--output", file.to_str().unwrap()]);
    fs::read_to_string(file).unwrap()
}

fn on_file(site: &Site, command: &str, file: &Path, more: &[&str]) -> Output {
    let words = [&["settings", command, file.to_str().unwrap()], more].concat();
    site.command(&words)
}

#[track_caller]
fn expect(output: &Output, status: i32, words: &str) {
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}\n{complained}");
    assert!(said.contains(words) || complained.contains(words), "{words}:\n{said}\n{complained}");
    assert!(!said.contains(CANARY) && !complained.contains(CANARY), "a secret is shown");
}

#[test]
fn an_exported_file_applied_unchanged_changes_nothing() {
    let (site, file) = configured();
    let text = export(&site, &file);
    assert!(text.starts_with("# Settings of Annunciator "), "{text}");
    assert!(text.contains(", revision 1, saved 20"), "{text}");
    assert!(!text.contains(CANARY));
    assert_eq!(text.matches("password = \"<secret>\"").count(), 2);
    assert!(text.contains("[[policies.events]]\ntype = \"disk.full\"\n"), "{text}");
    assert!(text.contains("message = '''\n%EVENT%\n\n  on '%COMPUTER%'\\\n\ttab\n'''\n"), "{text}");
    assert_eq!(site.run(&["settings", "export"]), text, "the same text every time");

    expect(&on_file(&site, "diff", &file, &[]), 0, "nothing to do");
    expect(&on_file(&site, "apply", &file, &["--yes"]), 0, "nothing to do");
    let same = put(&site, "", &site.get("/api/v1/settings/document")).expect_status(200).json();
    assert_eq!((&same["revision"], &same["changes"]), (&json!(1), &json!([])));
    assert_eq!(revision(&site), 1, "no revision is saved for nothing");

    let offline = site.command(&["check", "--settings", file.to_str().unwrap()]);
    expect(&offline, 0, "all is well");
    expect(&offline, 0, "policies.0.events.1.email.password: only the server knows");
    fs::write(&file, text.replace("locked = [", "lokced = [")).unwrap();
    let offline = site.command(&["check", "--settings", file.to_str().unwrap()]);
    expect(&offline, 1, "policies.0.events.0.lokced: there is no setting `lokced`; did you mean");
}

#[test]
fn a_change_of_the_file_is_planned_then_made() {
    let (site, file) = configured();
    let text = export(&site, &file);
    let changed = text
        .replace("\"b@example.org\"", "\"c@example.org\"")
        .replace("lifetime_s = 3600\n", "")
        .replace("groups = [", "groups = [\"Plant B\", ")
        .replace(
            "username = \"line\"\npassword = \"<secret>\"",
            "username = \"line\"\npassword = \"typed\"",
        );
    fs::write(&file, changed).unwrap();
    let plan = on_file(&site, "diff", &file, &[]);
    expect(&plan, 2, "");
    let expected = "\
- delivery.lifetime_s = 3600
+ groups/Plant B
~ policy/Plant A/all events: email.password (another secret)
~ policy/Plant A/type disk.full: email.recipients: [\"a@example.org\",\"b@example.org\"] → \
[\"a@example.org\",\"c@example.org\"]
1 to add, 2 to change, 1 to remove
";
    assert_eq!(String::from_utf8_lossy(&plan.stdout), expected);
    expect(&on_file(&site, "apply", &file, &[]), 1, "give --yes");
    assert_eq!(revision(&site), 1, "nobody said yes");
    let applied = on_file(&site, "apply", &file, &["--yes", "--comment", "ticket 7"]);
    expect(&applied, 0, "saved as revision 2");
    assert_eq!(site.get("/api/v1/settings/history")["revisions"][0]["comment"], "ticket 7");
    expect(&on_file(&site, "apply", &file, &["--yes"]), 0, "nothing to do");
    assert_eq!(revision(&site), 2, "a secret in clear is no change when it is the same");
    let document = site.get("/api/v1/settings/document");
    assert_eq!(document["policies"][0]["events"][1]["email"]["password"], "<secret>");

    let shown = site.run(&["settings", "show-revision", "2"]);
    assert!(shown.contains("ticket 7") && shown.contains("+ groups/Plant B\n"), "{shown}");
    let first = site.run(&["settings", "show-revision", "1", "--document"]);
    assert!(text.ends_with(&first), "{first}");
}

#[test]
fn a_change_in_between_is_told() {
    let (site, file) = configured();
    let text = export(&site, &file);
    fs::write(&file, text.replace("lifetime_s = 3600", "lifetime_s = 7200")).unwrap();
    site.save(&json!({"retention": {"events_max": 5000}}));
    let stale = on_file(&site, "apply", &file, &["--yes", "--revision", "1"]);
    expect(&stale, 1, "the settings were changed meanwhile (revision 2)");
    let fields = [("Content-Type", "application/json"), ("If-Match", "\"1\"")];
    let body = configuration().to_string();
    for path in ["/api/v1/settings/document", "/api/v1/settings/document?dry_run=true"] {
        let client = site.server.client();
        let stale = answer(client.send("PUT", path, &fields, body.as_bytes()));
        assert_eq!(stale.expect_status(412).json()["type"], "urn:annunciator:precondition-failed");
    }
    assert_eq!(revision(&site), 2);
    // Without a revision the file is the whole truth: the change in between goes.
    let plan = on_file(&site, "diff", &file, &[]);
    expect(&plan, 2, "- retention.events_max = 5000");
}

#[test]
fn a_bad_document_is_told_whole_and_changes_nothing() {
    let (site, file) = configured();
    let before = site.get("/api/v1/settings/document");
    let check = |change: &dyn Fn(&mut Value), expected: &[(&str, &str)]| {
        let mut document = before.clone();
        change(&mut document);
        let refused = put(&site, "", &document).expect_status(422).json();
        let found = field_errors(&refused);
        let found: Vec<_> = found.iter().map(|(p, c)| (p.as_str(), c.as_str())).collect();
        assert_eq!(found, expected, "{refused}");
        assert_eq!(site.get("/api/v1/settings/document"), before, "nothing changed");
    };
    check(&|document| document["version"] = json!(2), &[("/version", "version")]);
    // An empty or cut file clears nothing.
    check(&|document| *document = json!({}), &[("/version", "required")]);
    check(
        &|document| {
            document["delivery"]["lifetime_s"] = json!(7200);
            document["email"]["prot"] = json!(25);
            document["policies"][0]["events"][1]["email"]["tls"] = json!("sometimes");
        },
        &[("/email/prot", "unknown_field"), ("/policies/0/events/1/email/tls", "one_of")],
    );
    check(
        &|document| document["policies"][0]["group"] = json!("Plant C"),
        &[("/policies/0/group", "unknown_group")],
    );
    check(&|document| document["email"]["port"] = json!(2526), &[("/email/password", "retype")]);
    check(
        &|document| document["email"]["ca_certificates"] = json!("019aaa36"),
        &[("/email/password", "retype")],
    );
    check(&|document| document["polices"] = json!([]), &[("/polices", "unknown_field")]);

    fs::write(&file, "version = 1\n[email]\nprot = 25\n").unwrap();
    expect(&on_file(&site, "apply", &file, &["--yes"]), 1, "did you mean `port`?");
    fs::write(&file, "[email]\nport = 25\nport = 26\n").unwrap();
    expect(&on_file(&site, "diff", &file, &[]), 1, "line 3");
    fs::write(&file, vec![b'#'; FILE_BYTES_MAX + 1]).unwrap();
    expect(&on_file(&site, "apply", &file, &["--yes"]), 1, "larger than 8388608 octets");
    let too_long = json!({"email": {"subject": "x".repeat(2 * FILE_BYTES_MAX)}});
    assert_eq!(put(&site, "", &too_long).status, 413);
    assert_eq!(revision(&site), 1);
}

#[test]
fn a_document_moves_to_another_server_with_its_key_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let key = format!("secret_key_file = \"{}\"", folder.path().join("annunciator.key").display());
    let (first, second, other) = (Site::start_with(&key), Site::start_with(&key), Site::start());
    drop(put(&first, "", &configuration()).expect_status(200));
    let file = folder.path().join("settings.toml");
    let path = file.to_str().unwrap();
    first.run(&["settings", "export", "--sealed", "--output", path]);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("password = \"<sealed:v1:").count(), 2);
    assert!(!text.contains(CANARY));
    assert_eq!(first.run(&["settings", "export", "--sealed"]), text, "the same text every time");
    expect(&on_file(&first, "diff", &file, &[]), 0, "nothing to do");

    expect(&on_file(&second, "apply", &file, &["--yes"]), 0, "saved as revision 1");
    let document = |site: &Site| site.get("/api/v1/settings/document?secrets=sealed");
    assert_eq!(document(&second), document(&first));

    let refused = on_file(&other, "apply", &file, &["--yes"]);
    expect(&refused, 1, "email.password: this does not open");
    expect(&refused, 1, "policies.0.events.1.email.password: this does not open");
    // A secret goes to no other server than it was typed for.
    fs::write(&file, text.replace("\"10.0.0.9\"", "\"10.0.0.66\"")).unwrap();
    let refused = on_file(&second, "apply", &file, &["--yes"]);
    expect(&refused, 1, "policies.0.events.1.email.password: this does not open");
    let patched = second.command(&["settings", "set", "--file", path]);
    expect(&patched, 1, "event_configuration: is part of the whole document");
    assert_eq!((revision(&second), revision(&other)), (1, 0));
    let audit = first.get("/api/v1/audit");
    assert_eq!(audit["entries"][0]["action"], "settings.export_sealed");
}
