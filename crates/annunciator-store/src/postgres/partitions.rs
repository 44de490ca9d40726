//! The ledger's tables by weeks: made ahead, and dropped whole when nothing of a week is kept.
//!
//! Standard: `UUIDv7` (RFC 9562 section 5.7): the first 48 bits are milliseconds since 1970.

use std::sync::Arc;

use annunciator_core::Timestamp;
use uuid::Uuid;

use super::bind::values;
use super::fault::Outcome;
use super::pool::{Lent, Pool};
use super::rows::get;
use super::schema::{hold, lock};
use crate::Result;

/// Length of a partition, from Monday to Monday. Unit: milliseconds.
const WEEK_MS: i64 = 7 * 24 * 3_600_000;
/// The first Monday after the beginning of 1970. Unit: milliseconds.
const MONDAY_MS: i64 = 4 * 24 * 3_600_000;
/// Weeks that are made before they begin.
const AHEAD: i64 = 3;

/// Most weeks that are made for what is older: ten years.
const WEEKS_MAX: i64 = 522;

/// The tables that have partitions, what hangs on another one first.
pub(super) const TABLES: [&str; 5] = ["attempts", "deliveries", "notifications", "plans", "events"];

/// The smallest id of a time.
pub(super) fn floor_of(at: Timestamp) -> Uuid {
    let ms = u128::try_from(at.0.clamp(0, (1 << 48) - 1)).expect("not negative");
    Uuid::from_u128(ms << 80)
}

/// A week, by its number since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Week(i64);

impl Week {
    #[cfg(test)]
    pub(super) fn number(self) -> i64 {
        self.0
    }

    pub(super) fn of(at: Timestamp) -> Self {
        Self((at.0 - MONDAY_MS).div_euclid(WEEK_MS))
    }

    fn next(self) -> Self {
        Self(self.0 + 1)
    }

    pub(super) fn begin(self) -> Timestamp {
        Timestamp(self.0 * WEEK_MS + MONDAY_MS)
    }

    pub(super) fn end(self) -> Timestamp {
        self.next().begin()
    }

    /// Name of its partition of a table, such as `events_w2970`.
    pub(super) fn table(self, table: &str) -> String {
        format!("{table}_w{}", self.0)
    }
}

/// Makes the partitions of this week and the ones ahead, within a transaction. Answers how many.
pub(super) async fn make_ahead(db: &Lent, now: Timestamp) -> Outcome<usize> {
    let first = Week::of(now);
    let wanted: Vec<Week> = (0..=AHEAD).map(|ahead| Week(first.0 + ahead)).collect();
    let missing = |known: &[Week]| -> Vec<Week> {
        wanted.iter().copied().filter(|week| !known.contains(week)).collect()
    };
    if missing(&weeks(db).await?).is_empty() {
        return Ok(0);
    }
    hold(db, lock::SCHEMA).await?;
    let weeks = missing(&weeks(db).await?);
    for week in &weeks {
        make(db, *week).await?;
    }
    Ok(weeks.len())
}

/// No longer wait for a lock than others may wait behind it.
const BRIEF: &str = "SET LOCAL lock_timeout = '200ms'";

/// The same, for all locks of one statement together.
const BRIEF_IN_ALL: &str = "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = '200ms'";
/// No longer for a statement under locks that others wait for.
const HELD: &str = "SET LOCAL statement_timeout = '2s'";

/// Makes them in a transaction of its own, and gives up at once when somebody reads for long: whoever
/// comes after a lock that waits would wait, too. What has no partition stands in the safety net.
pub(super) async fn make_soon(pool: &Arc<Pool>) -> Result<usize> {
    let db = pool.begin().await?;
    let outcome = async {
        db.batch(BRIEF).await?;
        let now = database_time(&db).await?;
        make_ahead(&db, now).await
    };
    let outcome = outcome.await;
    db.end(outcome).await
}

