//! Plans become notifications and deliveries, and the event leaves the inbox.
//!
//! Whoever takes the row out of the inbox has planned the event; another node's plan finds none.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use annunciator_core::{
    Delivery, DeliveryState, EventUid, Notification, NotificationId, Timestamp,
};
use uuid::Uuid;

use super::admission::Admission;
use super::bind::{some_text, text, values};
use super::bundles::postpone;
use super::fault::Outcome;
use super::incidents::note_untold;
use super::pool::Lent;
use super::rows::{get, role_number, severity_number, state, time, to_json};
use super::work::Work;
use crate::limits::decisions_with;
use crate::pictures;
use crate::{
    Decision, LeftOut, PlanCommit, PlanVerdict, PlannedNotification, PostponedRow, StoreError,
};

/// The token of deliveries that are in flight from their plan on.
const FIRST_TOKEN: i64 = 1;

/// A plan that counts: its event waited.
struct Taken<'a> {
    event: EventUid,
    notifications: Vec<&'a PlannedNotification>,
    decisions: Cow<'a, [Decision]>,
    term_days: Option<u32>,
}

/// Commits the verdicts of planners, at most one for each event; those on events that wait no
/// longer change nothing. Answers for each the notifications that have no deliveries: they were
/// limited, or somebody else's plan came first.
pub(super) async fn commit_plans(
    db: &Lent,
    work: &mut Work,
    plans: &[&PlanCommit],
) -> Outcome<Vec<LeftOut>> {
    commit_failures(db, plans).await?;
    let waited = take_out(db, plans).await?;
    let mut left_out: Vec<LeftOut> = plans.iter().map(|_| LeftOut::default()).collect();
    let mut void = Vec::new();
    let mut admission = Admission::over(db, plans, &waited).await?;
    let mut taken = Vec::new();
    let (mut postponed, mut untold): (Vec<&PostponedRow>, Vec<Uuid>) = (Vec::new(), Vec::new());
    for (place, plan) in plans.iter().enumerate() {
        let PlanVerdict::Planned { notifications, decisions, term_days, postponed: later } =
            &plan.verdict
        else {
            continue;
        };
        let Some(registered_at) = waited.get(&plan.event) else {
            void.extend(notifications.iter().map(|planned| (place, planned.notification.id)));
            continue;
        };
        let (admitted, limited): (Vec<_>, Vec<_>) =
            notifications.iter().partition(|planned| admission.admit(planned));
        let decisions = if limited.is_empty() {
            Cow::Borrowed(decisions.as_slice())
        } else {
            left_out[place].limited.extend(limited.iter().map(|planned| planned.notification.id));
            Cow::Owned(decisions_with(decisions, notifications, &limited))
        };
        work.count_decisions(*registered_at, &decisions);
        postponed.extend(later);
        if later.is_empty() && admitted.is_empty() {
            untold.push(plan.event.0);
        }
        let notifications = admitted;
        taken.push(Taken { event: plan.event, notifications, decisions, term_days: *term_days });
    }
    admission.store(db).await?;
    let planned: Vec<&PlannedNotification> =
        taken.iter().flat_map(|plan| plan.notifications.iter().copied()).collect();
    // In their order: once one is refused, those behind it only say that the transaction is over.
    tokio::try_join!(
        biased;
        insert_notifications(db, &planned),
        insert_deliveries(db, work.node, &planned),
        insert_plans(db, &taken),
        postpone(db, &postponed),
        note_untold(db, &untold),
    )?;
    work.leaves_work |= planned.iter().any(|planned| {
        planned.deliveries.iter().any(|one| matches!(one.state, DeliveryState::Queued { .. }))
    });
    if !void.is_empty() {
        let stored = stored_of(db, &void).await?;
        for (place, id) in void.iter().filter(|(_, id)| !stored.contains(&id.0)) {
            left_out[*place].overtaken.push(*id);
        }
    }
    Ok(left_out)
}

