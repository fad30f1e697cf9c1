//! `ligature run`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;

use super::deciding::{Deciding, InPlace, InPlaceArgs, PoliciesArgs};
use super::directory::{DIRECTORY, JournalArgs, failed};
use super::plugin::PluginArgs;
use super::{Exit, Outcome, print, print_json};
use crate::ambient::Ambient;
use crate::directory::{ArrivalError, Open, arrive};
use crate::harness::{
    Case, DirectoryRun, Report, format_page, read_event, run_case_by_policies, run_case_in_directory,
};
use crate::model::{ApiError, Decision, mask_addresses};
use crate::policies::{Policy, PolicyDocument};
use crate::reading::shown;
use crate::terminal::Json;

/// Decide one login and print what happened on one page
///
/// Decides one login: that of a case, in a directory of its own, or that of an
/// event, in a real directory.
///
/// A case is a JSON file: users and event in Auth0's own shapes, so that an
/// exported user or a logged event can be pasted in. `ligature schema case`
/// describes it. Nothing outside it is touched.
///
/// With --directory and --event the decision is carried out: the user of a first
/// login is made, the login counted, accounts are linked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature run examples/cases/verified-google-login.json\n         ligature run case.json --policy policy.json --explain\n         ligature run --directory sqlite:users.db --event event.json --policy policy.json --dry-run"
)]
pub(super) struct Args {
    /// The case file; `-` for standard input
    #[arg(conflicts_with = "event")]
    case: Option<PathBuf>,
    /// A post-login event, to be decided in the directory; `-` for standard
    /// input
    #[arg(long, value_name = "FILE", requires = "directory")]
    event: Option<PathBuf>,
    /// Where the users are: sqlite:PATH or postgres://USER@HOST/DATABASE
    #[arg(long, short, value_name = "URL", env = DIRECTORY, hide_env_values = true)]
    directory: Option<String>,
    #[command(flatten)]
    journal: JournalArgs,
    #[command(flatten)]
    in_place: InPlaceArgs,
    /// Decide and print the same, and write nothing
    #[arg(long, requires = "event")]
    dry_run: bool,
    #[command(flatten)]
    plugin: PluginArgs,
    #[command(flatten)]
    several: PoliciesArgs,
    /// Print JSON instead of a page
    #[arg(long)]
    json: bool,
    /// Tell what every rule said, and what would have changed the decision
    #[arg(long)]
    explain: bool,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        if self.case.is_none() && self.event.is_none() {
            return Err(Exit::unreadable(anyhow!(
                "name what is to be decided: a CASE file, or --event FILE with --directory URL; \
                 see `ligature run --help`"
            )));
        }
        let deciding = Deciding::load(&self.plugin, &self.several, ambient)?;
        let in_place = self.in_place.read()?;
        let (case, report, counted) = match (&self.case, &self.event) {
            (Some(file), _) => {
                let (case, policies) = deciding.case(file, &in_place)?;
                let policies: Vec<_> = policies.iter().map(Policy::borrowed).collect();
                let report =
                    run_case_by_policies(&policies, &case, self.explain).map_err(Exit::unreadable)?;
                (case, report, Ok(()))
            }
            (None, Some(event)) => self.in_directory(event.clone(), &deciding, in_place, ambient)?,
            // Refused above.
            (None, None) => return Ok(()),
        };
        if self.json {
            print_json(&Json::pretty(&report).map_err(Exit::failed)?)?;
        } else {
            let mut page = format_page(&case, &report, &deciding.limits());
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
                shown(&case.file),
            ))),
        }
    }

    /// Decides the login in the directory, and counts it. That it could not be
    /// counted is told once what was decided has been printed.
    fn in_directory(
        &self,
        file: PathBuf,
        deciding: &Deciding,
        in_place: InPlace,
        ambient: &Ambient,
    ) -> Result<(Case, Report, Outcome), Exit> {
        let event = read_event(&file).map_err(Exit::unreadable)?;
        let policies = deciding.policies(in_place.policy)?;
        let how = if self.dry_run { Open::DryRun } else { Open::Create };
        let directory = self.journal.open(self.directory.as_deref().unwrap_or_default(), how, ambient)?;
        let now = in_place.now.unwrap_or_else(|| ambient.now());

        let said = event.user.user_id.clone();
        let event = arrive(&*directory, event, now).map_err(|error| match error {
            ArrivalError::Directory(error) => failed(error),
            error => Exit::unreadable(anyhow!("{}: {}", shown(&file), mask_addresses(&error.to_string()))),
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
        };
        let request = case.event.rest.get("request");
        let ip = request.and_then(|it| it.get("ip")?.as_str()?.parse().ok());
        let policies: Vec<_> = policies.iter().map(Policy::borrowed).collect();
        let DirectoryRun { mut report, user_id } =
            run_case_in_directory(&policies, &case, &directory, self.explain).map_err(failed)?;
        // `linked` says it itself.
        let is_linked = matches!(report.decision, Decision::Linked { .. });
        let other = user_id.as_ref().filter(|user_id| !is_linked && **user_id != said);
        report.user_id = other.map(|user_id| mask_addresses(user_id).into_owned());
        let counted = match user_id.map(|user_id| directory.count_login(&user_id, now, ip)) {
            // Another login has linked the user since: it counts its own.
            None | Some(Ok(()) | Err(ApiError::NotFound(_))) => Ok(()),
            Some(Err(error)) => Err(failed(error)),
        };
        Ok((case, report, counted))
    }
}
