//! The policies of a login, in order: the plugin, settings, limits and pin of
//! each.

mod entry;
mod load;

use std::sync::Arc;

pub use entry::{EntrySettings, PoliciesFile, PolicyEntry};
pub use load::{Source, SourceError};

use crate::sandbox::{Plugin, Settings};

/// A policy that is loaded: a plugin, and settings that it takes.
#[derive(Clone)]
pub struct Policy {
    /// Its name in messages and in the trace.
    pub name: Arc<str>,
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// Its settings.
    pub settings: Settings,
}

impl Policy {
    /// The policy as a login is decided by it.
    #[must_use]
    pub fn borrowed(&self) -> crate::decide::Policy<'_> {
        crate::decide::Policy { name: &self.name, plugin: &self.plugin, settings: &self.settings }
    }
}
