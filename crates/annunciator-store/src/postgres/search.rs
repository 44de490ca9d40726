//! A list is read back from its newest row, window by window, within a budget of rows and time, and
//! says how far it looked.
//!
//! In: where rows come from, conditions, a text. Out: ids of the rows that fit, newest first, and
//! where the next page goes on.
//! Knows nothing of: what the rows are.

use std::time::{Duration, Instant};

use annunciator_core::{Severity, Timestamp};
use uuid::Uuid;

use super::bind::{Bind, Bound, count};
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::{get, number};
use crate::{Page, Result, StoreError};

/// Most rows of one page.
const ROWS_MAX: usize = 1_000;
/// Rows of the first window and of the longest.
const WINDOW_MIN: usize = 2_000;
const WINDOW_MAX: usize = 32_000;
/// Most rows that one page looks at.
const LOOKED_MAX: usize = 200_000;
/// Longest look: a person who types does not notice it.
const LOOK_TIME: Duration = Duration::from_millis(80);

/// A value of a condition.
type Value = Box<dyn Bind + Send + Sync>;

/// Conditions and their values.
#[derive(Default)]
pub(super) struct Conditions {
    texts: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds one; `{}` stands for its value.
    pub(super) fn add(&mut self, condition: &str, value: impl Bind + Send + 'static) {
        self.values.push(Box::new(value));
        self.texts.push(condition.replace("{}", &format!("${}", self.values.len())));
    }

