//! The progress of a backfill: a bar on a terminal, and a line every few seconds elsewhere.

use std::io::{self, IsTerminal, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::ambient::Ambient;
use crate::backfill::{Phase, Progress};
use crate::cli::print_error;
use crate::clock::Monotonic;
use crate::harness::group_thousands;
use crate::terminal::Text;

/// The wait after which it is reported.
const LONG_WAIT: Duration = Duration::from_secs(2);

/// The time between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// The progress of a backfill on standard error. Copies are one progress.
#[derive(Clone)]
pub(super) struct Watch {
    bar: ProgressBar,
    lines: Option<Arc<Lines>>,
    stop: Arc<AtomicBool>,
    ambient: Ambient,
    waiting: Arc<Mutex<Waiting>>,
}

/// A wait for groups that other processes hold.
#[derive(Default)]
struct Waiting {
    since: Option<Monotonic>,
    is_told: bool,
}

/// The lines that are printed without a terminal.
struct Lines {
    ambient: Ambient,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    total: Option<u64>,
    done: u64,
    last: Monotonic,
}

impl Watch {
    /// Creates a progress that ends the work once `stop` is set.
    pub(super) fn new(ambient: &Ambient, stop: Arc<AtomicBool>) -> Self {
        let lines = (!io::stderr().is_terminal()).then(|| Arc::new(Lines::new(ambient)));
        Self { bar: ProgressBar::no_length(), lines, stop, ambient: ambient.clone(), waiting: Arc::default() }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Watch {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn begin(&self, phase: Phase, total: Option<u64>) {
        let amount = if is_in_bytes(phase) {
            "{bytes} of {total_bytes}, {bytes_per_sec}"
        } else {
            "{human_pos} of {human_len}, {per_sec}"
        };
        let template = format!("{}  {{wide_bar}} {{percent:>3}} %  {amount}, {{eta}} left", describe(phase));
        if let Ok(style) = ProgressStyle::with_template(&template) {
            self.bar.set_style(style);
        }
        self.bar.reset();
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        if let Some(lines) = &self.lines {
            lines.begin(phase, total);
        }
    }

    fn advance(&self, by: u64) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).since = None;
        self.bar.inc(by);
        if let Some(line) = self.lines.as_ref().and_then(|lines| lines.advance(by)) {
            print_error(&Text::from_line(line));
        }
    }

    fn wait_for_others(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.ambient.monotonic();
        let since = *waiting.since.get_or_insert(now);
        // The threads of this process wait for each other for a moment.
        if self.ambient.elapsed(since) >= LONG_WAIT && !waiting.is_told {
            waiting.is_told = true;
            let notice = "waiting for groups that another process holds; those of a process that has died \
                          are free after 30 seconds";
            self.bar.suspend(|| print_error(&Text::from_line(notice)));
        }
    }

    fn count_bytes(&self, reader: Box<dyn Read>) -> Box<dyn Read> {
        Box::new(CountedReader { reader, watch: self.clone() })
    }
}

struct CountedReader {
    reader: Box<dyn Read>,
    watch: Watch,
}

impl Read for CountedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.watch.advance(read as u64);
        Ok(read)
    }
}

impl Lines {
    fn new(ambient: &Ambient) -> Self {
        let state = State { phase: Phase::ReadAddresses, total: None, done: 0, last: ambient.monotonic() };
        Self { ambient: ambient.clone(), state: Mutex::new(state) }
    }

    fn begin(&self, phase: Phase, total: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { phase, total, done: 0, last: self.ambient.monotonic() };
    }

    /// Advances the part. Returns the line that is due.
    fn advance(&self, by: u64) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += by;
        if self.ambient.elapsed(state.last) < BETWEEN_LINES {
            return None;
        }
        state.last = self.ambient.monotonic();
        let (phase, done) = (describe(state.phase), state.done);
        let unit = |number: u64| {
            if is_in_bytes(state.phase) {
                format!("{} MB", group_thousands(number / 1_000_000))
            } else {
                group_thousands(number)
            }
        };
        Some(match state.total {
            Some(total) if total > 0 => {
                format!("{phase}: {} of {} ({} %)", unit(done), unit(total), done * 100 / total)
            }
            _ => format!("{phase}: {}", unit(done)),
        })
    }
}

fn is_in_bytes(phase: Phase) -> bool {
    matches!(phase, Phase::Download | Phase::ReadAddresses | Phase::CopyGroups)
}

fn describe(phase: Phase) -> &'static str {
    match phase {
        Phase::Export => "exporting at the tenant",
        Phase::Download => "downloading the export",
        Phase::ReadAddresses => "reading addresses",
        Phase::CopyGroups => "copying groups",
        Phase::FindAddresses => "finding addresses",
        Phase::Decide => "deciding",
        Phase::Apply => "linking",
        Phase::Undo => "undoing",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::Lines;
    use crate::ambient::Ambient;
    use crate::backfill::Phase;
    use crate::clock::ManualClock;
    use crate::random::SeededRandom;

    #[test]
    fn a_line_is_due_every_five_seconds_in_each_part() {
        let clock = Arc::new(ManualClock::starting_at("2026-11-26T10:00:00Z".parse().unwrap()));
        let lines = Lines::new(&Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1))));
        let after = |millis, by| {
            clock.advance(Duration::from_millis(millis));
            lines.advance(by)
        };
        lines.begin(Phase::ReadAddresses, Some(8_000_000_000));
        assert_eq!(after(4_999, 1_000_000_000), None);
        assert_eq!(
            after(1, 1_000_000_000).as_deref(),
            Some("reading addresses: 2,000 MB of 8,000 MB (25 %)")
        );
        lines.begin(Phase::FindAddresses, None);
        assert_eq!(after(5_000, 1_000).as_deref(), Some("finding addresses: 1,000"));
        lines.begin(Phase::Decide, Some(4_000));
        assert_eq!(after(4_999, 2_000), None);
        assert_eq!(after(1, 1_000).as_deref(), Some("deciding: 3,000 of 4,000 (75 %)"));
        lines.begin(Phase::Undo, Some(60_000));
        assert_eq!(after(5_000, 600).as_deref(), Some("undoing: 600 of 60,000 (1 %)"));
        assert_eq!(after(4_999, 600), None);
        assert_eq!(after(1, 600).as_deref(), Some("undoing: 1,800 of 60,000 (3 %)"));
    }
}
