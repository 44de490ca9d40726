//! A forwarder of datagrams before a DNS server that counts questions and can lie.
//!
//! In: the server, a [`Lie`]. Out: its answers, changed as the lie says; the questions so far.
//! Failure: what cannot be forwarded gets no answer.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How often the end of the test is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const DATAGRAM_MAX: usize = 65_535;
const HEADER: usize = 12;
/// The end of a question for keys.
const DNSKEY: &str = "/48";

/// What becomes of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// It is passed on as it is.
    None,
    /// It says that it was checked (AD).
    Authentic,
    /// It says that the server is in trouble (SERVFAIL).
    Trouble,
    /// It says that there is nothing, without proof (NXDOMAIN).
    Nothing,
    /// It comes without signatures, except for keys (type DNSKEY).
    Stripped,
    /// There is no answer.
    Silence,
}

/// A running forwarder; it ends when dropped.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    questions: Mutex<Vec<String>>,
    lie: Mutex<Lie>,
    ends: AtomicBool,
}

impl Tap {
    /// A forwarder before this server.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn before(server: SocketAddr, lie: Lie) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        socket.set_read_timeout(Some(LOOK_EVERY)).expect("a socket takes a limit");
        let address = socket.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            questions: Mutex::new(Vec::new()),
            lie: Mutex::new(lie),
            ends: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let thread = Some(thread::spawn(move || forward(&socket, server, &shared)));
        Self { address, state, thread }
    }

    /// Where it listens, on UDP alone.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The questions so far as `name/number of the type`, such as `mail.test/1`.
    #[must_use]
    pub fn questions(&self) -> Vec<String> {
        self.state.questions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lies otherwise from now on.
    pub fn tell(&self, lie: Lie) {
        *self.state.lie.lock().unwrap_or_else(PoisonError::into_inner) = lie;
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn forward(socket: &UdpSocket, server: SocketAddr, state: &State) {
    let mut datagram = vec![0; DATAGRAM_MAX];
    while !state.ends.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut datagram) else { continue };
        let question = &datagram[..length];
        state.questions.lock().unwrap_or_else(PoisonError::into_inner).extend(read(question));
        let lie = *state.lie.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answer(question, server, lie) {
            drop(socket.send_to(&answer, from));
        }
    }
}

fn answer(question: &[u8], server: SocketAddr, lie: Lie) -> Option<Vec<u8>> {
    let denied = |code: u8| {
        let mut denial = question.get(..end_of_question(question)?)?.to_vec();
        (denial[2], denial[3]) = (0x81, 0x80 | code);
        // One question, and nothing else.
        denial[6..HEADER].fill(0);
        Some(denial)
    };
    match lie {
        Lie::Silence => None,
        Lie::Trouble => denied(2),
        Lie::Nothing => denied(3),
        Lie::None | Lie::Authentic | Lie::Stripped => {
            let mut question = question.to_vec();
            if lie == Lie::Stripped && !read(&question)?.ends_with(DNSKEY) {
                // The flags of the OPT record, which comes next: not DO (RFC 6891 section 6.1.3).
                let flags = end_of_question(&question)? + 7;
                *question.get_mut(flags)? &= 0x7f;
            }
            let ours = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            ours.set_read_timeout(Some(ANSWER_MAX)).ok()?;
            ours.send_to(&question, server).ok()?;
            let mut datagram = vec![0; DATAGRAM_MAX];
            let length = ours.recv(&mut datagram).ok()?;
            datagram.truncate(length);
            if lie == Lie::Authentic {
                *datagram.get_mut(3)? |= 0x20;
            }
            Some(datagram)
        }
    }
}

fn end_of_question(datagram: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    while *datagram.get(at)? != 0 {
        at += 1 + usize::from(datagram[at]);
    }
    Some(at + 5)
}

fn read(datagram: &[u8]) -> Option<String> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    while *datagram.get(at)? != 0 {
        let end = at + 1 + usize::from(datagram[at]);
        labels.push(String::from_utf8_lossy(datagram.get(at + 1..end)?).to_lowercase());
        at = end;
    }
    let kind = u16::from_be_bytes(datagram.get(at + 1..at + 3)?.try_into().ok()?);
    Some(format!("{}/{kind}", labels.join(".")))
}
