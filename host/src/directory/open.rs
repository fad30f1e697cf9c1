//! Opening a directory.

#[cfg(all(feature = "auth0", feature = "_sql"))]
use std::path::Path;
use std::sync::Arc;

#[cfg(all(feature = "auth0", feature = "_sql"))]
use super::auth0::Auth0Directory;
#[cfg(feature = "_sql")]
use super::dry_run::DryRun;
#[cfg(all(feature = "auth0", feature = "_sql"))]
use super::link_journal::LinkJournal;
use super::location::Location;
#[cfg(all(feature = "auth0", feature = "sqlite"))]
use super::location::find_missing_folder;
#[cfg(all(feature = "auth0", feature = "_sql"))]
use super::memory::Memory;
use super::open_error::OpenError;
use super::open_mode::OpenMode;
use super::operations::Administration;
use super::seal_key::SealKey;
#[cfg(feature = "_sql")]
use super::sql::{Migrate, Seal, SqlDirectory};
use crate::ambient::Ambient;
#[cfg(all(feature = "auth0", feature = "_sql"))]
use crate::auth0::{ClientCredentials, ManagementClient, SetupError, TenantAddress};

/// The options of opening a directory.
#[derive(Clone)]
pub struct OpenOptions<'a> {
    /// The key of the journal's snapshots, if they are encrypted.
    pub key: Option<SealKey>,
    /// The journal of a tenant of Auth0, in a directory of its own. Other directories keep
    /// their journal themselves.
    pub journal: Option<&'a Location>,
    /// The mode.
    pub mode: OpenMode,
    /// The clock and the source of randomness of the directory.
    pub ambient: &'a Ambient,
    /// Receives what the operator must know before a change of the schema.
    pub notify: &'a dyn Fn(&str),
}

/// Opens a directory.
///
/// # Errors
///
/// If the directory cannot be used, with advice.
pub fn open(location: &Location, options: OpenOptions<'_>) -> Result<Arc<dyn Administration>, OpenError> {
    #[cfg(feature = "_sql")]
    {
        match (location, options.journal) {
            (Location::Auth0(_), None) if options.mode != OpenMode::ReadUsers => {
                return Err(OpenError::NoJournal);
            }
            (Location::Auth0(address), _) => return open_tenant(address, options),
            (Location::Sqlite(_) | Location::Postgres(_), Some(_)) => return Err(OpenError::OwnJournal),
            (Location::Sqlite(_) | Location::Postgres(_), None) => {}
        }
        let mode = options.mode;
        let directory = open_database(location, options)?;
        Ok(match mode {
            OpenMode::DryRun => Arc::new(DryRun::new(directory)),
            OpenMode::Create
            | OpenMode::Existing
            | OpenMode::ExistingJournal
            | OpenMode::ReadOnly
            | OpenMode::ReadUsers => Arc::new(directory),
        })
    }
    #[cfg(not(feature = "_sql"))]
    {
        let _ = options;
        Err(refuse_missing_feature(location))
    }
}

/// Opens a tenant of Auth0, with the credentials of the environment. Interrupted changes
/// are repaired if the mode writes.
#[cfg(all(feature = "auth0", feature = "_sql"))]
fn open_tenant(address: &str, options: OpenOptions<'_>) -> Result<Arc<dyn Administration>, OpenError> {
    let refuse = |error: SetupError| OpenError::Tenant(error.to_string());
    let address: TenantAddress = address.parse().map_err(refuse)?;
    let credentials = ClientCredentials::from_environment().map_err(refuse)?;
    let (id, hosts) = (address.directory_id(), address.login_hosts());
    let (mode, ambient) = (options.mode, options.ambient);
    let journal: Arc<dyn LinkJournal> = match options.journal {
        Some(journal) => open_journal(journal, &options)?,
        None => Arc::new(Memory::new(ambient)),
    };
    let host = address.public_host().map(str::to_owned);
    let client = ManagementClient::connect(address, credentials, ambient).map_err(refuse)?;
    let opened = Auth0Directory::open(Arc::new(client), journal, mode);
    let opened =
        opened.map_err(|error| OpenError::Unusable { place: id.clone(), why: error.to_sentence() })?;
    let opened = opened.with_directory_id(&id).with_login_hosts(hosts);
    Ok(Arc::new(opened.with_tenant_host(host.as_deref())))
}

