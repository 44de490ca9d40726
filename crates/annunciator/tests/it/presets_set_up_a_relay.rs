//! A preset with its answers is saved as one change; what is missing is told and nothing saved.

use serde_json::json;

use crate::support::Site;

#[test]
fn every_preset_is_listed_and_shows_what_it_asks_for() {
    let site = Site::start();
    let list = site.run(&["settings", "preset"]);
    for name in ["postfix", "microsoft_365", "google", "amazon_ses", "old_tls10"] {
        assert!(list.contains(name), "{list}");
    }
    let shown = site.command(&["settings", "preset", "microsoft_365"]);
    assert_eq!(shown.status.code(), Some(1));
    let words = String::from_utf8_lossy(&shown.stderr);
    assert!(words.contains("tenant=… username=… oauth_client_id=… oauth_client_secret"), "{words}");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("SMTP.SendAsApp"));
    let unknown = site.command(&["settings", "preset", "gmail"]);
    let words = String::from_utf8_lossy(&unknown.stderr);
    assert!(words.contains("there is no preset `gmail`"), "{words}");
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing is saved");
}

#[test]
fn a_preset_leaves_nothing_of_the_relay_before() {
    let site = Site::start();
    site.save(&json!({"email": {"servers": ["old.example"], "mx_lookup": true, "auth": "password",
        "username": "u", "password": "canary", "sender": "alerts@x.example"}}));
    let answers = ["region=eu-central-1", "username=AKIA", "password=other"];
    let ses = [&["settings", "preset", "amazon_ses"], &answers[..]].concat();
    let dry = site.run(&[&ses[..], &["--dry-run"]].concat());
    assert!(dry.contains("email.mx_lookup: true → back to its default"), "{dry}");
    assert!(!dry.contains("other"), "{dry}");
    assert_eq!(site.get("/api/v1/settings")["revision"], 1, "a dry run saves nothing");
    let saved = site.run(&ses);
    assert!(saved.contains("saved as revision 2") && saved.contains("test-message"), "{saved}");
    let email = &site.get("/api/v1/settings")["values"]["email"];
    for (key, value) in [
        ("servers", json!(["email-smtp.eu-central-1.amazonaws.com"])),
        ("port", json!(587)),
        ("tls", json!("required")),
        ("mx_lookup", json!(false)),
        ("messages_per_minute_max", json!(60)),
        ("sender", json!("alerts@x.example")),
    ] {
        assert_eq!(email[key], value, "{key}");
    }
    // No password follows to a relay that takes none.
    site.run(&["settings", "preset", "google_relay"]);
    assert_eq!(site.get("/api/v1/settings")["values"]["email"]["password"], "");
}

#[test]
fn a_refused_change_names_what_to_write() {
    let site = Site::start();
    site.save(&json!({"email": {"servers": ["a.example"], "auth": "password", "username": "u",
        "password": "p"}}));
    for (arguments, words) in [
        (&["port=587"][..], "did you mean `email.port`?"),
        (&["email.servers=b.example", "email.auth=off"], "--unset email.password"),
    ] {
        let refused = site.command(&[&["settings", "set"], arguments].concat());
        assert!(!refused.status.success());
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains(words), "{said}");
    }
    site.run(&[
        "settings",
        "set",
        "email.servers=b.example",
        "email.auth=off",
        "--unset",
        "email.password",
    ]);
}
