//! Turns submissions into transactions on one session, each recipient with its own outcome.
//!
//! MAIL → RCPT … → DATA → content and dot, and with PIPELINING the next envelope in the same
//! write as the content before it, so that a message costs one round trip. With CHUNKING too,
//! many messages are in flight (`window`).
//!
//! In: a session, a job, the feed. Out: reports through the feed, and how the session ended.
//! Knows nothing of: other servers, how sessions are opened.
//! Standard: RFC 5321 section 3.3, RFC 2920, RFC 3030.
//! Failure: `trouble` says what each means.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use annunciator_core::{AttemptFacts, EnhancedStatus, FailureScope, Outcome, Stage};
use tokio::time::Instant;

use crate::connection::Broken;
use crate::job::{Job, Tried};
use crate::pacing::Pace;
use crate::permits::Permits;
use crate::relay::Relay;
use crate::reply::Reply;
use crate::session::Session;
use crate::stuffing::{append_stuffed, block_end};
use crate::submission::Feed;
use crate::trouble::{Cause, Trouble};

/// Content that is written at once. Unit: octets.
const BLOCK_OCTETS: usize = 64 * 1024;

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
    /// The session is of no use, and nothing was said about the job.
    Stale(Job<'a>),
    /// Another server should be tried; whether the session is good; what was announced.
    Elsewhere(Job<'a>, bool, Box<Next<'a>>),
    /// The session is good, and the same is sent again in another way.
    Again(Job<'a>),
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
    /// The server does not know BDAT: once more with DATA, over a connection on which nothing was
    /// taken for a command.
    Again,
}

/// What holds for all that is sent to a relay.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'r> {
    pub(crate) relay: &'r Relay,
    /// None without a limit of messages per minute.
    pub(crate) pace: Option<&'r Arc<Pace>>,
    pub(crate) permits: &'r Permits,
}

impl Terms<'_> {
    /// Whether there may be another server; who has only one need not ask.
    pub(crate) fn may_have_other(&self) -> bool {
        self.relay.mx.is_some() || self.relay.hosts.len() > 1
    }
}

/// One session at work.
struct Carrier<'a, 'r> {
    session: Session,
    terms: Terms<'r>,
    feed: &'a dyn Feed,
    /// Jobs that are taken and not begun; at most as many as were in flight.
    backlog: &'r mut VecDeque<Job<'a>>,
    accepted: Vec<usize>,
    refused: Vec<(usize, Trouble)>,
    /// Recipients that were too many for the transaction, and what the server said to the first.
    left: Vec<usize>,
    too_many: Option<Trouble>,
    /// Messages that were accepted since the session was taken in hand.
    carried: u64,
    since: Instant,
}

/// Carries the backlog, and what the feed hands on, as long as the session stays good.
pub(crate) async fn carry<'a>(
    session: Session,
    terms: Terms<'_>,
    feed: &'a dyn Feed,
    backlog: &mut VecDeque<Job<'a>>,
) -> Ended {
    let mut carrier = Carrier::new(session, terms, feed, backlog);
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
        if !announced && carrier.may_fly(&job) {
            match carrier.fly(job).await {
                Landing::Whole => {
                    next = Next::None;
                    continue;
                }
                Landing::Broken => return Ended::Broken,
                Landing::Elsewhere => return Ended::Elsewhere(Some(carrier.session)),
            }
        }
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
            Step::Again(job) => {
                carrier.backlog.push_front(job);
                next = Next::None;
            }
            Step::Elsewhere(job, keep, next) => {
                carrier.put_back(*next);
                carrier.backlog.push_front(job);
                return Ended::Elsewhere(keep.then_some(carrier.session));
            }
        }
    }
}

impl<'a, 'r> Carrier<'a, 'r> {
    fn new(
        session: Session,
        terms: Terms<'r>,
        feed: &'a dyn Feed,
        backlog: &'r mut VecDeque<Job<'a>>,
    ) -> Self {
        Self {
            session,
            terms,
            feed,
            backlog,
            accepted: Vec::new(),
            refused: Vec::new(),
            left: Vec::new(),
            too_many: None,
            carried: 0,
            since: Instant::now(),
        }
    }

    /// Whether a job may go over a session that was chosen for another.
    fn suits(&self, job: &Job<'_>) -> bool {
        let submission = &job.submission;
        !submission.fresh_connection
            && !job.tried.iter().any(|tried| tried.label == self.session.server.label)
            && submission.prefer_server.as_ref().is_none_or(|s| self.session.server.is_named(s))
    }

    fn is_full(&self) -> bool {
        let max = self.terms.relay.limits.messages_per_connection_max;
        max > 0 && self.session.messages >= max
    }

    fn until(&self, job: &Job<'_>, timeout: Duration) -> Instant {
        job.submission.deadline.min(Instant::now() + timeout)
    }

    /// What fell with the session may begin anew, a few times.
    fn put_back(&mut self, next: Next<'a>) {
        match next {
            Next::None => {}
            Next::Held(job) => self.backlog.push_front(job),
            Next::Announced(mut job) => {
                if job.fall(self.carried == 0) {
                    self.backlog.push_front(job);
                } else {
                    fail_fallen(job);
                }
            }
        }
    }

    fn forget_answers(&mut self) {
        self.accepted.clear();
        self.refused.clear();
        self.left.clear();
        self.too_many = None;
    }

    async fn transact(&mut self, mut job: Job<'a>, announced: bool) -> Step<'a> {
        self.forget_answers();
        if !announced {
            self.begin(&mut job);
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
            Gate::Again => {
                self.session.server.record_lack_of_bdat();
                Step::Stale(job)
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
        if silent && self.session.reused && job.fall(self.carried == 0) {
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
            if !self.terms.may_have_other() {
                job.fail_everywhere();
                return Step::Reported { keep, next: Next::None };
            }
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

/// Reports a job whose sessions ended again and again.
fn fail_fallen(job: Job<'_>) {
    let cause = Cause::Lost("the session ended before the message was sent".to_owned());
    job.fail(&Trouble::new(Stage::MailFrom, cause), AttemptFacts::default());
}

mod parameters;

mod group;

mod content;

mod supply;

mod window;

pub(crate) use window::Chunking;
use window::Landing;
