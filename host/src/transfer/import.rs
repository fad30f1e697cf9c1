//! Users into a directory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use sha2::{Digest, Sha256};

use super::earlier::Earlier;
use super::place::Place;
use super::read::{Found, ReadError, Unreadable, UsersFile};
use super::rejects::{Form, Rejects};
use super::user::{Reader, form_of, why_foreign, why_left_out};
use crate::directory::{Administration, Batch, Imported, LEFT_OUT};
use crate::model::{ApiError, mask_addresses, on_one_line};

/// Lines in one transaction, at most: many, because pages of the indexes are then
/// written fewer times; not more, because other writers wait meanwhile.
const TOGETHER: usize = 20_000;
/// The same in bytes, for the memory.
const TOGETHER_BYTES: usize = 16 << 20;
/// Bytes of a reason, which may quote the line.
const REASON: usize = 400;
/// Bad lines that are told one by one; of the others only the number is.
const TOLD: usize = 20;

/// How users are imported.
#[derive(Default)]
pub struct Import {
    /// The connection of users that name none.
    pub connection: Option<String>,
    /// A user may replace the one of its id.
    pub replace: bool,
    /// The first bad line ends the import.
    pub strict: bool,
    /// What an interrupted import of this file is known by, for it to go on
    /// where it stopped: see [`Import::name_of`].
    pub resume: Option<String>,
    /// Where users are kept that are left out.
    pub rejects: Option<Rejects>,
}

