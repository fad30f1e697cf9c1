//! The state folder: keys and certificates that a tenant keeps between starts, besides its users.
//! Only the owner can read them, and only one process can use the folder at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder for secrets, locked against other processes as long as this value exists.
#[derive(Debug, Clone)]
pub struct StateDir {
    folder: PathBuf,
    _locks: Arc<Vec<File>>,
}

/// A file of the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub struct StateError {
    file: PathBuf,
    why: String,
}

impl StateDir {
    /// Opens a folder for this process alone, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// When the folder cannot be created, or another process has it open.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let failed = |error: io::Error| StateError { file: path.to_owned(), why: error.to_string() };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(failed)?;
        let folder = path.canonicalize().map_err(failed)?;
        let locks = lock(&folder).map_err(|why| StateError { file: path.to_owned(), why })?;
        Ok(Self { folder, _locks: Arc::new(locks) })
    }

    /// Returns the path of a file in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the content of a file, or `None` if it does not exist.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, StateError> {
        match fs::read_to_string(self.file(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unusable_file(name, error)),
        }
    }

    /// Writes a file atomically, readable by its owner only.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), StateError> {
        let draft = self.file(&format!(".{name}.{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, self.file(name))
        });
        written.map_err(|error| {
            let _ = fs::remove_file(&draft);
            self.unusable_file(name, error)
        })
    }

    /// Appends a line to a file, which is readable by its owner only. A line that was not written
    /// completely, as on a full disk, is removed, so that the next one does not continue it.
    pub(crate) fn append_line(&self, name: &str, line: &str) -> Result<(), StateError> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(self.file(name)).and_then(|mut file| {
            let end = find_last_line_end(&mut file)?;
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_data());
            written.inspect_err(|_| drop(file.set_len(end)))
        });
        written.map_err(|error| self.unusable_file(name, error))
    }

    /// Returns the content of a file, which is created if it does not exist.
    ///
    /// # Errors
    ///
    /// When the file can be neither read nor created.
    pub fn read_or_make(&self, name: &str, make: impl FnOnce() -> String) -> Result<String, StateError> {
        if let Some(text) = self.read(name)? {
            return Ok(text);
        }
        let text = make();
        self.write(name, &text)?;
        Ok(text)
    }

    pub(crate) fn unusable_file(&self, name: &str, why: impl ToString) -> StateError {
        StateError { file: self.file(name), why: why.to_string() }
    }
}

/// Returns the end of the last line that is complete.
fn find_last_line_end(file: &mut File) -> io::Result<u64> {
    const BLOCK: u64 = 4 << 10;
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    while end > 0 {
        // Almost every file ends with the end of a line.
        let start = if block.is_empty() { end - 1 } else { end.saturating_sub(BLOCK) };
        block.clear();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut block)?;
        if let Some(place) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + place as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The lock file, which contains the ID of the process that uses the folder.
const LOCK: &str = "lock";

/// Locks the folder for this process. The system releases a lock whenever the process ends.
///
/// There are two locks. The lock on the folder works even if the lock file cannot be written or is
/// removed. The lock on the file works where folders cannot be locked, as on NFS.
fn lock(folder: &Path) -> Result<Vec<File>, String> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let (mut locks, mut reasons) = (Vec::new(), Vec::new());
    for opened in [File::open(folder), options.open(folder.join(LOCK))] {
        let locked = opened.map_err(TryLockError::Error).and_then(|file| file.try_lock().map(|()| file));
        match locked {
            Ok(file) => locks.push(file),
            Err(TryLockError::WouldBlock) => return Err(describe_lock(folder)),
            Err(TryLockError::Error(why)) => reasons.push(why.to_string()),
        }
    }
    if locks.is_empty() {
        let why = reasons.join("; ");
        tracing::warn!(
            folder = %folder.display(), why,
            "the state folder cannot be locked: make sure that no second tenant uses it"
        );
    }
    tell_process(folder);
    Ok(locks)
}

/// Writes the process ID into the lock file. It is only informative, so a failed write is ignored.
fn tell_process(folder: &Path) {
    let options = fs::OpenOptions::new().write(true).truncate(true).open(folder.join(LOCK));
    let _ = options.and_then(|mut file| writeln!(file, "{}", std::process::id()));
}

fn describe_lock(folder: &Path) -> String {
    let (whose, end) = match find_process(folder) {
        Some(process) => (format!("the tenant of process {process}"), "end that process"),
        None => ("another tenant".to_owned(), "end that one"),
    };
    format!(
        "{whose} uses this folder, which is for one at a time; {end}, or name another folder with --state"
    )
}

/// Returns the ID of the process that uses the folder, if it is known.
fn find_process(folder: &Path) -> Option<u32> {
    let process = fs::read_to_string(folder.join(LOCK)).ok()?.trim().parse().ok()?;
    // In another container, processes have other IDs.
    let has_proc = Path::new("/proc/self").exists();
    let is_there = !has_proc || Path::new("/proc").join(format!("{process}")).exists();
    is_there.then_some(process)
}

#[cfg(test)]
mod tests {
    use super::StateDir;

    #[test]
    fn a_line_follows_the_last_complete_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        state.append_line("lines", "one\n").unwrap();
        for torn in ["", "x", &"x".repeat(4_095), &"x".repeat(4_096), &"x".repeat(10_000)] {
            for before in ["", "one\n"] {
                std::fs::write(state.file("lines"), format!("{before}{torn}")).unwrap();
                state.append_line("lines", "two\n").unwrap();
                let text = state.read("lines").unwrap().unwrap();
                assert!(text == format!("{before}two\n"), "{before:?} and {} bytes", torn.len());
            }
        }
    }
}
