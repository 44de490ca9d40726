//! Numbers become events, notifications and deliveries, for checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use annunciator_core::{
    Application, Attempt, AttemptFacts, ChannelName, Content, Delivery, DeliveryId, DeliveryState,
    Device, EnhancedStatus, Event, EventUid, Failure, FailureScope, Lane, Notification,
    NotificationId, Outcome, Recipient, RecipientRole, ReplyCode, Scope, Severity, Stage,
    Timestamp,
};

use crate::{
    Accept, Acceptance, Accepted, AuditFilter, ClaimAsk, ClaimedDelivery, NewAudit, Page,
    PlanCommit, PlanVerdict, PlannedNotification, Settlement, Store,
};

/// When the checks begin: 2026-11-22T05:30:00Z.
pub const START: Timestamp = Timestamp(1_795_325_400_000);
/// How long claims last in checks.
pub const LEASE_MS: i64 = 60_000;
/// How long deliveries live in checks.
pub const LIFETIME_MS: i64 = 172_800_000;

fn unix_ms(at: Timestamp) -> u64 {
    u64::try_from(at.0).expect("checks play after 1970")
}

fn noise(number: u32, salt: u8) -> [u8; 10] {
    let [a, b, c, d] = number.to_be_bytes();
    [salt, b, c, d, 7, 7, a, b, c, d]
}

/// Time of the sample of that number: one millisecond after the one before.
#[must_use]
pub fn time_of(number: u32) -> Timestamp {
    START.plus_ms(i64::from(number))
}

/// The id of the event of that number.
#[must_use]
pub fn uid_of(number: u32) -> EventUid {
    EventUid::from_parts(unix_ms(time_of(number)), noise(number, 1))
}

/// The id of a delivery: event number and recipient number.
#[must_use]
pub fn delivery_id_of(number: u32, recipient: u32) -> DeliveryId {
    DeliveryId::from_parts(unix_ms(time_of(number)), noise(number ^ (recipient << 20), 3))
}

/// The id of the notification of that event number.
#[must_use]
pub fn notification_id_of(number: u32) -> NotificationId {
    NotificationId::from_parts(unix_ms(time_of(number)), noise(number, 2))
}

/// An event with every field set.
#[must_use]
pub fn event(number: u32) -> Event {
    Event {
        uid: uid_of(number),
        id: format!("id-{number}"),
        event_type: "disk.full".to_owned(),
        type_name: "Disk full".to_owned(),
        severity: Severity::Critical,
        application: Application { name: "Storage Guard".to_owned(), version: "1.4".to_owned() },
        device: Device {
            name: format!("pc-{number}"),
            ip: "10.0.0.17".to_owned(),
            connection_ip: "10.0.0.1".to_owned(),
            domain: "PLANT".to_owned(),
            group: "Plant A/Line 2".to_owned(),
        },
        task: "scan".to_owned(),
        description: "Том D: has 1 % left".to_owned(),
        occurred_at: time_of(number).plus_ms(-5_000),
        registered_at: time_of(number),
        parameters: BTreeMap::from([
            ("free_percent".to_owned(), annunciator_core::ParameterValue::Integer(1)),
            ("volume".to_owned(), annunciator_core::ParameterValue::Text("D:".to_owned())),
        ]),
    }
}

/// A notification about an event, to so many recipients, whose deliveries are in that state.
#[must_use]
pub fn planned(
    event: &Event,
    number: u32,
    lane: &str,
    recipients: u32,
    state: &DeliveryState,
) -> PlannedNotification {
    let at = time_of(number);
    let recipient = |index: u32| Recipient {
        address: format!("user-{index}@example.org"),
        role: if index == 0 { RecipientRole::To } else { RecipientRole::Bcc },
    };
    let notification = Notification {
        id: notification_id_of(number),
        event: event.uid,
        channel: ChannelName::from_static("email"),
        created_at: at,
        scope: Scope::of(event),
        content: Content {
            subject: format!("Critical: Disk full on {}", event.device.name),
            text: "Том D: has 1 % left\r\n".to_owned(),
            html: (number % 2 == 1).then(|| "<p>1 % left</p>".to_owned()),
            sender: "annunciator@example.org".to_owned(),
            recipients: (0..recipients).map(recipient).collect(),
            message_id: format!("{number}@example.org"),
            thread_id: "disk.full@example.org".to_owned(),
            event_id: event.id.clone(),
            command: None,
            pictures: (0..number % 3)
                .map(|one| annunciator_core::Picture {
                    content_id: format!("{number}-{one}.chart@annunciator.invalid"),
                    png: vec![0, 1, 255, 10],
                })
                .collect(),
        },
    };
    let deliveries = (0..recipients)
        .map(|index| Delivery {
            id: delivery_id_of(number, index),
            notification: notification.id,
            recipient: recipient(index),
            lane: Lane::new(lane),
            state: state.clone(),
            created_at: at,
            expires_at: at.plus_ms(LIFETIME_MS),
            attempts: 0,
            retries: 0,
            possibly_duplicated: false,
            last_failure: None,
        })
        .collect();
    PlannedNotification { notification: Arc::new(notification), deliveries, limit: None }
}

