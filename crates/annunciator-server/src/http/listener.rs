//! Listeners become connections: accept, bound, shake hands, serve, drain.
//!
//! In: a bound listener, whether to speak TLS. Out: connections served until the stop.
//! Failure: a failed accept is waited out; a failed handshake concerns its connection alone.
//!
//! Concurrency: one task per connection. At the stop each finishes its request in progress; the
//! listener's future ends when all have ended or their time is over.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use annunciator_store::ADMINISTRATOR;
use openssl::ssl::{Ssl, SslAcceptor};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_openssl::SslStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, DRAIN_MAX, Entrance, Pages};
use super::seats::{Bounds, Seat, Seats};
use crate::api::rights::Peer;
use crate::identity::{Credential, Identity, LOCAL_OWNER};
use crate::intake::{INTAKES, Intake};
use crate::shared::Shared;

/// Connections over TCP.
const TCP_BOUNDS: Bounds = Bounds { in_all: 1_024, per_address: 256 };
/// Connections over the Unix socket.
const SOCKET_BOUNDS: Bounds = Bounds { in_all: 128, per_address: 128 };
/// Time for the TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Pause after a failed accept, such as one without a free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Drained connections have this much more than their own time to end.
const DRAIN_MARGIN: Duration = Duration::from_secs(1);
/// Who connects over the Unix socket has no address.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What a connection that is one too many is told, in clear.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Connection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

/// What the accept loops share.
struct Reception {
    entrance: Arc<Entrance>,
    seats: Seats,
    tasks: TaskTracker,
}

impl Reception {
    fn new(shared: Arc<Shared>, pages: Option<Pages>, bounds: Bounds) -> Self {
        let seats = Seats::new(bounds, shared.metrics.http_connections.clone());
        Self { entrance: Entrance::new(shared, pages), seats, tasks: TaskTracker::new() }
    }

    fn seat(&self, address: IpAddr) -> Option<Seat> {
        let seat = self.seats.take(address);
        if seat.is_none() {
            self.entrance.count_refused("too_many");
        }
        seat
    }

    async fn drain(self) {
        self.tasks.close();
        if timeout(DRAIN_MAX + DRAIN_MARGIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(count = self.tasks.len(), "Connections did not end in time");
        }
    }
}

/// Serves HTTP, or HTTPS, until `stop`; then finishes requests in progress, within 10 s.
pub async fn serve(
    shared: Arc<Shared>,
    pages: Option<Pages>,
    listener: TcpListener,
    tls: Option<Arc<SslAcceptor>>,
    stop: CancellationToken,
) {
    let reception = Reception::new(shared, pages, TCP_BOUNDS);
    for intake in INTAKES {
        let Intake { name, entrance, doc } = intake;
        tracing::info!(intake = name, entrance, doc, "An intake is open");
    }
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error, &stop).await;
                continue;
            }
        };
        let Some(seat) = reception.seat(address.ip()) else {
            if tls.is_none() {
                // Whether it arrives does not matter; nobody waits for it.
                let _ = stream.try_write(TOO_MANY);
            }
            continue;
        };
        let address = address.ip().to_canonical();
        let is_loopback = address.is_loopback();
        let peer = Peer::Network { address, is_loopback, is_tls: tls.is_some() };
        let entrance = Arc::clone(&reception.entrance);
        let (tls, stop) = (tls.clone(), stop.clone());
        reception.tasks.spawn(serve_stream(stream, tls, entrance, peer, seat, stop));
    }
    drop(listener);
    reception.drain().await;
}

async fn serve_stream(
    stream: TcpStream,
    tls: Option<Arc<SslAcceptor>>,
    entrance: Arc<Entrance>,
    peer: Peer,
    seat: Seat,
    stop: CancellationToken,
) {
    // Answers are small and somebody waits for each: Nagle's algorithm would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let Some(acceptor) = tls else {
        connection::run(stream, entrance, peer, seat, &stop).await;
        return;
    };
    let shaken = tokio::select! {
        shaken = timeout(HANDSHAKE_MAX, shake_hands(&acceptor, stream)) => shaken,
        () = seat.evicted() => return,
        () = stop.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => connection::run(stream, entrance, peer, seat, &stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "A TLS handshake failed"),
        Err(_) => entrance.count_refused("slow"),
    }
}

async fn shake_hands(
    acceptor: &SslAcceptor,
    stream: TcpStream,
) -> Result<SslStream<TcpStream>, openssl::ssl::Error> {
    let ssl = Ssl::new(acceptor.context())?;
    let mut stream = SslStream::new(ssl, stream)?;
    Pin::new(&mut stream).accept().await?;
    Ok(stream)
}

/// Serves the owner-only socket until `stop`: whoever runs as us or as root is administrator.
pub async fn serve_socket(shared: Arc<Shared>, listener: UnixListener, stop: CancellationToken) {
    let reception = Reception::new(shared, None, SOCKET_BOUNDS);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                pause_after(&error, &stop).await;
                continue;
            }
        };
        let Some(identity) = local_identity(&stream) else { continue };
        let Some(seat) = reception.seat(NOWHERE) else {
            let _ = stream.try_write(TOO_MANY);
            continue;
        };
        let peer = Peer::Local(Arc::new(identity));
        let entrance = Arc::clone(&reception.entrance);
        let stop = stop.clone();
        reception
            .tasks
            .spawn(async move { connection::run(stream, entrance, peer, seat, &stop).await });
    }
    drop(listener);
    reception.drain().await;
}

/// Who is at the other end, by the kernel's word; nobody unless it is root or ourselves, and no
/// executable that we have started.
fn local_identity(stream: &UnixStream) -> Option<Identity> {
    let (uid, process) = match stream.peer_cred() {
        Ok(credentials) => (credentials.uid(), credentials.pid()),
        Err(error) => {
            tracing::warn!(%error, "A local connection without credentials was closed");
            return None;
        }
    };
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        tracing::warn!(uid, "A local connection of another user was closed");
        return None;
    }
    // Executables run as our user, and must not be administrators for that. A process without a
    // number lies outside of our name space, where none of ours can be.
    if let Some(process) = process.filter(|process| *process > 0)
        && annunciator_launcher::is_descendant(process).unwrap_or(true)
    {
        tracing::warn!(
            process,
            "A local connection of an executable, or of a process that is gone, was closed"
        );
        return None;
    }
    let user = if uid == 0 { "root".to_owned() } else { uid.to_string() };
    Some(Identity {
        name: format!("local {user}"),
        owner: format!("{LOCAL_OWNER}{uid}"),
        role: ADMINISTRATOR.to_owned(),
        credential: Credential::Local,
    })
}

/// Waits before the next accept, unless only the one connection is concerned.
async fn pause_after(error: &std::io::Error, stop: &CancellationToken) {
    let is_of_connection = matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    );
    if !is_of_connection {
        tracing::warn!(%error, "No connection can be accepted for now");
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(ACCEPT_PAUSE) => {}
        }
    }
}
