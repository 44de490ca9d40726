//! HAProxy with a configuration of the test's.
//!
//! Standard: `haproxy` of Debian's package of that name. Failure: panics where it is missing and the
//! tests are root's; others say "skipped".

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::postgres::is_root;

const PROGRAM: &str = "/usr/sbin/haproxy";

/// A running load balancer; it ends when dropped.
#[derive(Debug)]
pub struct HaProxy {
    daemon: Daemon,
    _folder: TempDir,
}

impl HaProxy {
    /// A load balancer with this configuration, which listens there.
    ///
    /// # Panics
    /// When it does not start, or when root has not installed it.
    #[expect(clippy::print_stderr, reason = "who runs the tests must read what was skipped")]
    #[must_use]
    pub fn start(configuration: &str, address: SocketAddr) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            let missing = "HAProxy is missing: run `cargo xtask setup`";
            assert!(!is_root(), "{missing}");
            eprintln!("skipped: {missing}");
            return None;
        }
        let folder = tempfile::tempdir().expect("the test may make a folder");
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, configuration).expect("the folder can be written to");
        let file = file.display().to_string();
        let mut daemon = Daemon::start(PROGRAM, &["-db", "-f", &file], folder.path());
        daemon.wait_until(|| TcpStream::connect(address).is_ok());
        Some(Self { daemon, _folder: folder })
    }

    /// All that it wrote, such as warnings about its configuration.
    #[must_use]
    pub fn output(&self) -> String {
        self.daemon.output()
    }
}
