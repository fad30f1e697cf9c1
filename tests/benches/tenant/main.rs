//! The local tenant under load: `make bench-tenant`. The program runs unchanged, with a million users in SQLite on the disk of the target
//! directory; this process asks it over loopback, by plain http but for one
//! figure, and tells what that costs itself: both share the machine's cores.
//!
//! `LIGATURE_BENCH_USERS` is another number of users than a million. Words
//! (`make bench-tenant FIGURES='tokens users'`) leave figures out that have none
//! of them in their name. The users are kept for the next run.
//!
//! Compare only figures of one run: the other load of the machine is in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use load::{CONNECTIONS, Line, Load, THREADS, Talk, Window};
use pages::Page;
use program::program;
use server::Server;
use talks::{ByEmail, ByPassword, CALLBACK, LOGINS, Mix, NewUsers, Redirects, Requests, Same, bearer};

mod load;
mod pages;
#[path = "../program.rs"]
mod program;
mod server;
mod talks;
#[path = "../users.rs"]
mod users;

const STARTS: usize = 21;
const WINDOWS: usize = 5;
const WINDOW: Duration = Duration::from_secs(3);
/// Views of each page, one after the other.
const VIEWS: usize = 1_000;
const CONSOLE_LOGINS: &str = "logins with the console, password-realm grant";
const LONG_RUN: u64 = 500_000;

fn main() {
    // `cargo test --benches` only asks whether it is built.
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if !words.iter().any(|word| word == "--bench") {
        return;
    }
    words.retain(|word| !word.starts_with("--"));
    let is_wanted =
        |figure: &str| words.is_empty() || words.iter().any(|word| figure.contains(word.as_str()));

    let users =
        std::env::var("LIGATURE_BENCH_USERS").ok().and_then(|users| users.parse().ok()).unwrap_or(1_000_000);
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-tenant");
    fs::create_dir_all(&place).expect("a folder");
    println!(
        "{CONNECTIONS} connections of {THREADS} threads, {} cores; medians of {WINDOWS} windows of {} s",
        std::thread::available_parallelism().map_or(0, usize::from),
        WINDOW.as_secs()
    );
    let directory = directory(&place, users);

    if is_wanted("start") {
        starts(&place, "users in memory", None);
        starts(&place, &format!("{users} users in SQLite"), Some(&directory));
    }
    if is_wanted("idle memory") {
        idle(&place, "users in memory", None);
        idle(&place, &format!("{users} users in SQLite"), Some(&directory));
    }
    let server = Server::start(&place.join("served"), Some(&config()), Some(&directory));
    let http = Requests::of(server.http, false);
    let measure = |figure: &str, asked: &str, is_tls: bool, talk: &dyn Fn() -> Box<dyn Talk>| {
        if is_wanted(figure) {
            rates(figure, asked, Load::start(&server, is_tls, |_| talk()).windows(WINDOWS, WINDOW));
        }
    };
    let again = |request: &Arc<[u8]>| -> Box<dyn Talk> { Box::new(Same(request.clone())) };
    let constant: Arc<[u8]> = http.get("/healthz", "").into();
    measure("healthz, a constant", "the tool's most", false, &|| again(&constant));
    let for_itself: Arc<[u8]> = http.client_credentials().into();
    measure("tokens, client_credentials", ">= 3000/s", false, &|| again(&for_itself));
    let token = Requests::token(&mut Line::open(server.http), &for_itself);
    let by_email = |http: &Requests| -> Box<dyn Talk> { Box::new(ByEmail::new(http, &token, users)) };
    measure("users by e-mail", ">= 20000/s", false, &|| by_email(&http));
    // The token is good at either address.
    let https = Requests::of(server.https, true);
    measure("users by e-mail, by TLS", "-", true, &|| by_email(&https));
    let by_password = || -> Box<dyn Talk> { Box::new(ByPassword(http.clone())) };
    measure("logins, password-realm grant", ">= 1500/s", false, &by_password);
    let redirects = || -> Box<dyn Talk> { Box::new(Redirects::new(&http)) };
    measure("logins, by redirects with PKCE (4 requests)", ">= 1500/s", false, &redirects);
    server.process.stop();
    // With the console, each login is traced and its decision is kept.
    let server = Server::start(&place.join("served"), Some(&config_with_console()), Some(&directory));
    if is_wanted(CONSOLE_LOGINS) {
        let loads = Load::start(&server, false, |_| by_password());
        rates(CONSOLE_LOGINS, "-", loads.windows(WINDOWS, WINDOW));
    }
    if pages::NAMES.iter().any(|page| is_wanted(page)) {
        // A user who has never logged in: a login with their address is a suggestion.
        let unused = LOGINS + fastrand::usize(..usize::MAX / 2);
        let mut line = Line::open(server.http);
        let http = Requests::of(server.http, false);
        // This server has another port, and therefore another issuer.
        let token = Requests::token(&mut line, &http.client_credentials());
        line.once(&http.new_user(&token, unused));
        for page in pages::pages(server.http, unused) {
            show_page(&page, pages::measure(server.http, &page, VIEWS));
        }
    }
    server.process.stop();
    if is_wanted("long run") {
        long_run(&place, &directory, users);
    }
}

