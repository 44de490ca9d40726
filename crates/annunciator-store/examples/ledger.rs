//! Fills a ledger and measures how fast its pages are read.
//!
//! `cargo run -p annunciator-store --example ledger FOLDER [DELIVERIES]`: the folder is filled when
//! it holds fewer, and kept. Every event has a notification of 1 kB for two recipients; the events
//! lie a second apart.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annunciator_core::{
    Application, Attempt, AttemptFacts, ChannelName, Content, Delivery, DeliveryId, DeliveryState,
    Device, EnhancedStatus, Event, EventUid, Failure, FailureScope, Lane, Notification,
    NotificationId, Outcome, Recipient, RecipientRole, ReplyCode, Scope, Severity, Stage,
    Timestamp,
};
use annunciator_store::sqlite::SqliteStore;
use annunciator_store::{
    Accept, DecisionKind, DeliveryFilter, EventFilter, Page, Paged, PlanCommit, PlanVerdict,
    PlannedNotification, Settlement, Store,
};

const BATCH: u64 = 500;
const START: i64 = 1_795_325_400_000;
const RUNS: usize = 9;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().expect("a folder");
    let deliveries: u64 =
        arguments.next().map_or(1_000_000, |text| text.parse().expect("a number"));
    let store: Arc<dyn Store> = SqliteStore::open(Path::new(&dir)).expect("a store");
    fill(&*store, deliveries / 2).await;
    measure_deliveries(&*store, deliveries / 2).await;
    measure_events(&*store).await;
    store.close().await;
}

async fn fill(store: &dyn Store, events: u64) {
    let newest = store.events(EventFilter::default(), Page { after: None, count_max: 1 }).await;
    let newest = newest.expect("read").rows.pop();
    let there = newest.map_or(0, |row| row.event.id.parse::<u64>().expect("our ids") + 1);
    let began = Instant::now();
    for first in (there..events).step_by(usize::try_from(BATCH).expect("small")) {
        let batch: Vec<Event> = (first..first + BATCH).map(event).collect();
        let plans: Vec<PlanCommit> = batch.iter().map(plan).collect();
        let now = time_of(first);
        let accept = Accept { events: batch, idempotency: None, claimed: true, now };
        store.accept(accept).await.expect("accepted");
        let settlements = plans.iter().flat_map(settlements_of).collect();
        store.commit_plans(plans).await.expect("planned");
        assert!(store.settle(settlements).await.expect("settled").is_empty());
    }
    println!("filled from {there} to {events} events in {:.0?}", began.elapsed());
}

async fn measure_deliveries(store: &dyn Store, events: u64) {
    let some = |text: &str| Some(text.to_owned());
    let base = DeliveryFilter::default;
    let middle = Some(time_of(events / 2));
    for (name, filter) in [
        ("the newest", base()),
        ("failed", DeliveryFilter { state: some("failed"), ..base() }),
        ("delivered", DeliveryFilter { state: some("delivered"), ..base() }),
        ("until the middle", DeliveryFilter { until: middle, ..base() }),
        ("of a recipient", DeliveryFilter { recipient: some("OPS@example.org"), ..base() }),
        ("of a device", DeliveryFilter { device: some("pc-17"), ..base() }),
        ("critical", DeliveryFilter { severities: vec![Severity::Critical], ..base() }),
        ("text that is common", DeliveryFilter { text: some("disk"), ..base() }),
        ("text of one in 500", DeliveryFilter { text: some("PC-17 "), ..base() }),
        ("text that is nowhere", DeliveryFilter { text: some("nowhere"), ..base() }),
        (
            "text of a failed one",
            DeliveryFilter { text: some("pc-100 "), state: some("failed"), ..base() },
        ),
    ] {
        measure("deliveries", name, |page| store.deliveries(filter.clone(), page)).await;
    }
}

async fn measure_events(store: &dyn Store) {
    let some = |text: &str| Some(text.to_owned());
    let base = EventFilter::default;
    for (name, filter) in [
        ("the newest", base()),
        ("of a device", EventFilter { device: some("pc-17"), ..base() }),
        ("decided so", EventFilter { decision: Some(DecisionKind::Notified), ..base() }),
        ("never decided so", EventFilter { decision: Some(DecisionKind::Limited), ..base() }),
        ("text that is common", EventFilter { text: some("volume"), ..base() }),
        ("text that is nowhere", EventFilter { text: some("nowhere"), ..base() }),
    ] {
        measure("events", name, |page| store.events(filter.clone(), page)).await;
    }
}

/// The first page: median and worst; then to the end of the list, as whoever goes on does.
async fn measure<T, F>(list: &str, name: &str, ask: impl Fn(Page) -> F)
where
    F: Future<Output = annunciator_store::Result<Paged<T>>>,
{
    let mut page = Page { after: None, count_max: 100 };
    let mut times = Vec::new();
    let mut first = None;
    for _ in 0..RUNS {
        let began = Instant::now();
        first = Some(ask(page.clone()).await.expect("read"));
        times.push(began.elapsed());
    }
    times.sort();
    let first = first.expect("there were runs");
    let (began, mut pages, mut longest) = (Instant::now(), 0, Duration::ZERO);
    page.after = first.next.clone();
    while page.after.is_some() && first.searched_until.is_some() {
        let one = Instant::now();
        page.after = ask(page.clone()).await.expect("read").next;
        longest = longest.max(one.elapsed());
        pages += 1;
    }
    println!(
        "{list}: {name:21} {:3} rows, median {:5.1} ms, worst {:5.1} ms{}",
        first.rows.len(),
        times[RUNS / 2].as_secs_f64() * 1e3,
        times[RUNS - 1].as_secs_f64() * 1e3,
        if pages == 0 {
            String::new()
        } else {
            format!("; {pages} more pages in {:.1?}, worst {longest:.1?}", began.elapsed())
        }
    );
}

