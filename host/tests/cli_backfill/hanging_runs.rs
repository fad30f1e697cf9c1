//! Runs one of whose processes hangs, undos that are killed, and groups of three accounts.

use std::process::{Child, Command};
use std::time::Duration;

use ligature_host::directory::{EntryKind, JournalQuery};
use ligature_test_servers::Postgres;
use serde_json::Value;

use crate::known_base::{LINK_ALL, POLICY, write_threes, write_users};
use crate::runs::count;
use crate::shared_runs::Shared;

const SQLITE: &str = "sqlite:FOLDER/users.db";

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

impl Shared {
    fn start_to_undo(&self, run: &str, more: &[&str]) -> Child {
        self.start(&[&["backfill", "undo", run, "--json", "--lease", "1"], more].concat())
    }

    /// Kills processes that undo a run, one after the other, at random points after their first link.
    fn kill_undos(&self, run: &str, rounds: u64) {
        let mut random = fastrand::Rng::with_seed(rounds);
        for _ in 0..rounds {
            let before = self.count();
            let mut child = self.start_to_undo(run, &["--threads", "1"]);
            while self.count() == before {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(random.u64(0..20)));
            child.kill().expect("a signal");
            child.wait().expect("the end");
        }
    }

    /// Undoes the rest of a run by two processes.
    fn undo_the_rest(&self, run: &str) {
        let pair = [self.start_to_undo(run, &[]), self.start_to_undo(run, &[])];
        let ended = pair.map(Self::expect_success);
        let state: Value = serde_json::from_str(&ended[1]).expect("JSON");
        assert_eq!(state["groups"].as_array().map(Vec::len), Some(1), "{state}");
    }

    /// Asserts that every link was made once and undone once.
    fn assert_all_undone_once(&self, links: usize) {
        let query = JournalQuery { limit: 10_000, ..JournalQuery::default() };
        let entries = self.open().journal(&query).expect("entries");
        let sorted = |kind| {
            let of_kind = entries.iter().filter(|entry| entry.kind == kind);
            let mut linked: Vec<&str> = of_kind.map(|entry| entry.secondary.as_str()).collect();
            linked.sort_unstable();
            linked
        };
        let (made, undone) = (sorted(EntryKind::Link), sorted(EntryKind::Undo));
        assert_eq!((made.len(), &undone), (links, &made));
        assert!(made.windows(2).all(|pair| pair[0] != pair[1]), "each account once");
    }
}

/// Applies groups of three accounts, each of which takes two links, and undoes them. The processes of both
/// are killed.
fn link_and_separate_threes(directory: &str) {
    const GROUPS: u64 = 150;
    let mut users = Vec::new();
    write_threes(GROUPS, &mut users).expect("it is written to memory");
    let shared = Shared::with_users(directory, (LINK_ALL, &users), [GROUPS, 2 * GROUPS]);
    let before = shared.run(&["users", "export"]);
    shared.kill_pairs(2);
    let run = shared.apply_the_rest();
    shared.assert_all_linked_once();
    shared.kill_undos(&run, 2);
    assert!(shared.count() < 3 * GROUPS, "they were killed before the end");
    shared.undo_the_rest(&run);
    assert_eq!(shared.count(), 3 * GROUPS);
    shared.assert_all_undone_once(usize::try_from(2 * GROUPS).expect("a number"));
    shared.assert_restored(&before, &run);
}

#[test]
fn groups_of_three_are_linked_and_separated_once_after_kills_in_sqlite() {
    link_and_separate_threes(SQLITE);
}

#[test]
fn groups_of_three_are_linked_and_separated_once_after_kills_in_postgres() {
    let Ok(server) = Postgres::start() else { return };
    link_and_separate_threes(&server.schema());
}

/// A process stops for longer than it holds its groups. Others do its work, and it goes on.
fn let_a_process_hang(directory: &str) {
    const PEOPLE: u64 = 40;
    let shared = Shared::create(directory, PEOPLE);
    let hanging = shared.start_to_apply(&["--threads", "1", "--rate", "20"]);
    while shared.count() == 2 * PEOPLE {
        std::thread::sleep(Duration::from_millis(2));
    }
    // It waits for the time of its next links, and has no transaction open.
    std::thread::sleep(Duration::from_millis(30));
    signal(&hanging, "-STOP");
    shared.apply_the_rest();
    signal(&hanging, "-CONT");
    let state: Value = serde_json::from_str(&Shared::expect_success(hanging)).expect("JSON");
    assert_eq!(count(&state, "linked"), PEOPLE, "{state}");
    shared.assert_all_linked_once();
}

