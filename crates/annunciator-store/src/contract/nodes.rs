//! Promises about nodes.

use super::samples::{START, audit, audited};
use crate::{NodeBeat, NodeState, Store};

pub(super) async fn a_node_is_listed_and_drained_with_its_audit_line(store: &dyn Store) {
    let said = NodeBeat {
        name: "north".to_owned(),
        version: "1.2.3".to_owned(),
        address: "192.0.2.1:8080".to_owned(),
        started_at: START,
        state: NodeState::Serving,
    };
    assert!(!store.beat(said.clone()).await.expect("heard").is_drain_asked);
    let nodes = store.nodes().await.expect("read");
    assert_eq!(nodes.len(), 1);
    assert_eq!(nodes[0].said, said);
    assert!(nodes[0].is_alive && nodes[0].is_this && !nodes[0].is_drain_asked);
    let id = nodes[0].id;
    let drain = |drain| async move {
        store.drain_node(id, drain, audit("node.drain")).await.expect("answered")
    };
    let other = uuid::Uuid::from_u128(77);
    assert!(!store.drain_node(other, true, audit("x")).await.expect("answered"));
    assert!(drain(true).await);
    assert!(!drain(true).await, "it is asked already");
    let draining = NodeBeat { state: NodeState::Draining, ..said };
    assert!(store.beat(draining.clone()).await.expect("heard").is_drain_asked);
    let nodes = store.nodes().await.expect("read");
    assert_eq!((&nodes[0].said, nodes[0].is_drain_asked), (&draining, true));
    assert!(drain(false).await);
    assert!(!store.beat(draining).await.expect("heard").is_drain_asked);
    assert_eq!(audited(store).await, ["node.drain", "node.drain"]);
}
