//! The cost of a backfill: `make bench-backfill`. The program is another process.
//!
//! `LIGATURE_BENCH_USERS` is another number of users than ten million, `LIGATURE_BENCH_IMPORTED` that of
//! the users in a database, which are a million at most by default: an import takes most of the time. A
//! user takes about 750 bytes in a file and twice that in a database, on the disk of the target directory.
//!
//! The counts are exact, and the same by every source of as many users. A missed limit ends the bench with
//! an exit code other than 0, after all figures; with `LIGATURE_BENCH_DOCS`, they are written into that
//! file, between two comments.
//!
//! Compare only figures of one run: the other load of the machine is in them.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ligature_test_servers::Postgres;
use serde_json::Value;

use figures::Figures;
use measured::Measured;
use program::program;
use user_base::{Expected, POLICY, write_pairs, write_users};

mod figures;
mod measured;
#[allow(dead_code, reason = "each bench uses what it needs")]
#[path = "../program.rs"]
mod program;
#[path = "../../backfill/user_base.rs"]
mod user_base;

/// The number of users.
const USERS: u64 = 10_000_000;
/// The usual maximum number of users that are imported into a database.
const IMPORTED: u64 = 1_000_000;
/// The limits: the time and the memory of a preview of [`USERS`] users in a file, and the links a second.
const PREVIEW_SECONDS: f64 = 300.0;
const PREVIEW_MB: u64 = 500;
const LINKS_PER_SECOND: f64 = 1_500.0;
/// The number of pairs that are linked.
const PAIRS: u64 = 30_000;
/// The number of processes that share a run.
const PROCESSES: usize = 2;
/// The space that a user takes on the disk, in bytes, in files and in databases.
const BYTES_OF_USER: u64 = 1_500;

fn main() {
    // `cargo test --benches` only asks whether it is built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let users = read_number("LIGATURE_BENCH_USERS").unwrap_or(USERS);
    let imported = read_number("LIGATURE_BENCH_IMPORTED").unwrap_or(IMPORTED.min(users));
    let place = Place::create();
    place.require_space(users.max(imported));
    let mut figures = Figures::default();
    let few = preview_file(&place, users / 10, &mut figures);
    let many = preview_file(&place, users, &mut figures);
    println!("{:.2} times the time for {:.2} times the users", many.time / few.time, many.users / few.users);
    figures.require_at_most("a preview of a file takes seconds", many.time, PREVIEW_SECONDS);
    // The counts of a database are compared with those of a file of as many users.
    let of_file = match imported {
        _ if imported == users => many.tally,
        _ if imported == users / 10 => few.tally,
        _ => preview_file(&place, imported, &mut figures).tally,
    };

    let postgres = Postgres::start_durable();
    let mut databases = vec![("SQLite", "sqlite:users.db".to_owned(), "sqlite:pairs.db".to_owned())];
    match &postgres {
        Ok(server) => databases.push(("PostgreSQL", server.schema(), server.schema())),
        Err(why) => println!("{}", why.0),
    }
    for (name, for_users, for_pairs) in databases {
        let tally = preview_directory(&place, (name, &for_users), imported, &mut figures);
        assert_eq!(tally, of_file, "{name} and a file give the same counts");
        apply(&place, (name, &for_pairs), &mut figures);
    }
    let _ = fs::remove_dir_all(&place.0);
    if let Some(docs) = std::env::var_os("LIGATURE_BENCH_DOCS").filter(|docs| !docs.is_empty()) {
        figures.write_into(docs.as_ref());
    }
    let missed = figures.missed();
    if !missed.is_empty() {
        eprintln!("limits are missed: {}", missed.join("; "));
        std::process::exit(1);
    }
}

/// Reads the number of a variable.
fn read_number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// A preview of a file.
struct FilePreview {
    /// In seconds.
    time: f64,
    users: f64,
    tally: Value,
}

/// The folder of the bench.
struct Place(PathBuf);

