//! Lines on their way to where the log is written. Whoever logs waits for no
//! reader that does not read, and for no disk that is full: what cannot be
//! written is dropped and counted, and the log says so once it can be written
//! again.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::tenant::MissingLines;

/// The lines that wait for a slow reader.
const BYTES: usize = 1 << 20;
/// How long whoever logs waits for the line to be written. A line that tells of
/// an answer is there before the answer is, as long as the log is written at all.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long the last lines are waited for at the end.
const FLUSH: Duration = Duration::from_secs(1);
/// How often a log that cannot be written is tried again where nothing comes.
const AGAIN: Duration = Duration::from_secs(1);

/// The way to the log; every copy leads to the same one.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// Lines have come.
    came: Condvar,
    /// A line was written, or could not be.
    done: Condvar,
    missing: MissingLines,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Item>,
    /// The lines that wait.
    bytes: usize,
    /// Lines that have come, and those of them that are done with.
    came: u64,
    done: u64,
    /// Lines that found no room, behind all that wait.
    missing: u64,
    /// Whether nobody waits for lines to be written, because they are not.
    is_stuck: bool,
}

enum Item {
    Line(Vec<u8>),
    /// So many lines are missing here.
    Missing(u64),
}

impl Lines {
    /// Writes to `out` from now on. `told` is the line that says how many are
    /// missing.
    pub(super) fn to(
        out: impl Write + Send + 'static,
        missing: MissingLines,
        told: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { queue: Mutex::default(), came: Condvar::new(), done: Condvar::new(), missing });
        let lines = Self(shared.clone());
        let told = Box::new(told);
        let mut log = Log { out, told, missing: shared.missing.clone(), lost: 0, is_cut: false };
        std::thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(&mut log))?;
        Ok(lines)
    }

    /// Takes a line. Never fails.
    pub(super) fn put(&self, line: Vec<u8>) {
        let Shared { came, done, missing, .. } = &*self.0;
        let mut queue = self.0.queue();
        if queue.bytes + line.len() > BYTES {
            queue.missing += 1;
            missing.add(1);
            return;
        }
        queue.tell_missing();
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

    /// Waits for the lines that have come, for a while.
    pub(super) fn flush(&self) {
        let is_left = |queue: &mut Queue| queue.done < queue.came || queue.missing > 0;
        let _ = self.0.done.wait_timeout_while(self.0.queue(), FLUSH, is_left);
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line.to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn tell_missing(&mut self) {
        if self.missing > 0 {
            self.waiting.push_back(Item::Missing(std::mem::take(&mut self.missing)));
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs as long as the process does.
    fn write_to(&self, log: &mut Log<impl Write>) {
        let mut queue = self.queue();
        loop {
            queue.tell_missing();
            let Some(item) = queue.waiting.pop_front() else {
                queue.is_stuck = false;
                self.done.notify_all();
                let is_idle = |queue: &mut Queue| queue.waiting.is_empty() && queue.missing == 0;
                if log.lost == 0 {
                    queue = self.came.wait_while(queue, is_idle).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                let waited = self.came.wait_timeout_while(queue, AGAIN, is_idle);
                let (still, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                queue = still;
                if timeout.timed_out() {
                    drop(queue);
                    log.tell_lost();
                    queue = self.queue();
                }
                continue;
            };
            drop(queue);
            let (lines, bytes) = match item {
                Item::Line(line) => {
                    log.line(&line);
                    (1, line.len())
                }
                Item::Missing(lines) => {
                    log.lost += lines;
                    log.tell_lost();
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

/// Where the lines are written.
struct Log<W> {
    out: W,
    told: Box<dyn Fn(u64) -> Vec<u8> + Send>,
    missing: MissingLines,
    /// Lines that are missing, and not told yet.
    lost: u64,
    /// Whether a line was written in part.
    is_cut: bool,
}

impl<W: Write> Log<W> {
    fn line(&mut self, line: &[u8]) {
        if !self.tell_lost() || !self.write(line) {
            self.lost += 1;
            self.missing.add(1);
        }
    }

    /// True if there is nothing to tell any more.
    fn tell_lost(&mut self) -> bool {
        if self.lost > 0 && self.write(&(self.told)(self.lost)) {
            self.lost = 0;
        }
        self.lost == 0
    }

    /// False if it could not be written, or not to its end.
    fn write(&mut self, line: &[u8]) -> bool {
        let whole = if self.is_cut { [b"\n", line].concat() } else { line.to_owned() };
        let mut rest = &whole[..];
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(written) if written > 0 => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody has set it so that it does not wait.
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

    use super::{BYTES, Lines, Log};
    use crate::tenant::MissingLines;

    fn told(lines: u64) -> Vec<u8> {
        format!("[{lines} missing]\n").into_bytes()
    }

    /// A disk with so much room.
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
    fn a_full_disk_is_told_when_there_is_room_again() {
        let missing = MissingLines::default();
        let out = Disk { room: 10, ..Disk::default() };
        let mut log = Log { out, told: Box::new(told), missing: missing.clone(), lost: 0, is_cut: false };
        log.line(b"first\n");
        log.line(b"second\n");
        log.line(b"third\n");
        log.out.room = 5;
        log.line(b"fourth\n");
        log.out.room = 100;
        log.line(b"fifth\n");
        log.line(b"sixth\n");
        let written = String::from_utf8_lossy(&log.out.written).into_owned();
        assert_eq!(written, "first\nseco\n[2 m\n[3 missing]\nfifth\nsixth\n");
        assert_eq!((missing.count(), log.lost), (3, 0));
    }

    /// A reader that reads when it is told to.
    struct Pipe {
        may: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // An end that is gone lets everything through.
            let _ = self.may.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn piped() -> (Lines, MissingLines, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (read, may) = channel();
        let (missing, written) = (MissingLines::default(), Arc::new(Mutex::new(Vec::new())));
        let lines = Lines::to(Pipe { may, written: written.clone() }, missing.clone(), told).unwrap();
        (lines, missing, read, written)
    }

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up() {
        let (lines, missing, read, written) = piped();
        let line = |number: usize| format!("{number:>1023}\n").into_bytes();
        // One more is on its way when those that fit are waiting.
        let most = BYTES / 1024;
        (0..most + 10).for_each(|number| lines.put(line(number)));
        assert_eq!(missing.count(), 10);
        drop(read);
        lines.flush();
        lines.put(line(0));
        lines.flush();
        let mut expected: Vec<u8> = (0..most).flat_map(line).collect();
        expected.extend(told(10));
        expected.extend(line(0));
        assert!(*written.lock().unwrap() == expected, "every line in its order, and the gap at its place");
    }

    #[test]
    fn a_line_is_written_when_it_has_been_put() {
        let (lines, missing, read, written) = piped();
        drop(read);
        for number in 0..100 {
            lines.put(format!("{number}\n").into_bytes());
            assert!(written.lock().unwrap().ends_with(format!("{number}\n").as_bytes()));
        }
        assert_eq!(missing.count(), 0);
    }
}