fn time_of(number: u64) -> Timestamp {
    Timestamp(START).plus_ms(i64::try_from(number * 1_000).expect("small"))
}

fn ms(at: Timestamp) -> u64 {
    u64::try_from(at.0).expect("after 1970")
}

/// Ten octets that look random.
fn noise(number: u64, salt: u64) -> [u8; 10] {
    let mixed = (number ^ salt << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let [a, b, c, d, e, f, g, h] = mixed;
    let [.., i, j] = number.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j]
}

fn event(number: u64) -> Event {
    let at = time_of(number);
    Event {
        uid: EventUid::from_parts(ms(at), noise(number, 1)),
        id: number.to_string(),
        event_type: "disk.full".to_owned(),
        type_name: "Disk full".to_owned(),
        severity: Severity::ALL[usize::try_from(number % 4).expect("small")],
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
        occurred_at: at,
        registered_at: at,
        parameters: BTreeMap::new(),
    }
}

fn plan(event: &Event) -> PlanCommit {
    let (at, number) = (event.registered_at, event.id.parse().expect("our ids"));
    let id = NotificationId::from_parts(ms(at), noise(number, 2));
    let channel = ChannelName::from_static("email");
    let recipients = ["ops@example.org", "plant@example.org"]
        .map(|address| Recipient { address: address.to_owned(), role: RecipientRole::To });
    let deliveries = recipients.iter().zip(3..).map(|(recipient, salt)| Delivery {
        id: DeliveryId::from_parts(ms(at), noise(number, salt)),
        notification: id,
        recipient: recipient.clone(),
        lane: Lane::new("email:mail.example.org:25:4f1c9d"),
        state: DeliveryState::InFlight { lease_until: at.plus_ms(600_000) },
        created_at: at,
        expires_at: at.plus_ms(172_800_000),
        attempts: 0,
        retries: 0,
        possibly_duplicated: false,
        last_failure: None,
    });
    let deliveries = deliveries.collect();
    let notification = Notification {
        id,
        event: event.uid,
        channel: channel.clone(),
        created_at: at,
        scope: Scope::of(event),
        content: Content {
            subject: format!("Critical: Disk full on {} ", event.device.name),
            text: "Severity: Critical. Volume D: has 1 % left.\r\n".repeat(22),
            html: None,
            sender: "annunciator@example.org".to_owned(),
            recipients: recipients.to_vec(),
            message_id: format!("{id}@annunciator.example.org"),
            thread_id: "disk.full.pc-17@annunciator.example.org".to_owned(),
            event_id: event.id.clone(),
            command: None,
            pictures: Vec::new(),
        },
    };
    let reason = "notify about: critical, failure".to_owned();
    let decisions =
        vec![annunciator_store::Decision { channel, kind: DecisionKind::Notified, reason }];
    let notification = Arc::new(notification);
    let notifications = vec![PlannedNotification { notification, deliveries, limit: None }];
    let verdict =
        PlanVerdict::Planned { notifications, decisions, term_days: None, postponed: Vec::new() };
    PlanCommit { event: event.uid, verdict }
}

fn settlements_of(plan: &PlanCommit) -> Vec<Settlement> {
    let PlanVerdict::Planned { notifications, .. } = &plan.verdict else { return Vec::new() };
    let deliveries = notifications.iter().flat_map(|planned| &planned.deliveries);
    let settled = deliveries.map(|delivery| {
        let at = delivery.created_at.plus_ms(4);
        let is_failed = (ms(delivery.created_at) / 1_000).is_multiple_of(100);
        let failure = is_failed.then(|| Failure {
            stage: Stage::RcptTo,
            scope: FailureScope::Delivery,
            code: ReplyCode::new(550),
            status: EnhancedStatus::new(5, 1, 1),
            diagnostic: "550 5.1.1 no such user".to_owned(),
        });
        let attempt = Attempt {
            delivery: delivery.id,
            number: 1,
            started_at: delivery.created_at,
            ended_at: at,
            outcome: failure.clone().map_or(Outcome::Delivered, Outcome::PermanentFailure),
            facts: Arc::new(AttemptFacts {
                server: "mail.example.org:25".to_owned(),
                address: "192.0.2.1:25".to_owned(),
                reply: "250 2.0.0 Ok: queued as 4XYZ123".to_owned(),
                ..AttemptFacts::default()
            }),
        };
        let state = match failure {
            None => DeliveryState::Delivered { at },
            Some(_) => DeliveryState::Failed { at },
        };
        let delivery = Delivery { state, attempts: 1, last_failure: failure, ..delivery.clone() };
        Settlement { delivery, token: 1, attempt: Some(attempt), raise: None, slot: None }
    });
    settled.collect()
}
