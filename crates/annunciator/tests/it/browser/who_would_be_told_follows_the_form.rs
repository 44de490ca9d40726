//! Beside the form of a subscription stands who would be told if it were saved as it is typed.

use annunciator_testkit::browser::Browser;
use serde_json::json;

use super::{click_amid, picture, signed_in, speak_russian};
use crate::support::Site;

fn shows(browser: &Browser, words: &str) {
    browser.wait_until(words, || browser.text("#found").contains(words));
}

#[test]
fn who_would_be_told_follows_the_form() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    site.save(&json!({
        "mail_notifier": {"servers": ["127.0.0.1"], "port": 9, "sender": "n@plant.example"},
        "incidents": {"subscriptions": [
            {"name": "All", "addresses": "all@plant.example"},
            {"name": "Night", "addresses": "night@plant.example", "models": ["Pump *"]},
        ]},
    }));
    browser.open("/subscriptions/named/Night");
    click_amid(&browser, "#trial .button");
    shows(&browser, "1 address is told");
    browser.set_value("#try-model", "Pump 7");
    shows(&browser, "night@plant.example");
    picture(&browser, "subscription-tried");
    browser.set_value("#addresses", "night@plant.example; lead@");
    shows(&browser, "Additional addresses:");
    browser.set_value("#addresses", "day@plant.example");
    shows(&browser, "day@plant.example");
    assert!(!browser.text("#found").contains("night@plant.example"), "the draft is in its place");
    let saved = site.get("/api/v1/subscriptions/Night");
    assert_eq!(saved["settings"]["addresses"], json!(["night@plant.example"]), "nothing is saved");
    // Enter in a field saves; it does not try.
    browser.click("#name");
    browser.press("Enter");
    browser.wait_for_text("Saved.");

    browser.open("/subscriptions/new");
    browser.set_value("#addresses", "new@plant.example");
    shows(&browser, "new@plant.example");
    // Nothing was typed by hand here, so that the browser does not ask before it leaves the page.
    browser.tolerate("beforeunload");
    speak_russian(&browser);
    browser.open("/subscriptions");
    picture(&browser, "subscriptions-ru");
    browser.open("/subscriptions/named/Night");
    click_amid(&browser, "#trial .button");
    shows(&browser, "Уведомят 1 адрес");
    picture(&browser, "subscription-tried-ru");
    browser.open("/subscriptions/statuses");
    picture(&browser, "statuses-ru");
}
