//! Opening a file of users, and detecting its format from its first bytes.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::foreign::{self, Fields};
use super::found_user::{FoundUser, Unreadable, UserVisitor};
use super::place::{LONGEST, Place};
use super::read_error::{ReadError, unreadable};
use super::rejects::UserFormat;
use super::stream;
use super::user::describe_foreign;

/// The maximum length of a line, in bytes.
const LINE: usize = LONGEST;

/// An open file of users.
pub struct UsersFile {
    name: String,
    path: Option<PathBuf>,
    /// The length in bytes, if it is a regular file.
    length: Option<u64>,
    text: Box<dyn BufRead>,
    shape: Shape,
    /// The format in the header of a file of rejected users.
    form: Option<UserFormat>,
    /// The line and the column at which `text` begins.
    begins: (u64, u64),
}

/// The arrangement of the users in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One per line.
    Lines,
    /// The users are the items of an array.
    Array,
    /// The users are the items of the array `users` of an object.
    Wrapped,
    /// Concatenated objects, each over several lines.
    Concatenated,
}

impl UsersFile {
    /// Opens a file, or standard input for `-`. `counted` wraps the reader, for a progress
    /// bar.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or contains no users.
    pub fn open<R: Read + 'static>(
        path: &Path,
        counted: impl FnOnce(Box<dyn Read>) -> R,
    ) -> Result<Self, ReadError> {
        if path == Path::new("-") {
            return Self::read_from(counted(Box::new(io::stdin())), "standard input".to_owned());
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| unreadable(&name, error))?;
        let length = length_of(&file);
        let opened = Self::read_from(counted(Box::new(file)), name)?;
        Ok(Self { path: Some(path.to_owned()), length, ..opened })
    }

    /// Reads a file that is open already, such as a temporary one, from its beginning.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or contains no users.
    pub fn of_file<R: Read + 'static>(
        file: &File,
        name: &str,
        counted: impl FnOnce(Box<dyn Read>) -> R,
    ) -> Result<Self, ReadError> {
        let mut again = file.try_clone().map_err(|error| unreadable(name, error))?;
        again.rewind().map_err(|error| unreadable(name, error))?;
        let opened = Self::read_from(counted(Box::new(again)), name.to_owned())?;
        Ok(Self { length: length_of(file), ..opened })
    }

    fn read_from(raw: impl Read + 'static, name: String) -> Result<Self, ReadError> {
        let unreadable = |error| unreadable(&name, error);
        let mut raw = BufReader::with_capacity(1 << 16, raw);
        let is_gzip = raw.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
        let mut text: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        };
        let (mut first, mut begins) = find_first_character(&mut text).map_err(unreadable)?;
        let no_users = |what: &str| ReadError::NoUsers { file: name.clone(), what: what.to_owned() };
        let (mut form, mut ahead) = (None, Vec::new());
        while first == Some(b'#') {
            let mut comment = Vec::new();
            text.by_ref().take(1 << 10).read_until(b'\n', &mut comment).map_err(unreadable)?;
            form = form.or(UserFormat::from_header(&String::from_utf8_lossy(&comment)));
            if !comment.ends_with(b"\n") {
                skip_line(&mut *text).map_err(unreadable)?;
            }
            let next = find_first_character(&mut text).map_err(unreadable)?;
            (first, begins) = (next.0, (begins.0 + next.1.0, next.1.1));
        }
        let shape = match first {
            // In a file of rejected users each line is a user, whatever it contains.
            Some(_) if form.is_some() => Shape::Lines,
            Some(b'[') => {
                text.by_ref().take(LINE as u64).read_to_end(&mut ahead).map_err(unreadable)?;
                Shape::Array
            }
            None => Shape::Lines,
            Some(b'{') => {
                let shape = detect_shape(&mut text, &mut ahead).map_err(unreadable)?;
                shape.map_err(|what| ReadError::Foreign { file: name.clone(), what })?
            }
            Some(0xfe | 0xff) => return Err(no_users("this is UTF-16, not UTF-8")),
            Some(_) => return Err(no_users("this is not JSON")),
        };
        if let Some(what) = find_first_user(shape, &ahead).and_then(describe_foreign) {
            return Err(ReadError::Foreign { file: name, what });
        }
        let text: Box<dyn BufRead> = Box::new(Cursor::new(ahead).chain(text));
        Ok(Self { name, path: None, length: None, text, shape, form, begins })
    }

    /// The name for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The format in the header of a file of rejected users.
    pub(super) fn format(&self) -> Option<UserFormat> {
        self.form
    }

    /// The unit of positions in the file: `line` or `user`.
    pub(super) fn unit(&self) -> &'static str {
        if self.shape == Shape::Lines { "line" } else { "user" }
    }

    /// Returns whether the users are in an array.
    pub(super) fn is_array(&self) -> bool {
        self.shape == Shape::Array
    }

    /// Returns the length in bytes, if it is a regular file.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Returns the hash of the whole file, which identifies its import: a corrected file
    /// is another import. None for a stream, which cannot be read twice.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn fingerprint(&self) -> Result<Option<String>, ReadError> {
        let (Some(path), Some(_)) = (&self.path, self.length()) else { return Ok(None) };
        let mut digest = Sha256::new();
        let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut digest));
        read.map_err(|error| ReadError::Unreadable { file: self.name.clone(), error })?;
        Ok(Some(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Calls `each` with every user, until it fails. `announced` is set to the number of
    /// users that the file states, if it does.
    ///
    /// # Errors
    ///
    /// If the file cannot be read to its end, or the error of `each`.
    pub(super) fn read_users<E: From<ReadError>>(
        self,
        announced: &Cell<u64>,
        each: &mut UserVisitor<'_, E>,
    ) -> Result<(), E> {
        let Self { name, text, shape, begins, .. } = self;
        match shape {
            Shape::Lines => read_lines(text, &name, begins.0, each),
            Shape::Array => stream::read_array(text, (&name, begins), each),
            Shape::Wrapped => stream::read_wrapped(text, (&name, begins), announced, each),
            Shape::Concatenated => stream::read_concatenated(text, (&name, begins), each),
        }
    }
}

fn length_of(file: &File) -> Option<u64> {
    file.metadata().ok().filter(std::fs::Metadata::is_file).map(|it| it.len())
}

/// Finds the first character that is not a space, without consuming it. Returns it with
/// its line and column.
fn find_first_character(text: &mut dyn BufRead) -> io::Result<(Option<u8>, (u64, u64))> {
    let (mut line, mut column) = (1, 1);
    loop {
        let buffer = text.fill_buf()?;
        // A byte order mark counts as a space.
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

/// Detects the arrangement of users in a file that begins with an object, or describes the
/// file if it is from another product. The bytes that were read are added to `ahead`.
fn detect_shape(text: &mut Box<dyn BufRead>, ahead: &mut Vec<u8>) -> io::Result<Result<Shape, String>> {
    let first = text.by_ref().take(LINE as u64).read_until(b'\n', ahead)?;
    // The line may contain several pages of a listing.
    let value = serde_json::Deserializer::from_slice(ahead).into_iter::<Fields<'_>>().next().transpose();
    match value.map(Option::unwrap_or_default) {
        Ok(fields) => {
            if let Some(why) = foreign::describe_file(&fields) {
                return Ok(Err(why));
            }
            return Ok(Ok(if foreign::holds_users(&fields) { Shape::Wrapped } else { Shape::Lines }));
        }
        // A line that does not begin an object is a bad line.
        Err(error) if !error.is_eof() => return Ok(Ok(Shape::Lines)),
        Err(_) => {}
    }
    // Either an object over several lines, or a truncated line followed by others.
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
    if let Some(why) = whole.and_then(Result::ok).and_then(|fields| foreign::describe_file(&fields)) {
        return Ok(Err(why));
    }
    Ok(Ok(match stream::holds_users(ahead) {
        true => Shape::Wrapped,
        // A line that is too long is a bad line.
        false if first == LINE && !ahead.ends_with(b"\n") => Shape::Lines,
        false => Shape::Concatenated,
    }))
}

/// Returns the first user, if the beginning of the file contains it completely.
fn find_first_user(shape: Shape, ahead: &[u8]) -> Option<&str> {
    match shape {
        Shape::Lines => std::str::from_utf8(ahead.split(|byte| *byte == b'\n').next()?).ok(),
        Shape::Array => stream::find_first_value(ahead.get(1..)?),
        Shape::Wrapped => stream::find_wrapped_array(ahead),
        Shape::Concatenated => stream::find_first_value(ahead),
    }
}

/// Reads users from lines.
fn read_lines<E: From<ReadError>>(
    mut text: Box<dyn BufRead>,
    name: &str,
    first: u64,
    each: &mut UserVisitor<'_, E>,
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
            each(FoundUser { number, place, json: Err(Unreadable::TooLong) })?;
            continue;
        }
        match std::str::from_utf8(&line) {
            Ok(text) => {
                let json = text.trim();
                place.column += (text.len() - text.trim_start().len()) as u64;
                // Files of rejected users contain comments.
                if !json.is_empty() && !json.starts_with('#') {
                    each(FoundUser { number, place, json: Ok(json) })?;
                }
            }
            Err(_) => {
                let bytes = line.trim_ascii();
                each(FoundUser { number, place, json: Err(Unreadable::NotUtf8(bytes)) })?;
            }
        }
    }
    Ok(())
}

/// Skips the rest of a line.
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
