//! Every implementation of a directory does the same.
//!
//! | file | what |
//! |---|---|
//! | `auth0` | a tenant of Auth0, with faults and crashes between the requests of a change |
//! | `conformance` | one test a rule, run on every implementation |
//! | `killed` | links whose process is killed |
//! | `local_tenant` | a tenant of this process behind `auth0://`, with faults at its connections and killed processes |
//! | `state_machine` | random steps, after each of which SQLite and PostgreSQL are compared with the memory |
//! | `lost_commits` | connections that end at a COMMIT |
//! | `moving` | a directory goes as a whole into another database, and back |
//! | `pictures` | everything is read while others link, and one of two connections settles an identity |
//! | `races` | 64 threads link the same two accounts, in both directions |
//! | `reading` | a reader changes nothing, and a database of another program is not changed |
//! | `poolers` | pgbouncer in a mode that does not work |
//! | `storage` | what happens when the disk is full, the file read-only, older, newer, or no database |
//! | `vanishing` | what happens when others delete, replace or cut the open file, or keep it locked |

#![allow(clippy::unwrap_used, reason = "a suite: what is unexpected fails it")]

mod auth0;
mod conformance;
mod killed;
mod local_tenant;
mod lost_commits;
mod moving;
mod pictures;
mod poolers;
mod races;
mod reading;
#[path = "../../host/tests/auth0_client/standin.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod standin;
mod state_machine;
mod storage;
mod users;
mod vanishing;

use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use ligature_host::ambient::Ambient;
use ligature_host::directory::{Administration, DryRun, Memory, OpenMode, SqlDirectory};
use ligature_test_servers::{Pgbouncer, Postgres};
use ligature_tests::{open_directory, open_pooled_directory};

/// A directory for one test, and the folder that it needs until the test ends.
pub(crate) struct Opened {
    /// The directory.
    pub(crate) directory: Arc<dyn Administration>,
    /// The tenant behind the directory, which stores the users.
    tenant: Option<local_tenant::Tenant>,
    _folder: Option<tempfile::TempDir>,
}

impl Opened {
    /// Returns where users are created and deleted: in the directory, or at the tenant behind
    /// it.
    pub(crate) fn users(&self) -> Arc<dyn Administration> {
        match &self.tenant {
            Some(tenant) => tenant.users().clone(),
            None => self.directory.clone(),
        }
    }
}

/// The implementations.
#[derive(Clone)]
pub(crate) enum Implementation {
    Memory,
    Sqlite,
    Postgres(Arc<Postgres>),
    /// PostgreSQL behind pgbouncer.
    Pooled(Arc<Pgbouncer>),
    DryRun,
    /// A tenant of Auth0: the local one.
    Auth0,
}

impl Implementation {
    fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::Pooled(_) => "pgbouncer",
            Self::DryRun => "dry_run",
            Self::Auth0 => "auth0",
        }
    }

    /// Returns whether the users are at a tenant, which has a clock of its own.
    pub(crate) fn is_tenant(&self) -> bool {
        matches!(self, Self::Auth0)
    }

    /// An empty directory.
    pub(crate) fn open(&self) -> Opened {
        if let Self::Auth0 = self {
            let tenant = local_tenant::Tenant::take();
            return Opened { directory: Arc::new(tenant.directory()), tenant: Some(tenant), _folder: None };
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sqlite = || {
            SqlDirectory::sqlite(&folder.path().join("users.db"), None, OpenMode::Create, &Ambient::system())
                .expect("it opens")
        };
        let directory: Arc<dyn Administration> = match self {
            Self::Memory => Arc::new(Memory::new(&Ambient::system())),
            Self::Sqlite => Arc::new(sqlite()),
            Self::Postgres(server) => Arc::new(open_directory(server)),
            Self::Pooled(pooler) => Arc::new(open_pooled_directory(pooler)),
            Self::DryRun => Arc::new(DryRun::new(sqlite())),
            Self::Auth0 => unreachable!("it is opened above"),
        };
        Opened { directory, tenant: None, _folder: Some(folder) }
    }
}

