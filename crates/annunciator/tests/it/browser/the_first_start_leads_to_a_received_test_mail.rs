//! The link in the log makes the administrator, who is led through relay, test message, recipients
//! and the first event; a message arrives, and neither key nor password stands in any page.

use std::time::{Duration, Instant};

use annunciator_testkit::browser::Browser;
use annunciator_testkit::postfix::{PostfixError, PostfixSetup};
use annunciator_testkit::relay::{Relay, Stage, When, reply};

use super::picture;
use crate::support::{PATIENCE, Site};

const PASSWORD: &str = "canary of nine plain words";
const RECIPIENT: &str = "ops@example.org";

/// Path and query of the link that the log shows.
fn link_of(site: &Site) -> String {
    let log = site.server.log();
    let at = log.find("/setup?key=").expect("the log shows the link");
    let link = log[at..].split(['"', ' ', '\n']).next();
    link.expect("the link ends").to_owned()
}

/// Makes the administrator; gives the key that is now worth nothing.
fn set_up(site: &Site, browser: &Browser) -> String {
    let link = link_of(site);
    browser.open(&link);
    browser.type_into("#user", "anna");
    browser.type_into("#password", PASSWORD);
    browser.click("details.more summary");
    browser.type_into("#email", RECIPIENT);
    browser.click("form .button.primary");
    browser.wait_for_text("Which relay takes the mail?");
    link.split_once("key=").expect("a key").1.to_owned()
}

fn give_relay(browser: &Browser, port: u16) {
    browser.type_into("#servers", "127.0.0.1");
    browser.type_into("#port", &port.to_string());
    browser.type_into("#sender", "annunciator@example.org");
    browser.click("form.form .button.primary");
    browser.wait_for_text("Does a message arrive?");
}

/// Several recipients at once, one on a line, of which two are wrong; then the one who gets mail.
fn give_recipients(browser: &Browser, port: u16) {
    browser.set_value("#recipients", &format!("{RECIPIENT}\nnight shift\nno address"));
    browser.click("form.form .button.primary");
    browser.wait_for_text("no address: ");
    browser.wait_for_text("night shift: ");
    browser.set_value("#recipients", &format!("{RECIPIENT}\nnight@example.org"));
    browser.click("form.form .button.primary");
    browser.wait_for_text("What happens now");
    browser.wait_for_text("night@example.org");
    browser.wait_for_text(&format!("127.0.0.1:{port}"));
    assert_eq!(browser.find_all(".guide-steps li.done").len(), 3);
    // One reader is enough for what follows.
    browser.open("/welcome/recipients?tested=1");
    browser.set_value("#recipients", RECIPIENT);
    browser.click("form.form .button.primary");
    browser.wait_for_text("What happens now");
}

fn expect_no_secret(browser: &Browser, secrets: &[&str]) {
    let page = browser.script("return document.documentElement.outerHTML");
    let page = page.as_str().expect("a page");
    for secret in secrets {
        assert!(!page.contains(secret), "{} shows {secret}", browser.url());
    }
}

