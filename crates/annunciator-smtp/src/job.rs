//! A submission on its way: which recipients are settled, what was tried, and the one report.
//!
//! Failure: a job that is dropped without a report (its task was cancelled, or a defect) reports
//! by itself, so that no submission is ever without one.

use std::sync::Arc;

use annunciator_core::{AttemptFacts, EnhancedStatus, FailureScope, Outcome, Stage};
use tokio::time::Instant;

use crate::pacing::Slot;
use crate::server::Server;
use crate::session::{Watch, micros};
use crate::stuffing::check_content;
use crate::submission::{Feed, Report, Submission};
use crate::trouble::{Cause, Meaning, Trouble};

/// Times a submission is begun anew because a reused connection turned out to be dead.
const FALLS_MAX: u8 = 2;
/// Most transactions that the recipients of a submission are spread over, when one is too small
/// for all of them; RFC 5321 section 4.5.3.1.8 gives each a hundred recipients.
const ROUNDS_MAX: u8 = 20;

/// A server that was tried in vain.
pub(crate) struct Tried {
    pub(crate) label: String,
    pub(crate) trouble: Trouble,
    /// Outcomes of single recipients where they differ from the trouble's.
    pub(crate) own: Vec<(usize, Outcome)>,
    pub(crate) facts: AttemptFacts,
}

/// A submission on its way.
pub(crate) struct Job<'a> {
    feed: &'a dyn Feed,
    pub(crate) submission: Submission,
    /// Per forward-path; `None` = still to be tried.
    outcomes: Vec<Option<Outcome>>,
    pub(crate) tried: Vec<Tried>,
    falls: u8,
    rounds: u8,
    /// The right to begin a transaction, where the relay is paced.
    pub(crate) slot: Option<Slot>,
    /// When its transaction began.
    pub(crate) began: Option<Instant>,
    /// The server to which its final dot may have been written.
    pub(crate) handed_to: Option<Arc<Server>>,
    /// Whether trouble with the server is this message's alone: it may go to no other, and the
    /// relay has others.
    pub(crate) is_bound: bool,
    reported: bool,
}

impl<'a> Job<'a> {
    /// Takes a submission on. Content that must not be sent is reported at once.
    pub(crate) fn new(submission: Submission, feed: &'a dyn Feed) -> Option<Self> {
        let count = submission.envelope.forward_paths().len();
        let job = Self {
            feed,
            outcomes: vec![None; count],
            submission,
            tried: Vec::new(),
            falls: 0,
            rounds: 0,
            slot: None,
            began: None,
            handed_to: None,
            is_bound: false,
            reported: false,
        };
        let checked = check_content(&job.submission.content);
        let Err(error) = checked else { return Some(job) };
        let status = EnhancedStatus::new(5, 6, 0);
        let cause = Cause::Unsupported(status, error.to_string());
        job.fail(&Trouble::new(Stage::Prepare, cause), AttemptFacts::default());
        None
    }

