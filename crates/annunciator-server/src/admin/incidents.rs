//! What can be asked about incidents: list, show, groups, change a status.
//!
//! In: filters, ids, requests; who asks. Out: incidents as they are now.
//! Knows nothing of: HTTP, who is told.
//! Failure: a change of status is saved with the event that tells it, or nothing happens.
//! Standard: spec 9.3; ADR 0037.

use annunciator_api_types::{
    DetectorInput, FieldError, IncidentBundleView, IncidentDetail, IncidentGroupList,
    IncidentGroupView, IncidentList, IncidentStatusEntry, IncidentStatusRequest,
    IncidentStatusResult, IncidentStatusView, IncidentView, ParameterInput, SampleView,
    TopTagInput,
};
use annunciator_core::{Event, EventUid, ParameterValue, Severity, Timestamp};
use annunciator_planner::{Incident, IncidentRules, STATUS_TYPE_PREFIX, Told};
use annunciator_store::{
    INCIDENT_STATUSES_MAX, IncidentFilter, IncidentRow, NewAudit, Page, StatusChange, StatusOutcome,
};
use serde_json::json;

use super::{AdminError, ledger};
use crate::api::views;
use crate::intake::incidents::must_be_status;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Longest comment. Unit: characters.
const COMMENT_CHARS_MAX: usize = 1_000;
/// Incidents of a status that are counted, at most.
const COUNTED_MAX: usize = 100;

/// Incidents, newest first.
///
/// # Errors
/// What the store answers.
pub async fn list(
    shared: &Shared,
    filter: IncidentFilter,
    page: Page,
) -> Result<IncidentList, AdminError> {
    let snapshot = shared.settings.current();
    let rules = &snapshot.incident_rules;
    let found = shared.store.incidents(meant(filter, rules), page).await?;
    Ok(IncidentList {
        incidents: found.rows.into_iter().map(|row| view(row, rules)).collect(),
        next: found.next,
        searched_until: found.searched_until,
        statuses: rules.statuses().iter().map(|one| status_view(rules, &one.code)).collect(),
    })
}

/// Whether the list of incidents is longer than this.
///
/// # Errors
/// What the store answers.
pub async fn exceed(
    shared: &Shared,
    filter: IncidentFilter,
    count: usize,
) -> Result<bool, AdminError> {
    let filter = meant(filter, &shared.settings.current().incident_rules);
    shared.store.incidents_exceed(filter, count).await.map_err(AdminError::Store)
}

/// The filter with the code of the status that somebody means by a name.
fn meant(mut filter: IncidentFilter, rules: &IncidentRules) -> IncidentFilter {
    if let Some(status) = filter.status.as_deref().and_then(|text| rules.meant_status(text)) {
        filter.status = Some(status.code.clone());
    }
    filter
}

/// Groups of several incidents, that of the newest incident first.
///
/// # Errors
/// What the store answers.
pub async fn groups(shared: &Shared, page: Page) -> Result<IncidentGroupList, AdminError> {
    let found = shared.store.incident_groups(page).await?;
    let rows = found.rows.into_iter();
    let view = |row: annunciator_store::IncidentGroupRow| IncidentGroupView {
        group: row.group,
        count: row.count,
        first_start: row.first_at,
        last_start: row.last_at,
        model: row.model,
        top_tag: row.top_tag,
        severity: row.severity.as_str().to_owned(),
    };
    Ok(IncidentGroupList { groups: rows.map(view).collect(), next: found.next })
}

/// One incident, by the ledger's id or the detector's.
///
/// # Errors
/// None of that id, or several.
pub async fn find(
    shared: &Shared,
    id: &str,
    detector: Option<&str>,
) -> Result<IncidentRow, AdminError> {
    if let Ok(uid) = id.parse::<EventUid>()
        && let Some(row) = shared.store.incident(uid).await?
    {
        return Ok(row);
    }
    let mut found = shared.store.incidents_by_source_id(id).await?;
    found.retain(|row| detector.is_none_or(|name| row.event.application.name == name));
    match found.len() {
        0 => Err(AdminError::NotFound("There is no incident of this id.".to_owned())),
        1 => Ok(found.remove(0)),
        count => Err(AdminError::Conflict(format!(
            "{count} detectors have an incident of this id: give `detector`, or the ledger's id"
        ))),
    }
}

