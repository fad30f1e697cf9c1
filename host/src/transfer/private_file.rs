//! Files that are written whole or not at all, for their owner's eyes only.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file under another name until it is whole. Dropped before, it is removed.
pub struct PrivateFile {
    file: PathBuf,
    part: PathBuf,
    out: Option<BufWriter<File>>,
}

impl PrivateFile {
    /// Begins a file, which replaces the one of this name once it is finished.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn create(file: &Path) -> io::Result<Self> {
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        // Never into a file that somebody has put there.
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let out = Some(BufWriter::new(options.open(&part)?));
        Ok(Self { file: file.to_owned(), part, out })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// When what was written cannot be kept.
    pub fn finish(mut self) -> io::Result<()> {
        if let Some(out) = self.out.take() {
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
        }
        fs::rename(&self.part, &self.file)
    }
}

impl Write for PrivateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().map_or(Ok(0), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // Gone already, if it has its name.
        let _ = fs::remove_file(&self.part);
    }
}
