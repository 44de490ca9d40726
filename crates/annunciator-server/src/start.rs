//! Wiring, top to bottom: store → settings → tokens → dispatcher → planner → listeners; and the
//! drain in the other order.
//!
//! Failure: whatever cannot be opened ends the start with words that say what to do; nothing
//! listens before the store is open and recovered (quality G26).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annunciator_api_types::Role;
use annunciator_certificates::CertificateFacts;
use annunciator_channels::Executables;
use annunciator_core::Clock;
use annunciator_store::Store;
use openssl::ssl::SslAcceptor;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::admin;
use crate::certificates::CertificateShelf;
use crate::clock::SystemClock;
use crate::dispatcher::{Dispatcher, Surroundings};
pub use crate::http::Pages;
use crate::ids::IdSource;
use crate::installation::Installation;
use crate::keeper::StoreKeeper;
use crate::lifecycle::Tasks;
use crate::metrics::Metrics;
use crate::own_events::OwnEvents;
use crate::passwords::{PasswordError, Passwords};
use crate::planner_task::{self, PlannerInbox};
use crate::roles::RoleBook;
use crate::secrets::Sealer;
use crate::session_book::{SessionBook, alive, make_secret};
use crate::setup_key::SetupKey;
use crate::shared::Shared;
use crate::silence_book::SilenceBook;
use crate::snapshot::SettingsBook;
pub use crate::start_error::StartError;
pub use crate::store_place::StorePlace;
use crate::throttle::Throttle;
use crate::tokens::TokenBook;
use crate::{
    expiry_watch, http, incident_bundles, limit_clock, limit_summary, nodes, store_key, upkeep,
};

/// How long a node that an operator lets drain still answers that it is not ready: a load balancer
/// that asks every 2 s has heard it three times.
const DRAIN_NOTICE: Duration = Duration::from_secs(8);
/// Longest wait for attempts under way at a drain.
const DRAIN_ATTEMPTS: Duration = Duration::from_secs(30);
/// Longest wait for what must still be committed then.
const DRAIN_COMMITS: Duration = Duration::from_secs(10);
/// Longest wait for notes that nobody needs, when the store hardly answers.
const DRAIN_NOTES: Duration = Duration::from_secs(5);
/// Name of the owner-only socket in the data folder (spec 11.3).
const SOCKET_NAME: &str = "annunciator.sock";

/// What must be known before the store opens.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where HTTP listens; without TLS only a loopback address.
    pub listen: SocketAddr,
    /// Folder of the store and the socket; made when it does not exist.
    pub data_dir: PathBuf,
    /// Where the store is.
    pub store: StorePlace,
    /// The key that seals secrets; beside the data folder when not given.
    pub secret_key_file: Option<PathBuf>,
    /// Take the key file for the store's, though what was sealed with another one is lost.
    pub accept_new_key: bool,
    /// Certificate and key of the HTTP listener.
    pub tls: Option<TlsFiles>,
    /// Folders that executables may be in (spec 3.3).
    pub executable_dirs: Vec<PathBuf>,
    /// What this host calls itself in EHLO and Message-IDs; the host's name when not given.
    pub hello_name: Option<String>,
    /// What makes pages around the API for whoever comes with a browser.
    pub pages: Option<Pages>,
    /// Not ready before [`RunningServer::bootstrap`] was called.
    pub wait_for_bootstrap: bool,
}

/// PEM files of the HTTP listener.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Certificate chain, the server's own first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Tokens and settings for an empty store.
#[derive(Default)]
pub struct Bootstrap {
    /// Made unless a token of the same id is there.
    pub tokens: Vec<BootstrapToken>,
    /// A settings document; used only when nothing was saved before.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// A token known in advance.
pub struct BootstrapToken {
    /// Name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its text, `ann_<id>_<secret>`.
    pub token: String,
}

/// A server at work.
pub struct RunningServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    scheme: &'static str,
    setup_key: Option<Zeroizing<String>>,
    socket_path: PathBuf,
    stop_listening: CancellationToken,
    stop_planning: CancellationToken,
}

