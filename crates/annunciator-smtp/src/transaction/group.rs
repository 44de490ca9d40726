//! Turns an envelope into MAIL, RCPT and DATA, as a group or one by one, and reads the answers.
//! With BDAT, a first chunk with the first line of the message stands for DATA: a server that
//! announces BDAT and does not know it would take the octets of a message for commands.
//!
//! Each state accepts its own codes: 2yz to MAIL, RCPT and BDAT, 354 to DATA, 4yz and 5yz as
//! refusals;
//! anything else ends the session.
//! Standard: RFC 5321 section 4.3.2, RFC 2920, RFC 3030.

use super::content::first_line_end;
use super::*;

impl Carrier<'_, '_> {
    /// Appends a whole envelope and what asks for leave to send content.
    pub(super) fn put_group(&mut self, job: &Job<'_>) {
        self.put_envelope(job);
        if !job.submission.dry_run {
            self.put_begin(job);
        }
    }

    /// Appends MAIL and RCPT.
    pub(super) fn put_envelope(&mut self, job: &Job<'_>) {
        self.put_mail(job);
        for index in job.pending() {
            self.put_rcpt(job, index);
        }
    }

    /// A chunk of nothing would do, but Postfix refuses it.
    fn put_begin(&mut self, job: &Job<'_>) {
        if !self.session.chunking.is_usable() {
            self.session.connection.put_command(&["DATA"]);
            return;
        }
        let line = &job.submission.content[..first_line_end(&job.submission.content)];
        self.put_chunk(line, "");
    }

    /// Sends the envelope, unless it is sent already, and reads the answers.
    pub(super) async fn exchange_envelope(
        &mut self,
        job: &mut Job<'_>,
        announced: bool,
    ) -> Result<Gate, Halt> {
        let first = |broken: Broken| Halt {
            trouble: Trouble::new(Stage::MailFrom, broken.into()),
            replied: false,
        };
        let deadline = self.until(job, self.terms.relay.timeouts.mail);
        let grouped = self.session.capabilities.pipelining;
        if !announced {
            self.session.connection.check_sync().map_err(first)?;
            if self.session.needs_reset && !grouped {
                self.session.connection.put_command(&["RSET"]);
                self.flush(deadline, Stage::MailFrom).await?;
                self.read_reset(deadline).await?;
            }
            if self.session.needs_reset {
                self.session.connection.put_command(&["RSET"]);
            }
            if grouped {
                self.put_group(job);
            } else {
                self.put_mail(job);
            }
            self.flush(deadline, Stage::MailFrom).await?;
            if self.session.needs_reset {
                self.read_reset(deadline).await?;
            }
        }
        let mail = self.read_mail(job, deadline).await?;
        let mail = match mail {
            Some(refusal) if !grouped => return Ok(Gate::Refused(refusal)),
            mail => mail,
        };
        self.session.needs_reset = mail.is_none();
        self.read_recipients(job, mail.is_none(), grouped).await?;
        if job.submission.dry_run {
            return Ok(mail.map_or(Gate::Done, Gate::Refused));
        }
        if !grouped {
            if self.accepted.is_empty() {
                return Ok(Gate::Done);
            }
            self.put_begin(job);
            let deadline = self.until(job, self.terms.relay.timeouts.data_start);
            self.flush(deadline, Stage::Data).await?;
        }
        self.read_data(job, mail).await
    }

    async fn flush(&mut self, deadline: Instant, stage: Stage) -> Result<(), Halt> {
        let Err(broken) = self.session.connection.flush(deadline).await else { return Ok(()) };
        // A server that gave up may have said why.
        let words = match broken {
            Broken::Lost(_) => self.session.connection.last_words().await,
            _ => None,
        };
        let replied = stage != Stage::MailFrom;
        Err(Halt { trouble: Trouble::new(stage, words.unwrap_or_else(|| broken.into())), replied })
    }

    /// Reads the reply to RSET, whose refusal makes no sense (RFC 5321 section 4.1.1.5).
    async fn read_reset(&mut self, deadline: Instant) -> Result<(), Halt> {
        self.session.needs_reset = false;
        let cause = match self.session.connection.reply(deadline).await {
            Ok(reply) if reply.code.class() == 2 => return Ok(()),
            Ok(reply) => Cause::reply(reply),
            Err(broken) => broken.into(),
        };
        Err(Halt { trouble: Trouble::new(Stage::MailFrom, cause), replied: false })
    }

    pub(super) async fn read_mail(
        &mut self,
        job: &Job<'_>,
        deadline: Instant,
    ) -> Result<Option<Trouble>, Halt> {
        let reply = match self.session.connection.exchange(deadline).await {
            Ok(reply) => reply,
            Err(broken) => {
                let trouble = Trouble::new(Stage::MailFrom, broken.into());
                return Err(Halt { trouble, replied: false });
            }
        };
        let (watch, since) = (job.watch(), job.began.unwrap_or_else(Instant::now));
        let server = &self.session.server.label;
        match judge_reply(reply, Stage::MailFrom)? {
            None => {
                watch.passed(Stage::MailFrom, server, since, || vec![reply.to_text()]);
                Ok(None)
            }
            Some(trouble) => {
                watch.failed(&trouble, server, since);
                Ok(Some(trouble))
            }
        }
    }

