//! Settings about incidents: statuses and subscriptions; mappings are in `mapping.rs`.

use std::collections::HashSet;

use annunciator_core::Severity;
use annunciator_settings::{Format, Problem, TextList, choice, object, settings};
use annunciator_template::{Language, TimeZone};

use super::mapping::IncidentMapping;
use super::timing::parse_minute;

choice! {
    /// Language of a mail.
    pub enum ReaderLanguage {
        /// English.
        English = "en",
        /// Russian.
        Russian = "ru",
    }
}

choice! {
    /// The mildest severity that is told.
    pub enum SeverityMin {
        /// All.
        Info = "info",
        /// Warnings and worse.
        Warning = "warning",
        /// Functional failures and worse.
        Failure = "failure",
        /// Critical ones alone.
        Critical = "critical",
    }
}

choice! {
    /// When incidents are told.
    pub enum Rhythm {
        /// As soon as they come.
        AtOnce = "at_once",
        /// Those of some minutes in one mail.
        Bundled = "bundled",
        /// Those of a day in one mail.
        Daily = "daily",
    }
}

object! {
    /// A status that an incident may have.
    pub struct IncidentStatus {
        /// Its name for programs: small letters, digits and `_`.
        code: String, chars_max(64), check(check_code);
        /// Its name in English.
        name: String, chars_max(100);
        /// Its name in Russian; empty = the English one.
        name_ru: String = String::new(), chars_max(100);
        /// Whether an incident with this status is told.
        notify: bool = true;
    }
}

object! {
    /// Who is told of which incidents.
    pub struct Subscription {
        /// Its name.
        name: String, chars_max(100);
        /// Whether it is on.
        enabled: bool = true;
        /// Users, by their names; each is told at the address of the account.
        users: TextList = TextList::default(), chars_max(100), items_max(1_000);
        /// Additional addresses, separated by `;` or `,`.
        addresses: TextList = TextList::default(), format(Format::Mailbox), chars_max(254),
            items_max(1_000);
        /// Language of those who have none of their own: `en` or `ru`.
        language: ReaderLanguage = ReaderLanguage::English;
        /// Time zone of those who have none of their own, and of quiet hours and daily mails: a
        /// name of the IANA database such as `Europe/Moscow`, or `UTC`.
        time_zone: String = "UTC".to_owned(), chars_max(64), check(check_time_zone);
        /// Kinds of detectors, such as `forecaster`; empty = all.
        detectors: TextList = TextList::default(), chars_max(64), items_max(100);
        /// Models; `*` stands for any text and `?` for any one character; empty = all.
        models: TextList = TextList::default(), chars_max(256), items_max(1_000);
        /// Assets, by the names of their devices; `*` and `?` as for models; empty = all.
        assets: TextList = TextList::default(), chars_max(256), items_max(1_000);
        /// Device groups; those below count too; empty = all.
        groups: TextList = TextList::default(), chars_max(1_024), items_max(1_000);
        /// The mildest severity that is told.
        severity: SeverityMin = SeverityMin::Info;
        /// When incidents are told; critical ones always at once.
        delivery: Rhythm = Rhythm::AtOnce;
        /// How many minutes are bundled, with `bundled`; counted from midnight UTC.
        bundle_minutes: u32 = 30, range(1, 1_440), measure("minutes");
        /// When the mail of a day goes, with `daily`: `HH:MM`.
        daily_at: String = "08:00".to_owned(), chars_max(5), check(check_minute);
        /// Begin of quiet hours, `HH:MM`; what is not critical waits until their end; empty = none.
        quiet_from: String = String::new(), chars_max(5), check(check_minute);
        /// End of quiet hours, `HH:MM`.
        quiet_until: String = String::new(), chars_max(5), check(check_minute);
        /// Whether a change of the status is told as well.
        follow_ups: bool = false;
    }
}

