//! The options for keeping decisions, which the services share.

#[cfg(feature = "hook-command")]
use std::sync::Arc;

#[cfg(feature = "hook-command")]
use crate::directory::Administration;
#[cfg(feature = "hook-command")]
use crate::service::DecisionRecorder;
use crate::service::DecisionRetention;

/// The options for keeping decisions.
#[derive(Debug, clap::Args)]
pub(super) struct DecisionArgs {
    /// Keep the decision of each login, with its reasons and the verdict of every rule, in the
    /// directory (for a tenant of Auth0, in its journal), for `ligature decisions` and `ligature conflicts`. The
    /// console keeps them, too
    #[arg(long)]
    decisions: bool,
    /// The days after which decisions are forgotten
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    decision_days: u32,
    /// The most decisions; beyond them, the oldest ones are forgotten
    #[arg(long, value_name = "DECISIONS", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    decisions_most: u32,
}

impl DecisionArgs {
    /// Returns how long decisions are kept; none if they are not.
    pub(super) fn retention(&self, has_console: bool) -> Option<DecisionRetention> {
        let retention = DecisionRetention { days: self.decision_days, most: self.decisions_most as usize };
        (self.decisions || has_console).then_some(retention)
    }

    /// Starts the recorder of a service.
    #[cfg(feature = "hook-command")]
    pub(super) fn start(&self, directory: &Arc<dyn Administration>, has_console: bool) -> DecisionRecorder {
        match self.retention(has_console) {
            Some(retention) => DecisionRecorder::start(directory.clone(), &retention.into()),
            None => DecisionRecorder::off(),
        }
    }
}