    pub(crate) fn watch(&self) -> Watch<'a> {
        let Submission { tag, trace, fresh_connection, .. } = self.submission;
        let on = trace || fresh_connection;
        Watch { feed: self.feed, tag, on, is_test: fresh_connection }
    }

    /// Whether it must not share a group of commands with another submission.
    pub(crate) fn is_alone(&self) -> bool {
        self.submission.dry_run || self.submission.trace || self.submission.fresh_connection
    }

    /// Whether it goes whenever it is asked for, however much the relay has had this minute.
    pub(crate) fn is_exempt(&self) -> bool {
        self.submission.fresh_connection
    }

    /// The recipients that are still to be tried.
    pub(crate) fn pending(&self) -> impl Iterator<Item = usize> {
        (0..self.outcomes.len()).filter(|&index| self.outcomes[index].is_none())
    }

    /// The address of a recipient.
    pub(crate) fn forward_path(&self, index: usize) -> &str {
        self.submission.envelope.forward_paths()[index].0.as_str()
    }

    pub(crate) fn settle(&mut self, index: usize, outcome: Outcome) {
        self.outcomes[index].get_or_insert(outcome);
    }

    /// Gives all that are pending the outcome of this trouble.
    pub(crate) fn settle_pending(&mut self, trouble: &Trouble) {
        let mut outcome = trouble.outcome();
        // One message that waits for one server must not hold up what others can take.
        if let (true, Outcome::TransientFailure(failure)) = (self.is_bound, &mut outcome) {
            failure.scope = FailureScope::Delivery;
        }
        for slot in self.outcomes.iter_mut().filter(|slot| slot.is_none()) {
            *slot = Some(outcome.clone());
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.outcomes.iter().all(Option::is_some)
    }

    /// Notes that its connection was gone before it was sent; says whether it may begin anew. It
    /// does not count when the connection carried others: then things get on.
    pub(crate) fn fall(&mut self, counts: bool) -> bool {
        self.falls += u8::from(counts);
        self.began = None;
        self.falls <= FALLS_MAX && Instant::now() < self.submission.deadline
    }

    /// Whether it fell with a reused connection and wants a fresh one.
    pub(crate) fn has_fallen(&self) -> bool {
        self.falls > 0
    }

    /// Whether recipients that are too many for one transaction may wait for another.
    pub(crate) fn may_split(&self) -> bool {
        self.rounds < ROUNDS_MAX && !self.submission.dry_run
    }

    /// Notes that another transaction follows for those that are pending.
    pub(crate) fn begin_again(&mut self) {
        self.rounds += 1;
        self.handed_to = None;
    }

    /// Reports; recipients still pending get the outcome of the trouble.
    pub(crate) fn fail(mut self, trouble: &Trouble, facts: AttemptFacts) {
        self.settle_pending(trouble);
        self.report(facts);
    }

    /// Reports after every server was tried in vain. A server that spoke about this message says
    /// more than one that could not be reached, so its words count first; then the last one's. A
    /// domain that takes no mail counts last: another server may take it one day.
    pub(crate) fn fail_everywhere(mut self) {
        let may_pass = |tried: &Tried| tried.trouble.verdict().meaning != Meaning::Permanent;
        let about_this = |tried: &Tried| {
            may_pass(tried) && tried.trouble.verdict().scope == FailureScope::Delivery
        };
        let tried = &self.tried;
        let last = tried.iter().rposition(may_pass).or(tried.len().checked_sub(1));
        let at = tried.iter().rposition(about_this).or(last);
        let Some(at) = at else {
            let status = EnhancedStatus::new(4, 4, 4);
            let cause = Cause::Forbidden(status, "the relay has no server".to_owned());
            return self.fail(&Trouble::new(Stage::Prepare, cause), AttemptFacts::default());
        };
        let chosen = self.tried.remove(at);
        for (index, outcome) in chosen.own {
            self.settle(index, outcome);
        }
        self.settle_pending(&chosen.trouble);
        self.report(chosen.facts);
    }

    /// Reports; every recipient is settled.
    pub(crate) fn report(mut self, facts: AttemptFacts) {
        self.report_once(facts);
    }

    fn report_once(&mut self, mut facts: AttemptFacts) {
        self.reported = true;
        if let Some(began) = self.began {
            facts.stages.transaction_us = Some(micros(began.elapsed()));
        }
        let before = |tried: &Tried| (tried.label.clone(), tried.trouble.failure());
        facts.tried_before = self.tried.iter().map(before).collect();
        let outcomes = std::mem::take(&mut self.outcomes);
        let outcomes =
            outcomes.into_iter().map(|o| o.expect("settled before the report")).collect();
        self.feed.report(self.submission.tag, Report { outcomes, facts });
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        let stage = if self.handed_to.is_some() { Stage::DataEnd } else { Stage::Prepare };
        let cause = Cause::Lost("the attempt was cancelled".to_owned());
        self.settle_pending(&Trouble::new(stage, cause));
        // Where it may have arrived it is repeated, and nowhere else (spec 4.1).
        let server = self.handed_to.take().map(|server| server.label.clone()).unwrap_or_default();
        self.report_once(AttemptFacts { server, ..AttemptFacts::default() });
    }
}
