//! Incidents that wait into bundles: one mail for each address, subscription and relay (spec 9;
//! ADR 0039).
//!
//! In: what the store holds as postponed and due. Out: notifications with an event of our own each
//! that are accepted and planned in the same commit, in which the rows are taken off: a crash loses
//! none and repeats none. Whoever may or will not read it any more is not told; an event of our
//! own says why.
//! Failure: a store that refuses is asked again. While the Mail Notifier lacks something, what
//! goes over it waits and holds up nothing else; after the lifetime of a delivery it is not told,
//! as a mail that was queued is given up then.
//!
//! Concurrency: one task. `bundle_wake` wakes it after a commit that postponed somebody; otherwise
//! it sleeps until the next is due.

mod writing;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use annunciator_core::{Event, EventUid, ParameterValue, Scope, Timestamp};
use annunciator_planner::{
    ChannelProfile, Directory, Incident, Recheck, Waiting, recheck, why_untold,
};
use annunciator_store::{BUNDLED_MAX, BundleCommit, DueBundle, PostponedRow, StoreError};
use tokio_util::sync::CancellationToken;

use crate::incident_supply::{IncidentSupply, incident_uid};
use crate::shared::Shared;
use crate::snapshot::Snapshot;
pub(crate) use writing::BUNDLE_TYPE;

/// Longest wait between two looks: the wall clock may be set meanwhile. Unit: milliseconds.
const LOOK_WAIT_MS_MAX: i64 = 15_000;
/// Wait after what is due could not be told. Unit: milliseconds.
const REFUSED_WAIT_MS: i64 = 5_000;
/// Most bundles that are read at a time.
const BUNDLES_MAX: usize = 100;
/// Most such readings of one look; the others come with the next.
const READINGS_MAX: usize = 100;
/// Most events that one look remembers.
const EVENTS_MAX: usize = 1_000;

/// What waits because a relay lacks something: how many by what it lacks.
type HeldUp = BTreeMap<String, usize>;

