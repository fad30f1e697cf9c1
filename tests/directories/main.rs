//! Every implementation of a directory does the same.
//!
//! | file | what |
//! |---|---|
//! | `conformance` | one test a rule, run on every implementation |
//! | `state_machine` | random steps, after each of which SQLite and PostgreSQL are held against the memory |
//! | `moving` | a directory goes as a whole into another database, and back |
//! | `pictures` | everything is read while others link, and one of two connections settles an identity |
//! | `races` | 64 threads link the same two accounts, in both directions |
//! | `storage` | what happens when the disk is full, the file read-only, older, newer, or no database |

#![allow(clippy::unwrap_used, reason = "a suite: what is unexpected fails it")]

mod conformance;
mod moving;
mod pictures;
mod races;
mod state_machine;
mod storage;
mod users;

use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use ligature_host::directory::{Administration, DryRun, Memory, SqlDirectory};
use ligature_tests::postgres::Postgres;

/// What a test is given, and what it leaves open until it ends.
pub(crate) struct Opened {
    /// The directory.
    pub(crate) directory: Arc<dyn Administration>,
    _folder: Option<tempfile::TempDir>,
}

/// The implementations.
#[derive(Clone)]
pub(crate) enum Implementation {
    Memory,
    Sqlite,
    Postgres(Arc<Postgres>),
    DryRun,
}

impl Implementation {
    fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::DryRun => "dry_run",
        }
    }

    /// An empty directory.
    pub(crate) fn open(&self) -> Opened {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sqlite =
            || SqlDirectory::sqlite(&folder.path().join("users.db"), None, true, true).expect("it opens");
        let directory: Arc<dyn Administration> = match self {
            Self::Memory => Arc::new(Memory::default()),
            Self::Sqlite => Arc::new(sqlite()),
            Self::Postgres(server) => Arc::new(server.directory()),
            Self::DryRun => Arc::new(DryRun::over(sqlite())),
        };
        Opened { directory, _folder: Some(folder) }
    }
}

type Test = (&'static str, fn(&Implementation));

fn main() {
    // The child of a test that kills it.
    if let Some(file) = std::env::var_os(storage::CHILD) {
        return storage::link_all(file.as_ref());
    }
    let args = Arguments::from_args();
    let postgres = Postgres::start().map(Arc::new);
    let mut durable = vec![Implementation::Sqlite];
    match &postgres {
        Ok(server) => durable.push(Implementation::Postgres(server.clone())),
        Err(why) => eprintln!("{}", why.0),
    }
    let mut all = vec![Implementation::Memory, Implementation::DryRun];
    all.extend(durable.iter().cloned());

    let mut trials = Vec::new();
    let mut add = |implementations: &[Implementation], tests: &[Test]| {
        for implementation in implementations {
            for (name, test) in tests.iter().copied() {
                let implementation = implementation.clone();
                trials.push(Trial::test(format!("{}::{name}", implementation.name()), move || {
                    test(&implementation);
                    Ok::<(), Failed>(())
                }));
            }
        }
    };
    add(&all, conformance::accounts::TESTS);
    add(&all, conformance::arriving::TESTS);
    add(&all, conformance::credentials::TESTS);
    add(&[Implementation::DryRun], conformance::credentials::DRY_RUN);
    add(&all, conformance::linking::TESTS);
    add(&all, conformance::undoing::TESTS);
    add(&all, conformance::importing::TESTS);
    add(&durable, state_machine::TESTS);
    add(&durable, moving::TESTS);
    add(&durable, pictures::TESTS);
    add(&durable, races::TESTS);
    add(&durable, storage::DURABLE);
    add(&[Implementation::Sqlite], storage::SQLITE);
    let conclusion = libtest_mimic::run(&args, trials);
    // Before the process ends: it ends the server.
    drop((all, durable, postgres));
    conclusion.exit();
}
