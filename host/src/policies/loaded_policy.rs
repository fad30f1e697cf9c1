//! A policy that is ready to decide logins.

use std::sync::Arc;

use super::PolicyWarning;
use crate::sandbox::{Plugin, Settings};

/// A loaded policy: a plugin, and a policy document that it has checked.
#[derive(Clone)]
pub struct LoadedPolicy {
    /// The policy's name in messages and in the trace.
    pub name: Arc<str>,
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// The policy document.
    pub settings: Settings,
    /// The options of the document that give a protection up or have no effect,
    /// where they were asked for.
    pub warnings: Arc<[PolicyWarning]>,
}

impl LoadedPolicy {
    /// Returns a borrow of the policy, as a decision needs it.
    #[must_use]
    pub fn borrowed(&self) -> crate::decide::Policy<'_> {
        crate::decide::Policy { name: &self.name, plugin: &self.plugin, settings: &self.settings }
    }
}
