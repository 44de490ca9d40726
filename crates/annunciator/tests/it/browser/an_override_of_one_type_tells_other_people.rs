//! An override for one event type, typed into its editor, sends the next event of that type to
//! other people in other words; a wrong address stands beside its field, conditions choose among
//! events, and clearing it brings the server's people back. The why page says all of that before.

use super::{picture, signed_in};
use crate::support::{OPERATOR, PATIENCE, Site, critical};
use annunciator_testkit::browser::Browser;
use annunciator_testkit::events::EventBuilder;
use annunciator_testkit::relay::{Message, Relay};

const DISK_FULL: &str = "/event-configuration/override?pick=Storage%20Guard%09disk.full";

fn event(event_type: &str, free: u32) -> EventBuilder {
    critical(event_type).application("Storage Guard", "1.4").parameter("free", free)
}

/// Hands in an event and gives its message.
fn told(site: &Site, relay: &Relay, event_type: &str, free: u32) -> Message {
    let before = relay.message_count();
    site.submit_event(event(event_type, free));
    relay.wait_for_messages(before + 1, PATIENCE).expect("a message").remove(before)
}

fn set_here(browser: &Browser, setting: &str, value: &str) {
    browser.select(&format!("#mode-{setting}"), "own");
    browser.type_into(&format!("#{setting}"), value);
}

fn save(browser: &Browser) {
    browser.click(".actions-bar .button.primary");
}

#[test]
fn an_override_of_one_type_tells_other_people() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    assert_eq!(told(&site, &relay, "disk.full", 50).forward_paths, [OPERATOR]);
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");

    browser.open("/event-configuration");
    browser.type_into("#q", "no such type");
    browser.wait_for_text("No event type is found that way.");
    browser.type_into("#q", "disk");
    browser.click_text("td.name a", "disk.full");
    browser.wait_for_text("server-wide settings");
    browser.click("details.channel summary");
    assert!(browser.text("#row-email-recipients").contains(OPERATOR), "what is inherited");
    assert!(!browser.is_shown("#email-recipients"), "nothing of its own yet");
    set_here(&browser, "email-recipients", "disks at example.org");
    set_here(&browser, "email-subject", "Disks: %EVENT_TYPE%");
    save(&browser);
    browser.wait_for("#email-recipients-error");
    assert_eq!(browser.value("#email-subject"), "Disks: %EVENT_TYPE%", "what was typed stays");
    picture(&browser, "override-refused");
    browser.type_into("#email-recipients", "disks@example.org");
    save(&browser);
    browser.wait_for_text("Saved.");
    browser.wait_for_text("set here");
    picture(&browser, "event-configuration");

    let message = told(&site, &relay, "disk.full", 50);
    assert_eq!(message.forward_paths, ["disks@example.org"]);
    assert_eq!(message.header("Subject").as_deref(), Some("Disks: disk.full"));
    assert_eq!(told(&site, &relay, "cpu.hot", 50).forward_paths, [OPERATOR], "another type");

    add_conditions(&browser);
    assert_eq!(told(&site, &relay, "disk.full", 3).forward_paths, ["on-call@example.org"]);
    assert_eq!(told(&site, &relay, "disk.full", 50).forward_paths, ["disks@example.org"]);
    ask_why(&browser, &site);

    browser.open(DISK_FULL);
    browser.click(".page-head .button.danger");
    drop(browser.accept_dialog());
    browser.wait_for_text("what is farther holds again");
    assert_eq!(told(&site, &relay, "disk.full", 50).forward_paths, [OPERATOR], "cleared");
}

/// One more override for the same type, for events with little space alone.
fn add_conditions(browser: &Browser) {
    browser.open(DISK_FULL);
    browser.click_text("a", "Another one with other conditions");
    browser.click("[data-add-row]");
    browser.wait_for("#matcher-0-field");
    browser.select("#matcher-0-field", "parameters.");
    browser.type_into("#matcher-0-parameter", "free");
    browser.select("#matcher-0-op", "less");
    browser.type_into("#matcher-0-value", "5");
    browser.click("details.channel summary");
    set_here(browser, "email-recipients", "on-call@example.org");
    save(browser);
    browser.wait_for_text("disk.full where free < 5");
}

/// The why page of a stored event, and of one that could come.
fn ask_why(browser: &Browser, site: &Site) {
    let uid = site.events()[0]["uid"].as_str().unwrap().to_owned();
    browser.open(&format!("/event-configuration/explain?event={uid}"));
    browser.wait_for_text("condition does not hold");
    assert!(browser.text(".message-shown").contains("disks@example.org"));
    browser.click_text("summary", "Try another event");
    browser.type_into("#why-parameters", "free=1");
    picture(browser, "why");
    browser.click_text("button", "Explain");
    browser.wait_for_text("One that could come");
    assert!(browser.text(".message-shown").contains("on-call@example.org"));
}
