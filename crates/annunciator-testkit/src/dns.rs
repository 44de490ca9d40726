//! Turns zone texts into DNS servers that we did not write: Knot DNS with the zones, Unbound as
//! the resolver before it.
//!
//! In: [`Zones`]. Out: a [`Dns`] that listens on loopback until it is dropped, and the trust
//! anchors of its zones.
//! Standard: RFC 1035 section 5 for the texts, RFC 4035 for signatures.
//! Failure: panics with a sentence; what a server or a tool wrote stands in it.
//!
//! ```no_run
//! use annunciator_testkit::dns::{Signing, Zones};
//!
//! let dns = Zones::new()
//!     .zone("example.test", Signing::Nsec, "@ MX 10 mx\nmx A 127.0.0.1\n")
//!     .zone("plain.test", Signing::Unsigned, "@ MX 10 mx\nmx A 127.0.0.2\n")
//!     .start();
//! // The policy of a resolver under test: server `dns.address()`, anchor `dns.anchor()`.
//! # drop(dns);
//! ```

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::daemon::{Daemon, run};
use crate::process::free_address;

mod tap;
mod unbound;
mod zone_file;

pub use tap::{Lie, Tap};
pub use unbound::Unbound;
use zone_file::ZoneFile;

const KNOT: &str = "/usr/sbin/knotd";
/// How long one question may take while a server starts.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How a zone is signed, and what its parent says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signing {
    /// Not; the parent has no DS record (an insecure delegation).
    Unsigned,
    /// Well, with NSEC for what does not exist.
    Nsec,
    /// Well, with NSEC3 (no iterations, no salt).
    Nsec3,
    /// With signatures that ended yesterday.
    Expired,
    /// Well, but the DS record of the parent is for another key.
    WrongDs,
    /// Not, although the parent has a DS record, as if the signatures were stripped on the way.
    Stripped,
    /// It is delegated and signed, and the server fails to load it: every question is answered
    /// SERVFAIL.
    Broken,
}

impl Signing {
    fn has_keys(self) -> bool {
        self != Self::Unsigned
    }

    fn has_signatures(self) -> bool {
        !matches!(self, Self::Unsigned | Self::Stripped)
    }
}

/// Zones to be served. The root zone is always there, signed, and delegates to the others: each
/// zone is delegated by its nearest ancestor among them.
#[derive(Debug)]
#[must_use]
pub struct Zones {
    zones: Vec<ZoneFile>,
}

impl Default for Zones {
    fn default() -> Self {
        Self::new()
    }
}

impl Zones {
    /// Only a signed root zone.
    pub fn new() -> Self {
        Self { zones: vec![ZoneFile::new("", Signing::Nsec, "")] }
    }

    /// Adds a zone with its records, as lines of a zone file. SOA, NS and delegations are made;
    /// names are relative to the origin, the TTL is 300 s unless a record has its own.
    pub fn zone(mut self, origin: &str, signing: Signing, records: &str) -> Self {
        let origin = origin.trim_end_matches('.');
        self.zones.retain(|zone| zone.origin != origin);
        self.zones.push(ZoneFile::new(origin, signing, records));
        self
    }

    /// Signs the zones, starts Knot DNS with them, and waits until it answers. It is no
    /// recursive resolver, but as it has every zone that there is, it can be used as one.
    ///
    /// # Panics
    /// When a program is missing or a zone text is wrong.
    #[must_use]
    pub fn start(self) -> Dns {
        self.start_at(free_address())
    }

    /// The same at a certain address.
    ///
    /// # Panics
    /// When a program is missing, a zone text is wrong, or the address is taken.
    #[must_use]
    pub fn start_at(self, address: SocketAddr) -> Dns {
        Dns::start(self.zones, address)
    }
}

/// A running Knot DNS; it ends when dropped.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    zones: Vec<ZoneFile>,
    folder: TempDir,
    _server: Daemon,
}

impl Dns {
    fn start(mut zones: Vec<ZoneFile>, address: SocketAddr) -> Self {
        let folder = tempfile::Builder::new().prefix("testkit-dns-").tempdir_in("/tmp");
        let folder = folder.expect("/tmp can be written to");
        // Deepest first, because a parent needs the keys of its children.
        zones.sort_by_key(|zone| std::cmp::Reverse(zone.depth()));
        for index in 0..zones.len() {
            let delegations = delegations(&zones, index);
            zones[index].delegations = delegations;
            zones[index].write(folder.path());
        }
        let configuration = folder.path().join("knot.conf");
        fs::write(&configuration, knot_configuration(&zones, folder.path(), address))
            .expect("the folder can be written to");
        let file = configuration.display().to_string();
        let mut server = Daemon::start(KNOT, &["-c", &file], folder.path());
        server.wait_until(|| {
            zones.iter().all(|zone| {
                ask_soa(address, &zone.origin) == Some(u8::from(zone.is_broken()) * SERVFAIL)
            })
        });
        Self { address, zones, folder, _server: server }
    }

