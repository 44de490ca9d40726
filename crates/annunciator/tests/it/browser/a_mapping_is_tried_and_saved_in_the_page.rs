//! A mapping of another detector's documents is tried with a pasted document, saved, used, changed
//! and deleted; without the right to change settings it can be tried alone.

use annunciator_testkit::browser::Browser;
use serde_json::json;

use super::{add_user, click_amid, picture, sign_in, signed_in, speak_russian};
use crate::support::{Site, answer};

const SAVE: &str = ".actions-bar .primary";
const DOCUMENT: &str =
    r#"{"alarms": [{"nr": 7, "unit": {"name": "Pump <b>"}}, {"nr": 8, "value": 1}]}"#;

#[test]
fn a_mapping_is_tried_and_saved_in_the_page() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.open("/incidents");
    browser.click_text(".empty a", "Map documents of other detectors");
    browser.wait_for_text("There are no mappings");
    picture(&browser, "mappings-empty");
    browser.click(".page-head .primary");
    for (field, value) in
        [("name", "scada"), ("items", "/alarms"), ("id", "/nr"), ("model", "/unit/name")]
    {
        browser.type_into(&format!("#m-{field}"), value);
    }
    let attempt = |document: &str| {
        browser.set_value("#document", document);
        click_amid(&browser, ".section > div > .button");
    };
    attempt("{\"alarms\": [");
    browser.wait_for_text("This is no JSON: it breaks at line 1, column 12.");
    browser.set_value("#m-detector_kind", "Limit alarm");
    attempt(DOCUMENT);
    browser.wait_for_text("must be of small letters");
    browser.set_value("#m-detector_kind", "limit");
    browser.set_value("#m-mse", "/unit/name");
    attempt(DOCUMENT);
    browser.wait_for_text("It would be refused:");
    let tried = browser.text("#tried");
    assert!(tried.contains("/alarms/0/unit/name: mse must be a number"), "{tried}");
    browser.set_value("#m-mse", "");
    attempt(DOCUMENT);
    browser.wait_for_text("It would be accepted");
    let tried = browser.text("#tried");
    for words in ["2 incidents", "Pump <b>", "Incident 2, Model: /unit/name"] {
        assert!(tried.contains(words), "{words}: {tried}");
    }
    picture(&browser, "mapping-tried");

    browser.set_value("#m-items", "alarms");
    click_amid(&browser, SAVE);
    browser.wait_for(".field.is-wrong #m-items");
    assert!(browser.value("#document").contains("Pump"), "the document is kept");
    browser.set_value("#m-items", "/alarms");
    click_amid(&browser, SAVE);
    browser.wait_for_text("Saved.");
    picture(&browser, "mappings");
    let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
    drop(site.post("/api/v1/incidents/mapped/scada", &document).expect_status(202));

    change_while_another_saves(&site, &browser);
    try_without_the_right(&site, &browser);

    browser.open("/incidents/mappings");
    browser.click("td form .danger");
    drop(browser.accept_dialog());
    browser.wait_for_text("Deleted.");
    assert_eq!(browser.find_all("tbody tr").len(), 1);
    speak_russian(&browser);
    browser.open("/incidents/mappings");
    picture(&browser, "mappings-ru");
    browser.click("td a");
    browser.set_value("#document", DOCUMENT);
    click_amid(&browser, ".section > div > .button");
    browser.wait_for_text("Будет отклонено");
    picture(&browser, "mapping-tried-ru");
}

/// Somebody else saves meanwhile: nothing is lost, and their mapping stays.
fn change_while_another_saves(site: &Site, browser: &Browser) {
    browser.open("/incidents/mappings/named/scada");
    let other = json!({"name": "other", "id": "/n", "detector_kind": "rule"});
    let mut all = site.get("/api/v1/settings")["values"]["incidents"]["mapping"].clone();
    all.as_array_mut().unwrap().push(other);
    site.save(&json!({"incidents": {"mapping": all}}));
    browser.set_value("#m-top_tag", "/tag");
    click_amid(browser, SAVE);
    browser.wait_for_text("Somebody saved settings in the meantime.");
    assert_eq!(browser.value("#m-top_tag"), "/tag");
    click_amid(browser, SAVE);
    browser.wait_for_text("Saved.");
    let all = site.get("/api/v1/settings")["values"]["incidents"]["mapping"].clone();
    assert_eq!((&all[0]["top_tag"], &all[1]["name"]), (&json!("/tag"), &json!("other")), "{all}");
}

/// Who may read settings alone tries what is stored.
fn try_without_the_right(site: &Site, browser: &Browser) {
    let role = json!({"rights": ["read_settings", "read_events"]});
    drop(answer(site.server.client().put("/api/v1/roles/looker", &role)).expect_status(200));
    add_user(site, "lena", "looker");
    let lena = browser.new_session();
    sign_in(&lena, "lena");
    lena.open("/incidents/mappings/named/scada");
    assert!(lena.find_all(SAVE).is_empty() && !lena.find("#m-id").is_enabled());
    lena.set_value("#document", DOCUMENT);
    click_amid(&lena, ".section > div > .button");
    lena.wait_for_text("It would be accepted");
}
