//! MAIL, RCPT and DATA: an envelope and octets become a [`Message`] in the record.
//!
//! Standard: RFC 5321 section 3.3 and 4.5.2 (dots), RFC 6152, RFC 1870, RFC 6531.

use std::time::Instant;

use super::command::{self, PathCommand};
use super::message::Message;
use super::parameters::{fits_mail, fits_rcpt};
use super::script::Stage;
use super::session::Session;
use super::wire::Stop;

/// Longest line of a message without CRLF (RFC 5321 section 4.5.3.1.6).
const LINE_OCTETS_MAX: usize = 998;
/// Longest message that is read at all.
const MESSAGE_OCTETS_MAX: usize = 256 << 20;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Transaction {
    reverse_path: String,
    forward_paths: Vec<String>,
    smtputf8: bool,
    eight_bit: bool,
    /// What BDAT brought; none before the first BDAT.
    chunks: Option<Vec<u8>>,
}

/// A parameter that was not announced or makes no sense gets this.
const BAD_PARAMETER: &str = "555 5.5.4 parameter not recognised";

impl Session {
    pub(crate) async fn mail(&mut self, arguments: &str) -> Result<(), Stop> {
        if !self.hello || self.transaction.is_some() {
            self.violation("MAIL before EHLO or within a transaction");
            return self.tell("503 5.5.1 MAIL out of order");
        }
        if self.messages >= self.setup.messages_per_connection_max {
            let text = "421 4.7.0 too many messages on this connection".to_owned();
            let plan = super::script::Plan {
                action: Some(super::script::Action::Reply(text)),
                ..Default::default()
            };
            return self.perform(plan, "").await.map(drop);
        }
        let Some(read) = self.path(arguments, "FROM:") else {
            return self.tell("501 5.5.4 malformed MAIL");
        };
        self.mail_refused = true;
        if self.setup.tls_required && !self.wire.in_tls() {
            return self.tell("530 5.7.0 STARTTLS first");
        }
        if self.setup.auth_required && self.user.is_none() {
            return self.tell("530 5.7.0 authentication required");
        }
        let mut transaction =
            Transaction { reverse_path: read.path.clone(), ..Transaction::default() };
        if let Err(refusal) = self.read_parameters(&read, &mut transaction) {
            return self.tell(refusal);
        }
        if !read.path.is_ascii() && !transaction.smtputf8 {
            self.violation("non-ASCII reverse-path without SMTPUTF8");
        }
        let code = self.answer(Stage::Mail, &[&read.path], "250 2.1.0 sender fine").await?;
        if code / 100 == 2 {
            self.mail_refused = false;
            self.transaction = Some(transaction);
        }
        Ok(())
    }

    fn path(&self, arguments: &str, keyword: &str) -> Option<PathCommand> {
        let read = command::read_path(arguments, keyword);
        match &read {
            Some(read) => read.faults.iter().for_each(|fault| self.violation(fault)),
            None => self.violation(&format!("malformed path in `{arguments}`")),
        }
        read
    }