/// Of plans that changed nothing, the notifications that are there: their commit was not told.
async fn stored_of(db: &Lent, void: &[(usize, NotificationId)]) -> Outcome<HashSet<Uuid>> {
    let ids: Vec<Uuid> = void.iter().map(|(_, id)| id.0).collect();
    let rows = db.rows("SELECT id FROM notifications WHERE id = ANY($1)", values![ids]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// Takes the events of plans out of the inbox; answers when each was registered.
async fn take_out(db: &Lent, plans: &[&PlanCommit]) -> Outcome<HashMap<EventUid, Timestamp>> {
    let planned = |plan: &&&PlanCommit| matches!(plan.verdict, PlanVerdict::Planned { .. });
    let events: Vec<Uuid> = plans.iter().filter(planned).map(|plan| plan.event.0).collect();
    if events.is_empty() {
        return Ok(HashMap::new());
    }
    let take = "DELETE FROM inbox WHERE event = ANY($1) RETURNING event, registered_at";
    let rows = db.rows(take, values![events]).await?;
    rows.iter().map(|row| Ok((EventUid(get(row, 0)?), time(row, 1)?))).collect()
}

async fn commit_failures(db: &Lent, plans: &[&PlanCommit]) -> Outcome<()> {
    let (mut events, mut reasons, mut most) = (vec![], vec![], vec![]);
    for plan in plans {
        if let PlanVerdict::Failed { reason, tries_max } = &plan.verdict {
            events.push(plan.event.0);
            reasons.push(text(reason));
            most.push(i64::from(*tries_max));
        }
    }
    if events.is_empty() {
        return Ok(());
    }
    let count = "WITH g AS (
           SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS g(event, reason, most)),
         again AS (
           UPDATE inbox i SET tries = tries + 1, node = NULL, lease_until = NULL
           FROM g WHERE i.event = g.event AND i.tries + 1 < g.most),
         gone AS (
           DELETE FROM inbox i USING g WHERE i.event = g.event AND i.tries + 1 >= g.most
           RETURNING i.event, i.tries + 1 AS tries, g.reason)
         INSERT INTO parked (event, tries, reason) SELECT event, tries, reason FROM gone";
    db.run(count, values![events, reasons, most]).await.map(drop)
}

async fn insert_plans(db: &Lent, taken: &[Taken<'_>]) -> Outcome<()> {
    if taken.is_empty() {
        return Ok(());
    }
    let (mut events, mut decisions, mut lists, mut terms) = (vec![], vec![], vec![], vec![]);
    for plan in taken {
        events.push(plan.event.0);
        let decided = (!plan.decisions.is_empty()).then(|| to_json(&*plan.decisions));
        decisions.push(decided.map(|text| self::text(&text).into_owned()));
        lists.push(list_of(plan.notifications.iter().map(|planned| planned.notification.id.0)));
        terms.push(plan.term_days.map(i64::from));
    }
    let insert = "INSERT INTO plans (event, decisions, notifications, term_days)
         SELECT event, decisions, list::uuid[], term::integer
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
           AS g(event, decisions, list, term)";
    db.run(insert, values![events, decisions, lists, terms]).await.map(drop)
}

/// Ids as the database writes a list of them.
fn list_of(ids: impl Iterator<Item = Uuid>) -> String {
    let mut list = String::from("{");
    for id in ids {
        if list.len() > 1 {
            list.push(',');
        }
        write!(list, "{id}").expect("a text takes all");
    }
    list.push('}');
    list
}

const INSERT_NOTIFICATIONS: &str =
    "INSERT INTO notifications (id, event, created_at, severity, channel, application,
           event_type, device, device_group, subject, body, sender, message_id, thread_id, event_id,
           conditions, html, recipients, command, picture_id, picture, deliveries)
         SELECT id, event, created_at, severity, channel, application, event_type, device,
           device_group, subject, body, sender, message_id, thread_id, event_id, conditions, html,
           recipients, command, picture_id, picture, list::uuid[]
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::smallint[], $5::text[], $6::text[],
           $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
           $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
           $20::text[], $21::bytea[], $22::text[])
           AS g(id, event, created_at, severity, channel, application, event_type, device,
             device_group, subject, body, sender, message_id, thread_id, event_id, conditions, html,
             recipients, command, picture_id, picture, list)";

