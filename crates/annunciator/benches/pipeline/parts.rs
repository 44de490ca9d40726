//! Measurements of single parts inside this process: plan, compose, the store's cycle.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use annunciator_certificates::CertificateBook;
use annunciator_channels::{
    Basis, ChannelLayers, LayerView, MemoryKeeper, NamesSettings, Surroundings, email,
};
use annunciator_core::{
    Attempt, AttemptFacts, Delivery, DeliveryId, DeliveryState, Event, Notification,
    NotificationId, Outcome, Recipient, RecipientRole, Scope,
};
use annunciator_mail::{Heading, Mailbox};
use annunciator_planner::{ChannelProfile, Circumstances, NotificationIds};
use annunciator_settings::{LayerGroup as _, Origin};
use annunciator_store::sqlite::SqliteStore;
use annunciator_store::{Accept, PlanCommit, PlanVerdict, PlannedNotification, Settlement, Store};

use crate::events::{START, event, unix_ms};
use crate::figures::Measured;
use crate::usage::Usage;
use crate::whole::rate;

pub(crate) const DOMAIN: &str = "bench.example";
/// Events of one commit, about what gathers under load.
const BATCH: u32 = 100;
/// Batches under way at once.
const TASKS: u32 = 8;

/// Numbers as ids.
#[derive(Default)]
pub(crate) struct Ids(Cell<u32>);

impl NotificationIds for Ids {
    fn notification_id(&self) -> NotificationId {
        self.0.set(self.0.get() + 1);
        notification_id(self.0.get())
    }
}

fn notification_id(number: u32) -> NotificationId {
    NotificationId::from_parts(unix_ms(START) + u64::from(number), [1; 10])
}

fn recipient() -> Recipient {
    Recipient { address: "rcpt@example.test".to_owned(), role: RecipientRole::To }
}

/// The shipped texts, one recipient, a sender.
fn profile() -> ChannelProfile {
    let mut layers = ChannelLayers::default();
    let settings = serde_json::json!({
        "recipients": "rcpt@example.test", "sender": "notify@example.test",
        "servers": "127.0.0.1",
    });
    layers.email.patch(&settings).expect("good settings");
    let keeper = Arc::new(MemoryKeeper::default());
    let channel = email::make(&Surroundings {
        hello_name: DOMAIN.into(),
        keeper,
        executables: Arc::default(),
    });
    let view = LayerView { id: "server", origin: Origin::Server, layers: &layers, locked: None };
    let (names, certificates) = (NamesSettings::default(), CertificateBook::default());
    let first_retry = Duration::from_secs(60);
    let basis = Basis { names: &names, certificates: &certificates, first_retry };
    let transport = channel.transport(std::slice::from_ref(&view), basis);
    channel.profile(&[view], transport.as_ref())
}

fn notification(event: &Event, profile: &ChannelProfile, ids: &Ids) -> Notification {
    let scope = Scope::of(event);
    let now = event.registered_at;
    let circumstances = Circumstances {
        scope: &scope,
        domain: DOMAIN,
        console: "",
        now,
        silences: &[],
        incidents: annunciator_planner::IncidentFrame::default(),
    };
    let mut plan = annunciator_planner::plan(event, &[profile], circumstances, ids);
    plan.notifications.remove(0).notification
}

/// Events into notifications, templates and all.
pub(crate) fn plan(count: u32) -> Vec<Measured> {
    let events: Vec<Event> = (0..count).map(event).collect();
    let (profile, ids) = (profile(), Ids::default());
    let usage = Usage::begin_own();
    let begin = Instant::now();
    for event in &events {
        black_box(notification(event, &profile, &ids));
    }
    vec![rate("plan", "events/s", count, begin.elapsed(), &usage)]
}

