//! Behaviour in a real browser: headless Chromium drives the console of the real binary.
//!
//! Out: a browser that is signed in; pictures of a page in both themes and two widths, each looked
//! over by axe-core.

mod a_backup_is_made_listed_and_deleted;
mod a_certificate_uploaded_in_the_tab_is_used;
mod a_delivery_is_tried_again_from_the_ledger;
mod a_limit_is_configured_in_its_dialog;
mod a_locked_value_says_which_policy_locks_it;
mod a_mail_about_an_incident_fits_a_telephone;
mod a_mapping_is_tried_and_saved_in_the_page;
mod a_new_password_ends_other_sessions;
mod a_silence_is_tried_before_it_mutes;
mod a_subscription_made_in_the_page_gets_the_mail;
mod a_test_message_from_the_form_tells_each_stage;
mod a_token_is_shown_once_and_works;
mod a_wrong_setting_comes_back_beside_its_field;
mod an_override_of_one_type_tells_other_people;
mod certificate_and_key_of_the_mail_notifier_are_files;
mod certificates_of_every_kind_are_uploaded;
mod each_role_sees_just_its_pages;
mod events_are_filtered_as_one_types;
mod hostile_event_text_stays_text;
mod incidents_are_searched_as_one_types;
mod nodes_are_listed_and_one_is_drained;
mod own_subscriptions_are_paused_with_the_right;
mod settings_are_reset_and_brought_back;
mod settings_show_what_matters_now;
mod several_event_types_are_edited_at_once;
mod the_audit_log_shows_a_change_without_its_secret;
mod the_dashboard_tells_a_relay_that_is_down_and_recovers_by_itself;
mod the_first_start_leads_to_a_received_test_mail;
mod the_preview_follows_what_is_typed;
mod the_story_of_an_event_is_told_to_its_end;
mod two_administrators_change_settings_at_once;
mod two_administrators_edit_statuses_at_once;
mod what_an_answer_brings_works_at_once;
mod what_is_saved_says_what_it_lacks;
mod who_signs_in_signs_out_and_leaves_nothing;
mod who_would_be_told_follows_the_form;

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

/// Whoever is signed in reads Russian from now on.
pub(crate) fn speak_russian(browser: &Browser) {
    browser.open("/account");
    browser.select("#language", "ru");
    browser.click("form.form .button.primary");
    browser.wait_until("the page is Russian", || {
        browser.attribute("html", "lang").as_deref() == Some("ru")
    });
}

/// Clicks what may lie under a bar that stays at the bottom: in the middle of the window.
pub(crate) fn click_in_the_middle(browser: &Browser, css: &str) {
    drop(browser.wait_for(css));
    let script = "document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })";
    browser.script_with(script, &[json!(css)]);
    browser.click(css);
}

/// Clicks what a bar at the foot of the page may cover.
pub(crate) fn click_amid(browser: &Browser, css: &str) {
    browser.script_with(
        "document.querySelector(arguments[0]).scrollIntoView({block: 'center'})",
        &[css.into()],
    );
    browser.click(css);
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
