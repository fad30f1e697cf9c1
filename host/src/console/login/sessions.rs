//! The sessions of operators, in memory: they end with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// The time after which an unused session ends.
pub(super) const IDLE: Duration = Duration::from_secs(30 * 60);
/// The time after which every session ends.
pub(super) const LONGEST: Duration = Duration::from_secs(8 * 3_600);
/// The most sessions of one operator. The one that was not used for the longest time ends first.
const OF_ONE: usize = 5;
/// The most sessions.
const IN_ALL: usize = 2_000;

/// The sessions, by the hash of their ids: memory shows no id.
pub(in crate::console) struct Sessions {
    held: Mutex<HashMap<[u8; 32], Session>>,
    ambient: Ambient,
}

struct Session {
    operator: String,
    began: Monotonic,
    used: Monotonic,
}

impl Sessions {
    pub(super) fn new(ambient: &Ambient) -> Self {
        Self { held: Mutex::default(), ambient: ambient.clone() }
    }

    /// Begins a session, and returns its id.
    pub(super) fn begin(&self, operator: &str) -> String {
        let id = self.ambient.random().secret();
        let now = self.ambient.monotonic();
        let mut held = self.lock();
        held.retain(|_, session| session.is_open(now));
        while held.values().filter(|it| it.operator == operator).count() >= OF_ONE {
            end_oldest(&mut held, |session| session.operator == operator);
        }
        if held.len() >= IN_ALL {
            end_oldest(&mut held, |_| true);
        }
        held.insert(hash(&id), Session { operator: operator.to_owned(), began: now, used: now });
        id
    }

    /// Returns the operator of a session, which counts as used.
    pub(super) fn use_session(&self, id: &str) -> Option<String> {
        let now = self.ambient.monotonic();
        let mut held = self.lock();
        let session = held.get_mut(&hash(id)).filter(|session| session.is_open(now))?;
        session.used = now;
        Some(session.operator.clone())
    }

    /// Returns whether a session is open, and does not count this as a use.
    pub(super) fn is_open(&self, id: &str) -> bool {
        let now = self.ambient.monotonic();
        self.lock().get(&hash(id)).is_some_and(|session| session.is_open(now))
    }

    pub(super) fn end(&self, id: &str) {
        self.lock().remove(&hash(id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_open(&self, now: Monotonic) -> bool {
        now.since(self.used) < IDLE && now.since(self.began) < LONGEST
    }
}

fn end_oldest(held: &mut HashMap<[u8; 32], Session>, is_meant: impl Fn(&Session) -> bool) {
    let meant = held.iter().filter(|(_, session)| is_meant(session));
    if let Some(oldest) = meant.min_by_key(|(_, session)| session.used).map(|(key, _)| *key) {
        held.remove(&oldest);
    }
}

fn hash(id: &str) -> [u8; 32] {
    Sha256::digest(id).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{IDLE, IN_ALL, LONGEST, OF_ONE, Sessions};
    use crate::ambient::Ambient;
    use crate::clock::ManualClock;
    use crate::random::SeededRandom;

    const MOMENT: Duration = Duration::from_millis(1);

    fn sessions() -> (Arc<ManualClock>, Sessions) {
        let clock = Arc::new(ManualClock::starting_at("2026-11-27T10:00:00Z".parse().unwrap()));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        (clock, Sessions::new(&ambient))
    }

    #[test]
    fn an_unused_session_ends_after_half_an_hour() {
        let (clock, sessions) = sessions();
        let id = sessions.begin("ada");
        clock.advance(IDLE.checked_sub(MOMENT).unwrap());
        assert_eq!(sessions.use_session(&id).as_deref(), Some("ada"));
        clock.advance(IDLE.checked_sub(MOMENT).unwrap());
        assert!(sessions.is_open(&id), "a look is no use");
        clock.advance(MOMENT);
        assert!(!sessions.is_open(&id));
        assert_eq!(sessions.use_session(&id), None);
    }

    #[test]
    fn every_session_ends_after_eight_hours() {
        let (clock, sessions) = sessions();
        let id = sessions.begin("ada");
        for _ in 0..479 {
            clock.advance(Duration::from_mins(1));
            assert!(sessions.use_session(&id).is_some());
        }
        clock.advance(Duration::from_mins(1) - MOMENT);
        assert!(sessions.use_session(&id).is_some());
        clock.advance(MOMENT);
        assert_eq!(sessions.use_session(&id), None);
        assert_eq!(LONGEST, Duration::from_hours(8));
    }

    #[test]
    fn an_ended_and_an_unknown_session_are_nobodys() {
        let (_, sessions) = sessions();
        let id = sessions.begin("ada");
        sessions.end(&id);
        for id in [&*id, "", "x"] {
            assert_eq!(sessions.use_session(id), None);
        }
    }

    #[test]
    fn sessions_are_bounded() {
        let (clock, sessions) = sessions();
        let bob = sessions.begin("bob");
        clock.advance(MOMENT);
        let first = sessions.begin("ada");
        for _ in 0..OF_ONE {
            clock.advance(MOMENT);
            sessions.begin("ada");
        }
        assert!(!sessions.is_open(&first) && sessions.is_open(&bob));
        for n in 0..IN_ALL {
            clock.advance(MOMENT);
            sessions.begin(&n.to_string());
        }
        assert!(!sessions.is_open(&bob));
        assert_eq!(sessions.lock().len(), IN_ALL);
    }
}
