//! A request's body becomes octets in memory: bounded in size, in time, and over all requests.
//!
//! In: a body as it arrives. Out: its octets; 408, 413 or 503 when a bound is passed.
//! Knows nothing of: what the octets mean.
//! Failure: quality G17 (bounded memory), G18 (slow clients).
//!
//! Concurrency: bodies of up to one unit are free; longer ones hold units of the one budget for
//! as long as they are in memory, so that many long bodies at once are refused and not swapped.

use std::future::Future;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::error::ApiError;
use crate::intake::json::{self, Document};

/// Longest body with events. Unit: octets.
pub const EVENTS_BYTES_MAX: usize = 8 << 20;
/// Longest other body. Unit: octets.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;
/// Longest body with a whole settings document. Unit: octets.
pub const SETTINGS_BYTES_MAX: usize = 8 << 20;
/// Longest body with files: two of the largest in base64, and some room. Unit: octets.
pub const UPLOAD_BYTES_MAX: usize = 3 << 20;
/// Time that every body has. Unit: seconds.
const GRACE_S: u64 = 10;
/// Time grows with what has arrived at this rate. Unit: octets per second.
const RATE_MIN: u64 = 1 << 10;
/// Unit of the budget. Unit: octets.
const UNIT_BYTES: usize = 64 << 10;
/// Units of the budget: 64 MiB.
const UNITS: usize = 1 << 10;

/// What long bodies of all connections may hold together.
static BUDGET: Semaphore = Semaphore::const_new(UNITS);

/// A body in memory, with its part of the budget.
#[derive(Debug)]
pub struct HeldBody {
    /// The octets.
    pub bytes: Bytes,
    _units: Option<SemaphorePermit<'static>>,
}

/// Reads a body to its end.
///
/// # Errors
/// 413 when it is longer than `bytes_max`, 408 when it is too slow, 503 when too many long bodies
/// are in memory, 400 when it ends early.
pub async fn read<B>(mut body: B, bytes_max: usize) -> Result<HeldBody, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return Err(ApiError::too_large(bytes_max));
    }
    let started = Instant::now();
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    let mut units = None;
    let mut received = 0_usize;
    loop {
        let granted = u64::try_from(received).unwrap_or(u64::MAX) / RATE_MIN + GRACE_S;
        let deadline = started + Duration::from_secs(granted);
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(ApiError::too_slow()),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(ApiError::cut_off()),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers say nothing to us.
        let Ok(piece) = frame.into_data() else { continue };
        received += piece.len();
        if received > bytes_max {
            return Err(ApiError::too_large(bytes_max));
        }
        hold(&mut units, received)?;
        // Most bodies are one piece and are never copied.
        if first.is_empty() && rest.is_empty() {
            first = piece;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&piece);
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok(HeldBody { bytes, _units: units })
}

/// Takes further units for a body of this length.
fn hold(units: &mut Option<SemaphorePermit<'static>>, length: usize) -> Result<(), ApiError> {
    let wanted = length / UNIT_BYTES;
    let held = units.as_ref().map_or(0, SemaphorePermit::num_permits);
    if wanted <= held {
        return Ok(());
    }
    let more = u32::try_from(wanted - held).unwrap_or(u32::MAX);
    let more = BUDGET
        .try_acquire_many(more)
        .map_err(|_| ApiError::unavailable("Too many long bodies are being read."))?;
    match units {
        Some(units) => units.merge(more),
        None => *units = Some(more),
    }
    Ok(())
}

/// A body that is a JSON document of this type, and of so many octets at most.
#[derive(Debug)]
pub struct JsonBody<T, const BYTES_MAX: usize = DOCUMENT_BYTES_MAX>(pub T);

impl<S: Sync, T: Document, const BYTES_MAX: usize> FromRequest<S> for JsonBody<T, BYTES_MAX> {
    type Rejection = ApiError;

    fn from_request(
        request: Request,
        _state: &S,
    ) -> impl Future<Output = Result<Self, ApiError>> + Send {
        let is_json = request
            .headers()
            .get(hyper::header::CONTENT_TYPE)
            .is_none_or(|value| is_json_type(value.as_bytes()));
        async move {
            if !is_json {
                let words = "The Content-Type must be application/json.";
                return Err(ApiError::unsupported_media_type(words));
            }
            let body = read(request.into_body(), BYTES_MAX).await?;
            if body.bytes.trim_ascii().is_empty() {
                return Err(ApiError::malformed("The body is empty: it must be a JSON object."));
            }
            Ok(Self(json::parse_open(&body.bytes)?))
        }
    }
}

/// `application/json` or a type built on it, such as `application/merge-patch+json`.
pub(super) fn is_json_type(value: &[u8]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    essence == b"application/json"
        || (essence.starts_with(b"application/") && essence.ends_with(b"+json"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    fn pieces(lengths: &[usize]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let frames: Vec<_> =
            lengths.iter().map(|&n| Ok(Frame::data(Bytes::from(vec![b'x'; n])))).collect();
        StreamBody::new(stream::iter(frames))
    }

    #[tokio::test]
    async fn a_body_up_to_its_bound_is_read_and_a_longer_one_is_413() {
        for (lengths, expected) in [
            (&[][..], Ok(0)),
            (&[5], Ok(5)),
            (&[4, 3, 3], Ok(10)),
            (&[11], Err(413)),
            (&[5, 5, 1], Err(413)),
        ] {
            let outcome = read(pieces(lengths), 10).await;
            let outcome = outcome.map(|body| body.bytes.len());
            assert_eq!(outcome.map_err(|error| error.problem().status), expected, "{lengths:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_slower_than_the_least_rate_is_408() {
        let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let started = Instant::now();
        let error = read(silent, 10).await.expect_err("it never comes");
        assert_eq!(error.problem().status, 408);
        assert_eq!(started.elapsed().as_secs(), GRACE_S);
    }

    #[tokio::test]
    async fn a_long_body_gives_its_part_of_the_budget_back() {
        let body = read(pieces(&[UNIT_BYTES; 3]), EVENTS_BYTES_MAX).await.unwrap();
        assert_eq!(body._units.as_ref().map(SemaphorePermit::num_permits), Some(3));
        assert_eq!(body.bytes.len(), 3 * UNIT_BYTES);
    }

    #[test]
    fn only_json_types_are_json() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/merge-patch+json", true),
            ("text/json", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            assert_eq!(is_json_type(value.as_bytes()), expected, "{value}");
        }
    }
}
