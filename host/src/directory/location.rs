//! Locations of directories: `sqlite:PATH`, `postgres://…` or `auth0://DOMAIN`.

use std::fmt;
#[cfg(feature = "sqlite")]
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr;

use super::open_error::OpenError;
#[cfg(all(feature = "sqlite", unix))]
use crate::reading::describe_io_error;

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
        match parse(text) {
            Ok(Some(location)) => Ok(location),
            Ok(None) => Err(OpenError::InvalidLocation(describe_no_directory(text).to_owned())),
            Err(why) => Err(OpenError::InvalidLocation(why.to_owned())),
        }
    }
}

impl Location {
    /// Parses the location of a tenant's journal, which is a database.
    ///
    /// # Errors
    ///
    /// If the text names no database.
    pub fn of_journal(text: &str) -> Result<Self, OpenError> {
        match parse(text) {
            Ok(Some(Self::Auth0(_))) => Err(OpenError::InvalidJournal("a tenant of Auth0 is not a database")),
            Ok(Some(location)) => Ok(location),
            Ok(None) => Err(OpenError::InvalidJournal("this names no database")),
            Err(why) => Err(OpenError::InvalidJournal(why)),
        }
    }
}

impl Location {
    /// Describes the location for the log: with the absolute path of a file, and without the user and the
    /// password of a server.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(file) => {
                let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
                format!("sqlite:{}", file.display())
            }
            Self::Postgres(url) | Self::Auth0(url) => {
                let text = url.split(['?', '#']).next().unwrap_or_default();
                let (scheme, rest) = text.split_once("://").unwrap_or(("postgres", ""));
                let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
                format!("{scheme}://{place}")
            }
        }
    }
}

impl Location {
    /// Returns the reason why this process cannot write to an SQLite file, in words; none if it can.
    /// Servers are asked when they are opened.
    #[must_use]
    pub fn find_write_fault(&self) -> Option<String> {
        match self {
            #[cfg(all(feature = "sqlite", unix))]
            Self::Sqlite(file) => find_write_fault(file),
            _ => None,
        }
    }
}

/// SQLite writes its log beside the file, so that the folder has to be writable, too.
#[cfg(all(feature = "sqlite", unix))]
fn find_write_fault(file: &Path) -> Option<String> {
    use rustix::fs::{Access, access};
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Err(why) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        return Some(format!(
            "nothing can be written to the folder {}: {}",
            folder.display(),
            describe_error(why)
        ));
    }
    match access(file, Access::READ_OK | Access::WRITE_OK) {
        // A missing file is created.
        Ok(()) | Err(rustix::io::Errno::NOENT) => None,
        Err(why) => Some(format!("the file {} cannot be written: {}", file.display(), describe_error(why))),
    }
}

#[cfg(all(feature = "sqlite", unix))]
fn describe_error(error: rustix::io::Errno) -> String {
    describe_io_error(&error.into())
}

/// Returns the folder of a file, if it does not exist.
#[cfg(feature = "sqlite")]
pub(super) fn find_missing_folder(file: &Path) -> Option<&Path> {
    file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
}

/// Parses a location. None if its scheme is unknown. No error repeats the text: it may contain
/// a password.
fn parse(text: &str) -> Result<Option<Location>, &'static str> {
    match text.split_once(':') {
        Some(("sqlite", "")) => Err("`sqlite:` names no file"),
        Some(("sqlite", ":memory:")) => Err("a database in memory would not outlive the command"),
        // Two slashes are those of a URL: the file would be in the root folder.
        Some(("sqlite", path)) if path.starts_with("//") => {
            Err("`sqlite://` names a file of the root folder; write sqlite:PATH, such as sqlite:journal.db")
        }
        Some(("sqlite", path)) => Ok(Some(Location::Sqlite(PathBuf::from(path)))),
        Some(("postgres" | "postgresql", _)) => Ok(Some(Location::Postgres(text.to_owned()))),
        Some(("auth0", _)) => Ok(Some(Location::Auth0(text.to_owned()))),
        Some(_) | None => Ok(None),
    }
}

fn describe_no_directory(text: &str) -> &'static str {
    match text.split_once(':') {
        Some(("https" | "http", _)) => {
            "this names no directory: a tenant of Auth0 is named by auth0://DOMAIN"
        }
        _ => "this names no directory",
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
        for nothing in [
            "",
            "sqlite:",
            "sqlite://users.db",
            "sqlite:///users.db",
            "users.db",
            "mysql://root:s3cret@host/db",
        ] {
            let error: OpenError = nothing.parse::<Location>().unwrap_err();
            assert!(error.to_string().contains("expected sqlite:PATH, "), "{error}");
            assert!(!error.to_string().contains("s3cret"));
        }
        let hint = "https://acme.eu.auth0.com".parse::<Location>().unwrap_err().to_string();
        assert!(hint.contains("a tenant of Auth0 is named by auth0://DOMAIN"), "{hint}");
    }

    #[test]
    fn a_location_is_described_without_a_password() {
        for (text, described) in [
            ("postgres://me:s3cret@db:5433/users?password=s3cret", "postgres://db:5433/users"),
            ("postgresql://me:p@s3cret@db/users", "postgresql://db/users"),
            ("auth0://acme.eu.auth0.com?custom_domain=login.example.com", "auth0://acme.eu.auth0.com"),
            ("sqlite:/srv/users.db", "sqlite:/srv/users.db"),
        ] {
            assert_eq!(text.parse::<Location>().unwrap().describe(), described);
        }
        let relative = "sqlite:users.db".parse::<Location>().unwrap().describe();
        assert!(relative.starts_with("sqlite:/") && relative.ends_with("/users.db"), "{relative}");
    }

    #[test]
    fn a_journal_is_a_database() {
        assert_eq!(Location::of_journal("sqlite:j.db"), Ok(Location::Sqlite("j.db".into())));
        for nothing in [
            "",
            "sqlite:",
            "sqlite://journal.db",
            "journal.db",
            "auth0://acme.eu.auth0.com",
            "mysql://root:s3cret@host/db",
        ] {
            let error = Location::of_journal(nothing).unwrap_err().to_string();
            let expected = "; expected sqlite:PATH or postgres://USER@HOST/DATABASE";
            assert!(error.ends_with(expected) && !error.contains("s3cret"), "{error}");
        }
    }
}
