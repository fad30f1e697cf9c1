//! `ligature conflicts`.

use super::directory_args::{DirectoryArgs, operator};
use super::{CommandResult, Exit, print, print_error, print_json, print_line};
use crate::ambient::Ambient;
use crate::directory::{Actor, Conflict, ConflictKey, ConflictQuery, OpenMode, Settled};
use crate::model::mask_addresses;
use crate::terminal::{Json, Text};

/// List and settle the contradictions between accounts that wait for a person
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List conflicts that wait, the oldest first
    List(ListArgs),
    /// Settle a conflict. If it happens again, it waits again
    Settle(SettleArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature conflicts list --directory sqlite:users.db")]
struct ListArgs {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// List settled conflicts instead, the last settled one first
    #[arg(long)]
    settled: bool,
    /// Only conflicts after this one in the list: the next page
    #[arg(long, value_name = "KEY")]
    after: Option<ConflictKey>,
    /// The most to list
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    limit: u32,
    /// Print JSON, one conflict per line, ids unmasked
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature conflicts settle 0b6f3c1de2f94a5b8c7d6e5f40312211 --note 'two people' --directory sqlite:users.db"
)]
struct SettleArgs {
    /// The conflict's key, as `conflicts list` prints it
    #[arg(value_name = "KEY")]
    key: ConflictKey,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// The finding of the person who settles it, at most 500 characters
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Print JSON, ids unmasked
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        match self.command {
            Command::List(args) => args.execute(ambient),
            Command::Settle(args) => args.execute(ambient),
        }
    }
}

impl ListArgs {
    fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::ReadOnly, ambient)?;
        let limit = self.limit as usize;
        let query =
            ConflictQuery { settled: self.settled, after: self.after, limit: limit.saturating_add(1) };
        let mut found = directory.conflicts(&query)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let more_hint = found.last().filter(|_| more).map(|last| {
            format!("there are more; for the next ones, repeat the command with --after {}", last.key)
        });
        if self.json {
            for conflict in &found {
                print_json(&Json::compact(conflict).map_err(Exit::failed)?)?;
            }
            more_hint.into_iter().for_each(|more_hint| print_error(&Text::from_line(more_hint)));
            return Ok(());
        }
        let mut text = Text::default();
        found.iter().for_each(|conflict| add_conflict(&mut text, conflict));
        if found.is_empty() {
            text.line(if self.settled { "no conflict is settled" } else { "no conflict waits" });
        }
        more_hint.into_iter().for_each(|more_hint| text.line(more_hint));
        print(&text)
    }
}

impl SettleArgs {
    fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::Existing, ambient)?;
        let by = match &operator().actor {
            Actor::Operator { name } => name.clone(),
            Actor::Plugin | Actor::Client { .. } | Actor::User { .. } => String::new(),
        };
        let settled = Settled::with_note(ambient.now(), by, &self.note)?;
        let conflict = directory.settle_conflict(&self.key, &settled)?;
        if self.json {
            return print_json(&Json::pretty(&conflict).map_err(Exit::failed)?);
        }
        print_line(format!("{} between {} is settled", conflict.code, join_users(&conflict)))
    }
}

fn add_conflict(text: &mut Text, conflict: &Conflict) {
    let Conflict { key, code, first_at, last_at, times, .. } = conflict;
    let times = if *times == 1 { "once".to_owned() } else { format!("{times} times") };
    text.line(format!("{key}  {code}  {}", join_users(conflict)));
    text.line(format!("    {times}, from {first_at} to {last_at}; the last decision: {}", conflict.latest));
    if let Some(Settled { at, by, note }) = &conflict.settled {
        text.line(format!("    settled at {at} by {}: {}", mask_addresses(by), mask_addresses(note)));
    }
}

fn join_users(conflict: &Conflict) -> String {
    mask_addresses(&conflict.user_ids.join(", ")).into_owned()
}
