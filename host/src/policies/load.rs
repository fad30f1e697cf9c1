//! Loading of a policy from its files.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::built_in::built_in_plugin;
use super::{EntrySettings, LoadedPolicy, PLUGIN_NAME, PolicyDocument, PolicyEntry, PolicyError};
use crate::ambient::Ambient;
use crate::sandbox::{
    Cancel, ComponentBytes, LoadError, Options, Plugin, Sandbox, SnapshotError, StartError, read_component,
};

/// The origin of one policy, and the sandbox that it runs in.
#[derive(Clone)]
pub struct Source {
    entry: PolicyEntry,
    name: Arc<str>,
    sandbox: Sandbox,
}

/// A plugin as it was read.
struct PluginFile {
    /// The file, or the plugin's name.
    name: String,
    bytes: Cow<'static, [u8]>,
    sha256: Cow<'static, str>,
}

/// The reason why a policy is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The policy's sandbox does not start.
    #[error("policy {name}: {why}")]
    Sandbox {
        /// The policy.
        name: String,
        /// The reason.
        why: StartError,
    },
    /// The policy's limits are invalid.
    #[error("policy {name}: limits: {why}")]
    Limits {
        /// The policy.
        name: String,
        /// The reason.
        why: String,
    },
    /// A file cannot be read.
    #[error("{}: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The reason.
        why: String,
    },
    /// The entry names no plugin, and the build has no built-in policy.
    #[error(
        "policy {name}: this program was built without the built-in policy (the cargo feature `built-in`); name a \
         `plugin`"
    )]
    NotBuiltIn {
        /// The policy.
        name: String,
    },
    /// The plugin does not load.
    #[error("plugin {name} {why}")]
    Unloadable {
        /// The plugin's file, or its name.
        name: String,
        /// The reason.
        why: LoadError,
    },
    /// The plugin is not the file that is pinned.
    #[error("plugin {name} is not the one that is pinned: its sha256 is {found}, expected {pinned}")]
    NotPinned {
        /// The plugin's file, or its name.
        name: String,
        /// SHA-256 of the file.
        found: String,
        /// SHA-256 that the entry pins.
        pinned: String,
    },
    /// The policy document is not used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// The reason why a plugin reads its document at every login.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The plugin's file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no snapshot.
    #[error("the plugin {0}")]
    Snapshot(#[from] SnapshotError),
}

