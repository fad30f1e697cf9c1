//! The input of a plugin for one login.

use std::sync::Arc;

use super::settings::Settings;
use crate::model::{LoginEvent, StepAnswer, Timestamp};

/// The input of a plugin for one login.
#[derive(Debug, Clone, Copy)]
pub struct PluginInput<'a> {
    /// The login's event.
    pub event: &'a Arc<LoginEvent>,
    /// The policy document.
    pub settings: &'a Settings,
    /// The login's time, which is the only time that the plugin can read.
    pub now: Timestamp,
    /// Whether the plugin writes a trace.
    pub trace: bool,
    /// The user's answer to a prompt; none before a prompt.
    pub answer: Option<&'a StepAnswer>,
}
