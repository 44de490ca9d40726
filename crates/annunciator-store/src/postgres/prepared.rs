//! What writers ask again and again is prepared once for each connection: it is neither read nor
//! planned anew.
//!
//! A pooler may give each transaction another connection to the database, where a name is unknown or
//! means a statement of somebody else. So a connection sets a mark of its own at its other end, and a
//! transaction that goes by names begins with a look at it: elsewhere the transaction is undone
//! before anything ran by name, and its pool prepares nothing any more. Whoever marked last is alone
//! in giving names there, as names are given in such transactions only.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;

use super::bind::Bound;
use super::fault::Trouble;

/// Most statements of a connection; further ones are asked without a name.
const NAMES_MAX: usize = 64;

/// The statements of a connection.
pub(super) struct Prepared {
    mark: Uuid,
    known: Mutex<HashMap<String, Statement>>,
    /// Asked without a name since the last [`Prepared::prepare_asked`].
    asked: Mutex<HashMap<String, Vec<Type>>>,
}

impl Prepared {
    /// Of a new connection; none without randomness for its mark.
    pub(super) fn new() -> Option<Self> {
        let mut mark = [0; 16];
        getrandom::fill(&mut mark).ok()?;
        let mark = Uuid::from_bytes(mark);
        Some(Self { mark, known: Mutex::default(), asked: Mutex::default() })
    }

    /// The words that set the mark.
    pub(super) fn setting(&self) -> String {
        format!("SET annunciator.mark = '{}'", self.mark)
    }

    /// The words that fail where the mark is not; see [`misnamed`].
    pub(super) fn looking(&self) -> String {
        format!(
            "SELECT 1 / (current_setting('annunciator.mark', true) IS NOT DISTINCT FROM '{}')::int",
            self.mark
        )
    }

    /// The statement with these words, if it has a name; else it is noted.
    pub(super) fn find(&self, text: &str, values: &[Bound<'_>]) -> Option<Statement> {
        let known = self.known.lock().expect("no panic while held");
        if let Some(statement) = known.get(text) {
            return Some(statement.clone());
        }
        if known.len() < NAMES_MAX {
            let types = values.iter().map(|(_, kind)| kind.clone()).collect();
            self.asked.lock().expect("no panic while held").insert(text.to_owned(), types);
        }
        None
    }

    /// Gives names to what was asked without; within a transaction that found the mark.
    pub(super) async fn prepare_asked(&self, client: &Client) -> Result<(), Error> {
        let asked = std::mem::take(&mut *self.asked.lock().expect("no panic while held"));
        for (text, types) in asked {
            let statement = client.prepare_typed(&text, &types).await?;
            self.known.lock().expect("no panic while held").insert(text, statement);
        }
        Ok(())
    }
}

/// What is wrong with what is prepared.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misnamed {
    /// The other end is not the one that was marked.
    Elsewhere,
    /// The tables were changed since: the same statement gives other columns.
    Outdated,
}

/// Whether trouble comes of what is prepared: the division by zero of [`Prepared::looking`], a name
/// that is unknown or taken, or columns that changed.
pub(super) fn misnamed(trouble: &Trouble) -> Option<Misnamed> {
    match trouble.code()? {
        "22012" | "26000" | "42P05" => Some(Misnamed::Elsewhere),
        "0A000" => Some(Misnamed::Outdated),
        _ => None,
    }
}
