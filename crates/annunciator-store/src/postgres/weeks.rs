//! A week of the ledger goes whole, when every event in it is over its term and finished.
//!
//! Weeks go from the oldest on, so that what hangs on a week's events and stands in a later one is
//! known from their plans, and nothing in a week's tables belongs to an event that stays.

use uuid::Uuid;

use super::bind::values;
use super::fault::Outcome;
use super::partitions::{Week, drop_week, floor_of, lock_week, weeks};
use super::pool::Lent;
use super::retention::{DAY_MS, OVER_AT, OVER_JOINS, remove_notifications, terms_of};
use super::rows::{get, ids_of, number};
use crate::RetentionRule;

/// Events of a week that ends this soon wait for it. Unit: milliseconds.
const WAIT_MS: i64 = 8 * DAY_MS;
/// Terms shorter than this are kept to the step of upkeep. Unit: days.
const WAIT_DAYS_MIN: i64 = 30;
/// Most names of events that one step forgets before a week goes.
const NAMES_MAX: i64 = 20_000;
/// Most notifications beyond a week that go with it in one step.
const BEYOND_MAX: i64 = 5_000;

/// Whether every event of a week is over at a time.
async fn is_over(db: &Lent, week: Week, rule: &RetentionRule, at_ms: i64) -> Outcome<bool> {
    let find = format!(
        "SELECT 1 FROM {} e LEFT JOIN {} p ON p.event = e.uid {OVER_JOINS}
         WHERE {OVER_AT} > $2 LIMIT 1",
        week.table("events"),
        week.table("plans"),
    );
    Ok(db.row(&find, values![terms_of(rule), at_ms]).await?.is_none())
}

/// Whether nothing of a week's events waits, and no older event stands elsewhere.
async fn is_finished(db: &Lent, week: Week) -> Outcome<bool> {
    let (from, until) = (floor_of(week.begin()), floor_of(week.end()));
    let find = "SELECT 1 WHERE EXISTS (SELECT FROM inbox WHERE event >= $1 AND event < $2)
           OR EXISTS (SELECT FROM queue WHERE event >= $1 AND event < $2)
           OR EXISTS (SELECT FROM incident_postponed WHERE event >= $1 AND event < $2)
           OR EXISTS (SELECT FROM events_other WHERE uid < $2)";
    Ok(db.row(find, values![from, until]).await?.is_none())
}

/// The ids (from, until, from, until …) of weeks that go whole so soon that their events wait for
/// it, unless terms are short.
pub(super) async fn waiting(db: &Lent, rule: &RetentionRule) -> Outcome<Vec<Uuid>> {
    if terms_of(rule).iter().all(|days| *days < WAIT_DAYS_MIN) {
        return Ok(Vec::new());
    }
    let mut bounds = Vec::new();
    for week in weeks(db).await? {
        if week.end() > rule.now || !is_over(db, week, rule, rule.now.0 + WAIT_MS).await? {
            break;
        }
        bounds.extend([floor_of(week.begin()), floor_of(week.end())]);
    }
    Ok(bounds)
}

/// What a step made of a week that is over.
enum Step {
    /// Less hangs on it.
    Less,
    /// It is gone, with so many events.
    Dropped(u64),
    /// It goes another time.
    Stays,
}

/// Drops the oldest week when it is over; answers how many events went, and whether there is more.
/// The reads of a large week may take long; what others wait for may not.
pub(super) async fn drop_over(db: &mut Lent, rule: &RetentionRule) -> Outcome<(u64, bool)> {
    let Some(week) = weeks(db).await?.first().copied() else { return Ok((0, false)) };
    if week.end().plus_ms(DAY_MS) > rule.now
        || !is_over(db, week, rule, rule.now.0).await?
        || !is_finished(db, week).await?
    {
        return Ok((0, false));
    }
    db.batch("SAVEPOINT week").await?;
    let step = match take_step(db, week).await {
        // Somebody reads for long, as a copy does.
        Err(trouble) if trouble.is_about_wait() => {
            tracing::info!(until = %week.end(), "a week of the ledger is in use and stays");
            Step::Stays
        }
        step => step?,
    };
    match step {
        Step::Less => Ok((0, true)),
        Step::Dropped(removed) => {
            tracing::info!(events = removed, until = %week.end(), "a week of the ledger was dropped");
            Ok((removed, true))
        }
        Step::Stays => {
            db.batch("ROLLBACK TO SAVEPOINT week").await?;
            db.be_patient();
            Ok((0, false))
        }
    }
}

