//! `ligature journal` and `ligature undo`.

use anyhow::anyhow;

use super::directory::{DirectoryArgs, failed, operator};
use super::ids::{LinkId, NAMED};
use super::journal_list::ListArgs;
use super::{Exit, Outcome, print, print_json, print_line};
use crate::ambient::Ambient;
use crate::directory::{
    Actor, Administration, Entry, Forget, JournalQuery, Kept, Kind, MetadataChange, Open, Undo, UndoError,
};
use crate::harness::thousands;
use crate::model::{User, mask_addresses};
use crate::terminal::{Json, Text};

/// Links and unlinks of a directory: by whom, and why
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List entries, the newest first
    List(ListArgs),
    /// Print one entry, and what undoing it would give back
    Show(ShowArgs),
    /// Erase what the journal keeps of users; such links can no longer be undone
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
    /// Print JSON, with everything that was kept, addresses and all
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature journal prune --older-than 90 --directory sqlite:users.db")]
#[command(group = clap::ArgGroup::new("which").required(true))]
struct PruneArgs {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// What is older than so many days
    #[arg(long, value_name = "DAYS", group = "which")]
    older_than: Option<u32>,
    /// What it keeps of links that had this user on either side. Whoever had
    /// been linked to the user before is named on their own. The whole id
    #[arg(long, value_name = "USER-ID", group = "which")]
    user: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Take a link back
///
/// Both users are as they were before it. What cannot be given back is told. When later changes are in the way, nothing
/// is done, and the reason is told. The pair is not linked again at a login until
/// the policy's cool-down is over.
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
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print JSON, ids unmasked
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        match self.command {
            Command::List(args) => args.execute(ambient),
            Command::Show(args) => args.execute(ambient),
            Command::Prune(args) => args.execute(ambient),
        }
    }
}

pub(super) fn row(entry: &Entry) -> String {
    let undone = if entry.undone.is_some() { ", undone" } else { "" };
    format!("{}  {}  {}{undone}", entry.id, entry.at, mask_addresses(&what(entry)))
}

fn what(entry: &Entry) -> String {
    let Entry { primary, secondary, .. } = entry;
    match entry.kind {
        Kind::Link => format!("link    {secondary} into {primary}"),
        Kind::Unlink => format!("unlink  {secondary} from {primary}"),
        Kind::Undo => format!("undo    {secondary} out of {primary}"),
        Kind::Block => format!("block   {primary}"),
        Kind::Unblock => format!("unblock {primary}"),
    }
}

impl ShowArgs {
    fn execute(self, ambient: &Ambient) -> Outcome {
        let directory = self.directory.open(Open::ReadOnly, ambient)?;
        let entry = directory.journal_entry(&self.id.of(&*directory)?).map_err(failed)?;
        if self.json {
            return print_json(&Json::pretty(&entry).map_err(Exit::failed)?);
        }
        print(&page(&entry))
    }
}

