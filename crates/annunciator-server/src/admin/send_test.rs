//! *Send test message*: the production path with the settings in the request (spec 8).
//!
//! In: settings as they stand in a form, laid over the saved ones. Out: every stage with its time,
//! told as it happens, and the result; a line of the audit log, when it was broken off too.
//! It is the same walk as for an event: the same snapshot compiler, planner and channel; only the
//! store is left out.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use annunciator_api_types::{
    FieldError, StageView, TestMessageRequest, TestMessageResult, TestRecipientResult,
};
use annunciator_channels::{AttemptReport, Order, OrderFeed, StageReport, Transport};
use annunciator_core::{
    Application, DecisionKind, Device, Event, EventUid, NotificationId, Outcome, Recipient,
    Severity, Timestamp, one_line,
};
use annunciator_planner::{ChannelProfile, Circumstances, IncidentFrame, NotificationIds, Switch};
use annunciator_settings::NotifyAbout;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::admin::test_record::TestRecord;
use crate::admin::{AdminError, settings, test_incident};
use crate::api::views;
use crate::configuration::Configuration;
use crate::console_address;
use crate::settings_document as document;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// The channel that is tested when none is named.
const DEFAULT_CHANNEL: &str = "email";
/// Longest test; then what was seen so far is answered.
const TEST_MAX: Duration = Duration::from_secs(120);

/// Most tests at a time: each one holds a connection to a relay, or a process.
const TESTS_MAX: usize = 4;
static TESTS: Semaphore = Semaphore::const_new(TESTS_MAX);

/// A test that can be run: its settings are sound.
pub struct Prepared {
    _permit: SemaphorePermit<'static>,
    record: TestRecord,
    /// What is told first.
    opening: StageView,
    work: Work,
    is_dry_run: bool,
}

enum Work {
    /// The settings lack something; says what.
    Nothing(String),
    /// An attempt by the production path.
    Attempt { transport: Arc<dyn Transport>, order: Order },
}

/// Told of each stage when it ends.
pub type Listener = Box<dyn Fn(&StageView) + Send + Sync>;

/// Makes a test of a request.
///
/// # Errors
/// [`AdminError::Invalid`] for settings that cannot be saved either, [`AdminError::Unavailable`]
/// while other tests run.
pub async fn prepare(
    shared: &Arc<Shared>,
    request: TestMessageRequest,
    author: &str,
) -> Result<Prepared, AdminError> {
    let began = Instant::now();
    let permit = TESTS.try_acquire().map_err(|_| {
        let words = "Other test messages are under way: try again when one has ended.";
        AdminError::Unavailable(words.to_owned())
    })?;
    let (is_dry_run, is_traced) = (request.dry_run, request.trace);
    let wanted = request.channel.clone().unwrap_or_else(|| DEFAULT_CHANNEL.to_owned());
    let (to, language) = (request.to.clone(), request.language.clone());
    let snapshot = snapshot_of(shared, request).await?;
    let now = shared.clock.now();
    let sample = test_incident::sample(&snapshot, (&to, &language), shared.ids.event(now), now);
    let plain = sample_event(shared.ids.event(now), now, shared.settings.hello_name());
    let is_incident = |profile: &ChannelProfile| profile.composer.is_for_subscribers();
    let find = |event: &Event| {
        let holding = snapshot.holding(event);
        let found = holding.profiles.iter().find(|one| one.channel.as_str() == wanted);
        found.map(|profile| (holding.scope.clone(), Arc::clone(profile)))
    };
    let (mut scope, mut found) = find(&plain).ok_or_else(|| unknown_channel(&snapshot))?;
    let (mut event, mut incidents) = (plain, IncidentFrame::default());
    let sample = if is_incident(&found) { Some(sample?) } else { None };
    if let Some(sample) = &sample {
        event = sample.event.clone();
        (scope, found) = find(&event).ok_or_else(|| unknown_channel(&snapshot))?;
        incidents = sample.frame();
    }
    // A test is sent whatever severities are notified.
    let profile =
        ChannelProfile { switch: Switch::About(NotifyAbout::All), ..ChannelProfile::clone(&found) };
    let ids = Ids(shared.ids.notification(now));
    let domain = shared.settings.hello_name();
    let console = console_address::base(&snapshot.console.values, &shared.installation);
    // A test is sent whatever is silenced.
    let circumstances =
        Circumstances { scope: &scope, domain, console: &console, now, silences: &[], incidents };
    let plan = annunciator_planner::plan(&event, &[&profile], circumstances, &ids);
    let remark = plan.notifications.first().map(|planned| {
        let channels = snapshot.channels().iter();
        let channel = channels.into_iter().find(|channel| channel.name() == profile.channel);
        channel.map(|channel| channel.remark(&planned.notification.content)).unwrap_or_default()
    });
    let opening = settings_stage(&plan.decisions[0], &remark.unwrap_or_default(), began);
    let mut record = TestRecord::new(shared, author, &wanted, is_dry_run);
    let Some(content) = plan.notifications.into_iter().next() else {
        let work = Work::Nothing(plan.decisions[0].reason.clone());
        return Ok(Prepared { _permit: permit, record, opening, work, is_dry_run });
    };
    record.recipients = content.recipients().len();
    let order = Order {
        tag: 0,
        recipients: content.recipients().to_vec(),
        notification: Arc::new(content.notification),
        prefer_server: None,
        deadline: tokio::time::Instant::now() + TEST_MAX,
        dry_run: is_dry_run,
        trace: is_traced,
        fresh_connection: true,
    };
    let transport = snapshot
        .transport(&profile.channel, &scope)
        .expect("a channel with a profile has a transport");
    let work = Work::Attempt { transport, order };
    Ok(Prepared { _permit: permit, record, opening, work, is_dry_run })
}

