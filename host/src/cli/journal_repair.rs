//! `ligature journal repair`.

use anyhow::anyhow;

use super::directory_args::DirectoryArgs;
use super::journal_entry::describe_change;
use super::{CommandResult, Exit, print, print_json};
use crate::ambient::Ambient;
use crate::directory::{OpenMode, Repair, RepairOutcome};
use crate::model::mask_addresses;
use crate::terminal::{Json, Text};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature journal repair --directory auth0://acme.eu.auth0.com --journal sqlite:journal.db"
)]
pub(super) struct RepairArgs {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Print JSON, one entry per line, ids unmasked
    #[arg(long)]
    json: bool,
}

impl RepairArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::ExistingJournal, ambient)?;
        let repairs = directory.repair()?;
        if self.json {
            for Repair { entry, outcome } in &repairs {
                let mut json = serde_json::to_value(outcome).map_err(Exit::failed)?;
                json["id"] = entry.id.as_str().into();
                json["kind"] = entry.kind.as_str().into();
                json["state_before"] = entry.state.as_str().into();
                json["primary"] = entry.primary.as_str().into();
                json["secondary"] = entry.secondary.as_str().into();
                print_json(&Json::compact(&json).map_err(Exit::failed)?)?;
            }
        } else {
            print(&format_repairs(&repairs))?;
        }
        let is_left = |repair: &&Repair| matches!(repair.outcome, RepairOutcome::Unresolved { .. });
        match repairs.iter().filter(is_left).count() {
            0 => Ok(()),
            1 => Err(Exit::failed(anyhow!("one change could not be repaired"))),
            left => Err(Exit::failed(anyhow!("{left} changes could not be repaired"))),
        }
    }
}

/// Formats the results. Addresses are masked.
fn format_repairs(repairs: &[Repair]) -> Text {
    let mut text = Text::default();
    for Repair { entry, outcome } in repairs {
        text.line(mask_addresses(&format!("{}  {}", entry.id, describe_change(entry))));
        let mut line = |words: &str| text.line(mask_addresses(&format!("  {words}")));
        match outcome {
            RepairOutcome::Finished { notes } => {
                line("finished: the change had begun, and is complete now");
                notes.iter().for_each(|note| line(&format!("note: {note}")));
            }
            RepairOutcome::Abandoned => line("abandoned: the change had not happened"),
            RepairOutcome::UnderWay { wait_s } => line(&format!(
                "left alone: the change began within the last minute, and may still be under way; it can be repaired in \
                 {wait_s} s"
            )),
            RepairOutcome::Unresolved { why } => line(&format!("not repaired: {why}")),
        }
    }
    if repairs.is_empty() {
        text.line("nothing to repair: every change is complete");
    }
    text
}