/// One incident with all that is known of it.
///
/// # Errors
/// As [`find`].
pub async fn show(
    shared: &Shared,
    id: &str,
    detector: Option<&str>,
) -> Result<IncidentDetail, AdminError> {
    let row = find(shared, id, detector).await?;
    let uid = row.event.uid;
    let snapshot = shared.settings.current();
    let rules = &snapshot.incident_rules;
    let statuses = shared.store.incident_statuses(uid).await?;
    let samples = shared.store.incident_samples(vec![uid]).await?;
    let story = ledger::event(shared, &uid.to_string(), None).await?;
    let told = shared.store.told_in_bundles(uid).await?;
    let bundle = |one: annunciator_store::ToldInBundle| IncidentBundleView {
        event: one.bundle.to_string(),
        at: one.at,
        told: one.is_told,
    };
    let entry = |had: annunciator_store::IncidentStatusRow| IncidentStatusEntry {
        at: had.at,
        author: had.author,
        status: status_view(rules, &had.status),
        comment: had.comment,
        event: had.event.to_string(),
    };
    let samples = samples.into_iter().flat_map(|(_, samples)| samples);
    Ok(IncidentDetail {
        incident: view(row, rules),
        statuses: statuses.into_iter().map(entry).collect(),
        samples: samples.map(|one| SampleView { at: one.at, value: one.value }).collect(),
        event: views::event(story.event),
        told_in_bundles: told.addresses,
        bundles: told.bundles.into_iter().map(bundle).collect(),
    })
}

/// Changes the status of an incident.
///
/// # Errors
/// As [`find`]; a status that is not known; somebody else changed it meanwhile.
pub async fn change_status(
    shared: &Shared,
    id: &str,
    detector: Option<&str>,
    request: &IncidentStatusRequest,
    author: &str,
) -> Result<IncidentStatusResult, AdminError> {
    let row = find(shared, id, detector).await?;
    let snapshot = shared.settings.current();
    let rules = &snapshot.incident_rules;
    let mut errors = Vec::new();
    let status = rules.meant_status(&request.status);
    if status.is_none() {
        errors.push(FieldError::new("/status", "one_of", must_be_status(rules)));
    }
    let comment = request.comment.trim();
    if comment.chars().count() > COMMENT_CHARS_MAX || comment.contains('\0') {
        let detail = format!("must be at most {COMMENT_CHARS_MAX} characters");
        errors.push(FieldError::new("/comment", "too_long", detail));
    }
    let Some(status) = status.filter(|_| errors.is_empty()) else {
        return Err(AdminError::Invalid(errors));
    };
    if !request.from.is_empty() && request.from != row.status && status.code != row.status {
        let name = rules.status_name(&row.status, annunciator_template::Language::English);
        let words = format!(
            "somebody else has changed the incident to `{name}` meanwhile: look at it again"
        );
        return Err(AdminError::Conflict(words));
    }
    if status.code == row.status {
        let incident = view(row, rules);
        return Ok(IncidentStatusResult { incident, changed: false, told: None });
    }
    let told = what_is_told(&row, status.notify, rules.notify_on_status_change);
    let now = shared.clock.now();
    let change = StatusChange {
        incident: row.event.uid,
        from: row.status.clone(),
        was_told: row.told,
        to: status.code.clone(),
        is_told: row.told || told == Told::Late,
        comment: comment.to_owned(),
        event: event_of(shared, &row, (&status.code, told), (comment, author), now),
        audit: NewAudit {
            at: now,
            author: author.to_owned(),
            action: "incident.status".to_owned(),
            target: row.event.uid.to_string(),
            detail: json!({"id": row.event.id, "from": row.status, "to": status.code,
                "comment": comment})
            .to_string(),
        },
    };
    let meanwhile = "somebody else has changed the incident meanwhile: look at it again";
    match shared.store.change_incident_status(change).await? {
        StatusOutcome::Changed => shared.planner.note_backlog(),
        StatusOutcome::Otherwise => return Err(AdminError::Conflict(meanwhile.to_owned())),
        StatusOutcome::Full => {
            return Err(AdminError::Conflict(format!(
                "the incident has had {INCIDENT_STATUSES_MAX} statuses, more than anybody can read"
            )));
        }
    }
    let changed = shared.store.incident(row.event.uid).await?;
    let incident = view(changed.unwrap_or(row), rules);
    let told = Some(told.as_str().to_owned());
    Ok(IncidentStatusResult { incident, changed: true, told })
}

/// What a change of status tells: an incident is told for the first time once, whatever happens
/// between; who was told of it and follows it learns its end too, whatever its status says of
/// incidents that nobody knows of yet.
fn what_is_told(row: &IncidentRow, notifies: bool, is_told_late: bool) -> Told {
    match (notifies, row.told) {
        (_, true) => Told::FollowUp,
        (true, false) if is_told_late => Told::Late,
        _ => Told::Silent,
    }
}

