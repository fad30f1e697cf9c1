//! A directory as a whole, in a file of lines: users, credentials with the hashes of
//! passwords, and the journal with what links have destroyed.
//!
//! ```text
//! {"ligature_whole": {"version": 1, "made_at": "2026-11-26T10:00:00.000Z"}}
//! {"user": {…}}                 Auth0's user object
//! {"credential": {…}}           connection, user_id, email, username, password
//! {"entry": {…}}                a row of the journal; `snapshot` in Base64, as it is sealed
//! {"end": {"users": 2, "credentials": 1, "entries": 1}}
//! ```

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::export::ExportError;
use super::read::ReadError;
use crate::directory::{Administration, Credential, Held, JournalColumns, JournalRow, SqlDirectory};
use crate::model::{ApiError, Timestamp, User};
use crate::password_hash::Hash;
use crate::reading::read_json;
use crate::terminal::write_json;

/// The version of the file.
const VERSION: u32 = 1;
/// The most that a line may hold, in bytes.
const LINE: u64 = 64 << 20;

/// How much of what is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Users.
    pub users: u64,
    /// Credentials.
    pub credentials: u64,
    /// Entries of the journal.
    pub entries: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    LigatureWhole(Header),
    User(Box<User>),
    Credential(CredentialLine),
    Entry(EntryLine),
    End(Counts),
}

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    made_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialLine {
    connection: String,
    user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryLine {
    columns: JournalColumns,
    record: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
}

impl Counts {
    fn add(&mut self, held: &Held) {
        *match held {
            Held::User(_) => &mut self.users,
            Held::Credential(_) => &mut self.credentials,
            Held::Entry(_) => &mut self.entries,
        } += 1;
    }
}

/// Writes everything as it is at one moment.
///
/// # Errors
///
/// When the directory or the writing fails; what was written then is not all.
pub fn export_whole(directory: &SqlDirectory, out: &mut dyn Write) -> Result<Counts, ExportError> {
    let header = Header { version: VERSION, made_at: directory.ambient().now() };
    write_line(out, &Line::LigatureWhole(header))?;
    let (mut counts, mut written) = (Counts::default(), Ok(()));
    directory.each_held(&mut |held| {
        counts.add(&held);
        written = line_of(held).and_then(|line| write_line(out, &line));
        written.is_ok()
    })?;
    written?;
    write_line(out, &Line::End(counts))?;
    out.flush()?;
    Ok(counts)
}

fn write_line(out: &mut dyn Write, line: &Line) -> io::Result<()> {
    write_json(&mut *out, line).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

fn line_of(held: Held) -> io::Result<Line> {
    Ok(match held {
        Held::User(user) => Line::User(user),
        Held::Credential(credential) => {
            let Credential { connection, user_id, email, username, password } = credential;
            Line::Credential(CredentialLine { connection, user_id, email, username, password })
        }
        Held::Entry(entry) => Line::Entry(EntryLine {
            record: entry.record_json()?.to_owned(),
            columns: entry.columns,
            snapshot: entry.snapshot.map(|bytes| STANDARD.encode(bytes)),
        }),
    })
}

/// A file of a whole directory that was opened.
pub struct WholeFile {
    text: Box<dyn BufRead>,
    line: u64,
    counts: Counts,
    is_ended: bool,
}

impl WholeFile {
    /// Opens a file, gzipped or not.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = path.display().to_string();
        let unreadable = |error| ReadError::Unreadable { file: file.clone(), error };
        let mut raw = BufReader::new(File::open(path).map_err(unreadable)?);
        let is_gzip = raw.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
        let text: Box<dyn BufRead> =
            if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(raw))) } else { Box::new(raw) };
        let mut whole = Self { text, line: 0, counts: Counts::default(), is_ended: false };
        let foreign = |what: String| ReadError::Foreign { file: file.clone(), what };
        match whole.read_line().map_err(|error| foreign(error.to_string()))? {
            Some(Line::LigatureWhole(Header { version: VERSION, .. })) => Ok(whole),
            Some(Line::LigatureWhole(Header { version, .. })) => {
                Err(foreign(format!("it is of version {version}; this program reads version {VERSION}")))
            }
            _ => Err(foreign("it is no whole directory, which `users export --whole` writes".to_owned())),
        }
    }

    /// Moves everything into an empty directory, or nothing.
    ///
    /// # Errors
    ///
    /// When something of it cannot be kept, with the line, or the directory fails.
    pub fn restore(mut self, directory: &SqlDirectory) -> Result<Counts, ApiError> {
        let mut at = 0;
        let restored = directory.restore(&mut || {
            at = self.line + 1;
            self.next()
        });
        restored.map(|()| self.counts).map_err(|error| match error {
            ApiError::Invalid(why) if at > 2 => ApiError::Invalid(format!("line {at}: {why}")),
            error => error,
        })
    }

    fn next(&mut self) -> Result<Option<Held>, ApiError> {
        let invalid = |why: &str| Err(ApiError::Invalid(why.to_owned()));
        let held = match self.read_line()? {
            Some(_) if self.is_ended => return invalid("there is something behind the end"),
            None if self.is_ended => return Ok(None),
            None => return invalid("the file breaks off: it has no `end`"),
            Some(Line::LigatureWhole(_)) => return invalid("this is a second beginning"),
            Some(Line::End(counts)) if counts == self.counts => {
                self.is_ended = true;
                return self.next();
            }
            Some(Line::End(_)) => {
                return invalid("lines are missing: the `end` counts others than there are");
            }
            Some(Line::User(user)) => Held::User(user),
            Some(Line::Credential(line)) => {
                let CredentialLine { connection, user_id, email, username, password } = line;
                // What this program hashes itself may be dearer, by its configuration.
                if let Some(hash) = password.as_deref().filter(|hash| !hash.starts_with("$argon2id$")) {
                    Hash::read(hash).map_err(ApiError::Invalid)?;
                }
                Held::Credential(Credential { connection, user_id, email, username, password })
            }
            Some(Line::Entry(EntryLine { columns, record, snapshot })) => {
                let snapshot = snapshot.map(|text| STANDARD.decode(text)).transpose();
                let Ok(snapshot) = snapshot else { return invalid("the `snapshot` is no Base64") };
                Held::Entry(JournalRow { columns, record: record.get().to_owned(), snapshot })
            }
        };
        self.counts.add(&held);
        Ok(Some(held))
    }

    fn read_line(&mut self) -> Result<Option<Line>, ApiError> {
        let mut line = Vec::new();
        let read = self.text.by_ref().take(LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| ApiError::Invalid(format!("the file cannot be read: {error}")))? == 0 {
            return Ok(None);
        }
        self.line += 1;
        let text = std::str::from_utf8(&line).map_err(|_| ApiError::Invalid("it is not UTF-8".to_owned()))?;
        let read = read_json("".as_ref(), text.trim_end());
        read.map(Some).map_err(|error| ApiError::Invalid(error.message))
    }
}
