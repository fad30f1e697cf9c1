//! Which directory, from a line of text.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::sql::{Migrate, Seal, SealKey};
use super::{Administration, DryRun, SqlDirectory};
use crate::ambient::Ambient;

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

impl Open {
    /// Returns whether the storage itself is written to.
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Existing)
    }
}

/// How a directory is opened.
#[derive(Clone)]
pub struct OpenOptions<'a> {
    /// The key of the journal's snapshots, if they are encrypted.
    pub key: Option<SealKey>,
    /// What is wanted of it.
    pub how: Open,
    /// The time and the randomness of the directory.
    pub ambient: &'a Ambient,
    /// Reports, before the directory's schema is changed, what is to be known about it.
    pub tell: &'a dyn Fn(&str),
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

/// Opens a directory.
///
/// # Errors
///
/// When it cannot be used, with what to do.
pub fn open(location: &Location, options: OpenOptions<'_>) -> Result<Arc<dyn Administration>, OpenError> {
    let how = options.how;
    let directory = open_database(location, options)?;
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
pub fn open_database(location: &Location, options: OpenOptions<'_>) -> Result<SqlDirectory, OpenError> {
    let OpenOptions { key, how, ambient, tell } = options;
    let migrate = if how.writes() { Migrate::Yes(tell) } else { Migrate::No };
    let seal = Seal { key, ambient: ambient.clone() };
    match location {
        Location::Sqlite(file) => SqlDirectory::open_sqlite(file, seal, how == Open::Create, migrate),
        Location::Postgres(url) => SqlDirectory::open_postgres(url, seal, migrate),
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
