//! [`Limits`] over the writer and the readers.

use annunciator_core::{Counter, HeldTime, LimitKey, LimitRule, NotificationLimit, Timestamp};
use async_trait::async_trait;

use super::group::Kind;
use super::session::Session;
use super::{SqliteStore, limits, slots};
use crate::{
    LimitClockRecord, Limited, LimitedKey, Limits, Result, SlotAnswer, SlotAsk, SummaryCommit,
    SummaryVerdict, Waiting,
};

#[async_trait]
impl Limits for SqliteStore {
    async fn take_slot(&self, ask: SlotAsk) -> Result<SlotAnswer> {
        self.write(Kind::Flow, 1, move |session| Ok(slots::take(session, &ask)?)).await
    }

    async fn line_up(
        &self,
        limit: NotificationLimit,
        waiting: Vec<Waiting>,
        now: HeldTime,
    ) -> Result<Vec<HeldTime>> {
        let work = move |session: &mut Session| Ok(slots::line_up(session, &limit, &waiting, now)?);
        self.write(Kind::Flow, 1, work).await
    }

    async fn release_put_off(&self, now: Timestamp) -> Result<usize> {
        let start = |session: &mut Session| Ok(slots::end_lines(&session.connection)?);
        self.write(Kind::Flow, 1, start).await?;
        let (mut after, mut count) = (i64::MIN, 0);
        loop {
            let step = move |session: &mut Session| {
                Ok(slots::release_some(&session.connection, now, after)?)
            };
            let (last, released) = self.write(Kind::Flow, slots::RELEASED_MAX, step).await?;
            count += released;
            match last {
                Some(last) => after = last,
                None => return Ok(count),
            }
        }
    }

    async fn free_lost_slots(&self, now: HeldTime) -> Result<usize> {
        let work = move |session: &mut Session| Ok(slots::free_lost(&session.connection, now)?);
        self.write(Kind::Flow, 1, work).await
    }

    async fn counter(&self, key: &LimitKey, rule: LimitRule) -> Result<Counter> {
        let key = key.clone();
        self.read(move |connection| limits::counter(connection, &key, rule)).await
    }

    async fn limited_keys(&self) -> Result<Vec<LimitedKey>> {
        self.read(limits::limited_keys).await
    }

    async fn limited(&self, key: &LimitKey) -> Result<Option<Limited>> {
        let key = key.clone();
        self.read(move |connection| limits::limited(connection, &key)).await
    }

    async fn commit_summary(&self, summary: SummaryCommit) -> Result<SummaryVerdict> {
        let deliveries = summary.planned.iter().map(|planned| planned.deliveries.len());
        let weight = deliveries.sum::<usize>() + summary.told.len() + 2;
        let work = move |session: &mut Session| limits::commit_summary(session, &summary);
        self.write(Kind::Flow, weight, work).await
    }

    async fn limit_clock(&self) -> Result<(Option<LimitClockRecord>, Option<HeldTime>)> {
        self.read(slots::clock).await
    }

    async fn keep_limit_clock(&self, record: LimitClockRecord) -> Result<()> {
        let work =
            move |session: &mut Session| Ok(slots::keep_clock(&session.connection, &record)?);
        self.write(Kind::Flow, 1, work).await
    }

    async fn move_due(&self, now: Timestamp, back_ms: i64) -> Result<usize> {
        let work = move |session: &mut Session| slots::move_due(&session.connection, now, back_ms);
        self.write(Kind::Flow, 1, work).await
    }

    async fn forget_limits(&self, before: HeldTime) -> Result<usize> {
        let work = move |session: &mut Session| limits::forget(&session.connection, before);
        self.write(Kind::Flow, 1, work).await
    }
}