#[test]
fn a_process_that_hangs_loses_its_groups_and_does_no_harm_in_sqlite() {
    let_a_process_hang(SQLITE);
}

#[test]
fn a_process_that_hangs_loses_its_groups_and_does_no_harm_in_postgres() {
    let Ok(server) = Postgres::start() else { return };
    let_a_process_hang(&server.schema());
}

/// While another process claims groups, they are locked: they are neither free, nor claimed yet.
#[test]
fn groups_that_another_process_is_about_to_claim_are_waited_for() {
    const PEOPLE: u64 = 40;
    let Ok(server) = Postgres::start() else { return };
    let directory = server.schema();
    let shared = Shared::create(&directory, PEOPLE);
    let mut first = shared.start_to_apply(&["--threads", "1", "--rate", "20"]);
    while shared.count() == 2 * PEOPLE {
        std::thread::sleep(Duration::from_millis(2));
    }
    signal(&first, "-INT");
    assert_eq!(first.wait().expect("the end").code(), Some(1), "it was stopped");

    let mut client = postgres::Client::connect(&directory, postgres::NoTls).expect("it connects");
    let mut claiming = client.transaction().expect("a transaction");
    claiming.execute("SELECT 1 FROM backfill_groups FOR UPDATE", &[]).expect("locks");
    let second = shared.start_to_apply(&[]);
    let tries =
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%SKIP LOCKED%' AND pid <> pg_backend_pid() LIMIT 1";
    let mut watching = postgres::Client::connect(&directory, postgres::NoTls).expect("it connects");
    while watching.execute(tries, &[]).expect("an answer") == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    // It finds nothing to claim for some time.
    std::thread::sleep(Duration::from_millis(300));
    claiming.commit().expect("they are free");
    let state: Value = serde_json::from_str(&Shared::expect_success(second)).expect("JSON");
    assert_eq!(count(&state, "linked"), PEOPLE, "{state}");
    shared.assert_all_linked_once();
}

/// A vacuum locks a table for some time. A claim waits for a lock for fifty milliseconds only.
#[test]
fn a_table_that_is_locked_for_a_moment_is_waited_for() {
    const PEOPLE: u64 = 60;
    let Ok(server) = Postgres::start() else { return };
    let directory = server.schema();
    let shared = Shared::create(&directory, PEOPLE);
    let mut client = postgres::Client::connect(&directory, postgres::NoTls).expect("it connects");
    let running = shared.start_to_apply(&["--threads", "1", "--rate", "40"]);
    while shared.count() == 2 * PEOPLE {
        std::thread::sleep(Duration::from_millis(2));
    }
    for _ in 0..3 {
        let mut vacuum = client.transaction().expect("a transaction");
        vacuum.batch_execute("LOCK TABLE backfill_groups IN ACCESS EXCLUSIVE MODE").expect("a lock");
        std::thread::sleep(Duration::from_millis(250));
        vacuum.commit().expect("it is free");
    }
    let state: Value = serde_json::from_str(&Shared::expect_success(running)).expect("JSON");
    assert_eq!(count(&state, "linked"), PEOPLE, "{state}");
    shared.assert_all_linked_once();
}

/// The base has every kind of group beside accounts that are alone.
fn link_and_separate_a_user_base(directory: &str) {
    let mut users = Vec::new();
    let expected = write_users(900, &mut users).expect("it is written to memory");
    let links = expected.groups["LINK"];
    let shared = Shared::with_users(directory, (POLICY, &users), [links, links]);
    let before = shared.run(&["users", "export"]);
    let run = shared.apply_the_rest();
    assert_eq!(shared.count(), expected.users - expected.removed);
    shared.undo_the_rest(&run);
    assert_eq!(shared.count(), expected.users);
    shared.assert_restored(&before, &run);
}

#[test]
fn an_undo_of_a_known_user_base_restores_it_in_sqlite() {
    link_and_separate_a_user_base(SQLITE);
}

#[test]
fn an_undo_of_a_known_user_base_restores_it_in_postgres() {
    let Ok(server) = Postgres::start() else { return };
    link_and_separate_a_user_base(&server.schema());
}
