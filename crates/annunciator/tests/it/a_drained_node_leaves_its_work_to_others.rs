//! A node of two that is drained under load delivers what it has and ends; the other goes on,
//! nothing is lost or told twice, and the node that is started again serves.

use std::time::Duration;

use annunciator_testkit::http::Client;
use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::relay::{Action, Relay, Stage, When};
use serde_json::{Value, json};

use crate::support::{Site, critical, email_settings, eventually, text};

/// Longest wait for a node that drains: it hears of it, answers for a while, finishes.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(90);
/// Events before, and at least as many during the drain.
const EVENTS: usize = 30;

/// The nodes as this one lists them: this one first.
fn nodes(site: &Site) -> Vec<Value> {
    let mut nodes = site.get("/api/v1/nodes")["nodes"].as_array().unwrap().clone();
    nodes.sort_by_key(|node| node["is_this"] == false);
    nodes
}

/// Hands in an event at the first of these that takes it.
fn submit(clients: &[&Client], number: usize) {
    let mut event = critical("disk.full").json();
    event["id"] = json!(format!("e{number}"));
    eventually("somebody takes the event", || {
        for client in clients {
            match client.post("/api/v1/events", &event) {
                Ok(answer) if answer.status == 202 => return Ok(()),
                // Drains, or has ended.
                Ok(answer) if answer.status == 503 => {
                    assert!(answer.header("Retry-After").is_some(), "{answer}");
                }
                Ok(answer) => panic!("{answer}"),
                Err(_) => {}
            }
        }
        Err("all refused".to_owned())
    });
}

fn check_each_is_told_once(site: &Site, relay: &Relay, count: usize) {
    let told = site.wait_for_deliveries(count, "delivered");
    let is_doubtful = |one: &&Value| one["possibly_duplicated"] == true || one["attempts"] != 1;
    let doubtful: Vec<&Value> = told.iter().filter(is_doubtful).collect();
    assert!(doubtful.is_empty(), "{doubtful:?}");
    assert_eq!(relay.message_count(), count, "each once");
}

#[test]
fn a_drained_node_leaves_its_work_to_others() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let database = cluster.address(&cluster.database("template0"));
    let keys = tempfile::tempdir().unwrap();
    let key_file = keys.path().join("key");
    let slow = Action::Delay(Duration::from_millis(200));
    let relay = Relay::builder().on(Stage::DataEnd, When::Always, slow).start();
    let mut leaving = Site::node(&database, &key_file);
    let staying = Site::node(&database, &key_file);
    let mut email = email_settings(relay.port());
    email["connections_max"] = json!(2);
    staying.save(&json!({ "email": email }));
    eventually("the settings hold on both", || {
        let shown = leaving.get_text("/api/v1/settings");
        if shown.contains("annunciator@example.org") { Ok(()) } else { Err(shown) }
    });
    let (a, b) = (leaving.server.client(), staying.server.client());
    for number in 0..EVENTS {
        submit(&[&a, &b], number);
    }

    let [this, other] = &nodes(&staying)[..] else { panic!("two nodes") };
    assert_eq!((&this["state"], &other["state"]), (&json!("serving"), &json!("serving")));
    assert_eq!(this["version"], env!("CARGO_PKG_VERSION"));
    let id = text(&other["id"]).to_owned();
    let told = staying.run(&["node", "drain", &id]);
    assert!(told.contains("asked to drain"), "{told}");
    // Load goes on, at the leaving node as long as it takes any, while a balancer sees it go.
    let mut count = EVENTS;
    eventually("the leaving node says that it is not ready", || {
        submit(&[&a, &b], count);
        count += 1;
        match a.get("/-/ready") {
            Ok(answer) if answer.status == 503 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(nodes(&staying)[1]["state"], "draining");
    let late = staying.command(&["node", "undrain", &id]);
    assert!(String::from_utf8_lossy(&late.stderr).contains("drains already"), "{late:?}");
    let end = leaving.server.wait_for_end(DRAIN_TIME_MAX);
    assert_eq!(end.code(), Some(0));
    assert!(leaving.server.log().contains("drained"));
    let listed = nodes(&staying);
    let [_, gone] = &listed[..] else { panic!("two nodes") };
    let in_hand = (&gone["deliveries_in_flight"], &gone["events_unplanned"]);
    assert_eq!((&gone["state"], in_hand), (&json!("stopped"), (&json!(0), &json!(0))));
    for _ in 0..EVENTS {
        submit(&[&a, &b], count);
        count += 1;
    }
    check_each_is_told_once(&staying, &relay, count);

    leaving.server.restart();
    let served = || -> bool {
        nodes(&staying)
            .iter()
            .all(|node| node["state"] == "serving" && node["drain_asked"] == false)
    };
    eventually("both serve", || if served() { Ok(()) } else { Err("not yet".to_owned()) });
    submit(&[&leaving.server.client()], count);
    check_each_is_told_once(&staying, &relay, count + 1);
    let lines = staying.run(&["node", "list", "--json"]);
    assert_eq!(lines.lines().count(), 2, "{lines}");
}

#[test]
fn the_only_node_drains_as_well() {
    let mut site = Site::start();
    let [node] = &nodes(&site)[..] else { panic!("one node") };
    assert_eq!((&node["state"], &node["is_this"]), (&json!("serving"), &json!(true)));
    let table = site.run(&["node", "list"]);
    assert!(table.contains("serving") && table.contains("this one"), "{table}");
    let name = text(&node["name"]);
    drop(site.run(&["node", "drain", name]));
    eventually("it takes nothing new", || match site.server.client().get("/-/ready") {
        Ok(answer) if answer.status == 503 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // A service manager that stops it meanwhile does not cut it short.
    site.server.signal("TERM");
    assert_eq!(site.server.wait_for_end(DRAIN_TIME_MAX).code(), Some(0));
    assert!(site.server.log().contains("drained"));
    site.server.restart();
    assert_eq!(nodes(&site)[0]["drain_asked"], false);
    let actions = site.get_text("/api/v1/audit");
    assert!(actions.contains("node.drain"), "{actions}");
    let ready = site.server.client().get("/-/ready").unwrap();
    assert_eq!(ready.status, 200, "{ready}");
}
