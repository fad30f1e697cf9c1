//! The file of users that an import rejected: each unchanged, after a comment with the
//! reason. Once they are corrected, the file can be imported.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::model::join_lines;

/// One of Auth0's formats of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserFormat {
    /// The export format. Each id names the provider.
    Export,
    /// The import format: users of one database, without providers.
    Import,
}

const HEADERS: [(UserFormat, &str); 2] = [
    (UserFormat::Export, "# ligature: users that were left out of an export"),
    (UserFormat::Import, "# ligature: users that were left out of an import file"),
];

impl UserFormat {
    /// Returns the format of a file of rejected users from its first line. The first user
    /// does not reveal it, because that one may lack its id.
    pub(super) fn from_header(line: &str) -> Option<Self> {
        HEADERS.iter().find(|(_, header)| line.trim_end() == *header).map(|(format, _)| *format)
    }
}

/// A file of rejected users.
pub struct Rejects {
    name: PathBuf,
    out: Box<dyn Write>,
    has_header: bool,
}

impl Rejects {
    /// Creates the file, with its name for messages. `resumes` means that `out` already
    /// contains users of an earlier part of the import.
    #[must_use]
    pub fn new(name: &Path, out: Box<dyn Write>, resumes: bool) -> Self {
        Self { name: name.to_owned(), out, has_header: resumes }
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Adds an unchanged user, with the reason.
    pub(super) fn add(&mut self, format: UserFormat, why: &str, user: &[u8]) -> io::Result<()> {
        self.begin(format)?;
        let why = join_lines(why, 1_000);
        writeln!(self.out, "# {why}")?;
        // Line ends occur only between JSON tokens: strings cannot contain them.
        let user: Vec<u8> =
            user.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
        self.out.write_all(&user)?;
        self.out.write_all(b"\n")
    }

    /// Writes the header, if it is not there yet.
    fn begin(&mut self, format: UserFormat) -> io::Result<()> {
        if !self.has_header {
            self.has_header = true;
            let header = HEADERS.iter().find(|(known, _)| *known == format).map_or("", |(_, header)| header);
            writeln!(self.out, "{header}")?;
        }
        Ok(())
    }

    /// Flushes the file, so that nothing is lost if the import is killed.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
