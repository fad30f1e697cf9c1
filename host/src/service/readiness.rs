//! Whether a directory answers a cheap read, asked once for all requests of some seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::model::{ApiError, join_lines, mask_addresses};

/// The time that a request waits for the directory's answer.
const TIME: Duration = Duration::from_secs(2);
/// The part of it for a tenant of Auth0, whose error then names the cause. Databases have limits of their
/// own, which are longer.
pub(crate) const TENANT_TIME: Duration = Duration::from_millis(1_800);
/// The time for which a result is kept from the end of its check: anybody can ask, and a check costs a
/// tenant a request.
const KEPT: Duration = Duration::from_secs(2);
/// The most bytes of a cause.
const LONGEST_CAUSE: usize = 500;

/// Whether logins can be decided: otherwise the cause, in words for people.
pub(crate) type Readiness = Result<(), Arc<str>>;

/// The checks of a directory: one at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadinessCheck(Arc<Mutex<Checks>>);

#[derive(Debug, Default)]
struct Checks {
    /// The end of the last check, and its result.
    last: Option<(Monotonic, Readiness)>,
    /// A check that has not answered in time. No other one begins before it ends, so that a directory
    /// that hangs holds one thread and one connection.
    hanging: Option<Asked>,
}

/// A directory that is asked in a thread of its own.
type Asked = JoinHandle<Result<(), ApiError>>;

impl ReadinessCheck {
    /// Asks the directory by `ask`. The requests that come during a check, and in the two seconds after it,
    /// share its result, so that however many there are, they take no threads from logins, and few requests
    /// of what a tenant allows.
    pub(crate) async fn check(
        &self,
        ambient: &Ambient,
        ask: impl FnOnce() -> Result<(), ApiError> + Send + 'static,
    ) -> Readiness {
        let (checks, ambient) = (self.0.clone(), ambient.clone());
        // A task of its own: a client that hangs up does not end the turn of a check.
        let checked = tokio::spawn(async move { checks.lock().await.check(&ambient, ask).await });
        checked.await.unwrap_or_else(|_| Err("the check failed".into()))
    }
}

impl Checks {
    async fn check(
        &mut self,
        ambient: &Ambient,
        ask: impl FnOnce() -> Result<(), ApiError> + Send + 'static,
    ) -> Readiness {
        if let Some((ended, readiness)) = &self.last
            && ambient.elapsed(*ended) < KEPT
        {
            return readiness.clone();
        }
        // An answer that came while nobody asked may be out of date.
        let hanging = self.hanging.take().filter(|asked| !asked.is_finished());
        let mut asked = hanging.unwrap_or_else(|| spawn_blocking(ask));
        let readiness = match wait_for_answer(&mut asked).await {
            Some(readiness) => readiness,
            None => {
                self.hanging = Some(asked);
                Err(describe_silence())
            }
        };
        if let Err(why) = &readiness {
            tracing::warn!(%why, "not ready: the directory failed");
        }
        self.last = Some((ambient.monotonic(), readiness.clone()));
        readiness
    }
}

/// Asks a directory by `ask`, and waits two seconds at most.
#[cfg(feature = "hook")]
pub(crate) async fn ask_directory(ask: impl FnOnce() -> Result<(), ApiError> + Send + 'static) -> Readiness {
    wait_for_answer(&mut spawn_blocking(ask)).await.unwrap_or_else(|| Err(describe_silence()))
}

/// Waits two seconds at most. Returns none if there is no answer then.
async fn wait_for_answer(asked: &mut Asked) -> Option<Readiness> {
    match tokio::time::timeout(TIME, asked).await {
        Ok(Ok(Ok(()))) => Some(Ok(())),
        Ok(Ok(Err(error))) => {
            Some(Err(join_lines(&mask_addresses(&error.to_sentence()), LONGEST_CAUSE).into()))
        }
        Ok(Err(_)) => Some(Err("the check failed".into())),
        Err(_) => None,
    }
}

fn describe_silence() -> Arc<str> {
    format!("the directory does not answer within {} s", TIME.as_secs()).into()
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
    /// A directory that hangs is not asked again before it answers.
    #[tokio::test]
    async fn a_check_that_hangs_is_the_only_one() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::default()));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let (check, asked) = (ReadinessCheck::default(), Arc::new(AtomicU32::new(0)));
        let (answer, answered) = std::sync::mpsc::channel::<()>();
        let answered = Arc::new(std::sync::Mutex::new(answered));
        let request = || {
            let (asked, answered) = (asked.clone(), answered.clone());
            check.check(&ambient, move || {
                asked.fetch_add(1, Ordering::SeqCst);
                answered.lock().unwrap().recv().unwrap();
                Ok(())
            })
        };
        for _ in 0..2 {
            assert!(request().await.unwrap_err().contains("does not answer within 2 s"));
            clock.advance(KEPT);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        answer.send(()).unwrap();
        let has_answered =
            || async { check.0.lock().await.hanging.as_ref().is_some_and(|it| it.is_finished()) };
        while !has_answered().await {
            std::thread::sleep(Duration::from_millis(5));
        }
        // That answer is out of date, so that the directory is asked again.
        answer.send(()).unwrap();
        assert!(request().await.is_ok());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
