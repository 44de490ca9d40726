//! An override for one event type sends its mail to the override's recipients, and back to the
//! server's when it is cleared; what is handed in meanwhile of other types is not touched.

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{OPERATOR, PATIENCE, Site, critical};

/// Hands in an event and gives the addresses that its message went to.
fn recipients_of(site: &Site, relay: &Relay, event_type: &str) -> Vec<String> {
    let event = critical(event_type).application("Storage Guard", "1.4");
    let before = relay.message_count();
    site.submit_event(event);
    let messages = relay.wait_for_messages(before + 1, PATIENCE).expect("a message");
    messages[before].forward_paths.clone()
}

fn type_row(site: &Site) -> Value {
    let found = site.get("/api/v1/event-types");
    let rows = found["event_types"].as_array().unwrap();
    rows.iter().find(|row| row["type"] == "disk.full").cloned().unwrap()
}

#[test]
fn an_override_for_one_event_type_holds_until_it_is_cleared() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    assert_eq!(recipients_of(&site, &relay, "disk.full"), [OPERATOR]);
    let before = type_row(&site);
    assert_eq!((&before["override_count"], &before["storage_term_days"]), (&json!(0), &json!(180)));
    assert_eq!(before["storage_term_origin"]["layer"], "compiled_default");

    let printed = site.run(&[
        "override",
        "set",
        "--application",
        "Storage Guard",
        "--type",
        "disk.full",
        "email.recipients=disks@example.org;more@example.org",
        "storage_term_days=30",
        "--comment",
        "the disk team",
    ]);
    assert!(printed.contains("saved as revision 2"), "{printed}");
    let disks = ["disks@example.org", "more@example.org"];
    assert_eq!(recipients_of(&site, &relay, "disk.full"), disks);
    assert_eq!(recipients_of(&site, &relay, "cpu.hot"), [OPERATOR], "another type");
    let after = type_row(&site);
    assert_eq!((&after["override_count"], &after["storage_term_days"]), (&json!(1), &json!(30)));
    assert_eq!(after["storage_term_origin"]["words"], "event configuration");
    assert_eq!(after["channels"][0]["on"], true);

    let listed = site.run(&["override", "list", "--application", "Storage Guard"]);
    assert!(
        listed.contains("email.recipients") && listed.contains("disks@example.org"),
        "{listed}"
    );
    let audit = site.get("/api/v1/audit").to_string();
    assert!(audit.contains("event_configuration/Storage Guard/type disk.full"), "{audit}");

    let turn_off = ["override", "set", "--application", "Storage Guard", "--type", "disk.full"];
    site.run(&[&turn_off[..], &["email.notify=false"]].concat());
    let shown = site.run(&["event", "types", "--json"]);
    assert!(shown.contains("turned off (event configuration)"), "{shown}");

    let clear = ["override", "clear", "--application", "Storage Guard", "--type", "disk.full"];
    let cleared = site.run(&clear);
    assert!(cleared.contains("saved as revision"), "{cleared}");
    assert_eq!(recipients_of(&site, &relay, "disk.full"), [OPERATOR], "cleared");
    assert_eq!(type_row(&site), before);
    assert_eq!(site.get("/api/v1/overrides")["owners"], json!([]));
    // Once more there is nothing to clear, and no revision comes of it.
    let again = site.run(&clear);
    assert!(again.contains("nothing to clear: still revision 4"), "{again}");

    let misspelt =
        ["override", "set", "--application", "Storage Gard", "--all-events", "email.notify=false"];
    let noted = site.command(&misspelt);
    let noted = String::from_utf8_lossy(&noted.stderr);
    assert!(noted.contains("did you mean `Storage Guard`?"), "{noted}");
}