/// Removes some of what hangs on a week, or drops it when that is done. An operator may revive a
/// delivery until the week is locked: then it stays with all that hangs on it.
async fn take_step(db: &mut Lent, week: Week) -> Outcome<Step> {
    let (from, until) = (floor_of(week.begin()), floor_of(week.end()));
    if forget_names(db, week).await? || forget_beyond(db, week, until).await? {
        return Ok(if is_finished(db, week).await? { Step::Less } else { Step::Stays });
    }
    forget_beside(db, from, until).await?;
    let count = format!("SELECT count(*) FROM {}", week.table("events"));
    let removed = number(&db.one(&count, values![]).await?, 0)?;
    // From here on others wait, and a commit that no standby confirms must not hold them up.
    db.be_brief();
    lock_week(db, week).await?;
    if !is_finished(db, week).await? {
        return Ok(Step::Stays);
    }
    drop_week(db, week).await?;
    Ok(Step::Dropped(removed))
}

/// Removes what hangs on events of a week in tables that have no weeks.
async fn forget_beside(db: &Lent, from: Uuid, until: Uuid) -> Outcome<()> {
    for text in [
        "DELETE FROM parked WHERE event >= $1 AND event < $2",
        "DELETE FROM incident_told WHERE incident >= $1 AND incident < $2",
        "DELETE FROM incident_told WHERE bundle >= $1 AND bundle < $2",
        "DELETE FROM incident_statuses WHERE incident >= $1 AND incident < $2",
        "DELETE FROM incidents WHERE event >= $1 AND event < $2",
    ] {
        db.run(text, values![from, until]).await?;
    }
    Ok(())
}

/// Forgets some of the names that sources gave to events of a week; true when some were left.
async fn forget_names(db: &Lent, week: Week) -> Outcome<bool> {
    let forget = format!(
        "DELETE FROM event_ids i USING (
           SELECT e.id, e.application, e.uid FROM {} e
           JOIN event_ids n ON n.id = e.id AND n.application = e.application AND n.uid = e.uid
           LIMIT $1) g
         WHERE i.id = g.id AND i.application = g.application",
        week.table("events")
    );
    Ok(db.run(&forget, values![NAMES_MAX]).await? > 0)
}

/// Removes some notifications of a week's events that stand beyond it, and their deliveries that
/// do; true when some were left.
async fn forget_beyond(db: &Lent, week: Week, until: Uuid) -> Outcome<bool> {
    let find = format!(
        "SELECT n.id FROM {} p CROSS JOIN LATERAL unnest(p.notifications) AS x(id)
         JOIN notifications n ON n.id = x.id WHERE x.id >= $1 LIMIT $2",
        week.table("plans")
    );
    let rows = db.rows(&find, values![until, BEYOND_MAX]).await?;
    let beyond = rows.iter().map(|row| get(row, 0)).collect::<Outcome<Vec<Uuid>>>()?;
    remove_notifications(db, &beyond).await?;
    let find = format!(
        "SELECT array_agg(d.id) FROM {} n CROSS JOIN LATERAL unnest(n.deliveries) AS x(id)
         JOIN deliveries d ON d.id = x.id WHERE x.id >= $1",
        week.table("notifications")
    );
    let row = db.one(&find, values![until]).await?;
    let deliveries =
        get::<Option<Vec<Uuid>>>(&row, 0)?.map_or_else(|| Ok(Vec::new()), |_| ids_of(&row, 0))?;
    for text in [
        "DELETE FROM attempts WHERE delivery = ANY($1)",
        "DELETE FROM deliveries WHERE id = ANY($1)",
    ] {
        db.run(text, values![deliveries]).await?;
    }
    Ok(!beyond.is_empty())
}
