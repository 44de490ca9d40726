//! A subscription made in the page gets the mail of an incident that is posted; its status is
//! changed in the page; who would be told, and the statuses, are shown and edited.

use annunciator_testkit::browser::Browser;
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use super::{click_amid, picture, signed_in};
use crate::support::Site;

#[test]
fn a_subscription_made_in_the_page_gets_the_mail() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.open("/incidents");
    browser.wait_for_text("No incident has come yet");
    picture(&browser, "incidents-empty");
    browser.open("/subscriptions");
    browser.wait_for_text("cannot send anything now");
    picture(&browser, "subscriptions-empty");

    browser.open("/subscriptions/new");
    browser.type_into("#name", "Boilers <b>");
    browser.type_into("#addresses", "shift@plant.example; lead@");
    browser.type_into("#models", "Boiler *");
    click_amid(&browser, ".actions-bar .primary");
    browser.wait_for(".field.is-wrong #addresses");
    picture(&browser, "subscription-wrong");
    browser.type_into("#addresses", "shift@plant.example");
    click_amid(&browser, "#follow-ups");
    click_amid(&browser, ".actions-bar .primary");
    browser.wait_for_text("Boilers <b>");
    let notifier = json!({"mail_notifier": {"servers": ["127.0.0.1"], "port": relay.port(),
        "sender": "notifier@plant.example"}});
    drop(site.patch_settings(&notifier).expect_status(200));

    drop(site.post("/api/v1/incidents", &incident()).expect_status(202));
    browser.wait_until("the mail has come", || relay.message_count() == 1);

    browser.open("/incidents");
    browser.wait_for_text("TI-101");
    picture(&browser, "incidents");
    browser.click("td .row-link");
    browser.wait_for_text("Steam <i>temperature</i>");
    let link = browser.attribute(".page-head .actions a", "href");
    assert_eq!(link.as_deref(), Some("https://mlad.example.org/history"));
    picture(&browser, "incident");
    browser.select("#status", "ignore");
    browser.type_into("#comment", "sensor replaced");
    browser.click("#status-form .primary");
    browser.wait_for_text("The status is changed.");
    browser.wait_for_text("sensor replaced");

    browser.click_text(".page-head .actions a", "Who would be told");
    browser.wait_for_text("Nothing would be sent:");
    browser.open("/subscriptions/preview?kind=forecaster&model=Boiler+9&severity=critical");
    browser.wait_for_text("1 address is told");
    picture(&browser, "subscriptions-preview");
    browser.open("/subscriptions");
    picture(&browser, "subscriptions");
    browser.click("form[action$='/switch'] button");
    browser.wait_for_text("Turn on");
    browser.click("td a");
    browser.wait_for("#name");
    picture(&browser, "subscription");

    edit_statuses(&site, &browser);
}

/// A status is added.
fn edit_statuses(site: &Site, browser: &Browser) {
    browser.open("/subscriptions/statuses");
    click_amid(browser, "[data-add-row]");
    browser.wait_for("#status-7-code");
    browser.type_into("#status-7-code", "waits_for_parts");
    browser.type_into("#status-7-name", "Waits for parts");
    picture(browser, "statuses");
    browser.click(".actions-bar .primary");
    browser.wait_for_text("Saved.");
    let settings = site.get("/api/v1/settings");
    assert_eq!(settings["values"]["incidents"]["statuses"][7]["code"], "waits_for_parts");
}

/// An incident with samples, and markup that must stay text.
fn incident() -> Value {
    let samples: Vec<_> = (0..40)
        .map(|at| json!({"at": format!("2026-11-22T05:{at:02}:00Z"), "value": 540.0 + f64::from(at)}))
        .collect();
    json!({"id": "i-1", "detector": {"kind": "forecaster", "name": "MLAD"},
        "model": "Boiler 3", "severity": "warning", "mse": 0.25, "threshold": 0.125,
        "asset": {"name": "boiler-3", "group": "Plant A"}, "samples": samples,
        "top_tag": {"name": "TI-101", "description": "Steam <i>temperature</i>", "value": 571.5,
            "units": "°C"},
        "start": "2026-11-22T05:10:00Z", "history": "https://mlad.example.org/history"})
}
