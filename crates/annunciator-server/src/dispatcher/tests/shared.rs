//! Nodes that share a database, each with a dispatcher, a channel and a clock of its own. Nobody
//! tells them what the others tell, unless the test does.

use std::sync::atomic::AtomicUsize;

use annunciator_core::Outcome;
use annunciator_store::postgres::{NodeIdentity, PostgresStore};
use annunciator_testkit::postgres::PostgresCluster;
use uuid::Uuid;

use super::script::{Answer, refused, unconfirmed};
use super::*;

const LANE: &str = "email/server";

/// A database, and how it is asked beside its nodes.
struct Database {
    cluster: Arc<PostgresCluster>,
    name: String,
}

impl Database {
    fn new() -> Option<Self> {
        let cluster = PostgresCluster::shared()?;
        let name = cluster.database("template0");
        Some(Self { cluster, name })
    }

    /// The node of that number, with its dispatcher not started.
    async fn node(&self, number: u128, channel: ScriptedChannel) -> Stand {
        let address = self.cluster.address(&self.name).parse().expect("an address");
        let node = NodeIdentity::new(Uuid::from_u128(number), &format!("node {number}"));
        let store = PostgresStore::open(&address, node).await.expect("a store is opened");
        Stand::over(store, channel)
    }

    fn ask(&self, text: &str) -> String {
        self.cluster.ask(&self.name, text)
    }
}

impl Stand {
    async fn troubles(&self) -> Vec<LaneTrouble> {
        self.store.troubles().await.expect("they can be read")
    }

    /// What the nodes tell of relays in trouble reaches this one.
    async fn hear(&self) {
        let troubles = self.troubles().await;
        self.dispatcher.as_ref().expect("it was started").take_over(&troubles);
    }

    /// When the relay of the only lane is tried next, none when it is not in trouble.
    fn probe_at(&self) -> Option<Timestamp> {
        self.dispatcher.as_ref().expect("it was started").lanes().remove(0).probe_at
    }

    async fn until_it_is_told(&self, what: &str, is_told: impl Fn(&[LaneTrouble]) -> bool) {
        self.until(what, || async { is_told(&self.troubles().await) }).await;
    }
}

#[tokio::test]
async fn a_probe_that_another_node_makes_does_not_show_that_the_relay_answers() {
    let Some(database) = Database::new() else { return };
    let (gate, tries) = (Arc::new(Notify::new()), AtomicUsize::new(0));
    let opened = gate.clone();
    let hangs = ScriptedChannel::new(1, move |_| match tries.fetch_add(1, Ordering::AcqRel) {
        0 => Answer::Is(refused()),
        _ => Answer::After(opened.clone(), refused()),
    });
    let mut north = database.node(1, hangs).await;
    let refuses = ScriptedChannel::new(1, |_| Answer::Is(refused()));
    let mut south = database.node(2, refuses).await;
    north.queue(LANE, 0..1).await;
    north.start();
    north.until_it_is_told("the trouble", |told| told.len() == 1).await;
    let troubles = south.troubles().await;
    south.start_with(|south| {
        south.dispatcher.as_ref().expect("it was started").take_over(&troubles);
    });
    north.until("it is given back", || async { database.ask(WAITING) == "1" }).await;
    north.clock.advance(1_000);
    north.until("one node probes", || async { database.ask(WAITING) == "0" }).await;
    for _ in 0..3 {
        let before = south.probe_at();
        south.clock.advance(1_000);
        south.until("the other looks", || async { south.probe_at() != before }).await;
        assert_eq!(south.suspended(), [Lane::new(LANE)], "nobody got through");
    }
    assert_eq!(south.troubles().await, troubles, "and nobody says so");
    gate.notify_one();
    south.until_it_is_told("it again", |told| told[0].number > troubles[0].number).await;
    south.hear().await;
    let wait_ms = south.probe_at().map(|at| at.ms_since(south.clock.now()));
    assert_eq!(wait_ms, Some(2_000), "the other's probe counts as its own");
    assert!(south.channel.take_calls().is_empty());
}

#[tokio::test]
async fn a_lane_that_nothing_waits_for_goes_on_and_nobody_is_told_so() {
    let Some(database) = Database::new() else { return };
    let refuses = || ScriptedChannel::new(1, |_| Answer::Is(refused()));
    let mut north = database.node(1, refuses()).await;
    north.queue(LANE, 0..1).await;
    north.start();
    north.until_it_is_told("the trouble", |told| told.len() == 1).await;
    north.until("it is given back", || async { database.ask(WAITING) == "1" }).await;
    let first = north.troubles().await.remove(0);
    let _ = database.ask("DELETE FROM queue");
    north.clock.advance(1_000);
    north.until("its lane goes on", || async { north.suspended().is_empty() }).await;
    north.rest().await;
    // What comes next is tried at once, and shows that it is dead still.
    north.queue(LANE, 1..2).await;
    north.channel.take_calls();
    north.dispatcher.as_ref().expect("it was started").note_queued(&Lane::new(LANE));
    north.until("it is tried", || async { !north.suspended().is_empty() }).await;
    assert_eq!(north.channel.take_calls().len(), 1);
    let again = |told: &[LaneTrouble]| told.first().is_some_and(|one| one.number > first.number);
    north.until_it_is_told("it again", again).await;
    assert_eq!(north.troubles().await[0].since, first.since, "nobody took the news back");
}

