//! Settings go back to their defaults one by one, and as a whole to an earlier revision, after the
//! plan was seen; who may not change them may look.

use annunciator_testkit::browser::Browser;
use serde_json::json;

use super::{add_user, click_in_the_middle, picture, sign_in, signed_in};
use crate::support::{Site, answer};

const SAVE: &str = ".actions-bar .button.primary";

#[test]
fn settings_are_reset_and_brought_back() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/settings/history");
    browser.wait_for_text("Nothing was saved yet");
    site.save(&json!({
        "email": { "port": 587, "notify_about": "all", "message": "one\ntwo", "mx_lookup": true },
        "retention": { "info_days": 7 },
    }));

    // One by one: what is set says its default and goes back to it when it is saved.
    browser.open("/settings/email");
    assert!(browser.text("#field-email-port .setting-state").contains("default: 25"));
    assert_eq!(browser.text("#field-email-sender .setting-state"), "Default");
    for field in ["port", "notify-about", "message", "mx-lookup"] {
        click_in_the_middle(&browser, &format!("#field-email-{field} .setting-state button"));
    }
    assert_eq!(browser.value("#email-port"), "25");
    assert_eq!(site.get("/api/v1/settings")["values"]["email"]["port"], 587, "not yet");
    click_in_the_middle(&browser, SAVE);
    browser.wait_for(".notice.good");
    assert_eq!(site.get("/api/v1/settings/document").get("email"), None, "nothing is set");

    // As a whole, after the plan.
    browser.open("/settings/history");
    click_in_the_middle(&browser, "a[href='/settings/history/1']");
    browser.wait_for_text("What would change against the settings in force");
    // An address that was typed is asked for by no page of ours.
    browser.open("/settings/history/1");
    browser.wait_for_text("What would change against the settings in force");
    let plan = browser.find_all("section")[1].text();
    assert!(plan.contains("Port") && plan.contains("587"), "{plan}");
    picture(&browser, "settings-revision");
    browser.set_value("#comment", "It was better before");
    click_in_the_middle(&browser, "section form .button.primary");
    browser.wait_for_text("Brought back, as a new revision.");
    picture(&browser, "settings-history");
    let settings = site.get("/api/v1/settings");
    assert_eq!(
        (&settings["revision"], &settings["values"]["email"]["port"]),
        (&json!(3), &json!(587))
    );

    // A ready set-up fills the form in, and saves nothing.
    browser.open("/settings/email");
    click_in_the_middle(&browser, "[data-dialog='presets']");
    browser.click_text("#presets summary", "Microsoft 365 (Exchange Online) with OAuth 2.0");
    browser.type_into("#presets details[open] input[name='tenant']", "plant.example");
    click_in_the_middle(&browser, "#presets details[open] button");
    browser.wait_for_text("Filled in, not saved yet");
    assert_eq!(browser.value("#email-servers"), "smtp.office365.com");
    assert!(browser.value("#email-oauth-token-url").contains("/plant.example/"));
    assert_eq!(site.get("/api/v1/settings")["revision"], 3);
    // What was not saved is not left by mistake.
    let asks = browser.script(
        "const leaving = new Event('beforeunload', { cancelable: true }); dispatchEvent(leaving); \
         return leaving.defaultPrevented",
    );
    assert_eq!(asks, true);
    expect_read_only(&site, &browser);
}

/// Who may only look sees everything, and no way to change it.
fn expect_read_only(site: &Site, browser: &Browser) {
    let names = json!({ "rights": ["read_settings", "read_status"] });
    drop(answer(site.server.client().put("/api/v1/roles/auditor", &names)));
    add_user(site, "vera", "auditor");
    let vera = browser.new_session();
    sign_in(&vera, "vera");
    vera.open("/settings/email");
    assert_eq!(vera.value("#email-port"), "587");
    assert!(!vera.find("#email-port").is_enabled());
    assert!(vera.find_all("form .button.primary, .setting-state button").is_empty());
    vera.assert_accessible("settings-read-only");
}
