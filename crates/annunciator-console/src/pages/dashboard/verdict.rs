//! The state of the server becomes one sentence: all is well, or what is not and what to do.
//!
//! In: `GET /api/v1/status`, and whether any way out is set up. Out: [`Verdict`], which
//! `dashboard/verdict.html` shows. It names times and not durations, so that it changes only with
//! what it says.

use annunciator_api_types::{FailureView, LaneView, StatusView};
use annunciator_core::Timestamp;
use serde_json::Value;

use crate::api::with_query;
use crate::page::Page;

/// How long the oldest delivery may wait while no relay is in trouble. Unit: milliseconds.
const WAIT_MS_MAX: i64 = 15 * 60_000;
/// Free room below this multiple of the reserve is told.
const RESERVES_MIN: u64 = 2;
/// Ends that are told one by one; the others are counted.
const ENDS_MAX: usize = 3;

/// How it stands.
pub(super) struct Verdict {
    /// `good`, `warn` or `bad`.
    pub(super) tone: &'static str,
    /// The sentence.
    pub(super) headline: String,
    /// What the sentence leaves out; may be empty.
    pub(super) detail: String,
    /// What is not well, the worst first.
    pub(super) troubles: Vec<Trouble>,
}

/// Something that is not well.
pub(super) struct Trouble {
    /// `warn` or `bad`.
    pub(super) tone: &'static str,
    /// What is not well.
    pub(super) words: String,
    /// What it means, or what the other side said; may be empty.
    pub(super) detail: String,
    /// What to do: words and where it leads.
    pub(super) actions: Vec<(String, String)>,
}

impl Verdict {
    /// The verdict; `settings` are missing where they may not be read. `failed` is how many
    /// deliveries failed of late, and in which words that is told.
    pub(super) fn of(
        page: &Page,
        status: &StatusView,
        settings: Option<&Value>,
        failed: (u64, &str),
    ) -> Self {
        let mut troubles = Vec::new();
        of_store(page, status, &mut troubles);
        let is_used = status.lanes.iter().any(|lane| lane.queued > 0);
        if settings.is_some_and(|settings| !is_set_up(settings)) && !is_used {
            troubles.push(nobody_is_told(page));
        }
        troubles.extend(status.lanes.iter().filter(|one| one.suspended).map(|l| lane(page, l)));
        of_servers(page, status, &mut troubles);
        of_queue(page, status, &mut troubles);
        of_ends(page, status, &mut troubles);
        troubles.sort_by_key(|trouble| trouble.tone != "bad");
        let headline = match &troubles[..] {
            [] if failed.0 > 0 => page.t("dashboard-well-now"),
            [] => page.t("dashboard-well"),
            [only] => only.words.clone(),
            several => page.t1("dashboard-troubles", "count", several.len()),
        };
        let tone = troubles.first().map_or("good", |worst| worst.tone);
        let detail = match &troubles[..] {
            [] => well_detail(page, failed),
            _ => String::new(),
        };
        Self { tone, headline, detail, troubles }
    }

    /// Nothing is known: the status may not be read, or did not come.
    pub(super) fn unknown(page: &Page) -> Self {
        let key =
            if page.may("read_status") { "dashboard-no-answer" } else { "dashboard-no-status" };
        Self { tone: "", headline: page.t(key), detail: String::new(), troubles: Vec::new() }
    }
}

/// What stands below the sentence that nothing is wrong: what failed before is not kept quiet.
fn well_detail(page: &Page, (count, period): (u64, &str)) -> String {
    if count == 0 {
        return page.t("dashboard-well-detail");
    }
    let values = [
        ("count", count.into()),
        ("number", page.number(&count).into()),
        ("period", period.into()),
    ];
    page.language.say_with("dashboard-well-failed", &values)
}

/// Whether any channel has all that it needs to tell somebody.
pub(super) fn is_set_up(settings: &Value) -> bool {
    let values = &settings["values"];
    let has = |group: &str, key: &str| match &values[group][key] {
        Value::Array(entries) => !entries.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => false,
    };
    let any = |group: &str, keys: &[&str]| keys.iter().any(|key| has(group, key));
    let email = any("email", &["recipients", "recipients_cc", "recipients_bcc"]);
    let sms = any("sms", &["phone_numbers", "recipients"]);
    (email && has("email", "servers"))
        || (sms && has("sms", "servers"))
        || has("executable", "file")
        || (has("mail_notifier", "servers")
            && has("mail_notifier", "sender")
            && has_subscribers(&values["incidents"]["subscriptions"]))
}

/// Whether a subscription that is on names anybody.
fn has_subscribers(subscriptions: &Value) -> bool {
    let names_any = |one: &Value| {
        let is_there = |key: &str| one[key].as_array().is_some_and(|all| !all.is_empty());
        one["enabled"] != false && (is_there("users") || is_there("addresses"))
    };
    subscriptions.as_array().is_some_and(|all| all.iter().any(names_any))
}

fn nobody_is_told(page: &Page) -> Trouble {
    let mut actions = Vec::new();
    if page.may("change_settings") {
        actions.push((page.t("dashboard-do-set-up"), "/welcome/relay".to_owned()));
        let notifier = "/settings/mail-notifier".to_owned();
        actions.push((page.t("subscriptions-set-notifier"), notifier));
    }
    Trouble {
        tone: "warn",
        words: page.t("dashboard-nobody"),
        detail: page.t("dashboard-nobody-detail"),
        actions,
    }
}

