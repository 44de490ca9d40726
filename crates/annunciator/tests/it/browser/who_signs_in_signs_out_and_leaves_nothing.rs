//! A wrong password is told and makes who tries it wait; after signing in one lands where one wanted
//! to; after signing out the way back shows nothing, and a form sent too late leads back to its page.

use annunciator_testkit::browser::Browser;

use super::{PASSWORD, USER, add_user, picture, sign_in};
use crate::support::Site;

fn try_password(browser: &Browser, password: &str) {
    browser.type_into("#user", USER);
    browser.type_into("#password", password);
    browser.click_through("form .button.primary");
}

#[test]
fn who_signs_in_signs_out_and_leaves_nothing() {
    let site = Site::start();
    let Some(browser) = Browser::start(site.server.address()) else { return };
    browser.tolerate("status of 422");
    browser.tolerate("status of 429");
    add_user(&site, USER, "administrator");

    browser.open("/users");
    picture(&browser, "sign-in");
    for _ in 0..3 {
        try_password(&browser, "not her password");
        browser.wait_for_text("The user name or the password is wrong.");
    }
    assert_eq!(browser.value("#password"), "", "a password never comes back");
    // The wait that follows is one of seconds, and the page says how long.
    while browser.page_text().contains("is wrong") {
        try_password(&browser, "not her password");
        browser.wait_for(".notice.bad");
    }
    browser.wait_for_text("Too many wrong tries. Try again in");
    picture(&browser, "sign-in-throttled");
    browser.wait_until("the right password is taken after the wait", || {
        if browser.is_shown(".menu-foot") {
            return true;
        }
        try_password(&browser, PASSWORD);
        browser.wait_for(".menu-foot, .notice.bad");
        browser.is_shown(".menu-foot")
    });
    assert!(browser.url().ends_with("/users"), "one lands where one wanted to: {}", browser.url());
    browser.wait_for_text(USER);

    expect_the_way_back(&browser);
    let kept = browser.script("return (await fetch('/account')).headers.get('cache-control')");
    assert_eq!(kept, "no-store", "no browser keeps a page");
    browser.click(".menu-foot form .button");
    browser.wait_for("#password");
    browser.back();
    browser.wait_for("#password");
    assert!(!browser.page_text().contains("Your sessions"), "nothing private comes back");
}

/// A form that is sent after the session has ended leads back to its page, and says so.
fn expect_the_way_back(browser: &Browser) {
    let page = format!("/users/{USER}");
    browser.open(&page);
    browser.type_into("#full_name", "Anna A.");
    browser.delete_cookies();
    browser.click("form.form .button.primary");
    browser.wait_for_text("Your session has ended.");
    browser.type_into("#user", USER);
    browser.type_into("#password", PASSWORD);
    browser.click("form .button.primary");
    browser.wait_for(".menu-foot");
    assert!(browser.url().ends_with(&page), "{}", browser.url());
    browser.open("/sign-in?next=/account");
    browser.wait_for_text("Your sessions");
}

#[test]
fn a_second_window_needs_its_own_sign_in() {
    let site = Site::start();
    let Some(browser) = Browser::start(site.server.address()) else { return };
    add_user(&site, USER, "administrator");
    sign_in(&browser, USER);
    let other = browser.new_session();
    other.open("/account");
    other.wait_for("#password");
    assert!(other.url().contains("/sign-in?next="), "{}", other.url());
}
