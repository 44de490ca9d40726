//! The preview shows what a reader would get while one types: with a chosen event, whose text
//! stays text; errors at their field; pickers fill the fields; an SMS with what it costs.

use annunciator_testkit::browser::Browser;
use annunciator_testkit::events::event;
use serde_json::json;

use super::{picture, signed_in};
use crate::support::Site;

const HOSTILE: &str = "<script>window.hacked=1</script><img src=x onerror=window.hacked=2>";

fn subject(browser: &Browser) -> String {
    browser.text("#preview-shown dd")
}

fn wait_for_subject(browser: &Browser, expected: &str) {
    browser.wait_until(&format!("the subject is `{expected}`"), || subject(browser) == expected);
}

#[test]
fn the_preview_follows_what_is_typed() {
    let site = Site::start();
    site.submit_event(event("disk.full").severity("critical").device("pc-17").description(HOSTILE));
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/settings/email");
    assert_eq!(subject(&browser), "Critical: Disk full on pc-17", "a sample at once");

    browser.type_into("#email-subject", "Look: %EVENT_TYPE% 100%%");
    wait_for_subject(&browser, "Look: disk.full 100%");
    browser.type_into("#email-subject", "a %NOPE% b");
    browser.wait_until("the error is told at the field", || {
        browser.text("#email-subject-live").contains("NOPE")
    });
    assert!(browser.text("#email-subject-live").contains('3'), "with its position");
    picture(&browser, "settings-preview-wrong");

    // Pieces of subjects are joined, a parameter is put where the cursor is.
    browser.click("#email-subject-tools .picker:nth-of-type(1) summary");
    browser.click_text("#email-subject-tools .button", "Start with an empty subject");
    for piece in ["%SEVERITY%", "%EVENT%", "%COMPUTER%"] {
        browser.click(&format!("[data-append='{piece}']"));
    }
    assert_eq!(browser.value("#email-subject"), "%SEVERITY%: %EVENT% on %COMPUTER%");
    picture(&browser, "settings-subject-picker");
    browser.press("Escape");
    wait_for_subject(&browser, "Critical: Disk full on pc-17");
    browser.type_into("#email-message", "");
    browser.click("#email-message-tools .picker summary");
    picture(&browser, "settings-parameter-picker");
    browser.click("#email-message-tools [data-insert='%DESCR%']");
    assert_eq!(browser.value("#email-message"), "%DESCR%");

    // A real event: its text is text, also in a page of HTML.
    let uid = site.events()[0]["uid"].as_str().unwrap().to_owned();
    browser.script_with(
        "const list = document.getElementById('preview-event');
         list.value = arguments[0];
         list.dispatchEvent(new Event('input', {bubbles: true}));",
        &[json!(uid)],
    );
    browser.wait_until("the event's text is shown", || {
        browser.text("#preview-shown pre").trim() == HOSTILE
    });
    browser.click("[hx-get*='email.html_message']");
    browser.wait_for("#ready-dialog section");
    picture(&browser, "settings-ready");
    browser.script(
        "window.loaded = 0;
         document.addEventListener('load', (event) => {
           if (event.target.name === 'preview-html') window.loaded += 1;
         }, true);",
    );
    browser.click("#ready-dialog section .button");
    let frame = browser.wait_for("#preview-shown iframe");
    assert_eq!(frame.attribute("sandbox").as_deref(), Some(""));
    // Once when it is put there, empty, and once when it is filled.
    browser.wait_until("the frame is filled", || {
        browser.script("return window.loaded").as_i64() >= Some(2)
    });
    assert_eq!(browser.script("return window.hacked ?? 0"), json!(0));
    assert!(browser.value("#email-html-message").contains('<'));
    picture(&browser, "settings-preview");
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing was saved");
}

#[test]
fn an_sms_is_shown_with_what_it_costs_and_what_is_cut() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/settings/sms");
    browser.wait_for_text("GSM-7");
    browser.type_into("#sms-segments-max", "1");
    browser.type_into("#sms-message", &"Пожар! ".repeat(14));
    browser.wait_for_text("UCS-2");
    browser.wait_for("#preview-shown del");
    browser.wait_for_text("1 segment");
    picture(&browser, "settings-preview-sms");
    browser.click("#sms-transliterate");
    browser.wait_for_text("GSM-7");
    browser.wait_for_text("Pozhar!");
}
