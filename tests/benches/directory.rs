//! The cost of directory calls: `cargo bench -p ligature-tests --bench directory`
//! (or `make bench-directory`). SQLite with a million users on the disk of the
//! target directory, PostgreSQL with 60,000; every link waits for the disk.
//!
//! `LIGATURE_BENCH_USERS` is another number of users than a million.
//!
//! Compare only figures of one run: the other load of the machine is in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ligature_host::ambient::Ambient;
use ligature_host::decide::{OnFailure, decide_by_plugin};
use ligature_host::directory::{Administration, CountedLogin, OpenMode, SqlDirectory, arrive};
use ligature_host::model::{Decision, LoginEvent, Timestamp};
use ligature_host::sandbox::{Allocator, Options, Plugin, PluginInput, Sandbox, Settings};
use ligature_host::transfer::{Import, UsersFile, import};
use ligature_test_servers::Postgres;
use ligature_tests::open_directory;

use users::{email, file_of, user};

#[path = "users.rs"]
mod users;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FEW: usize = 10_000;
const SERVED: usize = 60_000;
const CLIENTS: [usize; 3] = [1, 8, 64];

fn main() {
    // `cargo test --benches` only asks whether it is built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-directory");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    // Before anything else, for the peak of the memory.
    let many_users =
        std::env::var("LIGATURE_BENCH_USERS").ok().and_then(|users| users.parse().ok()).unwrap_or(1_000_000);
    let many = imported(&folder, many_users);
    let few = imported(&folder, FEW);
    find(&*few, FEW);
    find(&*many, many_users);

    let options = Options { allocator: Allocator::Pool, concurrent_logins: 64, ..Options::default() };
    let sandbox = Sandbox::start(options, &Ambient::system()).expect("the sandbox starts");
    let plugin = sandbox.load(ligature_host::PLUGIN_NAME, ligature_host::PLUGIN).expect("the policy loads");
    links_nothing(&plugin, &many, "SQLite", many_users);
    links(&plugin, &many, &folder, "SQLite", many_users);
    match Postgres::start_durable() {
        Err(why) => println!("{}", why.0),
        Ok(server) => {
            let directory: Arc<dyn Administration> = Arc::new(open_directory(&server));
            import_into(&*directory, &folder, SERVED);
            find(&*directory, SERVED);
            links_nothing(&plugin, &directory, "PostgreSQL", SERVED);
            links(&plugin, &directory, &folder, "PostgreSQL", SERVED);
        }
    }
    drop((many, few));
    let _ = std::fs::remove_dir_all(&folder);
}

fn imported(folder: &Path, users: usize) -> Arc<dyn Administration> {
    let file = folder.join(format!("{users}.db"));
    let directory =
        SqlDirectory::sqlite(&file, None, OpenMode::Create, &Ambient::system()).expect("it opens");
    import_into(&directory, folder, users);
    Arc::new(directory)
}

fn import_into(directory: &dyn Administration, folder: &Path, users: usize) {
    let file = file_of(folder, users);
    let bytes = std::fs::metadata(&file).expect("the file").len();
    let start = Instant::now();
    let opened = UsersFile::open(&file, |raw| raw).expect("the file opens");
    let (summary, ended) = import(directory, opened, Import::default());
    ended.expect("it is imported");
    assert_eq!(summary.added, users as u64, "{summary:?}");
    println!(
        "import of {users} users ({} MB)   {:.1} s, peak {} MB resident",
        bytes / 1_000_000,
        start.elapsed().as_secs_f64(),
        peak_resident_mb()
    );
}

/// The most that this process has held in memory so far.
fn peak_resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024 / 1_000_000
}

/// Times `what` again and again; prints half and 99 of 100, in microseconds.
fn time(name: &str, times: usize, mut what: impl FnMut(usize)) {
    for n in 0..times / 10 {
        what(n);
    }
    let mut took: Vec<Duration> = (0..times)
        .map(|n| {
            let start = Instant::now();
            what(times / 10 + n);
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    let us = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)].as_nanos() as f64 / 1000.0;
    println!("{name:<58} p50 {:.1} us, p99 {:.1} us", us(50), us(99));
}

fn any(n: usize, users: usize) -> usize {
    (n.wrapping_mul(7_368_787) + 12_345) % users
}

fn find(directory: &dyn Administration, users: usize) {
    time(&format!("find by e-mail, {users} users"), 20_000, |n| {
        let found = directory.find_by_email(&email(any(n, users)), 10).expect("an answer");
        assert_eq!(found.len(), 1);
    });
}

