//! Subscribers are mailed once for each incident, in their own language.

use annunciator_testkit::python_email::{ParsedMessage, parse_with_python};
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, eventually, field_errors, text};

const PATH: &str = "/api/v1/incidents";

pub(crate) fn incident(id: &str) -> Value {
    json!({
        "id": id, "detector": {"kind": "forecaster", "name": "MLAD"}, "model": "Котёл 3",
        "severity": "failure", "asset": {"name": "boiler-3", "group": "Plant A"},
        "top_tag": {"name": "TI-101", "description": "Температура пара", "value": 12571.5,
                    "units": "°C"},
        "mse": 0.25, "threshold": 0.125, "start": "2026-11-22T22:00:00Z",
        "history": "https://mlad.example/h?from=2026-11-22T22:00:00Z",
    })
}

pub(crate) fn notifier(port: u16) -> Value {
    json!({"servers": ["127.0.0.1"], "port": port, "sender": "notifier@example.org"})
}

fn decision(site: &Site, uid: &str) -> (String, String) {
    eventually("the incident is planned", || {
        let event = site.get(&format!("/api/v1/events/{uid}"));
        let decisions = event["event"]["decisions"].as_array().into_iter().flatten();
        let mut own = decisions.filter(|one| one["channel"] == "mail_notifier");
        let own = own.next().ok_or_else(|| event.to_string())?;
        Ok((text(&own["decision"]).to_owned(), text(&own["reason"]).to_owned()))
    })
}

fn submit(site: &Site, incident: &Value) -> String {
    let accepted = site.post(PATH, incident).expect_status(202).json();
    text(&accepted["incidents"][0]["uid"]).to_owned()
}

fn parsed(relay: &Relay, count: usize) -> Vec<(Vec<String>, ParsedMessage)> {
    let messages = relay.wait_for_messages(count, PATIENCE).unwrap();
    let raw: Vec<_> = messages.iter().map(|message| message.raw.clone()).collect();
    let told = messages.iter().map(|message| message.forward_paths.clone());
    told.zip(parse_with_python(&raw)).collect()
}

/// Five subscriptions that the incident meets, with addresses in common, and one that it does not.
fn five_and_one() -> Value {
    let subscription = |name: &str, more: Value| {
        let mut one = json!({ "name": name });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    };
    json!([
        subscription("A", json!({"users": ["anna", "carl"], "language": "en"})),
        subscription(
            "B",
            json!({"addresses": "shared@example.org; carl@example.org",
            "language": "ru", "time_zone": "Europe/Moscow"})
        ),
        subscription(
            "C",
            json!({"addresses": "shared@example.org", "language": "en",
            "models": ["Котёл *"]})
        ),
        subscription(
            "D",
            json!({"users": "boris; anna", "language": "en",
            "time_zone": "Europe/Moscow", "detectors": ["forecaster"]})
        ),
        subscription("E", json!({"addresses": "Shared@example.org; anna@example.org"})),
        subscription("F", json!({"addresses": "nobody@example.org", "models": ["other"]})),
    ])
}

/// While the Mail Notifier lacks something all wait, and are told when it is set up.
fn expect_those_who_wait(site: &Site, relay: &Relay) {
    let uid = submit(site, &incident("i-0"));
    let (kind, reason) = decision(site, &uid);
    assert_eq!(kind, "incomplete", "{reason}");
    assert_eq!(
        reason,
        "the Mail Notifier cannot send: no SMTP servers are set; 3 wait until it can send"
    );

    site.save(&json!({"mail_notifier": notifier(relay.port())}));
    // Who waited is told within a look of the task that bundles.
    let mut waited: Vec<String> = parsed(relay, 3).into_iter().flat_map(|(to, _)| to).collect();
    waited.sort_unstable();
    assert_eq!(waited, ["anna@example.org", "boris@example.org", "shared@example.org"]);
    site.wait_for_deliveries(3, "delivered");
    drop(relay.take_messages());
}

