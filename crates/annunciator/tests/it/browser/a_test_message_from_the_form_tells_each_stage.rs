//! *Send test message* takes the settings as they stand in the form: through a real Postfix it
//! arrives, and where it does not, the dialog says at which stage and what to do; nothing is saved.

use annunciator_testkit::browser::Browser;
use annunciator_testkit::certificates::Authority;
use annunciator_testkit::postfix::{PostfixError, PostfixSetup};
use annunciator_testkit::process::free_address;
use annunciator_testkit::relay::{Action, Relay, Stage, When};

use super::{click_amid, picture, signed_in};
use crate::support::{PATIENCE, Site};

const GONE: &str = "former@example.org";

/// Fills the form of the tab, which is not saved.
fn fill(browser: &Browser, port: u16, recipients: &str) {
    browser.type_into("#email-sender", "annunciator@example.org");
    browser.type_into("#email-recipients", recipients);
    browser.type_into("#email-servers", "127.0.0.1");
    browser.type_into("#email-port", &port.to_string());
}

/// Opens the dialog and sends.
fn send(browser: &Browser) {
    browser.click(".actions-bar [data-dialog=test-dialog]");
    browser.click("#test-dialog .button.primary");
}

/// The stage that failed, in words.
fn failed_stage(browser: &Browser) -> String {
    browser.wait_for("#test-course .stage-result.bad");
    browser.text("#test-course > li.bad")
}

fn close(browser: &Browser) {
    browser.click("#test-dialog .dialog-foot [data-close]");
    browser.wait_until("the dialog is closed", || browser.find_all("dialog[open]").is_empty());
}

#[test]
fn a_test_message_from_the_form_tells_each_stage() {
    let wrong = Authority::new("Plant root").wrong_name();
    let postfix = match PostfixSetup::default().refuse(GONE).starttls(&wrong).start() {
        Ok(postfix) => postfix,
        Err(PostfixError::Missing(what)) => {
            eprintln!("skipped: {what}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/settings/email");
    let port = postfix.address().port();
    fill(&browser, port, "ops@example.org");

    browser.click(".actions-bar [data-dialog=test-dialog]");
    picture(&browser, "settings-test-before");
    browser.click("#test-trace");
    browser.click("#test-dialog .button.primary");
    browser.wait_for_text("The relay took the message");
    browser.wait_for_text("queued as");
    drop(postfix.wait_for_received(1, PATIENCE).unwrap());
    let stages = browser.find_all("#test-course > li").len();
    assert!(stages >= 9, "{stages} stages");
    browser.script(
        "document.querySelectorAll('#test-course details').forEach((one) => { one.open = true; })",
    );
    browser.wait_for_text("wrong.invalid");
    browser.wait_for_text("EHLO");
    picture(&browser, "settings-test-good");
    close(&browser);
    assert_eq!(browser.value("#email-port"), port.to_string(), "what was typed stays");
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing was saved");

    // An unknown recipient.
    browser.type_into("#email-recipients", GONE);
    send(&browser);
    let said = failed_stage(&browser);
    assert!(said.contains("550") && said.contains("no such user"), "{said}");
    assert!(browser.find("#test-course .stage-advice").is_shown());
    close(&browser);

    // A certificate for another server, where it has to match.
    browser.type_into("#email-recipients", "ops@example.org");
    click_amid(&browser, "input[name='email.tls'][value=required]");
    send(&browser);
    let said = failed_stage(&browser).to_lowercase();
    assert!(said.contains("certificate") && said.contains("tls"), "{said}");
    picture(&browser, "settings-test-bad");
    close(&browser);

    // Nobody listens.
    browser.type_into("#email-port", &free_address().port().to_string());
    send(&browser);
    let said = failed_stage(&browser).to_lowercase();
    assert!(said.contains("refused"), "{said}");
    close(&browser);
    assert_eq!(postfix.received().len(), 1);
}

#[test]
fn stages_appear_while_the_test_runs_and_end_with_the_dialog() {
    let relay = Relay::builder().on(Stage::Mail, When::Always, Action::Silence).start();
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/settings/email");
    fill(&browser, relay.port(), "ops@example.org");
    send(&browser);
    browser.wait_until("five stages are told", || browser.find_all("#test-course > li").len() == 5);
    assert!(browser.find_all("#test-course .stage-result").is_empty());
    close(&browser);
    browser.wait_until("the test has ended", || relay.open_connections() == 0);
}

#[test]
fn what_is_wrong_in_the_form_is_told_with_the_way_to_its_field() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    browser.open("/settings/email");
    fill(&browser, relay.port(), "ops@example.org");
    browser.type_into("#email-port", "70000");
    send(&browser);
    browser.wait_for("#test-course .stage-result.bad a");
    picture(&browser, "settings-test-refused");
    browser.click_text("#test-course a", "Port");
    browser.wait_until("the field is reached", || {
        browser.focused().attribute("id").as_deref() == Some("email-port")
    });
    assert!(browser.find_all("dialog[open]").is_empty());

    // Without script the whole page comes back, with the stages and what was typed.
    browser.type_into("#email-port", &relay.port().to_string());
    browser.script(
        "const form = document.getElementById('settings');
         form.action = '/settings/email/test';
         delete form.dataset.guard;
         const button = document.createElement('button');
         form.append(button);
         window.onbeforeunload = null;
         HTMLFormElement.prototype.submit.call(form);",
    );
    if browser.find_all(".course > .stages > li").is_empty() {
        // The guard asks, since nothing is saved.
        browser.accept_dialog();
    }
    browser.wait_for(".course > .stages .stage-result.good");
    assert_eq!(browser.value("#email-sender"), "annunciator@example.org");
    assert_eq!(relay.message_count(), 1);
}
