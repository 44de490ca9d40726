//! Of three nodes one is cut off from the database, in a network of its own: the others deliver
//! what it had in flight, it can record nothing of that when it is back, and nothing is lost.

use std::collections::BTreeSet;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use annunciator_testkit::network::Island;
use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::process::free_address;
use annunciator_testkit::relay::{Action, Relay, Stage, When};

use crate::support::{answer, critical, eventually_within};
use crate::three_nodes::{COUNT, Hits, Load, Nodes, email, is_soak, notification_of, tell};

const SOURCES: usize = 6;
const PER_S: u32 = 60;
const CONNECTIONS: u32 = 16;
/// The relay is this slow, so that there is always something in flight.
const RELAY_DELAY: Duration = Duration::from_millis(150);
/// Longest wait until it has taken what the node had: it is shorter than others wait.
const HANDED_OVER_WAIT: Duration = Duration::from_secs(8);
/// Then it is slower than a node takes to come back and settle.
const TAKEN_DELAY: Duration = Duration::from_secs(15);
/// The cable to the database.
const DATABASE: u8 = 0;
/// The cable to the relay, which stays.
const OUT: u8 = 1;
/// The node that is cut off.
const CUT_OFF: usize = COUNT - 1;
/// Longest wait for the others to take over, and for what a database that is back brings.
const LIMIT: Duration = Duration::from_secs(120);

/// Lets us reach a node on an island: its socket is a file, which needs no network.
fn build_bridge(at: SocketAddr, socket: PathBuf) {
    let listener = TcpListener::bind(at).unwrap();
    std::thread::spawn(move || {
        for source in listener.incoming().flatten() {
            // Until the node listens there is nothing to reach.
            let Ok(node) = UnixStream::connect(&socket) else { continue };
            let (source, node) = (Arc::new(source), Arc::new(node));
            let ends = (source.clone(), node.clone());
            let end = move || {
                let _ = ends.0.shutdown(Shutdown::Both);
                let _ = ends.1.shutdown(Shutdown::Both);
            };
            let (there, back) = ((source.clone(), node.clone()), (node, source));
            let end_there = end.clone();
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut &*there.0, &mut &*there.1);
                end_there();
            });
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut &*back.0, &mut &*back.1);
                end();
            });
        }
    });
}

/// A database server that also answers at the island's cable.
fn database_for(folder: &Path) -> Option<Arc<PostgresCluster>> {
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
    let rules = folder.join("hba");
    std::fs::write(&rules, "local all all trust\nhost all all 0.0.0.0/0 trust\n").unwrap();
    let rules = format!("hba_file={}", rules.display());
    PostgresCluster::start(&["listen_addresses=*", &rules]).map(Arc::new)
}

fn start(island: &Island, folder: &Path) -> Option<Nodes> {
    let mut nodes = Nodes::at(database_for(folder)?);
    let address = nodes.cluster.address(&nodes.database);
    for number in 0..CUT_OFF {
        let launch = nodes.launch(number, &address);
        nodes.servers.push(launch.start());
    }
    let (host, port) = (island.near(DATABASE), nodes.cluster.port());
    let address = format!("postgres://postgres@{host}:{port}/{}", nodes.database);
    let at = free_address();
    let data = nodes.folder.path().join(format!("n{CUT_OFF}/data"));
    build_bridge(at, data.join("annunciator.sock"));
    let launch = nodes.launch(CUT_OFF, &address).address(at).wrapper(&island.wrapper());
    nodes.servers.push(launch.start());
    Some(nodes)
}

/// A list for SQL.
fn list(ids: &BTreeSet<String>) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    quoted.join(",")
}

/// Waits until the database answers this.
fn wait_for(nodes: &Nodes, what: &str, question: &str, wanted: &str) {
    eventually_within(LIMIT, what, || {
        let answered = nodes.ask(question);
        if answered == wanted { Ok(()) } else { Err(answered) }
    });
}

/// Pulls the cable in the middle of the load; gives what the node had in flight then, when it has
/// handed that over.
fn cut_off(nodes: &Nodes, island: &Island, relay: &Relay) -> BTreeSet<String> {
    eventually_within(LIMIT, "something in flight", || {
        match relay.message_count() >= 100 && nodes.in_flight(CUT_OFF).len() > 2 {
            true => Ok(()),
            false => Err(format!("{} messages", relay.message_count())),
        }
    });
    island.pull_out(DATABASE);
    let since = Instant::now();
    let connections = format!("pg_stat_activity WHERE client_addr = '{}'", island.far(DATABASE));
    // A commit may have been on its way.
    let busy = format!("SELECT count(*) FROM {connections} AND state <> 'idle'");
    wait_for(nodes, "nothing of the node is under way", &busy, "0");
    tell(&format!("nothing under way after {:?}", since.elapsed()));
    let had = nodes.in_flight(CUT_OFF);
    // The relay is still there. What was planned by a commit without an answer waits on.
    let is_handed_over = |relay: &Relay| {
        let ids: BTreeSet<_> = relay.messages().iter().map(notification_of).collect();
        had.is_subset(&ids)
    };
    let _ = relay.wait_until("all that it had", HANDED_OVER_WAIT, is_handed_over);
    tell(&format!(
        "{} in flight when it was cut off, handed over {:?}",
        had.len(),
        since.elapsed()
    ));
    had
}