/// Starts a server; when this returns it listens.
///
/// # Errors
/// What cannot be opened, and what to do about it.
pub async fn start(config: ServerConfig) -> Result<RunningServer, StartError> {
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        return Err(StartError::PlainAddress(config.listen));
    }
    let tls = match &config.tls {
        None => None,
        Some(files) => {
            let acceptor = http::tls_acceptor(&files.certificate, &files.key);
            Some(Arc::new(acceptor.map_err(StartError::Tls)?))
        }
    };
    let key_file = config.secret_key_file.clone();
    let key_file = key_file.unwrap_or_else(|| beside(&config.data_dir));
    let key = Sealer::read(&key_file)?;
    let store = config.store.open(&config.data_dir, &host_name()).await?;
    let started = start_on(store.clone(), config, tls, (&key_file, key)).await;
    if started.is_err() {
        // Other nodes need not wait for what this one had, nor count with it.
        store.close().await;
    }
    started
}

/// Starts with a store that is open; when it fails the store is left as it is.
async fn start_on(
    store: Arc<dyn Store>,
    config: ServerConfig,
    tls: Option<Arc<SslAcceptor>>,
    (key_file, key): (&Path, Option<Sealer>),
) -> Result<RunningServer, StartError> {
    nodes::check_clock(store.as_ref(), &SystemClock, &host_name()).await?;
    let (takes_any, now) = (config.accept_new_key, SystemClock.now());
    let sealer = store_key::admit(store.as_ref(), key_file, key, takes_any, now).await?;
    let shared = assemble(&config, store, Arc::new(sealer)).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|e| listen_error(&config.listen.to_string(), &e.to_string()))?;
    let address = listener
        .local_addr()
        .map_err(|e| listen_error(&config.listen.to_string(), &e.to_string()))?;
    shared.installation.set_address(address);
    let setup_key = begin_setup(&shared).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let socket_path = config.data_dir.join(SOCKET_NAME);
    let socket = http::open_socket(&socket_path)
        .map_err(|e| listen_error(&socket_path.display().to_string(), &e.to_string()))?;
    let stop_listening = CancellationToken::new();
    let stop_planning = CancellationToken::new();
    let tasks = &shared.tasks;
    tasks.spawn("planner", planner_task::run(shared.clone(), stop_planning.clone()));
    tasks.spawn("upkeep", upkeep::run(shared.clone(), stop_planning.clone()));
    tasks.spawn("expiry watch", expiry_watch::run(shared.clone(), stop_planning.clone()));
    tasks.spawn("limit summaries", limit_summary::run(shared.clone(), stop_planning.clone()));
    tasks.spawn("incident bundles", incident_bundles::run(shared.clone(), stop_planning.clone()));
    tasks.spawn("limit clock", limit_clock::watch(shared.clone(), stop_planning.clone()));
    tasks.spawn("signs of life", nodes::beat(shared.clone(), host_name(), stop_planning.clone()));
    tasks.spawn("other nodes", nodes::follow(shared.clone(), stop_planning.clone()));
    let pages = config.pages;
    tasks.spawn("http", http::serve(shared.clone(), pages, listener, tls, stop_listening.clone()));
    tasks.spawn("socket", http::serve_socket(shared.clone(), socket, stop_listening.clone()));
    warn_of_silence(&shared);
    shared.ready.store(!config.wait_for_bootstrap, Ordering::Release);
    tracing::info!(%address, data_dir = %config.data_dir.display(), "listening");
    Ok(RunningServer {
        shared,
        address,
        scheme,
        setup_key,
        socket_path,
        stop_listening,
        stop_planning,
    })
}

/// A one-time key for the first administrator, while none can sign in.
async fn begin_setup(shared: &Shared) -> Result<Option<Zeroizing<String>>, StartError> {
    let users = shared.store.users(alive(shared.clock.now())).await?;
    if users.iter().any(|(user, _)| admin::users::is_able_administrator(user)) {
        return Ok(None);
    }
    let key = make_secret().map_err(|error| PasswordError::Failed(error.to_string()))?;
    shared.setup.begin(&key);
    Ok(Some(key))
}

