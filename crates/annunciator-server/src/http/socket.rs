//! A path becomes a listening socket that only its owner can reach.
//!
//! In: a path in the data folder. Out: a listener; the file has mode 0600 from its first moment.
//! Failure: a socket on which somebody answers is left alone, as is a file of another kind.

use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;

use rustix::fs::Mode;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use tokio::net::UnixListener;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Opens the socket at this path.
///
/// # Errors
/// Somebody answers there already; something else lies there; the path is too long (107 octets).
pub fn open_socket(path: &Path) -> Result<UnixListener> {
    remove_stale(path)?;
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // The kernel makes the file with the mode of the socket: there is no moment in which others
    // could connect. It cannot be told so everywhere; then the path gets it before anyone can be
    // accepted.
    let _ = rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR);
    bind(&socket, &address)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    listen(&socket, BACKLOG)?;
    UnixListener::from_std(std::os::unix::net::UnixListener::from(socket))
}

/// Removes what a server that is gone has left.
fn remove_stale(path: &Path) -> Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let taken =
        |words: &str| Err(Error::new(ErrorKind::AddrInUse, format!("{}: {words}", path.display())));
    if !found.file_type().is_socket() {
        return taken("something that is no socket lies there");
    }
    match BlockingStream::connect(path) {
        Ok(_) => taken("another server answers there"),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(outcome: Result<UnixListener>) -> Option<ErrorKind> {
        outcome.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn a_socket_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _listener = open_socket(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn only_a_socket_that_nobody_answers_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let first = open_socket(&path).unwrap();
        assert_eq!(kind_of(open_socket(&path)), Some(ErrorKind::AddrInUse));
        drop(first);
        assert!(path.exists(), "a socket outlives its listener");
        assert_eq!(kind_of(open_socket(&path)), None);
        let file = folder.path().join("file");
        std::fs::write(&file, "precious").unwrap();
        assert_eq!(kind_of(open_socket(&file)), Some(ErrorKind::AddrInUse));
        assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    }
}
