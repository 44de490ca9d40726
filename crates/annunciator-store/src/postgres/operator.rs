//! Commands of operators on the queue: deliveries queued again or cancelled, each with its line in
//! the audit log, in the same transaction.

use std::collections::HashMap;

use annunciator_core::{DeliveryId, Timestamp};
use uuid::Uuid;

use super::bind::values;
use super::fault::Outcome;
use super::pool::Lent;
use super::records::insert_audit;
use super::rows::{get, state, state_word};
use crate::queue::with_refused;
use crate::{NewAudit, Operated, Requeue};

/// The states of deliveries; rows of the queue are held until the commit.
async fn states_of(db: &Lent, ids: &[Uuid]) -> Outcome<HashMap<Uuid, i16>> {
    let ids = ids.to_vec();
    let held = "SELECT id, CASE WHEN lease_until IS NULL THEN 0::smallint ELSE 1::smallint END
         FROM queue WHERE id = ANY($1) ORDER BY id FOR UPDATE";
    let ended = "SELECT id, state FROM deliveries WHERE id = ANY($1)";
    let mut states = HashMap::new();
    for text in [held, ended] {
        for row in db.rows(text, values![ids]).await? {
            states.insert(get(&row, 0)?, get(&row, 1)?);
        }
    }
    Ok(states)
}

/// What became of each, when those of these states are done; and who is done.
fn answers(
    deliveries: &[DeliveryId],
    states: &HashMap<Uuid, i16>,
    allowed: &[i16],
) -> Outcome<Vec<(DeliveryId, Operated)>> {
    let answer = |id: &DeliveryId| {
        Ok((
            *id,
            match states.get(&id.0) {
                None => Operated::NotFound,
                Some(found) if allowed.contains(found) => Operated::Done,
                Some(found) => Operated::WrongState(state_word(*found)?),
            },
        ))
    };
    deliveries.iter().map(answer).collect()
}

/// Queued deliveries become due, failed ones revive with a fresh schedule.
pub(super) async fn requeue(
    db: &Lent,
    ask: &Requeue,
    audit: &NewAudit,
) -> Outcome<Vec<(DeliveryId, Operated)>> {
    let ids: Vec<Uuid> = ask.deliveries.iter().map(|id| id.0).collect();
    let states = states_of(db, &ids).await?;
    let of = |wanted: i16| -> Vec<Uuid> {
        ids.iter().copied().filter(|id| states.get(id) == Some(&wanted)).collect()
    };
    let (queued, failed) = (of(state::QUEUED), of(state::FAILED));
    let due = "UPDATE queue SET due_at = $2 WHERE id = ANY($1) AND lease_until IS NULL";
    db.run(due, values![queued, ask.due_at.0]).await?;
    let revive = "WITH back AS (DELETE FROM deliveries WHERE id = ANY($1) RETURNING *)
         INSERT INTO queue (id, event, notification, channel, lane, due_at, claims, created_at,
           expires_at, attempts, retries, possibly_duplicated, put_off, role, address, failure)
         SELECT id, event, notification, channel, lane, $2, claims, created_at, $3, attempts, 0,
           possibly_duplicated, false, role, address, failure FROM back";
    if !failed.is_empty() {
        db.run(revive, values![failed, ask.due_at.0, ask.expires_at.0]).await?;
    }
    let operated = answers(&ask.deliveries, &states, &[state::QUEUED, state::FAILED])?;
    insert_audit(db, &with_refused(audit, &operated)).await?;
    Ok(operated)
}

/// Queued deliveries are given up.
pub(super) async fn cancel(
    db: &Lent,
    deliveries: &[DeliveryId],
    now: Timestamp,
    audit: &NewAudit,
) -> Outcome<Vec<(DeliveryId, Operated)>> {
    let ids: Vec<Uuid> = deliveries.iter().map(|id| id.0).collect();
    let states = states_of(db, &ids).await?;
    let give_up = "WITH gone AS (
           DELETE FROM queue WHERE id = ANY($1) AND lease_until IS NULL RETURNING *)
         INSERT INTO deliveries (id, event, notification, channel, lane, state, claims, due_at, at,
           created_at, expires_at, attempts, retries, possibly_duplicated, role, address, failure)
         SELECT id, event, notification, channel, lane, 4, claims, due_at, $2, created_at,
           expires_at, attempts, retries, possibly_duplicated, role, address, failure FROM gone";
    db.run(give_up, values![ids, now.0]).await?;
    let operated = answers(deliveries, &states, &[state::QUEUED])?;
    insert_audit(db, &with_refused(audit, &operated)).await?;
    Ok(operated)
}