    pub(super) async fn read_recipients(
        &mut self,
        job: &Job<'_>,
        mail_ok: bool,
        grouped: bool,
    ) -> Result<(), Halt> {
        for index in job.pending() {
            // Asking for each of the others would only repeat it.
            if !grouped && self.too_many.is_some() {
                self.left.push(index);
                continue;
            }
            let deadline = self.until(job, self.terms.relay.timeouts.rcpt);
            if !grouped {
                self.put_rcpt(job, index);
                self.flush(deadline, Stage::RcptTo).await?;
            }
            let reply = self.session.connection.exchange(deadline).await;
            let reply = reply.map_err(|broken| halt(Stage::RcptTo, broken.into()))?;
            let code = reply.code.number();
            match judge_reply(reply, Stage::RcptTo)? {
                // After a refused MAIL these answers say nothing by themselves.
                _ if !mail_ok => {}
                None => self.accepted.push(index),
                Some(trouble) => {
                    // 452: too many recipients (RFC 5321 section 4.5.3.1.10): the others go in
                    // another transaction. With another enhanced code it is about this recipient
                    // alone.
                    let is_too_many = code == 452 && says_too_many(&trouble);
                    if is_too_many && !self.accepted.is_empty() && job.may_split() {
                        self.left.push(index);
                        self.too_many.get_or_insert(trouble);
                    } else {
                        self.refused.push((index, trouble));
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the answer to DATA, or to the first BDAT.
    async fn read_data(&mut self, job: &Job<'_>, mail: Option<Trouble>) -> Result<Gate, Halt> {
        let is_chunked = self.session.chunking.is_usable();
        let deadline = self.until(job, self.terms.relay.timeouts.data_start);
        let reply = self.session.connection.reply(deadline).await;
        let reply = reply.map_err(|broken| halt(Stage::Data, broken.into()))?;
        let code = reply.code;
        let consents = if is_chunked { code.class() == 2 } else { code.number() == 354 };
        let refusal = match code.class() {
            4 | 5 if code.number() != 421 => Some(Trouble::new(Stage::Data, Cause::reply(reply))),
            _ if consents => None,
            _ => return Err(halt(Stage::Data, Cause::reply(reply))),
        };
        let is_transaction = mail.is_none() && !self.accepted.is_empty();
        let is_about_it = match code.number() {
            500 | 502 => true,
            501 | 503 | 504 => is_transaction,
            _ => false,
        };
        if is_chunked && is_about_it {
            return Ok(Gate::Again);
        }
        match (mail, refusal) {
            // It refused MAIL and yet wants content: nothing that follows can be understood.
            (Some(_), None) => {
                let text = format!("{code} to DATA or BDAT after MAIL was refused");
                Err(halt(Stage::Data, Cause::Reply { code, status: None, text }))
            }
            (Some(mail), Some(_)) => Ok(Gate::Refused(mail)),
            (None, Some(_)) if self.accepted.is_empty() => Ok(Gate::Done),
            (None, Some(refusal)) => {
                job.watch().failed(
                    &refusal,
                    &self.session.server.label,
                    job.began.unwrap_or(deadline),
                );
                Ok(Gate::Refused(refusal))
            }
            // The first chunk was taken for nobody; RSET ends it.
            (None, None) if self.accepted.is_empty() && is_chunked => Ok(Gate::Done),
            (None, None) if self.accepted.is_empty() => {
                self.send_lone_dot(job).await?;
                Ok(Gate::Done)
            }
            (None, None) => Ok(Gate::Open),
        }
    }

    /// Ends a DATA that nobody is to receive (RFC 2920 section 3.1).
    async fn send_lone_dot(&mut self, job: &Job<'_>) -> Result<(), Halt> {
        self.session.connection.put_command(&["."]);
        let deadline = self.until(job, self.terms.relay.timeouts.data_end_used());
        self.flush(deadline, Stage::Data).await?;
        let reply = self.session.connection.reply(deadline).await;
        let reply = reply.map_err(|broken| halt(Stage::Data, broken.into()))?;
        if reply.code.number() == 421 || reply.code.class() == 3 {
            return Err(halt(Stage::Data, Cause::reply(reply)));
        }
        self.session.needs_reset = false;
        Ok(())
    }
}

fn halt(stage: Stage, cause: Cause) -> Halt {
    Halt { trouble: Trouble::new(stage, cause), replied: true }
}

/// For MAIL and RCPT: accepted, refused, or the end of the session.
fn judge_reply(reply: Reply<'_>, stage: Stage) -> Result<Option<Trouble>, Halt> {
    match (reply.code.number(), reply.code.class()) {
        (_, 2) => Ok(None),
        (421, _) => Err(halt(stage, Cause::reply(reply))),
        (_, 4 | 5) => Ok(Some(Trouble::new(stage, Cause::reply(reply)))),
        _ => Err(halt(stage, Cause::reply(reply))),
    }
}

/// Whether a 452 says that the transaction has too many recipients: by its enhanced code 4.5.3
/// (RFC 3463 section 3.6), or by having none.
fn says_too_many(trouble: &Trouble) -> bool {
    match &trouble.cause {
        Cause::Reply { status, .. } => {
            status.is_none_or(|status| (status.subject, status.detail) == (5, 3))
        }
        _ => false,
    }
}