/// Returns a database with imported users, some with a password. Later runs reuse it.
fn directory(place: &Path, users: usize) -> PathBuf {
    let file = place.join(format!("{users}.db"));
    let whole = place.join(format!("{users}.whole"));
    if !whole.exists() {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(place.join(format!("{users}.db{suffix}")));
        }
        let export = users::file_of(place, users);
        let import = program(place)
            .args(["users", "import", "--again", "--directory"])
            .arg(format!("sqlite:{}", file.display()))
            .arg(&export)
            .output()
            .expect("the program runs");
        assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
        fs::remove_file(export).expect("it is gone");

        let server = Server::start(&place.join("making"), Some(&config()), Some(&file));
        let http = Requests::of(server.http, false);
        let token = Requests::token(&mut Line::open(server.http), &http.client_credentials());
        let next = Arc::<AtomicUsize>::default();
        let new_users = |_| -> Box<dyn Talk> {
            Box::new(NewUsers { requests: http.clone(), token: token.clone(), next: next.clone() })
        };
        Load::start(&server, false, new_users).until(LOGINS as u64);
        server.process.stop();
        fs::write(whole, "").expect("it is noted");
    }
    // Into the system's cache, where a server that has run for a while has it.
    let mut opened = fs::File::open(&file).expect("the file opens");
    let bytes = std::io::copy(&mut opened, &mut std::io::sink()).expect("the file is read");
    println!("{users} users and {LOGINS} with a password in SQLite, {} MB", bytes / 1_000_000);
    file
}

fn config() -> String {
    format!(
        r#"
name = "bench"

# As cheap as Argon2id gets.
[password_hash]
memory_kib = 8
iterations = 1
lanes = 1

[[clients]]
client_id = "web"
name = "Web application"
client_secret = "the secret of the web application"
callbacks = ["{CALLBACK}"]
grant_types = ["authorization_code", "http://auth0.com/oauth/grant-type/password-realm"]

[[clients]]
client_id = "management"
name = "Management"
client_secret = "the secret of the management"
grant_types = ["client_credentials"]
scopes = ["read:users", "create:users"]

[[connections]]
name = "Username-Password-Authentication"
strategy = "auth0"

[[connections]]
name = "google-oauth2"
strategy = "google-oauth2"
"#
    )
}

fn config_with_console() -> String {
    config() + "\n[console]\nenabled = true\n"
}

fn starts(place: &Path, which: &str, directory: Option<&Path>) {
    let place = place.join("starting");
    let _ = fs::remove_dir_all(&place);
    let start = || {
        let server = Server::start(&place, None, directory);
        let took = server.started_in.as_secs_f64() * 1e3;
        server.process.stop();
        took
    };
    let first = start();
    print_figure(
        &format!("first start, {which}"),
        "-",
        &format!("{first:.1} ms"),
        "makes keys, compiles the plugin",
    );
    let mut took: Vec<f64> = (0..STARTS).map(|_| start()).collect();
    took.sort_by(f64::total_cmp);
    let (least, most) = (took[0], took[STARTS - 1]);
    let spread = format!("{least:.1} to {most:.1} ms, {STARTS} starts; {}", load_average());
    print_figure(
        &format!("start to first answer, {which}"),
        "<= 50 ms",
        &format!("{:.1} ms", median(took)),
        &spread,
    );
}

