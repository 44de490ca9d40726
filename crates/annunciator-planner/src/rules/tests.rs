//! Rules of overrides, over contents that are sets of settings' names.

use std::collections::BTreeSet;

use annunciator_core::Severity;
use serde_json::json;

use super::*;
use crate::matcher::MatcherSet;
use crate::overrides::Owned;

type Content = BTreeSet<String>;

fn set(keys: &[&str]) -> Content {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn entry(selector: Selector, locked: &[&str], content: &[&str]) -> Entry<Content> {
    let content = set(content);
    Entry { selector, condition: None, locked: set(locked), storage_term_days: None, content }
}

fn only_when(task: &str, mut entry: Entry<Content>) -> Entry<Content> {
    let conditions = json!([{"field": "task", "op": "equals", "value": task}]);
    entry.condition = Some(MatcherSet::from_json(&conditions).expect("good"));
    entry
}

fn policy(group: &str, entries: Vec<Entry<Content>>) -> Owned<Content> {
    let owner = Owner::Policy(Policy {
        name: format!("at {group}"),
        application: "Guard".to_owned(),
        group: group.to_owned(),
        enabled: true,
        inherit: true,
        force_children: false,
    });
    Owned { owner, entries }
}

fn overrides(upper: Vec<Entry<Content>>, lower: Vec<Entry<Content>>) -> Overrides<Content> {
    let groups = ["A/B".to_owned()].into();
    Overrides { groups, owned: vec![policy("A", upper), policy("A/B", lower)] }
}

fn codes(found: Vec<(Place, Problem)>) -> Vec<(Place, &'static str, String)> {
    found.into_iter().map(|(place, problem)| (place, problem.code, problem.detail)).collect()
}

fn problems(overrides: &Overrides<Content>) -> Vec<(Place, &'static str, String)> {
    codes(find_override_problems(overrides, &|content, key| content.contains(key)))
}

fn warnings(overrides: &Overrides<Content>) -> Vec<(Place, &'static str, String)> {
    codes(find_override_warnings(overrides, &|content, key| content.contains(key)))
}

fn of_type(code: &str) -> Selector {
    Selector::Type(code.to_owned())
}

#[test]
fn a_lock_is_met_by_what_is_about_the_same_events() {
    const KEY: &[&str] = &["email.subject"];
    let critical = || Selector::Severity(Severity::Critical);
    let failure = || Selector::Severity(Severity::Failure);
    let plain = |selector: Selector| entry(selector, KEY, KEY);
    let when = |task: &str, selector: Selector| only_when(task, plain(selector));
    for (upper, lower, conflict, warning) in [
        (plain(of_type("x")), plain(of_type("x")), true, "has no effect:"),
        (plain(of_type("x")), plain(of_type("y")), false, ""),
        (plain(of_type("x")), plain(critical()), false, "has no effect where"),
        (plain(of_type("x")), plain(Selector::All), false, "has no effect where"),
        (plain(critical()), plain(critical()), true, "has no effect:"),
        (plain(critical()), plain(failure()), false, ""),
        (plain(critical()), plain(of_type("x")), false, "has no effect where"),
        (plain(critical()), plain(Selector::All), false, "has no effect where"),
        (plain(Selector::All), plain(of_type("x")), true, "has no effect:"),
        (plain(Selector::All), plain(critical()), true, "has no effect:"),
        (plain(Selector::All), plain(Selector::All), true, "has no effect:"),
        (plain(of_type("x")), when("a", of_type("x")), true, "has no effect:"),
        (when("a", of_type("x")), when("a", of_type("x")), true, "has no effect:"),
        (when("a", of_type("x")), when("b", of_type("x")), false, "has no effect where"),
        (when("a", of_type("x")), plain(of_type("x")), false, "has no effect where"),
        (when("a", Selector::All), plain(of_type("x")), false, "has no effect where"),
        (when("a", Selector::All), when("a", of_type("x")), true, "has no effect:"),
    ] {
        let words = format!("{} below {}", lower.words(), upper.words());
        let all = overrides(vec![upper], vec![lower]);
        let found = problems(&all);
        assert_eq!(found.len(), usize::from(conflict), "{words}: {found:?}");
        assert!(
            found
                .iter()
                .all(|(place, code, _)| { (*place, *code) == (Place::Layer(1), "lock_conflict") })
        );
        let found = warnings(&all);
        assert_eq!(found.len(), usize::from(!warning.is_empty()), "{words}: {found:?}");
        assert!(found.iter().all(|(_, _, detail)| detail.starts_with(warning)), "{found:?}");
    }
}

#[test]
fn a_policy_that_is_off_meets_nothing() {
    const KEY: &[&str] = &["email.subject"];
    for at in 0..2 {
        let lock = || vec![entry(of_type("x"), KEY, KEY)];
        let mut all = overrides(lock(), lock());
        assert_eq!((problems(&all).len(), warnings(&all).len()), (1, 1));
        let Owner::Policy(policy) = &mut all.owned[at].owner else { panic!("a policy") };
        policy.enabled = false;
        assert_eq!((problems(&all), warnings(&all)), (vec![], vec![]), "{at}");
    }
}

#[test]
fn many_entries_are_looked_up_and_the_first_problems_told() {
    const MANY: usize = 20_000;
    let many = |content: &[&str], locked: &[&str]| -> Vec<Entry<Content>> {
        let one = |number| entry(of_type(&format!("type {number}")), locked, content);
        (0..MANY).map(one).collect()
    };
    const KEY: &[&str] = &["email.subject"];
    let all = overrides(many(KEY, KEY), many(KEY, KEY));
    assert_eq!(problems(&all).len(), PROBLEMS_MAX);
    assert_eq!(warnings(&all).len(), PROBLEMS_MAX);
    // None that meets, so that nothing stops the search: each entry beside each would be 400
    // million looks.
    let other: Vec<_> = (0..MANY).map(|at| entry(of_type(&format!("{at}")), KEY, KEY)).collect();
    let all = overrides(many(KEY, KEY), other);
    assert_eq!((problems(&all), warnings(&all)), (vec![], vec![]));
}
