//! The planner task over the real store: a poison event, and the room that events take.

use annunciator_store::contract::samples;
use annunciator_store::sqlite::SqliteStore;
use annunciator_store::{Accept, EventRow, Store};

use annunciator_planner::Circumstances;

use super::*;
use crate::certificates::CertificateShelf;
use crate::clock::SystemClock;
use crate::dispatcher::{Dispatcher, Surroundings};
use crate::lifecycle::Tasks;
use crate::metrics::Metrics;
use crate::own_events::OwnEvents;
use crate::secrets::Sealer;
use crate::silence_book::SilenceBook;
use crate::snapshot::SettingsBook;
use crate::tokens::TokenBook;

/// Longest wait of a test for anything; it is met only by a failure.
const LIMIT: Duration = Duration::from_secs(60);
/// Number of the event that cannot be planned.
const POISON: u32 = 3;

pub(crate) async fn shared(folder: &std::path::Path) -> Arc<Shared> {
    let store: Arc<dyn Store> = SqliteStore::open(&folder.join("data")).expect("a store is opened");
    let clock: Arc<dyn annunciator_core::Clock> = Arc::new(SystemClock);
    let held: Arc<dyn crate::limit_clock::HeldClock> =
        Arc::new(crate::limit_clock::Following(clock.clone()));
    let ids = IdSource::new(clock.clone());
    let settings = SettingsBook::with_channels(
        Arc::from([annunciator_channels::email::make(&annunciator_channels::Surroundings {
            hello_name: "test.example".into(),
            keeper: Arc::new(annunciator_channels::MemoryKeeper::default()),
            executables: Arc::default(),
        })]),
        "test.example",
    );
    let (tasks, metrics) = (Tasks::default(), Metrics::default());
    let planner = PlannerInbox::default();
    let dispatcher = Dispatcher::start(Surroundings {
        store: store.clone(),
        clock: clock.clone(),
        held: held.clone(),
        ids: ids.clone(),
        settings: settings.clone(),
        metrics: metrics.clone(),
        planner: planner.clone(),
        tasks: tasks.clone(),
    });
    Arc::new(Shared {
        installation: Default::default(),
        started_at: clock.now(),
        tokens: TokenBook::load(store.as_ref()).await.expect("there are none"),
        certificates: CertificateShelf::default(),
        silences: SilenceBook::default(),
        roles: crate::roles::RoleBook::default(),
        sessions: crate::session_book::SessionBook::default(),
        passwords: crate::passwords::Passwords::new().unwrap(),
        throttle: crate::throttle::Throttle::default(),
        setup: crate::setup_key::SetupKey::default(),
        drain: CancellationToken::new(),
        own_events: OwnEvents::new(store.clone(), ids.clone(), planner.clone()),
        sealer: Arc::new(Sealer::open(&folder.join("key")).expect("a key is made")),
        store,
        clock,
        held,
        limit_wake: Arc::default(),
        bundle_wake: Arc::default(),
        ids,
        settings,
        planner,
        dispatcher,
        tasks,
        metrics,
        ready: AtomicBool::new(true),
    })
}

/// The real planner, but for one event.
fn poisoned(
    event: &Event,
    profiles: &[&ChannelProfile],
    circumstances: Circumstances<'_>,
    ids: &dyn NotificationIds,
) -> annunciator_planner::Plan {
    assert!(event.uid != samples::uid_of(POISON), "this event is poison");
    annunciator_planner::plan(event, profiles, circumstances, ids)
}

async fn row(shared: &Shared, number: u32) -> EventRow {
    let found = shared.store.event(samples::uid_of(number)).await;
    found.expect("the ledger can be read").expect("it is there")
}

pub(crate) async fn until_no_event_waits(shared: &Shared) {
    let wait = async {
        while shared.store.queue_counts().await.expect("it can be counted").events_unplanned > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, wait).await.is_ok(), "waited in vain");
}

#[tokio::test]
async fn a_poison_event_is_parked_after_three_tries_and_the_others_go_on() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let shared = shared(folder.path()).await;
    let events: Vec<Event> = (0..10).map(samples::event).collect();
    let accept = Accept { events, idempotency: None, claimed: false, now: shared.clock.now() };
    shared.store.accept(accept).await.expect("accepted");
    let stop = CancellationToken::new();
    let task = tokio::spawn(run_with(shared.clone(), stop.clone(), poisoned));
    until_no_event_waits(&shared).await;
    for number in 0..10 {
        let state = row(&shared, number).await.state;
        let expected = if number == POISON { "parked" } else { "planned" };
        assert_eq!(state.as_str(), expected, "event {number}");
        if let annunciator_store::EventState::Parked { reason } = state {
            assert_eq!(reason, "planning panicked: this event is poison");
        }
    }
    // What is stored is counted a moment later.
    stop.cancel();
    task.await.expect("the task lives on in spite of the panics");
    let counted = |result| shared.metrics.plans.get_or_create(&ResultLabels { result }).get();
    assert_eq!((counted("failed"), counted("planned")), (u64::from(TRIES_MAX), 9));
}

