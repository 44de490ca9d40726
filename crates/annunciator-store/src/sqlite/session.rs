//! The writer's connection, and what it knows without asking it.
//!
//! Memory holds only what is claimed and a bounded number of names, never the queue.
//! Failure: when a group is undone, [`Session::undo`] makes the memory fit the files again.

use std::collections::HashMap;

use annunciator_core::{DeliveryId, Event, EventUid, Lane, Severity, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result};

use super::figures::{Tally, Word};
use super::rows::{state, uuid_of};

/// Most event types, lanes and sets of decisions that are remembered, each.
const NAMES_MAX: usize = 10_000;
/// Most rows of `decision_sets`; other decisions are stored with their plan.
const DECISION_SETS_MAX: usize = 1_000;
/// Groups after which the floor is raised.
const FLOOR_GROUPS: u32 = 512;

/// A connection with its memory.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) memory: Memory,
    pub(super) sweep: Sweep,
}

/// Where retention stopped: everything up to this event was looked at.
#[derive(Default)]
pub(super) struct Sweep {
    pub(super) term_after: i64,
    pub(super) cap_after: i64,
}

/// What the writer knows.
#[derive(Default)]
pub(super) struct Memory {
    /// Events that somebody plans now; lapses with the process.
    pub(super) claimed: HashMap<EventUid, ClaimedEvent>,
    /// How `claimed` was before the group under way.
    claimed_before: Vec<(EventUid, Option<ClaimedEvent>)>,
    /// Whether the inbox may hold events that nobody claimed.
    pub(super) has_unclaimed: bool,
    /// Every delivery in flight.
    flights: HashMap<DeliveryId, Flight>,
    /// No lease ends before.
    lease_min: Timestamp,
    /// Deliveries in flight since planning have this key or a greater one.
    floor: i64,
    floor_stored: i64,
    key_max: i64,
    groups: u32,
    /// Application → code → what was seen last.
    types: HashMap<String, HashMap<String, KnownType>>,
    types_count: usize,
    lanes: HashMap<Lane, i64>,
    lane_names: HashMap<i64, Lane>,
    decision_sets: HashMap<String, i64>,
    are_decision_sets_loaded: bool,
    /// What the group under way has done, in numbers.
    pub(super) tally: Tally,
    /// The lane that was served last: the next claim begins after it.
    pub(super) lane_last: i64,
}

/// An event whose planner is at work.
#[derive(Clone, Copy)]
pub(super) struct ClaimedEvent {
    pub(super) key: i64,
    pub(super) severity: Severity,
    /// `event_types.number`.
    pub(super) event_type: i64,
    pub(super) registered_at: Timestamp,
}

/// A delivery in flight.
#[derive(Clone, Copy)]
pub(super) struct Flight {
    pub(super) key: i64,
    pub(super) token: i64,
    pub(super) lease_until: Timestamp,
    pub(super) since_planning: bool,
    pub(super) channel: Word,
}

struct KnownType {
    number: i64,
    type_name: String,
    severity: Severity,
}

impl Session {
    /// Begins with what the files hold; nothing is claimed by a planner.
    pub(super) fn new(connection: Connection) -> Result<Self> {
        let mut session = Self::over(connection, Memory::default());
        session.load()?;
        Ok(session)
    }

    /// Goes on over another connection to the same files, after [`Session::undo`]; claims stay
    /// with their owners.
    pub(super) fn over(connection: Connection, memory: Memory) -> Self {
        Self { connection, memory, sweep: Sweep::default() }
    }

    /// Fits the memory to the files after a group was undone.
    pub(super) fn undo(&mut self) -> Result<()> {
        let memory = &mut self.memory;
        memory.tally.clear();
        while let Some((uid, before)) = memory.claimed_before.pop() {
            match before {
                Some(claimed) => memory.claimed.insert(uid, claimed),
                None => memory.claimed.remove(&uid),
            };
        }
        self.load()
    }

    /// Forgets how it was before the group, which is committed.
    pub(super) fn keep(&mut self) {
        let memory = &mut self.memory;
        memory.claimed_before.clear();
        memory.tally.clear();
        memory.floor_stored = memory.floor;
        memory.groups += 1;
    }

