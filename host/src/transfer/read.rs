//! Opening a file of users: what it is, told from its first bytes.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::foreign::{self, Fields};
use super::place::{LONGEST, Place};
use super::rejects::Form;
use super::stream;
use super::user::why_foreign;

/// The most that a line may hold, in bytes.
const LINE: usize = LONGEST;

/// A file of users that was opened.
pub struct UsersFile {
    name: String,
    path: Option<PathBuf>,
    text: Box<dyn BufRead>,
    shape: Shape,
    /// Of users that were left out of an earlier import: the format of that.
    form: Option<Form>,
    /// Where `text` begins.
    begins: (u64, u64),
}

/// How users stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One a line.
    Lines,
    /// In an array.
    Array,
    /// In the array `users` of an object.
    Within,
    /// One behind the other, each over several lines.
    Spread,
}

/// A user as it stands in a file.
pub(super) struct Found<'a> {
    /// Its line, in a file of lines; otherwise which user it is. From 1.
    pub(super) number: u64,
    pub(super) place: Place,
    pub(super) json: Result<&'a str, Unreadable<'a>>,
}

/// A line that is no text.
pub(super) enum Unreadable<'a> {
    NotUtf8(&'a [u8]),
    TooLong,
}

/// Takes users one by one.
pub(super) type Each<'f, E> = dyn FnMut(Found<'_>) -> Result<(), E> + 'f;

/// Why a file cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("{file}: it cannot be read: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// It holds something else.
    #[error(
        "{file}: {what}; expected Auth0's export, one JSON object a line, or its import format, a JSON array"
    )]
    NoUsers {
        /// The file.
        file: String,
        /// What it holds.
        what: String,
    },
    /// It is of another product.
    #[error("{file}: {what}")]
    Foreign {
        /// The file.
        file: String,
        /// What it looks like, and what to do instead.
        what: String,
    },
    /// It breaks off or goes wrong; what stands behind cannot be told from what
    /// stands before.
    #[error("{file}, line {line}, column {column}{}: {what}", behind(*.after))]
    Broken {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The column.
        column: u64,
        /// Users before that place.
        after: u64,
        /// What is wrong.
        what: String,
    },
}

fn behind(user: u64) -> String {
    if user == 0 { String::new() } else { format!(", behind user {user}") }
}

/// A file that cannot be read. Of one that is compressed, the words of the library
/// tell nobody anything.
pub(super) fn unreadable(file: &str, error: io::Error) -> ReadError {
    let error = match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other("its compressed data breaks off in the middle"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            io::Error::other("its compressed data is damaged")
        }
        _ => error,
    };
    ReadError::Unreadable { file: file.to_owned(), error }
}

