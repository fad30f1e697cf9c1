//! The log lines of refused requests, which anybody who reaches the service can bring about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The most lines with one code within [`INTERVAL`].
const MOST_LINES: u32 = 20;

/// The interval in which lines are counted.
const INTERVAL: Duration = Duration::from_secs(60);

/// The limiter of log lines about requests that nobody has signed. Each code has a share of its own, so
/// that many lines with one code hide no other. The metrics count every refusal.
#[derive(Clone)]
pub(super) struct RefusalLog {
    counts: Arc<Mutex<HashMap<&'static str, u32>>>,
    interval: Duration,
}

impl RefusalLog {
    pub(super) fn new() -> Self {
        Self { counts: Arc::default(), interval: INTERVAL }
    }

    /// Counts a refusal, and returns whether it is logged by a line of its own. The first refusal of an
    /// interval starts it; at its end, one line has the number of the others.
    pub(super) fn admit(&self, code: &'static str) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(code).or_default();
        *count = count.saturating_add(1);
        if *count == 1 {
            let log = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(log.interval).await;
                log.end_interval(code);
            });
        }
        *count <= MOST_LINES
    }

    fn end_interval(&self, code: &'static str) {
        let count = self.counts.lock().unwrap_or_else(PoisonError::into_inner).remove(code);
        let left_out = count.unwrap_or_default().saturating_sub(MOST_LINES);
        if left_out > 0 {
            let seconds = self.interval.as_secs();
            tracing::warn!(target: "audit", code, left_out, seconds, "more requests were refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MOST_LINES, RefusalLog};

    #[test]
    fn strangers_write_a_bounded_number_of_lines() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let interval = Duration::from_secs(3);
            let log = RefusalLog { interval, ..RefusalLog::new() };
            let count = |code| (0..1_000).filter(|_| log.admit(code)).count();
            assert_eq!(count("signature_wrong"), MOST_LINES as usize);
            assert_eq!(count("not_signed"), MOST_LINES as usize, "each code has lines of its own");
            assert_eq!(count("signature_wrong"), 0);
            // The lines come back after the interval.
            while !log.admit("signature_wrong") {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(count("signature_wrong"), MOST_LINES as usize - 1);
        });
    }
}
