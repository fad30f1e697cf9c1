//! Failed login attempts, and their limits.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::ambient::Ambient;
use crate::model::Moment;
use crate::tenant::store::expiring::Expiring;

/// The number of failed attempts from one sender after which that sender must wait to try a login.
///
/// Source: Auth0, "Brute-force protection", default: ten of one address, for each sender.
pub(crate) const FROM_ONE: u32 = 10;
/// The number of failed attempts from all senders after which everyone must wait to try a login, so
/// that many senders together guess no faster than ten senders do.
const FROM_ALL: u32 = 100;
/// The time for which wrong attempts lock a login.
pub(crate) const WAIT: Duration = Duration::from_secs(600);
/// The maximum number of logins, and of pairs of login and sender, that are tracked.
const LOGINS: u64 = 100_000;

/// Failed attempts by login. Existing logins have a separate table, so that guesses at unknown
/// names evict none of them. To evict an existing login, a sender would need as many accounts as
/// the table has entries.
pub(crate) struct Attempts {
    existing: Table,
    others: Table,
}

/// An attempt to log in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// The name of the login, with its connection.
    pub(crate) login: &'a str,
    /// The network address of the sender.
    pub(crate) sender: &'a str,
    /// Whether the login exists.
    pub(crate) exists: bool,
}

/// The error for an attempt beyond the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Attempts {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        Self { existing: Table::new(ambient), others: Table::new(ambient) }
    }

    fn select_table(&self, attempt: Attempt<'_>) -> &Table {
        if attempt.exists { &self.existing } else { &self.others }
    }

    /// Counts an attempt as failed before the secret is checked, so that concurrent attempts do not
    /// exceed the limit.
    pub(crate) fn begin(&self, attempt: Attempt<'_>) -> Result<(), TooMany> {
        let (login, sender) = self.select_table(attempt).counters(attempt);
        if sender.fetch_add(1, Ordering::SeqCst) >= FROM_ONE {
            return Err(TooMany);
        }
        if login.failed.fetch_add(1, Ordering::SeqCst) >= FROM_ALL { Err(TooMany) } else { Ok(()) }
    }

    /// Undoes a counted attempt.
    pub(crate) fn take_back(&self, attempt: Attempt<'_>) {
        let (login, sender) = self.select_table(attempt).counters(attempt);
        subtract(&sender, 1);
        subtract(&login.failed, 1);
    }

    /// Resets the count of a sender who has proved to know the secret. Attempts of other senders
    /// still count.
    pub(crate) fn succeed(&self, attempt: Attempt<'_>) {
        let (login, sender) = self.select_table(attempt).counters(attempt);
        subtract(&login.failed, sender.swap(0, Ordering::SeqCst));
    }

    /// Resets the counts of a login, because its secret was changed.
    pub(crate) fn reset(&self, login: &str) {
        for table in [&self.existing, &self.others] {
            table.logins.remove(&hash_key(&[login]));
        }
    }
}

struct Table {
    logins: Expiring<[u8; 32], Arc<LoginCounter>>,
    senders: Expiring<[u8; 32], Arc<AtomicU32>>,
    ambient: Ambient,
}

struct LoginCounter {
    failed: AtomicU32,
    /// Distinguishes the senders' counters of this entry from those of an earlier entry with the
    /// same name.
    since: Moment,
}

impl Table {
    fn new(ambient: &Ambient) -> Self {
        Self { logins: new_table(ambient), senders: new_table(ambient), ambient: ambient.clone() }
    }

    fn counters(&self, attempt: Attempt<'_>) -> (Arc<LoginCounter>, Arc<AtomicU32>) {
        let login = self.logins.get_or_put(hash_key(&[attempt.login]), || {
            Arc::new(LoginCounter { failed: AtomicU32::new(0), since: self.ambient.draw_moment() })
        });
        let since = format!("{:?}", login.since);
        let sender = hash_key(&[attempt.login, &since, &normalize_sender(attempt.sender)]);
        (login, self.senders.get_or_put(sender, Arc::default))
    }
}

fn new_table<V: Clone + Send + Sync + 'static>(ambient: &Ambient) -> Expiring<[u8; 32], V> {
    Expiring::new(Cache::builder().max_capacity(LOGINS), WAIT, ambient)
}

fn subtract(counter: &AtomicU32, count: u32) {
    let less = |it: u32| Some(it.saturating_sub(count));
    let _ = counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
}

/// Returns a key of fixed size for texts of any length.
fn hash_key(texts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text.to_ascii_lowercase());
    }
    hash.finalize().into()
}

