//! A field of the settings is shown while it matters, on each tab: what stands in other fields
//! decides at once, and what is hidden is not changed.

use annunciator_testkit::browser::Browser;
use serde_json::json;

use super::{click_in_the_middle, picture, signed_in};
use crate::support::Site;

/// What is chosen, and which fields are shown and not shown then.
type Row<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str]);

/// Choices about a relay, one after the other on the same page.
const RELAY: &[Row<'_>] = &[
    (
        "tls",
        "if_supported",
        &[],
        &["tls-version-min", "ca-certificates", "client-certificate", "username", "password"],
    ),
    ("tls", "required", &["tls-version-min", "ca-certificates", "client-certificate"], &[]),
    ("tls", "implicit", &["tls-version-min", "ca-certificates", "client-certificate"], &[]),
    ("tls", "off", &[], &["tls-version-min", "ca-certificates", "client-certificate"]),
    (
        "auth",
        "password",
        &["username", "password", "auth-mechanism", "allow-auth-without-tls"],
        &["allow-auth-unverified", "oauth-flow", "oauth-client-id", "oauth-refresh-token"],
    ),
    ("tls", "if_supported", &["allow-auth-without-tls", "allow-auth-unverified"], &[]),
    ("tls", "required", &[], &["allow-auth-without-tls", "allow-auth-unverified"]),
    (
        "auth",
        "oauth2",
        &[
            "username",
            "oauth-flow",
            "oauth-token-url",
            "oauth-client-secret",
            "oauth-refresh-token",
        ],
        &["password", "auth-mechanism"],
    ),
    ("oauth_flow", "client_credentials", &["oauth-client-secret"], &["oauth-refresh-token"]),
    ("tls", "if_supported", &[], &["client-certificate"]),
    ("auth", "external", &["client-certificate", "username"], &["oauth-flow", "password"]),
    ("auth", "off", &[], &["client-certificate", "username", "oauth-flow", "password"]),
];

fn choose(browser: &Browser, name: &str, value: &str) {
    click_in_the_middle(browser, &format!("input[name='{name}'][value='{value}']"));
}

fn check(browser: &Browser, channel: &str, key: &str, is_shown: bool, when: &str) {
    let field = format!("#field-{channel}-{key}");
    assert_eq!(browser.is_shown(&field), is_shown, "{field} when {when}");
}

fn check_relay(browser: &Browser, channel: &str) {
    for (key, value, shown, hidden) in RELAY {
        choose(browser, &format!("{channel}.{key}"), value);
        let when = format!("{key} becomes {value}");
        shown.iter().for_each(|key| check(browser, channel, key, true, &when));
        hidden.iter().for_each(|key| check(browser, channel, key, false, &when));
    }
}

fn check_limit(browser: &Browser, channel: &str) {
    check(browser, channel, "limit-count", false, "nothing is limited");
    click_in_the_middle(browser, &format!("#{channel}-limit"));
    check(browser, channel, "limit-count", true, "there is a limit");
    let severities = format!("#{channel}-notify-about-severity-critical");
    choose(browser, &format!("{channel}.notify_about"), "configured");
    assert!(!browser.is_shown(&severities), "the event configuration decides");
    choose(browser, &format!("{channel}.notify_about"), "some");
    assert!(browser.is_shown(&severities));
}

#[test]
fn settings_show_what_matters_now() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/settings/email");
    check_relay(&browser, "email");
    check_limit(&browser, "email");

    // MX records need proof where TLS gives none.
    let advice = "[data-shown-when='email.mx_lookup=on; email.tls=off']";
    assert!(!browser.is_shown(advice));
    check(&browser, "email", "dane", false, "servers are named");
    click_in_the_middle(&browser, "#email-mx-lookup");
    check(&browser, "email", "dane", true, "servers are looked up");
    assert!(!browser.is_shown(advice));
    choose(&browser, "email.tls", "off");
    assert!(browser.is_shown(advice));
    assert!(browser.text(advice).contains("DNSSEC"));

    // Nobody is named as the sender until somebody is.
    let sender = "[data-shown-when='email.sender=']";
    assert!(browser.is_shown(sender));
    browser.type_into("#email-sender", "alerts@plant.example");
    assert!(!browser.is_shown(sender));

    browser.script(
        "onbeforeunload = null; for (const form of document.forms) delete form.dataset.guard",
    );
    browser.open("/settings/sms");
    check_relay(&browser, "sms");
    check_limit(&browser, "sms");
    assert!(browser.find_all("#field-sms-mx-lookup").is_empty(), "a gateway is named");
    browser.script("for (const form of document.forms) delete form.dataset.guard");
    browser.open("/settings/executable");
    check_limit(&browser, "executable");
    browser.script("for (const form of document.forms) delete form.dataset.guard");

    // What is hidden is not posted: the certificate that is set stays set.
    site.save(&json!({ "email": { "tls": "required", "tls_version_min": "any" } }));
    browser.open("/settings/email");
    check(&browser, "email", "tls-version-min", true, "it is saved so");
    choose(&browser, "email.tls", "off");
    click_in_the_middle(&browser, ".actions-bar .button.primary");
    browser.wait_for(".notice.good");
    let email = &site.get("/api/v1/settings")["values"]["email"];
    assert_eq!((&email["tls"], &email["tls_version_min"]), (&json!("off"), &json!("any")));

    for tab in ["email", "sms", "executable", "server"] {
        browser.open(&format!("/settings/{tab}"));
        picture(&browser, &format!("settings-{tab}"));
    }
}
