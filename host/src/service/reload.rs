//! Watches the files of plugins and policies.
//!
//! The watcher polls the files by their names. Other files in the same folder have no effect, and
//! symbolic links are followed, of files as of folders, whichever of them is replaced. The system's
//! notifications (`inotify` and the like) watch folders, which would have to be found again after
//! each such change, and they do not work on network drives.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::policies::{LoadedPolicy, SourceError};
use crate::sandbox::LoadError;
use crate::service::blocking::run_blocking;
use crate::service::decider::Decider;

/// The interval at which the files are checked.
const LOOK: Duration = Duration::from_millis(100);
/// The time that a file must be unchanged before it is read: editors and compilers write a file in
/// several steps.
const SETTLED: Duration = Duration::from_millis(200);
/// The time after which a file that is still being written is logged.
const LOG_AFTER: Duration = Duration::from_secs(1);
/// The maximum time to wait for a file that is still being written.
const AT_MOST: Duration = Duration::from_secs(5);

/// The watched files, and their state when they were last checked.
pub(crate) struct WatchedFiles {
    files: Vec<PathBuf>,
    seen: Vec<Option<FileMark>>,
    changing: Option<PendingChange>,
}

/// The state of a file, which differs after every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileMark {
    /// The device and the inode.
    place: (u64, u64),
    bytes: u64,
    /// The times of the last modification and of the last status change.
    times: [(i64, i64); 2],
}

/// A change that has not been read yet.
struct PendingChange {
    since: Monotonic,
    last: Monotonic,
    is_told: bool,
}

/// The action that is due after a check.
#[derive(Debug, PartialEq, Eq)]
enum DueAction {
    Nothing,
    /// Log that this file is still being written.
    Wait(PathBuf),
    Reload,
}

impl WatchedFiles {
    /// Records the current state of these files. Every later change counts, even one that happens
    /// before the files are first read.
    pub(crate) fn from_paths<'a>(files: impl Iterator<Item = &'a Path>) -> Self {
        let files: Vec<PathBuf> = files.map(Path::to_owned).collect();
        let seen = files.iter().map(|file| read_mark(file)).collect();
        Self { files, seen, changing: None }
    }

    /// Reloads whenever one of the files changes, as long as the decider exists.
    pub(crate) fn start(mut self, decider: &Arc<Decider>, ambient: &Ambient) -> io::Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        // Holds only a weak reference, so that this thread ends with the tenant. It owns nothing else
        // of the tenant: otherwise it could close the directory after the program has ended, and
        // pending writes would be lost.
        let (ambient, decider) = (ambient.clone(), Arc::downgrade(decider));
        let looking = move || {
            while decider.strong_count() > 0 {
                std::thread::sleep(LOOK);
                match self.check_files(ambient.monotonic()) {
                    DueAction::Nothing => {}
                    DueAction::Wait(file) => tracing::info!(
                        file = %file.display(), "a reload is waiting: the file is still being written"
                    ),
                    DueAction::Reload => {
                        let Some(decider) = decider.upgrade() else { return };
                        // Compiles on a separate thread, because a later change cancels a
                        // compilation that is still running.
                        let reloading = std::thread::Builder::new().name("compile".to_owned());
                        if let Err(error) = reloading.spawn(move || reload(&decider)) {
                            tracing::error!(%error, "not reloaded: there is no thread for it");
                        }
                    }
                }
            }
        };
        std::thread::Builder::new().name("reload".to_owned()).spawn(looking).map(drop)
    }

    fn check_files(&mut self, now: Monotonic) -> DueAction {
        let marks: Vec<Option<FileMark>> = self.files.iter().map(|file| read_mark(file)).collect();
        let changed = marks.iter().zip(&self.seen).position(|(mark, seen)| mark != seen);
        self.seen = marks;
        if changed.is_some() {
            let changing =
                self.changing.get_or_insert(PendingChange { since: now, last: now, is_told: false });
            changing.last = now;
        }
        let Some(changing) = &mut self.changing else { return DueAction::Nothing };
        let is_overdue = now.since(changing.since) >= AT_MOST;
        if is_overdue || now.since(changing.last) >= SETTLED {
            self.changing = None;
            return DueAction::Reload;
        }
        match changed.and_then(|changed| self.files.get(changed)) {
            Some(file) if !changing.is_told && now.since(changing.since) >= LOG_AFTER => {
                changing.is_told = true;
                DueAction::Wait(file.clone())
            }
            _ => DueAction::Nothing,
        }
    }
}

