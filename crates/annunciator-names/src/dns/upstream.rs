//! Asks the DNS servers of a policy, one after the other, until one of them answers.
//!
//! In: requests, of ours or of the validator. Out: responses with the code NOERROR or NXDOMAIN.
//! Knows nothing of: what an answer means, caches.
//! Standard: RFC 1035 section 4.2 (UDP, then TCP for what was cut), RFC 6840 sections 5.7 and 5.9
//! (the AD and CD bits of a query).
//! Failure: that of the last server.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{self, Stream};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::tcp::TcpClientStream;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsRequestSender, FirstAnswer};
use hickory_resolver::net::{DnsError, DnsHandle, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsResponse, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};

/// How long one server may take, repetitions over UDP included.
const SERVER_MAX: Duration = Duration::from_secs(3);
/// After so long without an answer a question is repeated over UDP.
const REPEAT_AFTER: Duration = Duration::from_millis(900);
/// Most servers that are asked.
const SERVERS_MAX: usize = 8;

/// What a query asks of the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// The answer.
    Plain,
    /// The answer with the AD bit when the server has checked it.
    Checked,
    /// The answer with its signatures, checked or not: we check ourselves, and must see what is
    /// wrong to tell a forgery from a server in trouble.
    Signed,
}

/// The servers, and what is wished of them. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    servers: Arc<Servers>,
    wish: Wish,
    /// Only names in this zone are asked for, and not what its parent says of it.
    island: Option<Name>,
}

#[derive(Debug)]
struct Servers {
    addresses: Vec<SocketAddr>,
    /// The one that answered last: a dead server costs its time once.
    preferred: AtomicUsize,
}

impl Upstream {
    pub(crate) fn new(addresses: &[SocketAddr]) -> Self {
        let addresses = addresses.iter().take(SERVERS_MAX).copied().collect();
        let servers = Arc::new(Servers { addresses, preferred: AtomicUsize::new(0) });
        Self { servers, wish: Wish::Plain, island: None }
    }

    pub(crate) fn wishing(&self, wish: Wish) -> Self {
        Self { wish, ..self.clone() }
    }

    /// Confined to a zone with a trust anchor of its own. Its parent need not know of the
    /// signatures, and could otherwise "prove" that there are none.
    pub(crate) fn confined_to(&self, zone: &Name) -> Self {
        let island = (!zone.is_root()).then(|| zone.clone());
        Self { island, ..self.clone() }
    }

    /// Whether every server is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.servers.addresses.iter().all(|address| address.ip().is_loopback())
    }

    pub(crate) fn has_servers(&self) -> bool {
        !self.servers.addresses.is_empty()
    }

    async fn ask(self, mut request: DnsRequest) -> Result<DnsResponse, NetError> {
        let out_of_bounds = self.island.as_ref().is_some_and(|island| {
            request.queries.iter().any(|query| {
                !island.zone_of(query.name())
                    || (query.query_type() == RecordType::DS && query.name() == island)
            })
        });
        if out_of_bounds {
            return Err(DnsError::ResponseCode(ResponseCode::Refused).into());
        }
        request.metadata.authentic_data = self.wish == Wish::Checked;
        request.metadata.checking_disabled = self.wish == Wish::Signed;
        request.options_mut().retry_interval = REPEAT_AFTER;
        let count = self.servers.addresses.len();
        let first = self.servers.preferred.load(Ordering::Relaxed);
        let mut failure = NetError::NoConnections;
        for index in (0..count).map(|offset| (first + offset) % count) {
            match exchange(self.servers.addresses[index], request.clone()).await {
                Ok(response) if is_answer(&response) => {
                    self.servers.preferred.store(index, Ordering::Relaxed);
                    return Ok(response);
                }
                Ok(response) => failure = DnsError::ResponseCode(response.response_code).into(),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

fn is_answer(response: &DnsResponse) -> bool {
    matches!(response.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
}

/// One question to one server.
async fn exchange(server: SocketAddr, request: DnsRequest) -> Result<DnsResponse, NetError> {
    let provider = TokioRuntimeProvider::default();
    let mut datagrams =
        UdpClientStream::builder(server, provider.clone()).with_timeout(Some(SERVER_MAX)).build();
    let response = datagrams.send_message(request.clone()).first_answer().await?;
    if !response.truncation {
        return Ok(response);
    }
    let stream = TcpClientStream::exchange(server, None, SERVER_MAX, None, provider).await?;
    let response = stream.send(request).first_answer().await?;
    if response.truncation { Err(NetError::Truncated) } else { Ok(response) }
}

impl DnsHandle for Upstream {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        Box::pin(stream::once(self.clone().ask(request)))
    }
}
