//! Connections that are kept open, that are slow, or that are too many.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[cfg(not(target_os = "linux"))]
use libtest_mimic::Completion;

use super::tenant;
use crate::http::{connect, host};
use crate::tenants::Tenant;

crate::tests![
    a_kept_connection_is_not_a_slow_one,
    slow_headers_end_a_kept_connection,
    more_connections_than_files
];

/// A request on a connection that stays. The status of its answer; none if the
/// tenant has hung up.
fn ask(stream: &mut TcpStream, address: &str) -> Option<u16> {
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", host(address));
    stream.write_all(request.as_bytes()).ok()?;
    let mut read = Vec::new();
    let mut part = [0; 1024];
    while !read.ends_with(b"\r\n\r\nok\n") {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(bytes) => read.extend_from_slice(&part[..bytes]),
        }
    }
    String::from_utf8_lossy(&read).split(' ').nth(1)?.parse().ok()
}

/// Checks that an idle connection stays open for longer than headers may take.
fn a_kept_connection_is_not_a_slow_one() {
    let tenant = tenant();
    let mut stream = connect(tenant.http());
    assert_eq!(ask(&mut stream, tenant.http()), Some(200));
    std::thread::sleep(Duration::from_secs(15));
    assert_eq!(ask(&mut stream, tenant.http()), Some(200));
}

/// Checks that slow headers end a kept connection as early as a new one.
fn slow_headers_end_a_kept_connection() {
    let tenant = tenant();
    let mut stream = connect(tenant.http());
    for _ in 0..3 {
        assert_eq!(ask(&mut stream, tenant.http()), Some(200));
    }
    let mut slow = stream.try_clone().expect("a socket");
    slow.write_all(b"GET /healthz HTTP/1.1\r\nx-slow: ").expect("it listens");
    let dripping = std::thread::spawn(move || {
        (0..90).any(|_| {
            std::thread::sleep(Duration::from_secs(1));
            slow.write_all(b"x").is_err()
        })
    });
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let answer = String::from_utf8_lossy(&rest);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(dripping.join().expect("it dripped"), "it is listened to without end");
    tenant.assert_well();
}

#[cfg(target_os = "linux")]
fn more_connections_than_files() {
    let tenant = Tenant::with("");
    tenant.assert_well();
    let process = tenant.running.pid();
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).expect("its files").count() as u64;
    let limit = rustix::process::Rlimit { current: Some(open + 20), maximum: Some(open + 20) };
    let pid = rustix::process::Pid::from_raw(i32::try_from(process).expect("a pid"));
    rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).expect("a limit");

    let mut kept: Vec<TcpStream> = (0..15).map(|_| connect(tenant.http())).collect();
    assert!(kept.iter_mut().all(|stream| ask(stream, tenant.http()) == Some(200)));
    // These wait in the system's queue, as long as the others stay.
    let mut more: Vec<TcpStream> = (0..15).map(|_| connect(tenant.http())).collect();
    let words = "no connection can be accepted: too many files are open";
    let told = || {
        let log = tenant.running.log_by_now();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines
            .filter(|line| line["message"].as_str().is_some_and(|it| it.starts_with(words)))
            .collect::<Vec<_>>()
    };
    let until = Instant::now() + Duration::from_mins(1);
    while told().is_empty() {
        assert!(Instant::now() < until, "it is not told: {}", tenant.running.log_by_now());
        std::thread::sleep(Duration::from_millis(50));
    }
    let line = told().remove(0);
    assert_eq!(line["limit"], open + 20, "{line}");
    assert!(line["message"].as_str().is_some_and(|it| it.contains("ulimit -n")), "{line}");
    // Idle ones make room for them.
    assert!(more.iter_mut().all(|stream| ask(stream, tenant.http()) == Some(200)));
    assert!(told().len() <= 10, "the log is not flooded: {}", told().len());
    drop((kept, more));
    tenant.assert_well();
    assert!(tenant.log().iter().any(|line| line["message"] == "connections are accepted again"));
}

#[cfg(not(target_os = "linux"))]
fn more_connections_than_files() -> Completion {
    Completion::ignored_with("the limit of open files is set by Linux only")
}
