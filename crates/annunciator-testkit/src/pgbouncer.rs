//! PgBouncer before a PostgreSQL cluster, in transaction mode, as its own user.
//!
//! Standard: `pgbouncer` of Debian's package of that name. Failure: root's tests panic where it is
//! missing; others say "skipped".

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use tempfile::TempDir;

use crate::daemon::{Daemon, run};
use crate::postgres::{PostgresCluster, as_user, is_root};
use crate::process::free_address;

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A running pooler; it ends when dropped.
#[derive(Debug)]
pub struct PgBouncer {
    daemon: Option<Daemon>,
    address: SocketAddr,
    folder: TempDir,
}

impl PgBouncer {
    /// A pooler that lends so many connections to a database.
    ///
    /// # Panics
    /// When it does not start, or when root has not installed it.
    #[expect(clippy::print_stderr, reason = "who runs the tests must read what was skipped")]
    #[must_use]
    pub fn start(cluster: &PostgresCluster, connections: usize) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            let missing = "PgBouncer is missing: run `cargo xtask setup`";
            assert!(!is_root(), "{missing}");
            eprintln!("skipped: {missing}");
            return None;
        }
        let folder = tempfile::tempdir().expect("the test may make a folder");
        let address = free_address();
        let (host, port) = (cluster.folder().display(), cluster.port());
        let text = format!(
            "[databases]\n* = host={host} port={port} user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 500\n\
             server_idle_timeout = 2\n",
            address.port()
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, text).expect("the folder can be written to");
        if is_root() {
            run("chown", &["-R", "postgres", &folder.path().display().to_string()], Path::new("/"));
        }
        let mut pooler = Self { daemon: None, address, folder };
        pooler.start_again();
        Some(pooler)
    }

    /// Ends it: who comes through it is cut off from the database.
    pub fn stop(&mut self) {
        self.daemon = None;
    }

    /// Starts it at the same place.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        let file = self.folder.path().join("pgbouncer.ini").display().to_string();
        let (program, arguments) = as_user(&[PROGRAM, &file]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut daemon = Daemon::start(&program, &arguments, self.folder.path());
        daemon.wait_until(|| TcpStream::connect(self.address).is_ok());
        self.daemon = Some(daemon);
    }

    /// The address of a database through it.
    #[must_use]
    pub fn address(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address)
    }
}
