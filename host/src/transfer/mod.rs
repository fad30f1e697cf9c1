//! Users in and out of a directory, in Auth0's own formats.
//!
//! | format | in and out | source |
//! |---|---|---|
//! | export | one user object a line (NDJSON) | Auth0, "Bulk User Exports" |
//! | import | one JSON array, for a database connection | Auth0, "Bulk User Imports" |
//! | whole | everything, one thing a line, for another directory of Ligature's | `whole` |
//!
//! Which of them a user is in is told from the user, not from the file around it: a
//! file may hold lines, an array, `{"users": […]}` or objects over several lines, and
//! be gzipped. Users are read and written one by one: a file may be larger than the
//! memory.

mod earlier;
mod export;
mod foreign;
mod import;
mod place;
mod read;
mod rejects;
mod stream;
mod user;
mod whole;

pub use export::{ExportError, Exported, Format, export};
pub use import::{Import, ImportError, Summary, import};
pub use read::{ReadError, UsersFile};
pub use rejects::Rejects;
pub use whole::{Counts, WholeFile, export_whole};
