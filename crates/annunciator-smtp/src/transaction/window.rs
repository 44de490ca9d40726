//! Several messages in flight on one connection: envelope and content of each in one go, the
//! replies as they come (BDAT with PIPELINING).
//!
//! MAIL, RCPT …, BDAT n LAST and n octets are written without waiting, message behind message,
//! until the *window* is full; replies are read in step, message by message. Between messages
//! stands RSET while an earlier reply is awaited: should all recipients of a message be refused,
//! a server may leave its transaction open, and the next message must not fall into it.
//!
//! What is certain when a session ends early (ADR 0026):
//! - a message whose last octet was not written was not accepted: it begins anew;
//! - after a 421 a server does nothing more: what stands behind it begins anew;
//! - a message that was written to its last octet and whose reply is missing is uncertain.
//!
//! Standard: RFC 3030, RFC 2920, RFC 1047.

use super::*;
use crate::capabilities::Capabilities;
use crate::server::Server;
use crate::trouble::Kind;

/// Most messages in flight.
///
/// Over a link of 50 ms 64 are 1,200 messages a second; more would only make more uncertain when
/// a connection is lost.
const WINDOW_MAX: usize = 64;
/// Messages in flight after the first that a connection took; each that it takes adds one.
const WINDOW_FIRST: usize = 8;
/// Octets in flight beyond which no message is added: 50 ms at 160 Mbit/s.
const WINDOW_OCTETS_MAX: usize = 1 << 20;
/// Larger messages go alone, block by block, each block with its own time limit. Unit: octets.
const MESSAGE_OCTETS_MAX: usize = 128 << 10;

/// How a session sends content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Chunking {
    /// With BDAT.
    is_usable: bool,
    /// Messages that may be in flight; 0 = a BDAT must have been taken on this connection since
    /// it last rested, before any is.
    window: usize,
}

impl Chunking {
    /// BDAT is used where it is offered together with PIPELINING, and wanted.
    pub(crate) fn new(capabilities: &Capabilities, relay: &Relay, server: &Server) -> Self {
        let is_offered = capabilities.chunking && capabilities.pipelining && !server.lacks_bdat();
        Self { is_usable: is_offered && relay.extensions.chunking, window: 0 }
    }

    pub(crate) fn is_usable(self) -> bool {
        self.is_usable
    }

    /// The server announced BDAT and does not do it.
    pub(super) fn give_up(&mut self) {
        *self = Self { is_usable: false, window: 0 };
    }

    /// The connection rests: by its next use it may be dead, and what is written to a dead
    /// connection in one go is uncertain.
    pub(crate) fn rest(&mut self) {
        self.window = 0;
    }

    /// A message was accepted.
    pub(super) fn grow(&mut self) {
        if self.is_usable {
            self.window = (self.window + 1).clamp(WINDOW_FIRST, WINDOW_MAX);
        }
    }
}

/// How the messages in flight came down.
pub(super) enum Landing {
    /// All replies are read; the session is good.
    Whole,
    /// The session is gone; what begins anew is in the backlog.
    Broken,
    /// The session is good; the first job of the backlog wants another server.
    Elsewhere,
}

/// A message that is written, or waits to be.
struct Flight<'a> {
    job: Job<'a>,
    /// Whether RSET stands before it.
    has_reset: bool,
    /// Where its last octet ends in all that the connection writes.
    ends_at: u64,
}

/// All that is in flight on a connection, the oldest first.
#[derive(Default)]
struct Flights<'a> {
    queue: VecDeque<Flight<'a>>,
    octets: usize,
    /// Whether nothing more is added.
    is_closed: bool,
    /// Jobs that want another server.
    elsewhere: VecDeque<Job<'a>>,
    /// Jobs that begin anew.
    anew: VecDeque<Job<'a>>,
}

/// What the server has said about a message.
#[derive(Default)]
struct Answers {
    /// Why MAIL was refused.
    mail: Option<Trouble>,
    /// Why the content was refused.
    end: Option<Cause>,
    text: String,
    queue_id: String,
}

