//! `ligature journal list`.

use super::directory_args::DirectoryArgs;
use super::ids::{self, LinkId};
use super::journal_entry::format_row;
use super::{CommandResult, Exit, print, print_error, print_json};
use crate::ambient::Ambient;
use crate::directory::{Administration, EntryKind, EntryState, JournalQuery, OpenMode};
use crate::model::Timestamp;
use crate::terminal::{Json, Text};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature journal list --user 'auth0|1' --kind link --since 2026-11-01T00:00:00Z --directory sqlite:users.db"
)]
pub(super) struct ListArgs {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Only entries that have this user on either side
    #[arg(long, value_name = "USER-ID")]
    user: Option<String>,
    /// Only entries of this kind
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// Only entries in this state: at a tenant of Auth0, a change takes several requests
    #[arg(long, value_enum)]
    state: Option<StateArg>,
    /// Only entries of this actor: plugin, operator, client or user, or one of them by
    /// name, such as operator:ada
    #[arg(long, value_name = "ACTOR", value_parser = parse_actor)]
    actor: Option<String>,
    /// Only entries with this reason, such as LINKED_VERIFIED_BOTH
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Only entries at this time or later, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only entries at this time or earlier
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Only entries before this one in the journal: the next page
    #[arg(long, value_name = "LINK-ID")]
    before: Option<LinkId>,
    /// The most to list
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON, one entry per line, ids unmasked
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum KindArg {
    Link,
    Unlink,
    Undo,
    Block,
    Unblock,
}

impl From<KindArg> for EntryKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Link => Self::Link,
            KindArg::Unlink => Self::Unlink,
            KindArg::Undo => Self::Undo,
            KindArg::Block => Self::Block,
            KindArg::Unblock => Self::Unblock,
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StateArg {
    /// Requested; it may or may not have happened
    Intended,
    /// The accounts are linked, the metadata is not written yet
    Linked,
    /// Complete
    Done,
    /// The change did not happen
    Abandoned,
}

impl From<StateArg> for EntryState {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Intended => Self::Intended,
            StateArg::Linked => Self::Linked,
            StateArg::Done => Self::Done,
            StateArg::Abandoned => Self::Abandoned,
        }
    }
}

impl ListArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::ReadOnly, ambient)?;
        let limit = self.limit as usize;
        let mut query = JournalQuery {
            user_id: self.user,
            kind: self.kind.map(EntryKind::from),
            state: self.state.map(EntryState::from),
            actor: self.actor,
            reason: self.reason,
            since: self.since,
            until: self.until,
            before: self.before.map(|id| id.resolve(&*directory)).transpose()?,
            limit: limit.saturating_add(1),
        };
        let mut entries = directory.journal(&query)?;
        if entries.is_empty()
            && let Some(whole) = find_whole_id(&*directory, query.user_id.as_deref())?
        {
            query.user_id = Some(whole);
            entries = directory.journal(&query)?;
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        let more_hint = entries.last().filter(|_| more).map(|last| {
            format!("there are more; for the next ones, repeat the command with --before {}", last.id)
        });
        if self.json {
            for entry in &entries {
                print_json(&Json::compact(entry).map_err(Exit::failed)?)?;
            }
            more_hint.into_iter().for_each(|more_hint| print_error(&Text::from_line(more_hint)));
            return Ok(());
        }
        let mut text = Text::default();
        for entry in &entries {
            text.line(format_row(entry));
        }
        if entries.is_empty() {
            text.line("the journal has no such entries");
        }
        more_hint.into_iter().for_each(|more_hint| text.line(more_hint));
        print(&text)
    }
}

/// Checks the kind of an actor. Its name may be anything.
fn parse_actor(text: &str) -> Result<String, String> {
    const KINDS: [&str; 4] = ["plugin", "operator", "client", "user"];
    let kind = text.split(':').next().unwrap_or(text);
    if KINDS.contains(&kind) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{kind}` is not a kind of actor in the journal; expected one of `{}`, such as `operator:ada`",
        KINDS.join("`, `")
    ))
}

/// Returns the id of the user whose id begins with a text. None is not an error, because
/// the journal also has entries of users that no longer exist.
fn find_whole_id(directory: &dyn Administration, user: Option<&str>) -> Result<Option<String>, Exit> {
    let Some(user) = user else { return Ok(None) };
    if directory.holder(user)?.is_some() {
        return Ok(None);
    }
    match directory.user_ids(user.trim_end_matches('…'), 2)?.len() {
        0 => Ok(None),
        _ => Ok(Some(ids::find_user(directory, user)?.user.user_id.clone())),
    }
}
