//! A silence mutes the events it matches until it ends, across kills; they are stored, and the
//! ledger says who muted them and why.

use annunciator_testkit::relay::{Message, Relay};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, answer, critical, eventually, field_errors, text};

const PATH: &str = "/api/v1/silences";

fn silence(device: &str, comment: &str) -> Value {
    json!({
        "matchers": [{"field": "device", "op": "equals", "value": device}],
        "comment": comment, "duration_s": 3600,
    })
}

/// The one decision about the event of this id, when it is planned.
fn decision(site: &Site, id: &str) -> Value {
    eventually(&format!("{id} is planned"), || {
        let event = site.get(&format!("/api/v1/events/{id}"))["event"].clone();
        if event["state"] == "planned" {
            Ok(event["decisions"][0].clone())
        } else {
            Err(event.to_string())
        }
    })
}

fn submit(site: &Site, id: &str, device: &str) {
    site.submit_event(critical("disk.full").id(id).device(device));
}

/// Ids of the events that were mailed, in their order.
fn mailed(relay: &Relay, count: usize) -> Vec<String> {
    let id = |message: &Message| message.header("X-Annunciator-Event").unwrap_or_default();
    relay.wait_for_messages(count, PATIENCE).unwrap().iter().map(id).collect()
}

#[test]
fn a_silence_mutes_until_it_ends_and_the_ledger_says_so() {
    let relay = Relay::builder().start();
    let mut site = Site::with_relay(&relay);
    let made = site.post(PATH, &silence("pc-17", "new disk")).expect_status(201).json();
    let id = text(&made["silence"]["id"]).to_owned();
    assert_eq!(made["silence"]["state"], "active");
    assert_eq!(made["silence"]["summary"], "device is \"pc-17\"");
    assert_eq!(made["warnings"], json!([]));
    let until = text(&made["silence"]["ends_at"]).to_owned();
    let author = text(&made["silence"]["author"]).to_owned();

    submit(&site, "muted-1", "pc-17");
    submit(&site, "told-1", "pc-18");
    let muted = decision(&site, "muted-1");
    assert_eq!(muted["decision"], "silenced");
    let reason = format!("silenced until {until} by {author}: new disk (silence {id})");
    assert_eq!(muted["reason"], reason);
    assert_eq!(decision(&site, "told-1")["decision"], "notified");
    assert!(site.run(&["event", "show", "muted-1"]).contains("new disk"), "the story says why");
    let metrics = site.get_text("/metrics");
    assert!(metrics.contains("annunciator_silences_active 1\n"), "{metrics}");

    // It is on the disk, not in the memory alone.
    site.wait_until_idle();
    site.server.kill9();
    site.server.restart();
    submit(&site, "muted-2", "pc-17");
    assert_eq!(decision(&site, "muted-2")["decision"], "silenced");

    let ended = site.post(&format!("{PATH}/{id}/end"), &json!({})).expect_status(200).json();
    assert_eq!((&ended["state"], &ended["ended_by"]), (&json!("ended"), &json!(author)));
    submit(&site, "told-2", "pc-17");
    assert_eq!(decision(&site, "told-2")["decision"], "notified");
    site.wait_until_idle();
    site.server.kill9();
    site.server.restart();
    submit(&site, "told-3", "pc-17");
    assert_eq!(decision(&site, "told-3")["decision"], "notified");
    assert_eq!(mailed(&relay, 3), ["told-1", "told-2", "told-3"], "what was muted stays muted");

    for request in
        [site.post(&format!("{PATH}/{id}/end"), &json!({})), change(&site, &id, &json!({}))]
    {
        assert_eq!(request.status, 409, "it has ended: {request}");
    }
    let audit = site.get("/api/v1/audit");
    let entries = audit["entries"].as_array().unwrap().iter();
    let of_silence: Vec<&str> = entries
        .filter(|entry| entry["target"] == id.as_str())
        .map(|entry| text(&entry["action"]))
        .collect();
    assert_eq!(of_silence, ["silence.end", "silence.create"]);
}

fn change(site: &Site, id: &str, patch: &Value) -> annunciator_testkit::http::Response {
    answer(site.server.client().patch(&format!("{PATH}/{id}"), patch))
}

#[test]
fn a_silence_is_changed_and_begins_in_its_time() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    let mut later = silence("pc-17", "new disk");
    later["starts_at"] = json!("2099-01-01T00:00:00Z");
    let problem = site.post(PATH, &later).expect_status(422).json();
    assert_eq!(field_errors(&problem), [("/starts_at".to_owned(), "range".to_owned())]);

    let made = site.post(PATH, &silence("pc-18", "new disk")).expect_status(201).json();
    let id = text(&made["silence"]["id"]).to_owned();
    let matchers = json!([{"field": "device", "op": "matches", "value": "pc-*"}]);
    let patch = json!({"matchers": matchers, "comment": "moved", "channels": ["email"]});
    let changed = change(&site, &id, &patch).expect_status(200).json()["silence"].clone();
    assert_eq!(changed["matchers"], matchers);
    assert_eq!(changed["ends_at"], made["silence"]["ends_at"], "what is absent stays");
    assert_eq!(changed, site.get(&format!("{PATH}/{id}")));
    submit(&site, "muted", "pc-17");
    assert!(text(&decision(&site, "muted")["reason"]).contains("moved"));

    // Put off until tomorrow, it no longer mutes.
    let tomorrow = annunciator_core::Timestamp(
        text(&made["silence"]["created_at"]).parse::<annunciator_core::Timestamp>().unwrap().0
            + 86_400_000,
    );
    let patch = json!({"starts_at": tomorrow, "duration_s": 60});
    let changed = change(&site, &id, &patch).expect_status(200).json()["silence"].clone();
    assert_eq!(changed["state"], "pending");
    assert_eq!(changed["ends_at"], json!(tomorrow.plus_ms(60_000)));
    submit(&site, "told", "pc-17");
    assert_eq!(decision(&site, "told")["decision"], "notified");
    assert_eq!(mailed(&relay, 1), ["told"]);
}

