//! Measures the store's part of an event's way: accept, plan, settle, in batches.
//!
//! `cargo run --release -p annunciator-store --example cycle [FOLDER|ADDRESS] [EVENTS] [TASKS]`
//! An address such as `postgres://annunciator@localhost/bench` measures the store of several nodes,
//! in a database that is there for it; with `NODES=2` by as many nodes in this process.
//! Events carry a text of 1 kB and go to one recipient. The figures hold the making of the events.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use annunciator_core::{
    Application, Attempt, AttemptFacts, ChannelName, Content, Delivery, DeliveryId, DeliveryState,
    Device, Event, EventUid, Lane, Notification, NotificationId, Outcome, Recipient, RecipientRole,
    Scope, Severity, Stages, Timestamp,
};
use annunciator_store::postgres::{NodeIdentity, PostgresStore};
use annunciator_store::sqlite::SqliteStore;
use annunciator_store::{
    Accept, Decision, DecisionKind, PlanCommit, PlanVerdict, PlannedNotification, Settlement, Store,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next();
    let count: u64 = arguments.next().map_or(20_000, |text| text.parse().expect("a number"));
    let tasks: u64 = arguments.next().map_or(8, |text| text.parse().expect("a number"));
    for (batch, divisor) in [(1, 4), (16, 1), (100, 1)] {
        measure(place.as_deref(), batch, tasks, count / divisor);
    }
}

/// Opens the stores that are measured: several nodes at an address, or one in a folder.
async fn open(place: Option<&str>, batch: u64) -> (Vec<Arc<dyn Store>>, Option<PathBuf>) {
    if let Some(address) = place.filter(|place| place.starts_with("postgres")) {
        let nodes: u128 = std::env::var("NODES").map_or(1, |text| text.parse().expect("a number"));
        let address = address.parse().expect("an address");
        let mut stores: Vec<Arc<dyn Store>> = Vec::new();
        for number in 1..=nodes {
            let node = NodeIdentity::new(uuid::Uuid::from_u128(number), &format!("bench {number}"));
            stores.push(PostgresStore::open(&address, node).await.expect("a database"));
        }
        return (stores, None);
    }
    let dir = place.map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = dir.join(format!("annunciator-cycle-{}-{batch}", std::process::id()));
    (vec![SqliteStore::open(&dir).expect("a store")], Some(dir))
}

fn measure(place: Option<&str>, batch: u64, tasks: u64, count: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (seconds, cpu, dir) = runtime.block_on(async {
        let (stores, dir) = open(place, batch).await;
        let next = Arc::new(AtomicU64::new(0));
        let (begin, cpu) = (Instant::now(), cpu_us());
        let mut running = tokio::task::JoinSet::new();
        for store in stores.iter().cycle().take(usize::try_from(tasks).expect("a few")) {
            running.spawn(cycle(Arc::clone(store), Arc::clone(&next), batch, count));
        }
        while let Some(result) = running.join_next().await {
            result.expect("no panic");
        }
        let measured = (begin.elapsed().as_secs_f64(), cpu_us() - cpu, dir);
        for store in stores {
            store.close().await;
        }
        measured
    });
    if let Some(dir) = dir {
        std::fs::remove_dir_all(dir).expect("our own folder");
    }
    let done = count.div_ceil(batch) * batch;
    println!(
        "batch {batch:4}, {tasks} tasks, {done} events: {:8.0} events/s, {:6.1} us CPU/event",
        f64::from(u32::try_from(done).expect("small")) / seconds,
        f64::from(u32::try_from(cpu).expect("small"))
            / f64::from(u32::try_from(done).expect("small")),
    );
}

async fn cycle(store: Arc<dyn Store>, next: Arc<AtomicU64>, batch: u64, count: u64) {
    loop {
        let first = next.fetch_add(batch, Ordering::Relaxed);
        if first >= count {
            return;
        }
        let now = now();
        let events: Vec<Event> = (first..first + batch).map(|number| event(number, now)).collect();
        let plans: Vec<PlanCommit> = events.iter().map(|event| plan(event, now)).collect();
        let accept = Accept { events, idempotency: None, claimed: true, now };
        store.accept(accept).await.expect("accepted");
        let settlements = plans.iter().flat_map(settlements_of).collect();
        store.commit_plans(plans).await.expect("planned");
        let stale = store.settle(settlements).await.expect("settled");
        assert!(stale.is_empty(), "our tokens are good");
    }
}

fn now() -> Timestamp {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp(i64::try_from(since.as_millis()).expect("before the year 292,000,000"))
}

/// Ten octets that look random.
fn noise(number: u64, salt: u64) -> [u8; 10] {
    let mixed = (number ^ salt << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let [a, b, c, d, e, f, g, h] = mixed;
    let [.., i, j] = number.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j]
}