/// Inserts the contents of notifications.
pub(super) async fn insert_notifications(
    db: &Lent,
    planned: &[&PlannedNotification],
) -> Outcome<()> {
    if planned.is_empty() {
        return Ok(());
    }
    let all: Vec<&Notification> = planned.iter().map(|one| &*one.notification).collect();
    let ids: Vec<Uuid> = all.iter().map(|one| one.id.0).collect();
    let events: Vec<Uuid> = all.iter().map(|one| one.event.0).collect();
    let created: Vec<i64> = all.iter().map(|one| one.created_at.0).collect();
    let severities: Vec<i16> = all.iter().map(|one| severity_number(one.scope.severity)).collect();
    let texts = |of: fn(&Notification) -> &str| -> Vec<Cow<'_, str>> {
        all.iter().map(|one| text(of(one))).collect()
    };
    let conditions = all
        .iter()
        .map(|one| (!one.scope.conditions.is_empty()).then(|| to_json(&one.scope.conditions)));
    let conditions: Vec<Option<String>> = conditions.collect();
    let html: Vec<_> = all.iter().map(|one| some_text(one.content.html.as_deref())).collect();
    let recipients: Vec<String> = all.iter().map(|one| to_json(&one.content.recipients)).collect();
    let commands: Vec<Option<String>> =
        all.iter().map(|one| one.content.command.as_ref().map(to_json)).collect();
    let (picture_lines, picture_octets): (Vec<Option<String>>, Vec<Option<Vec<u8>>>) =
        all.iter().map(|one| pictures::join(&one.content.pictures)).unzip();
    let lists: Vec<String> =
        planned.iter().map(|one| list_of(one.deliveries.iter().map(|each| each.id.0))).collect();
    db.run(
        INSERT_NOTIFICATIONS,
        values![
            ids,
            events,
            created,
            severities,
            texts(|one| one.channel.as_str()),
            texts(|one| &one.scope.application),
            texts(|one| &one.scope.event_type),
            texts(|one| &one.scope.device),
            texts(|one| &one.scope.group),
            texts(|one| &one.content.subject),
            texts(|one| &one.content.text),
            texts(|one| &one.content.sender),
            texts(|one| &one.content.message_id),
            texts(|one| &one.content.thread_id),
            texts(|one| &one.content.event_id),
            conditions,
            html,
            recipients,
            commands,
            picture_lines,
            picture_octets,
            lists,
        ],
    )
    .await
    .map(drop)
}

/// The columns of deliveries.
#[derive(Default)]
struct Columns<'a> {
    ids: [Vec<Uuid>; 3],
    words: [Vec<Cow<'a, str>>; 3],
    numbers: [Vec<i64>; 7],
    states: Vec<i16>,
    roles: Vec<i16>,
    possibly_duplicated: Vec<bool>,
    failures: Vec<Option<String>>,
}

impl<'a> Columns<'a> {
    fn add(&mut self, notification: &'a Notification, delivery: &'a Delivery) {
        let created_at = delivery.created_at;
        let (number, claims, due_at, at) = match delivery.state {
            DeliveryState::Queued { due_at } => (state::QUEUED, 0, due_at, due_at),
            DeliveryState::InFlight { lease_until } => {
                (state::IN_FLIGHT, FIRST_TOKEN, created_at, lease_until)
            }
            DeliveryState::Delivered { at } => (state::DELIVERED, 0, created_at, at),
            DeliveryState::Failed { at } => (state::FAILED, 0, created_at, at),
            DeliveryState::Cancelled { at } => (state::CANCELLED, 0, created_at, at),
        };
        let ids = [delivery.id.0, notification.event.0, notification.id.0];
        self.ids.iter_mut().zip(ids).for_each(|(column, id)| column.push(id));
        let words = [
            notification.channel.as_str(),
            delivery.lane.as_str(),
            delivery.recipient.address.as_str(),
        ];
        self.words.iter_mut().zip(words).for_each(|(column, word)| column.push(text(word)));
        let numbers = [
            claims,
            due_at.0,
            at.0,
            created_at.0,
            delivery.expires_at.0,
            i64::from(delivery.attempts),
            i64::from(delivery.retries),
        ];
        self.numbers.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        self.states.push(number);
        self.roles.push(role_number(delivery.recipient.role));
        self.possibly_duplicated.push(delivery.possibly_duplicated);
        self.failures.push(delivery.last_failure.as_ref().map(to_json));
    }

