//! The writer of log lines: a queue and a thread. Logging does not wait for a reader that
//! does not read, or for a full disk. LogWriter that cannot be written are dropped and
//! counted, and the log reports their number as soon as it can be written again.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::service::MissingLines;

/// The most bytes of lines that wait for a slow reader.
const MAX_BYTES: usize = 1 << 20;
/// The time for which logging waits until its line is written. As long as the log can be
/// written, the line about a response is written before the response is sent.
const PATIENCE: Duration = Duration::from_millis(50);
/// The time to wait for the last lines at the end.
const FLUSH: Duration = Duration::from_secs(1);
/// The interval for retrying to report missing lines, if no new line comes.
const RETRY: Duration = Duration::from_secs(1);

/// The writer of log lines. Clones share the queue.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// Signals that a line was queued.
    came: Condvar,
    /// Signals that a line was written or dropped.
    done: Condvar,
    missing: MissingLines,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Item>,
    /// The bytes of the waiting lines.
    bytes: usize,
    /// The number of lines that were queued, and of those written or dropped.
    came: u64,
    done: u64,
    /// The number of lines without room, after those that wait.
    missing: u64,
    /// Whether logging no longer waits, because lines are not being written.
    is_stuck: bool,
}

enum Item {
    Line(Vec<u8>),
    /// The number of lines that are missing at this position.
    Missing(u64),
}

