//! Somebody else saved while a form was open: both changes are laid side by side.
//!
//! In: the form, and the revision that it was made from. Out: the tab as it stands now, with what
//! was typed where it was typed, and what the others changed. Nothing is saved.

use annunciator_api_types::{SettingsRevisionDetail, SettingsRevisionLine};
use axum::response::Response;
use hyper::StatusCode;
use serde_json::{Map, Value};

use super::history::ShownChange;
use super::save::{comment_of, draw, without};
use super::tab::{Desk, Given};
use crate::form::Form;
use crate::refusal::Stop;
use crate::settings_form::{Sheet, Standing};

/// Most revisions that are told of.
const TOLD_MAX: i64 = 20;

/// What others saved.
pub(super) struct Meanwhile {
    pub(super) saves: Vec<Save>,
    /// How many fields both changed.
    pub(super) both: usize,
}

/// One save of somebody.
pub(super) struct Save {
    pub(super) line: SettingsRevisionLine,
    pub(super) changes: Vec<ShownChange>,
}

/// Shows the tab with both changes.
pub(super) async fn tell(mut desk: Desk, form: &Form, revision: i64) -> Result<Response, Stop> {
    let base = layer_at(&desk, revision).await?;
    let (merged, mine) = merge(&desk.sheets, form, &base);
    let mut saves = Vec::new();
    let newest = desk.view.revision;
    for number in (revision + 1..=newest).rev().take(usize::try_from(TOLD_MAX).unwrap_or(0)) {
        let path = format!("/api/v1/settings/revisions/{number}");
        // One that is no longer kept cannot be told of.
        if let Ok(detail) = desk.visitor.try_get::<SettingsRevisionDetail>(&path).await {
            saves.push(told(&desk, detail, &mine));
        }
    }
    let both = saves.iter().flat_map(|save| &save.changes).filter(|change| change.is_yours).count();
    desk.put_form(&merged, &[]);
    let given = Given {
        status: StatusCode::CONFLICT,
        comment: comment_of(form),
        is_changed: true,
        meanwhile: Some(Meanwhile { saves, both }),
        ..Given::default()
    };
    draw(desk, given).await
}

fn told(desk: &Desk, detail: SettingsRevisionDetail, mine: &[String]) -> Save {
    let language = desk.visitor.guest.language;
    let show = |change| {
        let mut shown = ShownChange::of(&desk.definitions, change, language);
        shown.is_yours = mine.contains(&change.name);
        shown
    };
    let changes = detail.changes.iter().map(show).collect();
    Save { line: detail.saved.line, changes }
}

/// What the layer set at a revision; nothing where it is no longer kept.
async fn layer_at(desk: &Desk, revision: i64) -> Result<Option<Map<String, Value>>, Stop> {
    if revision == 0 {
        return Ok(Some(Map::new()));
    }
    let path = format!("/api/v1/settings/revisions/{revision}");
    let detail = desk.visitor.try_get::<SettingsRevisionDetail>(&path).await;
    Ok(detail.ok().map(|detail| detail.saved.values))
}

/// The form with only what was typed against the revision that it was made from, and the names of
/// those settings. Where that revision is not known, everything counts as typed.
fn merge(sheets: &[Sheet], form: &Form, base: &Option<Map<String, Value>>) -> (Form, Vec<String>) {
    let (mut merged, mut mine) = (form.clone(), Vec::new());
    for sheet in sheets {
        let before = base.as_ref().map_or_else(|| sheet.clone(), |base| at_base(sheet, base));
        let changes = before.changes(form);
        for setting in &sheet.settings {
            if changes.contains_key(&setting.key) {
                mine.push(setting.name());
            } else {
                merged = without(&merged, &setting.name());
            }
        }
    }
    (merged, mine)
}

/// The sheet as it stood when the layer set these values.
fn at_base(sheet: &Sheet, base: &Map<String, Value>) -> Sheet {
    let mut before = sheet.clone();
    for setting in &sheet.settings {
        let now = sheet.standing(&setting.key);
        let set = base.get(&setting.group).and_then(|group| group.get(&setting.key));
        let value = match set {
            Some(value) => value.clone(),
            // What is not set may depend on others, as the standard text does on the language.
            None if !now.is_set => now.value,
            None => setting.default.clone(),
        };
        let is_set = set.is_some();
        before.standings.insert(setting.key.clone(), Standing { value, is_set, ..now });
    }
    before
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings_form::Definitions;

    #[test]
    fn what_was_not_typed_follows_the_others() {
        let integer = json!({"x-kind": "integer", "minimum": 1, "maximum": 65_535});
        let text = json!({"x-kind": "text", "x-format": "mailbox", "maxLength": 9});
        let definitions = Definitions::parse(&json!({"groups": {"email": [
            {"key": "port", "doc": "", "default": 25, "schema": integer},
            {"key": "sender", "doc": "", "default": "", "schema": text}]}}));
        let set = |value: Value| Standing { value, is_set: true, ..Standing::default() };
        // Somebody changed the port from 25 to 587 meanwhile.
        let now = Sheet {
            settings: definitions.group("email").to_vec(),
            standings: [("port".to_owned(), set(json!(587)))].into(),
            ..Sheet::default()
        };
        let form = Form::parse(b"email.port=25&email.sender=a@b");
        let (merged, mine) = merge(std::slice::from_ref(&now), &form, &Some(Map::new()));
        assert_eq!(mine, ["email.sender"]);
        assert!(!merged.has("email.port") && merged.text("email.sender") == "a@b");
        let changes = Value::Object(now.changes(&merged));
        assert_eq!(changes, json!({"sender": "a@b"}), "the port of the other stays");
        // Both changed the port: what was typed stays in the form.
        let form = Form::parse(b"email.port=465&email.sender=");
        let (merged, mine) = merge(&[now], &form, &Some(Map::new()));
        assert_eq!((mine, merged.text("email.port")), (vec!["email.port".to_owned()], "465"));
    }
}
