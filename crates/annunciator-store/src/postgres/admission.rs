//! Notifications that count against a limit are admitted or limited, exactly, over all nodes.
//!
//! Concurrency: the rows of all limits of a transaction are locked first, in the order of their
//! names, and held until its commit. What is decided in memory in between is what the rows say.

use std::collections::{BTreeMap, HashMap, HashSet};

use annunciator_core::{
    Counter, EventUid, HeldTime, Lane, LimitKey, LimitRule, Recipient, Timestamp,
};

use super::bind::{count, text, values};
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::{get, role_number, to_json};
use crate::limits::source_of;
use crate::{AUDIENCE_MAX, PlanCommit, PlanVerdict, PlannedLimit, PlannedNotification};

/// A limit's row and marks, held.
pub(super) struct HeldKey {
    pub(super) number: i64,
    pub(super) newest: i64,
    pub(super) newest_is_summary: bool,
    pub(super) owed: Option<String>,
    marks: BTreeMap<i64, HeldTime>,
}

impl HeldKey {
    fn mark(&self, number: i64) -> Option<HeldTime> {
        self.marks.get(&number).copied()
    }

    /// What decides under a rule.
    pub(super) fn counter(&self, rule: LimitRule) -> Counter {
        let nth = self.newest - i64::from(rule.count) + 1;
        Counter {
            nth: self.mark(nth),
            before_nth: if rule.count > 1 { self.mark(nth + 1) } else { None },
            newest_is_summary: self.newest_is_summary,
            owes_summary: self.owed.is_some(),
        }
    }

    /// Takes a place; answers the mark. Those who committed out of order leave no mark that is
    /// older than the one before.
    pub(super) fn add_mark(&mut self, now: HeldTime, is_summary: bool) -> (i64, HeldTime) {
        let at = self.mark(self.newest).map_or(now, |newest| newest.max(now));
        self.newest += 1;
        self.newest_is_summary = is_summary;
        self.marks.insert(self.newest, at);
        (self.newest, at)
    }
}

/// Reads rows of limits with their marks; `held` locks them in the order of their names.
pub(super) async fn read_keys(
    db: &Lent,
    names: &[&str],
    held: bool,
) -> Outcome<HashMap<String, HeldKey>> {
    let names: Vec<&str> = names.to_vec();
    let lock = if held { "FOR UPDATE" } else { "" };
    let find = format!(
        "SELECT name, number, newest, newest_is_summary, owed FROM limit_keys WHERE name = ANY($1)
         ORDER BY name {lock}"
    );
    let mut keys = HashMap::new();
    let mut by_number = HashMap::new();
    for row in db.rows(&find, values![names]).await? {
        let (name, number): (String, i64) = (get(&row, 0)?, get(&row, 1)?);
        by_number.insert(number, name.clone());
        let key = HeldKey {
            number,
            newest: get(&row, 2)?,
            newest_is_summary: get(&row, 3)?,
            owed: get(&row, 4)?,
            marks: BTreeMap::new(),
        };
        keys.insert(name, key);
    }
    let numbers: Vec<i64> = by_number.keys().copied().collect();
    let find = "SELECT key, number, at FROM limit_marks WHERE key = ANY($1)";
    for row in db.rows(find, values![numbers]).await? {
        let key = by_number.get(&get(&row, 0)?).and_then(|name| keys.get_mut(name));
        if let Some(key) = key {
            key.marks.insert(get(&row, 1)?, HeldTime(get(&row, 2)?));
        }
    }
    Ok(keys)
}

/// Locks rows of limits, which are new when they are needed first.
pub(super) async fn hold_keys(db: &Lent, names: &[&str]) -> Outcome<HashMap<String, HeldKey>> {
    let mut sorted: Vec<&str> = names.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let keys = read_keys(db, &sorted, true).await?;
    if keys.len() == sorted.len() {
        return Ok(keys);
    }
    let missing: Vec<&str> =
        sorted.iter().copied().filter(|name| !keys.contains_key(*name)).collect();
    let insert = "INSERT INTO limit_keys (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING";
    db.run(insert, values![missing]).await?;
    read_keys(db, &sorted, true).await
}

/// What was limited of one event type.
struct LimitedCount {
    type_name: String,
    count: i64,
    first_at: Timestamp,
    last_at: Timestamp,
}

