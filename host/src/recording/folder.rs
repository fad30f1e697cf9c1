//! The folder of the recordings of a service: whole files, readable by their owner only, as many
//! as the limits allow.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::folder_error::FolderError;
use crate::ambient::Ambient;
use crate::model::Timestamp;

/// The limits of a folder. Beyond them, the oldest recordings are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderLimits {
    /// The most recordings.
    pub files: usize,
    /// The most bytes of all recordings together.
    pub bytes: u64,
}

/// Checks that a folder can take recordings, or be created for them. Nothing is left behind.
///
/// # Errors
///
/// If it cannot.
pub fn check_folder(path: &Path) -> Result<(), FolderError> {
    let unwritable = |why| FolderError::Unwritable { folder: path.to_owned(), why };
    for folder in path.ancestors() {
        let folder = if folder == Path::new("") { Path::new(".") } else { folder };
        match fs::metadata(folder) {
            Ok(held) if !held.is_dir() => return Err(FolderError::NotAFolder { folder: folder.to_owned() }),
            Ok(_) => return new_part(folder).map(drop).map_err(unwritable),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(unwritable(why)),
        }
    }
    Ok(())
}

/// A folder of recordings.
pub(super) struct Folder {
    path: PathBuf,
    limits: FolderLimits,
    /// The recordings, the oldest first. Other processes may write more.
    recordings: VecDeque<RecordingName>,
    bytes: u64,
    /// The recordings that were written since the folder was listed.
    unlisted: usize,
}

/// A recording in the folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RecordingName {
    name: String,
    bytes: u64,
}

/// The beginning and the end of the name of a recording, which its time and a random part
/// separate. Other files of the folder are left alone.
const BEGINS: &str = "login-";
const ENDS: &str = ".json";
/// The beginning and the end of the name of a file that is being written.
const PART_BEGINS: &str = ".login-";
const PART_ENDS: &str = ".part";
/// The number of recordings after which the folder is listed again, for those of other processes.
const LISTED_AFTER: usize = 20;
/// The age from which a file that is being written was left by a process that has ended.
const ABANDONED: Duration = Duration::from_mins(1);

impl Folder {
    /// Opens a folder, and creates it if it does not exist.
    pub(super) fn open(path: &Path, limits: FolderLimits, ambient: &Ambient) -> Result<Self, FolderError> {
        match fs::metadata(path) {
            Ok(held) if !held.is_dir() => {
                return Err(FolderError::NotAFolder { folder: path.to_owned() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_privately(path).map_err(|why| FolderError::Absent { folder: path.to_owned(), why })?;
            }
            Err(why) => return Err(FolderError::Unwritable { folder: path.to_owned(), why }),
        }
        let mut folder =
            Self { path: path.to_owned(), limits, recordings: VecDeque::new(), bytes: 0, unlisted: 0 };
        let opened = folder.remove_abandoned(ambient).and_then(|()| folder.list()).and_then(|()| {
            let mut probe = new_part(path)?;
            probe.write_all(b"{}")
        });
        opened.map_err(|why| FolderError::Unwritable { folder: path.to_owned(), why })?;
        Ok(folder)
    }

    /// Writes a recording, whole or not at all, and removes the oldest ones beyond the limits.
    pub(super) fn write(&mut self, text: &str, now: Timestamp, ambient: &Ambient) -> io::Result<()> {
        let bytes = text.len() as u64;
        self.make_room(bytes)?;
        let mut part = new_part(&self.path)?;
        part.write_all(text.as_bytes())?;
        part.as_file().sync_data()?;
        let time = now.to_string().replace(':', "-");
        let name = format!("{BEGINS}{time}-{}{ENDS}", &ambient.random().object_id()[..12]);
        part.persist_noclobber(self.path.join(&name)).map_err(|error| error.error)?;
        self.recordings.push_back(RecordingName { name, bytes });
        (self.bytes, self.unlisted) = (self.bytes + bytes, self.unlisted + 1);
        Ok(())
    }

    /// Removes the oldest recordings until there is room for one more of this size. Removes none for
    /// one that the folder cannot take.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        if bytes > self.limits.bytes {
            return Err(io::Error::other(format!(
                "it has {bytes} bytes, and the folder may have {}",
                self.limits.bytes
            )));
        }
        let is_full = |folder: &Self| {
            folder.recordings.len() >= folder.limits.files || folder.bytes + bytes > folder.limits.bytes
        };
        if is_full(self) || self.unlisted >= LISTED_AFTER {
            // Other processes may have written and removed some.
            self.list()?;
        }
        while is_full(self) {
            let Some(oldest) = self.recordings.pop_front() else { break };
            match fs::remove_file(self.path.join(&oldest.name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.bytes = self.bytes.saturating_sub(oldest.bytes),
            }
        }
        Ok(())
    }

    /// Lists the recordings. Their names begin with their time, so their order is that of age.
    fn list(&mut self) -> io::Result<()> {
        let mut recordings = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(BEGINS) && name.ends_with(ENDS) {
                // One that is gone meanwhile does not count.
                let Ok(held) = entry.metadata() else { continue };
                if held.is_file() {
                    recordings.push(RecordingName { name, bytes: held.len() });
                }
            }
        }
        recordings.sort();
        self.bytes = recordings.iter().map(|it| it.bytes).sum();
        (self.recordings, self.unlisted) = (recordings.into(), 0);
        Ok(())
    }

