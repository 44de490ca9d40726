//! Turns the records of one zone into a signed zone file.
//!
//! In: origin, records, signing. Out: the file that a server loads, the key and DS records.
//! Knows nothing of: servers. Failure: panics with what `dnssec-signzone` complained about.

use std::fs;
use std::path::Path;

use crate::daemon::run;
use crate::dns::Signing;

const ALGORITHM: &str = "ECDSAP256SHA256";

/// One zone.
#[derive(Debug)]
pub(crate) struct ZoneFile {
    /// Without the last dot; empty for the root.
    pub(crate) origin: String,
    pub(crate) signing: Signing,
    pub(crate) records: String,
    /// What delegates to the zones below.
    pub(crate) delegations: String,
    pub(crate) serial: u32,
    /// The key signing key as DNSKEY record, once made.
    pub(crate) key: Option<String>,
    /// Its DS record.
    pub(crate) ds: Option<String>,
}

impl ZoneFile {
    pub(crate) fn new(origin: &str, signing: Signing, records: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            signing,
            records: records.to_owned(),
            delegations: String::new(),
            serial: 1,
            key: None,
            ds: None,
        }
    }

    /// Number of labels.
    pub(crate) fn depth(&self) -> usize {
        self.origin.split('.').filter(|label| !label.is_empty()).count()
    }

    pub(crate) fn is_below(&self, other: &Self) -> bool {
        let end =
            if other.origin.is_empty() { String::new() } else { format!(".{}", other.origin) };
        self.origin != other.origin && self.origin.ends_with(&end)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.signing == Signing::Broken
    }

    /// The DS record that the parent has: none, the right one, or that of another key.
    pub(crate) fn ds_in_parent(&self) -> Option<String> {
        let ds = self.ds.clone()?;
        if self.signing != Signing::WrongDs {
            return Some(ds);
        }
        let (start, digest) = ds.split_at(ds.len() - 1);
        Some(format!("{start}{}", if digest == "0" { "1" } else { "0" }))
    }

    fn stem(&self) -> &str {
        if self.origin.is_empty() { "root" } else { &self.origin }
    }

    /// Name of the file to serve, below the folder; that of a broken zone does not exist.
    pub(crate) fn served_file(&self) -> String {
        match self.signing {
            Signing::Broken => format!("{}.missing", self.stem()),
            signing if signing.has_signatures() => format!("{}.signed", self.stem()),
            _ => format!("{}.zone", self.stem()),
        }
    }

    /// Writes the file into the folder, and makes the keys when there are none yet.
    pub(crate) fn write(&mut self, folder: &Path) {
        let dot = if self.origin.is_empty() { "" } else { "." };
        let name_server = format!("ns{dot}{}.", self.origin);
        let text = format!(
            "$ORIGIN {}.\n$TTL 300\n@ SOA {name_server} hostmaster.invalid. {} 3600 600 86400 60\n\
             @ NS {name_server}\n{name_server} A 127.0.0.1\n{}{}",
            self.origin, self.serial, self.records, self.delegations
        );
        let plain = format!("{}.zone", self.stem());
        fs::write(folder.join(&plain), text).expect("the folder can be written to");
        if !self.signing.has_keys() {
            return;
        }
        let keys = format!("{}.keys", self.stem());
        if self.key.is_none() {
            self.make_keys(folder, &keys);
        }
        if self.signing.has_signatures() {
            self.sign(folder, &plain, &keys);
        }
    }

    fn make_keys(&mut self, folder: &Path, keys: &str) {
        fs::create_dir(folder.join(keys)).expect("the folder can be written to");
        let origin = format!("{}.", self.origin);
        let common = ["-q", "-a", ALGORITHM, "-K", keys];
        run("dnssec-keygen", &[common.as_slice(), &[origin.as_str()]].concat(), folder);
        let made =
            run("dnssec-keygen", &[common.as_slice(), &["-f", "KSK", &origin]].concat(), folder);
        let file = format!("{keys}/{}.key", made.trim());
        let text = fs::read_to_string(folder.join(&file)).expect("the key was written");
        let record = text.lines().find(|line| !line.starts_with(';'));
        self.key = Some(record.expect("the file has the key").to_owned());
        self.ds = Some(run("dnssec-dsfromkey", &["-2", &file], folder).trim().to_owned());
    }

    fn sign(&self, folder: &Path, plain: &str, keys: &str) {
        let origin = format!("{}.", self.origin);
        let signed = self.served_file();
        let signed = if self.is_broken() { "unused.signed" } else { signed.as_str() };
        // Smart signing takes the keys of the folder; without -P it would refuse what expired.
        let mut arguments = vec!["-q", "-P", "-S", "-K", keys, "-o", &origin, "-f", signed];
        match self.signing {
            Signing::Expired => arguments.extend(["-s", "now-3d", "-e", "now-1d"]),
            Signing::Nsec3 => arguments.extend(["-3", "-", "-H", "0"]),
            _ => {}
        }
        arguments.push(plain);
        run("dnssec-signzone", &arguments, folder);
    }
}
