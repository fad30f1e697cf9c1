//! The login hook under load: `make bench-hook`. The program runs unchanged; this process sends it signed events over
//! loopback by plain http, and both share the machine's cores. The login is decided by its event alone: its address is
//! not verified.
//!
//! Two directories are behind the hook in turn:
//! - a tenant of Auth0, which such a login costs no request. The tenant does not exist, so a request would fail the run.
//! - SQLite on the disk of the target directory, which is read twice, and counts each login.
//!
//! The first figure is a closed loop: each connection has one request under way. The others are open loops: a latency
//! begins when its request was due, so a slow answer delays those behind it visibly.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;

use program::{Running, program};

#[path = "../program.rs"]
mod program;

const SECRET: &str = "the-secret-of-the-bench-0123456789abcdef";
/// The connections, each driven by a thread.
const CONNECTIONS: u64 = 16;
const WINDOWS: usize = 5;
const WINDOW: Duration = Duration::from_secs(3);

fn main() {
    // `cargo test --benches` only asks whether it is built.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-hook");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).expect("a folder");
    for start in [Start::First, Start::Later] {
        let service = Service::start(&place, Behind::Nothing);
        std::thread::sleep(Duration::from_secs(2));
        let memory = format!("{:.1} MB", service.process.memory_mb().0);
        print_figure("idle memory", "<= 40 MB", &memory, start.describe());
        service.process.stop();
    }
    println!();
    println!("Nothing behind:");
    measure_service(&Service::start(&place, Behind::Nothing), ">= 20000/s");
    println!();
    println!("SQLite behind:");
    measure_service(&Service::start(&place, Behind::Sqlite), "-");
}

/// The number of a start, which decides whether the built-in component is compiled.
#[derive(Clone, Copy)]
enum Start {
    First,
    Later,
}

impl Start {
    fn describe(self) -> &'static str {
        match self {
            Self::First => "resident set size, first start: the policy was compiled",
            Self::Later => "resident set size, later start",
        }
    }
}

fn measure_service(service: &Service, asked: &str) {
    // The first window warms up.
    measure_rate(service);
    let windows: Vec<(f64, f64)> = (0..WINDOWS).map(|_| measure_rate(service)).collect();
    let (mut rates, micros): (Vec<f64>, Vec<f64>) = windows.into_iter().unzip();
    let list =
        |values: &[f64]| values.iter().map(|value| format!("{value:.0}")).collect::<Vec<_>>().join(" ");
    let all = format!("{}; CPU us each: {}", list(&rates), list(&micros));
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    print_figure("decisions, 16 connections", asked, &format!("{rate:.0}/s"), &all);
    print_latencies("p99 at half of that rate", "<= 5 ms", service, rate / 2.0);
    // The service's own share of a login, with no other login to wait for.
    print_latencies("p99 at 500 logins a second", "<= 1 ms", service, 500.0);
    let memory = format!("{:.1} MB", service.process.memory_mb().0);
    print_figure("memory afterwards", "-", &memory, "with the signatures of the run");
}

fn print_latencies(figure: &str, asked: &str, service: &Service, rate: f64) {
    let latencies = measure_latencies(service.address, rate);
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let others = format!("p50 {:.2} ms, p99.9 {:.2} ms, {} requests", at(0.5), at(0.999), latencies.len());
    print_figure(figure, asked, &format!("{:.2} ms", at(0.99)), &others);
}

/// Returns the answers a second of one window, and the service's CPU time of each in microseconds.
fn measure_rate(service: &Service) -> (f64, f64) {
    let (address, cpu) = (service.address, service.process.cpu_seconds());
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut line = Line::open(address);
                while !stop.load(Ordering::Relaxed) {
                    line.ask();
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(WINDOW);
        stop.store(true, Ordering::Relaxed);
    });
    let answered = answered.load(Ordering::Relaxed) as f64;
    (answered / start.elapsed().as_secs_f64(), (service.process.cpu_seconds() - cpu) / answered * 1e6)
}

