//! Where a store is, and how it is opened.
//!
//! In: `sqlite`, or the address of a database. Out: an open store.
//! Failure: words that hold no password.

use std::path::Path;
use std::sync::Arc;

use annunciator_store::postgres::{NodeIdentity, PostgresAddress, PostgresStore};
use annunciator_store::sqlite::SqliteStore;
use annunciator_store::{Store, StoreError};

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StorePlace {
    /// In a file of the data folder, for this node alone.
    #[default]
    File,
    /// In a database that several nodes share.
    Database(Box<PostgresAddress>),
}

impl std::str::FromStr for StorePlace {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text {
            "sqlite" => Ok(Self::File),
            address => Ok(Self::Database(Box::new(address.parse()?))),
        }
    }
}

impl StorePlace {
    /// Opens the store; on a database as the node of this folder and name.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) async fn open(
        &self,
        data_dir: &Path,
        node_name: &str,
    ) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::File => SqliteStore::open(data_dir)?,
            Self::Database(address) => {
                let node = NodeIdentity::of_folder(data_dir, node_name)?;
                PostgresStore::open(address, node).await?
            }
        })
    }
}
