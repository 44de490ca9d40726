//! While the relay is down the ledger says so; ticked rows are cancelled and tried again, with a
//! reason for each that could not; when the relay is up, what waited goes out, and what the relay
//! put off goes out at a click; the page shows it by itself. A viewer sees no such buttons, and the API refuses what he sends all the same.

use annunciator_testkit::browser::Browser;
use annunciator_testkit::relay::{Relay, Stage, When, reply};

use super::{add_user, picture, sign_in, signed_in};
use crate::support::{PATIENCE, Site, eventually, text};

/// Ticks a row.
fn tick(browser: &Browser, id: &str) {
    browser.click(&format!("#d-{id} input[name=delivery]"));
}

/// Waits until the page of a delivery shows by itself that it was delivered.
fn wait_until_delivered(browser: &Browser) {
    browser.wait_until("the page shows that it was delivered", || {
        browser.text("#state-badge").starts_with("Delivered")
    });
}

/// What a viewer sees of the ledger, and what comes of trying more.
fn check_viewer(browser: &Browser, site: &Site, id: &str) {
    add_user(site, "vera", "viewer");
    let viewer = browser.new_session();
    viewer.tolerate("status of 403");
    sign_in(&viewer, "vera");
    viewer.open("/ledger");
    viewer.wait_for(&format!("#d-{id}"));
    assert!(viewer.find_all("input[name=delivery]").is_empty());
    viewer.open(&format!("/ledger/{id}"));
    viewer.wait_for("#state-facts");
    assert!(viewer.find_all("#main form").is_empty());
    let sent = viewer.script(&format!(
        "return fetch('/api/v1/deliveries/retry', {{ method: 'POST', \
         headers: {{ 'content-type': 'application/json' }}, \
         body: JSON.stringify({{ deliveries: ['{id}'] }}) }}).then((answer) => answer.status)"
    ));
    assert_eq!(sent, 403);
    let posted = viewer.script(&format!(
        "return fetch('/ledger/{id}/retry', {{ method: 'POST' }}).then((answer) => answer.status)"
    ));
    assert_eq!(posted, 403);
}

/// What the relay puts off for a minute goes out at once when somebody says so, and goes out once
/// more as a new delivery.
fn check_put_off(browser: &Browser, site: &Site, relay: &Relay) {
    relay.on(Stage::Rcpt, When::Times(1), reply("450 4.2.1 busy"));
    site.submit("door.open");
    let mut third = String::new();
    eventually("it is put off", || {
        let newest = site.deliveries()[0].clone();
        text(&newest["id"]).clone_into(&mut third);
        if newest["attempts"] == 1 && newest["state"] == "queued" {
            Ok(())
        } else {
            Err(newest.to_string())
        }
    });
    browser.open(&format!("/ledger/{third}"));
    browser.wait_for_text("450 4.2.1 busy");
    browser.click("#state-actions .button.primary");
    drop(browser.accept_dialog());
    browser.wait_for_text("It is tried again.");
    wait_until_delivered(browser);
    picture(browser, "delivery");

    browser.click("#state-actions .button");
    drop(browser.accept_dialog());
    browser.wait_for_text("this is the new delivery");
    assert!(!browser.url().contains(&third), "{}", browser.url());
    relay.wait_for_messages(3, PATIENCE).unwrap();
}

#[test]
fn a_delivery_is_tried_again_from_the_ledger() {
    let relay = Relay::builder().start();
    relay.go_down();
    let site = Site::with_relay(&relay);
    let Some(browser) = signed_in(&site) else { return };

    browser.open("/ledger");
    browser.wait_for_text("No notification has been planned yet");
    picture(&browser, "ledger-empty");
    site.submit("disk.full");
    let waiting = site.wait_for_the_delivery("waits for its relay", |detail| {
        detail["delivery"]["waiting_for"].is_string()
    });
    let first = text(&waiting["delivery"]["id"]).to_owned();
    site.submit("disk.failing");
    site.wait_for_deliveries(2, "queued");
    let second = site.deliveries()[0]["id"].clone();
    let second = text(&second);
    check_viewer(&browser, &site, &first);

    browser.open("/ledger?state=queued");
    browser.wait_for_text("The relay is in trouble");
    browser.wait_until("the tab counts what waits", || browser.text("#tab-queued .count") == "2");
    tick(&browser, second);
    browser.click(".actions-bar button[value=cancel]");
    drop(browser.accept_dialog());
    browser.wait_for_text("1 delivery was cancelled.");

    // Both at once: one can be tried again, the other says why not.
    browser.open("/ledger");
    tick(&browser, &first);
    tick(&browser, second);
    browser.wait_until("two rows are ticked", || browser.text("[data-selection-count]") == "2");
    picture(&browser, "ledger");
    browser.click(".actions-bar button[value=retry]");
    // Whether the relay is known not to answer, or just then asked again, is a matter of moments.
    browser.wait_for_text("1 delivery is tried ");
    browser.wait_for_text("1 could not:");
    browser.wait_for_text("It is cancelled.");

    browser.open(&format!("/ledger/{second}"));
    browser.wait_for_text("Cancelled by");
    assert!(!browser.page_text().contains("Tried again by"), "that was refused");
    // Up again, the relay gets what waited; nobody loads the page anew.
    browser.open(&format!("/ledger/{first}"));
    browser.wait_for_text("Queued");
    picture(&browser, "delivery-waits");
    relay.come_up();
    wait_until_delivered(&browser);
    relay.wait_for_messages(1, PATIENCE).unwrap();
    check_put_off(&browser, &site, &relay);
}
