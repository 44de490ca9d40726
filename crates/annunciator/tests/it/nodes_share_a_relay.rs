//! Nodes share what a relay bears, and tell each other when it is in trouble.

use std::sync::Arc;
use std::time::Duration;

use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::relay::{Action, Relay, Stage, When, reply};
use serde_json::json;

use crate::nodes::Nodes;
use crate::support::{Site, critical, eventually_within};

/// What the settings allow over all nodes.
const CONNECTIONS_MAX: u64 = 4;
const EVENTS: usize = 60;
const LIMIT: Duration = Duration::from_secs(60);
/// What a node says that finds a relay in trouble by an attempt of its own.
const RAN_INTO_IT: &str = "relay in trouble, its lane waits";
/// What a node says that heard of it before it made one.
const WAS_TOLD: &str = "relay in trouble, as another node tells: its lane waits";

/// What nodes say of a relay that answers: the one that got through, and those it tells.
const ANSWERS: &str = "relay answers ";

/// Two nodes and their database, which must be dropped after them.
fn two_nodes(relay: &Relay) -> Option<(Arc<PostgresCluster>, Nodes)> {
    let cluster = PostgresCluster::shared()?;
    let address = cluster.address(&cluster.database("template0"));
    let nodes = Nodes::start(&[address.clone(), address], relay, &[]);
    nodes.first().save(&json!({"email": {"connections_max": CONNECTIONS_MAX}}));
    Some((cluster, nodes))
}

fn logs_of(nodes: &Nodes) -> String {
    nodes.sites.iter().map(|site| site.server.log()).collect::<Vec<_>>().join("\n")
}

fn lane_of(site: &Site) -> serde_json::Value {
    site.get("/api/v1/status")["lanes"][0].clone()
}

#[test]
fn nodes_keep_to_the_connections_of_a_relay_together() {
    let slow = Action::Delay(Duration::from_millis(150));
    let relay = Relay::builder().on(Stage::DataEnd, When::Always, slow).start();
    let Some((_cluster, nodes)) = two_nodes(&relay) else { return };
    for (number, site) in nodes.sites.iter().enumerate() {
        site.submit_event(critical("load").id(&format!("first {number}")));
    }
    relay.wait_for_messages(2, LIMIT).unwrap();
    for site in &nodes.sites {
        eventually_within(LIMIT, "the part of each", || {
            let server = site.get("/api/v1/status")["relays"][0].clone();
            let is_half = server["connections_limit"] == CONNECTIONS_MAX / 2;
            if is_half { Ok(()) } else { Err(server.to_string()) }
        });
    }
    for number in 0..EVENTS {
        let id = format!("e{number}");
        nodes.sites[number % 2].submit_event(critical("load").id(&id).description(&id));
    }
    relay.wait_for_messages(2 + EVENTS, LIMIT).unwrap();
    let peak = relay.open_connections_peak();
    assert!(peak <= CONNECTIONS_MAX as usize, "{peak} connections at a time");
    assert_eq!(peak, CONNECTIONS_MAX as usize, "each node uses its part");
}

#[test]
fn a_relay_in_trouble_is_run_into_by_one_node_only() {
    let relay = Relay::builder().start();
    let Some((_cluster, nodes)) = two_nodes(&relay) else { return };
    let (north, south) = (&nodes.sites[0], &nodes.sites[1]);
    relay.on(Stage::Greeting, When::Always, reply("421 4.3.2 closing for work"));
    north.submit_event(critical("load").id("first").description("first"));
    for site in &nodes.sites {
        eventually_within(LIMIT, "the node knows", || {
            let lane = lane_of(site);
            if lane["suspended"] == true { Ok(()) } else { Err(lane.to_string()) }
        });
        let reason = lane_of(site)["reason"].to_string();
        assert!(reason.contains("closing for work"), "{reason}");
    }
    for (number, site) in nodes.sites.iter().enumerate() {
        site.submit_event(critical("load").id(&format!("more {number}")));
    }
    // All that came to the relay by then are probes.
    let logs = || logs_of(&nodes);
    let ran_into_it = logs().matches(RAN_INTO_IT).count();
    let was_told = logs().matches(WAS_TOLD).count();
    assert_eq!((ran_into_it, was_told), (1, 1), "{}", logs());
    relay.behave();
    relay.wait_for_messages(3, LIMIT).unwrap();
    eventually_within(LIMIT, "both lanes are free", || {
        let lanes = (lane_of(north)["suspended"].clone(), lane_of(south)["suspended"].clone());
        if lanes == (json!(false), json!(false)) { Ok(()) } else { Err(format!("{lanes:?}")) }
    });
    assert_eq!(logs().matches(RAN_INTO_IT).count(), 1, "{}", logs());
}

#[test]
fn a_relay_that_stays_dead_is_not_told_as_answering() {
    let relay = Relay::builder().start();
    let Some((_cluster, nodes)) = two_nodes(&relay) else { return };
    // While one node waits for the greeting, the other finds nothing to try.
    relay.on(Stage::Greeting, When::Always, Action::Delay(Duration::from_millis(700)));
    relay.on(Stage::Greeting, When::Always, reply("421 4.3.2 closing for work"));
    let north = nodes.first();
    north.submit_event(critical("load").id("only").description("only"));
    eventually_within(LIMIT, "several probes", || {
        let tried = north.deliveries().first().and_then(|one| one["attempts"].as_u64());
        if tried >= Some(4) { Ok(()) } else { Err(format!("{tried:?}")) }
    });
    let logs = || logs_of(&nodes);
    let counts = [RAN_INTO_IT, WAS_TOLD, ANSWERS].map(|words| logs().matches(words).count());
    assert_eq!(counts, [1, 1, 0], "{}", logs());
    for site in &nodes.sites {
        assert_eq!(lane_of(site)["suspended"], true, "{}", lane_of(site));
    }
    relay.behave();
    relay.wait_for_messages(1, LIMIT).unwrap();
    eventually_within(LIMIT, "both say that it answers", || {
        let count = logs().matches(ANSWERS).count();
        if count == 2 { Ok(()) } else { Err(logs()) }
    });
}