impl UsersFile {
    /// Opens a file, `-` for standard input. `counted` sees every byte of it,
    /// for a progress bar.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or holds no users.
    pub fn open<R: Read + 'static>(
        path: &Path,
        counted: impl FnOnce(Box<dyn Read>) -> R,
    ) -> Result<Self, ReadError> {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let unreadable = |error| unreadable(&name, error);
        let raw: Box<dyn Read> =
            if is_stdin { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(unreadable)?) };
        let mut raw = BufReader::with_capacity(1 << 16, counted(raw));
        let is_gzip = raw.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
        let mut text: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        };
        let (mut first, mut begins) = first_character(&mut text).map_err(unreadable)?;
        let no_users = |what: &str| ReadError::NoUsers { file: name.clone(), what: what.to_owned() };
        let (mut form, mut ahead) = (None, Vec::new());
        while first == Some(b'#') {
            let mut comment = Vec::new();
            text.by_ref().take(1 << 10).read_until(b'\n', &mut comment).map_err(unreadable)?;
            form = form.or(Form::of_header(&String::from_utf8_lossy(&comment)));
            if !comment.ends_with(b"\n") {
                skip_line(&mut *text).map_err(unreadable)?;
            }
            let next = first_character(&mut text).map_err(unreadable)?;
            (first, begins) = (next.0, (begins.0 + next.1.0, next.1.1));
        }
        let shape = match first {
            // Of users that were left out, each is a line, whatever it holds.
            Some(_) if form.is_some() => Shape::Lines,
            Some(b'[') => {
                text.by_ref().take(LINE as u64).read_to_end(&mut ahead).map_err(unreadable)?;
                Shape::Array
            }
            None => Shape::Lines,
            Some(b'{') => {
                let shape = shape_of_objects(&mut text, &mut ahead).map_err(unreadable)?;
                shape.map_err(|what| ReadError::Foreign { file: name.clone(), what })?
            }
            Some(0xfe | 0xff) => return Err(no_users("this is UTF-16, not UTF-8")),
            Some(_) => return Err(no_users("this is not JSON")),
        };
        if let Some(what) = first_user(shape, &ahead).and_then(why_foreign) {
            return Err(ReadError::Foreign { file: name, what });
        }
        let text: Box<dyn BufRead> = Box::new(Cursor::new(ahead).chain(text));
        Ok(Self { name, path: (!is_stdin).then(|| path.to_owned()), text, shape, form, begins })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The format of its users, where it says so itself.
    pub(super) fn form(&self) -> Option<Form> {
        self.form
    }

    /// How places in it are counted: by lines, or by users.
    pub(super) fn unit(&self) -> &'static str {
        if self.shape == Shape::Lines { "line" } else { "user" }
    }

    pub(super) fn is_array(&self) -> bool {
        self.shape == Shape::Array
    }

    /// Its length in bytes, if it is a file.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        let path = self.path.as_ref()?;
        std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|it| it.len())
    }

    /// What an import of it is known by: the hash of the whole file, so that one
    /// that was mended is another. Nothing of a stream, which is not there a second
    /// time.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn fingerprint(&self) -> Result<Option<String>, ReadError> {
        let (Some(path), Some(_)) = (&self.path, self.length()) else { return Ok(None) };
        let mut digest = Sha256::new();
        let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut digest));
        read.map_err(|error| ReadError::Unreadable { file: self.name.clone(), error })?;
        Ok(Some(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Hands out every user. Ends when told so.
    ///
    /// # Errors
    ///
    /// When the file cannot be read to its end, or what `each` answers.
    /// `announced` becomes how many users the file says that there are, if it does.
    pub(super) fn read<E: From<ReadError>>(
        self,
        announced: &Cell<u64>,
        each: &mut Each<'_, E>,
    ) -> Result<(), E> {
        let Self { name, text, shape, begins, .. } = self;
        match shape {
            Shape::Lines => read_lines(text, &name, begins.0, each),
            Shape::Array => stream::array(text, (&name, begins), each),
            Shape::Within => stream::within(text, (&name, begins), announced, each),
            Shape::Spread => stream::spread(text, (&name, begins), each),
        }
    }
}

/// The first character that is no space, left where it is, and its line and column.
fn first_character(text: &mut dyn BufRead) -> io::Result<(Option<u8>, (u64, u64))> {
    let (mut line, mut column) = (1, 1);
    loop {
        let buffer = text.fill_buf()?;
        // A byte order mark is a kind of space.
        let is_mark = |byte: u8| [0xef, 0xbb, 0xbf].contains(&byte);
        let spaces = buffer.iter().take_while(|byte| byte.is_ascii_whitespace() || is_mark(**byte)).count();
        for byte in &buffer[..spaces] {
            match byte {
                b'\n' => (line, column) = (line + 1, 1),
                byte if is_mark(*byte) => {}
                _ => column += 1,
            }
        }
        let (first, is_end) = (buffer.get(spaces).copied(), buffer.is_empty());
        text.consume(spaces);
        if first.is_some() || is_end {
            return Ok((first, (line, column)));
        }
    }
}

/// How users stand in a file that begins with an object, or what the file is
/// otherwise. What was read for it is left in `ahead`.
fn shape_of_objects(text: &mut Box<dyn BufRead>, ahead: &mut Vec<u8>) -> io::Result<Result<Shape, String>> {
    let first = text.by_ref().take(LINE as u64).read_until(b'\n', ahead)?;
    // Pages of a listing may stand one behind the other in the line.
    let value = serde_json::Deserializer::from_slice(ahead).into_iter::<Fields<'_>>().next().transpose();
    match value.map(Option::unwrap_or_default) {
        Ok(fields) => {
            if let Some(why) = foreign::file(&fields) {
                return Ok(Err(why));
            }
            return Ok(Ok(if foreign::holds_users(&fields) { Shape::Within } else { Shape::Lines }));
        }
        // A line that is no beginning of an object is a bad line.
        Err(error) if !error.is_eof() => return Ok(Ok(Shape::Lines)),
        Err(_) => {}
    }
    // An object over several lines, or a line that breaks off before other ones.
    while first < LINE
        && ahead.len() < 2 * LINE
        && ahead[first..].trim_ascii().is_empty()
        && text.by_ref().take(LINE as u64).read_until(b'\n', ahead)? > 0
    {}
    let second = &ahead[first..];
    let goes_on = serde_json::from_slice::<IgnoredAny>(ahead).map_or_else(|error| error.is_eof(), |_| true);
    if !goes_on && serde_json::from_slice::<Fields<'_>>(second).is_ok() {
        return Ok(Ok(Shape::Lines));
    }
    let missing = LINE.saturating_sub(ahead.len()) as u64;
    text.by_ref().take(missing).read_to_end(ahead)?;
    let whole = serde_json::Deserializer::from_slice(ahead).into_iter::<Fields<'_>>().next();
    if let Some(why) = whole.and_then(Result::ok).and_then(|fields| foreign::file(&fields)) {
        return Ok(Err(why));
    }
    Ok(Ok(match stream::holds_users(ahead) {
        true => Shape::Within,
        // A line that is too long is a bad line.
        false if first == LINE && !ahead.ends_with(b"\n") => Shape::Lines,
        false => Shape::Spread,
    }))
}

