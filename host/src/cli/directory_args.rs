//! The options of commands that need a directory in a database.

use std::sync::Arc;

use anyhow::anyhow;

use super::Exit;
use super::directory::{DIRECTORY, JournalArgs, announce_migration, parse_directory};
use super::output_file::ProtectedFiles;
use crate::ambient::Ambient;
use crate::directory::{
    Administration, Location, OpenMode, OpenOptions, Provenance, SqlDirectory, open, open_database,
};

/// The options for the directory and its journal.
#[derive(Debug, clap::Args)]
pub(super) struct DirectoryArgs {
    /// The directory: sqlite:PATH, postgres://USER@HOST/DATABASE, or auth0://DOMAIN for a
    /// tenant of Auth0, with --journal. Give a URL with a password in the environment variable, which other users of the machine cannot see
    #[arg(long, short, value_name = "URL", env = DIRECTORY, hide_env_values = true)]
    directory: String,
    #[command(flatten)]
    journal: JournalArgs,
}

impl DirectoryArgs {
    pub(super) fn open(&self, how: OpenMode, ambient: &Ambient) -> Result<Arc<dyn Administration>, Exit> {
        self.journal.open(&self.directory, how, ambient)
    }

    /// Opens the directory. Calls `migrating` before its schema is changed.
    pub(super) fn open_announcing(
        &self,
        how: OpenMode,
        migrating: &dyn Fn(),
        ambient: &Ambient,
    ) -> Result<Arc<dyn Administration>, Exit> {
        let notify = &announce_migration(migrating);
        self.journal.open_with(
            &self.directory,
            OpenOptions { key: self.journal.key()?, journal: None, mode: how, ambient, notify },
            open,
        )
    }

    /// Opens the directory as a database.
    pub(super) fn open_database(&self, how: OpenMode, ambient: &Ambient) -> Result<SqlDirectory, Exit> {
        let key = self.journal.key()?;
        let location = parse_directory(&self.directory)?;
        let notify = &announce_migration(&|| {});
        Ok(open_database(&location, OpenOptions { key, journal: None, mode: how, ambient, notify })?)
    }

    /// Refuses a tenant of Auth0 for a command that it has no endpoint for, with the reason.
    pub(super) fn refuse_tenant(&self, why: &'static str) -> Result<(), Exit> {
        match parse_directory(&self.directory)? {
            Location::Auth0(_) => Err(Exit::unreadable(anyhow!(why))),
            Location::Sqlite(_) | Location::Postgres(_) => Ok(()),
        }
    }

    /// The files of the directory, which no command overwrites.
    pub(super) fn protected_files(&self) -> Result<ProtectedFiles, Exit> {
        let protected = match parse_directory(&self.directory)? {
            Location::Sqlite(file) => ProtectedFiles::default().with_database(&file),
            Location::Postgres(_) | Location::Auth0(_) => ProtectedFiles::default(),
        };
        Ok(self.journal.protected_files(protected))
    }

    /// Returns whether the directory is a file that does not exist yet.
    pub(super) fn is_missing_file(&self) -> Result<bool, Exit> {
        let location = parse_directory(&self.directory)?;
        Ok(matches!(location, Location::Sqlite(file) if !file.exists()))
    }
}

/// Returns the operator: the person who runs the command, by the name of the system's user.
pub(super) fn operator() -> Arc<Provenance> {
    let variables = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let name = variables.filter(|name| !name.is_empty()).chain(system_user()).next();
    Arc::new(Provenance::operator(name.unwrap_or_else(|| "unknown".to_owned())))
}

/// Returns the name of the process's user, or its number if the system has no name for it, as in
/// a container whose user is chosen at its start.
fn system_user() -> Option<String> {
    let number = || {
        #[cfg(unix)]
        {
            let process = std::fs::metadata("/proc/self").ok()?;
            Some(format!("uid {}", std::os::unix::fs::MetadataExt::uid(&process)))
        }
        #[cfg(not(unix))]
        None
    };
    whoami::username().ok().or_else(number)
}
