//! Markup, attributes and template syntax as every text of an event stay text: in both lists, in the
//! story, on the delivery, and in the HTML of the message, whose frame runs nothing.

use annunciator_testkit::browser::Browser;
use annunciator_testkit::events::EventBuilder;
use annunciator_testkit::relay::Relay;
use serde_json::json;

use super::signed_in;
use crate::support::{PATIENCE, Site, critical, email_settings, text};

const HOSTILE: [&str; 4] = [
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror=window.pwned=1>",
    "'><svg onload=window.pwned=1>",
    "{{ 7*7 }} %EVENT% ${7*7} {% raw %} javascript:window.pwned=1",
];

/// An event all of whose texts are this one.
fn event_of(words: &str) -> EventBuilder {
    critical(words)
        .type_name(words)
        .application(words, words)
        .device(words)
        .domain(words)
        .group(words)
        .task(words)
        .description(words)
        .id(words)
        .parameter("p", words)
}

/// Nothing ran, and nothing of the text became an element.
fn check_page(browser: &Browser, path: &str, words: &str) {
    browser.open(path);
    browser.wait_for("#main h1");
    assert_eq!(browser.script("return window.pwned ?? null"), json!(null), "{path}: {words}");
    let made = browser.script(
        "return document.querySelectorAll('#main img, #main script, #main svg[onload], \
         #main [onerror], #main [onload]').length",
    );
    assert_eq!(made, 0, "{path}: {words} became elements");
    assert!(browser.page_text().contains(words), "{path} does not show {words}");
}

#[test]
fn hostile_event_text_stays_text() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let mut email = email_settings(relay.port());
    email["html_message"] = json!("<h1>%EVENT%</h1><p>%DESCR%</p><p>%COMPUTER% %PARAM:p%</p>");
    email["trace"] = json!(true);
    site.save(&json!({ "email": email }));
    let Some(browser) = signed_in(&site) else { return };
    for (count, words) in HOSTILE.into_iter().enumerate() {
        site.submit_event(event_of(words));
        relay.wait_for_messages(count + 1, PATIENCE).unwrap();
        site.wait_until_idle();
        let uid = text(&site.events()[0]["uid"]).to_owned();
        let delivery = site.deliveries()[0].clone();
        check_page(&browser, "/events", words);
        check_page(&browser, "/ledger", words);
        check_page(&browser, &format!("/events/{uid}"), words);
        check_page(&browser, &format!("/ledger/{}", text(&delivery["id"])), words);
        // What a search echoes is text as well.
        browser.open("/events");
        browser.type_into("[data-filter]", words);
        browser.wait_until("the list is filtered", || browser.url().contains("q="));
        assert_eq!(browser.value("[data-filter]"), words);

        let html = format!("/notifications/{}/html", text(&delivery["notification"]));
        check_frame(&browser, &html, words);
    }
}

/// The HTML by itself: a policy of its own, and the text as text.
fn check_frame(browser: &Browser, path: &str, words: &str) {
    let head = browser.script(&format!(
        "return fetch('{path}').then(async (answer) => \
         [answer.headers.get('content-security-policy'), answer.headers.get('x-frame-options'), \
          await answer.text()])"
    ));
    let policy = text(&head[0]);
    for part in ["default-src 'none'", "sandbox", "frame-ancestors 'self'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("allow-"), "{policy}");
    assert_eq!(head[1], "SAMEORIGIN");
    browser.open(path);
    assert!(browser.page_text().contains(words), "{}", browser.page_text());
    let elements = browser.script("return document.querySelectorAll('img, script, svg').length");
    assert_eq!(elements, 0, "{words}");
}
