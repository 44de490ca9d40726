//! Orders into submissions, and their reports back together.
//!
//! With a sender, all recipients of an order share one transaction. Without one, each recipient
//! gets the message from its own address, in a transaction of its own (ADR 0011).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use annunciator_core::{
    AttemptFacts, EnhancedStatus, Failure, FailureScope, Notification, Outcome, Recipient,
    RecipientRole, Stage, Timestamp,
};
use annunciator_mail::{Heading, Mailbox};
use annunciator_smtp::{
    Envelope, Feed, ForwardPath, Mailbox as Path, Report, ReversePath, StageReport, Submission,
};
use bytes::Bytes;

use crate::mail_transport::signing::{Refusal, Signed, Signing};
use crate::{AttemptReport, Order, OrderFeed};

/// What messages name as their maker.
const PRODUCT: &str = concat!("Annunciator ", env!("CARGO_PKG_VERSION"));

/// The orders of one run: what of them is under way, and what came back.
pub(super) struct Parts<'a> {
    feed: &'a dyn OrderFeed,
    missing: &'a str,
    /// Whether every dialogue is kept.
    trace: bool,
    signing: Option<&'a Signing>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next_tag: u64,
    /// Submissions that were made and not yet handed on.
    taken: VecDeque<Submission>,
    /// Which recipients of which order a submission carries.
    parts: HashMap<u64, Part>,
    orders: HashMap<u64, Gathering>,
}

impl State {
    /// Notes what came back for one part.
    fn gather(&mut self, part: Part, outcomes: Vec<Outcome>, facts: &Arc<AttemptFacts>) {
        let Some(gathering) = self.orders.get_mut(&part.order) else { return };
        for (recipient, outcome) in part.recipients.into_iter().zip(outcomes) {
            gathering.outcomes[recipient] = Some(outcome);
            gathering.facts[recipient] = Arc::clone(facts);
        }
        gathering.parts_left -= 1;
    }

    /// The relay is in trouble: the parts of the order that were not begun would only meet it
    /// again, one after the other.
    fn give_up(&mut self, order: u64, failure: &Failure) {
        let is_of_order = |tag: &u64| self.parts.get(tag).is_some_and(|part| part.order == order);
        let left: Vec<u64> = self.taken.iter().map(|s| s.tag).filter(is_of_order).collect();
        self.taken.retain(|submission| !left.contains(&submission.tag));
        for tag in left {
            let Some(part) = self.parts.remove(&tag) else { continue };
            let outcomes = vec![Outcome::TransientFailure(failure.clone()); part.recipients.len()];
            self.gather(part, outcomes, &Arc::default());
        }
    }
}

struct Part {
    order: u64,
    /// When the message was composed first: a signature names that time, so that a repeated
    /// message has the same octets.
    composed_at: Timestamp,
    recipients: Vec<usize>,
}

/// What came back for one order so far.
struct Gathering {
    outcomes: Vec<Option<Outcome>>,
    facts: Vec<Arc<AttemptFacts>>,
    parts_left: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn new(feed: &'a dyn OrderFeed, missing: &'a str, trace: bool) -> Self {
        Self { feed, missing, trace, signing: None, state: Mutex::default() }
    }

    /// Has every message signed before it is handed on.
    pub(super) fn signed_by(mut self, signing: Option<&'a Signing>) -> Self {
        self.signing = signing;
        self
    }

    /// Makes the submissions of an order; what cannot be made is reported at once.
    pub(super) fn take(&self, order: &Order) {
        if !self.missing.is_empty() {
            let failure = prepare_failure(FailureScope::Relay, self.missing);
            let outcome = Outcome::TransientFailure(failure);
            self.report_whole(order, outcome);
            return;
        }
        let groups = match group(order) {
            Ok(groups) => groups,
            Err(reason) => {
                let failure = prepare_failure(FailureScope::Delivery, &reason);
                self.report_whole(order, Outcome::PermanentFailure(failure));
                return;
            }
        };
        let mut state = self.state();
        state.orders.insert(
            order.tag,
            Gathering {
                outcomes: vec![None; order.recipients.len()],
                facts: vec![Arc::default(); order.recipients.len()],
                parts_left: groups.len(),
            },
        );
        for group in groups {
            let tag = state.next_tag;
            state.next_tag += 1;
            let composed_at = order.notification.created_at;
            let part = Part { order: order.tag, composed_at, recipients: group.recipients };
            state.parts.insert(tag, part);
            state.taken.push_back(Submission {
                tag,
                envelope: group.envelope,
                content: group.content,
                needs_8bit: false,
                prefer_server: order.prefer_server.clone(),
                deadline: order.deadline,
                dry_run: order.dry_run,
                envelope_id: order.notification.id.to_string(),
                trace: order.trace || self.trace,
                fresh_connection: order.fresh_connection,
            });
        }
    }

