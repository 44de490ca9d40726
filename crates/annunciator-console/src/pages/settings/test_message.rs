//! *Send test message*: a tab as it stands in the browser becomes a test, whose stages are shown
//! as they happen.
//!
//! In: the posted form of a tab, saved or not. Out: pieces of HTML for the dialog, or the whole tab
//! with all of them for a browser without script. Nothing is saved.
//! Failure: what keeps a test from being made is told in the dialog, with the way to its field.

use annunciator_api_types::FieldError;
use axum::extract::Path;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::arrangement::NOTIFIER;
use super::save::{changes, draw};
use super::tab::{Desk, Given};
use crate::form::Form;
use crate::page::Visitor;
use crate::refusal::Stop;
use crate::test_stream::{self, Wrong};

/// Sends a test message with the settings of the form.
pub(super) async fn send(
    visitor: Visitor,
    name: Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let mut desk = Desk::open(visitor, &name.0).await?;
    let Some(channel) = desk.tab.group else {
        return Err(Stop::not_found(&desk.visitor.guest));
    };
    // Who may not change settings tests those that are saved.
    let may_change = desk.visitor.may("change_settings");
    let changed = if may_change { changes(&desk, &form) } else { Map::new() };
    let request = request_of(channel, &changed, &form);
    let page = desk.visitor.page("settings-title", "delivery");
    let told = |errors: &[FieldError]| -> Vec<Wrong> {
        let remarks = desk.remarks(errors, &page, true).into_iter();
        let wrong = remarks.map(|one| Wrong { id: one.id, label: one.label, words: one.words });
        wrong.collect()
    };
    if desk.visitor.guest.is_partial {
        return test_stream::stream_about(&desk.visitor, &request, &told).await;
    }
    let course = test_stream::run_about(&desk.visitor, &request, &told).await?;
    desk.put_form(&form, &[]);
    draw(desk, Given { course: course.0, is_changed: true, ..Given::default() }).await
}

/// The request: what the form changes, laid over what is saved by the API.
fn request_of(channel: &str, changes: &Map<String, Value>, form: &Form) -> Value {
    let mut request = Value::Object(changes.clone());
    request["channel"] = json!(channel);
    request["dry_run"] = json!(form.is_on("test.dry_run"));
    request["trace"] = json!(form.is_on("test.trace"));
    if channel == NOTIFIER.group.unwrap_or_default() {
        // It has no recipients of its own.
        request["to"] = json!(form.trimmed("test.to"));
        request["language"] = json!(form.trimmed("test.language"));
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_holds_what_was_typed_and_the_options() {
        let check = |changes: Value, form: &str, expected: Value| {
            let changes = changes.as_object().unwrap();
            let form = Form::parse(form.as_bytes());
            assert_eq!(request_of("sms", changes, &form), expected);
        };
        check(json!({}), "", json!({"channel": "sms", "dry_run": false, "trace": false}));
        check(
            json!({"sms": {"port": 26, "sender": null}}),
            "test.dry_run=on&test.trace=on",
            json!({"sms": {"port": 26, "sender": null}, "channel": "sms", "dry_run": true,
                   "trace": true}),
        );
    }
}