struct Login<'a> {
    plugin: &'a Plugin,
    settings: Settings,
    now: Timestamp,
}

impl<'a> Login<'a> {
    fn new(plugin: &'a Plugin) -> Self {
        let settings = Settings::new(r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#);
        Self { plugin, settings, now: Ambient::system().now() }
    }

    /// Decides a login, carries the decision out, and counts the login.
    fn run(&self, directory: &Arc<dyn Administration>, event: LoginEvent) -> Decision {
        let event = Arc::new(arrive(&**directory, event, self.now).expect("it arrives"));
        let input = PluginInput {
            event: &event,
            settings: &self.settings,
            now: self.now,
            trace: false,
            answer: None,
        };
        let run = decide_by_plugin(self.plugin, &input, directory.clone(), OnFailure::Proceed);
        assert_eq!(run.failure, None);
        let user_id = match &run.outcome.decision {
            Decision::Linked { primary } => primary,
            _ => &event.user.user_id,
        };
        let identity = event.identity().map(|it| (it.provider.as_str(), it.user_id.as_str()));
        let login = CountedLogin { user_id, identity, at: self.now, ip: None };
        directory.count_login(&login).expect("it is counted");
        run.outcome.decision
    }
}

fn links_nothing(plugin: &Plugin, directory: &Arc<dyn Administration>, name: &str, users: usize) {
    let login = Login::new(plugin);
    let event = |n: usize| -> LoginEvent {
        let n = any(n, users);
        let text = format!(
            r#"{{"user": {}, "connection": {{"id": "con_1", "name": "Username-Password-Authentication", "strategy": "auth0"}}}}"#,
            user(n)
        );
        serde_json::from_str(&text).expect("an event")
    };
    let events: Vec<LoginEvent> = (0..11_000).map(event).collect();
    let mut events = events.into_iter();
    time(&format!("a login that links nothing, {name}, {users} users"), 10_000, |_| {
        let decision = login.run(directory, events.next().expect("an event"));
        assert_eq!(decision, Decision::Proceed);
    });
}

/// Google accounts that log in, each of which has the address of a user.
const ARRIVING: usize = 60_000;

fn google(n: usize, users: usize) -> String {
    let email = email(any(n, users));
    format!(
        r#"{{"user_id":"google-oauth2|{n}","email":"{email}","email_verified":true,"name":"User","identities":[{{"connection":"google-oauth2","user_id":"{n}","provider":"google-oauth2","isSocial":true}}]}}"#
    )
}

/// Measures logins with a Google account whose address a user has: each is linked and journalled.
fn links(plugin: &Plugin, directory: &Arc<dyn Administration>, folder: &Path, name: &str, users: usize) {
    let arriving = ARRIVING.min(users);
    let file = folder.join("google.ndjson");
    let lines: String = (0..arriving).map(|n| google(n, users) + "\n").collect();
    std::fs::write(&file, lines).expect("a file");
    let opened = UsersFile::open(&file, |raw| raw).expect("the file opens");
    let (summary, ended) = import(&**directory, opened, Import::default());
    ended.expect("they are imported");
    assert_eq!(summary.added, arriving as u64);

    let login = Login::new(plugin);
    let next = AtomicUsize::new(0);
    // False when every account has arrived.
    let one = || {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= arriving {
            return false;
        }
        let text = format!(
            r#"{{"user": {}, "connection": {{"id": "con_2", "name": "google-oauth2", "strategy": "google-oauth2"}},
                "authentication": {{"methods": [{{"name": "federated"}}]}}}}"#,
            google(n, users)
        );
        let decision = login.run(directory, serde_json::from_str(&text).expect("an event"));
        assert!(matches!(decision, Decision::Linked { .. }), "{decision:?}");
        true
    };
    time(&format!("a login that links, with journal, durable, {name}"), 2_000, |_| assert!(one()));
    for clients in CLIENTS {
        let (start, patience) = (Instant::now(), Duration::from_secs(5));
        let done: usize = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..clients)
                .map(|_| {
                    scope.spawn(|| {
                        let mut done = 0;
                        while start.elapsed() < patience && one() {
                            done += 1;
                        }
                        done
                    })
                })
                .collect();
            clients.into_iter().map(|client| client.join().expect("a client ends")).sum()
        });
        let rate = done as f64 / start.elapsed().as_secs_f64();
        println!("  {clients:>2} client(s) {rate:>46.0} such logins/s");
    }
}
