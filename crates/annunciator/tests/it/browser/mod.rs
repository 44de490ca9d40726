//! Behaviour in a real browser: headless Chromium drives the console of the real binary.
//!
//! Out: a browser that is signed in; pictures of a page in both themes and two widths, each looked
//! over by axe-core.

mod a_locked_value_says_which_policy_locks_it;
mod a_silence_is_tried_before_it_mutes;
mod an_override_of_one_type_tells_other_people;
mod certificates_of_every_kind_are_uploaded;
mod several_event_types_are_edited_at_once;

use annunciator_testkit::browser::Browser;
use serde_json::json;

use crate::support::Site;

/// Who is signed in unless a test says otherwise.
pub(crate) const USER: &str = "anna";
/// Her password.
pub(crate) const PASSWORD: &str = "four plain words suffice";

/// Makes a user with this role over the API.
pub(crate) fn add_user(site: &Site, name: &str, role: &str) {
    let user = json!({ "name": name, "role": role, "password": PASSWORD });
    drop(site.post("/api/v1/users", &user).expect_status(201));
}

/// A browser in which an administrator is signed in; nothing where there is no browser.
pub(crate) fn signed_in(site: &Site) -> Option<Browser> {
    let browser = Browser::start(site.server.address())?;
    add_user(site, USER, "administrator");
    sign_in(&browser, USER);
    Some(browser)
}

/// Signs in through the page.
pub(crate) fn sign_in(browser: &Browser, name: &str) {
    browser.open("/sign-in");
    browser.type_into("#user", name);
    browser.type_into("#password", PASSWORD);
    browser.click("form .button.primary");
    browser.wait_for(".menu-foot");
}

/// Pictures of the page that is open, light and dark, wide and on a phone; each must be accessible.
pub(crate) fn picture(browser: &Browser, name: &str) {
    for (width, height, size) in [(1280, 860, "wide"), (390, 844, "phone")] {
        browser.set_window(width, height);
        for (is_dark, theme) in [(false, "light"), (true, "dark")] {
            browser.emulate_dark(is_dark);
            let name = format!("{name}-{size}-{theme}");
            browser.screenshot(&name);
            browser.assert_accessible(&name);
            let overflow = browser.script(
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
            );
            assert!(
                overflow.as_i64().unwrap_or(0) <= 0,
                "{name} scrolls sideways by {overflow} px"
            );
        }
    }
    browser.emulate_dark(false);
    browser.set_window(1280, 860);
}
