//! `ligature decisions`.

use serde_json::json;

use super::directory_args::DirectoryArgs;
use super::{CommandResult, Exit, print, print_error, print_json, print_line};
use crate::ambient::Ambient;
use crate::directory::{DecisionId, DecisionQuery, KeptDecision, LeftOutPart, OpenMode};
use crate::harness::{format_explanation, format_outcome};
use crate::model::{Timestamp, mask_addresses};
use crate::terminal::{Json, Text, dim, head, line};

/// Show the decisions that a service has kept: who logged in, what was decided, and why
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List decisions, the newest first
    List(ListArgs),
    /// Print one decision with its reasons and the verdict of every rule
    Show(ShowArgs),
    /// Forget the decisions about a user, and the conflicts with this user
    Forget(ForgetArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature decisions list --user 'auth0|1' --kind linked --since 2026-11-01T00:00:00Z --directory sqlite:users.db"
)]
struct ListArgs {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Only logins of this user, and logins that continued as this user
    #[arg(long, value_name = "USER-ID")]
    user: Option<String>,
    /// Only decisions of this kind
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// Only decisions with this reason, such as LINKED_VERIFIED_BOTH
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Only logins at this time or later, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only logins at this time or earlier
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Only decisions that were kept before this one: the next page
    #[arg(long, value_name = "DECISION-ID")]
    before: Option<DecisionId>,
    /// The most to list
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Print JSON, one decision per line, ids unmasked
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum KindArg {
    /// The login went on unchanged
    Proceed,
    /// Two accounts were linked
    Linked,
    /// The user was asked for a step
    Suggest,
    /// The login was denied
    Deny,
}

impl KindArg {
    fn as_str(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::Linked => "linked",
            Self::Suggest => "suggest",
            Self::Deny => "deny",
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature decisions show 01a21b29-d120-723e-a492-4a519a2abfd3 --directory sqlite:users.db"
)]
struct ShowArgs {
    /// The decision's id, as `decisions list` prints it
    #[arg(value_name = "DECISION-ID")]
    id: DecisionId,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Print JSON, ids unmasked
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature decisions forget --user 'auth0|1' --directory sqlite:users.db")]
struct ForgetArgs {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// The user. Give the whole id. Users that were linked to this user before need a command of
    /// their own
    #[arg(long, value_name = "USER-ID")]
    user: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        match self.command {
            Command::List(args) => args.execute(ambient),
            Command::Show(args) => args.execute(ambient),
            Command::Forget(args) => args.execute(ambient),
        }
    }
}

impl ListArgs {
    fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::ReadOnly, ambient)?;
        let limit = self.limit as usize;
        let query = DecisionQuery {
            user_id: self.user,
            kind: self.kind.map(|kind| kind.as_str().to_owned()),
            code: self.reason,
            since: self.since,
            until: self.until,
            before: self.before,
            after: None,
            limit: limit.saturating_add(1),
        };
        let mut found = directory.find_decisions(&query)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let more_hint = found.last().filter(|_| more).map(|last| {
            format!("there are more; for the next ones, repeat the command with --before {}", last.id)
        });
        if self.json {
            for kept in &found {
                print_json(&Json::compact(kept).map_err(Exit::failed)?)?;
            }
            more_hint.into_iter().for_each(|more_hint| print_error(&Text::from_line(more_hint)));
            return Ok(());
        }
        let mut text = Text::default();
        found.iter().for_each(|kept| text.line(format_row(kept)));
        if found.is_empty() {
            text.line("no such decision is kept; a service keeps decisions if it has the option --decisions or a console");
        }
        more_hint.into_iter().for_each(|more_hint| text.line(more_hint));
        print(&text)
    }
}

impl ShowArgs {
    fn execute(self, ambient: &Ambient) -> CommandResult {
        let kept = self.directory.open(OpenMode::ReadOnly, ambient)?.decision(&self.id)?;
        if self.json {
            return print_json(&Json::pretty(&kept).map_err(Exit::failed)?);
        }
        print(&format_page(&kept))
    }
}

impl ForgetArgs {
    fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::Existing, ambient)?;
        let number = directory.forget_decisions_of(&self.user)?;
        if self.json {
            return print_json(&Json::compact(&json!({ "forgotten": number })).map_err(Exit::failed)?);
        }
        print_line(match number {
            1 => "1 decision was forgotten".to_owned(),
            number => format!("{number} decisions were forgotten"),
        })
    }
}

/// Formats a decision as one line.
fn format_row(kept: &KeptDecision) -> String {
    let codes: Vec<&str> = kept.reasons.iter().map(|reason| reason.code.as_str()).collect();
    let user = mask_addresses(&kept.user_id);
    format!("{}  {}  {:<7}  {user}  {}", kept.id, kept.at, kept.decision.kind(), codes.join(" "))
}

/// Formats a decision as `ligature run` does, as far as its parts are kept.
fn format_page(kept: &KeptDecision) -> Text {
    let mut page = Text::default();
    page.line(head(format!("The decision {}", kept.id)));
    page.head("Login");
    let mut field = |name: &str, value: &str| {
        page.line(line!["  ", dim(format!("{name:<12}")), " ", mask_addresses(value)]);
    };
    field("who", &kept.user_id);
    for (name, value) in [
        ("through", &kept.connection),
        ("application", &kept.client_id),
        ("continues as", &kept.final_user_id),
        ("policy", &kept.policy),
        ("its sha256", &kept.policy_sha256),
    ] {
        value.iter().for_each(|value| field(name, value));
    }
    if let Some(plugin) = &kept.plugin {
        field("plugin", &format!("{}, sha256 {}", plugin.name, plugin.sha256));
    }
    field("at", &kept.at.to_string());
    page.append(format_outcome(&kept.decision, &kept.reasons));
    page.append(format_explanation(&kept.trace, kept.counterfactual.as_deref()));
    for part in &kept.left_out {
        page.line(dim(match part {
            LeftOutPart::Reasons => "The last reasons were too large, and are not kept.",
            LeftOutPart::Trace => "The verdicts of the rules were too large, and are not kept.",
            LeftOutPart::Texts => "Long texts and lists are cut.",
        }));
    }
    page
}