/// Whether a request brings settings of its own.
#[must_use]
pub fn brings_settings(request: &TestMessageRequest) -> bool {
    let TestMessageRequest { email, sms, executable, mail_notifier, names, .. } = request;
    let groups = [email, sms, executable, mail_notifier, names];
    groups.into_iter().flatten().any(|group| !group.is_empty())
}

/// The saved settings with those of the request over them.
async fn snapshot_of(shared: &Shared, request: TestMessageRequest) -> Result<Snapshot, AdminError> {
    let saved = shared.settings.current();
    let groups = [
        ("email", request.email),
        ("sms", request.sms),
        ("executable", request.executable),
        ("mail_notifier", request.mail_notifier),
        ("names", request.names),
    ];
    let given = groups.into_iter().filter_map(|(group, fields)| Some((group, fields?)));
    let patch: Map<String, Value> =
        given.map(|(group, fields)| (group.to_owned(), fields.into())).collect();
    // The form shows the server-wide settings: overrides for our own events stay out of the test.
    let server =
        Configuration { server: saved.configuration.server.clone(), ..Configuration::default() };
    let configuration = document::merge(&server, &patch).map_err(AdminError::Invalid)?;
    let channels = shared.settings.new_channels();
    settings::check(&channels, &saved.certificates, configuration, saved.revision).await
}

impl Prepared {
    /// Sends the test message, or in a dry run goes as far as the last recipient; tells each stage
    /// when it ends. A failed test is a result. Dropping the future ends the test.
    pub async fn run(self, listener: Listener) -> TestMessageResult {
        listener(&self.opening);
        let result = match self.work {
            Work::Nothing(reason) => incomplete(self.opening, &reason),
            Work::Attempt { transport, order } => {
                let recipients = order.recipients.clone();
                let watch = Watch { seen: Mutex::default(), listener };
                let _ = tokio::time::timeout(TEST_MAX, transport.attempt(order, &watch)).await;
                result(watch, self.opening, &recipients, self.is_dry_run)
            }
        };
        self.record.finish(&result).await;
        result
    }
}

fn unknown_channel(snapshot: &Snapshot) -> AdminError {
    let names: Vec<_> = snapshot.channels().iter().map(|one| one.name().to_string()).collect();
    let detail = format!("must be one of {}", names.join(", "));
    AdminError::Invalid(vec![FieldError::new("/channel", "one_of", detail)])
}

struct Watch {
    seen: Mutex<Seen>,
    listener: Listener,
}

#[derive(Default)]
struct Seen {
    stages: Vec<StageView>,
    report: Option<AttemptReport>,
}

impl Watch {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no panic while it is held")
    }
}

impl OrderFeed for Watch {
    fn next(&self) -> Option<Order> {
        None
    }

    fn report(&self, _tag: u64, report: AttemptReport) {
        self.seen().report = Some(report);
    }

    fn stage(&self, _tag: u64, stage: &StageReport) {
        let detail: Vec<_> = stage.detail.iter().map(|line| one_line(line, 500)).collect();
        let view = StageView {
            stage: stage.stage.as_str().to_owned(),
            server: stage.server.clone(),
            ok: stage.ok,
            detail: detail.join("\n"),
            advice: (!stage.advice.is_empty()).then(|| stage.advice.clone()),
            duration_us: u64::try_from(stage.elapsed.as_micros()).unwrap_or(u64::MAX),
        };
        (self.listener)(&view);
        self.seen().stages.push(view);
    }
}

fn settings_stage(
    decision: &annunciator_core::Decision,
    remark: &str,
    began: Instant,
) -> StageView {
    let ok = decision.kind == DecisionKind::Notified;
    let complete = match remark {
        "" => "settings are complete, message rendered".to_owned(),
        remark => format!("settings are complete, message rendered: {remark}"),
    };
    StageView {
        stage: "settings".to_owned(),
        server: String::new(),
        ok,
        detail: if ok { complete } else { decision.reason.clone() },
        advice: (!ok).then(|| "complete the settings of the channel first".to_owned()),
        duration_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
    }
}

fn incomplete(stage: StageView, reason: &str) -> TestMessageResult {
    TestMessageResult {
        ok: false,
        summary: format!("Nothing was sent: {reason}."),
        stages: vec![stage],
        recipients: vec![],
        server: String::new(),
        address: String::new(),
        route: None,
        tls: None,
        reply: String::new(),
        queue_id: String::new(),
        dialogue: vec![],
        run: None,
    }
}

