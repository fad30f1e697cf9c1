//! The limit of the messages that anybody can have sent: codes, links, and mails that verify an
//! address.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::ambient::Ambient;
use crate::tenant::people::attempts::normalize_sender;
use crate::tenant::store::bucket_clock::BucketClock;
use crate::tenant::store::expiring::Expiring;

/// The messages that one client has sent, to anybody, and those that anybody has sent to one
/// recipient.
///
/// Source: Auth0, "Rate limit configurations", `/passwordless/start`: 50 requests at once, 50 an hour.
const HOURLY: Bucket = Bucket { most: 50, refill: Duration::from_secs(72) };
/// The messages that one client has sent to one recipient.
///
/// Source: Auth0, "Rate limit configurations", `/dbconnections/change_password`: 10 requests at once,
/// one a minute.
const TO_ONE: Bucket = Bucket { most: 10, refill: Duration::from_secs(60) };
/// The accounts that one client has created, each of which is mailed to.
///
/// Source: Auth0, "Rate limit configurations", `/dbconnections/signup`: 50 requests at once, 50 a minute.
const SIGN_UPS: Bucket = Bucket { most: 50, refill: Duration::from_millis(1_200) };
/// The maximum number of clients, recipients, and pairs of both that are tracked.
const TRACKED: u64 = 100_000;

/// The size of a token bucket, and the time after which it has one token more.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    most: u32,
    refill: Duration,
}

/// The limit of messages, or none.
pub(crate) struct MessageLimit(Option<Tables>);

struct Tables {
    by_sender: Table,
    by_recipient: Table,
    by_pair: Table,
    sign_ups: Table,
}

/// A message beyond the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyMessages {
    /// The time until a message may be sent again.
    pub(crate) wait: Duration,
}

impl MessageLimit {
    /// Creates a limit. Unless it is enabled, it counts nothing.
    pub(crate) fn new(is_enabled: bool, ambient: &Ambient) -> Self {
        let tables = || Tables {
            by_sender: Table::new(HOURLY, ambient),
            by_recipient: Table::new(HOURLY, ambient),
            by_pair: Table::new(TO_ONE, ambient),
            sign_ups: Table::new(SIGN_UPS, ambient),
        };
        Self(is_enabled.then(tables))
    }

    /// Counts a message that a client at this network address asks for, before it is sent. Nothing
    /// about the recipient decides the answer, so that it does not reveal who has an account.
    pub(crate) fn count(&self, sender: &str, recipient: &str) -> Result<(), TooManyMessages> {
        let Some(tables) = &self.0 else { return Ok(()) };
        let sender = normalize_sender(sender);
        let recipient = recipient.to_lowercase();
        let counted = tables
            .by_pair
            .count(&[&sender, &recipient])
            .and_then(|()| tables.by_sender.count(&[&sender]))
            .and_then(|()| tables.by_recipient.count(&[&recipient]));
        counted.inspect_err(|TooManyMessages { wait }| {
            let wait_s = wait.as_secs();
            tracing::warn!(target: "audit", ip = sender, wait_s, "a message was refused: too many were sent");
        })
    }

    /// Counts a message that an application with a secret asks for on behalf of its users.
    ///
    /// Source: Auth0, "Authentication API endpoint rate limits": 50 requests an hour of "non-authenticated
    /// calls".
    pub(crate) fn count_for_client(&self, recipient: &str) -> Result<(), TooManyMessages> {
        let Some(tables) = &self.0 else { return Ok(()) };
        tables.by_recipient.count(&[&recipient.to_lowercase()]).inspect_err(|_| {
            tracing::warn!(target: "audit", "a message for an application was refused: too many were sent");
        })
    }

    /// Counts the creation of an account, which mails a link to its address.
    pub(crate) fn count_sign_up(&self, sender: &str) -> Result<(), TooManyMessages> {
        let Some(tables) = &self.0 else { return Ok(()) };
        let sender = normalize_sender(sender);
        tables.sign_ups.count(&[&sender]).inspect_err(|_| {
            tracing::warn!(target: "audit", ip = sender, "a sign-up was refused: too many were made");
        })
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, BucketClock, NoOpMiddleware<Nanos>>;

/// The buckets of one kind, by the hash of what they count.
struct Table {
    bucket: Bucket,
    limiters: Expiring<[u8; 32], Arc<Limiter>>,
    clock: BucketClock,
}

impl Table {
    fn new(bucket: Bucket, ambient: &Ambient) -> Self {
        let full_after = bucket.refill * bucket.most;
        let limiters = Expiring::new(Cache::builder().max_capacity(TRACKED), full_after, ambient);
        Self { bucket, limiters, clock: BucketClock::new(ambient) }
    }

    fn count(&self, names: &[&str]) -> Result<(), TooManyMessages> {
        let key = hash_key(names);
        let limiter = self.limiters.get_or_put(key, || Arc::new(self.new_limiter()));
        let counted = limiter.check();
        // A bucket is forgotten once it is full again, which takes this long after its last message.
        self.limiters.put(key, limiter);
        counted.map_err(|not_until| TooManyMessages { wait: not_until.wait_time_from(self.clock.now()) })
    }

    fn new_limiter(&self) -> Limiter {
        let most = NonZeroU32::new(self.bucket.most).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(self.bucket.refill).unwrap_or(Quota::per_hour(most));
        RateLimiter::direct_with_clock(quota.allow_burst(most), self.clock.clone())
    }
}

/// Returns a key of fixed size for texts of any length.
fn hash_key(names: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.len().to_le_bytes());
        hash.update(name);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MessageLimit, TooManyMessages};
    use crate::ambient::Ambient;
    use crate::tenant::store::test_clock::at_ten;

