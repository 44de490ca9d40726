//! What is due in the store into work for the lanes, and suspended lanes into probes.
//!
//! Failure: a store that refuses is asked again a second later.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use annunciator_core::{DeliveryState, EventUid, Lane, Timestamp};
use annunciator_store::{ClaimAsk, ClaimedOrder, Claims, Settlement, StoreError};

use super::lanes::{ClaimPlan, LANE_CLAIM_MAX, Work};
use super::{Inner, record, settle};

/// Most deliveries that one call claims.
const CLAIM_MAX: usize = 2_048;
/// Whatever happens, the store is asked this often: the safety net below the wake-ups.
const POLL_MS: i64 = 30_000;
/// The same where other nodes leave work: behind a pooler nobody is woken by them.
const SHARED_POLL_MS: i64 = 3_000;
/// Wait after others were faster at a lane: the first one, and what chance adds to it, so that they
/// part. It doubles with each such claim in a row. Unit: milliseconds.
const OVERTAKEN_WAIT_MS: (i64, i64) = (20, 80);
/// The last doubling.
const OVERTAKEN_MAX: u32 = 5;
/// Lifetimes are looked at this often.
const EXPIRY_WAIT_MS: i64 = 10_000;
/// Wait after the store refused. Unit: milliseconds.
const REFUSED_WAIT_MS: i64 = 1_000;
/// Wait while this node cannot show that it lives. Unit: milliseconds.
const SILENT_WAIT_MS: i64 = 1_000;

/// How soon the store is asked again when nothing wakes the claimer.
struct Pace {
    poll_ms: i64,
    /// Claims in a row that got nothing of a lane where something is due.
    overtaken: u32,
}

impl Pace {
    fn of(poll_ms: i64) -> Self {
        Self { poll_ms, overtaken: 0 }
    }

    /// The wait after a claim; `chance` is random, 0 to 1.
    fn wait_ms(&mut self, was_overtaken: bool, chance: f64) -> i64 {
        if !was_overtaken {
            self.overtaken = 0;
            return self.poll_ms;
        }
        let (least, more) = OVERTAKEN_WAIT_MS;
        #[expect(clippy::cast_possible_truncation, reason = "less than a tenth of a second")]
        let first = least + (more as f64 * chance) as i64;
        let wait = first << self.overtaken;
        self.overtaken = (self.overtaken + 1).min(OVERTAKEN_MAX);
        wait.min(self.poll_ms)
    }
}

/// The one lane of all that was claimed together.
fn lane_of(order: &ClaimedOrder) -> Option<&Lane> {
    order.deliveries.first().map(|claimed| &claimed.delivery.lane)
}

/// Whether something is due in a lane of which nothing was claimed: another node holds it just now,
/// and may leave the rest.
fn was_overtaken(claims: &Claims) -> bool {
    let claimed: HashSet<&Lane> = claims.orders.iter().filter_map(lane_of).collect();
    claims.lanes_with_more.iter().any(|lane| !claimed.contains(lane))
}

pub(super) async fn run(inner: Arc<Inner>) {
    // The last process may have died between a change of limits and its release.
    if !inner.release_put_off().await {
        inner.limits_changed.notify_one();
    }
    let mut expiry_at = inner.clock.now();
    let is_shared = inner.store.changes().is_some();
    let mut pace = Pace::of(if is_shared { SHARED_POLL_MS } else { POLL_MS });
    loop {
        if inner.lanes.is_draining() {
            // What was given back is for the next process.
            inner.stop.cancelled().await;
            return;
        }
        let now = inner.clock.now();
        if inner.has_expired.swap(false, Ordering::AcqRel) || now >= expiry_at {
            expiry_at = now.plus_ms(EXPIRY_WAIT_MS);
            if let Err(error) = expire(&inner, now).await {
                tracing::warn!(%error, "cannot look for deliveries whose lifetime has ended");
            }
        }
        let next_at = match turn(&inner, &mut pace, now).await {
            Ok(next_at) => next_at,
            Err(error) => {
                tracing::warn!(%error, "cannot claim deliveries; asking again");
                now.plus_ms(REFUSED_WAIT_MS)
            }
        };
        let next_at = next_at.min(expiry_at);
        tokio::select! {
            () = inner.wake.notified() => {}
            () = inner.clock.sleep_until(next_at) => {}
            () = inner.stop.cancelled() => return,
        }
    }
}

/// One turn: claims, probes, knocks. Answers when the next is due.
async fn turn(
    inner: &Arc<Inner>,
    pace: &mut Pace,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    let Some(era) = inner.store.claim_era() else {
        // What it claims now it may not try: it would keep it from others, give it back, and claim
        // it again.
        return Ok(now.plus_ms(SILENT_WAIT_MS));
    };
    let plan = inner.lanes.plan_claims(now);
    let ask = ask(inner, now, plan.excluded.clone(), LANE_CLAIM_MAX, CLAIM_MAX);
    let claims = match inner.store.claim_due(ask).await {
        Ok(claims) => claims,
        Err(error) => {
            end_probes(inner, &plan.probing, now);
            return Err(error);
        }
    };
    inner.lanes.set_backlog(&plan, &claims.lanes_with_more);
    tracing::debug!(
        orders = claims.orders.len(),
        excluded = plan.excluded.len(),
        lanes_with_more = claims.lanes_with_more.len(),
        "looked for due deliveries"
    );
    let wait_ms = pace.wait_ms(was_overtaken(&claims), fastrand::f64());
    // Lanes that still have room are asked for the rest at once.
    let may_have_room = claims.orders.len() >= CLAIM_MAX / 2;
    for order in claims.orders {
        take(inner, order, era, false);
    }
    probe(inner, &plan, era, now).await?;
    for lane in plan.knocking {
        knock(inner, lane);
    }
    let mut next_at = now.plus_ms(wait_ms);
    if may_have_room {
        next_at = now.plus_ms(20);
    }
    for at in [claims.next_due_at, plan.next_probe_at].into_iter().flatten() {
        next_at = next_at.min(at);
    }
    Ok(next_at)
}

