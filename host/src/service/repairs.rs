//! Repairing interrupted changes while a service runs.
//!
//! A change at a tenant of Auth0 takes several requests. The start of a service repairs those
//! that an earlier process left; these are the ones that another process leaves later.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::blocking::run_blocking;
use crate::directory::{Administration, Repair, RepairOutcome};
use crate::model::{ApiError, mask_addresses};

/// The pause between two looks at the journal, which is one query if every change is complete.
const PAUSE: Duration = Duration::from_secs(60);

/// Repairs interrupted changes once a minute, for as long as the service runs.
pub(crate) async fn repair_from_time_to_time(directory: Arc<dyn Administration>) {
    repair_each(PAUSE, move || directory.repair()).await;
}

async fn repair_each(
    pause: Duration,
    repair: impl Fn() -> Result<Vec<Repair>, ApiError> + Send + Sync + 'static,
) {
    let (repair, mut known) = (Arc::new(repair), KnownFaults::default());
    loop {
        tokio::time::sleep(pause).await;
        let repair = repair.clone();
        let repaired = run_blocking(move || repair()).await;
        known.log_new(&repaired);
    }
}

/// The faults of the last look, so that each is logged once.
#[derive(Debug, Default)]
struct KnownFaults(BTreeSet<String>);

impl KnownFaults {
    /// Logs what was repaired, and the faults that are new. Returns the number of these faults.
    fn log_new(&mut self, repaired: &Result<Vec<Repair>, ApiError>) -> usize {
        let mut faults = BTreeSet::new();
        match repaired {
            Ok(repairs) => faults.extend(repairs.iter().filter_map(log_repair)),
            Err(error) => {
                faults.insert(format!("interrupted changes were not looked for: {}", error.to_sentence()));
            }
        }
        let new: Vec<_> = faults.difference(&self.0).cloned().collect();
        for fault in &new {
            tracing::warn!(target: "audit", fault = %mask_addresses(fault), "an interrupted change stays");
        }
        self.0 = faults;
        new.len()
    }
}

/// Logs one repair. Returns its fault, if it has one.
fn log_repair(Repair { entry, outcome }: &Repair) -> Option<String> {
    match outcome {
        RepairOutcome::Finished { notes } => {
            let notes = notes.join(" ");
            tracing::info!(target: "audit", entry = %entry.id, notes = %mask_addresses(&notes), "an interrupted change was completed");
            None
        }
        RepairOutcome::Abandoned => {
            tracing::info!(target: "audit", entry = %entry.id, "an interrupted change had not happened");
            None
        }
        RepairOutcome::UnderWay { .. } => None,
        RepairOutcome::Unresolved { why } => Some(format!("{}: {why}", entry.id)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::{KnownFaults, repair_each};
    use crate::model::ApiError;

    #[test]
    fn repairs_go_on_after_a_failure() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = looks.clone();
        let repair = move || match counted.fetch_add(1, Ordering::Relaxed) {
            0 => Err(ApiError::TimedOut),
            _ => Ok(Vec::new()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let repairs = repair_each(Duration::from_millis(1), repair);
            assert!(
                tokio::time::timeout(Duration::from_millis(500), repairs).await.is_err(),
                "it never ends"
            );
        });
        assert!(looks.load(Ordering::Relaxed) > 1);
    }

    #[test]
    fn a_fault_that_stays_is_logged_once() {
        let (mut known, away) = (KnownFaults::default(), Err(ApiError::TimedOut));
        assert_eq!((known.log_new(&away), known.log_new(&away)), (1, 0));
        assert_eq!((known.log_new(&Ok(Vec::new())), known.log_new(&away)), (0, 1));
    }
}
