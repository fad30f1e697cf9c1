//! Users in and out of a directory, in Auth0's own formats.
//!
//! | format | in and out | source |
//! |---|---|---|
//! | export | one user object a line (NDJSON) | Auth0, "Bulk User Exports" |
//! | import | one JSON array, for a database connection | Auth0, "Bulk User Imports" |
//!
//! Either may be gzipped. Users are read and written one by one: a file may be
//! larger than the memory.

mod export;
mod import;
mod read;
mod user;

pub use export::{ExportError, Exported, Format, export};
pub use import::{Import, ImportError, Summary, import};
pub use read::{ReadError, UsersFile};
