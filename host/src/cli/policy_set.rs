//! The policies by which a command decides logins.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use super::Exit;
use super::plugin::{PluginArgs, options_for_few_logins, while_compiling};
use crate::ambient::Ambient;
use crate::harness::{Case, NamedPolicy};
use crate::limits::Limits;
use crate::model::Timestamp;
use crate::policies::{LoadedPolicy, PoliciesFile, PolicyDocument, Source, SourceError};
use crate::reading::{display_path, read_text};
use crate::recording::Recording;
#[cfg(feature = "backfill")]
use crate::sandbox::Allocator;
use crate::sandbox::{Cancel, Options, Plugin};

/// The option for several policies.
#[derive(Debug, clap::Args)]
pub(super) struct PoliciesArgs {
    /// Several policies in order, instead of one plugin: a TOML file with tables
    /// `[[policy]]`. The first policy that does not let the login proceed decides
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plugin", "limits", "wasi"])]
    policies: Option<PathBuf>,
}

impl PoliciesArgs {
    /// The policies file, if it was given.
    pub(super) fn file(&self) -> Option<&Path> {
        self.policies.as_deref()
    }
}

/// The options that override a case's policy and time.
#[derive(Debug, clap::Args)]
pub(super) struct OverrideArgs {
    /// The policy document, instead of the case's own. The default for an event: the
    /// plugin's defaults
    #[arg(long, value_name = "FILE", conflicts_with = "policies")]
    policy: Option<PathBuf>,
    /// The login's time, such as 2026-11-21T10:00:00Z, instead of the case's own. The
    /// default for an event: now
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

/// The overriding policy and time.
pub(super) struct Overrides {
    pub(super) policy: Option<PolicyDocument>,
    pub(super) now: Option<Timestamp>,
}

impl OverrideArgs {
    /// Reads the policy document and the time; an unreadable one is an exit with code 2.
    pub(super) fn read_overrides(&self) -> Result<Overrides, Exit> {
        let policy =
            self.policy.as_deref().map(PolicyDocument::read_file).transpose().map_err(Exit::unreadable)?;
        Ok(Overrides { policy, now: self.now })
    }
}

/// The policies that decide, loaded once for all logins of a command.
pub(super) enum PolicySet {
    /// One plugin, with each case's own policy document.
    Plugin(Arc<Plugin>),
    /// The policies of a policies file, in order.
    InOrder(Vec<LoadedPolicy>),
}

impl PolicySet {
    /// Loads the policies that the options name.
    pub(super) fn load(args: &PluginArgs, several: &PoliciesArgs, ambient: &Ambient) -> Result<Self, Exit> {
        Self::load_with(args, several, Limits::default(), ambient)
    }

    /// Loads the policies that the options name, for a command that decides many logins, with so many
    /// threads.
    #[cfg(feature = "backfill")]
    pub(super) fn load_for_many(
        args: &PluginArgs,
        several: &PoliciesArgs,
        threads: u32,
        ambient: &Ambient,
    ) -> Result<Self, Exit> {
        let options =
            Options { allocator: Allocator::Pool, concurrent_logins: threads, ..Options::default() };
        Self::load_in(args, several, options, ambient)
    }

    /// Loads the policies that the options name. The limits are those of the options, or else
    /// `limits`.
    pub(super) fn load_with(
        args: &PluginArgs,
        several: &PoliciesArgs,
        limits: Limits,
        ambient: &Ambient,
    ) -> Result<Self, Exit> {
        Self::load_in(args, several, Options { limits, ..options_for_few_logins() }, ambient)
    }

    fn load_in(
        args: &PluginArgs,
        several: &PoliciesArgs,
        options: Options,
        ambient: &Ambient,
    ) -> Result<Self, Exit> {
        let Some(file) = &several.policies else {
            let sandbox = args.start(options, ambient)?;
            return Ok(Self::Plugin(Arc::new(args.load(&sandbox)?)));
        };
        let PoliciesFile { limits, policy } = read_policies_file(file)?;
        let options = args.options(Options { limits, ..options })?;
        let loaded: Result<_, SourceError> = while_compiling("the policies", || {
            let sources = Source::open_all(policy, &options, ambient)?;
            sources.iter().map(|source| source.load(None, &Cancel::default())).collect()
        });
        Ok(Self::InOrder(loaded?))
    }

    /// The limits that the page about a login shows.
    pub(super) fn limits(&self) -> Limits {
        match self {
            Self::Plugin(plugin) => plugin.limits().clone(),
            Self::InOrder(policies) => {
                policies.first().map(|it| it.plugin.limits().clone()).unwrap_or_default()
            }
        }
    }

