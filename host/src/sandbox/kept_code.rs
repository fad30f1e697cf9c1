//! Compiled code that is kept in files, so that the next process does not compile again.
//!
//! A file is mapped into memory, so that a process reads only the parts that it runs. Its name holds the
//! SHA-256 of the component and a hash of the engine: its settings, the processor, and the version of
//! wasmtime.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::options::Options;

/// The most bytes of components' code in the folder.
const MOST_CODE: u64 = 256 << 20;

/// The most bytes of snapshots' code in the folder, some 2.7 MB for each policy document. A policy that
/// is edited often would displace the components.
const MOST_SNAPSHOTS: u64 = 128 << 20;

/// The compiled code of a component, by the number of the engine that has loaded it. There is one at least.
pub(super) type Components = Box<[Component]>;

/// The code that is kept for engines with one configuration.
#[derive(Clone)]
pub(super) struct KeptCode {
    engines: Arc<[Engine]>,
    /// The folder of the files; none keeps nothing.
    folder: Option<Arc<Path>>,
    engine_hash: u64,
    prefix: &'static str,
    most_bytes: u64,
}

impl KeptCode {
    /// Opens the folder of the options. Its files are run unchecked, so a folder that another user can
    /// write to is not used.
    pub(super) fn open(engines: Arc<[Engine]>, options: &Options) -> Self {
        let folder = options.cache.as_deref().filter(|folder| create_private(folder));
        // wasmtime itself checks all of this again, but only the major part of its version.
        let mut hasher = DefaultHasher::new();
        engines[0].precompile_compatibility_hash().hash(&mut hasher);
        Self {
            engines,
            folder: folder.map(Arc::from),
            engine_hash: hasher.finish(),
            prefix: "code-",
            most_bytes: MOST_CODE,
        }
    }

    /// The code of snapshots, and of the components that they are taken of.
    pub(super) fn of_snapshots(&self) -> Self {
        Self { prefix: "snapshot-", most_bytes: MOST_SNAPSHOTS, ..self.clone() }
    }

    /// Returns the kept code of the component with this hash. A damaged file is removed.
    pub(super) fn find(&self, sha256: &str) -> Option<Components> {
        let file = self.file(sha256)?;
        if !is_own_file(&file) {
            return None;
        }
        let content = fs::read(&file).ok()?;
        // A file of a file system that is mounted with `noexec` can be read, but its code cannot be mapped.
        let load = |code: &[u8]| self.map(&file).or_else(|_| self.copy(code)).ok();
        let component = without_checksum(&content).and_then(load);
        match component {
            Some(_) => note_use(&file),
            // If it stays, the next compilation replaces it.
            None => drop(fs::remove_file(&file)),
        }
        component
    }

    /// Loads code that was just compiled from the component with this hash, and keeps it. `code` is what
    /// a compiler of this program returned.
    pub(super) fn load(&self, sha256: &str, code: &[u8]) -> wasmtime::Result<Components> {
        // A failure to keep it is ignored: without a file everything works, and the next process
        // compiles again.
        match self.write(sha256, code).ok().and_then(|file| self.map(&file).ok()) {
            Some(component) => Ok(component),
            None => self.copy(code),
        }
    }

    fn file(&self, sha256: &str) -> Option<PathBuf> {
        let Self { folder, engine_hash, prefix, .. } = self;
        // It becomes a part of a path.
        if !sha256.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        Some(folder.as_ref()?.join(format!("{prefix}{sha256}-{engine_hash:016x}")))
    }

