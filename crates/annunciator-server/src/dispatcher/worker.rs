//! A worker: the lane's orders, in their order, through the channel.
//!
//! In: work of one lane. Out: settlements.
//! Knows nothing of: protocols; it sees outcomes.
//! Failure: work about which the store does not answer goes back to it; a panic in the channel, or an order that was never reported, is a transient failure
//! of its deliveries.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use annunciator_channels::{AttemptReport, Order, OrderFeed, Transport};
use annunciator_core::{
    Attempt, AttemptFacts, DeliveryState, EnhancedStatus, Failure, FailureScope, Lane, Outcome,
    Stage, Timestamp,
};
use annunciator_store::{Settlement, StoreError};
use futures_util::FutureExt as _;

use super::lanes::Work;
use super::{Inner, record, settle};

/// Runs until the lane has no work in memory.
pub(super) async fn run(inner: Arc<Inner>, lane: Lane) {
    while let Some(work) = inner.lanes.pop_or_end(&lane) {
        let notification = &work.order.notification;
        let snapshot = inner.settings.current();
        let Some(transport) = snapshot.transport(&notification.channel, &notification.scope) else {
            let channel = notification.channel.as_str();
            let failure = relay_failure(format!("this version has no channel `{channel}`"));
            inner.suspend(&lane, &failure, inner.clock.now(), work.probes);
            inner.give_back(&work);
            continue;
        };
        let feed = LaneFeed {
            inner: &inner,
            lane: &lane,
            transport: transport.clone(),
            running: Mutex::default(),
        };
        let Some(first) = feed.start(work).await else { continue };
        let attempt = AssertUnwindSafe(transport.attempt(first, &feed)).catch_unwind();
        if attempt.await.is_err() {
            tracing::error!(%lane, "a channel panicked; its deliveries will be tried again");
        }
        feed.settle_unreported();
        inner.lanes.set_workers_limit(&lane, transport.concurrency_now());
    }
}

/// Hands the lane's orders to the channel and settles what comes back.
struct LaneFeed<'a> {
    inner: &'a Arc<Inner>,
    lane: &'a Lane,
    transport: Arc<dyn Transport>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    next_tag: u64,
    works: HashMap<u64, (Work, Timestamp)>,
}

impl LaneFeed<'_> {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().expect("no panic while it is held")
    }

    /// The first order of a run: the only one that may look something up.
    async fn start(&self, mut work: Work) -> Option<Order> {
        if !self.is_late(&work)
            && let Some(limit) = self.inner.limit_of(&work)
        {
            work = self.inner.take_slot(self.lane, work, limit).await?;
        }
        match self.server_that_may_have_it(&work).await {
            Ok(prefer_server) => self.order(work, prefer_server),
            Err(error) => {
                tracing::warn!(%error, "cannot look up which server may have a message; asking again");
                self.inner.put_off_refused(self.lane, &work);
                None
            }
        }
    }

    /// The server of the newest attempt that was handed over and not confirmed: however many
    /// failed since, the message goes to no other (spec 4.1). None where no attempt tells it.
    async fn server_that_may_have_it(&self, work: &Work) -> Result<Option<String>, StoreError> {
        let mut claims = work.order.deliveries.iter();
        let Some(claimed) = claims.find(|claimed| claimed.delivery.possibly_duplicated) else {
            return Ok(None);
        };
        let attempts = self.inner.store.attempts_of(claimed.delivery.id).await?;
        let is_uncertain = |attempt: &&Attempt| matches!(attempt.outcome, Outcome::Uncertain(_));
        let server = attempts.iter().rev().find(is_uncertain).map(|it| it.facts.server.clone());
        Ok(server.filter(|server| !server.is_empty()))
    }

    /// Makes an order of work; none when its lifetime has ended, or when its claim has lapsed or
    /// would during the attempt: it waited in memory for so long, or the store was away for so
    /// long, that somebody else might repeat it.
    fn order(&self, work: Work, prefer_server: Option<String>) -> Option<Order> {
        let now = self.inner.clock.now();
        let limit_s = self.inner.settings.current().delivery.attempt_s_max;
        if self.is_late(&work) {
            let has_expired = has_expired(&work, now);
            // The claimer finds it again, or finds that its lifetime has ended and says so in the
            // ledger; a probe that was to be made with it is made with another.
            self.inner.has_expired.fetch_or(has_expired, Ordering::AcqRel);
            self.inner.give_back(&work);
            if work.probes {
                self.inner.lanes.end_probe(self.lane, now);
            }
            self.inner.wake.notify_one();
            return None;
        }
        let recipients =
            work.order.deliveries.iter().map(|claimed| claimed.delivery.recipient.clone());
        let mut running = self.running();
        let tag = running.next_tag;
        running.next_tag += 1;
        let order = Order {
            tag,
            notification: work.order.notification.clone(),
            recipients: recipients.collect(),
            prefer_server,
            deadline: tokio::time::Instant::now() + Duration::from_secs(u64::from(limit_s)),
            dry_run: false,
            trace: false,
            fresh_connection: false,
        };
        running.works.insert(tag, (work, now));
        Some(order)
    }

    /// Whether the lifetime of work has ended, or its claim has lapsed or would during an attempt.
    fn is_late(&self, work: &Work) -> bool {
        let now = self.inner.clock.now();
        let limit_s = self.inner.settings.current().delivery.attempt_s_max;
        let attempt_ends_at = now.plus_ms(i64::from(limit_s) * 1_000);
        let mut deliveries = work.order.deliveries.iter().map(|claimed| &claimed.delivery);
        let lapses = deliveries.any(|delivery| match delivery.state {
            DeliveryState::InFlight { lease_until } => lease_until < attempt_ends_at,
            _ => true,
        });
        lapses || !self.is_ours(work) || has_expired(work, now)
    }

    /// Whether the claim of work can be nobody else's: this node lived all the time since.
    fn is_ours(&self, work: &Work) -> bool {
        work.era.is_some() && work.era == self.inner.store.claim_era()
    }

    /// Whether work may follow on the same transport without a look-up.
    fn may_follow(&self, work: &Work) -> bool {
        let notification = &work.order.notification;
        let snapshot = self.inner.settings.current();
        let same = snapshot
            .transport(&notification.channel, &notification.scope)
            .is_some_and(|transport| Arc::ptr_eq(&transport, &self.transport));
        // A slot of a limit is asked for in the store.
        let is_free = self.inner.limit_of(work).is_none();
        same && is_free
            && !work.order.deliveries.iter().any(|claimed| claimed.delivery.possibly_duplicated)
    }

    /// Settles what the channel did not report: it panicked.
    fn settle_unreported(&self) {
        let left: Vec<u64> = self.running().works.keys().copied().collect();
        for tag in left {
            let report = AttemptReport { outcomes: Vec::new(), facts: Vec::new() };
            self.report(tag, report);
        }
    }

    fn settle_order(&self, work: &Work, started_at: Timestamp, report: &AttemptReport) {
        let inner = self.inner;
        let now = inner.clock.now();
        let snapshot = inner.settings.current();
        // Of what was not reported nobody knows.
        let may_have_arrived = report.outcomes.len() < work.order.deliveries.len()
            || report.outcomes.iter().any(Outcome::may_have_arrived);
        let slot = inner.slot_end(work, may_have_arrived);
        for (position, claimed) in work.order.deliveries.iter().enumerate() {
            let outcome = report.outcomes.get(position).cloned().unwrap_or_else(unreported);
            let chance = fastrand::f64();
            let next = settle::settle(&claimed.delivery, &outcome, &snapshot.delivery, now, chance);
            let seen = report.facts.get(position).cloned().unwrap_or_default();
            let is_delivered = outcome == Outcome::Delivered;
            let attempt = Attempt {
                delivery: next.id,
                number: next.attempts,
                started_at,
                ended_at: now,
                outcome,
                facts: if is_delivered { seen } else { without_reply(seen) },
            };
            record::log_attempt(&attempt, &next, &work.order.notification);
            record::count_attempt(&inner.metrics, &attempt, &work.order.notification);
            let token = claimed.token;
            let slot = slot.filter(|_| position == 0);
            let settlement =
                Settlement { delivery: next, token, attempt: Some(attempt), raise: None, slot };
            inner.settle(settlement, Some(work.bytes_of(position)));
        }
    }
}

