//! A list is read back from its newest row within a budget of rows and time, and says how far it
//! looked.
//!
//! In: a statement whose rows are key, time, whether its conditions hold, and texts.
//! Out: keys of the rows that fit, newest first, and where the next page goes on.
//! Knows nothing of: what the rows are.

use std::time::{Duration, Instant};

use annunciator_core::{Severity, Timestamp};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result, Row};
use uuid::Uuid;

/// Rows between two looks at the time.
const ROWS_PER_LOOK: usize = 64;

/// What one page may cost.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    /// Most rows that are looked at.
    pub(super) rows_max: usize,
    /// Longest look.
    pub(super) time_max: Duration,
}

impl Budget {
    /// The budget of a page: a person who types does not notice it.
    pub(super) const PAGE: Self = Self { rows_max: 200_000, time_max: Duration::from_millis(80) };
}

/// Conditions and their values, in the order of their question marks.
#[derive(Default)]
pub(super) struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    pub(super) fn add(&mut self, condition: &str, value: impl Into<Value>) {
        if !self.text.is_empty() {
            self.text.push_str(" AND ");
        }
        self.text.push_str(condition);
        self.values.push(value.into());
    }

    pub(super) fn add_some(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(condition, value);
        }
    }

    /// One of these severities; none means any.
    pub(super) fn add_severities(&mut self, column: &str, severities: &[Severity]) {
        let bits = severities.iter().fold(0_i64, |bits, one| bits | 1 << one.number());
        if bits != 0 {
            self.add(&format!("((1 << {column}) & ?) <> 0"), bits);
        }
    }

    /// An expression that is 1 where all hold.
    pub(super) fn as_column(&self) -> String {
        if self.text.is_empty() {
            return "1".to_owned();
        }
        // CASE stops at the first condition that does not hold.
        format!("CASE WHEN {} THEN 1 ELSE 0 END", self.text)
    }

    /// The values, with these behind them.
    pub(super) fn values_with<const N: usize>(&self, more: [i64; N]) -> Vec<Value> {
        self.values.iter().cloned().chain(more.map(Value::Integer)).collect()
    }
}

/// A text that is looked for anywhere in texts and ids, without case.
pub(super) struct Needle(String);

impl Needle {
    /// None when there is nothing to look for.
    pub(super) fn of(text: Option<&str>) -> Option<Self> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        Some(Self(text.to_lowercase()))
    }

    /// Whether it is in one of the columns from this one on.
    fn is_in(&self, row: &Row<'_>, first: usize, count: usize) -> Result<bool> {
        for column in first..count {
            let is_found = match row.get_ref(column)? {
                ValueRef::Text(text) => self.is_in_text(&String::from_utf8_lossy(text)),
                ValueRef::Blob(id) => {
                    Uuid::from_slice(id).is_ok_and(|id| self.is_in_text(&id.to_string()))
                }
                _ => false,
            };
            if is_found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_in_text(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
}

/// What is looked for, and how.
pub(super) struct Search<'a> {
    /// Rows of key, time, 0 or 1, and texts, from the newest.
    pub(super) text: &'a str,
    /// Values of its question marks.
    pub(super) values: Vec<Value>,
    /// What must be in one of the texts.
    pub(super) needle: Option<Needle>,
    /// Nothing behind a row of an earlier time is wanted.
    pub(super) ends_before: Timestamp,
    /// Most rows that are wanted.
    pub(super) count_max: usize,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Keys of the rows that fit.
    pub(super) keys: Vec<i64>,
    /// Where the next page goes on; none when there is none.
    pub(super) next: Option<i64>,
    /// The time of the last row looked at, when the budget ended the page before it was full.
    pub(super) searched_until: Option<Timestamp>,
}

impl Search<'_> {
    /// Looks.
    pub(super) fn run(self, connection: &Connection, budget: Budget) -> Result<Found> {
        let began = Instant::now();
        let mut select = connection.prepare_cached(self.text)?;
        let column_count = select.column_count();
        let mut rows = select.query(rusqlite::params_from_iter(self.values))?;
        let mut keys = Vec::new();
        let (mut seen, mut last) = (0, None);
        while let Some(row) = rows.next()? {
            if let Some((key, at)) = last
                && (seen >= budget.rows_max
                    || seen % ROWS_PER_LOOK == 0 && began.elapsed() >= budget.time_max)
            {
                let is_full = keys.len() >= self.count_max;
                let searched_until = (!is_full).then_some(at);
                return Ok(Found { keys, next: Some(key), searched_until });
            }
            let (key, at) = (row.get(0)?, Timestamp(row.get(1)?));
            seen += 1;
            last = Some((key, at));
            if at < self.ends_before {
                break;
            }
            if row.get(2)?
                && self.needle.as_ref().map_or(Ok(true), |one| one.is_in(row, 3, column_count))?
            {
                if keys.len() == self.count_max {
                    let next = keys.last().copied();
                    return Ok(Found { keys, next, searched_until: None });
                }
                keys.push(key);
            }
        }
        Ok(Found { keys, next: None, searched_until: None })
    }
}

