//! `ligature users list` and `ligature users find`.

use std::sync::Arc;

use anyhow::anyhow;
use serde::Serialize;

use super::directory_args::DirectoryArgs;
use super::{CommandResult, Exit, print, print_error, print_json};
use crate::ambient::Ambient;
use crate::directory::{OpenMode, find_users};
use crate::model::{Identity, Timestamp, User, Verification, mask_addresses};
use crate::terminal::{Json, Text};

/// The users that are read at once.
const PAGE: usize = 1_000;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature users list --connection google-oauth2 --blocked --directory sqlite:users.db"
)]
pub(super) struct ListArgs {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Only users with an identity of this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only users that are blocked
    #[arg(long)]
    blocked: bool,
    /// Only users with more than one identity
    #[arg(long)]
    linked: bool,
    /// Only users whose address is not verified
    #[arg(long)]
    unverified: bool,
    /// Only users whose ids come after this one: the next page
    #[arg(long, value_name = "USER-ID")]
    after: Option<String>,
    /// The most to list
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON, one user per line, addresses unmasked
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users find ada@example.com --directory sqlite:users.db")]
pub(super) struct FindArgs {
    /// An address, the id of a user or of a linked identity, or the beginning of a
    /// user's id
    #[arg(value_name = "ADDRESS|ID")]
    query: String,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// The most to list
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON, one user per line, addresses unmasked
    #[arg(long)]
    json: bool,
}

impl ListArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        self.directory.refuse_tenant(
            "the users of a tenant of Auth0 are looked up one at a time, by `ligature users find`; for all of them, use the \
             tenant's own export",
        )?;
        let directory = self.directory.open(OpenMode::ReadOnly, ambient)?;
        let limit = self.limit as usize;
        let mut found = Vec::new();
        let mut after = self.after.clone().unwrap_or_default();
        while found.len() <= limit {
            let page = directory.page(&after, PAGE)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.user.user_id);
            let wanted = page.iter().map(|it| &it.user).filter(|user| self.is_wanted(user));
            found.extend(wanted.take(limit + 1 - found.len()).cloned());
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let more_hint = found.last().filter(|_| more).map(|last| {
            // Not masked, because a masked id cannot be used.
            format!("there are more; for the next ones, repeat the command with --after '{}'", last.user_id)
        });
        print_users(&found, self.json, more_hint, "there are no such users")
    }

    fn is_wanted(&self, user: &User) -> bool {
        let is_of = |name: &String| user.identities.iter().any(|it| it.connection == *name);
        self.connection.as_ref().is_none_or(is_of)
            && (!self.blocked || user.blocked)
            && (!self.linked || user.identities.len() > 1)
            && (!self.unverified || user.email_verified != Verification::Verified)
    }
}

impl FindArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::ReadUsers, ambient)?;
        let limit = self.limit as usize;
        let mut found = find_users(&*directory, &self.query, limit.saturating_add(1))?;
        if found.is_empty() {
            return Err(Exit::failed(anyhow!("no user is found by {}", mask_addresses(&self.query))));
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let more_hint = more.then(|| "there are more; type more of the text, or raise --limit".to_owned());
        print_users(&found, self.json, more_hint, "")
    }
}

/// The attributes of a user in a line of JSON. `users show` prints all attributes.
#[derive(Serialize)]
struct Row<'a> {
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    email_verified: bool,
    blocked: bool,
    identities: Vec<String>,
    connections: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logins_count: Option<u64>,
}

impl<'a> Row<'a> {
    fn new(user: &'a User) -> Self {
        Self {
            user_id: &user.user_id,
            email: user.email.as_deref(),
            email_verified: user.email_verified.is_verified(),
            blocked: user.blocked,
            identities: user.identities.iter().map(Identity::as_user_id).collect(),
            connections: user.identities.iter().map(|it| it.connection.as_str()).collect(),
            last_login: user.last_login,
            logins_count: user.logins_count,
        }
    }
}

fn print_users(users: &[Arc<User>], json: bool, more_hint: Option<String>, nobody: &str) -> CommandResult {
    if json {
        for user in users {
            print_json(&Json::compact(&Row::new(user)).map_err(Exit::failed)?)?;
        }
        more_hint.into_iter().for_each(|more_hint| print_error(&Text::from_line(more_hint)));
        return Ok(());
    }
    let mut text = Text::default();
    for user in users {
        text.line(mask_addresses(&format_user(user)).into_owned());
    }
    if users.is_empty() {
        text.line(nobody);
    }
    more_hint.into_iter().for_each(|more_hint| text.line(more_hint));
    print(&text)
}

fn format_user(user: &User) -> String {
    let address = match &user.email {
        Some(email) if user.email_verified.is_verified() => email.clone(),
        Some(email) => format!("{email} (not verified)"),
        None => "no address".to_owned(),
    };
    let mut line = format!("{}  {address}", user.user_id);
    if user.identities.len() > 1 {
        let linked: Vec<String> = user.identities.iter().skip(1).map(Identity::as_user_id).collect();
        line = format!("{line}  linked: {}", linked.join(", "));
    }
    if user.blocked {
        line.push_str("  blocked");
    }
    line
}
