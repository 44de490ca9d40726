//! One connection: requests one after the other, each answered, with bounds on every wait.
//!
//! In: a stream that is open (TLS done). Out: requests for intake and API, their answers.
//! Standard: RFC 9112 (HTTP/1.1).
//! Failure: a handler that panics is a 500 without words of the panic, which is logged.
//!
//! Handing in events takes a short way past the router: it is what most requests do.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annunciator_core::one_line;
use axum::Router;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::seats::Seat;
use super::stall::Unstalled;
use crate::api::error::ApiError;
use crate::api::rights::Peer;
use crate::api::{harden, is_submission, router, submit};
use crate::metrics::ResultLabels;
use crate::shared::Shared;

/// Time for the head of a request, and between two requests.
const HEADER_MAX: Duration = Duration::from_secs(10);
/// Longest head of a request. Unit: octets. The number of headers is bounded to 100 by the parser.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Time that a request in progress has when the server stops.
pub(super) const DRAIN_MAX: Duration = Duration::from_secs(10);
/// Time that a connection without a request has for its first one then.
const FIRST_REQUEST_MAX: Duration = Duration::from_secs(1);

/// Makes one router of the API and what is shown to people.
pub type Pages = fn(Router) -> Router;

/// What all connections of a listener have in common.
pub(super) struct Entrance {
    pub(super) shared: Arc<Shared>,
    router: Router,
}

impl Entrance {
    /// With pages they stand around the API; without them there is the API alone.
    pub(super) fn new(shared: Arc<Shared>, pages: Option<Pages>) -> Arc<Self> {
        let api = router(&shared);
        let router = match pages {
            Some(pages) => pages(api),
            None => api,
        };
        Arc::new(Self { shared, router })
    }

    /// Counts a connection that was refused or cut.
    pub(super) fn count_refused(&self, result: &'static str) {
        self.shared.metrics.http_refused.get_or_create(&ResultLabels { result }).inc();
    }
}

/// One connection.
struct Connection {
    entrance: Arc<Entrance>,
    peer: Peer,
    seat: Seat,
    had_request: AtomicBool,
    /// Notified with the first request.
    begun: Notify,
}

/// Serves a connection until it ends, is evicted, or the server stops.
pub(super) async fn run<S>(
    stream: S,
    entrance: Arc<Entrance>,
    peer: Peer,
    seat: Seat,
    stop: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (had_request, begun) = (AtomicBool::new(false), Notify::new());
    let connection = Arc::new(Connection { entrance, peer, seat, had_request, begun });
    let service = service_fn(|request| answer(Arc::clone(&connection), request));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_MAX)
        .max_header_size(HEADER_BYTES_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .half_close(true)
        .serve_connection(TokioIo::new(Unstalled::new(stream)), service);
    let mut serving = std::pin::pin!(serving);
    let evicted = async {
        connection.seat.evicted().await;
        // A request that came in the same moment is finished first.
        if connection.seat.is_busy() {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = evicted => {
            connection.entrance.count_refused("too_many");
            return;
        }
        () = stop.cancelled() => {
            let drained = async {
                if !connection.had_request.load(Ordering::Relaxed) {
                    // Who has just come in, such as a balancer, is told to go elsewhere.
                    tokio::select! {
                        ended = serving.as_mut() => return ended,
                        () = connection.begun.notified() => {}
                        () = tokio::time::sleep(FIRST_REQUEST_MAX) => {}
                    }
                }
                serving.as_mut().graceful_shutdown();
                serving.await
            };
            // Past the time the connection is dropped; what was committed stays committed.
            tokio::time::timeout(DRAIN_MAX, drained).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        if error.is_timeout() && !connection.had_request.load(Ordering::Relaxed) {
            connection.entrance.count_refused("slow");
        }
        tracing::debug!(%error, "A connection ended");
    }
}

async fn answer(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    connection.seat.begin_request();
    connection.had_request.store(true, Ordering::Relaxed);
    connection.begun.notify_one();
    let routed = AssertUnwindSafe(route(&connection, request)).catch_unwind().await;
    let mut response = routed.unwrap_or_else(|panic| after_panic(panic.as_ref()));
    harden(&mut response);
    connection.seat.end_request();
    Ok(response)
}

async fn route(connection: &Connection, request: Request<Incoming>) -> Response {
    let Entrance { shared, router } = connection.entrance.as_ref();
    if is_submission(request.method(), request.uri()) {
        let (parts, body) = request.into_parts();
        return submit(shared, &connection.peer, &parts.headers, parts.uri.query(), body).await;
    }
    let mut request = request;
    request.extensions_mut().insert(connection.peer.clone());
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

pub(super) fn after_panic(panic: &(dyn Any + Send)) -> Response {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let reason = one_line(words.unwrap_or("without words"), 300);
    tracing::error!(%reason, "A request panicked");
    ApiError::internal().into_response()
}