fn result(
    watch: Watch,
    settings_stage: StageView,
    recipients: &[Recipient],
    is_dry_run: bool,
) -> TestMessageResult {
    let seen = watch.seen.into_inner().expect("no panic while it is held");
    let mut stages = vec![settings_stage];
    stages.extend(seen.stages);
    // With several transactions the one that delivered is shown.
    let facts = seen
        .report
        .iter()
        .flat_map(|report| report.facts.iter().zip(&report.outcomes))
        .max_by_key(|(_, outcome)| **outcome == Outcome::Delivered)
        .map(|(facts, _)| facts.as_ref().clone())
        .unwrap_or_default();
    let outcomes: Vec<Option<Outcome>> = match seen.report {
        Some(report) => report.outcomes.into_iter().map(Some).collect(),
        None => vec![None; recipients.len()],
    };
    let is_good = |outcome: &Option<Outcome>| *outcome == Some(Outcome::Delivered);
    let good = outcomes.iter().filter(|outcome| is_good(outcome)).count();
    let results =
        recipients.iter().zip(&outcomes).map(|(recipient, outcome)| TestRecipientResult {
            address: recipient.address.clone(),
            outcome: match outcome {
                Some(Outcome::Delivered) if is_dry_run => "would_be_accepted".to_owned(),
                Some(outcome) => outcome.as_str().to_owned(),
                None => "transient_failure".to_owned(),
            },
            failure: outcome.as_ref().and_then(Outcome::failure).map(views::failure),
        });
    let all = recipients.len();
    let run = facts.run.as_ref().map(|run| format!("The executable {}.", run.status));
    let done = if is_dry_run { "would be accepted (nothing was sent)" } else { "accepted" };
    let summary = match (good == all, stages.iter().rev().find(|stage| !stage.ok)) {
        (true, _) if run.is_some() => run.unwrap_or_default(),
        (true, _) => format!("The relay {done} the message for {all} of {all} recipients."),
        (false, Some(stage)) => {
            let said = stage.detail.lines().last().unwrap_or_default();
            format!("{good} of {all} recipients {done}; it failed at `{}`: {said}", stage.stage)
        }
        (false, None) if outcomes.iter().all(Option::is_none) => {
            format!("No result within {} seconds.", TEST_MAX.as_secs())
        }
        (false, None) => format!("{good} of {all} recipients {done}."),
    };
    TestMessageResult {
        ok: good == all,
        summary: summary.replacen("relay would be accepted", "relay would accept", 1),
        stages,
        recipients: results.collect(),
        server: facts.server.clone(),
        address: facts.address.clone(),
        route: facts.route.as_ref().map(views::route),
        tls: facts.tls.as_ref().map(views::tls),
        reply: facts.reply,
        queue_id: facts.queue_id,
        dialogue: facts.dialogue,
        run: facts.run.as_ref().map(views::run),
    }
}

fn sample_event(uid: EventUid, now: Timestamp, host: &str) -> Event {
    Event {
        uid,
        id: format!("test-{uid}"),
        event_type: "annunciator.test".to_owned(),
        type_name: "Test message".to_owned(),
        severity: Severity::Info,
        application: Application {
            name: "Annunciator".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        device: Device { name: host.to_owned(), ..Device::default() },
        task: String::new(),
        description: "This message was sent to test the delivery settings. Nothing has happened."
            .to_owned(),
        occurred_at: now,
        registered_at: now,
        parameters: [].into(),
    }
}

struct Ids(NotificationId);

impl NotificationIds for Ids {
    fn notification_id(&self) -> NotificationId {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use annunciator_store::{AuditEntry, AuditFilter, Page};

    use super::*;
    use crate::planner_task::tests::shared;

    #[tokio::test]
    async fn so_many_tests_run_at_a_time_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let shared = shared(folder.path()).await;
        let prepare = || prepare(&shared, TestMessageRequest::default(), "anna");
        let mut tests = Vec::new();
        for _ in 0..TESTS_MAX {
            tests.push(prepare().await.expect("a test"));
        }
        let refused = prepare().await.err();
        assert!(matches!(refused, Some(AdminError::Unavailable(_))), "{refused:?}");
        drop(tests.pop());
        let last = prepare().await.expect("one has ended");
        assert!(!last.run(Box::new(|_| {})).await.ok, "nothing is set up");
        drop(prepare().await.expect("one has ended"));

        // Each one has its line, those that were broken off too.
        drop(tests);
        let entries = loop {
            let page = Page { after: None, count_max: 100 };
            let page = shared.store.audit(AuditFilter::default(), page).await.unwrap();
            if page.rows.len() == TESTS_MAX + 2 {
                break page.rows;
            }
            tokio::task::yield_now().await;
        };
        let count = |outcome: &str| {
            let is_so = |row: &&AuditEntry| row.entry.detail.contains(outcome);
            entries.iter().filter(is_so).count()
        };
        assert_eq!((count("broken off"), count("failed")), (TESTS_MAX + 1, 1));
        assert!(entries.iter().all(|row| row.entry.author == "anna"));
    }
}
