//! How many requests are answered, and what clients are told of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::tenant::config::RateLimit;

/// What the headers say where nothing is limited.
const UNLIMITED: u32 = 1_000_000;

/// A token bucket, or none.
pub(crate) struct Limiter(
    Option<(u32, RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>)>,
);

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    limit: u32,
    remaining: u32,
    /// Until there is one again.
    wait: Duration,
}

impl Limiter {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        Self(limit.map(|RateLimit { per_second, burst }| {
            let quota = Quota::per_second(per_second).allow_burst(burst);
            (burst.get(), RateLimiter::direct(quota).with_middleware())
        }))
    }

    /// Counts a request. `Err` if it is one too many.
    pub(crate) fn count(&self) -> Result<Left, Left> {
        let Some((limit, limiter)) = &self.0 else {
            return Ok(Left { limit: UNLIMITED, remaining: UNLIMITED - 1, wait: Duration::ZERO });
        };
        match limiter.check() {
            Ok(state) => {
                Ok(Left { limit: *limit, remaining: state.remaining_burst_capacity(), wait: Duration::ZERO })
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(Left { limit: *limit, remaining: 0, wait })
            }
        }
    }
}

impl Left {
    /// Source: Auth0, "Rate limit policy": the reset is in seconds since 1970.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A whole second: whoever comes back then finds one free.
        let reset = if self.wait.is_zero() { now.as_secs() } else { (now + self.wait).as_secs() + 1 };
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
        if self.remaining == 0 && !self.wait.is_zero() {
            headers.insert("retry-after", HeaderValue::from(self.wait.as_secs() + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use axum::http::HeaderMap;

    use crate::tenant::server::rate_limit::{Limiter, RateLimit};

    #[test]
    fn a_bucket_holds_what_it_holds() {
        let limit = RateLimit { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(2).unwrap() };
        let limiter = Limiter::new(Some(limit));
        assert!(limiter.count().is_ok() && limiter.count().is_ok());
        let left = limiter.count().unwrap_err();
        let mut headers = HeaderMap::new();
        left.tell(&mut headers);
        assert_eq!(headers["x-ratelimit-limit"], "2");
        assert_eq!(headers["x-ratelimit-remaining"], "0");
        assert_eq!(headers["retry-after"], "1");
    }

    #[test]
    fn where_nothing_is_limited_nothing_runs_out() {
        let limiter = Limiter::new(None);
        assert!((0..100_000).all(|_| limiter.count().is_ok()));
    }
}
