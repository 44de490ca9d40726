//! The primary dies and its standby is promoted: the nodes find it by themselves, and what was
//! acknowledged is there, as the primary waited for the standby.

use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::relay::Relay;

use crate::nodes::{AWAY, Load, Nodes};
use crate::support::eventually;

#[test]
fn a_standby_takes_over_and_the_nodes_follow() {
    let Some(primary) = PostgresCluster::start(&[]) else { return };
    let standby = primary.standby();
    primary.set(&[("synchronous_standby_names", "standby")]);
    eventually("a standby that is waited for", || {
        let state = primary.ask("postgres", "SELECT sync_state FROM pg_stat_replication");
        if state == "sync" { Ok(()) } else { Err(state) }
    });
    let address = |first: u16, second: u16| {
        format!(
            "postgres://postgres@127.0.0.1:{first},127.0.0.1:{second}/postgres\
             ?target_session_attrs=read-write"
        )
    };
    let orders = [(primary.port(), standby.port()), (standby.port(), primary.port())];
    let relay = Relay::builder().start();
    let nodes = Nodes::start(&orders.map(|(first, second)| address(first, second)), &relay, AWAY);
    let (load, processes) = (Load::on(&nodes), nodes.processes());
    load.beside(&relay, |load| {
        load.wait_for_more(60);
        primary.kill();
        nodes.wait_for_ready(503);
        load.wait_for_refusals(503);
        assert_eq!(standby.ask("postgres", "SELECT pg_promote()"), "t");
        load.wait_for_more(60);
        nodes.wait_for_ready(200);
    });
    assert_eq!(load.check_end(&nodes, &relay), 0, "mailed twice");
    assert_eq!(nodes.processes(), processes);
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'annunciator%'";
    assert_ne!(standby.ask("postgres", count), "0");
}
