//! The server is killed thirty times at random moments under load: no acknowledged event is lost,
//! every duplicate is recognisable, and there are no more of them than were in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use annunciator_testkit::http::Client;
use annunciator_testkit::relay::{Action, Message, Relay, Stage, When};
use serde_json::json;

use crate::support::{PATIENCE, Site, critical, email_settings, eventually, text};

const CYCLES: usize = 30;
const POSTERS: usize = 4;
const CONNECTIONS: usize = 4;
/// The relay is this slow, so that there is always something in flight.
const RELAY_DELAY: Duration = Duration::from_millis(25);
/// So many events wait at most, so that the end comes soon.
const BACKLOG_MAX: usize = 150;
/// So many acknowledged events have not arrived when the kill is near.
const UNSETTLED_MIN: usize = 30;
/// From a server that takes events to its kill.
const LIFE_MS_MAX: u64 = 600;

/// What the threads share that post events.
struct Load {
    address: SocketAddr,
    token: String,
    next: AtomicUsize,
    is_over: AtomicBool,
    acknowledged: Mutex<BTreeSet<String>>,
}

impl Load {
    /// Posts events until the end; an answer that is lost with the server counts for nothing.
    fn post(&self, relay: &Relay) {
        let client = Client::new(self.address).token(&self.token).keep_alive();
        while !self.is_over.load(Ordering::Relaxed) {
            let is_much = self.acknowledged_count() >= relay.message_count() + BACKLOG_MAX;
            let id = format!("e{}", self.next.fetch_add(1, Ordering::Relaxed));
            let event = critical("load").id(&id).description(&id).json();
            let sent = if is_much { None } else { client.post("/api/v1/events", &event).ok() };
            match sent {
                Some(answer) if answer.status == 202 => {
                    self.acknowledged.lock().expect("no panic while held").insert(id);
                }
                Some(answer) => assert_eq!(answer.status, 503, "{answer}"),
                // There is enough for now, or nobody answers: look again soon.
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn acknowledged_count(&self) -> usize {
        self.acknowledged.lock().expect("no panic while held").len()
    }
}

/// The event that a message tells of.
fn event_of(message: &Message) -> String {
    message.header("X-Annunciator-Event").unwrap_or_default()
}

fn distinct(messages: &[Message]) -> BTreeSet<String> {
    messages.iter().map(event_of).collect()
}

#[test]
fn crash_sigkill_cycles_lose_nothing() {
    let relay =
        Relay::builder().on(Stage::DataEnd, When::Always, Action::Delay(RELAY_DELAY)).start();
    let mut site = Site::start();
    let mut email = email_settings(relay.port());
    email["connections_max"] = json!(CONNECTIONS);
    site.save(&json!({ "email": email }));
    let load = Load {
        address: site.server.address(),
        token: site.server.token().to_owned(),
        next: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
        acknowledged: Mutex::default(),
    };
    let kills: Vec<Kill> = std::thread::scope(|scope| {
        for _ in 0..POSTERS {
            scope.spawn(|| load.post(&relay));
        }
        let kills = (0..CYCLES).map(|_| live_and_die(&mut site, &relay, &load)).collect();
        load.is_over.store(true, Ordering::Relaxed);
        kills
    });
    assert_eq!(kills.len(), CYCLES);
    for kill in &kills {
        assert!(kill.unsettled > 0, "a kill that hit nothing");
    }
    relay.behave();
    site.wait_until_idle();
    check_end(&site, &relay, &load, &kills);
}

/// A kill and what it met.
struct Kill {
    at: Instant,
    /// Acknowledged events that had not arrived.
    unsettled: usize,
    /// Message-IDs of deliveries that the ledger showed as delivered just before.
    settled: BTreeSet<String>,
}

/// Lets the server work for a random time, kills and restarts it.
fn live_and_die(site: &mut Site, relay: &Relay, load: &Load) -> Kill {
    let (before, acknowledged_before) = (relay.message_count(), load.acknowledged_count());
    eventually("events taken and mail sent in this life", || {
        let is_met =
            relay.message_count() > before && load.acknowledged_count() > acknowledged_before;
        if is_met { Ok(()) } else { Err(format!("{} messages", relay.message_count())) }
    });
    let end = Instant::now() + Duration::from_millis(fastrand::u64(0..LIFE_MS_MAX));
    eventually("the moment of the kill, with something in flight", || {
        let acknowledged = load.acknowledged_count();
        let arrived = distinct(&relay.messages()).len();
        let is_met = Instant::now() >= end && acknowledged >= arrived + UNSETTLED_MIN;
        if is_met { Ok(()) } else { Err(format!("{arrived} of {acknowledged} have arrived")) }
    });
    let delivered = site.get("/api/v1/deliveries?state=delivered&limit=1000");
    let delivered = delivered["deliveries"].as_array().expect("a list").iter();
    let settled = delivered.map(|one| format!("<{}@sender.test>", text(&one["notification"])));
    let settled = settled.collect();
    // What is acknowledged before the kill and has not arrived after it was hit by it.
    let acknowledged = load.acknowledged.lock().expect("no panic while held").clone();
    site.server.kill9();
    let at = Instant::now();
    let arrived = distinct(&relay.messages());
    site.server.restart();
    Kill { at, unsettled: acknowledged.difference(&arrived).count(), settled }
}

fn check_end(site: &Site, relay: &Relay, load: &Load, kills: &[Kill]) {
    let acknowledged = load.acknowledged.lock().expect("no panic while held").clone();
    relay
        .wait_until("all open connections done", PATIENCE, |relay| {
            distinct(&relay.messages()).is_superset(&acknowledged)
        })
        .unwrap();
    let mut copies: BTreeMap<String, Vec<Message>> = BTreeMap::new();
    for message in relay.messages() {
        copies.entry(event_of(&message)).or_default().push(message);
    }
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !copies.contains_key(*id)).collect();
    assert!(lost.is_empty(), "acknowledged and never delivered: {lost:?}");
    let mut extra = 0;
    for (event, messages) in &copies {
        let ids: BTreeSet<_> = messages.iter().map(|one| one.header("Message-ID")).collect();
        assert_eq!(ids.len(), 1, "{event} has several Message-IDs: {ids:?}");
        extra += messages.len() - 1;
        // What was settled is never repeated: each copy but the first repeats one in flight.
        for message in messages {
            let id = message.header("Message-ID").unwrap_or_default();
            let begun_at = message.at;
            let settled = kills.iter().find(|one| one.at < begun_at && one.settled.contains(&id));
            assert!(settled.is_none(), "{event} was delivered before a kill and sent after it");
        }
    }
    let seen = kills.iter().map(|kill| kill.settled.len()).max();
    assert!(seen > Some(0), "the ledger showed nothing delivered before the kills");
    // At a kill each connection has one message under way and one whose settlement is committed.
    assert!(extra <= CYCLES * CONNECTIONS * 2, "{extra} extra copies");
    let undelivered = site.deliveries().into_iter().filter(|one| one["state"] != "delivered");
    assert_eq!(undelivered.count(), 0);
    assert!(relay.violations().is_empty(), "{:?}", relay.violations());
}
