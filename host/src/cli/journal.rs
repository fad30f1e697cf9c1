//! `ligature journal` and `ligature undo`.

use anyhow::anyhow;

use super::directory_args::{DirectoryArgs, operator};
use super::ids::{LinkId, MAX_LISTED};
use super::journal_entry::format_entry;
use super::journal_list::ListArgs;
use super::journal_repair::RepairArgs;
use super::{CommandResult, Exit, print, print_json, print_line};
use crate::ambient::Ambient;
use crate::directory::{
    Administration, EntryState, JournalQuery, OpenMode, SnapshotSelection, Undo, UndoError,
};
use crate::harness::group_thousands;
use crate::model::{Metadata, User, mask_addresses};
use crate::terminal::{Json, Text};

/// The most unfinished entries of each state that are counted.
const MAX_UNFINISHED: usize = 1_000;

/// Show, repair and prune the journal: links and unlinks, their authors and their reasons
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List entries, the newest first
    List(ListArgs),
    /// Print one entry, and the data that undoing it would restore
    Show(ShowArgs),
    /// Finish changes at a tenant that were interrupted between two requests, or say why
    /// they cannot be finished
    Repair(RepairArgs),
    /// Erase users' data from the journal; such links can no longer be undone
    Prune(PruneArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature journal show 299782e5-6dba-45a6-92b9-5667e90c1840 --directory sqlite:users.db"
)]
struct ShowArgs {
    /// The entry's id, as `journal list` prints it, or its beginning
    #[arg(value_name = "LINK-ID")]
    id: LinkId,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Print JSON, with all the data that was kept, addresses unmasked
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature journal prune --older-than 90 --directory sqlite:users.db")]
#[command(group = clap::ArgGroup::new("which").required(true))]
struct PruneArgs {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Erase the data of entries that are older than this number of days
    #[arg(long, value_name = "DAYS", group = "which")]
    older_than: Option<u32>,
    /// Erase the data of links with this user on either side. Give the whole id. Users
    /// that were linked to this user before need a command of their own
    #[arg(long, value_name = "USER-ID", group = "which")]
    user: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Undo a link
///
/// Restores both users as they were before the link, and reports data that cannot be
/// restored. If later changes prevent it, nothing is changed, and the reason is reported.
/// The pair is not linked again at a login until the policy's cool-down is over.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature undo 299782e5-6dba-45a6-92b9-5667e90c1840 --dry-run --directory sqlite:users.db"
)]
pub(super) struct UndoArgs {
    /// The link's id, as `journal list` prints it, or its beginning
    #[arg(value_name = "LINK-ID")]
    id: LinkId,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Report what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON, ids unmasked
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        match self.command {
            Command::List(args) => args.execute(ambient),
            Command::Show(args) => args.execute(ambient),
            Command::Repair(args) => args.execute(ambient),
            Command::Prune(args) => args.execute(ambient),
        }
    }
}

impl ShowArgs {
    fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::ReadOnly, ambient)?;
        let entry = directory.journal_entry(&self.id.resolve(&*directory)?)?;
        if self.json {
            return print_json(&Json::pretty(&entry).map_err(Exit::failed)?);
        }
        print(&format_entry(&entry))
    }
}

impl PruneArgs {
    fn execute(self, ambient: &Ambient) -> CommandResult {
        let which = match (self.older_than, self.user) {
            (Some(days), _) => SnapshotSelection::Before(ambient.now().days_ago(days)),
            (None, Some(user)) => SnapshotSelection::User(user),
            (None, None) => return Ok(()),
        };
        let directory = self.directory.open(OpenMode::ExistingJournal, ambient)?;
        if let SnapshotSelection::User(user) = &which {
            check_user_known(&*directory, user)?;
        }
        let erased = directory.forget_snapshots(&which)?;
        let unfinished = count_unfinished(&*directory, &which)?;
        if self.json {
            let json = serde_json::json!({ "erased": erased, "unfinished": unfinished });
            return print_json(&Json::compact(&json).map_err(Exit::failed)?);
        }
        print_line(format!("{} snapshots erased", group_thousands(erased)))?;
        if unfinished > 0 {
            let entries = if unfinished == 1 { "entry keeps its" } else { "entries keep their" };
            print_line(format!(
                "{unfinished} unfinished {entries} data, which a repair needs: run `ligature journal repair`, and then \
                 this command again"
            ))?;
        }
        Ok(())
    }
}

/// Counts the unfinished entries of a selection, whose data is not erased.
fn count_unfinished(directory: &dyn Administration, which: &SnapshotSelection) -> Result<usize, Exit> {
    let mut query = JournalQuery { limit: MAX_UNFINISHED, ..JournalQuery::default() };
    match which {
        SnapshotSelection::Before(time) => query.until = Some(*time),
        SnapshotSelection::User(user) => query.user_id = Some(user.clone()),
    }
    let mut count = 0;
    for state in [EntryState::Intended, EntryState::Linked] {
        count += directory.journal(&JournalQuery { state: Some(state), ..query.clone() })?.len();
    }
    Ok(count)
}

