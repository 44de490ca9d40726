//! What tests of several nodes share: nodes of the real binary on one PostgreSQL database, and
//! sources that hand in events until they are acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use annunciator_testkit::http::{Client, Response};
use annunciator_testkit::process::Launch;
use annunciator_testkit::relay::{Message, Relay};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{BINARY, Site, critical, email_settings, eventually_within};

/// Longest wait for what a database that failed has to make up for, on a busy machine.
pub(crate) const RECOVERY: Duration = Duration::from_secs(90);
/// What nodes say at ERROR while their database is away.
pub(crate) const AWAY: &[&str] =
    &["the store does not take plans; asking again", "the store does not take settlements"];

/// How a node is launched on a database, with its files in this folder.
pub(crate) fn launch(folder: &Path, address: &str, key: &Path) -> Launch {
    Launch::new(Path::new(BINARY), folder)
        .environment("ANNUNCIATOR_STORE", address)
        .configuration(&format!("secret_key_file = \"{}\"", key.display()))
}

/// Nodes that share a database and a key.
pub(crate) struct Nodes {
    pub(crate) sites: Vec<Site>,
    _key: TempDir,
}

impl Nodes {
    /// A node at each of these addresses of one database, which mail all events through this relay;
    /// their logs may hold errors that the test brings about.
    pub(crate) fn start(
        addresses: &[String],
        relay: &Relay,
        errors: &'static [&'static str],
    ) -> Self {
        let key = tempfile::tempdir().expect("a temporary folder");
        let file = key.path().join("secret.key");
        let mut sites: Vec<Site> = Vec::new();
        for address in addresses {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let mut site = Site::of(launch(folder.path(), address, &file), folder);
            site.errors_expected = errors;
            // What the first one knows is there when the others start.
            if sites.is_empty() {
                site.save(&json!({ "email": email_settings(relay.port()) }));
            }
            sites.push(site);
        }
        Self { sites, _key: key }
    }

    pub(crate) fn first(&self) -> &Site {
        &self.sites[0]
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.sites.iter().map(|site| site.server.address()).collect()
    }

    /// Waits until all of them answer so to who asks whether they take work.
    pub(crate) fn wait_for_ready(&self, status: u16) {
        for site in &self.sites {
            let client = Client::new(site.server.address()).limit(Duration::from_secs(30));
            eventually_within(RECOVERY, "the answer of /-/ready", || {
                let answer = client.get("/-/ready").map_err(|error| error.to_string())?;
                if answer.status == status { Ok(()) } else { Err(answer.to_string()) }
            });
        }
    }

    /// Their processes: none of them is started again by what happens to the database.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.sites.iter().map(|site| site.server.process_id()).collect()
    }
}

/// Sources: each hands in one event after the other, and each of them, at one node after the other,
/// until it is acknowledged.
pub(crate) struct Load {
    addresses: Vec<SocketAddr>,
    token: String,
    next: AtomicUsize,
    is_over: AtomicBool,
    acknowledged: Mutex<BTreeSet<String>>,
    /// Answers that were no 202, by status.
    refused: Mutex<BTreeMap<u16, usize>>,
}

/// How many events wait for their delivery at most, so that the end comes soon.
const BACKLOG_MAX: usize = 300;
const SOURCES: usize = 3;