settings! {
    /// Incidents of detectors, and who is told of them.
    pub struct IncidentSettings / IncidentLayer {
        /// The statuses that an incident may have.
        statuses: Vec<IncidentStatus> = standard_statuses(), items_max(100), server_only();
        /// The status of an incident that comes without one, by its code.
        initial_status: String = "under_review".to_owned(), chars_max(64), server_only();
        /// Whether an incident that was not told, because of its status, is told once when it gets
        /// a status that is.
        notify_on_status_change: bool = true, server_only();
        /// Incidents of one model and top tag that begin within so many minutes of each other are
        /// a group; 0 = only those to which their detector gave one.
        grouping_minutes: u32 = 60, range(0, 10_080), measure("minutes"), server_only();
        /// Who is told of which incidents.
        subscriptions: Vec<Subscription> = Vec::new(), items_max(10_000), server_only();
        /// How documents of other detectors become incidents.
        mapping: Vec<IncidentMapping> = Vec::new(), items_max(100), server_only();
    }
}

/// The statuses there are when none is configured (spec 9.3).
fn standard_statuses() -> Vec<IncidentStatus> {
    let status = |code: &str, name: &str, name_ru: &str, notify| IncidentStatus {
        code: code.to_owned(),
        name: name.to_owned(),
        name_ru: name_ru.to_owned(),
        notify,
    };
    vec![
        status("under_review", "Under review", "На рассмотрении", true),
        status("decision_pending", "Decision pending", "Ожидает решения", true),
        status("instructions_issued", "Instructions issued", "Выданы указания", true),
        status("problem_closed", "Problem closed", "Проблема закрыта", false),
        status("cause_unknown", "Cause unknown", "Причина неизвестна", true),
        status("ignore", "Ignore", "Игнорировать", false),
        status("false_positive", "False positive", "Ложное срабатывание", true),
    ]
}

pub(super) fn check_code(text: &str) -> Result<(), String> {
    let is_code = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    match text.bytes().all(is_code) {
        true => Ok(()),
        false => Err("must be of small letters, digits, `_` and `-`".to_owned()),
    }
}

pub(super) fn check_time_zone(name: &str) -> Result<(), String> {
    TimeZone::named(name).map(drop).map_err(|error| error.to_string())
}

fn check_minute(text: &str) -> Result<(), String> {
    parse_minute(text).map(drop).ok_or_else(|| "must be a time of day as HH:MM".to_owned())
}

impl ReaderLanguage {
    /// The language of templates.
    #[must_use]
    pub fn language(self) -> Language {
        match self {
            Self::English => Language::English,
            Self::Russian => Language::Russian,
        }
    }
}

impl SeverityMin {
    /// The severity.
    #[must_use]
    pub fn severity(self) -> Severity {
        Severity::ALL[self as usize]
    }
}

impl IncidentStatus {
    /// Its name in a language.
    #[must_use]
    pub fn name_in(&self, language: Language) -> &str {
        match language {
            Language::Russian if !self.name_ru.is_empty() => &self.name_ru,
            _ => &self.name,
        }
    }

    /// Whether somebody means it: by its code, or by its name in a language.
    #[must_use]
    pub fn is_meant(&self, text: &str) -> bool {
        let text = text.trim().to_lowercase();
        let names = [&self.code, &self.name, &self.name_ru];
        !text.is_empty() && names.iter().any(|name| name.to_lowercase() == text)
    }
}

