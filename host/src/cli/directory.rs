//! The options for the directory, which several commands share.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;

use super::output_file::ProtectedFiles;
use super::{Exit, print_error};
use crate::ambient::Ambient;
use crate::directory::{
    Administration, Location, OpenError, OpenMode, OpenOptions, SealKey, SnapshotSelection, open,
};
use crate::terminal::{Text, dim, line};

/// The environment variable of `--directory`.
pub(super) const DIRECTORY: &str = "LIGATURE_DIRECTORY";

/// The environment variable of `--journal-key`.
const JOURNAL_KEY: &str = "LIGATURE_JOURNAL_KEY_FILE";

/// The environment variable of `--journal`.
const JOURNAL: &str = "LIGATURE_JOURNAL";

/// Returns the files of the directory that the environment names, for commands without
/// a directory.
pub(super) fn protect_environment_files() -> ProtectedFiles {
    let mut protected = ProtectedFiles::default();
    for name in [DIRECTORY, JOURNAL] {
        if let Ok(Location::Sqlite(file)) = std::env::var(name).unwrap_or_default().parse() {
            protected = protected.with_database(&file);
        }
    }
    match std::env::var_os(JOURNAL_KEY) {
        Some(key) => protected.with_file(key, "the key of the journal"),
        None => protected,
    }
}

/// The options of the journal.
#[derive(Debug, clap::Args)]
pub(super) struct JournalArgs {
    /// The journal of a tenant of Auth0 (--directory auth0://DOMAIN): sqlite:PATH or
    /// postgres://USER@HOST/DATABASE. Other directories keep their journal themselves. `users
    /// show` and `users find` need none
    #[arg(long, value_name = "URL", env = JOURNAL, hide_env_values = true)]
    journal: Option<String>,
    /// The file with the key that encrypts the users' data in the journal: 64
    /// hexadecimal digits
    #[arg(long, value_name = "FILE", env = JOURNAL_KEY, hide_env_values = true)]
    journal_key: Option<PathBuf>,
    /// The number of days after which the users' data is erased from the journal, at the
    /// next write. Such links can no longer be undone. By default, it is kept for ever
    #[arg(long, value_name = "DAYS", env = "LIGATURE_JOURNAL_DAYS", hide_env_values = true)]
    journal_days: Option<u32>,
}

impl JournalArgs {
    /// Adds the directory's own files and the journal key to the files that no command may
    /// overwrite.
    pub(super) fn protected_files(&self, protected: ProtectedFiles) -> ProtectedFiles {
        let protected = match self.journal_location() {
            Ok(Some(Location::Sqlite(file))) => protected.with_database(&file),
            _ => protected,
        };
        match &self.journal_key {
            Some(key) => protected.with_file(key, "the key of the journal"),
            None => protected,
        }
    }

    /// Describes the location of a tenant's journal for the log, if one is given.
    #[cfg(feature = "hook-command")]
    pub(super) fn describe(&self) -> Option<String> {
        self.journal_location().ok().flatten().map(|it| it.describe())
    }

    /// Returns the reason why this process cannot write to the database of the journal: its own one,
    /// or that of the directory.
    #[cfg(feature = "hook-command")]
    pub(super) fn find_write_fault(&self, directory: &str) -> Result<Option<String>, Exit> {
        let location = match self.journal_location()? {
            Some(journal) => journal,
            None => parse_directory(directory)?,
        };
        Ok(location.find_write_fault())
    }

    /// Parses the location of a tenant's journal, if one is given.
    fn journal_location(&self) -> Result<Option<Location>, Exit> {
        let parse = |text| {
            Location::of_journal(text).map_err(|error| refuse_option("--journal", JOURNAL, text, &error))
        };
        self.journal.as_deref().map(parse).transpose()
    }

    /// Returns the error of opening a directory. If the environment names a journal that the
    /// directory does not take, the error says which variable that is.
    fn explain(&self, error: OpenError) -> Exit {
        match &self.journal {
            Some(journal) if error == OpenError::OwnJournal && is_from(JOURNAL, journal) => Exit::unreadable(
                anyhow!("{error}; the environment variable {JOURNAL} sets it: unset that for this directory"),
            ),
            _ => error.into(),
        }
    }

    /// Reads the journal key, if one is named. An unreadable or malformed file is an exit
    /// with code 2.
    pub(super) fn key(&self) -> Result<Option<SealKey>, Exit> {
        self.journal_key.as_deref().map(SealKey::read_file).transpose().map_err(Exit::unreadable)
    }

