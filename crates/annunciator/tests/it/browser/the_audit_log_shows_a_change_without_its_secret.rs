//! The audit log shows who changed what, from what to what; of a secret only that it is new; it is
//! found by text, author and action; and no name in it becomes markup.

use annunciator_testkit::browser::Browser;
use serde_json::json;

use super::{USER, picture, signed_in};
use crate::support::Site;

const SECRET: &str = "canary-7f3a91-never-shown";
const MARKUP: &str = "<img src=x onerror=document.title='pwned'>";

#[test]
fn browser_the_audit_log_shows_a_change_without_its_secret() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    site.save(&json!({ "email": {
        "auth": "password", "username": "relay-user", "password": SECRET, "port": 587,
        "allow_auth_without_tls": true,
    } }));
    let token = json!({ "name": MARKUP, "role": "ingest" });
    drop(site.post("/api/v1/tokens", &token).expect_status(201));

    browser.open("/audit");
    let row = browser.find_containing("table.audit tbody tr", "Settings saved").text();
    assert!(row.contains("email.port") && row.contains("587"), "{row}");
    assert!(row.contains("email.username") && row.contains("relay-user"), "{row}");
    assert!(row.contains("a new secret"), "{row}");
    let source = browser.script("return document.documentElement.outerHTML");
    assert!(!source.as_str().unwrap().contains(SECRET));
    // A name is text.
    assert!(browser.find_containing("table.audit tbody tr", MARKUP).is_shown());
    assert!(browser.find_all("table.audit img").is_empty());
    assert!(browser.title().starts_with("Audit log"));
    picture(&browser, "audit");

    let rows = |browser: &Browser| browser.find_all("table.audit tbody tr").len();
    let all = rows(&browser);
    browser.type_into("#q", "relay-user");
    browser.wait_until("only the change is left", || rows(&browser) == 1);
    assert!(browser.url().contains("q=relay-user"));
    browser.type_into("#q", "nothing has this word");
    browser.wait_for_text("No entry matches");
    picture(&browser, "audit-nothing");
    browser.click_text("#audit-list a", "Show all entries");
    browser.wait_until("all entries", || rows(&browser) == all);

    browser.select("#action", "Signed in");
    browser.wait_until("only her signing in is left", || rows(&browser) == 1);
    browser.type_into("#author", USER);
    browser.wait_until("it is hers", || browser.url().contains("author=anna"));
    assert_eq!(rows(&browser), 1);
    browser.select("#action", "Settings saved");
    // She has changed nothing.
    browser.wait_for_text("No entry matches");

    // What is exported is what is shown.
    browser.open("/audit?action=settings.save");
    let path = browser.attribute(".page-head .actions a", "href").unwrap();
    assert_eq!(path, "/api/v1/audit/export?format=csv&action=settings.save");
    let script = "return fetch(arguments[0]).then((answer) => answer.text())";
    let file = browser.script_with(script, &[path.into()]);
    let file = file.as_str().unwrap();
    assert!(file.contains("settings.save") && !file.contains("session.start"), "{file}");
    assert!(!file.contains(SECRET));
}
