//! The program under measurement, as another process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The variable with the program to measure.
const PROGRAM: &str = "LIGATURE_BENCH_PROGRAM";

/// The program, with its cache in this folder and without the variables of this process.
pub(crate) fn program(place: &Path) -> Command {
    let path = std::env::var_os(PROGRAM).map(PathBuf::from).filter(|path| path.is_file());
    let path = path.unwrap_or_else(|| {
        panic!("{PROGRAM} names no program; run the bench by its `make` target, which builds one")
    });
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LIGATURE_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CACHE_HOME", place.join("cache"));
    command
}

/// A running `ligature serve` or `ligature hook`.
pub(crate) struct Running(Child);

impl Running {
    /// Starts the program, with its log in this folder. Returns what `read` takes from the text
    /// after `ligature: ready `.
    pub(crate) fn start<T>(
        command: Command,
        place: &Path,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> (Self, T) {
        Self::start_by_line(command, place, |line| read(line.strip_prefix("ligature: ready ")?))
    }

    /// Starts any server, with its log in this folder. Returns what `read` takes from the first line
    /// of its output.
    pub(crate) fn start_by_line<T>(
        mut command: Command,
        place: &Path,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> (Self, T) {
        let log = File::create(place.join("log")).expect("a log");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut running = Self(command.spawn().expect("the program runs"));
        let mut line = String::new();
        let mut output = BufReader::new(running.0.stdout.take().expect("its output"));
        output.read_line(&mut line).expect("a line");
        // A server that cannot write its log would end.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let ready = read(line.trim_end()).unwrap_or_else(|| {
            let log = fs::read_to_string(place.join("log")).unwrap_or_default();
            panic!("the program is not ready: {line:?}\n{log}")
        });
        (running, ready)
    }

    /// Stops the program as an operator does.
    pub(crate) fn stop(mut self) {
        // The standard library sends SIGKILL only.
        let _ = Command::new("sh").args(["-c", "kill -TERM $0", &self.0.id().to_string()]).status();
        let status = self.0.wait().expect("a process of this one");
        assert!(status.success(), "the program ended badly: {status}");
    }

    /// The CPU time of the process in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(&self.0.id().to_string())
    }

    /// The memory of the process in MB: resident set size, and proportional set size, which
    /// divides shared pages. Not a number without /proc.
    pub(crate) fn memory_mb(&self) -> (f64, f64) {
        let id = self.0.id();
        (kib(id, "status", "VmRSS:") * 1.024e-3, kib(id, "smaps_rollup", "Pss:") * 1.024e-3)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The CPU time of a process in seconds; `self` is this process. Not a number without /proc.
pub(crate) fn cpu_seconds(process: &str) -> f64 {
    let read = || {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name before may have blanks in it.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let (user, system) = (fields.next()?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
        // The unit is 1/100 s on every kernel.
        Some((user + system) / 100.0)
    };
    read().unwrap_or(f64::NAN)
}

fn kib(process: u32, file: &str, field: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
}
