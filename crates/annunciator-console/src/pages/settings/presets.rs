//! Ready settings for families of relays become a form that is filled in and not saved yet.

use annunciator_api_types::{PresetList, PresetView};
use serde_json::Value;

use super::tab::Desk;
use crate::form::Form;
use crate::refusal::Stop;
use crate::settings_form::pairs;

/// The group that presets are for.
const GROUP: &str = "email";

/// The presets for this tab; none where they are not for it or cannot be used.
pub(super) async fn list(desk: &Desk) -> Result<Vec<PresetView>, Stop> {
    if desk.tab.group != Some(GROUP) || !desk.visitor.may("change_settings") {
        return Ok(Vec::new());
    }
    let list: PresetList = desk.visitor.get("/api/v1/settings/presets").await?;
    Ok(list.presets)
}

/// The questions of a preset that a place in its values waits for, as name and words.
pub(super) fn places(preset: &PresetView) -> Vec<(&str, &str)> {
    let questions = preset.questions.iter().filter(|one| is_place(preset, &one.name));
    questions.map(|one| (one.name.as_str(), one.detail.as_str())).collect()
}

fn is_place(preset: &PresetView, name: &str) -> bool {
    let place = format!("<{name}>");
    preset.values.values().any(|value| value.as_str().is_some_and(|text| text.contains(&place)))
}

/// The form that a preset makes: its values with their places filled, and everything of the relay
/// before back at its default.
pub(super) fn fill(desk: &Desk, preset: &PresetView, answers: &Form) -> Form {
    let Some(sheet) = desk.sheet(GROUP) else { return Form::default() };
    let mut form = Form::default();
    for (key, value) in &preset.values {
        let Some(setting) = sheet.setting(key) else { continue };
        form.0.extend(pairs(setting, &answered(preset, value, answers)));
    }
    for key in &preset.cleared {
        let Some(setting) = sheet.setting(key).filter(|_| sheet.standing(key).is_set) else {
            continue;
        };
        let mark = if setting.is_secret() { "clear" } else { "reset" };
        if !setting.is_secret() {
            form.0.extend(pairs(setting, &setting.default));
        }
        form.0.push((format!("{mark}.{}", setting.name()), "on".to_owned()));
    }
    form
}

fn answered(preset: &PresetView, value: &Value, answers: &Form) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let mut text = text.to_owned();
    for (name, _) in places(preset) {
        let answer = answers.trimmed(name);
        if !answer.is_empty() {
            text = text.replace(&format!("<{name}>"), answer);
        }
    }
    text.into()
}
