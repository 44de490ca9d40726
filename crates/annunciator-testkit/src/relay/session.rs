//! One connection: commands in, replies out, by the book and by the script.
//!
//! Standard: RFC 5321 section 4.3 (sequencing), RFC 2920 (PIPELINING), RFC 3207 (STARTTLS),
//! RFC 4954 (AUTH).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::authentication::{self, Credentials};
use super::command::{self, Announced};
use super::gsasl;
use super::record::{AuthAttempt, Record, Speaker};
use super::script::{Action, Plan, Stage};
use super::setup::Setup;
use super::transaction::Transaction;
use super::wire::{Stop, Wire};

/// Most commands of one connection.
const COMMANDS_MAX: u64 = 10_000_000;
/// Most commands kept in the record of one connection.
const COMMANDS_KEPT_MAX: usize = 10_000;

pub(crate) struct Session {
    pub(crate) setup: Arc<Setup>,
    pub(crate) record: Arc<Record>,
    pub(crate) wire: Wire,
    pub(crate) number: u64,
    /// What the last EHLO announced.
    pub(crate) announced: Announced,
    /// Was there an EHLO or HELO since the start or since STARTTLS?
    pub(crate) hello: bool,
    pub(crate) user: Option<String>,
    pub(crate) transaction: Option<Transaction>,
    /// Was the last MAIL refused, so that the rest of a pipelined group may still follow?
    pub(crate) mail_refused: bool,
    pub(crate) messages: u64,
}

/// Runs a session to its end and closes its record.
pub(crate) async fn run(
    setup: Arc<Setup>,
    record: Arc<Record>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let number = record.open(peer);
    // Kept apart from the session so that the record is closed when the task is aborted, too.
    let mut closing =
        Closing { record: Arc::clone(&record), number, why: "relay went down".into() };
    let mut session = Session {
        setup,
        record,
        wire: Wire::new(stream),
        number,
        announced: Announced::default(),
        hello: false,
        user: None,
        transaction: None,
        mail_refused: false,
        messages: 0,
    };
    let Err(Stop(why)) = session.converse().await;
    // The socket is closed before the record says so.
    drop(session);
    closing.why = why;
}

struct Closing {
    record: Arc<Record>,
    number: u64,
    why: String,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.record.close(self.number, &self.why);
    }
}

impl Session {
    async fn converse(&mut self) -> Result<std::convert::Infallible, Stop> {
        let plan = self.setup.script.plan(Stage::Connect, self.number, &[]);
        if plan != Plan::default() {
            let acts = plan.action.is_some();
            self.perform(plan, "").await?;
            if acts {
                return self.leave("the relay closed at once").await;
            }
        }
        if self.setup.implicit_tls.is_some() {
            self.handshake().await?;
        }
        self.greet().await?;
        self.turn_tls_away().await?;
        let mut line = Vec::new();
        for _ in 0..COMMANDS_MAX {
            line.clear();
            self.wire.append_line(&mut line).await?;
            self.obey(&line).await?;
        }
        Err(Stop::new("the relay closed: too many commands"))
    }

    async fn greet(&mut self) -> Result<(), Stop> {
        let banner = format!("220 {} ESMTP scripted relay", self.setup.name);
        if self.record.lists().open > self.setup.connections_max {
            self.say("421 4.7.0 too many connections");
            return self.leave("too many connections").await.map(drop);
        }
        if self.wire.has_input().await && !self.wire.begins_tls() {
            self.violation("the client talks before the greeting");
        }
        if self.answer(Stage::Greeting, &[], &banner).await? != 220 {
            // RFC 5321 section 3.1: what follows a refusing banner is QUIT.
            self.note("no session was offered");
        }
        Ok(())
    }

    /// A client that takes this port for one with TLS from the first octet has not spoken SMTP, and
    /// breaks none of its rules; it gets the greeting, as from any server.
    async fn turn_tls_away(&mut self) -> Result<(), Stop> {
        if self.wire.in_tls() {
            return Ok(());
        }
        self.wire.await_input().await?;
        if self.wire.begins_tls() {
            return self.leave("the client began TLS on a plain port").await.map(drop);
        }
        Ok(())
    }

