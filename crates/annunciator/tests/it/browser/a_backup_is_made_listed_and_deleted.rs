//! The page of the system says what the server is; a backup is made, listed, and deleted after a
//! question; who may not manage backups sees none of it.

use super::{add_user, picture, sign_in, signed_in};
use crate::support::Site;

#[test]
fn browser_a_backup_is_made_listed_and_deleted() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/system");
    browser.wait_for_text("There is no backup yet.");
    let facts = browser.page_text();
    for words in
        [env!("CARGO_PKG_VERSION"), &site.server.address().to_string(), "SQLite", "180 days"]
    {
        assert!(facts.contains(words), "{words}: {facts}");
    }
    assert_eq!(
        browser.attribute("section[aria-labelledby=group-retention] a", "href").as_deref(),
        Some("/settings/server")
    );
    picture(&browser, "system-first");

    let rows = || browser.find_all("section[aria-labelledby=backups] tbody tr").len();
    browser.click_text("button", "Back up now");
    browser.wait_for_text("The backup is made.");
    assert_eq!(rows(), 1);
    let kept = site.get("/api/v1/backups");
    let name = kept["backups"][0]["name"].as_str().unwrap().to_owned();
    assert_eq!(browser.text("section[aria-labelledby=backups] tbody code"), name);
    assert!(site.server.data_folder().join("backups").join(&name).is_file());
    picture(&browser, "system");

    // It is asked first.
    browser.click("section[aria-labelledby=backups] tbody button");
    assert!(browser.dismiss_dialog().contains(&name));
    assert_eq!(rows(), 1);
    browser.click("section[aria-labelledby=backups] tbody button");
    browser.accept_dialog();
    browser.wait_for_text("The backup is deleted.");
    browser.wait_for_text("There is no backup yet.");
    assert!(!site.server.data_folder().join("backups").join(&name).exists());

    add_user(&site, "vera", "viewer");
    let viewer = browser.new_session();
    sign_in(&viewer, "vera");
    viewer.open("/system");
    viewer.wait_for_text("Listens on");
    assert!(!viewer.page_text().contains("Backups"));
    assert!(!viewer.page_text().contains("Data folder"));
}
