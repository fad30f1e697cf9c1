//! `ligature users`.

mod export;
mod import;

use indicatif::{ProgressBar, ProgressStyle};

use super::directory::DirectoryArgs;
use super::user_changes::{BlockArgs, LinkArgs};
use super::user_list::{FindArgs, ListArgs};
use super::{Exit, Outcome, ids, print_json};
use crate::ambient::Ambient;
use crate::directory::Open;
use crate::terminal::Json;

/// Users in and out of a directory
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Import users from Auth0's export or import format
    ///
    /// A file holds users a line (NDJSON), in an array, in `{"users": […]}` or over
    /// several lines, gzipped or not. Which format they are in is told from the
    /// users: exported ones have a `user_id` with a provider (`auth0|1`), or
    /// `identities`; those of the import format have neither, and belong to a
    /// database.
    ///
    /// An export job of Auth0 writes the fields that it is asked for, in JSON. Ask for
    /// user_id, email, email_verified, username, phone_number, phone_verified, name,
    /// given_name, family_name, nickname, picture, created_at, updated_at, last_login,
    /// logins_count, last_ip, blocked, multifactor, identities, user_metadata and
    /// app_metadata. Without `identities` the connection of each user is only
    /// assumed, marked so, and settled by their first login; accounts that were linked
    /// are missing. Without `email_verified`, `created_at` and `last_login` policies
    /// link fewer accounts.
    ///
    /// `password_hash` and `custom_password_hash` are taken, of those kinds that a
    /// login can be checked against. Tokens of identity providers never are.
    ///
    /// Each user is imported wholly or not at all. A bad line is told with its place
    /// and left out; if all are bad, the exit code is 2. An import that was
    /// interrupted goes on where it stopped.
    Import(import::ImportArgs),
    /// Write every user in Auth0's export or import format
    Export(export::ExportArgs),
    /// Print one user
    Show(ShowArgs),
    /// List users, in the order of their ids
    List(ListArgs),
    /// Find users by address, by identity or by the beginning of their id
    Find(FindArgs),
    /// Refuse a user's logins
    Block(BlockArgs),
    /// Let a blocked user in again
    Unblock(BlockArgs),
    /// Link two users by hand
    Link(LinkArgs),
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
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        match self.command {
            Command::Import(args) => args.execute(ambient),
            Command::Export(args) => args.execute(ambient),
            Command::Show(args) => args.execute(ambient),
            Command::List(args) => args.execute(ambient),
            Command::Find(args) => args.execute(ambient),
            Command::Block(args) => args.execute(true, ambient),
            Command::Unblock(args) => args.execute(false, ambient),
            Command::Link(args) => args.execute(ambient),
        }
    }
}

impl ShowArgs {
    fn execute(self, ambient: &Ambient) -> Outcome {
        let directory = self.directory.open(Open::ReadOnly, ambient)?;
        let stored = ids::user(&*directory, &self.user_id)?;
        print_json(&Json::pretty(&*stored.user).map_err(Exit::failed)?)
    }
}

/// A progress bar, on a terminal only.
fn bar(length: Option<u64>) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {bytes}  {elapsed} gone, {eta} to go");
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