fn ms(at: Timestamp) -> u64 {
    u64::try_from(at.0).expect("after 1970")
}

fn event(number: u64, now: Timestamp) -> Event {
    Event {
        uid: EventUid::from_parts(ms(now), noise(number, 1)),
        id: format!("EV1.17.{number}.{}", now.0),
        event_type: "disk.full".to_owned(),
        type_name: "Disk full".to_owned(),
        severity: Severity::Critical,
        application: Application { name: "Storage Guard".to_owned(), version: "1.4".to_owned() },
        device: Device {
            name: format!("pc-{}", number % 500),
            ip: "10.0.0.17".to_owned(),
            connection_ip: "10.0.0.1".to_owned(),
            domain: "PLANT".to_owned(),
            group: "Plant A/Line 2".to_owned(),
        },
        task: String::new(),
        description: "Volume D: has 1 % left".to_owned(),
        occurred_at: now,
        registered_at: now,
        parameters: BTreeMap::new(),
    }
}

fn plan(event: &Event, now: Timestamp) -> PlanCommit {
    let number = event.uid.0.as_u64_pair().1;
    let channel = ChannelName::from_static("email");
    let id = NotificationId::from_parts(ms(now), noise(number, 2));
    let recipient =
        Recipient { address: "operators@example.org".to_owned(), role: RecipientRole::To };
    let notification = Notification {
        id,
        event: event.uid,
        channel: channel.clone(),
        created_at: now,
        scope: Scope::of(event),
        content: Content {
            subject: format!("Critical: Disk full on {}", event.device.name),
            text: "Severity: Critical. Volume D: has 1 % left.\r\n".repeat(22),
            html: None,
            sender: "annunciator@example.org".to_owned(),
            recipients: vec![recipient.clone()],
            message_id: format!("{id}@annunciator.example.org"),
            thread_id: "disk.full.pc-17@annunciator.example.org".to_owned(),
            event_id: event.id.clone(),
            command: None,
            pictures: Vec::new(),
        },
    };
    let delivery = Delivery {
        id: DeliveryId::from_parts(ms(now), noise(number, 3)),
        notification: id,
        recipient,
        lane: Lane::new("email:mail.example.org:25:4f1c9d"),
        state: DeliveryState::InFlight { lease_until: now.plus_ms(600_000) },
        created_at: now,
        expires_at: now.plus_ms(172_800_000),
        attempts: 0,
        retries: 0,
        possibly_duplicated: false,
        last_failure: None,
    };
    let notifications = vec![PlannedNotification {
        notification: Arc::new(notification),
        deliveries: vec![delivery],
        limit: None,
    }];
    let decided =
        |channel, kind, reason: &str| Decision { channel, kind, reason: reason.to_owned() };
    let decisions = vec![
        decided(channel, DecisionKind::Notified, "notify about: critical, failure"),
        decided(ChannelName::from_static("sms"), DecisionKind::Off, "notify about: none"),
        decided(ChannelName::from_static("executable"), DecisionKind::Off, "notify about: none"),
    ];
    PlanCommit {
        event: event.uid,
        verdict: PlanVerdict::Planned {
            notifications,
            decisions,
            term_days: None,
            postponed: Vec::new(),
        },
    }
}

fn settlements_of(plan: &PlanCommit) -> Vec<Settlement> {
    let PlanVerdict::Planned { notifications, .. } = &plan.verdict else { return Vec::new() };
    let deliveries = notifications.iter().flat_map(|planned| &planned.deliveries);
    deliveries
        .map(|delivery| {
            let at = delivery.created_at.plus_ms(4);
            let attempt = Attempt {
                delivery: delivery.id,
                number: 1,
                started_at: delivery.created_at,
                ended_at: at,
                outcome: Outcome::Delivered,
                facts: Arc::new(AttemptFacts {
                    server: "mail.example.org:25".to_owned(),
                    address: "192.0.2.1:25".to_owned(),
                    reply: "250 2.0.0 Ok: queued as 4XYZ123".to_owned(),
                    queue_id: "4XYZ123".to_owned(),
                    reused: true,
                    stages: Stages { transaction_us: Some(812), ..Stages::default() },
                    ..AttemptFacts::default()
                }),
            };
            let state = DeliveryState::Delivered { at };
            let delivery = Delivery { state, attempts: 1, ..delivery.clone() };
            Settlement { delivery, token: 1, attempt: Some(attempt), raise: None, slot: None }
        })
        .collect()
}

/// CPU time of this process, user and system, from `proc(5)`. Unit: microseconds.
fn cpu_us() -> u64 {
    const TICK_US: u64 = 10_000;
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = text.rsplit_once(") ").expect("the name stands in brackets");
    let ticks = fields.split(' ').skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum::<u64>() * TICK_US
}
