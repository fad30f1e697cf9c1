//! Pages whose time is over: a tenant in this process, whose clock the suite moves.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use ligature_host::ambient::Ambient;
use ligature_host::clock::ManualClock;
use ligature_host::policies::{PolicyEntry, Source};
use ligature_host::random::SeededRandom;
use ligature_host::recording::LoginRecorder;
use ligature_host::sandbox::{Options, Wasi};
use ligature_host::service::{EarlyEnd, MissingLines};
use ligature_host::tenant::{Config, Opening, Ports, Ready, StateDir, TenantDirectory, serve};

use crate::suites::run_with_log;
use crate::{chromium, installed};

#[test]
fn pages_end_with_their_time() {
    let Some(folder) = installed() else { return };
    let place = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(ManualClock::starting_at("2026-11-26T10:00:00Z".parse().expect("a time")));
    let ready = start(place.path(), &folder.join("asking-policy.json"), clock.clone());
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

/// Starts a tenant, which ends with the process.
fn start(place: &Path, policy: &Path, clock: Arc<ManualClock>) -> Ready {
    let config = include_str!("../clients/browser/tenant.toml");
    let config = config.replace("HTTPS_APP", "https://localhost:1").replace("HTTP_APP", "http://localhost:1");
    let config = Config::parse(&config).expect("a configuration");
    let ambient = Ambient::new(clock, Arc::new(SeededRandom::new(1)));
    let state = StateDir::open(place).expect("a state folder");
    let cache = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("expiry"));
    let entry = PolicyEntry::from_flags(None, Wasi::Minimal, Some(policy.to_owned()));
    let (send, is_ready) = channel();
    std::thread::spawn(move || {
        let options = Options { cache, optimise: false, ..Options::default() };
        let opening = Opening {
            config,
            directory: TenantDirectory::Memory,
            sources: vec![Source::new(entry, &options, &ambient).expect("a sandbox")],
            state: &state,
            more_routes: None,
            recorder: LoginRecorder::off(),
            decisions: None,
            ports: Ports { http: 0, https: 0 },
            rotate_key: false,
            missing_lines: MissingLines::default(),
            early_end: EarlyEnd::listen(),
            ambient,
        };
        serve(opening, |it| send.send(it.clone()).expect("the test waits")).expect("it serves");
    });
    is_ready.recv_timeout(Duration::from_mins(2)).expect("the tenant is ready")
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
