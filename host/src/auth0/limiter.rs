//! The limiter in front of a tenant: logins share the requests that it allows.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::TimeLimit;
use super::rate_headers::{Quota, RateHeaders};
use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// The time after which a quota is assumed to be full again, as long as no answer has
/// said so.
const ASSUMED_PERIOD: Duration = Duration::from_secs(1);

/// The longest time for which the limiter holds requests back, so that a header that
/// makes no sense does not end all requests.
const LONGEST_BLOCK: Duration = Duration::from_mins(1);

/// The classes of requests, each of which a tenant limits by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestClass {
    Read,
    Write,
}

/// The limiter of one tenant.
#[derive(Debug)]
pub(super) struct Limiter {
    ambient: Ambient,
    buckets: Mutex<[Bucket; 2]>,
    /// Signals that an answer has arrived.
    answered: Condvar,
}

/// The requests of one class.
#[derive(Debug, Default)]
struct Bucket {
    /// Unknown before the first answer.
    allowance: Option<Allowance>,
    /// The requests that have no answer yet.
    in_flight: u32,
    /// The requests that wait for their turn.
    waiting: u32,
}

#[derive(Debug, Clone, Copy)]
struct Allowance {
    limit: u32,
    remaining: u32,
    reset: Monotonic,
}

/// Whether a request may be sent now.
#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Now,
    /// Wait at least this long.
    After(Duration),
    /// The wait is longer than the request's remaining time.
    TooLate(Duration),
}

impl Bucket {
    /// Takes a request from the allowance, or returns when to ask again. `ahead` is the
    /// number of requests that wait already.
    fn take(&mut self, now: Monotonic, left: Duration, ahead: u32) -> Admission {
        if let Some(allowance) = &mut self.allowance {
            if now >= allowance.reset {
                allowance.remaining = allowance.limit.saturating_sub(self.in_flight).max(1);
                allowance.reset = now + ASSUMED_PERIOD;
            }
            if allowance.remaining == 0 {
                let periods = ahead / allowance.limit.max(1);
                let wait = allowance.reset.since(now) + ASSUMED_PERIOD * periods;
                return if wait >= left {
                    Admission::TooLate(wait)
                } else {
                    Admission::After(allowance.reset.since(now))
                };
            }
            allowance.remaining -= 1;
        }
        self.in_flight = self.in_flight.saturating_add(1);
        Admission::Now
    }

    /// Follows the answer to one of the requests in flight. The others may not be part of
    /// its count yet.
    fn follow(&mut self, now: Monotonic, quota: Quota) {
        let reset = now + quota.reset_after.min(LONGEST_BLOCK);
        let remaining = quota.remaining.saturating_sub(self.in_flight.saturating_sub(1));
        let known = self.allowance.filter(|known| now < known.reset);
        let remaining = match known {
            // Answers may arrive in another order than the tenant counted them.
            Some(known) if reset <= known.reset && quota.limit == known.limit => {
                remaining.min(known.remaining)
            }
            _ => remaining,
        };
        let reset = known.map_or(reset, |known| if remaining == 0 { reset.max(known.reset) } else { reset });
        self.allowance = Some(Allowance { limit: quota.limit, remaining, reset });
    }

    /// Allows nothing for a while.
    fn block(&mut self, now: Monotonic, time: Duration) {
        let limit = self.allowance.map_or(1, |known| known.limit);
        let reset = now + time.min(LONGEST_BLOCK);
        self.allowance = Some(Allowance { limit, remaining: 0, reset });
    }
}

impl Limiter {
    pub(super) fn new(ambient: &Ambient) -> Self {
        let buckets = Mutex::new([Bucket::default(), Bucket::default()]);
        Self { ambient: ambient.clone(), buckets, answered: Condvar::new() }
    }

    /// Waits until a request may be sent.
    ///
    /// # Errors
    ///
    /// The time to wait, at once, if the request could not be sent within its limit.
    pub(super) fn acquire(&self, class: RequestClass, limit: TimeLimit) -> Result<Permit<'_>, Duration> {
        let mut buckets = self.lock();
        let mut ahead = buckets[class as usize].waiting;
        loop {
            let left = limit.left(&self.ambient);
            match buckets[class as usize].take(self.ambient.monotonic(), left, ahead) {
                Admission::Now => return Ok(Permit { limiter: self, class }),
                Admission::TooLate(wait) => return Err(wait),
                Admission::After(wait) => {
                    buckets[class as usize].waiting += 1;
                    let waited = self.answered.wait_timeout(buckets, wait);
                    buckets = waited.unwrap_or_else(PoisonError::into_inner).0;
                    buckets[class as usize].waiting -= 1;
                }
            }
            ahead = 0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, [Bucket; 2]> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permission to send one request. It ends with the answer.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    limiter: &'a Limiter,
    class: RequestClass,
}

impl Permit<'_> {
    /// Follows the headers of the answer. `refused` is for an answer of 429.
    pub(super) fn answered(self, rate: &RateHeaders, refused: bool) {
        let now = self.limiter.ambient.monotonic();
        let mut buckets = self.limiter.lock();
        let bucket = &mut buckets[self.class as usize];
        if let Some(quota) = rate.quota {
            bucket.follow(now, quota);
        }
        if refused {
            bucket.block(now, rate.retry_after.unwrap_or(ASSUMED_PERIOD));
        }
    }
}

