//! The server-wide settings: show, change, history, preview.
//!
//! In: JSON documents with one object per group. Out: effective values with origins, revisions.
//! Failure: a change is checked whole, saved whole, then put in force; or nothing happens.
//! Standard: spec 3, 6.1, 10.3.

use annunciator_api_types::{
    FieldError, PreviewRequest, PreviewResult, SettingsHistory, SettingsRevisionView,
    SettingsSaved, SettingsView,
};
use annunciator_channels::RelaySettings;
use annunciator_core::EventUid;
use annunciator_planner::{NotifySettings, Words, render_preview};
use annunciator_settings::{Resolved, SettingsGroup};
use annunciator_store::{NewAudit, Page, SettingsChange, SettingsSave};
use serde_json::{Map, Value, json};

use crate::admin::AdminError;
use crate::settings_document as document;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// The layer that can be edited.
pub const SERVER_LAYER: &str = "server";
/// Longest comment of a change. Unit: characters.
const COMMENT_CHARS_MAX: usize = 500;

/// Effective values, their origins, and what deserves a look.
pub async fn show(shared: &Shared) -> SettingsView {
    let snapshot = shared.settings.current();
    let (mut values, mut origins) = (Map::new(), Map::new());
    add_group(&mut values, &mut origins, "email", &snapshot.email_notify);
    add_group(&mut values, &mut origins, "email", &snapshot.email_relay);
    add_group(&mut values, &mut origins, "names", &snapshot.names);
    add_group(&mut values, &mut origins, "delivery", &snapshot.delivery_resolved);
    add_group(&mut values, &mut origins, "retention", &snapshot.retention);
    SettingsView {
        revision: snapshot.revision,
        values,
        origins,
        warnings: all_warnings(shared, &snapshot),
    }
}

