//! Two administrators edit the statuses of incidents: the second is told, keeps what was typed, and
//! replaces what the first saved only by saving again.

use serde_json::json;

use super::{add_user, click_amid, picture, sign_in, signed_in};
use crate::support::Site;

const SAVE: &str = ".actions-bar .primary";

#[test]
fn two_administrators_edit_statuses_at_once() {
    let site = Site::start();
    let Some(anna) = signed_in(&site) else { return };
    add_user(&site, "boris", "administrator");
    let boris = anna.new_session();
    sign_in(&boris, "boris");
    boris.tolerate("status of 422");
    anna.open("/subscriptions/statuses");
    boris.open("/subscriptions/statuses");

    anna.set_value("#status-0-name", "Looked at");
    click_amid(&anna, SAVE);
    anna.wait_for_text("Saved.");
    boris.set_value("#status-1-name", "Waits for a decision");
    click_amid(&boris, SAVE);
    boris.wait_for_text("Somebody saved settings in the meantime.");
    boris.wait_for_text("Looked at (Name)");
    let name = |at: usize| {
        let settings = site.get("/api/v1/settings");
        settings["values"]["incidents"]["statuses"][at]["name"].clone()
    };
    assert_eq!((name(0), name(1)), (json!("Looked at"), json!("Decision pending")));
    assert_eq!(boris.value("#status-1-name"), "Waits for a decision", "what was typed stays");
    picture(&boris, "statuses-conflict");
    click_amid(&boris, SAVE);
    boris.wait_for_text("Saved.");
    assert_eq!((name(0), name(1)), (json!("Under review"), json!("Waits for a decision")));
}