    /// Reads a case, and finds the policies that decide it. Each plugin has accepted its
    /// policy document.
    pub(super) fn read_case(
        &self,
        file: &Path,
        overrides: &Overrides,
    ) -> Result<(Case, Vec<LoadedPolicy>), Exit> {
        let mut case = Case::read_file(file).map_err(Exit::unreadable)?;
        if let Some(policy) = &overrides.policy {
            case.policy = policy.clone();
        }
        case.now = overrides.now.unwrap_or(case.now);
        let policies = self.policies_of_case(&case)?;
        Ok((case, policies))
    }

    fn policies_of_case(&self, case: &Case) -> Result<Vec<LoadedPolicy>, Exit> {
        let file = display_path(&case.file);
        match self {
            Self::Plugin(plugin) => match case.policies.first() {
                None => Ok(vec![policy_of_plugin(plugin, &case.policy)?]),
                Some(named) => Err(Exit::unreadable(anyhow!(
                    "{file}: it names the policy `{}`; add --policies FILE, which says which plugin that is",
                    named.name
                ))),
            },
            Self::InOrder(_) if case.policy.origin.is_some() => Err(Exit::unreadable(anyhow!(
                "{file}: it has a `policy`, the settings of one plugin; with --policies, settings for this case belong under \
                 its `policies`, by the name of the policy"
            ))),
            Self::InOrder(all) if case.policies.is_empty() => Ok(all.clone()),
            Self::InOrder(_) if find_duplicate(&case.policies).is_some() => Err(Exit::unreadable(anyhow!(
                "{file}: it names the policy `{}` twice",
                find_duplicate(&case.policies).unwrap_or_default()
            ))),
            Self::InOrder(all) => {
                let find = |name: &str| {
                    let found = all.iter().find(|policy| &*policy.name == name);
                    found.cloned().ok_or_else(|| {
                        let names: Vec<&str> = all.iter().map(|policy| &*policy.name).collect();
                        let names = names.join("`, `");
                        Exit::unreadable(anyhow!(
                            "{file}: there is no policy `{name}`; the policies file has `{names}`"
                        ))
                    })
                };
                let chosen = case.policies.iter().map(|named| {
                    let policy = find(&named.name)?;
                    match &named.settings {
                        None => Ok(policy),
                        Some(document) => {
                            let settings = document.check(&policy.plugin)?;
                            Ok(LoadedPolicy { settings, ..policy })
                        }
                    }
                });
                chosen.collect()
            }
        }
    }

    /// Finds the policies that decide a recorded login. The one policy of a recording is found in
    /// a policies file by its name.
    pub(super) fn policies_of_recording(
        &self,
        case: &Case,
        recording: &Recording,
    ) -> Result<Vec<LoadedPolicy>, Exit> {
        match (self, recording.policies.as_slice()) {
            (Self::InOrder(_), [only]) => {
                let settings = Some(case.policy.clone());
                let policies = vec![NamedPolicy { name: only.name.clone(), settings }];
                self.policies_of_case(&Case { policies, policy: PolicyDocument::default(), ..case.clone() })
            }
            _ => self.policies_of_case(case),
        }
    }

    /// Returns the policies of a login that is not a case. The document is for the one
    /// plugin; the policies of a policies file have their own.
    pub(super) fn policies_of_event(
        &self,
        document: Option<PolicyDocument>,
    ) -> Result<Vec<LoadedPolicy>, Exit> {
        match self {
            Self::Plugin(plugin) => Ok(vec![policy_of_plugin(plugin, &document.unwrap_or_default())?]),
            Self::InOrder(all) => Ok(all.clone()),
        }
    }
}

/// Returns the first name that occurs twice.
fn find_duplicate(named: &[NamedPolicy]) -> Option<&str> {
    let is_again =
        |(index, it): &(usize, &NamedPolicy)| named[..*index].iter().any(|before| before.name == it.name);
    named.iter().enumerate().find(is_again).map(|(_, it)| it.name.as_str())
}

fn policy_of_plugin(plugin: &Arc<Plugin>, document: &PolicyDocument) -> Result<LoadedPolicy, Exit> {
    let settings = document.check(plugin)?;
    Ok(LoadedPolicy {
        name: plugin.name().into(),
        plugin: plugin.clone(),
        settings,
        warnings: Arc::default(),
    })
}

/// Reads a policies file; one without a policy is an exit with code 2.
pub(super) fn read_policies_file(file: &Path) -> Result<PoliciesFile, Exit> {
    let text = read_text(file).map_err(Exit::unreadable)?;
    let read = PoliciesFile::parse(file, &text).map_err(Exit::unreadable)?;
    if read.policy.is_empty() {
        return Err(Exit::unreadable(anyhow!("{}: there is no [[policy]] in it", file.display())));
    }
    Ok(read)
}
