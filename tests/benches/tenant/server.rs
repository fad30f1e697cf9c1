//! `ligature serve`, as another process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::load::Line;

/// Says which program is measured.
const PROGRAM: &str = "LIGATURE_BENCH_PROGRAM";

/// The policy of a tenant that has a configuration.
const POLICY: &str = r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#;

/// The program, without what the environment would tell it.
pub(crate) fn program(place: &Path) -> Command {
    let path = std::env::var_os(PROGRAM).map(PathBuf::from).filter(|path| path.is_file());
    let path =
        path.unwrap_or_else(|| panic!("{PROGRAM} names no program; `make bench-tenant` builds one and does"));
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LIGATURE_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CACHE_HOME", place.join("cache"));
    command
}

/// A running tenant.
pub(crate) struct Server {
    child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) ca: PathBuf,
    /// From the start of the process to its first answer.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts one whose state, cache and log are in this folder. Without a
    /// configuration it makes the one that people get.
    pub(crate) fn start(place: &Path, config: Option<&str>, directory: Option<&Path>) -> Self {
        fs::create_dir_all(place).expect("a folder");
        let log = File::create(place.join("log")).expect("a log");
        let mut command = program(place);
        command.args(["serve", "--port", "0", "--tls-port", "0", "--state"]).arg(place.join("state"));
        if let Some(config) = config {
            let file = place.join("tenant.toml");
            fs::write(&file, config).expect("a file is written");
            command.arg("--config").arg(file);
            let policy = place.join("policy.json");
            fs::write(&policy, POLICY).expect("a file is written");
            command.arg("--policy").arg(policy);
        }
        if let Some(directory) = directory {
            command.arg("--directory").arg(format!("sqlite:{}", directory.display()));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);

        let start = Instant::now();
        let mut child = command.spawn().expect("the program runs");
        let mut ready = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut ready).expect("a line");
        let read = || {
            let (addresses, ca) = ready.strip_prefix("ligature: ready ")?.trim_end().split_once(" ca=")?;
            let (http, https) = addresses.split_once(' ')?;
            Some((address(http)?, address(https)?, PathBuf::from(ca)))
        };
        let Some((http, https, ca)) = read() else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "it is not ready: {ready:?}\n{}",
                fs::read_to_string(place.join("log")).unwrap_or_default()
            );
        };
        Line::open(http).get("/healthz", &[]);
        Self { child, http, https, ca, started_in: start.elapsed() }
    }

    /// Ends it as an operator does.
    pub(crate) fn stop(mut self) {
        // The standard library sends no signal but the one that cannot be heard.
        let _ = Command::new("sh").args(["-c", "kill -TERM $0", &self.child.id().to_string()]).status();
        let status = self.child.wait().expect("a process of ours");
        assert!(status.success(), "it ended badly: {status}");
    }

    /// Seconds of CPU that it has taken.
    pub(crate) fn cpu(&self) -> f64 {
        cpu(&self.child.id().to_string())
    }

    /// The memory of the process in MB: resident set size, and proportional set
    /// size, which divides shared pages.
    pub(crate) fn memory_mb(&self) -> (f64, f64) {
        let id = self.child.id();
        (kib(id, "status", "VmRSS:") * 1.024e-3, kib(id, "smaps_rollup", "Pss:") * 1.024e-3)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `http://localhost:4480/` is.
fn address(url: &str) -> Option<SocketAddr> {
    let port = url.trim_end_matches('/').rsplit_once(':')?.1.parse().ok()?;
    Some((Ipv4Addr::LOCALHOST, port).into())
}

/// Seconds of CPU that a process has taken, this one by the name `self`. Not a
/// number where there is no /proc.
pub(crate) fn cpu(process: &str) -> f64 {
    let read = || {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name before may have blanks in it.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let (user, system) = (fields.next()?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
        // In hundredths, whatever the kernel's clock is.
        Some((user + system) / 100.0)
    };
    read().unwrap_or(f64::NAN)
}

fn kib(process: u32, file: &str, field: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
}