    /// Where a value stands that is asked for elsewhere in the statement.
    pub(super) fn place_of(&mut self, value: impl Bind + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    pub(super) fn add_some(&mut self, condition: &str, value: Option<impl Bind + Send + 'static>) {
        if let Some(value) = value {
            self.add(condition, value);
        }
    }

    /// One of these severities; none means any.
    pub(super) fn add_severities(&mut self, column: &str, severities: &[Severity]) {
        if !severities.is_empty() {
            let numbers: Vec<i16> = severities.iter().map(|one| i16::from(one.number())).collect();
            self.add(&format!("{column} = ANY({{}})"), numbers);
        }
    }

    /// A text somewhere in these columns, without case; `fold` is the collation that knows case.
    pub(super) fn add_needle(&mut self, columns: &str, text: Option<&str>, fold: &str) {
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        if let Some(text) = text {
            // The sign between the columns is in no text that people type.
            let condition = format!(
                "position({{}} IN lower(concat_ws(E'\\x01', {columns}) COLLATE \"{fold}\")) > 0"
            );
            self.add(&condition, super::bind::text(&text.to_lowercase()).into_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// An expression that is true where all hold.
    pub(super) fn all(&self) -> String {
        if self.texts.is_empty() { "true".to_owned() } else { self.texts.join(" AND ") }
    }

    /// The values, with these behind them.
    pub(super) fn with<'a>(&'a self, more: &[Bound<'a>]) -> Vec<Bound<'a>> {
        let own = self.values.iter().map(|value| {
            let sql: &(dyn tokio_postgres::types::ToSql + Sync) = value.as_ref();
            (sql, value.kind())
        });
        own.chain(more.iter().cloned()).collect()
    }

    /// The number of the first value behind the own ones.
    pub(super) fn next(&self) -> usize {
        self.values.len() + 1
    }
}

/// What is looked for, and how.
pub(super) struct Search {
    /// Where rows come from.
    pub(super) from: String,
    /// The column of their ids.
    pub(super) key: &'static str,
    /// The column of their times.
    pub(super) at: &'static str,
    pub(super) conditions: Conditions,
    /// Ids are not smaller than this.
    pub(super) lowest: Uuid,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Ids of the rows that fit.
    pub(super) keys: Vec<Uuid>,
    /// Where the next page goes on; none when there is none.
    pub(super) next: Option<Uuid>,
    /// The time of the last row looked at, when the budget ended the page before it was full.
    pub(super) searched_until: Option<Timestamp>,
}

/// Rows of one window.
struct Window {
    fitting: Vec<Uuid>,
    last: Option<(Uuid, Timestamp)>,
    seen: usize,
}

impl Search {
    /// Looks behind an id for so many.
    pub(super) async fn run(&self, db: &Lent, after: Uuid, count_max: usize) -> Outcome<Found> {
        let began = Instant::now();
        let (mut after, mut seen) = (after, 0);
        let mut size = if self.conditions.is_empty() { count_max + 1 } else { WINDOW_MIN };
        let mut found = Found::default();
        loop {
            let wanted = count_max + 1 - found.keys.len();
            let window = self.look(db, after, size, wanted).await?;
            found.keys.extend(&window.fitting);
            if found.keys.len() > count_max {
                found.keys.truncate(count_max);
                found.next = found.keys.last().copied();
                return Ok(found);
            }
            let Some((last, at)) = window.last.filter(|_| window.seen >= size) else {
                return Ok(found);
            };
            seen += window.seen;
            if seen >= LOOKED_MAX || began.elapsed() >= LOOK_TIME {
                found.next = Some(last);
                found.searched_until = (found.keys.len() < count_max).then_some(at);
                return Ok(found);
            }
            after = last;
            size = (size * 4).clamp(WINDOW_MIN, WINDOW_MAX);
        }
    }

    async fn look(&self, db: &Lent, after: Uuid, size: usize, wanted: usize) -> Outcome<Window> {
        let Self { from, key, at, conditions, lowest } = self;
        let (next, all) = (conditions.next(), conditions.all());
        let text = format!(
            "WITH w AS MATERIALIZED (
               SELECT {key} AS key, {at} AS at, ({all}) AS fits FROM {from}
               WHERE {key} < ${next} AND {key} >= ${} ORDER BY {key} DESC LIMIT ${})
             (SELECT 1::smallint, key, at FROM w WHERE fits ORDER BY key DESC LIMIT ${})
             UNION ALL (SELECT 2::smallint, key, at FROM w ORDER BY key LIMIT 1)
             UNION ALL SELECT 3::smallint, NULL, count(*) FROM w",
            next + 1,
            next + 2,
            next + 3,
        );
        let (size, wanted) = (count(size), count(wanted));
        let more = super::bind::values![after, *lowest, size, wanted];
        let mut window = Window { fitting: Vec::new(), last: None, seen: 0 };
        for row in db.rows(&text, &conditions.with(more)).await? {
            match get::<i16>(&row, 0)? {
                1 => window.fitting.push(get(&row, 1)?),
                2 => window.last = Some((get(&row, 1)?, Timestamp(get(&row, 2)?))),
                _ => window.seen = number(&row, 2)?,
            }
        }
        Ok(window)
    }

    /// Whether there are more than so many.
    pub(super) async fn exceeds(&self, db: &Lent, count_max: usize) -> Outcome<bool> {
        let (mut after, mut left) = (Uuid::max(), count_max.saturating_add(1));
        loop {
            let found = self.run(db, after, left).await?;
            left = left.saturating_sub(found.keys.len());
            match found.next {
                Some(next) if left > 0 => after = next,
                _ => return Ok(left == 0),
            }
        }
    }
}

/// The id after which a page begins.
pub(super) fn cursor_of(page: &Page) -> Result<Uuid> {
    let Some(text) = &page.after else { return Ok(Uuid::max()) };
    let is_hex = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| Uuid::try_parse(text).ok()).flatten().ok_or_else(foreign)
}

/// An id as a cursor.
pub(super) fn to_cursor(key: Uuid) -> String {
    key.simple().to_string()
}

/// The number after which a page begins.
pub(super) fn number_cursor_of(page: &Page) -> Result<i64> {
    let Some(text) = &page.after else { return Ok(i64::MAX) };
    let is_hex = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| i64::from_str_radix(text, 16).ok()).flatten().ok_or_else(foreign)
}

fn foreign() -> StoreError {
    StoreError::BadRequest("this cursor was not given out here".to_owned())
}

/// Rows of a page.
pub(super) fn count_of(page: &Page) -> usize {
    page.count_max.clamp(1, ROWS_MAX)
}

/// Cuts a list that was read one row too far; answers the next page's cursor.
pub(super) fn cut<T>(rows: &mut Vec<(i64, T)>, count_max: usize) -> Option<String> {
    if rows.len() <= count_max {
        return None;
    }
    rows.truncate(count_max);
    rows.last().map(|(key, _)| format!("{key:016x}"))
}
