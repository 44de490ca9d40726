//! What can be done with a store without a server: bring it to this version, look it over, copy it
//! into a database.
//!
//! In: where the store is, as the bootstrap says it. Out: what was done, or found.
//! Failure: nothing is half done: a step of the tables, and a copy, is one transaction.

use std::fmt;
use std::path::Path;

use annunciator_store::{Examination, Flaw, Migration, StoreError, postgres, sqlite};

use crate::certificate_parts::opens;
use crate::secrets::Sealer;
use crate::settings_document::whole::open_stored;
use crate::store_key::{count_sealed, mark_of};
use crate::store_place::StorePlace;

const RESTORE_KEY: &str = "put the key file of the server that sealed them back; without it, type \
     them again";

/// Where a store is, for people: no password is in it.
pub struct Place<'a>(pub &'a StorePlace, pub &'a Path);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            StorePlace::File => write!(f, "SQLite in {}", self.1.display()),
            StorePlace::Database(address) => write!(f, "PostgreSQL at {address}"),
        }
    }
}

/// Brings a store to this version; one that is not there is made.
///
/// # Errors
/// A server uses the folder; the database is not there; the store is of a newer version.
pub async fn migrate_store(place: &StorePlace, data_dir: &Path) -> Result<Migration, StoreError> {
    match place {
        StorePlace::File => sqlite::migrate(data_dir),
        StorePlace::Database(address) => postgres::migrate(address).await,
    }
}

/// Looks over a store, and whether the key file opens what is sealed in it. Changes nothing.
///
/// # Errors
/// There is none, or it cannot be reached.
pub async fn check_store(
    place: &StorePlace,
    data_dir: &Path,
    key_file: &Path,
) -> Result<Examination, StoreError> {
    let mut found = match place {
        StorePlace::File => sqlite::examine(data_dir)?,
        StorePlace::Database(address) => postgres::examine(address).await?,
    };
    let flaws = secret_flaws(&found, key_file);
    found.flaws.extend(flaws);
    Ok(found)
}

/// Copies the store of a folder into a database; `tell` hears how far it is.
///
/// # Errors
/// A server uses the folder or a node the database; there is a store in it already; the database
/// is not there.
pub async fn copy_store(
    folder: &Path,
    to: &StorePlace,
    end: postgres::CopyEnd,
    tell: impl FnMut(&postgres::Copied),
) -> Result<Vec<postgres::Copied>, StoreError> {
    let StorePlace::Database(address) = to else {
        let words = "a store is copied into a PostgreSQL database: say where with `--to`, or set \
             `store` to its address";
        return Err(StoreError::BadRequest(words.to_owned()));
    };
    postgres::copy_to_database(folder, address, end, tell).await
}

fn secret_flaws(found: &Examination, key_file: &Path) -> Vec<Flaw> {
    let document = found.settings.as_deref().unwrap_or_default();
    let count = count_sealed(document) + found.sealed_keys.len();
    if count == 0 && found.key_mark.is_none() {
        return Vec::new();
    }
    if !key_file.exists() {
        // One that is missing is not made here: it would open nothing.
        let path = key_file.display();
        let what = format!("the key file {path} is missing, and {count} secrets are sealed");
        return vec![Flaw::new(what, RESTORE_KEY)];
    }
    let sealer = match Sealer::open(key_file) {
        Ok(sealer) => sealer,
        Err(error) => return vec![Flaw::new(error.to_string(), RESTORE_KEY)],
    };
    let lost = match open_stored(document, &sealer, &|_| false) {
        Ok(opened) => opened.lost,
        Err(_) if document.is_empty() => Vec::new(),
        Err(errors) => {
            let errors: Vec<String> =
                errors.iter().map(|one| format!("{}: {}", one.pointer, one.detail)).collect();
            let what = format!("the saved settings cannot be read: {}", errors.join("; "));
            return vec![Flaw::new(what, "restore a backup, or a revision from before")];
        }
    };
    let setting = |pointer: String| pointer.trim_start_matches('/').replace('/', ".");
    let keys = found.sealed_keys.iter().filter(|one| !opens(&sealer, &one.id, &one.sealed));
    let keys = keys.map(|one| format!("the key of the certificate object `{}`", one.name));
    let closed = lost.into_iter().map(setting).chain(keys);
    let what = |secret| format!("{secret} does not open with the key file {}", key_file.display());
    let mut flaws: Vec<Flaw> = closed.map(|secret| Flaw::new(what(secret), RESTORE_KEY)).collect();
    if flaws.is_empty() && found.key_mark.as_ref().is_some_and(|mark| *mark != mark_of(&sealer)) {
        let what = format!("the key file {} is not the one of this store", key_file.display());
        flaws.push(Flaw::new(what, RESTORE_KEY));
    }
    flaws
}
