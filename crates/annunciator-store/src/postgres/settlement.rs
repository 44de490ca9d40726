//! Outcomes become attempts and new states; an old claim changes nothing.
//!
//! What is finished moves from the queue into the ledger; what goes on changes in its place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use annunciator_core::{AttemptFacts, ChannelName, DeliveryState, Event};
use tokio_postgres::Row;
use uuid::Uuid;

use super::accept::insert_events;
use super::bind::{self, values};
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::{channel_of, get, outcome_number, state, to_json};
use super::work::Work;
use crate::{Settlement, SlotEnd};

/// What settlements say, as columns of `s`.
macro_rules! given {
    () => {
        "unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[],
           $6::bigint[], $7::bigint[], $8::bigint[], $9::boolean[], $10::boolean[], $11::text[],
           $12::bigint[], $13::bigint[], $14::bigint[], $15::smallint[], $16::text[], $17::text[],
           $18::text[])
           AS s(id, token, state, at, due_at, expires_at, attempts, retries, possibly_duplicated,
             put_off, failure, number, started_at, ended_at, outcome, tried_failure, server, facts)"
    };
}

/// The attempts of what was hit; answers who was hit, and whether its attempt is noted.
macro_rules! attempts_of_hit {
    () => {
        "tried AS (
           INSERT INTO attempts
             (delivery, number, started_at, ended_at, outcome, failure, server, facts)
           SELECT id, number, started_at, ended_at, outcome, tried_failure, server, facts
           FROM hit WHERE number IS NOT NULL
           ON CONFLICT DO NOTHING RETURNING delivery)
         SELECT id, channel, id IN (SELECT delivery FROM tried) FROM hit"
    };
}

/// What is finished goes from the queue into the ledger.
const FINISH: &str = concat!(
    "WITH hit AS (
       DELETE FROM queue q USING ",
    given!(),
    "
       WHERE q.id = s.id AND q.claims = s.token AND q.lease_until IS NOT NULL
       RETURNING q.id, q.event, q.notification, q.channel, q.lane, s.state, q.claims, q.due_at,
         s.at, q.created_at, s.expires_at, s.attempts, s.retries, s.possibly_duplicated, q.role,
         q.address, s.failure, s.number, s.started_at, s.ended_at, s.outcome, s.tried_failure,
         s.server, s.facts),
     done AS (
       INSERT INTO deliveries (id, event, notification, channel, lane, state, claims, due_at, at,
         created_at, expires_at, attempts, retries, possibly_duplicated, role, address, failure)
       SELECT id, event, notification, channel, lane, state, claims, due_at, at, created_at,
         expires_at, attempts, retries, possibly_duplicated, role, address, failure FROM hit),
     ",
    attempts_of_hit!()
);

/// What goes on changes in its place.
const GO_ON: &str = concat!(
    "WITH hit AS (
       UPDATE queue q SET due_at = coalesce(s.due_at, q.due_at),
         lease_until = CASE s.state WHEN 1 THEN s.at END,
         node = CASE s.state WHEN 1 THEN q.node END,
         expires_at = s.expires_at, attempts = s.attempts, retries = s.retries,
         possibly_duplicated = s.possibly_duplicated, put_off = s.put_off, failure = s.failure
       FROM ",
    given!(),
    "
       WHERE q.id = s.id AND q.claims = s.token AND q.lease_until IS NOT NULL
       RETURNING q.id, q.channel, s.number, s.started_at, s.ended_at, s.outcome, s.tried_failure,
         s.server, s.facts),
     ",
    attempts_of_hit!()
);

/// The columns of settlements.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    tokens: Vec<i64>,
    states: Vec<i16>,
    times: Vec<i64>,
    due: Vec<Option<i64>>,
    numbers: [Vec<i64>; 3],
    possibly_duplicated: Vec<bool>,
    put_off: Vec<bool>,
    failures: Vec<Option<String>>,
    tried: [Vec<Option<i64>>; 3],
    outcomes: Vec<Option<i16>>,
    tried_failures: Vec<Option<String>>,
    servers: Vec<Option<Cow<'a, str>>>,
    facts: Vec<Option<String>>,
}

impl<'a> Columns<'a> {
    fn add(&mut self, settlement: &'a Settlement, facts: &mut FactsText) {
        let delivery = &settlement.delivery;
        let (number, at, due_at) = match delivery.state {
            DeliveryState::Queued { due_at } => (state::QUEUED, due_at, Some(due_at.0)),
            // Still under way, with a longer lease.
            DeliveryState::InFlight { lease_until } => (state::IN_FLIGHT, lease_until, None),
            DeliveryState::Delivered { at } => (state::DELIVERED, at, None),
            DeliveryState::Failed { at } => (state::FAILED, at, None),
            DeliveryState::Cancelled { at } => (state::CANCELLED, at, None),
        };
        self.ids.push(delivery.id.0);
        self.tokens.push(settlement.token);
        self.states.push(number);
        self.times.push(at.0);
        self.due.push(due_at);
        let numbers =
            [delivery.expires_at.0, i64::from(delivery.attempts), i64::from(delivery.retries)];
        self.numbers.iter_mut().zip(numbers).for_each(|(column, one)| column.push(one));
        self.possibly_duplicated.push(delivery.possibly_duplicated);
        self.put_off.push(number == state::QUEUED && settlement.attempt.is_none());
        self.failures.push(delivery.last_failure.as_ref().map(to_json));
        let attempt = settlement.attempt.as_ref();
        let tried = [
            attempt.map(|one| i64::from(one.number)),
            attempt.map(|one| one.started_at.0),
            attempt.map(|one| one.ended_at.0),
        ];
        self.tried.iter_mut().zip(tried).for_each(|(column, one)| column.push(one));
        self.outcomes.push(attempt.map(|one| outcome_number(&one.outcome)));
        self.tried_failures.push(attempt.and_then(|one| one.outcome.failure()).map(to_json));
        self.servers.push(attempt.map(|one| bind::text(&one.facts.server)));
        self.facts.push(attempt.and_then(|one| facts.of(&one.facts)));
    }
}

