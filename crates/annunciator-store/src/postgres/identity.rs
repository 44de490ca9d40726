//! A folder becomes the identity of a node: an id that it keeps over restarts, and a lock so that
//! no two processes are the same node.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use crate::{Result, StoreError};

/// Name of the file with the id.
const FILE_NAME: &str = "node";

/// Who this node is.
#[derive(Debug, Clone)]
pub struct NodeIdentity {
    /// Its id, the same over restarts and that of no other node.
    pub id: Uuid,
    /// Its name for people.
    pub name: String,
    /// Keeps other processes from being this node.
    _lock: Option<Arc<File>>,
}

impl NodeIdentity {
    /// A node that nobody else can be, such as one in a test.
    #[must_use]
    pub fn new(id: Uuid, name: &str) -> Self {
        Self { id, name: name.to_owned(), _lock: None }
    }

    /// The node of a folder, which is made when it is not there, with an id.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when another process has the folder, [`StoreError::Corrupt`] when the
    /// id in it is none, [`StoreError::Io`] from the disk.
    pub fn of_folder(folder: &Path, name: &str) -> Result<Self> {
        let io = |what: &str, error: std::io::Error| {
            StoreError::Io(format!("{what} `{}`: {error}", folder.display()))
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| io("cannot make the folder", error))?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true).mode(0o600);
        let lock = options.open(folder.join("lock"));
        let lock = lock.map_err(|error| io("cannot open the lock file in", error))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(StoreError::Busy(format!(
                    "another process uses the folder `{}`: stop it first",
                    folder.display()
                )));
            }
            Err(error) => return Err(io("cannot lock", error.into())),
        }
        let mut file = options.open(folder.join(FILE_NAME));
        let file = file.as_mut().map_err(|_| {
            StoreError::Io(format!("cannot open the file `{FILE_NAME}` in `{}`", folder.display()))
        })?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| io("cannot read the id in", error))?;
        let id = if text.trim().is_empty() {
            let id = new_id()?;
            file.write_all(format!("{id}\n").as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(|error| io("cannot keep the id in", error))?;
            id
        } else {
            Uuid::try_parse(text.trim()).map_err(|_| {
                let folder = folder.display();
                StoreError::Corrupt(format!("`{folder}/{FILE_NAME}` holds no id of a node"))
            })?
        };
        Ok(Self { id, name: name.to_owned(), _lock: Some(Arc::new(lock)) })
    }
}

fn new_id() -> Result<Uuid> {
    let mut random = [0; 16];
    openssl::rand::rand_bytes(&mut random)
        .map_err(|error| StoreError::Io(format!("the system gave no random numbers: {error}")))?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_node_and_no_two_processes_are_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("data");
        let first = NodeIdentity::of_folder(&at, "north").unwrap();
        let busy = NodeIdentity::of_folder(&at, "north");
        assert!(matches!(busy, Err(StoreError::Busy(_))));
        let id = first.id;
        drop(first);
        assert_eq!(NodeIdentity::of_folder(&at, "north").unwrap().id, id, "over restarts");
        std::fs::write(at.join(FILE_NAME), "x").unwrap();
        let broken = NodeIdentity::of_folder(&at, "north");
        assert!(matches!(broken, Err(StoreError::Corrupt(_))));
        let other = NodeIdentity::of_folder(&folder.path().join("other"), "south").unwrap();
        assert_ne!(other.id, id);
    }
}