/// Runs until the stop.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut known = HeldUp::new();
    loop {
        let now = shared.clock.now();
        let at = match look(&shared).await {
            Ok((held_up, next_at)) => {
                warn(&known, &held_up);
                known = held_up;
                next_at.unwrap_or(now.plus_ms(LOOK_WAIT_MS_MAX))
            }
            Err(error) => {
                tracing::warn!(%error, "cannot look for incidents to bundle; looking again");
                now.plus_ms(REFUSED_WAIT_MS)
            }
        };
        let at = at.min(now.plus_ms(LOOK_WAIT_MS_MAX));
        tokio::select! {
            () = shared.clock.sleep_until(at) => {}
            () = shared.bundle_wake.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Says once what is held up by now, and that nothing is any more.
fn warn(known: &HeldUp, held_up: &HeldUp) {
    for (reason, count) in held_up {
        if !known.contains_key(reason) {
            tracing::warn!(count, reason, "incidents wait to be told and are held up");
        }
    }
    if held_up.is_empty() && !known.is_empty() {
        tracing::info!("incidents that wait to be told are not held up any more");
    }
}

/// What one look reads once.
struct Round<'a> {
    shared: &'a Shared,
    snapshot: Arc<Snapshot>,
    directory: Directory,
    now: Timestamp,
    /// Those of the rows, as many addresses wait for the same; none for one that was removed.
    events: HashMap<EventUid, Option<Event>>,
    held_up: HeldUp,
}

/// Incidents for one address of one subscription that go over the same relay.
struct Lot {
    profile: Arc<ChannelProfile>,
    /// Of the first incident.
    scope: Scope,
    numbers: Vec<i64>,
    rows: Vec<PostponedRow>,
    events: Vec<Event>,
}

/// Tells what is due; answers what is held up, and when to look again.
async fn look(shared: &Shared) -> Result<(HeldUp, Option<Timestamp>), StoreError> {
    let now = shared.clock.now();
    let mut due = shared.store.due_bundles(now, 0, BUNDLES_MAX).await?;
    let mut held_up = HeldUp::new();
    if !due.is_empty() {
        let directory = IncidentSupply::directory(shared.store.as_ref(), now).await?;
        let (snapshot, events) = (shared.settings.current(), HashMap::new());
        let mut round = Round { shared, snapshot, directory, now, events, held_up };
        let (mut after, mut readings) = (0, 1);
        while let Some(next) = round.tell_all(due, after).await? {
            if readings >= READINGS_MAX {
                return Ok((round.held_up, Some(now.plus_ms(1))));
            }
            (after, readings) = (next, readings + 1);
            due = shared.store.due_bundles(now, after, BUNDLES_MAX).await?;
        }
        held_up = round.held_up;
    }
    let next_at = shared.store.next_bundle_at(now).await?;
    Ok((held_up, next_at.map(|at| at.max(shared.clock.now().plus_ms(1)))))
}

impl Round<'_> {
    /// Tells these bundles, which are what follows the row `after`; answers behind which row there
    /// may be more.
    async fn tell_all(
        &mut self,
        due: Vec<DueBundle>,
        after: i64,
    ) -> Result<Option<i64>, StoreError> {
        let first_of = |bundle: &DueBundle| bundle.numbers.first().copied();
        let mut next = due.last().filter(|_| due.len() >= BUNDLES_MAX).and_then(first_of);
        for bundle in due {
            let end = bundle.numbers.last().copied();
            let is_whole = bundle.numbers.len() < BUNDLED_MAX;
            let is_held_up = self.tell(bundle).await?;
            if !is_whole {
                // What was told is taken off; what is held up is passed over.
                let more = if is_held_up { end } else { Some(after) };
                next = next.map_or(more, |next| more.map(|more| more.min(next)));
            }
        }
        Ok(next)
    }

    /// Tells one bundle; true when some of it has to wait.
    async fn tell(&mut self, bundle: DueBundle) -> Result<bool, StoreError> {
        let (lots, gone) = self.divide(bundle).await?;
        if !gone.is_empty() {
            // One that was removed meanwhile has nothing to say any more.
            let (outcomes, postponed) = (Vec::new(), Vec::new());
            let commit = BundleCommit { numbers: gone, outcomes, postponed };
            self.shared.store.commit_bundle(commit).await?;
        }
        let mut is_held_up = false;
        for lot in lots {
            if lot.profile.missing.is_empty() {
                self.tell_lot(lot).await?;
            } else {
                is_held_up |= self.hold(lot).await?;
            }
        }
        Ok(is_held_up)
    }

    /// The incidents of a bundle by what they are sent over, and the rows whose incident was
    /// removed.
    async fn divide(&mut self, bundle: DueBundle) -> Result<(Vec<Lot>, Vec<i64>), StoreError> {
        let (mut lots, mut gone): (Vec<Lot>, _) = (Vec::new(), Vec::new());
        for (number, row) in bundle.numbers.into_iter().zip(bundle.rows) {
            let Some(event) = self.event(row.event).await? else {
                gone.push(number);
                continue;
            };
            let holding = self.snapshot.holding(&event);
            let mut profiles = holding.profiles.into_iter();
            let profile = profiles.find(|profile| profile.composer.is_for_subscribers());
            let profile = profile.expect("a channel is for subscribers");
            let at = lots.iter().position(|lot| Arc::ptr_eq(&lot.profile, &profile));
            let at = at.unwrap_or_else(|| {
                let (numbers, rows, events) = (Vec::new(), Vec::new(), Vec::new());
                lots.push(Lot { profile, scope: holding.scope, numbers, rows, events });
                lots.len() - 1
            });
            lots[at].numbers.push(number);
            lots[at].rows.push(row);
            lots[at].events.push(event);
        }
        Ok((lots, gone))
    }

    async fn event(&mut self, uid: EventUid) -> Result<Option<Event>, StoreError> {
        if let Some(known) = self.events.get(&uid) {
            return Ok(known.clone());
        }
        let event = self.shared.store.event(uid).await?.map(|row| row.event);
        if self.events.len() >= EVENTS_MAX {
            self.events.clear();
        }
        self.events.insert(uid, event.clone());
        Ok(event)
    }

    /// Keeps what cannot be sent, and gives up what waited longer than a delivery would; true when
    /// some of it waits on.
    async fn hold(&mut self, lot: Lot) -> Result<bool, StoreError> {
        let Lot { profile, scope, numbers, rows, events } = lot;
        let lifetime_ms = self.snapshot.delivery.lifetime_ms();
        let (mut ended, row) = (Vec::new(), rows[0].clone());
        let (mut untold, mut kept) = (Vec::new(), 0);
        for ((number, row), event) in numbers.into_iter().zip(rows).zip(events) {
            if row.due_at.plus_ms(lifetime_ms) <= self.now {
                ended.push(number);
                untold.push(event);
            } else {
                kept += 1;
            }
        }
        if kept > 0 {
            *self.held_up.entry(profile.missing.clone()).or_default() += kept;
        }
        if !ended.is_empty() {
            let why = format!("the lifetime of a delivery is over, and {}", profile.missing);
            let (count, sorted) = (untold.len(), Sorted { untold, why, ..Sorted::default() });
            let desk = self.desk(&profile, &scope, &row);
            let outcomes = vec![desk.note_untold(&sorted, annunciator_core::Severity::Warning)];
            let commit = BundleCommit { numbers: ended, outcomes, postponed: Vec::new() };
            if self.shared.store.commit_bundle(commit).await? {
                let reason = profile.missing.as_str();
                tracing::warn!(count, reason, "incidents waited too long and are not told");
            }
        }
        Ok(kept > 0)
    }

    /// Tells what goes over one relay.
    async fn tell_lot(&self, lot: Lot) -> Result<(), StoreError> {
        let Lot { profile, scope, numbers, rows, events } = lot;
        let shared = self.shared;
        let supply = IncidentSupply::samples(shared.store.as_ref(), &events).await?;
        let mut sorted = self.sort(events, &rows[0]);
        sorted.told = as_they_are_now(shared, sorted.told).await?;
        let desk = self.desk(&profile, &scope, &rows[0]);
        let mut outcomes = Vec::new();
        if !sorted.told.is_empty() {
            outcomes.extend(desk.compose(&sorted.told, &supply));
        }
        if !sorted.untold.is_empty() {
            outcomes.push(desk.note_untold(&sorted, annunciator_core::Severity::Info));
        }
        let (told, untold) = (sorted.told.len(), sorted.untold.len());
        let commit = BundleCommit { numbers, outcomes, postponed: sorted.later };
        let is_done = shared.store.commit_bundle(commit).await?;
        if is_done && untold > 0 {
            tracing::info!(count = untold, "incidents that waited are not told any more");
        }
        if is_done && told > 0 {
            tracing::info!(count = told, "a bundle tells incidents");
            shared.dispatcher.note_queued(&profile.lane);
        }
        Ok(())
    }

    fn desk<'a>(
        &'a self,
        profile: &'a ChannelProfile,
        scope: &'a Scope,
        row: &'a PostponedRow,
    ) -> writing::Desk<'a> {
        writing::Desk { shared: self.shared, snapshot: &self.snapshot, profile, scope, row }
    }

    /// Looks once more at who may and will read it, now that its time has come.
    fn sort(&self, events: Vec<Event>, row: &PostponedRow) -> Sorted {
        let (rules, directory, now) = (&self.snapshot.incident_rules, &self.directory, self.now);
        let waiting = Waiting { subscription: &row.subscription, address: &row.address };
        let Some(why) = why_untold(rules, directory, waiting) else {
            return Sorted { told: events, ..Sorted::default() };
        };
        let mut sorted = Sorted { why, ..Sorted::default() };
        for event in events {
            let becomes = Incident::of(&event)
                .map_or(Recheck::Untold, |one| recheck(rules, directory, &one, waiting, now));
            match becomes {
                Recheck::Told => sorted.told.push(event),
                Recheck::Untold => sorted.untold.push(event),
                Recheck::Later(later) => sorted.later.push(PostponedRow {
                    due_at: later.due_at,
                    subscription: later.subscription,
                    language: later.addressee.language.code().to_owned(),
                    time_zone: later.addressee.time_zone.name().to_owned(),
                    address: later.addressee.address,
                    event: event.uid,
                }),
            }
        }
        sorted
    }
}

/// What becomes of the incidents of a bundle.
#[derive(Default)]
struct Sorted {
    told: Vec<Event>,
    later: Vec<PostponedRow>,
    untold: Vec<Event>,
    /// Why those are not told.
    why: String,
}

/// Each incident once, as the last of its events tells it, with its present status.
async fn as_they_are_now(shared: &Shared, events: Vec<Event>) -> Result<Vec<Event>, StoreError> {
    let key_of = |event: &Event| incident_uid(&Incident::of(event)?);
    let mut last = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        last.extend(key_of(event).map(|key| (key, at)));
    }
    let mut present = Vec::with_capacity(last.len());
    for (at, mut event) in events.into_iter().enumerate() {
        if let Some(key) = key_of(&event) {
            if last[&key] != at {
                continue;
            }
            if let Some(row) = shared.store.incident(key).await? {
                let status = ParameterValue::Text(row.status);
                event.parameters.insert("status".to_owned(), status);
            }
        }
        present.push(event);
    }
    Ok(present)
}
