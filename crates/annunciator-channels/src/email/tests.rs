//! Rules of the e-mail channel's settings, as tables.

use annunciator_core::{DecisionKind, RecipientRole};
use annunciator_settings::{LayerGroup as _, Origin};
use serde_json::{Value, json};

use super::*;
use crate::{MemoryKeeper, NamesSettings};

fn channel() -> Arc<dyn Channel> {
    let keeper = Arc::new(MemoryKeeper::default());
    make(&Surroundings { hello_name: "sender.test".into(), keeper, executables: Arc::default() })
}

fn layers(document: &Value) -> ChannelLayers {
    let mut layers = ChannelLayers::default();
    layers.email.patch(document).expect("valid settings");
    layers
}

fn profile_of(document: &Value) -> ChannelProfile {
    let layers = layers(document);
    let view = LayerView { id: "server", origin: Origin::Server, layers: &layers, locked: None };
    let (channel, names) = (channel(), NamesSettings::default());
    let certificates = annunciator_certificates::CertificateBook::default();
    let first_retry = std::time::Duration::from_secs(60);
    let basis = Basis { names: &names, certificates: &certificates, first_retry };
    let transport = channel.transport(std::slice::from_ref(&view), basis);
    channel.profile(&[view], transport.as_ref())
}

#[test]
fn what_is_missing_is_said_recipients_first() {
    let check = |document: Value, expected: &str| {
        assert_eq!(profile_of(&document).missing, expected, "{document}");
    };
    check(json!({}), "no recipients are set");
    check(json!({"servers": "a.example"}), "no recipients are set");
    check(json!({"recipients": "a@example.org"}), "no SMTP servers are set");
    check(json!({"recipients": "a@example.org", "servers": "a.example"}), "");
}

