//! Users see the subscriptions that name them, and pause them where their role lets them.

use serde_json::json;

use super::{add_user, picture, sign_in, signed_in, speak_russian};
use crate::support::{Site, answer};

const PAUSE: &str = "form[action$='/pause'] button";

#[test]
fn own_subscriptions_are_paused_with_the_right() {
    let site = Site::start();
    let Some(browser) = signed_in(&site) else { return };
    for (role, rights) in [
        ("pauser", json!(["read_subscriptions", "pause_subscriptions"])),
        ("looker", json!(["read_subscriptions"])),
    ] {
        let path = format!("/api/v1/roles/{role}");
        drop(
            answer(site.server.client().put(&path, &json!({ "rights": rights })))
                .expect_status(200),
        );
    }
    add_user(&site, "olga", "pauser");
    add_user(&site, "lena", "looker");
    site.save(&json!({"incidents": {"subscriptions": [
        {"name": "Boilers <b>", "users": ["olga", "lena"]},
        {"name": "Others", "addresses": "x@plant.example"},
    ]}}));
    let (olga, lena) = (browser.new_session(), browser.new_session());
    sign_in(&olga, "olga");
    olga.open("/subscriptions");
    olga.wait_for_text("Boilers <b>");
    assert!(!olga.page_text().contains("Others"), "those of others are not shown");
    assert!(olga.find_all("form[action$='/switch']").is_empty(), "it is not hers to turn off");
    olga.click(PAUSE);
    olga.wait_for_text("The subscription is paused.");
    olga.wait_for_text("You paused it");
    picture(&olga, "subscriptions-own");
    let paused = || site.get("/api/v1/subscriptions/Boilers%20%3Cb%3E")["paused"].clone();
    assert_eq!(paused()[0]["user"], "olga");
    assert_eq!(paused().as_array().map(Vec::len), Some(1), "it goes on for others");

    sign_in(&lena, "lena");
    lena.tolerate("status of 403");
    lena.open("/subscriptions");
    lena.wait_for_text("Boilers <b>");
    assert!(lena.find_all(PAUSE).is_empty(), "without the right there is no button");
    // A form made by hand is refused.
    lena.script(
        "const form = document.createElement('form'); form.method = 'post'; \
         form.action = '/subscriptions/named/Boilers%20%3Cb%3E/pause'; \
         form.innerHTML = '<input name=paused value=on>'; document.body.append(form); \
         form.submit();",
    );
    lena.wait_for_text("403");
    assert_eq!(paused().as_array().map(Vec::len), Some(1));

    speak_russian(&olga);
    olga.open("/subscriptions");
    olga.wait_for_text("Вы её приостановили");
    picture(&olga, "subscriptions-own-ru");
    olga.click(PAUSE);
    olga.wait_for_text("Подписка возобновлена.");
    assert_eq!(paused(), json!([]));
}