fn ask(
    inner: &Inner,
    now: Timestamp,
    lanes_excluded: Vec<Lane>,
    per_lane_max: usize,
    total_max: usize,
) -> ClaimAsk {
    ClaimAsk {
        now,
        lease_until: now.plus_ms(inner.settings.current().claim_ms()),
        lanes_excluded,
        per_lane_max,
        total_max,
    }
}

/// Takes claimed work into memory.
fn take(inner: &Arc<Inner>, order: ClaimedOrder, era: u64, probes: bool) {
    let Some(first) = order.deliveries.first() else { return };
    let lane = first.delivery.lane.clone();
    let work = Work { probes, ..Work::new(order, Some(era)) };
    inner.lanes.hold(&lane, &work);
    inner.start_work(&lane, work);
}

/// Tries each probing lane with its oldest order.
async fn probe(
    inner: &Arc<Inner>,
    plan: &ClaimPlan,
    era: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    if plan.probing.is_empty() {
        return Ok(());
    }
    let mut others = inner.lanes.names();
    others.retain(|lane| !plan.probing.contains(lane));
    let claimed = inner.store.claim_due(ask(inner, now, others, 1, CLAIM_MAX)).await;
    let Ok(claims) = claimed else {
        end_probes(inner, &plan.probing, now);
        return claimed.map(drop);
    };
    let mut found = HashSet::new();
    for order in claims.orders {
        if let Some(first) = order.deliveries.first() {
            found.insert(first.delivery.lane.clone());
        }
        take(inner, order, era, true);
    }
    let missed = plan.probing.iter().filter(|lane| !found.contains(*lane)).cloned().collect();
    end_missed(inner, missed, now).await
}

/// Ends the probes that found nothing to try. What another node has in flight, or claims just now,
/// shows that node how the relay is: the lane waits on, and hears of it or looks again. Where
/// nothing waits, the next fresh delivery will show it.
async fn end_missed(
    inner: &Arc<Inner>,
    missed: Vec<Lane>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if missed.is_empty() {
        return Ok(());
    }
    let with_work = match inner.store.lanes_with_work(missed.clone(), now).await {
        Ok(lanes) => lanes,
        Err(error) => {
            end_probes(inner, &missed, now);
            return Err(error);
        }
    };
    end_probes(inner, &with_work, now);
    for lane in missed.iter().filter(|lane| !with_work.contains(lane)) {
        inner.free(lane);
    }
    // When those that wait on are tried next was not known when this turn began.
    inner.wake.notify_one();
    Ok(())
}

fn end_probes(inner: &Inner, probing: &[Lane], now: Timestamp) {
    for lane in probing {
        inner.lanes.end_probe(lane, now);
    }
}

/// Looks whether the relay of a lane that did not answer does so again, so that the first mail
/// goes out within seconds of its return.
fn knock(inner: &Arc<Inner>, lane: Lane) {
    let Some(transport) = inner.lanes.transport(&lane) else { return };
    let task = inner.clone();
    inner.tasks.spawn("knock", async move {
        if transport.knock().await {
            task.lanes.probe_now(&lane, task.clock.now());
            task.wake.notify_one();
        }
    });
}

/// Gives up deliveries whose lifetime has ended.
async fn expire(inner: &Arc<Inner>, now: Timestamp) -> Result<(), StoreError> {
    let mut raised: HashSet<EventUid> = HashSet::new();
    loop {
        let orders = inner.store.claim_expired(ask(inner, now, vec![], CLAIM_MAX, 512)).await?;
        if orders.is_empty() {
            return Ok(());
        }
        let count: usize = orders.iter().map(|order| order.deliveries.len()).sum();
        for order in orders {
            for claimed in &order.deliveries {
                let delivery = settle::expire(&claimed.delivery, now);
                debug_assert!(matches!(delivery.state, DeliveryState::Failed { .. }));
                record::log_expired(&delivery, &order.notification);
                inner.metrics.expired.inc();
                // One event of our own per event whose delivery was given up; none about ours
                // (quality G20).
                let notification = &order.notification;
                let may_raise = raised.len() < record::RAISED_PER_TURN_MAX
                    && !raised.contains(&notification.event);
                let raise = may_raise
                    .then(|| record::expiry_event(&inner.ids, &delivery, notification, count))
                    .flatten();
                if raise.is_some() {
                    raised.insert(notification.event);
                }
                let token = claimed.token;
                let settlement = Settlement { delivery, token, attempt: None, raise, slot: None };
                inner.settle(settlement, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_overtaken_looks_again_soon_and_less_often_when_that_goes_on() {
        let mut pace = Pace::of(SHARED_POLL_MS);
        let mut check = |was_overtaken: bool, chance: f64, expected: i64| {
            assert_eq!(pace.wait_ms(was_overtaken, chance), expected);
        };
        check(false, 0.5, SHARED_POLL_MS);
        check(true, 0.0, 20);
        check(true, 1.0, 200);
        check(false, 0.5, SHARED_POLL_MS);
        for expected in [60, 120, 240, 480, 960, 1_920, 1_920] {
            check(true, 0.5, expected);
        }
        check(true, 1.0, SHARED_POLL_MS);
    }
}
