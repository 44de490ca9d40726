//! A token is made on its page, shown once with a line that works as it stands, used, and deleted.

use std::process::Command;

use super::{picture, signed_in};
use crate::support::Site;

#[test]
fn a_token_is_shown_once_and_works() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.open("/tokens");
    browser.click(".page-head .button.primary");
    browser.type_into("#name", "plant <b>7</b>");
    browser.set_value("#ends", "2001-01-31");
    browser.click("#add-token .button.primary");
    browser.wait_for(".field.is-wrong #ends");
    assert_eq!(browser.value("#name"), "plant <b>7</b>", "what was typed stays");
    browser.set_value("#ends", "2199-01-31");
    picture(&browser, "token-new");
    browser.click("#add-token .button.primary");
    let (token, line) = (browser.text("#token"), browser.text("#line"));
    assert!(line.contains(&token), "{line}");
    picture(&browser, "token");

    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(site.events().len(), 1, "{output:?}");

    browser.open("/tokens");
    let row = browser.find_containing("tbody tr", "plant <b>7</b>").text();
    assert!(row.contains("Ingest"), "{row}");
    let page = browser.script("return document.documentElement.outerHTML");
    assert!(!page.as_str().unwrap().contains(&token), "a token is shown once");
    picture(&browser, "tokens");
    browser.find_containing("tbody tr", "plant <b>7</b>").find(".button").click();
    assert!(browser.accept_dialog().contains("plant <b>7</b>"));
    browser.wait_for_text("Deleted.");
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("401"), "{output:?}");
}
