//! A run of the program, with its time and its memory.

use std::fs;
use std::io::Read;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The interval at which the memory is read. The kernel keeps the peak.
const INTERVAL: Duration = Duration::from_millis(20);

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    begun: Instant,
    peak_kib: Arc<AtomicU64>,
    watch: JoinHandle<()>,
    errors: JoinHandle<String>,
}

/// The result of a run.
pub(crate) struct Measured {
    pub(crate) printed: String,
    pub(crate) time: Duration,
    /// The peak of the resident memory; 0 without /proc.
    pub(crate) peak_mb: u64,
}

impl Running {
    /// Starts a command whose output and errors are piped.
    pub(crate) fn start(mut command: Command) -> Self {
        let begun = Instant::now();
        let mut child = command.spawn().expect("the program runs");
        let errors = child.stderr.take().expect("its errors");
        // A full pipe would stop the program.
        let errors = thread::spawn(move || std::io::read_to_string(errors).unwrap_or_default());
        let (id, peak_kib) = (child.id(), Arc::new(AtomicU64::new(0)));
        let peak = peak_kib.clone();
        let watch = thread::spawn(move || {
            while let Some(kib) = read_peak(id) {
                peak.fetch_max(kib, Ordering::Relaxed);
                thread::sleep(INTERVAL);
            }
        });
        Self { child, begun, peak_kib, watch, errors }
    }

    /// Waits for the end, which must be a success.
    pub(crate) fn finish(mut self) -> Measured {
        let mut printed = String::new();
        let mut output = self.child.stdout.take().expect("its output");
        output.read_to_string(&mut printed).expect("UTF-8");
        let status = self.child.wait().expect("a process of this one");
        let time = self.begun.elapsed();
        let errors = self.errors.join().expect("a thread of this one");
        assert!(status.success(), "the program ended badly: {status}: {printed}{errors}");
        self.watch.join().expect("a thread of this one");
        Measured { printed, time, peak_mb: self.peak_kib.load(Ordering::Relaxed) * 1024 / 1_000_000 }
    }
}

/// Reads the peak of the resident memory of a process. None once it has ended.
fn read_peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
