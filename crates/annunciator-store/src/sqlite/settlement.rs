//! Outcomes become attempts and new states; an old claim changes nothing.

use std::sync::Arc;

use annunciator_core::{Attempt, AttemptFacts, DeliveryId, DeliveryState};
use rusqlite::{CachedStatement, Connection};

use super::fault::Trouble;
use super::inbox::Inbox;
use super::rows::{outcome_number, state, to_json};
use super::session::{Flight, Memory, Session};
use super::slots;
use crate::Settlement;

/// Records settlements; answers those whose token was out of date.
pub(super) fn settle(
    session: &mut Session,
    settlements: &[Settlement],
) -> Result<Vec<DeliveryId>, Trouble> {
    let Session { connection, memory, .. } = session;
    let mut update = connection.prepare_cached(
        "UPDATE deliveries SET state = ?1, at = ?2, due_at = coalesce(?3, due_at),
           expires_at = ?4, attempts = ?5, retries = ?6, possibly_duplicated = ?7, failure = ?8,
           put_off = ?9
         WHERE key = ?10 AND claims = ?11 AND state = ?12",
    )?;
    let mut attempts = Attempts::over(connection)?;
    let mut stale = Vec::new();
    for settlement in settlements {
        let id = settlement.delivery.id;
        // The attempt ended, whoever holds the claim now.
        if let Some(end) = &settlement.slot {
            slots::free(connection, end)?;
        }
        let Some(flight) = memory.flight(id, settlement.token) else {
            stale.push(id);
            continue;
        };
        if !settle_flight(&mut update, memory, settlement, flight)? {
            stale.push(id);
            continue;
        }
        memory.tally.count_settlement(settlement, flight.channel);
        if let Some(attempt) = &settlement.attempt {
            attempts.insert(flight.key, attempt)?;
        }
        if let Some(event) = &settlement.raise {
            Inbox::over(connection)?.insert(memory, event, false)?;
        }
    }
    Ok(stale)
}

fn settle_flight(
    update: &mut CachedStatement<'_>,
    memory: &mut Memory,
    settlement: &Settlement,
    flight: Flight,
) -> rusqlite::Result<bool> {
    let delivery = &settlement.delivery;
    let same =
        if flight.since_planning { state::PLANNED_IN_FLIGHT } else { state::CLAIMED_IN_FLIGHT };
    let (number, at, due_at) = match delivery.state {
        DeliveryState::Queued { due_at } => (state::QUEUED, due_at, Some(due_at.0)),
        // Still under way, with a longer lease.
        DeliveryState::InFlight { lease_until } => (same, lease_until, None),
        DeliveryState::Delivered { at } => (state::DELIVERED, at, None),
        DeliveryState::Failed { at } => (state::FAILED, at, None),
        DeliveryState::Cancelled { at } => (state::CANCELLED, at, None),
    };
    let is_put_off = number == state::QUEUED && settlement.attempt.is_none();
    let count = update.execute(rusqlite::params![
        number,
        at.0,
        due_at,
        delivery.expires_at.0,
        delivery.attempts,
        delivery.retries,
        delivery.possibly_duplicated,
        delivery.last_failure.as_ref().map(to_json),
        is_put_off,
        flight.key,
        flight.token,
        same,
    ])?;
    if let DeliveryState::InFlight { lease_until } = delivery.state {
        memory.take_off(delivery.id, Flight { lease_until, ..flight });
    } else {
        memory.land(delivery.id);
    }
    Ok(count == 1)
}

/// The text of the facts that were written last: recipients of one transaction share them.
#[derive(Default)]
struct FactsText {
    last: Option<(Arc<AttemptFacts>, Option<String>)>,
}

impl FactsText {
    fn of(&mut self, facts: &Arc<AttemptFacts>) -> Option<&str> {
        let is_same = self.last.as_ref().is_some_and(|(last, _)| Arc::ptr_eq(last, facts));
        if !is_same {
            let text = (**facts != AttemptFacts::default()).then(|| to_json(&**facts));
            self.last = Some((Arc::clone(facts), text));
        }
        self.last.as_ref().and_then(|(_, text)| text.as_deref())
    }
}

/// The statement that inserts attempts, prepared once for many.
struct Attempts<'a> {
    connection: &'a Connection,
    insert: CachedStatement<'a>,
    facts: FactsText,
}

impl<'a> Attempts<'a> {
    fn over(connection: &'a Connection) -> rusqlite::Result<Self> {
        let insert = connection.prepare_cached(
            "INSERT INTO attempts (delivery, number, started_at, ended_at, outcome, failure, facts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?;
        Ok(Self { connection, insert, facts: FactsText::default() })
    }

    fn insert(&mut self, key: i64, attempt: &Attempt) -> Result<(), Trouble> {
        let failure = attempt.outcome.failure().map(to_json);
        let mut number = attempt.number;
        // An attempt is never forgotten: should its number be taken, it gets the next free one.
        loop {
            let count = self.insert.execute((
                key,
                number,
                attempt.started_at.0,
                attempt.ended_at.0,
                outcome_number(&attempt.outcome),
                &failure,
                self.facts.of(&attempt.facts),
            ))?;
            if count == 1 || number == u32::MAX {
                return Ok(());
            }
            number = self
                .connection
                .prepare_cached("SELECT max(number) + 1 FROM attempts WHERE delivery = ?1")?
                .query_row([key], |row| row.get(0))?;
        }
    }
}