#[cfg(unix)]
fn read_mark(file: &Path) -> Option<FileMark> {
    use std::os::unix::fs::MetadataExt;
    let it = fs::metadata(file).ok()?;
    Some(FileMark {
        place: (it.dev(), it.ino()),
        bytes: it.len(),
        times: [(it.mtime(), it.mtime_nsec()), (it.ctime(), it.ctime_nsec())],
    })
}

#[cfg(not(unix))]
fn read_mark(file: &Path) -> Option<FileMark> {
    let it = fs::metadata(file).ok()?;
    let written = it.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let written = (i64::try_from(written.as_secs()).ok()?, i64::from(written.subsec_nanos()));
    Some(FileMark { place: (0, 0), bytes: it.len(), times: [written; 2] })
}

/// Returns a future that reloads plugins and policies at each SIGHUP. It listens from this call on.
pub(crate) fn reload_on_hang_up(decider: Arc<Decider>) -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    async move {
        #[cfg(unix)]
        if let Ok(mut signal) = signal {
            while signal.recv().await.is_some() {
                let decider = decider.clone();
                run_blocking(move || reload_upon_request(&decider)).await;
            }
        }
        #[cfg(not(unix))]
        drop(decider);
    }
}

fn reload_upon_request(decider: &Decider) {
    if reload(decider) == Some(false) {
        tracing::info!(
            "plugin and policy were read again, and are unchanged; the configuration is read only at the start"
        );
    }
}

/// Reloads and logs the result. Returns whether anything has changed, or `None` if the new files
/// are refused.
fn reload(decider: &Decider) -> Option<bool> {
    match decider.reload() {
        Ok(true) => {
            let policies = decider.policies();
            for policy in policies.iter() {
                tracing::info!(
                    policy = &*policy.name,
                    plugin = policy.plugin.name(),
                    sha256 = policy.plugin.sha256(),
                    policy_sha256 = %policy.settings.sha256(),
                    mode = policy.mode().as_deref(),
                    "plugin and policy reloaded"
                );
            }
            log_warnings(&policies);
            Some(true)
        }
        Ok(false) => Some(false),
        Err(SourceError::Unloadable { name, why: LoadError::Superseded }) => {
            tracing::info!(plugin = name, "a newer file replaces the one that was being compiled");
            None
        }
        Err(error) => {
            tracing::error!(%error, "not reloaded: the previous plugin and policy stay in force");
            None
        }
    }
}

/// Logs the policies' options that weaken a protection or have no effect.
pub(crate) fn log_warnings(policies: &[LoadedPolicy]) {
    for policy in policies {
        for warning in policy.warnings.iter() {
            tracing::warn!(policy = &*policy.name, %warning, "the policy removes a protection or has an option without effect");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use crate::ambient::Ambient;
    use crate::service::reload::{DueAction, WatchedFiles};

    /// Returns the action due after each of several checks, 100 ms apart, of a file that is written
    /// before some of them.
    fn dues(written: impl Fn(u32) -> bool) -> Vec<(u32, DueAction)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.json");
        fs::write(&file, "").unwrap();
        let mut watch = WatchedFiles::from_paths([file.as_path()].into_iter());
        let start = Ambient::system().monotonic();
        let look = |number: u32| {
            if written(number) {
                fs::write(&file, " ".repeat(number as usize)).unwrap();
            }
            // Other files in the folder have no effect.
            fs::write(folder.path().join("users.db"), number.to_string()).unwrap();
            let due = watch.check_files(start + number * Duration::from_millis(100));
            let told = match due {
                DueAction::Wait(_) => DueAction::Wait("policy.json".into()),
                due => due,
            };
            (number, told)
        };
        (1..=120).map(look).filter(|(_, due)| *due != DueAction::Nothing).collect()
    }

    #[test]
    fn a_change_is_read_once_it_has_settled() {
        assert_eq!(dues(|_| false), []);
        assert_eq!(dues(|number| number == 7), [(9, DueAction::Reload)]);
        assert_eq!(dues(|number| (7..10).contains(&number)), [(11, DueAction::Reload)]);
    }

    #[test]
    fn what_keeps_being_written_is_told_and_read_all_the_same() {
        let wait = || DueAction::Wait("policy.json".into());
        let all =
            [(11, wait()), (51, DueAction::Reload), (62, wait()), (102, DueAction::Reload), (113, wait())];
        assert_eq!(dues(|_| true), all);
    }
}
