//! Snapshots of reports. They have insta's file format, so that `cargo insta review` and
//! insta's macros work on the same files.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::reading::InputError;
use crate::terminal::escape;

/// Returns the path of a case's snapshot: `snapshots/<name>.snap` beside the case.
#[must_use]
pub fn snapshot_path(case_file: &Path) -> PathBuf {
    let name = case_file.file_stem().unwrap_or_default().to_string_lossy();
    case_file.with_file_name("snapshots").join(format!("{name}.snap"))
}

/// A case's snapshot file.
#[derive(Debug)]
pub struct CaseSnapshot {
    path: PathBuf,
    /// The snapshot's text; none if there is no snapshot yet.
    text: Option<String>,
}

/// The result of comparing a report with its snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The report is the same.
    Same,
    /// The report differs.
    Differs {
        /// The snapshot's text.
        snapshot: String,
    },
    /// There is no snapshot yet.
    New,
}

impl CaseSnapshot {
    /// Reads the snapshot of a case, if there is one.
    ///
    /// # Errors
    ///
    /// When the snapshot cannot be read.
    pub fn read_for(case_file: &Path) -> Result<Self, InputError> {
        let path = snapshot_path(case_file);
        let text = if path.exists() {
            let snapshot = read_insta(&path)?;
            let text = snapshot.as_text().map(ToString::to_string);
            Some(text.ok_or_else(|| InputError::for_file(&path, "this is a binary snapshot; expected text"))?)
        } else {
            None
        };
        Ok(Self { path, text })
    }

    /// The snapshot's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Compares a report with the snapshot.
    #[must_use]
    pub fn compare(&self, report: &str) -> Comparison {
        match &self.text {
            Some(text) if text.trim_end() == report.trim_end() => Comparison::Same,
            Some(text) => Comparison::Differs { snapshot: text.clone() },
            None => Comparison::New,
        }
    }

    /// Writes the report as the snapshot, and removes a pending one.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn accept(&self, title: &str, report: &str) -> io::Result<()> {
        self.write(&self.path, title, report)?;
        self.clear_pending()
    }

    /// Writes the report as a pending snapshot (`.snap.new`), for review. Returns its path.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn leave_pending(&self, title: &str, report: &str) -> io::Result<PathBuf> {
        let pending = self.pending_path();
        self.write(&pending, title, report)?;
        Ok(pending)
    }

    /// Removes the pending snapshot.
    ///
    /// # Errors
    ///
    /// When the file exists and cannot be removed.
    pub fn clear_pending(&self) -> io::Result<()> {
        match fs::remove_file(self.pending_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn pending_path(&self) -> PathBuf {
        self.path.with_extension("snap.new")
    }

    /// Writes a snapshot file. The existing header is kept, because insta writes more
    /// fields into it than this program.
    fn write(&self, path: &Path, title: &str, report: &str) -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let header =
            fs::read_to_string(&self.path).ok().and_then(|text| find_header(&text).map(str::to_owned));
        let header = header.unwrap_or_else(|| {
            // A JSON string is a YAML string, except for surrogate pairs.
            let quoted = Value::from(escape(title)).to_string();
            format!("---\nsource: ligature test\ndescription: {quoted}\n---\n")
        });
        fs::write(path, format!("{header}{}\n", report.trim_end()))
    }
}

/// Reads a snapshot with insta. A file in insta's old format is refused first, because
/// insta would print a message about it to standard error.
fn read_insta(path: &Path) -> Result<insta::Snapshot, InputError> {
    let no_snapshot = |why: &str| InputError::for_file(path, format!("this is not a snapshot: {why}"));
    let begins = fs::File::open(path).and_then(|mut file| {
        let mut first = [0; 3];
        file.read_exact(&mut first).map(|()| first == *b"---")
    });
    if !matches!(begins, Ok(true)) {
        return Err(no_snapshot("it does not begin with a line `---`"));
    }
    insta::Snapshot::from_file(path).map_err(|error| {
        // The error names the file already.
        no_snapshot(&error.to_string().replace(&format!(" from {:?}", path.display().to_string()), ""))
    })
}

/// Returns the header of a snapshot: the lines from the first `---` to the second, both
/// included.
fn find_header(text: &str) -> Option<&str> {
    let body = text.strip_prefix("---\n")?;
    let end = body.find("\n---\n")?;
    Some(&text[.."---\n".len() + end + "\n---\n".len()])
}
