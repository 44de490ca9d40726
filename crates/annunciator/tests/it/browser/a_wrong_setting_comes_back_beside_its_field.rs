//! What cannot be saved comes back beside its field with everything else as it was typed; a secret
//! is never in a page, whatever happens to its form.

use annunciator_testkit::browser::Browser;
use serde_json::json;

use super::{click_in_the_middle, picture, signed_in};
use crate::support::Site;

const CANARY: &str = "canary-4711-password";

fn save(browser: &Browser) {
    click_in_the_middle(browser, ".actions-bar .button.primary");
}

/// The source of every page that could show the secret.
fn check_sources(browser: &Browser) {
    for path in ["email", "sms", "server", "history", "history/1", "export"] {
        let source = browser
            .script(&format!("return fetch('/settings/{path}').then((answer) => answer.text())"));
        let source = source.as_str().expect("a page");
        assert!(source.len() > 200, "/settings/{path}: {source}");
        assert!(!source.contains(CANARY), "the secret is in /settings/{path}");
    }
}

#[test]
fn a_wrong_setting_comes_back_beside_its_field() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.open("/settings/email");
    browser.set_value("#email-sender", "alerts@plant.example");
    browser.set_value("#email-recipients", "night@plant.example; no address");
    browser.set_value("#email-servers", "mail.plant.example:587");
    browser.set_value("#email-port", "70000");
    browser.set_value("#email-subject", "100 % of %EVENT%");
    click_in_the_middle(&browser, "input[name='email.auth'][value='password']");
    browser.set_value("#email-username", "alerts");
    browser.set_value("#email-password", CANARY);
    save(&browser);

    browser.wait_for_text("Nothing was saved.");
    assert!(browser.text("#email-port-error").contains("65535"));
    assert!(browser.text("#email-servers-error").contains("without a port"));
    assert!(!browser.text("#email-subject-error").is_empty());
    for (field, value) in [
        ("#email-sender", "alerts@plant.example"),
        ("#email-recipients", "night@plant.example; no address"),
        ("#email-port", "70000"),
        ("#email-username", "alerts"),
        ("#email-password", ""),
    ] {
        assert_eq!(browser.value(field), value, "{field}");
    }
    let source = browser.script("return document.documentElement.outerHTML");
    assert!(!source.as_str().unwrap().contains(CANARY), "the secret came back");
    assert_eq!(site.get("/api/v1/settings")["revision"], 0);
    picture(&browser, "settings-wrong");

    // Credentials in clear: the switch that would allow it is named, and so is the one recipient of
    // two that is none.
    browser.set_value("#email-servers", "mail.plant.example");
    browser.set_value("#email-port", "587");
    browser.set_value("#email-subject", "%EVENT%");
    browser.set_value("#email-password", CANARY);
    click_in_the_middle(&browser, "input[name='email.tls'][value='off']");
    save(&browser);
    browser.wait_for("#email-tls-error");
    assert!(browser.text("#email-tls-error").contains("“Allow authentication without TLS”"));
    assert!(browser.text("#email-recipients-error").starts_with("no address: "));
    browser.set_value("#email-recipients", "night@plant.example");
    click_in_the_middle(&browser, "input[name='email.tls'][value='required']");
    browser.set_value("#email-password", CANARY);
    save(&browser);
    browser.wait_for(".notice.good");
    let email = &site.get("/api/v1/settings")["values"]["email"];
    assert_eq!((&email["port"], &email["password"]), (&json!(587), &json!("<secret>")));

    // Another server: the password is asked for again, where it stands.
    browser.set_value("#email-servers", "other.plant.example");
    save(&browser);
    browser.wait_for("#email-password-error");
    assert!(browser.text("#email-password-error").contains("type it again"));
    assert_eq!(browser.value("#email-servers"), "other.plant.example");
    assert_eq!(site.get("/api/v1/settings")["values"]["email"]["servers"][0], "mail.plant.example");
    // Who no longer signs in has nothing to type: it goes with the server that it was for.
    click_in_the_middle(&browser, "input[name='email.auth'][value='off']");
    save(&browser);
    browser.wait_for(".notice.good");
    let email = &site.get("/api/v1/settings")["values"]["email"];
    assert_eq!(
        (&email["servers"][0], &email["password"]),
        (&json!("other.plant.example"), &json!(""))
    );
    check_sources(&browser);
}
