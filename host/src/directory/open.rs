//! Which directory, from a line of text.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::sql::{Migrate, SealKey};
use super::{Administration, DryRun, SqlDirectory};

/// Where a directory is: `sqlite:PATH` or `postgres://…`.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server. The URL may hold a password.
    Postgres(String),
}

/// What is wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Reading and writing; a file that is not there is made.
    Create,
    /// Reading and writing what is there.
    Existing,
    /// Reading what is there.
    ReadOnly,
    /// Nothing is written: changes are kept in memory.
    DryRun,
}

/// Why a directory cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The text names none.
    #[error("{0}; expected sqlite:PATH or postgres://USER@HOST/DATABASE")]
    NoLocation(String),
    /// Its server does not answer, or does not take connections yet.
    #[error("the directory {place} cannot be reached: {why}")]
    Away {
        /// Where it is, without passwords.
        place: String,
        /// The reason.
        why: String,
    },
    /// An environment variable for what a `postgres://` URL leaves out.
    #[error("the environment variable {name} cannot be understood; expected {expected}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// The values that it may have.
        expected: &'static str,
    },
    /// It is none: no such file, another program's, or no database at all.
    #[error("the directory {place} cannot be used: {why}")]
    Mistaken {
        /// Where it is, without passwords.
        place: String,
        /// The reason.
        why: String,
    },
    /// It cannot be used now.
    #[error("the directory {place} cannot be used: {why}")]
    Unusable {
        /// Where it is, without passwords.
        place: String,
        /// The reason.
        why: String,
    },
}

impl FromStr for Location {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, OpenError> {
        match text.split_once(':') {
            Some(("sqlite", "")) => Err(OpenError::NoLocation("`sqlite:` names no file".to_owned())),
            Some(("sqlite", ":memory:")) => {
                Err(OpenError::NoLocation("a database in memory would not outlive the command".to_owned()))
            }
            Some(("sqlite", path)) => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            // Never the text itself: there may be a password in it.
            Some(_) | None => Err(OpenError::NoLocation("this names no directory".to_owned())),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

/// Opens a directory. What is to be known before a change of its schema is told
/// first.
///
/// # Errors
///
/// When it cannot be used, with what to do.
pub fn open(
    location: &Location,
    key: Option<SealKey>,
    how: Open,
    tell: &dyn Fn(&str),
) -> Result<Arc<dyn Administration>, OpenError> {
    let directory = open_database(location, key, how, tell)?;
    Ok(match how {
        Open::DryRun => Arc::new(DryRun::over(directory)),
        Open::Create | Open::Existing | Open::ReadOnly => Arc::new(directory),
    })
}

/// Opens a directory as the database that it is.
///
/// # Errors
///
/// When it cannot be used, with what to do.
pub fn open_database(
    location: &Location,
    key: Option<SealKey>,
    how: Open,
    tell: &dyn Fn(&str),
) -> Result<SqlDirectory, OpenError> {
    let migrate = match how {
        Open::Create | Open::Existing => Migrate::Yes(tell),
        Open::ReadOnly | Open::DryRun => Migrate::No,
    };
    match location {
        Location::Sqlite(file) => SqlDirectory::open_sqlite(file, key, how == Open::Create, migrate),
        Location::Postgres(url) => SqlDirectory::open_postgres(url, key, migrate),
    }
}

#[cfg(test)]
mod tests {
    use super::{Location, OpenError};

    #[test]
    fn a_location_is_a_file_or_a_server() {
        assert_eq!("sqlite:a/b.db".parse(), Ok(Location::Sqlite("a/b.db".into())));
        assert!(matches!("postgresql://localhost/x".parse(), Ok(Location::Postgres(_))));
        for nothing in ["", "sqlite:", "users.db", "mysql://root:s3cret@host/db"] {
            let error: OpenError = nothing.parse::<Location>().unwrap_err();
            assert!(error.to_string().contains("expected sqlite:PATH"), "{error}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