impl Place {
    fn create() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-backfill");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("policy.json"), POLICY).expect("a file");
        Self(folder)
    }

    /// Ends the bench if the disk has too little space.
    fn require_space(&self, users: u64) {
        let output = std::process::Command::new("df").args(["-Pk"]).arg(&self.0).output();
        let table = String::from_utf8_lossy(&output.expect("df runs").stdout).into_owned();
        let fields = table.lines().nth(1).unwrap_or_default().split_whitespace();
        let free = fields.skip(3).find_map(|kib| kib.parse::<u64>().ok()).unwrap_or(u64::MAX / 1024) * 1024;
        let needed = users * BYTES_OF_USER;
        assert!(
            free > needed,
            "{} MB are needed and {} MB are free; name fewer users, such as USERS=1000000",
            needed / 1_000_000,
            free / 1_000_000
        );
    }

    /// Runs the program to its end.
    fn run(&self, arguments: &[&str]) -> Measured {
        self.start(arguments).finish()
    }

    fn start(&self, arguments: &[&str]) -> measured::Running {
        let mut command = program(&self.0);
        command.args(arguments).current_dir(&self.0).stdout(Stdio::piped()).stderr(Stdio::piped());
        measured::Running::start(command)
    }

    fn write_base(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<Expected>,
    ) -> Expected {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(self.0.join(name)).expect("a file"));
        let expected = write(&mut out).expect("the users are written");
        out.flush().expect("the users are written");
        expected
    }

    fn remove(&self, name: &str) {
        let path = self.0.join(name);
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// Previews a file of so many users.
#[allow(clippy::cast_precision_loss, reason = "a number of users")]
fn preview_file(place: &Place, users: u64, figures: &mut Figures) -> FilePreview {
    let expected = place.write_base("users.ndjson", |out| write_users(users, out));
    let bytes = fs::metadata(place.0.join("users.ndjson")).expect("a file").len();
    let preview = ["backfill", "preview", "--users", "users.ndjson", "--report", "report"];
    let measured = place.run(&[&preview[..], &["--policy", "policy.json", "--json"]].concat());
    let tally = assert_known(&measured.printed, &expected);
    let what = format!("preview of {} users in NDJSON ({} MB)", expected.users, bytes / 1_000_000);
    figures.add(what, &measured, "every count is exact");
    figures.require_at_most("a preview of a file takes MB", measured.peak_mb as f64, PREVIEW_MB as f64);
    place.remove("report");
    FilePreview { time: seconds(measured.time), users: expected.users as f64, tally }
}

/// Asserts that the counts are the expected ones, and returns them.
fn assert_known(printed: &str, expected: &Expected) -> Value {
    let tally: Value = serde_json::from_str(printed).expect("JSON");
    for (kind, groups) in &expected.groups {
        assert_eq!(tally["groups_by_kind"][kind], *groups, "{kind}: {tally}");
    }
    assert_eq!(tally["accounts"], expected.accounts, "{tally}");
    assert_eq!(tally["removed_accounts"], expected.removed, "{tally}");
    for ((kind, reason), groups) in &expected.reasons {
        // Each of three accounts but the oldest logs in.
        let of_group = if *reason == "MULTIPLE_CANDIDATES" { 2 } else { 1 };
        assert_eq!(tally["reasons"][kind][reason], groups * of_group, "{reason}: {tally}");
    }
    tally
}

/// Imports so many users and previews them. Returns the counts.
fn preview_directory(
    place: &Place,
    (name, directory): (&str, &str),
    users: u64,
    figures: &mut Figures,
) -> Value {
    let expected = place.write_base("users.ndjson", |out| write_users(users, out));
    let imported = place.run(&["users", "import", "users.ndjson", "--directory", directory]);
    figures.add(format!("import of {} users into {name}", expected.users), &imported, "");
    place.remove("users.ndjson");
    let preview = ["backfill", "preview", "--directory", directory, "--policy", "policy.json", "--json"];
    let measured = place.run(&preview);
    let tally = assert_known(&measured.printed, &expected);
    let what = format!("preview of {} users in {name}", expected.users);
    figures.add(what, &measured, "the same counts as of the file");
    tally
}

/// Links every pair, by several processes that share the run, and undoes the links.
#[allow(clippy::cast_precision_loss, reason = "a number of links")]
fn apply(place: &Place, (name, directory): (&str, &str), figures: &mut Figures) {
    place.write_base("pairs.ndjson", |out| write_pairs(PAIRS, out));
    place.run(&["users", "import", "pairs.ndjson", "--directory", directory]);
    let shared = ["--directory", directory, "--policy", "policy.json"];
    place.run(&[&["backfill", "preview", "--report", "pairs"], &shared[..]].concat());
    let apply = [&["backfill", "apply", "pairs/plan.ndjson", "--json"], &shared[..]].concat();
    let running: Vec<_> = (0..PROCESSES).map(|_| place.start(&apply)).collect();
    let ended: Vec<Measured> = running.into_iter().map(measured::Running::finish).collect();
    let Some(last) = ended.iter().max_by_key(|it| it.time) else { return };
    let run: Value = serde_json::from_str(&last.printed).expect("JSON");
    assert_eq!((&run["groups"][0]["state"], &run["groups"][0]["number"]), (&"linked".into(), &PAIRS.into()));
    let rate = |it: &Measured| PAIRS as f64 / seconds(it.time);
    let what = format!("apply of {PAIRS} links in {name} by {PROCESSES} processes");
    figures.add(what, last, &format!("{:.0} links/s", rate(last)));
    figures.require_at_least(&format!("links/s in {name}"), rate(last), LINKS_PER_SECOND);
    let id = run["run"].as_str().expect("an id");
    let undone = place.run(&["backfill", "undo", id, "--directory", directory, "--json"]);
    let what = format!("undo of {PAIRS} links in {name} by one process");
    figures.add(what, &undone, &format!("{:.0} links/s", rate(&undone)));
    place.remove("pairs");
}