/// Returns the latencies at this rate, sorted.
fn measure_latencies(address: SocketAddr, rate: f64) -> Vec<Duration> {
    let interval = Duration::from_secs_f64(CONNECTIONS as f64 / rate);
    let count = (WINDOW.as_secs_f64() * 3.0 / interval.as_secs_f64()) as u32;
    let start = Instant::now() + Duration::from_millis(50);
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut line = Line::open(address);
                    let first = start + interval.mul_f64(thread as f64 / CONNECTIONS as f64);
                    let ask = |number| {
                        let due = first + interval * number;
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        line.ask();
                        due.elapsed()
                    };
                    (0..count).map(ask).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("every answer was right")).collect()
    });
    latencies.sort();
    latencies
}

/// A kept connection that sends signed requests.
struct Line {
    stream: TcpStream,
    key: hmac::Key,
    number: u64,
    buffer: Vec<u8>,
}

/// The event of the examples, with an address that is not verified.
const EVENT: &str = include_str!("../../../examples/directory/event.json");

/// Distinguishes the nonces of all connections.
static NONCE: AtomicU64 = AtomicU64::new(0);

impl Line {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the service accepts connections");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("an option");
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        Self { stream, key, number: NONCE.fetch_add(1 << 32, Ordering::Relaxed), buffer: vec![0; 16 << 10] }
    }

    /// Sends a request, and reads its answer.
    fn ask(&mut self) {
        self.number += 1;
        let event = event();
        let body = format!("{{\"nonce\":\"{}\",\"event\":{event}}}", self.number);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        let tag = hmac::sign(&self.key, format!("{now}.{body}").as_bytes());
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let request = format!(
            "POST /v1/auth0/post-login HTTP/1.1\r\nhost: hook\r\nx-ligature-timestamp: {now}\r\n\
             x-ligature-signature: v1={tag}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).expect("the service reads");
        let mut held = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[held..]).expect("the service answers");
            assert!(read > 0, "the service hung up");
            held += read;
            let answer = String::from_utf8_lossy(&self.buffer[..held]);
            let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() == length.unwrap_or(0usize) {
                assert!(body.starts_with("{\"action\":\"proceed\""), "another answer: {answer}");
                return;
            }
        }
    }
}

/// The event, compact, and read once.
fn event() -> &'static str {
    static COMPACT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    COMPACT.get_or_init(|| {
        let mut event: serde_json::Value = serde_json::from_str(EVENT).expect("an event");
        event["user"]["email_verified"] = false.into();
        event.to_string()
    })
}

/// The directory behind the hook.
#[derive(Clone, Copy)]
enum Behind {
    Nothing,
    Sqlite,
}

/// A running `ligature hook`.
struct Service {
    process: Running,
    address: SocketAddr,
}

impl Service {
    fn start(place: &Path, behind: Behind) -> Self {
        let secret = place.join("secret");
        fs::write(&secret, SECRET).expect("a file is written");
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&secret, owner_only).expect("only its owner may read it");
        let mut command = program(place);
        command.args(["hook", "--listen", "127.0.0.1:0", "--secret-file"]).arg(place.join("secret"));
        command.env("LIGATURE_LOG", "warn");
        match behind {
            Behind::Nothing => {
                // Nothing listens on port 1.
                command.args(["--directory", "auth0://127.0.0.1:1", "--journal"]);
                command.arg(format!("sqlite:{}", place.join("journal.db").display()));
                command.env("LIGATURE_AUTH0_CLIENT_ID", "bench").env("LIGATURE_AUTH0_CLIENT_SECRET", "bench");
            }
            Behind::Sqlite => {
                command.args(["--directory", &import_users(place)]);
            }
        }
        let (process, address) = Running::start(command, place, |ready| {
            ready.strip_prefix("http://")?.trim_end_matches('/').parse().ok()
        });
        Self { process, address }
    }
}

/// Imports the users of the examples. Returns their directory.
fn import_users(place: &Path) -> String {
    let users = place.join("users.ndjson");
    fs::write(&users, include_str!("../../../examples/directory/users.ndjson")).expect("a file is written");
    let directory = format!("sqlite:{}", place.join("users.db").display());
    let import = program(place).args(["users", "import", "--directory", &directory]).arg(&users).output();
    assert!(import.is_ok_and(|it| it.status.success()), "the users are imported");
    directory
}

fn print_figure(figure: &str, asked: &str, measured: &str, more: &str) {
    println!("{figure:<30} {asked:>12} {measured:>12}   {more}");
}
