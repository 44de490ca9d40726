//! Rights, grouped as people think of them.
//!
//! In: all rights that the API names. Out: groups with their words; a right of a newer server stands
//! in the last one.

use std::collections::HashSet;

use annunciator_api_types::RightView;

use crate::page::Page;

const GROUPS: &[(&str, &[&str])] = &[
    (
        "events",
        &[
            "submit_events",
            "read_events",
            "change_incidents",
            "read_subscriptions",
            "pause_subscriptions",
            "explain",
        ],
    ),
    ("delivery", &["read_ledger", "operate_deliveries", "read_silences", "manage_silences"]),
    ("settings", &["read_settings", "change_settings", "send_test_message", "manage_certificates"]),
    (
        "administration",
        &[
            "read_status",
            "read_audit",
            "manage_tokens",
            "manage_users",
            "manage_backups",
            "manage_nodes",
        ],
    ),
];

/// A right in words.
pub(super) struct Right {
    pub(super) name: String,
    pub(super) words: String,
}

/// Rights that belong together.
pub(super) struct Group {
    pub(super) words: String,
    pub(super) rights: Vec<Right>,
}

/// All rights in their groups.
pub(super) fn grouped(page: &Page, rights: &[RightView]) -> Vec<Group> {
    let in_words = |right: &RightView| Right {
        words: page
            .language
            .find(&format!("people-right-{}", right.name.replace('_', "-")))
            .unwrap_or_else(|| right.words.clone()),
        name: right.name.clone(),
    };
    let mut groups: Vec<Group> = GROUPS
        .iter()
        .map(|(group, names)| Group {
            words: page.word("people-rights", group),
            rights: names
                .iter()
                .filter_map(|name| rights.iter().find(|right| right.name == *name))
                .map(in_words)
                .collect(),
        })
        .collect();
    let known: HashSet<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let others = rights.iter().filter(|right| !known.contains(right.name.as_str())).map(in_words);
    groups.push(Group { words: page.t("people-rights-other"), rights: others.collect() });
    groups.retain(|group| !group.rights.is_empty());
    groups
}