    async fn insert(&self, db: &Lent, text: &str, node: Uuid) -> Outcome<u64> {
        if self.states.is_empty() {
            return Ok(0);
        }
        let (ids, words, numbers) = (&self.ids, &self.words, &self.numbers);
        let values = values![
            ids[0],
            ids[1],
            ids[2],
            words[0],
            words[1],
            words[2],
            numbers[0],
            numbers[1],
            numbers[2],
            numbers[3],
            numbers[4],
            numbers[5],
            numbers[6],
            self.states,
            self.roles,
            self.possibly_duplicated,
            self.failures,
            node
        ];
        db.run(text, values).await
    }
}

/// The columns of deliveries, as `g`.
macro_rules! given {
    () => {
        "unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],
           $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
           $13::bigint[], $14::smallint[], $15::smallint[], $16::boolean[], $17::text[])
           AS g(id, event, notification, channel, lane, address, claims, due_at, at, created_at,
             expires_at, attempts, retries, state, role, possibly_duplicated, failure)
         ON CONFLICT DO NOTHING"
    };
}

const FINISHED: &str = concat!(
    "INSERT INTO deliveries (id, event, notification, channel, lane, state, claims, due_at, at,
       created_at, expires_at, attempts, retries, possibly_duplicated, role, address, failure)
     SELECT id, event, notification, channel, lane, state, claims, due_at, at, created_at,
       expires_at, attempts, retries, possibly_duplicated, role, address, failure FROM ",
    given!()
);

const QUEUE: &str = concat!(
    "INSERT INTO queue (id, event, notification, channel, lane, due_at, lease_until, node, claims,
       created_at, expires_at, attempts, retries, possibly_duplicated, put_off, role, address,
       failure)
     SELECT id, event, notification, channel, lane, due_at, CASE state WHEN 1 THEN at END,
       CASE state WHEN 1 THEN $18::uuid END, claims, created_at, expires_at, attempts, retries,
       possibly_duplicated, false, role, address, failure FROM ",
    given!()
);

/// Inserts the deliveries of notifications: what is unfinished into the queue.
pub(super) async fn insert_deliveries(
    db: &Lent,
    node: Uuid,
    planned: &[&PlannedNotification],
) -> Outcome<()> {
    let (mut waiting, mut finished) = (Columns::default(), Columns::default());
    for one in planned {
        for delivery in &one.deliveries {
            let columns = if delivery.state.is_finished() { &mut finished } else { &mut waiting };
            columns.add(&one.notification, delivery);
        }
    }
    tokio::try_join!(biased; waiting.insert(db, QUEUE, node), finished.insert(db, FINISHED, node))
        .map(drop)
}

/// Adds a notification to an event that was planned before, by an operator's hand.
pub(super) async fn insert_notification(
    db: &Lent,
    work: &mut Work,
    planned: &PlannedNotification,
) -> Outcome<()> {
    let uid = planned.notification.event;
    let add = "UPDATE plans SET notifications = notifications || $2 WHERE event = $1";
    if db.run(add, values![uid.0, planned.notification.id.0]).await? == 0 {
        let find = "SELECT 1 FROM events WHERE uid = $1";
        let is_there = db.row(find, values![uid.0]).await?.is_some();
        let words = if is_there { "is not planned" } else { "is not there" };
        return Err(StoreError::BadRequest(format!("event {uid} {words}")).into());
    }
    insert_notifications(db, &[planned]).await?;
    insert_deliveries(db, work.node, &[planned]).await?;
    work.leaves_work = true;
    Ok(())
}