impl OrderFeed for LaneFeed<'_> {
    fn next(&self) -> Option<Order> {
        // Work that expired is given back; the one behind it gets its turn.
        for _ in 0..100 {
            let work = self.inner.lanes.pop(self.lane)?;
            if !self.may_follow(&work) {
                self.inner.lanes.push_front(self.lane, work);
                return None;
            }
            if let Some(order) = self.order(work, None) {
                return Some(order);
            }
        }
        None
    }

    fn report(&self, tag: u64, report: AttemptReport) {
        let Some((work, started_at)) = self.running().works.remove(&tag) else { return };
        let inner = self.inner;
        let trouble = report
            .outcomes
            .iter()
            .filter_map(Outcome::failure)
            .find(|failure| failure.scope == FailureScope::Relay);
        match trouble.cloned() {
            Some(failure) => {
                inner.lanes.set_transport(self.lane, &self.transport);
                inner.suspend(self.lane, &failure, inner.clock.now(), work.probes);
            }
            // What failed before any connection says nothing about the relay.
            None if report.outcomes.iter().all(never_left) => {
                if work.probes {
                    inner.lanes.end_probe(self.lane, inner.clock.now());
                }
            }
            None => inner.resume(self.lane),
        }
        self.settle_order(&work, started_at, &report);
    }
}

fn has_expired(work: &Work, now: Timestamp) -> bool {
    work.order.deliveries.iter().all(|claimed| claimed.delivery.expires_at <= now)
}

fn never_left(outcome: &Outcome) -> bool {
    outcome.failure().is_some_and(|failure| failure.stage == Stage::Prepare)
}

/// The reply to the final dot is about those it was accepted for, not about the others.
fn without_reply(facts: Arc<AttemptFacts>) -> Arc<AttemptFacts> {
    if facts.reply.is_empty() && facts.queue_id.is_empty() {
        return facts;
    }
    let facts = AttemptFacts::clone(&facts);
    Arc::new(AttemptFacts { reply: String::new(), queue_id: String::new(), ..facts })
}

/// What a delivery gets that its channel did not report: it panicked.
fn unreported() -> Outcome {
    Outcome::TransientFailure(Failure {
        stage: Stage::Prepare,
        scope: FailureScope::Delivery,
        code: None,
        status: EnhancedStatus::new(4, 3, 0),
        diagnostic: "internal error: the attempt ended without a result".to_owned(),
    })
}

fn relay_failure(diagnostic: String) -> Failure {
    Failure {
        stage: Stage::Prepare,
        scope: FailureScope::Relay,
        code: None,
        status: EnhancedStatus::new(4, 3, 5),
        diagnostic,
    }
}
