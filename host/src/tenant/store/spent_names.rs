//! Names that may be used once, and were. A file of the state folder has them, so that no restart
//! makes one usable again.
//!
//! A line of the file is the SHA-256 of a name and the end of its validity, in milliseconds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::ambient::Ambient;
use crate::model::Timestamp;
use crate::tenant::store::state_dir::{StateDir, StateError};

/// The most names. Beyond it, the name that expires first is forgotten.
const MOST: usize = 100_000;

/// The names that were spent and have not expired.
pub(crate) struct SpentNames {
    state: StateDir,
    file: &'static str,
    spent: Mutex<Spent>,
    ambient: Ambient,
}

#[derive(Default)]
struct Spent {
    /// The end of each name's validity, in milliseconds, by the name's hash.
    until: HashMap<[u8; 32], u64>,
    /// The number of lines in the file.
    lines: usize,
}

impl SpentNames {
    /// Reads the names that were spent by earlier processes.
    pub(crate) fn open(state: &StateDir, file: &'static str, ambient: &Ambient) -> Result<Self, StateError> {
        let text = state.read(file)?.unwrap_or_default();
        // A last line without its end was not written completely.
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let until: HashMap<_, _> = lines.filter_map(read_line).collect();
        let (state, ambient) = (state.clone(), ambient.clone());
        let this = Self { state, file, spent: Mutex::new(Spent { until, lines: 0 }), ambient };
        if !text.is_empty() {
            this.rewrite(&mut this.lock())?;
        }
        Ok(this)
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a name was spent.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.lock().until.contains_key(&hash(name))
    }

    /// Spends a name on `on`. Returns `None` if it was spent before, or is being spent. If `on` fails,
    /// the name can be spent again.
    pub(crate) fn spend<R, E>(
        &self,
        name: &str,
        until: Timestamp,
        on: impl FnOnce() -> Result<R, E>,
    ) -> Option<Result<R, E>> {
        let (name, until) = (hash(name), until.as_millis());
        {
            let mut spent = self.lock();
            if spent.until.contains_key(&name) {
                return None;
            }
            if spent.until.len() >= MOST {
                spent.forget_one(self.ambient.now());
            }
            spent.until.insert(name, until);
        }
        let done = on();
        let mut spent = self.lock();
        if done.is_err() {
            spent.until.remove(&name);
        } else if let Err(error) = self.append(&mut spent, &name, until) {
            tracing::error!(target: "audit", %error, "what was used up or revoked is valid again after a restart");
        }
        Some(done)
    }

    fn append(&self, spent: &mut Spent, name: &[u8; 32], until: u64) -> Result<(), StateError> {
        if spent.lines >= 2 * MOST {
            return self.rewrite(spent);
        }
        spent.lines += 1;
        self.state.append_line(self.file, &to_line(name, until))
    }

    /// Rewrites the file without the names that have expired.
    fn rewrite(&self, spent: &mut Spent) -> Result<(), StateError> {
        let now = self.ambient.now().as_millis();
        spent.until.retain(|_, until| *until > now);
        spent.lines = spent.until.len();
        let text: String = spent.until.iter().map(|(name, until)| to_line(name, *until)).collect();
        self.state.write(self.file, &text)
    }
}

impl Spent {
    /// Forgets the names that have expired; if there is none, the one that expires first.
    fn forget_one(&mut self, now: Timestamp) {
        let before = self.until.len();
        self.until.retain(|_, until| *until > now.as_millis());
        if self.until.len() == before
            && let Some(first) = self.until.iter().min_by_key(|(_, until)| **until).map(|(name, _)| *name)
        {
            self.until.remove(&first);
        }
    }
}

fn hash(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

fn to_line(name: &[u8; 32], until: u64) -> String {
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} {until}\n")
}

fn read_line(line: &str) -> Option<([u8; 32], u64)> {
    let (name, until) = line.split_once(' ')?;
    if name.len() != 64 || !name.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&name[2 * place..2 * place + 2], 16).ok()?;
    }
    Some((hash, until.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use crate::ambient::Ambient;
    use crate::model::Timestamp;
    use crate::tenant::store::spent_names::SpentNames;
    use crate::tenant::store::state_dir::StateDir;

    fn in_a_day(ambient: &Ambient) -> Timestamp {
        Timestamp::from_millis(ambient.now().as_millis() + 86_400_000).unwrap()
    }

    #[test]
    fn of_many_who_spend_a_name_at_once_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let (state, ambient) = (StateDir::open(folder.path()).unwrap(), Ambient::system());
        let names = SpentNames::open(&state, "names", &ambient).unwrap();
        let until = in_a_day(&ambient);
        let done: usize = std::thread::scope(|scope| {
            let spend = || names.spend("one", until, || Ok::<_, ()>(())).is_some();
            let all: Vec<_> = (0..8).map(|_| scope.spawn(spend)).collect();
            all.into_iter().map(|it| usize::from(it.join().unwrap())).sum()
        });
        assert_eq!(done, 1);
    }

    #[test]
    fn a_spent_name_stays_spent_after_a_torn_line_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let ambient = Ambient::system();
        let open = || {
            let state = StateDir::open(folder.path()).unwrap();
            SpentNames::open(&state, "names", &ambient).unwrap()
        };
        let names = open();
        let past = Timestamp::from_millis(ambient.now().as_millis() - 1).unwrap();
        assert_eq!(names.spend("one", in_a_day(&ambient), || Ok::<_, ()>(1)), Some(Ok(1)));
        assert_eq!(names.spend("old", past, || Ok::<_, ()>(1)), Some(Ok(1)));
        drop(names);
        let file = folder.path().join("names");
        let whole = std::fs::read_to_string(&file).unwrap();
        assert!(!whole.contains("one"), "the file has hashes only");
        std::fs::write(&file, whole + "00ff torn\nabc").unwrap();
        let names = open();
        assert!(names.contains("one") && !names.contains("old"));
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_name_of_a_failed_use_is_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let (state, ambient) = (StateDir::open(folder.path()).unwrap(), Ambient::system());
        let names = SpentNames::open(&state, "names", &ambient).unwrap();
        let until = in_a_day(&ambient);
        assert_eq!(names.spend("one", until, || Err::<(), _>("why")), Some(Err("why")));
        assert!(!names.contains("one"));
        assert_eq!(names.spend("one", until, || Ok::<_, ()>(())), Some(Ok(())));
        assert_eq!(names.spend("one", until, || Ok::<_, ()>(())), None);
    }
}