/// Refuses an unknown id. Otherwise an erasure with a mistyped id would look successful.
fn check_user_known(directory: &dyn Administration, user: &str) -> CommandResult {
    let query = JournalQuery { user_id: Some(user.to_owned()), limit: 1, ..JournalQuery::default() };
    let is_known = directory.holder(user)?.is_some() || !directory.journal(&query)?.is_empty();
    if is_known {
        return Ok(());
    }
    let beginning = user.trim_end_matches('…');
    let longer = match beginning {
        "" => Vec::new(),
        beginning => directory.user_ids(beginning, MAX_LISTED)?,
    };
    let begins = match longer.as_slice() {
        [] => String::new(),
        longer => format!(", and it is the beginning of others, such as {}", longer.join(", ")),
    };
    let message = format!(
        "no user and no entry of the journal has the id {user}{begins}; nothing was erased, because an erasure \
         needs the whole id"
    );
    Err(Exit::failed(anyhow!("{}", mask_addresses(&message))))
}

impl UndoArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let mode = if self.dry_run { OpenMode::DryRun } else { OpenMode::ExistingJournal };
        let directory = self.directory.open(mode, ambient)?;
        let id = self.id.resolve(&*directory)?;
        let undo = Undo { id, provenance: operator(), now: ambient.now(), dry_run: self.dry_run };
        let undoing = directory.undo(&undo).map_err(|error| match error {
            UndoError::Refused(refusal) => {
                Exit::failed(anyhow!("the link {} was not undone: {}", undo.id, mask_addresses(&refusal.why)))
            }
            UndoError::Directory(error) => error.into(),
        })?;
        if self.json {
            let ids = |user: &User| user.identities.iter().map(|it| it.as_user_id()).collect::<Vec<_>>();
            let json = serde_json::json!({
                "undone": !self.dry_run, "link_id": undoing.link.id,
                "primary": { "user_id": undoing.primary.user_id, "identities": ids(&undoing.primary) },
                "secondary": { "user_id": undoing.secondary.user_id, "identities": ids(&undoing.secondary) },
                "not_restored": undoing.not_restored,
            });
            return print_json(&Json::compact(&json).map_err(Exit::failed)?);
        }
        let (is, are) = if self.dry_run { ("would be", "would be") } else { ("is", "are") };
        let ids =
            |user: &User| user.identities.iter().map(|it| it.as_user_id()).collect::<Vec<_>>().join(", ");
        let mut text = Text::default();
        let mut line = |words: String| text.line(mask_addresses(&words));
        line(format!("{} {is} a separate user again", undoing.secondary.user_id));
        line(format!("  its identities {are} {}", ids(&undoing.secondary)));
        for (name, held) in list_data(&undoing.secondary) {
            line(format!("  its {name} {are} {}", held.join(", ")));
        }
        line(format!("  those of {} {are} {}", undoing.primary.user_id, ids(&undoing.primary)));
        for note in &undoing.not_restored {
            line(format!("  note: {note}"));
        }
        if self.dry_run {
            text.line("nothing was changed (--dry-run)");
        }
        print(&text)
    }
}

/// Lists what an undo gives a user back besides the identities, by name, without values.
fn list_data(user: &User) -> Vec<(&'static str, Vec<String>)> {
    let keys = |metadata: &Option<Metadata>| metadata.iter().flatten().map(|(key, _)| key.clone()).collect();
    [
        ("keys of user_metadata", keys(&user.user_metadata)),
        ("keys of app_metadata", keys(&user.app_metadata)),
        ("roles", user.roles.clone()),
        ("organizations", user.organizations.clone()),
    ]
    .into_iter()
    .filter(|(_, held): &(_, Vec<String>)| !held.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::count_unfinished;
    use crate::ambient::Ambient;
    use crate::directory::{
        Entry, EntryKind, EntryState, LinkJournal, Memory, Provenance, SnapshotSelection,
    };
    use crate::model::Moment;

    #[test]
    fn unfinished_entries_of_a_selection_are_counted() {
        let ambient = Ambient::system();
        let directory = Memory::new(&ambient);
        let (now, provenance) = (ambient.now(), Arc::new(Provenance::operator("ada")));
        let entry = Entry::new(EntryKind::Link, ["auth0|1", "sms|7"], (&provenance, now), &ambient);
        let entry = Entry { state: EntryState::Intended, ..entry };
        directory.begin(&entry, Moment::default()).unwrap();
        let count = |which| count_unfinished(&directory, &which).unwrap();
        let of = |user: &str| SnapshotSelection::User(user.to_owned());
        assert_eq!((count(of("auth0|1")), count(of("sms|7")), count(of("sms|8"))), (1, 1, 0));
        assert_eq!(count(SnapshotSelection::Before(now)), 1);
        assert_eq!(count(SnapshotSelection::Before(now.days_ago(1))), 0);
        directory.end(&entry, true).unwrap();
        assert_eq!(count(of("auth0|1")), 0);
    }
}
