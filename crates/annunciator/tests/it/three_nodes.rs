//! What the tests of several nodes share: three servers on one database, sources that post to any
//! of them and try the next, and a look at all that arrived.
//!
//! Out: [`Nodes`], [`Load`]. With `ANNUNCIATOR_SOAK` set the tests run in their full size.
//! Failure: without PostgreSQL the tests say "skipped", unless they are root's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use annunciator_testkit::http::Client;
use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::process::{Launch, Server};
use annunciator_testkit::relay::{Message, Relay};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{BINARY, answer, critical, eventually, eventually_within};

/// How many there are.
pub(crate) const COUNT: usize = 3;
/// Longest wait for all to be delivered: it holds what other nodes wait for before they take over.
const IDLE_WAIT: Duration = Duration::from_secs(180);
/// Longest wait of a source for an answer before it tries the next node.
const SOURCE_WAIT: Duration = Duration::from_secs(5);

/// Whether the tests run in their full size.
pub(crate) fn is_soak() -> bool {
    std::env::var_os("ANNUNCIATOR_SOAK").is_some()
}

/// Figures for whoever runs the tests in their full size.
#[expect(clippy::print_stdout, reason = "they are for a person to read")]
pub(crate) fn tell(words: &str) {
    println!("{words}");
}

/// Three nodes on one database.
pub(crate) struct Nodes {
    pub(crate) servers: Vec<Server>,
    pub(crate) cluster: Arc<PostgresCluster>,
    pub(crate) database: String,
    /// Dropped after the servers.
    pub(crate) folder: TempDir,
}

impl Nodes {
    /// Nodes without settings, on a new database; none where PostgreSQL is missing.
    pub(crate) fn start() -> Option<Self> {
        let mut nodes = Self::at(PostgresCluster::shared()?);
        let address = nodes.cluster.address(&nodes.database);
        for number in 0..COUNT {
            let launch = nodes.launch(number, &address);
            nodes.servers.push(launch.start());
        }
        Some(nodes)
    }

    /// No node yet, on a new database.
    pub(crate) fn at(cluster: Arc<PostgresCluster>) -> Self {
        let database = cluster.database("template0");
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { servers: Vec::new(), cluster, database, folder }
    }

    /// What starts a node at this address of the database.
    pub(crate) fn launch(&self, number: usize, address: &str) -> Launch {
        let at = self.folder.path().join(format!("n{number}"));
        let key = self.folder.path().join("key");
        Launch::new(Path::new(BINARY), &at).configuration(&format!(
            "store = \"{address}\"\nsecret_key_file = \"{}\"\nhello_name = \"n{number}.test\"",
            key.display()
        ))
    }

    /// The token of all.
    pub(crate) fn token(&self) -> &str {
        self.servers[0].token()
    }

    /// A client of one node.
    pub(crate) fn client(&self, number: usize) -> Client {
        Client::new(self.servers[number].address()).token(self.token())
    }

    /// Changes settings, and waits until they hold on each node.
    pub(crate) fn save(&self, patch: &Value) {
        drop(answer(self.client(0).patch("/api/v1/settings", patch)).expect_status(200));
        let saved = answer(self.client(0).get("/api/v1/settings")).expect_status(200).text();
        for number in 1..self.servers.len() {
            eventually("the settings on the other nodes", || {
                let shown = answer(self.client(number).get("/api/v1/settings"));
                if shown.text() == saved { Ok(()) } else { Err(shown.text()) }
            });
        }
    }

    /// What the database answers.
    pub(crate) fn ask(&self, text: &str) -> String {
        self.cluster.ask(&self.database, text)
    }

    /// The id of a node in the database.
    pub(crate) fn id(&self, number: usize) -> String {
        let file = self.servers[number].data_folder().join("node");
        std::fs::read_to_string(file).expect("a node has an id").trim().to_owned()
    }

    /// The notifications that a node has in flight, by the ledger.
    pub(crate) fn in_flight(&self, number: usize) -> BTreeSet<String> {
        let id = self.id(number);
        let find = "SELECT DISTINCT notification FROM queue WHERE lease_until IS NOT NULL AND node";
        self.ask(&format!("{find} = '{id}'")).lines().map(str::to_owned).collect()
    }

    /// Waits until the database has come to the end of all that a node had under way, which was
    /// killed.
    pub(crate) fn wait_for_last_commits(&self, number: usize) {
        let id = self.id(number);
        let find = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE application_name LIKE 'annunciator {id}%' AND state <> 'idle'"
        );
        eventually_within(IDLE_WAIT, "nothing of the node is under way", || {
            let busy = self.ask(&find);
            if busy == "0" { Ok(()) } else { Err(busy) }
        });
    }

    /// Waits until nothing waits in the database and all was delivered.
    pub(crate) fn wait_until_idle(&self) {
        eventually_within(IDLE_WAIT, "nothing left in inbox and queue", || {
            let left = self.ask(
                "SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM parked),
                   (SELECT count(*) FROM queue), (SELECT count(lease_until) FROM queue)",
            );
            std::thread::sleep(Duration::from_millis(100));
            if left == "0|0|0|0" { Ok(()) } else { Err(left) }
        });
        assert_eq!(self.ask("SELECT count(*) FROM deliveries WHERE state <> 2"), "0");
    }
}

