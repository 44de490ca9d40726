//! Settings of a channel, arranged under headings.

use crate::settings_form::{Place, Setting};

/// A heading, and the settings below it.
const SECTIONS: [(&str, &[&str]); 4] = [
    (
        "recipients",
        &[
            "recipients",
            "recipients_cc",
            "recipients_bcc",
            "phone_numbers",
            "gateway_address",
            "phone_format",
        ],
    ),
    (
        "words",
        &[
            "sender",
            "subject",
            "message",
            "html_message",
            "segments_max",
            "transliterate",
            "language",
            "time_zone",
            "time_format",
        ],
    ),
    (
        "run",
        &[
            "file",
            "arguments",
            "time_limit_s",
            "memory_mb_max",
            "processes_max",
            "writable_dirs",
            "concurrency_max",
        ],
    ),
    ("limit", &["limit"]),
];
/// The heading of all other settings.
const OTHERS: &str = "others";

/// Where a setting stands; nothing for the switch, for the relay, and for what only the server has.
fn section_of(setting: &Setting) -> Option<&'static str> {
    let is_elsewhere = setting.place != Place::Anywhere || setting.unit.is_some();
    let key = setting.key.as_str();
    let found = SECTIONS.iter().find(|(_, keys)| keys.contains(&key));
    (!is_elsewhere).then(|| found.map_or(OTHERS, |(name, _)| name))
}

/// The headings with their settings, in their order; empty ones are left out.
pub(super) fn arrange(settings: &[Setting]) -> Vec<(&'static str, Vec<&Setting>)> {
    let names = SECTIONS.iter().map(|(name, _)| *name).chain([OTHERS]);
    let rows = |name: &'static str| {
        let own = settings.iter().filter(move |setting| section_of(setting) == Some(name));
        (name, own.collect::<Vec<_>>())
    };
    names.map(rows).filter(|(_, rows)| !rows.is_empty()).collect()
}

/// The settings of the relay, which are taken together.
pub(super) fn relay(settings: &[Setting]) -> Vec<&Setting> {
    settings.iter().filter(|setting| setting.unit.is_some()).collect()
}
