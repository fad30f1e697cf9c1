//! The cost of a backfill: `make bench-backfill`. The program is another process.
//!
//! `LIGATURE_BENCH_USERS` is another number of users than ten million: about 750 bytes each on the disk of
//! the target directory, and as much again while SQLite and PostgreSQL are measured with a tenth of them.
//!
//! Compare only figures of one run: the other load of the machine is in them.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ligature_test_servers::Postgres;
use serde_json::Value;

use measured::Measured;
use program::program;
use user_base::{Expected, POLICY, write_pairs, write_users};

mod measured;
#[allow(dead_code, reason = "each bench uses what it needs")]
#[path = "../program.rs"]
mod program;
#[path = "../../backfill/user_base.rs"]
mod user_base;

/// The number of users.
const USERS: u64 = 10_000_000;
/// The maximum number of users that are imported into a database.
const IMPORTED: u64 = 1_000_000;
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
    let users = std::env::var("LIGATURE_BENCH_USERS").ok().and_then(|users| users.parse().ok());
    let users: u64 = users.unwrap_or(USERS);
    let place = Place::create();
    place.require_space(users);
    let few = preview_file(&place, users / 10);
    let many = preview_file(&place, users);
    println!("{:.2} times the time for {:.2} times the users", many.0 / few.0, many.1 / few.1);

    let postgres = Postgres::start_durable();
    let mut databases = vec![("SQLite", "sqlite:users.db".to_owned(), "sqlite:pairs.db".to_owned())];
    match &postgres {
        Ok(server) => databases.push(("PostgreSQL", server.schema(), server.schema())),
        Err(why) => println!("{}", why.0),
    }
    for (name, for_users, for_pairs) in databases {
        preview_directory(&place, (name, &for_users), users.min(IMPORTED));
        apply(&place, (name, &for_pairs));
    }
    let _ = fs::remove_dir_all(&place.0);
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
        command.args(arguments).current_dir(&self.0).stdout(Stdio::piped()).stderr(Stdio::null());
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

/// Previews a file of so many users. Returns the seconds, and the number of users.
#[allow(clippy::cast_precision_loss, reason = "a number of users")]
fn preview_file(place: &Place, users: u64) -> (f64, f64) {
    let expected = place.write_base("users.ndjson", |out| write_users(users, out));
    let bytes = fs::metadata(place.0.join("users.ndjson")).expect("a file").len();
    let preview = ["backfill", "preview", "--users", "users.ndjson", "--report", "report"];
    let measured = place.run(&[&preview[..], &["--policy", "policy.json", "--json"]].concat());
    assert_known(&measured.printed, &expected);
    println!(
        "preview of {} users in NDJSON ({} MB)   {:.1} s, peak {} MB resident; every count is exact",
        expected.users,
        bytes / 1_000_000,
        seconds(measured.time),
        measured.peak_mb,
    );
    place.remove("report");
    (seconds(measured.time), expected.users as f64)
}

fn assert_known(printed: &str, expected: &Expected) {
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
}

fn preview_directory(place: &Place, (name, directory): (&str, &str), users: u64) {
    let expected = place.write_base("users.ndjson", |out| write_users(users, out));
    place.run(&["users", "import", "users.ndjson", "--directory", directory]);
    place.remove("users.ndjson");
    let preview = ["backfill", "preview", "--directory", directory, "--policy", "policy.json", "--json"];
    let measured = place.run(&preview);
    assert_known(&measured.printed, &expected);
    println!(
        "preview of {} users in {name}   {:.1} s, peak {} MB resident; every count is exact",
        expected.users,
        seconds(measured.time),
        measured.peak_mb,
    );
}

/// Links every pair, by several processes that share the run, and undoes the links.
#[allow(clippy::cast_precision_loss, reason = "a number of links")]
fn apply(place: &Place, (name, directory): (&str, &str)) {
    place.write_base("pairs.ndjson", |out| write_pairs(PAIRS, out));
    place.run(&["users", "import", "pairs.ndjson", "--directory", directory]);
    let shared = ["--directory", directory, "--policy", "policy.json"];
    place.run(&[&["backfill", "preview", "--report", "pairs"], &shared[..]].concat());
    let apply = [&["backfill", "apply", "pairs/plan.ndjson", "--json"], &shared[..]].concat();
    let running: Vec<_> = (0..PROCESSES).map(|_| place.start(&apply)).collect();
    let ended: Vec<Measured> = running.into_iter().map(measured::Running::finish).collect();
    let time = ended.iter().map(|it| it.time).max().unwrap_or_default();
    let run: Value = serde_json::from_str(&ended[0].printed).expect("JSON");
    assert_eq!((&run["groups"][0]["state"], &run["groups"][0]["number"]), (&"linked".into(), &PAIRS.into()));
    println!(
        "apply of {PAIRS} links in {name} by {PROCESSES} processes   {:.1} s: {:.0} links/s, peak {} MB resident each",
        seconds(time),
        PAIRS as f64 / seconds(time),
        ended.iter().map(|it| it.peak_mb).max().unwrap_or_default(),
    );
    let id = run["run"].as_str().expect("an id");
    let undone = place.run(&["backfill", "undo", id, "--directory", directory, "--json"]);
    println!(
        "undo of {PAIRS} links in {name} by one process   {:.1} s: {:.0} links/s",
        seconds(undone.time),
        PAIRS as f64 / seconds(undone.time),
    );
    place.remove("pairs");
}
