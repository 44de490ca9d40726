//! Every setting that there is has its words in every language, and no words are left over.

use std::collections::BTreeSet;

use super::phrase;
use super::{Definitions, Kind, Setting};
use crate::language::Language;

fn every_setting() -> Vec<Setting> {
    let definitions = Definitions::parse(&annunciator_server::admin::settings::definitions());
    let all = definitions.groups().flat_map(|(_, settings)| settings.to_vec());
    let with_fields = |setting: Setting| {
        let fields = setting.fields();
        std::iter::once(setting).chain(fields)
    };
    all.flat_map(with_fields).collect()
}

/// What is asked of the words for one setting.
fn suffixes(setting: &Setting) -> Vec<String> {
    let mut suffixes = vec![String::new(), ".help".to_owned()];
    if let Kind::Choice(choices) = &setting.kind {
        let words = choices.iter().map(|(word, _)| format!("-{}", word.replace(['_', '.'], "-")));
        suffixes.extend(words);
    }
    suffixes
}

#[test]
fn every_setting_has_a_name_and_a_sentence_in_every_language() {
    let settings = every_setting();
    assert!(settings.len() > 90, "the definitions were not understood: {}", settings.len());
    let mut missing = Vec::new();
    for language in Language::ALL {
        for setting in &settings {
            for suffix in suffixes(setting) {
                if phrase::find(language, setting, &suffix).is_none() {
                    missing.push(format!("{} setting-{}{suffix}", language.tag(), setting.name()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "no words: {missing:#?}");
}

#[test]
fn no_words_are_left_over() {
    let keyed = |text: String| text.replace(['_', '.'], "-");
    let mut known = BTreeSet::new();
    for setting in every_setting() {
        for suffix in suffixes(&setting).into_iter().filter(|suffix| suffix != ".help") {
            known.insert(format!("setting-{}{suffix}", keyed(setting.name())));
            known.insert(format!("setting-{}{suffix}", keyed(setting.key.clone())));
        }
    }
    let file = include_str!("../../locales/en/definitions.ftl");
    let keys = file.lines().filter(|line| line.starts_with("setting-"));
    let keys = keys.filter_map(|line| Some(line.split_once('=')?.0.trim()));
    let left: Vec<_> = keys.filter(|key| !known.contains(*key)).collect();
    assert!(left.is_empty(), "words of no setting: {left:?}");
}

#[test]
fn every_kind_of_setting_is_known() {
    let unknown: Vec<_> = every_setting()
        .into_iter()
        .filter(|setting| setting.kind == Kind::Other)
        .map(|setting| setting.name())
        .collect();
    assert!(unknown.is_empty(), "drawn as JSON: {unknown:?}");
}
