//! Promises about nodes.

use super::samples::{START, accept, audit, audited, enqueue, event, in_flight};
use crate::{NodeBeat, NodeState, Store};

pub(super) async fn a_node_is_listed_and_drained_with_its_audit_line(store: &dyn Store) {
    let said = NodeBeat {
        name: "north".to_owned(),
        version: "1.2.3".to_owned(),
        address: "192.0.2.1:8080".to_owned(),
        started_at: START,
        state: NodeState::Serving,
        skew_ms: -70,
    };
    let beat = |said: &NodeBeat| {
        let said = said.clone();
        async move { store.beat(said, START).await.expect("heard").is_drain_asked }
    };
    assert!(!beat(&said).await);
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
    assert!(drain(false).await, "it has not heard of it");
    assert!(!beat(&said).await);
    assert!(drain(true).await);
    assert!(beat(&said).await, "from here on it drains, whatever it said");
    let nodes = store.nodes().await.expect("read");
    assert_eq!((nodes[0].said.state, nodes[0].is_drain_asked), (NodeState::Draining, true));
    assert!(!drain(false).await, "it cannot be called back");
    assert_eq!(audited(store).await, ["node.drain"; 3]);
}

pub(super) async fn what_a_node_has_in_hand_is_counted(store: &dyn Store) {
    let said = NodeBeat {
        name: "north".to_owned(),
        version: String::new(),
        address: String::new(),
        started_at: START,
        state: NodeState::Serving,
        skew_ms: 0,
    };
    store.beat(said, START).await.expect("heard");
    enqueue(store, 1, "a", 2, in_flight()).await;
    accept(store, vec![event(7)]).await;
    let node = store.nodes().await.expect("read").remove(0);
    assert_eq!((node.in_flight, node.unplanned), (2, 1));
}
