//! A small relay that catches mail: SMTP sessions into [`Caught`] messages.
//!
//! Standard: RFC 5321 (SMTP), 2920 (PIPELINING), 6152 (8BITMIME), 6531 (SMTPUTF8), 1870 (SIZE).
//! Nothing leaves the machine. It can refuse one recipient and put another off once, so that the
//! ledger has something to tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use annunciator_core::Timestamp;
use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::moment;

/// Longest command line. Unit: octets.
const LINE_SIZE_MAX: u64 = 4096;
/// Longest line of a message that is read in one piece. Unit: octets.
const DATA_LINE_SIZE_MAX: u64 = 64 * 1024;
const MESSAGE_SIZE_MAX: usize = 10 * 1024 * 1024;
const RECIPIENTS_MAX: usize = 100;
const SESSIONS_MAX: usize = 64;
const COMMANDS_MAX: usize = 100_000;
const IDLE_TIME_MAX: Duration = Duration::from_secs(300);
/// Mails that wait to be shown.
const CAUGHT_MAX: usize = 64;

/// A caught message.
#[derive(Debug)]
pub(super) struct Caught {
    /// When.
    pub(super) at: Timestamp,
    /// The recipients of the envelope.
    pub(super) recipients: Vec<String>,
    /// The message.
    pub(super) octets: Vec<u8>,
}

/// Whom it does not serve at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moods {
    /// Refused for good.
    pub(super) refused: Option<&'static str>,
    /// Put off the first time.
    pub(super) put_off: Option<&'static str>,
}

/// Everything that the sessions share.
struct Shared {
    moods: Moods,
    has_put_off: AtomicBool,
    count: AtomicU32,
    caught: mpsc::Sender<Caught>,
}

/// Starts the relay on a free port; it ends with the runtime.
pub(super) async fn start(moods: Moods) -> Result<(u16, mpsc::Receiver<Caught>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for the relay")?;
    let port = listener.local_addr()?.port();
    let (sender, receiver) = mpsc::channel(CAUGHT_MAX);
    let shared = Arc::new(Shared {
        moods,
        has_put_off: AtomicBool::new(false),
        count: AtomicU32::new(0),
        caught: sender,
    });
    tokio::spawn(accept(listener, shared));
    Ok((port, receiver))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(SESSIONS_MAX));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // What is wrong with a session is the client's to notice.
                    let _ = Session::new(stream, shared).run().await;
                    drop(place);
                });
            }
            // Out of files, perhaps: the next one may fit again.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// One session.
struct Session {
    stream: BufReader<TcpStream>,
    replies: Vec<u8>,
    has_transaction: bool,
    recipients: Vec<String>,
    shared: Arc<Shared>,
}

