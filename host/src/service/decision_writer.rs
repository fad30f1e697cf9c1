//! The thread that writes decisions to the directory, and forgets old ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::decision_keeping::DecisionKeeping;
use crate::clock::Monotonic;
use crate::directory::{Administration, DecisionId, KeptDecision};
use crate::model::mask_addresses;

/// The most decisions of one transaction.
const BATCH: usize = 200;
/// The longest time that a decision waits for others of its transaction.
const BATCH_TIME: Duration = Duration::from_millis(200);
/// The pause before a failed transaction is repeated, once.
const RETRY: Duration = Duration::from_secs(1);
/// The time after which old decisions are forgotten again.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// The number of new decisions after which old ones are forgotten again.
pub(super) const FORGET_AFTER: usize = 10_000;

/// A decision that waits to be kept.
pub(super) struct Waiting {
    pub(super) decision: KeptDecision,
    pub(super) bytes: usize,
}

/// Writes the decisions of a queue to a directory.
pub(super) struct DecisionWriter {
    pub(super) directory: Arc<dyn Administration>,
    pub(super) keeping: DecisionKeeping,
    pub(super) bytes: Arc<AtomicUsize>,
    pub(super) last_forgotten: Option<Monotonic>,
    /// The decisions that were kept since then.
    pub(super) kept: usize,
}

impl DecisionWriter {
    /// Writes until the queue is closed.
    pub(super) fn write_all(mut self, decisions: &Receiver<Waiting>) {
        loop {
            match decisions.recv_timeout(FORGET_EVERY) {
                Ok(first) => {
                    let batch = self.take_batch(first, decisions);
                    self.keep(&batch);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.forget_if_due();
        }
    }

    /// Waits a moment for more decisions.
    fn take_batch(&self, first: Waiting, decisions: &Receiver<Waiting>) -> Vec<KeptDecision> {
        let ambient = self.directory.ambient();
        let (began, mut next) = (ambient.monotonic(), Some(first));
        let mut batch = Vec::new();
        while let Some(Waiting { decision, bytes }) = next {
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
            // Ids are in the order of writing, so that a reader who continues behind one misses none.
            batch.push(KeptDecision { id: DecisionId::draw(ambient), ..decision });
            let left = BATCH_TIME.saturating_sub(ambient.elapsed(began));
            next = if batch.len() < BATCH { decisions.recv_timeout(left).ok() } else { None };
        }
        batch
    }

    fn keep(&mut self, batch: &[KeptDecision]) {
        let kept = self.directory.keep_decisions(batch).or_else(|error| {
            log_failure(&error.to_sentence());
            std::thread::sleep(RETRY);
            self.directory.keep_decisions(batch)
        });
        match kept {
            Ok(kept) => {
                self.keeping.counts.count_kept(batch.len() as u64);
                self.kept += batch.len();
                if kept.unopened_conflicts > 0 {
                    let conflicts = kept.unopened_conflicts;
                    self.keeping.counts.count_unopened(conflicts as u64);
                    tracing::error!(
                        target: "audit", conflicts,
                        "conflicts were not opened, because too many wait for a person"
                    );
                }
            }
            Err(error) => {
                log_failure(&error.to_sentence());
                self.keeping.counts.count_lost("directory_failed", batch.len() as u64);
            }
        }
        let lost = self.keeping.counts.take_unlogged();
        if lost > 0 {
            tracing::error!(lost, "decisions were not kept");
        }
    }

    /// Forgets old decisions after the first one of a process, and from time to time after that.
    fn forget_if_due(&mut self) {
        let ambient = self.directory.ambient().clone();
        let is_recent = |last| ambient.elapsed(last) < FORGET_EVERY && self.kept < FORGET_AFTER;
        if self.last_forgotten.is_some_and(is_recent) {
            return;
        }
        (self.last_forgotten, self.kept) = (Some(ambient.monotonic()), 0);
        let before = ambient.now().days_ago(self.keeping.retention.days);
        match self.directory.forget_decisions(before, self.keeping.retention.most) {
            Ok(0) => {}
            Ok(decisions) => tracing::info!(decisions, "old decisions were forgotten"),
            Err(error) => {
                tracing::warn!(error = %mask_addresses(&error.to_sentence()), "old decisions were not forgotten");
            }
        }
    }
}

fn log_failure(error: &str) {
    tracing::warn!(error = %mask_addresses(error), "the directory did not keep decisions");
}