    pub(super) fn open(
        &self,
        directory: &str,
        how: OpenMode,
        ambient: &Ambient,
    ) -> Result<Arc<dyn Administration>, Exit> {
        let notify = &announce_migration(&|| {});
        self.open_with(
            directory,
            OpenOptions { key: self.key()?, journal: None, mode: how, ambient, notify },
            open,
        )
    }

    pub(super) fn open_with(
        &self,
        directory: &str,
        options: OpenOptions<'_>,
        open: impl FnOnce(&Location, OpenOptions<'_>) -> Result<Arc<dyn Administration>, OpenError>,
    ) -> Result<Arc<dyn Administration>, Exit> {
        let location = parse_directory(directory)?;
        let OpenOptions { mode: how, ambient, .. } = options;
        let journal = self.journal_location()?;
        let opened = open(&location, OpenOptions { journal: journal.as_ref(), ..options });
        let directory = opened.map_err(|error| self.explain(error))?;
        if let (Some(days), OpenMode::Create | OpenMode::Existing | OpenMode::ExistingJournal) =
            (self.journal_days, how)
        {
            let before = ambient.now().days_ago(days);
            directory.forget_snapshots(&SnapshotSelection::Before(before))?;
        }
        Ok(directory)
    }
}

/// Parses the location of a directory. Clap does not parse it, because its error would repeat
/// the URL with its password.
pub(super) fn parse_directory(text: &str) -> Result<Location, Exit> {
    text.parse().map_err(|error| refuse_option("--directory", DIRECTORY, text, &error))
}

/// Returns the refusal of an option's value. It names the option, and the variable that sets it.
fn refuse_option(option: &str, variable: &str, value: &str, why: &OpenError) -> Exit {
    let from = if is_from(variable, value) { format!(", from {variable}") } else { String::new() };
    Exit::unreadable(anyhow!("{option}{from}: {why}"))
}

/// Returns whether an environment variable has this value.
pub(super) fn is_from(variable: &str, value: &str) -> bool {
    std::env::var(variable).is_ok_and(|it| it == value)
}

/// Announces a migration of the directory, before it begins.
pub(super) fn announce_migration(migrating: &dyn Fn()) -> impl Fn(&str) {
    move |note| {
        print_error(&Text::from_line(line![dim("note:"), " ", note.to_owned()]));
        migrating();
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::JournalArgs;
    use crate::ambient::Ambient;
    use crate::clock::ManualClock;
    use crate::directory::{Administration, CheckedLink, JournalQuery, OpenMode, Provenance, SnapshotState};
    use crate::model::{LinkRequest, User};
    use crate::random::SeededRandom;

    fn link(directory: &dyn Administration, ambient: &Ambient) {
        for id in ["auth0|1", "sms|7"] {
            let user: User = serde_json::from_value(serde_json::json!({ "user_id": id })).unwrap();
            directory.create(user.with_own_identity("")).unwrap();
        }
        let link = CheckedLink {
            request: LinkRequest {
                primary: "auth0|1".to_owned(),
                secondary: "sms|7".to_owned(),
                user_metadata: None,
                app_metadata: None,
                reasons: Arc::new([]),
            },
            primary_version: None,
            secondary_version: None,
            read: None,
            provenance: Arc::new(Provenance::operator("test")),
            now: ambient.now(),
        };
        directory.link(&link).unwrap();
    }

    /// A snapshot is kept for the days of `--journal-days`, to the millisecond.
    #[test]
    fn journal_days_end_to_the_millisecond() {
        let clock = Arc::new(ManualClock::starting_at("2026-11-26T10:00:00Z".parse().unwrap()));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("users.db").display());
        let args = JournalArgs { journal: None, journal_key: None, journal_days: Some(90) };
        let open_now = |mode| args.open(&url, mode, &ambient).unwrap();
        let kept = |directory: &dyn Administration| {
            let query = JournalQuery { limit: 1, ..JournalQuery::default() };
            let listed = directory.journal(&query).unwrap();
            directory.journal_entry(&listed[0].id).unwrap().kept
        };
        link(&*open_now(OpenMode::Create), &ambient);
        clock.advance(Duration::from_hours(90 * 24));
        assert!(matches!(kept(&*open_now(OpenMode::Existing)), SnapshotState::Whole(_)));
        clock.advance(Duration::from_millis(1));
        assert!(
            matches!(kept(&*open_now(OpenMode::ReadOnly)), SnapshotState::Whole(_)),
            "a reader erases nothing"
        );
        assert!(matches!(kept(&*open_now(OpenMode::Existing)), SnapshotState::Forgotten));
    }
}
