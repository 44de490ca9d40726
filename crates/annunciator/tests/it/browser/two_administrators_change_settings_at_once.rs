//! Two administrators have the same settings open: the second is shown what the first saved, nothing
//! of either is lost, and nothing is undone that nobody meant to undo.

use serde_json::json;

use super::{USER, add_user, picture, sign_in, signed_in};
use crate::support::Site;

const SAVE: &str = ".actions-bar .button.primary";

#[test]
fn two_administrators_change_settings_at_once() {
    let site = Site::start();
    let Some(anna) = signed_in(&site) else { return };
    add_user(&site, "boris", "administrator");
    let boris = anna.new_session();
    sign_in(&boris, "boris");
    boris.tolerate("status of 409");
    anna.open("/settings/email");
    boris.open("/settings/email");

    anna.set_value("#email-port", "587");
    anna.set_value("#email-recipients", "night@plant.example");
    anna.set_value("#comment", "The relay moved");
    anna.click(SAVE);
    anna.wait_for(".notice.good");

    // Other fields: hers stay, his are added.
    boris.set_value("#email-sender", "alerts@plant.example");
    boris.click(SAVE);
    boris.wait_for_text("Somebody saved settings while you had this form open");
    let told = boris.text(".notice.warn");
    for words in [USER, "The relay moved", "Port: default → 587", "do not touch the same fields"]
    {
        assert!(told.contains(words), "`{words}` is not told: {told}");
    }
    assert_eq!(boris.value("#email-port"), "587");
    assert_eq!(boris.value("#email-sender"), "alerts@plant.example");
    picture(&boris, "settings-conflict");
    boris.click(SAVE);
    boris.wait_for(".notice.good");
    let email = &site.get("/api/v1/settings")["values"]["email"];
    assert_eq!(email["port"], 587);
    assert_eq!(email["recipients"], json!(["night@plant.example"]));
    assert_eq!(email["sender"], "alerts@plant.example");

    // The same field: both values are shown, and his counts only once he says so.
    anna.open("/settings/email");
    anna.set_value("#email-port", "465");
    anna.click(SAVE);
    anna.wait_for(".notice.good");
    boris.set_value("#email-port", "2525");
    boris.click(SAVE);
    boris.wait_for_text("Some fields were changed by both");
    assert!(boris.text(".notice.warn").contains("you too"));
    assert_eq!(boris.value("#email-port"), "2525");
    assert_eq!(site.get("/api/v1/settings")["values"]["email"]["port"], 465);
    boris.click(SAVE);
    boris.wait_for(".notice.good");
    assert_eq!(site.get("/api/v1/settings")["values"]["email"]["port"], 2525);
}
