//! The server-wide settings: show, change, history.
//!
//! In: JSON documents with one object per group. Out: effective values with origins, revisions.
//! Failure: a change is checked whole, saved whole, then put in force; or nothing happens.
//! Standard: spec 3, 6.1, 10.3.

use std::sync::Arc;

use annunciator_api_types::{
    FieldError, SettingsHistory, SettingsRevisionLine, SettingsRevisionView, SettingsSaved,
    SettingsView,
};
use annunciator_certificates::CertificateBook;
use annunciator_channels::Channel;
use annunciator_settings::{Origin, Resolved, SettingsGroup};
use annunciator_store::{NewAudit, Page, SavedSettings, SettingsChange, SettingsSave};
use serde_json::{Map, Value, json};

use crate::admin::{AdminError, certificate_cleanup};
use crate::configuration::Configuration;
use crate::settings_document as document;
use crate::shared::Shared;
use crate::snapshot::{Snapshot, find_warnings};

/// The layer that can be edited.
pub const SERVER_LAYER: &str = "server";
/// Longest comment of a change. Unit: characters.
const COMMENT_CHARS_MAX: usize = 500;
/// Most changes that a line of the audit log names.
const AUDITED_MAX: usize = 1_000;

/// Effective values, their origins, and what deserves a look.
pub async fn show(shared: &Shared) -> SettingsView {
    let snapshot = shared.settings.current();
    let (mut values, mut origins) = (Map::new(), Map::new());
    let mut put = |group: &str, key: &str, value: Value, origin: &Origin| {
        for (map, value) in [(&mut values, value), (&mut origins, origin.to_string().into())] {
            map.entry(group).or_insert_with(|| json!({}))[key] = value;
        }
    };
    for (position, channel) in snapshot.channels().iter().enumerate() {
        for one in snapshot.effective(position, &[]) {
            put(channel.name().as_str(), one.key, one.value, &one.origin);
        }
    }
    add_group(&mut put, "incidents", &snapshot.incidents);
    add_group(&mut put, "names", &snapshot.names);
    add_group(&mut put, "delivery", &snapshot.delivery_resolved);
    add_group(&mut put, "retention", &snapshot.retention);
    add_group(&mut put, "console", &snapshot.console);
    SettingsView {
        revision: snapshot.revision,
        values,
        origins,
        warnings: all_warnings(shared, &snapshot),
    }
}

fn add_group<G: SettingsGroup>(
    put: &mut impl FnMut(&str, &str, Value, &Origin),
    group: &str,
    resolved: &Resolved<G>,
) {
    let json = resolved.values.to_json();
    for (definition, origin) in G::definitions().iter().zip(&resolved.origins) {
        put(group, definition.key, json[definition.key].clone(), origin);
    }
}

/// Changes the server-wide layer by a merge patch (RFC 7396): `null` clears a setting, `<secret>`
/// leaves a secret.
///
/// # Errors
/// [`AdminError::Invalid`] with every field that is wrong, [`AdminError::Conflict`] when somebody
/// else saved since `expected_revision`.
pub async fn patch(
    shared: &Shared,
    patch: Map<String, Value>,
    expected_revision: Option<i64>,
    author: &str,
    comment: &str,
) -> Result<SettingsSaved, AdminError> {
    check_comment(comment)?;
    change(shared, expected_revision, author, comment, &|current| document::merge(current, &patch))
        .await
}

/// Makes a new configuration of the one in force.
pub type Make<'a> = &'a (dyn Fn(&Configuration) -> Result<Configuration, Vec<FieldError>> + Sync);
/// Checks a comment.
///
/// # Errors
/// It is too long.
pub fn check_comment(comment: &str) -> Result<(), AdminError> {
    if comment.chars().count() <= COMMENT_CHARS_MAX {
        return Ok(());
    }
    let detail = format!("must be at most {COMMENT_CHARS_MAX} characters");
    Err(AdminError::Invalid(vec![FieldError::new("/comment", "too_long", detail)]))
}

/// Changes the configuration: `make` makes the new one from the one in force.
///
/// # Errors
/// As [`patch`].
pub async fn change(
    shared: &Shared,
    expected_revision: Option<i64>,
    author: &str,
    comment: &str,
    make: Make<'_>,
) -> Result<SettingsSaved, AdminError> {
    // An object that is named here must not be deleted before it is saved.
    let _steady = shared.certificates.steady().await;
    let current = shared.settings.current();
    let next = make(&current.configuration).map_err(AdminError::Invalid)?;
    let checked =
        check(shared.settings.channels(), &current.certificates, next, current.revision).await?;
    let mut warnings = all_warnings(shared, &checked);
    warnings.extend(super::incidents::find_status_warnings(shared, &current, &checked).await?);
    let next = &checked.configuration;
    let difference = document::difference(&current.configuration, next);
    let change = SettingsChange {
        layer: SERVER_LAYER.to_owned(),
        document: document::to_stored(next, &shared.sealer),
        // Always: two changes at once must not undo each other.
        expected_revision: Some(expected_revision.unwrap_or(current.revision)),
        comment: comment.to_owned(),
        audit: NewAudit {
            at: shared.clock.now(),
            author: author.to_owned(),
            action: "settings.save".to_owned(),
            target: SERVER_LAYER.to_owned(),
            detail: bounded(difference).to_string(),
        },
    };
    match shared.store.save_settings(change).await? {
        SettingsSave::Conflict(revision) => {
            reload(shared).await?;
            Err(changed_meanwhile(revision))
        }
        SettingsSave::Saved(revision) => {
            shared.settings.swap(checked.as_revision(revision));
            shared.dispatcher.settings_changed();
            certificate_cleanup::drop_unused(shared, &current.configuration, author).await;
            Ok(SettingsSaved { revision, warnings })
        }
    }
}

