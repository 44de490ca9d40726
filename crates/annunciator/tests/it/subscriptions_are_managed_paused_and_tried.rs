//! Subscriptions are managed by administrators, paused by their users, and tried on incidents.

use serde_json::{Value, json};

use crate::people::{Browser, PASSWORD, actions};
use crate::subscribers_are_mailed_once_in_their_language::{incident, notifier};
use crate::support::{Site, answer, field_errors, text};

const PATH: &str = "/api/v1/subscriptions";

fn put(site: &Site, name: &str, body: &Value) -> annunciator_testkit::http::Response {
    let path = format!("{PATH}/{name}");
    answer(site.server.client().send("PUT", &path, &[], body.to_string().as_bytes()))
}

fn names(list: &Value) -> Vec<&str> {
    list["subscriptions"].as_array().unwrap().iter().map(|one| text(&one["name"])).collect()
}

#[test]
fn subscriptions_are_managed_paused_and_tried() {
    let site = Site::start();
    for (name, role) in [("anna", "operator"), ("boris", "viewer")] {
        let body = json!({"name": name, "role": role, "password": PASSWORD,
            "email": format!("{name}@example.org")});
        drop(site.post("/api/v1/users", &body).expect_status(201));
    }
    let saved = put(&site, "Boilers", &json!({"users": ["anna", "boris", "eve"]}));
    let saved = saved.expect_status(200).json();
    assert_eq!(saved["subscription"]["settings"]["delivery"], "at_once", "{saved}");
    let left = &saved["subscription"]["left_out"];
    assert_eq!(left[0], json!({"subscription": "Boilers", "who": "eve", "reason": "is no user"}));
    drop(put(&site, "Others", &json!({"addresses": "x@example.org"})).expect_status(200));
    let saved = put(&site, "Others", &json!({})).expect_status(200).json();
    let names_nobody = |saved: &Value| {
        let warnings = saved["warnings"].as_array().unwrap().iter();
        warnings.filter(|one| one["pointer"] == "/users").count()
    };
    assert_eq!(names_nobody(&saved), 1, "{saved}");
    let saved = put(&site, "Others", &json!({"addresses": "x@example.org"})).expect_status(200);
    assert_eq!(names_nobody(&saved.json()), 0);
    let problem = put(&site, "Boilers", &json!({"users": "anna", "quiet_from": "22:00"}));
    let errors = field_errors(&problem.expect_status(422).json());
    assert_eq!(errors, [("/quiet_until".to_owned(), "required".to_owned())]);
    let list = site.get(PATH);
    assert_eq!(names(&list), ["Boilers", "Others"]);
    assert_eq!(list["cannot_send"], "the Mail Notifier cannot send: no SMTP servers are set");
    site.save(&json!({"mail_notifier": notifier(25)}));
    assert_eq!(site.get(PATH)["cannot_send"], "");

    // Users see their own, and pause them where they may.
    let (anna, boris) = (Browser::of(&site, "anna"), Browser::of(&site, "boris"));
    expect_only_oneself(&anna.send(&site, "GET", PATH, &Value::Null).json());
    assert_eq!(anna.status(&site, &format!("{PATH}/Others")), 404);
    let pause = |browser: &Browser, body: Value| {
        browser.send(&site, "PATCH", &format!("{PATH}/boilers/pause"), &body)
    };
    drop(pause(&boris, json!({"paused": true})).expect_status(403));
    drop(pause(&anna, json!({"paused": true, "user": "boris"})).expect_status(403));
    let paused = pause(&anna, json!({"paused": true})).expect_status(200).json();
    assert_eq!(paused["paused"][0]["user"], "anna");
    assert_eq!(actions(&site)[0], "subscription.pause");

    let audience = |request: Value| site.post("/api/v1/incidents/audience", &request);
    let told = audience(json!({"incident": incident("i-1")})).expect_status(200).json();
    assert_eq!(told["subscriptions"], json!(["Boilers", "Others"]));
    let addresses = told["addressees"].as_array().unwrap().iter();
    let addresses: Vec<_> = addresses.map(|one| text(&one["address"])).collect();
    assert_eq!(addresses, ["boris@example.org", "x@example.org"]);
    let why = told["left_out"].as_array().unwrap().iter();
    let why: Vec<_> = why.map(|one| (text(&one["who"]), text(&one["reason"]))).collect();
    assert_eq!(why, [("anna", "has paused it"), ("eve", "is no user")]);
    let ignored = json!({"incident": {"detector": {"kind": "rule"}, "status": "ignore"}});
    let told = audience(ignored).expect_status(200).json();
    assert_eq!(told["silent"], "incidents with the status `Ignore` are not told");
    let problem = audience(json!({"incident": {"detector": {}}})).expect_status(422).json();
    assert_eq!(field_errors(&problem)[0].0, "/incident/detector/kind");
    assert_eq!(site.events().len(), 0, "nothing is stored");

    try_drafts(&site);

    drop(pause(&anna, json!({"paused": false})).expect_status(200));
    let path = format!("{PATH}/Others");
    drop(answer(site.server.client().send("DELETE", &path, &[], b"")).expect_status(200));
    assert_eq!(names(&site.get(PATH)), ["Boilers"]);
    let exported = site.run(&["settings", "export"]);
    assert!(exported.contains("[[incidents.subscriptions]]"), "{exported}");
}

/// Who else is told is not a subscriber's business.
fn expect_only_oneself(own: &Value) {
    assert_eq!(names(own), ["Boilers"]);
    let own = &own["subscriptions"][0];
    assert_eq!(own["settings"]["users"], json!(["anna"]));
    assert_eq!(own["left_out"], json!([]));
}

