//! The page *Mail Notifier*: certificate and key are browsed, seen, downloaded with the same bytes
//! and cleared one by one; a Postfix that demands the certificate gets mail with it, and refuses it
//! without.

use std::path::{Path, PathBuf};

use annunciator_testkit::browser::Browser;
use annunciator_testkit::certificates::{Authority, Identity};
use annunciator_testkit::postfix::{Postfix, PostfixError, PostfixSetup};
use serde_json::{Value, json};

use super::{PASSWORD, click_amid, picture, signed_in};
use crate::subscribers_are_mailed_once_in_their_language::incident;
use crate::support::{PATIENCE, Site, text};

/// What the form posts.
const FIELD: &str = "input[name='mail_notifier.client_certificate']";
const PAGE: &str = "/settings/mail-notifier";
const SAVE: &str = ".actions-bar .button.primary";
const NO_KEY: &str = "The key of this certificate is missing.";
const WEAK: &str = "The key is weaker than recommended";

/// Files as people have them: with words around the blocks, and line ends of Windows.
struct Files {
    folder: tempfile::TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn of(identity: &Identity) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, pem: &[u8]| {
            let words = format!("# {name} of the plant\r\n{}", String::from_utf8_lossy(pem));
            let path = folder.path().join(name);
            std::fs::write(&path, words.replace("\r\n", "\n").replace('\n', "\r\n")).unwrap();
            path
        };
        let certificate = write("notifier.crt", &identity.certificate_pem());
        let key = write("notifier.key", &identity.key_pem());
        Self { certificate, key, folder }
    }
}

