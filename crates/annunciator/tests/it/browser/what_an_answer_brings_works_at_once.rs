//! A button that an answer of the server brings into the page is handled by the page's script from
//! the moment it is there: who is quick neither loses a click nor leaves the page.

use annunciator_testkit::certificates::Authority;

use super::signed_in;
use crate::support::Site;

/// Presses the button as soon as it stands in the page; a page that is left forgets its mark.
const PRESS_AT_ONCE: &str = "
    window.isSamePage = true;
    new MutationObserver((_, observer) => {
        const button = document.querySelector('#clear-key');
        if (!button) return;
        observer.disconnect();
        button.click();
    }).observe(document.body, { childList: true, subtree: true });";

#[test]
fn what_an_answer_brings_works_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("notifier.key");
    std::fs::write(&key, Authority::new("Plant root").client("notifier").key_pem()).unwrap();
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/settings/mail-notifier");
    browser.script(PRESS_AT_ONCE);
    browser.upload("#key-file", &key);
    browser.wait_for_text("Cleared.");
    browser.wait_until_gone("#clear-key");
    assert_eq!(browser.script("return window.isSamePage === true"), true, "the page was left");
}
