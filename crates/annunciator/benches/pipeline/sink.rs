//! A relay that takes all mail and keeps nothing but the number of each and when it came.
//!
//! Standard: RFC 5321, RFC 2920, as much of them as the server under test uses.
//!
//! Concurrency: a thread per connection. `arrived` is notified after each mail, `gate` once, when
//! the sink begins to answer. All threads end when their peer closes or the process ends.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::events::TOKEN;

/// Longest wait for mails.
const LIMIT: Duration = Duration::from_secs(300);
/// What EHLO is answered with.
const HELLO: &str = "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                     250 SIZE 10485760\r\n";

/// The sink.
pub(crate) struct Sink {
    pub(crate) port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    mails: Mutex<Vec<(u32, Instant)>>,
    arrived: Condvar,
    is_open: Mutex<bool>,
    gate: Condvar,
}

impl State {
    fn mails(&self) -> MutexGuard<'_, Vec<(u32, Instant)>> {
        self.mails.lock().expect("no panic while it is held")
    }
}

impl Sink {
    /// A sink that answers from the start.
    pub(crate) fn open() -> Self {
        let sink = Self::closed();
        sink.open_gate();
        sink
    }

    /// A sink that takes connections and says nothing until [`Self::open_gate`].
    pub(crate) fn closed() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has room");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::<State>::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                // A peer that goes away ends its own connection only.
                std::thread::spawn(move || serve(&state, &stream).ok());
            }
        });
        Self { port, state }
    }

    /// Lets the sink answer.
    pub(crate) fn open_gate(&self) {
        *self.state.is_open.lock().expect("no panic while it is held") = true;
        self.state.gate.notify_all();
    }

    /// Waits for so many different mails; when the first of each number came, by number.
    pub(crate) fn wait_for(&self, count: u32) -> Vec<Instant> {
        let count = count as usize;
        let mails = self.state.mails();
        let (mut mails, wait) = self
            .state
            .arrived
            .wait_timeout_while(mails, LIMIT, |mails| mails.len() < count)
            .expect("no panic while it is held");
        assert!(!wait.timed_out(), "{} of {count} mails came", mails.len());
        mails.sort_unstable();
        let copies = mails.len();
        mails.dedup_by_key(|(number, _)| *number);
        assert_eq!((copies, mails.len()), (count, count), "no faults, so no copies and no losses");
        mails.iter().map(|(_, at)| *at).collect()
    }
}

fn serve(state: &State, stream: &TcpStream) -> std::io::Result<()> {
    let open = state.is_open.lock().expect("no panic while it is held");
    drop(state.gate.wait_while(open, |is_open| !*is_open).expect("no panic while it is held"));
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut writer = BufWriter::new(stream);
    writer.write_all(b"220 sink ESMTP\r\n")?;
    let mut line = Vec::new();
    loop {
        if reader.buffer().is_empty() {
            writer.flush()?;
        }
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        line.make_ascii_uppercase();
        if line.starts_with(b"DATA") {
            writer.write_all(b"354 go on\r\n")?;
            writer.flush()?;
            let number = take_mail(&mut reader)?;
            state.mails().push((number, Instant::now()));
            state.arrived.notify_all();
            writer.write_all(b"250 2.0.0 Ok: taken\r\n")?;
        } else if line.starts_with(b"EHLO") {
            writer.write_all(HELLO.as_bytes())?;
        } else if line.starts_with(b"QUIT") {
            writer.write_all(b"221 2.0.0 Bye\r\n")?;
            return writer.flush();
        } else {
            writer.write_all(b"250 2.0.0 Ok\r\n")?;
        }
    }
}

/// Reads a mail to its final dot; the number in its subject.
fn take_mail(reader: &mut impl BufRead) -> std::io::Result<u32> {
    let mut number = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return number.ok_or_else(|| std::io::Error::other("a mail without a number"));
        }
        if number.is_none() && line.starts_with(b"Subject:") {
            let text = String::from_utf8_lossy(&line);
            number = text.split_once(TOKEN).and_then(|(_, digits)| digits.trim().parse().ok());
        }
    }
}
