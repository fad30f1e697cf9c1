//! Locations of directories: `sqlite:PATH`, `postgres://…` or `auth0://DOMAIN`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::open_error::OpenError;

/// The location of a directory.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server. The URL may hold a password.
    Postgres(String),
    /// A tenant of Auth0. Its journal is in a directory of its own.
    Auth0(String),
}

impl FromStr for Location {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, OpenError> {
        match text.split_once(':') {
            Some(("sqlite", "")) => Err(OpenError::InvalidLocation("`sqlite:` names no file".to_owned())),
            Some(("sqlite", ":memory:")) => Err(OpenError::InvalidLocation(
                "a database in memory would not outlive the command".to_owned(),
            )),
            Some(("sqlite", path)) => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            Some(("auth0", _)) => Ok(Self::Auth0(text.to_owned())),
            // The text itself is never repeated: it may contain a password.
            Some(_) | None => Err(OpenError::InvalidLocation("this names no directory".to_owned())),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
            Self::Auth0(_) => f.write_str("auth0://…"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Location, OpenError};

    #[test]
    fn a_location_is_a_file_or_a_server() {
        assert_eq!("sqlite:a/b.db".parse(), Ok(Location::Sqlite("a/b.db".into())));
        assert!(matches!("postgresql://localhost/x".parse(), Ok(Location::Postgres(_))));
        assert!(matches!("auth0://acme.eu.auth0.com".parse(), Ok(Location::Auth0(_))));
        for nothing in ["", "sqlite:", "users.db", "mysql://root:s3cret@host/db"] {
            let error: OpenError = nothing.parse::<Location>().unwrap_err();
            assert!(error.to_string().contains("expected sqlite:PATH, "), "{error}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
