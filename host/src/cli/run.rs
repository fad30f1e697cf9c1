//! `ligature run`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;

use super::directory::{DIRECTORY, JournalArgs};
use super::plugin::PluginArgs;
use super::policy_set::{OverrideArgs, Overrides, PoliciesArgs, PolicySet};
use super::{CommandResult, Exit, print, print_json};
use crate::ambient::Ambient;
use crate::directory::{ArrivalError, OpenMode, arrive};
use crate::harness::{
    Case, DirectoryRun, Report, format_page, read_event, run_case_by_policies, run_case_in_directory,
};
use crate::model::{ApiError, Decision, mask_addresses};
use crate::policies::{Policy, PolicyDocument};
use crate::reading::display_path;
use crate::terminal::Json;

/// Decide one login and print what happened on one page
///
/// Decides one login: that of a case, in a directory of its own, or that of an event, in
/// a real directory.
///
/// A case is a JSON file. Its users and its event have Auth0's own shapes, so that an
/// exported user or a logged event can be pasted in. `ligature schema case` describes it.
/// Nothing outside the case is changed.
///
/// With --directory and --event the decision is carried out: the user of a first login is
/// created, the login is counted, and accounts are linked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature run examples/cases/verified-google-login.json\n         ligature run case.json --policy policy.json --explain\n         ligature run --directory sqlite:users.db --event event.json --policy policy.json --dry-run"
)]
pub(super) struct Args {
    /// The case file; `-` for standard input
    #[arg(conflicts_with = "event")]
    case: Option<PathBuf>,
    /// A post-login event to decide in the directory; `-` for standard input
    #[arg(long, value_name = "FILE", requires = "directory")]
    event: Option<PathBuf>,
    /// The directory: sqlite:PATH, postgres://USER@HOST/DATABASE, or auth0://DOMAIN for a
    /// tenant of Auth0, with --journal
    #[arg(long, short, value_name = "URL", env = DIRECTORY, hide_env_values = true)]
    directory: Option<String>,
    #[command(flatten)]
    journal: JournalArgs,
    #[command(flatten)]
    overrides: OverrideArgs,
    /// Decide and print as usual, and change nothing
    #[arg(long, requires = "event")]
    dry_run: bool,
    #[command(flatten)]
    plugin: PluginArgs,
    #[command(flatten)]
    several: PoliciesArgs,
    /// Print JSON instead of a page
    #[arg(long)]
    json: bool,
    /// Print the verdict of every rule, and changes that would have changed the decision
    #[arg(long)]
    explain: bool,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        if self.case.is_none() && self.event.is_none() {
            return Err(Exit::unreadable(anyhow!(
                "name the login to decide: a CASE file, or --event FILE with --directory URL; \
                 see `ligature run --help`"
            )));
        }
        let policy_set = PolicySet::load(&self.plugin, &self.several, ambient)?;
        let overrides = self.overrides.read()?;
        let (case, report, counted) = match (&self.case, &self.event) {
            (Some(file), _) => {
                let (case, policies) = policy_set.read_case(file, &overrides)?;
                let policies: Vec<_> = policies.iter().map(Policy::borrowed).collect();
                let report =
                    run_case_by_policies(&policies, &case, self.explain).map_err(Exit::unreadable)?;
                (case, report, Ok(()))
            }
            (None, Some(event)) => self.run_in_directory(event.clone(), &policy_set, overrides, ambient)?,
            // Refused above.
            (None, None) => return Ok(()),
        };
        if self.json {
            print_json(&Json::pretty(&report).map_err(Exit::failed)?)?;
        } else {
            let mut page = format_page(&case, &report, &policy_set.limits());
            if self.dry_run {
                page.line("");
                page.line("Nothing was written (--dry-run)");
            }
            print(&page)?;
        }
        counted?;
        match report.failure {
            None => Ok(()),
            Some(failure) => Err(Exit::failed(anyhow!(
                "plugin {} ({}) {failure}, in the login of {} ({})",
                report.plugin.map(|it| it.name).unwrap_or_default(),
                crate::sandbox::CONTRACT,
                mask_addresses(&case.event.user.user_id),
                display_path(&case.file),
            ))),
        }
    }

    /// Decides the login in the directory, and counts it. The last part of the result is
    /// the error of counting, which is reported after the decision is printed.
    fn run_in_directory(
        &self,
        file: PathBuf,
        policy_set: &PolicySet,
        overrides: Overrides,
        ambient: &Ambient,
    ) -> Result<(Case, Report, CommandResult), Exit> {
        let event = read_event(&file).map_err(Exit::unreadable)?;
        let policies = policy_set.policies_of_event(overrides.policy)?;
        let how = if self.dry_run { OpenMode::DryRun } else { OpenMode::Create };
        let directory = self.journal.open(self.directory.as_deref().unwrap_or_default(), how, ambient)?;
        let now = overrides.now.unwrap_or_else(|| ambient.now());

        let event_user_id = event.user.user_id.clone();
        let event = arrive(&*directory, event, now).map_err(|error| match error {
            ArrivalError::Directory(error) => error.into(),
            error => {
                Exit::unreadable(anyhow!("{}: {}", display_path(&file), mask_addresses(&error.to_string())))
            }
        })?;
        let case = Case {
            title: format!("The login of {}", mask_addresses(&event.user.user_id)),
            file,
            now,
            policy: PolicyDocument::default(),
            policies: Vec::new(),
            users: Vec::new(),
            event: Arc::new(event),
            answer: None,
            faults: Vec::new(),
            exact_look_up: false,
            recording: None,
        };
        let request = case.event.rest.get("request");
        let ip = request.and_then(|it| it.get("ip")?.as_str()?.parse().ok());
        let policies: Vec<_> = policies.iter().map(Policy::borrowed).collect();
        let DirectoryRun { mut report, user_id } =
            run_case_in_directory(&policies, &case, &directory, self.explain)?;
        // The decision `linked` names the user itself.
        let is_linked = matches!(report.decision, Decision::Linked { .. });
        let other = user_id.as_ref().filter(|user_id| !is_linked && **user_id != event_user_id);
        report.user_id = other.map(|user_id| mask_addresses(user_id).into_owned());
        let counted = match user_id.map(|user_id| directory.count_login(&user_id, now, ip)) {
            // Another login has linked the user since, and has counted that login.
            None | Some(Ok(()) | Err(ApiError::NotFound(_))) => Ok(()),
            Some(Err(error)) => Err(error.into()),
        };
        Ok((case, report, counted))
    }
}
