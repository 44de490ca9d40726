//! What the server is and where it keeps things, and its backups, as JSON.

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemView {
    /// Version of the program.
    pub version: String,
    /// How it was built.
    pub build: BuildView,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Its data folder; only for those who may change settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<String>,
    /// Folders that executables may be in; only for those who may change settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable_dirs: Option<Vec<String>>,
    /// Its store.
    pub store: StoreView,
    /// How long finished events stay: the settings of the group `retention`.
    pub retention: RetentionView,
    /// Where HTTP listens.
    pub listen: String,
    /// Whether it listens with TLS.
    pub tls: bool,
    /// When the certificate of the listener ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tls_certificate_ends_at: Option<Timestamp>,
}

/// What the program was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BuildView {
    /// The compiler.
    pub rustc: String,
    /// The machine it was built for.
    pub target: String,
    /// OpenSSL, as it is in use.
    pub openssl: String,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreView {
    /// Kind: `sqlite` or `postgres`.
    pub kind: String,
    /// Version of its engine, as it is in use.
    pub engine_version: String,
    /// Version of its tables.
    pub schema_version: u64,
    /// Size of its files, the log included. Unit: octets.
    pub size_bytes: u64,
    /// Size of the log of what was committed last (WAL); 0 for a database, which has its own.
    /// Unit: octets.
    pub wal_bytes: u64,
    /// Free room on its disk; 0 for a database, whose disk is not asked. Unit: octets.
    pub disk_free_bytes: u64,
    /// Below this much free room no event is accepted. Unit: octets.
    pub disk_reserve_bytes: u64,
    /// Events in it.
    pub events: u64,
    /// Deliveries in it.
    pub deliveries: u64,
    /// When its oldest event was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_event_at: Option<Timestamp>,
}

/// How long finished events stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetentionView {
    /// Most finished events.
    pub events_max: u32,
    /// Days for severity info.
    pub info_days: u32,
    /// Days for severity warning.
    pub warning_days: u32,
    /// Days for severity failure.
    pub failure_days: u32,
    /// Days for severity critical.
    pub critical_days: u32,
}

/// A copy of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupView {
    /// Name of its file in the folder `backups` of the data folder.
    pub name: String,
    /// Size. Unit: octets.
    pub size_bytes: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// The copies of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupList {
    /// The newest first, at most 1,000.
    pub backups: Vec<BackupView>,
}
