//! Users are added with a link, changed, blocked and deleted; the last administrator stays; an
//! operator, a viewer and a role of one's own see their pages, and an address typed by hand is
//! refused.

use annunciator_testkit::browser::Browser;

use super::{USER, add_user, picture, sign_in, signed_in};
use crate::support::Site;

const PATHS: [&str; 9] = [
    "/events",
    "/ledger",
    "/silences",
    "/settings/email",
    "/event-configuration",
    "/certificates",
    "/users",
    "/tokens",
    "/audit",
];

/// The paths of the menu, and that all others of [`PATHS`] are refused.
fn check(browser: &Browser, expected: &[&str]) {
    let links = browser.find_all(".menu-entries a");
    let shown: Vec<String> = links.iter().filter_map(|link| link.attribute("href")).collect();
    for path in PATHS {
        let is_expected = expected.contains(&path);
        assert_eq!(shown.iter().any(|one| one == path), is_expected, "{path} in {shown:?}");
        if !is_expected {
            browser.open(path);
            browser.wait_for_text("403");
        }
    }
}

#[test]
fn each_role_sees_just_its_pages() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 403");
    browser.tolerate("status of 422");
    check(&browser, &PATHS);

    browser.open("/roles");
    browser.click(".page-head .button.primary");
    browser.type_into("#name", "Auditor <b>x");
    browser.click("input[value=read_audit]");
    browser.click("input[value=explain]");
    browser.click("#add-role .button.primary");
    browser.wait_for(".field.is-wrong #name");
    // A right that needs another says so beside its box.
    browser.set_value("#name", "Auditor x");
    browser.click("#add-role .button.primary");
    assert!(browser.text("#right-explain-error").contains("read_events"));
    assert!(browser.find_all(".field.is-wrong").is_empty(), "the name is right now");
    browser.click("input[value=explain]");
    browser.click("input[value=read_events]");
    picture(&browser, "role-new");
    browser.click("#add-role .button.primary");
    browser.wait_for_text("Created.");
    browser.wait_for_text("Auditor x");
    picture(&browser, "roles");
    add_user(&site, "vera", "viewer");
    add_user(&site, "oleg", "operator");
    add_user(&site, "audrey", "Auditor x");

    let other = browser.new_session();
    other.tolerate("status of 403");
    for (name, expected) in [
        ("vera", &["/events", "/ledger", "/silences"][..]),
        ("oleg", &["/events", "/ledger", "/silences"][..]),
        ("audrey", &["/events", "/audit"][..]),
    ] {
        sign_in(&other, name);
        check(&other, expected);
        other.open("/account");
        other.click(".menu-foot form .button");
        other.wait_for("#password");
    }

    browser.open("/roles");
    browser.click("thead a");
    browser.wait_for_text("Users: 1, tokens: 0");
    picture(&browser, "role");
    browser.click(".button.danger");
    drop(browser.accept_dialog());
    browser.wait_for_text("is in use");
}

#[test]
fn users_are_added_changed_blocked_and_deleted() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.tolerate("status of 403");
    browser.open("/users");
    browser.click(".page-head .button.primary");
    browser.type_into("#name", "boris b");
    browser.click("#add-user .button.primary");
    browser.wait_for(".field.is-wrong #name");
    browser.type_into("#name", "boris");
    browser.type_into("#full_name", "Boris <i>B.</i>");
    browser.select("#role", "operator");
    picture(&browser, "user-new");
    browser.click("#add-user .button.primary");
    let link = browser.text("#link");
    picture(&browser, "user-link");

    let boris = browser.new_session();
    boris.tolerate("status of 422");
    boris.open(&link);
    boris.type_into("#password", "boris");
    picture(&boris, "welcome");
    boris.click("form .button.primary");
    boris.wait_for(".field.is-wrong #password");
    boris.type_into("#password", "a password of his own");
    boris.click("form .button.primary");
    boris.wait_for(".menu-foot");
    boris.wait_for_text("Boris <i>B.</i>");
    let again = browser.new_session();
    again.tolerate("status of 422");
    again.open(&link);
    again.type_into("#password", "a password of another");
    again.click("form .button.primary");
    again.wait_for_text("This link does not hold any more.");

    browser.open("/users");
    browser.wait_for_text("Boris <i>B.</i>");
    assert!(!browser.page_text().contains(&link), "the link is shown once");
    picture(&browser, "users");
    browser.click_text("td a", "boris");
    picture(&browser, "user");
    browser.click("form[action$='/block'] .button");
    assert!(browser.accept_dialog().contains("boris"));
    browser.wait_for_text("The user is blocked.");
    boris.open("/account");
    boris.wait_for("#password");
    browser.click("form[action$='/unblock'] .button");
    browser.wait_for_text("The user may sign in again.");
    browser.click("form[action$='/delete'] .button");
    drop(browser.accept_dialog());
    browser.wait_for_text("Deleted.");

    browser.open(&format!("/users/{USER}"));
    browser.select("#role", "viewer");
    browser.click("form.form .button.primary");
    browser.wait_for_text("last administrator");
    browser.click("form[action$='/delete'] .button");
    drop(browser.accept_dialog());
    browser.wait_for_text("last administrator");
}