/// How many deliveries wait.
const WAITING: &str = "SELECT count(*) FROM queue WHERE lease_until IS NULL";

#[tokio::test]
async fn what_another_node_holds_for_a_moment_is_looked_for_soon_again() {
    let Some(database) = Database::new() else { return };
    let takes = ScriptedChannel::new(1, |_| Answer::Is(Outcome::Delivered));
    let mut node = database.node(1, takes).await;
    node.queue(LANE, 0..1).await;
    let (cluster, name) = (database.cluster.clone(), database.name.clone());
    // As a claim that is not committed yet.
    let hold = "SELECT id FROM notifications FOR UPDATE; SELECT pg_sleep(600)";
    let holder = std::thread::spawn(move || cluster.try_ask(&name, hold));
    let find =
        "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let held = || async { database.ask(&format!("SELECT count(*) {find}")) == "1" };
    node.until("another one holds it", held).await;
    node.start();
    node.until("it looks", || async { node.clock.next_wake().is_some() }).await;
    let wait_ms = node.clock.next_wake().map(|at| at.ms_since(node.clock.now()));
    assert!(wait_ms <= Some(100), "{wait_ms:?}");
    let _ = database.ask(&format!("SELECT pg_terminate_backend(pid) {find}"));
    assert!(holder.join().expect("it ends").is_err());
    let is_sent = || async {
        node.clock.advance_to_next_sleeper();
        states(&node.deliveries().await) == [("delivered", 1)]
    };
    node.until("it is sent", is_sent).await;
}

#[tokio::test]
async fn what_another_node_leaves_without_a_word_is_found_within_seconds() {
    let Some(database) = Database::new() else { return };
    let takes = || ScriptedChannel::new(1, |_| Answer::Is(Outcome::Delivered));
    let mut node = database.node(1, takes()).await;
    node.start();
    node.rest().await;
    let other = database.node(2, takes()).await;
    other.queue(LANE, 0..1).await;
    let began = node.clock.now();
    while states(&node.deliveries().await) != [("delivered", 1)] {
        node.step().await;
    }
    let waited_ms = node.clock.now().ms_since(began);
    assert!(waited_ms <= 3_000, "{waited_ms} ms");
}

#[tokio::test]
async fn a_node_that_cannot_show_that_it_lives_claims_nothing() {
    let Some(database) = Database::new() else { return };
    let takes = ScriptedChannel::new(1, |_| Answer::Is(Outcome::Delivered));
    let mut node = database.node(1, takes).await;
    node.queue(LANE, 0..1).await;
    let _ = database.ask("ALTER TABLE nodes RENAME TO hidden");
    node.until("its signs are old", || async { node.store.claim_era().is_none() }).await;
    node.start();
    node.until("it looks", || async { node.clock.next_wake().is_some() }).await;
    for _ in 0..3 {
        let since = node.clock.now();
        assert_eq!(node.clock.next_wake(), Some(since.plus_ms(1_000)));
        node.clock.advance(1_000);
        let sleeps = || async { node.clock.next_wake().is_some() };
        node.until("it looks again", sleeps).await;
    }
    assert_eq!(database.ask("SELECT sum(claims) FROM queue"), "0");
    let _ = database.ask("ALTER TABLE hidden RENAME TO nodes");
    node.until("it gives signs again", || async { node.store.claim_era().is_some() }).await;
    while states(&node.deliveries().await) != [("delivered", 1)] {
        node.step().await;
    }
}

#[tokio::test]
async fn what_may_have_arrived_waits_while_nobody_can_tell_at_which_server() {
    let Some(database) = Database::new() else { return };
    let tries = AtomicUsize::new(0);
    let mut node = database
        .node(
            1,
            ScriptedChannel::new(1, move |_| match tries.fetch_add(1, Ordering::AcqRel) {
                0 => Answer::Is(unconfirmed()),
                _ => Answer::Is(Outcome::Delivered),
            }),
        )
        .await;
    node.queue(LANE, 0..1).await;
    node.start();
    node.rest().await;
    assert_eq!(node.channel.take_calls().len(), 1, "it may have arrived");
    let _ = database.ask("UPDATE attempts SET outcome = 99");
    let claims = || {
        database.ask("SELECT coalesce(sum(claims), 9) FROM queue").parse::<u32>().expect("a number")
    };
    while claims() < 3 {
        node.step().await;
    }
    assert!(node.channel.take_calls().is_empty(), "it would go to any server");
    let _ = database.ask("UPDATE attempts SET outcome = 3");
    while states(&node.deliveries().await) != [("delivered", 1)] {
        node.step().await;
    }
    let calls = node.channel.take_calls();
    let asked: Vec<_> = calls.iter().map(|call| call.prefer_server.as_deref()).collect();
    assert_eq!(asked, [Some("script")]);
}
