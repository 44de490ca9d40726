//! A mail about an incident is read in a narrow and in a wide window, in light and in dark colours:
//! nothing is wider than the window, and axe-core finds nothing grave.

use annunciator_testkit::python_email::parse_with_python;
use annunciator_testkit::relay::Relay;
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use super::{picture, signed_in};
use crate::subscribers_are_mailed_once_in_their_language::{incident, notifier};
use crate::support::{PATIENCE, Site};

/// A picture of one point, in place of the mail's: a page cannot look into a message.
const POINT: &str =
    "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

/// A severe one with long names and links, and with samples.
fn long_incident() -> Value {
    let mut one = incident("0197a0b0-0000-7000-8000-000000000001");
    let minute = |n: u32| format!("2026-11-22T22:{n:02}:00Z");
    let value = |n: u32| 560.664_643_972_892_6 + f64::from(n % 7);
    let sample = |n: u32| json!({"at": minute(n), "value": value(n)});
    one["severity"] = json!("critical");
    one["detector"]["kind"] = json!("limit");
    one["threshold"] = json!(565.25);
    one["top_tag"]["name"] = json!("PLANT_A.LINE_2.BOILER_3.STEAM_TEMPERATURE_BEHIND_THE_BOILER");
    one["history"] = json!(format!("https://mlad.example/history/{}", "boiler-3".repeat(20)));
    one["samples"] = (0..60).map(sample).collect();
    one
}

#[test]
fn a_mail_about_an_incident_fits_a_telephone() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    site.save(&json!({"console": {"url": "https://alerts.example.org"},
        "mail_notifier": notifier(relay.port()), "incidents": {"subscriptions": [
            {"name": "A", "addresses": "a@example.org", "language": "ru"}]}}));
    drop(site.post("/api/v1/incidents", &long_incident()).expect_status(202));
    let messages = relay.wait_for_messages(1, PATIENCE).unwrap();
    let mail = &parse_with_python(&[messages[0].raw.clone()])[0];
    let (id, ..) = &mail.pictures[0];
    let shown = format!("cid:{}", id.trim_matches(['<', '>']));
    let html = mail.html.as_deref().unwrap();
    assert!(html.contains(&shown), "{html}");
    let html = html.replace(&shown, POINT);
    let page = Base64::encode_string(html.as_bytes());
    browser.open(&format!("data:text/html;charset=utf-8;base64,{page}"));
    let subject = mail.header("Subject").unwrap_or_default();
    assert!(subject.starts_with("Критическое событие: Инцидент (boiler-3, PLANT_A."), "{subject}");
    assert!(browser.find("h2").text().starts_with("Инцидент: boiler-3, PLANT_A."));
    let ground = || browser.script("return getComputedStyle(document.body).backgroundColor");
    assert_eq!(ground(), "rgb(255, 255, 255)");
    browser.emulate_dark(true);
    assert_eq!(ground(), "rgb(20, 25, 31)", "dark where the reader likes it");
    picture(&browser, "incident-mail");
    site.wait_for_deliveries(1, "delivered");
}
