//! Every key has words in every language, and every key that is asked for exists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;

/// Keys and attributes of a language's files with the names of their places.
fn keys(files: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys = BTreeMap::new();
    let places = |line: &str| -> Vec<String> {
        line.match_indices('$')
            .map(|(at, _)| {
                let rest = &line[at + 1..];
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
                rest[..end.unwrap_or(rest.len())].to_owned()
            })
            .collect()
    };
    for file in files {
        let (mut message, mut current) = (String::new(), String::new());
        for line in file.lines() {
            let words = line.trim_start();
            if line.starts_with('#') || words.is_empty() {
                continue;
            }
            if !line.starts_with([' ', '}']) {
                message = line.split('=').next().unwrap().trim().to_owned();
                current.clone_from(&message);
            } else if let Some(attribute) = words.strip_prefix('.') {
                current = format!("{message}.{}", attribute.split('=').next().unwrap().trim());
            }
            let found: &mut BTreeSet<String> = keys.entry(current.clone()).or_default();
            found.extend(places(line));
        }
    }
    keys
}

#[test]
fn both_languages_have_the_same_keys_with_the_same_places() {
    let (english, russian) = (keys(files!("en")), keys(files!("ru")));
    assert!(english.len() > 50, "the files were not understood");
    for (key, places) in &english {
        assert_eq!(russian.get(key), Some(places), "`{key}` in Russian");
    }
    for key in russian.keys() {
        assert!(english.contains_key(key), "`{key}` is in Russian only");
    }
}

/// Texts that call for words: `t("key")`, `say("key")` and their likes in sources and templates.
fn asked_for(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            asked_for(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for call in ["page.t(\"", "page.t1(\"", "page.t2(\"", ".say(\"", ".say_with(\""] {
            for (at, _) in text.match_indices(call) {
                let rest = &text[at + call.len()..];
                let key = &rest[..rest.find('"').unwrap()];
                found.push((key.to_owned(), path.display().to_string()));
            }
        }
    }
}

#[test]
fn every_key_that_is_asked_for_has_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    asked_for(&root.join("src"), &mut found);
    asked_for(&root.join("templates"), &mut found);
    assert!(found.len() > 20, "the sources were not understood");
    let missing: Vec<_> = found
        .iter()
        .filter(|(key, path)| {
            !path.ends_with("language_tests.rs") && Language::English.find(key).is_none()
        })
        .collect();
    assert!(missing.is_empty(), "no words: {missing:#?}");
}

#[test]
fn the_language_is_the_first_accepted_that_there_is() {
    let check = |header: &str, expected: Language| {
        assert_eq!(Language::accepted(header), expected, "{header:?}");
    };
    check("", Language::English);
    check("ru", Language::Russian);
    check("de-DE,ru-RU;q=0.8,en;q=0.5", Language::Russian);
    check("de, en-US;q=0.7, ru;q=0.3", Language::English);
    check("*", Language::English);
}

#[test]
fn russian_plurals_follow_the_number() {
    let check = |count: i64, expected: &str| {
        let words = Language::Russian.say_with("count-deliveries", &[("count", count.into())]);
        assert_eq!(words, expected);
    };
    check(1, "1 доставка");
    check(3, "3 доставки");
    check(11, "11 доставок");
    check(21, "21 доставка");
}
