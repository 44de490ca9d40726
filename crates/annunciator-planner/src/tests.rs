//! Rules of planning, as tables.

use std::cell::Cell;
use std::sync::Arc;

use annunciator_core::{
    Application, ChannelName, DecisionKind, Device, Event, EventUid, Lane, NotificationId,
    Recipient, RecipientRole, Scope, Severity, Timestamp,
};
use annunciator_settings::{NotifyAbout, Origin};
use annunciator_template::{EventValues, Purpose};

use crate::{
    ChannelProfile, Circumstances, Compose, Composed, NotificationIds, Plan, Silence, Switch,
    Words, plan,
};

struct Counted(Cell<u64>);

impl NotificationIds for Counted {
    fn notification_id(&self) -> NotificationId {
        self.0.set(self.0.get() + 1);
        NotificationId::from_parts(self.0.get(), [0; 10])
    }
}

pub(crate) fn event(severity: Severity) -> Event {
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

/// One notification for each address, with the same words.
#[derive(Debug)]
struct OneEach {
    words: Words,
    addresses: Vec<&'static str>,
}

impl Compose for OneEach {
    fn compose(&self, event: &Event, _link: &str) -> Vec<Composed> {
        let rendered = self.words.render(&EventValues::new(event));
        let composed = |address: &&str| Composed {
            subject: rendered.subject.clone(),
            text: rendered.text.clone(),
            html: rendered.html.clone(),
            recipients: vec![Recipient { address: (*address).to_owned(), role: RecipientRole::To }],
            ..Composed::default()
        };
        self.addresses.iter().map(composed).collect()
    }
}

fn plan_with(switch: Switch, severity: Severity, missing: &str) -> Plan {
    plan_in(switch, severity, missing, &[], Timestamp(9))
}

/// A plan for an event of severity critical while there are silences.
pub(crate) fn plan_silenced(switch: Switch, silences: &[Silence], now: Timestamp) -> Plan {
    plan_in(switch, Severity::Critical, "", silences, now)
}

/// A channel that is switched so, and lacks that.
pub(crate) fn profile(switch: Switch, missing: &str) -> ChannelProfile {
    let words = Words::parse("%DESCR%", "%DESCR%", "<b>%DESCR%</b>", Purpose::Email);
    let composer = OneEach { words: words.expect("good"), addresses: vec!["a@x", "b@x"] };
    ChannelProfile {
        channel: ChannelName::from_static("email"),
        lane: Lane::new("email/server"),
        switch,
        composer: Arc::new(composer),
        missing: missing.to_owned(),
        limit: None,
    }
}

fn plan_in(
    switch: Switch,
    severity: Severity,
    missing: &str,
    silences: &[Silence],
    now: Timestamp,
) -> Plan {
    let profile = profile(switch, missing);
    let (event, ids) = (event(severity), Counted(Cell::new(0)));
    let scope = Scope::of(&event);
    let circumstances = Circumstances {
        scope: &scope,
        domain: "host.example",
        console: "",
        now,
        silences,
        incidents: crate::IncidentFrame::default(),
    };
    plan(&event, &[&profile], circumstances, &ids)
}

#[test]
fn switch_and_completeness_decide_and_the_reason_is_kept() {
    let about = |severities: &[Severity]| Switch::About(NotifyAbout::Severities(severities.into()));
    let layer = |on| Switch::Layer { on, origin: Origin::Policy("Plant A".into()) };
    let (all, configured) = (NotifyAbout::All, NotifyAbout::Configured);
    use DecisionKind::{Incomplete, Notified, Off};
    use Severity::{Critical, Info};
    for (switch, severity, missing, kind, reason) in [
        (Switch::About(all.clone()), Info, "", Notified, "all events"),
        (about(&[Info]), Info, "", Notified, "severity `info`"),
        (about(&[Info]), Critical, "", Off, "not include"),
        (about(&[]), Critical, "", Off, "not include"),
        (Switch::About(configured), Critical, "", Off, "configured"),
        (Switch::About(all), Info, "no servers", Incomplete, "no servers"),
        (layer(true), Info, "", Notified, "turned on (from policy Plant A)"),
        (layer(false), Critical, "", Off, "turned off (from policy Plant A)"),
        (layer(true), Info, "no servers", Incomplete, "no servers"),
    ] {
        let plan = plan_with(switch.clone(), severity, missing);
        assert_eq!(plan.decisions.len(), 1);
        assert_eq!(plan.decisions[0].kind, kind, "{switch:?}");
        assert!(plan.decisions[0].reason.contains(reason), "{}", plan.decisions[0].reason);
        assert_eq!(plan.notifications.len(), if kind == Notified { 2 } else { 0 });
    }
}

#[test]
fn content_is_rendered_and_frozen_with_its_ids() {
    let plan = plan_with(Switch::About(NotifyAbout::All), Severity::Critical, "");
    let [first, second] = &plan.notifications[..] else { panic!("one for each address") };
    assert_ne!(first.notification.id, second.notification.id);
    assert_eq!(second.recipients()[0].address, "b@x");
    let notification = &first.notification;
    assert_eq!(notification.created_at, Timestamp(9));
    assert_eq!(notification.content.message_id, format!("{}@host.example", notification.id));
    assert!(!notification.content.subject.contains(['\r', '\n']));
    assert!(notification.content.text.contains("Volume D: has 1 % left\r\nBcc: x@y"));
    assert!(notification.content.html.as_ref().expect("set").starts_with("<b>Volume"));
}
