//! Turns submissions into transactions on one session, each recipient with its own outcome.
//!
//! MAIL → RCPT … → DATA → content and dot, and with PIPELINING the next envelope in the same
//! write as the content before it, so that a message costs one round trip.
//!
//! In: a session, a job, the feed. Out: reports through the feed, and how the session ended.
//! Knows nothing of: other servers, how sessions are opened.
//! Standard: RFC 5321 section 3.3, RFC 2920, RFC 1870, RFC 6152, RFC 6531.
//! Failure: `trouble` says what each means.

use std::collections::VecDeque;
use std::time::Duration;

use annunciator_core::{AttemptFacts, EnhancedStatus, FailureScope, Outcome, Stage};
use tokio::time::Instant;

use crate::connection::Broken;
use crate::job::{Job, Tried};
use crate::relay::Relay;
use crate::reply::Reply;
use crate::session::Session;
use crate::stuffing::{append_stuffed, block_end};
use crate::submission::Feed;
use crate::trouble::{Cause, Trouble};

/// Content that is written at once. Unit: octets.
const BLOCK_OCTETS: usize = 64 * 1024;
/// Submissions that are refused one after the other before a turn ends.
const REFUSED_MAX: usize = 1_000;

/// How the work on a session ended. Jobs that are not reported stand in the backlog.
pub(crate) enum Ended {
    /// Backlog and feed have no more; the session is good.
    Rest(Session),
    /// The session is good and has done its share, or does not suit the next job.
    Full(Session),
    /// The session is gone.
    Broken,
    /// The first job of the backlog wants another server; the session, when it is good.
    Elsewhere(Option<Session>),
}

/// How one transaction ended.
enum Step<'a> {
    Reported {
        keep: bool,
        next: Next<'a>,
    },
    /// The reused session was dead before it said anything about the job.
    Stale(Job<'a>),
    /// Another server should be tried; whether the session is good; what was announced.
    Elsewhere(Job<'a>, bool, Box<Next<'a>>),
}

/// What follows a transaction.
enum Next<'a> {
    None,
    /// Its envelope is written.
    Announced(Job<'a>),
    /// Taken from the feed, nothing is written.
    Held(Job<'a>),
}

/// Why an envelope ended the session.
struct Halt {
    trouble: Trouble,
    /// Whether the server has said anything about this envelope.
    replied: bool,
}

/// What became of an envelope.
enum Gate {
    /// Content may follow.
    Open,
    /// Nothing more is sent: MAIL or DATA was refused.
    Refused(Trouble),
    /// Nothing more is sent: no recipient is left, or it was a dry run.
    Done,
}

/// One session at work.
struct Carrier<'a, 'r> {
    session: Session,
    relay: &'r Relay,
    feed: &'a dyn Feed,
    /// Jobs that are taken and not begun; at most three.
    backlog: &'r mut VecDeque<Job<'a>>,
    accepted: Vec<usize>,
    refused: Vec<(usize, Trouble)>,
}

/// Carries the backlog, and what the feed hands on, as long as the session stays good.
pub(crate) async fn carry<'a>(
    session: Session,
    relay: &Relay,
    feed: &'a dyn Feed,
    backlog: &mut VecDeque<Job<'a>>,
) -> Ended {
    let (accepted, refused) = (Vec::new(), Vec::new());
    let mut carrier = Carrier { session, relay, feed, backlog, accepted, refused };
    let mut next = Next::None;
    // The client has chosen the session for the first job, whatever that asks for.
    let mut first = true;
    loop {
        let (job, announced) = match next {
            Next::Announced(job) => (job, true),
            Next::Held(job) => {
                carrier.backlog.push_front(job);
                next = Next::None;
                continue;
            }
            Next::None if carrier.is_full() => return Ended::Full(carrier.session),
            Next::None => match carrier.next_job() {
                None => return Ended::Rest(carrier.session),
                Some(job) if !first && !carrier.suits(&job) => {
                    carrier.backlog.push_front(job);
                    return Ended::Full(carrier.session);
                }
                Some(job) => (job, false),
            },
        };
        first = false;
        match carrier.transact(job, announced).await {
            Step::Reported { keep: true, next: following } => next = following,
            Step::Reported { keep: false, next } => {
                carrier.put_back(next);
                return Ended::Broken;
            }
            Step::Stale(job) => {
                carrier.backlog.push_front(job);
                return Ended::Broken;
            }
            Step::Elsewhere(job, keep, next) => {
                carrier.put_back(*next);
                carrier.backlog.push_front(job);
                return Ended::Elsewhere(keep.then_some(carrier.session));
            }
        }
    }
}

