//! Logins beside others whose plugin does harm: 10,000 at once, of which 1 % loop without end, 1 % take
//! memory without end, 1 % panic, and 1 % call the host although it refuses.
//!
//! Each login has a connection and a thread of its own in this process. The quiet bursts and the others
//! alternate, and the medians of their 99th percentiles are compared, and those of the server's memory
//! after them: it depends on how many connections are open at once, and differs by half from burst to
//! burst.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use ligature_test_guests::EVIL_FILE;

use crate::line::{Answer, Line};
use crate::print_figure;
use crate::service::{Behind, Service};

const LOGINS: usize = 10_000;
const BURSTS: usize = 7;

/// The login of a plugin that does no harm.
const HONEST: &str = "raw-event";

/// The harmful logins: the connection, which selects the attack, and words of the answer.
const HARMFUL: [(&str, &str); 4] = [
    ("endless-loop", "ran out of fuel"),
    ("memory-growth", "ran out of memory"),
    ("panic", "panicked: boom on purpose"),
    ("ten-thousand-look-ups", "ran out of fuel"),
];

/// The limits of the plugin: ten times what a login of the built-in policy takes with large metadata.
/// To fill memory costs fuel by the byte, so that the memory is limited, too. The deadline counts the
/// wait in the queue.
const LIMITS: &str = "[limits]\nfuel = 5_000_000\nmemory_bytes = 4_194_304\ndeadline_ms = 30_000\n";

pub(crate) fn measure(place: &Path) {
    println!("{LOGINS} logins at once, 4 % of them harmful:");
    let limits = place.join("limits.toml");
    fs::write(&limits, LIMITS).expect("a file is written");
    let limits = limits.to_str().expect("a path in UTF-8");
    let waiting = LOGINS.to_string();
    let service = Service::start_with(
        place,
        Behind::Nothing,
        &["--plugin", EVIL_FILE, "--limits", limits, "--waiting-logins", &waiting],
    );
    for _ in 0..BURSTS {
        burst(service.address, |_| HONEST);
    }
    let (mut quiet, mut beside) = (Vec::new(), Vec::new());
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for _ in 0..BURSTS {
        quiet.push(find_p99(&burst(service.address, |_| HONEST)));
        before.push(service.process.memory_mb().0);
        beside.push(find_p99(&burst(service.address, connection_of)));
        after.push(service.process.memory_mb().0);
    }
    service.process.stop();
    let (quiet, beside) = (find_median(quiet), find_median(beside));
    let (before, after) = (find_median(before), find_median(after));
    let ratio = beside.as_secs_f64() / quiet.as_secs_f64();
    let times =
        format!("{:.0} ms quiet, {:.0} ms beside", quiet.as_secs_f64() * 1e3, beside.as_secs_f64() * 1e3);
    print_figure("p99 of the others", "<= 3 times", &format!("{ratio:.1} times"), &times);
    let memory = format!("{before:.1} MB before, {after:.1} MB after");
    print_figure("memory afterwards", "<= 110 %", &format!("{:.0} %", after / before * 100.0), &memory);
    measure_admission(place);
}

/// Four of each hundred logins are harmful, one of each kind.
fn connection_of(number: usize) -> &'static str {
    HARMFUL.get(number % 100).map_or(HONEST, |(connection, _)| connection)
}

/// The same burst with the default queue: what finds no place is refused at once.
fn measure_admission(place: &Path) {
    let service = Service::start_with(place, Behind::Nothing, &[]);
    burst(service.address, |_| HONEST);
    let logins = burst(service.address, |_| HONEST);
    let (refused, decided): (Vec<_>, Vec<_>) =
        logins.iter().partition(|login| login.answer.head.starts_with("HTTP/1.1 503"));
    for login in &refused {
        assert!(login.answer.head.to_ascii_lowercase().contains("retry-after: 1"), "{}", login.answer.head);
    }
    assert!(decided.iter().all(|login| login.answer.head.starts_with("HTTP/1.1 200")));
    let longest = logins.iter().map(|login| login.took).max().unwrap_or_default();
    let more = format!(
        "{} refused with 503 and Retry-After; the longest answer {:.2} s",
        refused.len(),
        longest.as_secs_f64()
    );
    print_figure("decided, queue of 64 + 256", "-", &decided.len().to_string(), &more);
    service.process.stop();
}

struct Login {
    connection: &'static str,
    took: Duration,
    answer: Answer,
}

/// Sends all logins at once. `connection` returns the connection of a login by its number.
fn burst(address: SocketAddr, connection: impl Fn(usize) -> &'static str) -> Vec<Login> {
    let start = Arc::new(Barrier::new(LOGINS));
    let threads: Vec<_> = (0..LOGINS)
        .map(|number| {
            let (connection, start) = (connection(number), start.clone());
            let event = event(number, connection);
            let login = move || {
                let mut line = Line::open(address);
                start.wait();
                let sent = Instant::now();
                let answer = line.ask(&event);
                Login { connection, took: sent.elapsed(), answer }
            };
            std::thread::Builder::new().stack_size(128 << 10).spawn(login).expect("a thread")
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
}

/// The least event: the plugin returns it, and a text of an outcome has a limit.
fn event(number: usize, connection: &str) -> String {
    let identity = serde_json::json!({
        "provider": "google-oauth2", "user_id": number.to_string(), "connection": "google-oauth2", "isSocial": true,
    });
    let user = serde_json::json!({
        "user_id": format!("google-oauth2|{number}"), "email": "ada@example.com", "email_verified": false,
        "identities": [identity],
    });
    let connection = serde_json::json!({ "name": connection, "strategy": "google-oauth2" });
    serde_json::json!({ "user": user, "connection": connection }).to_string()
}

/// Returns the 99th percentile of the honest logins. Ends the bench if an answer is wrong.
fn find_p99(logins: &[Login]) -> Duration {
    for Login { connection, answer, .. } in logins {
        let harmful = HARMFUL.iter().find(|(name, _)| name == connection);
        let is_right = match harmful {
            Some((_, words)) => answer.body.contains(words),
            None => {
                answer.body.starts_with("{\"action\":\"proceed\"") && !answer.body.contains("PLUGIN_FAILED")
            }
        };
        assert!(is_right, "{connection}: {}\n{}", answer.head, answer.body);
    }
    let mut honest: Vec<Duration> =
        logins.iter().filter(|it| it.connection == HONEST).map(|it| it.took).collect();
    honest.sort();
    honest[(honest.len() - 1) * 99 / 100]
}

fn find_median<T: Copy + PartialOrd>(mut figures: Vec<T>) -> T {
    figures.sort_by(|a, b| a.partial_cmp(b).expect("figures are numbers"));
    figures[figures.len() / 2]
}
