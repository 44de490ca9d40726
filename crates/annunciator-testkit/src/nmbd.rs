//! Samba's NetBIOS name service: the Windows machine that we did not write.
//!
//! In: the name of the machine. Out: a running nmbd on the interface `net0` of a network of the
//! test's own ([`crate::network`]), which answers broadcasts and is a WINS server.
//! Failure: panics with what nmbd wrote.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;

use tempfile::TempDir;

use crate::daemon::Daemon;

const NMBD: &str = "/usr/sbin/nmbd";
/// The address of `net0`.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A running nmbd; it ends when dropped.
#[derive(Debug)]
pub struct Nmbd {
    _folder: TempDir,
    _server: Daemon,
}

impl Nmbd {
    /// Starts it and waits until it answers for its name, by broadcast and as WINS server.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("testkit-nmbd-").tempdir_in("/tmp");
        let folder = folder.expect("/tmp can be written to");
        let at = folder.path().display();
        let text = format!(
            "[global]\nnetbios name = {name}\nworkgroup = TESTGROUP\ninterfaces = net0\n\
             bind interfaces only = yes\nwins support = yes\ndns proxy = no\n\
             lock directory = {at}\nstate directory = {at}\ncache directory = {at}\n\
             pid directory = {at}\nprivate dir = {at}\nlog file = {at}/log\n"
        );
        let file = folder.path().join("smb.conf");
        fs::write(&file, text).expect("the folder can be written to");
        let file = file.display().to_string();
        let arguments = ["-F", "--no-process-group", "--debug-stdout", "-s", &file];
        let mut server = Daemon::start(NMBD, &arguments, folder.path());
        // Samba's own client judges whether it is there.
        let answers = |how: &[&str]| {
            let asked = Command::new("nmblookup").args(["-s", &file]).args(how).output();
            asked.is_ok_and(|output| output.status.success())
        };
        let name = format!("{name}#20");
        server.wait_until(|| {
            answers(&["-B", "192.0.2.255", &name])
                && answers(&["--recursion", "-U", "192.0.2.1", &name])
        });
        Self { _folder: folder, _server: server }
    }
}
