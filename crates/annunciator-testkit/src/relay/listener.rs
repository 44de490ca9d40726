//! A port of the loopback address becomes sessions, for as long as the relay is up.
//!
//! Concurrency: one task accepts and owns all session tasks. It ends on request: it closes the
//! port first, then aborts the sessions, then reports. While the relay is down a socket that is
//! bound but does not listen keeps the port ours; connections to it are refused.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::record::Record;
use super::session;
use super::setup::Setup;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Where the listener is in its life.
pub(crate) enum Listener {
    /// The accepting task, to be stopped by the sender, and its report.
    Up { stop: oneshot::Sender<()>, stopped: mpsc::Receiver<io::Result<TcpSocket>> },
    /// The socket that keeps the port.
    Down(TcpSocket),
}

/// Binds a socket that does not listen yet; port 0 stands for any.
pub(crate) fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Else connections in TIME_WAIT would keep us from our own port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Listener {
    pub(crate) fn up(
        socket: TcpSocket,
        runtime: &Handle,
        setup: Arc<Setup>,
        record: Arc<Record>,
    ) -> io::Result<Self> {
        let _in_runtime = runtime.enter();
        let listener = socket.listen(BACKLOG)?;
        let (stop, stop_wanted) = oneshot::channel();
        let (report, stopped) = mpsc::channel();
        runtime.spawn(async move {
            // The receiver is gone when the relay was dropped.
            drop(report.send(accept(listener, stop_wanted, setup, record).await));
        });
        Ok(Self::Up { stop, stopped })
    }

    /// Closes the port and every connection; gives the socket that keeps the port.
    pub(crate) fn down(self) -> io::Result<TcpSocket> {
        match self {
            Self::Down(socket) => Ok(socket),
            Self::Up { stop, stopped } => {
                // It fails only when the task has ended by itself, which `recv` then tells.
                let _ = stop.send(());
                stopped.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
            }
        }
    }
}

async fn accept(
    listener: TcpListener,
    mut stop: oneshot::Receiver<()>,
    setup: Arc<Setup>,
    record: Arc<Record>,
) -> io::Result<TcpSocket> {
    let address = listener.local_addr()?;
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            accepted = listener.accept() => {
                // A connection that is gone before it was accepted concerns nobody.
                if let Ok((stream, peer)) = accepted {
                    sessions.spawn(session::run(Arc::clone(&setup), Arc::clone(&record), stream, peer));
                }
            }
            Some(_) = sessions.join_next() => {}
        }
    }
    drop(listener);
    let reserved = reserve(address);
    sessions.shutdown().await;
    reserved
}