impl Session {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        // Replies are small and waited for.
        let _ = stream.set_nodelay(true);
        let stream = BufReader::new(stream);
        Self { stream, replies: Vec::new(), has_transaction: false, recipients: Vec::new(), shared }
    }

    async fn run(mut self) -> std::io::Result<()> {
        self.reply("220 demo.relay.example ESMTP catches everything, sends nothing");
        for _ in 0..COMMANDS_MAX {
            let Some(line) = self.read_command().await? else { return Ok(()) };
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.hello(),
                "HELO" => self.reply("250 demo.relay.example"),
                "MAIL" => self.mail(),
                "RCPT" => self.recipient(&line),
                "DATA" => self.message().await?,
                "RSET" => {
                    self.forget();
                    self.reply("250 2.0.0 Ok");
                }
                "NOOP" => self.reply("250 2.0.0 Ok"),
                "QUIT" => {
                    self.reply("221 2.0.0 Bye");
                    return self.flush().await;
                }
                _ => self.reply("502 5.5.1 Command not known here"),
            }
        }
        self.reply("421 4.7.0 Too many commands");
        self.flush().await
    }

    fn reply(&mut self, text: &str) {
        self.replies.extend_from_slice(text.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> std::io::Result<()> {
        let replies = std::mem::take(&mut self.replies);
        self.stream.get_mut().write_all(&replies).await
    }

    /// Reads a line; replies to pipelined commands are kept until the client waits for them.
    async fn read_line(&mut self, size_max: u64) -> std::io::Result<Vec<u8>> {
        if self.stream.buffer().is_empty() && !self.replies.is_empty() {
            self.flush().await?;
        }
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(size_max);
        let read = limited.read_until(b'\n', &mut line);
        match tokio::time::timeout(IDLE_TIME_MAX, read).await {
            Ok(read) => read.map(|_| line),
            Err(_) => Ok(Vec::new()),
        }
    }

    async fn read_command(&mut self) -> std::io::Result<Option<String>> {
        let line = self.read_line(LINE_SIZE_MAX).await?;
        if !line.ends_with(b"\n") {
            if !line.is_empty() {
                self.reply("500 5.5.2 Line too long");
                self.flush().await?;
            }
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    fn hello(&mut self) {
        self.forget();
        self.reply("250-demo.relay.example");
        self.reply("250-PIPELINING");
        self.reply("250-8BITMIME");
        self.reply("250-SMTPUTF8");
        self.reply("250-ENHANCEDSTATUSCODES");
        self.reply(&format!("250 SIZE {MESSAGE_SIZE_MAX}"));
    }

    fn mail(&mut self) {
        self.forget();
        self.has_transaction = true;
        self.reply("250 2.1.0 Ok");
    }

    fn recipient(&mut self, line: &str) {
        let address = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        let Some((address, _)) = address else {
            return self.reply("501 5.1.3 RCPT TO:<address> is the form");
        };
        let Moods { refused, put_off } = self.shared.moods;
        if !self.has_transaction {
            self.reply("503 5.5.1 MAIL first");
        } else if refused == Some(address) {
            self.reply(&format!("550 5.1.1 <{address}> does not work here any more"));
        } else if put_off == Some(address) && !self.shared.has_put_off.swap(true, Ordering::Relaxed)
        {
            self.reply("451 4.7.1 Greylisted: please try again in a minute");
        } else if self.recipients.len() >= RECIPIENTS_MAX {
            self.reply("452 4.5.3 Too many recipients");
        } else {
            self.recipients.push(address.to_owned());
            self.reply("250 2.1.5 Ok");
        }
    }

    async fn message(&mut self) -> std::io::Result<()> {
        if self.recipients.is_empty() {
            self.reply("554 5.5.1 No valid recipients");
            return Ok(());
        }
        self.reply("354 End data with <CR><LF>.<CR><LF>");
        let Some(octets) = self.read_message().await? else {
            self.reply("552 5.3.4 Message too big");
            self.forget();
            return Ok(());
        };
        let number = self.shared.count.fetch_add(1, Ordering::Relaxed) + 1;
        let recipients = std::mem::take(&mut self.recipients);
        let caught = Caught { at: moment::now(), recipients, octets };
        self.forget();
        match self.shared.caught.send(caught).await {
            Ok(()) => self.reply(&format!("250 2.0.0 Ok: queued as DEMO{number:04}")),
            Err(_) => self.reply("451 4.3.0 The demonstration is over"),
        }
        Ok(())
    }

    /// Reads to the final dot; nothing when it was too big.
    async fn read_message(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let (mut octets, mut is_line_begin, mut is_too_big) = (Vec::new(), true, false);
        loop {
            let line = self.read_line(DATA_LINE_SIZE_MAX).await?;
            if line.is_empty() {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if is_line_begin && line == b".\r\n" {
                return Ok((!is_too_big).then_some(octets));
            }
            let stuffed = if is_line_begin { line.strip_prefix(b".") } else { None };
            is_too_big |= octets.len() + line.len() > MESSAGE_SIZE_MAX;
            if !is_too_big {
                octets.extend_from_slice(stuffed.unwrap_or(&line));
            }
            is_line_begin = line.ends_with(b"\r\n");
        }
    }

    fn forget(&mut self) {
        self.has_transaction = false;
        self.recipients.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says everything at once, as a pipelining client does, and reads all replies.
    async fn converse(moods: Moods, commands: &str) -> (String, Vec<Caught>) {
        let (port, mut receiver) = start(moods).await.unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(commands.replace('\n', "\r\n").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut replies = String::new();
        stream.read_to_string(&mut replies).await.unwrap();
        let mut caught = Vec::new();
        while let Ok(mail) = receiver.try_recv() {
            caught.push(mail);
        }
        (replies.replace("\r\n", "\n"), caught)
    }

    #[tokio::test]
    async fn a_pipelined_transaction_is_caught_without_its_dots() {
        let commands = "EHLO a\nMAIL FROM:<a@b> SIZE=9\nRCPT TO:<c@d>\nDATA\n..x\ny\n.\nQUIT\n";
        let (replies, caught) = converse(Moods::default(), commands).await;
        assert!(
            replies.ends_with("250 2.0.0 Ok: queued as DEMO0001\n221 2.0.0 Bye\n"),
            "{replies}"
        );
        assert_eq!(caught.len(), 1);
        assert_eq!(caught[0].octets, b".x\r\ny\r\n");
        assert_eq!(caught[0].recipients, ["c@d"]);
    }

    #[tokio::test]
    async fn one_recipient_is_refused_and_one_is_put_off_once() {
        let moods = Moods { refused: Some("gone@d"), put_off: Some("later@d") };
        let commands = "EHLO a\nMAIL FROM:<>\nRCPT TO:<gone@d>\nRCPT TO:<later@d>\nDATA\n\
                        RCPT TO:<later@d>\nDATA\nx\n.\nQUIT\n";
        let (replies, caught) = converse(moods, commands).await;
        let codes: Vec<&str> = replies.lines().skip(7).map(|line| &line[..9]).collect();
        let expected = [
            "250 2.1.0",
            "550 5.1.1",
            "451 4.7.1",
            "554 5.5.1",
            "250 2.1.5",
            "354 End d",
            "250 2.0.0",
            "221 2.0.0",
        ];
        assert_eq!(codes, expected, "{replies}");
        assert_eq!(caught[0].recipients, ["later@d"]);
    }

    #[tokio::test]
    async fn commands_out_of_order_are_refused() {
        let (replies, caught) =
            converse(Moods::default(), "RCPT TO:<a@b>\nDATA\nWHAT\nRCPT x\n").await;
        let codes: Vec<&str> = replies.lines().skip(1).map(|line| &line[..3]).collect();
        assert_eq!(codes, ["503", "554", "502", "501"]);
        assert!(caught.is_empty());
    }
}
