//! Events become rows of the ledger and of the inbox; rows of the inbox become claims of planners.
//!
//! A claim of an event carries its node and ends with it (nodes.rs), or after [`CLAIM_MS`]: then
//! another node plans the event, and the first plan counts.

use std::collections::{HashMap, HashSet};

use annunciator_core::{Event, EventUid};
use uuid::Uuid;

use super::bind::{count, some_text, text, values};
use super::fault::{Outcome, unreadable};
use super::nodes::DEAD_MS;
use super::pool::Lent;
use super::rows::{
    EVENT_COLUMNS, event_of, from_json, get, number, severity_number, sha256_of, to_json,
};
use super::work::Work;
use crate::{Accept, Acceptance, Accepted, Idempotency};

/// How long an idempotency key is remembered.
pub(super) const IDEMPOTENCY_MS: i64 = 24 * 3600 * 1000;
/// How long a living node has an event in its planner before others may plan it.
const CLAIM_MS: i64 = 300_000;
/// The time of the database within a statement. Unit: milliseconds.
pub(super) const DATABASE_MS: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Accepts batches, each all or none; no key stands in two of them.
pub(super) async fn accept(
    db: &Lent,
    work: &mut Work,
    asks: &[&Accept],
) -> Outcome<Vec<Acceptance>> {
    let known = take_keys(db, asks).await?;
    let mut given: Vec<(&Event, bool)> = Vec::new();
    for (ask, known) in asks.iter().zip(&known) {
        if known.is_none() {
            given.extend(ask.events.iter().map(|event| (event, ask.claimed)));
        }
    }
    let mut answers = insert_events(db, work, &given).await?.into_iter();
    let mut all = Vec::with_capacity(asks.len());
    for (ask, known) in asks.iter().zip(known) {
        all.push(match known {
            Some(acceptance) => acceptance,
            None => Acceptance::Accepted(answers.by_ref().take(ask.events.len()).collect()),
        });
    }
    store_answers(db, asks, &all).await?;
    Ok(all)
}

/// Takes the idempotency keys; answers for those that were used before what is known of them.
async fn take_keys(db: &Lent, asks: &[&Accept]) -> Outcome<Vec<Option<Acceptance>>> {
    let mut known: Vec<Option<Acceptance>> = asks.iter().map(|_| None).collect();
    let keyed = asks.iter().filter_map(|ask| Some((ask.idempotency.as_ref()?, ask.now.0)));
    let mut keyed: Vec<(&Idempotency, i64)> = keyed.collect();
    if keyed.is_empty() {
        return Ok(known);
    }
    keyed.sort_by(|(a, _), (b, _)| (&a.owner, &a.key).cmp(&(&b.owner, &b.key)));
    let owners: Vec<_> = keyed.iter().map(|(one, _)| text(&one.owner)).collect();
    let keys: Vec<_> = keyed.iter().map(|(one, _)| text(&one.key)).collect();
    let bodies: Vec<&[u8]> = keyed.iter().map(|(one, _)| one.body_sha256.as_slice()).collect();
    let times: Vec<i64> = keyed.iter().map(|(_, at)| *at).collect();
    // Who inserts the same key at the same time elsewhere is waited for. One without an answer is what
    // a transaction left that failed to begin. A clock that is ahead forgets no key of others, and its
    // own are not kept longer.
    let take = "INSERT INTO idempotency AS i (owner, key, body_sha256, answer, at)
         SELECT owner, key, body, '',
           least(at, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
         FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[]) AS g(owner, key, body, at)
         ON CONFLICT (owner, key) DO UPDATE SET body_sha256 = excluded.body_sha256, answer = '',
           at = excluded.at
         WHERE i.at <= excluded.at - $5 OR i.answer = '' RETURNING owner, key";
    let rows = db.rows(take, values![owners, keys, bodies, times, IDEMPOTENCY_MS]).await?;
    let mut taken: HashSet<(String, String)> = HashSet::new();
    for row in &rows {
        taken.insert((get(row, 0)?, get(row, 1)?));
    }
    if taken.len() == keyed.len() {
        return Ok(known);
    }
    let find = "SELECT i.owner, i.key, i.body_sha256, i.answer FROM idempotency i
         JOIN unnest($1::text[], $2::text[]) AS g(owner, key)
           ON g.owner = i.owner AND g.key = i.key";
    let mut found: HashMap<(String, String), ([u8; 32], String)> = HashMap::new();
    for row in db.rows(find, values![owners, keys]).await? {
        found.insert((get(&row, 0)?, get(&row, 1)?), (sha256_of(&row, 2)?, get(&row, 3)?));
    }
    for (ask, known) in asks.iter().zip(&mut known) {
        let Some(one) = &ask.idempotency else { continue };
        let key = (text(&one.owner).into_owned(), text(&one.key).into_owned());
        if taken.contains(&key) {
            continue;
        }
        let (body, answer) = found.get(&key).ok_or_else(|| unreadable("idempotency key"))?;
        *known = Some(if *body == one.body_sha256 {
            Acceptance::Replayed(from_json(answer, "answer")?)
        } else {
            Acceptance::KeyReused
        });
    }
    Ok(known)
}

