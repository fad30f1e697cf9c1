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
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use line::Line;
use service::{Behind, Service};

mod isolation;
mod line;
#[path = "../program.rs"]
mod program;
mod service;

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
    if std::env::args().any(|word| word == "isolation") {
        return isolation::measure(&place);
    }
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
    println!();
    isolation::measure(&place);
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
                    ask(&mut line);
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
                        ask(&mut line);
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

fn ask(line: &mut Line) {
    let answer = line.ask(event());
    assert!(answer.body.starts_with("{\"action\":\"proceed\""), "another answer: {}", answer.body);
}

/// The event of the examples, with an address that is not verified.
const EVENT: &str = include_str!("../../../examples/directory/event.json");

/// The event, compact, and read once.
fn event() -> &'static str {
    static COMPACT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    COMPACT.get_or_init(|| {
        let mut event: serde_json::Value = serde_json::from_str(EVENT).expect("an event");
        event["user"]["email_verified"] = false.into();
        event.to_string()
    })
}

pub(crate) fn print_figure(figure: &str, asked: &str, measured: &str, more: &str) {
    println!("{figure:<30} {asked:>12} {measured:>12}   {more}");
}
