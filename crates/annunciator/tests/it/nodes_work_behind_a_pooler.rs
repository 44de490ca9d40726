//! PgBouncer stands between in transaction mode: nodes rely on nothing of a session, so each of their
//! transactions may have another connection.

use annunciator_testkit::pgbouncer::PgBouncer;
use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::relay::Relay;
use serde_json::json;

use crate::nodes::{AWAY, Load, Nodes};
use crate::support::{critical, eventually};

/// Fewer than one node would open.
const CONNECTIONS: usize = 6;

#[test]
fn nodes_work_behind_a_pooler() {
    let Some(cluster) = PostgresCluster::start(&[]) else { return };
    let Some(pooler) = PgBouncer::start(&cluster, CONNECTIONS) else { return };
    let relay = Relay::builder().start();
    let address = pooler.address("postgres");
    let nodes = Nodes::start(&[address.clone(), address], &relay, AWAY);
    let load = Load::on(&nodes);
    load.beside(&relay, |load| load.wait_for_more(200));
    assert_eq!(load.refused_count(503), 0);
    assert_eq!(load.check_end(&nodes, &relay), 0, "mailed twice");

    // What one node saves holds on the other.
    let other = "elsewhere@example.org";
    nodes.first().save(&json!({ "email": { "recipients": [other] } }));
    let mut count = 0;
    eventually("settings in force on the other node", || {
        count += 1;
        let id = format!("after-{count}");
        nodes.sites[1].submit_event(critical("after").id(&id));
        nodes.sites[1].wait_until_idle();
        let to = relay.messages().last().map(|message| format!("{:?}", message.forward_paths));
        if to.as_deref().is_some_and(|to| to.contains(other)) {
            Ok(())
        } else {
            Err(format!("{to:?}"))
        }
    });

    let open = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
         AND pid <> pg_backend_pid()";
    let open: usize = cluster.ask("postgres", open).parse().unwrap();
    assert!((1..=CONNECTIONS).contains(&open), "{open} connections");
}