    fn read_parameters(
        &self,
        read: &PathCommand,
        transaction: &mut Transaction,
    ) -> Result<(), &'static str> {
        for (name, value) in &read.parameters {
            let announced = &self.announced;
            match (name.as_str(), value.as_deref()) {
                ("SIZE", Some(octets)) if announced.size => {
                    let octets: usize = octets.parse().map_err(|_| "501 5.5.4 bad SIZE")?;
                    if self.setup.size.is_some_and(|max| octets > max) {
                        return Err("552 5.3.4 message too big");
                    }
                }
                ("BODY", Some("8BITMIME")) if announced.eight_bit => transaction.eight_bit = true,
                ("BODY", Some("7BIT")) if announced.eight_bit => {}
                ("SMTPUTF8", None) if announced.smtputf8 => transaction.smtputf8 = true,
                ("AUTH", Some(_)) if !announced.auth.is_empty() => {}
                (name, value) if fits_mail(announced, name, value) => {}
                _ => {
                    self.violation(&format!("parameter {name} was not announced or is malformed"));
                    return Err(BAD_PARAMETER);
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn rcpt(&mut self, arguments: &str) -> Result<(), Stop> {
        let Some(transaction) = &self.transaction else {
            // In a pipelined group RCPT follows before the client knows that MAIL was refused.
            if !(self.mail_refused && self.announced.pipelining) {
                self.violation("RCPT without MAIL");
            }
            return self.tell("503 5.5.1 RCPT without MAIL");
        };
        let (count, smtputf8) = (transaction.forward_paths.len(), transaction.smtputf8);
        let Some(read) = self.path(arguments, "TO:") else {
            return self.tell("501 5.5.4 malformed RCPT");
        };
        if read.path.is_empty() {
            self.violation("empty forward-path");
            return self.tell("501 5.1.3 empty forward-path");
        }
        for (name, value) in &read.parameters {
            if !fits_rcpt(&self.announced, name, value.as_deref()) {
                self.violation(&format!("parameter {name} was not announced or is malformed"));
                return self.tell(BAD_PARAMETER);
            }
        }
        if !read.path.is_ascii() && !smtputf8 {
            self.violation("non-ASCII forward-path without SMTPUTF8");
        }
        if count >= self.setup.recipients_max {
            return self.tell("452 4.5.3 too many recipients");
        }
        let code = self.answer(Stage::Rcpt, &[&read.path], "250 2.1.5 recipient fine").await?;
        if code / 100 == 2
            && let Some(transaction) = &mut self.transaction
        {
            transaction.forward_paths.push(read.path);
        }
        Ok(())
    }

    pub(crate) async fn data(&mut self, arguments: &str) -> Result<(), Stop> {
        if !arguments.is_empty() {
            self.violation("DATA with arguments");
        }
        let Some(transaction) = self.transaction.clone() else {
            if !(self.mail_refused && self.announced.pipelining) {
                self.violation("DATA without MAIL");
            }
            return self.tell("503 5.5.1 DATA without MAIL");
        };
        if transaction.chunks.is_some() {
            self.violation("DATA after BDAT in one transaction");
            return self.tell("503 5.5.1 DATA after BDAT");
        }
        let nobody = transaction.forward_paths.is_empty();
        if nobody && !self.announced.pipelining {
            self.violation("DATA although every recipient was refused");
        }
        let usual = if nobody { "554 5.5.1 no valid recipients" } else { "354 go ahead" };
        let addresses = transaction.addresses();
        if self.answer(Stage::Data, &addresses, usual).await? / 100 != 3 {
            return Ok(());
        }
        let raw = self.content(&transaction).await?;
        if nobody && !raw.is_empty() {
            // RFC 2920 section 3.1: after 354 without recipients the client sends the dot alone.
            self.violation("content sent although every recipient was refused");
        }
        self.messages += 1;
        self.transaction = None;
        self.conclude(&transaction, raw, false).await
    }

    /// Reads up to the final dot, taking doubled dots back.
    async fn content(&mut self, transaction: &Transaction) -> Result<Vec<u8>, Stop> {
        let mut content = Vec::new();
        let mut faults = Faults::default();
        loop {
            let start = content.len();
            if let Err(stop) = self.wire.append_line(&mut content).await {
                self.record.connection(self.number, |record| record.broken_off_in_data = true);
                return Err(stop);
            }
            let line = &content[start..];
            if line == b".\r\n" {
                content.truncate(start);
                break;
            }
            faults.look(line, transaction.eight_bit);
            if line[0] == b'.' {
                content.remove(start);
            }
            if content.len() > MESSAGE_OCTETS_MAX {
                return Err(Stop::new("the relay closed: endless message"));
            }
        }
        for fault in faults.list() {
            self.violation(fault);
        }
        self.note(&format!("{} octets of message", content.len()));
        if !self.announced.pipelining && self.wire.has_input().await {
            self.violation("sent ahead: more follows the final dot before its reply");
        }
        Ok(content)
    }

    pub(crate) async fn conclude(
        &mut self,
        transaction: &Transaction,
        raw: Vec<u8>,
        chunked: bool,
    ) -> Result<(), Stop> {
        let too_big = self.setup.size.is_some_and(|max| raw.len() > max);
        let usual = if too_big {
            "552 5.3.4 message too big".to_owned()
        } else if transaction.forward_paths.is_empty() {
            "554 5.5.1 no valid recipients".to_owned()
        } else {
            format!("250 2.0.0 taken as {}-{}", self.number, self.messages)
        };
        let plan = self.setup.script.plan(Stage::DataEnd, self.number, &transaction.addresses());
        let mut message = Message {
            reverse_path: transaction.reverse_path.clone(),
            forward_paths: transaction.forward_paths.clone(),
            octets: raw.len(),
            raw,
            connection: self.number,
            nth_in_connection: self.messages,
            tls: self.wire.in_tls(),
            auth_user: self.user.clone(),
            smtputf8: transaction.smtputf8,
            chunked,
            reply: plan.first_line(&usual),
            at: Instant::now(),
        };
        if self.setup.counting_only {
            message.shorten();
        }
        // Recorded first: a client that has read the reply may ask for the message at once.
        self.record.message(message);
        self.perform(plan, &usual).await.map(drop)
    }
}

impl Transaction {
    pub(crate) fn has_nobody(&self) -> bool {
        self.forward_paths.is_empty()
    }

    pub(crate) fn begin_chunks(&mut self) {
        self.chunks.get_or_insert_default();
    }

    pub(crate) fn add_chunk(&mut self, chunk: &[u8]) {
        self.chunks.get_or_insert_default().extend_from_slice(chunk);
    }

    pub(crate) fn take_chunks(&mut self) -> Vec<u8> {
        self.chunks.take().unwrap_or_default()
    }

    /// The faults of a message that came in chunks; dots mean nothing there.
    pub(crate) fn find_faults(raw: &[u8], transaction: &Transaction) -> Vec<&'static str> {
        let mut faults = Faults::default();
        for line in raw.split_inclusive(|octet| *octet == b'\n') {
            faults.look(line, transaction.eight_bit);
        }
        faults.lone_dot = false;
        faults.list().collect()
    }

    pub(crate) fn addresses(&self) -> Vec<&str> {
        let reverse_path = std::iter::once(self.reverse_path.as_str());
        reverse_path.chain(self.forward_paths.iter().map(String::as_str)).collect()
    }
}

/// The faults of a message's lines, each kind told once.
#[derive(Default)]
struct Faults {
    bare_lf: bool,
    bare_cr: bool,
    nul: bool,
    too_long: bool,
    eight_bit: bool,
    lone_dot: bool,
}

impl Faults {
    fn look(&mut self, line: &[u8], eight_bit: bool) {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let Some(content) = content.strip_suffix(b"\r") else {
            self.bare_lf = true;
            return;
        };
        let doubled = content.starts_with(b"..");
        self.lone_dot |= content.starts_with(b".") && !doubled;
        self.bare_cr |= content.contains(&b'\r');
        self.nul |= content.contains(&0);
        self.too_long |= content.len() - usize::from(doubled) > LINE_OCTETS_MAX;
        self.eight_bit |= !eight_bit && !content.is_ascii();
    }

    fn list(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.bare_lf, "bare LF in a message"),
            (self.bare_cr, "bare CR in a message"),
            (self.nul, "NUL in a message"),
            (self.too_long, "line of more than 998 octets in a message"),
            (self.eight_bit, "octets above 127 without BODY=8BITMIME"),
            (self.lone_dot, "line begins with a dot that is not doubled"),
        ]
        .into_iter()
        .filter_map(|(found, text)| found.then_some(text))
    }
}