/// Admits or limits the notifications of one transaction.
#[derive(Default)]
pub(super) struct Admission {
    keys: HashMap<String, HeldKey>,
    /// What one plan makes of one event is one notification, however many messages that takes.
    admitted: HashMap<(EventUid, LimitKey), bool>,
    /// Marks to add: limit, number, time.
    marks: Vec<(i64, i64, i64)>,
    /// Marks up to these are of no use any more.
    floors: HashMap<i64, i64>,
    limited: BTreeMap<(i64, String, String), LimitedCount>,
    owed: BTreeMap<i64, String>,
    sources: BTreeMap<(i64, Lane), String>,
    /// Audiences that were noted already: those of one call mostly are the same.
    audiences: HashSet<(i64, Lane, Vec<Recipient>)>,
    audience: Vec<(i64, Lane, Recipient)>,
}

impl Admission {
    /// Holds the limits of plans whose events waited.
    pub(super) async fn over(
        db: &Lent,
        plans: &[&PlanCommit],
        waited: &HashMap<EventUid, Timestamp>,
    ) -> Outcome<Self> {
        let mut names = Vec::new();
        for plan in plans.iter().filter(|plan| waited.contains_key(&plan.event)) {
            if let PlanVerdict::Planned { notifications, .. } = &plan.verdict {
                let limits = notifications.iter().filter_map(|planned| planned.limit.as_ref());
                names.extend(limits.map(|limit| limit.limit.key.as_str()));
            }
        }
        if names.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self { keys: hold_keys(db, &names).await?, ..Self::default() })
    }

    /// Whether a notification is admitted; counts it either way.
    pub(super) fn admit(&mut self, planned: &PlannedNotification) -> bool {
        let Some(limit) = &planned.limit else { return true };
        let (rule, name) = (limit.limit.rule, limit.limit.key.as_str());
        let counted = (planned.notification.event, limit.limit.key.clone());
        let known = self.admitted.get(&counted).copied();
        if known == Some(true) {
            return true;
        }
        let key = self.keys.get_mut(name).expect("all limits of the plans are held");
        if known.is_none() {
            let is_admitted = key.counter(rule).admits(rule, limit.now);
            self.admitted.insert(counted, is_admitted);
            if is_admitted {
                let (number, at) = key.add_mark(limit.now, false);
                let floor = number - i64::from(rule.count);
                let before = self.floors.entry(key.number).or_insert(floor);
                *before = floor.max(*before);
                self.marks.push((key.number, number, at.0));
                return true;
            }
            self.note_limited(name, planned, limit);
        }
        self.note_audience(name, planned, limit);
        false
    }

    fn note_limited(&mut self, name: &str, planned: &PlannedNotification, limit: &PlannedLimit) {
        let notification = &planned.notification;
        let key = self.keys.get_mut(name).expect("all limits of the plans are held");
        let scope = &notification.scope;
        let place = (key.number, scope.application.clone(), scope.event_type.clone());
        let at = notification.created_at;
        let counted = self.limited.entry(place).or_insert_with(|| LimitedCount {
            type_name: String::new(),
            count: 0,
            first_at: at,
            last_at: at,
        });
        counted.count += 1;
        counted.last_at = at;
        if !limit.type_name.is_empty() {
            counted.type_name.clone_from(&limit.type_name);
        }
        if let Some(first) = planned.deliveries.first() {
            let source = to_json(&source_of(planned, first, limit));
            key.owed = Some(source.clone());
            self.owed.insert(key.number, source);
        }
    }

    fn note_audience(&mut self, name: &str, planned: &PlannedNotification, limit: &PlannedLimit) {
        let Some(first) = planned.deliveries.first() else { return };
        let number = self.keys[name].number;
        let recipients = &planned.notification.content.recipients;
        if !self.audiences.insert((number, first.lane.clone(), recipients.clone())) {
            return;
        }
        let source = to_json(&source_of(planned, first, limit));
        self.sources.insert((number, first.lane.clone()), source);
        let each = recipients.iter().map(|one| (number, first.lane.clone(), one.clone()));
        self.audience.extend(each);
    }

    /// Writes what was decided.
    pub(super) async fn store(&self, db: &Lent) -> Outcome<()> {
        if !self.marks.is_empty() {
            self.store_marks(db).await?;
        }
        if !self.limited.is_empty() {
            self.store_limited(db).await?;
        }
        if !self.sources.is_empty() {
            self.store_audience(db).await?;
        }
        Ok(())
    }

    async fn store_marks(&self, db: &Lent) -> Outcome<()> {
        let keys: Vec<i64> = self.marks.iter().map(|mark| mark.0).collect();
        let numbers: Vec<i64> = self.marks.iter().map(|mark| mark.1).collect();
        let times: Vec<i64> = self.marks.iter().map(|mark| mark.2).collect();
        let insert = "INSERT INTO limit_marks (key, number, at)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])";
        db.run(insert, values![keys, numbers, times]).await?;
        let (keys, floors): (Vec<i64>, Vec<i64>) = self.floors.iter().unzip();
        let newest: Vec<i64> = keys.iter().map(|key| self.newest_of(*key)).collect();
        let cut = "WITH g AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
                              AS g(key, floor, newest)),
             gone AS (DELETE FROM limit_marks m USING g WHERE m.key = g.key AND m.number <= g.floor)
             UPDATE limit_keys k SET newest = g.newest, newest_is_summary = false
             FROM g WHERE k.number = g.key";
        db.run(cut, values![keys, floors, newest]).await.map(drop)
    }

    fn newest_of(&self, number: i64) -> i64 {
        let found = self.keys.values().find(|key| key.number == number);
        found.map_or(0, |key| key.newest)
    }

    async fn store_limited(&self, db: &Lent) -> Outcome<()> {
        let mut columns = (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
        for ((key, application, event_type), limited) in &self.limited {
            columns.0.push(*key);
            columns.1.push(text(application));
            columns.2.push(text(event_type));
            columns.3.push(text(&limited.type_name));
            columns.4.push(limited.count);
            columns.5.push(limited.first_at.0);
            columns.6.push(limited.last_at.0);
        }
        let (keys, applications, types, names, counts, first, last) = columns;
        let upsert = "INSERT INTO limit_limited AS l
               (key, application, event_type, type_name, count, first_at, last_at)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[],
               $6::bigint[], $7::bigint[])
             ON CONFLICT (key, application, event_type) DO UPDATE SET
               count = l.count + excluded.count, last_at = excluded.last_at, type_name =
                 CASE excluded.type_name WHEN '' THEN l.type_name ELSE excluded.type_name END";
        db.run(upsert, values![keys, applications, types, names, counts, first, last]).await?;
        let keys: Vec<i64> = self.owed.keys().copied().collect();
        let sources: Vec<&str> = self.owed.values().map(String::as_str).collect();
        let owe = "UPDATE limit_keys k SET owed = g.source
             FROM unnest($1::bigint[], $2::text[]) AS g(key, source) WHERE k.number = g.key";
        db.run(owe, values![keys, sources]).await.map(drop)
    }

    async fn store_audience(&self, db: &Lent) -> Outcome<()> {
        let keys: Vec<i64> = self.sources.keys().map(|(key, _)| *key).collect();
        let lanes: Vec<&str> = self.sources.keys().map(|(_, lane)| lane.as_str()).collect();
        let sources: Vec<&str> = self.sources.values().map(String::as_str).collect();
        let upsert = "INSERT INTO limit_sources (key, lane, source)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])
             ON CONFLICT (key, lane) DO UPDATE SET source = excluded.source";
        db.run(upsert, values![keys, lanes, sources]).await?;
        let keys: Vec<i64> = self.audience.iter().map(|one| one.0).collect();
        let lanes: Vec<&str> = self.audience.iter().map(|one| one.1.as_str()).collect();
        let addresses: Vec<_> = self.audience.iter().map(|one| text(&one.2.address)).collect();
        let roles: Vec<i16> = self.audience.iter().map(|one| role_number(one.2.role)).collect();
        let insert = "WITH g AS (
               SELECT DISTINCT ON (key, lane, address) * FROM
                 unnest($1::bigint[], $2::text[], $3::text[], $4::smallint[])
                 WITH ORDINALITY AS g(key, lane, address, role, place)
               ORDER BY key, lane, address, place),
             c AS (SELECT key, count(*) FROM limit_audience WHERE key = ANY($1) GROUP BY key),
             n AS (
               SELECT g.*, coalesce(c.count, 0)
                 + row_number() OVER (PARTITION BY g.key ORDER BY g.place) - 1 AS at
               FROM g LEFT JOIN c ON c.key = g.key
               WHERE NOT EXISTS (SELECT FROM limit_audience a
                 WHERE a.key = g.key AND a.lane = g.lane AND a.address = g.address))
             INSERT INTO limit_audience (key, lane, address, role, place)
             SELECT key, lane, address, role, at FROM n WHERE at < $5 ON CONFLICT DO NOTHING";
        let most = count(AUDIENCE_MAX);
        db.run(insert, values![keys, lanes, addresses, roles, most]).await.map(drop)
    }
}
