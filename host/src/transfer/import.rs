//! Importing users from a file.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use sha2::{Digest, Sha256};

use super::earlier_users::EarlierUsers;
use super::found_user::{FoundUser, Unreadable};
use super::place::Place;
use super::read_error::ReadError;
use super::rejects::{Rejects, UserFormat};
use super::user::{Reader, describe_foreign, detect_format, explain_left_out};
use super::users_file::UsersFile;
use crate::directory::{Administration, Batch, Imported, LEFT_OUT};
use crate::model::{ApiError, join_lines, mask_addresses};
use crate::reading::describe_io_error;

/// The maximum of lines in one transaction. A large number writes the pages of indexes
/// fewer times; a larger one would block other writers for too long.
const BATCH_LINES: usize = 20_000;
/// The maximum of bytes in one transaction, to bound memory.
const BATCH_BYTES: usize = 16 << 20;
/// The maximum length of a reason, which may quote the line, in bytes.
const REASON: usize = 400;
/// The maximum of bad lines that are reported individually. The others are only counted.
const REPORTED: usize = 20;

/// The options of an import.
#[derive(Default)]
pub struct Import {
    /// The connection of users that name none.
    pub connection: Option<String>,
    /// Whether a user may replace the one with the same id.
    pub replace: bool,
    /// Whether the first bad line ends the import.
    pub strict: bool,
    /// The name of the import, by which an interrupted one resumes: see
    /// [`Import::derive_name`].
    pub resume: Option<String>,
    /// The file for rejected users.
    pub rejects: Option<Rejects>,
}

impl Import {
    /// Returns the name of an import of the file with this fingerprint and these options.
    /// Other options make it another import.
    #[must_use]
    pub fn derive_name(&self, fingerprint: &str) -> String {
        let digest = Sha256::new()
            .chain_update(fingerprint)
            .chain_update([0, u8::from(self.replace)])
            .chain_update(self.connection.as_deref().unwrap_or_default())
            .finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of lines (or users, see `unit`) that an earlier import had done.
    pub resumed_behind: u64,
    /// The unit of positions: `line` or `user`.
    pub unit: &'static str,
    /// The number of lines that the earlier import had left out.
    pub left_out_before: u64,
    /// The total number of users that the file states; 0 if it does not. The file may be one
    /// page of them.
    pub announced: u64,
    /// The number of users in the file, up to where it is truncated.
    pub found: u64,
    /// The number of users added.
    pub added: u64,
    /// The number of users that replaced the ones with their ids.
    pub replaced: u64,
    /// The number of users that were already there, unchanged.
    pub same: u64,
    /// The number of lines that were left out.
    pub bad: u64,
    /// The first of these lines, with position and reason. Addresses are masked.
    pub reported: Vec<(String, String)>,
    /// The fields that were left out: name, number, reason, and first position.
    pub left_out: Vec<(&'static str, u64, &'static str, String)>,
}

/// The reason why an import ended early. Earlier users stay imported, and the next import
/// of the file resumes after them.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read further.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The directory failed.
    #[error("from {from} on: {error}")]
    Directory {
        /// The position of the first user that is not done.
        from: String,
        /// The cause.
        error: ApiError,
    },
    /// A line is bad, and the import is strict.
    #[error("{place}: {why}")]
    Bad {
        /// The position of the line.
        place: String,
        /// A description of the fault.
        why: String,
    },
    /// The file of rejected users cannot be written.
    #[error("{file}: it cannot be written: {}", describe_io_error(.error))]
    Rejects {
        /// The file.
        file: String,
        /// The cause.
        error: io::Error,
    },
}

/// Imports every user of a file. The summary is returned even if the import ends early.
pub fn import(
    directory: &dyn Administration,
    file: UsersFile,
    mut how: Import,
) -> (Summary, Result<(), ImportError>) {
    let rejects = how.rejects.take();
    let format = file.format();
    let default_format = if file.is_array() { UserFormat::Import } else { UserFormat::Export };
    let mut importer = Importer {
        directory,
        how: &how,
        name: file.name().to_owned(),
        format,
        default_format,
        rejects,
        summary: Summary { unit: file.unit(), ..Summary::default() },
        left_out: BTreeMap::new(),
        earlier: EarlierUsers::default(),
        pending: Pending::default(),
    };
    let imported = importer.run(file);
    let imported = imported.and(importer.flush_rejects());
    let mut summary = importer.summary;
    let left_out = importer.left_out.into_iter();
    summary.left_out =
        left_out.map(|(field, (times, first))| (field, times, explain_left_out(field), first)).collect();
    (summary, imported)
}

