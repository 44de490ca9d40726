//! What a group writes is counted in memory, and the sums are written in its commit.
//!
//! Failure: a group that is undone forgets its counts; nothing is counted that is not committed.

use std::collections::HashMap;

use annunciator_core::{Delivery, DeliveryState, Timestamp};
use rusqlite::{Connection, Result};

use super::fault::unreadable;
use crate::{
    BUCKET_MS, Decision, DecisionKind, FIGURES_KEPT_MS, Figure, FigureAsk, FigureRow, Settlement,
};

/// Most words that are told apart; they are severities and channels.
const WORDS_MAX: usize = 100;
/// Most rows that one step of retention removes.
const FORGOTTEN_MAX: usize = 5_000;

/// A severity or a channel, as a number that only this process knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Word(u8);

/// Counts of the group under way.
#[derive(Default)]
pub(super) struct Tally {
    words: Vec<Box<str>>,
    counts: HashMap<(i64, Figure, Word), i64>,
}

impl Tally {
    /// The number of a word.
    pub(super) fn word(&mut self, text: &str) -> Word {
        let found = self.words.iter().position(|word| **word == *text);
        let place = found.unwrap_or_else(|| {
            if self.words.len() < WORDS_MAX {
                self.words.push(text.into());
            }
            self.words.len() - 1
        });
        Word(u8::try_from(place).expect("there are few words"))
    }

    /// Counts one.
    pub(super) fn count(&mut self, at: Timestamp, figure: Figure, word: Word) {
        *self.counts.entry((at.0.div_euclid(BUCKET_MS), figure, word)).or_default() += 1;
    }

    /// Counts the channels that do not tell an event, each once.
    pub(super) fn count_decisions(&mut self, at: Timestamp, decisions: &[Decision]) {
        for (place, decision) in decisions.iter().enumerate() {
            let figure = match decision.kind {
                DecisionKind::Limited => Figure::Limited,
                DecisionKind::Silenced => Figure::Silenced,
                _ => continue,
            };
            let is_same =
                |one: &Decision| one.kind == decision.kind && one.channel == decision.channel;
            if !decisions[..place].iter().any(is_same) {
                let word = self.word(decision.channel.as_str());
                self.count(at, figure, word);
            }
        }
    }

    /// Counts an attempt and what it led to.
    pub(super) fn count_settlement(&mut self, settlement: &Settlement, channel: Word) {
        let Settlement { delivery: Delivery { state, .. }, attempt, .. } = settlement;
        if let Some(attempt) = attempt {
            self.count(attempt.ended_at, Figure::Attempts, channel);
        }
        match (state, attempt) {
            (DeliveryState::Delivered { at }, _) => self.count(*at, Figure::Delivered, channel),
            (DeliveryState::Failed { at }, _) => self.count(*at, Figure::Failed, channel),
            (DeliveryState::Queued { .. }, Some(attempt)) => {
                self.count(attempt.ended_at, Figure::Transient, channel);
            }
            _ => {}
        }
    }

    /// Writes the sums, in the transaction of what was counted.
    pub(super) fn store(&self, connection: &Connection) -> Result<()> {
        if self.counts.is_empty() {
            return Ok(());
        }
        let mut add = connection.prepare_cached(
            "INSERT INTO figures (bucket, name, word, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?;
        for ((bucket, figure, word), count) in &self.counts {
            add.execute((bucket, *figure as i64, &self.words[usize::from(word.0)], count))?;
        }
        Ok(())
    }

    /// Forgets the counts: they are committed, or undone.
    pub(super) fn clear(&mut self) {
        self.counts.clear();
    }
}

/// The sums of periods.
pub(super) fn figures(connection: &Connection, ask: FigureAsk) -> Result<Vec<FigureRow>> {
    let step = (ask.step_ms / BUCKET_MS).max(1);
    let floor = |at: Timestamp| at.0.div_euclid(step * BUCKET_MS) * step;
    let mut select = connection.prepare_cached(
        "SELECT name, word, bucket / ?3 * ?3, sum(count) FROM figures
         WHERE bucket >= ?1 AND bucket < ?2 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    )?;
    let rows = select.query_map((floor(ask.since), floor(ask.until), step), |row| {
        let figure = Figure::ALL.get(row.get::<_, usize>(0)?).copied();
        Ok(FigureRow {
            figure: figure.ok_or_else(|| unreadable("figure"))?,
            word: row.get(1)?,
            at: Timestamp(row.get::<_, i64>(2)? * BUCKET_MS),
            count: row.get(3)?,
        })
    })?;
    rows.collect()
}

/// Removes what is older than it is kept; true when there is more.
pub(super) fn forget(connection: &Connection, now: Timestamp) -> Result<bool> {
    let count = connection.execute(
        "DELETE FROM figures WHERE (bucket, name, word) IN
           (SELECT bucket, name, word FROM figures WHERE bucket < ?1 ORDER BY bucket LIMIT ?2)",
        (now.0.saturating_sub(FIGURES_KEPT_MS).div_euclid(BUCKET_MS), FORGOTTEN_MAX),
    )?;
    Ok(count == FORGOTTEN_MAX)
}