    /// Removes the unfinished files of processes that were killed.
    fn remove_abandoned(&self, ambient: &Ambient) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !name.starts_with(PART_BEGINS) || !name.ends_with(PART_ENDS) {
                continue;
            }
            let written = entry.metadata().and_then(|held| held.modified());
            let written = written.map(|it| it.duration_since(std::time::UNIX_EPOCH).unwrap_or_default());
            if written.is_ok_and(|written| ambient.since_epoch().saturating_sub(written) > ABANDONED) {
                // Another process may have removed it.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

/// Creates a file with another name than a recording, which is removed unless it is kept.
fn new_part(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(PART_BEGINS).suffix(PART_ENDS).tempfile_in(folder)
}

/// Creates a folder that only its owner can read.
fn create_privately(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Folder, FolderLimits, check_folder};
    use crate::ambient::Ambient;
    use crate::model::Timestamp;

    const LIMITS: FolderLimits = FolderLimits { files: 3, bytes: 100 };

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    fn write(folder: &mut Folder, second: u64, bytes: usize) {
        let now = Timestamp::from_millis(1_795_687_200_000 + second * 1_000).unwrap();
        folder.write(&"x".repeat(bytes), now, &Ambient::system()).unwrap();
    }

    #[test]
    fn the_oldest_recordings_are_removed_and_no_other_file() {
        let path = tempfile::tempdir().unwrap();
        fs::write(path.path().join("case.json"), "{}").unwrap();
        let mut folder = Folder::open(path.path(), LIMITS, &Ambient::system()).unwrap();
        (0..5).for_each(|second| write(&mut folder, second, 10));
        let kept = names(path.path());
        assert_eq!(kept.len(), 4, "{kept:?}");
        assert_eq!(kept[0], "case.json");
        assert!(kept[1].starts_with("login-2026-11-26T10-00-02.000Z-"), "{kept:?}");
        write(&mut folder, 5, 90);
        assert_eq!(names(path.path()).len(), 3, "the bytes are bounded, too");
    }

    #[test]
    fn a_folder_that_is_opened_again_knows_its_recordings() {
        let path = tempfile::tempdir().unwrap();
        for second in 0..5 {
            let mut folder = Folder::open(path.path(), LIMITS, &Ambient::system()).unwrap();
            write(&mut folder, second, 10);
        }
        assert_eq!(names(path.path()).len(), 3);
    }

    #[test]
    fn processes_that_share_a_folder_keep_its_limits_but_for_a_few() {
        let path = tempfile::tempdir().unwrap();
        let limits = FolderLimits { files: 50, bytes: 10_000 };
        let open = || Folder::open(path.path(), limits, &Ambient::system()).unwrap();
        let mut folders = [open(), open(), open()];
        for second in 0..100 {
            folders.iter_mut().for_each(|folder| write(folder, second, 1));
        }
        let files = names(path.path()).len();
        assert!((50..=50 + 3 * 20).contains(&files), "{files}");
    }

    #[test]
    fn a_recording_larger_than_the_folder_is_refused_and_removes_no_other() {
        let path = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(path.path(), LIMITS, &Ambient::system()).unwrap();
        write(&mut folder, 0, 10);
        let error = folder.write(&"x".repeat(101), Timestamp::default(), &Ambient::system()).unwrap_err();
        assert!(error.to_string().contains("may have 100"), "{error}");
        assert_eq!(names(path.path()).len(), 1);
    }

    #[test]
    fn an_unfinished_file_of_a_killed_process_is_removed() {
        let path = tempfile::tempdir().unwrap();
        let (old, new) = (path.path().join(".login-old.part"), path.path().join(".login-new.part"));
        fs::write(&new, "{").unwrap();
        let file = fs::File::create(&old).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        Folder::open(path.path(), LIMITS, &Ambient::system()).unwrap();
        assert_eq!(names(path.path()), [".login-new.part"]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_a_recording() {
        use std::os::unix::fs::PermissionsExt;
        let path = tempfile::tempdir().unwrap();
        let inner = path.path().join("new/recordings");
        let mut folder = Folder::open(&inner, LIMITS, &Ambient::system()).unwrap();
        write(&mut folder, 0, 10);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&inner.join(&names(&inner)[0]))), (0o700, 0o600));
    }

    #[test]
    fn a_folder_that_cannot_take_a_recording_is_refused_in_one_sentence() {
        let path = tempfile::tempdir().unwrap();
        let file = path.path().join("file");
        fs::write(&file, "").unwrap();
        let refusal = |path: &Path| match Folder::open(path, LIMITS, &Ambient::system()) {
            Ok(_) => panic!("it was opened"),
            Err(error) => error.to_string(),
        };
        assert!(refusal(&file).ends_with("file: this is not a folder; name a folder for the recordings"));
        assert!(check_folder(&file.join("below")).is_err());
        assert!(check_folder(&path.path().join("new/folder")).is_ok());
        assert_eq!(names(path.path()), ["file"]);
        assert!(refusal(&file.join("below")).contains("below: "), "{}", refusal(&file.join("below")));
    }
}
