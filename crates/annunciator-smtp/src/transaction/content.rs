//! Sends content and its final dot, together with the next envelope, and reads the answer.
//!
//! This is the moment at which responsibility changes hands: before the dot nothing has been
//! accepted, after its 2yz everything; between the two nobody knows, and the outcome says so.
//! Standard: RFC 5321 sections 4.1.1.4 and 4.5.2, RFC 1047.

use super::*;

/// How far writing came.
enum Written {
    /// All of it.
    Whole,
    /// The dot is out, what follows it is not.
    DotOnly,
}

impl<'a> Carrier<'a, '_> {
    /// After the 354: content, dot, the next envelope; then the answer.
    pub(super) async fn exchange_content(&mut self, mut job: Job<'a>) -> Step<'a> {
        let since = Instant::now();
        if let Err(broken) = self.session.connection.check_sync() {
            return self.refuse(job, Trouble::new(Stage::Data, broken.into()), Vec::new(), false);
        }
        let next = self.look_ahead(&job);
        let announced = if let Next::Announced(next) = &next { Some(next) } else { None };
        let written = self.write_content(&mut job, announced).await;
        let server = self.session.server.label.clone();
        let written = match written {
            Ok(written) => written,
            Err(trouble) => {
                job.watch().failed(&trouble, &server, since);
                return self.lost_content(job, trouble, next);
            }
        };
        job.watch().passed(Stage::Data, &server, since, || {
            vec![format!("{} octets sent", job.submission.content.len())]
        });
        let deadline = self.until(&job, self.relay.timeouts.data_end_used());
        let reply = self.session.connection.reply(deadline).await;
        let (trouble, text, id) = match reply {
            Ok(reply) if reply.code.class() == 2 => {
                (None, reply.to_text(), reply.queue_id().to_owned())
            }
            Ok(reply) => (Some(Cause::reply(reply)), reply.to_text(), String::new()),
            Err(broken) => (Some(broken.into()), String::new(), String::new()),
        };
        let whole = matches!(written, Written::Whole);
        self.session.messages += 1;
        self.session.needs_reset = false;
        let keep = match trouble {
            None => {
                job.watch().passed(Stage::DataEnd, &server, since, || vec![text.clone()]);
                for &index in &self.accepted {
                    job.settle(index, Outcome::Delivered);
                }
                self.session.server.record_success();
                whole
            }
            Some(cause) => {
                let trouble = Trouble::new(Stage::DataEnd, cause);
                job.watch().failed(&trouble, &server, since);
                job.settle_pending(&trouble);
                self.judge_server(&trouble);
                whole && trouble.verdict().keep_session
            }
        };
        self.report(job, text, &id);
        Step::Reported { keep, next }
    }

    /// Takes the next submission early when its envelope can go with this content.
    fn look_ahead(&mut self, job: &Job<'a>) -> Next<'a> {
        let max = self.relay.limits.messages_per_connection_max;
        let last = max > 0 && self.session.messages + 1 >= max;
        if last || !self.session.capabilities.pipelining || job.is_alone() {
            return Next::None;
        }
        match self.next_job() {
            None => Next::None,
            Some(next) if next.is_alone() || !self.suits(&next) => Next::Held(next),
            Some(mut next) => {
                next.began = Some(Instant::now());
                Next::Announced(next)
            }
        }
    }

    async fn write_content(
        &mut self,
        job: &mut Job<'_>,
        next: Option<&Job<'_>>,
    ) -> Result<Written, Trouble> {
        let content = job.submission.content.clone();
        let mut rest: &[u8] = &content;
        while rest.len() > BLOCK_OCTETS {
            let end = block_end(rest, BLOCK_OCTETS);
            append_stuffed(self.session.connection.output(), &rest[..end]);
            rest = &rest[end..];
            let deadline = self.until(job, self.relay.timeouts.data_block);
            if let Err(broken) = self.session.connection.flush(deadline).await {
                return Err(self.interrupted(broken).await);
            }
        }
        append_stuffed(self.session.connection.output(), rest);
        if self.session.connection.traces() {
            let line = format!("C: [{} octets of message]", content.len());
            self.session.connection.note(&line);
        }
        let dot_begins = self.session.connection.output().len();
        self.session.connection.put_command(&["."]);
        let dot_ends = self.session.connection.output().len();
        if let Some(next) = next {
            self.put_group(next);
        }
        job.handed_over = true;
        let deadline = self.until(job, self.relay.timeouts.data_block);
        let Err(broken) = self.session.connection.flush(deadline).await else {
            return Ok(Written::Whole);
        };
        match self.session.connection.sent() {
            sent if sent >= dot_ends => Ok(Written::DotOnly),
            // Some servers take a line end other than CRLF: a part of the dot may be a dot.
            sent if sent > dot_begins => Err(Trouble::new(Stage::DataEnd, broken.into())),
            _ => {
                job.handed_over = false;
                Err(self.interrupted(broken).await)
            }
        }
    }

    /// What it means that writing ended before the dot. The server may have said why.
    async fn interrupted(&mut self, broken: Broken) -> Trouble {
        let words = match &broken {
            Broken::Lost(_) => self.session.connection.last_words().await,
            _ => None,
        };
        let cause = words.unwrap_or_else(|| {
            Cause::Interrupted(match broken {
                Broken::Lost(words) => words,
                _ => "no progress in time".to_owned(),
            })
        });
        Trouble::new(Stage::Data, cause)
    }

    /// The connection was lost while content was being written.
    fn lost_content(&mut self, job: Job<'a>, trouble: Trouble, next: Next<'a>) -> Step<'a> {
        match self.refuse(job, trouble, Vec::new(), false) {
            Step::Reported { .. } => Step::Reported { keep: false, next },
            Step::Elsewhere(job, keep, _) => Step::Elsewhere(job, keep, Box::new(next)),
            Step::Stale(job) => Step::Stale(job),
        }
    }
}
