//! Measuring one login.

use std::sync::Arc;
use std::time::Duration;

use super::case::Case;
use crate::decide::{OnFailure, decide_by_plugin};
use crate::directory::{Directory, Memory};
use crate::reading::InputError;
use crate::sandbox::{Plugin, PluginInput, Settings};

/// The load of a bench.
#[derive(Debug, Clone, Copy)]
pub struct BenchLoad {
    /// The threads that decide logins, at least one.
    pub threads: usize,
    /// The time for which each thread measures, after a quarter of it to warm up.
    pub time: Duration,
    /// Whether the plugin reports the verdict of each rule.
    pub trace: bool,
}

/// The reason why there are no figures.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BenchError {
    /// The plugin fails on this case.
    #[error("the plugin {0}")]
    Failed(String),
    /// Two runs of one case used different fuel.
    #[error("the fuel differs from login to login ({0} and {1}): the plugin is not deterministic")]
    NotDeterministic(u64, u64),
    /// The case's login cannot arrive at its directory.
    #[error(transparent)]
    NotArrived(#[from] InputError),
    /// A thread panicked.
    #[error("a measuring thread died")]
    ThreadDied,
}

/// The figures of one login.
pub(super) struct LoginFigures {
    pub(super) fuel: u64,
    pub(super) memory_bytes: usize,
    pub(super) host_calls: u32,
    pub(super) took: Duration,
}

/// A login that is measured many times, each time with a copy of its directory.
pub(super) struct BenchLogin {
    case: Case,
    settings: Settings,
    directory: Memory,
}

impl BenchLogin {
    /// The login of a case, after its user has arrived.
    pub(super) fn arrive(case: &Case) -> Result<Self, BenchError> {
        let (directory, case) = case.arrive()?;
        Ok(Self { settings: case.policy.settings(), case, directory })
    }

    /// Copies the directory, as it is before the login.
    pub(super) fn copy_directory(&self) -> Memory {
        self.directory.clone()
    }
}

/// Decides the login once. Only the decision is measured.
pub(super) fn measure_login(
    plugin: &Plugin,
    login: &BenchLogin,
    directory: Arc<dyn Directory>,
    trace: bool,
) -> Result<LoginFigures, BenchError> {
    let BenchLogin { case, settings, .. } = login;
    let input =
        PluginInput { event: &case.event, settings, now: case.now, trace, answer: case.answer.as_ref() };
    let start = plugin.ambient().monotonic();
    let run = decide_by_plugin(plugin, &input, directory, OnFailure::Proceed);
    let took = plugin.ambient().elapsed(start);
    match run.failure {
        Some(failure) => Err(BenchError::Failed(failure.to_string())),
        None => Ok(LoginFigures {
            fuel: run.used.fuel,
            memory_bytes: run.used.memory_bytes,
            host_calls: run.used.host_calls,
            took,
        }),
    }
}
