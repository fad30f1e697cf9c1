//! `ligature migrate`.

use std::cell::Cell;

use super::directory_args::DirectoryArgs;
use super::{CommandResult, Exit, print_json, print_line};
use crate::ambient::Ambient;
use crate::directory::OpenMode;
use crate::terminal::Json;

/// Migrate a directory to this program's version
///
/// Every command that writes migrates by itself; commands that only read never do. An
/// SQLite file is copied first, to a file beside it. Dump a PostgreSQL database yourself
/// first: pg_dump --schema NAME DATABASE > before.sql
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature migrate --directory sqlite:users.db")]
pub(super) struct Args {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let migrated = Cell::new(false);
        self.directory.open_announcing(OpenMode::Existing, &|| migrated.set(true), ambient)?;
        if self.json {
            let json = serde_json::json!({ "migrated": migrated.get() });
            return print_json(&Json::compact(&json).map_err(Exit::failed)?);
        }
        print_line(if migrated.get() {
            "the directory now has this program's version"
        } else {
            "the directory already has this program's version"
        })
    }
}
