//! Directories in a database: SQLite and PostgreSQL.
//!
//! Both use one schema and one set of statements. They differ in how they run a
//! transaction.

#[cfg(feature = "sqlite")]
mod backup;
mod columns;
mod conflict_rows;
mod connection;
mod credential_rows;
mod decision_rows;
mod dump_rows;
#[cfg(feature = "sqlite")]
mod group_commit;
mod group_rows;
mod identity_rows;
mod journal_rows;
mod login_counts;
mod lost_commit;
mod migrations;
#[cfg(feature = "sqlite")]
mod open_files;
#[cfg(feature = "postgres")]
mod postgres;
mod rows;
mod run_rows;
mod seal;
mod sql_directory;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_error;
#[cfg(feature = "sqlite")]
mod sqlite_file;
mod user_rows;

pub(super) use migrations::Migrate;
pub(super) use seal::Seal;
pub use sql_directory::SqlDirectory;
