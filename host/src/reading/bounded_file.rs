//! Reading of files within a size: a device has no end.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Reads a file.
///
/// # Errors
///
/// If the file cannot be read, or has more than `most` bytes.
pub(crate) fn read_bounded_file(file: &Path, most: u64) -> Result<Vec<u8>> {
    read_bounded(File::open(file)?, most)
}

/// Reads to the end.
///
/// # Errors
///
/// If it cannot be read, or has more than `most` bytes.
pub(super) fn read_bounded(from: impl Read, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is longer than {} KiB", most >> 10)));
    }
    Ok(bytes)
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;

    use super::read_bounded_file;
    use crate::reading::describe_read_error;

    #[test]
    fn devices_and_large_files_are_refused() {
        let read = |file: &Path| read_bounded_file(file, 1_024).map_err(|error| describe_read_error(&error));
        assert!(read(Path::new("/dev/zero")).unwrap_err().contains("it is longer than 1 KiB"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        for (length, is_read) in [(1_024, true), (1_025, false)] {
            std::fs::write(&file, "x".repeat(length)).unwrap();
            assert_eq!(read(&file).is_ok(), is_read, "{length}");
        }
    }
}
