//! Pages whose time is over: a tenant in this process, whose clock the suite moves.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ligature_host::clock::ManualClock;

use crate::suites::run_with_log;
use crate::{chromium, in_process, installed};

#[test]
fn pages_end_with_their_time() {
    let Some(folder) = installed() else { return };
    let place = tempfile::tempdir().expect("a temporary folder");
    let clock = in_process::clock_at_ten();
    let config = include_str!("../clients/browser/tenant.toml");
    let config = config.replace("HTTPS_APP", "https://localhost:1").replace("HTTP_APP", "http://localhost:1");
    let ready = in_process::start(&config, place.path(), Some(&folder.join("asking-policy.json")), &clock);
    let mut suite = Command::new("node");
    suite
        .args(["--test-reporter=spec", "expiry.test.mjs"])
        .current_dir(folder)
        .env("HOME", place.path())
        .env("LIGATURE_HTTP", ready.http)
        .env("LIGATURE_HTTPS", ready.https)
        .env("LIGATURE_HTTP_APP", "http://localhost:1")
        .env("LIGATURE_HTTPS_APP", "https://localhost:1")
        .env("LIGATURE_CLOCK", serve_clock(clock))
        .env("LIGATURE_CHROMIUM", chromium().expect("it was found"));
    run_with_log(&mut suite, &place.path().join("output"), String::new);
}

/// Moves the clock on by the seconds that are the path of a request. Returns the address.
fn serve_clock(clock: Arc<ManualClock>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
            let seconds = head[0].split(['/', ' ']).find_map(|it| it.parse().ok()).expect("seconds");
            clock.advance(Duration::from_secs(seconds));
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    address
}
