//! What a tenant keeps from one start to the next besides its users: keys and
//! certificates, readable for nobody else.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A folder for secrets.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

/// A file of it cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub struct StateError {
    file: PathBuf,
    why: String,
}

impl StateDir {
    /// Opens a folder, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let failed = |error: io::Error| StateError { file: path.to_owned(), why: error.to_string() };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        Ok(Self(path))
    }

    /// Where a file of it is.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What a file holds; none if it is not there.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, StateError> {
        match fs::read_to_string(self.file(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unusable(name, error)),
        }
    }

    /// Writes a file that only its owner may read, whole or not at all.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), StateError> {
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
            self.unusable(name, error)
        })
    }

    /// What a file holds; it is made if it is not there.
    ///
    /// # Errors
    ///
    /// When it can neither be read nor made.
    pub fn read_or_make(&self, name: &str, make: impl FnOnce() -> String) -> Result<String, StateError> {
        if let Some(text) = self.read(name)? {
            return Ok(text);
        }
        let text = make();
        self.write(name, &text)?;
        Ok(text)
    }

    pub(super) fn unusable(&self, name: &str, why: impl ToString) -> StateError {
        StateError { file: self.file(name), why: why.to_string() }
    }
}
