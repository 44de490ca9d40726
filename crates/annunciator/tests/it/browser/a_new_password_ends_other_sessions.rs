//! One's own account: preferences hold at once; a new password ends the other sessions and not this
//! one; each session is seen and ended; signing out everywhere ends all.

use annunciator_testkit::browser::Browser;

use super::{PASSWORD, USER, picture, sign_in, signed_in};
use crate::support::Site;

const NEW_PASSWORD: &str = "canary that sings at dawn";

fn change(browser: &Browser, current: &str, new: &str) {
    browser.type_into("#current", current);
    browser.type_into("#new", new);
    browser.click("#password-card .button:not(.small)");
}

#[test]
fn a_new_password_ends_other_sessions() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    let other = browser.new_session();
    sign_in(&other, USER);

    browser.open("/account");
    assert_eq!(browser.find_all("table.data tbody tr").len(), 2);
    assert_eq!(browser.find_all("table.data .badge.good").len(), 1, "this one is marked");
    browser.wait_for_text("Chrome, Linux");
    picture(&browser, "account");

    change(&browser, "not her password", NEW_PASSWORD);
    browser.wait_for(".field.is-wrong #current");
    change(&browser, PASSWORD, "short");
    browser.wait_for(".field.is-wrong #new");
    other.open("/account");
    other.wait_for_text("Your sessions");
    change(&browser, PASSWORD, NEW_PASSWORD);
    browser.wait_for_text("The password is changed.");
    assert_eq!(browser.find_all("table.data tbody tr").len(), 1);
    let page = browser.script("return document.documentElement.outerHTML");
    assert!(!page.as_str().unwrap().contains(NEW_PASSWORD));
    other.open("/account");
    other.wait_for("#password");
    assert!(other.url().contains("/sign-in"), "the other session has ended: {}", other.url());

    sign_in_with(&other, NEW_PASSWORD);
    browser.open("/account");
    browser.click("table.data form .button");
    browser.wait_for_text("The session has ended.");
    other.open("/account");
    other.wait_for("#password");

    expect_preferences(&browser);
    browser.open("/account");
    browser.click(".card-head .button");
    assert!(browser.accept_dialog().contains("везде"));
    browser.wait_for("#password");
    browser.open("/account");
    browser.wait_for("#password");
}

fn sign_in_with(browser: &Browser, password: &str) {
    browser.open("/sign-in");
    browser.type_into("#user", USER);
    browser.type_into("#password", password);
    browser.click("form .button.primary");
    browser.wait_for(".menu-foot");
}

fn expect_preferences(browser: &Browser) {
    browser.open("/account");
    browser.type_into("#time_zone", "Europe/Moscou");
    browser.click("form.form .button.primary");
    browser.wait_for(".field.is-wrong #time_zone");
    browser.type_into("#time_zone", "Europe/Moscow");
    browser.type_into("#full_name", "Anna <b>A.</b>");
    browser.select("#language", "ru");
    browser.select("#theme", "dark");
    browser.click("form.form .button.primary");
    browser.wait_for_text("Сохранено.");
    assert_eq!(browser.attribute("html", "data-theme").as_deref(), Some("dark"));
    assert_eq!(browser.attribute("html", "lang").as_deref(), Some("ru"));
    browser.wait_for_text("Anna <b>A.</b>");
    picture(browser, "account-russian");
}