/// The first user of the beginning of a file, if it stands there whole.
fn first_user(shape: Shape, ahead: &[u8]) -> Option<&str> {
    match shape {
        Shape::Lines => std::str::from_utf8(ahead.split(|byte| *byte == b'\n').next()?).ok(),
        Shape::Array => stream::first_value(ahead.get(1..)?),
        Shape::Within => stream::first_within(ahead),
        Shape::Spread => stream::first_value(ahead),
    }
}

fn read_lines<E: From<ReadError>>(
    mut text: Box<dyn BufRead>,
    name: &str,
    first: u64,
    each: &mut Each<'_, E>,
) -> Result<(), E> {
    let mut line = Vec::new();
    for number in first.. {
        line.clear();
        let read = text.by_ref().take(LINE as u64).read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(name, error))? == 0 {
            break;
        }
        let mut place = Place { line: number, column: 1, user: None };
        if line.len() == LINE && !line.ends_with(b"\n") {
            skip_line(&mut *text).map_err(|error| ReadError::Unreadable { file: name.to_owned(), error })?;
            each(Found { number, place, json: Err(Unreadable::TooLong) })?;
            continue;
        }
        match std::str::from_utf8(&line) {
            Ok(text) => {
                let json = text.trim();
                place.column += (text.len() - text.trim_start().len()) as u64;
                // Comments are of lists of users that were left out.
                if !json.is_empty() && !json.starts_with('#') {
                    each(Found { number, place, json: Ok(json) })?;
                }
            }
            Err(_) => {
                let bytes = line.trim_ascii();
                each(Found { number, place, json: Err(Unreadable::NotUtf8(bytes)) })?;
            }
        }
    }
    Ok(())
}

fn skip_line(text: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = text.fill_buf()?;
        match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                text.consume(end + 1);
                return Ok(());
            }
            None if buffer.is_empty() => return Ok(()),
            None => {
                let all = buffer.len();
                text.consume(all);
            }
        }
    }
}
