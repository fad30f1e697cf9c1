//! The options for the one login that a command decides: that of a case, or that of an event in a
//! directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use super::Exit;
use super::directory::{DIRECTORY, JournalArgs};
use super::plugin::PluginArgs;
use super::policy_set::{OverrideArgs, PoliciesArgs, PolicySet};
use crate::ambient::Ambient;
use crate::directory::{Administration, ArrivalError, OpenMode, arrive};
use crate::harness::{Case, read_event};
use crate::model::{LoginEvent, Timestamp, mask_addresses};
use crate::policies::LoadedPolicy;
use crate::reading::display_path;

/// The options for the login, its directory and its policies.
#[derive(Debug, clap::Args)]
pub(super) struct LoginArgs {
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
    #[command(flatten)]
    plugin: PluginArgs,
    #[command(flatten)]
    several: PoliciesArgs,
}

/// The file with the login.
#[derive(Debug, Clone, Copy)]
pub(super) enum LoginFile<'a> {
    Case(&'a Path),
    Event(&'a Path),
}

impl<'a> LoginFile<'a> {
    pub(super) fn path(self) -> &'a Path {
        match self {
            Self::Case(path) | Self::Event(path) => path,
        }
    }
}

/// The login of an event's file, before it arrives in a directory.
pub(super) struct ReadLogin<'a> {
    file: &'a Path,
    event: LoginEvent,
    policies: Vec<LoadedPolicy>,
    /// The time of the login, if the command sets it.
    now: Option<Timestamp>,
}

/// A login that has arrived in a directory.
pub(super) struct ArrivedLogin {
    pub(super) directory: Arc<dyn Administration>,
    pub(super) policies: Vec<LoadedPolicy>,
    /// The event, with the user as the directory has it now.
    pub(super) event: Arc<LoginEvent>,
    /// The user id of the event.
    pub(super) event_user_id: String,
    pub(super) now: Timestamp,
}

impl LoginArgs {
    /// Returns the file with the login. `command` is for the message if there is none, such as
    /// `run`, and `purpose` is what it does with the login, such as `decide`.
    pub(super) fn file(&self, command: &str, purpose: &str) -> Result<LoginFile<'_>, Exit> {
        match (&self.case, &self.event) {
            (Some(case), _) => Ok(LoginFile::Case(case)),
            (None, Some(event)) => Ok(LoginFile::Event(event)),
            (None, None) => Err(Exit::unreadable(anyhow!(
                "name the login to {purpose}: a CASE file, or --event FILE with --directory URL; \
                 see `ligature {command} --help`"
            ))),
        }
    }

    pub(super) fn load_policies(&self, ambient: &Ambient) -> Result<PolicySet, Exit> {
        PolicySet::load(&self.plugin, &self.several, ambient)
    }

    /// Reads the case, with the policies that decide it.
    pub(super) fn read_case(
        &self,
        case: &Path,
        policy_set: &PolicySet,
    ) -> Result<(Case, Vec<LoadedPolicy>), Exit> {
        policy_set.read_case(case, &self.overrides.read_overrides()?)
    }

    /// Reads the event of a login, with the policies that decide it.
    pub(super) fn read_login<'a>(
        &self,
        file: &'a Path,
        policy_set: &PolicySet,
    ) -> Result<ReadLogin<'a>, Exit> {
        let overrides = self.overrides.read_overrides()?;
        let event = read_event(file).map_err(Exit::unreadable)?;
        let policies = policy_set.policies_of_event(overrides.policy)?;
        Ok(ReadLogin { file, event, policies, now: overrides.now })
    }

    /// Opens the directory and lets the login arrive in it.
    pub(super) fn arrive(
        &self,
        login: ReadLogin<'_>,
        mode: OpenMode,
        ambient: &Ambient,
    ) -> Result<ArrivedLogin, Exit> {
        let ReadLogin { file, event, policies, now } = login;
        let directory = self.journal.open(self.directory.as_deref().unwrap_or_default(), mode, ambient)?;
        let now = now.unwrap_or_else(|| ambient.now());
        let event_user_id = event.user.user_id.clone();
        let event = arrive(&*directory, event, now).map_err(|error| match error {
            ArrivalError::Directory(error) => error.into(),
            error => {
                Exit::unreadable(anyhow!("{}: {}", display_path(file), mask_addresses(&error.to_string())))
            }
        })?;
        Ok(ArrivedLogin { directory, policies, event: Arc::new(event), event_user_id, now })
    }
}
