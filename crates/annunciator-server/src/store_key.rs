//! One store, one key: the store holds a mark of the key that its secrets are sealed with, so that
//! nobody starts on it with another one.
//!
//! In: an open store, and the key of the key file. Out: the sealer, when both belong together.
//! Failure: a key that is missing, or of another store, ends the start before anything is changed:
//! a node that opens no secret would save the settings without them for all (ADR 0009).

use std::path::Path;

use annunciator_core::Timestamp;
use annunciator_store::{KEY_MARK_PLACE, KeptText, NewAudit, Store};

use crate::admin::settings::SERVER_LAYER;
use crate::certificate_parts::opens;
use crate::secrets::{Sealer, SecretError, to_hex};
use crate::settings_document::whole::open_stored;
use crate::start::StartError;

/// How every sealed text in a stored document begins.
const SEALED: &str = "\"sealed:v1:";
const MISSING: &str = "it is missing, and the store was sealed with a key";
const OTHER: &str = "it holds another key than the one that the store was sealed with";
const ADVICE: &str = "copy the key file of the first node, or the one that belongs to the backup, \
     to this place; only when it is lost for good, start once with --accept-new-key, and passwords \
     and keys of certificates have to be given again";

/// Gives the key when it is the store's; makes one, and marks the store with it, where there was
/// none. With `accept_new_key` the store takes whatever key there is from now on.
///
/// # Errors
/// The key is missing, is not the store's, or cannot be made; the store fails.
pub async fn admit(
    store: &dyn Store,
    key_file: &Path,
    key: Option<Sealer>,
    accept_new_key: bool,
    now: Timestamp,
) -> Result<Sealer, StartError> {
    let refuse = |reason| SecretError::of_file(key_file, format!("{reason}: {ADVICE}"));
    let mark = store.kept(KEY_MARK_PLACE).await?.map(|kept| kept.text);
    let is_foreign = match (&mark, &key) {
        (Some(mark), Some(key)) => *mark != mark_of(key),
        (Some(_), None) => true,
        // It was last used by a version that made no mark.
        (None, key) => opens_nothing(store, key.as_ref()).await?,
    };
    let path = key_file.display();
    match (is_foreign, accept_new_key) {
        (true, false) => {
            let reason = if key.is_some() { OTHER } else { MISSING };
            return Err(refuse(reason).into());
        }
        (true, true) => tracing::warn!(key_file = %path, "the store takes this key file from now \
            on, as --accept-new-key says: what was sealed with another one has to be given again"),
        (false, true) => tracing::warn!("--accept-new-key is not needed: leave it out"),
        (false, false) => {}
    }
    let key = match key {
        Some(key) => key,
        None => Sealer::make(key_file)?,
    };
    // Never the oldest: it is not forgotten when too many texts are kept.
    let new = KeptText { text: mark_of(&key), saved_at: Timestamp(i64::MAX) };
    if is_foreign {
        store.keep(KEY_MARK_PLACE, new).await?;
        store.note(audit_of(key_file, now)).await?;
    } else if mark.is_none() && store.keep_first(KEY_MARK_PLACE, new.clone()).await? != new {
        // Another node was first.
        return Err(refuse(OTHER).into());
    }
    Ok(key)
}

/// Who looks for lost passwords finds why.
fn audit_of(key_file: &Path, now: Timestamp) -> NewAudit {
    NewAudit {
        at: now,
        author: "--accept-new-key".to_owned(),
        action: "store.accept_new_key".to_owned(),
        target: key_file.display().to_string(),
        detail: "{}".to_owned(),
    }
}

/// What a key leaves in its store; it tells nothing of the key.
pub fn mark_of(key: &Sealer) -> String {
    to_hex(&key.mark("key of the store", &[]))
}

/// How many secrets are sealed in a stored document.
pub fn count_sealed(document: &str) -> usize {
    document.matches(SEALED).count()
}

/// Whether there are sealed secrets and none of them opens.
async fn opens_nothing(store: &dyn Store, key: Option<&Sealer>) -> Result<bool, StartError> {
    let saved = store.settings(SERVER_LAYER).await?;
    let document = saved.map(|saved| saved.document).unwrap_or_default();
    let objects = store.certificates().await?;
    let keys = objects.iter().filter_map(|one| Some((&one.id, one.sealed_key.as_ref()?)));
    let (in_settings, in_objects) = (count_sealed(&document), keys.clone().count());
    let Some(key) = key else { return Ok(in_settings + in_objects > 0) };
    let closed = keys.filter(|(id, sealed)| !opens(key, id, sealed)).count();
    let lost = if in_settings == 0 {
        0
    } else {
        // What cannot be read is told when it is put in force.
        open_stored(&document, key, &|_| false).map_or(0, |opened| opened.lost.len())
    };
    Ok(in_settings + in_objects > 0 && lost + closed >= in_settings + in_objects)
}