    fn load(&mut self) -> Result<()> {
        self.memory.forget_names();
        self.memory.has_unclaimed = true;
        let floor = self
            .connection
            .query_row("SELECT value FROM meta WHERE name = 'in_flight_floor'", [], |row| {
                row.get(0)
            })
            .optional()?;
        self.memory.floor = floor.unwrap_or(0);
        self.memory.floor_stored = self.memory.floor;
        self.memory.flights.clear();
        self.memory.lease_min = Timestamp(i64::MAX);
        let mut select = self.connection.prepare(
            "SELECT f.id, f.key, f.claims, f.at, f.state, n.channel FROM (
               SELECT id, key, claims, at, state, notification FROM deliveries
               WHERE state = 1 AND key >= ?1
               UNION ALL SELECT id, key, claims, at, state, notification FROM deliveries
               WHERE state <> 1 AND state <> 2 AND state = 5) f
             JOIN notifications n ON n.key = f.notification",
        )?;
        let mut rows = select.query([self.memory.floor])?;
        while let Some(row) = rows.next()? {
            let channel: String = row.get(5)?;
            let flight = Flight {
                key: row.get(1)?,
                token: row.get(2)?,
                lease_until: Timestamp(row.get(3)?),
                since_planning: row.get::<_, i64>(4)? == state::PLANNED_IN_FLIGHT,
                channel: self.memory.tally.word(&channel),
            };
            self.memory.take_off(DeliveryId(uuid_of(row, 0)?), flight);
        }
        Ok(())
    }

    /// Queues again what was in flight when the last process ended (spec 4.7): it may have arrived.
    pub(super) fn requeue_flights(&mut self) -> Result<usize> {
        let floor = self.memory.floor;
        let count = self.connection.execute(
            "UPDATE deliveries SET state = 0, possibly_duplicated = 1
             WHERE state = 1 AND key >= ?1",
            [floor],
        )? + self.connection.execute(
            "UPDATE deliveries SET state = 0, possibly_duplicated = 1
             WHERE state <> 1 AND state <> 2 AND state = 5",
            [],
        )?;
        self.memory.flights.clear();
        Ok(count)
    }

    /// Writes what must be in the same commit as the group.
    pub(super) fn store_memory(&mut self) -> Result<()> {
        let memory = &mut self.memory;
        memory.tally.store(&self.connection)?;
        if memory.groups >= FLOOR_GROUPS {
            memory.groups = 0;
            let planned = memory.flights.values().filter(|flight| flight.since_planning);
            memory.floor = planned.map(|flight| flight.key).min().unwrap_or(memory.key_max);
        }
        if memory.floor != memory.floor_stored {
            self.connection
                .prepare_cached(
                    "INSERT INTO meta (name, value) VALUES ('in_flight_floor', ?1)
                     ON CONFLICT DO UPDATE SET value = excluded.value",
                )?
                .execute([memory.floor])?;
        }
        Ok(())
    }
}

impl Memory {
    /// The number of an event's type; registers it and keeps what was seen last (spec 2.3).
    pub(super) fn type_number(&mut self, connection: &Connection, event: &Event) -> Result<i64> {
        let types = &mut self.types;
        let known = types
            .get_mut(&event.application.name)
            .and_then(|codes| codes.get_mut(&event.event_type));
        if let Some(known) = &known
            && known.severity == event.severity
            && (event.type_name.is_empty() || known.type_name == event.type_name)
        {
            return Ok(known.number);
        }
        let mut upsert = connection.prepare_cached(
            "INSERT INTO event_types
               (application, event_type, type_name, severity, first_seen_at)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET severity = excluded.severity, type_name =
               CASE excluded.type_name WHEN '' THEN type_name ELSE excluded.type_name END
             RETURNING number, type_name",
        )?;
        let values = (
            &event.application.name,
            &event.event_type,
            &event.type_name,
            event.severity.number(),
            event.registered_at.0,
        );
        let (number, type_name) = upsert.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let seen = KnownType { number, type_name, severity: event.severity };
        if let Some(known) = known {
            *known = seen;
        } else if self.types_count < NAMES_MAX {
            self.types_count += 1;
            let codes = types.entry(event.application.name.clone()).or_default();
            codes.insert(event.event_type.clone(), seen);
        }
        Ok(number)
    }

    /// The number of a lane, which is new when it is needed first.
    pub(super) fn lane_number(&mut self, connection: &Connection, lane: &Lane) -> Result<i64> {
        if let Some(number) = self.lanes.get(lane) {
            return Ok(*number);
        }
        let find = "SELECT number FROM lanes WHERE name = ?1";
        let found = connection
            .prepare_cached(find)?
            .query_row([lane.as_str()], |row| row.get(0))
            .optional()?;
        let number = match found {
            Some(number) => number,
            None => {
                let insert = "INSERT INTO lanes (name) VALUES (?1)";
                connection.prepare_cached(insert)?.insert([lane.as_str()])?
            }
        };
        self.remember_lane(number, lane.clone());
        Ok(number)
    }

