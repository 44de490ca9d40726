//! What is typed filters incidents at once and stands in the address; a view is saved; live, new
//! ones come in; groups lead to their incidents; all of it in Russian as well.

use serde_json::{Value, json};

use super::{picture, signed_in, speak_russian};
use crate::support::Site;

fn incident(id: &str, model: &str, tag: &str) -> Value {
    json!({"id": id, "detector": {"kind": "forecaster", "name": "MLAD"}, "model": model,
        "severity": "failure", "asset": {"name": "boiler-3", "group": "Plant A/Line 2"},
        "description": "Burner <b>two</b> is slow", "start": "2026-11-22T05:00:00Z",
        "top_tag": {"name": tag, "description": "Steam temperature", "value": 571.5, "units": "°C"}})
}

#[test]
fn incidents_are_searched_as_one_types() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    let all = json!([
        incident("i-1", "Boiler 3", "TI-101"),
        incident("i-2", "Boiler 3", "TI-101"),
        {"id": "r-1", "detector": {"kind": "rule"}, "severity": "critical", "status": "ignore"},
    ]);
    drop(site.post("/api/v1/incidents", &all).expect_status(202));
    site.wait_until_idle();
    let rows = |count: usize| {
        let words = format!("{count} rows");
        browser.wait_until(&words, || browser.find_all("#rows tr").len() == count);
    };
    browser.open("/incidents");
    rows(3);
    picture(&browser, "incidents-list");
    browser.press("/");
    browser.press("t i - 1 0");
    rows(2);
    assert!(browser.url().ends_with("/incidents?q=ti-10"), "{}", browser.url());
    browser.reload();
    rows(2);
    assert_eq!(browser.value("[data-filter]"), "ti-10");
    let file = browser.attribute(".list-bar .menu-list a", "href").unwrap_or_default();
    assert!(file.starts_with("/api/v1/incidents/export?q=ti-10"), "{file}");

    browser.click_text(".list-bar button", "Save this view");
    browser.type_into("#view-name", "Steam");
    browser.click("#save-view .button.primary");
    browser.wait_for_text("Steam");
    assert!(browser.url().ends_with("/incidents?q=ti-10"), "{}", browser.url());
    browser.open("/incidents?q=nowhere");
    browser.wait_for_text("No incident matches");

    browser.open("/incidents?q=boiler&live=on");
    rows(2);
    drop(site.post("/api/v1/incidents", &incident("i-3", "Boiler 4", "TI-7")).expect_status(202));
    rows(3);
    site.wait_until_idle();

    browser.open("/incidents/groups");
    browser.wait_for_text("TI-101");
    picture(&browser, "incidents-groups");
    browser.click("td a");
    rows(2);

    speak_russian(&browser);
    browser.open("/incidents");
    rows(4);
    picture(&browser, "incidents-list-ru");
    browser.open("/incidents/groups");
    picture(&browser, "incidents-groups-ru");
    browser.open("/incidents");
    browser.open("/incidents?q=r-1");
    browser.click("td .row-link");
    browser.wait_for_text("Игнорировать");
    picture(&browser, "incident-ru");
    browser.click_text(".page-head .actions a", "Кого уведомят");
    browser.wait_for_text("Об инцидентах со статусом Игнорировать не уведомляют");
    picture(&browser, "subscriptions-preview-ru");
}