/// Notifications into the bytes of messages.
pub(crate) fn compose(count: u32) -> Vec<Measured> {
    let (profile, ids) = (profile(), Ids::default());
    let notifications: Vec<Notification> =
        (0..count).map(|number| notification(&event(number), &profile, &ids)).collect();
    let from = Mailbox::parse("notify@example.test").expect("it is an address");
    let usage = Usage::begin_own();
    let begin = Instant::now();
    for notification in &notifications {
        let content = &notification.content;
        let heading = Heading::new(content, &from, "Annunciator", DOMAIN);
        black_box(annunciator_mail::compose(content, notification.created_at, &heading));
    }
    vec![rate("compose", "messages/s", count, begin.elapsed(), &usage)]
}

/// Events through the store: accepted, planned and settled, each with a durable commit.
pub(crate) fn store(count: u32) -> Vec<Measured> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder is made");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let store: Arc<dyn Store> = SqliteStore::open(folder.path()).expect("a store is opened");
    let next = Arc::new(AtomicU32::new(0));
    let usage = Usage::begin_own();
    let begin = Instant::now();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..TASKS {
            tasks.spawn(cycle(store.clone(), next.clone(), count));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no task panics");
        }
    });
    let done = count.div_ceil(BATCH) * BATCH;
    let measured = rate("store", "cycles/s", done, begin.elapsed(), &usage);
    runtime.block_on(store.close());
    vec![measured]
}

async fn cycle(store: Arc<dyn Store>, next: Arc<AtomicU32>, count: u32) {
    let profile = profile();
    loop {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        if first >= count {
            return;
        }
        let events: Vec<Event> = (first..first + BATCH).map(event).collect();
        let planned: Vec<PlannedNotification> = events
            .iter()
            .zip(first..)
            .map(|(event, number)| bind(event, number, &profile))
            .collect();
        let settlements = planned.iter().map(settlement).collect();
        let plans = events.iter().zip(planned).map(|(event, planned)| {
            let notifications = vec![planned];
            let verdict = PlanVerdict::Planned {
                notifications,
                decisions: Vec::new(),
                term_days: None,
                postponed: Vec::new(),
            };
            PlanCommit { event: event.uid, verdict }
        });
        let plans = plans.collect();
        let accept = Accept { events, idempotency: None, claimed: true, now: START };
        store.accept(accept).await.expect("accepted");
        store.commit_plans(plans).await.expect("planned");
        let stale = store.settle(settlements).await.expect("settled");
        assert!(stale.is_empty(), "our claims hold");
    }
}

/// A notification with its one delivery, claimed with its plan.
fn bind(event: &Event, number: u32, profile: &ChannelProfile) -> PlannedNotification {
    let ids = Ids::default();
    let mut notification = notification(event, profile, &ids);
    notification.id = notification_id(number);
    let at = event.registered_at;
    let delivery = Delivery {
        id: DeliveryId::from_parts(unix_ms(START) + u64::from(number), [2; 10]),
        notification: notification.id,
        recipient: recipient(),
        lane: profile.lane.clone(),
        state: DeliveryState::InFlight { lease_until: at.plus_ms(1_800_000) },
        created_at: at,
        expires_at: at.plus_ms(172_800_000),
        attempts: 0,
        retries: 0,
        possibly_duplicated: false,
        last_failure: None,
    };
    PlannedNotification {
        notification: notification.into(),
        deliveries: vec![delivery],
        limit: None,
    }
}

fn settlement(planned: &PlannedNotification) -> Settlement {
    let mut delivery = planned.deliveries[0].clone();
    let at = delivery.created_at.plus_ms(5);
    delivery.state = DeliveryState::Delivered { at };
    delivery.attempts = 1;
    let facts = AttemptFacts {
        server: "127.0.0.1:25".to_owned(),
        reply: "250 2.0.0 Ok: taken".to_owned(),
        reused: true,
        ..AttemptFacts::default()
    };
    let attempt = Attempt {
        delivery: delivery.id,
        number: 1,
        started_at: delivery.created_at,
        ended_at: at,
        outcome: Outcome::Delivered,
        facts: facts.into(),
    };
    Settlement { delivery, token: 1, attempt: Some(attempt), raise: None, slot: None }
}
