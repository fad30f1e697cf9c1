//! The entries `[[policy]]` of a TOML file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::{PLUGIN_NAME, TomlEntry};
use crate::limits::Limits;
use crate::reading::{InputError, object, read_toml_text, rewrite_message};
use crate::sandbox::Wasi;

/// One policy, as `[[policy]]` of `tenant.toml` or of a policies file has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyEntry {
    /// The policy's name in messages and in the trace. The default is the name of the plugin's file
    /// without its ending.
    pub name: Option<String>,
    /// The component; the built-in policy where left out.
    pub plugin: Option<PathBuf>,
    /// The part of WASI that the plugin finds.
    #[serde(default)]
    pub wasi: Wasi,
    /// The policy document; `{}` where left out.
    pub settings: Option<EntrySettings>,
    /// SHA-256 of the component, in hexadecimal. Another file is refused.
    pub sha256: Option<String>,
    /// Limits that differ from those of `[limits]`.
    #[serde(default)]
    pub limits: toml::Table,
    /// The entry's place in its file; none for an entry of flags.
    #[serde(skip)]
    place: Option<TomlEntry>,
}

/// A policy document: a JSON file, or a table of its keys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum EntrySettings {
    /// The file.
    File(PathBuf),
    /// The keys.
    Keys(toml::Table),
}

/// A policies file: limits for all policies, and the policies in order.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoliciesFile {
    /// The limits of every policy.
    #[serde(deserialize_with = "object")]
    pub limits: Limits,
    /// The policies, in order.
    pub policy: Vec<PolicyEntry>,
}

/// The most policies that a login asks: each has a deadline of its own.
const MOST: usize = 16;

impl PoliciesFile {
    /// Reads a policies file. Paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// Names the line if the text is not a policies file, and the policy if its entry is invalid.
    pub fn parse(file: &Path, text: &str) -> Result<Self, InputError> {
        if text.trim_start().starts_with('{') {
            let why = "this is JSON: a policies file is TOML with a table `[[policy]]` for each policy";
            return Err(InputError::for_file(file, why));
        }
        let mut read: Self = read_toml_text(file, text)?;
        let whole = |why: String| InputError::for_file(file, why);
        read.limits.check().map_err(|why| whole(format!("limits: {why}")))?;
        PolicyEntry::check_all(&read.policy, &read.limits).map_err(whole)?;
        PolicyEntry::resolve_all(&mut read.policy, file, text);
        Ok(read)
    }

    /// Returns whether a text is TOML with a table `[[policy]]`.
    pub(super) fn has_policies(text: &str) -> bool {
        text.parse::<toml::Table>().is_ok_and(|it| it.get("policy").is_some_and(toml::Value::is_array))
    }
}

impl PolicyEntry {
    /// The entry of one plugin with one policy document, as flags name them.
    #[must_use]
    pub fn from_flags(plugin: Option<PathBuf>, wasi: Wasi, settings: Option<PathBuf>) -> Self {
        let settings = settings.map(EntrySettings::File);
        Self { name: None, plugin, wasi, settings, sha256: None, limits: toml::Table::new(), place: None }
    }

