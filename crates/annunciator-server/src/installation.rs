//! Where this server stands: what its bootstrap said, and where it listens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Where this server stands.
#[derive(Debug, Default)]
pub struct Installation {
    /// Folder of the store and the socket.
    pub data_dir: PathBuf,
    /// Folders that executables may be in.
    pub executable_dirs: Vec<PathBuf>,
    /// Whether HTTP listens with TLS.
    pub has_tls: bool,
    address: OnceLock<SocketAddr>,
}

impl Installation {
    /// What the bootstrap said.
    #[must_use]
    pub fn new(data_dir: PathBuf, executable_dirs: Vec<PathBuf>, has_tls: bool) -> Self {
        Self { data_dir, executable_dirs, has_tls, address: OnceLock::new() }
    }

    /// Notes where HTTP listens; the first time counts.
    pub fn set_address(&self, address: SocketAddr) {
        let _ = self.address.set(address);
    }

    /// Where HTTP listens; none before it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address.get().copied()
    }
}
