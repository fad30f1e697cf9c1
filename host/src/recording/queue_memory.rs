//! The memory of the logins that wait to be written.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

/// The most bytes of all logins that wait, as JSON.
pub(super) const QUEUE_BYTES: usize = 64 << 20;

/// The bytes of the logins that wait.
#[derive(Debug, Default)]
pub(super) struct QueueMemory(AtomicUsize);

impl QueueMemory {
    /// Takes bytes for one more login. Returns whether there was room.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let add = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= QUEUE_BYTES);
        self.0.try_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok()
    }

    /// Gives the bytes of a login back.
    pub(super) fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// Counts the bytes of values as JSON, up to [`QUEUE_BYTES`].
#[derive(Debug, Default)]
pub(super) struct JsonBytes(pub(super) usize);

impl JsonBytes {
    /// Adds a value. `None` if there are more bytes than the queue may have.
    pub(super) fn add(&mut self, value: &impl Serialize) -> Option<()> {
        serde_json::to_writer(&mut *self, value).ok()
    }
}

impl Write for JsonBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        if self.0 > QUEUE_BYTES { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonBytes, QUEUE_BYTES, QueueMemory};

    #[test]
    fn memory_is_taken_up_to_its_bound_and_given_back() {
        let memory = QueueMemory::default();
        assert!(memory.take(QUEUE_BYTES - 1) && memory.take(1) && !memory.take(1));
        memory.give_back(1);
        assert!(!memory.take(2) && memory.take(1));
        assert!(!memory.take(usize::MAX));
    }

    #[test]
    fn bytes_are_counted_without_writing_them() {
        let mut bytes = JsonBytes::default();
        assert_eq!((bytes.add(&"ab"), bytes.add(&[1, 2]), bytes.0), (Some(()), Some(()), 9));
        assert_eq!(bytes.add(&"x".repeat(QUEUE_BYTES)), None);
    }
}
