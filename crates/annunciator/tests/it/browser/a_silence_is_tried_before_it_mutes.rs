//! The form of a silence shows what it would have muted while it is typed; saved, it mutes; ended,
//! the next event is notified again. Without a reason it is refused beside the field.

use annunciator_testkit::relay::Relay;

use super::{picture, signed_in};
use crate::support::{Site, critical, eventually};

#[test]
fn a_silence_is_tried_before_it_mutes() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    site.submit("disk.full");
    site.submit("disk.failing");
    drop(site.wait_for_deliveries(2, "delivered"));
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");

    browser.open("/silences");
    browser.wait_for_text("Nothing is muted");
    browser.click(".page-head .button.primary");
    browser.select("#matcher-0-field", "type");
    browser.type_into("#matcher-0-value", "disk.full");
    browser.wait_for_text("1 of the last 2 events");
    browser.click("[data-add-row]");
    browser.wait_for("#matcher-1-field");
    browser.select("#matcher-1-field", "severity");
    browser.select("#matcher-1-op", "greater_or_equal");
    browser.type_into("#matcher-1-value", "failure");
    browser.wait_for_text("1 of the last 2 events");
    picture(&browser, "silence-new");

    // The browser itself asks for a reason; a script that forgets it is refused beside the field.
    browser.script("document.querySelector('#comment').required = false");
    browser.click("#silence .button.primary");
    browser.wait_for(".field.is-wrong #comment");
    assert_eq!(browser.value("#matcher-0-value"), "disk.full", "what was typed stays");
    browser.type_into("#comment", "new disk <i>soon</i>");
    browser.click("#silence .button.primary");
    browser.wait_for_text("The silence is saved.");
    browser.wait_for_text("new disk <i>soon</i>");
    picture(&browser, "silences");

    let before = relay.message_count();
    site.submit_event(critical("disk.full"));
    eventually("the event is decided", || {
        let newest = &site.events()[0];
        let said = newest.to_string();
        if said.contains("silenced") { Ok(()) } else { Err(said) }
    });
    assert_eq!(relay.message_count(), before, "nobody was told");

    browser.click("td .button.small");
    drop(browser.accept_dialog());
    browser.wait_for_text("The silence has ended.");
    site.submit("disk.full");
    eventually("the next event is told", || {
        let count = relay.message_count();
        if count == before + 1 { Ok(()) } else { Err(count.to_string()) }
    });
}