#[cfg(test)]
mod tests {
    use annunciator_store::sqlite::SqliteStore;
    use annunciator_store::{AuditFilter, CertificateRecord, Page, SettingsChange};
    use serde_json::json;

    use super::*;

    const START: Timestamp = Timestamp(1_795_325_400_000);

    /// Starts on a store with a key file; true when it was let in.
    async fn starts(store: &dyn Store, key_file: &Path, accept_new_key: bool) -> bool {
        let key = Sealer::read(key_file).unwrap();
        match admit(store, key_file, key, accept_new_key, START).await {
            Ok(key) => {
                assert_eq!(mark_of(&key), store.kept(KEY_MARK_PLACE).await.unwrap().unwrap().text);
                true
            }
            Err(error) => {
                let told = error.to_string();
                assert!(error.is_about_config(), "{told}");
                assert!(told.contains(&key_file.display().to_string()), "{told}");
                assert!(told.contains("--accept-new-key"), "{told}");
                false
            }
        }
    }

    #[tokio::test]
    async fn a_store_takes_its_own_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("store")).unwrap();
        let file = |name: &str| folder.path().join(name);
        assert!(starts(store.as_ref(), &file("one"), false).await, "the first start makes a key");
        assert!(starts(store.as_ref(), &file("one"), false).await);
        assert!(starts(store.as_ref(), &file("one"), true).await, "not needed, and no harm");
        assert!(!starts(store.as_ref(), &file("two"), false).await);
        assert!(!file("two").exists(), "no key is made");
        Sealer::make(&file("three")).unwrap();
        assert!(!starts(store.as_ref(), &file("three"), false).await);
        assert!(starts(store.as_ref(), &file("one"), false).await, "nothing was changed");
        assert!(starts(store.as_ref(), &file("three"), true).await);
        assert!(!starts(store.as_ref(), &file("one"), false).await, "it has another key by now");
        assert!(starts(store.as_ref(), &file("four"), true).await, "one is made");
        assert!(starts(store.as_ref(), &file("four"), false).await);
        let noted = store
            .audit(AuditFilter::default(), Page { after: None, count_max: 9 })
            .await
            .unwrap()
            .rows;
        let noted: Vec<&str> = noted.iter().map(|entry| &*entry.entry.target).collect();
        let files = [file("four"), file("three")];
        assert_eq!(noted, files.iter().map(|file| file.to_str().unwrap()).collect::<Vec<_>>());
    }

    fn audit() -> NewAudit {
        NewAudit {
            at: START,
            author: "admin".to_owned(),
            action: "test".to_owned(),
            target: String::new(),
            detail: "{}".to_owned(),
        }
    }

    /// A store without a mark, with so many secrets that `key` sealed.
    async fn check_unmarked(in_settings: bool, in_object: bool, expected: (bool, bool, bool)) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("store")).unwrap();
        let file = |name: &str| folder.path().join(name);
        let key = Sealer::make(&file("own")).unwrap();
        Sealer::make(&file("other")).unwrap();
        let sealed = key.seal("server/email/password", "secret");
        let password = if in_settings { json!({ "password": sealed }) } else { json!({}) };
        let change = SettingsChange {
            layer: SERVER_LAYER.to_owned(),
            document: json!({ "email": password }).to_string(),
            expected_revision: None,
            comment: String::new(),
            audit: audit(),
        };
        store.save_settings(change).await.unwrap();
        let record = CertificateRecord {
            id: "a".to_owned(),
            name: "a".to_owned(),
            kind: "dkim".to_owned(),
            public: Vec::new(),
            sealed_key: in_object.then(|| key.seal("certificate/a/key", "c2VjcmV0")),
            created_at: START,
            created_by: "admin".to_owned(),
            replaced_at: None,
        };
        store.put_certificate(record, audit()).await.unwrap();
        for (name, expected) in [("none", expected.0), ("other", expected.1), ("own", expected.2)] {
            let key = Sealer::read(&file(name)).unwrap();
            let is_refused = opens_nothing(store.as_ref(), key.as_ref()).await.unwrap();
            assert_eq!(!is_refused, expected, "{name}: {in_settings} {in_object}");
        }
        if !expected.0 {
            assert!(!starts(store.as_ref(), &file("none"), false).await);
            assert!(store.kept(KEY_MARK_PLACE).await.unwrap().is_none(), "nothing was changed");
            assert!(starts(store.as_ref(), &file("own"), false).await, "it is marked now");
            assert!(!starts(store.as_ref(), &file("other"), false).await);
        }
    }

    #[tokio::test]
    async fn a_store_without_a_mark_takes_the_key_that_opens_its_secrets() {
        check_unmarked(false, false, (true, true, true)).await;
        check_unmarked(true, false, (false, false, true)).await;
        check_unmarked(false, true, (false, false, true)).await;
        check_unmarked(true, true, (false, false, true)).await;
    }
}
