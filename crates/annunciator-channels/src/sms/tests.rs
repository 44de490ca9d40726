//! Rules of the SMS channel's settings and words, as tables.

use annunciator_settings::{LayerGroup as _, Origin};
use serde_json::{Value, json};

use super::*;
use crate::{MemoryKeeper, NamesSettings};

fn compiled(document: &Value) -> (ChannelProfile, Vec<Problem>) {
    let mut layers = ChannelLayers::default();
    layers.sms.patch(document).expect("valid settings");
    let view = LayerView { id: "server", origin: Origin::Server, layers: &layers, locked: None };
    let keeper = Arc::new(MemoryKeeper::default());
    let channel = make(&Surroundings {
        hello_name: "sender.test".into(),
        keeper,
        executables: Arc::default(),
    });
    let names = NamesSettings::default();
    let certificates = annunciator_certificates::CertificateBook::default();
    let first_retry = std::time::Duration::from_secs(60);
    let basis = Basis { names: &names, certificates: &certificates, first_retry };
    let views = [view];
    let transport = channel.transport(&views, basis);
    let problems = channel.find_problems(&views, basis);
    (channel.profile(&views, transport.as_ref()), problems)
}

/// Subject, text and addresses of each notification.
fn composed(document: &Value) -> Vec<(String, String, Vec<String>)> {
    let (profile, problems) = compiled(document);
    assert_eq!((problems, profile.missing.as_str()), (vec![], ""), "{document}");
    let composed = profile.composer.compose(&crate::sample_event(), "").into_iter();
    let row = |one: annunciator_planner::Composed| {
        let addresses = one.recipients.into_iter().map(|one| one.address).collect();
        (one.subject, one.text, addresses)
    };
    composed.map(row).collect()
}

fn row(subject: &str, text: &str, addresses: &[&str]) -> (String, String, Vec<String>) {
    let addresses = addresses.iter().map(|&address| address.to_owned()).collect();
    (subject.to_owned(), text.to_owned(), addresses)
}

#[test]
fn a_number_reaches_the_gateway_in_three_ways() {
    let base = json!({"servers": "g.example", "message": "%EVENT%",
                      "phone_numbers": "+491701234567; +79161234567"});
    let with = |more: Value| {
        let mut document = base.clone();
        let more = more.as_object().expect("an object").clone();
        document.as_object_mut().expect("an object").extend(more);
        document
    };
    assert_eq!(
        composed(&with(
            json!({"gateway_address": "%PHONE%@sms.example", "phone_format": "digits"})
        )),
        [row("", "Disk full", &["491701234567@sms.example", "79161234567@sms.example"])]
    );
    assert_eq!(
        composed(&with(json!({"recipients": "in@sms.example", "subject": "%PHONE%"}))),
        [
            row("+491701234567", "Disk full", &["in@sms.example"]),
            row("+79161234567", "Disk full", &["in@sms.example"]),
        ]
    );
    assert_eq!(
        composed(&with(json!({"recipients": "duty@sms.example", "phone_numbers": []}))),
        [row("", "Disk full", &["duty@sms.example"])]
    );
}

#[test]
fn what_does_not_fit_together_is_refused_with_its_remedy() {
    for (document, pointer, words) in [
        (json!({"phone_numbers": "+491701234567"}), "/gateway_address", "%PHONE%@"),
        (
            json!({"phone_numbers": "+491701234567", "recipients": "in@sms.example"}),
            "/message",
            "write %PHONE%",
        ),
        (json!({"recipients": "nobody"}), "/recipients/0", "@"),
        (json!({"sender": "nobody"}), "/sender", "@"),
    ] {
        let (profile, problems) = compiled(&document);
        assert_eq!(problems.len(), 1, "{document}: {problems:?}");
        assert_eq!(problems[0].pointer, pointer);
        assert!(problems[0].detail.contains(words), "{}", problems[0].detail);
        assert!(!profile.missing.is_empty());
    }
}

#[test]
fn a_text_is_cut_to_its_segments() {
    let long = "x".repeat(500);
    let base = json!({"servers": "g.example", "recipients": "duty@sms.example", "message": long});
    let text_with = |key: &str, value: Value| {
        let mut document = base.clone();
        document[key] = value;
        composed(&document).remove(0).1
    };
    assert_eq!(text_with("segments_max", json!(1)).len(), 160);
    assert!(text_with("segments_max", json!(1)).ends_with("..."));
    assert_eq!(text_with("segments_max", json!(0)), long);
    assert_eq!(measure(&text_with("port", json!(26))).segments, 3);
}
