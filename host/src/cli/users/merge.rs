//! `ligature users merge`.

use anyhow::anyhow;
use clap::ValueEnum;
use serde_json::json;

use crate::ambient::Ambient;
use crate::cli::directory_args::{DirectoryArgs, operator};
use crate::cli::{CommandResult, Exit, ids, print, print_json};
use crate::directory::OpenMode;
use crate::merge::{
    MergeAuthor, MergeChoice, MergeError, MergePair, MergePlan, MergeRefusal, MergeScope, Merged,
    MetadataEffect, MetadataRule, plan_merge,
};
use crate::model::{Identity, User, has_visible_character, mask_addresses};
use crate::terminal::{Json, Text};

/// Merge two users by hand, whatever the policy says
///
/// The identities of the second user become identities of the first, which keeps its id. The
/// journal keeps what the second user had, and `ligature undo` gives it back. A blocked user
/// cannot be merged: unblock it first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature users merge 'auth0|1' 'google-oauth2|2' --dry-run --directory sqlite:users.db\n         \
                  ligature users merge 'auth0|1' 'google-oauth2|2' --reason 'ticket 7' --directory sqlite:users.db"
)]
pub(super) struct MergeArgs {
    /// The id of the user that stays, or its beginning
    #[arg(value_name = "KEPT")]
    kept: String,
    /// The id of the user whose identities move to the first, or its beginning
    #[arg(value_name = "MOVED")]
    moved: String,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// The reason, for the journal. Required without --dry-run
    #[arg(long, value_name = "TEXT", value_parser = parse_reason, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// The `user_metadata` that the user that stays takes over
    #[arg(long, value_enum, value_name = "RULE", default_value_t = RuleArg::Fill)]
    user_metadata: RuleArg,
    /// The same for `app_metadata`
    #[arg(long, value_enum, value_name = "RULE", default_value_t = RuleArg::Keep)]
    app_metadata: RuleArg,
    /// Report what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON, ids unmasked
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RuleArg {
    /// No keys
    Keep,
    /// The keys that it lacks
    Fill,
    /// All keys
    Take,
}

impl From<RuleArg> for MetadataRule {
    fn from(rule: RuleArg) -> Self {
        match rule {
            RuleArg::Keep => Self::Keep,
            RuleArg::Fill => Self::Fill,
            RuleArg::Take => Self::Take,
        }
    }
}

fn parse_reason(text: &str) -> Result<String, String> {
    if has_visible_character(text) {
        return Ok(text.trim().to_owned());
    }
    Err("a reason is a text, such as a ticket's number".to_owned())
}

impl MergeArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let mode = if self.dry_run { OpenMode::DryRun } else { OpenMode::Existing };
        let directory = self.directory.open(mode, ambient)?;
        let kept = ids::find_user(&*directory, &self.kept)?;
        let moved = ids::find_user(&*directory, &self.moved)?;
        let choice =
            MergeChoice { user_metadata: self.user_metadata.into(), app_metadata: self.app_metadata.into() };
        let (pair, now) = (MergePair { kept: &kept, moved: &moved }, ambient.now());
        let plan = plan_merge(pair, choice, MergeScope::Operator, now).map_err(|refusal| match refusal {
            MergeRefusal::SameUser(_) => Exit::unreadable(anyhow!(refusal)),
            refusal => Exit::failed(anyhow!(refusal)),
        })?;
        let author = MergeAuthor::Operator { provenance: operator(), reason: self.reason.clone() };
        let merged = plan.carry_out(&*directory, &author, now).map_err(|error| match error {
            MergeError::Changed(_) => Exit::failed(anyhow!(error)),
            MergeError::Directory(error) => Exit::from(error),
        })?;
        if self.json {
            let json = self.describe_json(&plan, &merged);
            return print_json(&Json::compact(&json).map_err(Exit::failed)?);
        }
        print(&self.describe(&plan, &merged))
    }

    fn describe_json(&self, plan: &MergePlan, merged: &Merged) -> serde_json::Value {
        let identities: Vec<String> = merged.user.identities.iter().map(Identity::as_user_id).collect();
        let link_id = merged.link.as_ref().filter(|_| !self.dry_run).map(ToString::to_string);
        json!({
            "merged": !self.dry_run, "kept": plan.kept.user_id, "moved": plan.moved.user_id,
            "identities": identities, "user_metadata": plan.user_metadata, "app_metadata": plan.app_metadata,
            "not_taken_over": plan.lost, "warnings": plan.warnings, "link_id": link_id,
        })
    }

    fn describe(&self, plan: &MergePlan, merged: &Merged) -> Text {
        let mut text = Text::default();
        let mut line = |label: &str, words: String| {
            let words = mask_addresses(&words);
            text.line(format!("  {label:<14} {words}"));
        };
        let identities: Vec<String> = merged.user.identities.iter().map(Identity::as_user_id).collect();
        line("kept", describe_user(&plan.kept));
        line("moved", describe_user(&plan.moved));
        line("identities", identities.join(", "));
        line("user_metadata", describe_change(&plan.user_metadata));
        line("app_metadata", describe_change(&plan.app_metadata));
        let lost = &plan.lost;
        for (name, names) in [
            ("user_metadata", &lost.user_metadata),
            ("app_metadata", &lost.app_metadata),
            ("roles", &lost.roles),
            ("organizations", &lost.organizations),
        ] {
            if !names.is_empty() {
                line("not taken over", format!("{name}: {}; the journal keeps it", names.join(", ")));
            }
        }
        for warning in &plan.warnings {
            line("warning", warning.to_string());
        }
        if let Some(reason) = self.reason.as_ref().filter(|_| !self.dry_run) {
            line("reason", reason.clone());
        }
        let link = merged.link.as_ref().filter(|_| !self.dry_run);
        if let Some(id) = link {
            line("to undo it", format!("ligature undo {id}"));
        }
        let is = if self.dry_run { "would become" } else { "is now" };
        let mut whole = Text::default();
        let title = format!("{} {is} an identity of {}", plan.moved.user_id, plan.kept.user_id);
        whole.line(mask_addresses(&title).into_owned());
        whole.append(text);
        if self.dry_run {
            whole.line("nothing was changed (--dry-run)");
            whole.line("to merge them: the same command with --reason TEXT instead of --dry-run");
        }
        whole
    }
}

/// Describes a user in one line: address, logins and the last one.
fn describe_user(user: &User) -> String {
    let address = match &user.email {
        None => "no address".to_owned(),
        Some(email) if user.email_verified.is_verified() => format!("{email} (verified)"),
        Some(email) => format!("{email} (not verified)"),
    };
    let logins = match (user.logins_count.unwrap_or_default(), user.last_login) {
        (_, None) => "never logged in".to_owned(),
        (1, Some(last)) => format!("1 login, {last}"),
        (count, Some(last)) => format!("{count} logins, the last one {last}"),
    };
    format!("{}, {address}, {logins}", user.user_id)
}

/// Describes in one line what happens to the metadata of the user that stays.
fn describe_change(change: &MetadataEffect) -> String {
    let parts = [("stays", &change.stays), ("taken over", &change.taken), ("replaced", &change.overwritten)];
    let kinds: Vec<String> = parts
        .into_iter()
        .filter(|(_, keys)| !keys.is_empty())
        .map(|(what, keys)| format!("{what}: {}", keys.join(", ")))
        .collect();
    if kinds.is_empty() { "none".to_owned() } else { kinds.join("; ") }
}
