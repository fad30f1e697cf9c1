//! The program `ligature`: one file or folder per command. Commands call the other rooms
//! and hold no logic of their own.

mod arguments;
mod bench;
mod compile_plugin;
mod component;
mod directory;
mod exit;
mod ids;
mod inspect;
mod journal;
mod journal_entry;
mod journal_list;
mod limits_file;
mod log;
mod migrate;
mod new;
mod output;
mod output_file;
mod panics;
mod plugin;
mod policy;
mod policy_set;
mod program;
#[cfg(test)]
mod reference;
mod run;
mod schema;
mod serve;
mod test;
mod usage;
mod user_changes;
mod user_list;
mod users;
mod version;

use exit::{Exit, FAILED, Outcome, UNREADABLE};
use output::{print, print_error, print_json, print_line};

pub use program::run;