impl Source {
    /// Opens the sources of policies, in order. `options` are those of all policies; the limits and the
    /// profile of WASI are each entry's. Policies that agree in these share a sandbox, and the code of a
    /// plugin that several of them use.
    ///
    /// # Errors
    ///
    /// When the limits are invalid, or a sandbox does not start.
    pub fn open_all(
        entries: Vec<PolicyEntry>,
        options: &Options,
        ambient: &Ambient,
    ) -> Result<Vec<Self>, SourceError> {
        let mut sources: Vec<Self> = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = entry.name();
            let limits = match entry.limits(&options.limits) {
                Ok(limits) => limits,
                Err(why) => return Err(SourceError::Limits { name, why }),
            };
            let is_alike = |it: &&Self| *it.sandbox.limits() == limits && it.sandbox.wasi() == entry.wasi;
            let sandbox = match sources.iter().find(is_alike) {
                Some(alike) => alike.sandbox.clone(),
                None => {
                    let options = Options { limits, wasi: entry.wasi, ..options.clone() };
                    let started = Sandbox::start(options, ambient);
                    started.map_err(|why| SourceError::Sandbox { name: name.clone(), why })?
                }
            };
            sources.push(Self { entry, name: name.into(), sandbox });
        }
        Ok(sources)
    }

    /// The policy's name in messages and in the trace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the files to watch.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let settings = match &self.entry.settings {
            Some(EntrySettings::File(file)) => Some(file),
            _ => None,
        };
        self.entry.plugin.iter().chain(settings).map(PathBuf::as_path)
    }

    /// Loads the policy. A plugin whose file is unchanged is not compiled again.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, the plugin does not load or is not the one
    /// that is pinned, or it refuses its policy document.
    pub fn load(&self, before: Option<&LoadedPolicy>, cancel: &Cancel) -> Result<LoadedPolicy, SourceError> {
        let (policy, document) = self.load_without_warnings(before, cancel)?;
        let warnings = document.warnings(&policy.plugin).unwrap_or_else(|why| {
            tracing::warn!(policy = %self.name, %why, "the plugin could not be asked for warnings about its settings");
            Vec::new()
        });
        Ok(LoadedPolicy { warnings: warnings.into(), ..policy })
    }

    /// Loads the policy for a report on it, which lists all warnings.
    ///
    /// # Errors
    ///
    /// The same as of [`Source::load`], and when the plugin fails when it is asked for warnings.
    pub fn check(&self) -> Result<LoadedPolicy, SourceError> {
        let (policy, document) = self.load_without_warnings(None, &Cancel::default())?;
        let warnings = document.warnings(&policy.plugin)?;
        Ok(LoadedPolicy { warnings: warnings.into(), ..policy })
    }

    fn load_without_warnings(
        &self,
        before: Option<&LoadedPolicy>,
        cancel: &Cancel,
    ) -> Result<(LoadedPolicy, PolicyDocument), SourceError> {
        let document = self.document()?;
        let plugin = self.plugin(before, self.read_plugin()?, cancel)?;
        let settings = document.check(&plugin)?;
        let name = self.name.clone();
        Ok((LoadedPolicy { name, plugin, settings, warnings: Arc::default() }, document))
    }

    fn read_plugin(&self) -> Result<PluginFile, SourceError> {
        let Some(file) = &self.entry.plugin else {
            let built_in = built_in_plugin();
            let ComponentBytes { bytes, sha256 } = built_in
                .map(|it| it.component())
                .ok_or_else(|| SourceError::NotBuiltIn { name: self.name.to_string() })?;
            let name = PLUGIN_NAME.to_owned();
            return Ok(PluginFile { name, bytes: bytes.into(), sha256: sha256.into() });
        };
        let bytes = read_component(file, self.sandbox.limits()).map_err(|error| {
            let why = crate::reading::describe_read_error(&error);
            SourceError::Unreadable { file: file.clone(), why }
        })?;
        let sha256 = to_hexadecimal(&bytes).into();
        Ok(PluginFile { name: file.display().to_string(), bytes: bytes.into(), sha256 })
    }

    fn plugin(
        &self,
        before: Option<&LoadedPolicy>,
        file: PluginFile,
        cancel: &Cancel,
    ) -> Result<Arc<Plugin>, SourceError> {
        let PluginFile { name, bytes, sha256 } = file;
        let limit = self.sandbox.limits().component_bytes;
        if bytes.len() > limit {
            return Err(SourceError::Unloadable { name, why: LoadError::TooLarge { limit } });
        }
        if let Some(pinned) = &self.entry.sha256
            && !pinned.eq_ignore_ascii_case(&sha256)
        {
            let found = sha256.into_owned();
            return Err(SourceError::NotPinned { name, found, pinned: pinned.clone() });
        }
        if let Some(before) = before
            && before.plugin.sha256() == sha256
        {
            return Ok(before.plugin.clone());
        }
        let component = ComponentBytes { bytes: &bytes, sha256: &sha256 };
        let loaded = match (&self.entry.plugin, built_in_plugin()) {
            (None, Some(built_in)) => self.sandbox.load_trusted(&name, built_in),
            _ => self.compile(&name, component, cancel),
        };
        loaded.map(Arc::new).map_err(|why| SourceError::Unloadable { name, why })
    }

    fn compile(
        &self,
        name: &str,
        component: ComponentBytes<'_>,
        cancel: &Cancel,
    ) -> Result<Plugin, LoadError> {
        tracing::info!(plugin = name, bytes = component.bytes.len(), "loading a plugin");
        let ambient = self.sandbox.ambient();
        let start = ambient.monotonic();
        let loaded = self.sandbox.load_unless(name, component, cancel);
        let ms = ambient.elapsed(start).as_millis();
        tracing::info!(plugin = name, is_loaded = loaded.is_ok(), ms = u64::try_from(ms).ok(), "loaded");
        loaded
    }

    /// Lets the plugin of a loaded policy read its document once, instead of at every login. Returns
    /// none if it does not offer that or has done it, and if its file has changed since it was loaded.
    ///
    /// # Errors
    ///
    /// When the plugin's file cannot be read, or there is no snapshot of the plugin.
    pub fn prepare(
        &self,
        loaded: &LoadedPolicy,
        cancel: &Cancel,
    ) -> Result<Option<LoadedPolicy>, PrepareError> {
        let LoadedPolicy { plugin, settings, .. } = loaded;
        if plugin.has_read(settings) {
            return Ok(None);
        }
        let PluginFile { bytes, sha256, .. } = self.read_plugin()?;
        if sha256 != plugin.sha256() {
            return Ok(None);
        }
        let prepared = self.sandbox.prepare_settings(plugin, &bytes, settings, cancel)?;
        Ok(prepared.map(|plugin| LoadedPolicy { plugin: Arc::new(plugin), ..loaded.clone() }))
    }

    fn document(&self) -> Result<PolicyDocument, PolicyError> {
        Ok(match &self.entry.settings {
            None => PolicyDocument::default(),
            Some(EntrySettings::File(file)) => PolicyDocument::read_file(file)?,
            Some(EntrySettings::Keys(keys)) => PolicyDocument::from_toml_table(keys, self.entry.place())?,
        })
    }
}

