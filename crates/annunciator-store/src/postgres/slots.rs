//! Slots of limits, lines of those who wait, and held time.
//!
//! What one plan made of one event for one limit is one notification here: while it occupies a slot,
//! its other messages share it. Slots are those of nodes: a node ends its own at its start, and
//! those of a node that has been silent for [`LEASE_MS_MAX`] are ended by whoever finds a limit full:
//! no attempt of it is under way any more.

use annunciator_core::{HeldTime, LimitRule, NotificationId, NotificationLimit, Timestamp};
use uuid::Uuid;

use super::accept::DATABASE_MS;
use super::admission::hold_keys;
use super::bind::values;
use super::fault::Outcome;
use super::nodes::DEAD_MS;
use super::pool::Lent;
use super::rows::get;
use crate::line::{Line, step_ms};
use crate::{LEASE_MS_MAX, LimitClockRecord, SlotAnswer, SlotAsk, SlotId, Waiting};

/// Most put off deliveries that one transaction looks at.
const RELEASED_MAX: i64 = 500;
/// The number of a limit, held.
async fn hold(db: &Lent, limit: &NotificationLimit) -> Outcome<i64> {
    let name = limit.key.as_str();
    let keys = hold_keys(db, &[name]).await?;
    Ok(keys.get(name).expect("it is made when it is not there").number)
}

/// Lets an attempt begin, or not.
pub(super) async fn take(db: &Lent, node: Uuid, ask: &SlotAsk) -> Outcome<SlotAnswer> {
    let (key, rule) = (hold(db, &ask.limit).await?, ask.limit.rule);
    let ended_before = ask.now.plus_ms(-rule.period_ms);
    let ended = "DELETE FROM limit_slots WHERE key = $1 AND freed_at <= $2";
    db.run(ended, values![key, ended_before.0]).await?;
    // Another message about what is counted already.
    let shares = if ask.may_have_arrived { None } else { slot_of(db, key, ask).await? };
    if shares.is_none() {
        if !ask.may_have_arrived && ask.was_tried && has_arrived(db, ask.notification).await? {
            return Ok(SlotAnswer::Passes);
        }
        if occupied(db, key).await? >= i64::from(rule.count) {
            free_dead(db, key, ask.now).await?;
            return Ok(SlotAnswer::Full);
        }
    }
    let insert = "INSERT INTO limit_slots (key, node, event, planned_at, shares, taken_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING number";
    let taken = values![key, node, ask.event.0, ask.planned_at.0, shares, ask.now.0];
    Ok(SlotAnswer::Taken(SlotId(get(&db.one(insert, taken).await?, 0)?)))
}

/// Slots that are not free; those who share are one.
async fn occupied(db: &Lent, key: i64) -> Outcome<i64> {
    let count = "SELECT count(DISTINCT coalesce(shares, number)) FROM limit_slots WHERE key = $1";
    get(&db.one(count, values![key]).await?, 0)
}

/// The slot that other messages of the same plan about the same event hold.
async fn slot_of(db: &Lent, key: i64, ask: &SlotAsk) -> Outcome<Option<i64>> {
    let find = "SELECT coalesce(shares, number) FROM limit_slots
         WHERE key = $1 AND event = $2 AND planned_at = $3 ORDER BY number DESC LIMIT 1";
    let row = db.row(find, values![key, ask.event.0, ask.planned_at.0]).await?;
    row.as_ref().map(|row| get(row, 0)).transpose()
}

/// Whether the notification reached one of its recipients.
async fn has_arrived(db: &Lent, id: NotificationId) -> Outcome<bool> {
    let find = "SELECT 1 FROM notifications n CROSS JOIN LATERAL unnest(n.deliveries) AS x(id)
         JOIN deliveries d ON d.id = x.id WHERE n.id = $1 AND d.state = 2 LIMIT 1";
    Ok(db.row(find, values![id.0]).await?.is_some())
}

/// Ends the slots of attempts that died with their node long ago.
async fn free_dead(db: &Lent, key: i64, now: HeldTime) -> Outcome<()> {
    let text = format!(
        "UPDATE limit_slots s SET freed_at = $2 WHERE s.key = $1 AND s.freed_at IS NULL
           AND NOT EXISTS (SELECT FROM nodes n
                           WHERE n.id = s.node AND n.beat_at > {DATABASE_MS} - $3)"
    );
    db.run(&text, values![key, now.0, LEASE_MS_MAX]).await.map(drop)
}

