//! Asks the NetBIOS name service for the addresses of a Windows name.
//!
//! In: name, policy. Out: addresses, or that nobody knows the name.
//! Knows nothing of: DNS.
//! Standard: RFC 1002 sections 4.2.12 to 4.2.14, 5.1.2 (broadcast) and 5.1.3 (name server).
//! Failure: silence is an absence by broadcast, and no answer from a name server.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::answer::LookupError;
use crate::policy::NetBios;

mod packet;

pub(crate) use packet::NetBiosName;
use packet::{NetBiosAnswer, read_answer, write_question};

const PORT: u16 = 137;
/// `BCAST_REQ_RETRY_COUNT` and `BCAST_REQ_RETRY_TIMEOUT` of RFC 1002 section 6.
const BROADCAST_TRIES: u32 = 3;
const BROADCAST_WAIT: Duration = Duration::from_millis(250);
/// `UCAST_REQ_RETRY_COUNT`; the time-out of the standard is 5 s, written for slow lines.
const SERVER_TRIES: u32 = 3;
const SERVER_WAIT: Duration = Duration::from_millis(1_500);
/// Most networks that are asked, and most name servers.
const TARGETS_MAX: usize = 32;
/// Most octets of an answer that are looked at.
const DATAGRAM_MAX: usize = 1_500;
/// Most datagrams that are looked at in one wait; the rest is a flood.
const DATAGRAMS_MAX: usize = 1_000;
/// The kernel's own list of the addresses that it takes for broadcast.
const ADDRESS_TRIE: &str = "/proc/net/fib_trie";

/// The addresses of a name and for how many seconds they hold.
pub(crate) type Machine = (Vec<Ipv4Addr>, u32);

/// Asks as the policy says.
///
/// # Errors
/// [`LookupError::Absent`] when nobody knows the name, [`LookupError::Unavailable`] when nobody
/// could be asked or no name server answered.
pub(crate) async fn ask(policy: &NetBios, name: &NetBiosName) -> Result<Machine, LookupError> {
    match policy {
        NetBios::Off => Err(LookupError::Absent("NetBIOS names are not asked for".into())),
        NetBios::Broadcast => {
            let trie = fs::read_to_string(ADDRESS_TRIE).unwrap_or_default();
            let networks = broadcast_addresses(&trie);
            let targets = networks.into_iter().map(|network| SocketAddr::from((network, PORT)));
            ask_networks(&targets.collect::<Vec<_>>(), name).await
        }
        NetBios::BroadcastTo(targets) => {
            let targets = targets.iter().map(|target| SocketAddr::from(*target));
            ask_networks(&targets.take(TARGETS_MAX).collect::<Vec<_>>(), name).await
        }
        NetBios::Wins(servers) => ask_servers(servers, name).await,
    }
}

async fn ask_networks(targets: &[SocketAddr], name: &NetBiosName) -> Result<Machine, LookupError> {
    if targets.is_empty() {
        return Err(LookupError::Unavailable(
            "this machine has no network with IPv4 broadcast: NetBIOS names cannot be asked for"
                .into(),
        ));
    }
    for _ in 0..BROADCAST_TRIES {
        let question = Question { name, is_broadcast: true, wait: BROADCAST_WAIT };
        match question.put_to(targets).await.map_err(|error| unavailable(&error))? {
            Some(NetBiosAnswer::Positive { addresses, ttl_s }) => return Ok((addresses, ttl_s)),
            // No machine speaks for the others (RFC 1002 section 5.1.2).
            Some(NetBiosAnswer::Negative) | None => {}
        }
    }
    Err(absent())
}