/// A Postfix that takes mail from who shows a certificate of this authority alone.
#[expect(clippy::print_stderr, reason = "who runs the tests must read what was skipped")]
fn demanding_postfix(authority: &Authority, folder: &Path) -> Option<Postfix> {
    let file = folder.join("root.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let setup = PostfixSetup::default()
        .starttls(&authority.server(&["127.0.0.1"]))
        .line("smtpd_tls_security_level = encrypt")
        .line("smtpd_tls_req_ccert = yes")
        .line(&format!("smtpd_tls_CAfile = {}", file.display()));
    match setup.start() {
        Ok(postfix) => Some(postfix),
        Err(PostfixError::Missing(what)) => {
            eprintln!("skipped: {what}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn certificate_and_key_of_the_mail_notifier_are_files() {
    let authority = Authority::new("Plant root");
    let files = Files::of(&authority.client("notifier"));
    let Some(postfix) = demanding_postfix(&authority, files.folder.path()) else { return };
    let site = Site::start();
    let root = upload_root(&site, &authority);
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.open(PAGE);
    picture(&browser, "mail-notifier-empty");
    browser.type_into("#mail-notifier-sender", "notifier@plant.example");
    browser.type_into("#mail-notifier-servers", "127.0.0.1");
    browser.type_into("#mail-notifier-port", &postfix.address().port().to_string());
    click_amid(&browser, "input[name='mail_notifier.tls'][value=required]");
    browser.select("#mail-notifier-ca-certificates", &root);

    send_test(&browser, "client certificate");
    picture(&browser, "mail-notifier-refused");
    browser.click("#test-dialog .dialog-foot [data-close]");

    half_a_pair_is_not_saved(&site, &browser, &files);
    browser.upload("#key-file", &files.key);
    browser.wait_for_text("EC P-256");
    browser.wait_for_text(WEAK);
    picture(&browser, "mail-notifier-uploaded");
    both_are_downloaded(&browser, &files);
    each_is_cleared_by_itself(&site, &browser);

    browser.upload("#key-file", &files.key);
    browser.wait_for_text("The certificate of this key is missing.");
    browser.upload("#certificate-file", &files.certificate);
    browser.wait_for_text("CN=notifier");
    let id = browser.value(FIELD);
    browser.click(SAVE);
    browser.wait_for_text("Saved.");
    assert_eq!(saved(&site)["client_certificate"], id.as_str());
    picture(&browser, "mail-notifier-saved");
    both_are_downloaded(&browser, &files);
    look_in_russian(&browser);

    assert_eq!(postfix.received().len(), 0, "nothing came without the certificate");
    send_test(&browser, "The relay took the message");
    postfix.wait_for_received(1, PATIENCE).unwrap();
    assert_eq!(postfix.received_for("shift@plant.example").len(), 1);
    browser.click("#test-dialog .dialog-foot [data-close]");
    let subscriptions = json!([{"name": "A", "addresses": "lead@plant.example"}]);
    drop(site.save(&json!({ "incidents": { "subscriptions": subscriptions } })));
    drop(site.post("/api/v1/incidents", &incident("i-1")).expect_status(202));
    postfix.wait_for_received(2, PATIENCE).unwrap();
    assert_eq!(postfix.received_for("lead@plant.example").len(), 1);
    site.wait_for_deliveries(1, "delivered");

    what_is_cleared_and_saved_is_deleted(&site, &browser, &id);
}

/// Sends a test message with what the form holds, and waits for what comes of it.
fn send_test(browser: &Browser, expected: &str) {
    browser.click(".actions-bar [data-dialog=test-dialog]");
    browser.type_into("#test-to", "shift@plant.example");
    browser.click("#test-dialog .dialog-foot .primary");
    browser.wait_for_text(expected);
}

fn saved(site: &Site) -> Value {
    site.get("/api/v1/settings")["values"]["mail_notifier"].clone()
}

/// The certificate alone is shown at once; with TLS on it is refused beside its field.
fn half_a_pair_is_not_saved(site: &Site, browser: &Browser, files: &Files) {
    browser.upload("#certificate-file", &files.certificate);
    browser.wait_for_text("CN=notifier");
    browser.wait_for_text("notifier.crt");
    browser.wait_for_text(NO_KEY);
    browser.click(SAVE);
    browser.wait_for(".field.is-wrong#mail-notifier-client-certificate");
    let told = "The key of the certificate is missing: choose its file";
    assert!(browser.text("#mail-notifier-client-certificate").contains(told));
    picture(browser, "mail-notifier-half");
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing is saved");
}

/// A real download of each, octet by octet.
fn both_are_downloaded(browser: &Browser, files: &Files) {
    let folder = tempfile::tempdir().unwrap();
    browser.save_downloads_in(folder.path());
    click_amid(browser, "#download-certificate");
    let (name, octets) = browser.take_download(folder.path());
    assert_eq!(name, "notifier.crt");
    assert_eq!(octets, std::fs::read(&files.certificate).unwrap());
    click_amid(browser, "#download-key");
    browser.wait_for("#notifier-key-dialog[open] #credential");
    picture(browser, "mail-notifier-key");
    browser.type_into("#credential", PASSWORD);
    browser.click("#notifier-key-dialog .dialog-foot .primary");
    let (name, octets) = browser.take_download(folder.path());
    assert_eq!(name, "notifier.key");
    assert_eq!(octets, std::fs::read(&files.key).unwrap());
    if browser.is_shown("#notifier-key-dialog [data-close]") {
        browser.click("#notifier-key-dialog .dialog-foot [data-close]");
    }
}

/// The same page in the other language.
fn look_in_russian(browser: &Browser) {
    let choose = |language: &str| {
        browser.open("/account");
        browser.select("#language", language);
        click_amid(browser, "form.form .button.primary");
        browser.wait_for(&format!("html[lang={language}]"));
        browser.open(PAGE);
    };
    choose("ru");
    browser.wait_for_text("Сертификат SMTP-сервера");
    click_amid(browser, "#clear-key");
    browser.wait_for_text("Нет ключа этого сертификата");
    picture(browser, "mail-notifier-russian");
    click_amid(browser, "#clear-certificate");
    browser.wait_until_gone("#clear-certificate");
    choose("en");
}

/// One leaves the other; what was never saved leaves nothing behind.
fn each_is_cleared_by_itself(site: &Site, browser: &Browser) {
    click_amid(browser, "#clear-certificate");
    browser.wait_for_text("The certificate of this key is missing.");
    assert!(browser.page_text().contains("EC P-256"), "the key stays");
    assert!(!browser.page_text().contains("CN=notifier"));
    picture(browser, "mail-notifier-cleared");
    click_amid(browser, "#clear-key");
    browser.wait_until_gone("#clear-key");
    assert_eq!(browser.value(FIELD), "");
    assert!(!browser.is_shown("#download-key"));
    assert_eq!(objects(site), ["Plant root"]);
}

fn what_is_cleared_and_saved_is_deleted(site: &Site, browser: &Browser, id: &str) {
    browser.open(PAGE);
    click_amid(browser, "#clear-key");
    browser.wait_for_text(NO_KEY);
    click_amid(browser, "#clear-certificate");
    browser.wait_until_gone("#clear-certificate");
    assert_eq!(saved(site)["client_certificate"], id, "nothing is saved by clearing");
    assert_eq!(objects(site).len(), 2, "what settings use stays until they are saved");
    browser.click(SAVE);
    browser.wait_for_text("Saved.");
    assert_eq!(saved(site)["client_certificate"], "");
    assert_eq!(objects(site), ["Plant root"]);
}

/// The names of the certificate objects.
fn objects(site: &Site) -> Vec<String> {
    let list = site.get("/api/v1/certificates");
    let list = list["certificates"].as_array().unwrap();
    list.iter().map(|one| text(&one["name"]).to_owned()).collect()
}

/// The authority as an object of its own; its id.
fn upload_root(site: &Site, authority: &Authority) -> String {
    let root = json!({ "name": "Plant root", "kind": "authorities", "files": [{
        "name": "root.pem", "content_base64": base64_of(&authority.pem()) }] });
    let root = site.post("/api/v1/certificates", &root).expect_status(201).json();
    text(&root["certificate"]["id"]).to_owned()
}

fn base64_of(octets: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64::encode_string(octets)
}

#[test]
fn files_are_chosen_and_cleared_without_script_as_well() {
    let authority = Authority::new("Plant root");
    let files = Files::of(&authority.client("notifier"));
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.turn_script_off();
    browser.open(PAGE);
    browser.type_into("#mail-notifier-sender", "notifier@plant.example");
    let upload = |slot: &str, path: &Path| {
        browser.upload(&format!("#{slot}-file"), path);
        click_amid(&browser, &format!("#{slot}-file ~ noscript .button"));
    };
    upload("certificate", &files.certificate);
    browser.wait_for_text("CN=notifier");
    browser.wait_for_text(NO_KEY);
    upload("key", &files.key);
    browser.wait_for_text("EC P-256");
    assert_eq!(browser.value("#mail-notifier-sender"), "notifier@plant.example");
    click_amid(&browser, "#clear-key");
    browser.wait_for_text(NO_KEY);
    assert!(browser.page_text().contains("CN=notifier"), "the certificate stays");
    upload("key", &files.key);
    browser.wait_for_text("EC P-256");
    click_amid(&browser, SAVE);
    browser.wait_for_text("Saved.");
    let held = objects(&site);
    assert_eq!(held.len(), 1, "one object, which the settings name: {held:?}");
    assert_eq!(saved(&site)["sender"], "notifier@plant.example");
}
