//! Types that are ticked are changed together, as one revision; with one value wrong none of them
//! changes. Names that look like markup stay text on every page.

use serde_json::Value;

use super::{picture, signed_in};
use crate::support::{Site, critical};

const MARKUP: &str = "<img src=x onerror=document.title='hacked'>";

fn submit(site: &Site, event_type: &str) {
    let event = critical(event_type).type_name(MARKUP).application("<b>Guard</b>", "1");
    site.submit_event(event);
}

fn kept_days(site: &Site) -> Vec<Value> {
    let found = site.get("/api/v1/event-types");
    let rows = found["event_types"].as_array().unwrap();
    rows.iter().map(|row| row["storage_term_days"].clone()).collect()
}

#[test]
fn several_event_types_are_edited_at_once() {
    let site = Site::start();
    for code in ["a.<script>", "b", "c"] {
        submit(&site, code);
    }
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.open("/event-configuration?severity=critical");
    browser.wait_for_text(MARKUP);
    assert!(!browser.is_shown(".actions-bar"), "nothing is ticked");
    for row in browser.find_all("td.tick input").into_iter().take(2) {
        row.click();
    }
    browser.wait_for(".actions-bar");
    assert_eq!(browser.text("[data-selection-count]"), "2");
    picture(&browser, "types-ticked");
    browser.click(".actions-bar .button.primary");
    browser.wait_for_text("2 event types");

    browser.select("#mode-email-notify", "off");
    browser.select("#mode-storage", "own");
    browser.type_into("#storage-term", "soon");
    browser.click(".actions-bar .button.primary");
    browser.wait_for("#storage-error");
    assert_eq!(kept_days(&site), [180, 180, 180], "none of them changed");
    browser.type_into("#storage-term", "7");
    picture(&browser, "several-types");
    browser.click(".actions-bar .button.primary");
    browser.wait_for_text("Saved.");
    assert_eq!(kept_days(&site), [7, 7, 180]);
    let history = site.get("/api/v1/settings/history");
    assert_eq!(history["revisions"].as_array().map(Vec::len), Some(1), "one change");

    // What differs is left as it is unless something is chosen.
    browser.click("[data-select-all]");
    browser.click(".actions-bar .button.primary");
    browser.wait_for_text("3 event types");
    assert_eq!(browser.value("#mode-storage"), "keep");
    browser.select("#mode-sms-notify", "on");
    browser.click(".actions-bar .button.primary");
    browser.wait_for_text("Saved.");
    assert_eq!(kept_days(&site), [7, 7, 180], "kept");
    for page in [
        "/event-configuration",
        "/event-configuration/explain?application=%3Cb%3EGuard%3C%2Fb%3E&type=a.%3Cscript%3E&severity=critical",
    ] {
        browser.open(page);
        browser.wait_for_text("<b>Guard</b>");
        assert!(!browser.title().contains("hacked"), "{page}");
        assert_eq!(browser.find_all("main img").len(), 0, "{page}");
    }
}
