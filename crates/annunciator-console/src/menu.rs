//! Rights of a visitor become the entries of the menu.

/// One entry: a page and the rights without which it is not shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Name of the section; its words are `nav-NAME`.
    pub(crate) name: &'static str,
    /// Where it leads.
    pub(crate) path: &'static str,
    /// Rights that its page needs, all of them.
    rights: &'static [&'static str],
}

/// A group of entries.
pub(crate) struct Group {
    /// Key of its heading, empty for none.
    pub(crate) heading: &'static str,
    /// Its entries.
    pub(crate) entries: Vec<Entry>,
}

const fn entry(name: &'static str, path: &'static str, rights: &'static [&'static str]) -> Entry {
    Entry { name, path, rights }
}

const MENU: [(&str, &[Entry]); 3] = [
    (
        "",
        &[
            entry("dashboard", "/", &["read_status"]),
            entry("events", "/events", &["read_events"]),
            entry("ledger", "/ledger", &["read_ledger"]),
            entry("incidents", "/incidents", &["read_events"]),
            entry("subscriptions", "/subscriptions", &["read_subscriptions"]),
            entry("silences", "/silences", &["read_silences"]),
        ],
    ),
    (
        "nav-settings",
        &[
            entry("delivery", "/settings/email", &["read_settings"]),
            entry("event-configuration", "/event-configuration", &["read_settings", "read_events"]),
            entry("certificates", "/certificates", &["manage_certificates"]),
        ],
    ),
    (
        "nav-administration",
        &[
            entry("users", "/users", &["manage_users"]),
            entry("tokens", "/tokens", &["manage_tokens"]),
            entry(
                "mail-notifier",
                "/settings/mail-notifier",
                &["read_settings", "change_settings"],
            ),
            entry("audit", "/audit", &["read_audit"]),
            entry("system", "/system", &["read_status"]),
        ],
    ),
];

/// The groups of which a visitor with such rights sees something.
pub(crate) fn menu(may: impl Fn(&str) -> bool) -> Vec<Group> {
    let groups = MENU.iter().map(|(heading, entries)| Group {
        heading,
        entries: entries
            .iter()
            .copied()
            .filter(|entry| entry.rights.iter().all(|right| may(right)))
            .collect(),
    });
    groups.filter(|group| !group.entries.is_empty()).collect()
}

/// Where a visitor with such rights begins.
pub(crate) fn first_path(may: impl Fn(&str) -> bool) -> &'static str {
    let groups = menu(may);
    groups.first().map_or("/account", |group| group.entries[0].path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_sees_what_he_may_not_open() {
        let groups = menu(|right| right == "read_ledger");
        let paths: Vec<_> =
            groups.iter().flat_map(|group| &group.entries).map(|e| e.path).collect();
        assert_eq!(paths, ["/ledger"]);
        assert_eq!(first_path(|right| right == "manage_tokens"), "/tokens");
        assert_eq!(first_path(|_| false), "/account");
        let groups = menu(|right| right == "read_settings");
        let names: Vec<_> =
            groups.iter().flat_map(|group| &group.entries).map(|e| e.name).collect();
        assert_eq!(names, ["delivery"], "event types belong to events");
    }
}