#[tokio::test]
async fn the_room_of_duplicates_is_given_back() {
    let inbox = PlannerInbox::default();
    inbox.inner.has_backlog.store(false, Ordering::Release);
    for _ in 0..WAITING_MAX {
        let permit = inbox.reserve(3).expect("there is room");
        // Two of three were known already.
        permit.hand_over(vec![samples::event(0)]);
        inbox.inner.room.add_permits(1);
    }
    assert_eq!(inbox.inner.room.available_permits(), WAITING_MAX);
    assert!(inbox.reserve(WAITING_MAX + 1).is_none());
}

/// The real planner, in its own good time.
fn slow(
    event: &Event,
    profiles: &[&ChannelProfile],
    circumstances: Circumstances<'_>,
    ids: &dyn NotificationIds,
) -> annunciator_planner::Plan {
    std::thread::sleep(PIECE_TIME_MAX + Duration::from_millis(1));
    annunciator_planner::plan(event, profiles, circumstances, ids)
}

#[tokio::test]
async fn what_costs_much_to_plan_is_committed_in_pieces_and_others_get_their_turn() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let shared = shared(folder.path()).await;
    let events: Vec<Event> = (0..10).map(samples::event).collect();
    let accept = Accept { events, idempotency: None, claimed: false, now: shared.clock.now() };
    shared.store.accept(accept).await.expect("accepted");
    let stop = CancellationToken::new();
    let task = tokio::spawn(run_with(shared.clone(), stop.clone(), slow));
    // On one thread this task sees a count between only when the planner lets others have it.
    let mut seen = std::collections::BTreeSet::new();
    while !seen.contains(&0) {
        let counts = shared.store.queue_counts().await.expect("it can be counted");
        seen.insert(counts.events_unplanned);
    }
    assert!(seen.len() > 3, "planned in one piece: {seen:?}");
    stop.cancel();
    task.await.expect("it ends");
}

/// One mail for each event.
fn telling(
    event: &Event,
    _profiles: &[&ChannelProfile],
    _circumstances: Circumstances<'_>,
    ids: &dyn NotificationIds,
) -> annunciator_planner::Plan {
    let planned = samples::planned(event, 0, "a", 2, &samples::in_flight());
    let mut notification = (*planned.notification).clone();
    notification.id = ids.notification_id();
    let content = PlannedContent { notification, profile: 0, limit: None };
    annunciator_planner::Plan {
        notifications: vec![content],
        decisions: Vec::new(),
        postponed: Vec::new(),
    }
}

#[tokio::test]
async fn a_plan_that_came_second_is_told_as_such_and_gives_its_room_back() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let shared = shared(folder.path()).await;
    let (first, second) = (samples::event(1), samples::event(2));
    samples::accept(shared.store.as_ref(), vec![first.clone(), second.clone()]).await;
    // Another node has planned the first meanwhile.
    samples::commit(shared.store.as_ref(), &first, Vec::new()).await;
    plan_batch(&shared, vec![first.clone()], telling).await;
    assert_eq!(shared.dispatcher.held(), (0, 0), "nothing of it is in hand");
    plan_batch(&shared, vec![second], telling).await;
    let counted = |result| shared.metrics.plans.get_or_create(&ResultLabels { result }).get();
    assert_eq!((counted("overtaken"), counted("planned"), counted("failed")), (1, 1, 0));
    let channel = "email".to_owned();
    assert_eq!(shared.metrics.limited.get_or_create(&ChannelLabels { channel }).get(), 0);
    assert!(shared.store.notifications_of(first.uid).await.expect("read").is_empty());
}

#[tokio::test]
async fn events_that_another_node_leaves_are_looked_for_at_once() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let shared = shared(folder.path()).await;
    let has_backlog = || shared.planner.inner.has_backlog.load(Ordering::Acquire);
    shared.planner.inner.has_backlog.store(false, Ordering::Release);
    crate::nodes::take_over(&shared, annunciator_store::Change::Work).await.expect("taken over");
    assert!(!has_backlog(), "deliveries are not for the planner");
    crate::nodes::take_over(&shared, annunciator_store::Change::Events).await.expect("taken over");
    assert!(has_backlog());
}