#[test]
fn the_first_start_leads_to_a_received_test_mail() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let Some(browser) = Browser::start(site.server.address()) else { return };
    browser.tolerate("status of 422");
    let begun = Instant::now();

    // Whoever comes without the link learns where it is.
    browser.open("/");
    browser.wait_for_text("annunciator serve");
    picture(&browser, "setup-without-key");
    browser.open("/setup?key=00ff");
    browser.type_into("#user", "mallory");
    browser.type_into("#password", PASSWORD);
    browser.click("form .button.primary");
    browser.wait_for_text("This key does not hold");

    browser.open(&link_of(&site));
    browser.type_into("#user", "anna");
    browser.type_into("#password", "short");
    browser.wait_for_text("Characters still missing: 7");
    picture(&browser, "setup");
    browser.click("form .button.primary");
    browser.wait_for(".field.is-wrong #password");
    assert_eq!(browser.value("#user"), "anna", "what was typed stays");
    let key = set_up(&site, &browser);
    picture(&browser, "guide-relay");
    let secrets = [PASSWORD, key.as_str()];
    expect_no_secret(&browser, &secrets);

    give_relay(&browser, relay.port());
    assert_eq!(browser.value("#to"), RECIPIENT);
    browser.click("form .button.primary");
    browser.wait_for_text("The relay took the message");
    let sent = relay.wait_for_messages(1, PATIENCE).unwrap().remove(0);
    assert_eq!(sent.header("To").as_deref(), Some(RECIPIENT));
    assert!(begun.elapsed() < Duration::from_mins(2));
    assert!(browser.find_all("#stages > li").len() >= 7, "the stages are told one by one");
    picture(&browser, "guide-test");

    browser.click(".guide a.button.primary");
    browser.wait_for_text("Who is told, and about what?");
    assert!(browser.url().ends_with("/welcome/recipients?tested=1"));
    picture(&browser, "guide-recipients");
    browser.type_into("#recipients", "nobody at all");
    browser.click("form.form .button.primary");
    browser.wait_for(".field.is-wrong #recipients");
    give_recipients(&browser, relay.port());
    browser.click("#hand-in .button.primary");
    let line = browser.text("#line");
    picture(&browser, "guide-done");
    expect_no_secret(&browser, &secrets);
    run(&line);
    drop(site.wait_for_deliveries(1, "delivered"));
    assert_eq!(relay.message_count(), 2);

    browser.open("/setup?key=anything");
    browser.wait_for_text("has been made already");
}

/// Runs the line that the page gave, as its reader would.
fn run(line: &str) {
    let output = std::process::Command::new("sh").args(["-c", line]).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("\"id\""), "{said} {output:?}");
}

#[test]
fn a_test_message_that_fails_says_what_to_do() {
    let relay = Relay::builder()
        .on(Stage::Mail, When::Always, reply("550 5.7.1 sender <b>not</b> wanted"))
        .start();
    let site = Site::start();
    let Some(browser) = Browser::start(site.server.address()) else { return };
    browser.tolerate("status of 422");
    drop(set_up(&site, &browser));
    give_relay(&browser, relay.port());
    browser.click("form .button.primary");
    browser.wait_for_text("The message did not go out");
    browser.wait_for_text("sender <b>not</b> wanted");
    assert!(browser.find("#stages > li.bad .stage-advice").is_shown());
    picture(&browser, "guide-test-failed");

    // Without script the same is shown at once.
    browser.script(
        "const form = document.querySelector('form.form');
         delete form.dataset.stream;
         form.submit();",
    );
    browser.wait_for_text("sender <b>not</b> wanted");
    assert!(browser.find_all("#stages > li").len() >= 5, "all stages are there");

    // A password that is kept does not go over another connection by itself.
    browser.open("/welcome/relay");
    browser.click("input[name=auth]");
    browser.type_into("#username", "annunciator");
    browser.type_into("#password", PASSWORD);
    browser.click("form.form .button.primary");
    browser.wait_for_text("Does a message arrive?");
    browser.open("/welcome/relay");
    browser.wait_for_text("A password is saved.");
    browser.select("#tls", "required");
    browser.click("form.form .button.primary");
    browser.wait_for_text("The connection changes: type the password again.");
    assert!(!browser.page_text().contains("A password is saved."));

    browser.open("/welcome/relay?preset=amazon_ses");
    browser.wait_for_text("SES");
    picture(&browser, "guide-relay-preset");
}

#[test]
fn a_newcomer_sends_the_first_message_through_postfix() {
    let postfix = match PostfixSetup::default().start() {
        Ok(postfix) => postfix,
        Err(PostfixError::Missing(what)) => {
            eprintln!("skipped: {what}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let site = Site::start();
    let Some(browser) = Browser::start(site.server.address()) else { return };
    drop(set_up(&site, &browser));
    give_relay(&browser, postfix.address().port());
    browser.click("form .button.primary");
    browser.wait_for_text("The relay took the message");
    browser.wait_for_text("queued as");
    drop(postfix.wait_for_received(1, PATIENCE).unwrap());
}