impl Import {
    /// The name of an import of the file with this fingerprint, done in this way.
    /// In another way, the file's users are others.
    #[must_use]
    pub fn name_of(&self, fingerprint: &str) -> String {
        let digest = Sha256::new()
            .chain_update(fingerprint)
            .chain_update([0, u8::from(self.replace)])
            .chain_update(self.connection.as_deref().unwrap_or_default())
            .finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines, or users of a file without lines, that an earlier import had done.
    pub resumed_behind: u64,
    /// The unit of the count: `line` or `user`.
    pub unit: &'static str,
    /// How many of them had been left out.
    pub left_out_before: u64,
    /// Users that the file says there are, of which it may be a page; 0 if it does not.
    pub announced: u64,
    /// Users that it holds, or held before it broke off.
    pub found: u64,
    /// Users that are there now.
    pub added: u64,
    /// Users that replaced those of their ids.
    pub replaced: u64,
    /// Users that were there already, just so.
    pub same: u64,
    /// Lines that were left out.
    pub bad: u64,
    /// The first of them, each with its place and the reason. Addresses are
    /// masked.
    pub told: Vec<(String, String)>,
    /// Fields that were left out: the field, how often, why, and where first.
    pub left_out: Vec<(&'static str, u64, &'static str, String)>,
}

/// Why an import ended early. What was imported before is there, and the next
/// import of the file goes on behind it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read any further.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The directory failed.
    #[error("from {from} on: {error}")]
    Directory {
        /// The place of the first user that is not done.
        from: String,
        /// Why.
        error: ApiError,
    },
    /// A line is bad, and none may be.
    #[error("{place}: {why}")]
    Bad {
        /// The place.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file of users that were left out cannot be written.
    #[error("{file}: it cannot be written: {error}")]
    Rejects {
        /// The file.
        file: String,
        /// Why.
        error: io::Error,
    },
}

/// Imports every user of a file. What was imported is told also where it ended
/// early.
pub fn import(
    directory: &dyn Administration,
    file: UsersFile,
    mut how: Import,
) -> (Summary, Result<(), ImportError>) {
    let rejects = how.rejects.take();
    let form = file.form();
    let usual = if file.is_array() { Form::Import } else { Form::Export };
    let mut importer = Importer {
        directory,
        how: &how,
        name: file.name().to_owned(),
        form,
        usual,
        rejects,
        summary: Summary { unit: file.unit(), ..Summary::default() },
        left_out: BTreeMap::new(),
        earlier: Earlier::default(),
        pending: Pending::default(),
    };
    let imported = importer.run(file);
    let imported = imported.and(importer.flush_rejects());
    let mut summary = importer.summary;
    let left_out = importer.left_out.into_iter();
    summary.left_out =
        left_out.map(|(field, (times, first))| (field, times, why_left_out(field), first)).collect();
    (summary, imported)
}

/// The reason that a line is no text, and its bytes if they are wanted.
type NoText = (&'static str, Option<Box<[u8]>>);

/// Users that have been read and not yet been written.
#[derive(Default)]
struct Pending {
    lines: Vec<(u64, Box<str>)>,
    places: Vec<Place>,
    /// Lines that are no text: why, and what stands there if it is wanted.
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
    form: Option<Form>,
    /// The format of a file of such a shape, where no user tells.
    usual: Form,
    rejects: Option<Rejects>,
    summary: Summary,
    /// How often which field was left out, and where first.
    left_out: BTreeMap<&'static str, (u64, String)>,
    earlier: Earlier,
    pending: Pending,
}

impl Importer<'_> {
    fn run(&mut self, file: UsersFile) -> Result<(), ImportError> {
        if let Some(resume) = &self.how.resume {
            let progress = |what: &str| self.directory.import_progress(&[resume, what].concat());
            let done = progress("").and_then(|done| Ok((done, progress(LEFT_OUT)?)));
            let failed = |error| ImportError::Directory { from: "its beginning".to_owned(), error };
            (self.summary.resumed_behind, self.summary.left_out_before) = done.map_err(failed)?;
        }
        let announced = Cell::new(0);
        let read = file.read(&announced, &mut |found| self.found(found));
        self.summary.announced = announced.get();
        match read {
            // Where the file breaks off, what stood before is good.
            Ok(()) | Err(ImportError::Read(ReadError::Broken { .. } | ReadError::Unreadable { .. })) => {
                self.flush().and(read)
            }
            Err(error) => Err(error),
        }
    }

    fn found(&mut self, found: Found<'_>) -> Result<(), ImportError> {
        let Found { number, place, json } = found;
        self.summary.found = self.summary.found.max(number);
        if self.form.is_none()
            && let Ok(json) = json
        {
            if let Some(what) = why_foreign(json) {
                return Err(ReadError::Foreign { file: self.name.clone(), what }.into());
            }
            self.form = form_of(json);
        }
        if number <= self.summary.resumed_behind {
            return Ok(());
        }
        let pending = &mut self.pending;
        // What cannot be read as text is told in its turn.
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
        if pending.lines.len() >= TOGETHER || pending.bytes >= TOGETHER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what has been read.
    fn flush(&mut self) -> Result<(), ImportError> {
        let pending = std::mem::take(&mut self.pending);
        let Some(first) = pending.places.first() else { return Ok(()) };
        let reader =
            Reader { form: self.form.unwrap_or(self.usual), connection: self.how.connection.as_deref() };
        // A transaction that is run again reads its lines again: what is noted of
        // each is noted once.
        let left_out = RefCell::new(BTreeSet::new());
        let notes = RefCell::new(HashMap::<u64, Note>::new());
        let read = |number: u64, json: &str| {
            if let Some((why, _)) = pending.unreadable.get(&number) {
                return Err((*why).to_owned());
            }
            let read = reader.read(json, |field| {
                left_out.borrow_mut().insert((number, field));
            });
            let mut notes = notes.borrow_mut();
            let note = notes.entry(number).or_default();
            match read {
                Ok(read) => {
                    note.user_id.clone_from(&read.user.user.user_id);
                    note.id_made_of = read.id_made_of;
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
            read: &read,
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
                    let place = place.words(note.at);
                    let why = self.earlier.words(&why, note.id_made_of.as_deref());
                    let text = match pending.unreadable.get(number) {
                        Some((_, bytes)) => bytes.as_deref(),
                        None => Some(json.as_bytes()),
                    };
                    self.bad(place, &why, text)?;
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

    fn flush_rejects(&mut self) -> Result<(), ImportError> {
        let Some(rejects) = &mut self.rejects else { return Ok(()) };
        rejects.flush().map_err(|error| unwritten(rejects, error))
    }

    fn bad(&mut self, place: String, why: &str, user: Option<&[u8]>) -> Result<(), ImportError> {
        let why = on_one_line(&mask_phone_numbers(&mask_addresses(why)), REASON);
        self.summary.bad += 1;
        if self.summary.told.len() < TOLD {
            self.summary.told.push((place.clone(), why.clone()));
        }
        if let Some(rejects) = &mut self.rejects
            && let Some(user) = user
        {
            let form = self.form.unwrap_or(self.usual);
            rejects.add(form, &format!("{place}: {why}"), user).map_err(|error| unwritten(rejects, error))?;
        }
        if self.how.strict { Err(ImportError::Bad { place, why }) } else { Ok(()) }
    }
}

/// The text with all but the beginnings and the ends of the phone numbers in it, which
/// begin with `+` (E.164).
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

fn unwritten(rejects: &Rejects, error: io::Error) -> ImportError {
    ImportError::Rejects { file: rejects.name().display().to_string(), error }
}

/// The facts about a line once it was read.
#[derive(Default)]
struct Note {
    user_id: String,
    id_made_of: Option<String>,
    /// Where something is wrong within it.
    at: Option<(usize, usize)>,
}
