//! What happened, in numbers: the sums of all writers of all nodes.

use annunciator_core::Timestamp;
use tokio_postgres::Row;

use super::bind::values;
use super::fault::{Outcome, unreadable};
use super::pool::Lent;
use super::rows::{get, number};
use crate::{BUCKET_MS, FIGURES_KEPT_MS, Figure, FigureAsk, FigureRow};

/// Most rows that one step of retention removes.
const FORGOTTEN_MAX: i64 = 5_000;
/// Buckets after which nobody adds to a row any more: an hour.
const OPEN_BUCKETS: i64 = 3_600_000 / BUCKET_MS;
/// Most rows that one step sums up.
const SUMMED_MAX: i64 = 5_000;

/// The sums of periods.
pub(super) async fn figures(db: &Lent, ask: FigureAsk) -> Outcome<Vec<FigureRow>> {
    let step = (ask.step_ms / BUCKET_MS).max(1);
    let floor = |at: Timestamp| at.0.div_euclid(step * BUCKET_MS) * step;
    let find = "SELECT name, word, bucket / $3 * $3, sum(count)::bigint FROM figures
         WHERE bucket >= $1 AND bucket < $2 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
    let read = |row: &Row| {
        let place = usize::try_from(get::<i16>(row, 0)?).ok();
        let figure = place.and_then(|place| Figure::ALL.get(place)).copied();
        Ok(FigureRow {
            figure: figure.ok_or_else(|| unreadable("figure"))?,
            word: get(row, 1)?,
            at: Timestamp(get::<i64>(row, 2)? * BUCKET_MS),
            count: number(row, 3)?,
        })
    };
    let (since, until) = (floor(ask.since), floor(ask.until));
    db.rows(find, values![since, until, step]).await?.iter().map(read).collect()
}

/// Removes what is older than it is kept, and sums up what several writers counted; true when
/// there is more.
pub(super) async fn tend(db: &Lent, now: Timestamp) -> Outcome<bool> {
    let forget = "DELETE FROM figures WHERE (bucket, name, word, writer) IN
           (SELECT bucket, name, word, writer FROM figures WHERE bucket < $1
            ORDER BY bucket LIMIT $2)";
    let oldest = now.0.saturating_sub(FIGURES_KEPT_MS).div_euclid(BUCKET_MS);
    let forgotten = db.run(forget, values![oldest, FORGOTTEN_MAX]).await?;
    let sum = "WITH few AS (
           DELETE FROM figures WHERE (bucket, name, word, writer) IN
             (SELECT bucket, name, word, writer FROM figures
              WHERE bucket < $1 AND writer <> 0 ORDER BY bucket LIMIT $2)
           RETURNING bucket, name, word, count)
         INSERT INTO figures AS f (bucket, name, word, writer, count)
         SELECT bucket, name, word, 0, sum(count)::bigint FROM few GROUP BY bucket, name, word
         ON CONFLICT (bucket, name, word, writer) DO UPDATE SET count = f.count + excluded.count";
    let closed = now.0.div_euclid(BUCKET_MS) - OPEN_BUCKETS;
    db.run(sum, values![closed, SUMMED_MAX]).await?;
    Ok(i64::try_from(forgotten).is_ok_and(|count| count == FORGOTTEN_MAX))
}
