//! A network and files of `/etc` for one test alone: the test runs once more, in namespaces of its
//! own.
//!
//! In: name of the test, what the files hold. Out: whether this is the run inside.
//! The network has loopback and `net0` with 192.0.2.1/24, so that servers can have their usual
//! ports and broadcast stays within.
//! Failure: panics with what the run inside wrote.

use std::env;
use std::fs;
use std::process::Command;

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