/// The event that tells a change of status: the facts of the incident again, and what changed.
fn event_of(
    shared: &Shared,
    row: &IncidentRow,
    (status, told): (&str, Told),
    (comment, author): (&str, &str),
    now: Timestamp,
) -> Event {
    let uid = shared.ids.event(now);
    let kind = Incident::of(&row.event).map_or("unknown", |incident| incident.kind);
    let mut parameters = row.event.parameters.clone();
    let mut put = |name: &str, text: &str| {
        parameters.insert(name.to_owned(), ParameterValue::Text(text.to_owned()));
    };
    put("status", status);
    put("status_before", &row.status);
    put("status_author", author);
    put("registered", &row.event.registered_at.to_string());
    put("incident_severity", row.event.severity.as_str());
    put(Told::PARAMETER, told.as_str());
    if !comment.is_empty() {
        put("status_comment", comment);
    }
    Event {
        uid,
        id: uid.to_string(),
        event_type: format!("{STATUS_TYPE_PREFIX}{kind}"),
        type_name: format!("Status of an incident ({kind})"),
        // What is told is as bad as its incident; what nobody is told is a note.
        severity: if told == Told::Silent { Severity::Info } else { row.event.severity },
        occurred_at: now,
        registered_at: now,
        parameters,
        ..row.event.clone()
    }
}

/// Statuses that are taken away although incidents have them: those keep the code.
///
/// # Errors
/// What the store answers.
pub(super) async fn find_status_warnings(
    shared: &Shared,
    before: &Snapshot,
    after: &Snapshot,
) -> Result<Vec<FieldError>, AdminError> {
    let rules = &after.incident_rules;
    let all = before.incident_rules.statuses().iter();
    let mut warnings = Vec::new();
    for gone in all.filter(|one| rules.status(&one.code).is_none()) {
        let filter = IncidentFilter { status: Some(gone.code.clone()), ..Default::default() };
        let page = Page { count_max: COUNTED_MAX, after: None };
        let found = shared.store.incidents(filter, page).await?;
        let count = found.rows.len();
        if count == 0 {
            continue;
        }
        let more = if found.next.is_some() { " or more" } else { "" };
        let detail = format!(
            "`{}` is no longer a status, but incidents have it ({count}{more}): they keep it until \
             they get another",
            gone.code
        );
        warnings.push(FieldError::new("/incidents/statuses", "status_in_use", detail));
    }
    Ok(warnings)
}

fn status_view(rules: &IncidentRules, code: &str) -> IncidentStatusView {
    let status = rules.status(code);
    IncidentStatusView {
        code: code.to_owned(),
        name: status.map_or(code, |status| &status.name).to_owned(),
        name_ru: rules.status_name(code, annunciator_template::Language::Russian).to_owned(),
        notify: rules.is_told(code),
    }
}

fn view(row: IncidentRow, rules: &IncidentRules) -> IncidentView {
    let IncidentRow { event, status, told, changed_at, group, sample_count } = row;
    let parameter = |name: &str| event.parameters.get(name);
    let text = |name: &str| match parameter(name) {
        Some(ParameterValue::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let incident = Incident::of(&event);
    let number = |name: &str| incident.and_then(|incident| incident.number(name));
    let time = |name: &str| incident.and_then(|incident| incident.time(name));
    let top_tag = parameter("top_tag").map(|_| TopTagInput {
        name: text("top_tag"),
        description: text("top_tag_description"),
        value: parameter("top_tag_value").map(|value| match value.clone() {
            ParameterValue::Bool(value) => ParameterInput::Bool(value),
            ParameterValue::Integer(value) => ParameterInput::Integer(value),
            ParameterValue::Number(value) => ParameterInput::Number(value),
            ParameterValue::Text(text) => ParameterInput::Text(text),
        }),
        units: text("top_tag_units"),
    });
    IncidentView {
        uid: event.uid.to_string(),
        detector: DetectorInput {
            kind: text("detector_kind"),
            name: event.application.name.clone(),
            version: event.application.version.clone(),
        },
        model: text("model"),
        severity: event.severity.as_str().to_owned(),
        asset: views::device(&event.device),
        mse: number("mse"),
        threshold: number("threshold"),
        start: time("start").unwrap_or(event.occurred_at),
        end: time("end"),
        registered_at: event.registered_at,
        status: status_view(rules, &status),
        status_changed_at: changed_at,
        history: text("history"),
        told,
        group,
        top_tag,
        description: event.description,
        sample_count: u64::try_from(sample_count).unwrap_or(u64::MAX),
        id: event.id,
    }
}
