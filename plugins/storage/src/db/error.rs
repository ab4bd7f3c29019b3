//! What a database says went wrong, in the words of everybody.

use ratchet_plugin_api::{Code, Error};
use sea_orm::{DbErr, RuntimeErr};

/// The error of a database as one of ours: what is not our fault is `Unavailable`, with a reason
/// such as `storage.full`.
pub(crate) fn storage_error(error: DbErr) -> Error {
    let Some(cause) = cause(&error) else {
        return match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => unreachable(&error),
            _ => Error::wrap(Code::Internal, "the database refused a statement", &error),
        };
    };
    match cause {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            match kind_of(&code) {
                Some((kind, reason, message)) => {
                    Error::wrap(kind, message, &error).with_reason(reason)
                }
                None => Error::wrap(Code::Internal, "the database refused a statement", &error),
            }
        }
        sqlx::Error::PoolTimedOut => {
            Error::unavailable("all connections to the database are in use or cannot be made")
                .with_reason("storage.no_connection")
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => unreachable(&error),
        sqlx::Error::Configuration(_) => Error::wrap(
            Code::Configuration,
            "`server.database.url` is not the URL of a database",
            &error,
        ),
        _ => Error::wrap(Code::Internal, "the database answered something unexpected", &error),
    }
}

fn unreachable(error: &DbErr) -> Error {
    Error::wrap(Code::Unavailable, "the database cannot be reached", error)
        .with_reason("storage.unreachable")
}

fn cause(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

/// What a code of SQLite (a number whose low byte counts) or PostgreSQL (an SQLSTATE) means.
fn kind_of(code: &str) -> Option<(Code, &'static str, &'static str)> {
    if code.len() == 5 {
        return Some(match &code[..2] {
            "53" => (Code::Unavailable, "storage.full", "the database has run out of something"),
            "57" if code == "57014" => {
                (Code::Timeout, "storage.timeout", "the database took too long")
            }
            "08" | "57" => {
                (Code::Unavailable, "storage.unreachable", "the database cannot be reached")
            }
            "55" | "40" => (Code::Unavailable, "storage.busy", "others hold what is needed"),
            "58" | "XX" => (Code::Unavailable, "storage.io", "the database cannot read or write"),
            "25" => {
                (Code::Unavailable, "storage.read_only", "the database takes no changes at present")
            }
            "28" => (Code::Denied, "storage.denied", "the database refused the user or password"),
            "3D" => (Code::NotFound, "storage.no_database", "there is no such database"),
            "23" => (Code::Conflict, "storage.conflict", "that contradicts what is stored"),
            _ => return None,
        });
    }
    Some(match code.parse::<i64>().ok()? & 0xff {
        5 | 6 => (
            Code::Unavailable,
            "storage.busy",
            "another program holds the database; it was waited for long enough",
        ),
        8 => (Code::Unavailable, "storage.read_only", "the database file cannot be written to"),
        10 => (Code::Unavailable, "storage.io", "the database file cannot be read or written"),
        13 => (Code::Unavailable, "storage.full", "the disk is full; nothing was recorded"),
        11 | 26 => (Code::Internal, "storage.corrupt", "the file is damaged or no database"),
        14 => (Code::Unavailable, "storage.unreachable", "the database file cannot be opened"),
        19 => (Code::Conflict, "storage.conflict", "that contradicts what is stored"),
        _ => return None,
    })
}

/// Whether the same work may succeed at once, because others were in the way.
pub(crate) fn is_passing(error: &Error) -> bool {
    error.reason.as_deref() == Some("storage.busy")
}

/// Whether the connection was lost, so that nobody knows what became of the last statement.
pub(crate) fn is_lost(error: &Error) -> bool {
    matches!(error.reason.as_deref(), Some("storage.unreachable" | "storage.no_connection"))
}

/// Whether it is the database that is in trouble, and not what was asked of it.
pub(crate) fn is_of_database(error: &Error) -> bool {
    error.code == Code::Unavailable
        && error.reason.as_deref().is_some_and(|reason| reason.starts_with("storage."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        assert_eq!(kind_of("13").unwrap().1, "storage.full");
        assert_eq!(kind_of("2570").unwrap().1, "storage.io"); // SQLITE_IOERR_FSTAT and the like
        assert_eq!(kind_of("53100").unwrap().1, "storage.full");
        assert_eq!(kind_of("40P01").unwrap().1, "storage.busy");
        assert_eq!(kind_of("57P01").unwrap().1, "storage.unreachable");
        assert!(kind_of("42601").is_none());
    }
}
