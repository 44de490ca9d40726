//! A network and files of `/etc` for one test alone: the test runs once more, in namespaces of its
//! own. And a machine of one's own for a server, with cables that are pulled out.
//!
//! In: name of the test, what the files hold. Out: whether this is the run inside.
//! The network has loopback and `net0` with 192.0.2.1/24, so that servers can have their usual
//! ports and broadcast stays within.
//! Failure: panics with what the run inside wrote.

use std::env;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;

use crate::daemon::run;
use crate::postgres::is_root;

/// Set in the run inside.
const INSIDE: &str = "ANNUNCIATOR_TEST_NETWORK";
const SCRIPT: &str = "set -e
ip link set lo up
ip link add net0 type veth peer name net1
ip addr add 192.0.2.1/24 brd + dev net0
ip link set net0 up
ip link set net1 up
for file in hosts resolv.conf; do mount --bind \"$0/$file\" \"/etc/$file\"; done
exec \"$@\"";

/// True in a network of its own, with these files as `/etc/hosts` and `/etc/resolv.conf`; false
/// when the test has just run there. `test` is its name as the test program lists it.
///
/// # Panics
/// When the run inside fails, or there can be no such network.
#[must_use]
pub fn is_own_network(test: &str, hosts: &str, resolver_settings: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("hosts"), hosts).expect("the folder can be written to");
    fs::write(folder.path().join("resolv.conf"), resolver_settings)
        .expect("the folder can be written to");
    let own = env::current_exe().expect("a test is a program");
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount", "--", "sh", "-c", SCRIPT])
        .arg(folder.path())
        .arg(own)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output();
    let output = output.expect("unshare of util-linux is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "in a network of its own: {text}{complaint}");
    assert!(text.contains("1 passed"), "{test} is not the name of the test: {text}");
    false
}

/// A network namespace that is joined to ours by cables, each a network of its own.
#[derive(Debug)]
pub struct Island {
    name: String,
    cables: u8,
    subnet: u8,
}

impl Island {
    /// An island with so many cables; none, having said "skipped", where the tests are not root's.
    ///
    /// # Panics
    /// When it cannot be made: Debian's `iproute2` is needed.
    #[expect(clippy::print_stderr, reason = "who runs the tests must read what was skipped")]
    #[must_use]
    pub fn with_cables(cables: u8) -> Option<Self> {
        if !is_root() {
            eprintln!("skipped: only root makes network namespaces");
            return None;
        }
        let process = std::process::id();
        let subnet = u8::try_from(process % 250).expect("it is small");
        let island = Self { name: format!("ann{process}"), cables, subnet };
        ip(&["netns", "add", &island.name]);
        ip(&["-n", &island.name, "link", "set", "lo", "up"]);
        for cable in 0..cables {
            let (near, far) = (island.plug(cable), format!("b{process}{cable}"));
            ip(&["link", "add", &near, "type", "veth", "peer", "name", &far]);
            ip(&["link", "set", &far, "netns", &island.name]);
            ip(&["addr", "add", &format!("{}/30", island.near(cable)), "dev", &near]);
            let address = format!("{}/30", island.far(cable));
            ip(&["-n", &island.name, "addr", "add", &address, "dev", &far]);
            ip(&["-n", &island.name, "link", "set", &far, "up"]);
            island.plug_in(cable);
        }
        Some(island)
    }

    fn plug(&self, cable: u8) -> String {
        assert!(cable < self.cables, "there is no cable {cable}");
        format!("a{}{cable}", std::process::id())
    }

    /// Our address at a cable, to be reached from the island.
    #[must_use]
    pub fn near(&self, cable: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.subnet, 4 * cable + 1)
    }

    /// The island's address at a cable.
    #[must_use]
    pub fn far(&self, cable: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.subnet, 4 * cable + 2)
    }

    /// Nothing goes through the cable any more, and nobody is told.
    ///
    /// # Panics
    /// When it cannot be done; so below.
    pub fn pull_out(&self, cable: u8) {
        ip(&["link", "set", &self.plug(cable), "down"]);
    }

    /// The cable is in its place again.
    pub fn plug_in(&self, cable: u8) {
        ip(&["link", "set", &self.plug(cable), "up"]);
    }

    /// Starts a program on the island, in its place ([`crate::process::Launch::wrapper`]).
    #[must_use]
    pub fn wrapper(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        // The cables go with it. Fails only when it is gone already.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

fn ip(words: &[&str]) {
    run("ip", words, std::path::Path::new("/"));
}