#[test]
fn a_silence_that_makes_no_sense_is_refused_and_a_strange_one_is_warned_of() {
    let site = Site::start();
    let check = |patch: Value, pointer: &str, code: &str| {
        let mut request = silence("pc-17", "new disk");
        for (key, value) in patch.as_object().unwrap() {
            request[key] = value.clone();
        }
        let problem = site.post(PATH, &request).expect_status(422).json();
        let expected = [(pointer.to_owned(), code.to_owned())];
        assert_eq!(field_errors(&problem), expected, "{patch}");
    };
    check(json!({"matchers": null}), "/matchers", "required");
    check(json!({"matchers": []}), "/matchers", "required");
    check(
        json!({"matchers": [{"field": "devise", "op": "exists"}]}),
        "/matchers/0/field",
        "one_of",
    );
    check(json!({"comment": null}), "/comment", "required");
    check(json!({"comment": " "}), "/comment", "format");
    check(json!({"comment": "x".repeat(501)}), "/comment", "format");
    check(json!({"comment": "a\nb"}), "/comment", "format");
    check(json!({"channels": ["fax"]}), "/channels/0", "one_of");
    check(json!({"duration_s": null}), "/ends_at", "required");
    check(json!({"duration_s": 0}), "/duration_s", "range");
    check(json!({"duration_s": 366 * 86_400 + 1}), "/duration_s", "range");
    check(json!({"duration_s": u64::MAX}), "/duration_s", "range");
    check(json!({"duration_s": -1}), "/duration_s", "type");
    check(json!({"ends_at": "2099-01-01T00:00:00Z"}), "/duration_s", "conflict");
    check(json!({"duration_s": null, "ends_at": "2020-01-01T00:00:00Z"}), "/ends_at", "range");
    check(json!({"duration": 5}), "/duration", "unknown_field");
    assert_eq!(site.get(PATH)["silences"], json!([]), "nothing is half-stored");
    drop(site.post(PATH, &json!([])).expect_status(422));
    for path in ["x", "019aaa36-5c11-7cc4-8f54-1f5a7d0f9ad2"] {
        assert_eq!(answer(site.server.client().get(&format!("{PATH}/{path}"))).status, 404);
    }

    let warned = |matchers: Value| {
        let mut request = silence("pc-17", "new disk");
        request["matchers"] = matchers;
        let made = site.post(PATH, &request).expect_status(201).json();
        made["warnings"][0]["code"].clone()
    };
    let device = |value| json!({"field": "device", "op": "equals", "value": value});
    assert_eq!(warned(json!([device("a"), device("b")])), "contradiction");
    let all = json!([{"field": "severity", "op": "greater_or_equal", "value": "info"}]);
    assert_eq!(warned(all), "matches_everything");
    assert_eq!(warned(json!([device("a")])), Value::Null);
}

#[test]
fn an_operator_silences_on_the_command_line() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    submit(&site, "told", "pc-17");
    submit(&site, "other", "srv-1");
    site.wait_for_deliveries(2, "delivered");

    let matchers = ["--match", "device~PC-*", "--match", "severity>=failure", "--ignore-case"];
    let seen = site.run(&[&["silence", "preview"], &matchers[..]].concat());
    let words = "device matches \"PC-*\" ignoring case and severity >= failure: 1 of the last 2";
    assert!(seen.contains(words), "{seen}");
    assert!(seen.contains("told") && !seen.contains("srv-1"), "{seen}");

    let add = ["silence", "add", "--for", "2h", "--comment", "new disk", "--quiet"];
    let id = site.run(&[&add[..], &matchers[..]].concat()).trim().to_owned();
    submit(&site, "muted", "pc-17");
    let reason = decision(&site, "muted")["reason"].clone();
    assert!(text(&reason).contains("new disk"), "{reason}");
    let listed = site.run(&["silence", "list"]);
    assert!(listed.contains(&id) && listed.contains("active"), "{listed}");
    let changed = site.run(&["silence", "change", &id, "--comment", "an old one"]);
    assert!(changed.contains("an old one") && changed.contains("severity >= failure"), "{changed}");
    let shown = site.run(&["silence", "show", &id, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let lasts_ms =
        |name: &str| text(&shown[name]).parse::<annunciator_core::Timestamp>().unwrap().0;
    assert_eq!(lasts_ms("ends_at") - lasts_ms("starts_at"), 7_200_000);

    site.run(&["silence", "end", &id]);
    assert!(!site.run(&["silence", "list"]).contains(&id), "it has ended");
    assert!(site.run(&["silence", "list", "--all"]).contains(&id));
    submit(&site, "told-2", "pc-17");
    assert_eq!(decision(&site, "told-2")["decision"], "notified");
    assert_eq!(mailed(&relay, 3).last().map(String::as_str), Some("told-2"));

    for (words, complaint) in [
        (&["silence", "add", "--for", "2h", "--comment", "x"][..], "one matcher at least"),
        (&["silence", "end", &id], "has ended"),
        (&["silence", "preview", "--match", "pc-17"], "FIELD=VALUE"),
        (&["silence", "preview", "--match", "devise=x"], "did you mean `device`?"),
    ] {
        let output = site.command(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(complaint), "{words:?}: {said}");
    }
}
