//! What a store keeps for limits (spec 7, ADR 0029): the third interface beside inbox and queue.
//!
//! In: notifications that count against a limit, attempts that begin and end, summaries.
//! Out: who is admitted, when an attempt may begin, what was limited and not told yet.
//! Knows nothing of: clocks; held time is an argument.
//! Failure: as of every call of [`crate::Store`].

use std::collections::HashSet;

use annunciator_core::{
    ChannelName, Counter, Decision, DecisionKind, Delivery, Event, EventUid, HeldTime, Lane,
    LimitKey, LimitRule, NotificationId, NotificationLimit, Recipient, Scope, Timestamp,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{PlannedNotification, Result};

/// Most recipients that one summary tells; those beyond are not.
pub const AUDIENCE_MAX: usize = 3_000;

/// What a planned notification counts against, and what a summary would need of it.
#[derive(Debug, Clone)]
pub struct PlannedLimit {
    /// The limit.
    pub limit: NotificationLimit,
    /// Display name of the event type, may be empty.
    pub type_name: String,
    /// Now.
    pub now: HeldTime,
}

/// One that waits for a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// What is to be handed over.
    pub notification: NotificationId,
    /// What it is about: what one plan made of one event asks together.
    pub event: EventUid,
    /// When that plan was made.
    pub planned_at: Timestamp,
}

/// Names a slot; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotId(pub i64);

/// An attempt wants to begin.
#[derive(Debug, Clone)]
pub struct SlotAsk {
    /// The limit in force.
    pub limit: NotificationLimit,
    /// What is handed over.
    pub notification: NotificationId,
    /// What it is about: what one plan made of one event is counted once.
    pub event: EventUid,
    /// When that plan was made.
    pub planned_at: Timestamp,
    /// Whether it was tried before, for any recipient.
    pub was_tried: bool,
    /// Whether it may have arrived without anybody knowing: then it is another hand-over.
    pub may_have_arrived: bool,
    /// Now.
    pub now: HeldTime,
}

/// Whether an attempt may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotAnswer {
    /// It holds this slot, which its settlement frees.
    Taken(SlotId),
    /// It needs none: the notification reached somebody before, and was counted then.
    Passes,
    /// Not before a slot frees up.
    Full,
}

/// The end of the attempt that held a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotEnd {
    /// The slot.
    pub slot: SlotId,
    /// When it ended, or later.
    pub at: HeldTime,
    /// Whether anything may have arrived; if not, nothing was handed over and the slot is free.
    pub may_have_arrived: bool,
}

/// What a summary goes out with: that of the last notification that was limited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummarySource {
    /// The channel.
    pub channel: ChannelName,
    /// The queue.
    pub lane: Lane,
    /// Which layers its transport is resolved from, and its limit.
    pub scope: Scope,
    /// Sender, may be empty.
    pub sender: String,
    /// Lifetime of its deliveries. Unit: milliseconds.
    pub lifetime_ms: i64,
    /// The rule that limited.
    pub rule: LimitRule,
    /// Who set it.
    pub origin: String,
}

/// A limit that owes a summary.
#[derive(Debug, Clone)]
pub struct LimitedKey {
    /// The counter.
    pub key: LimitKey,
    /// What the summary goes out with.
    pub source: SummarySource,
    /// Its marks.
    pub counter: Counter,
    /// How many were limited since the last summary.
    pub count: u64,
    /// When the first of them was (wall clock).
    pub first_at: Timestamp,
    /// When the last of them was (wall clock).
    pub last_at: Timestamp,
}

/// How many of an event type were limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitedType {
    /// Application name.
    pub application: String,
    /// Event type code.
    pub event_type: String,
    /// Its display name, may be empty.
    pub type_name: String,
    /// How many, at least 1.
    pub count: u64,
}

/// What a summary tells.
#[derive(Debug, Clone)]
pub struct Limited {
    /// The limit.
    pub limited: LimitedKey,
    /// All event types, the most frequent first.
    pub types: Vec<LimitedType>,
    /// Who would have got them, by the lanes that would have carried them.
    pub audiences: Vec<Audience>,
}

/// Who would have got what was limited by one lane.
#[derive(Debug, Clone)]
pub struct Audience {
    /// How a summary reaches them.
    pub source: SummarySource,
    /// They, each once; at most [`AUDIENCE_MAX`] in all audiences of a limit.
    pub recipients: Vec<Recipient>,
}

/// A summary to commit: its event is accepted and planned in the same transaction.
#[derive(Debug, Clone)]
pub struct SummaryCommit {
    /// The limit.
    pub key: LimitKey,
    /// What it tells: no more and no less is taken off what is owed.
    pub told: Vec<LimitedType>,
    /// Our own event.
    pub event: Event,
    /// The summary with its deliveries, queued: one notification, or several where each recipient
    /// has words of its own.
    pub planned: Vec<PlannedNotification>,
    /// Reason of its decision.
    pub reason: String,
    /// Now.
    pub now: HeldTime,
}

