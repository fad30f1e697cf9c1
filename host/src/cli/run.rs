//! `ligature run`.

use std::path::PathBuf;

use anyhow::anyhow;

use super::plugin::{PluginArgs, checked_case};
use super::{Exit, Outcome, print};
use crate::harness::{page, run};

/// Decides the login of one case in a directory of its own: nothing outside it
/// is touched.
///
/// A case is a JSON file: users and event in Auth0's own shapes, so that an
/// exported user or a logged event can be pasted in. `ligature schema case`
/// describes it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature run examples/cases/verified-google-login.json")]
pub(super) struct Args {
    /// The case file
    case: PathBuf,
    #[command(flatten)]
    plugin: PluginArgs,
    /// Print JSON instead of a page
    #[arg(long)]
    json: bool,
    /// Tell what every rule said, and what would have changed the decision
    #[arg(long)]
    explain: bool,
}

impl Args {
    pub(super) fn execute(self) -> Outcome {
        let sandbox = self.plugin.sandbox()?;
        let plugin = self.plugin.load(&sandbox)?;
        let case = checked_case(&self.case, &plugin)?;
        let report = run(&plugin, &case, self.explain);
        if self.json {
            print(&format!("{}\n", report.to_json()))?;
        } else {
            print(&page(&case, &report, plugin.limits()))?;
        }
        match report.failure {
            None => Ok(()),
            Some(failure) => Err(Exit::failed(anyhow!(
                "plugin {} ({}) {failure}, in the login of {} ({})",
                plugin.name(),
                crate::sandbox::CONTRACT,
                crate::login::mask_addresses(&case.event.user.user_id),
                case.file.display(),
            ))),
        }
    }
}
