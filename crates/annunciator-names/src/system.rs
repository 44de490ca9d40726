//! What this machine itself knows of names: its hosts file, its resolver settings, and its other
//! sources by way of `getaddrinfo`.
//!
//! In: files of `/etc`. Out: addresses, servers, search domains; a changed file counts at once.
//! Knows nothing of: policies, proofs.
//! Failure: a file that cannot be read is as good as empty.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hickory_resolver::system_conf::parse_resolv_conf;
use tokio::sync::Semaphore;

use crate::name;

const DNS_PORT: u16 = 53;
/// Most octets of a file that are read: lists of blocked names are long.
const FILE_MAX: u64 = 64 << 20;
/// Most addresses of one name.
const ADDRESSES_MAX: usize = 32;
/// Most look-ups of the system at a time: each holds a thread, perhaps for long.
static LOOKUPS: Semaphore = Semaphore::const_new(8);

/// The addresses of a name in a hosts file, and the name that it calls the canonical one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct HostsEntry {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) canonical: String,
}

/// Resolver settings of the system.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ResolverSettings {
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) search: Vec<String>,
}

/// A file that is read again when it has changed.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    path: PathBuf,
    read: fn(&str) -> T,
    seen: Mutex<Option<(Stamp, Arc<T>)>>,
}

/// Time of the last change and length; none for a file that is not there.
type Stamp = Option<(SystemTime, u64)>;

impl<T> Watched<T> {
    pub(crate) fn new(path: &str, read: fn(&str) -> T) -> Self {
        Self { path: path.into(), read, seen: Mutex::new(None) }
    }

    /// What the file says now. The same value is given as long as the file stays the same.
    pub(crate) fn look(&self) -> Arc<T> {
        let stamp = stamp(&self.path);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, value)) = &*seen
            && *known == stamp
        {
            return Arc::clone(value);
        }
        let fits = stamp.is_some_and(|(_, length)| length <= FILE_MAX);
        let octets = if fits { fs::read(&self.path).unwrap_or_default() } else { Vec::new() };
        let value = Arc::new((self.read)(&String::from_utf8_lossy(&octets)));
        *seen = Some((stamp, Arc::clone(&value)));
        value
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// The hosts file by name (hosts(5)).
pub(crate) fn read_hosts(text: &str) -> HashMap<String, HostsEntry> {
    let mut entries: HashMap<String, HostsEntry> = HashMap::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else {
            continue;
        };
        let mut names = words.filter_map(|word| name::normalize(word).ok()).map(|(name, _)| name);
        let Some(canonical) = names.next() else { continue };
        for known in std::iter::once(canonical.clone()).chain(names) {
            let entry = entries.entry(known).or_default();
            if entry.canonical.is_empty() {
                entry.canonical.clone_from(&canonical);
            }
            if entry.addresses.len() < ADDRESSES_MAX && !entry.addresses.contains(&address) {
                entry.addresses.push(address);
            }
        }
    }
    entries
}

/// The resolver settings (resolv.conf(5)).
pub(crate) fn read_resolver_settings(text: &str) -> ResolverSettings {
    // It fails when there is no server in it.
    let Ok((settings, _)) = parse_resolv_conf(text) else { return ResolverSettings::default() };
    let servers = settings.name_servers().iter();
    let servers = servers.map(|server| SocketAddr::new(server.ip, DNS_PORT)).collect();
    let search = settings.search().iter().map(name::to_text).collect();
    ResolverSettings { servers, search }
}

/// Asks all sources of the system (nsswitch.conf(5)): mDNS, directories, and once more DNS.
///
/// # Errors
/// In the words of the system: it does not tell an absence from trouble by type.
pub(crate) async fn ask_system(host: String) -> io::Result<Vec<IpAddr>> {
    let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let asked = tokio::task::spawn_blocking(move || {
        // Held until the thread is free, even when nobody waits for the answer any more.
        let _permit = permit;
        let found = (host.as_str(), 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).take(ADDRESSES_MAX).collect())
    });
    asked.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_gives_names_their_addresses() {
        let text = "# comment\n127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # more\n\
                    192.0.2.1 Mail.Plant.example mail relay\n192.0.2.2 mail\nnonsense x\n\
                    192.0.2.9\n192.0.2.1 mail b\0d\n";
        let entries = read_hosts(text);
        for (name, expected, canonical) in [
            ("localhost", &["127.0.0.1", "::1"][..], "localhost"),
            ("mail.plant.example", &["192.0.2.1"], "mail.plant.example"),
            ("relay", &["192.0.2.1"], "mail.plant.example"),
            ("mail", &["192.0.2.1", "192.0.2.2"], "mail.plant.example"),
        ] {
            let entry = &entries[name];
            let found: Vec<_> = entry.addresses.iter().map(ToString::to_string).collect();
            assert_eq!(
                (found.as_slice(), &*entry.canonical),
                (&*expected.iter().map(ToString::to_string).collect::<Vec<_>>(), canonical),
                "{name}"
            );
        }
        assert!(!entries.contains_key("x"));
    }

    #[test]
    fn resolver_settings_give_servers_and_search_domains() {
        for (text, servers, search) in [
            (
                "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch Plant.example example\n",
                vec!["192.0.2.1:53", "[2001:db8::1]:53"],
                vec!["plant.example", "example"],
            ),
            ("", vec![], vec![]),
            ("search example\n", vec![], vec![]),
            ("garbage \u{1}\nnameserver 192.0.2.1\n", vec!["192.0.2.1:53"], vec![]),
        ] {
            let settings = read_resolver_settings(text);
            let found: Vec<_> = settings.servers.iter().map(ToString::to_string).collect();
            assert_eq!(
                (found, settings.search),
                (
                    servers.iter().map(ToString::to_string).collect(),
                    search.iter().map(ToString::to_string).collect()
                ),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_changed_file_counts_at_once() {
        let path = std::env::temp_dir().join(format!("annunciator-names-{}", std::process::id()));
        let watched = Watched::new(path.to_str().unwrap(), str::len);
        assert_eq!(*watched.look(), 0, "there is none yet");
        fs::write(&path, "four").unwrap();
        let first = watched.look();
        assert_eq!(*first, 4);
        assert!(Arc::ptr_eq(&first, &watched.look()), "the same as long as it stays");
        fs::write(&path, "longer").unwrap();
        assert_eq!(*watched.look(), 6);
        fs::remove_file(&path).unwrap();
        assert_eq!(*watched.look(), 0);
    }
}
