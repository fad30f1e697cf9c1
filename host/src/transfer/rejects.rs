//! Users that were left out of an import, in a file of their own: each as it stood,
//! behind a comment with the reason. Once they are mended, the file can be imported.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::model::on_one_line;

/// Which of Auth0's formats users are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Users as the API shows them: each says by its id which provider it is of.
    Export,
    /// Users of one database, without providers.
    Import,
}

const HEADERS: [(Form, &str); 2] = [
    (Form::Export, "# ligature: users that were left out of an export"),
    (Form::Import, "# ligature: users that were left out of an import file"),
];

impl Form {
    /// The format of a file of users that were left out, by its first line. The
    /// first user need not tell: it may be one that lacks its id.
    pub(super) fn of_header(line: &str) -> Option<Self> {
        HEADERS.iter().find(|(_, header)| line.trim_end() == *header).map(|(form, _)| *form)
    }
}

/// A file of users that were left out.
pub struct Rejects {
    name: PathBuf,
    out: Box<dyn Write>,
    has_header: bool,
}

impl Rejects {
    /// Users go to `out`, which is called so in messages. `goes_on` says that some of
    /// an earlier part of the import stand there already.
    #[must_use]
    pub fn to(name: &Path, out: Box<dyn Write>, goes_on: bool) -> Self {
        Self { name: name.to_owned(), out, has_header: goes_on }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Adds a user as it stood, and why it was left out.
    pub(super) fn add(&mut self, form: Form, why: &str, user: &[u8]) -> io::Result<()> {
        self.begin(form)?;
        let why = on_one_line(why, 1_000);
        writeln!(self.out, "# {why}")?;
        // Line ends within a user are spaces between its parts: no text holds one.
        let user: Vec<u8> =
            user.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
        self.out.write_all(&user)?;
        self.out.write_all(b"\n")
    }

    fn begin(&mut self, form: Form) -> io::Result<()> {
        if !self.has_header {
            self.has_header = true;
            let header = HEADERS.iter().find(|(known, _)| *known == form).map_or("", |(_, header)| header);
            writeln!(self.out, "{header}")?;
        }
        Ok(())
    }

    /// Writes out what was added: it is there also if the import is killed.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