async fn store_answers(db: &Lent, asks: &[&Accept], all: &[Acceptance]) -> Outcome<()> {
    let (mut owners, mut keys, mut answers) = (vec![], vec![], vec![]);
    for (ask, acceptance) in asks.iter().zip(all) {
        if let (Some(one), Acceptance::Accepted(accepted)) = (&ask.idempotency, acceptance) {
            owners.push(text(&one.owner));
            keys.push(text(&one.key));
            answers.push(to_json(accepted));
        }
    }
    if owners.is_empty() {
        return Ok(());
    }
    let store = "UPDATE idempotency i SET answer = g.answer
         FROM unnest($1::text[], $2::text[], $3::text[]) AS g(owner, key, answer)
         WHERE i.owner = g.owner AND i.key = g.key";
    db.run(store, values![owners, keys, answers]).await.map(drop)
}

const INSERT: &str = "WITH given AS (
       SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
         $7::smallint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
         $14::text[], $15::bigint[], $16::bigint[], $17::text[], $18::boolean[])
         WITH ORDINALITY AS g(uid, id, application, version, event_type, type_name, severity,
           device, ip, connection_ip, domain, device_group, task, description, occurred_at,
           registered_at, parameters, is_claimed, place)),
     named AS (
       INSERT INTO event_ids (id, application, uid)
       SELECT id, application, uid FROM given WHERE id IS NOT NULL
       ORDER BY id, application, place
       ON CONFLICT DO NOTHING RETURNING uid),
     stored AS (
       INSERT INTO events (uid, id, application, version, event_type, type_name, severity, device,
         ip, connection_ip, domain, device_group, task, description, occurred_at, registered_at,
         parameters)
       SELECT uid, id, application, version, event_type, type_name, severity, device, ip,
         connection_ip, domain, device_group, task, description, occurred_at, registered_at,
         parameters
       FROM given WHERE id IS NULL OR uid IN (SELECT uid FROM named)
       ON CONFLICT DO NOTHING RETURNING uid),
     placed AS (
       INSERT INTO inbox (event, registered_at, tries, node, lease_until)
       SELECT uid, registered_at, 0, CASE WHEN is_claimed THEN $19::uuid END,
         CASE WHEN is_claimed
           THEN $20::bigint + (extract(epoch FROM clock_timestamp()) * 1000)::bigint END
       FROM given WHERE uid IN (SELECT uid FROM stored)
       ON CONFLICT DO NOTHING)
     SELECT uid FROM stored";

/// The columns of events.
#[derive(Default)]
struct Columns<'a> {
    uids: Vec<Uuid>,
    ids: Vec<Option<std::borrow::Cow<'a, str>>>,
    texts: [Vec<std::borrow::Cow<'a, str>>; 11],
    severities: Vec<i16>,
    occurred: Vec<i64>,
    registered: Vec<i64>,
    parameters: Vec<Option<String>>,
    claimed: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn add(&mut self, event: &'a Event, is_claimed: bool) {
        let is_id_ours = is_uid_text(&event.id, event.uid);
        self.uids.push(event.uid.0);
        self.ids.push(some_text((!is_id_ours).then_some(event.id.as_str())));
        let texts = [
            &event.application.name,
            &event.application.version,
            &event.event_type,
            &event.type_name,
            &event.device.name,
            &event.device.ip,
            &event.device.connection_ip,
            &event.device.domain,
            &event.device.group,
            &event.task,
            &event.description,
        ];
        for (column, value) in self.texts.iter_mut().zip(texts) {
            column.push(text(value));
        }
        self.severities.push(severity_number(event.severity));
        self.occurred.push(event.occurred_at.0);
        self.registered.push(event.registered_at.0);
        let parameters = &event.parameters;
        self.parameters.push((!parameters.is_empty()).then(|| to_json(parameters)));
        self.claimed.push(is_claimed);
    }

    /// Answers which are new.
    async fn insert(&self, db: &Lent, node: Uuid) -> Outcome<HashSet<Uuid>> {
        if self.uids.is_empty() {
            return Ok(HashSet::new());
        }
        let t = &self.texts;
        let inserted = values![
            self.uids,
            self.ids,
            t[0],
            t[1],
            t[2],
            t[3],
            self.severities,
            t[4],
            t[5],
            t[6],
            t[7],
            t[8],
            t[9],
            t[10],
            self.occurred,
            self.registered,
            self.parameters,
            self.claimed,
            node,
            CLAIM_MS
        ];
        db.rows(INSERT, inserted).await?.iter().map(|row| get(row, 0)).collect()
    }
}

