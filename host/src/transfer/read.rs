//! Reading a file of users, one by one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// What a line may hold at most, in bytes: far more than Auth0 allows a user.
const LINE: usize = 16 << 20;

/// A file of users that was opened.
pub struct UsersFile {
    name: String,
    path: Option<PathBuf>,
    text: Box<dyn BufRead>,
    is_array: bool,
    lines_before: u64,
}

/// Takes users one by one: the number, and the JSON or what is wrong with it.
type Each<'f, E> = dyn FnMut(u64, Result<&str, String>) -> Result<(), E> + 'f;

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
    /// It is an array that breaks off or goes wrong; what stands behind cannot
    /// be told from what stands before.
    #[error("{file}, behind user {after}: {what}")]
    Broken {
        /// The file.
        file: String,
        /// Users before that place.
        after: u64,
        /// What is wrong.
        what: String,
    },
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
        let unreadable = |error| ReadError::Unreadable { file: name.clone(), error };
        let raw: Box<dyn Read> =
            if is_stdin { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(unreadable)?) };
        let mut raw = BufReader::with_capacity(1 << 16, counted(raw));
        let is_gzip = raw.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
        let mut text: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        };
        let (first, lines_before) = first_character(&mut text).map_err(unreadable)?;
        let is_array = match first {
            Some(b'[') => true,
            Some(b'{') | None => false,
            Some(_) => {
                return Err(ReadError::NoUsers { file: name, what: "this is not JSON".to_owned() });
            }
        };
        Ok(Self { name, path: (!is_stdin).then(|| path.to_owned()), text, is_array, lines_before })
    }

    /// Whether it is in the import format: a JSON array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        self.is_array
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

    /// Hands out every user's number, from 1, and its JSON: the line's number in
    /// an export, the user's in an array. Ends when told so.
    ///
    /// # Errors
    ///
    /// When the file cannot be read to its end, or what `each` answers.
    pub fn read<E: From<ReadError>>(self, each: &mut Each<'_, E>) -> Result<(), E> {
        if self.is_array {
            read_array(self.text, &self.name, each)
        } else {
            read_lines(self.text, &self.name, self.lines_before, each)
        }
    }
}

/// The first character that is no space, left where it is, and the lines before
/// it.
fn first_character(text: &mut dyn BufRead) -> io::Result<(Option<u8>, u64)> {
    let mut lines = 0;
    loop {
        let buffer = text.fill_buf()?;
        // A byte order mark is a kind of space.
        let is_space = |byte: &&u8| byte.is_ascii_whitespace() || [0xef, 0xbb, 0xbf].contains(*byte);
        let spaces = buffer.iter().take_while(is_space).count();
        lines += buffer[..spaces].iter().filter(|byte| **byte == b'\n').count() as u64;
        let (first, is_end) = (buffer.get(spaces).copied(), buffer.is_empty());
        text.consume(spaces);
        if first.is_some() || is_end {
            return Ok((first, lines));
        }
    }
}

fn read_lines<E: From<ReadError>>(
    mut text: Box<dyn BufRead>,
    name: &str,
    lines_before: u64,
    each: &mut Each<'_, E>,
) -> Result<(), E> {
    let mut line = Vec::new();
    for number in lines_before + 1.. {
        line.clear();
        let read = text.by_ref().take(LINE as u64).read_until(b'\n', &mut line);
        if read.map_err(|error| ReadError::Unreadable { file: name.to_owned(), error })? == 0 {
            break;
        }
        if line.len() == LINE && !line.ends_with(b"\n") {
            skip_line(&mut *text).map_err(|error| ReadError::Unreadable { file: name.to_owned(), error })?;
            each(number, Err(format!("the line is longer than {} MiB", LINE >> 20)))?;
            continue;
        }
        match std::str::from_utf8(&line).map(str::trim) {
            Ok("") => {}
            Ok(json) => each(number, Ok(json))?,
            Err(_) => each(number, Err("the line is not UTF-8".to_owned()))?,
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

/// Hands out the elements of an array as they are read.
struct Elements<'e, 'f, E> {
    each: &'e mut Each<'f, E>,
    number: u64,
    stopped: Option<E>,
}

impl<'de, E> Visitor<'de> for &mut Elements<'_, '_, E> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of users")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut users: A) -> Result<(), A::Error> {
        while let Some(user) = users.next_element::<Box<RawValue>>()? {
            self.number += 1;
            if let Err(stop) = (self.each)(self.number, Ok(user.get())) {
                self.stopped = Some(stop);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

fn read_array<E: From<ReadError>>(
    text: Box<dyn BufRead>,
    name: &str,
    each: &mut Each<'_, E>,
) -> Result<(), E> {
    let mut elements = Elements { each, number: 0, stopped: None };
    let mut json = serde_json::Deserializer::from_reader(text);
    let read = json.deserialize_seq(&mut elements).and_then(|()| json.end());
    match (elements.stopped, read) {
        (Some(stop), _) => Err(stop),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => {
            Err(ReadError::Broken { file: name.to_owned(), after: elements.number, what: error.to_string() }
                .into())
        }
    }
}
