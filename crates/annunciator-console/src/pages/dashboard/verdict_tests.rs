//! What is told of a server in trouble, and that a server without is told to be well.

use serde_json::{Value, json};

use super::*;
use crate::language::Language;

fn page() -> Page {
    let mut page = Page {
        title: String::new(),
        section: "",
        session: Some(crate::page::Session::default()),
        language: Language::English,
        zone: jiff::tz::TimeZone::UTC,
        theme: String::new(),
        now: "2026-11-30T05:00:00.000Z".parse().unwrap(),
        here: String::new(),
        notice: None,
    };
    let rights = ["read_ledger", "read_events", "read_settings", "change_settings", "read_status"];
    let session = page.session.as_mut().unwrap();
    session.rights = rights.map(str::to_owned).into();
    page
}

/// A server that is well, with these changes.
fn status(changes: &Value) -> StatusView {
    let mut status = json!({
        "version": "1", "started_at": "2026-11-30T04:00:00.000Z",
        "health": {"ready": true, "disk_free_bytes": 9_000_000_000_u64,
                   "disk_reserve_bytes": 100_000_000, "store_bytes": 1},
        "events_unplanned": 0, "events_parked": 0, "deliveries_in_flight": 0,
        "lanes": [], "relays": [],
    });
    for (key, value) in changes.as_object().unwrap() {
        status[key] = value.clone();
    }
    serde_json::from_value(status).unwrap()
}

fn relay_settings() -> Value {
    json!({"values": {"email": {"servers": ["mail"], "recipients": ["a@example.org"]}}})
}

fn failure(diagnostic: &str) -> Value {
    json!({"stage": "connect", "scope": "relay", "status": "4.4.1", "diagnostic": diagnostic})
}

#[test]
fn each_trouble_is_told_with_what_to_do() {
    let check = |changes: Value, tone: &str, words: &str, path: &str| {
        let verdict = Verdict::of(&page(), &status(&changes), Some(&relay_settings()), (0, ""));
        assert_eq!((verdict.tone, verdict.headline.as_str()), (tone, words), "{changes}");
        let paths = verdict.troubles.iter().flat_map(|trouble| &trouble.actions);
        assert_eq!(paths.map(|(_, path)| path.as_str()).next().unwrap_or_default(), path);
    };
    check(json!({}), "good", "All is well", "");
    let health = |ready: bool, free: u64| {
        json!({"health": {"ready": ready, "reason": "the disk is full", "disk_free_bytes": free,
                          "disk_reserve_bytes": 100_000_000, "store_bytes": 1}})
    };
    check(health(false, 0), "bad", "No events are accepted", "/system");
    let words = "The disk is nearly full: 150 MB are free";
    check(health(true, 150_000_000), "bad", words, "/system");
    check(health(true, 200_000_000), "good", "All is well", "");
    let lane = json!({"lanes": [{"lane": "email/server", "queued": 10_000, "suspended": true,
        "probe_at": "2026-11-30T05:00:30.000Z", "reason": failure("connection refused")}]});
    let words = "E-mail: the relay is in trouble, 10,000 deliveries wait";
    check(lane, "bad", words, "/ledger?lane=email%2Fserver&state=queued");
    let parked = "2 events are parked because they could not be planned";
    check(json!({"events_parked": 2}), "warn", parked, "/events?state=parked");
    let old = json!({"oldest_queued_at": "2026-11-30T04:40:00.000Z"});
    check(old, "warn", "The oldest delivery waits since 04:40:00", "/ledger?state=queued");
    check(json!({"oldest_queued_at": "2026-11-30T04:50:00.000Z"}), "good", "All is well", "");
    let skipped = json!({"relays": [{"server": "mail:25", "skipped": true,
        "failures_in_a_row": 5, "connections": 0}]});
    check(skipped, "warn", "The server mail:25 is skipped for a while", "");
    let ended = json!({"ending": [{"what": "certificate `A`", "ends_at": "2026-11-30T04:59:00Z"}]});
    check(ended, "bad", "Certificate A has ended on 04:59:00", "");
}

#[test]
fn one_trouble_is_not_told_twice_and_the_worst_stands_first() {
    let changes = json!({
        "events_parked": 1,
        "lanes": [{"lane": "email/server", "queued": 1, "suspended": true,
                   "reason": failure("connection refused")}],
        "relays": [{"server": "mail:25", "skipped": true, "failures_in_a_row": 5,
                    "connections": 0, "last_failure": failure("connection refused")}],
    });
    let verdict = Verdict::of(&page(), &status(&changes), Some(&relay_settings()), (0, ""));
    assert_eq!((verdict.tone, verdict.headline.as_str()), ("bad", "2 things need attention"));
    let tones: Vec<_> = verdict.troubles.iter().map(|trouble| trouble.tone).collect();
    assert_eq!(tones, ["bad", "warn"]);
}

#[test]
fn a_server_without_a_way_out_leads_to_the_guided_set_up() {
    let check = |values: Value, expected: bool| {
        let settings = json!({ "values": values });
        assert_eq!(is_set_up(&settings), expected, "{settings}");
        let verdict = Verdict::of(&page(), &status(&json!({})), Some(&settings), (0, ""));
        let leads = verdict.troubles.iter().flat_map(|trouble| &trouble.actions);
        assert_eq!(leads.count(), 2 * usize::from(!expected));
    };
    check(json!({}), false);
    check(json!({"email": {"servers": ["mail"], "recipients": []}}), false);
    check(json!({"email": {"servers": [], "recipients": ["a@example.org"]}}), false);
    check(json!({"email": {"servers": ["mail"], "recipients_bcc": ["a@example.org"]}}), true);
    check(json!({"sms": {"servers": ["gw"], "phone_numbers": ["+4917012345"]}}), true);
    check(json!({"executable": {"file": "/opt/tell"}}), true);
    let told = |notifier: Value, one: Value| json!({"mail_notifier": notifier, "incidents": {"subscriptions": [one]}});
    let notifier = || json!({"servers": ["mail"], "sender": "a@example.org"});
    let one = || json!({"enabled": true, "users": [], "addresses": ["b@example.org"]});
    check(told(notifier(), one()), true);
    check(told(json!({"servers": ["mail"], "sender": ""}), one()), false);
    check(told(json!({"servers": [], "sender": "a@example.org"}), one()), false);
    check(told(notifier(), json!({"enabled": false, "addresses": ["b@example.org"]})), false);
    check(told(notifier(), json!({"enabled": true, "users": [], "addresses": []})), false);
    check(told(notifier(), json!({"enabled": true, "users": ["anna"], "addresses": []})), true);
    // Who may not read the settings is not told what they lack.
    assert_eq!(Verdict::of(&page(), &status(&json!({})), None, (0, "")).tone, "good");
}

#[test]
fn what_failed_of_late_is_not_called_delivered() {
    let check = |failed: u64, headline: &str, has: &str| {
        let settings = relay_settings();
        let failed = (failed, "last 24 hours");
        let verdict = Verdict::of(&page(), &status(&json!({})), Some(&settings), failed);
        assert_eq!((verdict.tone, verdict.headline.as_str()), ("good", headline));
        assert!(verdict.detail.contains(has), "{}", verdict.detail);
    };
    check(0, "All is well", "delivered or on its way");
    check(1, "Nothing is wrong now", "1 delivery has failed");
    check(12, "Nothing is wrong now", "12 deliveries have failed (last 24 hours)");
}
