//! A world of few values, in which every event can be asked.

use annunciator_core::{Event, ParameterValue, Severity};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Matcher, MatcherSet, event, form};

const FIELDS: [&str; 5] = ["parameters.x", "severity", "device", "group", "type"];

fn values_of(field: &str) -> Vec<Value> {
    if field == "severity" {
        return Severity::ALL.iter().map(|severity| json!(severity.as_str())).collect();
    }
    let texts = ["", "a", "A", "ab", "bA", "5", "5.0", "É", "İ", "a/b", "A/C", "?b", "*a"];
    let others = [json!(4), json!(5), json!(5.5), json!(true)];
    texts.map(Value::from).into_iter().chain(others).collect()
}

/// Every matcher on a field that can be read.
fn all_matchers(field: &str) -> Vec<Matcher> {
    let values = values_of(field);
    let mut found = Vec::new();
    for op in form::Op::ALL {
        let values: Vec<Value> = match op {
            form::Op::Exists | form::Op::Absent => vec![Value::Null],
            form::Op::OneOf | form::Op::NoneOf => {
                let two = values.iter().zip(values.iter().skip(2)).map(|(a, b)| json!([a, b]));
                two.chain([json!([])]).collect()
            }
            _ => values.clone(),
        };
        for (value, ignore_case) in values.iter().flat_map(|value| [(value, false), (value, true)])
        {
            let op = op.as_str();
            let one = json!([
                {"field": field, "op": op, "value": value, "ignore_case": ignore_case}
            ]);
            if let Ok(MatcherSet(mut read)) = MatcherSet::from_json(&one) {
                found.append(&mut read);
            }
        }
    }
    found.dedup();
    found
}

/// Events that differ in a field; some have none.
fn all_events(field: &str) -> Vec<Event> {
    let texts = [
        "", "a", "A", "ab", "aB", "bA", "ba", "bab", "5", "5.0", "5e0", "É", "é", "İ", "i\u{307}",
        "İb", "a/b", "a/b/c", "A/C", "/a/", "b", "*a", "true", "TRUE",
    ];
    let with = |text: &str| {
        let mut event = event(Severity::Info);
        match field {
            "device" => event.device.name = text.to_owned(),
            "group" => event.device.group = text.to_owned(),
            // Every event has a type.
            "type" if !text.is_empty() => event.event_type = text.to_owned(),
            "type" => {}
            _ => {
                let value = ParameterValue::Text(text.to_owned());
                event.parameters = [("x".to_owned(), value)].into();
            }
        }
        event
    };
    match field {
        "severity" => Severity::ALL.map(event).to_vec(),
        "parameters.x" => {
            let other = |value| Event {
                parameters: [("x".to_owned(), value)].into(),
                ..event(Severity::Info)
            };
            let others = [
                ParameterValue::Integer(4),
                ParameterValue::Integer(5),
                ParameterValue::Number(5.5),
                ParameterValue::Bool(true),
            ];
            let texts = texts.map(with).into_iter();
            texts.chain(others.map(other)).chain([event(Severity::Info)]).collect()
        }
        _ => texts.map(with).to_vec(),
    }
}

/// Which events meet a matcher, a bit for each.
fn met_by(matcher: &Matcher, events: &[Event]) -> u64 {
    assert!(events.len() <= 64);
    let bits = events.iter().enumerate().map(|(at, event)| u64::from(matcher.holds(event)) << at);
    bits.fold(0, |all, bit| all | bit)
}

#[test]
fn two_matchers_that_an_event_meets_are_no_contradiction() {
    for field in FIELDS {
        let (matchers, events) = (all_matchers(field), all_events(field));
        let met: Vec<u64> = matchers.iter().map(|matcher| met_by(matcher, &events)).collect();
        let (mut found, mut possible) = (0, 0);
        for (one, by_one) in matchers.iter().zip(&met) {
            for (other, by_other) in matchers.iter().zip(&met) {
                let set = MatcherSet(vec![one.clone(), other.clone()]);
                if by_one & by_other != 0 {
                    possible += 1;
                    assert_eq!(set.find_contradiction(), None, "{set}");
                } else if set.find_contradiction().is_some() {
                    found += 1;
                }
            }
        }
        assert!(found > 0 && possible > 0, "{field}: {found} found, {possible} possible");
    }
}

#[test]
fn what_holds_always_is_met_by_every_event() {
    for field in FIELDS {
        let events = all_events(field);
        for matcher in all_matchers(field) {
            let is_met_by_all = events.iter().all(|event| matcher.holds(event));
            let set = MatcherSet(vec![matcher]);
            assert!(!set.holds_always() || is_met_by_all, "{set}");
        }
    }
}

fn any_set() -> impl Strategy<Value = MatcherSet> {
    static MATCHERS: std::sync::LazyLock<Vec<Matcher>> =
        std::sync::LazyLock::new(|| FIELDS.iter().flat_map(|field| all_matchers(field)).collect());
    prop::collection::vec(prop::sample::select(&**MATCHERS), 0..6).prop_map(MatcherSet)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_set_that_an_event_meets_is_no_contradiction(set in any_set()) {
        // Fields do not touch each other: an event meets the set when one does for each field.
        let is_met = FIELDS.iter().all(|name| {
            let of_field = |matcher: &&Matcher| matcher.field.name() == *name;
            let matchers = || set.as_slice().iter().filter(of_field);
            all_events(name).iter().any(|event| matchers().all(|matcher| matcher.holds(event)))
        });
        let found = set.find_contradiction();
        prop_assert!(!is_met || found.is_none(), "{set}: {found:?}");
    }

    #[test]
    fn what_was_written_is_read_again(set in any_set()) {
        let again = MatcherSet::from_json(&set.to_json());
        prop_assert_eq!(again.as_ref(), Ok(&set));
        prop_assert_eq!(again.map(|again| again.fingerprint()), Ok(set.fingerprint()));
    }
}