    /// Where it listens, on UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key of the private root zone as a DNSKEY record.
    ///
    /// # Panics
    /// Never: the root is always signed.
    #[must_use]
    pub fn anchor(&self) -> String {
        self.anchor_of("")
    }

    /// The key that signs the keys of a zone, as a DNSKEY record: a trust anchor.
    ///
    /// # Panics
    /// When there is no such zone, or it is not signed.
    #[must_use]
    pub fn anchor_of(&self, origin: &str) -> String {
        self.find(origin).key.clone().expect("the zone is signed")
    }

    /// The same as DS record.
    ///
    /// # Panics
    /// When there is no such zone, or it is not signed.
    #[must_use]
    pub fn ds_of(&self, origin: &str) -> String {
        self.find(origin).ds.clone().expect("the zone is signed")
    }

    /// Replaces the records of a zone, signs it again with the same keys, and waits until the
    /// new ones are served.
    ///
    /// # Panics
    /// When there is no such zone, or the text is wrong.
    pub fn replace(&mut self, origin: &str, records: &str) {
        let folder = self.folder.path().to_owned();
        let zone = self.zones.iter_mut().find(|zone| zone.origin == origin);
        let zone = zone.expect("there is such a zone");
        zone.records = records.to_owned();
        zone.serial += 1;
        zone.write(&folder);
        let socket = folder.join("knot.sock").display().to_string();
        let name = format!("{origin}.");
        run("/usr/sbin/knotc", &["-b", "-s", &socket, "zone-reload", &name], &folder);
    }

    /// An Unbound before it that validates from the private root down.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_unbound(&self) -> Unbound {
        let origins: Vec<&str> = self.zones.iter().map(|zone| zone.origin.as_str()).collect();
        Unbound::start(&origins, self.address, &self.anchor())
    }

    fn find(&self, origin: &str) -> &ZoneFile {
        let origin = origin.trim_end_matches('.');
        let found = self.zones.iter().find(|zone| zone.origin == origin);
        found.unwrap_or_else(|| panic!("there is no zone {origin}"))
    }
}

/// The records by which a zone delegates to those below it.
fn delegations(zones: &[ZoneFile], index: usize) -> String {
    let mut text = String::new();
    for child in zones {
        let mut above = zones.iter().filter(|zone| child.is_below(zone));
        // Deepest first: the first is the nearest.
        let is_ours = above.next().is_some_and(|parent| parent.origin == zones[index].origin);
        if is_ours {
            let name = &child.origin;
            text.push_str(&format!("{name}. NS ns.{name}.\nns.{name}. A 127.0.0.1\n"));
            if let Some(ds) = &child.ds_in_parent() {
                text.push_str(&format!("{ds}\n"));
            }
        }
    }
    text
}

fn knot_configuration(zones: &[ZoneFile], folder: &Path, address: SocketAddr) -> String {
    let at = folder.display();
    let (ip, port) = (address.ip(), address.port());
    let mut text = format!(
        "server:\n    rundir: {at}\n    listen: {ip}@{port}\n    udp-workers: 1\n    \
         tcp-workers: 1\n    background-workers: 1\ncontrol:\n    listen: {at}/knot.sock\n\
         database:\n    storage: {at}/db\nlog:\n  - target: stdout\n    any: info\n\
         template:\n  - id: default\n    storage: {at}\n    zonefile-load: whole\n    \
         journal-content: none\n    semantic-checks: off\nzone:\n"
    );
    for zone in zones {
        let file = zone.served_file();
        text.push_str(&format!("  - domain: {}.\n    file: {file}\n", zone.origin));
    }
    text
}

const SERVFAIL: u8 = 2;

/// Asks for the SOA record of a zone over TCP and gives the code of the answer. It is put
/// together by hand, so that the kit shares no resolver with the product.
fn ask_soa(address: SocketAddr, origin: &str) -> Option<u8> {
    let mut question = vec![0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in origin.split('.').filter(|label| !label.is_empty()) {
        question.push(u8::try_from(label.len()).ok()?);
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, 6, 0, 1]);
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX).ok()?;
    stream.set_read_timeout(Some(ANSWER_MAX)).ok()?;
    let length = u16::try_from(question.len()).ok()?.to_be_bytes();
    stream.write_all(&[&length, question.as_slice()].concat()).ok()?;
    let mut answer = [0; 2 + 12];
    stream.read_exact(&mut answer).ok()?;
    Some(answer[5] & 0x0f)
}

#[cfg(test)]
mod tests;
