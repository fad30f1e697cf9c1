//! Which directory: options that several commands have.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backon::{BlockingRetryable, ExponentialBuilder};

use super::output_file::ProtectedFiles;
use super::{Exit, print_error};
use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::directory::{
    Administration, Forget, Location, OpenError, OpenMode, OpenOptions, Provenance, SealKey, SqlDirectory,
    open, open_database,
};
use crate::terminal::{Text, dim, line};

/// Which directory, and how its journal is kept.
#[derive(Debug, clap::Args)]
pub(super) struct DirectoryArgs {
    /// The directory: sqlite:PATH or postgres://USER@HOST/DATABASE. Give a URL with a
    /// password in the environment variable, which other users of the machine cannot see
    #[arg(long, short, value_name = "URL", env = DIRECTORY, hide_env_values = true)]
    directory: String,
    #[command(flatten)]
    journal: JournalArgs,
}

/// The environment variable of `--directory`.
pub(super) const DIRECTORY: &str = "LIGATURE_DIRECTORY";

/// The environment variable of `--journal-key`.
const JOURNAL_KEY: &str = "LIGATURE_JOURNAL_KEY_FILE";

/// Returns the files of the directory that the environment names, for commands without
/// a directory.
pub(super) fn protected_by_environment() -> ProtectedFiles {
    let protected = match std::env::var(DIRECTORY).unwrap_or_default().parse() {
        Ok(Location::Sqlite(file)) => ProtectedFiles::default().with_database(&file),
        _ => ProtectedFiles::default(),
    };
    match std::env::var_os(JOURNAL_KEY) {
        Some(key) => protected.with_file(key, "the key of the journal"),
        None => protected,
    }
}

/// The time for which a starting server waits for its database.
const WAIT: Duration = Duration::from_secs(300);

/// The options of the journal.
#[derive(Debug, clap::Args)]
pub(super) struct JournalArgs {
    /// The file with the key that encrypts the users' data in the journal: 64
    /// hexadecimal digits
    #[arg(long, value_name = "FILE", env = JOURNAL_KEY, hide_env_values = true)]
    journal_key: Option<PathBuf>,
    /// The number of days after which the users' data is erased from the journal, at the
    /// next write. Such links can no longer be undone. By default, it is kept for ever
    #[arg(long, value_name = "DAYS", env = "LIGATURE_JOURNAL_DAYS", hide_env_values = true)]
    journal_days: Option<u32>,
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
        let tell = &announce_migration(migrating);
        self.journal.open_with(
            &self.directory,
            OpenOptions { key: self.journal.key()?, mode: how, ambient, tell },
            open,
        )
    }

    /// Opens the directory as a database.
    pub(super) fn open_database(&self, how: OpenMode, ambient: &Ambient) -> Result<SqlDirectory, Exit> {
        let key = self.journal.key()?;
        let location: Location = self.directory.parse().map_err(Exit::unreadable)?;
        let tell = &announce_migration(&|| {});
        Ok(open_database(&location, OpenOptions { key, mode: how, ambient, tell })?)
    }

    /// The files of the directory, which no command overwrites.
    pub(super) fn protected_files(&self) -> Result<ProtectedFiles, Exit> {
        let protected = match self.directory.parse().map_err(Exit::unreadable)? {
            Location::Sqlite(file) => ProtectedFiles::default().with_database(&file),
            Location::Postgres(_) => ProtectedFiles::default(),
        };
        Ok(self.journal.protected_files(protected))
    }

    /// Returns whether the directory is a file that does not exist yet.
    pub(super) fn is_missing_file(&self) -> Result<bool, Exit> {
        let location: Location = self.directory.parse().map_err(Exit::unreadable)?;
        Ok(matches!(location, Location::Sqlite(file) if !file.exists()))
    }
}

impl JournalArgs {
    fn protected_files(&self, protected: ProtectedFiles) -> ProtectedFiles {
        match &self.journal_key {
            Some(key) => protected.with_file(key, "the key of the journal"),
            None => protected,
        }
    }

    fn key(&self) -> Result<Option<SealKey>, Exit> {
        self.journal_key.as_deref().map(SealKey::read).transpose().map_err(Exit::unreadable)
    }

    pub(super) fn open(
        &self,
        directory: &str,
        how: OpenMode,
        ambient: &Ambient,
    ) -> Result<Arc<dyn Administration>, Exit> {
        let tell = &announce_migration(&|| {});
        self.open_with(directory, OpenOptions { key: self.key()?, mode: how, ambient, tell }, open)
    }

    /// Opens a directory for a server, which may have started before its database: retries
    /// for a while.
    pub(super) fn open_with_retries(
        &self,
        directory: &str,
        how: OpenMode,
        ambient: &Ambient,
    ) -> Result<Arc<dyn Administration>, Exit> {
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(2))
            .with_total_delay(Some(WAIT))
            .without_max_times();
        let is_away = |error: &OpenError| matches!(error, OpenError::Unreachable { .. });
        let mut said: Option<Monotonic> = None;
        let waiting = |error: &OpenError, _| {
            if said.is_none_or(|at| ambient.elapsed(at) > Duration::from_secs(10)) {
                tracing::warn!("waiting for the directory, up to {} minutes: {error}", WAIT.as_secs() / 60);
                said = Some(ambient.monotonic());
            }
        };
        let open_now = |location: &Location, options: OpenOptions<'_>| {
            (|| open(location, options.clone())).retry(patience).when(is_away).notify(waiting).call()
        };
        let tell = &announce_migration(&|| {});
        self.open_with(directory, OpenOptions { key: self.key()?, mode: how, ambient, tell }, open_now)
    }

    fn open_with<'a>(
        &self,
        directory: &str,
        options: OpenOptions<'a>,
        open: impl FnOnce(&Location, OpenOptions<'a>) -> Result<Arc<dyn Administration>, OpenError>,
    ) -> Result<Arc<dyn Administration>, Exit> {
        // Not parsed by clap, whose error would repeat the URL with its password.
        let location: Location = directory.parse().map_err(Exit::unreadable)?;
        let OpenOptions { mode: how, ambient, .. } = options;
        let directory = open(&location, options)?;
        if let (Some(days), OpenMode::Create | OpenMode::Existing) = (self.journal_days, how) {
            let before = ambient.now().days_ago(days);
            directory.forget_snapshots(&Forget::Before(before))?;
        }
        Ok(directory)
    }
}

/// Announces a migration of the directory, before it begins.
fn announce_migration(migrating: &dyn Fn()) -> impl Fn(&str) {
    move |told| {
        print_error(&Text::from_line(line![dim("note:"), " ", told.to_owned()]));
        migrating();
    }
}

/// Returns the operator: the name of the system's user.
pub(super) fn operator() -> Arc<Provenance> {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    Arc::new(Provenance::operator(name.unwrap_or_else(|| "unknown".to_owned())))
}
