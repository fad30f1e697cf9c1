//! The signatures that were accepted, so that none is accepted again.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::refusal::RequestRefusal;
use super::request_limits::WINDOW;
use super::signature::Signed;

/// The maximum number of signatures that are remembered: some 200 MB.
const MOST: usize = 4 << 20;

/// The accepted signatures, by their time stamps. A signature is remembered for as long
/// as its time stamp would be accepted. Only signed requests are remembered, so nobody
/// without a secret can fill the memory.
pub(super) struct SeenSignatures {
    by_time: Mutex<ByTime>,
    most: usize,
}

/// The first half of a signature distinguishes it: it is as random as the whole.
type Prefix = [u8; 16];

#[derive(Default)]
struct ByTime {
    seconds: BTreeMap<u64, HashSet<Prefix>>,
    count: usize,
}

impl SeenSignatures {
    pub(super) fn new() -> Self {
        Self { by_time: Mutex::default(), most: MOST }
    }

    /// Remembers a signature. A signature that is remembered already is refused; so is
    /// every other one while the memory is full, because to forget one would allow its
    /// replay. A signature that has expired while its request was read is refused, because it may have
    /// been forgotten.
    pub(super) fn accept(&self, signed: &Signed, since_epoch: Duration) -> Result<(), RequestRefusal> {
        let mut prefix = Prefix::default();
        prefix.copy_from_slice(&signed.tag[..16]);
        let oldest = since_epoch.saturating_sub(WINDOW).as_secs();
        if signed.timestamp < oldest {
            let seconds = since_epoch.as_secs().abs_diff(signed.timestamp);
            return Err(RequestRefusal::ClockOff { is_ahead: false, seconds });
        }
        let mut by_time = self.by_time.lock().unwrap_or_else(PoisonError::into_inner);
        let by_time = &mut *by_time;
        while let Some(expired) = by_time.seconds.first_entry().filter(|entry| *entry.key() < oldest) {
            by_time.count -= expired.remove().len();
        }
        if by_time.seconds.get(&signed.timestamp).is_some_and(|seen| seen.contains(&prefix)) {
            return Err(RequestRefusal::Replayed);
        }
        if by_time.count >= self.most {
            return Err(RequestRefusal::TooManySignatures);
        }
        by_time.count += 1;
        by_time.seconds.entry(signed.timestamp).or_default().insert(prefix);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::SeenSignatures;
    use crate::hook::refusal::RequestRefusal;
    use crate::hook::signature::Signed;

    fn signed(timestamp: u64, number: u8) -> Signed {
        Signed { timestamp, tag: [number; 32], secret: 0 }
    }

    #[test]
    fn a_signature_is_accepted_once_while_its_time_is_accepted() {
        let seen = SeenSignatures::new();
        let at = Duration::from_secs;
        assert_eq!(seen.accept(&signed(1_000, 1), at(1_000)), Ok(()));
        assert_eq!(seen.accept(&signed(1_000, 2), at(1_000)), Ok(()));
        // Up to the last second in which its time stamp is accepted.
        for now in [1_000, 1_299, 1_300] {
            assert_eq!(seen.accept(&signed(1_000, 1), at(now)), Err(RequestRefusal::Replayed), "{now}");
        }
        assert_eq!(seen.accept(&signed(1_301, 3), at(1_301)), Ok(()));
        assert_eq!(seen.by_time.lock().unwrap().count, 1, "expired signatures are forgotten");
    }

    /// The headers arrive within the window, and the body after its end.
    #[test]
    fn a_signature_that_expires_while_the_body_arrives_is_not_accepted_again() {
        let (seen, at) = (SeenSignatures::new(), Duration::from_secs);
        assert_eq!(seen.accept(&signed(1_000, 1), at(1_000)), Ok(()));
        let late = Err(RequestRefusal::ClockOff { is_ahead: false, seconds: 301 });
        assert_eq!(seen.accept(&signed(1_000, 1), at(1_301)), late);
        assert_eq!(seen.accept(&signed(1_000, 2), at(1_301)), late);
    }

    /// The clock of the signer may be ahead: its signatures are remembered for longer.
    #[test]
    fn a_signature_from_the_future_is_remembered_until_it_expires() {
        let (seen, at) = (SeenSignatures::new(), Duration::from_secs);
        assert_eq!(seen.accept(&signed(1_300, 1), at(1_000)), Ok(()));
        assert_eq!(seen.accept(&signed(1_300, 1), at(1_600)), Err(RequestRefusal::Replayed));
    }

    #[test]
    fn a_full_memory_forgets_nothing() {
        let seen = SeenSignatures { most: 2, ..SeenSignatures::new() };
        let at = Duration::from_secs;
        assert!(seen.accept(&signed(1_000, 1), at(1_000)).is_ok());
        assert!(seen.accept(&signed(1_000, 2), at(1_000)).is_ok());
        assert_eq!(seen.accept(&signed(1_000, 3), at(1_000)), Err(RequestRefusal::TooManySignatures));
        assert_eq!(seen.accept(&signed(1_000, 1), at(1_000)), Err(RequestRefusal::Replayed));
        assert!(seen.accept(&signed(1_400, 3), at(1_400)).is_ok());
    }
}