impl<'a> Carrier<'a, '_> {
    /// Whether a job may be in flight with others.
    pub(super) fn may_fly(&self, job: &Job<'_>) -> bool {
        self.session.chunking.window > 0
            && !job.is_alone()
            && job.submission.content.len() <= MESSAGE_OCTETS_MAX
    }

    /// Carries a job, and what backlog and feed have more, several at a time.
    pub(super) async fn fly(&mut self, first: Job<'a>) -> Landing {
        let mut flights = Flights::default();
        if let Err(broken) = self.session.connection.check_sync() {
            let trouble = Trouble::new(Stage::MailFrom, broken.into());
            let step = self.halted(first, Halt { trouble, replied: false });
            take_step(step, &mut flights);
            self.break_off(flights, true);
            return Landing::Broken;
        }
        self.launch(first, &mut flights);
        loop {
            // Replies that are here are read first, so that what follows goes out in one write.
            if flights.queue.is_empty() || !self.session.connection.has_reply() {
                self.fill(&mut flights);
            }
            let Some(flight) = flights.queue.pop_front() else { break };
            flights.octets -= flight.job.submission.content.len();
            if let Err(is_closing) = self.conclude(flight, &mut flights).await {
                self.break_off(flights, is_closing);
                return Landing::Broken;
            }
        }
        self.session.connection.shrink();
        let wants_other = !flights.elsewhere.is_empty();
        self.return_to_backlog(flights);
        if wants_other { Landing::Elsewhere } else { Landing::Whole }
    }

    /// Adds messages while there is room for them.
    fn fill(&mut self, flights: &mut Flights<'a>) {
        while !flights.is_closed && self.has_room(flights) {
            let Some(job) = self.next_job() else { return };
            // The head's time is the first to be over, so that one deadline watches over all.
            let is_patient =
                |last: &Flight<'_>| last.job.submission.deadline <= job.submission.deadline;
            let fits = flights.queue.back().is_none_or(is_patient)
                && self.may_fly(&job)
                && self.suits(&job);
            if fits {
                self.launch(job, flights);
            } else {
                self.backlog.push_front(job);
                flights.is_closed = true;
            }
        }
    }

    fn has_room(&self, flights: &Flights<'_>) -> bool {
        let max = self.terms.relay.limits.messages_per_connection_max as usize;
        let count = flights.queue.len();
        count < self.session.chunking.window
            && flights.octets < WINDOW_OCTETS_MAX
            && (max == 0 || self.session.messages as usize + count < max)
    }

    /// Appends a whole message to the output.
    fn launch(&mut self, mut job: Job<'a>, flights: &mut Flights<'a>) {
        self.begin(&mut job);
        let has_reset = self.session.needs_reset || !flights.queue.is_empty();
        if has_reset {
            self.session.connection.put_command(&["RSET"]);
        }
        self.session.needs_reset = false;
        self.put_envelope(&job);
        self.put_chunk(&job.submission.content, " LAST");
        flights.octets += job.submission.content.len();
        job.handed_to = Some(Arc::clone(&self.session.server));
        let ends_at = self.session.connection.position();
        flights.queue.push_back(Flight { job, has_reset, ends_at });
    }

    /// Reads what the server says about the oldest message and ends it. An error says that the
    /// session is gone, and whether the server closed it with 421.
    async fn conclude(
        &mut self,
        flight: Flight<'a>,
        flights: &mut Flights<'a>,
    ) -> Result<(), bool> {
        self.forget_answers();
        let Flight { mut job, has_reset, ends_at } = flight;
        let mut answers = Answers::default();
        let halt = self.read_answers(&job, has_reset, &mut answers).await.err();
        let is_closing = halt.as_ref().is_some_and(Halt::is_closing);
        let is_written = self.session.connection.written() >= ends_at;
        let ends = halt.is_some();
        let was_refused = answers.mail.is_some();
        let step = match halt {
            None => self.judge_answers(job, answers),
            Some(halt) if halt.is_certain(was_refused, self.accepted.is_empty()) => {
                self.judge_answers(job, answers)
            }
            // 421 to BDAT, or no understandable reply to what was written whole.
            Some(halt) if is_written && (!is_closing || halt.trouble.stage == Stage::DataEnd) => {
                self.settle_refused(&mut job);
                let keep = self.finish(job, Some(halt.trouble.cause), String::new(), "");
                Step::Reported { keep, next: Next::None }
            }
            Some(halt) => {
                job.handed_to = None;
                self.halted(job, halt.cut_off())
            }
        };
        let keep = take_step(step, flights);
        if ends || !keep { Err(is_closing) } else { Ok(()) }
    }

    async fn read_answers(
        &mut self,
        job: &Job<'_>,
        has_reset: bool,
        answers: &mut Answers,
    ) -> Result<(), Halt> {
        let deadline = self.until(job, self.terms.relay.timeouts.mail);
        if has_reset {
            let reply = self.session.connection.exchange(deadline).await;
            let halt =
                |cause| Halt { trouble: Trouble::new(Stage::MailFrom, cause), replied: false };
            let reply = reply.map_err(|broken| halt(broken.into()))?;
            // That it is refused makes no sense; what follows shows whether it matters.
            if reply.code.number() == 421 || reply.code.class() == 3 {
                return Err(halt(Cause::reply(reply)));
            }
        }
        answers.mail = self.read_mail(job, deadline).await?;
        self.read_recipients(job, answers.mail.is_none(), true).await?;
        let deadline = self.until(job, self.terms.relay.timeouts.data_end_used());
        let reply = self.session.connection.exchange(deadline).await;
        let halt = |cause| Halt { trouble: Trouble::new(Stage::DataEnd, cause), replied: true };
        let reply = reply.map_err(|broken| halt(broken.into()))?;
        match (reply.code.number(), reply.code.class()) {
            // It refused MAIL and yet took content: nothing can be understood any more.
            (_, 2) if answers.mail.is_some() => return Err(halt(Cause::reply(reply))),
            (_, 2) => reply.queue_id().clone_into(&mut answers.queue_id),
            (421, _) => return Err(halt(Cause::reply(reply))),
            (_, 4 | 5) => answers.end = Some(Cause::reply(reply)),
            _ => return Err(halt(Cause::reply(reply))),
        }
        answers.text = reply.to_text();
        Ok(())
    }

    /// Ends a message about which all is known.
    fn judge_answers(&mut self, mut job: Job<'a>, answers: Answers) -> Step<'a> {
        let Answers { mail, end, text, queue_id } = answers;
        // Some servers leave a transaction open that had no recipient.
        self.session.needs_reset = end.is_some() || self.accepted.is_empty();
        let is_transaction = mail.is_none() && !self.accepted.is_empty();
        if is_transaction && end.as_ref().is_some_and(means_bdat) {
            self.session.chunking.give_up();
            job.handed_to = None;
            return Step::Again(job);
        }
        if let Some(mail) = mail {
            job.handed_to = None;
            return self.refuse(job, mail, Vec::new(), true);
        }
        if self.accepted.is_empty() {
            job.handed_to = None;
            return self.refuse_recipients(job);
        }
        self.settle_refused(&mut job);
        if end.is_none() {
            self.session.chunking.grow();
        }
        let keep = self.finish(job, end, text, &queue_id);
        Step::Reported { keep, next: Next::None }
    }

    /// The session is gone: decides about all that was in flight behind the message that showed it.
    fn break_off(&mut self, mut flights: Flights<'a>, is_closing: bool) {
        let written = self.session.connection.written();
        for Flight { mut job, ends_at, .. } in std::mem::take(&mut flights.queue) {
            if !is_closing && written >= ends_at {
                let words = "the session ended before the server answered for this message";
                let trouble = Trouble::new(Stage::DataEnd, Cause::Lost(words.to_owned()));
                job.settle_pending(&trouble);
                self.report(job, String::new(), "");
                continue;
            }
            job.handed_to = None;
            if job.fall(self.carried == 0) {
                flights.anew.push_back(job);
            } else {
                fail_fallen(job);
            }
        }
        self.return_to_backlog(flights);
    }

    fn return_to_backlog(&mut self, flights: Flights<'a>) {
        for job in flights.elsewhere.into_iter().chain(flights.anew).rev() {
            self.backlog.push_front(job);
        }
    }
}