impl IncidentSettings {
    /// What does not fit together, with pointers below the group.
    #[must_use]
    pub fn find_problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        self.check_statuses(&mut found);
        let names = self.subscriptions.iter().map(|one| one.name.as_str());
        check_names("subscriptions", "name", names, &mut found);
        for (at, subscription) in self.subscriptions.iter().enumerate() {
            let problems = subscription.find_problems().into_iter();
            found.extend(problems.map(|one| one.under(&at.to_string()).under("subscriptions")));
        }
        let names = self.mapping.iter().map(|one| one.name.as_str());
        check_names("mapping", "name", names, &mut found);
        for (at, mapping) in self.mapping.iter().enumerate() {
            let problems = mapping.find_problems(&self.statuses).into_iter();
            found.extend(problems.map(|one| one.under(&at.to_string()).under("mapping")));
        }
        found
    }

    /// What works but deserves a look.
    #[must_use]
    pub fn find_warnings(&self) -> Vec<Problem> {
        let names_nobody =
            |one: &Subscription| one.enabled && one.users.is_empty() && one.addresses.is_empty();
        let rows = self.subscriptions.iter().enumerate().filter(|(_, one)| names_nobody(one));
        let warning = |(at, _): (usize, &Subscription)| {
            let words = "nobody is named: give users or addresses, else nobody is told";
            let problem = Problem::new("names_nobody", words).under("users");
            problem.under(&at.to_string()).under("subscriptions")
        };
        rows.map(warning).collect()
    }

    fn check_statuses(&self, found: &mut Vec<Problem>) {
        let codes = self.statuses.iter().map(|one| one.code.as_str());
        check_names("statuses", "code", codes, found);
        self.check_status_names(found);
        for (at, status) in self.statuses.iter().enumerate() {
            if status.name.trim().is_empty() {
                let problem = Problem::new("required", "must have a name").under("name");
                found.push(problem.under(&at.to_string()).under("statuses"));
            }
        }
        if !self.statuses.iter().any(|status| status.code == self.initial_status) {
            let codes: Vec<_> = self.statuses.iter().map(|one| one.code.as_str()).collect();
            let detail = format!("must be the code of a status: {}", codes.join(", "));
            found.push(Problem::new("one_of", detail).under("initial_status"));
        }
    }
}

impl IncidentSettings {
    /// A status is meant by its code or a name: no two may answer to the same words.
    fn check_status_names(&self, found: &mut Vec<Problem>) {
        for (at, status) in self.statuses.iter().enumerate() {
            let IncidentStatus { code, name, name_ru, .. } = status;
            for (key, words) in [("code", code), ("name", name), ("name_ru", name_ru)] {
                let mut before = self.statuses[..at].iter().filter(|other| other.code != *code);
                let Some(other) = before.find(|other| other.is_meant(words)) else { continue };
                let detail = format!("means the status `{}` already: take another", other.code);
                let problem = Problem::new("conflict", detail).under(key);
                found.push(problem.under(&at.to_string()).under("statuses"));
            }
        }
    }
}

impl Subscription {
    fn find_problems(&self) -> Vec<Problem> {
        let quiet = match (self.quiet_from.is_empty(), self.quiet_until.is_empty()) {
            (true, false) => {
                Some(Problem::new("required", "give the begin too").under("quiet_from"))
            }
            (false, true) => {
                Some(Problem::new("required", "give the end too").under("quiet_until"))
            }
            (false, false) if self.quiet_from == self.quiet_until => {
                let words = "must differ from the begin: for no quiet hours leave both empty";
                Some(Problem::new("conflict", words).under("quiet_until"))
            }
            _ => None,
        };
        let daily = (self.delivery == Rhythm::Daily && self.daily_at.is_empty())
            .then(|| Problem::new("required", "give the time of the daily mail").under("daily_at"));
        quiet.into_iter().chain(daily).collect()
    }
}

/// Names are there, and each is there once; case does not count.
fn check_names<'a>(
    list: &str,
    key: &str,
    names: impl Iterator<Item = &'a str>,
    found: &mut Vec<Problem>,
) {
    let mut known = HashSet::new();
    for (at, name) in names.enumerate() {
        let problem = match name.trim() {
            "" => Problem::new("required", format!("must have a {key}")),
            trimmed if !known.insert(trimmed.to_lowercase()) => {
                Problem::new("conflict", format!("`{trimmed}` is there twice: take another {key}"))
            }
            _ => continue,
        };
        found.push(problem.under(key).under(&at.to_string()).under(list));
    }
}
