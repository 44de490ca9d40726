//! An incident is told as its status says, and a change of status tells what was not told.

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{Site, answer, eventually, field_errors, text};

const PATH: &str = "/api/v1/incidents";

fn incident(id: &str, status: &str) -> Value {
    json!({
        "id": id, "detector": {"kind": "forecaster", "name": "MLAD"}, "model": "Boiler 3",
        "severity": "critical", "asset": {"name": "boiler-3"},
        "top_tag": {"name": "TI-101", "value": 571.5, "units": "°C"},
        "start": "2026-11-22T05:00:00Z", "status": status,
        "samples": [{"at": "2026-11-22T05:00:00Z", "value": 540.25}],
    })
}

fn decisions_of(site: &Site, event: &str) -> Vec<(String, String, String)> {
    eventually("the event is planned", || {
        let event = site.get(&format!("/api/v1/events/{event}"));
        let decisions = event["event"]["decisions"].as_array().cloned().unwrap_or_default();
        let word = |one: &Value, key: &str| text(&one[key]).to_owned();
        let all = decisions.iter();
        let all: Vec<_> = all
            .map(|one| (word(one, "channel"), word(one, "decision"), word(one, "reason")))
            .collect();
        if all.is_empty() { Err(event.to_string()) } else { Ok(all) }
    })
}

#[test]
fn an_ignored_incident_is_told_once_when_somebody_looks_at_it_again() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    let accepted = site.post(PATH, &incident("i-1", "Ignore")).expect_status(202).json();
    let uid = text(&accepted["incidents"][0]["uid"]).to_owned();
    let decisions = decisions_of(&site, &uid);
    for (channel, decision, reason) in &decisions {
        assert_eq!(decision, "off", "{channel}: {reason}");
    }
    let (_, _, reason) = &decisions[0];
    assert_eq!(reason, "incidents with the status `Ignore` are not told");
    assert_eq!(site.deliveries().len(), 0);

    let change = |status: &str| {
        let body = json!({"status": status, "comment": "the sensor is fine"});
        site.post(&format!("{PATH}/i-1/status"), &body).expect_status(200).json()
    };
    let changed = change("under_review");
    assert_eq!((&changed["changed"], &changed["told"]), (&json!(true), &json!("late")));
    assert_eq!(changed["incident"]["told"], true);
    site.wait_for_deliveries(1, "delivered");
    let again = change("Under review");
    assert_eq!((&again["changed"], &again["told"]), (&json!(false), &Value::Null));
    for status in ["ignore", "under_review"] {
        assert_eq!(change(status)["told"], "follow_up", "it was told once");
    }
    let stale = json!({"status": "problem_closed", "from": "ignore"});
    let refused = site.post(&format!("{PATH}/i-1/status"), &stale).expect_status(409).text();
    assert!(refused.contains("to `Under review` meanwhile"), "{refused}");

    let shown = site.get(&format!("{PATH}/{uid}"));
    let had = shown["statuses"].as_array().unwrap();
    let codes: Vec<_> = had.iter().map(|one| text(&one["status"]["code"])).collect();
    assert_eq!(codes, ["ignore", "under_review", "ignore", "under_review"]);
    assert_eq!(shown["samples"], json!([{"at": "2026-11-22T05:00:00.000Z", "value": 540.25}]));
    assert_eq!(shown["status"]["name_ru"], "На рассмотрении");
    let log = site.get("/api/v1/audit");
    assert_eq!(log["entries"][0]["action"], "incident.status", "{log}");
    site.wait_until_idle();
}