async fn ask_servers(servers: &[SocketAddr], name: &NetBiosName) -> Result<Machine, LookupError> {
    let mut failure = LookupError::Unavailable("no WINS server is set".into());
    for server in servers.iter().take(TARGETS_MAX) {
        let question = Question { name, is_broadcast: false, wait: SERVER_WAIT };
        failure = LookupError::Unavailable(format!("the WINS server {server} does not answer"));
        for _ in 0..SERVER_TRIES {
            match question.put_to(std::slice::from_ref(server)).await {
                Ok(Some(NetBiosAnswer::Positive { addresses, ttl_s })) => {
                    return Ok((addresses, ttl_s));
                }
                Ok(Some(NetBiosAnswer::Negative)) => return Err(absent()),
                Ok(None) => {}
                // Such as a port that is closed: the next server may be there.
                Err(_) => break,
            }
        }
    }
    Err(failure)
}

fn absent() -> LookupError {
    LookupError::Absent("no machine in the network has this NetBIOS name".into())
}

fn unavailable(error: &io::Error) -> LookupError {
    LookupError::Unavailable(format!("the NetBIOS name service cannot be asked: {error}"))
}

struct Question<'a> {
    name: &'a NetBiosName,
    is_broadcast: bool,
    wait: Duration,
}

impl Question<'_> {
    /// Asks all targets once and waits for the first answer that counts.
    async fn put_to(&self, targets: &[SocketAddr]) -> io::Result<Option<NetBiosAnswer>> {
        let deadline = Instant::now() + self.wait;
        let is_v6 = targets.iter().any(SocketAddr::is_ipv6);
        let any: &str = if is_v6 { "[::]:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(any).await?;
        socket.set_broadcast(self.is_broadcast)?;
        // A connected socket hears that a port is closed, and takes datagrams from nobody else.
        if !self.is_broadcast
            && let [server] = targets
        {
            socket.connect(*server).await?;
        }
        let transaction = fastrand::u16(..);
        let octets = write_question(self.name, transaction, self.is_broadcast);
        self.send(&socket, &octets, targets).await?;
        let mut datagram = [0; DATAGRAM_MAX];
        for _ in 0..DATAGRAMS_MAX {
            let Ok(received) = timeout_at(deadline, socket.recv(&mut datagram)).await else {
                break;
            };
            let answer = read_answer(&datagram[..received?], self.name, transaction);
            match answer {
                Some(NetBiosAnswer::Negative) if self.is_broadcast => {}
                Some(answer) => return Ok(Some(answer)),
                None => {}
            }
        }
        Ok(None)
    }

    /// One network that is down must not hinder the others; all of them must be.
    async fn send(
        &self,
        socket: &UdpSocket,
        octets: &[u8],
        targets: &[SocketAddr],
    ) -> io::Result<()> {
        if !self.is_broadcast {
            return socket.send(octets).await.map(drop);
        }
        let mut failure = None;
        let mut is_sent = false;
        for target in targets {
            match socket.send_to(octets, *target).await {
                Ok(_) => is_sent = true,
                Err(error) => failure = Some(error),
            }
        }
        failure.filter(|_| !is_sent).map_or(Ok(()), Err)
    }
}

/// The broadcast addresses in the kernel's table of local addresses, loopback's left out.
fn broadcast_addresses(trie: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut address: Option<Ipv4Addr> = None;
    for line in trie.lines() {
        let line = line.trim_start();
        if let Some(text) = line.strip_prefix("|-- ") {
            address = text.trim().parse().ok();
        } else if line.starts_with("/32 link BROADCAST")
            && let Some(address) = address
            && !address.is_loopback()
            && !found.contains(&address)
            && found.len() < TARGETS_MAX
        {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_knows_the_broadcast_addresses() {
        let trie = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.2
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.255.255.255
           /32 link BROADCAST
Local:
        |-- 192.0.2.255
           /32 link BROADCAST
        |-- 10.255.255.255
           /32 link BROADCAST
        |-- bad
           /32 link BROADCAST
";
        let found: Vec<_> = broadcast_addresses(trie).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.255", "10.255.255.255"]);
        assert_eq!(broadcast_addresses(""), Vec::<Ipv4Addr>::new());
    }
}