/// A server that can tell nobody must not look healthy in its log.
fn warn_of_silence(shared: &Shared) {
    for warning in crate::snapshot::find_warnings(&shared.settings.current()) {
        if warning.code == "incomplete" {
            tracing::warn!(setting = %warning.pointer, reason = %warning.detail, "not set up yet");
        }
    }
}

fn listen_error(at: &str, reason: &str) -> StartError {
    StartError::Listen { at: at.to_owned(), reason: reason.to_owned() }
}

/// Puts the parts together over an open store.
async fn assemble(
    config: &ServerConfig,
    store: Arc<dyn Store>,
    sealer: Arc<Sealer>,
) -> Result<Arc<Shared>, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids = IdSource::new(clock.clone());
    let planner = PlannerInbox::default();
    let own_events = OwnEvents::new(store.clone(), ids.clone(), planner.clone());
    let keeper = StoreKeeper::new(store.clone(), sealer.clone(), clock.clone(), own_events.clone());
    let settings = SettingsBook::new(annunciator_channels::Surroundings {
        hello_name: config.hello_name.clone().unwrap_or_else(host_name).into(),
        keeper: Arc::new(keeper),
        executables: Arc::new(executables(config)),
    });
    let tokens = TokenBook::load(store.as_ref()).await?;
    let roles = RoleBook::load(store.as_ref()).await?;
    let silences = SilenceBook::load(store.as_ref(), clock.now()).await?;
    let (tasks, metrics) = (Tasks::default(), Metrics::default());
    let held = limit_clock::start(store.as_ref(), clock.as_ref()).await?;
    let (dispatcher, starter) = Dispatcher::new(Surroundings {
        store: store.clone(),
        clock: clock.clone(),
        held: held.clone(),
        ids: ids.clone(),
        settings: settings.clone(),
        metrics: metrics.clone(),
        planner: planner.clone(),
        tasks: tasks.clone(),
    });
    let dirs = config.executable_dirs.clone();
    let installation = Installation::new(config.data_dir.clone(), dirs, config.tls.is_some());
    let shared = Arc::new(Shared {
        started_at: clock.now(),
        store,
        clock,
        held,
        limit_wake: Arc::default(),
        bundle_wake: Arc::default(),
        ids,
        settings,
        certificates: CertificateShelf::default(),
        silences,
        tokens,
        roles,
        sessions: SessionBook::default(),
        passwords: Passwords::new()?,
        throttle: Throttle::default(),
        setup: SetupKey::default(),
        drain: CancellationToken::new(),
        own_events,
        planner,
        dispatcher,
        tasks,
        sealer,
        metrics,
        installation,
        ready: AtomicBool::new(false),
    });
    if let Some(facts) = config.tls.as_ref().and_then(|tls| listener_facts(&tls.certificate)) {
        shared.certificates.set_listener(facts);
    }
    // First the objects: the settings name them.
    admin::certificates::put_in_force(&shared).await?;
    admin::settings::reload(&shared).await?;
    starter.start();
    Ok(shared)
}

/// Which executables may be started; none of them may read what only the server should.
fn executables(config: &ServerConfig) -> Executables {
    let key_file = config.secret_key_file.clone();
    let mut hidden =
        vec![config.data_dir.clone(), key_file.unwrap_or_else(|| beside(&config.data_dir))];
    hidden.extend(config.tls.iter().map(|tls| tls.key.clone()));
    Executables { dirs: config.executable_dirs.clone(), hidden }
}

/// What the listener's own certificate says; none when it is of a kind that we do not describe.
fn listener_facts(file: &Path) -> Option<CertificateFacts> {
    let pem = std::fs::read(file).ok()?;
    let der = openssl::x509::X509::from_pem(&pem).and_then(|x509| x509.to_der()).ok()?;
    annunciator_certificates::describe(&der).ok()
}