    async fn obey(&mut self, line: &[u8]) -> Result<(), Stop> {
        let (text, faults) = command::read_line(line, false);
        for fault in faults {
            self.violation(&fault);
        }
        self.heard(&text);
        let (verb, arguments) = text.split_once(' ').unwrap_or((&text, ""));
        let verb = verb.to_ascii_uppercase();
        let is_chunk = verb == "BDAT" && self.announced.chunking;
        let ends_group = !is_chunk && !matches!(verb.as_str(), "MAIL" | "RCPT" | "RSET");
        let pipelines = self.announced.pipelining || is_chunk;
        if (ends_group || !pipelines) && self.wire.has_input().await {
            let why = if self.announced.pipelining { "must end a pipelined group" } else { "" };
            self.violation(&format!("sent ahead: more follows {verb} before its reply {why}"));
        }
        if !arguments.is_ascii() && !self.announced.smtputf8 {
            self.violation("non-ASCII command, SMTPUTF8 was not announced");
        }
        match verb.as_str() {
            "EHLO" | "HELO" => self.hello(&verb, arguments).await,
            "STARTTLS" => self.starttls(arguments).await,
            "AUTH" => self.auth(arguments).await,
            "MAIL" => self.mail(arguments).await,
            "RCPT" => self.rcpt(arguments).await,
            "DATA" => self.data(arguments).await,
            "BDAT" if self.setup.chunking => self.bdat(arguments).await,
            "RSET" => {
                self.transaction = None;
                self.mail_refused = false;
                self.answer(Stage::Rset, &[], "250 2.0.0 reset").await.map(drop)
            }
            "NOOP" => self.tell("250 2.0.0 fine"),
            "VRFY" => self.tell("252 2.5.0 send and see"),
            "HELP" => self.tell("214 2.0.0 see RFC 5321"),
            "QUIT" => {
                self.answer(Stage::Quit, &[], "221 2.0.0 bye").await?;
                self.leave("the client quit").await.map(drop)
            }
            _ => {
                self.violation(&format!("unknown command `{text}`"));
                self.tell("500 5.5.1 unknown command")
            }
        }
    }

    async fn hello(&mut self, verb: &str, name: &str) -> Result<(), Stop> {
        if name.is_empty() || name.contains(' ') {
            self.violation(&format!("{verb} with the name `{name}`"));
        }
        self.record.connection(self.number, |record| record.ehlo_names.push(name.to_owned()));
        let usual = if verb == "EHLO" { self.capabilities() } else { self.setup.name.clone() };
        let usual = if verb == "EHLO" { usual } else { format!("250 {usual}") };
        let plan = self.setup.script.plan(Stage::Ehlo, self.number, &[name]);
        let shown = plan.first_line(&usual).unwrap_or_default();
        if self.perform(plan, &usual).await? / 100 == 2 {
            self.hello = true;
            self.transaction = None;
            self.mail_refused = false;
            let extended = verb == "EHLO";
            self.announced =
                if extended { Announced::from_reply(&shown) } else { Announced::default() };
        }
        Ok(())
    }

    fn capabilities(&self) -> String {
        let (setup, tls) = (&self.setup, self.wire.in_tls());
        let mut lines = vec![format!("{} greets you", setup.name)];
        let named = [
            (setup.pipelining, "PIPELINING"),
            (setup.eight_bit, "8BITMIME"),
            (setup.smtputf8, "SMTPUTF8"),
            (setup.chunking, "CHUNKING"),
            (setup.dsn, "DSN"),
            (setup.require_tls && tls, "REQUIRETLS"),
            (setup.starttls.is_some() && !tls, "STARTTLS"),
            (true, "ENHANCEDSTATUSCODES"),
        ];
        lines.extend(named.iter().filter(|(on, _)| *on).map(|(_, name)| (*name).to_owned()));
        lines.extend(setup.size.map(|octets| format!("SIZE {octets}")));
        if !setup.auth.is_empty() && (tls || !setup.auth_in_tls_only) {
            lines.push(format!("AUTH {}", setup.auth.join(" ")));
        }
        lines.extend(setup.lines.iter().cloned());
        if !tls {
            lines.extend(setup.lines_before_tls.iter().cloned());
        }
        let last = lines.len() - 1;
        let join = |(at, line): (usize, &String)| {
            format!("250{}{line}", if at == last { ' ' } else { '-' })
        };
        lines.iter().enumerate().map(join).collect::<Vec<_>>().join("\r\n")
    }

    async fn starttls(&mut self, arguments: &str) -> Result<(), Stop> {
        if !self.announced.starttls || self.wire.in_tls() || !arguments.is_empty() {
            self.violation("STARTTLS was not announced, or has arguments");
            return self.tell("502 5.5.1 no STARTTLS");
        }
        if self.transaction.is_some() {
            self.violation("STARTTLS within a transaction");
        }
        if self.answer(Stage::StartTls, &[], "220 2.0.0 go ahead").await? != 220 {
            return Ok(());
        }
        self.wire.flush().await?;
        self.handshake().await?;
        // RFC 3207 section 4.2: both sides forget what they knew.
        self.hello = false;
        self.announced = Announced::default();
        self.user = None;
        self.transaction = None;
        Ok(())
    }

