//! Unbound as validating recursive resolver before a [`Dns`](crate::dns::Dns).
//!
//! In: the zones and where they are served. Out: a resolver that sets the AD bit.
//! Failure: panics with what Unbound wrote.

use std::fs;
use std::net::SocketAddr;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::dns::ask_soa;
use crate::process::free_address;

const UNBOUND: &str = "/usr/sbin/unbound";

/// A running Unbound; it ends when dropped.
#[derive(Debug)]
pub struct Unbound {
    address: SocketAddr,
    _folder: TempDir,
    _server: Daemon,
}

impl Unbound {
    pub(crate) fn start(origins: &[&str], upstream: SocketAddr, anchor: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("testkit-unbound-").tempdir_in("/tmp");
        let folder = folder.expect("/tmp can be written to");
        let address = free_address();
        let file = folder.path().join("unbound.conf");
        fs::write(&file, configuration(origins, upstream, anchor, address, &folder))
            .expect("the folder can be written to");
        let file = file.display().to_string();
        let mut server = Daemon::start(UNBOUND, &["-d", "-c", &file], folder.path());
        server.wait_until(|| ask_soa(address, "").is_some());
        Self { address, _folder: folder, _server: server }
    }

    /// Where it listens, on UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn configuration(
    origins: &[&str],
    upstream: SocketAddr,
    anchor: &str,
    address: SocketAddr,
    folder: &TempDir,
) -> String {
    let at = folder.path().display();
    let (ip, port) = (address.ip(), address.port());
    let mut text = format!(
        "server:\n  interface: {ip}@{port}\n  directory: \"{at}\"\n  chroot: \"\"\n  \
         username: \"\"\n  pidfile: \"\"\n  use-syslog: no\n  num-threads: 1\n  do-ip6: no\n  \
         do-not-query-localhost: no\n  module-config: \"validator iterator\"\n  \
         trust-anchor: \"{anchor}\"\n  trust-anchor-signaling: no\n  \
         root-key-sentinel: no\n  unblock-lan-zones: yes\n  insecure-lan-zones: no\n"
    );
    // Unbound answers for `test.` and its like by itself unless told otherwise.
    for name in ["test", "invalid", "onion", "home.arpa"] {
        text.push_str(&format!("  local-zone: \"{name}.\" nodefault\n"));
    }
    text.push_str("remote-control:\n  control-enable: no\n");
    let (ip, port) = (upstream.ip(), upstream.port());
    for origin in origins {
        text.push_str(&format!("stub-zone:\n  name: \"{origin}.\"\n  stub-addr: {ip}@{port}\n"));
    }
    text
}
