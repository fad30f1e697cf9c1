//! `ligature users`.

mod export;
mod import;
mod merge;
mod progress;

use super::directory_args::DirectoryArgs;
use super::user_changes::BlockArgs;
use super::user_list::{FindArgs, ListArgs};
use super::{CommandResult, Exit, ids, print_json};
use crate::ambient::Ambient;
use crate::directory::OpenMode;
use crate::terminal::Json;

/// Manage the users of a directory
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Import users from Auth0's export or import format
    ///
    /// A file holds one user per line (NDJSON), an array, `{"users": […]}`, or objects
    /// over several lines, gzipped or not. The format is recognised by the users: exported
    /// ones have a `user_id` with a provider (`auth0|1`), or `identities`; those of the
    /// import format have neither, and belong to a database connection.
    ///
    /// An export job of Auth0 writes the requested fields, in JSON. Request user_id, email, email_verified, username, phone_number, phone_verified, name,
    /// given_name, family_name, nickname, picture, created_at, updated_at, last_login,
    /// logins_count, last_ip, blocked, multifactor, identities, user_metadata and
    /// app_metadata. Without `identities` the connection of each user is assumed, marked
    /// as assumed, and corrected at their first login; linked accounts are missing.
    /// Without `email_verified`, `created_at` and `last_login`, policies link fewer
    /// accounts.
    ///
    /// `password_hash` and `custom_password_hash` are imported if the tenant supports
    /// their algorithm. Tokens of identity providers are never imported.
    ///
    /// Each user is imported completely or not at all. An invalid line is reported with
    /// its place and left out; if all lines are invalid, the exit code is 2. An
    /// interrupted import continues where it stopped.
    Import(import::ImportArgs),
    /// Export every user in Auth0's export or import format
    Export(export::ExportArgs),
    /// Print one user
    Show(ShowArgs),
    /// List users, in the order of their ids
    List(ListArgs),
    /// Find users by address, by identity or by the beginning of their id
    Find(FindArgs),
    /// Refuse a user's logins
    Block(BlockArgs),
    /// Allow a blocked user's logins again
    #[command(after_help = "Example: ligature users unblock 'auth0|1' --directory sqlite:users.db")]
    Unblock(BlockArgs),
    /// Merge two users by hand
    Merge(merge::MergeArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users show 'auth0|1' --directory sqlite:users.db")]
struct ShowArgs {
    /// The user's id, such as `auth0|1`, or its beginning
    user_id: String,
    #[command(flatten)]
    directory: DirectoryArgs,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        match self.command {
            Command::Import(args) => args.execute(ambient),
            Command::Export(args) => args.execute(ambient),
            Command::Show(args) => args.execute(ambient),
            Command::List(args) => args.execute(ambient),
            Command::Find(args) => args.execute(ambient),
            Command::Block(args) => args.execute(true, ambient),
            Command::Unblock(args) => args.execute(false, ambient),
            Command::Merge(args) => args.execute(ambient),
        }
    }
}

impl ShowArgs {
    fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::ReadUsers, ambient)?;
        let stored = ids::find_user(&*directory, &self.user_id)?;
        print_json(&Json::pretty(&*stored.user).map_err(Exit::failed)?)
    }
}
