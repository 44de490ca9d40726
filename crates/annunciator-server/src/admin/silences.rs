//! What an operator can ask about silences: list, show, preview, make, change, end.
//!
//! In: requests with matchers in JSON; who asks. Out: silences, warnings, the events they match.
//! Knows nothing of: HTTP.
//! Failure: a request is checked whole, saved, then put in force; or nothing happens.
//! Standard: spec 6.4.

use annunciator_api_types::{FieldError, SilencePreviewRequest, SilenceRequest};
use annunciator_core::{ChannelName, SilenceId, Timestamp};
use annunciator_planner::{MatcherSet, Silence};
use annunciator_store::{
    EventFilter, EventRow, NewAudit, Page, Paged, SILENCES_MAX, SilenceFilter, SilenceRecord,
};
use serde_json::{Value, json};

use super::AdminError;
use crate::shared::Shared;
use crate::silence_book::silence_of;
use crate::snapshot::field_errors;

/// Longest comment. Unit: characters.
const COMMENT_CHARS_MAX: usize = 500;
/// Longest silence, and how far ahead it may begin. Unit: milliseconds.
const LENGTH_MS_MAX: i64 = 366 * 24 * 3_600_000;
/// Events that a preview looks at.
const LOOKED_AT_MAX: usize = 1_000;
/// Events read at a time for it.
const PAGE_ROWS: usize = 100;
/// Events that it shows.
const SHOWN_MAX: usize = 10;

/// What matchers would mute.
#[derive(Debug)]
pub struct Preview {
    /// The matchers.
    pub matchers: MatcherSet,
    /// How many of the newest events were looked at.
    pub looked_at: usize,
    /// How many of them match.
    pub matching: usize,
    /// The newest of those.
    pub events: Vec<EventRow>,
}

/// Silences, newest first.
///
/// # Errors
/// What the store answers.
pub async fn list(
    shared: &Shared,
    ended: Option<bool>,
    page: Page,
) -> Result<Paged<SilenceRecord>, AdminError> {
    let now = shared.clock.now();
    let filter = SilenceFilter { ended: ended.map(|ended| (ended, now)) };
    shared.store.silences(filter, page).await.map_err(AdminError::Store)
}