    /// Returns its name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        let of_file = self.plugin.as_ref().and_then(|file| file.file_stem());
        match (&self.name, of_file) {
            (Some(name), _) => name.clone(),
            (None, Some(stem)) => stem.to_string_lossy().into_owned(),
            (None, None) => PLUGIN_NAME.to_owned(),
        }
    }

    /// Returns the limits of this policy: its own over those of all.
    ///
    /// # Errors
    ///
    /// The key that is unknown, or whose value is invalid.
    pub fn limits(&self, of_all: &Limits) -> Result<Limits, String> {
        let mut merged = toml::Table::try_from(of_all).map_err(|error| error.to_string())?;
        merged.extend(self.limits.clone());
        let limits: Limits =
            serde_path_to_error::deserialize(toml::Value::Table(merged)).map_err(|error| {
                let message = rewrite_message(error.inner().message());
                let is_named = message.starts_with("unknown field");
                if is_named { message } else { format!("`{}`: {message}", error.path()) }
            })?;
        limits.check()?;
        Ok(limits)
    }

    /// Checks that these entries can be the policies of one login.
    ///
    /// # Errors
    ///
    /// The policy that is invalid, and why.
    pub fn check_all(entries: &[Self], of_all: &Limits) -> Result<(), String> {
        if entries.len() > MOST {
            return Err(format!("there are {} policies; at most {MOST} are asked", entries.len()));
        }
        for (index, entry) in entries.iter().enumerate() {
            let name = entry.name();
            if name.is_empty() || entries[..index].iter().any(|other| other.name() == name) {
                return Err(format!("policy `{name}`: each policy needs a `name` of its own"));
            }
            entry.limits(of_all).map_err(|why| format!("policy `{name}`: limits: {why}"))?;
            let is_hash = |it: &str| it.len() == 64 && it.bytes().all(|byte| byte.is_ascii_hexdigit());
            if entry.sha256.as_deref().is_some_and(|hash| !is_hash(hash)) {
                return Err(format!("policy `{name}`: sha256 is not 64 hexadecimal digits"));
            }
        }
        Ok(())
    }

    /// Relates the entries to the TOML file that they were read from: makes their
    /// paths relative to its folder, and lets errors name their place in it.
    pub fn resolve_all(entries: &mut [Self], file: &Path, text: &str) {
        let folder = file.parent().unwrap_or(Path::new(""));
        let text: Arc<str> = text.into();
        for (index, entry) in entries.iter_mut().enumerate() {
            if let Some(file) = &mut entry.plugin {
                *file = folder.join(&*file);
            }
            if let Some(EntrySettings::File(file)) = &mut entry.settings {
                *file = folder.join(&*file);
            }
            entry.place = Some(TomlEntry::new(file, &text, index));
        }
    }

    /// The entry's place in its file. For an entry that was read from none, the
    /// file is the policy, in words.
    pub(super) fn place(&self) -> TomlEntry {
        let words = || format!("the settings of policy `{}`", self.name());
        self.place.clone().unwrap_or_else(|| TomlEntry::new(Path::new(&words()), &"".into(), 0))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{PLUGIN_NAME, PoliciesFile};

    fn parse(text: &str) -> Result<PoliciesFile, String> {
        PoliciesFile::parse(Path::new("conf/policies.toml"), text)
            .map_err(|error| error.message_without_file())
    }

    #[test]
    fn limits_of_a_policy_stand_over_those_of_all() {
        let text =
            "[limits]\nfuel = 7\n[[policy]]\n[[policy]]\nplugin = \"a.wasm\"\nlimits = { tables = 3 }\n";
        let file = parse(text).unwrap();
        let limits = file.policy[1].limits(&file.limits).unwrap();
        assert_eq!((limits.fuel, limits.tables), (7, 3));
        assert_eq!(file.policy[1].plugin.as_deref(), Some(Path::new("conf/a.wasm")));
        assert_eq!((file.policy[0].name(), file.policy[1].name()), (PLUGIN_NAME.into(), "a".into()));
    }

    #[test]
    fn contradictions_are_named() {
        let refusal = |text| parse(text).unwrap_err();
        assert_eq!(
            refusal("[[policy]]\n[[policy]]\n"),
            "policy `link-users-by-email`: each policy needs a `name` of its own"
        );
        assert_eq!(
            refusal("[[policy]]\nsha256 = \"abc\"\n"),
            "policy `link-users-by-email`: sha256 is not 64 hexadecimal digits"
        );
        assert!(refusal("[[policy]]\nlimits = { feul = 3 }\n").starts_with(
            "policy `link-users-by-email`: limits: unknown field `feul`, expected one of `fuel`"
        ));
        assert_eq!(
            refusal("[[policy]]\nlimits = { fuel = \"x\" }\n"),
            "policy `link-users-by-email`: limits: `fuel`: expected a whole number from 0, not the text \"x\""
        );
        assert_eq!(
            refusal("[[policy]]\nlimits = { fuel = 0 }\n"),
            "policy `link-users-by-email`: limits: `fuel` is 0; expected 1 to 1125899906842624"
        );
        assert!(
            refusal("[[policy]]\nplugni = \"a\"\n").starts_with("line 2, column 1: unknown field `plugni`")
        );
    }
}
