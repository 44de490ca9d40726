//! What a change does to the order of lists whose items have names.
//!
//! The items are told one by one, by their names; that they changed places would be told by nobody
//! otherwise, although the first of several may decide.

use std::collections::BTreeMap;

use serde_json::Value;

use super::names_of;
use crate::configuration::Configuration;

/// The lists whose items changed places, as name of the setting with the names of its items before
/// and after; items that came or went do not count.
pub(super) fn find_moves(
    before: &Configuration,
    after: &Configuration,
) -> Vec<(String, Value, Value)> {
    let (old, new) = (orders(before), orders(after));
    let moved = old.iter().filter_map(|(setting, from)| {
        let to = new.get(setting).filter(|to| is_moved(from, to))?;
        let shown = |names: &[String]| Value::from(names.join("; "));
        Some((format!("{setting} (order)"), shown(from), shown(to)))
    });
    moved.collect()
}

fn orders(configuration: &Configuration) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for (group, settings) in configuration.server.groups() {
        for (key, value) in settings.shown() {
            if let Some(names) = names_of(&value) {
                found.insert(format!("{group}.{key}"), names);
            }
        }
    }
    found
}

/// Whether those that are in both stand in another order.
pub(super) fn is_moved(from: &[String], to: &[String]) -> bool {
    let stay = from.iter().filter(|name| to.contains(name));
    let came = to.iter().filter(|name| from.contains(name));
    !stay.eq(came)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings_document::plan::plan;
    use crate::settings_document::{difference, merge};

    fn with(names: &[&str]) -> Configuration {
        let subscriptions: Vec<_> =
            names.iter().map(|name| json!({"name": name, "addresses": "a@b.example"})).collect();
        let patch = json!({"incidents": {"subscriptions": subscriptions}});
        merge(&Configuration::default(), patch.as_object().unwrap()).unwrap()
    }

    #[test]
    fn a_change_of_the_order_alone_is_told() {
        let (before, after) = (with(&["A", "B"]), with(&["B", "A"]));
        let told = json!({"incidents.subscriptions (order)": {"from": "A; B", "to": "B; A"}});
        assert_eq!(Value::Object(difference(&before, &after)), told);
        let changes = plan(&before, &after);
        let found: Vec<_> = changes.iter().map(|one| (one.name.as_str(), &one.to)).collect();
        assert_eq!(found, [("incidents.subscriptions (order)", &json!("B; A"))]);
        assert!(plan(&before, &before).is_empty() && difference(&before, &before).is_empty());
    }

    #[test]
    fn who_comes_or_goes_moves_nobody() {
        for (from, to, expected) in [
            (vec!["A", "B"], vec!["A", "C", "B"], false),
            (vec!["A", "B", "C"], vec!["A", "C"], false),
            (vec!["A", "B", "C"], vec!["C", "A"], true),
            (vec![], vec!["A"], false),
        ] {
            let owned =
                |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
            assert_eq!(is_moved(&owned(&from), &owned(&to)), expected, "{from:?} {to:?}");
        }
    }
}
