//! Where in a file a user stands.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// The beginning of a user in a file. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
    /// Which user it is, in a file whose lines are none.
    pub(super) user: Option<u64>,
}

impl Place {
    /// The words for it, or for a line and a column within the user.
    pub(super) fn words(self, within: Option<(usize, usize)>) -> String {
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
        f.write_str(&self.words(None))
    }
}

/// The most that a user may hold, in bytes: far more than Auth0 allows.
pub(super) const LONGEST: usize = 16 << 20;
/// The words for one that holds more.
pub(super) const TOO_LONG: &str = "a user is longer than 16 MiB";

/// The way of a reader through its lines, for who reads and for who asks.
#[derive(Clone)]
pub(super) struct Way(Rc<Cell<At>>);

#[derive(Clone, Copy)]
struct At {
    next: (u64, u64),
    /// No value has begun since this was asked for.
    is_between: bool,
    begun: (u64, u64),
    /// Bytes since then.
    bytes: usize,
}

impl Way {
    /// A way that begins at this line and column.
    pub(super) fn from(line: u64, column: u64) -> Self {
        let next = (line, column);
        Self(Rc::new(Cell::new(At { next, is_between: true, begun: next, bytes: 0 })))
    }

    fn is_too_long(&self) -> bool {
        self.0.get().bytes > LONGEST
    }

    /// The next value's beginning is to be told from here.
    pub(super) fn await_value(&self) {
        self.0.set(At { is_between: true, bytes: 0, ..self.0.get() });
    }

    /// The line and the column at which the last value began.
    pub(super) fn begun(&self) -> (u64, u64) {
        self.0.get().begun
    }

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

/// A reader that notes its way, byte by byte.
pub(super) struct OnTheWay<R> {
    pub(super) text: R,
    pub(super) way: Way,
}

impl<R: BufRead> Read for OnTheWay<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (Some(out), Some(byte)) = (out.first_mut(), self.text.fill_buf()?.first().copied()) else {
            return Ok(0);
        };
        if self.way.is_too_long() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, TOO_LONG));
        }
        *out = byte;
        self.text.consume(1);
        self.way.pass(byte);
        Ok(1)
    }
}
