//! Users into a directory.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::read::{ReadError, UsersFile};
use super::user::{read, why_left_out};
use crate::directory::{Administration, Batch, Imported};
use crate::login::{ApiError, Timestamp, mask_addresses};

/// Lines in one transaction, at most: many, because pages of the indexes are then
/// written fewer times; not more, because other writers wait meanwhile.
const TOGETHER: usize = 20_000;
/// The same in bytes, for the memory.
const TOGETHER_BYTES: usize = 16 << 20;
/// No JSON begins so.
const UNREADABLE: &str = "\0";
/// Bad lines that are told one by one; of the others only the number is.
const TOLD: usize = 20;

/// How users are imported.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// The connection of users that name none.
    pub connection: Option<String>,
    /// A user may replace the one of its id.
    pub replace: bool,
    /// The first bad line ends the import.
    pub strict: bool,
    /// What an interrupted import of this file is known by, for it to go on
    /// where it stopped.
    pub resume: Option<String>,
}

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines that an earlier import had done.
    pub resumed_behind: u64,
    /// Users that are there now.
    pub added: u64,
    /// Users that replaced those of their ids.
    pub replaced: u64,
    /// Users that were there already, just so.
    pub same: u64,
    /// Lines that were left out.
    pub bad: u64,
    /// The first of them, each with its number and the reason. Addresses are
    /// masked.
    pub told: Vec<(u64, String)>,
    /// What of the users was left out: the field, how often, and why.
    pub left_out: Vec<(&'static str, u64, &'static str)>,
}

/// Why an import ended early. What was imported before is there, and the next
/// import of the file goes on behind it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read any further.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The directory failed.
    #[error("from line {from} on: {error}")]
    Directory {
        /// The first line that is not done.
        from: u64,
        /// Why.
        error: ApiError,
    },
    /// A line is bad, and none may be.
    #[error("line {line}: {why}")]
    Bad {
        /// The line.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// Imports every user of a file. What was imported is told also where it ended
/// early.
pub fn import(
    directory: &dyn Administration,
    file: UsersFile,
    how: &Import,
) -> (Summary, Result<(), ImportError>) {
    let mut importer = Importer {
        directory,
        how,
        from_import: file.is_array(),
        summary: Summary::default(),
        left_out: BTreeMap::new(),
        lines: Vec::new(),
        bytes: 0,
    };
    let imported = importer.run(file);
    let mut summary = importer.summary;
    let left_out = importer.left_out.into_iter();
    summary.left_out = left_out.map(|(field, times)| (field, times, why_left_out(field))).collect();
    (summary, imported)
}

struct Importer<'a> {
    directory: &'a dyn Administration,
    how: &'a Import,
    from_import: bool,
    summary: Summary,
    /// How often which field was left out.
    left_out: BTreeMap<&'static str, u64>,
    /// What has been read and not yet been written.
    lines: Vec<(u64, Box<str>)>,
    bytes: usize,
}

impl Importer<'_> {
    fn run(&mut self, file: UsersFile) -> Result<(), ImportError> {
        if let Some(resume) = &self.how.resume {
            let done = self.directory.import_progress(resume);
            self.summary.resumed_behind = done.map_err(|error| ImportError::Directory { from: 1, error })?;
        }
        let read = file.read(&mut |line, json| self.line(line, json));
        match read {
            // Where the file breaks off, what stood before is good.
            Ok(()) | Err(ImportError::Read(_)) => self.flush().and(read),
            Err(error) => Err(error),
        }
    }

    fn line(&mut self, line: u64, json: Result<&str, String>) -> Result<(), ImportError> {
        if line <= self.summary.resumed_behind {
            return Ok(());
        }
        // What cannot be read as text is kept as a text that is no JSON, and is
        // told in its turn.
        let json: Box<str> = json.map_or_else(|why| format!("{UNREADABLE}{why}").into(), Box::from);
        self.bytes += json.len();
        self.lines.push((line, json));
        if self.lines.len() >= TOGETHER || self.bytes >= TOGETHER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what has been read.
    fn flush(&mut self) -> Result<(), ImportError> {
        let lines = std::mem::take(&mut self.lines);
        self.bytes = 0;
        let Some((first, _)) = lines.first() else { return Ok(()) };
        let connection = self.how.connection.as_deref();
        // A set: a transaction that is run again reads its lines again.
        let left_out = RefCell::new(BTreeSet::new());
        let read = |line, json: &str| match json.strip_prefix(UNREADABLE) {
            Some(why) => Err(why.to_owned()),
            None => read(json, self.from_import, connection, |field| {
                left_out.borrow_mut().insert((line, field));
            }),
        };
        let batch = Batch {
            lines: &lines,
            read: &read,
            replace: self.how.replace,
            strict: self.how.strict,
            import: self.how.resume.as_deref(),
            now: Timestamp::now(),
        };
        let imported = self.directory.import(&batch);
        let imported = imported.map_err(|error| ImportError::Directory { from: *first, error })?;
        for (_, field) in left_out.into_inner() {
            *self.left_out.entry(field).or_default() += 1;
        }
        for ((line, _), imported) in lines.iter().zip(imported) {
            match imported {
                Imported::Added => self.summary.added += 1,
                Imported::Replaced => self.summary.replaced += 1,
                Imported::Same => self.summary.same += 1,
                Imported::Refused(why) => self.bad(*line, &why)?,
            }
        }
        Ok(())
    }

    fn bad(&mut self, line: u64, why: &str) -> Result<(), ImportError> {
        let why = mask_addresses(why).into_owned();
        self.summary.bad += 1;
        if self.summary.told.len() < TOLD {
            self.summary.told.push((line, why.clone()));
        }
        if self.how.strict { Err(ImportError::Bad { line, why }) } else { Ok(()) }
    }
}
