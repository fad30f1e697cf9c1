//! `ligature users list` and `ligature users find`.

use std::sync::Arc;

use anyhow::anyhow;
use serde::Serialize;

use super::directory::{DirectoryArgs, failed};
use super::{Exit, Outcome, print, print_error, print_json};
use crate::ambient::Ambient;
use crate::directory::{Administration, Open};
use crate::model::{Identity, Timestamp, User, Verification, mask_addresses};
use crate::terminal::{Json, Text};

/// Users that are read at a time.
const AT_A_TIME: usize = 1_000;

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
    /// Only users whose ids come behind this one: the next page
    #[arg(long, value_name = "USER-ID")]
    after: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON, a user a line, addresses unmasked
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users find ada@example.com --directory sqlite:users.db")]
pub(super) struct FindArgs {
    /// An address, the id of a user or of a linked identity, or the beginning of a
    /// user's id
    #[arg(value_name = "ADDRESS|ID")]
    what: String,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON, a user a line, addresses unmasked
    #[arg(long)]
    json: bool,
}

impl ListArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        let directory = self.directory.open(Open::ReadOnly, ambient)?;
        let limit = self.limit as usize;
        let mut found = Vec::new();
        let mut after = self.after.clone().unwrap_or_default();
        while found.len() <= limit {
            let page = directory.page(&after, AT_A_TIME).map_err(failed)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.user.user_id);
            let wanted = page.iter().map(|it| &it.user).filter(|user| self.is_wanted(user));
            found.extend(wanted.take(limit + 1 - found.len()).cloned());
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let go_on = found.last().filter(|_| more).map(|last| {
            // An id that is made of an address cannot be masked and be of use.
            format!("there are more; the next ones: the same command with --after '{}'", last.user_id)
        });
        told(&found, self.json, go_on, "there are no such users")
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
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        let directory = self.directory.open(Open::ReadOnly, ambient)?;
        let limit = self.limit as usize;
        let mut found = self.found(&*directory, limit.saturating_add(1))?;
        if found.is_empty() {
            return Err(Exit::failed(anyhow!("nobody is found by {}", mask_addresses(&self.what))));
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let go_on = more.then(|| "there are more; type more of it, or raise --limit".to_owned());
        told(&found, self.json, go_on, "")
    }

    /// By the address, by the identity, or by the beginning of the id, whichever
    /// finds somebody first.
    fn found(&self, directory: &dyn Administration, limit: usize) -> Result<Vec<Arc<User>>, Exit> {
        if let Some(holder) = directory.holder(&self.what).map_err(failed)? {
            return Ok(vec![holder.user]);
        }
        let by_address = directory.find_by_email(&self.what, limit).map_err(failed)?;
        if !by_address.is_empty() {
            return Ok(by_address.into_iter().map(|stored| stored.user).collect());
        }
        let beginning = self.what.trim_end_matches('…');
        if beginning.is_empty() {
            return Ok(Vec::new());
        }
        let mut ids = directory.user_ids(beginning, limit).map_err(failed)?;
        ids.sort();
        let users = ids.iter().map(|id| directory.get(id).map(|stored| stored.user));
        users.collect::<Result<_, _>>().map_err(failed)
    }
}

/// The attributes of a user in a line of JSON; `users show` prints all of them.
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
    fn of(user: &'a User) -> Self {
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

fn told(users: &[Arc<User>], json: bool, go_on: Option<String>, nobody: &str) -> Outcome {
    if json {
        for user in users {
            print_json(&Json::compact(&Row::of(user)).map_err(Exit::failed)?)?;
        }
        go_on.into_iter().for_each(|go_on| print_error(&Text::one(go_on)));
        return Ok(());
    }
    let mut text = Text::default();
    for user in users {
        text.line(mask_addresses(&line(user)).into_owned());
    }
    if users.is_empty() {
        text.line(nobody);
    }
    go_on.into_iter().for_each(|go_on| text.line(go_on));
    print(&text)
}

fn line(user: &User) -> String {
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
