//! The plugin and the policy in force, and their replacement while logins run.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};

use crate::place::without_place;
use crate::sandbox::{Failure, LoadError, Plugin, Sandbox, Settings, SettingsError};

/// Where plugin and policy come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The component's file; the built-in one where there is none.
    pub plugin: Option<PathBuf>,
    /// The policy document; the plugin's defaults where there is none.
    pub policy: Option<PathBuf>,
}

/// What decides a login.
pub(super) struct InForce {
    pub(super) plugin: Arc<Plugin>,
    pub(super) settings: Settings,
    /// Of the plugin's bytes, to know a new file from a touched one.
    hash: [u8; 32],
}

/// Keeps what is in force.
pub(super) struct Decider {
    sandbox: Sandbox,
    sources: Sources,
    in_force: ArcSwap<InForce>,
    /// Held by whoever replaces it.
    replacing: Mutex<()>,
}

/// Why a plugin or a policy is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error("{}: it cannot be read: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// The plugin does not load.
    #[error("plugin {name} {why}")]
    Unloadable {
        /// What it is called.
        name: String,
        /// Why.
        why: LoadError,
    },
    /// The policy is wrong.
    #[error("{}: {}", place(file, why), without_place(&why.message, why.line, why.column))]
    Policy {
        /// The file.
        file: PathBuf,
        /// Where, and what.
        why: SettingsError,
    },
    /// The plugin does without no policy.
    #[error("plugin {name} does not take the policy `{{}}`, which is used where none is given: {why}")]
    NoDefault {
        /// What it is called.
        name: String,
        /// Why.
        why: String,
    },
    /// The plugin fails on the policy.
    #[error("plugin {name} {why}, while checking the policy")]
    Failed {
        /// What it is called.
        name: String,
        /// Why.
        why: Failure,
    },
}

/// File, line and column, as far as there are any.
fn place(file: &Path, why: &SettingsError) -> String {
    match why.line {
        0 => file.display().to_string(),
        line => format!("{}:{line}:{}", file.display(), why.column),
    }
}

impl Decider {
    pub(super) fn new(sandbox: Sandbox, sources: Sources) -> Result<Self, SourceError> {
        let in_force = load(&sandbox, &sources, None)?;
        Ok(Self { sandbox, sources, in_force: ArcSwap::from_pointee(in_force), replacing: Mutex::new(()) })
    }

    /// What decides now. A login keeps what it got to its end.
    pub(super) fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Files to watch.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.sources.plugin.iter().chain(&self.sources.policy).map(PathBuf::as_path)
    }

    /// Reads plugin and policy again. True if they are others now; where
    /// something is wrong with them, the ones in force stay.
    pub(super) fn reload(&self) -> Result<bool, SourceError> {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.in_force();
        let new = load(&self.sandbox, &self.sources, Some(&before))?;
        let is_new = new.hash != before.hash || new.settings != before.settings;
        if is_new {
            self.in_force.store(Arc::new(new));
        }
        Ok(is_new)
    }
}

fn load(sandbox: &Sandbox, sources: &Sources, before: Option<&InForce>) -> Result<InForce, SourceError> {
    let unreadable = |file: &Path| {
        let file = file.to_owned();
        move |why| SourceError::Unreadable { file, why }
    };
    let (name, bytes) = match &sources.plugin {
        None => (crate::PLUGIN_NAME.to_owned(), crate::PLUGIN.into()),
        Some(file) => {
            let bytes = std::fs::read(file).map_err(unreadable(file))?;
            (file.display().to_string(), std::borrow::Cow::Owned(bytes))
        }
    };
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    let plugin = match before {
        Some(before) if before.hash == hash => before.plugin.clone(),
        _ => match sandbox.load(&name, &bytes) {
            Ok(plugin) => Arc::new(plugin),
            Err(why) => return Err(SourceError::Unloadable { name, why }),
        },
    };
    let text = match &sources.policy {
        None => "{}".to_owned(),
        Some(file) => std::fs::read_to_string(file).map_err(unreadable(file))?,
    };
    match plugin.check_settings(&text) {
        Ok(Ok(())) => Ok(InForce { plugin, settings: Settings::new(text), hash }),
        Ok(Err(why)) => Err(match &sources.policy {
            Some(file) => SourceError::Policy { file: file.clone(), why },
            None => {
                let why = without_place(&why.message, why.line, why.column).to_owned();
                SourceError::NoDefault { name, why }
            }
        }),
        Err(why) => Err(SourceError::Failed { name, why }),
    }
}

#[cfg(test)]
mod tests {
    use super::{SettingsError, SourceError};

    #[test]
    fn a_place_is_told_once_and_only_where_there_is_one() {
        let told = |line, column, message: &str| {
            let why = SettingsError { line, column, message: message.to_owned() };
            SourceError::Policy { file: "policy.json".into(), why }.to_string()
        };
        assert_eq!(told(0, 0, "it is bad"), "policy.json: it is bad");
        assert_eq!(told(3, 1, "it is bad at line 3 column 1"), "policy.json:3:1: it is bad");
    }
}
