//! Importing and exporting users, in Auth0's formats.
//!
//! | format | in and out | source |
//! |---|---|---|
//! | export | one user object per line (NDJSON) | Auth0, "Bulk User Exports" |
//! | import | one JSON array, for a database connection | Auth0, "Bulk User Imports" |
//! | dump | every record of a directory, one per line, for another Ligature directory | `dump_file` |
//!
//! The format is detected from the users, not from the arrangement of the file. A file may
//! contain lines, an array, `{"users": […]}` or objects over several lines, and it may be
//! gzipped. Users are read and written one by one, because a file may be larger than the
//! memory.

#[cfg(feature = "_sql")]
mod dump_file;
mod earlier_users;
mod export;
mod foreign;
mod found_user;
mod import;
mod import_format;
mod place;
mod read_error;
mod rejects;
mod stream;
mod user;
mod user_connections;
mod user_fault;
#[cfg(feature = "backfill")]
mod user_texts;
mod users_file;

#[cfg(feature = "_sql")]
pub use dump_file::{DumpCounts, DumpFile, export_dump};
pub use export::{ExportError, ExportSummary, Format, export};
pub use import::{Import, ImportError, Summary, import};
pub use place::Place;
pub use read_error::ReadError;
pub use rejects::Rejects;
#[cfg(feature = "backfill")]
pub use user_texts::{UserText, parse_user, read_user_texts};
pub use users_file::UsersFile;
