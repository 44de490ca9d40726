//! Names of keys into the actions that press them.
//!
//! In: chords such as `Tab Tab Shift+Tab Enter a`. Out: actions of one keyboard.
//! Standard: W3C `WebDriver` 2, Keyboard actions. Failure: an unknown name panics.

use serde_json::{Value, json};

const NAMED: &[(&str, char)] = &[
    ("Backspace", '\u{E003}'),
    ("Tab", '\u{E004}'),
    ("Enter", '\u{E007}'),
    ("Shift", '\u{E008}'),
    ("Control", '\u{E009}'),
    ("Alt", '\u{E00A}'),
    ("Escape", '\u{E00C}'),
    ("Space", ' '),
    ("PageUp", '\u{E00E}'),
    ("PageDown", '\u{E00F}'),
    ("End", '\u{E010}'),
    ("Home", '\u{E011}'),
    ("ArrowLeft", '\u{E012}'),
    ("ArrowUp", '\u{E013}'),
    ("ArrowRight", '\u{E014}'),
    ("ArrowDown", '\u{E015}'),
    ("Delete", '\u{E017}'),
];

/// The actions for these chords, one after another.
///
/// # Panics
/// When a name is neither in the table nor a single character.
pub(super) fn actions(chords: &str) -> Value {
    let mut steps = Vec::new();
    for chord in chords.split_whitespace() {
        let keys: Vec<char> = chord.split('+').map(key).collect();
        steps.extend(keys.iter().map(|key| json!({ "type": "keyDown", "value": key })));
        steps.extend(keys.iter().rev().map(|key| json!({ "type": "keyUp", "value": key })));
    }
    json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": steps }] })
}

fn key(name: &str) -> char {
    if let Some((_, key)) = NAMED.iter().find(|(known, _)| *known == name) {
        return *key;
    }
    let mut characters = name.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) => one,
        _ => {
            let names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
            panic!("`{name}` is no key; there are {} and single characters", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(chords: &str, expected: &str) {
        let actions = actions(chords);
        let steps = actions["actions"][0]["actions"].as_array().unwrap().iter();
        let brief = steps.map(|step| {
            let way = if step["type"] == "keyDown" { '+' } else { '-' };
            format!("{way}{}", step["value"].as_str().unwrap())
        });
        assert_eq!(brief.collect::<String>(), expected);
    }

    #[test]
    fn chords_are_pressed_and_released_in_order() {
        check("", "");
        check("a", "+a-a");
        check("Tab Enter", "+\u{E004}-\u{E004}+\u{E007}-\u{E007}");
        check("Control+Shift+k", "+\u{E009}+\u{E008}+k-k-\u{E008}-\u{E009}");
    }

    #[test]
    #[should_panic(expected = "`Entr` is no key")]
    fn an_unknown_key_is_told() {
        drop(actions("Entr"));
    }
}
