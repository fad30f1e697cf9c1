//! `ligature backfill suggestions`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::anyhow;

use super::selection_args::SelectionArgs;
use crate::backfill::{Plan, Selection, read_suggestions, write_suggestions};
use crate::cli::{CommandResult, Exit, print_json};
use crate::terminal::Json;

/// Print the pairs of accounts that a plan suggests to link, as CSV
///
/// A row has the address, the user who would be asked at the next login, the candidate, and the reason.
/// Addresses are masked unless the preview had --addresses.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature backfill suggestions report/plan.ndjson > suggestions.csv")]
pub(super) struct SuggestionsArgs {
    /// The plan of a preview
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Print JSON, one pair a line, instead of CSV
    #[arg(long)]
    json: bool,
}

impl SuggestionsArgs {
    pub(super) fn execute(self) -> CommandResult {
        let selection = self.selection.read()?;
        let plan = Plan::open(&self.plan)?;
        let number = if self.json {
            let mut number = 0;
            read_suggestions(&plan, &selection, |pair| {
                number += 1;
                print_json(&Json::compact(pair).map_err(Exit::failed)?)
            })?;
            number
        } else {
            print_table(&plan, &selection)?
        };
        if number == 0 && selection != Selection::default() {
            return Err(Exit::unreadable(anyhow!("the plan has no suggestion that the options select")));
        }
        Ok(())
    }
}

/// Prints the table. Returns the number of its pairs.
fn print_table(plan: &Plan, selection: &Selection) -> Result<u64, Exit> {
    let mut table = Vec::new();
    let number = write_suggestions(plan, selection, &mut table).map_err(Exit::failed)?;
    match io::stdout().lock().write_all(&table) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Exit::failed(error)),
        _ => Ok(number),
    }
}
