//! What went wrong in SQLite becomes a [`StoreError`], or the end of the handle.
//!
//! Standard: SQLite result codes, <https://www.sqlite.org/rescode.html>.

use rusqlite::ErrorCode;

use crate::StoreError;

/// Why a job did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// This job alone is refused; the others of its group go on.
    Refused(StoreError),
    /// The connection failed: the whole group is undone.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Trouble {
    /// What the caller is told.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Sqlite(error) => store_error(&error),
        }
    }
}

/// Who must act on an error of SQLite.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    let words = error.to_string();
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..) => StoreError::Corrupt(words),
        other => match other.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full(words),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Corrupt(words)
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(words),
            _ => StoreError::Io(words),
        },
    }
}

/// A stored value that this version cannot read.
pub(super) fn unreadable(what: &str) -> rusqlite::Error {
    let words = format!("a stored {what} is not readable");
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Null, words.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_says_who_must_act() {
        let failure = |code| {
            rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some("x".to_owned()))
        };
        for (error, expected) in [
            (failure(rusqlite::ffi::SQLITE_FULL), "full"),
            (failure(rusqlite::ffi::SQLITE_CORRUPT), "damaged"),
            (failure(rusqlite::ffi::SQLITE_NOTADB), "damaged"),
            (failure(rusqlite::ffi::SQLITE_BUSY), "busy"),
            (failure(rusqlite::ffi::SQLITE_IOERR_FSYNC), "failed"),
            (failure(rusqlite::ffi::SQLITE_READONLY), "failed"),
            (unreadable("severity"), "damaged"),
        ] {
            let text = store_error(&error).to_string();
            assert!(text.contains(expected), "{text}");
        }
    }
}
