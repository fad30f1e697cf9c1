//! Which directory: options that several commands have.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backon::{BlockingRetryable, ExponentialBuilder};

use super::output_file::Spared;
use super::{Exit, print_error};
use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::directory::{
    Administration, Forget, Location, Open, OpenError, OpenOptions, Provenance, SealKey, SqlDirectory, open,
    open_database,
};
use crate::terminal::{Text, dim, line};

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

/// The environment variable that stands for `--journal-key`.
const JOURNAL_KEY: &str = "LIGATURE_JOURNAL_KEY_FILE";

/// The files of the directory that the environment names, for commands that use none.
pub(super) fn spared_by_environment() -> Spared {
    let spared = match std::env::var(DIRECTORY).unwrap_or_default().parse() {
        Ok(Location::Sqlite(file)) => Spared::default().and_database(&file),
        _ => Spared::default(),
    };
    match std::env::var_os(JOURNAL_KEY) {
        Some(key) => spared.and(key, "the key of the journal"),
        None => spared,
    }
}

/// How long a server waits for its database at the start.
const WAIT: Duration = Duration::from_secs(300);

/// How the journal is kept.
#[derive(Debug, clap::Args)]
pub(super) struct JournalArgs {
    /// File of the key that encrypts what the journal keeps of users: 64
    /// hexadecimal digits
    #[arg(long, value_name = "FILE", env = JOURNAL_KEY, hide_env_values = true)]
    journal_key: Option<PathBuf>,
    /// Erase from the journal what it keeps of users after so many days, whenever
    /// something is written; such links can no longer be undone. For ever if left
    /// out
    #[arg(long, value_name = "DAYS", env = "LIGATURE_JOURNAL_DAYS", hide_env_values = true)]
    journal_days: Option<u32>,
}

impl DirectoryArgs {
    pub(super) fn open(&self, how: Open, ambient: &Ambient) -> Result<Arc<dyn Administration>, Exit> {
        self.journal.open(&self.directory, how, ambient)
    }

    /// The same, and says so before the directory's schema is changed.
    pub(super) fn open_telling(
        &self,
        how: Open,
        migrating: &dyn Fn(),
        ambient: &Ambient,
    ) -> Result<Arc<dyn Administration>, Exit> {
        let tell = &tell_of_a_migration(migrating);
        self.journal.open_with(
            &self.directory,
            OpenOptions { key: self.journal.key()?, how, ambient, tell },
            open,
        )
    }

    /// The directory as the database that it is.
    pub(super) fn open_database(&self, how: Open, ambient: &Ambient) -> Result<SqlDirectory, Exit> {
        let key = self.journal.key()?;
        let location: Location = self.directory.parse().map_err(Exit::unreadable)?;
        let tell = &tell_of_a_migration(&|| {});
        Ok(open_database(&location, OpenOptions { key, how, ambient, tell })?)
    }

    /// The files that it consists of, which no command writes onto.
    pub(super) fn spared(&self) -> Result<Spared, Exit> {
        let spared = match self.directory.parse().map_err(Exit::unreadable)? {
            Location::Sqlite(file) => Spared::default().and_database(&file),
            Location::Postgres(_) => Spared::default(),
        };
        Ok(self.journal.spared(spared))
    }

    /// Whether it is a file that is not there yet.
    pub(super) fn is_missing_file(&self) -> Result<bool, Exit> {
        let location: Location = self.directory.parse().map_err(Exit::unreadable)?;
        Ok(matches!(location, Location::Sqlite(file) if !file.exists()))
    }
}

impl JournalArgs {
    fn spared(&self, spared: Spared) -> Spared {
        match &self.journal_key {
            Some(key) => spared.and(key, "the key of the journal"),
            None => spared,
        }
    }

    fn key(&self) -> Result<Option<SealKey>, Exit> {
        self.journal_key.as_deref().map(SealKey::read).transpose().map_err(Exit::unreadable)
    }

    pub(super) fn open(
        &self,
        directory: &str,
        how: Open,
        ambient: &Ambient,
    ) -> Result<Arc<dyn Administration>, Exit> {
        let tell = &tell_of_a_migration(&|| {});
        self.open_with(directory, OpenOptions { key: self.key()?, how, ambient, tell }, open)
    }

    /// The same for a server, which may have been started before its database.
    pub(super) fn open_patiently(
        &self,
        directory: &str,
        how: Open,
        ambient: &Ambient,
    ) -> Result<Arc<dyn Administration>, Exit> {
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(2))
            .with_total_delay(Some(WAIT))
            .without_max_times();
        let is_away = |error: &OpenError| matches!(error, OpenError::Away { .. });
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
        let tell = &tell_of_a_migration(&|| {});
        self.open_with(directory, OpenOptions { key: self.key()?, how, ambient, tell }, open_now)
    }

    fn open_with<'a>(
        &self,
        directory: &str,
        options: OpenOptions<'a>,
        open: impl FnOnce(&Location, OpenOptions<'a>) -> Result<Arc<dyn Administration>, OpenError>,
    ) -> Result<Arc<dyn Administration>, Exit> {
        // Not by clap, which would repeat a URL that it does not understand,
        // password and all.
        let location: Location = directory.parse().map_err(Exit::unreadable)?;
        let OpenOptions { how, ambient, .. } = options;
        let directory = open(&location, options)?;
        if let (Some(days), Open::Create | Open::Existing) = (self.journal_days, how) {
            let before = ambient.now().days_ago(days);
            directory.forget_snapshots(&Forget::Before(before)).map_err(failed)?;
        }
        Ok(directory)
    }
}

/// Says that a directory is migrated, before it is.
fn tell_of_a_migration(migrating: &dyn Fn()) -> impl Fn(&str) {
    move |told| {
        print_error(&Text::one(line![dim("note:"), " ", told.to_owned()]));
        migrating();
    }
}

/// The directory did not do as asked.
pub(super) fn failed(error: crate::model::ApiError) -> Exit {
    error.into()
}

/// Who is at the keyboard, as the system calls them.
pub(super) fn operator() -> Arc<Provenance> {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    Arc::new(Provenance::operator(name.unwrap_or_else(|| "unknown".to_owned())))
}
