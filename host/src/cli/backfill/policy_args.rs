//! The policies of a backfill.

use std::path::PathBuf;

use crate::ambient::Ambient;
use crate::backfill::PlannedPolicy;
use crate::cli::Exit;
use crate::cli::plugin::PluginArgs;
use crate::cli::policy_set::{PoliciesArgs, PolicySet};
use crate::policies::{LoadedPolicy, PolicyDocument};

#[derive(Debug, clap::Args)]
pub(super) struct PolicyArgs {
    /// The policy document; without it, the plugin's defaults apply
    #[arg(long, value_name = "FILE", conflicts_with = "policies")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginArgs,
    #[command(flatten)]
    several: PoliciesArgs,
}

impl PolicyArgs {
    /// Loads the policies, for decisions on this number of threads.
    pub(super) fn load(&self, threads: u32, ambient: &Ambient) -> Result<Vec<LoadedPolicy>, Exit> {
        let document =
            self.policy.as_deref().map(PolicyDocument::read_file).transpose().map_err(Exit::unreadable)?;
        PolicySet::load_for_many(&self.plugin, &self.several, threads, ambient)?.policies_of_event(document)
    }
}

/// Returns the number of threads to use: the given one, or one for each processor.
pub(super) fn count_threads(given: Option<u16>) -> u32 {
    given.map_or_else(count_processors, u32::from)
}

/// The default number of threads that link or undo: most of a link is waiting for the database.
const LINKING_THREADS: u32 = 4;

/// Returns the number of threads that link or undo: the given one, or one for each processor, but at
/// least four.
pub(super) fn count_linking_threads(given: Option<u16>) -> u32 {
    given.map_or_else(|| count_processors().max(LINKING_THREADS), u32::from)
}

fn count_processors() -> u32 {
    std::thread::available_parallelism().ok().and_then(|it| u32::try_from(it.get()).ok()).unwrap_or(1)
}

/// Describes policies as a plan has them.
pub(super) fn describe_policies(policies: &[LoadedPolicy]) -> Vec<PlannedPolicy> {
    let describe = |policy: &LoadedPolicy| PlannedPolicy {
        name: policy.name.to_string(),
        policy_sha256: policy.settings.sha256().to_string(),
        plugin_sha256: policy.plugin.sha256().to_owned(),
        mode: policy.mode().map(Into::into),
    };
    policies.iter().map(describe).collect()
}