type Test = (&'static str, fn(&Implementation));

fn main() {
    // The child of a test that kills it.
    if let Some(file) = std::env::var_os(killed::CHILD) {
        return killed::link_all(file.as_ref());
    }
    // The child of a test that sees a read-only mount.
    if let Some(file) = std::env::var_os(storage::READER) {
        return storage::print_all(file.as_ref());
    }
    // The child of a test that changes a tenant.
    if let Some(work) = std::env::var_os(local_tenant::CHILD) {
        return local_tenant::run_child(&work);
    }
    let args = Arguments::from_args();
    let postgres = Postgres::start().map(Arc::new);
    let mut durable = vec![Implementation::Sqlite];
    let mut pooled = Vec::new();
    match &postgres {
        Ok(server) => {
            durable.push(Implementation::Postgres(server.clone()));
            match Pgbouncer::start(server.clone(), "session") {
                Ok(pooler) => pooled.push(Implementation::Pooled(Arc::new(pooler))),
                Err(why) => eprintln!("{}", why.0),
            }
        }
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
    add(&all, conformance::clock::TESTS);
    add(&all, conformance::credentials::TESTS);
    add(&[Implementation::DryRun], conformance::credentials::DRY_RUN);
    add(&all, conformance::imported_credentials::TESTS);
    add(&all, conformance::linking::TESTS);
    add(&all, conformance::operating::TESTS);
    add(&all, conformance::undoing::TESTS);
    add(&all, conformance::undo_refusals::TESTS);
    add(&all, conformance::importing::TESTS);
    add(&all, conformance::keeping::TESTS);
    add(&all, conformance::backfilling::TESTS);
    add(&all, conformance::conflicts::TESTS);
    add(&[Implementation::DryRun], conformance::forgetting::DRY_RUN);
    let mut journals = vec![Implementation::Memory];
    journals.extend(durable.iter().cloned());
    add(&journals, conformance::forgetting::TESTS);
    add(&journals, auth0::CHANGES);
    add(&journals, auth0::FAULTS);
    add(&journals, auth0::INTERRUPTED);
    add(&pooled, conformance::arriving::TESTS);
    add(&pooled, conformance::linking::TESTS);
    add(&pooled, races::TESTS);
    add(&durable, state_machine::TESTS);
    add(&durable, moving::TESTS);
    add(&durable, pictures::TESTS);
    add(&durable, races::TESTS);
    add(&durable, storage::DURABLE);
    add(&durable, reading::DURABLE);
    add(&pooled, poolers::TESTS);
    add(&[Implementation::Sqlite], storage::SQLITE);
    add(&[Implementation::Sqlite], killed::SQLITE);
    add(&[Implementation::Sqlite], reading::SQLITE);
    add(&durable[1..], reading::POSTGRES);
    add(&[Implementation::Sqlite], vanishing::TESTS);
    trials.extend(local_tenant::trials());
    trials.push(Trial::ignorable_test("sqlite::a_file_in_a_read_only_mount_is_read", || {
        Ok(reading::a_file_in_a_read_only_mount_is_read())
    }));
    // Behind a proxy, which reaches the socket of a private server only.
    let private = Postgres::start_private().map(Arc::new);
    for (name, test) in lost_commits::LOST_COMMITS.iter().copied() {
        let server = private.as_ref().map(Arc::clone).map_err(|why| why.0.clone());
        trials.push(Trial::ignorable_test(format!("postgres::{name}"), move || match &server {
            Ok(server) => {
                test(server);
                Ok(Completion::Completed)
            }
            Err(why) => Ok(Completion::ignored_with(why)),
        }));
    }
    let conclusion = libtest_mimic::run(&args, trials);
    // Before the process ends: it ends the server.
    drop((all, journals, durable, pooled, postgres, private));
    conclusion.exit();
}
