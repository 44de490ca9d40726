//! The law that explain says what the planner commits: random layers, silences, limits and events.

use std::sync::Arc;

use annunciator_api_types::ExplainRequest;
use annunciator_core::{Event, ParameterValue, Severity};
use annunciator_store::Accept;
use annunciator_store::contract::samples;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::planner_task;
use crate::settings_document as document;

/// Cases; each has its own settings and events.
const CASES: u64 = 40;

struct Dice(fastrand::Rng);

impl Dice {
    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(..choices.len())].clone()
    }

    /// Settings of a channel at some layer.
    fn email(&mut self, is_override: bool) -> Value {
        let mut fields = Map::new();
        let mut put = |chance: bool, key: &str, value: Value| {
            if chance {
                fields.insert(key.to_owned(), value);
            }
        };
        let address = format!("{}@x.example", self.one_of(&["a", "b", "c"]));
        put(self.0.bool(), "recipients", json!([address]));
        put(self.0.bool(), "subject", json!(self.one_of(&["%EVENT%", "%SEVERITY%", ""])));
        put(
            self.0.bool(),
            "limit",
            self.one_of(&[json!("none"), json!({"count": 2, "period_s": 900})]),
        );
        let about = self.one_of(&[json!("all"), json!(["critical"]), json!("configured")]);
        put(!is_override, "notify_about", about);
        put(is_override && self.0.bool(), "notify", json!(self.0.bool()));
        Value::Object(fields)
    }

    fn entry(&mut self) -> Value {
        let mut entry = json!({ "email": self.email(true) });
        match self.0.u8(..3) {
            0 => entry["type"] = json!(self.one_of(&["t0", "t1"])),
            1 => entry["severity"] = json!(self.one_of(&["info", "critical"])),
            _ => {}
        }
        if self.0.u8(..3) == 0 {
            entry["conditions"] = json!([{"field": "parameters.n", "op": "less", "value": 3}]);
        }
        entry
    }

    fn document(&mut self) -> Value {
        let mut email = self.email(false);
        email["servers"] = json!(["192.0.2.1"]);
        let mut configured = self.entry();
        configured["application"] = json!("App");
        let policy = |dice: &mut Self, name: &str, group: &str| {
            let (inherit, enabled) = (dice.0.bool(), dice.0.u8(..4) > 0);
            json!({"name": name, "application": "App", "group": group, "inherit": inherit,
                   "enabled": enabled, "events": [dice.entry()]})
        };
        let policies = [policy(self, "P", "A"), policy(self, "Q", "A/B")];
        json!({
            "email": email, "groups": ["A/B"], "event_configuration": [configured],
            "policies": policies,
            "application_settings": [
                {"application": "App", "device": "pc", "events": [self.entry()]},
            ],
        })
    }

    fn event(&mut self, number: u32) -> Event {
        let mut event = samples::event(number);
        event.application.name = "App".to_owned();
        event.event_type = self.one_of(&["t0", "t1", "t2"]).to_owned();
        event.severity = self.one_of(&[Severity::Info, Severity::Critical]);
        event.device.name = self.one_of(&["pc", "other"]).to_owned();
        event.device.group = self.one_of(&["", "A", "A/B", "A/B/C"]).to_owned();
        let value = ParameterValue::Integer(self.0.i64(0..6));
        event.parameters.insert("n".to_owned(), value);
        event
    }
}

#[tokio::test]
async fn explain_answers_what_the_planner_commits() {
    for seed in 0..CASES {
        let mut dice = Dice(fastrand::Rng::with_seed(seed));
        let folder = tempfile::tempdir().expect("a folder is made");
        let shared = planner_task::tests::shared(folder.path()).await;
        let Value::Object(settings) = dice.document() else { panic!("an object") };
        let configuration = document::replace(&Default::default(), &settings)
            .unwrap_or_else(|errors| panic!("{errors:?} in {settings:?}"));
        let certificates = annunciator_certificates::CertificateBook::default();
        let channels = shared.settings.channels();
        shared.settings.swap(Snapshot::compile(channels, &certificates, configuration, 1));
        let stop = CancellationToken::new();
        let task = tokio::spawn(planner_task::run(Arc::clone(&shared), stop.clone()));
        for number in 0..6 {
            let event = dice.event(number);
            // Explained first: a plan that is committed counts against its limit.
            let (uid, input) = (event.uid, event.clone());
            let row = EventRow {
                event: input,
                state: EventState::Accepted { tries: 0 },
                decisions: Vec::new(),
                deliveries: Vec::new(),
            };
            let explained = explain_row(&shared, row, false).await.expect("explained");
            let now = shared.clock.now();
            let accept = Accept { events: vec![event], idempotency: None, claimed: false, now };
            shared.store.accept(accept).await.expect("accepted");
            shared.planner.note_backlog();
            planner_task::tests::until_no_event_waits(&shared).await;
            check(&shared, uid, &explained, seed).await;
        }
        stop.cancel();
        task.await.expect("the task ends");
    }
}

async fn check(
    shared: &Shared,
    uid: annunciator_core::EventUid,
    explained: &ExplainView,
    seed: u64,
) {
    let stored = shared.store.event(uid).await.expect("read").expect("stored");
    let decided: Vec<(String, String)> = stored
        .decisions
        .iter()
        .map(|one| (one.channel.to_string(), one.kind.as_str().to_owned()))
        .collect();
    let told: Vec<(String, String)> =
        explained.channels.iter().map(|one| (one.channel.clone(), one.decision.clone())).collect();
    assert_eq!(decided, told, "seed {seed}: {:?}", stored.decisions);
    let sent = shared.store.notifications_of(uid).await.expect("read");
    let channel = &explained.channels[0];
    if channel.decision == "notified" {
        let words: Vec<(&str, &str)> =
            sent.iter().map(|one| (&*one.content.subject, &*one.content.text)).collect();
        let would: Vec<(&str, &str)> =
            channel.notifications.iter().map(|one| (&*one.subject, &*one.text)).collect();
        assert_eq!(words, would, "seed {seed}");
        let addresses = |one: &annunciator_core::Notification| {
            one.content.recipients.iter().map(|to| to.address.clone()).collect::<Vec<_>>()
        };
        let named: Vec<String> =
            channel.notifications[0].recipients.iter().map(|to| to.address.clone()).collect();
        assert_eq!(addresses(&sent[0]), named, "seed {seed}");
    } else {
        assert!(sent.is_empty(), "seed {seed}");
    }
}

#[tokio::test]
async fn a_request_names_one_event() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let shared = planner_task::tests::shared(folder.path()).await;
    let both = ExplainRequest {
        event_id: Some("a".to_owned()),
        event: Some(annunciator_api_types::EventInput::default()),
        ..ExplainRequest::default()
    };
    for request in [ExplainRequest::default(), both] {
        let error = explain(&shared, request).await.expect_err("refused");
        assert!(matches!(error, AdminError::Invalid(errors) if errors[0].pointer == "/event_id"));
    }
}
