//! Directories in a database: SQLite and PostgreSQL.
//!
//! Both use one schema and one set of statements. They differ in how they run a
//! transaction.

mod backup;
mod columns;
mod connection;
mod credential_rows;
mod dump_rows;
mod group_commit;
mod identity_rows;
mod journal_rows;
mod login_counts;
mod lost_commit;
mod migrations;
mod open_files;
mod postgres;
mod rows;
mod seal;
mod sql_directory;
mod sqlite;
mod sqlite_error;
mod sqlite_file;
mod user_rows;

pub(super) use migrations::Migrate;
pub(super) use seal::Seal;
pub use seal::{KeyError, SealKey};
pub use sql_directory::SqlDirectory;
