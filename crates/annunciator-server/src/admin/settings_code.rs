//! Settings as code: the whole document out and in, a plan before a change, and the way back to an
//! earlier revision (spec 11.2).
//!
//! In: a whole document, or the number of a revision. Out: documents, plans, revisions.
//! Failure: as for every change, a document is checked whole and saved whole; when nothing would
//! change, nothing is saved.

use std::collections::BTreeMap;

use annunciator_api_types::{
    FieldError, RollbackRequest, SettingsPlan, SettingsRevisionDetail, SettingsSaved,
};
use annunciator_core::Timestamp;
use annunciator_store::{NewAudit, SavedSettings};
use serde_json::{Map, Value};

use super::AdminError;
use super::settings::{
    SERVER_LAYER, all_warnings, change, changed_meanwhile, check, check_comment, revision_view,
};
use crate::configuration::Configuration;
use crate::settings_document as document;
use crate::settings_document::plan::plan;
use crate::settings_document::whole::{
    DocumentSeal, Opened, VERSION, VERSION_KEY, check_version, open_stored,
};
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// How secrets stand in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// As `<secret>`.
    Masked,
    /// Sealed with the key of this server.
    Sealed,
}

/// How a change is made.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The revision that must be in force; none = whichever is.
    pub expected_revision: Option<i64>,
    /// Whether only the plan is wanted.
    pub is_dry_run: bool,
    /// Who asks.
    pub author: &'a str,
    /// Why; may be empty.
    pub comment: &'a str,
}

/// The revision in force and its whole document.
///
/// # Errors
/// The line in the audit log for sealed secrets cannot be written.
pub async fn export(
    shared: &Shared,
    secrets: Secrets,
    author: &str,
) -> Result<(i64, Map<String, Value>), AdminError> {
    let snapshot = shared.settings.current();
    let mut document = match secrets {
        Secrets::Masked => document::shown(&snapshot.configuration),
        Secrets::Sealed => {
            // First the line, then the secrets: nobody has them without a trace.
            let note = NewAudit {
                at: shared.clock.now(),
                author: author.to_owned(),
                action: "settings.export_sealed".to_owned(),
                target: SERVER_LAYER.to_owned(),
                detail: serde_json::json!({ "revision": snapshot.revision }).to_string(),
            };
            shared.store.note(note).await?;
            seal(shared, &snapshot).write(&snapshot.configuration)
        }
    };
    document.insert(VERSION_KEY.to_owned(), VERSION.into());
    Ok((snapshot.revision, document))
}

fn seal<'a>(shared: &'a Shared, snapshot: &'a Snapshot) -> DocumentSeal<'a> {
    DocumentSeal { sealer: &shared.sealer, certificates: &snapshot.certificates }
}

/// Makes the configuration what a whole document says; what the document leaves out is cleared.
///
/// # Errors
/// As [`change`].
pub async fn replace(
    shared: &Shared,
    document: &Map<String, Value>,
    ask: &Ask<'_>,
) -> Result<SettingsPlan, AdminError> {
    check_version(document).map_err(AdminError::Invalid)?;
    make_it(shared, ask, &|current| {
        let snapshot = shared.settings.current();
        seal(shared, &snapshot).read(current, document)
    })
    .await
}

/// Brings back a revision as a new one, with the secrets that it had.
///
/// # Errors
/// There is no such revision; it is not valid by now, such as one that names a certificate object
/// that was deleted; as [`change`].
pub async fn roll_back(
    shared: &Shared,
    request: &RollbackRequest,
    expected_revision: Option<i64>,
    author: &str,
) -> Result<SettingsPlan, AdminError> {
    let saved = find_revisions(shared, request.revision).await?.swap_remove(0);
    let opened = open(shared, &saved).map_err(AdminError::Invalid)?;
    let lost: Vec<FieldError> = opened.lost.iter().map(|pointer| lost_secret(pointer)).collect();
    let back = format!("back to revision {}", saved.revision);
    let ask = Ask {
        expected_revision,
        is_dry_run: request.dry_run,
        author,
        comment: if request.comment.is_empty() { &back } else { &request.comment },
    };
    match make_it(shared, &ask, &|_| Ok(opened.configuration.clone())).await {
        Ok(mut plan) => {
            plan.warnings.splice(..0, lost);
            Ok(plan)
        }
        Err(AdminError::Invalid(mut errors)) => {
            // What is missing is said with its reason.
            errors.retain(|error| !opened.lost.contains(&error.pointer));
            errors.extend(lost);
            Err(AdminError::Invalid(errors))
        }
        Err(other) => Err(other),
    }
}