impl LogWriter {
    /// Starts the thread that writes to `out`. `format_missing` formats the line about
    /// missing lines.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        missing: MissingLines,
        format_missing: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { queue: Mutex::default(), came: Condvar::new(), done: Condvar::new(), missing });
        let lines = Self(shared.clone());
        let format_missing = Box::new(format_missing);
        let mut log = Sink { out, format_missing, missing: shared.missing.clone(), lost: 0, is_cut: false };
        std::thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(&mut log))?;
        Ok(lines)
    }

    /// Queues a line, and waits a short time until it is written. Never fails.
    pub(super) fn write_line(&self, line: Vec<u8>) {
        let Shared { came, done, missing, .. } = &*self.0;
        let mut queue = self.0.queue();
        if queue.bytes + line.len() > MAX_BYTES {
            queue.missing += 1;
            missing.add(1);
            return;
        }
        queue.queue_missing();
        queue.bytes += line.len();
        queue.waiting.push_back(Item::Line(line));
        queue.came += 1;
        let own = queue.came;
        came.notify_one();
        let is_waited_for = |queue: &mut Queue| queue.done < own && !queue.is_stuck;
        let waited =
            done.wait_timeout_while(queue, PATIENCE, is_waited_for).unwrap_or_else(PoisonError::into_inner);
        let (mut queue, timeout) = waited;
        if timeout.timed_out() {
            queue.is_stuck = true;
            done.notify_all();
        }
    }

    /// Waits a limited time for the queued lines.
    pub(super) fn flush(&self) {
        let is_left = |queue: &mut Queue| queue.done < queue.came || queue.missing > 0;
        let _ = self.0.done.wait_timeout_while(self.0.queue(), FLUSH, is_left);
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_line(line.to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn queue_missing(&mut self) {
        if self.missing > 0 {
            self.waiting.push_back(Item::Missing(std::mem::take(&mut self.missing)));
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes lines as long as the process runs.
    fn write_to(&self, log: &mut Sink<impl Write>) {
        let mut queue = self.queue();
        loop {
            queue.queue_missing();
            let Some(item) = queue.waiting.pop_front() else {
                queue.is_stuck = false;
                self.done.notify_all();
                let is_idle = |queue: &mut Queue| queue.waiting.is_empty() && queue.missing == 0;
                if log.lost == 0 {
                    queue = self.came.wait_while(queue, is_idle).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                let waited = self.came.wait_timeout_while(queue, RETRY, is_idle);
                let (still, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                queue = still;
                if timeout.timed_out() {
                    drop(queue);
                    log.report_missing();
                    queue = self.queue();
                }
                continue;
            };
            drop(queue);
            let (lines, bytes) = match item {
                Item::Line(line) => {
                    log.write_or_count(&line);
                    (1, line.len())
                }
                Item::Missing(lines) => {
                    log.lost += lines;
                    log.report_missing();
                    (0, 0)
                }
            };
            queue = self.queue();
            queue.bytes -= bytes;
            queue.done += lines;
            self.done.notify_all();
        }
    }
}

/// The destination of the lines.
struct Sink<W> {
    out: W,
    format_missing: Box<dyn Fn(u64) -> Vec<u8> + Send>,
    missing: MissingLines,
    /// The number of missing lines that the log has not reported yet.
    lost: u64,
    /// Whether the last line was written only in part.
    is_cut: bool,
}

impl<W: Write> Sink<W> {
    fn write_or_count(&mut self, line: &[u8]) {
        if !self.report_missing() || !self.write(line) {
            self.lost += 1;
            self.missing.add(1);
        }
    }

    /// Reports the missing lines. Returns whether none is left to report.
    fn report_missing(&mut self) -> bool {
        if self.lost > 0 && self.write(&(self.format_missing)(self.lost)) {
            self.lost = 0;
        }
        self.lost == 0
    }

    /// Writes a line. Returns whether it was written completely.
    fn write(&mut self, line: &[u8]) -> bool {
        let whole = if self.is_cut { [b"\n", line].concat() } else { line.to_owned() };
        let mut rest = &whole[..];
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(written) if written > 0 => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process has made the stream non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(_) | Err(_) => {
                    self.is_cut |= rest.len() < whole.len();
                    return false;
                }
            }
        }
        self.is_cut = false;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};

    use super::{LogWriter, MAX_BYTES, Sink};
    use crate::service::MissingLines;

    fn format_missing(lines: u64) -> Vec<u8> {
        format!("[{lines} missing]\n").into_bytes()
    }

    /// A disk with limited room.
    #[derive(Default)]
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room);
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= fits;
            self.written.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_reported_when_there_is_room_again() {
        let missing = MissingLines::default();
        let out = Disk { room: 10, ..Disk::default() };
        let mut log = Sink {
            out,
            format_missing: Box::new(format_missing),
            missing: missing.clone(),
            lost: 0,
            is_cut: false,
        };
        log.write_or_count(b"first\n");
        log.write_or_count(b"second\n");
        log.write_or_count(b"third\n");
        log.out.room = 5;
        log.write_or_count(b"fourth\n");
        log.out.room = 100;
        log.write_or_count(b"fifth\n");
        log.write_or_count(b"sixth\n");
        let written = String::from_utf8_lossy(&log.out.written).into_owned();
        assert_eq!(written, "first\nseco\n[2 m\n[3 missing]\nfifth\nsixth\n");
        assert_eq!((missing.count(), log.lost), (3, 0));
    }

    /// A reader that reads on command.
    struct Pipe {
        may: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Once the sender is dropped, every write succeeds.
            let _ = self.may.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn piped() -> (LogWriter, MissingLines, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (read, may) = channel();
        let (missing, written) = (MissingLines::default(), Arc::new(Mutex::new(Vec::new())));
        let lines = LogWriter::start(Pipe { may, written: written.clone() }, missing.clone(), format_missing)
            .unwrap();
        (lines, missing, read, written)
    }

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up() {
        let (lines, missing, read, written) = piped();
        let line = |number: usize| format!("{number:>1023}\n").into_bytes();
        // One more line is being written while the queue is full.
        let most = MAX_BYTES / 1024;
        (0..most + 10).for_each(|number| lines.write_line(line(number)));
        assert_eq!(missing.count(), 10);
        drop(read);
        lines.flush();
        lines.write_line(line(0));
        lines.flush();
        let mut expected: Vec<u8> = (0..most).flat_map(line).collect();
        expected.extend(format_missing(10));
        expected.extend(line(0));
        assert!(*written.lock().unwrap() == expected, "every line in its order, and the gap at its place");
    }

    #[test]
    fn a_line_is_written_when_it_has_been_put() {
        let (lines, missing, read, written) = piped();
        drop(read);
        for number in 0..100 {
            lines.write_line(format!("{number}\n").into_bytes());
            assert!(written.lock().unwrap().ends_with(format!("{number}\n").as_bytes()));
        }
        assert_eq!(missing.count(), 0);
    }
}
