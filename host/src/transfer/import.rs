//! Users into a directory.

use super::read::{ReadError, UsersFile};
use super::user::{LeftOut, read};
use crate::directory::{Administration, Batch, Imported};
use crate::login::{ApiError, Timestamp, User, mask_addresses};

/// Users in one transaction.
const TOGETHER: usize = 2_000;
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
    #[error("behind line {after}: {error}")]
    Directory {
        /// Lines that are done.
        after: u64,
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
        summary: Summary::default(),
        left_out: LeftOut::new(),
        users: Vec::with_capacity(TOGETHER),
        done: 0,
    };
    let imported = importer.run(file);
    let mut summary = importer.summary;
    summary.left_out =
        importer.left_out.into_iter().map(|(field, (times, why))| (field, times, why)).collect();
    (summary, imported)
}

struct Importer<'a> {
    directory: &'a dyn Administration,
    how: &'a Import,
    summary: Summary,
    left_out: LeftOut,
    users: Vec<(u64, User)>,
    /// The last line that was looked at.
    done: u64,
}

impl Importer<'_> {
    fn run(&mut self, file: UsersFile) -> Result<(), ImportError> {
        if let Some(resume) = &self.how.resume {
            let done = self.directory.import_progress(resume);
            self.done = done.map_err(|error| ImportError::Directory { after: 0, error })?;
            self.summary.resumed_behind = self.done;
        }
        let from_import = file.is_array();
        let read = file.read(&mut |line, json| self.line(line, json, from_import));
        match read {
            // Where the file breaks off, what stood before is good.
            Ok(()) | Err(ImportError::Read(_)) => self.flush().and(read),
            Err(error) => Err(error),
        }
    }

    fn line(&mut self, line: u64, json: Result<&str, String>, from_import: bool) -> Result<(), ImportError> {
        if line <= self.summary.resumed_behind {
            return Ok(());
        }
        let connection = self.how.connection.as_deref();
        match json.and_then(|json| read(json, from_import, connection, &mut self.left_out)) {
            Ok(user) => self.users.push((line, user)),
            Err(why) if self.how.strict => {
                self.flush()?;
                return Err(self.bad(line, &why));
            }
            Err(why) => drop(self.bad(line, &why)),
        }
        self.done = line;
        if self.users.len() >= TOGETHER { self.flush() } else { Ok(()) }
    }

    /// Writes what has been read.
    fn flush(&mut self) -> Result<(), ImportError> {
        if self.users.is_empty() && self.done == self.summary.resumed_behind {
            return Ok(());
        }
        let users = std::mem::replace(&mut self.users, Vec::with_capacity(TOGETHER));
        let batch = Batch {
            users: &users,
            replace: self.how.replace,
            strict: self.how.strict,
            import: self.how.resume.as_deref(),
            done: self.done,
            now: Timestamp::now(),
        };
        let after = users.first().map_or(self.done, |(line, _)| line - 1);
        let imported =
            self.directory.import(&batch).map_err(|error| ImportError::Directory { after, error })?;
        for ((line, _), imported) in users.iter().zip(imported) {
            match imported {
                Imported::Added => self.summary.added += 1,
                Imported::Replaced => self.summary.replaced += 1,
                Imported::Same => self.summary.same += 1,
                Imported::Refused(why) => {
                    let bad = self.bad(*line, &why);
                    if self.how.strict {
                        return Err(bad);
                    }
                }
            }
        }
        Ok(())
    }

    fn bad(&mut self, line: u64, why: &str) -> ImportError {
        let why = mask_addresses(why).into_owned();
        self.summary.bad += 1;
        if self.summary.told.len() < TOLD {
            self.summary.told.push((line, why.clone()));
        }
        ImportError::Bad { line, why }
    }
}
