//! Runs that processes share, and in the middle of which they are killed.

use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ligature_host::ambient::Ambient;
use ligature_host::directory::{Administration, JournalQuery, Location, OpenMode, OpenOptions, open};
use ligature_host::model::ApiError;
use ligature_test_servers::Postgres;
use serde_json::Value;

use crate::known_base::{POLICY, write_pairs};
use crate::place::{Place, Ran};

/// A folder, and a directory in which every person has two accounts.
pub(crate) struct Shared {
    pub(crate) place: Place,
    directory: String,
    /// The number of people who have several accounts each.
    people: u64,
    /// The number of links.
    links: u64,
    /// The directory in which users are counted. Each open directory has threads of its own.
    counted: Mutex<Option<Arc<dyn Administration>>>,
}

impl Shared {
    /// Everybody has two accounts.
    pub(crate) fn create(directory: &str, people: u64) -> Self {
        let mut users = Vec::new();
        write_pairs(people, &mut users).expect("it is written to memory");
        Self::with_users(directory, (POLICY, &users), [people, people])
    }

    /// Imports users, and previews them by a policy.
    pub(crate) fn with_users(
        directory: &str,
        (policy, users): (&str, &[u8]),
        [people, links]: [u64; 2],
    ) -> Self {
        let place = Place::with_files(&[("policy.json", policy)]);
        place.write("users.ndjson", users);
        let directory = directory.replace("FOLDER", &place.path().display().to_string());
        let shared = Self { place, directory, people, links, counted: Mutex::default() };
        shared.run(&["users", "import", "users.ndjson"]);
        shared.run(&["backfill", "preview", "--policy", "policy.json", "--report", "report"]);
        shared
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        Self::expect_success(self.start(arguments))
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.place.command(arguments);
        command.env("LIGATURE_DIRECTORY", &self.directory);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
    }

    pub(crate) fn start_to_apply(&self, more: &[&str]) -> Child {
        let apply =
            ["backfill", "apply", "report/plan.ndjson", "--policy", "policy.json", "--json", "--lease", "1"];
        self.start(&[&apply[..], more].concat())
    }