impl<'a> Carrier<'a, '_> {
    /// Whether a job may go over a session that was chosen for another.
    fn suits(&self, job: &Job<'_>) -> bool {
        let submission = &job.submission;
        !submission.fresh_connection
            && submission.prefer_server.as_ref().is_none_or(|s| self.session.server.is_named(s))
    }

    fn is_full(&self) -> bool {
        let max = self.relay.limits.messages_per_connection_max;
        max > 0 && self.session.messages >= max
    }

    fn until(&self, job: &Job<'_>, timeout: Duration) -> Instant {
        job.submission.deadline.min(Instant::now() + timeout)
    }

    /// Takes the next submission that this server can carry; the others are reported.
    fn next_job(&mut self) -> Option<Job<'a>> {
        for _ in 0..REFUSED_MAX {
            let job = match self.backlog.pop_front() {
                Some(job) => Some(job),
                None => Job::new(self.feed.next()?, self.feed),
            };
            if let Some(job) = job.and_then(|job| self.admit(job)) {
                return Some(job);
            }
        }
        None
    }

    /// Refuses what the server cannot carry.
    fn admit(&mut self, job: Job<'a>) -> Option<Job<'a>> {
        let (capabilities, submission) = (&self.session.capabilities, &job.submission);
        let size = submission.content.len() as u64;
        let unsupported = |subject, detail, words: String| {
            let status = EnhancedStatus::new(5, subject, detail);
            Trouble::new(Stage::MailFrom, Cause::Unsupported(status, words))
        };
        let trouble = match capabilities.size_max {
            Some(max) if size > max => {
                unsupported(3, 4, format!("the message has {size} octets, the server takes {max}"))
            }
            _ if submission.needs_8bit && !capabilities.eight_bit => {
                unsupported(6, 3, "the message is 8-bit and the server takes only 7-bit".to_owned())
            }
            _ if submission.envelope.needs_smtputf8() && !capabilities.smtputf8 => unsupported(
                6,
                7,
                "an address is not ASCII and the server does not offer SMTPUTF8".to_owned(),
            ),
            _ => return Some(job),
        };
        job.watch().failed(&trouble, &self.session.server.label, Instant::now());
        job.fail(&trouble, self.session.facts());
        None
    }

    /// What fell with the session may begin anew, a few times.
    fn put_back(&mut self, next: Next<'a>) {
        match next {
            Next::None => {}
            Next::Held(job) => self.backlog.push_front(job),
            Next::Announced(mut job) => {
                if job.fall() {
                    self.backlog.push_front(job);
                    return;
                }
                let cause = Cause::Lost("the session ended before the message was sent".to_owned());
                job.fail(&Trouble::new(Stage::MailFrom, cause), AttemptFacts::default());
            }
        }
    }

    async fn transact(&mut self, mut job: Job<'a>, announced: bool) -> Step<'a> {
        job.began.get_or_insert_with(Instant::now);
        self.accepted.clear();
        self.refused.clear();
        if !announced {
            self.session.connection.set_trace(job.submission.trace);
        }
        let gate = match self.exchange_envelope(&mut job, announced).await {
            Ok(gate) => gate,
            Err(halt) => return self.halted(job, halt),
        };
        self.watch_recipients(&job);
        match gate {
            Gate::Open => {
                self.settle_refused(&mut job);
                self.exchange_content(job).await
            }
            Gate::Refused(trouble) => {
                self.settle_refused(&mut job);
                self.refuse(job, trouble, Vec::new(), true)
            }
            Gate::Done if self.accepted.is_empty() => self.refuse_recipients(job),
            Gate::Done => {
                self.settle_refused(&mut job);
                for &index in &self.accepted {
                    job.settle(index, Outcome::Delivered);
                }
                self.session.server.record_success();
                self.report(job, String::new(), "");
                Step::Reported { keep: true, next: Next::None }
            }
        }
    }

    /// Others go on in the transaction, so each refused recipient is settled by itself.
    fn settle_refused(&mut self, job: &mut Job<'_>) {
        for (index, trouble) in self.refused.drain(..) {
            job.settle(index, trouble.outcome());
        }
    }

    /// All recipients were refused: a permanent refusal is final, a transient one may be better
    /// at another server.
    fn refuse_recipients(&mut self, mut job: Job<'a>) -> Step<'a> {
        let (mut own, mut whole) = (Vec::new(), None);
        for (index, trouble) in std::mem::take(&mut self.refused) {
            if trouble.verdict().next_server {
                own.push((index, trouble.outcome()));
                whole.get_or_insert(trouble);
            } else {
                job.settle(index, trouble.outcome());
            }
        }
        match whole {
            Some(trouble) => self.refuse(job, trouble, own, true),
            None => {
                self.session.server.record_success();
                self.report(job, String::new(), "");
                Step::Reported { keep: true, next: Next::None }
            }
        }
    }

    /// The session broke within the envelope.
    fn halted(&mut self, mut job: Job<'a>, halt: Halt) -> Step<'a> {
        let silent = match &halt.trouble.cause {
            Cause::Lost(_) | Cause::Timeout => !halt.replied,
            // Some servers end a session with 421 after a number of messages, or when idle.
            Cause::Reply { code, .. } => {
                code.number() == 421 && halt.trouble.stage == Stage::MailFrom
            }
            _ => false,
        };
        if silent && self.session.reused && job.fall() {
            return Step::Stale(job);
        }
        let failed_at = job.began.unwrap_or_else(Instant::now);
        job.watch().failed(&halt.trouble, &self.session.server.label, failed_at);
        // Recipients that were refused for good need no other server.
        for (index, trouble) in std::mem::take(&mut self.refused) {
            if !trouble.verdict().next_server {
                job.settle(index, trouble.outcome());
            }
        }
        self.refuse(job, halt.trouble, Vec::new(), false)
    }

    /// Ends a job that sent no content, here or for good.
    fn refuse(
        &mut self,
        mut job: Job<'a>,
        trouble: Trouble,
        own: Vec<(usize, Outcome)>,
        good: bool,
    ) -> Step<'a> {
        let verdict = trouble.verdict();
        let keep = good && verdict.keep_session;
        self.judge_server(&trouble);
        if verdict.next_server && !job.is_settled() {
            let label = self.session.server.label.clone();
            let mut facts = self.session.facts();
            facts.dialogue = self.session.connection.dialogue();
            job.tried.push(Tried { label, trouble, own, facts });
            return Step::Elsewhere(job, keep, Box::new(Next::None));
        }
        job.settle_pending(&trouble);
        self.report(job, String::new(), "");
        Step::Reported { keep, next: Next::None }
    }

    /// Feeds the breaker.
    fn judge_server(&self, trouble: &Trouble) {
        let failure = trouble.failure();
        if failure.scope == FailureScope::Relay {
            self.session.server.record_failure(failure, Instant::now());
        } else {
            self.session.server.record_success();
        }
    }

    fn report(&mut self, job: Job<'_>, reply: String, queue_id: &str) {
        let mut facts = self.session.facts();
        facts.reply = reply;
        queue_id.clone_into(&mut facts.queue_id);
        if self.session.connection.traces() {
            facts.dialogue = self.session.connection.dialogue();
        }
        self.session.reused = true;
        job.report(facts);
    }

    fn watch_recipients(&self, job: &Job<'_>) {
        let watch = job.watch();
        if !watch.on {
            return;
        }
        let (server, since) = (&self.session.server.label, job.began.unwrap_or_else(Instant::now));
        let accepted = self.accepted.iter().map(|&index| (index, None));
        let refused = self.refused.iter().map(|(index, trouble)| (*index, Some(trouble)));
        let mut all: Vec<_> = accepted.chain(refused).collect();
        all.sort_by_key(|(index, _)| *index);
        for (index, trouble) in all {
            let path = job.forward_path(index);
            let Some(trouble) = trouble else {
                watch.passed(Stage::RcptTo, server, since, || vec![format!("{path}: accepted")]);
                continue;
            };
            let mut trouble = trouble.clone();
            if let Cause::Reply { text, .. } = &mut trouble.cause {
                text.insert_str(0, &format!("{path}: "));
            }
            watch.failed(&trouble, server, since);
        }
    }
}

mod group;

mod content;