/// A subscription is tried before it is saved: a new one, and one in place of another.
fn try_drafts(site: &Site) {
    let told = |draft: Value, of: Value| {
        let mut body = json!({"incident": incident("i-1"), "draft": draft});
        if !of.is_null() {
            body["draft_of"] = of;
        }
        site.post("/api/v1/incidents/audience", &body)
    };
    let addresses = |found: Value| {
        let found = found["addressees"].as_array().cloned().unwrap_or_default();
        found.iter().map(|one| text(&one["address"]).to_owned()).collect::<Vec<_>>()
    };
    let night = json!({"name": "Night", "addresses": "night@example.org"});
    let found = told(night.clone(), Value::Null).expect_status(200).json();
    assert_eq!(found["subscriptions"], json!(["Boilers", "Others", "Night"]));
    assert_eq!(addresses(found), ["boris@example.org", "x@example.org", "night@example.org"]);
    let found = told(night.clone(), json!("others")).expect_status(200).json();
    assert_eq!(addresses(found), ["boris@example.org", "night@example.org"]);
    let wrong = told(json!({"name": "Night", "addresses": "no one"}), Value::Null);
    let errors = field_errors(&wrong.expect_status(422).json());
    assert_eq!(errors[0].0, "/draft/addresses/0");
    assert_eq!(names(&site.get(PATH)), ["Boilers", "Others"], "nothing is saved");

    // A draft may name anybody: it is for those who may change settings.
    let role = json!({"rights": ["explain", "read_events", "read_settings", "read_subscriptions"]});
    let path = "/api/v1/roles/asker";
    drop(answer(site.server.client().put(path, &role)).expect_status(200));
    crate::people::make_user(site, "asker", "asker");
    let asker = Browser::of(site, "asker");
    let body = json!({"incident": incident("i-1"), "draft": {"name": "A", "users": ["anna"]}});
    let ask = |body: &Value| asker.send(site, "POST", "/api/v1/incidents/audience", body);
    let refused = ask(&body).expect_status(403).text();
    assert!(refused.contains("right to change settings"), "{refused}");
    drop(ask(&json!({"incident": incident("i-1")})).expect_status(200));
}

#[test]
fn a_pause_goes_where_its_subscription_goes() {
    let site = Site::start();
    crate::people::make_user(&site, "anna", "viewer");
    let users = json!({"users": ["anna"]});
    drop(put(&site, "%D0%9A%D0%BE%D1%82%D0%BB%D1%8B", &users).expect_status(200));
    let pause = |paused: bool| {
        let path = format!("{PATH}/%D0%9A%D0%9E%D0%A2%D0%9B%D0%AB/pause");
        let body = json!({"user": "anna", "paused": paused});
        answer(site.server.client().patch(&path, &body)).expect_status(200).json()["paused"].clone()
    };
    let who = |paused: &Value| paused.as_array().unwrap().len();
    assert_eq!(who(&pause(true)), 1, "names are alike in any case and script");
    assert_eq!(who(&pause(false)), 0);
    pause(true);
    let renamed = json!({"users": ["anna"], "name": "Boilers"});
    drop(put(&site, "%D0%9A%D0%BE%D1%82%D0%BB%D1%8B", &renamed).expect_status(200));
    let shown = || site.get(&format!("{PATH}/Boilers"))["paused"].clone();
    assert_eq!(who(&shown()), 1, "to its new name");
    let path = format!("{PATH}/Boilers");
    drop(answer(site.server.client().send("DELETE", &path, &[], b"")).expect_status(200));
    drop(put(&site, "Boilers", &users).expect_status(200));
    assert_eq!(who(&shown()), 0, "one of the same name is another one");
    drop(
        answer(
            site.server
                .client()
                .patch(&format!("{path}/pause"), &json!({"user": "anna", "paused": true})),
        )
        .expect_status(200),
    );
    drop(
        answer(site.server.client().send("DELETE", "/api/v1/users/anna", &[], b""))
            .expect_status(204),
    );
    crate::people::make_user(&site, "anna", "viewer");
    assert_eq!(who(&shown()), 0, "a user of the same name is another one");
}

#[test]
fn the_command_line_hands_in_incidents_and_manages_subscriptions() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("incident.json");
    std::fs::write(&file, incident("i-1").to_string()).unwrap();
    let file = file.to_str().unwrap();
    let sent = site.run(&["incident", "send", "--file", file]);
    assert!(sent.contains("i-1"), "{sent}");
    let shown = site.run(&["incident", "show", "i-1"]);
    for part in ["Котёл 3", "TI-101", "Under review", "forecaster"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let said = site.run(&["incident", "status", "i-1", "ignore", "--comment", "sensor"]);
    assert!(said.contains("Ignore") && said.contains("nobody is told"), "{said}");
    let list = site.run(&["incident", "list", "--status", "ignore"]);
    assert!(list.contains("i-1"), "{list}");
    assert!(!site.run(&["incident", "list", "--kind", "rule"]).contains("i-1"));

    site.run(&[
        "subscription",
        "set",
        "Boilers",
        "addresses=a@example.org;b@example.org",
        "language=ru",
        "follow_ups=true",
    ]);
    site.run(&["subscription", "set", "Boilers", "severity=critical"]);
    let shown = site.run(&["subscription", "show", "Boilers"]);
    for part in ["a@example.org", "ru", "critical"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let tried = site.run(&["subscription", "preview", "i-1"]);
    assert!(tried.contains("incidents with the status `Ignore` are not told"), "{tried}");
    let tried = site.run(&["subscription", "preview", "--file", file]);
    assert!(tried.contains("no subscription is met"), "{tried}");
    site.run(&["subscription", "delete", "Boilers"]);
    assert!(!site.run(&["subscription", "list"]).contains("Boilers"));
    site.wait_until_idle();
}
