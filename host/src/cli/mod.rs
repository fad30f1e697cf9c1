//! The program `ligature`: one file or folder per command. Commands call the other rooms
//! and hold no logic of their own.

mod absent;
mod arguments;
#[cfg(feature = "backfill")]
mod backfill;
mod bench;
mod case_files;
mod compile_plugin;
mod component;
#[cfg(feature = "hook-command")]
mod confirmation_args;
#[cfg(feature = "_sql")]
mod conflicts;
#[cfg(feature = "hook-command")]
mod console_args;
#[cfg(any(feature = "hook-command", feature = "serve"))]
mod decision_args;
#[cfg(feature = "_sql")]
mod decisions;
mod directory;
#[cfg(feature = "_sql")]
mod directory_args;
mod exit;
#[cfg(feature = "hook-command")]
mod hook;
#[cfg(all(feature = "hook-command", feature = "serve"))]
mod hook_routes;
#[cfg(feature = "hook-command")]
mod hook_secrets;
#[cfg(feature = "_sql")]
mod ids;
mod inspect;
#[cfg(feature = "_sql")]
mod journal;
#[cfg(feature = "_sql")]
mod journal_entry;
#[cfg(feature = "_sql")]
mod journal_list;
#[cfg(feature = "_sql")]
mod journal_repair;
mod limits_file;
#[cfg(any(feature = "hook-command", feature = "serve"))]
mod log;
mod login_args;
#[cfg(feature = "_sql")]
mod migrate;
mod new;
mod output;
mod output_file;
mod panics;
mod plugin;
mod policy;
mod policy_set;
mod program;
mod record;
#[cfg(any(feature = "hook-command", feature = "serve"))]
mod recorder_args;
#[cfg(all(test, feature = "hook-command", feature = "postgres", feature = "serve", feature = "sqlite"))]
mod reference;
mod replay;
mod run;
mod schema;
#[cfg(feature = "serve")]
mod serve;
mod test;
mod usage;
#[cfg(all(feature = "_sql", feature = "transfer"))]
mod user_changes;
#[cfg(all(feature = "_sql", feature = "transfer"))]
mod user_list;
#[cfg(all(feature = "_sql", feature = "transfer"))]
mod users;
mod version;
#[cfg(any(feature = "hook-command", feature = "serve"))]
mod waiting;

use exit::{CommandResult, Exit, FAILED, MISMATCH, UNREADABLE};
use output::{print, print_error, print_json, print_line};

pub use program::run;
