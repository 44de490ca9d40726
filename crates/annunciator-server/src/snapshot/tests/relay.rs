//! Situations of the relay, which is taken whole (spec 4.3), and of what follows from it.

use serde_json::{Value, json};

use super::{Situation, entry, object, situation, usual_event};

/// An entry with a relay of its own.
fn relay(events: &str, server: &str, others: Value) -> Value {
    let mut email = object(others);
    email.insert("servers".to_owned(), json!([server]));
    entry(events, json!({ "email": email }))
}

fn locked(mut entry: Value) -> Value {
    entry["locked"] = json!(["email.servers"]);
    entry
}

/// The server's relay has a port and a password of its own.
fn with_password(name: &'static str) -> Situation {
    situation(name)
        .server("port", json!(587))
        .server("auth", json!("password"))
        .server("username", json!("server"))
        .server("password", json!("p"))
}

#[test]
fn a_relay_is_taken_whole() {
    let own = json!({"port": 26});
    with_password("a relay of the policy gets no password of the server")
        .policy("A", json!([relay("*", "a.example.org", own.clone())]))
        .expect(&[
            ("servers", json!(["a.example.org"]), "policy A"),
            ("port", json!(26), "policy A"),
            ("auth", json!("off"), "default"),
            ("username", json!(""), "default"),
            ("password", json!(""), "default"),
            ("subject", json!("server"), "server"),
        ]);
    with_password("what the policy does not set of it is the default, not the server's")
        .policy("A", json!([relay("*", "a.example.org", json!({}))]))
        .expect(&[("port", json!(25), "default")]);
    let mine = json!({"auth": "password", "username": "u", "password": "x"});
    with_password("the nearest relay, whole")
        .policy("A", json!([relay("*", "a.example.org", own.clone())]))
        .on("pc-17", json!([relay("*", "app.example.org", mine.clone())]))
        .expect(&[
            ("servers", json!(["app.example.org"]), "app"),
            ("username", json!("u"), "app"),
            ("password", json!("<secret>"), "app"),
            ("port", json!(25), "default"),
        ]);
    with_password("a lock on the servers locks the unit")
        .policy("A", json!([locked(relay("*", "a.example.org", own))]))
        .on("pc-17", json!([relay("*", "app.example.org", mine)]))
        .expect(&[
            ("servers", json!(["a.example.org"]), "policy A!"),
            ("port", json!(26), "policy A!"),
            // Nothing nearer may set it either.
            ("username", json!(""), "default!"),
        ]);
    with_password("the words of one layer go over the relay of another")
        .policy("A", json!([relay("*", "a.example.org", json!({}))]))
        .events(entry("disk.full", json!({"email": {"recipients": ["e@example.org"]}})))
        .expect(&[
            ("recipients", json!(["e@example.org"]), "events"),
            ("servers", json!(["a.example.org"]), "policy A"),
        ]);
}

#[test]
fn the_lane_is_that_of_the_layer_with_the_servers() {
    let check = |one: Situation, expected: &str| {
        let holding = one.snapshot().holding(&usual_event(&one.event));
        assert_eq!(holding.profiles[0].lane.as_str(), expected, "{}", one.name);
    };
    check(situation("server"), "email/server");
    let own = relay("disk.full", "a.example.org", json!({}));
    check(situation("policy").policy("A", json!([own.clone()])), "email/policy/A/type disk.full");
    check(
        situation("a nearer layer without servers")
            .policy("A", json!([own.clone()]))
            .on("pc-17", json!([super::subject("*", "app")])),
        "email/policy/A/type disk.full",
    );
    check(
        situation("a lock")
            .policy("A", json!([locked(own)]))
            .on("pc-17", json!([relay("*", "app.example.org", json!({}))])),
        "email/policy/A/type disk.full",
    );
}

#[test]
fn every_layer_about_an_event_is_told_with_its_standing() {
    use annunciator_planner::Standing::{Applies, ConditionFails, NotInherited, PolicyOff};
    let one = situation("standings")
        .events(super::subject("cpu.hot", "another type"))
        .events(super::subject("!critical", "events"))
        .policy("", json!([super::subject("*", "root")]))
        .policy_with("A", json!({"inherit": false}), json!([super::subject("*", "a")]))
        .policy_with("A/B", json!({"enabled": false}), json!([super::subject("*", "b")]))
        .on(
            "pc-17",
            json!([
                super::subject("*", "app"),
                super::when_free_is_below(2, super::subject("disk.full", "few")),
            ]),
        );
    let snapshot = one.snapshot();
    let consulted = snapshot.consult(&usual_event(&one.event));
    let found: Vec<_> = consulted
        .iter()
        .map(|(number, standing)| (snapshot.layer_id(*number), *standing))
        .collect();
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.split('?').next().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "application/Guard@pc-17/type disk.full",
            "application/Guard@pc-17/all events",
            "policy/A%2FB/all events",
            "policy/A/all events",
            "policy/root/all events",
            "event_configuration/Guard/severity critical",
        ]
    );
    let standings: Vec<_> = found.iter().map(|(_, standing)| *standing).collect();
    let expected = [ConditionFails, Applies, PolicyOff, Applies, NotInherited, Applies];
    assert_eq!(standings, expected);
}
