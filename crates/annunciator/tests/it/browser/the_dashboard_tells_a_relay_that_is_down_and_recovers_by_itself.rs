//! The dashboard says that all is well, then that the relay is down, why, and what waits; then that
//! all is well again: all of it without being loaded anew.

use annunciator_testkit::relay::Relay;

use super::{add_user, picture, sign_in, signed_in};
use crate::support::{Site, eventually};

#[test]
fn browser_the_dashboard_tells_a_relay_that_is_down_and_recovers_by_itself() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    let Some(browser) = signed_in(&site) else { return };
    site.submit("backup.failed");
    site.wait_for_deliveries(1, "delivered");
    browser.open("/?period=1h");
    browser.wait_for_text("All is well");
    browser.wait_until("the delivery is counted", || browser.text("#tile-delivered .value") == "1");
    assert_eq!(browser.text("#tile-failed .value"), "0");
    browser.script("window.isLoadedOnce = true");

    relay.go_down();
    site.submit("disk.full");
    browser.wait_for_text("E-mail: the relay is in trouble");
    browser.wait_for_text("It is tried again at");
    let row = browser.find_containing("table.lanes tbody tr", "E-mail").text();
    assert!(row.contains("Suspended") && row.contains("Connecting: "), "{row}");
    picture(&browser, "dashboard-relay-down");

    relay.come_up();
    browser.wait_for_text("All is well");
    browser.wait_until("both are counted", || browser.text("#tile-delivered .value") == "2");
    assert_eq!(browser.text("#tile-waiting .value"), "0");
    assert_eq!(browser.script("return window.isLoadedOnce"), true, "it was not loaded anew");
    picture(&browser, "dashboard-well");

    // The chart says the same in numbers.
    browser.click("#flow-table");
    let numbers = || browser.find_all(".chart-table tbody tr td:nth-child(2)");
    let sum: u64 = numbers().iter().filter_map(|cell| cell.text().parse::<u64>().ok()).sum();
    assert_eq!(sum, 2);
    picture(&browser, "dashboard-table");

    // A tile leads to what it counts.
    browser.click("#tile-delivered");
    browser.wait_until("the ledger", || browser.url().contains("/ledger?state=delivered"));
}

#[test]
fn browser_the_first_minute_leads_to_the_set_up_and_a_viewer_sees_what_is_theirs() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/");
    browser.wait_for_text("Nobody is told of anything");
    browser.wait_for_text("A queue shows up here with its first delivery");
    assert_eq!(browser.attribute(".verdict a", "href").as_deref(), Some("/welcome/relay"));
    picture(&browser, "dashboard-empty");

    // Who may not read the settings is not told what they lack.
    add_user(&site, "vera", "viewer");
    let viewer = browser.new_session();
    sign_in(&viewer, "vera");
    viewer.open("/");
    viewer.wait_for("#tile-waiting");
    assert!(!viewer.is_shown(".verdict a[href='/welcome/relay']"));
    picture(&viewer, "dashboard-viewer");
    eventually("nothing waits", || match site.deliveries().len() {
        0 => Ok(()),
        count => Err(format!("{count} deliveries")),
    });
}
