//! The dump of a whole directory, as a file of lines: users, credentials with their
//! password hashes, and the journal with its snapshots.
//!
//! ```text
//! {"ligature_whole": {"version": 1, "made_at": "2026-11-26T10:00:00.000Z"}}
//! {"user": {…}}                 Auth0's user object
//! {"use": {…}}                  the last login of an identity: provider, user_id, last_login
//! {"credential": {…}}           connection, user_id, email, username, password
//! {"entry": {…}}                a row of the journal; `snapshot` in Base64, as it is sealed
//! {"end": {"users": 2, "uses": 1, "credentials": 1, "entries": 1}}
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
use super::read_error::ReadError;
use crate::directory::{
    Administration, Credential, DumpRecord, IdentityUse, JournalColumns, JournalRow, SqlDirectory,
};
use crate::model::{ApiError, Timestamp, User};
use crate::password_hash::Hash;
use crate::reading::read_json;
use crate::terminal::write_json;

/// The version of the file format.
const VERSION: u32 = 1;
/// The maximum length of a line, in bytes.
const LINE: u64 = 64 << 20;

/// The numbers of records in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DumpCounts {
    /// The number of users.
    pub users: u64,
    /// The number of identities whose last login is known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uses: u64,
    /// The number of credentials.
    pub credentials: u64,
    /// The number of entries of the journal.
    pub entries: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    LigatureWhole(Header),
    User(Box<User>),
    Use(UseLine),
    Credential(CredentialLine),
    Entry(EntryLine),
    End(DumpCounts),
}

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    made_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UseLine {
    provider: String,
    user_id: String,
    last_login: Timestamp,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl DumpCounts {
    fn add(&mut self, held: &DumpRecord) {
        *match held {
            DumpRecord::User(_) => &mut self.users,
            DumpRecord::Use(_) => &mut self.uses,
            DumpRecord::Credential(_) => &mut self.credentials,
            DumpRecord::Entry(_) => &mut self.entries,
        } += 1;
    }
}

/// Writes every record of one consistent snapshot.
///
/// # Errors
///
/// If the directory or the writer fails. The file is then incomplete.
pub fn export_dump(directory: &SqlDirectory, out: &mut dyn Write) -> Result<DumpCounts, ExportError> {
    let header = Header { version: VERSION, made_at: directory.ambient().now() };
    write_line(out, &Line::LigatureWhole(header))?;
    let (mut counts, mut written) = (DumpCounts::default(), Ok(()));
    directory.for_each_record(&mut |held| {
        counts.add(&held);
        written = to_line(held).and_then(|line| write_line(out, &line));
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

/// Converts a record to a line.
fn to_line(held: DumpRecord) -> io::Result<Line> {
    Ok(match held {
        DumpRecord::User(user) => Line::User(user),
        DumpRecord::Use(IdentityUse { provider, user_id, at }) => {
            Line::Use(UseLine { provider, user_id, last_login: at })
        }
        DumpRecord::Credential(credential) => {
            let Credential { connection, user_id, email, username, password } = credential;
            Line::Credential(CredentialLine { connection, user_id, email, username, password })
        }
        DumpRecord::Entry(entry) => Line::Entry(EntryLine {
            record: entry.record_json()?.to_owned(),
            columns: entry.columns,
            snapshot: entry.snapshot.map(|bytes| STANDARD.encode(bytes)),
        }),
    })
}

/// An open dump file.
pub struct DumpFile {
    text: Box<dyn BufRead>,
    line: u64,
    counts: DumpCounts,
    is_ended: bool,
}

impl DumpFile {
    /// Opens a file, which may be gzipped.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not a dump.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = path.display().to_string();
        let unreadable = |error| ReadError::Unreadable { file: file.clone(), error };
        let mut raw = BufReader::new(File::open(path).map_err(unreadable)?);
        let is_gzip = raw.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
        let text: Box<dyn BufRead> =
            if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(raw))) } else { Box::new(raw) };
        let mut dump = Self { text, line: 0, counts: DumpCounts::default(), is_ended: false };
        let foreign = |what: String| ReadError::Foreign { file: file.clone(), what };
        match dump.read_line().map_err(|error| foreign(error.to_string()))? {
            Some(Line::LigatureWhole(Header { version: VERSION, .. })) => Ok(dump),
            Some(Line::LigatureWhole(Header { version, .. })) => {
                Err(foreign(format!("it is of version {version}; this program reads version {VERSION}")))
            }
            _ => Err(foreign("it is not a whole directory, as `users export --whole` writes it".to_owned())),
        }
    }

    /// Restores every record into an empty directory, or none.
    ///
    /// # Errors
    ///
    /// If a record is malformed, with its line, or the directory fails.
    pub fn restore(mut self, directory: &SqlDirectory) -> Result<DumpCounts, ApiError> {
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

    /// Reads the next record. None after the end.
    fn next(&mut self) -> Result<Option<DumpRecord>, ApiError> {
        let invalid = |why: &str| Err(ApiError::Invalid(why.to_owned()));
        let held = match self.read_line()? {
            Some(_) if self.is_ended => return invalid("there is data after the end"),
            None if self.is_ended => return Ok(None),
            None => return invalid("the file breaks off: it has no `end`"),
            Some(Line::LigatureWhole(_)) => return invalid("this is a second header"),
            Some(Line::End(counts)) if counts == self.counts => {
                self.is_ended = true;
                return self.next();
            }
            Some(Line::End(_)) => {
                return invalid("lines are missing: the counts of the `end` differ from the lines");
            }
            Some(Line::User(user)) => DumpRecord::User(user),
            Some(Line::Use(UseLine { provider, user_id, last_login })) => {
                DumpRecord::Use(IdentityUse { provider, user_id, at: last_login })
            }
            Some(Line::Credential(line)) => {
                let CredentialLine { connection, user_id, email, username, password } = line;
                // The configuration may make this program's own hashes more expensive.
                if let Some(hash) = password.as_deref().filter(|hash| !hash.starts_with("$argon2id$")) {
                    Hash::parse(hash).map_err(ApiError::Invalid)?;
                }
                DumpRecord::Credential(Credential { connection, user_id, email, username, password })
            }
            Some(Line::Entry(EntryLine { columns, record, snapshot })) => {
                let snapshot = snapshot.map(|text| STANDARD.decode(text)).transpose();
                let Ok(snapshot) = snapshot else { return invalid("the `snapshot` is not Base64") };
                DumpRecord::Entry(JournalRow { columns, record: record.get().to_owned(), snapshot })
            }
        };
        self.counts.add(&held);
        Ok(Some(held))
    }

    /// Reads the next line. None at the end of the file.
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
