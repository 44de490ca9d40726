//! Rules of planning, as tables.

use std::cell::Cell;

use annunciator_core::{
    Application, ChannelName, DecisionKind, Device, Event, EventUid, Lane, NotificationId,
    RecipientRole, Severity, Timestamp,
};
use annunciator_settings::{SettingsGroup as _, SettingsLayer as _};
use serde_json::json;

use crate::{ChannelProfile, NotificationIds, NotifyLayer, NotifySettings, Plan, plan};

struct Counted(Cell<u64>);

impl NotificationIds for Counted {
    fn notification_id(&self) -> NotificationId {
        self.0.set(self.0.get() + 1);
        NotificationId::from_parts(self.0.get(), [0; 10])
    }
}

fn event(severity: Severity) -> Event {
    Event {
        uid: EventUid::from_parts(1, [0; 10]),
        id: "a1".into(),
        event_type: "disk.full".into(),
        type_name: "Disk full".into(),
        severity,
        application: Application { name: "Storage Guard".into(), version: "1.4".into() },
        device: Device { name: "pc-17".into(), ..Device::default() },
        task: String::new(),
        description: "Volume D: has 1 % left\r\nBcc: x@y".into(),
        occurred_at: Timestamp(0),
        registered_at: Timestamp(5),
        parameters: [].into(),
    }
}

fn plan_with(document: &serde_json::Value, severity: Severity, missing: &str) -> Plan {
    let layer = NotifyLayer::from_json(document).expect("valid settings");
    let settings = NotifySettings::resolve(&[(annunciator_settings::Origin::Server, &layer)]);
    let channel = ChannelName::from_static("email");
    let profile =
        ChannelProfile::compile(channel, Lane::new("email/server"), &settings.values, missing)
            .expect("valid templates");
    plan(&event(severity), &[&profile], "host.example", Timestamp(9), &Counted(Cell::new(0)))
}

#[test]
fn severity_and_completeness_decide_and_the_reason_is_kept() {
    for (about, severity, missing, kind, reason) in [
        (json!("all"), Severity::Info, "", DecisionKind::Notified, "all events"),
        (json!(["info"]), Severity::Info, "", DecisionKind::Notified, "severity `info`"),
        (json!(["info"]), Severity::Critical, "", DecisionKind::Off, "not include"),
        (json!([]), Severity::Critical, "", DecisionKind::Off, "not include"),
        (json!("configured"), Severity::Critical, "", DecisionKind::Off, "configured"),
        (json!("all"), Severity::Info, "no servers", DecisionKind::Incomplete, "no servers"),
    ] {
        let document = json!({"notify_about": about, "recipients": "a@example.org"});
        let plan = plan_with(&document, severity, missing);
        assert_eq!(plan.decisions.len(), 1);
        assert_eq!(plan.decisions[0].kind, kind, "{about}");
        assert!(plan.decisions[0].reason.contains(reason), "{}", plan.decisions[0].reason);
        assert_eq!(plan.notifications.len(), usize::from(kind == DecisionKind::Notified));
    }
}

#[test]
fn without_recipients_nothing_is_planned_and_the_ledger_says_why() {
    let plan = plan_with(&json!({}), Severity::Critical, "no servers");
    assert_eq!(plan.decisions[0].kind, DecisionKind::Incomplete);
    assert_eq!(plan.decisions[0].reason, "no recipients are set");
}

#[test]
fn an_address_is_told_once_in_its_first_role() {
    let plan = plan_with(
        &json!({
            "recipients": "a@Example.org; b@example.org",
            "recipients_cc": "a@example.ORG; c@example.org",
            "recipients_bcc": "c@example.org; A@example.org",
        }),
        Severity::Critical,
        "",
    );
    let told: Vec<_> = plan.notifications[0]
        .recipients()
        .iter()
        .map(|recipient| (recipient.address.as_str(), recipient.role))
        .collect();
    assert_eq!(
        told,
        [
            ("a@Example.org", RecipientRole::To),
            ("b@example.org", RecipientRole::To),
            ("c@example.org", RecipientRole::Cc),
            ("A@example.org", RecipientRole::Bcc),
        ]
    );
}

#[test]
fn content_is_rendered_and_frozen_with_its_ids() {
    let plan = plan_with(
        &json!({"recipients": "a@example.org", "subject": "%DESCR%", "html_message": "<b>%DESCR%</b>"}),
        Severity::Critical,
        "",
    );
    let notification = &plan.notifications[0].notification;
    assert_eq!(notification.created_at, Timestamp(9));
    assert_eq!(notification.content.message_id, format!("{}@host.example", notification.id));
    assert!(!notification.content.subject.contains(['\r', '\n']));
    assert!(notification.content.text.contains("Volume D: has 1 % left\r\nBcc: x@y"));
    assert!(notification.content.html.as_ref().expect("set").starts_with("<b>Volume"));
}

#[test]
fn a_notification_says_what_it_counts_against() {
    let check = |limit: serde_json::Value, expected: Option<&str>| {
        let document =
            json!({"notify_about": "all", "recipients": "a@example.org", "limit": limit});
        let plan = plan_with(&document, Severity::Info, "");
        let limit = plan.notifications[0].limit.as_ref();
        assert_eq!(limit.map(|limit| limit.key.as_str()), expected);
        assert_eq!(plan.decisions[0].kind, DecisionKind::Notified, "who counts decides");
    };
    check(json!(null), None);
    check(json!("none"), None);
    check(json!({"count": 5, "period_s": 60}), Some("email/server"));
    check(
        json!({"count": 5, "period_s": 60, "per": "event_type"}),
        Some("email/server/Storage Guard/disk.full"),
    );
}
