//! One mail to two recipients, of whom the relay refuses one: the event's page tells how it was
//! accepted and decided, what each recipient got, the dialogue, the TLS facts, and the mail as text,
//! in a frame and as its source. It follows a delivery that waits until it is settled. The link in
//! a mail leads there.

use annunciator_testkit::browser::Browser;
use annunciator_testkit::certificates::Authority;
use annunciator_testkit::relay::{Relay, Stage, TlsSetup, When, for_address, reply};
use serde_json::json;

use super::{PASSWORD, USER, picture, signed_in};
use crate::support::{OPERATOR, PATIENCE, Site, critical, email_settings, text};

const REFUSED: &str = "nobody@example.org";

fn site(relay: &Relay) -> Site {
    let site = Site::start();
    let mut email = email_settings(relay.port());
    email["recipients"] = json!([OPERATOR, REFUSED]);
    email["trace"] = json!(true);
    email["html_message"] = json!("<h1>%EVENT%</h1><p>%DESCR%</p>");
    site.save(&json!({ "email": email }));
    site
}

/// The link in a mail leads to the story, past the sign-in page when nobody is signed in.
fn follow_the_link(browser: &Browser, site: &Site) {
    let address = format!("http://{}", site.server.address());
    site.save(&json!({
        "console": { "url": address }, "email": { "message": "See %LINK%", "html_message": "" },
    }));
    site.submit("door.open");
    site.wait_until_idle();
    let uid = text(&site.events()[0]["uid"]).to_owned();
    let told = site.get(&format!("/api/v1/events/{uid}"));
    let words = text(&told["notifications"][0]["text"]);
    let link = words.trim().strip_prefix("See ").expect("the words of the template");
    assert_eq!(link, format!("{address}/events/{uid}"));
    let other = browser.new_session();
    other.open(link);
    other.type_into("#user", USER);
    other.type_into("#password", PASSWORD);
    other.click("form .button.primary");
    other.wait_for("#timeline");
    assert_eq!(other.url(), link);
}

/// What waits is followed until it is settled, without a reload.
fn follow_what_waits(browser: &Browser, site: &Site, relay: &Relay) {
    relay.on(Stage::Mail, When::Times(1), reply("451 4.3.0 try again later"));
    site.submit_event(critical("disk.failing"));
    crate::support::eventually("the next one waits", || {
        let found = site.get("/api/v1/deliveries?state=queued");
        if found["deliveries"].as_array().is_some_and(|all| all.len() == 2) {
            return Ok(());
        }
        Err(found.to_string())
    });
    let uid = text(&site.events()[0]["uid"]).to_owned();
    browser.open(&format!("/events/{uid}"));
    browser.wait_for_text("Waits:");
    browser.wait_for_text("try again later");
    let queued = site.get("/api/v1/deliveries?state=queued");
    let ids: Vec<_> = queued["deliveries"].as_array().expect("a list").iter().collect();
    let ids: Vec<_> = ids.iter().map(|one| &one["id"]).collect();
    drop(site.post("/api/v1/deliveries/retry", &json!({ "deliveries": ids })).expect_status(200));
    browser.wait_for_text("Delivered: 1");
    browser.wait_for_text("Failed: 1");
    browser.wait_until("nothing waits", || !browser.page_text().contains("Waits:"));
}

#[test]
fn the_story_of_an_event_is_told_to_its_end() {
    let tls = TlsSetup::new(&Authority::new("Unknown root").server(&["127.0.0.1"]));
    let relay = Relay::builder()
        .starttls(&tls)
        .on(Stage::Rcpt, for_address(REFUSED), reply("550 5.1.1 no such user here"))
        .start();
    let site = site(&relay);
    let Some(browser) = signed_in(&site) else { return };
    let event = critical("disk.full").type_name("Disk full").description("Volume D: is full");
    site.submit_event(event.parameter("free_percent", 1));
    relay.wait_for_messages(1, PATIENCE).unwrap();
    site.wait_until_idle();
    let uid = text(&site.events()[0]["uid"]).to_owned();

    browser.open("/events");
    browser.click_text("a.row-link", "Disk full");
    browser.wait_for("#timeline");
    assert!(browser.url().ends_with(&format!("/events/{uid}")), "{}", browser.url());
    for words in [
        "Accepted: the event is on the disk",
        "E-mail: notified",
        "Notification planned: E-mail",
        "free_percent",
        "550",
        "no such user here",
        "Delivered: 1",
        "Failed: 1",
        OPERATOR,
        REFUSED,
    ] {
        browser.wait_for_text(words);
    }
    browser.click_text("#timeline summary", "TLS facts");
    browser.wait_for_text("Unknown root");
    browser.click_text("#timeline summary", "Dialogue");
    let (client, server) = (browser.text(".dialogue .client"), browser.text(".dialogue .server"));
    assert!(client.contains("EHLO sender.test"), "{client}");
    assert!(server.contains("220 relay.test"), "{server}");
    let why = browser.attribute(".page-head .actions a:last-child", "href").unwrap_or_default();
    assert_eq!(why, format!("/event-configuration/explain?event={uid}"));

    browser.click_text(".notification summary", "Source of the message");
    browser.wait_for_text("Auto-Submitted: auto-generated");
    browser.click_text(".notification summary", "HTML");
    let frame = browser.wait_for(".mail-frame");
    assert_eq!(frame.attribute("sandbox").as_deref(), Some(""));
    picture(&browser, "event-story");
    let file = browser.attribute(".notification .card-head a", "href").unwrap_or_default();
    let message = browser.script(&format!(
        "return fetch('{file}').then(async (answer) => \
         [answer.headers.get('content-disposition'), await answer.text()])"
    ));
    assert!(text(&message[0]).starts_with("attachment;"), "{message}");
    assert!(text(&message[1]).contains("Message-ID: <"), "{message}");
    follow_what_waits(&browser, &site, &relay);
    follow_the_link(&browser, &site);
}
