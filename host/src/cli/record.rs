//! `ligature record`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::directory::protect_environment_files;
use super::login_args::{ArrivedLogin, LoginArgs, LoginFile};
use super::output_file::{OutputFile, Readers};
use super::policy_set::PolicySet;
use super::{CommandResult, Exit, MISMATCH, print_error, print_json};
use crate::ambient::Ambient;
use crate::decide::{DecisionContext, DecisionRequest, OnFailure, UserKeeper};
use crate::directory::OpenMode;
use crate::harness::{Case, record_case};
use crate::policies::LoadedPolicy;
use crate::reading::{STANDARD_INPUT, display_path};
use crate::recording::{RecordedLogin, Redaction, decide_and_record, replay};
use crate::terminal::{Json, Text};

/// Record one login, so that `ligature replay` can decide it again without its directory
///
/// Decides one login, that of a case or that of an event in a real directory, and writes a
/// recording: a case file with every answer of the directory. Nothing is changed: in a real
/// directory, the login is a dry run. `serve` and `hook` record real logins with --record.
///
/// A recording has no tokens, no secrets and no browser request. It does have the users that
/// the login looked up, with their metadata; --mask-addresses masks addresses and names.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature record --event event.json --directory sqlite:users.db --policy policy.json --output login.json\n         ligature record case.json --mask-addresses > login.json"
)]
pub(super) struct Args {
    #[command(flatten)]
    login: LoginArgs,
    /// Mask addresses and names. Equal ones stay equal, and domains stay
    #[arg(long)]
    mask_addresses: bool,
    /// The file to write, which only its owner can read; standard output by default
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let file = self.login.file("record", "record")?;
        let input = file.path();
        let protected = protect_environment_files().with_file(input, "the login to record");
        let output = self.output.as_deref().map(|file| OutputFile::new(file, &protected)).transpose()?;
        let policy_set = self.login.load_policies(ambient)?;
        let login = match file {
            LoginFile::Event(event) => self.record_in_directory(event, &policy_set, ambient)?,
            LoginFile::Case(case) => {
                let (case, policies) = self.login.read_case(case, &policy_set)?;
                let policies: Vec<_> = policies.iter().map(LoadedPolicy::borrowed).collect();
                record_case(&policies, &case).map_err(Exit::unreadable)?
            }
        };
        let recorded = login.to_json(&Redaction::new(self.mask_addresses, ambient));
        let recorded = recorded.map_err(|why| {
            Exit::failed(anyhow!("{}: the login is not recorded: {why}", display_path(input)))
        })?;
        match &output {
            None => print_json(&recorded)?,
            Some(file) => file.replace(Readers::Owner, |out| {
                out.write_all(recorded.as_str().as_bytes())
                    .and_then(|()| out.write_all(b"\n"))
                    .map_err(|error| file.report_unwritable(&error))
            })?,
        }
        check_replay(&recorded, &policy_set)
    }

    /// Decides the login in the directory, of which nothing is changed.
    fn record_in_directory(
        &self,
        file: &Path,
        policy_set: &PolicySet,
        ambient: &Ambient,
    ) -> Result<RecordedLogin, Exit> {
        let ArrivedLogin { directory, policies, event, now, .. } =
            self.login.arrive(self.login.read_login(file, policy_set)?, OpenMode::DryRun, ambient)?;
        let policies: Vec<_> = policies.iter().map(LoadedPolicy::borrowed).collect();
        let request = DecisionRequest { event: &event, now, trace: false, answer: None };
        let context = DecisionContext {
            directory,
            on_failure: OnFailure::Proceed,
            can_prompt: true,
            user_keeper: UserKeeper::Directory,
        };
        Ok(decide_and_record(&policies, request, context).1)
    }
}

/// Replays a recording at once: a plugin that reads a field that is left out, or random bytes,
/// is found here and not later.
fn check_replay(recorded: &Json, policy_set: &PolicySet) -> CommandResult {
    let case = Case::parse(Path::new(STANDARD_INPUT), recorded.as_str()).map_err(Exit::failed)?;
    let Some(recording) = case.recording.clone() else { return Ok(()) };
    let policies = policy_set.policies_of_recording(&case, &recording)?;
    let policies: Vec<_> = policies.iter().map(LoadedPolicy::borrowed).collect();
    let request =
        DecisionRequest { event: &case.event, now: case.now, trace: false, answer: case.answer.as_ref() };
    let replayed = replay(&policies, request, &recording);
    if replayed.differences.is_empty() || replayed.is_unrepeatable {
        return Ok(());
    }
    print_error(&Text::from_line(
        "warning: the recording is written, and its replay differs: `ligature replay` prints how. \
         The plugin may read a field that is left out, or random bytes.",
    ));
    Err(Exit::silently(MISMATCH))
}