/// How long a list is, looked for search by search, up to a bound.
pub(super) struct Extent {
    after: i64,
    left: usize,
    is_at_end: bool,
}

impl Extent {
    pub(super) fn up_to(count: usize) -> Self {
        Self { after: i64::MAX, left: count.saturating_add(1), is_at_end: false }
    }

    /// Where the next search goes on, and how many it wants.
    pub(super) fn place(&self) -> (i64, usize) {
        (self.after, self.left)
    }

    pub(super) fn add(&mut self, found: &Found) {
        self.left = self.left.saturating_sub(found.keys.len());
        self.is_at_end = found.next.is_none();
        self.after = found.next.unwrap_or(self.after);
    }

    pub(super) fn is_known(&self) -> bool {
        self.is_at_end || self.left == 0
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "WITH RECURSIVE r(key) AS (SELECT 1000 UNION ALL SELECT key - 1 FROM r
                        WHERE key > 1) SELECT key, key * 10, key % ? = 0, 'Ding ' || key FROM r";

    fn look(needle: Option<&str>, count_max: usize, rows_max: usize) -> Found {
        let connection = Connection::open_in_memory().unwrap();
        let search = Search {
            text: ROWS,
            values: vec![Value::Integer(100)],
            needle: Needle::of(needle),
            ends_before: Timestamp(2_000),
            count_max,
        };
        search.run(&connection, Budget { rows_max, ..Budget::PAGE }).unwrap()
    }

    #[test]
    fn a_page_ends_when_it_is_full_or_its_budget_is_spent_and_says_which() {
        let until = |at| Some(Timestamp(at));
        for (count_max, rows_max, keys, next, searched_until) in [
            (2, 9_999, vec![1_000, 900], Some(900), None),
            (9, 150, vec![1_000, 900], Some(851), until(8_510)),
            (2, 150, vec![1_000, 900], Some(851), None),
            (9, 1, vec![1_000], Some(1_000), until(10_000)),
            (9, 9_999, vec![1_000, 900, 800, 700, 600, 500, 400, 300, 200], None, None),
            (99, 9_999, vec![1_000, 900, 800, 700, 600, 500, 400, 300, 200], None, None),
        ] {
            let expected = Found { keys, next, searched_until };
            assert_eq!(look(None, count_max, rows_max), expected, "{count_max} {rows_max}");
        }
        let slow = Budget { time_max: Duration::ZERO, ..Budget::PAGE };
        let connection = Connection::open_in_memory().unwrap();
        let search = Search {
            text: ROWS,
            values: vec![Value::Integer(7)],
            needle: Needle::of(Some("nowhere")),
            ends_before: Timestamp(0),
            count_max: 9,
        };
        let found = search.run(&connection, slow).unwrap();
        assert_eq!((found.keys.len(), found.next), (0, Some(1_001 - 64)), "time is looked at, too");
    }

    #[test]
    fn a_needle_is_found_anywhere_without_case() {
        assert_eq!(look(Some(" dING 7"), 9, 9_999).keys, [700]);
        for (needle, text, expected) in [
            ("диск", "Переполнен ДИСК C", true),
            ("STRASSE", "Strasse 5", true),
            ("100%", "at 100%", true),
            ("1_0", "100", false),
        ] {
            assert_eq!(Needle::of(Some(needle)).unwrap().is_in_text(text), expected, "{needle}");
        }
        assert!(Needle::of(Some("  ")).is_none());
    }
}
