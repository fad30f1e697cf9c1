//! `ligature run`.

use std::path::Path;

use anyhow::anyhow;

use super::login_args::{ArrivedLogin, LoginArgs, LoginFile};
use super::policy_set::PolicySet;
use super::{CommandResult, Exit, print, print_json};
use crate::ambient::Ambient;
use crate::directory::{CountedLogin, OpenMode};
use crate::harness::{Case, DirectoryRun, Report, format_page, run_case_by_policies, run_case_in_directory};
use crate::model::{ApiError, Decision, mask_addresses};
use crate::policies::{LoadedPolicy, PolicyDocument};
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
    #[command(flatten)]
    login: LoginArgs,
    /// Decide and print as usual, and change nothing
    #[arg(long, requires = "event")]
    dry_run: bool,
    /// Print JSON instead of a page
    #[arg(long)]
    json: bool,
    /// Print the verdict of every rule, and changes that would have changed the decision
    #[arg(long)]
    explain: bool,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let file = self.login.file("run", "decide")?;
        let policy_set = self.login.load_policies(ambient)?;
        let (case, report, counted) = match file {
            LoginFile::Event(event) => self.run_in_directory(event, &policy_set, ambient)?,
            LoginFile::Case(case) => {
                let (case, policies) = self.login.read_case(case, &policy_set)?;
                let policies: Vec<_> = policies.iter().map(LoadedPolicy::borrowed).collect();
                let report =
                    run_case_by_policies(&policies, &case, self.explain).map_err(Exit::unreadable)?;
                (case, report, Ok(()))
            }
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
        file: &Path,
        policy_set: &PolicySet,
        ambient: &Ambient,
    ) -> Result<(Case, Report, CommandResult), Exit> {
        let mode = if self.dry_run { OpenMode::DryRun } else { OpenMode::Create };
        let ArrivedLogin { directory, policies, event, event_user_id, now } =
            self.login.arrive(self.login.read_login(file, policy_set)?, mode, ambient)?;
        let case = Case {
            title: format!("The login of {}", mask_addresses(&event.user.user_id)),
            file: file.to_owned(),
            now,
            policy: PolicyDocument::default(),
            policies: Vec::new(),
            users: Vec::new(),
            event,
            answer: None,
            faults: Vec::new(),
            exact_look_up: false,
            recording: None,
        };
        let request = case.event.rest.get("request");
        let ip = request.and_then(|it| it.get("ip")?.as_str()?.parse().ok());
        let policies: Vec<_> = policies.iter().map(LoadedPolicy::borrowed).collect();
        let DirectoryRun { mut report, user_id } =
            run_case_in_directory(&policies, &case, &directory, self.explain)?;
        // The decision `linked` names the user itself.
        let is_linked = matches!(report.decision, Decision::Linked { .. });
        let other = user_id.as_ref().filter(|user_id| !is_linked && **user_id != event_user_id);
        report.user_id = other.map(|user_id| mask_addresses(user_id).into_owned());
        let identity = case.event.identity().map(|it| (it.provider.as_str(), it.user_id.as_str()));
        let count = |user_id: &str| directory.count_login(&CountedLogin { user_id, identity, at: now, ip });
        let counted = match user_id.as_deref().map(count) {
            // Another login has linked the user since, and has counted that login.
            None | Some(Ok(()) | Err(ApiError::NotFound(_))) => Ok(()),
            Some(Err(error)) => Err(error.into()),
        };
        Ok((case, report, counted))
    }
}