fn idle(place: &Path, which: &str, directory: Option<&Path>) {
    let place = place.join("idle");
    // The first start makes keys and compiles the plugin; this is of the others.
    Server::start(&place, None, directory).process.stop();
    let server = Server::start(&place, None, directory);
    std::thread::sleep(Duration::from_secs(2));
    let (resident, share) = server.process.memory_mb();
    let share = format!("its share of pages (PSS) {share:.1} MB");
    print_figure(&format!("idle memory, {which}"), "<= 40 MB", &format!("{resident:.1} MB"), &share);
    server.process.stop();
}

fn rates(figure: &str, asked: &str, windows: Vec<Window>) {
    let of = |what: fn(&Window) -> f64| median(windows.iter().map(what).collect());
    let all: Vec<String> = windows.iter().map(|window| format!("{:.0}", window.rate)).collect();
    let costs = format!(
        "CPU us each: server {:.1}, load tool {:.1}; {:.2} cores, {:.0} requests/s; {} ({})",
        of(|it| it.server_us),
        of(|it| it.own_us),
        of(|it| it.cores),
        of(|it| it.requests),
        all.join(" "),
        load_average()
    );
    print_figure(figure, asked, &format!("{:.0}/s", of(|it| it.rate)), &costs);
}

fn show_page(page: &Page, (mut took, size): (Vec<Duration>, usize)) {
    took.sort();
    let ms = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1e3;
    let spread = format!(
        "p99 {:.2} ms; {} views over a kept connection, one at a time; {}",
        ms(99),
        took.len(),
        load_average()
    );
    print_figure(&format!("{}, p50", page.name), "<= 2 ms", &format!("{:.2} ms", ms(50)), &spread);
    print_figure(&format!("{}, size", page.name), "<= 30 KB", &format!("{:.1} KB", size as f64 / 1e3), "");
}

fn long_run(place: &Path, directory: &Path, users: usize) {
    let server = Server::start(&place.join("served"), Some(&config()), Some(directory));
    let http = Requests::of(server.http, false);
    let mut line = Line::open(server.http);
    let token = Requests::token(&mut line, &http.client_credentials());
    let of_user = Requests::token(&mut line, &http.by_password(0));
    let others: [Arc<[u8]>; 3] = [
        http.client_credentials().into(),
        http.get("/userinfo", &bearer(&of_user)).into(),
        http.get("/.well-known/jwks.json", "").into(),
    ];
    let mix = |n| -> Box<dyn Talk> {
        Box::new(Mix { by_email: ByEmail::new(&http, &token, users), others: others.clone(), n })
    };
    // The cost of a process's first requests only.
    Load::start(&server, false, mix).until(10_000);
    let tenths = Load::start(&server, false, mix).tenths(LONG_RUN);
    let (first, first_mb) = tenths[0];
    let (last, last_mb) = tenths[9];
    let all: Vec<String> = tenths.iter().map(|(tenth, _)| format!("{:.0}", tenth.rate)).collect();
    let share = format!("{:.1} %", last.rate / first.rate * 100.0);
    let spread = format!(
        "{LONG_RUN} requests, /s by tenths: {}; CPU us each: server {:.1}, load tool {:.1} ({})",
        all.join(" "),
        last.server_us,
        last.own_us,
        load_average()
    );
    print_figure("long run, last tenth to first", ">= 95 %", &share, &spread);
    let grown = format!("{first_mb:.1} MB after the first tenth");
    print_figure("long run, memory at its end", "-", &format!("{last_mb:.1} MB"), &grown);
    server.process.stop();
}

fn print_figure(figure: &str, asked: &str, measured: &str, more: &str) {
    println!("{figure:<52} {asked:>20} {measured:>12}   {more}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The load average of the last minute, this bench included.
fn load_average() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load average {}", load.split(' ').next().unwrap_or("unknown"))
}
