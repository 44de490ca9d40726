//! The database is killed, or ends connections: events are refused with 503 meanwhile, none that was
//! acknowledged is lost or mailed twice, and the nodes go on by themselves.

use std::time::Duration;

use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::relay::Relay;

use crate::nodes::{AWAY, Load, Nodes};

/// Ends what nodes have open, whatever it does.
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE application_name LIKE 'annunciator%'";

#[test]
fn a_database_that_is_killed_and_started_again_loses_nothing() {
    let Some(cluster) = PostgresCluster::start(&[]) else { return };
    let relay = Relay::builder().start();
    let address = cluster.address("postgres");
    let nodes = Nodes::start(&[address.clone(), address], &relay, AWAY);
    let (load, processes) = (Load::on(&nodes), nodes.processes());
    load.beside(&relay, |load| {
        for _ in 0..2 {
            load.wait_for_more(30);
            cluster.kill();
            nodes.wait_for_ready(503);
            load.wait_for_refusals(503);
            cluster.start_again();
            load.wait_for_more(30);
            nodes.wait_for_ready(200);
        }
    });
    assert_eq!(load.check_end(&nodes, &relay), 0, "mailed twice");
    assert_eq!(nodes.processes(), processes);
}

#[test]
fn connections_that_are_ended_over_and_over_lose_nothing() {
    let Some(cluster) = PostgresCluster::start(&[]) else { return };
    let relay = Relay::builder().start();
    let address = cluster.address("postgres");
    let nodes = Nodes::start(&[address.clone(), address], &relay, AWAY);
    let load = Load::on(&nodes);
    load.beside(&relay, |load| {
        load.wait_for_more(20);
        let mut ended = 0_usize;
        for _ in 0..40 {
            ended += cluster.ask("postgres", END).parse::<usize>().unwrap();
            std::thread::sleep(Duration::from_millis(fastrand::u64(10..150)));
        }
        assert!(ended > 40, "{ended} connections were ended");
        // It is over at once.
        load.wait_for_more(60);
        let refused = load.refused_count(503);
        load.wait_for_more(60);
        assert_eq!(load.refused_count(503), refused, "and nothing is refused any more");
    });
    assert_eq!(load.check_end(&nodes, &relay), 0, "mailed twice");
}