    fn count_until_refused(mut count: impl FnMut(u32) -> Result<(), TooManyMessages>) -> u32 {
        (0..1_000).find(|n| count(*n).is_err()).unwrap_or(1_000)
    }

    #[test]
    fn one_client_sends_ten_to_one_recipient_and_one_more_each_minute() {
        let (clock, ambient) = at_ten();
        let limit = MessageLimit::new(true, &ambient);
        let ada = || limit.count("192.0.2.1", "ada@example.com");
        assert_eq!(count_until_refused(|_| ada()), 10);
        assert_eq!(ada(), Err(TooManyMessages { wait: Duration::from_secs(60) }));
        clock.advance(Duration::from_millis(59_999));
        assert_eq!(ada(), Err(TooManyMessages { wait: Duration::from_millis(1) }));
        clock.advance(Duration::from_millis(1));
        assert_eq!((ada(), ada().is_err()), (Ok(()), true));
        assert_eq!(limit.count("192.0.2.1", "bob@example.com"), Ok(()));
        assert_eq!(limit.count("192.0.2.2", "ada@example.com"), Ok(()), "another client is not held up");
    }

    #[test]
    fn one_client_sends_fifty_and_one_more_each_72_seconds() {
        let (clock, ambient) = at_ten();
        let limit = MessageLimit::new(true, &ambient);
        let to = |n: u32| limit.count("192.0.2.1", &format!("user{n}@example.com"));
        assert_eq!(count_until_refused(to), 50);
        clock.advance(Duration::from_millis(71_999));
        assert_eq!(to(100), Err(TooManyMessages { wait: Duration::from_millis(1) }));
        clock.advance(Duration::from_millis(1));
        assert_eq!((to(101), to(102).is_err()), (Ok(()), true));
    }

    #[test]
    fn one_recipient_gets_fifty_from_all_clients_and_applications() {
        let (clock, ambient) = at_ten();
        let limit = MessageLimit::new(true, &ambient);
        let from = |n: u32| {
            if n.is_multiple_of(2) {
                limit.count_for_client("ada@example.com")
            } else {
                limit.count(&format!("192.0.2.{n}"), "Ada@Example.com")
            }
        };
        assert_eq!(count_until_refused(from), 50);
        clock.advance(Duration::from_millis(72_000));
        assert_eq!((from(100), from(102).is_err()), (Ok(()), true));
        assert_eq!(limit.count_for_client("bob@example.com"), Ok(()));
    }

    #[test]
    fn one_client_creates_fifty_accounts_and_one_more_each_1200_milliseconds() {
        let (clock, ambient) = at_ten();
        let limit = MessageLimit::new(true, &ambient);
        assert_eq!(count_until_refused(|_| limit.count_sign_up("192.0.2.1")), 50);
        clock.advance(Duration::from_millis(1_199));
        assert!(limit.count_sign_up("192.0.2.1").is_err());
        clock.advance(Duration::from_millis(1));
        assert!(limit.count_sign_up("192.0.2.1").is_ok() && limit.count_sign_up("192.0.2.1").is_err());
        assert!(limit.count_sign_up("192.0.2.2").is_ok());
    }

    /// A bucket that is forgotten too early gives twice as much.
    #[test]
    fn a_bucket_that_is_in_use_is_not_forgotten() {
        let (clock, ambient) = at_ten();
        let limit = MessageLimit::new(true, &ambient);
        let ada = || limit.count("192.0.2.1", "ada@example.com");
        assert_eq!(ada(), Ok(()));
        clock.advance(Duration::from_secs(599));
        assert_eq!(count_until_refused(|_| ada()), 10);
        clock.advance(Duration::from_secs(1));
        assert!(ada().is_err(), "ten minutes after the first message");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let limit = MessageLimit::new(true, &Ambient::system());
        let from = |n: u32| limit.count(&format!("2001:db8:1:2::{n:x}"), "ada@example.com");
        assert_eq!(count_until_refused(from), 10);
    }

    #[test]
    fn a_limit_that_is_off_counts_nothing() {
        let limit = MessageLimit::new(false, &Ambient::system());
        assert_eq!(count_until_refused(|_| limit.count("192.0.2.1", "ada@example.com")), 1_000);
        assert_eq!(count_until_refused(|_| limit.count_sign_up("192.0.2.1")), 1_000);
    }

    #[test]
    fn many_at_a_time_send_no_more() {
        let limit = MessageLimit::new(true, &Ambient::system());
        let sent = std::thread::scope(|scope| {
            let send = || limit.count("192.0.2.1", "ada@example.com").is_ok();
            let sends: Vec<_> = (0..40).map(|_| scope.spawn(send)).collect();
            sends.into_iter().map(|send| usize::from(send.join().unwrap())).sum::<usize>()
        });
        assert_eq!(sent, 10);
    }
}