    /// The lane of that number.
    pub(super) fn lane_of(&mut self, connection: &Connection, number: i64) -> Result<Lane> {
        if let Some(lane) = self.lane_names.get(&number) {
            return Ok(lane.clone());
        }
        let find = "SELECT name FROM lanes WHERE number = ?1";
        let name: String =
            connection.prepare_cached(find)?.query_row([number], |row| row.get(0))?;
        let lane = Lane::new(&name);
        self.remember_lane(number, lane.clone());
        Ok(lane)
    }

    /// The number of a set of decisions, unless there are too many different ones.
    pub(super) fn decision_set(
        &mut self,
        connection: &Connection,
        body: &str,
    ) -> Result<Option<i64>> {
        if !self.are_decision_sets_loaded {
            let mut select = connection.prepare("SELECT body, number FROM decision_sets")?;
            let sets = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            self.decision_sets = sets.collect::<Result<_>>()?;
            self.are_decision_sets_loaded = true;
        }
        if let Some(number) = self.decision_sets.get(body) {
            return Ok(Some(*number));
        }
        if self.decision_sets.len() >= DECISION_SETS_MAX {
            return Ok(None);
        }
        let insert = "INSERT INTO decision_sets (body) VALUES (?1)";
        let number = connection.prepare_cached(insert)?.insert([body])?;
        self.decision_sets.insert(body.to_owned(), number);
        Ok(Some(number))
    }

    /// Forgets names that a rollback may have removed from the files.
    pub(super) fn forget_names(&mut self) {
        self.types.clear();
        self.types_count = 0;
        self.lanes.clear();
        self.lane_names.clear();
        self.decision_sets.clear();
        self.are_decision_sets_loaded = false;
    }

    fn remember_lane(&mut self, number: i64, lane: Lane) {
        if self.lanes.len() >= NAMES_MAX {
            self.lanes.clear();
            self.lane_names.clear();
        }
        self.lane_names.insert(number, lane.clone());
        self.lanes.insert(lane, number);
    }

    /// Gives an event to whoever asked.
    pub(super) fn claim(&mut self, uid: EventUid, event: ClaimedEvent) {
        let before = self.claimed.insert(uid, event);
        self.claimed_before.push((uid, before));
    }

    /// Takes an event back from its planner.
    pub(super) fn release(&mut self, uid: EventUid) -> Option<ClaimedEvent> {
        let before = self.claimed.remove(&uid);
        if before.is_some() {
            self.claimed_before.push((uid, before));
        }
        before
    }

    /// Notes a delivery in flight.
    pub(super) fn take_off(&mut self, id: DeliveryId, flight: Flight) {
        self.lease_min = self.lease_min.min(flight.lease_until);
        if flight.since_planning {
            self.floor = self.floor.min(flight.key);
            self.key_max = self.key_max.max(flight.key);
        }
        self.flights.insert(id, flight);
    }

    /// Notes the end of a flight.
    pub(super) fn land(&mut self, id: DeliveryId) {
        self.flights.remove(&id);
    }

    /// The flight of a delivery with that token.
    pub(super) fn flight(&self, id: DeliveryId, token: i64) -> Option<Flight> {
        self.flights.get(&id).copied().filter(|flight| flight.token == token)
    }

    /// Deliveries in flight.
    pub(super) fn flight_count(&self) -> usize {
        self.flights.len()
    }

    /// Keys of the deliveries in flight.
    pub(super) fn flight_keys(&self) -> Vec<i64> {
        self.flights.values().map(|flight| flight.key).collect()
    }

    /// Ends the flights whose lease is over; they must be queued again.
    pub(super) fn lapse(&mut self, now: Timestamp) -> Vec<i64> {
        if now < self.lease_min {
            return Vec::new();
        }
        let mut keys = Vec::new();
        self.flights.retain(|_, flight| {
            let is_over = flight.lease_until <= now;
            if is_over {
                keys.push(flight.key);
            }
            !is_over
        });
        let leases = self.flights.values().map(|flight| flight.lease_until);
        self.lease_min = leases.min().unwrap_or(Timestamp(i64::MAX));
        keys.sort_unstable();
        keys
    }

    /// When the next lease ends, at the earliest.
    pub(super) fn lease_min(&self) -> Option<Timestamp> {
        (!self.flights.is_empty()).then_some(self.lease_min)
    }
}