/// Sources that post events as they would behind a balancer: what one node does not take is handed
/// to the next, with the same id.
pub(crate) struct Load {
    nodes: Vec<SocketAddr>,
    token: String,
    began: Instant,
    per_s: u32,
    next: AtomicUsize,
    is_over: AtomicBool,
    tried_again: AtomicUsize,
    acknowledged: Mutex<BTreeSet<String>>,
}

impl Load {
    /// So many events each second.
    pub(crate) fn new(nodes: &Nodes, per_s: u32) -> Self {
        Self {
            nodes: nodes.servers.iter().map(Server::address).collect(),
            token: nodes.token().to_owned(),
            began: Instant::now(),
            per_s,
            next: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            tried_again: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
        }
    }

    /// Posts from so many sources while something is done.
    pub(crate) fn while_doing<T>(&self, sources: usize, done: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            for _ in 0..sources {
                scope.spawn(|| self.post());
            }
            // Also when it panics: else the sources would go on for ever.
            let _end = End(self);
            done()
        })
    }

    fn post(&self) {
        let client = |address: &SocketAddr| {
            Client::new(*address).token(&self.token).limit(SOURCE_WAIT).keep_alive()
        };
        let clients: Vec<Client> = self.nodes.iter().map(client).collect();
        while !self.is_over() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due_s = f64::from(u32::try_from(number).unwrap()) / f64::from(self.per_s);
            let due = self.began + Duration::from_secs_f64(due_s);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.hand_in(&clients, number);
        }
    }

    fn hand_in(&self, clients: &[Client], number: usize) {
        let id = format!("e{number}");
        let event = critical(&format!("load.{}", number % 7)).id(&id).description(&id).json();
        for turn in number.. {
            match clients[turn % clients.len()].post("/api/v1/events", &event) {
                Ok(taken) if taken.status == 202 => {
                    self.acknowledged.lock().unwrap().insert(id);
                    return;
                }
                Ok(refused) => {
                    assert_eq!(refused.status, 503, "{refused}");
                    assert!(refused.header("Retry-After").is_some(), "{refused}");
                }
                Err(_) => {}
            }
            if self.is_over() {
                return;
            }
            self.tried_again.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// The events that were answered 202.
    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// How many requests were not taken.
    pub(crate) fn tried_again(&self) -> usize {
        self.tried_again.load(Ordering::Relaxed)
    }
}

struct End<'a>(&'a Load);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// How often each notification was in flight when its node was hit.
#[derive(Default)]
pub(crate) struct Hits(BTreeMap<String, usize>);

impl Hits {
    /// A node was hit that had these in flight.
    pub(crate) fn add(&mut self, in_flight: BTreeSet<String>) {
        for notification in in_flight {
            *self.0.entry(notification).or_default() += 1;
        }
    }

    /// How many that were in all.
    pub(crate) fn count(&self) -> usize {
        self.0.values().sum()
    }

    /// Looks at all that arrived: each acknowledged event did, all copies of one have the same
    /// Message-ID, and only what was in flight at a hit came again, once for each. Gives the
    /// number of further copies.
    pub(crate) fn check(&self, relay: &Relay, acknowledged: &BTreeSet<String>) -> usize {
        let mut copies: BTreeMap<String, Vec<Message>> = BTreeMap::new();
        for message in relay.messages() {
            let event = message.header("X-Annunciator-Event").unwrap_or_default();
            copies.entry(event).or_default().push(message);
        }
        let lost: Vec<_> = acknowledged.iter().filter(|id| !copies.contains_key(*id)).collect();
        assert!(lost.is_empty(), "acknowledged and never delivered: {lost:?}");
        let mut further = 0;
        for (event, messages) in &copies {
            let ids: BTreeSet<_> = messages.iter().map(|one| one.header("Message-ID")).collect();
            assert_eq!(ids.len(), 1, "{event} has several Message-IDs: {ids:?}");
            let hits = self.0.get(&notification_of(&messages[0])).copied().unwrap_or(0);
            let again = messages.len() - 1;
            assert!(again <= hits, "{event} came {again} times again, and was hit {hits} times");
            further += again;
        }
        assert!(relay.violations().is_empty(), "{:?}", relay.violations());
        further
    }
}

/// The notification that a message is, by its Message-ID.
pub(crate) fn notification_of(message: &Message) -> String {
    let id = message.header("Message-ID").unwrap_or_default();
    id.trim_start_matches('<').split('@').next().unwrap_or_default().to_owned()
}

/// E-mail settings for this relay, with so many connections.
pub(crate) fn email(servers: &str, port: u16, connections: u32) -> Value {
    let mut email = crate::support::email_settings(port);
    email["servers"] = json!([servers]);
    email["connections_max"] = json!(connections);
    json!({ "email": email })
}
