//! Whether a directory answers a cheap read, asked once for all requests of some seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::model::{ApiError, join_lines, mask_addresses};
use crate::service::blocking::run_blocking;

/// The time limit of the directory's answer.
const TIME: Duration = Duration::from_secs(2);
/// The part of it for the directory itself, whose error then names the cause.
pub(crate) const DIRECTORY_TIME: Duration = Duration::from_millis(1_800);
/// The time for which a result is kept from the end of its check: anybody can ask, and a check costs a
/// tenant a request.
const KEPT: Duration = Duration::from_secs(2);
/// The most bytes of a cause.
const LONGEST_CAUSE: usize = 500;

/// Whether logins can be decided: otherwise the cause, in words for people.
pub(crate) type Readiness = Result<(), Arc<str>>;

/// The last check, and the turn of the next one.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadinessCheck(Arc<Mutex<Option<(Monotonic, Readiness)>>>);

impl ReadinessCheck {
    /// Asks the directory by `ask`, once at a time. The requests that come during a check, and in the two
    /// seconds after it, share its result, so that however many there are, they take no threads from
    /// logins, and few requests of what a tenant allows.
    pub(crate) async fn check(
        &self,
        ambient: &Ambient,
        ask: impl FnOnce() -> Result<(), ApiError> + Send + 'static,
    ) -> Readiness {
        let (this, ambient) = (self.clone(), ambient.clone());
        // A task of its own: a client that hangs up does not end the turn of a check.
        let checked = tokio::spawn(async move { this.check_in_turn(&ambient, ask).await });
        checked.await.unwrap_or_else(|_| Err("the check failed".into()))
    }

    async fn check_in_turn(
        &self,
        ambient: &Ambient,
        ask: impl FnOnce() -> Result<(), ApiError> + Send + 'static,
    ) -> Readiness {
        let mut last = self.0.lock().await;
        if let Some((ended, readiness)) = &*last
            && ambient.elapsed(*ended) < KEPT
        {
            return readiness.clone();
        }
        let readiness = ask_directory(ask).await;
        if let Err(why) = &readiness {
            tracing::warn!(%why, "not ready: the directory failed");
        }
        *last = Some((ambient.monotonic(), readiness.clone()));
        readiness
    }
}

/// Asks a directory by `ask`, within two seconds.
pub(crate) async fn ask_directory(ask: impl FnOnce() -> Result<(), ApiError> + Send + 'static) -> Readiness {
    match tokio::time::timeout(TIME, run_blocking(ask)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(join_lines(&mask_addresses(&error.to_sentence()), LONGEST_CAUSE).into()),
        Err(_) => Err(format!("the directory does not answer within {} s", TIME.as_secs()).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::{KEPT, ReadinessCheck};
    use crate::ambient::Ambient;
    use crate::clock::ManualClock;
    use crate::model::{ApiError, Timestamp};
    use crate::random::SeededRandom;

    /// The check lasts longer than its result is kept.
    #[tokio::test]
    async fn requests_that_wait_for_a_slow_check_share_its_result() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::default()));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let (check, asked) = (ReadinessCheck::default(), Arc::new(AtomicU32::new(0)));
        let ask = || {
            let (clock, asked) = (clock.clone(), asked.clone());
            move || {
                asked.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(50));
                clock.advance(2 * KEPT);
                Err(ApiError::TimedOut)
            }
        };
        let request = || check.check(&ambient, ask());
        let results = tokio::join!(request(), request(), request());
        assert!(results.0.is_err() && results.1.is_err() && results.2.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        clock.advance(KEPT);
        assert!(request().await.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