impl Load {
    pub(crate) fn on(nodes: &Nodes) -> Self {
        Self {
            addresses: nodes.addresses(),
            token: nodes.first().server.token().to_owned(),
            next: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            acknowledged: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// Runs sources beside what a test does to the database.
    pub(crate) fn beside<T>(&self, relay: &Relay, test: impl FnOnce(&Self) -> T) -> T {
        std::thread::scope(|scope| {
            for place in 0..SOURCES {
                scope.spawn(move || self.source(relay, place));
            }
            let ended = EndOf(&self.is_over);
            let answer = test(self);
            drop(ended);
            answer
        })
    }

    fn source(&self, relay: &Relay, place: usize) {
        let client = |at: usize| {
            let address = self.addresses[at % self.addresses.len()];
            Client::new(address).token(&self.token).limit(Duration::from_secs(60)).keep_alive()
        };
        let clients: Vec<Client> = (0..self.addresses.len()).map(client).collect();
        let mut turn = place;
        while !self.is_over.load(Ordering::Relaxed) {
            if self.acknowledged_count() >= relay.message_count() + BACKLOG_MAX {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            let id = format!("e{}", self.next.fetch_add(1, Ordering::Relaxed));
            let event = critical("load").id(&id).description(&id).json();
            loop {
                turn += 1;
                let sent = clients[turn % clients.len()].post("/api/v1/events", &event);
                let is_done = sent.is_ok_and(|answer| self.note(&id, &answer));
                if is_done || self.is_over.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            std::thread::sleep(Duration::from_millis(8));
        }
    }

    /// Notes an answer; true when the source may forget the event.
    fn note(&self, id: &str, answer: &Response) -> bool {
        if answer.status == 202 {
            self.acknowledged.lock().expect("no panic while held").insert(id.to_owned());
            return true;
        }
        let wait = answer.header("Retry-After").and_then(|wait| wait.parse::<u32>().ok());
        assert!(matches!(answer.status, 503 | 507) && wait.is_some(), "{answer}");
        *self.refused.lock().expect("no panic while held").entry(answer.status).or_default() += 1;
        false
    }

    pub(crate) fn acknowledged_count(&self) -> usize {
        self.acknowledged.lock().expect("no panic while held").len()
    }

    /// How many answers had this status.
    pub(crate) fn refused_count(&self, status: u16) -> usize {
        let refused = self.refused.lock().expect("no panic while held");
        refused.get(&status).copied().unwrap_or_default()
    }

    /// Waits until so many more events are acknowledged.
    pub(crate) fn wait_for_more(&self, count: usize) {
        let before = self.acknowledged_count();
        eventually_within(RECOVERY, "events acknowledged", || {
            let now = self.acknowledged_count();
            if now >= before + count { Ok(()) } else { Err(format!("{} more", now - before)) }
        });
    }

    /// Waits until events are refused with this status.
    pub(crate) fn wait_for_refusals(&self, status: u16) {
        let before = self.refused_count(status);
        eventually_within(RECOVERY, "events refused", || {
            let now = self.refused_count(status);
            if now > before { Ok(()) } else { Err(format!("none with {status}")) }
        });
    }

    /// Every acknowledged event arrives in time and is one in the ledger; repeated mail has the same
    /// Message-ID. Answers how many messages came more than once.
    pub(crate) fn check_end(&self, nodes: &Nodes, relay: &Relay) -> usize {
        let acknowledged = self.acknowledged.lock().expect("no panic while held").clone();
        let missing = || {
            let arrived: BTreeSet<String> = relay.messages().iter().map(event_of).collect();
            acknowledged.difference(&arrived).cloned().collect::<Vec<_>>()
        };
        eventually_within(RECOVERY, "every acknowledged event delivered", || {
            let missing = missing();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
        });
        for site in &nodes.sites {
            site.wait_until_idle();
        }
        let mut ids: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
        let messages = relay.messages();
        for message in &messages {
            ids.entry(event_of(message)).or_default().insert(message.header("Message-ID"));
        }
        for (event, ids) in &ids {
            assert_eq!(ids.len(), 1, "{event} has several Message-IDs: {ids:?}");
        }
        let events = nodes.first().events();
        let known: BTreeSet<&str> = events.iter().filter_map(|one| one["id"].as_str()).collect();
        assert!(
            acknowledged.iter().all(|id| known.contains(id.as_str())),
            "one is not in the ledger"
        );
        assert_eq!(known.len(), events.len(), "an event was stored twice");
        assert!(relay.violations().is_empty(), "{:?}", relay.violations());
        messages.len() - ids.len()
    }
}

/// Ends the sources, also when the test panics.
struct EndOf<'a>(&'a AtomicBool);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The event that a message tells of.
fn event_of(message: &Message) -> String {
    message.header("X-Annunciator-Event").unwrap_or_default()
}
