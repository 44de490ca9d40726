//! Goal: an SMS reaches the gateway in each of the three ways, short enough, and the test message
//! says what it costs. Method: the real binary with two relays; mail goes to one, SMS to the other.

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{OPERATOR, PATIENCE, Site, critical, email_settings, field_errors, text};

/// SMS settings for a gateway on this port.
fn sms_settings(port: u16) -> Value {
    json!({
        "servers": ["127.0.0.1"], "port": port, "sender": "annunciator@example.org",
        "notify_about": ["critical"],
    })
}

fn site_with(gateway: &Relay, more: &Value) -> Site {
    let site = Site::start();
    let mut sms = sms_settings(gateway.port());
    let more = more.as_object().expect("an object").clone();
    sms.as_object_mut().expect("an object").extend(more);
    site.save(&json!({ "sms": sms }));
    site
}

#[test]
fn each_number_has_its_address_and_the_mail_goes_to_its_own_relay() {
    let (gateway, relay) = (Relay::builder().start(), Relay::builder().start());
    let site = site_with(
        &gateway,
        &json!({"phone_numbers": "+49 170 1234567; +7 916 123-45-67",
               "gateway_address": "%PHONE%@sms.example.org", "phone_format": "digits"}),
    );
    site.save(&json!({ "email": email_settings(relay.port()) }));
    site.submit("disk.full");
    let deliveries = site.wait_for_deliveries(3, "delivered");
    let sms = gateway.wait_for_messages(1, PATIENCE).unwrap().remove(0);
    assert_eq!(sms.forward_paths, ["491701234567@sms.example.org", "79161234567@sms.example.org"]);
    let mail = relay.wait_for_messages(1, PATIENCE).unwrap().remove(0);
    assert_eq!(mail.forward_paths, [OPERATOR]);
    let channels: Vec<&str> = deliveries.iter().map(|one| text(&one["channel"])).collect();
    assert_eq!(channels.iter().filter(|channel| **channel == "sms").count(), 2);
    // Milder events are not worth an SMS, and the ledger says so.
    site.submit_event(critical("cpu.warm").severity("warning"));
    site.wait_until_idle();
    let event = site.events().remove(0);
    let decisions = event["decisions"].as_array().expect("a list");
    let of_sms = decisions.iter().find(|one| one["channel"] == "sms").expect("one for SMS");
    assert_eq!(of_sms["decision"], "off");
    assert_eq!(gateway.message_count(), 1);
}

#[test]
fn a_fixed_address_gets_each_number_in_the_words() {
    let gateway = Relay::builder().start();
    let site = site_with(
        &gateway,
        &json!({"phone_numbers": ["+491701234567", "+79161234567"],
               "recipients": ["in@sms.example.org"], "subject": "%PHONE%"}),
    );
    site.submit("disk.full");
    drop(site.wait_for_deliveries(2, "delivered"));
    let messages = gateway.wait_for_messages(2, PATIENCE).unwrap();
    let mut subjects: Vec<_> = messages.iter().map(|one| one.header("Subject")).collect();
    subjects.sort();
    assert_eq!(subjects, [Some("+491701234567".to_owned()), Some("+79161234567".to_owned())]);
    assert!(messages.iter().all(|one| one.forward_paths == ["in@sms.example.org"]));
}

#[test]
fn a_long_text_is_cut_and_the_test_message_tells_what_it_costs() {
    let gateway = Relay::builder().start();
    let site = site_with(
        &gateway,
        &json!({"recipients": ["duty@sms.example.org"], "message": "%DESCR%", "segments_max": 1,
               "transliterate": true}),
    );
    site.submit_event(critical("fire").description(&"Пожар в цехе. ".repeat(40)));
    drop(site.wait_for_deliveries(1, "delivered"));
    let sms = gateway.wait_for_messages(1, PATIENCE).unwrap().remove(0);
    let body = String::from_utf8_lossy(sms.body()).into_owned();
    assert!(body.starts_with("Pozhar v tsekhe."), "{body}");
    assert!(body.trim_end().ends_with("..."), "{body}");
    let length = body.trim_end().len();
    assert!((150..=160).contains(&length), "{length}: {body}");
    let request = json!({"channel": "sms", "sms": {"message": "жж"}, "dry_run": true});
    let result = site.post("/api/v1/test-message", &request).expect_status(200).json();
    assert_eq!(result["ok"], true, "{result}");
    let stage = &result["stages"][0];
    assert!(text(&stage["detail"]).contains("1 segment, 4 characters of GSM-7"), "{stage}");
    assert_eq!(gateway.message_count(), 1, "a dry run sends nothing");
}

#[test]
fn a_number_that_is_none_is_refused_with_the_remedy() {
    let site = Site::start();
    for (sms, pointer, remedy) in [
        (json!({"phone_numbers": ["0170 1234567"]}), "/sms/phone_numbers/0", "country code"),
        (json!({"phone_numbers": ["+49170"]}), "/sms/phone_numbers/0", "49"),
        (json!({"phone_numbers": ["+491701234567"]}), "/sms/gateway_address", "%PHONE%@"),
        (json!({"gateway_address": "%EVENT%@x.example"}), "/sms/gateway_address", "PHONE"),
        (json!({"mx_lookup": true}), "/sms/mx_lookup", "email.mx_lookup"),
        (json!({"segments_max": 1000}), "/sms/segments_max", "255"),
    ] {
        let problem = site.patch_settings(&json!({"sms": sms})).expect_status(422).json();
        let errors = field_errors(&problem);
        assert_eq!(errors[0].0, pointer, "{sms}: {problem}");
        assert!(text(&problem["errors"][0]["detail"]).contains(remedy), "{problem}");
    }
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing was saved");
}
