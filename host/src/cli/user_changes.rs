//! `ligature users block` and `unblock`.

use serde_json::json;

use super::directory_args::{DirectoryArgs, operator};
use super::{CommandResult, Exit, ids, print_json, print_line};
use crate::ambient::Ambient;
use crate::directory::{OpenMode, SetBlocked, Stored};
use crate::model::mask_addresses;
use crate::terminal::Json;

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
