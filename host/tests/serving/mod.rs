//! A running `ligature serve`, for suites that send requests to one.

#![allow(dead_code, reason = "each suite uses what it needs")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A running `ligature serve`.
pub(crate) struct Tenant {
    server: Child,
    /// The http origin, with a slash at the end.
    pub(crate) http: String,
    /// The https origin, with a slash at the end.
    pub(crate) https: String,
    /// The file of its certificate authority.
    pub(crate) ca: PathBuf,
    /// The folder of its keys.
    pub(crate) state: PathBuf,
    log: PathBuf,
    /// The output behind the line that says that it is ready.
    rest: Option<JoinHandle<String>>,
}

impl Tenant {
    /// Starts a server in a folder, which an earlier one may have used.
    pub(crate) fn start(folder: &Path, config: &str, more: &[&str]) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let log = File::create(folder.join("log")).expect("a log");
        Self::logging_to(log, folder, config, more)
    }

    /// Starts a server that writes its log to this place.
    pub(crate) fn logging_to(place: impl Into<Stdio>, folder: &Path, config: &str, more: &[&str]) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let file = folder.join("tenant.toml");
        fs::write(&file, config).expect("a file is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
        command.args(["serve", "--port", "0", "--tls-port", "0", "--config"]).arg(&file).args(more);
        Self::spawned(command, place, folder)
    }

    /// Starts a command as a server with its state in this folder.
    pub(crate) fn spawned(mut command: Command, place: impl Into<Stdio>, folder: &Path) -> Self {
        let log = folder.join("log");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LIGATURE_") {
                command.env_remove(name);
            }
        }
        let mut server = command
            .env("LIGATURE_STATE", folder.join("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(place)
            .spawn()
            .expect("the program runs");
        let mut printed = BufReader::new(server.stdout.take().expect("its output"));
        let (ready, line) = mpsc::channel();
        let rest = std::thread::spawn(move || {
            let (mut line, mut rest) = (String::new(), String::new());
            let _ = printed.read_line(&mut line);
            let _ = ready.send(line);
            let _ = printed.read_to_string(&mut rest);
            rest
        });
        let mut this = Self {
            server,
            http: String::new(),
            https: String::new(),
            ca: PathBuf::new(),
            state: folder.join("state"),
            log,
            rest: Some(rest),
        };
        // An unoptimised build compiles its plugin for some seconds.
        let line = line.recv_timeout(Duration::from_mins(2)).unwrap_or_default();
        let read = || {
            let (addresses, ca) = line.strip_prefix("ligature: ready ")?.trim_end().split_once(" ca=")?;
            let (http, https) = addresses.split_once(' ')?;
            Some((http.to_owned(), https.to_owned(), PathBuf::from(ca)))
        };
        (this.http, this.https, this.ca) =
            read().unwrap_or_else(|| panic!("it is not ready: {line:?}\n{}", this.log()));
        this
    }

    /// The log of all requests answered so far. A line is written a moment after its
    /// answer: a last request, whose own line is left out, shows that the lines before
    /// it are there.
    pub(crate) fn log(&self) -> String {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        const LAST: &str = "/last-line-";
        let read = || self.log_by_now();
        let last = format!("{LAST}{}-", ASKED.fetch_add(1, Ordering::Relaxed));
        if self.ask(&last).is_ok() && !read().is_empty() {
            let until = Instant::now() + Duration::from_secs(5);
            while !read().contains(&last) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        let lines = read();
        lines.split_inclusive('\n').filter(|line| !line.contains(LAST)).collect()
    }

    /// The log as it is now, where no further request may be made.
    pub(crate) fn log_by_now(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last 30 lines of the log, each cut to 400 characters.
    pub(crate) fn last_words(&self) -> String {
        let log = self.log_by_now();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].iter();
        last.map(|line| format!("{}\n", line.chars().take(400).collect::<String>())).collect()
    }

    fn ask(&self, path: &str) -> std::io::Result<()> {
        let host = self.http.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(|_| ())
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// Sends a signal by name. The standard library can send only SIGKILL.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("sh").args(["-c", "kill -$1 $0", &self.pid().to_string(), name]).status();
        assert!(kill.is_ok_and(|status| status.success()), "it is still running: {}", self.log());
    }

    /// Ends the server as [`Self::stop`] does, and returns its log.
    pub(crate) fn stop_logged(self) -> String {
        let log = self.log.clone();
        self.stop();
        fs::read_to_string(log).unwrap_or_default()
    }

    /// Ends the server with SIGTERM, and asserts that it ends well.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        let status = end(&mut self.server, Duration::from_secs(30));
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{status:?}: {}", self.last_words());
        let rest = self.rest.take().map(|rest| rest.join().expect("it was read"));
        assert_eq!(rest.as_deref(), Some(""), "one line on stdout, and no other");
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Waits for a process and returns its status. `None`: it did not end in time and
/// was killed.
pub(crate) fn end(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().expect("a process of ours") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}