    /// Waits for the end, which must be a success, and returns what was printed.
    pub(crate) fn expect_success(child: Child) -> String {
        let ended = Ran::read(child.wait_with_output().expect("the end"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stdout
    }

    pub(crate) fn open(&self) -> Arc<dyn Administration> {
        self.open_for(OpenMode::ReadOnly)
    }

    pub(crate) fn open_for(&self, mode: OpenMode) -> Arc<dyn Administration> {
        let location: Location = self.directory.parse().expect("a location");
        let ambient = Ambient::system();
        let options = OpenOptions { key: None, journal: None, mode, ambient: &ambient, notify: &|_| {} };
        open(&location, options).expect("it opens")
    }

    /// Returns the number of users. A reader of an SQLite file may be overtaken by the first writer.
    pub(crate) fn count(&self) -> u64 {
        let mut counted = self.counted.lock().expect("no test has panicked");
        loop {
            match counted.get_or_insert_with(|| self.open()).count() {
                Ok(number) => return number,
                Err(ApiError::Unavailable(_)) => *counted = None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Kills two processes that share the run, again and again, at random points after their first link.
    pub(crate) fn kill_pairs(&self, rounds: u64) {
        let mut random = fastrand::Rng::with_seed(rounds);
        for _ in 0..rounds {
            let before = self.count();
            let slowly = ["--threads", "1", "--rate", "100"];
            let mut pair = [self.start_to_apply(&slowly), self.start_to_apply(&slowly)];
            while self.count() == before {
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(Duration::from_millis(random.u64(0..80)));
            for child in &mut pair {
                child.kill().expect("a signal");
                child.wait().expect("the end");
            }
        }
        let left = self.count() - self.people;
        assert!(left > 0, "they were killed before the end");
    }

    /// Applies the rest by two processes. Returns the id of the run.
    pub(crate) fn apply_the_rest(&self) -> String {
        let pair = [self.start_to_apply(&[]), self.start_to_apply(&[])];
        let ended = pair.map(|child| serde_json::from_str::<Value>(&Self::expect_success(child)));
        let run = ended.into_iter().next_back().and_then(Result::ok).expect("JSON");
        assert_eq!(
            (&run["groups"][0]["state"], &run["groups"][0]["number"]),
            (&"linked".into(), &self.people.into())
        );
        assert_eq!(run["groups"].as_array().map(Vec::len), Some(1), "{run}");
        run["run"].as_str().expect("an id").to_owned()
    }

    /// Asserts that the users are those of an export, but for what the undo of a run announces.
    pub(crate) fn assert_restored(&self, before: &str, run: &str) {
        let groups = self.run(&["backfill", "status", run, "--groups", "--json"]);
        let groups: Vec<Value> = groups.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect();
        assert!(groups.iter().all(|group| group["state"] == "undone"));
        let after = self.run(&["users", "export"]);
        let exports = |groups| [&after, before].map(|export| without_announced(export, groups));
        let [changed, unchanged] = exports(&[]);
        assert!(changed != unchanged, "something is announced");
        let [after, before] = exports(&groups);
        assert_eq!(after.len(), before.len());
        for (after, before) in after.iter().zip(&before) {
            assert_eq!(after, before);
        }
    }

    /// Every person has one account, and every link is in the journal once.
    pub(crate) fn assert_all_linked_once(&self) {
        let directory = self.open();
        assert_eq!(directory.count(), Ok(self.people));
        let query = JournalQuery { limit: 10_000, ..JournalQuery::default() };
        let entries = directory.journal(&query).expect("entries");
        let mut linked: Vec<&String> = entries.iter().map(|entry| &entry.secondary).collect();
        linked.sort_unstable();
        linked.dedup();
        assert_eq!((entries.len() as u64, linked.len() as u64), (self.links, self.links));
    }
}

/// Returns the number of kills of a suite: half of `LIGATURE_KILLS`, or `usual`.
fn count_kills(usual: u64) -> u64 {
    let given = std::env::var("LIGATURE_KILLS").ok();
    given.map_or(usual, |given| given.parse::<u64>().expect("a number").div_ceil(2))
}

/// The people of a run that outlasts so many kills.
const PEOPLE_OF_A_KILL: u64 = 55;

/// The killed processes hold the groups of their claims for a second.
#[test]
fn every_group_is_linked_once_after_kills_at_random_points_in_sqlite() {
    let kills = count_kills(11);
    let shared = Shared::create("sqlite:FOLDER/users.db", kills * PEOPLE_OF_A_KILL);
    shared.kill_pairs(kills);
    shared.apply_the_rest();
    shared.assert_all_linked_once();
}

#[test]
fn every_group_is_linked_once_after_kills_at_random_points_in_postgres() {
    let Ok(server) = Postgres::start() else { return };
    let kills = count_kills(14);
    let shared = Shared::create(&server.schema(), kills * PEOPLE_OF_A_KILL);
    shared.kill_pairs(kills);
    shared.apply_the_rest();
    shared.assert_all_linked_once();
}

/// Returns the users of an export without the fields that the undo has announced as different. A sentence
/// names the fields in backticks, and the users by their ids.
fn without_announced(export: &str, groups: &[Value]) -> Vec<Value> {
    let announced: Vec<&str> = groups.iter().filter_map(|group| group["detail"].as_str()).collect();
    let sentences: Vec<&str> = announced.iter().flat_map(|detail| detail.split_inclusive(". ")).collect();
    let mut users: Vec<Value> =
        export.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for user in &mut users {
        let id = user["user_id"].as_str().expect("an id").to_owned();
        for sentence in sentences.iter().filter(|sentence| sentence.split(' ').any(|word| word == id)) {
            // What is between two backticks.
            for field in sentence.split('`').skip(1).step_by(2) {
                remove_field(user, &field.split('.').collect::<Vec<_>>());
            }
        }
    }
    users.sort_by_key(|user| user["user_id"].as_str().map(str::to_owned));
    users
}

/// Removes a field, and each object that has only that field.
fn remove_field(value: &mut Value, path: &[&str]) {
    let ([name, rest @ ..], Some(fields)) = (path, value.as_object_mut()) else { return };
    let is_removed = match (rest, fields.get_mut(*name)) {
        ([], _) => true,
        (rest, Some(inner)) => {
            remove_field(inner, rest);
            inner.as_object().is_some_and(serde_json::Map::is_empty)
        }
        (_, None) => false,
    };
    if is_removed {
        fields.remove(*name);
    }
}

fn apply_and_undo(directory: &str) {
    let shared = Shared::create(directory, 60);
    let before = shared.run(&["users", "export"]);
    let run = shared.apply_the_rest();
    shared.assert_all_linked_once();
    let undo = ["backfill", "undo", &run, "--json"];
    let pair = [shared.start(&undo), shared.start(&undo)];
    let ended =
        pair.map(|child| serde_json::from_str::<Value>(&Shared::expect_success(child)).expect("JSON"));
    let told = |run: &Value| {
        let sentences = run["this_command"]["not_restored"].as_object().expect("sentences");
        sentences.values().map(|it| it.as_u64().expect("a number")).sum::<u64>()
    };
    assert_eq!(ended.iter().map(told).sum::<u64>(), 2 * 60, "sessions, and the separation");
    let status: Value =
        serde_json::from_str(&shared.run(&["backfill", "status", &run, "--json"])).expect("JSON");
    assert_eq!(
        (&status["groups"][0]["state"], &status["groups"][0]["number"]),
        (&"undone".into(), &60.into())
    );
    shared.assert_restored(&before, &run);
}

#[test]
fn a_run_that_two_processes_apply_and_undo_leaves_the_users_as_they_were_in_sqlite() {
    apply_and_undo("sqlite:FOLDER/users.db");
}

#[test]
fn a_run_that_two_processes_apply_and_undo_leaves_the_users_as_they_were_in_postgres() {
    let Ok(server) = Postgres::start() else { return };
    apply_and_undo(&server.schema());
}
