//! The certificate objects of the store, opened: the book that transports use, and what is told
//! of each.
//!
//! In: records with sealed keys. Out: [`CertificateBook`], [`Entry`]s.
//! Failure: an object whose key does not open (a lost key file) stays listed and is left out of
//! the book, so that what uses it says so and sends nothing.
//!
//! Concurrency: readers take no lock. Whoever changes objects or settings holds
//! [`CertificateShelf::steady`] from the check to the swap, so that nothing in use disappears.
//! Files are read by one upload at a time, which bounds the memory.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use annunciator_certificates::{
    Authorities, CertificateBook, CertificateFacts, CertificateKind, CertificateObject,
    ClientCertificate, ClientHalf, SigningKey, describe, describe_key, describe_public_key,
};
use annunciator_core::Timestamp;
use annunciator_store::CertificateRecord;
use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard, Notify, Semaphore, SemaphorePermit};

use crate::certificate_parts::{SealedParts, UploadedFile, open_key};
use crate::secrets::{Sealer, SecretError};

/// Most objects.
pub const OBJECTS_MAX: usize = 100;
/// Uploads that are read at the same time.
const READERS: usize = 1;
/// Longest wait of an upload for its turn.
const TURN_WAIT: Duration = Duration::from_secs(20);

/// One object.
pub struct Entry {
    /// As it is stored.
    pub record: CertificateRecord,
    /// What it is for.
    pub kind: CertificateKind,
    /// What its certificates say, in their order.
    pub facts: Vec<CertificateFacts>,
    /// Kind of its key; empty when it has none.
    pub key: String,
    /// What a connection uses; none when its key does not open.
    pub object: Option<CertificateObject>,
    /// What is kept of its files.
    pub files: Files,
}

impl Entry {
    /// Opens a record; none when it is of a kind that this version does not know.
    fn open(record: CertificateRecord, sealer: &Sealer) -> Option<Self> {
        let Some(kind) = CertificateKind::from_word(&record.kind) else {
            tracing::warn!(certificate = %record.id, kind = %record.kind, "an object of an \
                unknown kind is left out");
            return None;
        };
        let (mut facts, mut key) = (Vec::new(), String::new());
        if kind == CertificateKind::SigningKey {
            let public = record.public.first().map(|der| describe_public_key(der));
            key = public.and_then(Result::ok).unwrap_or_default();
        } else {
            facts.extend(record.public.iter().filter_map(|der| describe(der).ok()));
            if kind == CertificateKind::Client {
                key = facts.first().map(|facts| facts.key.clone()).unwrap_or_default();
            }
        }
        let mut entry = Self { record, kind, facts, key, object: None, files: Files::default() };
        match entry.open_object(sealer) {
            Ok(object) => entry.object = Some(object),
            Err(error) => {
                let record = &entry.record;
                tracing::error!(certificate = %record.id, name = %record.name, %error, "a \
                    certificate object is left out: upload it again");
            }
        }
        Some(entry)
    }

    /// What a connection uses; of a client certificate it notes which files there are.
    fn open_object(&mut self, sealer: &Sealer) -> Result<CertificateObject, SecretError> {
        let public = self.record.public.clone();
        let sealed = self.record.sealed_key.as_deref().unwrap_or_default();
        Ok(match self.kind {
            CertificateKind::Authorities => {
                CertificateObject::Authorities(Authorities { certificates: public })
            }
            CertificateKind::SigningKey => {
                let key = open_key(sealer, &self.record.id, sealed)?;
                CertificateObject::SigningKey(SigningKey { key })
            }
            CertificateKind::Client => {
                let parts = SealedParts::open(sealer, &self.record.id, sealed)?;
                self.files = Files::of(&parts);
                match parts.key {
                    None => {
                        self.key.clear();
                        CertificateObject::Half(ClientHalf::Certificate)
                    }
                    Some(key) if public.is_empty() => {
                        self.key = describe_key(&key).map_err(|_| SecretError::DoesNotOpen)?;
                        CertificateObject::Half(ClientHalf::Key)
                    }
                    Some(key) => {
                        CertificateObject::Client(ClientCertificate { chain: public, key })
                    }
                }
            }
        })
    }

    /// What is sealed of a client certificate.
    ///
    /// # Errors
    /// It does not open.
    pub fn parts(&self, sealer: &Sealer) -> Result<SealedParts, SecretError> {
        let sealed = self.record.sealed_key.as_deref().unwrap_or_default();
        SealedParts::open(sealer, &self.record.id, sealed)
    }

    /// When the first of its certificates ends.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.facts.iter().map(|facts| facts.not_after).min()
    }
}

/// What is kept of the files of a client certificate.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Files {
    /// Name of the file of its certificates; empty when it is not kept.
    pub certificate: String,
    /// Name of the file of its key; empty when it is not kept.
    pub key: String,
    /// Whether the object is deleted once no setting uses it.
    pub only_while_used: bool,
}

