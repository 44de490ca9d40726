//! Rules of silences, as tables.

use annunciator_core::{DecisionKind, Severity};
use annunciator_settings::NotifyAbout;
use serde_json::json;

use super::*;
use crate::Switch;
use crate::tests::{event, plan_silenced};

const EMAIL: ChannelName = ChannelName::from_static("email");

fn silence(number: u64, starts_at: i64, ends_at: i64) -> Silence {
    let matchers = json!([{"field": "device", "op": "equals", "value": "pc-17"}]);
    Silence {
        id: SilenceId::from_parts(number, [0; 10]),
        matchers: MatcherSet::from_json(&matchers).expect("valid"),
        channels: Vec::new(),
        author: "token ops-1".to_owned(),
        comment: "new disk".to_owned(),
        created_at: Timestamp(0),
        starts_at: Timestamp(starts_at),
        ends_at: Timestamp(ends_at),
    }
}

#[test]
fn a_silence_mutes_from_its_start_until_its_end() {
    for (now, expected) in [
        (9, SilenceState::Pending),
        (10, SilenceState::Active),
        (19, SilenceState::Active),
        (20, SilenceState::Ended),
    ] {
        let silences = [silence(1, 10, 20)];
        assert_eq!(silences[0].state(Timestamp(now)), expected, "{now}");
        let found = silenced_by(&event(Severity::Info), &EMAIL, &silences, Timestamp(now));
        assert_eq!(found.is_some(), expected == SilenceState::Active, "{now}");
    }
    // One that was ended before its start has ended.
    assert_eq!(silence(1, 10, 5).state(Timestamp(7)), SilenceState::Ended);
}

#[test]
fn it_mutes_the_events_it_matches_on_its_channels() {
    let check = |channels: &[ChannelName], device: &str, expected: bool| {
        let silences = [Silence { channels: channels.to_vec(), ..silence(1, 0, 10) }];
        let mut event = event(Severity::Info);
        event.device.name = device.to_owned();
        let found = silenced_by(&event, &EMAIL, &silences, Timestamp(5));
        assert_eq!(found.is_some(), expected, "{channels:?} {device}");
    };
    let sms = ChannelName::from_static("sms");
    check(&[], "pc-17", true);
    check(&[], "pc-18", false);
    check(&[sms.clone(), EMAIL], "pc-17", true);
    check(&[sms], "pc-17", false);
}

#[test]
fn of_several_the_one_that_ends_last_gives_the_reason() {
    let silences = [silence(1, 0, 20), silence(3, 0, 30), silence(2, 0, 30), silence(4, 9, 99)];
    let found = silenced_by(&event(Severity::Info), &EMAIL, &silences, Timestamp(5));
    assert_eq!(found.map(|silence| silence.id), Some(silences[1].id));
    let id = silences[1].id;
    let expected =
        format!("silenced until 1970-01-01T00:00:00.030Z by token ops-1: new disk (silence {id})");
    assert_eq!(silences[1].reason(), expected);
}

#[test]
fn a_muted_event_is_decided_and_not_notified() {
    let all = || Switch::About(NotifyAbout::All);
    let silences = [silence(1, 0, 20)];
    let plan = plan_silenced(all(), &silences, Timestamp(5));
    assert_eq!(plan.decisions[0].kind, DecisionKind::Silenced);
    assert_eq!(plan.decisions[0].reason, silences[0].reason());
    assert!(plan.notifications.is_empty());
    let plan = plan_silenced(all(), &silences, Timestamp(20));
    assert_eq!(plan.decisions[0].kind, DecisionKind::Notified);
    // A channel that is off is off, whatever the silences.
    let off = Switch::About(NotifyAbout::Severities(Vec::new()));
    let plan = plan_silenced(off, &silences, Timestamp(5));
    assert_eq!(plan.decisions[0].kind, DecisionKind::Off);
}
