//! Revoked logins. A login that began before a password change is revoked, because its holder may
//! be the reason for the change. Revocations are stored in a file: tokens outlive the process, as
//! do the keys that signed them, and so must their revocations.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::ambient::Ambient;
use crate::model::Moment;
use crate::tenant::config::Lifetimes;
use crate::tenant::signing::verification::LEEWAY;
use crate::tenant::store::expiring::Expiring;
use crate::tenant::store::state_dir::{StateDir, StateError};

/// The moment from which on the logins of an identity (`provider|id`) are valid, by the identity's
/// SHA-256. Identities without a revocation have no entry.
pub(crate) struct Revocations {
    known: Expiring<[u8; 32], Moment>,
    lifetime: Duration,
    ambient: Ambient,
    state: StateDir,
    /// The number of lines in the file.
    lines: Mutex<usize>,
}

/// The file of revocations: a line each, with the identity's hash and the moment.
const FILE: &str = "revocations";
/// The maximum number of identities with a revocation.
const MOST: u64 = 100_000;

impl Revocations {
    /// Reads the revocations from the state folder, for the lifetimes of a configuration.
    pub(crate) fn open_for(
        lifetimes: &Lifetimes,
        state: &StateDir,
        ambient: &Ambient,
    ) -> Result<Self, StateError> {
        let longest_s = lifetimes.all().into_iter().map(|(_, lifetime_s)| lifetime_s).max();
        // A token is accepted a little longer than its lifetime.
        Self::open(state, longest_s.unwrap_or_default().saturating_add(LEEWAY + 1), ambient)
    }

    /// Reads the revocations from the state folder. `lifetime_s` is the longest time for which a
    /// login is usable in any form.
    pub(crate) fn open(state: &StateDir, lifetime_s: u64, ambient: &Ambient) -> Result<Self, StateError> {
        let lifetime = Duration::from_secs(lifetime_s);
        let known = Expiring::new(Cache::builder().max_capacity(MOST), lifetime, ambient);
        let text = state.read(FILE)?.unwrap_or_default();
        let ambient = ambient.clone();
        let mut this = Self { known, lifetime, ambient, state: state.clone(), lines: Mutex::new(0) };
        let mut unreadable = 0;
        for line in text.lines() {
            let Some((identity, since)) = read_line(line) else {
                unreadable += 1;
                continue;
            };
            this.ambient.pass_moment(since);
            this.known.put(identity, since);
        }
        if unreadable > 0 {
            tracing::error!(
                target: "audit", file = %state.file(FILE).display(), unreadable,
                "revocations cannot be read: tokens that they ended may be valid until they expire; rotate \
                 the key \
                 twice (--rotate-key) to end all tokens"
            );
        }
        if !text.is_empty() {
            let mut lines = 0;
            this.rewrite(&mut lines)?;
            this.lines = Mutex::new(lines);
        }
        Ok(this)
    }

    /// Revokes all logins of this identity that have begun so far.
    pub(crate) fn revoke(&self, identity: &str) {
        let (identity, since) = (hash_identity(identity), self.ambient.draw_moment());
        self.known.put(identity, since);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let written =
            if *lines as u64 > 2 * MOST { self.rewrite(&mut lines) } else { self.append(identity, since) };
        *lines += 1;
        if let Err(error) = written {
            tracing::error!(target: "audit", %error, "a revocation was not stored, and ends with this process");
        }
    }

    /// Returns whether a login that began at this moment is revoked.
    pub(crate) fn is_revoked(&self, identity: &str, began: Moment) -> bool {
        self.known.get(&hash_identity(identity)).is_some_and(|since| began < since)
    }

    fn append(&self, identity: [u8; 32], since: Moment) -> Result<(), StateError> {
        self.state.append_line(FILE, &to_line(&identity, since))
    }

    /// Rewrites the file without revocations that no longer matter.
    fn rewrite(&self, lines: &mut usize) -> Result<(), StateError> {
        let lifetime = u64::try_from(self.lifetime.as_micros()).unwrap_or(u64::MAX);
        // Compares with the clock, by which tokens expire, and not with moments, which may be ahead
        // of it.
        let oldest = self.ambient.now().as_millis().saturating_mul(1000).saturating_sub(lifetime);
        let kept: Vec<String> = (self.known.iter())
            .filter(|(_, since)| since.as_micros() >= oldest)
            .map(|(identity, since)| to_line(&identity, since))
            .collect();
        *lines = kept.len();
        self.state.write(FILE, &kept.concat())
    }
}

fn hash_identity(identity: &str) -> [u8; 32] {
    Sha256::digest(identity).into()
}

fn to_line(identity: &[u8; 32], since: Moment) -> String {
    let identity: String = identity.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{identity} {}\n", since.as_micros())
}