    /// Writes a file under its final name only when it is complete and on the disk.
    fn write(&self, sha256: &str, code: &[u8]) -> io::Result<PathBuf> {
        let (Some(folder), Some(file)) = (&self.folder, self.file(sha256)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if code.len() as u64 > self.most_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // On Unix it is created with the mode 0600.
        let mut new = tempfile::Builder::new().prefix(self.prefix).suffix(".new").tempfile_in(folder)?;
        new.write_all(code)?;
        new.write_all(&crc32fast::hash(code).to_le_bytes())?;
        new.as_file().sync_data()?;
        new.persist(&file)?;
        remove_oldest(folder, self.prefix, self.most_bytes)?;
        Ok(file)
    }

    #[allow(
        unsafe_code,
        reason = "the folder belongs to this user alone, so only this program has written the file; `write` names \
                  it after the engine and the component. A file without a name is of this process"
    )]
    fn map(&self, file: &Path) -> wasmtime::Result<Components> {
        // SAFETY: the file holds complete code of wasmtime's compiler for an engine like this one, and, if it is
        // kept, a checksum, which wasmtime does not regard. It is removed or replaced, but never changed while it
        // is mapped. wasmtime checks settings and version.
        self.engines.iter().map(|engine| unsafe { Component::deserialize_file(engine, file) }).collect()
    }

    /// Loads code that is in no file. Several engines share the pages of a file without a name.
    pub(super) fn copy(&self, code: &[u8]) -> wasmtime::Result<Components> {
        if self.engines.len() > 1
            && let Some(components) = self.map_unnamed(code)
        {
            return Ok(components);
        }
        self.copy_for_each(code)
    }

    #[cfg(target_os = "linux")]
    fn map_unnamed(&self, code: &[u8]) -> Option<Components> {
        use rustix::fs::{MemfdFlags, memfd_create};
        use std::os::fd::AsRawFd;
        let mut file = fs::File::from(memfd_create("ligature-code", MemfdFlags::CLOEXEC).ok()?);
        file.write_all(code).ok()?;
        self.map(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd()))).ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn map_unnamed(&self, _: &[u8]) -> Option<Components> {
        None
    }

    #[allow(
        unsafe_code,
        reason = "the code comes from this process, from the build of this program, from a child process of this \
                  program through a pipe that no other process has, or from a file as in `map`"
    )]
    fn copy_for_each(&self, code: &[u8]) -> wasmtime::Result<Components> {
        // SAFETY: the bytes are those that wasmtime's compiler returned. It refuses those for another engine.
        self.engines.iter().map(|engine| unsafe { Component::deserialize(engine, code) }).collect()
    }
}

/// Returns the code of a file, if it is as it was written: wasmtime maps code without a look at it.
fn without_checksum(content: &[u8]) -> Option<&[u8]> {
    let (code, checksum) = content.split_last_chunk()?;
    (crc32fast::hash(code) == u32::from_le_bytes(*checksum)).then_some(code)
}

/// Removes the files with this prefix that have not been used for the longest time, until the others have no more than
/// these bytes. A process that has mapped one keeps its content.
fn remove_oldest(folder: &Path, prefix: &str, most_bytes: u64) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        // Another process may have removed it.
        let Ok(metadata) = entry.metadata() else { continue };
        files.push((metadata.modified()?, metadata.len(), entry.path()));
    }
    files.sort();
    let mut bytes = 0_u64;
    for (_, length, file) in files.iter().rev() {
        bytes = bytes.saturating_add(*length);
        if bytes > most_bytes {
            let _ = fs::remove_file(file);
        }
    }
    Ok(())
}

/// Creates the folder if it does not exist. Returns whether only this user can write to it.
fn create_private(folder: &Path) -> bool {
    // Without a folder everything works; a read-only file system is usual in containers.
    let Ok(metadata) = create_folder(folder).and_then(|()| fs::metadata(folder)) else { return false };
    let is_private = is_own(&metadata);
    if !is_private {
        tracing::warn!(
            folder = %folder.display(),
            "compiled plugins are not kept, because others can change this folder; change its owner to this user and its mode to 0700"
        );
    }
    is_private
}

#[cfg(unix)]
fn create_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Returns whether it is a regular file that only this user can write to.
fn is_own_file(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok_and(|it| it.is_file() && is_own(&it))
}