/// `/var/lib/annunciator` → `/var/lib/annunciator.key`: outside the folder that is backed up with
/// the store.
fn beside(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

/// The host's name as EHLO wants it: a domain, or `localhost` when there is no better one.
fn host_name() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy().to_lowercase();
    let is_domain = !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    if is_domain { name } else { "localhost".to_owned() }
}

impl RunningServer {
    /// Where HTTP listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the console is; while no administrator can sign in, the link that
    /// makes one. It holds a one-time key: show it to the owner alone.
    #[must_use]
    pub fn console_link(&self) -> Zeroizing<String> {
        let RunningServer { address, scheme, .. } = self;
        let port = address.port();
        let host = if address.ip().is_unspecified() {
            format!("{}:{port}", host_name())
        } else {
            address.to_string()
        };
        let key = self.setup_key.as_ref().filter(|_| self.shared.setup.is_needed());
        Zeroizing::new(match key {
            Some(key) => format!("{scheme}://{host}/setup?key={}", key.as_str()),
            None => format!("{scheme}://{host}/"),
        })
    }

    /// Whether the administrator is still to be made.
    #[must_use]
    pub fn needs_setup(&self) -> bool {
        self.shared.setup.is_needed()
    }

    /// The owner-only socket.
    #[must_use]
    pub fn socket_path(&self) -> &Path {
        &self.socket_path
    }

    /// Makes tokens and, when nothing was saved before, settings; then the server is ready.
    ///
    /// # Errors
    /// A token or a setting that cannot be used; the server is not ready then.
    pub async fn bootstrap(&self, bootstrap: Bootstrap) -> Result<(), StartError> {
        let shared = &self.shared;
        let now = shared.clock.now();
        for token in &bootstrap.tokens {
            shared
                .tokens
                .insert_known(
                    shared.store.as_ref(),
                    &token.name,
                    token.role.as_str(),
                    &token.token,
                    "bootstrap",
                    now,
                )
                .await
                .map_err(|error| StartError::Token(format!("{}: {error:?}", token.name)))?;
        }
        if !bootstrap.settings.is_empty() && shared.settings.current().revision == 0 {
            let comment = "from the bootstrap file";
            admin::settings::patch(shared, bootstrap.settings, None, "bootstrap", comment).await?;
        }
        shared.ready.store(true, Ordering::Release);
        // What ends soon can be told only now.
        shared.certificates.wake_watch();
        Ok(())
    }

    /// Ends when an operator asks this node to drain; it takes nothing new from then on.
    pub async fn drain_asked(&self) {
        self.shared.drain.cancelled().await;
    }

    /// Ends when the server cannot go on.
    pub async fn failed(&self) {
        let name = self.shared.tasks.failed().await;
        tracing::error!(task = %name, "the server cannot go on");
    }

    /// Stops in order: no new requests, no new plans, attempts under way finish, everything is
    /// committed, the store is closed. Bounded. Where an operator asked for it, requests are still
    /// answered for a while, events with 503.
    pub async fn drain(self) {
        let shared = &self.shared;
        shared.ready.store(false, Ordering::Release);
        self.stop_planning.cancel();
        // Nobody waits for the copy of a large store to stop a server.
        shared.store.stop_backups();
        let attempts = shared.dispatcher.drain(DRAIN_ATTEMPTS);
        if shared.drain.is_cancelled() {
            tokio::join!(attempts, tokio::time::sleep(DRAIN_NOTICE));
            self.stop_listening.cancel();
        } else {
            self.stop_listening.cancel();
            attempts.await;
        }
        if tokio::time::timeout(DRAIN_COMMITS, shared.tasks.finish()).await.is_err() {
            tracing::warn!("some tasks did not end in time");
        }
        let used = shared.tokens.take_used();
        let last = async {
            let _ = shared.store.touch_tokens(used).await;
            let _ = shared.sessions.tend(shared.store.as_ref(), shared.clock.now()).await;
        };
        if tokio::time::timeout(DRAIN_NOTES, last).await.is_err() {
            tracing::warn!("the store did not take in time when tokens and sessions were used");
        }
        shared.store.close().await;
        let _ = std::fs::remove_file(&self.socket_path);
        tracing::info!("stopped");
    }
}
