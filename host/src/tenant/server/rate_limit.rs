//! Rate limits, and the headers that report them.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::ambient::Ambient;
use crate::tenant::config::RateLimit;
use crate::tenant::store::bucket_clock::BucketClock;

/// The value reported in the headers if there is no limit.
const UNLIMITED: u32 = 1_000_000;

/// A rate limiter: a token bucket, or no limit.
pub(crate) struct ApiLimit {
    bucket: Option<Bucket>,
    clock: BucketClock,
    ambient: Ambient,
}

struct Bucket {
    limit: u32,
    limiter: RateLimiter<NotKeyed, InMemoryState, BucketClock, StateInformationMiddleware>,
}

/// The state of a limit after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimitState {
    limit: u32,
    remaining: u32,
    /// The time until a request is allowed again.
    wait: Duration,
    /// The time at which a request is allowed again, in seconds since 1970.
    reset: u64,
}

impl ApiLimit {
    pub(crate) fn new(limit: Option<RateLimit>, ambient: &Ambient) -> Self {
        let clock = BucketClock::new(ambient);
        let bucket = limit.map(|RateLimit { per_second, burst }| {
            let quota = Quota::per_second(per_second).allow_burst(burst);
            let limiter = RateLimiter::direct_with_clock(quota, clock.clone()).with_middleware();
            Bucket { limit: burst.get(), limiter }
        });
        Self { bucket, clock, ambient: ambient.clone() }
    }

    /// Counts a request. Returns `Err` if it exceeds the limit.
    pub(crate) fn count(&self) -> Result<RateLimitState, RateLimitState> {
        let Some(Bucket { limit, limiter }) = &self.bucket else {
            return Ok(self.left(UNLIMITED, UNLIMITED - 1, Duration::ZERO));
        };
        match limiter.check() {
            Ok(state) => Ok(self.left(*limit, state.remaining_burst_capacity(), Duration::ZERO)),
            Err(not_until) => Err(self.left(*limit, 0, not_until.wait_time_from(self.clock.now()))),
        }
    }

    fn left(&self, limit: u32, remaining: u32, wait: Duration) -> RateLimitState {
        let now = self.ambient.since_epoch();
        // Rounds up to a whole second, so that a client that retries at that time is served.
        let reset = if wait.is_zero() { now.as_secs() } else { (now + wait).as_secs() + 1 };
        RateLimitState { limit, remaining, wait, reset }
    }
}

impl RateLimitState {
    /// Adds the rate limit headers to a response.
    ///
    /// Source: Auth0, "Rate limit policy": the reset is in seconds since 1970.
    pub(crate) fn write_headers(self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(self.reset));
        if self.remaining == 0 && !self.wait.is_zero() {
            headers.insert("retry-after", HeaderValue::from(self.wait.as_secs() + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use axum::http::HeaderMap;

    use crate::ambient::Ambient;
    use crate::tenant::server::rate_limit::{ApiLimit, RateLimit};
    use crate::tenant::store::test_clock::at_ten;

    #[test]
    fn a_bucket_holds_what_it_holds() {
        let limit = RateLimit { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(2).unwrap() };
        let limiter = ApiLimit::new(Some(limit), &Ambient::system());
        assert!(limiter.count().is_ok() && limiter.count().is_ok());
        let left = limiter.count().unwrap_err();
        let mut headers = HeaderMap::new();
        left.write_headers(&mut headers);
        assert_eq!(headers["x-ratelimit-limit"], "2");
        assert_eq!(headers["x-ratelimit-remaining"], "0");
        assert_eq!(headers["retry-after"], "1");
    }

    #[test]
    fn a_bucket_has_one_again_at_the_millisecond_that_it_says() {
        let (clock, ambient) = at_ten();
        let limit = RateLimit { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(2).unwrap() };
        let limiter = ApiLimit::new(Some(limit), &ambient);
        assert!(limiter.count().is_ok() && limiter.count().is_ok());
        clock.advance(Duration::from_millis(999));
        let mut headers = HeaderMap::new();
        limiter.count().unwrap_err().write_headers(&mut headers);
        // 10:00:00, and two seconds later.
        assert_eq!(headers["retry-after"], "1");
        assert_eq!(headers["x-ratelimit-reset"], "1795687202");
        clock.advance(Duration::from_millis(1));
        assert!(limiter.count().is_ok());
        assert!(limiter.count().is_err());
    }

    #[test]
    fn where_nothing_is_limited_nothing_runs_out() {
        let limiter = ApiLimit::new(None, &Ambient::system());
        assert!((0..100_000).all(|_| limiter.count().is_ok()));
    }
}