    /// A submission that was made and is not under way, signed if messages are.
    pub(super) fn next_taken(&self) -> Option<Submission> {
        let Some(signing) = self.signing else { return self.state().taken.pop_front() };
        // One at a time, as a signature may take a millisecond; what cannot be signed is reported
        // and leaves the queue.
        loop {
            let (submission, composed_at) = {
                let mut state = self.state();
                let submission = state.taken.pop_front()?;
                let part = state.parts.get(&submission.tag);
                (submission, part.map_or(Timestamp(0), |part| part.composed_at))
            };
            if let Some(signed) = self.sign(signing, submission, composed_at) {
                return Some(signed);
            }
        }
    }

    fn sign(
        &self,
        signing: &Signing,
        mut submission: Submission,
        composed_at: Timestamp,
    ) -> Option<Submission> {
        let began = Instant::now();
        let sender = submission.envelope.reverse_path();
        let signed = signing.sign(&submission.content, sender, composed_at);
        if submission.trace || submission.fresh_connection {
            Feed::stage(self, submission.tag, &prepare_stage(&signed, began.elapsed()));
        }
        let (scope, words) = match signed {
            Ok(signed) => {
                submission.content = signed.content.into();
                return Some(submission);
            }
            Err(refusal) => refusal,
        };
        let failure = prepare_failure(scope, &words);
        let outcome = match scope {
            FailureScope::Relay => Outcome::TransientFailure(failure),
            FailureScope::Delivery => Outcome::PermanentFailure(failure),
        };
        let outcomes = vec![outcome; submission.envelope.forward_paths().len()];
        Feed::report(self, submission.tag, Report { outcomes, facts: AttemptFacts::default() });
        None
    }

