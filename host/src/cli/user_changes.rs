//! `ligature users block`, `unblock` and `link`.

use std::sync::Arc;

use anyhow::anyhow;
use serde_json::json;

use super::directory_args::{DirectoryArgs, operator};
use super::{CommandResult, Exit, ids, print, print_json, print_line};
use crate::ambient::Ambient;
use crate::directory::{CheckedLink, EntryKind, JournalQuery, OpenMode, SetBlocked, Stored};
use crate::model::{Identity, LinkRequest, Metadata, User, mask_addresses};
use crate::terminal::{Json, Text};

/// From the next login on, the user is refused, and so are their refresh tokens and
/// sessions while they are blocked. After unblocking, those that the tenant still keeps
/// are valid again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users block 'auth0|1' --directory sqlite:users.db")]
pub(super) struct BlockArgs {
    /// The user's id, or its beginning
    user_id: String,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl BlockArgs {
    pub(super) fn execute(self, blocked: bool, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::Existing, ambient)?;
        let before = ids::find_user(&*directory, &self.user_id)?;
        let user_id = before.user.user_id.clone();
        let changed = before.user.blocked != blocked;
        let change = SetBlocked { user_id, blocked, provenance: operator(), now: ambient.now() };
        let Stored { user, .. } = directory.set_blocked(&change)?;
        if self.json {
            let json = json!({ "user_id": user.user_id, "blocked": user.blocked, "changed": changed });
            return print_json(&Json::compact(&json).map_err(Exit::failed)?);
        }
        let is = match (changed, blocked) {
            (true, true) => "is blocked",
            (true, false) => "is no longer blocked",
            (false, true) => "was blocked already",
            (false, false) => "was not blocked",
        };
        print_line(format!("{} {is}", mask_addresses(&user.user_id)))
    }
}

/// Link two users by hand, whatever the policy says.
///
/// The identities of the second user become identities of the first. `ligature undo`
/// undoes it. A blocked user cannot be linked: unblock it first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature users link 'auth0|1' 'google-oauth2|2' --dry-run --directory sqlite:users.db"
)]
pub(super) struct LinkArgs {
    /// The id of the user that stays, or its beginning
    #[arg(value_name = "PRIMARY")]
    primary: String,
    /// The id of the user whose identities move to the first, or its beginning
    #[arg(value_name = "SECONDARY")]
    secondary: String,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Report what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON, ids unmasked
    #[arg(long)]
    json: bool,
}

impl LinkArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory =
            self.directory.open(if self.dry_run { OpenMode::DryRun } else { OpenMode::Existing }, ambient)?;
        let primary = ids::find_user(&*directory, &self.primary)?;
        let secondary = ids::find_user(&*directory, &self.secondary)?;
        check_link(&primary.user, &secondary.user)?;
        let link = CheckedLink {
            request: LinkRequest {
                primary: primary.user.user_id.clone(),
                secondary: secondary.user.user_id.clone(),
                user_metadata: None,
                app_metadata: None,
                reasons: Arc::new([]),
            },
            primary_version: Some(primary.version),
            secondary_version: Some(secondary.version),
            read: None,
            provenance: operator(),
            now: ambient.now(),
        };
        let linked = directory.link(&link)?;
        let query = JournalQuery {
            user_id: Some(link.request.secondary.clone()),
            kind: Some(EntryKind::Link),
            limit: 1,
            ..JournalQuery::default()
        };
        let entries = directory.journal(&query)?;
        let link_id = entries.first().filter(|_| !self.dry_run).map(|entry| entry.id.to_string());
        let left: Vec<String> = list_left_behind(&secondary.user);
        let identities: Vec<String> = linked.identities.iter().map(Identity::as_user_id).collect();
        if self.json {
            let json = json!({
                "linked": !self.dry_run, "primary": linked.user_id, "secondary": secondary.user.user_id,
                "identities": identities, "not_taken_over": left, "link_id": link_id,
            });
            return print_json(&Json::compact(&json).map_err(Exit::failed)?);
        }
        let mut text = Text::default();
        let mut line = |told: String| text.line(mask_addresses(&told).into_owned());
        let (is, are) = if self.dry_run { ("would be", "would be") } else { ("is", "are") };
        line(format!("{} {is} an identity of {}", secondary.user.user_id, linked.user_id));
        line(format!("  the identities of {} {are} {}", linked.user_id, identities.join(", ")));
        for left in left {
            line(format!("  not taken over, and kept in the journal: {left}"));
        }
        match link_id {
            Some(id) => line(format!("  to undo the link: ligature undo {id}")),
            None => line("nothing was changed (--dry-run)".to_owned()),
        }
        print(&text)
    }
}

/// Refuses a link of a user with itself, and of a blocked user: linking would silently
/// lift or spread the block. The versions that were read ensure that no block is set
/// between this check and the link.
fn check_link(primary: &User, secondary: &User) -> CommandResult {
    let id = mask_addresses(&primary.user_id);
    if primary.user_id == secondary.user_id {
        return Err(Exit::unreadable(anyhow!("both are the same user, {id}; name two users")));
    }
    let (blocked, why) = match (primary.blocked, secondary.blocked) {
        (_, true) => (secondary, "the link would lift the block"),
        (true, false) => (primary, "the link would lock out the owner of the other account, too"),
        (false, false) => return Ok(()),
    };
    let id = mask_addresses(&blocked.user_id);
    Err(Exit::failed(anyhow!(
        "{id} is blocked, and nothing was changed: {why}. To make both one account, unblock it first: \
         ligature users unblock '{id}'"
    )))
}

/// Lists the attributes that a link does not move to the primary.
fn list_left_behind(secondary: &User) -> Vec<String> {
    let keys = |metadata: &Option<Metadata>| -> Vec<String> {
        metadata.iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    [
        ("user_metadata", keys(&secondary.user_metadata)),
        ("app_metadata", keys(&secondary.app_metadata)),
        ("roles", secondary.roles.clone()),
        ("organizations", secondary.organizations.clone()),
    ]
    .into_iter()
    .filter(|(_, held)| !held.is_empty())
    .map(|(name, held)| format!("{name}: {}", held.join(", ")))
    .collect()
}
