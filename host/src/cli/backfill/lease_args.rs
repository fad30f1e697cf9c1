//! The time for which a process claims groups.

use std::time::Duration;

use crate::backfill::LEASE;

#[derive(Debug, clap::Args)]
pub(super) struct LeaseArgs {
    /// The seconds after which another process takes the groups of one that has died. Hidden, because
    /// it is short in tests only
    #[arg(long, value_name = "SECONDS", hide = true, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    lease: Option<u64>,
}

impl LeaseArgs {
    /// Returns the time.
    pub(super) fn duration(&self) -> Duration {
        self.lease.map_or(LEASE, Duration::from_secs)
    }
}
