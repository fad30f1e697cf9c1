//! Snapshots of reports, in insta's own file format, so that `cargo insta
//! review` and insta's macros work on the same files.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::reading::InputError;
use crate::terminal::escape;

/// Where a case's snapshot lies: `snapshots/<name>.snap` beside the case.
#[must_use]
pub fn snapshot_path(case_file: &Path) -> PathBuf {
    let name = case_file.file_stem().unwrap_or_default().to_string_lossy();
    case_file.with_file_name("snapshots").join(format!("{name}.snap"))
}

/// A case's snapshot file.
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    /// What it holds; none if there is none yet.
    held: Option<String>,
}

/// What a snapshot says of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds the same.
    Same,
    /// It holds something else.
    Differs {
        /// What it holds.
        held: String,
    },
    /// There is none yet.
    New,
}

impl Snapshot {
    /// Reads the snapshot of this case, if there is one.
    ///
    /// # Errors
    ///
    /// When there is one and it cannot be read.
    pub fn of(case_file: &Path) -> Result<Self, InputError> {
        let path = snapshot_path(case_file);
        let held = if path.exists() {
            let snapshot = read(&path)?;
            let text = snapshot.as_text().map(ToString::to_string);
            Some(text.ok_or_else(|| InputError::whole(&path, "this is a binary snapshot; expected text"))?)
        } else {
            None
        };
        Ok(Self { path, held })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Holds a report against the snapshot.
    #[must_use]
    pub fn compare(&self, report: &str) -> Verdict {
        match &self.held {
            Some(held) if held.trim_end() == report.trim_end() => Verdict::Same,
            Some(held) => Verdict::Differs { held: held.clone() },
            None => Verdict::New,
        }
    }

    /// Makes the report the snapshot, and removes one that waits for review.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn accept(&self, title: &str, report: &str) -> io::Result<()> {
        self.write(&self.path, title, report)?;
        self.clear_pending()
    }

    /// Leaves the report as a `.snap.new` for review. Returns its path.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn leave_pending(&self, title: &str, report: &str) -> io::Result<PathBuf> {
        let pending = self.pending();
        self.write(&pending, title, report)?;
        Ok(pending)
    }

    /// Removes what waits for review.
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be removed.
    pub fn clear_pending(&self) -> io::Result<()> {
        match fs::remove_file(self.pending()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn pending(&self) -> PathBuf {
        self.path.with_extension("snap.new")
    }

    /// Keeps the header that is there, for insta writes more into it than is
    /// known here.
    fn write(&self, path: &Path, title: &str, report: &str) -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let header = fs::read_to_string(&self.path).ok().and_then(|text| header_of(&text).map(str::to_owned));
        let header = header.unwrap_or_else(|| {
            // JSON text is YAML text, but for pairs of surrogates.
            let quoted = Value::from(escape(title)).to_string();
            format!("---\nsource: ligature test\ndescription: {quoted}\n---\n")
        });
        fs::write(path, format!("{header}{}\n", report.trim_end()))
    }
}

/// Reads a snapshot with insta. Of one in a format of long ago, insta would say
/// so on standard error, in words of its own.
fn read(path: &Path) -> Result<insta::Snapshot, InputError> {
    let no_snapshot = |why: &str| InputError::whole(path, format!("this is no snapshot: {why}"));
    let begins = fs::File::open(path).and_then(|mut file| {
        let mut first = [0; 3];
        file.read_exact(&mut first).map(|()| first == *b"---")
    });
    if !matches!(begins, Ok(true)) {
        return Err(no_snapshot("it does not begin with a line `---`"));
    }
    insta::Snapshot::from_file(path).map_err(|error| {
        // The file is named already.
        no_snapshot(&error.to_string().replace(&format!(" from {:?}", path.display().to_string()), ""))
    })
}

/// The lines from the first `---` to the second, both with it.
fn header_of(text: &str) -> Option<&str> {
    let body = text.strip_prefix("---\n")?;
    let end = body.find("\n---\n")?;
    Some(&text[.."---\n".len() + end + "\n---\n".len()])
}
