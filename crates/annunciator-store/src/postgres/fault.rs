//! What went wrong at PostgreSQL becomes a [`StoreError`].
//!
//! Standard: error codes of PostgreSQL 15, appendix A.
//! Failure: a commit whose answer was lost is told as failed: who asks again with the same ids finds
//! what was committed.

use std::error::Error as _;
use std::time::Duration;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// Why a call did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The call is refused for what it asks.
    Refused(StoreError),
    /// The database, or the way to it, failed.
    Postgres(Error),
    /// The database did not answer in this time: what was asked may be done or not.
    Silent(Duration),
}

/// Result of what runs within a transaction.
pub(super) type Outcome<T> = std::result::Result<T, Trouble>;

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Trouble {
    /// What the caller is told.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Postgres(error) => store_error(&error),
            Self::Silent(wait) => StoreError::Io(format!(
                "the database, or a standby that it waits for, did not answer in {} s",
                wait.as_secs()
            )),
        }
    }

    /// What the database calls it, when it said something.
    pub(super) fn code(&self) -> Option<&str> {
        let Self::Postgres(error) = self else { return None };
        error.code().map(SqlState::code)
    }

    /// Whether two transactions stood in each other's way and the same again will do.
    pub(super) fn is_collision(&self) -> bool {
        matches!(self.code(), Some("40P01" | "40001"))
    }

    /// Whether it is the connection that failed, or that it leads to the wrong server: other idle
    /// ones are as good as dead, too.
    pub(super) fn is_about_connection(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Silent(_) => true,
            Self::Postgres(error) => error.code().is_none_or(|code| ends_connection(code.code())),
        }
    }

    /// Whether another connection may answer what this one could not. Who waited in vain for an answer
    /// would do so again.
    pub(super) fn is_of_dead_connection(&self) -> bool {
        self.is_about_connection() && !matches!(self, Self::Silent(_))
    }

    /// What is told of a disk that is full.
    pub(super) fn fullness(&self) -> Option<StoreError> {
        let Self::Postgres(error) = self else { return None };
        Some(store_error(error)).filter(|error| matches!(error, StoreError::Full(_)))
    }

    /// Whether a lock, or a statement that waits for locks, was not there in time, or would have been
    /// waited for in a ring.
    pub(super) fn is_about_wait(&self) -> bool {
        matches!(self.code(), Some("55P03" | "57014")) || self.is_collision()
    }

    /// Whether the database is there and refused something of the call's content.
    pub(super) fn is_about_content(&self) -> bool {
        match self {
            // Without a connection nobody looked at the content.
            Self::Refused(error) => {
                matches!(error, StoreError::BadRequest(_) | StoreError::Corrupt(_))
            }
            Self::Silent(_) => false,
            // What is sent without waiting may hear first that something before it was refused.
            Self::Postgres(_) => {
                self.code().is_some_and(|code| code == "25P02" || is_of_content(code))
            }
        }
    }
}

/// Whether an error with this code ends its connection: what a pooler says of its server (08), ended
/// by hand, at a shutdown or for being idle (57P, 25P03), and a server that takes no writes, as one
/// that was the primary (25006).
fn ends_connection(code: &str) -> bool {
    code.starts_with("08") || code.starts_with("57P") || matches!(code, "25P03" | "25006")
}

/// Whether an error with this code says that a value is no good (22), breaks a rule (23) or is too
/// large for what it should go into (54).
fn is_of_content(code: &str) -> bool {
    matches!(code.get(..2), Some("22" | "23" | "54"))
}

/// Who must act on an error of PostgreSQL.
pub(super) fn store_error(error: &Error) -> StoreError {
    let words = words_of(error);
    // Without a code it is the way to the database.
    let Some(code) = error.code() else { return StoreError::Io(words) };
    match code.code() {
        "53100" => StoreError::Full(words),
        "57014" | "53300" | "53200" | "55P03" | "40001" | "40P01" => StoreError::Busy(words),
        "XX001" | "XX002" | "42P01" | "42703" => StoreError::Corrupt(words),
        code if is_of_content(code) => StoreError::BadRequest(words),
        _ => StoreError::Io(words),
    }
}

/// The server's own sentence, or what the driver says with its cause.
pub(super) fn words_of(error: &Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("PostgreSQL: {} ({})", told.message(), told.code().code());
    }
    match error.source() {
        Some(source) => format!("the database cannot be reached: {error}: {source}"),
        None => format!("the database cannot be reached: {error}"),
    }
}

/// A stored value that this version cannot read.
pub(super) fn unreadable(what: &str) -> Trouble {
    Trouble::Refused(StoreError::Corrupt(format!("a stored {what} is not readable")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_connection_is_told_from_what_refuses_a_statement() {
        for (code, expected) in [
            ("08P01", true),
            ("08006", true),
            ("57P01", true),
            ("57P05", true),
            ("25P03", true),
            ("25006", true),
            ("25P02", false),
            ("57014", false),
            ("53100", false),
            ("23505", false),
        ] {
            assert_eq!(ends_connection(code), expected, "{code}");
        }
    }

    #[test]
    fn what_was_waited_for_in_vain_is_not_asked_again() {
        let trouble = Trouble::Silent(Duration::from_secs(60));
        assert!(trouble.is_about_connection() && !trouble.is_of_dead_connection());
    }

    #[test]
    fn a_group_is_done_again_one_by_one_only_for_what_it_says() {
        let words = String::new;
        for (error, expected) in [
            (StoreError::BadRequest(words()), true),
            (StoreError::Corrupt(words()), true),
            (StoreError::Io(words()), false),
            (StoreError::Busy(words()), false),
            (StoreError::Full(words()), false),
            (StoreError::Closed, false),
        ] {
            assert_eq!(Trouble::from(error.clone()).is_about_content(), expected, "{error:?}");
        }
        assert!(is_of_content("54000") && is_of_content("22021") && !is_of_content("53100"));
    }
}
