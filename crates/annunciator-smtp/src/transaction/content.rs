//! Sends content and its final dot, together with the next envelope, and reads the answer; or all
//! of it as the last chunk.
//!
//! This is the moment at which responsibility changes hands: before the dot nothing has been
//! accepted, after its 2yz everything; between the two nobody knows, and the outcome says so.
//! Standard: RFC 5321 sections 4.1.1.4 and 4.5.2, RFC 1047, RFC 3030.

use super::parameters::decimal;
use super::*;

/// How far writing came.
enum Written {
    /// All of it.
    Whole,
    /// The dot is out, what follows it is not.
    DotOnly,
}

impl<'a> Carrier<'a, '_> {
    /// After the consent: content, dot, the next envelope; then the answer.
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
        let deadline = self.until(&job, self.terms.relay.timeouts.data_end_used());
        let reply = self.session.connection.reply(deadline).await;
        let (end, text, id) = match reply {
            Ok(reply) if reply.code.class() == 2 => {
                (None, reply.to_text(), reply.queue_id().to_owned())
            }
            Ok(reply) => (Some(Cause::reply(reply)), reply.to_text(), String::new()),
            Err(broken) => (Some(broken.into()), String::new(), String::new()),
        };
        self.session.needs_reset = false;
        match &end {
            None => {
                job.watch().passed(Stage::DataEnd, &server, since, || vec![text.clone()]);
                self.session.chunking.grow();
            }
            Some(cause) => {
                let trouble = Trouble::new(Stage::DataEnd, cause.clone());
                job.watch().failed(&trouble, &server, since);
            }
        }
        let keep = self.finish(job, end, text, &id) && matches!(written, Written::Whole);
        Step::Reported { keep, next }
    }

    /// Ends a message whose content was sent; says whether the session is good. Recipients that
    /// were too many for one transaction get another at once.
    pub(super) fn finish(
        &mut self,
        mut job: Job<'a>,
        end: Option<Cause>,
        text: String,
        id: &str,
    ) -> bool {
        self.session.messages += 1;
        let too_many = self.too_many.take();
        let keep = match end {
            None => {
                self.carried += 1;
                for &index in &self.accepted {
                    job.settle(index, Outcome::Delivered);
                }
                self.session.server.record_success();
                if too_many.is_some() {
                    job.begin_again();
                    self.backlog.push_front(job);
                    return true;
                }
                true
            }
            Some(cause) => {
                let trouble = Trouble::new(Stage::DataEnd, cause);
                if let Some(too_many) = too_many {
                    self.left.iter().for_each(|&index| job.settle(index, too_many.outcome()));
                }
                job.settle_pending(&trouble);
                self.judge_server(&trouble);
                trouble.verdict().keep_session
            }
        };
        self.report(job, text, id);
        keep
    }

    /// Takes the next submission early when its envelope can go with this content.
    fn look_ahead(&mut self, job: &Job<'a>) -> Next<'a> {
        let max = self.terms.relay.limits.messages_per_connection_max;
        let last = max > 0 && self.session.messages + 1 >= max;
        let is_grouped = self.session.capabilities.pipelining;
        if last || !is_grouped || self.session.chunking.is_usable() || job.is_alone() {
            return Next::None;
        }
        match self.next_job() {
            None => Next::None,
            Some(next) if next.is_alone() || !self.suits(&next) => Next::Held(next),
            Some(mut next) => {
                self.begin(&mut next);
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
        let is_chunked = self.session.chunking.is_usable();
        let mut rest: &[u8] = &content;
        if is_chunked {
            rest = &rest[first_line_end(rest)..];
            self.put_chunk_head(rest.len(), " LAST");
        }
        while rest.len() > BLOCK_OCTETS {
            let end = if is_chunked { BLOCK_OCTETS } else { block_end(rest, BLOCK_OCTETS) };
            self.append_content(&rest[..end]);
            rest = &rest[end..];
            let deadline = self.until(job, self.terms.relay.timeouts.data_block);
            if let Err(broken) = self.session.connection.flush(deadline).await {
                return Err(self.interrupted(broken).await);
            }
        }
        self.append_content(rest);
        if self.session.connection.traces() {
            let line = format!("C: [{} octets of message]", content.len());
            self.session.connection.note(&line);
        }
        let dot_begins = self.session.connection.output().len();
        if !is_chunked {
            self.session.connection.put_command(&["."]);
        }
        let dot_ends = self.session.connection.output().len();
        if let Some(next) = next {
            self.put_group(next);
        }
        job.handed_to = Some(Arc::clone(&self.session.server));
        let deadline = self.until(job, self.terms.relay.timeouts.data_block);
        let Err(broken) = self.session.connection.flush(deadline).await else {
            return Ok(Written::Whole);
        };
        match self.session.connection.sent() {
            sent if sent >= dot_ends => Ok(Written::DotOnly),
            // Some servers take a line end other than CRLF: a part of the dot may be a dot.
            sent if sent > dot_begins => Err(Trouble::new(Stage::DataEnd, broken.into())),
            _ => {
                job.handed_to = None;
                Err(self.interrupted(broken).await)
            }
        }
    }

    /// Appends BDAT for a chunk of so many octets.
    fn put_chunk_head(&mut self, octets: usize, end: &str) {
        let mut digits = [0; 20];
        self.session.connection.put_command(&["BDAT ", decimal(octets, &mut digits), end]);
    }

    /// Appends a chunk.
    pub(super) fn put_chunk(&mut self, chunk: &[u8], end: &str) {
        self.put_chunk_head(chunk.len(), end);
        self.session.connection.output().extend_from_slice(chunk);
    }

    fn append_content(&mut self, content: &[u8]) {
        let output = self.session.connection.output();
        if self.session.chunking.is_usable() {
            output.extend_from_slice(content);
        } else {
            append_stuffed(output, content);
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
            step => step,
        }
    }
}

/// Where the first line of content ends.
pub(super) fn first_line_end(content: &[u8]) -> usize {
    content.iter().position(|&octet| octet == b'\n').map_or(content.len(), |at| at + 1)
}