fn lost_secret(pointer: &str) -> FieldError {
    let detail = "the secret of that revision is lost, because the key file or the certificate \
                  object that it belongs to was replaced: type it again";
    FieldError::new(pointer, "secret_lost", detail)
}

/// One saved revision, secrets masked, and what it changed.
///
/// # Errors
/// There is no such revision.
pub async fn revision(shared: &Shared, number: i64) -> Result<SettingsRevisionDetail, AdminError> {
    let mut found = find_revisions(shared, number).await?;
    let previous = (found.len() > 1).then(|| found.swap_remove(1));
    let saved = found.swap_remove(0);
    let open = |saved: &SavedSettings| {
        // One that cannot be read any more is shown as far as it goes.
        open(shared, saved).map(|opened| opened.configuration).unwrap_or_default()
    };
    let before = previous.as_ref().map(open).unwrap_or_default();
    // The first revision that is kept may not be the first that there was.
    let is_known = previous.is_some() || saved.revision == 1;
    let changes = if is_known { plan(&before, &open(&saved)) } else { Vec::new() };
    Ok(SettingsRevisionDetail { saved: revision_view(saved), changes })
}

/// The configuration of a saved revision.
///
/// # Errors
/// There is no such revision, or it cannot be read.
pub(super) async fn configuration_of(
    shared: &Shared,
    number: i64,
) -> Result<Configuration, AdminError> {
    let saved = find_revisions(shared, number).await?.swap_remove(0);
    open(shared, &saved).map(|opened| opened.configuration).map_err(AdminError::Invalid)
}

/// A whole document as a configuration; its secrets may be masked or sealed.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read_document(
    shared: &Shared,
    document: &Map<String, Value>,
) -> Result<Configuration, Vec<FieldError>> {
    let snapshot = shared.settings.current();
    seal(shared, &snapshot).read(&snapshot.configuration, document)
}

async fn find_revisions(shared: &Shared, number: i64) -> Result<Vec<SavedSettings>, AdminError> {
    let found = shared.store.settings_revision(SERVER_LAYER, number).await?;
    if found.is_empty() {
        let words =
            format!("There is no revision {number}: the history lists those that are kept.");
        return Err(AdminError::NotFound(words));
    }
    Ok(found)
}

fn open(shared: &Shared, saved: &SavedSettings) -> Result<Opened, Vec<FieldError>> {
    let entries = shared.certificates.entries();
    let replaced: BTreeMap<&str, Timestamp> = entries
        .iter()
        .filter_map(|entry| Some((entry.record.id.as_str(), entry.record.replaced_at?)))
        .collect();
    let is_changed = |id: &str| replaced.get(id).is_some_and(|at| *at > saved.saved_at);
    open_stored(&saved.document, &shared.sealer, &is_changed)
}

/// Answers the plan of a change, and makes the change when that is asked for.
async fn make_it(
    shared: &Shared,
    ask: &Ask<'_>,
    make: &(dyn Fn(&Configuration) -> Result<Configuration, Vec<FieldError>> + Sync),
) -> Result<SettingsPlan, AdminError> {
    check_comment(ask.comment)?;
    let current = shared.settings.current();
    let revision = current.revision;
    if ask.expected_revision.is_some_and(|expected| expected != revision) {
        return Err(changed_meanwhile(revision));
    }
    let next = make(&current.configuration).map_err(AdminError::Invalid)?;
    let changes = plan(&current.configuration, &next);
    if changes.is_empty() {
        return Ok(SettingsPlan { revision, changes, warnings: all_warnings(shared, &current) });
    }
    if ask.is_dry_run {
        let checked =
            check(shared.settings.channels(), &current.certificates, next, revision).await?;
        return Ok(SettingsPlan { revision, changes, warnings: all_warnings(shared, &checked) });
    }
    // What was planned is what is saved: a change in between is a conflict.
    let saved = change(shared, Some(revision), ask.author, ask.comment, make).await?;
    let SettingsSaved { revision, warnings } = saved;
    Ok(SettingsPlan { revision, changes, warnings })
}