impl Files {
    fn of(parts: &SealedParts) -> Self {
        let name = |file: &Option<UploadedFile>| {
            file.as_ref().map(|file| file.name.clone()).unwrap_or_default()
        };
        Self {
            certificate: name(&parts.certificate_file),
            key: name(&parts.key_file),
            only_while_used: parts.only_while_used,
        }
    }
}

/// The objects in force.
pub struct CertificateShelf {
    entries: ArcSwap<Vec<Arc<Entry>>>,
    changing: Mutex<()>,
    turns: Semaphore,
    changed: Notify,
    listener: OnceLock<CertificateFacts>,
}

impl Default for CertificateShelf {
    fn default() -> Self {
        Self {
            entries: ArcSwap::default(),
            changing: Mutex::default(),
            turns: Semaphore::new(READERS),
            changed: Notify::new(),
            listener: OnceLock::new(),
        }
    }
}

impl CertificateShelf {
    /// All objects, oldest first.
    #[must_use]
    pub fn entries(&self) -> Arc<Vec<Arc<Entry>>> {
        self.entries.load_full()
    }

    /// The object of that id.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<Arc<Entry>> {
        self.entries.load().iter().find(|entry| entry.record.id == id).cloned()
    }

    /// Opens the records of the store and shows them from now on; gives the book of them.
    pub fn fill(&self, records: Vec<CertificateRecord>, sealer: &Sealer) -> CertificateBook {
        let opened = records.into_iter().filter_map(|record| Entry::open(record, sealer));
        let entries: Vec<_> = opened.map(Arc::new).collect();
        let objects: HashMap<_, _> = entries
            .iter()
            .filter_map(|entry| Some((entry.record.id.clone(), entry.object.clone()?)))
            .collect();
        self.entries.store(Arc::new(entries));
        self.changed.notify_one();
        CertificateBook::new(objects)
    }

    /// Nobody else changes objects or settings while this is held.
    pub async fn steady(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// The turn of an upload; none when it did not come in time.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(TURN_WAIT, self.turns.acquire()).await.ok()?.ok()
    }

    /// Ends when there is something new for the watch over ends.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Lets the watch over ends look now.
    pub fn wake_watch(&self) {
        self.changed.notify_one();
    }

    /// Notes the certificate of the HTTP listener, for the watch over ends.
    pub fn set_listener(&self, facts: CertificateFacts) {
        // It is set once, at the start.
        let _ = self.listener.set(facts);
    }

    /// The certificate of the HTTP listener.
    #[must_use]
    pub fn listener(&self) -> Option<&CertificateFacts> {
        self.listener.get()
    }
}

#[cfg(test)]
mod tests {
    use annunciator_certificates::SecretOctets;
    use annunciator_testkit::certificates::Authority;
    use base64ct::{Base64, Encoding as _};

    use super::*;
    use crate::certificate_parts::seal_key;

    #[test]
    fn an_object_whose_key_does_not_open_is_listed_and_left_out_of_the_book() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = |name: &str| Sealer::open(&folder.path().join(name)).unwrap();
        let authority = Authority::new("Root");
        let client = authority.client("robot");
        let key = SecretOctets::new(octets_of(&client.key_pem()));
        let record = |id: &str, kind: CertificateKind, der: Vec<u8>| CertificateRecord {
            id: id.to_owned(),
            name: id.to_owned(),
            kind: kind.as_str().to_owned(),
            public: vec![der],
            sealed_key: Some(seal_key(&sealer("one"), id, &key)),
            created_at: Timestamp(0),
            created_by: "admin".to_owned(),
            replaced_at: None,
        };
        let own = octets_of(&client.certificate_pem());
        let root = octets_of(&authority.pem());
        let records = vec![
            record("a", CertificateKind::Client, own.clone()),
            record("b", CertificateKind::Authorities, root),
            CertificateRecord {
                kind: "of the future".to_owned(),
                ..record("c", CertificateKind::Client, own.clone())
            },
            // Sealed for another object: it does not open here.
            CertificateRecord { id: "d".to_owned(), ..record("x", CertificateKind::Client, own) },
        ];
        let shelf = CertificateShelf::default();
        for (file, is_open) in [("one", true), ("two", false)] {
            let book = shelf.fill(records.clone(), &sealer(file));
            assert_eq!(shelf.entries().len(), 3, "the one of an unknown kind is not shown");
            assert_eq!(book.client("a").is_some(), is_open);
            assert!(book.authorities("b").is_some(), "authorities have no key to lose");
            assert!(book.get("c").is_none() && book.get("d").is_none());
            let entry = shelf.entry("a").unwrap();
            assert_eq!(entry.facts[0].subject, "CN=robot");
            assert_eq!(entry.object.is_some(), is_open);
        }
        let opened = shelf.fill(records, &sealer("one"));
        assert_eq!(opened.client("a").map(|client| &client.key), Some(&key));
    }

    fn octets_of(pem: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(pem.to_vec()).unwrap();
        let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        Base64::decode_vec(&lines).unwrap()
    }
}
