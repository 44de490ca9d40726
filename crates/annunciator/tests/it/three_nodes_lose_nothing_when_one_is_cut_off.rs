//! Of three nodes one is cut off from the database, in a network of its own: the others deliver
//! what it had in flight, it can record nothing of that when it is back, and nothing is lost.

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
use crate::three_nodes::{COUNT, Hits, Load, Nodes, email, is_soak};

const SOURCES: usize = 6;
const PER_S: u32 = 60;
const CONNECTIONS: u32 = 16;
/// The relay is this slow, so that there is always something in flight.
const RELAY_DELAY: Duration = Duration::from_millis(150);
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

#[test]
fn three_nodes_lose_nothing_when_one_is_cut_off() {
    let cut_off_min = if is_soak() { Duration::from_secs(60) } else { Duration::ZERO };
    let Some(island) = Island::with_cables(2) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(nodes) = start(&island, folder.path()) else { return };
    let relay = Relay::builder()
        .at((island.near(OUT), 0).into())
        .on(Stage::DataEnd, When::Always, Action::Delay(RELAY_DELAY))
        .start();
    nodes.save(&email(&island.near(OUT).to_string(), relay.port(), CONNECTIONS));
    let load = Load::new(&nodes, PER_S);
    let mut had = std::collections::BTreeSet::new();
    let mut hits = Hits::default();
    load.while_doing(SOURCES, || {
        eventually_within(LIMIT, "something in flight", || {
            match relay.message_count() >= 100 && nodes.in_flight(CUT_OFF).len() > 2 {
                true => Ok(()),
                false => Err(format!("{} messages", relay.message_count())),
            }
        });
        island.pull_out(DATABASE);
        let since = Instant::now();
        // A commit may have been on its way.
        let active = format!(
            "SELECT pid, state, wait_event, query FROM pg_stat_activity
             WHERE state <> 'idle' AND client_addr = '{}'",
            island.far(DATABASE)
        );
        eventually_within(LIMIT, "nothing of the node is under way", || {
            let under_way = nodes.ask(&active);
            if under_way.is_empty() { Ok(()) } else { Err(under_way) }
        });
        println!("nothing under way after {:?}", since.elapsed());
        had = nodes.in_flight(CUT_OFF);
        let patient = nodes.client(CUT_OFF).limit(LIMIT);
        let refused = answer(patient.post("/api/v1/events", &critical("x").json()));
        assert_eq!(refused.status, 503, "{refused}");
        println!("503 after {:?}", since.elapsed());
        eventually_within(LIMIT, "the others take over", || {
            if nodes.in_flight(CUT_OFF).is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
        });
        println!(
            "{} in flight when it was cut off, taken over in {:?}",
            had.len(),
            since.elapsed()
        );
        let held = "SELECT count(*) FROM pg_stat_activity WHERE client_addr";
        let held = format!("{held} = '{}'", island.far(DATABASE));
        eventually_within(LIMIT, "the database lets go of its connections", || {
            let count = nodes.ask(&held);
            if count == "0" { Ok(()) } else { Err(count) }
        });
        println!("let go of after {:?}", since.elapsed());
        std::thread::sleep(cut_off_min.saturating_sub(since.elapsed()));
        island.plug_in(DATABASE);
        hits.add(had.clone());
        let words = "an attempt was settled after its claim had lapsed";
        nodes.servers[CUT_OFF].wait_for_log(words, LIMIT);
        eventually_within(LIMIT, "the node takes events again", || {
            let taken = nodes.client(CUT_OFF).post("/api/v1/events", &critical("back").json());
            let taken = taken.map(|answer| answer.status);
            if matches!(taken, Ok(202)) { Ok(()) } else { Err(format!("{taken:?}")) }
        });
    });
    relay.behave();
    nodes.wait_until_idle();
    let further = hits.check(&relay, &load.acknowledged());
    println!("{} events acknowledged, {further} further copies", load.acknowledged().len());
    assert!(further > 0, "nothing was repeated: the node was not cut off in the middle");
    // Others finished all that it had, with claims of their own, and it recorded nothing of that.
    let list: Vec<String> = had.iter().map(|id| format!("'{id}'")).collect();
    let of_those = format!("FROM deliveries d WHERE d.notification IN ({})", list.join(","));
    let count = nodes.ask(&format!("SELECT count(*) {of_those}"));
    assert_eq!(count, had.len().to_string());
    let by_others = nodes.ask(&format!("SELECT count(*) {of_those} AND d.claims > 1"));
    assert_eq!(by_others, count, "all were claimed anew");
    let recorded = "SELECT count(*) FROM attempts a JOIN deliveries d ON d.id = a.delivery";
    let of_those = of_those.trim_start_matches("FROM deliveries d");
    assert_eq!(nodes.ask(&format!("{recorded} {of_those}")), count, "one attempt is recorded each");
}