/// Waits until others have what the node had, and it is back.
fn come_back(nodes: &Nodes, island: &Island, relay: &Relay, had: &BTreeSet<String>) {
    let (since, id) = (Instant::now(), nodes.id(CUT_OFF));
    let cut_off_min = if is_soak() { Duration::from_secs(60) } else { Duration::ZERO };
    let of_others = format!("SELECT count(*) FROM queue WHERE node IS DISTINCT FROM '{id}'");
    wait_for(nodes, "the others are idle", &of_others, "0");
    // The attempts of those who take over are still under way when the node is back.
    let delay = cut_off_min + TAKEN_DELAY;
    relay.on(Stage::DataEnd, When::Always, Action::Delay(delay));
    // Else this machine is so slow that they have taken over already.
    let is_early = nodes.in_flight(CUT_OFF) == *had;
    let patient = nodes.client(CUT_OFF).limit(LIMIT);
    let refused = answer(patient.post("/api/v1/events", &critical("x").json()));
    assert_eq!(refused.status, 503, "{refused}");
    assert!(refused.header("Retry-After").is_some(), "{refused}");
    tell(&format!("503 after {:?} more", since.elapsed()));
    let taken = format!(
        "SELECT count(*) FROM queue WHERE claims = 2 AND lease_until IS NOT NULL
         AND node <> '{id}' AND notification IN ({})",
        list(had)
    );
    let all = had.len().to_string();
    let own = format!("SELECT count(*) FROM queue WHERE node = '{id}'");
    wait_for(nodes, "its claims lapse", &own, "0");
    if is_early {
        wait_for(nodes, "the others take over", &taken, &all);
    }
    let taken_at = Instant::now();
    tell(&format!("taken over after {:?} more", since.elapsed()));
    let held = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE client_addr = '{}'",
        island.far(DATABASE)
    );
    wait_for(nodes, "the database lets go of its connections", &held, "0");
    tell(&format!("its connections ended after {:?}", since.elapsed()));
    std::thread::sleep(cut_off_min.saturating_sub(since.elapsed()));
    island.plug_in(DATABASE);
    let words = "an attempt was settled after its claim had lapsed";
    nodes.servers[CUT_OFF].wait_for_log(words, LIMIT);
    let are_under_way = nodes.ask(&taken) == all;
    let must_be = is_early && taken_at.elapsed() < delay / 2;
    assert!(are_under_way || !must_be, "it recorded something of what others have now");
    relay.behave();
    eventually_within(LIMIT, "the node takes events again", || {
        let taken = nodes.client(CUT_OFF).post("/api/v1/events", &critical("back").json());
        let taken = taken.map(|answer| answer.status);
        if matches!(taken, Ok(202)) { Ok(()) } else { Err(format!("{taken:?}")) }
    });
}

#[test]
fn three_nodes_lose_nothing_when_one_is_cut_off() {
    let Some(island) = Island::with_cables(2) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(nodes) = start(&island, folder.path()) else { return };
    let relay = Relay::builder()
        .at((island.near(OUT), 0).into())
        .on(Stage::DataEnd, When::Always, Action::Delay(RELAY_DELAY))
        .start();
    nodes.save(&email(&island.near(OUT).to_string(), relay.port(), CONNECTIONS));
    let load = Load::new(&nodes, PER_S);
    let had = load.while_doing(SOURCES, || cut_off(&nodes, &island, &relay));
    come_back(&nodes, &island, &relay, &had);
    nodes.wait_until_idle();
    let mut hits = Hits::default();
    hits.add(had.clone());
    let further = hits.check(&relay, &load.acknowledged());
    tell(&format!("{} events acknowledged, {further} further copies", load.acknowledged().len()));
    assert!(further > 0, "nothing was repeated: the node was not cut off in the middle");
    // Others finished all that it had, and of each one attempt is recorded.
    let those = format!("deliveries d WHERE d.notification IN ({})", list(&had));
    let count = nodes.ask(&format!("SELECT count(*) FROM {those} AND d.claims = 2"));
    assert_eq!(count, had.len().to_string());
    let recorded = format!("SELECT count(*) FROM attempts a JOIN {those} AND d.id = a.delivery");
    let recorded = recorded.replace("deliveries d WHERE", "deliveries d ON");
    assert_eq!(nodes.ask(&recorded), count);
}