#[test]
fn one_incident_that_meets_five_subscriptions_reaches_each_address_once() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let user = |name: &str, language: &str| {
        let body = json!({"name": name, "role": "viewer", "email": format!("{name}@example.org"),
            "language": language, "password": "correct horse battery staple"});
        drop(site.post("/api/v1/users", &body).expect_status(201));
    };
    user("anna", "ru");
    user("boris", "");
    user("carl", "en");
    let patch = json!({"blocked": true});
    drop(site.server.client().patch("/api/v1/users/carl", &patch).unwrap().expect_status(200));
    let subscriptions = five_and_one();
    site.save(&json!({"incidents": {"subscriptions": subscriptions}}));

    expect_those_who_wait(&site, &relay);
    let uid = submit(&site, &incident("i-1"));
    let (kind, reason) = decision(&site, &uid);
    assert_eq!(kind, "notified", "{reason}");
    let left_out = "left out: 1 that is blocked; left out: 1 that is the address of a blocked user";
    for part in ["`A`, `B`, `C`, `D`, `E`", left_out] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(!reason.contains("carl"), "who subscribes is nobody else's business: {reason}");
    site.wait_for_deliveries(6, "delivered");
    let mails = parsed(&relay, 6);
    let mut told: Vec<&str> = mails.iter().flat_map(|(to, _)| to).map(String::as_str).collect();
    told.sort_unstable();
    assert_eq!(told, ["anna@example.org", "boris@example.org", "shared@example.org"]);
    for (to, mail) in &mails {
        assert_eq!(mail.defects, [""; 0]);
        assert_eq!(mail.header("To"), Some("undisclosed-recipients:;"), "nobody sees the others");
        let text = mail.text.as_deref().unwrap();
        let html = mail.html.as_deref().unwrap();
        let (subject, value, time) = match to[0].as_str() {
            "boris@example.org" => (
                "Functional failure: Incident (boiler-3, TI-101)",
                "12,571.5\u{a0}°C",
                "2026-11-23 01:00:00 +03:00",
            ),
            "shared@example.org" => (
                "Отказ функционирования: Инцидент (boiler-3, TI-101)",
                "12\u{a0}571,5\u{a0}°C",
                "23.11.2026 01:00:00 UTC+03:00",
            ),
            _ => (
                "Отказ функционирования: Инцидент (boiler-3, TI-101)",
                "12\u{a0}571,5\u{a0}°C",
                "22.11.2026 22:00:00 UTC",
            ),
        };
        assert_eq!(mail.header("Subject"), Some(subject));
        for part in [value, time, "https://mlad.example/h?from=2026-11-22T22:00:00Z", "i-1"] {
            assert!(text.contains(part), "{part}: {text}");
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}

#[test]
fn a_follow_up_stays_in_the_thread_and_reaches_those_who_want_it() {
    let relay = Relay::builder().start();
    let site = Site::start();
    site.save(&json!({"console": {"url": "https://alerts.example.org"},
        "mail_notifier": notifier(relay.port()), "incidents": {"subscriptions": [
        {"name": "A", "addresses": "a@example.org"},
        {"name": "B", "addresses": "b@example.org", "follow_ups": true, "language": "ru"},
    ]}}));
    let uid = submit(&site, &incident("i-1"));
    relay.wait_for_messages(2, PATIENCE).unwrap();
    assert_eq!(parsed(&relay, 2)[0].1.pictures, [], "no samples, no picture");
    let change = |status: &str| {
        let body = json!({"status": status, "comment": "датчик заменён"});
        site.post(&format!("{PATH}/i-1/status"), &body).expect_status(200).json()
    };
    assert_eq!(change("cause_unknown")["told"], "follow_up");
    let mails = parsed(&relay, 3);
    let (to, mail) = &mails[2];
    assert_eq!(to, &["b@example.org"]);
    let first = mails.iter().find(|(to, _)| to == &["b@example.org"]).unwrap();
    // What differs in more than its prefix is another conversation to Gmail and Outlook.
    let subject = format!("Re: {}", first.1.header("Subject").unwrap());
    assert_eq!(mail.header("Subject"), Some(&*subject));
    let text = mail.text.as_deref().unwrap();
    assert!(text.starts_with("Новый статус инцидента: Причина неизвестна\n"), "{text}");
    assert!(text.contains("датчик заменён"), "{text}");
    for name in ["References", "In-Reply-To"] {
        let threads: Vec<_> = mails.iter().map(|(_, mail)| mail.header(name)).collect();
        assert!(
            threads[0].is_some() && threads.iter().all(|one| *one == threads[0]),
            "{threads:?}"
        );
    }
    let told = site.get("/api/v1/events?limit=1");
    assert_eq!(told["events"][0]["severity"], "failure", "as bad as the incident: {told}");
    for (_, mail) in &mails {
        let link = format!("https://alerts.example.org/incidents/{uid}");
        let (text, html) = (mail.text.as_deref().unwrap(), mail.html.as_deref().unwrap());
        assert!(text.contains(&link), "{text}");
        assert!(html.contains(&format!("<a href=\"{link}\"")), "{html}");
    }
    site.wait_for_deliveries(3, "delivered");
}

#[test]
fn the_mail_notifier_is_tested_without_a_subscription() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let test = |request: &Value| site.post("/api/v1/test-message", request);
    let settings = notifier(relay.port());
    let problem = test(&json!({"channel": "mail_notifier", "mail_notifier": settings}));
    let errors = field_errors(&problem.expect_status(422).json());
    assert_eq!(errors, [("/to".to_owned(), "required".to_owned())]);
    let request = json!({"channel": "mail_notifier", "mail_notifier": settings,
        "to": "me@example.org", "language": "ru"});
    let result = test(&request).expect_status(200).json();
    assert_eq!(result["ok"], true, "{result}");
    let (to, mail) = &parsed(&relay, 1)[0];
    assert_eq!(to, &["me@example.org"]);
    assert_eq!(mail.header("Subject"), Some("Предупреждение: Инцидент (Котёл 3, TI-101)"));
    assert_eq!(mail.defects, [""; 0]);
    let [(content_id, kind, width, height)] = &mail.pictures[..] else {
        panic!("one picture: {:?}", mail.pictures)
    };
    assert_eq!((kind.as_str(), *width, *height), ("image/png", 960, 280));
    let shown = content_id.trim_matches(['<', '>']);
    let html = mail.html.as_deref().unwrap();
    assert!(html.contains(&format!("src=\"cid:{shown}\"")), "{shown}: {html}");
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing is saved");

    for (settings, pointer) in [
        (json!({"tls": "if_supported"}), "/mail_notifier/tls"),
        (json!({"sender": "nobody"}), "/mail_notifier/sender"),
        (
            json!({"servers": "a", "auth": "password", "username": "u", "password": "p"}),
            "/mail_notifier/tls",
        ),
        (json!({"mx_lookup": true}), "/mail_notifier/mx_lookup"),
    ] {
        let problem = site.patch_settings(&json!({"mail_notifier": settings})).expect_status(422);
        assert_eq!(field_errors(&problem.json())[0].0, pointer, "{settings}");
    }
    let saved = site.save(&json!({"mail_notifier": settings}));
    let codes = saved["warnings"].as_array().unwrap().iter();
    let codes: Vec<_> = codes.map(|one| (text(&one["pointer"]), text(&one["code"]))).collect();
    assert!(codes.contains(&("/mail_notifier/tls", "no_tls")), "{codes:?}");
}
