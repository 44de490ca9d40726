//! A policy is made for a device group and locks what it sets: the editor of a device says that it
//! is locked and by whom, and the why page what is set there in vain. Names stay text.

use annunciator_testkit::browser::Browser;
use serde_json::json;

use super::{picture, signed_in};
use crate::support::{Site, answer, critical};

const NAME: &str = "<i>Plant</i> A";

fn make_policy(browser: &Browser) {
    browser.open("/event-configuration/groups");
    browser.wait_for_text("No device groups yet");
    browser.type_into("#path", "Hall//Line");
    browser.click("form.card .button.primary");
    browser.wait_for("#path-error");
    browser.type_into("#path", "Hall/<u>Line");
    browser.click("form.card .button.primary");
    browser.wait_for_text("<u>Line");
    picture(browser, "device-groups");
    browser.open("/event-configuration/policy?group=Hall");
    browser.type_into("#name", NAME);
    browser.type_into("#policy-application", "Guard");
    picture(browser, "policy");
    browser.click("form.card .button.primary");
    browser.wait_for_text(&format!("Policy {NAME}"));
}

fn lock_recipients(browser: &Browser) {
    browser.click_text("summary", "Add an override");
    browser.click_text("a", "All events");
    browser.click("details.channel summary");
    browser.select("#mode-email-recipients", "own");
    browser.type_into("#email-recipients", "plant@example.org");
    browser.click("[name=lock][value='email.recipients']");
    browser.click(".actions-bar .button.primary");
    browser.wait_for_text("1 locked");
}

#[test]
fn a_locked_value_says_which_policy_locks_it() {
    let site = Site::start();
    let event = critical("disk.full").application("Guard", "1").device("pc-17").group("Hall");
    site.submit_event(event);
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    make_policy(&browser);
    lock_recipients(&browser);
    picture(&browser, "policy-types");

    browser.open("/event-configuration/override?device=pc-17&application=Guard&all=1");
    browser.wait_for_text(&format!("Locked by policy {NAME}"));
    assert!(!browser.is_shown("#mode-email-recipients"), "it cannot be set here");
    picture(&browser, "locked");

    // Set all the same, over the API: it has no effect, and the page says so.
    let change = json!({"owner": {"application_settings": {"device": "pc-17"}},
        "application": "Guard", "targets": [{}],
        "change": {"email": {"recipients": ["mine@example.org"]}}});
    drop(answer(site.server.client().patch("/api/v1/overrides", &change)).expect_status(200));
    let uid = site.events()[0]["uid"].as_str().unwrap().to_owned();
    browser.open(&format!("/event-configuration/explain?event={uid}"));
    browser.wait_for_text("Set in vain");
    assert!(browser.text(".layers").contains(NAME), "the policy is named");
    assert_eq!(browser.find_all("main i, main u").len(), 0, "names are text");

    browser.open("/event-configuration/devices");
    browser.wait_for_text("pc-17");
    picture(&browser, "devices");
    browser.click("td form .button");
    drop(browser.accept_dialog());
    browser.wait_for_text("No device has settings of its own");

    browser.open("/event-configuration");
    browser.click_text(".owners-policy .break", NAME);
    browser.click_text("a", "Edit policy");
    browser.wait_for("#name");
    browser.click(".page-head .button.danger");
    let question = browser.accept_dialog();
    assert!(question.contains("its override"), "what goes with it: {question}");
    browser.wait_for_text("Deleted.");
    assert_eq!(site.get("/api/v1/policies")["policies"], json!([]));
}
