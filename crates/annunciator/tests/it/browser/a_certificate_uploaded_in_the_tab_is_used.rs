//! *Specify certificate* within a tab: what was typed stays, the new object is chosen, and once it
//! is saved the relay's certificate is proven by it.

use annunciator_testkit::browser::Browser;
use annunciator_testkit::certificates::Authority;
use annunciator_testkit::relay::{Relay, TlsSetup};

use super::{click_amid, picture, signed_in};
use crate::support::Site;

/// Sends a test message; whether it went out, in words.
fn test(browser: &Browser) -> String {
    browser.click(".actions-bar [data-dialog=test-dialog]");
    browser.click("#test-dialog .button.primary");
    browser.wait_for("#test-course .stage-result");
    let said = browser.text("#test-course .stage-result");
    browser.click("#test-dialog .dialog-foot [data-close]");
    said
}

#[test]
fn a_certificate_uploaded_in_the_tab_is_used() {
    let authority = Authority::new("Plant root");
    let identity = authority.client("robot");
    let relay_tls =
        TlsSetup::new(&authority.server(&["127.0.0.1"])).require_client_certificate(&authority);
    let relay = Relay::builder().starttls(&relay_tls).start();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.tolerate("status of 422");
    browser.open("/settings/email");
    browser.type_into("#email-sender", "annunciator@example.org");
    browser.type_into("#email-recipients", "ops@example.org");
    browser.type_into("#email-servers", "127.0.0.1");
    browser.type_into("#email-port", &relay.port().to_string());
    click_amid(&browser, "input[name='email.tls'][value=required]");
    assert!(test(&browser).contains("did not go out"));

    click_amid(&browser, "#email-ca-certificates-tools [data-dialog]");
    browser.type_into("#certificate-name", "Plant root");
    browser.upload("#certificate-files", &file("root.pem", &authority.pem()));
    browser.click("#certificate-dialog .button.primary");
    browser.wait_for("#certificate-dialog .certificate-chosen");
    picture(&browser, "settings-certificate-chosen");
    browser.click("#certificate-dialog .dialog-foot .button");
    assert!(!browser.value("#email-ca-certificates").is_empty(), "it is chosen");
    assert_eq!(browser.value("#email-servers"), "127.0.0.1", "what was typed stays");

    // A wrong password is told in the dialog; key and certificate come in any order.
    click_amid(&browser, "#email-client-certificate-tools [data-dialog]");
    browser.type_into("#certificate-name", "Robot");
    let files = [
        file("robot.key", &identity.key_pem_encrypted("secret")),
        file("robot.crt", &identity.certificate_pem()),
    ];
    let choose = || files.iter().for_each(|file| browser.upload("#certificate-files", file));
    choose();
    browser.type_into("#certificate-password", "wrong");
    browser.click("#certificate-dialog .button.primary");
    browser.wait_for("#certificate-dialog .field .error");
    picture(&browser, "settings-certificate-wrong");
    choose();
    browser.type_into("#certificate-password", "secret");
    browser.click("#certificate-dialog .button.primary");
    browser.wait_for("#certificate-dialog .certificate-chosen");
    browser.click("#certificate-dialog .dialog-foot .button");
    let link = "#email-client-certificate-links a";
    browser.wait_until("the way to it is shown", || browser.find(link).is_shown());

    let said = test(&browser);
    assert!(said.contains("The relay took the message"), "{said}");
    browser.click(".actions-bar .button.primary");
    browser.wait_for_text("Saved.");
    let saved = site.get("/api/v1/settings")["values"]["email"].clone();
    for key in ["ca_certificates", "client_certificate"] {
        assert_eq!(saved[key], browser.value(&format!("#email-{}", key.replace('_', "-"))));
    }
    browser.open("/certificates");
    browser.wait_for_text("email.client_certificate");
}