#[test]
fn an_address_is_told_once_in_its_first_role() {
    let profile = profile_of(&json!({
        "recipients": "a@Example.org; b@example.org",
        "recipients_cc": "a@example.ORG; c@example.org",
        "recipients_bcc": "c@example.org; A@example.org",
    }));
    let event = crate::sample_event();
    let composed = profile.composer.compose(&event, "").remove(0);
    let told: Vec<_> =
        composed.recipients.iter().map(|one| (one.address.as_str(), one.role)).collect();
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
fn a_layer_that_says_so_turns_the_channel_on_or_off() {
    let server = layers(&json!({"recipients": "a@example.org", "servers": "a.example"}));
    for (document, severity, kind) in [
        (json!({"notify": true}), annunciator_core::Severity::Info, DecisionKind::Notified),
        (json!({"notify": false}), annunciator_core::Severity::Critical, DecisionKind::Off),
        (json!({}), annunciator_core::Severity::Critical, DecisionKind::Notified),
        (json!({}), annunciator_core::Severity::Info, DecisionKind::Off),
    ] {
        let nearer = layers(&document);
        let views = [
            LayerView { id: "x", origin: Origin::Server, layers: &nearer, locked: None },
            LayerView { id: "server", origin: Origin::Server, layers: &server, locked: None },
        ];
        let notify = notify_of(&views);
        let switch = switch_of(&notify, &notify.values.notify_about, notify.values.notify);
        let (is_on, _) = switch.decide(severity);
        assert_eq!(is_on, kind == DecisionKind::Notified, "{document}");
    }
}

#[test]
fn the_lane_follows_the_layer_that_names_the_servers() {
    let server = layers(&json!({"recipients": "a@example.org", "servers": "a.example"}));
    let check = |document: Value, expected: &str| {
        let nearer = layers(&document);
        let views = [
            LayerView { id: "policy/x/all", origin: Origin::Server, layers: &nearer, locked: None },
            LayerView { id: "server", origin: Origin::Server, layers: &server, locked: None },
        ];
        let supplier = relay_of(&views).supplier_of("servers");
        assert_eq!(lane_id(&views, supplier), expected);
    };
    check(json!({"port": 26}), "server");
    check(json!({"servers": "b.example"}), "policy/x/all");
}

#[test]
fn a_notification_counts_against_the_limit_of_the_layer_that_sets_it() {
    let server = layers(&json!({"limit": {"count": 5, "period_s": 60}}));
    let check = |nearer: Value, expected: Option<&str>| {
        let nearer = layers(&nearer);
        let views = [
            LayerView { id: "policy/x/all", origin: Origin::Server, layers: &nearer, locked: None },
            LayerView { id: "server", origin: Origin::Server, layers: &server, locked: None },
        ];
        let notify = notify_of(&views);
        let name = ChannelName::from_static(NAME);
        let limit = limit_of(&name, &views, &notify, notify.values.limit.as_ref());
        let key = limit.map(|limit| limit.for_event(&crate::sample_event()).key.0.to_string());
        assert_eq!(key.as_deref(), expected);
    };
    check(json!({}), Some("email/server"));
    check(json!({"limit": "none"}), None);
    check(json!({"limit": {"count": 1, "period_s": 1}}), Some("email/policy%2Fx%2Fall"));
    check(
        json!({"limit": {"count": 1, "period_s": 1, "per": "event_type"}}),
        Some("email/policy%2Fx%2Fall/Storage Guard/disk.full"),
    );
}

#[test]
fn texts_that_nobody_set_are_in_the_readers_language() {
    let check = |document: Value, subject: &str, text: &str| {
        let composed = profile_of(&document).composer.compose(&crate::sample_event(), "").remove(0);
        assert_eq!(composed.subject, subject, "{document}");
        assert!(composed.text.contains(text), "{document}: {}", composed.text);
        // What is shown is what is used, and it still counts as the compiled default.
        let layers = layers(&document);
        let view =
            LayerView { id: "server", origin: Origin::Server, layers: &layers, locked: None };
        let effective = channel().effective(&[view]);
        let shown = effective.iter().find(|one| one.key == "subject").unwrap();
        let is_set = document.get("subject").is_some();
        assert_eq!(shown.origin == Origin::CompiledDefault, !is_set, "{document}");
        let is_russian = shown.value.as_str().unwrap().contains("устройстве");
        assert_eq!(is_russian, subject.contains("устройстве"), "{document}");
    };
    let to = "a@example.org";
    check(
        json!({"recipients": to}),
        "Critical: Disk full on pc-17",
        "Time:        1970-01-01T00:00:00.000Z",
    );
    check(
        json!({"recipients": to, "language": "ru", "time_zone": "Europe/Moscow",
            "time_format": "local"}),
        "Критическое событие: Disk full на устройстве pc-17",
        "Время:      01.01.1970 03:00:00 UTC+03:00",
    );
    // A template of one's own is nobody's to translate; the words in it are the reader's.
    check(
        json!({"recipients": to, "language": "ru", "subject": "%SEVERITY%", "message": "x"}),
        "Критическое событие",
        "x",
    );
    check(json!({"recipients": to, "language": "ru", "subject": ""}), "", "Устройство: pc-17");
}

#[test]
fn recipients_with_different_readers_get_messages_of_their_own() {
    let notify = notify_of(&[]);
    let (words, fault) = words_of(&notify);
    assert_eq!(fault, "");
    let recipients = layers(&json!({"recipients": "a@x.example; b@x.example; c@x.example"}));
    let view =
        LayerView { id: "server", origin: Origin::Server, layers: &recipients, locked: None };
    let recipients = notify_of(&[view]).values.list_recipients();
    let reader_of = |recipient: &annunciator_core::Recipient| {
        let language = match recipient.address.as_str() {
            "b@x.example" => annunciator_template::Language::Russian,
            _ => annunciator_template::Language::English,
        };
        annunciator_template::Reader { language, ..annunciator_template::Reader::STANDARD.clone() }
    };
    let composer = EmailComposer::new(words, "s@x.example".to_owned(), recipients, &reader_of);
    let composed = annunciator_planner::Compose::compose(&composer, &crate::sample_event(), "");
    let told: Vec<(&str, usize)> =
        composed.iter().map(|one| (one.subject.as_str(), one.recipients.len())).collect();
    assert_eq!(
        told,
        [
            ("Critical: Disk full on pc-17", 2),
            ("Критическое событие: Disk full на устройстве pc-17", 1),
        ]
    );
}
