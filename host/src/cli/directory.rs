//! Which directory: options that several commands have.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;

use super::Exit;
use crate::directory::{
    Administration, Forget, Location, Open, Provenance, SealKey, SqlDirectory, open, open_database,
};
use crate::login::Timestamp;

/// Which directory, and how its journal is kept.
#[derive(Debug, clap::Args)]
pub(super) struct DirectoryArgs {
    /// Where the users are: sqlite:PATH or postgres://USER@HOST/DATABASE. A
    /// URL with a password belongs into the environment variable, where other
    /// users of the machine do not see it
    #[arg(long, short, value_name = "URL", env = DIRECTORY, hide_env_values = true)]
    directory: String,
    #[command(flatten)]
    journal: JournalArgs,
}

/// The environment variable that stands for `--directory`.
pub(super) const DIRECTORY: &str = "LIGATURE_DIRECTORY";

/// How the journal is kept.
#[derive(Debug, clap::Args)]
pub(super) struct JournalArgs {
    /// File of the key that encrypts what the journal keeps of users: 64
    /// hexadecimal digits
    #[arg(long, value_name = "FILE", env = "LIGATURE_JOURNAL_KEY_FILE", hide_env_values = true)]
    journal_key: Option<PathBuf>,
    /// Erase from the journal what it keeps of users after so many days; such
    /// links can no longer be undone. For ever if left out
    #[arg(long, value_name = "DAYS", env = "LIGATURE_JOURNAL_DAYS", hide_env_values = true)]
    journal_days: Option<u32>,
}

impl DirectoryArgs {
    pub(super) fn open(&self, how: Open) -> Result<Arc<dyn Administration>, Exit> {
        self.journal.open(&self.directory, how)
    }

    /// The directory as the database that it is.
    pub(super) fn open_database(&self, how: Open) -> Result<SqlDirectory, Exit> {
        let key = self.journal.key()?;
        let location: Location = self.directory.parse().map_err(Exit::unreadable)?;
        open_database(&location, key, how).map_err(Exit::unreadable)
    }

    /// Whether it is a file that is not there yet.
    pub(super) fn is_missing_file(&self) -> Result<bool, Exit> {
        let location: Location = self.directory.parse().map_err(Exit::unreadable)?;
        Ok(matches!(location, Location::Sqlite(file) if !file.exists()))
    }
}

impl JournalArgs {
    fn key(&self) -> Result<Option<SealKey>, Exit> {
        self.journal_key.as_deref().map(SealKey::read).transpose().map_err(Exit::unreadable)
    }

    pub(super) fn open(&self, directory: &str, how: Open) -> Result<Arc<dyn Administration>, Exit> {
        let key = self.key()?;
        // Not by clap, which would repeat a URL that it does not understand,
        // password and all.
        let location: Location = directory.parse().map_err(Exit::unreadable)?;
        let directory = open(&location, key, how).map_err(Exit::unreadable)?;
        if let (Some(days), Open::Create | Open::Existing) = (self.journal_days, how) {
            let before = Timestamp::now().days_ago(days);
            directory.forget_snapshots(&Forget::Before(before)).map_err(failed)?;
        }
        Ok(directory)
    }
}

/// The directory did not do as asked.
pub(super) fn failed(error: crate::login::ApiError) -> Exit {
    Exit::failed(anyhow!("{}", crate::login::mask_addresses(&error.to_string())))
}

/// Who is at the keyboard, as the system calls them.
pub(super) fn operator() -> Arc<Provenance> {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    Arc::new(Provenance::operator(name.unwrap_or_else(|| "unknown".to_owned())))
}
