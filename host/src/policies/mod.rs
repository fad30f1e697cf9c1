//! The policies of a login, in order: the plugin, policy document, limits and pin
//! of each.

mod built_in;
mod document;
mod entry;
mod load;
mod loaded_policy;
mod toml_entry;

pub use built_in::PLUGIN_NAME;
#[cfg(feature = "built-in")]
pub use built_in::{BUILT_IN, PLUGIN};
pub use document::{Origin, PolicyDocument, PolicyError, PolicyWarning};
pub use entry::{EntrySettings, PoliciesFile, PolicyEntry};
pub use load::{PrepareError, Source, SourceError};
pub use loaded_policy::LoadedPolicy;
pub use toml_entry::TomlEntry;