/// Ends the slots of attempts that died with this node's last run.
pub(super) async fn free_lost(db: &Lent, node: Uuid, now: HeldTime) -> Outcome<usize> {
    let text = "UPDATE limit_slots SET freed_at = $2 WHERE node = $1 AND freed_at IS NULL";
    let count = db.run(text, values![node, now.0]).await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// When fewer than the limit are occupied again, as far as can be known.
async fn frees_at(db: &Lent, key: i64, rule: LimitRule, now: HeldTime) -> Outcome<HeldTime> {
    let over = occupied(db, key).await? - i64::from(rule.count);
    if over < 0 {
        return Ok(now);
    }
    let find = "SELECT CASE WHEN count(*) = count(freed_at) THEN max(freed_at) END AS at
         FROM limit_slots WHERE key = $1 GROUP BY coalesce(shares, number)
         ORDER BY at NULLS LAST LIMIT 1 OFFSET $2";
    let freed_at: Option<i64> = get(&db.one(find, values![key, over]).await?, 0)?;
    Ok(match freed_at {
        Some(at) => HeldTime(at).plus_ms(rule.period_ms).max(now),
        // Its attempt is under way.
        None => now.plus_ms(step_ms(rule)),
    })
}

/// Gives those who wait the times at which to ask again: who stood in line before goes to its
/// front, who is new to its end. Ids tell them apart: they are in the order of their making.
pub(super) async fn line_up(
    db: &Lent,
    limit: &NotificationLimit,
    waiting: &[Waiting],
    now: HeldTime,
) -> Outcome<Vec<HeldTime>> {
    let (key, rule) = (hold(db, limit).await?, limit.rule);
    let first = frees_at(db, key, rule, now).await?;
    let rule_count = i64::from(rule.count);
    // A line is that of its rule: under another one nobody stands in it yet.
    let find = "SELECT line_at, line_used, line_last FROM limit_keys
         WHERE number = $1 AND line_count = $2 AND line_period_ms = $3";
    let row = db.row(find, values![key, rule_count, rule.period_ms]).await?;
    let (line_at, used, last): (i64, i64, Option<Uuid>) = match &row {
        Some(row) => (get(row, 0)?, get(row, 1)?, get(row, 2)?),
        None => (0, 0, None),
    };
    let mut front = Line::from(first);
    let used = u32::try_from(used).unwrap_or(u32::MAX);
    let mut end = Line::used_by(used, HeldTime(line_at));
    if end.at < first {
        end = Line::from(first);
    }
    let mut newest = last;
    let mut times = Vec::with_capacity(waiting.len());
    for one in waiting {
        let id = Some(one.notification.0);
        if id <= last {
            times.push(front.next(rule, one));
        } else {
            times.push(end.next(rule, one));
            newest = newest.max(id);
        }
    }
    let (at, used) = (end.at.0, i64::from(end.used));
    let keep =
        "UPDATE limit_keys SET line_at = $2, line_used = $3, line_last = $4, line_count = $5,
           line_period_ms = $6 WHERE number = $1";
    db.run(keep, values![key, at, used, newest, rule_count, rule.period_ms]).await?;
    Ok(times)
}

/// Nobody stands in any line, and what was put off is due, in its old place in the queue.
pub(super) async fn release(db: &Lent, now: Timestamp) -> Outcome<usize> {
    db.batch("UPDATE limit_keys SET line_count = 0 WHERE line_count > 0").await?;
    let step = "WITH few AS (
           SELECT id FROM queue WHERE put_off AND id > $1 ORDER BY id LIMIT $3),
         due AS (
           UPDATE queue q SET due_at = least(q.created_at, $2), put_off = false FROM few s
           WHERE q.id = s.id AND q.lease_until IS NULL AND q.due_at > $2 RETURNING q.id)
         SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM few),
           (SELECT id FROM few ORDER BY id DESC LIMIT 1)";
    let (mut after, mut released) = (Uuid::nil(), 0);
    loop {
        let row = db.one(step, values![after, now.0, RELEASED_MAX]).await?;
        released += super::rows::number::<usize>(&row, 0)?;
        // Whatever is put off from now on is put off by the limits of now.
        match get::<Option<Uuid>>(&row, 2)? {
            Some(last) if get::<i64>(&row, 1)? == RELEASED_MAX => after = last,
            _ => return Ok(released),
        }
    }
}

/// Where held time stood on this node, and the newest time that counts on any.
pub(super) async fn clock(
    db: &Lent,
    node: Uuid,
) -> Outcome<(Option<LimitClockRecord>, Option<HeldTime>)> {
    let find = "SELECT boot_id, offset_ms, wall_ahead_ms FROM limit_clock WHERE node = $1";
    let read = |row: &tokio_postgres::Row| -> Outcome<LimitClockRecord> {
        let (offset_ms, wall_ahead_ms) = (get(row, 1)?, get(row, 2)?);
        Ok(LimitClockRecord { boot_id: get(row, 0)?, offset_ms, wall_ahead_ms })
    };
    let record = db.row(find, values![node]).await?.as_ref().map(read).transpose()?;
    let newest = "SELECT greatest((SELECT max(at) FROM limit_marks),
           (SELECT max(taken_at) FROM limit_slots), (SELECT max(freed_at) FROM limit_slots))";
    let newest: Option<i64> = get(&db.one(newest, values![]).await?, 0)?;
    Ok((record, newest.map(HeldTime)))
}

/// Keeps where held time stands.
pub(super) async fn keep_clock(db: &Lent, node: Uuid, record: &LimitClockRecord) -> Outcome<()> {
    let keep = "INSERT INTO limit_clock (node, boot_id, offset_ms, wall_ahead_ms)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (node) DO UPDATE SET boot_id = excluded.boot_id,
           offset_ms = excluded.offset_ms, wall_ahead_ms = excluded.wall_ahead_ms";
    let LimitClockRecord { boot_id, offset_ms, wall_ahead_ms } = record;
    db.run(keep, values![node, boot_id.as_str(), *offset_ms, *wall_ahead_ms]).await.map(drop)
}

/// What waits for a time ahead of a wall clock that was set back waits as long as it would have;
/// while other nodes live, they claim what is due by their clocks.
pub(super) async fn move_due(
    db: &Lent,
    node: Uuid,
    now: Timestamp,
    back_ms: i64,
) -> Outcome<usize> {
    let text = format!(
        "UPDATE queue SET due_at = greatest($1, due_at - $2)
         WHERE lease_until IS NULL AND due_at > $1
           AND NOT EXISTS (SELECT FROM nodes WHERE id <> $3 AND beat_at > {DATABASE_MS} - $4)"
    );
    let moved = db.run(&text, values![now.0, back_ms, node, DEAD_MS]).await?;
    Ok(usize::try_from(moved).unwrap_or(usize::MAX))
}