/// Addresses are masked.
fn page(entry: &Entry) -> Text {
    let mut page = Text::one(mask_addresses(&what(entry)));
    let mut field = |name: &str, value: String| {
        page.line(mask_addresses(&format!("  {name:<12} {value}")));
    };
    field("id", entry.id.to_string());
    field("at", entry.at.to_string());
    field(
        "by",
        match &entry.provenance.actor {
            Actor::Plugin => "a plugin, at a login".to_owned(),
            Actor::Operator { name } => format!("the operator {name}"),
            Actor::Client { client_id } => format!("the client {client_id}"),
            Actor::User { user_id } => format!("the user {user_id}"),
        },
    );
    if let Some(evidence) = &entry.provenance.evidence {
        let methods = evidence.methods.join(", ");
        let by = if methods.is_empty() { String::new() } else { format!(" by {methods}") };
        field("login", format!("{} through {}{by}", evidence.user_id, evidence.connection));
        if let Some(email) = &evidence.verified_email {
            field("address", format!("{email}, verified by both"));
        }
        if let Some(proof) = &evidence.proof {
            field("proof", format!("{} was proved at {}", proof.candidate, proof.proved_at));
        }
    }
    for reason in entry.reasons.iter() {
        field("reason", format!("{}  {}", reason.code, reason.detail));
    }
    if let Some(sha256) = &entry.provenance.policy_sha256 {
        field("policy", format!("sha256 {sha256}"));
    }
    if let Some(plugin) = &entry.provenance.plugin {
        field("plugin", format!("{}, sha256 {}", plugin.name, plugin.sha256));
    }
    if let Some(link) = &entry.undoes {
        field("undoes", link.to_string());
    }
    if let Some(undone) = &entry.undone {
        field("undone", format!("at {} by {}", undone.at, undone.by));
    }
    match &entry.kept {
        Kept::Nothing | Kept::Unread => {}
        Kept::Forgotten => field("kept", "nothing any more: it was erased".to_owned()),
        Kept::Sealed { key } => {
            field("kept", format!("encrypted with the key {key}; name its file with --journal-key"))
        }
        Kept::Whole(snapshot) => {
            let user = &snapshot.secondary;
            let identities: Vec<String> = user.identities.iter().map(|it| it.as_user_id()).collect();
            field("kept", format!("{} with {}", user.user_id, identities.join(", ")));
            let keys = |metadata: &Option<crate::model::Metadata>| {
                metadata.iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>().join(", ")
            };
            for (name, held) in [("user_metadata", &user.user_metadata), ("app_metadata", &user.app_metadata)]
            {
                if held.as_ref().is_some_and(|held| !held.is_empty()) {
                    field("", format!("its {name}: {}", keys(held)));
                }
            }
            for (name, list) in [("roles", &user.roles), ("organizations", &user.organizations)] {
                if !list.is_empty() {
                    field("", format!("its {name}: {}", list.join(", ")));
                }
            }
            let touched = &snapshot.touched;
            for (name, change) in
                [("user_metadata", &touched.user_metadata), ("app_metadata", &touched.app_metadata)]
            {
                if let Some(change) = change {
                    field("changed", format!("{name} of {}: {}", entry.primary, changed_keys(change)));
                }
            }
        }
    }
    page
}

fn changed_keys(change: &MetadataChange) -> String {
    let mut keys: Vec<&str> = change.before.keys().chain(change.after.keys()).map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") }
}

impl PruneArgs {
    fn execute(self, ambient: &Ambient) -> Outcome {
        let which = match (self.older_than, self.user) {
            (Some(days), _) => Forget::Before(ambient.now().days_ago(days)),
            (None, Some(user)) => Forget::Of(user),
            (None, None) => return Ok(()),
        };
        let directory = self.directory.open(Open::Existing, ambient)?;
        if let Forget::Of(user) = &which {
            refuse_unknown(&*directory, user)?;
        }
        let erased = directory.forget_snapshots(&which).map_err(failed)?;
        if self.json {
            let json = serde_json::json!({ "erased": erased });
            return print_json(&Json::compact(&json).map_err(Exit::failed)?);
        }
        print_line(format!("{} snapshots erased", thousands(erased)))
    }
}

/// Refuses an id that nobody has: an erasure that was asked for would look done.
fn refuse_unknown(directory: &dyn Administration, user: &str) -> Outcome {
    let query = JournalQuery { user_id: Some(user.to_owned()), limit: 1, ..JournalQuery::default() };
    let is_known = directory.holder(user).map_err(failed)?.is_some()
        || !directory.journal(&query).map_err(failed)?.is_empty();
    if is_known {
        return Ok(());
    }
    let beginning = user.trim_end_matches('…');
    let longer = match beginning {
        "" => Vec::new(),
        beginning => directory.user_ids(beginning, NAMED).map_err(failed)?,
    };
    let begins = match longer.as_slice() {
        [] => String::new(),
        longer => format!(", and it begins others, such as {}", longer.join(", ")),
    };
    let told = format!(
        "no user and no entry of the journal has the id {user}{begins}; nothing was erased, because an erasure \
         needs the whole id"
    );
    Err(Exit::failed(anyhow!("{}", mask_addresses(&told))))
}

impl UndoArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        let directory =
            self.directory.open(if self.dry_run { Open::DryRun } else { Open::Existing }, ambient)?;
        let id = self.id.of(&*directory)?;
        let undo = Undo { id, provenance: operator(), now: ambient.now(), dry_run: self.dry_run };
        let undoing = directory.undo(&undo).map_err(|error| match error {
            UndoError::Refused(why) => {
                Exit::failed(anyhow!("the link {} was not undone: {}", undo.id, mask_addresses(&why)))
            }
            UndoError::Directory(error) => failed(error),
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
        let mut line = |told: String| text.line(mask_addresses(&told));
        line(format!("{} {is} a user of its own again", undoing.secondary.user_id));
        line(format!("  its identities {are} {}", ids(&undoing.secondary)));
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
