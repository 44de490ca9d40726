//! Planning over many policies and event types: what an event costs, by the number of policies.
//!
//! Out: events per second with no policy, ten, and a thousand, of which ten are about the events;
//! and with a thousand that are all about some. A combination of layers that is met for the first
//! time is compiled, and that is part of the figure.

use std::hint::black_box;
use std::time::Instant;

use annunciator_core::Event;
use annunciator_planner::Circumstances;
use annunciator_server::compile_settings;
use annunciator_server::snapshot::Snapshot;
use serde_json::{Map, Value, json};

use crate::events::event;
use crate::figures::Measured;
use crate::parts::{DOMAIN, Ids};
use crate::usage::Usage;
use crate::whole::rate;

/// Event types that have an event configuration of their own.
const TYPES: u32 = 10_000;
/// Policies of the largest configuration.
const POLICIES: u32 = 1_000;
/// Policies that are about events.
const NEAR: u32 = 10;
/// Plants; each has lines with a policy each.
const PLANTS: u32 = 100;

/// Figures by policies there are, and by policies that are about some event.
const FIGURES: [(&str, u32, u32); 4] = [
    ("plan, 10,000 types, no policy", 0, NEAR),
    ("plan, 10,000 types, 10 policies", NEAR, NEAR),
    ("plan, 10,000 types, 1,000 policies, 10 apply", POLICIES, NEAR),
    ("plan, 10,000 types, 1,000 policies, all apply", POLICIES, POLICIES),
];

pub(crate) fn plan(count: u32) -> Vec<Measured> {
    FIGURES.map(|(name, policies, near)| measure(name, policies, near, count)).into()
}

fn measure(name: &'static str, policies: u32, near: u32, count: u32) -> Measured {
    let snapshot = compile_settings(&settings(policies)).expect("good settings");
    let events: Vec<Event> = (0..count).map(|number| event_in(number, near)).collect();
    let ids = Ids::default();
    let usage = Usage::begin_own();
    let begin = Instant::now();
    for event in &events {
        black_box(plan_one(&snapshot, event, &ids));
    }
    rate(name, "events/s", count, begin.elapsed(), &usage)
}

fn plan_one(snapshot: &Snapshot, event: &Event, ids: &Ids) -> annunciator_planner::Plan {
    let holding = snapshot.holding(event);
    let profiles: Vec<_> = holding.profiles.iter().map(AsRef::as_ref).collect();
    let circumstances = Circumstances {
        scope: &holding.scope,
        domain: DOMAIN,
        console: "",
        now: event.registered_at,
        silences: &[],
        incidents: annunciator_planner::IncidentFrame::default(),
    };
    annunciator_planner::plan(event, &profiles, circumstances, ids)
}

/// Types are visited in large steps, and groups so that no event of a hundred thousand meets the
/// type and the group of another.
fn event_in(number: u32, near: u32) -> Event {
    let mut event = event(number);
    event.event_type = event_type(number.wrapping_mul(7_919) % TYPES);
    event.device.group = group((number + number / TYPES) % near);
    event
}

fn event_type(number: u32) -> String {
    format!("type.{number}")
}

fn group(policy: u32) -> String {
    format!("Plant {}/Line {}", policy % PLANTS, policy / PLANTS)
}

fn settings(policies: u32) -> Map<String, Value> {
    let configured = |number: u32| {
        let email = json!({"subject": format!("{number}: %EVENT%"), "notify": true});
        json!({"application": "Benchmark", "type": event_type(number), "email": email})
    };
    let policy = |number: u32| {
        let of_type = json!({"type": event_type(number), "email": {"sender": "x@example.test"}});
        let recipients = format!("line-{number}@example.test");
        let of_all = json!({"email": {"recipients": [recipients]}, "locked": ["email.recipients"]});
        json!({"name": format!("Policy {number}"), "application": "Benchmark",
            "group": group(number), "events": [of_type, of_all]})
    };
    let email = json!({
        "recipients": ["rcpt@example.test"], "sender": "notify@example.test",
        "servers": ["127.0.0.1"],
    });
    let groups: Vec<String> = (0..policies).map(group).collect();
    Map::from_iter([
        ("email".to_owned(), email),
        ("groups".to_owned(), json!(groups)),
        ("event_configuration".to_owned(), (0..TYPES).map(configured).collect()),
        ("policies".to_owned(), (0..policies).map(policy).collect()),
    ])
}
