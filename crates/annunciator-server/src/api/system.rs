//! What the server is, and copies of its store.

use std::path::Path as FilePath;
use std::sync::Arc;

use annunciator_api_types::{
    BackupList, BackupView, BuildView, RetentionView, StoreView, SystemView,
};
use annunciator_store::Backup;
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;

use super::document::Problems;
use super::error::ApiError;
use super::rights::Right;
use super::{Answer, Caller};
use crate::admin::backups;
use crate::shared::Shared;

/// Show what the server is: version, build, store, retention, listener.
///
/// Folders are shown to those who may change settings.
#[utoipa::path(
    get, path = "/api/v1/system", tag = "server",
    responses((status = 200, description = "What it is", body = SystemView), Problems)
)]
pub(super) async fn show_system(state: State<Arc<Shared>>, caller: Caller) -> Answer<SystemView> {
    let sees_folders = caller.has(&state.0, Right::ChangeSettings);
    let shared = state.0;
    let (facts, health) = (shared.store.facts().await?, shared.store.health().await);
    let installation = &shared.installation;
    let text = |path: &FilePath| path.display().to_string();
    let snapshot = shared.settings.current();
    let retention = &snapshot.retention.values;
    let folders = || installation.executable_dirs.iter().map(|path| text(path)).collect();
    Ok(Json(SystemView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: BuildView {
            rustc: env!("ANNUNCIATOR_RUSTC").to_owned(),
            target: env!("ANNUNCIATOR_TARGET").to_owned(),
            openssl: openssl::version::version().to_owned(),
        },
        started_at: shared.started_at,
        data_dir: sees_folders.then(|| text(&installation.data_dir)),
        executable_dirs: sees_folders.then(folders),
        store: StoreView {
            kind: facts.kind,
            engine_version: facts.engine,
            schema_version: facts.schema_version,
            size_bytes: health.size_bytes,
            wal_bytes: facts.log_bytes,
            disk_free_bytes: health.free_bytes,
            disk_reserve_bytes: health.reserve_bytes,
            events: facts.events,
            deliveries: facts.deliveries,
            oldest_event_at: facts.oldest_event_at,
        },
        retention: RetentionView {
            events_max: retention.events_max,
            info_days: retention.info_days,
            warning_days: retention.warning_days,
            failure_days: retention.failure_days,
            critical_days: retention.critical_days,
        },
        listen: installation.address().map(|address| address.to_string()).unwrap_or_default(),
        tls: installation.has_tls,
        tls_certificate_ends_at: shared.certificates.listener().map(|facts| facts.not_after),
    }))
}

fn view(backup: Backup) -> BackupView {
    let Backup { name, size_bytes, created_at } = backup;
    BackupView { name, size_bytes, created_at }
}

/// List the copies of the store, the newest first.
#[utoipa::path(
    get, path = "/api/v1/backups", tag = "server",
    responses((status = 200, description = "The copies", body = BackupList), Problems)
)]
pub(super) async fn list_backups(state: State<Arc<Shared>>) -> Answer<BackupList> {
    let found = backups::list(&state.0).await?;
    Ok(Json(BackupList { backups: found.into_iter().map(view).collect() }))
}

/// Make a consistent copy of the store in the folder `backups` of the data folder.
///
/// Work goes on meanwhile. Secrets in it are sealed: without the key file they are lost.
#[utoipa::path(
    post, path = "/api/v1/backups", tag = "server",
    responses((status = 201, description = "The copy", body = BackupView), Problems)
)]
pub(super) async fn create_backup(
    state: State<Arc<Shared>>,
    caller: Caller,
) -> Result<(StatusCode, Json<BackupView>), ApiError> {
    let made = backups::create(&state.0, caller.author()).await?;
    Ok((StatusCode::CREATED, Json(view(made))))
}

/// Delete a copy of the store.
#[utoipa::path(
    delete, path = "/api/v1/backups/{name}", tag = "server",
    params(("name" = String, Path, description = "Name of the copy")),
    responses((status = 204, description = "Deleted"), Problems)
)]
pub(super) async fn delete_backup(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
) -> Result<StatusCode, ApiError> {
    backups::delete(&state.0, &name.0, caller.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}
