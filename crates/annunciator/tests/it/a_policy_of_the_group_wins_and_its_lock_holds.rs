//! The policy of the nearest group wins over the server, application settings win over it but for
//! what it locks, and every answer names the origin. A policy's own relay has a lane of its own:
//! the server's dead relay does not delay it.

use annunciator_testkit::events::EventBuilder;
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, critical, email_settings, eventually, text};

fn in_line_2(event_type: &str) -> EventBuilder {
    critical(event_type).application("Storage Guard", "1.4").group("Plant A/Line 2")
}

fn put_policy(site: &Site, name: &str, policy: &Value) -> Value {
    let path = format!("/api/v1/policies/{}", name.replace(' ', "%20"));
    site.server.client().put(&path, policy).expect("an answer").expect_status(200).json()
}

/// A setting of the answer about what holds.
fn setting(view: &Value, key: &str) -> (Value, String, Value) {
    let settings = view["channels"][0]["settings"].as_array().unwrap();
    let one = settings.iter().find(|one| one["key"] == key).unwrap();
    (one["value"].clone(), text(&one["origin"]["words"]).to_owned(), one["locked"].clone())
}

fn set_up(site: &Site) {
    site.run(&["group", "add", "Plant A/Line 2"]);
    site.run(&["policy", "set", "Plant A", "--application", "Storage Guard", "--group", "Plant A"]);
    site.run(&[
        "override",
        "set",
        "--policy",
        "Plant A",
        "--all-events",
        "email.notify=true",
        "email.recipients=plant@example.org",
        "email.subject=Plant: %EVENT_TYPE%",
        "lock=email.recipients",
    ]);
    site.run(&[
        "override",
        "set",
        "--application",
        "Storage Guard",
        "--device",
        "pc-17",
        "--severity",
        "critical",
        "email.recipients=mine@example.org",
        "email.subject=Mine: %EVENT_TYPE%",
    ]);
}

#[test]
fn the_policy_of_the_nearest_group_wins_and_its_lock_holds() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    set_up(&site);
    site.submit_event(in_line_2("disk.full"));
    let messages = relay.wait_for_messages(1, PATIENCE).expect("a message");
    assert_eq!(messages[0].forward_paths, ["plant@example.org"], "the lock holds");
    assert_eq!(messages[0].header("Subject").as_deref(), Some("Mine: disk.full"), "the rest not");

    let ask = json!({"application": "Storage Guard", "type": "disk.full", "device": "pc-17",
        "group": "Plant A/Line 2"});
    let view = site.post("/api/v1/effective", &ask).expect_status(200).json();
    let recipients = (json!(["plant@example.org"]), "from policy Plant A".to_owned(), json!(true));
    assert_eq!(setting(&view, "recipients"), recipients);
    let origin = "from application settings Storage Guard on pc-17".to_owned();
    assert_eq!(setting(&view, "subject").1, origin);
    assert_eq!(setting(&view, "sender").1, "server-wide settings");
    assert_eq!(setting(&view, "html_message").1, "compiled default");
    assert_eq!(view["severity"], "critical", "as it was last seen");
    let layers = view["layers"].as_array().unwrap();
    let found: Vec<_> = layers.iter().map(|layer| (&layer["id"], &layer["standing"])).collect();
    let expected = [
        (&json!("application/Storage Guard@pc-17/severity critical"), &json!("applies")),
        (&json!("policy/Plant A/all events"), &json!("applies")),
    ];
    assert_eq!(found, expected);
    assert_eq!(layers[0]["overruled"], json!(["email.recipients"]), "its owner can be told why");
    assert_eq!(layers[1].get("overruled"), None);

    let shown = site.run(&[
        "effective",
        "--application",
        "Storage Guard",
        "--type",
        "disk.full",
        "--device",
        "pc-17",
        "--group",
        "Plant A/Line 2",
    ]);
    let line = shown.lines().find(|line| line.starts_with("email.recipients")).expect("a line");
    assert!(line.contains("from policy Plant A") && line.ends_with("locked"), "{shown}");
    assert!(shown.contains("applies; overruled by a lock: email.recipients"), "{shown}");

    site.run(&["policy", "set", "Plant A", "--enabled", "false"]);
    let view = site.post("/api/v1/effective", &ask).expect_status(200).json();
    assert_eq!(setting(&view, "recipients").0, json!(["mine@example.org"]), "the policy is off");
    let refused = site.command(&["group", "remove", "Plant A"]);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && words.contains("`Plant A`"), "{words}");
    site.run(&["policy", "delete", "Plant A"]);
    site.run(&["group", "remove", "Plant A/Line 2"]);
    let tree = site.get("/api/v1/device-groups");
    let paths: Vec<_> = tree["groups"].as_array().unwrap().iter().map(|one| &one["path"]).collect();
    assert_eq!(paths, ["", "Plant A"], "the group above stays");
}

#[test]
fn a_relay_of_a_policy_is_not_delayed_by_the_servers_dead_one() {
    let (dead, own) = (
        Relay::builder().start(),
        Relay::builder().user("plant", "canary").auth(&["PLAIN"]).start(),
    );
    let site = Site::with_relay(&dead);
    dead.go_down();
    site.run(&["group", "add", "Plant A/Line 2"]);
    let email = json!({"servers": ["127.0.0.1"], "port": own.port(), "auth": "password",
        "username": "plant", "password": "canary", "allow_auth_without_tls": true, "tls": "off"});
    let policy = json!({"application": "Storage Guard", "group": "Plant A",
        "events": [{"type": "disk.full", "email": email}]});
    put_policy(&site, "Plant A", &policy);
    site.submit_event(in_line_2("cpu.hot"));
    site.submit_event(in_line_2("disk.full"));
    let messages = own.wait_for_messages(1, PATIENCE).expect("a message");
    assert_eq!(messages.len(), 1);
    let status = site.get("/api/v1/status");
    let lanes: Vec<_> =
        status["lanes"].as_array().unwrap().iter().map(|one| &one["lane"]).collect();
    assert!(lanes.contains(&&json!("email/server")), "{lanes:?}");
    // The relay has it before the outcome is settled.
    let delivered = eventually("one of both is delivered", || {
        let found = site.deliveries().into_iter().find(|one| one["state"] == "delivered");
        found.ok_or_else(|| "none is".to_owned())
    });
    assert_eq!(delivered["lane"], "email/policy/Plant A/type disk.full");

    // A new name keeps the secret, which shows nowhere; another server asks for it again.
    let rename = json!({"application": "Storage Guard", "group": "Plant A", "name": "Hall"});
    put_policy(&site, "Plant A", &rename);
    site.submit_event(in_line_2("disk.full"));
    own.wait_for_messages(2, PATIENCE).expect("the password was kept");
    let all = [
        site.get("/api/v1/overrides"),
        site.get("/api/v1/audit"),
        site.get("/api/v1/settings/revisions/1"),
    ];
    assert!(all.iter().all(|one| !one.to_string().contains("canary")));
    let elsewhere = site.command(&[
        "override",
        "set",
        "--policy",
        "Hall",
        "--type",
        "disk.full",
        "email.servers=localhost",
    ]);
    let words = String::from_utf8_lossy(&elsewhere.stderr);
    assert!(
        words.contains("change.email.password") && words.contains("type this again"),
        "{words}"
    );

    dead.come_up();
    site.save(&json!({"email": email_settings(dead.port())}));
    dead.wait_for_messages(1, PATIENCE).expect("nothing is lost");
}