#[cfg(unix)]
fn is_own(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn is_own(_: &fs::Metadata) -> bool {
    true
}

/// Sets the time of the file's last use. It fails on a read-only file system, where nothing is removed.
#[cfg(unix)]
fn note_use(file: &Path) {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    let _ = utimensat(CWD, file, &times, AtFlags::SYMLINK_NOFOLLOW);
}

#[cfg(not(unix))]
fn note_use(_: &Path) {}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::{KeptCode, Options, remove_oldest};

    const SHA256: &str = "00c0de";

    fn open(folder: &std::path::Path) -> KeptCode {
        let options = Options { cache: Some(folder.to_owned()), ..Options::default() };
        KeptCode::open([wasmtime::Engine::default()].into(), &options)
    }

    fn compile(kept: &KeptCode) -> Vec<u8> {
        kept.engines[0].precompile_component(&wat::parse_str("(component)").unwrap()).unwrap()
    }

    fn names(folder: &std::path::Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn code_is_found_again_by_an_engine_with_the_same_settings() {
        let folder = tempfile::tempdir().unwrap();
        let kept = open(folder.path());
        assert!(kept.find(SHA256).is_none());
        kept.load(SHA256, &compile(&kept)).unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        assert!(open(folder.path()).find(SHA256).is_some());
        assert!(kept.of_snapshots().find(SHA256).is_none());
        let mut other = wasmtime::Config::new();
        other.consume_fuel(true);
        let options = Options { cache: Some(folder.path().to_owned()), ..Options::default() };
        let other = KeptCode::open([wasmtime::Engine::new(&other).unwrap()].into(), &options);
        assert!(other.find(SHA256).is_none());
        assert!(kept.find(SHA256).is_some());
    }

    #[test]
    fn a_damaged_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let kept = open(folder.path());
        let code = compile(&kept);
        kept.load(SHA256, &code).unwrap();
        let whole = fs::read(kept.file(SHA256).unwrap()).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        for damaged in [&b""[..], b"damaged", &whole[..whole.len() / 2], &code, &changed] {
            fs::write(kept.file(SHA256).unwrap(), damaged).unwrap();
            assert!(kept.find(SHA256).is_none());
            assert_eq!(names(folder.path()), [""; 0]);
        }
        kept.load(SHA256, &code).unwrap();
        assert!(kept.find(SHA256).is_some());
    }

    #[test]
    fn a_hash_that_is_no_hash_names_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let kept = open(folder.path());
        kept.load("/../outside", &compile(&kept)).unwrap();
        assert!(kept.file("/../outside").is_none() && names(folder.path()).is_empty());
    }

    #[test]
    fn without_a_folder_code_is_loaded_all_the_same() {
        let kept = KeptCode::open([wasmtime::Engine::default()].into(), &Options::default());
        kept.load(SHA256, &compile(&kept)).unwrap();
        assert!(kept.find(SHA256).is_none());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a file");
        fs::write(&file, "").unwrap();
        let kept = open(&file);
        kept.load(SHA256, &compile(&kept)).unwrap();
        assert!(kept.find(SHA256).is_none());
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_can_change_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let kept = open(folder.path());
        let code = compile(&kept);
        kept.load(SHA256, &code).unwrap();
        let file = kept.file(SHA256).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(kept.find(SHA256).is_none());
        let other = folder.path().join("other");
        fs::rename(&file, &other).unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&other, &file).unwrap();
        assert!(kept.find(SHA256).is_none());
        // The next compilation replaces it.
        kept.load(SHA256, &code).unwrap();
        assert!(kept.find(SHA256).is_some() && !file.is_symlink());
    }

    #[test]
    fn the_files_that_were_not_used_for_longest_are_removed_first() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: usize, seconds: u64| {
            fs::write(folder.path().join(name), vec![0; bytes]).unwrap();
            let used = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            fs::File::open(folder.path().join(name)).unwrap().set_modified(used).unwrap();
        };
        for (name, seconds) in [("code-b", 20), ("code-a", 10), ("code-c", 30)] {
            write(name, 10, seconds);
        }
        write("another", 100, 1);
        remove_oldest(folder.path(), "code-", 30).unwrap();
        assert_eq!(names(folder.path()), ["another", "code-a", "code-b", "code-c"]);
        remove_oldest(folder.path(), "code-", 20).unwrap();
        assert_eq!(names(folder.path()), ["another", "code-b", "code-c"]);
        remove_oldest(folder.path(), "code-", 5).unwrap();
        assert_eq!(names(folder.path()), ["another"]);
    }

    #[test]
    fn the_folder_does_not_grow_beyond_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let kept = open(folder.path());
        let code = compile(&kept);
        let kept = KeptCode { most_bytes: 2 * (code.len() as u64 + 4), ..kept };
        for sha256 in ["a", "b"] {
            kept.load(sha256, &code).unwrap();
        }
        let used_long_ago = |sha256| {
            let file = fs::File::open(kept.file(sha256).unwrap()).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        };
        used_long_ago("a");
        used_long_ago("b");
        // Its use is noted.
        #[cfg(unix)]
        assert!(kept.find("a").is_some());
        kept.load("c", &code).unwrap();
        assert!(kept.find("c").is_some());
        assert_eq!(names(folder.path()).len(), 2);
        #[cfg(unix)]
        assert!(kept.find("a").is_some() && kept.find("b").is_none());
        let kept = KeptCode { most_bytes: code.len() as u64 - 1, ..kept };
        kept.load("d", &code).unwrap();
        assert!(kept.find("d").is_none() && kept.find("c").is_some());
    }
}