/// The reason why a line is not text, and its bytes if rejected users are kept.
type NoText = (&'static str, Option<Box<[u8]>>);

/// The users that were read but not written yet.
#[derive(Default)]
struct Pending {
    lines: Vec<(u64, Box<str>)>,
    places: Vec<Place>,
    /// The lines that are not text.
    unreadable: HashMap<u64, NoText>,
    bytes: usize,
}

impl Pending {
    fn place(&self, number: u64) -> Option<Place> {
        let index = self.lines.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.places.get(index).copied()
    }
}

struct Importer<'a> {
    directory: &'a dyn Administration,
    how: &'a Import,
    name: String,
    /// The format of the file's first user.
    format: Option<UserFormat>,
    /// The format to assume from the arrangement of the file, if no user reveals it.
    default_format: UserFormat,
    rejects: Option<Rejects>,
    summary: Summary,
    /// The fields that were left out: the number, and the first position.
    left_out: BTreeMap<&'static str, (u64, String)>,
    earlier: EarlierUsers,
    pending: Pending,
}

impl Importer<'_> {
    /// Imports the file.
    fn run(&mut self, file: UsersFile) -> Result<(), ImportError> {
        if let Some(resume) = &self.how.resume {
            let progress = |what: &str| self.directory.import_progress(&[resume, what].concat());
            let done = progress("").and_then(|done| Ok((done, progress(LEFT_OUT)?)));
            let failed = |error| ImportError::Directory { from: "its beginning".to_owned(), error };
            (self.summary.resumed_behind, self.summary.left_out_before) = done.map_err(failed)?;
        }
        let announced = Cell::new(0);
        let read = file.read_users(&announced, &mut |found| self.add(found));
        self.summary.announced = announced.get();
        match read {
            // Users before a truncation are valid.
            Ok(()) | Err(ImportError::Read(ReadError::Broken { .. } | ReadError::Unreadable { .. })) => {
                self.flush().and(read)
            }
            Err(error) => Err(error),
        }
    }

    /// Adds a user to the pending batch, and writes the batch once it is full.
    fn add(&mut self, found: FoundUser<'_>) -> Result<(), ImportError> {
        let FoundUser { number, place, json } = found;
        self.summary.found = self.summary.found.max(number);
        if self.format.is_none()
            && let Ok(json) = json
        {
            if let Some(what) = describe_foreign(json) {
                return Err(ReadError::Foreign { file: self.name.clone(), what }.into());
            }
            self.format = detect_format(json);
        }
        if number <= self.summary.resumed_behind {
            return Ok(());
        }
        let pending = &mut self.pending;
        // A line that is not text is reported in its order.
        let json: Box<str> = match json {
            Ok(json) => json.into(),
            Err(Unreadable::TooLong) => {
                pending.unreadable.insert(number, ("the line is longer than 16 MiB", None));
                Box::default()
            }
            Err(Unreadable::NotUtf8(bytes)) => {
                let kept: Option<Box<[u8]>> = self.rejects.is_some().then(|| bytes.into());
                pending.bytes += kept.as_ref().map_or(0, |bytes| bytes.len());
                pending.unreadable.insert(number, ("the line is not UTF-8", kept));
                Box::default()
            }
        };
        pending.bytes += json.len();
        pending.lines.push((number, json));
        pending.places.push(place);
        if pending.lines.len() >= BATCH_LINES || pending.bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes the pending users.
    fn flush(&mut self) -> Result<(), ImportError> {
        let pending = std::mem::take(&mut self.pending);
        let Some(first) = pending.places.first() else { return Ok(()) };
        let reader = Reader {
            format: self.format.unwrap_or(self.default_format),
            connection: self.how.connection.as_deref(),
        };
        // A repeated transaction parses its lines again, so notes are kept by line.
        let left_out = RefCell::new(BTreeSet::new());
        let notes = RefCell::new(HashMap::<u64, Note>::new());
        let parse = |number: u64, json: &str| {
            if let Some((why, _)) = pending.unreadable.get(&number) {
                return Err((*why).to_owned());
            }
            let read = reader.read_user(json, |field| {
                left_out.borrow_mut().insert((number, field));
            });
            let mut notes = notes.borrow_mut();
            let note = notes.entry(number).or_default();
            match read {
                Ok(read) => {
                    note.user_id.clone_from(&read.user.user.user_id);
                    note.id_source = read.id_source;
                    Ok(read.user)
                }
                Err(fault) => {
                    note.at = fault.at;
                    Err(fault.why)
                }
            }
        };
        let batch = Batch {
            lines: &pending.lines,
            parse: &parse,
            replace: self.how.replace,
            strict: self.how.strict,
            import: self.how.resume.as_deref(),
            now: self.directory.ambient().now(),
        };
        let imported = self.directory.import(&batch);
        let imported = imported.map_err(|error| ImportError::Directory { from: first.to_string(), error })?;
        let mut notes = notes.into_inner();
        for ((number, json), imported) in pending.lines.iter().zip(imported) {
            let note = notes.remove(number).unwrap_or_default();
            let place = pending.place(*number).unwrap_or(*first);
            match imported {
                Imported::Added => self.summary.added += 1,
                Imported::Replaced => self.summary.replaced += 1,
                Imported::Same => self.summary.same += 1,
                Imported::Refused(why) => {
                    let place = place.describe(note.at);
                    let why = self.earlier.describe(&why, note.id_source.as_deref());
                    let text = match pending.unreadable.get(number) {
                        Some((_, bytes)) => bytes.as_deref(),
                        None => Some(json.as_bytes()),
                    };
                    self.report_bad_line(place, &why, text)?;
                    continue;
                }
            }
            self.earlier.note(&note.user_id, place);
        }
        for (number, field) in left_out.into_inner() {
            let place = pending.place(number).unwrap_or(*first);
            self.left_out.entry(field).or_insert_with(|| (0, place.to_string())).0 += 1;
        }
        self.flush_rejects()
    }

    /// Flushes the file of rejected users.
    fn flush_rejects(&mut self) -> Result<(), ImportError> {
        let Some(rejects) = &mut self.rejects else { return Ok(()) };
        rejects.flush().map_err(|error| rejects_error(rejects, error))
    }

    /// Reports a bad line.
    fn report_bad_line(&mut self, place: String, why: &str, user: Option<&[u8]>) -> Result<(), ImportError> {
        let why = join_lines(&mask_phone_numbers(&mask_addresses(why)), REASON);
        self.summary.bad += 1;
        if self.summary.reported.len() < REPORTED {
            self.summary.reported.push((place.clone(), why.clone()));
        }
        if let Some(rejects) = &mut self.rejects
            && let Some(user) = user
        {
            let format = self.format.unwrap_or(self.default_format);
            rejects
                .add(format, &format!("{place}: {why}"), user)
                .map_err(|error| rejects_error(rejects, error))?;
        }
        if self.how.strict { Err(ImportError::Bad { place, why }) } else { Ok(()) }
    }
}

/// Masks the phone numbers in a text, which begin with `+` (E.164). The first and the last
/// two digits remain.
fn mask_phone_numbers(text: &str) -> String {
    const SHORTEST: usize = 7;
    let mut parts = text.split('+');
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_part = |it: &char| it.is_ascii_digit() || matches!(it, ' ' | '-' | '(' | ')' | '.');
        let number: String = part.chars().take_while(is_part).collect();
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        masked.push('+');
        if digits.len() < SHORTEST {
            masked.push_str(part);
            continue;
        }
        masked.push_str(&format!("{}…{}", &digits[..2], &digits[digits.len() - 2..]));
        let behind = number.trim_end_matches(|it: char| !it.is_ascii_digit()).len();
        masked.push_str(&part[behind..]);
    }
    masked
}

/// The error of writing the file of rejected users.
fn rejects_error(rejects: &Rejects, error: io::Error) -> ImportError {
    ImportError::Rejects { file: rejects.name().display().to_string(), error }
}

/// The facts about a parsed line.
#[derive(Default)]
struct Note {
    user_id: String,
    id_source: Option<String>,
    /// The position of the fault within the line.
    at: Option<(usize, usize)>,
}