impl Halt {
    /// Whether the server said 421: it does nothing of what follows.
    fn is_closing(&self) -> bool {
        matches!(&self.trouble.cause, Cause::Reply { code, .. } if code.number() == 421)
    }

    /// Whether it changes nothing for its message, which was refused before.
    fn is_certain(&self, mail_was_refused: bool, nobody_was_accepted: bool) -> bool {
        let at_end = self.trouble.stage == Stage::DataEnd;
        let contradicts = at_end && self.trouble.cause.kind() == Kind::Unexpected;
        !contradicts && (mail_was_refused || (at_end && nobody_was_accepted))
    }

    /// The same for a message of which a part was written after its envelope was answered.
    fn cut_off(self) -> Self {
        let words = match self.trouble.cause {
            Cause::Lost(words) if self.replied => words,
            Cause::Timeout if self.replied => "no progress in time".to_owned(),
            cause => return Self { trouble: Trouble { cause, ..self.trouble }, ..self },
        };
        Self { trouble: Trouble::new(Stage::Data, Cause::Interrupted(words)), replied: true }
    }
}

/// Whether a refusal of a message means BDAT itself, so that the message is sent with DATA.
fn means_bdat(refusal: &Cause) -> bool {
    matches!(refusal, Cause::Reply { code, .. } if matches!(code.number(), 500..=504))
}

/// Takes in how a message ended; says whether the session is good.
fn take_step<'a>(step: Step<'a>, flights: &mut Flights<'a>) -> bool {
    match step {
        Step::Reported { keep, .. } => keep,
        Step::Stale(job) => {
            flights.anew.push_back(job);
            false
        }
        Step::Elsewhere(job, keep, _) => {
            flights.elsewhere.push_back(job);
            flights.is_closed = true;
            keep
        }
        Step::Again(job) => {
            flights.anew.push_back(job);
            true
        }
    }
}