fn of_store(page: &Page, status: &StatusView, troubles: &mut Vec<Trouble>) {
    let health = &status.health;
    let system = || vec![(page.t("dashboard-do-system"), "/system".to_owned())];
    if !health.ready {
        let detail = health.reason.clone();
        let words = page.t("dashboard-not-ready");
        troubles.push(Trouble { tone: "bad", words, detail, actions: system() });
        return;
    }
    if health.disk_free_bytes < health.disk_reserve_bytes.saturating_mul(RESERVES_MIN) {
        let (free, reserve) =
            (page.bytes(&health.disk_free_bytes), page.bytes(&health.disk_reserve_bytes));
        let words = page.t1("dashboard-disk", "free", free);
        let detail = page.t1("dashboard-disk-detail", "reserve", reserve);
        troubles.push(Trouble { tone: "bad", words, detail, actions: system() });
    }
}

/// A lane's name in words: its channel, and whose settings it follows.
pub(super) fn lane_name(page: &Page, lane: &str) -> String {
    let (channel, owner) = lane.split_once('/').unwrap_or((lane, "server"));
    let channel = page.word("channel", channel);
    if owner == "server" { channel } else { format!("{channel} · {owner}") }
}

/// What the other side said, and how far it came.
pub(super) fn failure_words(page: &Page, failure: &FailureView) -> String {
    let stage = page.word("dashboard-stage", &failure.stage);
    format!("{stage}: {}", failure.diagnostic)
}

fn lane(page: &Page, lane: &LaneView) -> Trouble {
    let name = lane_name(page, &lane.lane);
    let values = [
        ("lane", name.into()),
        ("count", lane.queued.into()),
        ("number", page.number(&lane.queued).into()),
    ];
    let words = page.language.say_with("dashboard-lane", &values);
    let reason = lane.reason.as_ref().map(|failure| failure_words(page, failure));
    let probe = lane.probe_at.map(|at| page.t1("dashboard-probe", "at", page.short_time(&at)));
    let detail = [reason, probe].into_iter().flatten().collect::<Vec<_>>().join(". ");
    let channel = lane.lane.split('/').next().unwrap_or_default();
    let mut actions = Vec::new();
    if page.may("read_ledger") {
        let pairs = [("lane", lane.lane.as_str()), ("state", "queued")];
        actions.push((page.t("dashboard-do-waiting"), with_query("/ledger", &pairs)));
    }
    if page.may("read_settings") && matches!(channel, "email" | "sms" | "executable") {
        actions.push((page.t("dashboard-do-settings"), format!("/settings/{channel}")));
    }
    Trouble { tone: "bad", words, detail, actions }
}

/// Servers that are skipped, unless a suspended lane says the same.
fn of_servers(page: &Page, status: &StatusView, troubles: &mut Vec<Trouble>) {
    let told: Vec<&str> = status
        .lanes
        .iter()
        .filter(|lane| lane.suspended)
        .filter_map(|lane| Some(lane.reason.as_ref()?.diagnostic.as_str()))
        .collect();
    for server in status.relays.iter().filter(|server| server.skipped) {
        let failure = server.last_failure.as_ref();
        if failure.is_some_and(|failure| told.contains(&failure.diagnostic.as_str())) {
            continue;
        }
        let words = page.t1("dashboard-skipped", "server", &server.server);
        let detail = failure.map(|failure| failure_words(page, failure)).unwrap_or_default();
        troubles.push(Trouble { tone: "warn", words, detail, actions: Vec::new() });
    }
}

fn of_queue(page: &Page, status: &StatusView, troubles: &mut Vec<Trouble>) {
    if status.events_parked > 0 {
        let words = page.t1("dashboard-parked", "count", status.events_parked);
        let detail = page.t("dashboard-parked-detail");
        let mut actions = Vec::new();
        if page.may("read_events") {
            actions.push((page.t("dashboard-do-parked"), "/events?state=parked".to_owned()));
        }
        troubles.push(Trouble { tone: "warn", words, detail, actions });
    }
    let is_explained = status.lanes.iter().any(|lane| lane.suspended);
    let too_old = |since: &Timestamp| page.now.ms_since(*since) > WAIT_MS_MAX && !is_explained;
    if let Some(since) = status.oldest_queued_at.filter(too_old) {
        let words = page.t1("dashboard-old", "since", page.short_time(&since));
        let detail = page.t("dashboard-old-detail");
        let mut actions = Vec::new();
        if page.may("read_ledger") {
            actions.push((page.t("dashboard-do-waiting"), "/ledger?state=queued".to_owned()));
        }
        troubles.push(Trouble { tone: "warn", words, detail, actions });
    }
}

/// With a capital at its beginning, as a sentence has it.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next();
    first.into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn of_ends(page: &Page, status: &StatusView, troubles: &mut Vec<Trouble>) {
    let actions = || match page.may("manage_certificates") {
        true => vec![(page.t("dashboard-do-certificates"), "/certificates".to_owned())],
        false => Vec::new(),
    };
    for end in status.ending.iter().take(ENDS_MAX) {
        let is_over = end.ends_at <= page.now;
        let (tone, key) =
            if is_over { ("bad", "dashboard-ended") } else { ("warn", "dashboard-ends") };
        let what = capitalised(&end.what.replace('`', ""));
        let words = page.t2(key, "what", what, "at", page.short_time(&end.ends_at));
        troubles.push(Trouble { tone, words, detail: String::new(), actions: actions() });
    }
    let more = status.ending.len().saturating_sub(ENDS_MAX);
    if more > 0 {
        let words = page.t1("dashboard-more-ends", "count", more);
        troubles.push(Trouble { tone: "warn", words, detail: String::new(), actions: actions() });
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