/// Sources may give us our own id of an event back: the places of such, and the event.
async fn find_ours(db: &Lent, given: &[(&Event, bool)]) -> Outcome<HashMap<usize, Uuid>> {
    let (mut places, mut uids, mut names) = (vec![], vec![], vec![]);
    for (place, (event, _)) in given.iter().enumerate() {
        if is_uid_text(&event.id, event.uid) {
            continue;
        }
        // Ours are of version 7; sources have ids of their own that look alike.
        let other = Uuid::try_parse(&event.id).ok().filter(|uid| uid.get_version_num() == 7);
        if let Some(uid) = other.filter(|uid| is_uid_text(&event.id, EventUid(*uid))) {
            places.push(place);
            uids.push(uid);
            names.push(text(&event.application.name));
        }
    }
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let find = "SELECT g.number, e.uid
         FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS g(uid, application, number)
         JOIN events e ON e.uid = g.uid AND e.id IS NULL AND e.application = g.application";
    let mut ours = HashMap::new();
    for row in db.rows(find, values![uids, names]).await? {
        let number: usize = number(&row, 0)?;
        ours.insert(places[number - 1], get(&row, 1)?);
    }
    Ok(ours)
}

/// Inserts events unless they are known; answers in their order.
pub(super) async fn insert_events(
    db: &Lent,
    work: &mut Work,
    given: &[(&Event, bool)],
) -> Outcome<Vec<Accepted>> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let ours = find_ours(db, given).await?;
    let mut columns = Columns::default();
    for (place, (event, is_claimed)) in given.iter().enumerate() {
        if !ours.contains_key(&place) {
            columns.add(event, *is_claimed);
        }
    }
    let mut stored = columns.insert(db, work.node).await?;
    let mut answers: Vec<Option<Accepted>> = Vec::with_capacity(given.len());
    for (place, (event, is_claimed)) in given.iter().enumerate() {
        let answer = |uid, duplicate| Accepted { id: event.id.clone(), uid, duplicate };
        answers.push(if let Some(uid) = ours.get(&place) {
            Some(answer(EventUid(*uid), true))
        } else if stored.remove(&event.uid.0) {
            work.note_event(event);
            work.leaves_events |= !is_claimed;
            Some(answer(event.uid, false))
        } else {
            None
        });
    }
    find_first(db, given, &mut answers).await?;
    Ok(answers.into_iter().flatten().collect())
}

/// Finds for duplicates the event that was first.
async fn find_first(
    db: &Lent,
    given: &[(&Event, bool)],
    answers: &mut [Option<Accepted>],
) -> Outcome<()> {
    if answers.iter().all(Option::is_some) {
        return Ok(());
    }
    let missing: Vec<&Event> = given
        .iter()
        .zip(&*answers)
        .filter(|(_, answer)| answer.is_none())
        .map(|((event, _), _)| *event)
        .collect();
    let ids: Vec<_> = missing.iter().map(|event| text(&event.id)).collect();
    let names: Vec<_> = missing.iter().map(|event| text(&event.application.name)).collect();
    let find = "SELECT i.id, i.application, i.uid FROM event_ids i
         JOIN unnest($1::text[], $2::text[]) AS g(id, application)
           ON g.id = i.id AND g.application = i.application";
    let mut first: HashMap<(String, String), Uuid> = HashMap::new();
    for row in db.rows(find, values![ids, names]).await? {
        first.insert((get(&row, 0)?, get(&row, 1)?), get(&row, 2)?);
    }
    for ((event, _), answer) in given.iter().zip(answers) {
        if answer.is_none() {
            let key = (text(&event.id).into_owned(), text(&event.application.name).into_owned());
            // Without an equal id it was the uid that is known: the same event, handed in again.
            let uid = first.get(&key).copied().map_or(event.uid, EventUid);
            *answer = Some(Accepted { id: event.id.clone(), uid, duplicate: true });
        }
    }
    Ok(())
}

fn is_uid_text(id: &str, uid: EventUid) -> bool {
    id == uid.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer())
}

/// Claims events that wait and belong to nobody, or to a node that is dead; oldest first.
pub(super) async fn claim_events(db: &Lent, node: Uuid, count_max: usize) -> Outcome<Vec<Event>> {
    let text = format!(
        "WITH chosen AS (
           SELECT event FROM inbox i
           WHERE node IS NULL OR lease_until <= {DATABASE_MS}
             OR (node <> $1 AND NOT EXISTS (SELECT FROM nodes n WHERE n.id = i.node
                                            AND n.state <> 'stopped'
                                            AND n.beat_at > {DATABASE_MS} - $4))
           ORDER BY event LIMIT $2 FOR UPDATE SKIP LOCKED),
         claimed AS (
           UPDATE inbox SET node = $1, lease_until = {DATABASE_MS} + $3
           WHERE event IN (SELECT event FROM chosen) RETURNING event)
         SELECT {EVENT_COLUMNS} FROM claimed c JOIN events e ON e.uid = c.event ORDER BY e.uid"
    );
    let rows = db.rows(&text, values![node, count(count_max), CLAIM_MS, DEAD_MS]).await?;
    rows.iter().map(event_of).collect()
}
