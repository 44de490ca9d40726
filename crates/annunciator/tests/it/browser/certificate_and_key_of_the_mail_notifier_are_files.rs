//! The page *Mail Notifier*: certificate and key are browsed, seen, saved, downloaded with the same
//! bytes, and cleared; a test message shows the certificate to a relay that demands it.

use annunciator_testkit::certificates::Authority;
use annunciator_testkit::relay::{Relay, TlsSetup};

use super::{PASSWORD, click_amid, picture, signed_in};
use crate::support::Site;

/// What the form posts.
const FIELD: &str = "input[name='mail_notifier.client_certificate']";

/// What a request of the page answers, with the session of whoever is signed in.
const FETCH: &str = "
    const [path, form] = arguments;
    const request = new XMLHttpRequest();
    request.open(form ? 'POST' : 'GET', path, false);
    if (form) request.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
    request.send(form);
    return request.responseText;";

#[test]
fn certificate_and_key_of_the_mail_notifier_are_files() {
    let authority = Authority::new("Plant root");
    let identity = authority.client("notifier");
    let relay_tls =
        TlsSetup::new(&authority.server(&["127.0.0.1"])).require_client_certificate(&authority);
    let relay = Relay::builder().starttls(&relay_tls).start();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) =
        (folder.path().join("notifier.crt"), folder.path().join("notifier.key"));
    std::fs::write(&certificate, identity.certificate_pem()).unwrap();
    std::fs::write(&key, identity.key_pem()).unwrap();
    let site = Site::start();
    let root = upload_root(&site, &authority);
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.open("/settings/mail-notifier");
    picture(&browser, "mail-notifier-empty");
    browser.type_into("#mail-notifier-sender", "notifier@plant.example");
    browser.type_into("#mail-notifier-servers", "127.0.0.1");
    browser.type_into("#mail-notifier-port", &relay.port().to_string());
    click_amid(&browser, "input[name='mail_notifier.tls'][value=required]");
    browser.select("#mail-notifier-ca-certificates", &root);

    browser.upload("#certificate-file", &certificate);
    browser.wait_for_text("Choose the key as well.");
    browser.upload("#key-file", &key);
    browser.wait_for_text("Uploaded. It is used once you save.");
    browser.wait_for_text("CN=notifier");
    picture(&browser, "mail-notifier-uploaded");
    let id = browser.value(FIELD);
    assert!(!id.is_empty());
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing is saved by browsing");

    // The test message goes with what is not saved yet.
    browser.click(".actions-bar [data-dialog=test-dialog]");
    browser.type_into("#test-to", "shift@plant.example");
    browser.click("#test-dialog .dialog-foot .primary");
    browser.wait_for_text("The relay took the message");
    assert_eq!(relay.message_count(), 1);
    picture(&browser, "mail-notifier-test");
    browser.click("#test-dialog .dialog-foot [data-close]");

    browser.click(".actions-bar .button.primary");
    browser.wait_for_text("Saved.");
    let saved = || site.get("/api/v1/settings")["values"]["mail_notifier"].clone();
    assert_eq!(saved()["client_certificate"], id.as_str());
    picture(&browser, "mail-notifier-saved");

    let fetched = |path: String, form: Option<&str>| {
        let found = browser.script_with(FETCH, &[path.into(), form.into()]);
        found.as_str().unwrap_or_default().to_owned()
    };
    let pem = fetched(format!("/certificates/{id}/pem"), None);
    assert_eq!(pem, text(&identity.certificate_pem()));
    click_amid(&browser, "#download-key");
    browser.wait_for("#notifier-key-dialog[open] #credential");
    picture(&browser, "mail-notifier-key");
    browser.click("#notifier-key-dialog .dialog-foot [data-close]");
    let credential = format!("credential={}", PASSWORD.replace(' ', "+"));
    let pem = fetched(format!("/certificates/{id}/key"), Some(&credential));
    assert_eq!(pem, text(&identity.key_pem()));

    click_amid(&browser, "#clear-certificate");
    browser.wait_for_text("Cleared.");
    assert_eq!(browser.value(FIELD), "");
    assert_eq!(saved()["client_certificate"], id.as_str(), "nothing is saved by clearing");
    browser.click(".actions-bar .button.primary");
    browser.wait_for_text("Saved.");
    assert_eq!(saved()["client_certificate"], "");
}

/// The authority as an object of its own; its id.
fn upload_root(site: &Site, authority: &Authority) -> String {
    let root = serde_json::json!({ "name": "Plant root", "kind": "authorities", "files": [{
        "name": "root.pem", "content_base64": base64_of(&authority.pem()) }] });
    let root = site.post("/api/v1/certificates", &root).expect_status(201).json();
    root["certificate"]["id"].as_str().unwrap().to_owned()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

fn base64_of(octets: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64::encode_string(octets)
}
