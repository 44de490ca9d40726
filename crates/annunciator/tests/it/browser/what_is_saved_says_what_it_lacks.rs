//! What was saved and tells nobody says so: a Mail Notifier without a sender, a subscription that
//! names nobody or a user who is gone, a status that incidents still have.

use annunciator_testkit::browser::Browser;
use serde_json::{Value, json};

use super::{add_user, click_amid, picture, sign_in, signed_in};
use crate::support::{Site, answer};

const SAVE: &str = ".actions-bar .primary";

#[test]
fn what_is_saved_says_what_it_lacks() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    refuse_and_take_a_subscription(&browser);
    take_a_deleted_user_out(&site, &browser);
    remove_a_status_in_use(&site, &browser);
    save_and_unset_the_notifier(&site, &browser);
}

/// All errors at once, each with the way to its field, and what was typed stays.
fn refuse_and_take_a_subscription(browser: &Browser) {
    browser.open("/subscriptions/new");
    browser.type_into("#name", "Night");
    browser.type_into("#addresses", "lead@");
    browser.set_value("#time-zone", "Nowhere/Such");
    browser.set_value("#quiet-from", "22:00");
    click_amid(browser, SAVE);
    browser.wait_for(".notice.bad a[href='#addresses']");
    let links = browser.find_all(".notice.bad a");
    let mut links: Vec<_> = links.iter().filter_map(|link| link.attribute("href")).collect();
    links.sort();
    assert_eq!(links, ["#addresses", "#quiet-until", "#time-zone"]);
    assert_eq!(browser.find("#bundle-minutes").attribute("value").as_deref(), Some("30"));
    picture(browser, "subscription-all-wrong");
    browser.set_value("#addresses", "");
    browser.set_value("#time-zone", "UTC");
    browser.set_value("#quiet-from", "");
    click_amid(browser, SAVE);
    browser.wait_for_text("Nobody is named: give users or addresses");
}

/// A user who is gone is taken out of the subscription with one click.
fn take_a_deleted_user_out(site: &Site, browser: &Browser) {
    add_user(site, "gone", "viewer");
    let body = json!({ "users": ["gone"] }).to_string();
    let path = "/api/v1/subscriptions/Night";
    drop(answer(site.server.client().send("PUT", path, &[], body.as_bytes())).expect_status(200));
    browser.open("/users/gone");
    browser.wait_for_text("Subscriptions that name the user: Night");
    browser.click("form[action$='/delete'] .button");
    assert!(browser.accept_dialog().contains("Night"));
    browser.wait_for_text("Deleted.");
    let has_notice = || browser.url().contains("notice=");
    assert!(!has_notice(), "{}", browser.url());
    browser.reload();
    assert!(!browser.page_text().contains("Deleted."), "it is told once");
    browser.open("/subscriptions/named/Night");
    browser.wait_for_text("is no user");
    picture(browser, "subscription-user-gone");
    browser.click("form[action$='/forget'] .button");
    browser.wait_for_text("Saved.");
    assert_eq!(site.get(path)["settings"]["users"], json!([]));

    add_user(site, "oleg", "operator");
    let oleg = browser.new_session();
    oleg.tolerate("status of 403");
    sign_in(&oleg, "oleg");
    oleg.open("/subscriptions/new");
    oleg.wait_for_text("It takes the right to change settings.");
}

/// An incident keeps its status, and its pages say that it is no longer one.
fn remove_a_status_in_use(site: &Site, browser: &Browser) {
    let incident = json!({"id": "i-1", "detector": {"kind": "rule"}, "status": "cause_unknown"});
    drop(site.post("/api/v1/incidents", &incident).expect_status(202));
    browser.open("/subscriptions/statuses");
    click_amid(browser, "[data-remove='status-4']");
    click_amid(browser, SAVE);
    browser.wait_for_text("is no longer a status, but incidents have it (1)");
    picture(browser, "status-in-use");
    browser.open("/incidents?status=cause_unknown");
    browser.wait_for_text("cause_unknown (no longer a status)");
    browser.click("td .row-link");
    browser.wait_for_text("no longer a status");
    picture(browser, "incident-status-gone");
    browser.select("#status", "ignore");
    browser.click("#status-form .primary");
    browser.wait_for_text("The status is changed.");
    browser.open("/audit?action=incident.status");
    browser.wait_for_text("Status of an incident changed");
}

/// Without a sender nothing is sent; all settings go at once.
fn save_and_unset_the_notifier(site: &Site, browser: &Browser) {
    let notifier = json!({"mail_notifier": {"servers": ["mail.example"], "username": "anna",
        "auth": "password", "tls": "required", "password": "secret"}});
    let server = json!({"mail_notifier": {"servers": ["mail.example"], "tls": "required"}});
    drop(site.patch_settings(&server).expect_status(200));
    browser.open("/settings/mail-notifier");
    browser.set_value("#mail-notifier-port", "26");
    click_amid(browser, SAVE);
    browser.wait_for_text("Saved, but nothing can be sent yet:");
    browser.wait_for_text("Without a sender the Mail Notifier cannot send");
    picture(browser, "mail-notifier-idle");
    drop(site.patch_settings(&notifier).expect_status(200));
    browser.click("form[action$='/unset'] .button");
    assert!(browser.accept_dialog().contains("all settings"));
    browser.wait_for_text("All settings of the Mail Notifier are removed.");
    let left = || site.get("/api/v1/settings")["values"]["mail_notifier"]["servers"].clone();
    assert_eq!(left(), Value::Array(Vec::new()));
    drop(site.patch_settings(&notifier).expect_status(200));
    site.run(&["settings", "set", "--unset", "mail_notifier"]);
    assert_eq!(left(), Value::Array(Vec::new()));
}
