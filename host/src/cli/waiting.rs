//! Waiting for the database of a directory when a server starts.

use std::sync::Arc;
use std::time::Duration;

use backon::{BlockingRetryable, ExponentialBuilder};

use super::Exit;
use super::directory::JournalArgs;
use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::directory::{Administration, Location, OpenError, OpenMode, OpenOptions, open};

/// The time for which a starting server waits for its database.
const WAIT: Duration = Duration::from_secs(300);

impl JournalArgs {
    /// Opens a directory for a server, which may have started before its database: retries
    /// for a while.
    pub(super) fn open_with_retries(
        &self,
        directory: &str,
        how: OpenMode,
        ambient: &Ambient,
    ) -> Result<Arc<dyn Administration>, Exit> {
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(2))
            .with_total_delay(Some(WAIT))
            .without_max_times();
        let mut said: Option<Monotonic> = None;
        let waiting = |error: &OpenError, _| {
            if said.is_none_or(|at| ambient.elapsed(at) > Duration::from_secs(10)) {
                tracing::warn!("waiting for the directory, up to {} minutes: {error}", WAIT.as_secs() / 60);
                said = Some(ambient.monotonic());
            }
        };
        let open_now = |location: &Location, options: OpenOptions<'_>| {
            (|| open(location, options.clone()))
                .retry(patience)
                .when(OpenError::is_unreachable)
                .notify(waiting)
                .call()
        };
        let warn = &|words: &str| tracing::warn!("{words}");
        self.open_with(
            directory,
            OpenOptions { key: self.key()?, journal: None, mode: how, ambient, notify: warn },
            open_now,
        )
    }
}