/// What became of a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummaryVerdict {
    /// It is in the queue.
    Committed,
    /// Its place is not free before then.
    NotYet(HeldTime),
    /// What it tells was told meanwhile: look again.
    Changed,
}

/// Where held time stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitClockRecord {
    /// The boot whose running time it is made from.
    pub boot_id: String,
    /// Held time less running time. Unit: milliseconds.
    pub offset_ms: i64,
    /// Wall clock less held time when it was last looked at. Unit: milliseconds.
    pub wall_ahead_ms: i64,
}

/// What the server asks of a store about limits. What counts is decided in its transactions, so
/// that it is exact over restarts and however many ask at once.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Lets an attempt begin, or not: fewer than the rule's count of slots are occupied, each from
    /// before its attempt until a period after its end.
    async fn take_slot(&self, ask: SlotAsk) -> Result<SlotAnswer>;

    /// Gives those who wait, oldest first, the times at which they should ask again: about as many
    /// as the limit allows per period, those that waited longest first. Those of one plan
    /// about one event ask at the same time. Under another rule than before the line is new.
    async fn line_up(
        &self,
        limit: NotificationLimit,
        waiting: Vec<Waiting>,
        now: HeldTime,
    ) -> Result<Vec<HeldTime>>;

    /// The limits may have changed: whatever was put off is due, in its old place in the queue,
    /// and all lines are new. Answers how many deliveries that were.
    async fn release_put_off(&self, now: Timestamp) -> Result<usize>;

    /// Ends the slots of attempts that died with their process: call it once, before the first
    /// attempt. Answers how many.
    async fn free_lost_slots(&self, now: HeldTime) -> Result<usize>;

    /// The marks of a limit, for explain.
    async fn counter(&self, key: &LimitKey, rule: LimitRule) -> Result<Counter>;

    /// The limits that owe a summary, at most 10,000.
    async fn limited_keys(&self) -> Result<Vec<LimitedKey>>;

    /// What a limit's summary tells; none when it owes none.
    async fn limited(&self, key: &LimitKey) -> Result<Option<Limited>>;

    /// Queues a summary when its place is free.
    async fn commit_summary(&self, summary: SummaryCommit) -> Result<SummaryVerdict>;

    /// Where held time stood, and the newest time that counts; none before the first start.
    async fn limit_clock(&self) -> Result<(Option<LimitClockRecord>, Option<HeldTime>)>;

    /// Keeps where held time stands.
    async fn keep_limit_clock(&self, record: LimitClockRecord) -> Result<()>;

    /// The wall clock was set back by so many milliseconds: what waits for a time ahead waits as
    /// long as it would have.
    async fn move_due(&self, now: Timestamp, back_ms: i64) -> Result<usize>;

    /// Forgets limits of which nothing happened since then, and which owe nothing.
    async fn forget_limits(&self, before: HeldTime) -> Result<usize>;
}

/// What a summary needs to go the way of what was limited.
pub(crate) fn source_of(
    planned: &PlannedNotification,
    first: &Delivery,
    limit: &PlannedLimit,
) -> SummarySource {
    let notification = &planned.notification;
    SummarySource {
        channel: notification.channel.clone(),
        lane: first.lane.clone(),
        scope: notification.scope.clone(),
        sender: notification.content.sender.clone(),
        lifetime_ms: first.expires_at.ms_since(first.created_at),
        rule: limit.limit.rule,
        origin: limit.limit.origin.clone(),
    }
}

/// The decisions of a plan some of whose notifications were limited: one for each limit that was
/// reached, and that of its channel goes when nothing of it was admitted.
pub(crate) fn decisions_with(
    decisions: &[Decision],
    notifications: &[PlannedNotification],
    limited: &[&PlannedNotification],
) -> Vec<Decision> {
    let ids: HashSet<_> = limited.iter().map(|planned| planned.notification.id).collect();
    let has_limited: HashSet<&ChannelName> =
        limited.iter().map(|planned| &planned.notification.channel).collect();
    let others = notifications.iter().filter(|planned| !ids.contains(&planned.notification.id));
    let has_admitted: HashSet<&ChannelName> =
        others.map(|planned| &planned.notification.channel).collect();
    let is_kept = |decision: &&Decision| {
        decision.kind != DecisionKind::Notified
            || !has_limited.contains(&decision.channel)
            || has_admitted.contains(&decision.channel)
    };
    let mut all: Vec<Decision> = decisions.iter().filter(is_kept).cloned().collect();
    let mut told = HashSet::new();
    for planned in limited {
        let limit = &planned.limit.as_ref().expect("what was limited has a limit").limit;
        let channel = &planned.notification.channel;
        if told.insert((channel, &limit.key)) {
            all.push(Decision {
                channel: channel.clone(),
                kind: DecisionKind::Limited,
                // Without a time, so that the reasons of many events are one stored set.
                reason: format!("the limit of {} ({}) is reached", limit.rule, limit.origin),
            });
        }
    }
    all
}
