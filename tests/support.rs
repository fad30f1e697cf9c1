//! The sandbox, the policy and the directories that the suites share.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ligature_host::ambient::Ambient;
use ligature_host::directory::{OpenMode, SqlDirectory};
use ligature_host::sandbox::{Allocator, Options, Plugin, Sandbox, Wasi};
use ligature_test_servers::{Pgbouncer, Postgres};

/// The workspace's root.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace is there")
}

/// A sandbox with the pool, as a server has it.
///
/// # Panics
///
/// When it does not start.
#[must_use]
pub fn sandbox(wasi: Wasi) -> Sandbox {
    let options = Options { wasi, allocator: Allocator::Pool, ..Options::default() };
    Sandbox::start(options, &Ambient::system()).expect("the sandbox starts")
}

/// The sandbox of a whole suite, so that a login would find state that an earlier one left.
pub static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| sandbox(Wasi::Minimal));

/// The built-in policy.
pub static POLICY: LazyLock<Plugin> = LazyLock::new(|| {
    SANDBOX.load(ligature_host::PLUGIN_NAME, ligature_host::PLUGIN).expect("the built-in policy loads")
});

/// Opens a directory in a new schema of the server.
///
/// # Panics
///
/// When it cannot be opened.
#[must_use]
pub fn open_directory(server: &Postgres) -> SqlDirectory {
    SqlDirectory::postgres(&server.schema(), None, OpenMode::Create, &Ambient::system())
        .expect("the directory opens")
}

/// Opens a directory in a new database, through the pooler.
///
/// # Panics
///
/// When it cannot be opened.
#[must_use]
pub fn open_pooled_directory(pooler: &Pgbouncer) -> SqlDirectory {
    let url = pooler.url(&pooler.server.database());
    SqlDirectory::postgres(&url, None, OpenMode::Create, &Ambient::system()).expect("the directory opens")
}