/// Opens the journal of a tenant. The tenant exists; its journal begins with its first change.
#[cfg(all(feature = "auth0", feature = "_sql"))]
fn open_journal(journal: &Location, options: &OpenOptions<'_>) -> Result<Arc<dyn LinkJournal>, OpenError> {
    let mode = match options.mode {
        OpenMode::Create | OpenMode::Existing => OpenMode::Create,
        mode => mode,
    };
    let missing = missing_file(journal);
    if let Some(file) = missing.filter(|_| !mode.can_write()) {
        (options.notify)(&format!(
            "the journal sqlite:{} does not exist yet, and counts as empty; the first command that changes \
             something creates it, and so does the start of `ligature hook`",
            file.display()
        ));
        return Ok(Arc::new(Memory::new(options.ambient)));
    }
    let opened = open_database(journal, OpenOptions { journal: None, mode, ..options.clone() });
    let opened = opened.map_err(|error| OpenError::OfJournal(Box::new(error)))?;
    if let Some(file) = missing {
        // A mistyped path would otherwise look like a journal without links.
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        (options.notify)(&format!(
            "the journal sqlite:{} did not exist and was created empty",
            file.display()
        ));
    }
    Ok(Arc::new(opened))
}

/// Returns the file of an SQLite database that could be created: it does not exist, and its
/// folder does.
#[cfg(all(feature = "auth0", feature = "_sql"))]
fn missing_file(location: &Location) -> Option<&Path> {
    match location {
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => {
            // A file of a folder that this process may not enter may exist.
            let is_missing = file.try_exists().is_ok_and(|exists| !exists);
            (is_missing && find_missing_folder(file).is_none()).then_some(file)
        }
        _ => None,
    }
}

/// Returns the error for a build without the client of Auth0.
#[cfg(all(not(feature = "auth0"), feature = "_sql"))]
fn open_tenant(_: &str, _: OpenOptions<'_>) -> Result<Arc<dyn Administration>, OpenError> {
    Err(OpenError::NotBuiltIn { database: "Auth0", feature: "auth0" })
}

/// Opens a directory that is a database. A dry run is opened like a read-only one.
///
/// # Errors
///
/// If the directory cannot be used, with advice.
#[cfg(feature = "_sql")]
pub fn open_database(location: &Location, options: OpenOptions<'_>) -> Result<SqlDirectory, OpenError> {
    let OpenOptions { key, mode, ambient, notify, .. } = options;
    let migrate = if mode.can_write() { Migrate::Yes(notify) } else { Migrate::No };
    let seal = Seal { key, ambient: ambient.clone() };
    match location {
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => SqlDirectory::open_sqlite(file, seal, mode == OpenMode::Create, migrate),
        #[cfg(feature = "postgres")]
        Location::Postgres(url) => SqlDirectory::open_postgres(url, seal, migrate),
        Location::Auth0(_) => Err(OpenError::NotADirectory {
            place: "auth0://…".to_owned(),
            why: "a tenant of Auth0 is not a database of this program".to_owned(),
        }),
        #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
        location => Err(refuse_missing_feature(location)),
    }
}

/// Returns the error for a location whose database this build does not support.
#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn refuse_missing_feature(location: &Location) -> OpenError {
    match location {
        Location::Sqlite(_) => OpenError::NotBuiltIn { database: "SQLite", feature: "sqlite" },
        Location::Auth0(_) => OpenError::NotBuiltIn { database: "Auth0", feature: "auth0" },
        Location::Postgres(_) => OpenError::NotBuiltIn { database: "PostgreSQL", feature: "postgres" },
    }
}
