//! Three nodes on one database, nobody is killed: each event arrives exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use annunciator_testkit::http::Client;
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{answer, critical};
use crate::three_nodes::{COUNT, Nodes, email, is_soak};

const SOURCES: usize = 6;
/// Events of one request.
const BATCH: usize = 20;
/// Longest wait for all to arrive.
const LIMIT: Duration = Duration::from_secs(1_200);

#[test]
fn three_nodes_make_no_duplicates() {
    let batches = if is_soak() { 5_000 } else { 250 };
    let count = batches * BATCH;
    let Some(nodes) = Nodes::start() else { return };
    let relay = Relay::builder().counting_only().start();
    nodes.save(&email("127.0.0.1", relay.port(), 8));
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let post = || {
        let client = |number: usize| {
            Client::new(nodes.servers[number].address()).token(nodes.token()).keep_alive()
        };
        let clients: Vec<Client> = (0..COUNT).map(client).collect();
        loop {
            let batch = next.fetch_add(1, Ordering::Relaxed);
            if batch >= batches {
                return;
            }
            let id = |place: usize| format!("e{}", batch * BATCH + place);
            let events = (0..BATCH).map(|place| critical("load").id(&id(place)).json());
            let events = Value::Array(events.collect());
            let taken = answer(clients[batch % COUNT].post("/api/v1/events", &events));
            drop(taken.expect_status(202));
        }
    };
    std::thread::scope(|scope| (0..SOURCES).for_each(|_| drop(scope.spawn(post))));
    let posted = began.elapsed();
    relay.wait_until("every event", LIMIT, |relay| relay.message_count() >= count).unwrap();
    let arrived = began.elapsed();
    nodes.wait_until_idle();
    let messages = relay.messages();
    let ids: Vec<String> = messages.iter().filter_map(|one| one.header("Message-ID")).collect();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (count, count), "messages and Message-IDs");
    let facts = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM attempts),
                   (SELECT count(*) FROM deliveries WHERE possibly_duplicated)";
    assert_eq!(nodes.ask(facts), format!("{count}|{count}|0"));
    let mut planned: BTreeMap<&str, usize> = BTreeMap::new();
    for id in &ids {
        *planned.entry(id.rsplit('@').next().unwrap()).or_default() += 1;
    }
    println!("{count} events posted in {posted:?}, arrived in {arrived:?}, planned by {planned:?}");
    assert_eq!(planned.len(), COUNT, "each node has its part: {planned:?}");
    for number in 0..COUNT {
        nodes.servers[number].expect_no_errors_in_log();
        let status = answer(nodes.client(number).get("/api/v1/status")).expect_status(200).json();
        assert_eq!(status["deliveries_in_flight"], json!(0));
    }
}