/// Makes the partitions from the week of a time to that of a later one, within a transaction.
pub(super) async fn make_between(db: &Lent, from: Timestamp, until: Timestamp) -> Outcome<()> {
    hold(db, lock::SCHEMA).await?;
    let known = weeks(db).await?;
    // An event's parts may be older than its registration by a clock that was set.
    let first = Week::of(from).0 - 1;
    for week in (first.max(Week::of(until).0 - WEEKS_MAX)..=Week::of(until).0).map(Week) {
        if !known.contains(&week) {
            make(db, week).await?;
        }
    }
    Ok(())
}

async fn make(db: &Lent, week: Week) -> Outcome<()> {
    let (from, until) = (floor_of(week.begin()), floor_of(week.end()));
    for table in TABLES.iter().rev() {
        let key = if *table == "attempts" { "delivery" } else { key_of(table) };
        let name = week.table(table);
        // What stands in the safety net of that week moves: a partition that overlaps is refused.
        let text = format!(
            "CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
             WITH moved AS (DELETE FROM {table}_other WHERE {key} >= '{from}' AND {key} < '{until}'
                            RETURNING *)
             INSERT INTO {name} SELECT * FROM moved;
             ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{until}');"
        );
        db.batch(&text).await?;
    }
    Ok(())
}

fn key_of(table: &str) -> &'static str {
    match table {
        "events" => "uid",
        "plans" => "event",
        _ => "id",
    }
}

/// The weeks that have partitions, oldest first.
pub(super) async fn weeks(db: &Lent) -> Outcome<Vec<Week>> {
    let text = "SELECT substr(c.relname, 9)::bigint FROM pg_inherits i
                JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'events'::regclass AND c.relname LIKE 'events\\_w%'
                ORDER BY 1";
    let rows = db.rows(text, &[]).await?;
    rows.iter().map(|row| Ok(Week(get(row, 0)?))).collect()
}

/// Locks the partitions of a week so that they may be dropped, within a transaction: others wait no
/// longer than [`BRIEF`] for all the locks together, and not much longer until the end.
pub(super) async fn lock_week(db: &Lent, week: Week) -> Outcome<()> {
    db.batch(BRIEF).await?;
    hold(db, lock::SCHEMA).await?;
    // All at first, so that nothing is dropped under somebody's hands. Each is held while the next
    // one is waited for: it is the statement that is bounded.
    let tables: Vec<String> =
        TABLES.iter().flat_map(|table| [format!("ONLY {table}"), week.table(table)]).collect();
    let text = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "));
    db.batch(BRIEF_IN_ALL).await?;
    db.batch(&text).await?;
    db.batch(HELD).await
}

/// Drops the partitions of a week, which are locked.
pub(super) async fn drop_week(db: &Lent, week: Week) -> Outcome<()> {
    let tables = TABLES.map(|table| week.table(table));
    db.batch(&format!("DROP TABLE {}", tables.join(", "))).await
}

/// The time of the database.
pub(super) async fn database_time(db: &Lent) -> Outcome<Timestamp> {
    let text = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    super::rows::time(&db.one(text, values![]).await?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_and_ids_keep_its_order() {
        // 2026-11-30 is a Monday.
        let monday = Timestamp(1_796_002_400_000 - 1_796_002_400_000 % 86_400_000);
        let week = Week::of(monday.plus_ms(3 * 86_400_000));
        assert_eq!(week.begin().0.rem_euclid(86_400_000), 0);
        assert_eq!(week.end().ms_since(week.begin()), WEEK_MS);
        assert_eq!(Week::of(week.begin()), week);
        assert_eq!(Week::of(week.end().plus_ms(-1)), week);
        assert_eq!(Week::of(week.end()), week.next());
        let id = annunciator_core::EventUid::from_parts(1_795_325_400_000, [7; 10]);
        let week = Week::of(Timestamp(1_795_325_400_000));
        assert!(floor_of(week.begin()) < id.0 && id.0 < floor_of(week.end()));
        // Thursday the first of January 1970 is in the week before that first Monday.
        assert_eq!(Week::of(Timestamp(0)).begin(), Timestamp(-3 * 86_400_000));
    }
}
