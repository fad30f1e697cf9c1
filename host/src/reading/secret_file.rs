//! Files that hold secrets.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::Path;

use super::bounded_file::read_bounded;
use super::describe_read_error;

/// The most bytes of such a file.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads a file that holds a secret: a key, a password or credentials. Only its owner may have
/// access to it; a file of root may be readable by its group, as a secret is that Kubernetes mounts
/// for a group.
///
/// Source: PostgreSQL, the rule for `ssl_key_file`.
///
/// # Errors
///
/// The reason, for people, if the file cannot be read, if other users may read it, or if it is
/// longer than 64 KiB, or in UTF-16. The reason contains nothing of the file.
pub(crate) fn read_secret_file(file: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: Error| describe_read_error(&error);
    #[cfg(unix)]
    if is_named_pipe(file) {
        return Err("this is a pipe; expected a file".to_owned());
    }
    let opened = File::open(file).map_err(unreadable)?;
    let metadata = opened.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(unreadable(ErrorKind::IsADirectory.into()));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if is_open_to_others(metadata.mode(), metadata.uid()) {
            let name = file.display();
            return Err(format!("other users of this machine may read it; `chmod 600 {name}` corrects that"));
        }
    }
    let bytes = read_bounded(opened, MOST_BYTES).map_err(unreadable)?;
    // The shell PowerShell writes UTF-16 by `>`.
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes[..] {
        return Err("this is UTF-16; expected UTF-8".to_owned());
    }
    Ok(bytes)
}

/// Returns whether the file is a pipe with a name. Opening one waits for a program that writes to it,
/// for ever if there is none. The pipe of a shell, as in `<(program)`, has no name and a writer.
#[cfg(unix)]
fn is_named_pipe(file: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    file.metadata().is_ok_and(|it| it.file_type().is_fifo()) && file.canonicalize().is_ok()
}

/// Returns whether others than the owner, and the group of a file of root, have access.
#[cfg(unix)]
fn is_open_to_others(mode: u32, owner: u32) -> bool {
    const ROOT: u32 = 0;
    let forbidden = if owner == ROOT { 0o037 } else { 0o077 };
    mode & forbidden != 0
}

/// Reads a file that holds a secret as text, by the same rule as [`read_secret_file`].
///
/// # Errors
///
/// The same, and if the file is not UTF-8.
pub(crate) fn read_secret_text(file: &Path) -> Result<String, String> {
    String::from_utf8(read_secret_file(file)?).map_err(|_| "it is not text in UTF-8".to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    use super::{is_open_to_others, read_secret_file, read_secret_text};

    #[test]
    fn only_the_owner_may_have_access() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        write(&file, "s3cret").unwrap();
        for mode in [0o644, 0o604, 0o620, 0o601] {
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let why = read_secret_file(&file).unwrap_err();
            let chmod = format!("`chmod 600 {}`", file.display());
            assert!(why.contains(&chmod) && !why.contains("s3cret"), "{mode:o}: {why}");
        }
        for mode in [0o600, 0o400] {
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_secret_text(&file).as_deref(), Ok("s3cret"));
        }
    }

    #[test]
    fn the_group_may_read_a_file_of_root_only() {
        let (root, other) = (0, 1000);
        assert!(!is_open_to_others(0o100_640, root) && !is_open_to_others(0o100_440, root));
        assert!(is_open_to_others(0o100_640, other) && is_open_to_others(0o100_440, other));
        assert!(is_open_to_others(0o100_660, root) && is_open_to_others(0o100_644, root));
    }

    /// A pipe without a writer holds up the start.
    #[test]
    fn a_named_pipe_is_refused_and_that_of_a_shell_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success()
        );
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for file in [&pipe, &link] {
            assert_eq!(read_secret_file(file), Err("this is a pipe; expected a file".to_owned()));
        }
        // A shell passes the output of a program like this.
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, b"s3cret").unwrap();
        drop(writer);
        let file = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(read_secret_text(file.as_ref()).as_deref(), Ok("s3cret"));
    }

    #[test]
    fn a_file_that_cannot_be_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_secret_file(&folder.path().join("none")), Err("there is no such file".to_owned()));
        assert!(read_secret_file(folder.path()).unwrap_err().starts_with("this is a directory"));
        let file = folder.path().join("secret");
        let owner_only = || set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        write(&file, "#".repeat(70_000)).unwrap();
        owner_only();
        assert_eq!(read_secret_file(&file), Err("it is longer than 64 KiB".to_owned()));
        for text in [&b"\xff\xfea\0b\0"[..], b"\xfe\xff\0a\0b"] {
            write(&file, text).unwrap();
            assert_eq!(read_secret_file(&file), Err("this is UTF-16; expected UTF-8".to_owned()));
        }
        write(&file, [0xff]).unwrap();
        assert_eq!(read_secret_text(&file), Err("it is not text in UTF-8".to_owned()));
    }
}