    fn report_whole(&self, order: &Order, outcome: Outcome) {
        let outcomes = vec![outcome; order.recipients.len()];
        self.feed.report(order.tag, AttemptReport::shared(outcomes, AttemptFacts::default()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }
}

impl Feed for Parts<'_> {
    fn next(&self) -> Option<Submission> {
        if let Some(submission) = self.next_taken() {
            return Some(submission);
        }
        // An order that cannot be carried out is reported by `take`; the next one gets its turn.
        for _ in 0..100 {
            self.take(&self.feed.next()?);
            if let Some(submission) = self.next_taken() {
                return Some(submission);
            }
        }
        None
    }

    fn report(&self, tag: u64, report: Report) {
        let relay_failure = report
            .outcomes
            .iter()
            .filter_map(Outcome::failure)
            .find(|failure| failure.scope == FailureScope::Relay)
            .cloned();
        let finished = {
            let mut state = self.state();
            let Some(part) = state.parts.remove(&tag) else { return };
            let order = part.order;
            state.gather(part, report.outcomes, &Arc::new(report.facts));
            if let Some(failure) = relay_failure {
                state.give_up(order, &failure);
            }
            let is_finished = state.orders.get(&order).is_some_and(|one| one.parts_left == 0);
            if !is_finished {
                return;
            }
            state.orders.remove(&order).map(|gathering| (order, gathering))
        };
        if let Some((order, gathering)) = finished {
            let lost = || {
                let failure = prepare_failure(FailureScope::Delivery, "no outcome was reported");
                Outcome::TransientFailure(failure)
            };
            let outcomes = gathering.outcomes.into_iter().map(|o| o.unwrap_or_else(lost)).collect();
            self.feed.report(order, AttemptReport { outcomes, facts: gathering.facts });
        }
    }

    fn stage(&self, tag: u64, stage: &StageReport) {
        let order = self.state().parts.get(&tag).map(|part| part.order);
        if let Some(order) = order {
            self.feed.stage(order, stage);
        }
    }
}

/// Recipients of an order that share a transaction, with their message.
struct Group {
    recipients: Vec<usize>,
    envelope: Envelope,
    content: Bytes,
}

/// Splits an order into transactions.
fn group(order: &Order) -> Result<Vec<Group>, String> {
    let content = &order.notification.content;
    let all: Vec<usize> = (0..order.recipients.len()).collect();
    if content.sender.is_empty() {
        let own = |at: &usize| {
            let recipient = &order.recipients[*at];
            let named = std::slice::from_ref(recipient);
            make_group(order, &recipient.address, named, vec![*at])
        };
        return all.iter().map(own).collect();
    }
    // A relay without SMTPUTF8 takes no address that is not ASCII: such recipients get a
    // transaction of their own, and are not named to the others.
    let is_plain = |recipient: &Recipient| {
        recipient.address.is_ascii() || {
            Mailbox::parse(&recipient.address).is_ok_and(|mailbox| mailbox.is_ascii_local())
        }
    };
    let (plain, other): (Vec<usize>, Vec<usize>) =
        all.into_iter().partition(|at| is_plain(&order.recipients[*at]));
    let named_to_plain: Vec<Recipient> =
        content.recipients.iter().filter(|one| is_plain(one)).cloned().collect();
    let plain = plain.chunks(Envelope::RECIPIENTS_MAX).map(|chunk| (chunk, &named_to_plain));
    let other = other.chunks(Envelope::RECIPIENTS_MAX).map(|chunk| (chunk, &content.recipients));
    plain
        .chain(other)
        .map(|(chunk, named)| make_group(order, &content.sender, named, chunk.to_vec()))
        .collect()
}

fn make_group(
    order: &Order,
    sender: &str,
    named: &[Recipient],
    recipients: Vec<usize>,
) -> Result<Group, String> {
    let path = |mailbox: &Mailbox| -> Result<Path, String> {
        Path::new(&mailbox.to_ascii()).map_err(|error| format!("{}: {error}", mailbox.as_str()))
    };
    let from = read(sender)?;
    let forward: Result<Vec<_>, String> = recipients
        .iter()
        .map(|at| path(&read(&order.recipients[*at].address)?).map(ForwardPath))
        .collect();
    let envelope = Envelope::new(ReversePath(Some(path(&from)?)), forward?)
        .map_err(|error| error.to_string())?;
    let content = &order.notification.content;
    let with_role = |role| -> Result<Vec<Mailbox>, String> {
        named.iter().filter(|one| one.role == role).map(|one| read(&one.address)).collect()
    };
    let heading = Heading {
        from: &from,
        to: with_role(RecipientRole::To)?,
        cc: with_role(RecipientRole::Cc)?,
        product: PRODUCT,
        domain: content.message_id.rsplit_once('@').map_or("localhost", |(_, domain)| domain),
    };
    let bytes = annunciator_mail::compose(content, order.notification.created_at, &heading);
    Ok(Group { recipients, envelope, content: bytes.into() })
}

/// An address that was checked at save; a store that was damaged may hold another.
fn read(address: &str) -> Result<Mailbox, String> {
    Mailbox::parse(address).map_err(|error| format!("{address}: {error}"))
}

/// The message of a notification as its recipients would get it, for showing.
pub(super) fn show_message(notification: &Notification) -> Result<Vec<u8>, String> {
    let content = &notification.content;
    let first = content.recipients.first().ok_or("the notification has no recipient")?;
    let sender = if content.sender.is_empty() { &first.address } else { &content.sender };
    let from = read(sender)?;
    let domain = content.message_id.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let heading = Heading::new(content, &from, PRODUCT, domain);
    Ok(annunciator_mail::compose(content, notification.created_at, &heading))
}

fn prepare_stage(signed: &Result<Signed, Refusal>, elapsed: Duration) -> StageReport {
    let (detail, advice) = match signed {
        Ok(signed) => (signed.words.clone(), String::new()),
        Err((_, words)) => (words.clone(), "look at the sender and `dkim_domain`".to_owned()),
    };
    StageReport {
        stage: Stage::Prepare,
        server: String::new(),
        ok: signed.is_ok(),
        detail: vec![detail],
        advice,
        elapsed,
    }
}

fn prepare_failure(scope: FailureScope, diagnostic: &str) -> Failure {
    let status = match scope {
        FailureScope::Relay => EnhancedStatus::new(4, 3, 5),
        FailureScope::Delivery => EnhancedStatus::new(5, 3, 0),
    };
    Failure { stage: Stage::Prepare, scope, code: None, status, diagnostic: diagnostic.to_owned() }
}

#[cfg(test)]
mod tests;