    async fn handshake(&mut self) -> Result<(), Stop> {
        let plan = self.setup.script.plan(Stage::Handshake, self.number, &[]);
        let acts = plan.action.is_some();
        if acts {
            // What comes before the client has begun would be an injection, and nothing else.
            self.wire.flush().await?;
            self.wire.await_input().await?;
        }
        self.perform(plan, "").await?;
        if acts {
            self.wire.flush().await?;
            self.wire.drain().await;
            return Err(Stop::new("no handshake, by script"));
        }
        let setup = Arc::clone(&self.setup);
        let implicit = setup.implicit_tls.as_ref();
        let context = implicit.or(setup.starttls.as_ref()).expect("a setup with TLS");
        match self.wire.start_tls(context).await {
            Ok(tls) => {
                self.note(&format!("{} {}", tls.version, tls.cipher));
                self.record.connection(self.number, |record| record.tls = Some(tls));
                Ok(())
            }
            Err(error) => {
                self.record.connection(self.number, |record| {
                    record.tls_error = Some(error.clone());
                });
                Err(Stop(format!("handshake failed: {error}")))
            }
        }
    }

    async fn auth(&mut self, arguments: &str) -> Result<(), Stop> {
        let (mechanism, initial) = match arguments.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.to_owned())),
            None => (arguments, None),
        };
        let mechanism = mechanism.to_ascii_uppercase();
        if !self.hello || self.user.is_some() || self.transaction.is_some() {
            self.violation("AUTH out of order");
            return self.tell("503 5.5.1 AUTH out of order");
        }
        if self.setup.tls_required && !self.wire.in_tls() {
            return self.tell("530 5.7.0 STARTTLS first");
        }
        if !self.announced.auth.contains(&mechanism) {
            self.violation(&format!("AUTH {mechanism} was not announced"));
            return self.tell("504 5.5.4 unknown mechanism");
        }
        let Some(got) = self.credentials(&mechanism, initial).await? else {
            return self.tell("501 5.5.2 AUTH broken off or malformed");
        };
        let known = self.setup.users.is_empty()
            || mechanism == "EXTERNAL"
            || self.setup.users.contains(&(got.identity.clone(), got.secret.clone()));
        let usual = if known { "235 2.7.0 welcome" } else { "535 5.7.8 authentication failed" };
        let plan = self.setup.script.plan(Stage::Auth, self.number, &[&got.identity]);
        let shown = plan.first_line(usual).unwrap_or_default();
        let attempt = AuthAttempt {
            mechanism,
            identity: got.identity.clone(),
            secret: got.secret,
            tls: self.wire.in_tls(),
            accepted: shown.starts_with("235"),
        };
        self.record.connection(self.number, |record| record.auth.push(attempt));
        if self.perform(plan, usual).await? == 235 {
            self.user = Some(got.identity);
        }
        Ok(())
    }

    /// Asks for what the mechanism needs; nothing when the client breaks off or sends rubbish.
    async fn credentials(
        &mut self,
        mechanism: &str,
        initial: Option<String>,
    ) -> Result<Option<Credentials>, Stop> {
        if gsasl::judges(mechanism) {
            return self.credentials_by_gsasl(mechanism, initial).await;
        }
        if mechanism == "LOGIN" {
            let identity = match initial {
                Some(initial) => initial,
                None => self.challenge("334 VXNlcm5hbWU6").await?,
            };
            let secret = self.challenge("334 UGFzc3dvcmQ6").await?;
            let decoded = [identity, secret].map(|text| authentication::decode(&text));
            let [Some(identity), Some(secret)] = decoded else {
                self.violation("AUTH answer is not base64");
                return Ok(None);
            };
            let [identity, secret] =
                [identity, secret].map(|octets| String::from_utf8_lossy(&octets).into_owned());
            return Ok(Some(Credentials { identity, secret }));
        }
        let answer = match initial {
            Some(initial) => initial,
            None => self.challenge("334 ").await?,
        };
        if answer == "*" {
            return Ok(None);
        }
        let decoded = authentication::decode(&answer);
        let read = decoded.and_then(|octets| authentication::read_answer(mechanism, &octets));
        if read.is_none() {
            self.violation(&format!("malformed AUTH {mechanism} answer"));
        }
        Ok(read)
    }

    pub(crate) async fn challenge(&mut self, challenge: &str) -> Result<String, Stop> {
        self.say(challenge);
        let mut line = Vec::new();
        self.wire.append_line(&mut line).await?;
        let (text, faults) = command::read_line(&line, true);
        for fault in faults {
            self.violation(&fault);
        }
        self.heard(&text);
        if self.wire.has_input().await {
            self.violation("sent ahead: more follows an AUTH answer before its reply");
        }
        Ok(text)
    }

    /// Replies as the script wants, else as usual; gives the code that the client sees.
    pub(crate) async fn answer(
        &mut self,
        stage: Stage,
        addresses: &[&str],
        usual: &str,
    ) -> Result<u16, Stop> {
        let plan = self.setup.script.plan(stage, self.number, addresses);
        self.perform(plan, usual).await
    }

    /// Carries a plan out; an empty `usual` stands for no reply.
    pub(crate) async fn perform(&mut self, plan: Plan, usual: &str) -> Result<u16, Stop> {
        let code = plan.first_line(usual).as_deref().map_or(0, reply_code);
        if !plan.delay.is_zero() {
            self.wire.flush().await?;
            tokio::time::sleep(plan.delay).await;
        }
        match plan.action {
            None | Some(Action::Delay(_)) if usual.is_empty() => {}
            None | Some(Action::Delay(_)) => self.say(usual),
            Some(Action::Reply(text)) => {
                self.say(&text);
                if code == 421 {
                    return self.leave("the relay closed after 421").await.map(|_| code);
                }
            }
            Some(Action::ReplyThenClose(text)) => {
                self.say(&text);
                self.wire.flush().await?;
                return Err(Stop::new("the relay closed after its reply"));
            }
            Some(Action::Raw(octets)) => self.send_pieces(&[octets], Duration::ZERO).await?,
            Some(Action::Segments { pieces, pause }) => self.send_pieces(&pieces, pause).await?,
            Some(Action::DripFeed { every }) => {
                self.record.say(self.number, Speaker::Relay, usual);
                let pieces: Vec<_> = usual.bytes().chain(*b"\r\n").map(|one| vec![one]).collect();
                self.send_pieces(&pieces, every).await?;
            }
            Some(Action::Close) => {
                self.wire.flush().await?;
                return Err(Stop::new("the relay closed, by script"));
            }
            Some(Action::CloseAfterReading) => {
                self.wire.flush().await?;
                self.wire.end().await;
                self.wire.drain().await;
                return Err(Stop::new("the relay ended its side, by script"));
            }
            Some(Action::Silence) => {
                self.wire.flush().await?;
                self.note("silence, by script");
                self.wire.drain().await;
                return Err(Stop::new("the client gave up on a silent relay"));
            }
        }
        Ok(code)
    }

    async fn send_pieces(&mut self, pieces: &[Vec<u8>], pause: Duration) -> Result<(), Stop> {
        if pieces.len() < 8 {
            let text = String::from_utf8_lossy(&pieces.concat()).escape_debug().to_string();
            self.record.say(self.number, Speaker::Relay, &format!("(raw) {text}"));
        }
        for (at, piece) in pieces.iter().enumerate() {
            self.wire.flush().await?;
            if at > 0 && !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            self.wire.queue(piece);
        }
        self.wire.flush().await
    }

    /// Says goodbye properly: all replies out, our side ended.
    async fn leave(&mut self, why: &str) -> Result<std::convert::Infallible, Stop> {
        self.wire.flush().await?;
        self.wire.end().await;
        Err(Stop::new(why))
    }

    pub(crate) fn say(&mut self, reply: &str) {
        for line in reply.lines() {
            self.record.say(self.number, Speaker::Relay, line);
        }
        self.wire.queue(reply.as_bytes());
        if !reply.ends_with('\n') {
            self.wire.queue(b"\r\n");
        }
    }

    pub(crate) fn tell(&mut self, reply: &str) -> Result<(), Stop> {
        self.say(reply);
        Ok(())
    }

    fn heard(&self, command: &str) {
        if self.record.counting_only {
            return;
        }
        self.record.say(self.number, Speaker::Client, command);
        self.record.connection(self.number, |record| {
            if record.commands.len() < COMMANDS_KEPT_MAX {
                record.commands.push(command.to_owned());
            }
        });
    }

    pub(crate) fn note(&self, text: &str) {
        self.record.say(self.number, Speaker::Note, text);
    }

    pub(crate) fn violation(&self, text: &str) {
        self.record.violation(self.number, text.trim_end().to_owned());
    }
}

/// The code of a reply, 0 when it has none.
fn reply_code(reply: &str) -> u16 {
    reply.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