/// The silences that muted something within a period, ended ones among them.
///
/// # Errors
/// What the store answers.
pub(super) async fn of_period(
    shared: &Shared,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<Silence>, AdminError> {
    let mut silences = Vec::new();
    let mut after = None;
    loop {
        let page = Page { after: after.take(), count_max: PAGE_ROWS };
        let paged = shared.store.silences(SilenceFilter::default(), page).await?;
        let is_within = |record: &SilenceRecord| record.starts_at < until && record.ends_at > since;
        let within = paged.rows.into_iter().filter(is_within);
        silences.extend(within.filter_map(crate::silence_book::silence_of));
        match paged.next {
            Some(next) => after = Some(next),
            None => return Ok(silences),
        }
    }
}

/// One silence.
///
/// # Errors
/// None of that id.
pub async fn show(shared: &Shared, id: SilenceId) -> Result<SilenceRecord, AdminError> {
    let found = shared.store.silence(id).await.map_err(AdminError::Store)?;
    found.ok_or_else(|| AdminError::NotFound("There is no silence of this id.".to_owned()))
}

/// Makes a silence.
///
/// # Errors
/// Everything that is wrong with the request; too many silences.
pub async fn create(
    shared: &Shared,
    request: &SilenceRequest,
    author: &str,
) -> Result<SilenceRecord, AdminError> {
    let now = shared.clock.now();
    let blank = SilenceRecord {
        id: shared.ids.silence(now),
        matchers: String::new(),
        channels: Vec::new(),
        author: author.to_owned(),
        comment: String::new(),
        created_at: now,
        starts_at: now,
        ends_at: now,
        ended_by: None,
    };
    let mut errors = Vec::new();
    let is_missing = [
        ("/matchers", request.matchers.is_none()),
        ("/comment", request.comment.is_none()),
        ("/ends_at", request.ends_at.is_none() && request.duration_s.is_none()),
    ];
    for (pointer, _) in is_missing.into_iter().filter(|(_, is_missing)| *is_missing) {
        let detail =
            if pointer == "/ends_at" { "give this or `duration_s`" } else { "must be given" };
        errors.push(FieldError::new(pointer, "required", detail));
    }
    let record = apply(shared, blank, request, now, &mut errors);
    if !errors.is_empty() {
        return Err(AdminError::Invalid(errors));
    }
    let _steady = shared.silences.steady().await;
    let audit = note("silence.create", record.id, author, now, &describe(&record));
    save(shared, record, audit).await
}

/// Changes a silence that has not ended.
///
/// # Errors
/// None of that id, it has ended, everything that is wrong with the request.
pub async fn change(
    shared: &Shared,
    id: SilenceId,
    request: &SilenceRequest,
    author: &str,
) -> Result<SilenceRecord, AdminError> {
    let _steady = shared.silences.steady().await;
    let now = shared.clock.now();
    let old = show(shared, id).await?;
    if old.ends_at <= now {
        return Err(has_ended());
    }
    let mut errors = Vec::new();
    let new = apply(shared, old.clone(), request, now, &mut errors);
    if !errors.is_empty() {
        return Err(AdminError::Invalid(errors));
    }
    let detail = json!({ "before": describe(&old), "after": describe(&new) });
    save(shared, new, note("silence.change", id, author, now, &detail)).await
}

/// Ends a silence now.
///
/// # Errors
/// None of that id; it has ended.
pub async fn end(
    shared: &Shared,
    id: SilenceId,
    author: &str,
) -> Result<SilenceRecord, AdminError> {
    let _steady = shared.silences.steady().await;
    let now = shared.clock.now();
    let old = show(shared, id).await?;
    let audit = note("silence.end", id, author, now, &describe(&old));
    let ended = shared.store.end_silence(id, audit).await.map_err(AdminError::Store)?;
    let ended = ended.ok_or_else(has_ended)?;
    put_in_force(shared, &ended, now);
    Ok(ended)
}

/// Looks for the newest events that matchers match.
///
/// # Errors
/// Matchers that cannot be read.
pub async fn preview(
    shared: &Shared,
    request: &SilencePreviewRequest,
) -> Result<Preview, AdminError> {
    let given = request.matchers.clone().unwrap_or_else(|| json!([]));
    let matchers = read_matchers(&given).map_err(AdminError::Invalid)?;
    let mut preview = Preview { matchers, looked_at: 0, matching: 0, events: Vec::new() };
    let mut page = Page { after: None, count_max: PAGE_ROWS };
    while preview.looked_at < LOOKED_AT_MAX {
        let found = shared.store.events(EventFilter::default(), page.clone()).await;
        let found = found.map_err(AdminError::Store)?;
        for row in found.rows {
            preview.looked_at += 1;
            if preview.matchers.holds(&row.event) {
                preview.matching += 1;
                if preview.events.len() < SHOWN_MAX {
                    preview.events.push(row);
                }
            }
        }
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    Ok(preview)
}

/// What deserves a look before it surprises somebody.
#[must_use]
pub fn find_warnings(matchers: &MatcherSet) -> Vec<FieldError> {
    let mut warnings = Vec::new();
    if let Some(words) = matchers.find_contradiction() {
        let detail = format!("{words}: it can mute nothing");
        warnings.push(FieldError::new("/matchers", "contradiction", detail));
    }
    if matchers.holds_always() {
        let detail = "every event matches: it mutes everything".to_owned();
        warnings.push(FieldError::new("/matchers", "matches_everything", detail));
    }
    warnings
}

fn read_matchers(value: &Value) -> Result<MatcherSet, Vec<FieldError>> {
    MatcherSet::from_json(value).map_err(|problems| field_errors("matchers", problems))
}

/// A record with what the request asks for; adds what is wrong with it.
fn apply(
    shared: &Shared,
    mut record: SilenceRecord,
    request: &SilenceRequest,
    now: Timestamp,
    errors: &mut Vec<FieldError>,
) -> SilenceRecord {
    if let Some(value) = &request.matchers {
        match read_matchers(value) {
            Ok(matchers) if matchers.is_empty() => {
                let detail = "must have one matcher at least: for every event use `severity` \
                              `greater_or_equal` `info`";
                errors.push(FieldError::new("/matchers", "required", detail));
            }
            Ok(matchers) => record.matchers = matchers.to_json().to_string(),
            Err(found) => errors.extend(found),
        }
    }
    if let Some(comment) = &request.comment {
        let chars = comment.chars().count();
        if comment.trim().is_empty()
            || chars > COMMENT_CHARS_MAX
            || comment.chars().any(char::is_control)
        {
            let detail = format!("must be 1 to {COMMENT_CHARS_MAX} characters on one line");
            errors.push(FieldError::new("/comment", "format", detail));
        }
        record.comment = comment.trim().to_owned();
    }
    if let Some(channels) = &request.channels {
        match read_channels(shared, channels) {
            Ok(channels) => record.channels = channels,
            Err(found) => errors.extend(found),
        }
    }
    apply_times(&mut record, request, now, errors);
    record
}

fn read_channels(shared: &Shared, names: &[String]) -> Result<Vec<ChannelName>, Vec<FieldError>> {
    let known: Vec<ChannelName> =
        shared.settings.channels().iter().map(|channel| channel.name()).collect();
    let is_unknown = |name: &&String| !known.iter().any(|known| known.as_str() == name.as_str());
    let words: Vec<&str> = known.iter().map(ChannelName::as_str).collect();
    let must = format!("must be one of {}", words.join(", "));
    let error = |at| FieldError::new(format!("/channels/{at}"), "one_of", &*must);
    if names.len() > known.len() {
        let detail = format!("there are {} channels: name each once", known.len());
        return Err(vec![FieldError::new("/channels", "too_many", detail)]);
    }
    let unknown = names.iter().enumerate().filter(|(_, name)| is_unknown(name));
    let errors: Vec<FieldError> = unknown.map(|(at, _)| error(at)).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let is_named = |known: &ChannelName| names.iter().any(|name| known.as_str() == name);
    Ok(known.into_iter().filter(is_named).collect())
}

fn apply_times(
    record: &mut SilenceRecord,
    request: &SilenceRequest,
    now: Timestamp,
    errors: &mut Vec<FieldError>,
) {
    if let Some(starts_at) = request.starts_at {
        record.starts_at = starts_at.max(now);
        if record.starts_at.ms_since(now) > LENGTH_MS_MAX {
            let detail = "must be within 366 days from now";
            errors.push(FieldError::new("/starts_at", "range", detail));
        }
    }
    let begins_at = record.starts_at.max(now);
    let pointer = match (request.ends_at, request.duration_s) {
        (Some(_), Some(_)) => {
            let detail = "give `ends_at` or `duration_s`, not both";
            errors.push(FieldError::new("/duration_s", "conflict", detail));
            return;
        }
        (Some(ends_at), None) => {
            record.ends_at = ends_at;
            "/ends_at"
        }
        (None, Some(duration_s)) => {
            let duration_ms = i64::try_from(duration_s).unwrap_or(i64::MAX).saturating_mul(1_000);
            record.ends_at = begins_at.plus_ms(duration_ms).min(Timestamp::MAX);
            "/duration_s"
        }
        // The end of before, which the new begin must not pass.
        (None, None) if request.starts_at.is_some() && errors.is_empty() => "/starts_at",
        (None, None) => return,
    };
    let length_ms = record.ends_at.ms_since(begins_at);
    if length_ms <= 0 {
        let detail = format!("the silence must end after it begins, at {begins_at}");
        errors.push(FieldError::new(pointer, "range", detail));
    } else if length_ms > LENGTH_MS_MAX {
        let detail = "a silence lasts 366 days at most: make a new one then";
        errors.push(FieldError::new(pointer, "range", detail));
    }
}

/// The caller holds the book steady.
async fn save(
    shared: &Shared,
    record: SilenceRecord,
    audit: NewAudit,
) -> Result<SilenceRecord, AdminError> {
    let now = audit.at;
    let saved = shared.store.put_silence(record.clone(), audit).await.map_err(AdminError::Store)?;
    if !saved {
        return Err(AdminError::Conflict(format!(
            "There are {SILENCES_MAX} silences that have not ended: end some first."
        )));
    }
    put_in_force(shared, &record, now);
    Ok(record)
}

fn put_in_force(shared: &Shared, record: &SilenceRecord, now: Timestamp) {
    match silence_of(record.clone()) {
        Some(silence) => shared.silences.replace(silence, now),
        // It was left out at the start too.
        None => tracing::warn!(silence.id = %record.id, "A silence cannot be read"),
    }
}

fn has_ended() -> AdminError {
    AdminError::Conflict("The silence has ended: make a new one.".to_owned())
}

fn note(action: &str, id: SilenceId, author: &str, at: Timestamp, detail: &Value) -> NewAudit {
    NewAudit {
        at,
        author: author.to_owned(),
        action: action.to_owned(),
        target: id.to_string(),
        detail: detail.to_string(),
    }
}

/// For the audit log.
fn describe(record: &SilenceRecord) -> Value {
    let matchers: Value = serde_json::from_str(&record.matchers).unwrap_or_default();
    json!({
        "matchers": matchers,
        "channels": record.channels,
        "comment": record.comment,
        "starts_at": record.starts_at,
        "ends_at": record.ends_at,
    })
}