/// Ends the request, with or without an answer, and lets the others ask again.
impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut buckets = self.limiter.lock();
        let bucket = &mut buckets[self.class as usize];
        bucket.in_flight = bucket.in_flight.saturating_sub(1);
        drop(buckets);
        self.limiter.answered.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Admission, Bucket, LONGEST_BLOCK, Limiter, RequestClass};
    use crate::ambient::Ambient;
    use crate::auth0::TimeLimit;
    use crate::auth0::rate_headers::{Quota, RateHeaders};
    use crate::clock::ManualClock;
    use crate::model::Timestamp;
    use crate::random::SeededRandom;

    const LONG: Duration = Duration::from_secs(20);

    fn ambient() -> (Arc<ManualClock>, Ambient) {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::default()));
        (clock.clone(), Ambient::new(clock, Arc::new(SeededRandom::new(1))))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn quota(limit: u32, remaining: u32, reset_after: u64) -> Quota {
        Quota { limit, remaining, reset_after: seconds(reset_after) }
    }

    /// Sends a request and follows its answer.
    fn send(limiter: &Limiter, limit: TimeLimit, quota: Quota) {
        let rate = RateHeaders { quota: Some(quota), retry_after: None };
        limiter.acquire(RequestClass::Read, limit).unwrap().answered(&rate, false);
    }

    #[test]
    fn requests_are_held_back_until_the_reset() {
        let (clock, ambient) = ambient();
        let mut bucket = Bucket::default();
        let take = |bucket: &mut Bucket| bucket.take(ambient.monotonic(), LONG, 0);
        assert_eq!(take(&mut bucket), Admission::Now);
        bucket.follow(ambient.monotonic(), quota(2, 1, 3));
        assert_eq!(take(&mut bucket), Admission::Now);
        assert_eq!(take(&mut bucket), Admission::After(seconds(3)));
        clock.advance(seconds(2));
        assert_eq!(take(&mut bucket), Admission::After(seconds(1)));
        // The two requests in flight have no answer: one more is tried.
        clock.advance(seconds(1));
        assert_eq!(take(&mut bucket), Admission::Now);
        assert_eq!(take(&mut bucket), Admission::After(seconds(1)));
    }

    #[test]
    fn a_request_that_would_be_too_late_fails_at_once() {
        let (_, ambient) = ambient();
        let mut bucket = Bucket::default();
        bucket.block(ambient.monotonic(), seconds(5));
        let mut take = |left, ahead| bucket.take(ambient.monotonic(), seconds(left), ahead);
        assert_eq!(take(5, 0), Admission::TooLate(seconds(5)));
        assert_eq!(take(6, 0), Admission::After(seconds(5)));
        // A limit of one a second, and three requests before it.
        assert_eq!(take(8, 3), Admission::TooLate(seconds(8)));
        assert_eq!(take(9, 3), Admission::After(seconds(5)));
    }

    #[test]
    fn answers_count_the_requests_that_are_still_in_flight() {
        let (_, ambient) = ambient();
        let (mut bucket, now) = (Bucket::default(), ambient.monotonic());
        for _ in 0..3 {
            assert_eq!(bucket.take(now, LONG, 0), Admission::Now);
        }
        bucket.follow(now, quota(10, 3, 1));
        assert_eq!(bucket.take(now, LONG, 0), Admission::Now);
        assert_eq!(bucket.take(now, LONG, 0), Admission::After(seconds(1)));
        // An answer that was counted before allows no more.
        bucket.follow(now, quota(10, 9, 1));
        assert_eq!(bucket.take(now, LONG, 0), Admission::After(seconds(1)));
    }

    #[test]
    fn a_header_that_makes_no_sense_does_not_block_for_ever() {
        let (clock, ambient) = ambient();
        let mut bucket = Bucket::default();
        bucket.follow(ambient.monotonic(), quota(10, 0, u64::MAX));
        assert_eq!(bucket.take(ambient.monotonic(), LONG, 0), Admission::TooLate(LONGEST_BLOCK));
        bucket.block(ambient.monotonic(), seconds(u64::MAX));
        clock.advance(LONGEST_BLOCK);
        assert_eq!(bucket.take(ambient.monotonic(), LONG, 0), Admission::Now);
    }

    #[test]
    fn reads_and_writes_have_allowances_of_their_own() {
        let (_, ambient) = ambient();
        let (limiter, limit) = (Limiter::new(&ambient), TimeLimit::after(&ambient, seconds(1)));
        send(&limiter, limit, quota(2, 0, 2));
        assert_eq!(limiter.acquire(RequestClass::Read, limit).unwrap_err(), seconds(2));
        assert!(limiter.acquire(RequestClass::Write, limit).is_ok());
    }

    #[test]
    fn a_request_without_an_answer_ends_too() {
        let (_, ambient) = ambient();
        let (limiter, limit) = (Limiter::new(&ambient), TimeLimit::after(&ambient, seconds(1)));
        drop(limiter.acquire(RequestClass::Read, limit).unwrap());
        assert_eq!(limiter.lock()[RequestClass::Read as usize].in_flight, 0);
        send(&limiter, limit, quota(2, 1, 2));
        assert_eq!(limiter.lock()[RequestClass::Read as usize].in_flight, 0);
    }
}
