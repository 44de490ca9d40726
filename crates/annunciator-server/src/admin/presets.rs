//! The presets of relays as the API shows them.
//!
//! In: the table of the channels. Out: [`PresetList`]. Nothing is saved here: a preset becomes a
//! change of the settings like any other.
//! Standard: spec 4.6.

use annunciator_api_types::{PresetList, PresetQuestion, PresetView};
use annunciator_channels::{PRESETS, Preset, PresetValue};
use serde_json::Value;

/// All presets.
#[must_use]
pub fn list() -> PresetList {
    PresetList { presets: PRESETS.iter().map(view).collect() }
}

fn view(preset: &Preset) -> PresetView {
    let value = |value: &PresetValue| match value {
        PresetValue::Text(text) => Value::from(*text),
        PresetValue::Number(number) => Value::from(*number),
    };
    let question = |question: &annunciator_channels::PresetQuestion| PresetQuestion {
        name: question.name.to_owned(),
        detail: question.doc.to_owned(),
    };
    let named = preset.values.iter().map(|(key, one)| ((*key).to_owned(), value(one)));
    PresetView {
        name: preset.name.to_owned(),
        title: preset.title.to_owned(),
        values: named.collect(),
        cleared: preset.cleared().into_iter().map(str::to_owned).collect(),
        questions: preset.questions.iter().map(question).collect(),
        note: preset.note.to_owned(),
    }
}
