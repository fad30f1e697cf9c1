//! `ligature backfill preview`.

use std::io::{self, Write};
use std::path::PathBuf;

use super::report_folder::ReportFolder;
use super::watch::Watch;
use crate::ambient::Ambient;
use crate::backfill::{
    BackfillError, FileCounts, FileGroups, GroupDecider, GroupKind, Phase, PlanHeader, PlanWriter,
    PlannedPolicy, Preview, Progress, Tally,
};
use crate::cli::plugin::PluginArgs;
use crate::cli::policy_set::{PoliciesArgs, PolicySet};
use crate::cli::{CommandResult, Exit, print, print_json};
use crate::harness::group_thousands;
use crate::model::Timestamp;
use crate::policies::{LoadedPolicy, PolicyDocument};
use crate::terminal::{Json, Text, care, line};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature backfill preview --users users.ndjson.gz --policy policy.json --report report"
)]
pub(super) struct PreviewArgs {
    /// An export of the users, gzipped or not: Auth0's export, one user per line, or an array. It is
    /// read twice
    #[arg(long, value_name = "FILE")]
    users: PathBuf,
    /// The policy document; without it, the plugin's defaults apply
    #[arg(long, value_name = "FILE", conflicts_with = "policies")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginArgs,
    #[command(flatten)]
    several: PoliciesArgs,
    /// The folder for the plan, a table for spreadsheets and a page. It is created, and only its
    /// owner can read it
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
    /// The time of the logins, such as 2026-11-21T10:00:00Z, instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// The number of threads that decide. The default: one for each processor
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

impl PreviewArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let threads = self.threads.map_or_else(count_processors, u32::from);
        let policies = self.load_policies(threads, ambient)?;
        let folder = self.report.as_deref().map(ReportFolder::create).transpose()?;
        let watch = Watch::new(ambient);
        let spool = folder.as_ref().map_or_else(std::env::temp_dir, |folder| folder.path().to_owned());
        let mut groups = FileGroups::find(&self.users, &spool, &watch).map_err(explain)?;
        let now = self.now.unwrap_or_else(|| ambient.now());
        let header = PlanHeader::new(now, self.users.display().to_string(), describe_policies(&policies));
        let decider = GroupDecider { policies: &policies, now, ambient };
        let preview = Preview { decider, threads: threads as usize, progress: &watch };
        watch.begin(Phase::Decide, None);
        let tally = match &folder {
            None => plan_into(io::sink(), &header, |plan| preview.plan_groups(&mut groups, plan)),
            Some(folder) => {
                plan_into(folder.create_plan()?, &header, |plan| preview.plan_groups(&mut groups, plan))
            }
        };
        let tally = tally.map_err(explain)?;
        watch.finish();
        if let Some(folder) = folder {
            folder.finish(groups.counts.users)?;
        }
        if self.json {
            return print_json(&Json::pretty(&tally).map_err(Exit::failed)?);
        }
        print(&describe_preview(&tally, &groups.counts, &policies))
    }

    fn load_policies(&self, threads: u32, ambient: &Ambient) -> Result<Vec<LoadedPolicy>, Exit> {
        let document =
            self.policy.as_deref().map(PolicyDocument::read_file).transpose().map_err(Exit::unreadable)?;
        PolicySet::load_for_many(&self.plugin, &self.several, threads, ambient)?.policies_of_event(document)
    }
}

fn count_processors() -> u32 {
    std::thread::available_parallelism().ok().and_then(|it| u32::try_from(it.get()).ok()).unwrap_or(1)
}

fn describe_policies(policies: &[LoadedPolicy]) -> Vec<PlannedPolicy> {
    let describe = |policy: &LoadedPolicy| PlannedPolicy {
        name: policy.name.to_string(),
        policy_sha256: policy.settings.sha256().to_string(),
        plugin_sha256: policy.plugin.sha256().to_owned(),
        mode: policy.mode().map(Into::into),
    };
    policies.iter().map(describe).collect()
}

/// Writes a plan to its end.
fn plan_into<W: Write>(
    out: W,
    header: &PlanHeader,
    plan_groups: impl FnOnce(&mut PlanWriter<W>) -> Result<Tally, BackfillError>,
) -> Result<Tally, BackfillError> {
    let mut plan = PlanWriter::begin(out, header).map_err(BackfillError::Unwritable)?;
    let tally = plan_groups(&mut plan)?;
    plan.end().map_err(BackfillError::Unwritable)?;
    Ok(tally)
}

fn explain(error: BackfillError) -> Exit {
    match error {
        BackfillError::Stream | BackfillError::Read(_) => Exit::unreadable(error),
        BackfillError::Directory(error) => error.into(),
        error => Exit::failed(error),
    }
}

/// Describes what a preview has found.
fn describe_preview(tally: &Tally, counts: &FileCounts, policies: &[LoadedPolicy]) -> Text {
    let mut text = Text::default();
    let number = group_thousands;
    text.line(format!(
        "{} users, of which {} have the address of another one: {} groups",
        number(counts.users),
        number(tally.accounts),
        number(tally.groups)
    ));
    if counts.without_address > 0 {
        text.line(format!("{} users without an address", number(counts.without_address)));
    }
    if counts.unreadable > 0 {
        text.line(line![care(format!("{} users cannot be read:", number(counts.unreadable)))]);
        for (place, why) in &counts.reported {
            text.line(format!("  {place}: {why}"));
        }
    }
    for kind in GroupKind::ALL {
        let count =
            |counts: &std::collections::BTreeMap<&str, u64>| counts.get(kind.as_str()).copied().unwrap_or(0);
        text.head(&format!("{:<9}{:>12} groups", kind.as_str(), number(count(&tally.groups_by_kind))));
        if let Some(reasons) = tally.reasons.get(kind.as_str()) {
            for (reason, times) in reasons {
                text.line(format!("  {:>12}  {reason}", number(*times)));
            }
        }
    }
    text.line("");
    text.line(format!(
        "Links would leave {} accounts fewer. Nothing was changed.",
        number(tally.removed_accounts)
    ));
    text.line("Each account was decided as if it logged in now, the newest of a group first.");
    if policies.iter().any(|policy| policy.mode().as_deref() == Some("observe")) {
        text.line(line![care(
            "The policy only observes: a login would report these decisions, and link nothing."
        )]);
    }
    text
}
