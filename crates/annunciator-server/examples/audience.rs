//! Measures how long it takes to find who is told of incidents.
//!
//! `cargo run -p annunciator-server --example audience [incidents] [subscriptions]`; without
//! numbers 1,000 incidents and 500 subscriptions of 20 addresses each, of which every tenth is met.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::time::Instant;

use annunciator_core::{Application, Device, Event, EventUid, ParameterValue, Severity, Timestamp};
use annunciator_planner::{
    Directory, DirectoryUser, Incident, IncidentLayer, IncidentRules, IncidentSettings,
    find_audience,
};
use annunciator_settings::{Origin, SettingsGroup as _, SettingsLayer as _};
use serde_json::{Value, json};

const KINDS: [&str; 4] = ["forecaster", "limit", "rule", "stream"];

fn subscription(number: usize) -> Value {
    let addresses: Vec<String> =
        (0..20).map(|at| format!("user-{}@plant.example", (number * 7 + at) % 2_000)).collect();
    json!({
        "name": format!("Subscription {number}"), "addresses": addresses,
        "users": [format!("user-{number}")], "detectors": [KINDS[number % 4], "other"],
        "models": [format!("Model {} *", number % 10), "Pump ??"],
        "assets": ["boiler-*", "pump-*"], "groups": ["Plant A", "Plant B/Line 2"],
    })
}

fn incident(number: usize) -> Event {
    let text = |text: String| ParameterValue::Text(text);
    let parameters = [
        ("incident_id".to_owned(), text(format!("i-{number}"))),
        ("detector_kind".to_owned(), text(KINDS[number % 4].to_owned())),
        ("model".to_owned(), text(format!("Model {} of line {number}", number % 10))),
    ];
    Event {
        uid: EventUid::from_parts(1, [0; 10]),
        id: format!("i-{number}"),
        event_type: format!("incident.{}", KINDS[number % 4]),
        type_name: String::new(),
        severity: Severity::Failure,
        application: Application { name: "MLAD".to_owned(), version: String::new() },
        device: Device {
            name: format!("boiler-{}", number % 100),
            group: "Plant A/Line 1".to_owned(),
            ..Device::default()
        },
        task: String::new(),
        description: String::new(),
        occurred_at: Timestamp(0),
        registered_at: Timestamp(0),
        parameters: parameters.into(),
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse().expect("a number"));
    let (incidents, subscriptions) =
        (numbers.next().unwrap_or(1_000), numbers.next().unwrap_or(500));
    let rows: Vec<Value> = (0..subscriptions).map(subscription).collect();
    let layer = IncidentLayer::from_json(&json!({ "subscriptions": rows })).expect("valid");
    let settings = IncidentSettings::resolve(&[(Origin::Server, &layer)]).values;
    let rules = IncidentRules::new(&settings);
    let user = |number: usize| DirectoryUser {
        name: format!("user-{number}"),
        address: format!("user-{number}@plant.example"),
        language: None,
        time_zone: None,
        is_blocked: number.is_multiple_of(50),
    };
    let directory = Directory::new((0..1_000).map(user), []);
    let events: Vec<Event> = (0..incidents).map(incident).collect();
    let begin = Instant::now();
    let (mut met, mut told) = (0, 0);
    for event in &events {
        let incident = Incident::of(event).expect("an incident");
        let audience = find_audience(&rules, &directory, &incident, Timestamp(0));
        met += audience.matched.len();
        told += audience.addressees.len();
    }
    println!(
        "{incidents} incidents, {subscriptions} subscriptions: {met} met, {told} addresses told, \
         {:.3} s",
        begin.elapsed().as_secs_f64()
    );
}
