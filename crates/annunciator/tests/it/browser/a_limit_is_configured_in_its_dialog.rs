//! The numeric limit of notifications: a dialog says in words what it means, fills the form, and
//! the form saves it.

use annunciator_testkit::browser::Browser;
use serde_json::json;

use super::{click_amid, picture, signed_in};
use crate::support::Site;

fn open_dialog(browser: &Browser) {
    click_amid(browser, "[data-dialog=limit-dialog]");
    browser.wait_for("#limit-count");
}

fn apply(browser: &Browser) {
    browser.click("#limit-dialog .button.primary");
    browser.wait_until("the dialog is closed", || browser.find_all("dialog[open]").is_empty());
}

fn save(browser: &Browser) {
    browser.click(".actions-bar .button.primary");
    browser.wait_for_text("Saved.");
}

#[test]
fn a_limit_is_configured_in_its_dialog() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.open("/settings/email");
    assert_eq!(browser.text("#limit-words"), "No limit: every notification is sent.");
    open_dialog(&browser);
    browser.wait_for_text("At most 10 notifications in any 1 minute, all event types together.");
    browser.type_into("#limit-count", "0");
    browser.click("#limit-dialog .button.primary");
    browser.wait_for("#limit-count-error");
    picture(&browser, "settings-limit-wrong");
    browser.type_into("#limit-count", "3");
    browser.type_into("#limit-number", "2");
    browser.select("#limit-dialog select", "hours");
    browser.click("#limit-dialog input[value=event_type]");
    let words = "At most 3 notifications in any 2 hours, for each event type by itself.";
    browser.wait_until("it is said in words", || browser.text("#limit-meaning") == words);
    picture(&browser, "settings-limit");
    apply(&browser);
    browser.wait_until("the tab says it too", || browser.text("#limit-words") == words);
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing was saved yet");
    save(&browser);
    let limit = || site.get("/api/v1/settings")["values"]["email"]["limit"].clone();
    assert_eq!(limit(), json!({"count": 3, "period_s": 7_200, "per": "event_type"}));
    assert_eq!(browser.text("#limit-words"), words);

    open_dialog(&browser);
    assert_eq!(browser.value("#limit-number"), "2");
    browser.click("#limit-on");
    browser.wait_until("it is off", || {
        browser.text("#limit-meaning") == "No limit: every notification is sent."
    });
    apply(&browser);
    browser.click(".actions-bar .button.primary");
    browser.wait_until("it is saved", || limit() == json!("none"));
}
