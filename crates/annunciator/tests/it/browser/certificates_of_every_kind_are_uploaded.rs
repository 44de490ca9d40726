//! Authorities, a pair in any order, PKCS#12 with a password and a signing key are uploaded through
//! the page; what is wrong is told and nothing is stored; the key is downloaded for the password.

use std::fs;
use std::path::PathBuf;

use annunciator_testkit::browser::Browser;
use annunciator_testkit::certificates::Authority;

use super::{PASSWORD, picture, signed_in};
use crate::support::Site;

struct Desk {
    browser: Browser,
    folder: tempfile::TempDir,
}

impl Desk {
    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Fills the form of a new object and sends it.
    fn upload(&self, kind: &str, name: &str, files: &[PathBuf], password: &str) {
        self.browser.open(&format!("/certificates/new?kind={kind}"));
        self.browser.type_into("#certificate-name", name);
        for file in files {
            self.browser.upload("#certificate-files", file);
        }
        self.browser.type_into("#certificate-password", password);
        self.browser.click("form.form .button.primary");
    }
}

#[test]
fn certificates_of_every_kind_are_uploaded() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    let desk = Desk { browser, folder: tempfile::tempdir().unwrap() };
    let browser = &desk.browser;
    browser.tolerate("status of 422");
    browser.open("/certificates");
    browser.wait_for_text("No certificates yet");
    let authority = Authority::new("Plant <b>root</b>");
    let identity = authority.client("robot");

    desk.upload("authorities", "Plant root", &[desk.file("root.pem", &authority.pem())], "");
    browser.wait_for_text("Uploaded; settings can name it now.");
    browser.wait_for_text("Plant <b>root</b>");

    // Key first, certificate second: the order does not matter.
    let files = [
        desk.file("robot.key", &identity.key_pem_encrypted("secret")),
        desk.file("robot.crt", &identity.certificate_pem()),
    ];
    desk.upload("client", "Pair", &files, "wrong");
    let error = browser.wait_for(".field .error");
    assert!(error.text().to_lowercase().contains("password"), "{}", error.text());
    assert_eq!(browser.value("#certificate-name"), "Pair", "what was typed stays");
    browser.open("/certificates");
    assert!(!browser.page_text().contains("Pair"), "nothing is stored on failure");
    desk.upload("client", "Pair", &files, "secret");
    browser.wait_for_text("CN=robot");

    let bundle = desk.file("robot.p12", &identity.pkcs12("open sesame"));
    desk.upload("authorities", "Bundle", std::slice::from_ref(&bundle), "");
    browser.wait_for_text("upload it as a client certificate");
    browser.wait_for_text("Choose the files again");
    desk.upload("client", "Bundle", &[bundle], "open sesame");
    browser.wait_for_text("Uploaded; settings can name it now.");
    picture(browser, "certificate");
    expect_guarded_key(browser);

    let key = desk.file("dkim.key", &identity.key_pem());
    desk.upload("signing_key", "Not for DKIM", &[key], "");
    browser.wait_for(".notice.bad");
    desk.upload("client", "Nonsense", &[desk.file("nonsense.pem", b"not a certificate")], "");
    browser.wait_for(".notice.bad");

    browser.open("/certificates");
    assert_eq!(browser.find_all("table.data tbody tr").len(), 3);
    picture(browser, "certificates");
    browser.click_text("td a", "Bundle");
    browser.click(".button.danger");
    assert!(browser.accept_dialog().contains("Delete"));
    browser.wait_for_text("Deleted.");
    assert!(!browser.page_text().contains("Bundle"));
}

/// The key is given for the visitor's own password and for nothing else.
fn expect_guarded_key(browser: &Browser) {
    browser.tolerate("status of 403");
    browser.click("[data-dialog=key-dialog]");
    browser.type_into("#credential", "not her password");
    browser.click("#key-dialog .button.primary");
    browser.wait_for("#key-dialog .notice.bad");
    let key = browser.script_with(
        "const body = new URLSearchParams({credential: arguments[0], export_password: ''});
         const answer = await fetch(location.pathname.replace(/\\/key$/, '') + '/key', {method: 'POST', body});
         return await answer.text();",
        &[PASSWORD.into()],
    );
    assert!(key.as_str().unwrap().contains("BEGIN PRIVATE KEY"), "{key}");
    browser.press("Escape");
}