fn add_group<G: SettingsGroup>(
    values: &mut Map<String, Value>,
    origins: &mut Map<String, Value>,
    group: &str,
    resolved: &Resolved<G>,
) {
    let group_of = |map: &mut Map<String, Value>, key: &str, value: Value| {
        let entry = map.entry(group).or_insert_with(|| json!({}));
        entry[key] = value;
    };
    let json = resolved.values.to_json();
    for (definition, origin) in G::definitions().iter().zip(&resolved.origins) {
        let shown = match &json[definition.key] {
            // An empty secret shows as what it is: not set.
            Value::String(text) if definition.is_secret() && text.is_empty() => json!(""),
            value => value.clone(),
        };
        group_of(values, definition.key, shown);
        group_of(origins, definition.key, origin.to_string().into());
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
    if comment.chars().count() > COMMENT_CHARS_MAX {
        let detail = format!("must be at most {COMMENT_CHARS_MAX} characters");
        return Err(AdminError::Invalid(vec![FieldError::new("/comment", "too_long", detail)]));
    }
    // An object that is named here must not be deleted before it is saved.
    let _steady = shared.certificates.steady().await;
    let current = shared.settings.current();
    let layer = document::merge(&current.layer, &patch).map_err(AdminError::Invalid)?;
    let checked = Snapshot::check(
        shared.settings.channels(),
        &current.certificates,
        layer.clone(),
        current.revision,
    )
    .map_err(AdminError::Invalid)?;
    let warnings = all_warnings(shared, &checked);
    let now = shared.clock.now();
    let change = SettingsChange {
        layer: SERVER_LAYER.to_owned(),
        document: document::to_stored(&layer, &shared.sealer),
        // Always: two changes at once must not undo each other.
        expected_revision: Some(expected_revision.unwrap_or(current.revision)),
        comment: comment.to_owned(),
        audit: NewAudit {
            at: now,
            author: author.to_owned(),
            action: "settings.save".to_owned(),
            target: SERVER_LAYER.to_owned(),
            detail: document::difference(&current.layer, &layer).to_string(),
        },
    };
    match shared.store.save_settings(change).await? {
        SettingsSave::Conflict(revision) => {
            reload(shared).await?;
            Err(AdminError::Conflict(format!(
                "the settings were changed meanwhile (revision {revision}): read them again and \
                 repeat your change"
            )))
        }
        SettingsSave::Saved(revision) => {
            let snapshot = Snapshot::compile(
                shared.settings.channels(),
                &current.certificates,
                layer,
                revision,
            )
            .map_err(AdminError::Invalid)?;
            shared.settings.swap(snapshot);
            shared.dispatcher.settings_changed();
            Ok(SettingsSaved { revision, warnings })
        }
    }
}

/// Puts the newest saved settings in force.
///
/// # Errors
/// The store fails, or what it holds is not valid.
pub async fn reload(shared: &Shared) -> Result<(), AdminError> {
    if let Some(saved) = shared.store.settings(SERVER_LAYER).await? {
        let layer =
            document::from_stored(&saved.document, &shared.sealer).map_err(AdminError::Invalid)?;
        let snapshot = Snapshot::compile(
            shared.settings.channels(),
            &shared.settings.current().certificates,
            layer,
            saved.revision,
        )
        .map_err(AdminError::Invalid)?;
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

/// The saved revisions, newest first, secrets masked.
///
/// # Errors
/// The store fails.
pub async fn history(shared: &Shared, page: Page) -> Result<SettingsHistory, AdminError> {
    let paged = shared.store.settings_history(SERVER_LAYER, page).await?;
    let view = |saved: annunciator_store::SavedSettings| SettingsRevisionView {
        revision: saved.revision,
        author: saved.author,
        saved_at: saved.saved_at,
        comment: saved.comment,
        values: document::masked(&saved.document),
    };
    Ok(SettingsHistory { revisions: paged.rows.into_iter().map(view).collect(), next: paged.next })
}

/// Renders templates with a stored event or the samples (spec 5.4).
///
/// # Errors
/// [`AdminError::Invalid`] for a template that does not parse, [`AdminError::NotFound`] for an
/// unknown event.
pub async fn preview(
    shared: &Shared,
    request: PreviewRequest,
) -> Result<PreviewResult, AdminError> {
    let mut fields = Map::new();
    for (key, text) in [
        ("subject", &request.subject),
        ("message", &request.message),
        ("html_message", &request.html_message),
    ] {
        if let Some(text) = text {
            fields.insert(key.to_owned(), text.clone().into());
        }
    }
    let saved = shared.settings.current();
    let patch = Map::from_iter([("email".to_owned(), Value::Object(fields))]);
    let layer = document::merge(&saved.layer, &patch).map_err(|errors| {
        let below = |mut error: FieldError| {
            error.pointer = error.pointer.trim_start_matches("/email").to_owned();
            error
        };
        AdminError::Invalid(errors.into_iter().map(below).collect())
    })?;
    let origin = annunciator_settings::Origin::Server;
    let settings = NotifySettings::resolve(&[(origin, &layer.email_notify)]).values;
    let words = Words::parse(&settings.subject, &settings.message, &settings.html_message)
        .expect("checked by the merge");
    let event = match &request.event {
        None => None,
        Some(uid) => {
            let unknown = || AdminError::NotFound(format!("there is no event `{uid}`"));
            let id: EventUid = uid.parse().map_err(|_| unknown())?;
            Some(shared.store.event(id).await?.ok_or_else(unknown)?.event)
        }
    };
    let rendered = render_preview(&words, event.as_ref());
    Ok(PreviewResult { subject: rendered.subject, text: rendered.text, html: rendered.html })
}

fn all_warnings(shared: &Shared, snapshot: &Snapshot) -> Vec<FieldError> {
    let mut warnings = find_warnings(snapshot);
    warnings.extend(super::certificates::find_warnings(shared, snapshot));
    warnings
}

/// What works but deserves a look.
pub(crate) fn find_warnings(snapshot: &Snapshot) -> Vec<FieldError> {
    let mut warnings = Vec::new();
    let mut warn = |key: &str, code: &str, detail: &str| {
        warnings.push(FieldError::new(format!("/email/{key}"), code, detail));
    };
    let (notify, relay) = (&snapshot.email_notify.values, &snapshot.email_relay.values);
    if notify.sender.is_empty() && !notify.recipients.is_empty() {
        warn(
            "sender",
            "empty_sender",
            "without a sender each recipient gets the message from its own address; many relays \
             refuse that: set an address of a domain that your relay sends for",
        );
    }
    let domain = notify.sender.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_fictitious = ["example.com", "example.org", "example.net", "localhost"]
        .iter()
        .chain(&[".example", ".test", ".invalid", ".local", ".localhost"])
        .any(|fictitious| {
            domain.eq_ignore_ascii_case(fictitious)
                || (fictitious.starts_with('.') && domain.to_lowercase().ends_with(fictitious))
        });
    if is_fictitious {
        warn(
            "sender",
            "fictitious_sender",
            "no mail server in the world knows this domain: spam filters will drop the message",
        );
    }
    if relay.servers.is_empty() {
        warn("servers", "incomplete", "no SMTP server is set: nothing can be sent by e-mail");
    }
    if notify.recipients.is_empty()
        && notify.recipients_cc.is_empty()
        && notify.recipients_bcc.is_empty()
    {
        warn("recipients", "incomplete", "no recipients are set: nobody is told by e-mail");
    }
    if let Some((key, code, detail)) = find_signature_warning(notify, relay) {
        warn(key, code, &detail);
    }
    warnings
}

/// A signature by another domain than the sender's is good, and helps nothing where receivers
/// compare the two (DMARC, RFC 7489 section 3.1.1).
fn find_signature_warning(
    notify: &NotifySettings,
    relay: &RelaySettings,
) -> Option<(&'static str, &'static str, String)> {
    if relay.dkim_key.is_empty() {
        return None;
    }
    let of_sender = notify.sender.rsplit_once('@').map_or("", |(_, domain)| domain);
    let signing = relay.dkim_domain.as_str();
    if of_sender.is_empty() && signing.is_empty() {
        let detail = "without a sender each recipient's own domain would have to publish the key: \
                      set a sender, or the domain that signs as `dkim_domain`";
        return Some(("dkim_key", "signature_without_sender", detail.to_owned()));
    }
    let is_below = |lower: &str, upper: &str| {
        let (lower, upper) = (lower.to_lowercase(), upper.to_lowercase());
        lower == upper || lower.ends_with(&format!(".{upper}"))
    };
    let is_aligned = is_below(of_sender, signing) || is_below(signing, of_sender);
    (!signing.is_empty() && !of_sender.is_empty() && !is_aligned).then(|| {
        let detail = format!(
            "the sender is of {of_sender}, and receivers who compare the two (DMARC) do not count \
             a signature by another domain: clear it, so that the sender's domain signs"
        );
        ("dkim_domain", "signature_not_aligned", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_that_helps_nothing_is_warned_of() {
        let check = |sender: &str, key: &str, domain: &str, expected: Option<&str>| {
            let notify = NotifySettings { sender: sender.to_owned(), ..NotifySettings::default() };
            let relay = RelaySettings {
                dkim_key: key.to_owned(),
                dkim_domain: domain.to_owned(),
                ..RelaySettings::default()
            };
            let found = find_signature_warning(&notify, &relay).map(|(_, code, _)| code);
            assert_eq!(found, expected, "{sender} {key} {domain}");
        };
        check("", "", "", None);
        check("a@x.example", "key", "", None);
        check("a@x.example", "key", "X.example", None);
        check("a@mail.x.example", "key", "x.example", None);
        check("a@x.example", "key", "mail.x.example", None);
        check("", "key", "x.example", None);
        check("", "key", "", Some("signature_without_sender"));
        check("a@x.example", "key", "y.example", Some("signature_not_aligned"));
        check("a@xx.example", "key", "x.example", Some("signature_not_aligned"));
        check("a@x.example", "", "y.example", None);
    }
}
