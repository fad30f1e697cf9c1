//! The backup of an SQLite database before a migration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

/// The maximum number of backups of one version.
const MOST: u32 = 100;
/// The pause between two attempts while other processes are writing.
const PAUSE: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 100;

/// Copies the database to a new file beside it, which only its owner may read.
///
/// # Errors
///
/// If no copy can be made.
pub(super) fn back_up(source: &Connection, file: &Path, version: usize) -> Result<PathBuf, String> {
    let named = |end: String| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    // The copy has another name until it is complete.
    let draft = named(format!(".v{version}-backup.{}.part", std::process::id()));
    let copied = write(source, &draft).and_then(|()| {
        for n in 1..=MOST {
            let number = if n == 1 { String::new() } else { format!("-{n}") };
            let name = named(format!(".v{version}-backup{number}"));
            // Unlike a rename, a hard link never replaces a file.
            match std::fs::hard_link(&draft, &name) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("there are {MOST} copies already"))
    });
    let _ = std::fs::remove_file(&draft);
    copied.map_err(|why| {
        format!("no copy of it can be made before its schema is changed: {why}; nothing was changed")
    })
}

/// Copies all pages to a new file.
fn write(source: &Connection, draft: &Path) -> Result<(), String> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(draft).map_err(|error| error.to_string())?;
    let mut copy = Connection::open(draft).map_err(|error| error.to_string())?;
    let backup = Backup::new(source, &mut copy).map_err(|error| error.to_string())?;
    for _ in 0..ATTEMPTS {
        // All pages in one step, so that the copy is consistent.
        match backup.step(-1).map_err(|error| error.to_string())? {
            StepResult::Done => {
                drop(backup);
                drop(copy);
                return made.sync_all().map_err(|error| error.to_string());
            }
            _ => std::thread::sleep(PAUSE),
        }
    }
    Err("others keep writing to it".to_owned())
}
