//! The disk of the database gets full: 507 where PostgreSQL says so, 503 where it crashes over it;
//! nothing acknowledged is lost, and all goes on when there is room.

use annunciator_testkit::disk::Disk;
use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::relay::Relay;

use crate::nodes::{AWAY, Load, Nodes};
use crate::support::eventually;

/// Sizes of the disks that are filled. Unit: MiB.
const DATA_MB: u64 = 150;
const LOG_MB: u64 = 100;
/// Little log, so that a small disk holds it.
const SETTINGS: &[&str] = &["max_wal_size=32MB", "min_wal_size=32MB"];

#[expect(clippy::print_stderr, reason = "who runs the tests must read what was skipped")]
fn mount(size_mb: u64) -> Option<Disk> {
    let mounted = Disk::mount(size_mb);
    if let Err(why) = &mounted {
        eprintln!("skipped, a small disk cannot be mounted (are the tests run as root?): {why}");
    }
    mounted.ok()
}

#[test]
fn a_disk_of_the_data_that_is_full_refuses_events_until_there_is_room() {
    let Some(disk) = mount(DATA_MB) else { return };
    let log = tempfile::tempdir().unwrap();
    let started = PostgresCluster::start_on(disk.path(), Some(log.path()), SETTINGS);
    let Some(cluster) = started else { return };
    let relay = Relay::builder().start();
    let nodes = Nodes::start(&[cluster.address("postgres")], &relay, AWAY);
    let load = Load::on(&nodes);
    load.beside(&relay, |load| {
        load.wait_for_more(30);
        disk.fill(0);
        load.wait_for_refusals(507);
        nodes.wait_for_ready(503);
        let health = nodes.first().get("/api/v1/status")["health"].clone();
        let reason = health["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("full") && reason.contains("53100"), "{health}");
        disk.make_room();
        load.wait_for_more(30);
        nodes.wait_for_ready(200);
    });
    assert_eq!(load.check_end(&nodes, &relay), 0, "mailed twice");
}

#[test]
fn a_disk_of_the_log_that_is_full_refuses_events_until_there_is_room() {
    let Some(disk) = mount(LOG_MB) else { return };
    let data = tempfile::tempdir().unwrap();
    let started = PostgresCluster::start_on(data.path(), Some(disk.path()), SETTINGS);
    let Some(cluster) = started else { return };
    let relay = Relay::builder().start();
    let nodes = Nodes::start(&[cluster.address("postgres")], &relay, AWAY);
    let (load, processes) = (Load::on(&nodes), nodes.processes());
    load.beside(&relay, |load| {
        load.wait_for_more(30);
        disk.fill(0);
        // The segments that are there are used up soon; then the server ends itself.
        eventually("a server that ends for want of room", || {
            let switched = cluster.try_ask("postgres", "SELECT pg_switch_wal()");
            if switched.is_err() { Ok(()) } else { Err("it goes on".to_owned()) }
        });
        load.wait_for_refusals(503);
        nodes.wait_for_ready(503);
        disk.make_room();
        // As its service does, if it did not come back by itself.
        if !cluster.runs() {
            cluster.start_again();
        }
        load.wait_for_more(30);
        nodes.wait_for_ready(200);
    });
    assert_eq!(load.check_end(&nodes, &relay), 0, "mailed twice");
    assert_eq!(nodes.processes(), processes);
}