impl LoadedPolicy {
    /// Returns the document's `mode`, which decides whether the built-in policy links. If the document
    /// has none, that is the one of its preset, or the default. Another plugin may have no mode.
    #[must_use]
    pub fn mode(&self) -> Option<Cow<'static, str>> {
        let document: serde_json::Value = serde_json::from_str(self.settings.text()).ok()?;
        let text = |key: &str| document.get(key).and_then(serde_json::Value::as_str);
        match text("mode") {
            Some(mode) => Some(mode.to_owned().into()),
            None if self.plugin.name() != PLUGIN_NAME => None,
            None => Some(match text("preset") {
                Some("strict") => "suggest".into(),
                Some(_) => "auto".into(),
                None => "observe".into(),
            }),
        }
    }

    /// Returns whether the policy asks users at every login that it would link.
    #[must_use]
    pub fn asks_users(&self) -> bool {
        matches!(self.mode().as_deref(), Some("suggest" | "required"))
    }
}

fn to_hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[cfg(feature = "built-in")]
mod tests {
    use std::path::Path;

    use super::{LoadedPolicy, Source};
    use crate::ambient::Ambient;
    use crate::policies::{PoliciesFile, PolicyEntry};
    use crate::sandbox::{Cancel, Options};

    fn load(document: &str) -> LoadedPolicy {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.json");
        std::fs::write(&file, document).unwrap();
        let entry = PolicyEntry::from_flags(None, crate::sandbox::Wasi::default(), Some(file));
        let sources = Source::open_all(vec![entry], &Options::default(), &Ambient::system()).unwrap();
        sources[0].load(None, &Cancel::default()).unwrap()
    }

    #[test]
    fn policies_with_the_same_limits_and_profile_share_a_sandbox() {
        let text = "[limits]\nfuel = 7\n[[policy]]\nname = \"a\"\n[[policy]]\nname = \"b\"\nlimits = { fuel = 8 }\n\
                    [[policy]]\nname = \"c\"\nwasi = \"virtual\"\n[[policy]]\nname = \"d\"\nlimits = { fuel = 7 }\n";
        let PoliciesFile { limits, policy } = PoliciesFile::parse(Path::new("policies.toml"), text).unwrap();
        let options = Options { limits, ..Options::default() };
        let sources = Source::open_all(policy, &options, &Ambient::system()).unwrap();
        let with_first: Vec<_> = sources.iter().map(|it| it.sandbox.is_same(&sources[0].sandbox)).collect();
        assert_eq!(with_first, [true, false, false, true]);
        let limits: Vec<_> = sources.iter().map(|it| it.sandbox.limits().fuel).collect();
        assert_eq!(limits, [7, 8, 7, 7]);
    }

    #[test]
    fn the_mode_is_that_of_the_document_its_preset_or_the_default() {
        let mode = |document: &str| load(document).mode().unwrap_or_default().into_owned();
        assert_eq!(mode("{}"), "observe");
        assert_eq!(mode(r#"{"mode": "required"}"#), "required");
        assert_eq!(mode(r#"{"preset": "auth0-rule", "mode": "off"}"#), "off");
        assert!(load(r#"{"mode": "suggest"}"#).asks_users() && !load("{}").asks_users());
        let presets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin/policy/presets");
        for file in std::fs::read_dir(presets).unwrap().map(|file| file.unwrap().path()) {
            let text = std::fs::read_to_string(&file).unwrap();
            let preset: serde_json::Value = serde_json::from_str(&text).unwrap();
            let name = file.file_stem().unwrap().to_str().unwrap();
            assert_eq!(mode(&format!(r#"{{"preset": "{name}"}}"#)), preset["mode"], "{name}");
        }
    }
}
