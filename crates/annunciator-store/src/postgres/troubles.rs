//! Relays in trouble, told to the other nodes so that not each of them runs into the same wall.

use annunciator_core::{Lane, Timestamp};
use uuid::Uuid;

use super::accept::DATABASE_MS;
use super::bind::values;
use super::changes::note_news;
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::{from_json, get, time, to_json};
use crate::{Change, LaneTrouble};

/// News are of interest for so long: a relay is probed every five minutes at least.
const FRESH_MS: i64 = 600_000;
/// Most that are listed.
const LISTED_MAX: i64 = 10_000;

/// The newest word on a lane counts.
pub(super) async fn tell(db: &Lent, node: Uuid, trouble: &LaneTrouble) -> Outcome<()> {
    let LaneTrouble { lane, since, failure, .. } = trouble;
    let put = format!(
        "WITH old AS (DELETE FROM lane_troubles
           WHERE told_at < {DATABASE_MS} - $5 AND lane <> $1)
         INSERT INTO lane_troubles AS t (lane, node, since, failure, told_at)
         VALUES ($1, $2, $3, $4, {DATABASE_MS})
         ON CONFLICT (lane) DO UPDATE SET number = DEFAULT, node = excluded.node,
           since = CASE WHEN t.told_at < excluded.told_at - $5 THEN excluded.since
                        ELSE least(t.since, excluded.since) END, failure = excluded.failure,
           told_at = excluded.told_at"
    );
    let failure = to_json(failure);
    db.run(&put, values![lane.as_str(), node, since.0, failure, FRESH_MS]).await?;
    note_news(db, Change::Lanes).await
}

/// Takes back what was told of a lane, or of all.
pub(super) async fn take_back(db: &Lent, lane: Option<&Lane>) -> Outcome<()> {
    let gone = match lane {
        Some(lane) => {
            let one = "DELETE FROM lane_troubles WHERE lane = $1";
            db.run(one, values![lane.as_str()]).await?
        }
        None => db.run("DELETE FROM lane_troubles", values![]).await?,
    };
    if gone > 0 { note_news(db, Change::Lanes).await } else { Ok(()) }
}

/// What was told and not taken back.
pub(super) async fn list(db: &Lent, this: Uuid) -> Outcome<Vec<LaneTrouble>> {
    let find = format!(
        "SELECT lane, since, failure, number, node FROM lane_troubles
         WHERE told_at >= {DATABASE_MS} - $1 ORDER BY lane LIMIT $2"
    );
    let mut troubles = Vec::new();
    for row in db.rows(&find, values![FRESH_MS, LISTED_MAX]).await? {
        let since: Timestamp = time(&row, 1)?;
        troubles.push(LaneTrouble {
            lane: Lane::new(get(&row, 0)?),
            since,
            failure: from_json(get(&row, 2)?, "failure")?,
            number: get(&row, 3)?,
            is_own: get::<Uuid>(&row, 4)? == this,
        });
    }
    Ok(troubles)
}