/// Parses a line. Returns `None` for a line that was not written completely.
fn read_line(line: &str) -> Option<([u8; 32], Moment)> {
    let (identity, since) = line.split_once(' ')?;
    let mut hash = [0; 32];
    if identity.len() != 64 || !identity.is_ascii() {
        return None;
    }
    for (n, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&identity[2 * n..2 * n + 2], 16).ok()?;
    }
    Some((hash, Moment::from_micros(since.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::ambient::Ambient;
    use crate::model::Moment;
    use crate::tenant::people::revocations::Revocations;
    use crate::tenant::store::state_dir::StateDir;
    use crate::tenant::store::test_clock::at_ten;

    #[test]
    fn a_login_right_after_a_revocation_is_good_in_the_same_millisecond() {
        let (folder, ambient) = (tempfile::tempdir().unwrap(), Ambient::system());
        let revocations = Revocations::open(&StateDir::open(folder.path()).unwrap(), 60, &ambient).unwrap();
        for _ in 0..100 {
            let before = ambient.draw_moment();
            revocations.revoke("auth0|ada");
            let after = ambient.draw_moment();
            assert!(revocations.is_revoked("auth0|ada", before));
            assert!(!revocations.is_revoked("auth0|ada", after));
        }
        assert!(!revocations.is_revoked("auth0|bob", Moment::default()));
    }

    #[test]
    fn a_revocation_is_kept_until_the_last_millisecond_of_the_logins_that_it_ends() {
        let (clock, ambient) = at_ten();
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let revocations = Revocations::open(&state, 60, &ambient).unwrap();
        let before = ambient.draw_moment();
        revocations.revoke("auth0|ada");
        clock.advance(Duration::from_millis(59_999));
        assert!(revocations.is_revoked("auth0|ada", before));
        assert!(Revocations::open(&state, 60, &ambient).unwrap().is_revoked("auth0|ada", before));
        clock.advance(Duration::from_millis(1));
        assert!(!revocations.is_revoked("auth0|ada", before), "a store keeps nothing for ever");
    }

    /// The revocation was made before the clock was set back by an hour and the process restarted.
    #[test]
    fn a_login_after_a_revocation_of_a_later_clock_is_good() {
        let (folder, ambient) = (tempfile::tempdir().unwrap(), Ambient::system());
        let ahead = Moment::from_micros(ambient.draw_moment().as_micros() + 3_600_000_000);
        let state = StateDir::open(folder.path()).unwrap();
        let lines = [
            super::to_line(&super::hash_identity("auth0|ada"), ahead),
            super::to_line(&super::hash_identity("auth0|bob"), ambient.draw_moment()),
        ];
        state.write("revocations", &lines.concat()).unwrap();
        let before = ambient.draw_moment();
        let revocations = Revocations::open(&state, 60, &ambient).unwrap();
        assert!(revocations.is_revoked("auth0|ada", before));
        assert!(
            !revocations.is_revoked("auth0|ada", ambient.draw_moment()),
            "the new password is good at once"
        );
        let kept = state.read("revocations").unwrap().unwrap();
        assert_eq!(kept.lines().count(), 2, "bob's is no older for it: {kept}");
    }

    /// A disk that is full takes a part of a line.
    #[test]
    fn a_revocation_that_was_written_in_part_spoils_no_later_one() {
        let (folder, ambient) = (tempfile::tempdir().unwrap(), Ambient::system());
        let before = ambient.draw_moment();
        {
            let state = StateDir::open(folder.path()).unwrap();
            let revocations = Revocations::open(&state, 60, &ambient).unwrap();
            revocations.revoke("auth0|ada");
            let whole = std::fs::read_to_string(state.file("revocations")).unwrap();
            std::fs::write(state.file("revocations"), whole + "1234 torn").unwrap();
            revocations.revoke("auth0|bob");
        }
        let revocations = Revocations::open(&StateDir::open(folder.path()).unwrap(), 60, &ambient).unwrap();
        assert!(revocations.is_revoked("auth0|ada", before) && revocations.is_revoked("auth0|bob", before));
    }

    #[test]
    fn a_revocation_outlasts_the_process() {
        let (folder, ambient) = (tempfile::tempdir().unwrap(), Ambient::system());
        let before = ambient.draw_moment();
        {
            let state = StateDir::open(folder.path()).unwrap();
            let revocations = Revocations::open(&state, 60, &ambient).unwrap();
            revocations.revoke("auth0|ada");
            std::fs::write(
                state.file("revocations"),
                std::fs::read_to_string(state.file("revocations")).unwrap() + "1234 torn",
            )
            .unwrap();
        }
        let state = StateDir::open(folder.path()).unwrap();
        let revocations = Revocations::open(&state, 60, &ambient).unwrap();
        assert!(revocations.is_revoked("auth0|ada", before));
        assert!(!revocations.is_revoked("auth0|ada", ambient.draw_moment()));
        assert_eq!(std::fs::read_to_string(state.file("revocations")).unwrap().lines().count(), 1);
    }
}