/// The text of the facts that were written last: recipients of one transaction share them.
#[derive(Default)]
struct FactsText {
    last: Option<(Arc<AttemptFacts>, Option<String>)>,
}

impl FactsText {
    fn of(&mut self, facts: &Arc<AttemptFacts>) -> Option<String> {
        let is_same = self.last.as_ref().is_some_and(|(last, _)| Arc::ptr_eq(last, facts));
        if !is_same {
            let text = (**facts != AttemptFacts::default()).then(|| to_json(&**facts));
            self.last = Some((Arc::clone(facts), text));
        }
        self.last.as_ref().and_then(|(_, text)| text.clone())
    }
}

/// Records settlements, at most one for each delivery; tells which had a token out of date.
pub(super) async fn settle(
    db: &Lent,
    work: &mut Work,
    settlements: &[&Settlement],
) -> Outcome<Vec<bool>> {
    // The attempt ended, whoever holds the claim now.
    let ends: Vec<&SlotEnd> = settlements.iter().filter_map(|one| one.slot.as_ref()).collect();
    let (rows, ()) = tokio::try_join!(biased; record(db, settlements), free_slots(db, &ends))?;
    let mut hit: HashMap<Uuid, (ChannelName, bool)> = HashMap::new();
    for row in &rows {
        hit.insert(get(row, 0)?, (channel_of(row, 1)?, get(row, 2)?));
    }
    let mut raised: Vec<(&Event, bool)> = Vec::new();
    let mut stale = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        let found = hit.get(&settlement.delivery.id.0);
        stale.push(found.is_none());
        let Some((channel, is_noted)) = found else { continue };
        work.count_settlement(settlement, channel);
        raised.extend(settlement.raise.as_ref().map(|event| (event, false)));
        if settlement.attempt.is_some() && !is_noted {
            insert_behind(db, settlement).await?;
        }
    }
    insert_events(db, work, &raised).await?;
    Ok(stale)
}

async fn record(db: &Lent, settlements: &[&Settlement]) -> Outcome<Vec<Row>> {
    let goes_on = |one: &Settlement| {
        matches!(one.delivery.state, DeliveryState::Queued { .. } | DeliveryState::InFlight { .. })
    };
    let (lasting, finished): (Vec<&Settlement>, Vec<&Settlement>) =
        settlements.iter().partition(|one| goes_on(one));
    let (mut rows, more) = tokio::try_join!(biased;
        record_with(db, FINISH, &finished),
        record_with(db, GO_ON, &lasting),
    )?;
    rows.extend(more);
    Ok(rows)
}

async fn record_with(db: &Lent, text: &str, settlements: &[&Settlement]) -> Outcome<Vec<Row>> {
    if settlements.is_empty() {
        return Ok(Vec::new());
    }
    let (mut c, mut facts) = (Columns::default(), FactsText::default());
    for settlement in settlements {
        c.add(settlement, &mut facts);
    }
    let values = values![
        c.ids,
        c.tokens,
        c.states,
        c.times,
        c.due,
        c.numbers[0],
        c.numbers[1],
        c.numbers[2],
        c.possibly_duplicated,
        c.put_off,
        c.failures,
        c.tried[0],
        c.tried[1],
        c.tried[2],
        c.outcomes,
        c.tried_failures,
        c.servers,
        c.facts
    ];
    db.rows(text, values).await
}

/// An attempt is never forgotten: its number is taken, so it gets the next free one.
async fn insert_behind(db: &Lent, settlement: &Settlement) -> Outcome<()> {
    let Some(attempt) = &settlement.attempt else { return Ok(()) };
    let facts = FactsText::default().of(&attempt.facts);
    let insert = "INSERT INTO attempts
           (delivery, number, started_at, ended_at, outcome, failure, server, facts)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7
         FROM attempts WHERE delivery = $1";
    let failure = attempt.outcome.failure().map(to_json);
    let (id, server) = (settlement.delivery.id.0, bind::text(&attempt.facts.server));
    let (started_at, ended_at) = (attempt.started_at.0, attempt.ended_at.0);
    let outcome = outcome_number(&attempt.outcome);
    db.run(insert, values![id, started_at, ended_at, outcome, failure, server, facts])
        .await
        .map(drop)
}

/// Frees the slots of attempts; one that handed nothing over leaves no trace.
async fn free_slots(db: &Lent, ends: &[&SlotEnd]) -> Outcome<()> {
    if ends.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i64> = ends.iter().map(|end| end.slot.0).collect();
    let times: Vec<i64> = ends.iter().map(|end| end.at.0).collect();
    let arrived: Vec<bool> = ends.iter().map(|end| end.may_have_arrived).collect();
    let free = "WITH g AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::boolean[])
                           AS g(number, at, has_arrived)),
         gone AS (DELETE FROM limit_slots s USING g
                  WHERE s.number = g.number AND s.freed_at IS NULL AND NOT g.has_arrived)
         UPDATE limit_slots s SET freed_at = g.at FROM g
         WHERE s.number = g.number AND s.freed_at IS NULL AND g.has_arrived";
    db.run(free, values![numbers, times, arrived]).await.map(drop)
}