/// Returns the network that identifies a sender: for IPv6 the 64-bit prefix, because one subscriber
/// has a whole such network.
pub(crate) fn normalize_sender(sender: &str) -> String {
    match sender.parse() {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => sender.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::ambient::Ambient;
    use crate::tenant::people::attempts::{Attempt, Attempts, FROM_ALL, FROM_ONE, WAIT, normalize_sender};
    use crate::tenant::store::test_clock::at_ten;

    fn attempt_by<'a>(login: &'a str, sender: &'a str) -> Attempt<'a> {
        Attempt { login, sender, exists: true }
    }

    #[test]
    fn many_at_a_time_get_no_more_attempts() {
        let attempts = Attempts::new(&Ambient::system());
        let begun = std::thread::scope(|scope| {
            let guess = || attempts.begin(attempt_by("Ada", "192.0.2.1")).is_ok();
            let guesses: Vec<_> = (0..40).map(|_| scope.spawn(guess)).collect();
            guesses.into_iter().map(|guess| usize::from(guess.join().unwrap())).sum::<usize>()
        });
        assert_eq!(begun, 10);
        assert!(attempts.begin(attempt_by("ada", "192.0.2.1")).is_err());
        attempts.reset("ADA");
        assert!(attempts.begin(attempt_by("ada", "192.0.2.1")).is_ok());
    }

    #[test]
    fn a_login_that_was_tried_too_often_waits_until_the_last_millisecond() {
        let (clock, ambient) = at_ten();
        let attempts = Attempts::new(&ambient);
        while attempts.begin(attempt_by("ada", "192.0.2.1")).is_ok() {}
        clock.advance(WAIT - Duration::from_millis(1));
        assert!(attempts.begin(attempt_by("ada", "192.0.2.1")).is_err());
        clock.advance(Duration::from_millis(1));
        assert_eq!((0..50).filter(|_| attempts.begin(attempt_by("ada", "192.0.2.1")).is_ok()).count(), 10);
    }

    #[test]
    fn one_sender_locks_the_login_for_no_other() {
        let attempts = Attempts::new(&Ambient::system());
        assert_eq!((0..50).filter(|_| attempts.begin(attempt_by("ada", "192.0.2.1")).is_ok()).count(), 10);
        assert!(attempts.begin(attempt_by("ada", "192.0.2.2")).is_ok());
    }

    #[test]
    fn many_senders_together_get_as_many_as_ten() {
        let attempts = Attempts::new(&Ambient::system());
        let senders: Vec<String> = (0..100).map(|n| format!("192.0.2.{n}")).collect();
        let tries = senders.iter().flat_map(|sender| (0..FROM_ONE).map(move |_| sender));
        let begun = tries.filter(|sender| attempts.begin(attempt_by("ada", sender)).is_ok()).count();
        assert_eq!(begun, FROM_ALL as usize);
    }

    #[test]
    fn the_owner_who_logs_in_gives_a_guesser_no_more_attempts() {
        let attempts = Attempts::new(&Ambient::system());
        let mut guessed = 0;
        for _ in 0..5 {
            guessed += (0..20).filter(|_| attempts.begin(attempt_by("ada", "192.0.2.1")).is_ok()).count();
            assert!(attempts.begin(attempt_by("ada", "192.0.2.2")).is_ok());
            attempts.succeed(attempt_by("ada", "192.0.2.2"));
        }
        assert_eq!(guessed, 10);
    }

    #[test]
    fn guesses_at_other_names_push_no_login_out() {
        let attempts = Attempts::new(&Ambient::system());
        while attempts.begin(attempt_by("ada", "192.0.2.1")).is_ok() {}
        for n in 0..300_000 {
            let login = format!("nobody-{n}");
            let _ = attempts.begin(Attempt { login: &login, sender: "192.0.2.1", exists: false });
        }
        assert!(attempts.begin(attempt_by("ada", "192.0.2.1")).is_err());
    }

    #[test]
    fn an_attempt_that_was_not_made_does_not_count() {
        let attempts = Attempts::new(&Ambient::system());
        for _ in 0..400 {
            assert!(attempts.begin(attempt_by("ada", "192.0.2.1")).is_ok());
            attempts.take_back(attempt_by("ada", "192.0.2.1"));
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_sender() {
        assert_eq!(normalize_sender("2001:db8:1:2:3::1"), normalize_sender("2001:db8:1:2:ffff::2"));
        assert_ne!(normalize_sender("2001:db8:1:2::1"), normalize_sender("2001:db8:1:3::1"));
        assert_ne!(normalize_sender("192.0.2.1"), normalize_sender("192.0.2.2"));
    }
}
