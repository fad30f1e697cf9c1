//! `ligature replay`.

mod results;

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use results::{ReplayOutcome, ReplayedLogin, Results};

use super::case_files::list_case_files;
use super::exit::describe_error;
use super::plugin::PluginArgs;
use super::policy_set::{PoliciesArgs, PolicySet};
use super::{CommandResult, Exit, MISMATCH, UNREADABLE, print, print_json};
use crate::ambient::Ambient;
use crate::decide::DecisionRequest;
use crate::harness::Case;
use crate::limits::Limits;
use crate::model::mask_addresses;
use crate::policies::{LoadedPolicy, PolicyDocument};
use crate::reading::{InputError, display_path};
use crate::recording::{Recording, reconsider, replay};
use crate::terminal::Json;

/// Decide recorded logins again, without a directory and without a network
///
/// Decides recorded logins again. The recording answers every call, in order; a call with
/// other arguments, another decision or another reason is a difference, and the exit code is
/// 3.
///
/// With --policy or --changed, prints which of these logins another policy decides otherwise.
/// A call that a recording has no answer for is called not known, and not guessed. The exit
/// code is 3 if a login is decided otherwise or its decision is not known.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature replay recordings\n         ligature replay --policy new-policy.json recordings\n         ligature replay --policies policies.toml --changed recordings"
)]
pub(super) struct Args {
    /// Recordings, or folders of them; `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Another policy document: print which logins it decides otherwise
    #[arg(long, value_name = "FILE", conflicts_with = "policies")]
    policy: Option<PathBuf>,
    /// Print which logins the plugin, or the policies of --policies with the settings of that
    /// file, decide otherwise
    #[arg(long)]
    changed: bool,
    #[command(flatten)]
    plugin: PluginArgs,
    #[command(flatten)]
    several: PoliciesArgs,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// The policies of a run: loaded once for each set of limits that recordings have.
struct Loaded<'a> {
    args: &'a Args,
    policy: Option<PolicyDocument>,
    sets: Vec<(Limits, PolicySet)>,
    ambient: &'a Ambient,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let files = list_case_files(&self.paths)?;
        let policy = self.policy.as_deref().map(PolicyDocument::read_file).transpose();
        let policy = policy.map_err(Exit::unreadable)?;
        let mut loaded = Loaded { args: &self, policy, sets: Vec::new(), ambient };
        loaded.check_policies()?;
        let mut logins = Vec::with_capacity(files.len());
        for file in &files {
            logins.push(loaded.decide(file)?);
        }
        let results = Results::new(logins, self.is_comparing());
        if self.json {
            print_json(&Json::pretty(&results).map_err(Exit::failed)?)?;
        } else {
            print(&results.format())?;
        }
        match () {
            () if results.unreadable > 0 => Err(Exit::silently(UNREADABLE)),
            () if results.differ > 0 || results.not_known > 0 => Err(Exit::silently(MISMATCH)),
            () => Ok(()),
        }
    }

    fn is_comparing(&self) -> bool {
        self.policy.is_some() || self.changed
    }
}

impl Loaded<'_> {
    /// Loads the policies that the options name. Their error is that of the command, and not
    /// that of each recording.
    fn check_policies(&mut self) -> CommandResult {
        if self.policy.is_none() && self.args.several.file().is_none() {
            return Ok(());
        }
        let policy = self.policy.clone();
        self.set(Limits::default())?.policies_of_event(policy).map(drop)
    }

    /// Decides one recorded login. One that cannot be read does not stop the others.
    fn decide(&mut self, file: &Path) -> Result<ReplayedLogin, Exit> {
        match self.try_to_decide(file) {
            Err(exit) if exit.code == UNREADABLE => {
                let why = exit.error.as_ref().map(describe_error).unwrap_or_default();
                Ok(ReplayedLogin::unreadable(file, why))
            }
            decided => decided,
        }
    }

    fn try_to_decide(&mut self, file: &Path) -> Result<ReplayedLogin, Exit> {
        let mut case = Case::read_file(file).map_err(Exit::unreadable)?;
        let Some(recording) = case.recording.clone() else {
            let why = "this is a case without a recording; `ligature record` makes one of it";
            return Err(Exit::unreadable(InputError::for_file(file, why)));
        };
        if let Some(policy) = &self.policy {
            case.policy = policy.clone();
        }
        let policies = self.policies(&case, &recording)?;
        let policies: Vec<_> = policies.iter().map(LoadedPolicy::borrowed).collect();
        let request =
            DecisionRequest { event: &case.event, now: case.now, trace: false, answer: case.answer.as_ref() };
        let outcome = if self.args.is_comparing() {
            ReplayOutcome::Reconsidered(reconsider(&policies, request, &recording))
        } else {
            ReplayOutcome::Replayed(replay(&policies, request, &recording))
        };
        Ok(ReplayedLogin {
            file: display_path(file),
            title: case.title.clone(),
            login: mask_addresses(&case.event.user.user_id).into_owned(),
            left_out: recording.left_out.clone(),
            outcome,
        })
    }

    fn policies(&mut self, case: &Case, recording: &Recording) -> Result<Vec<LoadedPolicy>, Exit> {
        let limits = recording.policies.first().map(|it| it.limits.clone()).unwrap_or_default();
        let is_changed = self.args.changed;
        let set = self.set(limits)?;
        match set {
            // The settings are those of the policies file, not those of the recording.
            PolicySet::InOrder(_) if is_changed => set.policies_of_event(None),
            PolicySet::Plugin(_) if recording.policies.len() > 1 => Err(Exit::unreadable(anyhow!(
                "{}: {} policies have decided it; add --policies FILE, which says which plugins they are",
                display_path(&case.file),
                recording.policies.len(),
            ))),
            _ => set.policies_of_recording(case, recording),
        }
    }

    /// Returns the policies with these limits, unless the options say others.
    fn set(&mut self, limits: Limits) -> Result<&PolicySet, Exit> {
        let place = match self.sets.iter().position(|(known, _)| *known == limits) {
            Some(place) => place,
            None => {
                let Self { args, ambient, .. } = self;
                let set = PolicySet::load_with(&args.plugin, &args.several, limits.clone(), ambient)?;
                self.sets.push((limits, set));
                self.sets.len() - 1
            }
        };
        Ok(&self.sets[place].1)
    }
}