/// Compiles a configuration that somebody wants to save or to test, away from the runtime's
/// threads: there may be many overrides.
///
/// # Errors
/// [`AdminError::Invalid`] with everything that is wrong with it.
pub(super) async fn check(
    channels: &Arc<[Arc<dyn Channel>]>,
    certificates: &CertificateBook,
    configuration: Configuration,
    revision: i64,
) -> Result<Snapshot, AdminError> {
    let (channels, certificates) = (channels.clone(), certificates.clone());
    let checking = tokio::task::spawn_blocking(move || {
        let checked = Snapshot::check(&channels, &certificates, configuration, revision)?;
        // Remembered with it.
        let _ = find_warnings(&checked);
        Ok(checked)
    });
    let checked = checking.await.map_err(|error| {
        tracing::error!(%error, "checking settings ended unexpectedly");
        AdminError::Unavailable("The settings could not be checked.".to_owned())
    })?;
    checked.map_err(AdminError::Invalid)
}

/// A difference that fits into a line of the audit log.
fn bounded(mut difference: Map<String, Value>) -> Value {
    let more = difference.len().saturating_sub(AUDITED_MAX);
    if more > 0 {
        difference = difference.into_iter().take(AUDITED_MAX).collect();
        difference.insert("further changes".to_owned(), more.into());
    }
    Value::Object(difference)
}

/// The conflict with somebody else's change.
pub(super) fn changed_meanwhile(revision: i64) -> AdminError {
    AdminError::Conflict(format!(
        "the settings were changed meanwhile (revision {revision}): read them again and repeat \
         your change"
    ))
}

/// Puts the newest saved settings in force.
///
/// # Errors
/// The store fails, or what it holds is not valid.
pub async fn reload(shared: &Shared) -> Result<(), AdminError> {
    if let Some(saved) = shared.store.settings(SERVER_LAYER).await? {
        let configuration =
            document::from_stored(&saved.document, &shared.sealer).map_err(AdminError::Invalid)?;
        let snapshot = Snapshot::compile(
            shared.settings.channels(),
            &shared.settings.current().certificates,
            configuration,
            saved.revision,
        );
        // Another save may have put a newer one in force meanwhile.
        if saved.revision > shared.settings.current().revision {
            shared.settings.swap(snapshot);
            shared.dispatcher.settings_changed();
        }
    }
    Ok(())
}

/// Every setting with its schema, default and manual text, for forms and tools.
#[must_use]
pub fn definitions() -> Value {
    let mut groups = Map::new();
    for group in document::GROUPS {
        let schemas = group.schemas();
        let rows: Vec<Value> = group
            .definitions()
            .into_iter()
            .map(|definition| {
                json!({
                    "key": definition.key,
                    "doc": definition.doc(),
                    "schema": schemas.get(definition.key),
                    "default": (definition.default)(),
                    "secret": definition.is_secret(),
                    "unit": definition.unit(),
                    "only_when": definition.only_when(),
                })
            })
            .collect();
        groups.insert(group.name.to_owned(), rows.into());
    }
    json!({ "groups": groups })
}

/// The saved revisions, newest first, without what each holds.
///
/// # Errors
/// The store fails.
pub async fn history(shared: &Shared, page: Page) -> Result<SettingsHistory, AdminError> {
    let paged = shared.store.settings_history(SERVER_LAYER, page).await?;
    Ok(SettingsHistory {
        revisions: paged.rows.into_iter().map(revision_line).collect(),
        next: paged.next,
    })
}

fn revision_line(saved: SavedSettings) -> SettingsRevisionLine {
    SettingsRevisionLine {
        revision: saved.revision,
        author: saved.author,
        saved_at: saved.saved_at,
        comment: saved.comment,
    }
}

/// A saved revision, secrets masked.
pub(super) fn revision_view(saved: SavedSettings) -> SettingsRevisionView {
    let values = document::masked(&saved.document);
    SettingsRevisionView { line: revision_line(saved), values }
}

pub(super) fn all_warnings(shared: &Shared, snapshot: &Snapshot) -> Vec<FieldError> {
    let mut warnings = find_warnings(snapshot).to_vec();
    warnings.extend(super::certificates::find_warnings(shared, snapshot));
    warnings
}
