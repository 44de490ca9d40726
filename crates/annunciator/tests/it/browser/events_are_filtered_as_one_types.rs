//! The first event comes by a button; what is typed filters at once and stands in the address; a
//! view is saved, shared and deleted; live, new rows come in without moving what is read.

use annunciator_testkit::relay::Relay;

use super::{add_user, picture, sign_in, signed_in};
use crate::support::{Site, critical};

#[test]
fn events_are_filtered_as_one_types() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    let Some(browser) = signed_in(&site) else { return };

    browser.open("/events");
    browser.wait_for_text("No event has come yet");
    assert!(browser.text("#first-event").starts_with("curl http://"));
    picture(&browser, "events-empty");
    browser.click_text(".empty .button.primary", "Send a sample event");
    browser.wait_for("#timeline");
    browser.wait_for_text("Sample: disk full");
    browser.wait_for_text("Delivered: 1");

    for (event_type, device) in [("disk.full", "pc-17"), ("door.open", "gate-1")] {
        site.submit_event(critical(event_type).device(device).group("Plant A/Line 2"));
    }
    site.submit_event(critical("fan.slow").severity("warning"));
    site.wait_until_idle();
    browser.open("/events");
    browser.wait_until("four rows", || browser.find_all("#rows tr").len() == 4);
    browser.wait_for_text("E-mail: delivered");
    picture(&browser, "events");
    browser.press("/");
    assert_eq!(browser.focused().attribute("name").as_deref(), Some("q"));
    browser.press("g a t e");
    browser.wait_until("one row", || browser.find_all("#rows tr").len() == 1);
    assert!(browser.url().ends_with("/events?q=gate"), "{}", browser.url());
    assert_eq!(browser.value("[data-filter]"), "gate", "typing goes on");
    browser.reload();
    browser.wait_until("one row after a reload", || browser.find_all("#rows tr").len() == 1);
    assert_eq!(browser.value("[data-filter]"), "gate");

    browser.click_text(".list-bar button", "Save this view");
    browser.type_into("#view-name", "Gates <b>all</b>");
    browser.click("#save-view input[name=shared]");
    picture(&browser, "events-save-view");
    browser.click("#save-view .button.primary");
    browser.wait_for_text("Gates <b>all</b>");
    add_user(&site, "oleg", "operator");
    let other = browser.new_session();
    sign_in(&other, "oleg");
    other.open("/events");
    other.click(".list-bar .chips a:nth-child(2)");
    other.wait_until("the shared view filters", || other.url().ends_with("?q=gate"));
    assert!(other.find_all(".list-bar form").is_empty(), "only its owner deletes it");
    browser.click(".list-bar form button");
    drop(browser.accept_dialog());
    browser.wait_until("the view is gone", || browser.find_all(".list-bar .chips a").len() == 1);

    browser.open("/events?q=absent");
    browser.wait_for_text("No event matches");
    picture(&browser, "events-none");

    browser.open("/events?severity=critical&live=on");
    let first = browser.attribute("#rows tr", "id");
    site.submit_event(critical("door.shut"));
    browser.wait_until("the new row is on top", || {
        browser.find_all("#rows tr").len() == 4 && browser.attribute("#rows tr", "id") != first
    });
    site.submit_event(critical("fan.stuck").severity("warning"));
    // Pointed at, rows stay where they are.
    let link = browser.find("#rows tr a.row-link");
    browser.script_with("arguments[0].focus()", &[link.reference()]);
    site.submit_event(critical("door.lost"));
    browser.wait_for_text("New: 1");
    assert_eq!(browser.find_all("#rows tr").len(), 4);
    browser.script("document.activeElement.blur()");
    browser.wait_until("what waited comes in", || browser.find_all("#rows tr").len() == 5);
}
