//! Repeating a request that failed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, BlockingRetryable, ExponentialBackoff, ExponentialBuilder};

use super::transport::Failure;
use super::{CallError, CallErrorKind, TimeLimit};
use crate::ambient::Ambient;

/// The wait before the second try, unless the tenant asks for another. It doubles each
/// time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const MOST_RETRIES: usize = 8;

/// The condition under which a request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The request only reads, so it may always be repeated.
    Read,
    /// The request is idempotent, so it may always be repeated.
    Change,
    /// The request is not idempotent. It is repeated only if it had no effect.
    WithoutEffect,
}

/// Repeats a request until it succeeds, fails for good, or its next wait would exceed the time limit.
pub(super) fn retry<T>(
    ambient: &Ambient,
    limit: TimeLimit,
    repeat: Repeat,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, CallErrorKind> {
    let asked = Arc::new(Mutex::new(None));
    let waits =
        Waits { asked: asked.clone(), exponential: exponential(ambient), ambient: ambient.clone(), limit };
    let mut may_have_effect = false;
    let tries = || attempt().inspect_err(|failure| may_have_effect |= has_effect(&failure.kind));
    let again = |failure: &Failure| {
        *asked.lock().unwrap_or_else(PoisonError::into_inner) = failure.wait;
        failure.is_passing && (repeat != Repeat::WithoutEffect || !has_effect(&failure.kind))
    };
    let result = tries.retry(waits).when(again).call();
    result.map_err(|failure| match failure.kind {
        CallErrorKind::TimedOut { .. } if repeat == Repeat::Read => {
            CallErrorKind::TimedOut { may_have_effect: false }
        }
        // An earlier try may have changed something, even if the last one did not.
        CallErrorKind::TimedOut { .. } => CallErrorKind::TimedOut { may_have_effect },
        kind if repeat == Repeat::Change && may_have_effect && !has_effect(&kind) => {
            let last = CallError { kind, correlation_id: None };
            CallErrorKind::Unclear(format!("{last}; an earlier try of the request may have had an effect"))
        }
        kind => kind,
    })
}

fn has_effect(kind: &CallErrorKind) -> bool {
    CallError { kind: kind.clone(), correlation_id: None }.may_have_effect()
}

fn exponential(ambient: &Ambient) -> ExponentialBackoff {
    let mut seed = [0; 8];
    ambient.random().fill(&mut seed);
    ExponentialBuilder::new()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_max_times(MOST_RETRIES)
        .with_jitter()
        .with_jitter_seed(u64::from_le_bytes(seed))
        .build()
}

/// The waits between tries: those that the tenant asks for, or growing ones. They end
/// where the next try would begin after the limit.
struct Waits {
    asked: Arc<Mutex<Option<Duration>>>,
    exponential: ExponentialBackoff,
    ambient: Ambient,
    limit: TimeLimit,
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let growing = self.exponential.next()?;
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let wait = asked.unwrap_or(growing);
        (wait < self.limit.left(&self.ambient)).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Repeat, retry};
    use crate::ambient::Ambient;
    use crate::auth0::transport::Failure;
    use crate::auth0::{CallErrorKind, TimeLimit};

    /// Runs tries that fail like this, then succeed; the result and the number of tries.
    fn run(repeat: Repeat, time: Duration, failures: &[Failure]) -> (Result<(), CallErrorKind>, usize) {
        let ambient = Ambient::system();
        let mut tries = 0;
        let result = retry(&ambient, TimeLimit::after(&ambient, time), repeat, || {
            tries += 1;
            failures.get(tries - 1).map_or(Ok(()), |failure| {
                let Failure { kind, wait, is_passing } = failure;
                Err(Failure { kind: kind.clone(), wait: *wait, is_passing: *is_passing })
            })
        });
        (result, tries)
    }

    fn unclear() -> Failure {
        Failure { wait: Some(Duration::ZERO), ..Failure::passing(CallErrorKind::Unclear("500".to_owned())) }
    }

    fn limited(wait: Duration) -> Failure {
        let kind = CallErrorKind::RateLimited { retry_after: Some(wait) };
        Failure { wait: Some(wait), ..Failure::passing(kind) }
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_change_that_must_not_happen_twice_is_repeated_only_without_effect() {
        for (repeat, tries) in [(Repeat::Read, 2), (Repeat::Change, 2), (Repeat::WithoutEffect, 1)] {
            assert_eq!(run(repeat, LONG, &[unclear()]).1, tries, "{repeat:?}");
            assert_eq!(run(repeat, LONG, &[limited(Duration::ZERO)]), (Ok(()), 2), "{repeat:?}");
        }
    }

    #[test]
    fn a_wait_beyond_the_limit_ends_at_once() {
        let (result, tries) = run(Repeat::Read, LONG, &[limited(LONG)]);
        assert_eq!((result, tries), (Err(CallErrorKind::RateLimited { retry_after: Some(LONG) }), 1));
    }

    #[test]
    fn an_earlier_try_that_may_have_had_an_effect_is_not_forgotten() {
        let failures = [unclear(), limited(LONG)];
        let (change, _) = run(Repeat::Change, LONG, &failures);
        assert!(matches!(change, Err(CallErrorKind::Unclear(_))), "{change:?}");
        let (read, _) = run(Repeat::Read, LONG, &failures);
        assert!(matches!(read, Err(CallErrorKind::RateLimited { .. })), "{read:?}");
        let late = Failure::lasting(CallErrorKind::TimedOut { may_have_effect: false });
        let (change, _) = run(Repeat::Change, LONG, &[unclear(), late]);
        assert_eq!(change, Err(CallErrorKind::TimedOut { may_have_effect: true }));
    }

    #[test]
    fn a_failure_that_stays_is_not_repeated() {
        let lasting = || Failure::lasting(CallErrorKind::NotSent("no".to_owned()));
        assert_eq!(run(Repeat::Read, LONG, &[lasting()]), (Err(lasting().kind), 1));
    }
}