#[test]
fn incidents_are_listed_grouped_and_refused_with_their_places() {
    let site = Site::start();
    let alike = json!([incident("i-1", ""), incident("i-2", "Причина неизвестна"),
        {"id": "r-1", "detector": {"kind": "rule"}}]);
    let accepted = site.post(PATH, &alike).expect_status(202).json();
    assert_eq!(accepted["incidents"][2]["id"], "r-1");
    let again = site.post(PATH, &incident("i-1", "")).expect_status(202).json();
    assert_eq!(again["incidents"][0]["duplicate"], true);
    let listed = |query: &str| {
        let page = site.get(&format!("{PATH}?{query}"));
        let rows = page["incidents"].as_array().unwrap();
        rows.iter().map(|one| text(&one["id"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(""), ["r-1", "i-2", "i-1"]);
    assert_eq!(listed("kind=rule"), ["r-1"]);
    assert_eq!(listed("status=Cause%20unknown"), ["i-2"]);
    assert_eq!(listed("severity=critical&limit=1"), ["i-2"]);
    assert_eq!(listed("q=ti-101"), ["i-2", "i-1"]);
    assert_eq!(listed("q=R-1&kind=rule"), ["r-1"]);
    assert_eq!(listed("q=nowhere"), [""; 0]);
    let groups = site.get("/api/v1/incident-groups");
    assert_eq!(groups["groups"].as_array().unwrap().len(), 1, "{groups}");
    assert_eq!(groups["groups"][0]["count"], 2);
    assert_eq!(listed(&format!("group={}", text(&groups["groups"][0]["group"]))), ["i-2", "i-1"]);

    let problem = site.post(PATH, &json!([{"detector": {}}, {"mse": "x"}])).expect_status(422);
    assert_eq!(field_errors(&problem.json()), [("/1/mse".to_owned(), "type".to_owned())]);
    drop(site.post(&format!("{PATH}/i-9/status"), &json!({"status": "ignore"})).expect_status(404));
    let problem = site.post(&format!("{PATH}/i-1/status"), &json!({"status": "closed"}));
    let errors = field_errors(&problem.expect_status(422).json());
    assert_eq!(errors, [("/status".to_owned(), "one_of".to_owned())]);

    site.save(&json!({"incidents": {"mapping": [{"name": "scada", "items": "/alarms",
        "id": "/nr", "detector_kind": "limit", "model": "/unit"}]}}));
    let document = json!({"alarms": [{"nr": 5, "unit": "Pump"}]});
    drop(site.post(&format!("{PATH}/mapped/scada"), &document).expect_status(202));
    assert_eq!(listed("model=Pump"), ["5"]);
    drop(site.post(&format!("{PATH}/mapped/other"), &document).expect_status(404));
    let refused = |document: Value, expected: &[(&str, &str)]| {
        let problem =
            site.post(&format!("{PATH}/mapped/scada"), &document).expect_status(422).json();
        let found = field_errors(&problem);
        let found: Vec<_> = found.iter().map(|(p, c)| (p.as_str(), c.as_str())).collect();
        assert_eq!(found, expected, "{problem}");
        assert_eq!(problem["title"], "The incident is not valid");
    };
    refused(json!(null), &[("/alarms", "required")]);
    refused(json!({"alarms": [null, {"nr": 1}]}), &[("/alarms/0", "type")]);
    let long = "m".repeat(257);
    refused(json!({"alarms": [{"nr": 1, "unit": long}]}), &[("/alarms/0/unit", "too_long")]);
    let none = site.post(&format!("{PATH}/mapped/scada"), &json!({"alarms": null}));
    assert_eq!(none.expect_status(202).json(), json!({"incidents": []}));
    site.wait_until_idle();
}

#[test]
fn an_id_that_was_used_before_is_answered_for_what_it_is() {
    let site = Site::start();
    drop(site.post(PATH, &incident("i-1", "")).expect_status(202));
    let mut ended = incident("i-1", "");
    let again = |body: &Value| site.post(PATH, body).expect_status(202).json()["incidents"].clone();
    let same = again(&ended);
    assert_eq!((&same[0]["duplicate"], &same[0]["differs"]), (&json!(true), &Value::Null));
    ended["end"] = "2026-11-22T05:20:00Z".into();
    let differs = again(&ended);
    assert_eq!((&differs[0]["duplicate"], &differs[0]["differs"]), (&json!(true), &json!(true)));
    assert!(text(&differs[0]["advice"]).contains("`group`"), "{differs}");
    let mut worse = incident("i-3", "");
    worse["mse"] = 2.into();
    let both = again(&json!([incident("i-3", ""), worse]));
    assert_eq!((&both[0]["duplicate"], &both[1]["differs"]), (&json!(false), &json!(true)));

    let event =
        json!({"id": "i-9", "type": "x", "severity": "info", "application": {"name": "MLAD"}});
    drop(site.post("/api/v1/events", &event).expect_status(202));
    let list = json!([incident("i-4", ""), incident("i-4", ""), incident("i-9", "")]);
    let problem = site.post(PATH, &list).expect_status(422).json();
    assert_eq!(field_errors(&problem), [("/2/id".to_owned(), "conflict".to_owned())], "{problem}");
    for id in ["i-4", "i-9"] {
        drop(answer(site.server.client().get(&format!("{PATH}/{id}"))).expect_status(404));
    }
    site.wait_until_idle();
}

#[test]
fn a_mapping_is_tried_before_it_is_saved() {
    let site = Site::start();
    let tried = |body: Value| site.post(&format!("{PATH}/mapping-preview"), &body);
    let mapping = json!({"name": "scada", "items": "/alarms", "id": "/nr", "detector_kind": "limit",
        "model": "/unit/name", "mse": "/error", "top_tag": "/tag"});
    let item = json!({"nr": 5, "unit": {"name": "Pump"}, "error": 0.5});
    let found = tried(json!({"mapping": mapping, "document": {"alarms": [item]}}));
    let found = found.expect_status(200).json();
    assert_eq!((&found["count"], &found["errors"]), (&json!(1), &json!([])), "{found}");
    let expected = json!({"id": "5", "detector": {"kind": "limit"}, "model": "Pump", "mse": 0.5});
    assert_eq!(found["incidents"], json!([expected]));
    let gap = json!({"incident": 0, "field": "/top_tag/name", "from": "/tag"});
    assert_eq!(found["missing"], json!([gap]));

    let wrong = json!([item, {"nr": 6, "error": "much", "tag": "TI"}]);
    let found = tried(json!({"mapping": mapping, "document": {"alarms": wrong}}));
    let found = found.expect_status(200).json();
    let errors = found["errors"].as_array().unwrap().iter();
    let errors: Vec<_> = errors.map(|one| text(&one["pointer"])).collect();
    assert_eq!(errors, ["/alarms/1/error"], "{found}");
    let elsewhere = tried(json!({"mapping": mapping, "document": []})).expect_status(200).json();
    assert_eq!(
        (&elsewhere["count"], text(&elsewhere["errors"][0]["pointer"])),
        (&json!(0), "/alarms")
    );

    let refused = tried(json!({"mapping": {"name": "A b", "id": "/nr"}, "document": 1}));
    let errors = field_errors(&refused.expect_status(422).json());
    let pointers: Vec<_> = errors.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/mapping/name", "/mapping/detector_kind"]);
    drop(tried(json!({"name": "scada", "document": 1})).expect_status(404));
    drop(tried(json!({"document": 1})).expect_status(422));
    site.save(&json!({"incidents": {"mapping": [mapping]}}));
    let found = tried(json!({"name": "scada", "document": {"alarms": []}})).expect_status(200);
    let found = found.json();
    assert_eq!(found["count"], 0);
    assert_eq!(text(&found["errors"][0]["code"]), "required", "intake refuses it: {found}");
    assert_eq!(site.events().len(), 0, "nothing is stored");
}
