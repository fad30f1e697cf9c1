//! A tenant that runs in the process of the test, by a clock that the test moves.

use std::path::Path;
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

/// Returns a clock that stands at ten o'clock, on the second.
pub(crate) fn clock_at_ten() -> Arc<ManualClock> {
    Arc::new(ManualClock::starting_at("2026-11-26T10:00:00Z".parse().expect("a time")))
}

/// Starts a tenant whose users are in memory. `policy` is a file; without it the built-in policy
/// applies. The tenant ends with the process.
pub(crate) fn start(config: &str, state: &Path, policy: Option<&Path>, clock: &Arc<ManualClock>) -> Ready {
    let config = Config::parse(config).expect("a configuration");
    let state = StateDir::open(state).expect("a state folder");
    let policy = policy.map(Path::to_owned);
    let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
    let cache = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("in-process"));
    let (send, is_ready) = channel();
    std::thread::spawn(move || {
        let options = Options { cache, optimise: false, ..Options::default() };
        let entry = PolicyEntry::from_flags(None, Wasi::Minimal, policy);
        let opening = Opening {
            config,
            directory: TenantDirectory::Memory,
            sources: Source::open_all(vec![entry], &options, &ambient).expect("a sandbox"),
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