/// State of a delivery that is handed to the dispatcher with its plan.
#[must_use]
pub fn in_flight() -> DeliveryState {
    DeliveryState::InFlight { lease_until: START.plus_ms(LEASE_MS) }
}

/// State of a delivery that waits until then.
#[must_use]
pub fn queued(due_at: Timestamp) -> DeliveryState {
    DeliveryState::Queued { due_at }
}

/// Accepts events that the caller plans.
pub async fn accept(store: &dyn Store, events: Vec<Event>) -> Vec<Accepted> {
    let ask = Accept { events, idempotency: None, claimed: true, now: START };
    match store.accept(ask).await.expect("accepted") {
        Acceptance::Accepted(accepted) => accepted,
        other => panic!("not accepted: {other:?}"),
    }
}

/// Commits the plan of an event.
pub async fn commit(store: &dyn Store, event: &Event, notifications: Vec<PlannedNotification>) {
    let verdict = PlanVerdict::Planned {
        notifications,
        decisions: Vec::new(),
        term_days: None,
        postponed: Vec::new(),
    };
    store.commit_plans(vec![PlanCommit { event: event.uid, verdict }]).await.expect("committed");
}

/// Accepts and plans an event of that number with one notification.
pub async fn enqueue(
    store: &dyn Store,
    number: u32,
    lane: &str,
    recipients: u32,
    state: DeliveryState,
) -> PlannedNotification {
    let event = event(number);
    accept(store, vec![event.clone()]).await;
    let planned = planned(&event, number, lane, recipients, &state);
    commit(store, &event, vec![planned.clone()]).await;
    planned
}

/// A claim of everything that is due then.
#[must_use]
pub fn ask(now: Timestamp) -> ClaimAsk {
    ClaimAsk {
        now,
        lease_until: now.plus_ms(LEASE_MS),
        lanes_excluded: Vec::new(),
        per_lane_max: 1000,
        total_max: 1000,
    }
}

/// Claims all that is due then, in order.
pub async fn claim_all(store: &dyn Store, now: Timestamp) -> Vec<ClaimedDelivery> {
    let claims = store.claim_due(ask(now)).await.expect("claimed");
    claims.orders.into_iter().flat_map(|order| order.deliveries).collect()
}

/// A failure that is worth another try.
#[must_use]
pub fn failure() -> Failure {
    Failure {
        stage: Stage::RcptTo,
        scope: FailureScope::Delivery,
        code: ReplyCode::new(451),
        status: EnhancedStatus::new(4, 2, 1),
        diagnostic: "451 4.2.1 mailbox busy".to_owned(),
    }
}

/// The settlement of a claim that led to a state, with its attempt.
#[must_use]
pub fn settlement(delivery: &Delivery, token: i64, state: DeliveryState) -> Settlement {
    let is_delivered = matches!(state, DeliveryState::Delivered { .. });
    let number = delivery.attempts + 1;
    let outcome =
        if is_delivered { Outcome::Delivered } else { Outcome::TransientFailure(failure()) };
    let attempt = Attempt {
        delivery: delivery.id,
        number,
        started_at: START.plus_ms(i64::from(number) * 10),
        ended_at: START.plus_ms(i64::from(number) * 10 + 4),
        outcome,
        facts: Arc::new(AttemptFacts {
            server: "mail.example.org:25".to_owned(),
            reused: true,
            ..AttemptFacts::default()
        }),
    };
    let last_failure = (!is_delivered).then(failure);
    let delivery = Delivery { state, attempts: number, last_failure, ..delivery.clone() };
    Settlement { delivery, token, attempt: Some(attempt), raise: None, slot: None }
}

/// Settles one claim; whether it was refused as out of date.
pub async fn is_stale(store: &dyn Store, settlement: Settlement) -> bool {
    let id = settlement.delivery.id;
    store.settle(vec![settlement]).await.expect("settled") == vec![id]
}

/// Settles one claim as delivered.
pub async fn deliver(store: &dyn Store, delivery: &Delivery, token: i64) {
    let state = DeliveryState::Delivered { at: START.plus_ms(100) };
    assert!(!is_stale(store, settlement(delivery, token, state)).await, "the token is good");
}

/// An entry for the audit log.
#[must_use]
pub fn audit(action: &str) -> NewAudit {
    NewAudit {
        at: START,
        author: "admin".to_owned(),
        action: action.to_owned(),
        target: "it".to_owned(),
        detail: "{}".to_owned(),
    }
}

/// The first page.
#[must_use]
pub fn first_page() -> Page {
    Page { after: None, count_max: 100 }
}

/// What the audit log says was done, newest first.
pub async fn audited(store: &dyn Store) -> Vec<String> {
    let page = store.audit(AuditFilter::default(), first_page()).await.expect("read");
    page.rows.into_iter().map(|row| row.entry.action).collect()
}

/// Waits for many at once, which share their commits; gives what they answer, in their order.
pub async fn all_at_once<F: Future>(all: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = all.into_iter().map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut is_ready = true;
        for (one, answer) in &mut waiting {
            if answer.is_none() {
                match one.as_mut().poll(context) {
                    std::task::Poll::Ready(found) => *answer = Some(found),
                    std::task::Poll::Pending => is_ready = false,
                }
            }
        }
        if is_ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().map(|(_, answer)| answer.expect("all have answered")).collect()
}
