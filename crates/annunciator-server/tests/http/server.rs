//! A whole server on a fresh folder, and clients of it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use annunciator_api_types::Role;
use annunciator_server::{
    Bootstrap, BootstrapToken, RunningServer, ServerConfig, StorePlace, TlsFiles, start,
};
use annunciator_testkit::http::{Client, Response, exchange_raw};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Longest wait for anything.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// How long silence is waited for as a sign of having been let in.
const GLANCE: Duration = Duration::from_millis(200);

/// A server on a fresh folder, with a token per role.
pub(super) struct Server {
    pub(super) runtime: Runtime,
    pub(super) running: Option<RunningServer>,
    pub(super) folder: TempDir,
}

impl Server {
    pub(super) fn start() -> Self {
        let server = Self::start_unready(None);
        server.bootstrap();
        server
    }

    /// A node of several at a database, all with this key file.
    pub(super) fn start_node(address: &str, key_file: &Path) -> Self {
        let store = address.parse().expect("it is an address");
        let server = Self::start_at(store, Some(key_file.to_owned()), None);
        server.bootstrap();
        server
    }

    pub(super) fn start_unready(tls: Option<TlsFiles>) -> Self {
        Self::start_at(StorePlace::File, None, tls)
    }

    fn start_at(store: StorePlace, key_file: Option<PathBuf>, tls: Option<TlsFiles>) -> Self {
        let runtime = Runtime::new().expect("a runtime starts");
        let folder = tempfile::tempdir().expect("a folder is made");
        let config = ServerConfig {
            listen: "127.0.0.1:0".parse().expect("it is an address"),
            data_dir: folder.path().join("data"),
            store,
            secret_key_file: key_file,
            accept_new_key: false,
            tls,
            executable_dirs: Vec::new(),
            hello_name: Some("test.example".to_owned()),
            pages: None,
            wait_for_bootstrap: true,
        };
        let running = runtime.block_on(start(config)).expect("the server starts");
        Self { runtime, running: Some(running), folder }
    }

    pub(super) fn bootstrap(&self) {
        let tokens = Role::ALL.map(|role| BootstrapToken {
            name: role.as_str().to_owned(),
            role,
            token: token(role),
        });
        let bootstrap = Bootstrap { tokens: tokens.into(), ..Bootstrap::default() };
        self.runtime.block_on(self.running().bootstrap(bootstrap)).expect("the bootstrap is good");
    }

    pub(super) fn running(&self) -> &RunningServer {
        self.running.as_ref().expect("it is drained at the end only")
    }

    pub(super) fn anonymous(&self) -> Client {
        Client::new(self.running().address())
    }

    pub(super) fn client(&self, role: Role) -> Client {
        self.anonymous().token(&token(role))
    }

    pub(super) fn raw(&self, octets: &[u8]) -> Response {
        exchange_raw(self.running().address(), octets, LIMIT).expect("the server can be reached")
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream =
            TcpStream::connect(self.running().address()).expect("the server can be reached");
        stream.set_read_timeout(Some(LIMIT)).expect("a stream takes a time-out");
        stream
    }

    /// A connection that has sent this, once there is a seat for it.
    pub(super) fn connect_until_served(&self, octets: &[u8]) -> TcpStream {
        let deadline = Instant::now() + LIMIT;
        loop {
            let mut stream = self.connect();
            stream.set_read_timeout(Some(GLANCE)).expect("a stream takes a time-out");
            let written = stream.write_all(octets);
            let answer = stream.read(&mut [0; 512]);
            // Silence means that it was let in: who is refused is told so or closed.
            if written.is_ok() && answer.as_ref().is_err_and(|e| e.kind() == ErrorKind::WouldBlock)
            {
                stream.set_read_timeout(Some(LIMIT)).expect("a stream takes a time-out");
                return stream;
            }
            assert!(Instant::now() < deadline, "no seat was made free: {answer:?}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.drain());
        }
    }
}

/// The token of a role.
pub(super) fn token(role: Role) -> String {
    format!("ann_{0}_{0}-0123456789abcdef0123456789", role.as_str())
}
