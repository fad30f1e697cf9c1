//! Positions of users in a file.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// The position in a file at which a user begins. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
    /// The index of the user, in a file that is not organised by lines. Counts from 1.
    pub(super) user: Option<u64>,
}

impl Place {
    /// Describes the position, or that of a line and a column within the user.
    pub(super) fn describe(self, within: Option<(usize, usize)>) -> String {
        let user = self.user.map(|user| format!("user {user}, ")).unwrap_or_default();
        match within {
            None => format!("{user}line {}", self.line),
            Some((line, column)) => {
                let before = if line <= 1 { self.column - 1 } else { 0 };
                let (line, column) = (line.max(1) as u64 - 1, column.max(1) as u64);
                format!("{user}line {}, column {}", self.line + line, before + column)
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(None))
    }
}

/// The maximum length of a user, in bytes: far more than Auth0 allows.
pub(super) const LONGEST: usize = 16 << 20;
/// The message for a longer user.
pub(super) const TOO_LONG: &str = "a user is longer than 16 MiB";

/// The position of a reader, shared between the reader and the parser.
#[derive(Clone)]
pub(super) struct PositionTracker(Rc<Cell<Position>>);

#[derive(Clone, Copy)]
struct Position {
    next: (u64, u64),
    /// Whether the next value has not begun yet.
    is_between: bool,
    begun: (u64, u64),
    /// The number of bytes since then.
    bytes: usize,
}

impl PositionTracker {
    /// Creates a tracker that begins at this line and column.
    pub(super) fn new(line: u64, column: u64) -> Self {
        let next = (line, column);
        Self(Rc::new(Cell::new(Position { next, is_between: true, begun: next, bytes: 0 })))
    }

    /// Returns whether the current value is too long.
    fn is_too_long(&self) -> bool {
        self.0.get().bytes > LONGEST
    }

    /// Starts looking for the beginning of the next value.
    pub(super) fn await_value(&self) {
        self.0.set(Position { is_between: true, bytes: 0, ..self.0.get() });
    }

    /// The line and the column at which the last value began.
    pub(super) fn begun(&self) -> (u64, u64) {
        self.0.get().begun
    }

    /// Advances past a byte.
    fn pass(&self, byte: u8) {
        let mut at = self.0.get();
        if at.is_between && !byte.is_ascii_whitespace() && byte != b',' {
            at.is_between = false;
            at.begun = at.next;
        }
        at.bytes += usize::from(!at.is_between);
        at.next = if byte == b'\n' { (at.next.0 + 1, 1) } else { (at.next.0, at.next.1 + 1) };
        self.0.set(at);
    }
}

/// A reader that tracks its position, byte by byte.
pub(super) struct TrackedReader<R> {
    pub(super) text: R,
    pub(super) tracker: PositionTracker,
}

impl<R: BufRead> Read for TrackedReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (Some(out), Some(byte)) = (out.first_mut(), self.text.fill_buf()?.first().copied()) else {
            return Ok(0);
        };
        if self.tracker.is_too_long() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, TOO_LONG));
        }
        *out = byte;
        self.text.consume(1);
        self.tracker.pass(byte);
        Ok(1)
    }
}
