//! Objects that are kept only while a setting uses them go when none does.
//!
//! In: the settings before a change; the time. Out: nothing; the store and the book without them.
//! Failure: it is logged and tried again by [`sweep`]; the change that was saved stays saved.

use std::sync::Arc;

use super::{AdminError, certificates};
use crate::certificates::Entry;
use crate::configuration::Configuration;
use crate::settings_document::uses_of_certificate;
use crate::shared::Shared;

/// How long an upload waits for the form that it was made for to be saved. Unit: milliseconds.
const UNSAVED_MS: i64 = 24 * 3_600_000;
/// Who deletes what was never saved.
const SERVER: &str = "server";

/// Deletes what `before` used and the settings in force do not; the caller holds `steady`.
pub(super) async fn drop_unused(shared: &Shared, before: &Configuration, author: &str) {
    drop_those(shared, author, &|entry| is_used(before, entry)).await;
}

/// Deletes what was uploaded long ago and is used by nothing.
pub async fn sweep(shared: &Shared) {
    let now = shared.clock.now();
    let is_old = |entry: &Entry| now.ms_since(entry.record.created_at) > UNSAVED_MS;
    if shared.certificates.entries().iter().any(|one| one.files.only_while_used && is_old(one)) {
        let _steady = shared.certificates.steady().await;
        drop_those(shared, SERVER, &is_old).await;
    }
}

fn is_used(configuration: &Configuration, entry: &Entry) -> bool {
    !uses_of_certificate(configuration, &entry.record.id).is_empty()
}

async fn drop_those(shared: &Shared, author: &str, goes: &(dyn Fn(&Entry) -> bool + Sync)) {
    let current = shared.settings.current();
    let entries = shared.certificates.entries();
    let unused: Vec<&Arc<Entry>> = entries
        .iter()
        .filter(|entry| entry.files.only_while_used && goes(entry))
        .filter(|entry| !is_used(&current.configuration, entry))
        .collect();
    if unused.is_empty() {
        return;
    }
    let remove = async || -> Result<(), AdminError> {
        for entry in unused {
            certificates::remove(shared, entry, author).await?;
        }
        certificates::put_in_force(shared).await
    };
    if let Err(error) = remove().await {
        tracing::warn!(%error, "cannot delete certificates that nothing uses any more");
    }
}
