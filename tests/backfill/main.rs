//! A backfill: its counts on a user base whose answer is known.

mod user_base;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ligature_host::ambient::Ambient;
use ligature_host::backfill::{
    Addresses, FileCounts, FileGroups, GroupDecider, PlanHeader, PlanWriter, Preview, Tally, Unwatched,
};
use ligature_host::policies::LoadedPolicy;
use ligature_host::sandbox::Settings;
use ligature_tests::SANDBOX;
use user_base::Expected;

fn policies() -> Vec<LoadedPolicy> {
    let plugin = SANDBOX.load(ligature_host::PLUGIN_NAME, ligature_host::PLUGIN).expect("it loads");
    vec![LoadedPolicy {
        name: "link-users-by-email".into(),
        plugin: Arc::new(plugin),
        settings: Settings::new(user_base::POLICY.to_owned()),
        warnings: Arc::default(),
    }]
}

/// Previews a file. Returns the counts, and the plan.
fn preview(users: &Path, threads: usize) -> (Tally, FileCounts, Vec<u8>) {
    let (policies, ambient) = (policies(), Ambient::system());
    let now = "2026-11-21T10:00:00Z".parse().expect("a time");
    let folder = tempfile::tempdir().expect("a folder");
    let mut groups = FileGroups::find(users, folder.path(), &Unwatched).expect("the file is read");
    let header = PlanHeader::new(now, "a file".to_owned(), Vec::new());
    let mut plan = PlanWriter::begin(Vec::new(), &header).expect("the plan is written");
    let decider = GroupDecider { policies: &policies, now, ambient: &ambient, read_roles: None };
    let preview = Preview { decider, threads, progress: &Unwatched, addresses: Addresses::Masked };
    let tally = preview.plan_groups(&mut groups, &mut plan).expect("every group is decided");
    (tally, groups.counts, plan.end().expect("the plan is written"))
}

/// Writes a user base to a file of the folder.
fn write_user_base(folder: &Path, users: u64) -> (PathBuf, Expected) {
    let path = folder.join("users.ndjson");
    let mut out = BufWriter::new(File::create(&path).expect("a file"));
    let expected = user_base::write_users(users, &mut out).expect("the users are written");
    out.flush().expect("the users are written");
    (path, expected)
}

#[test]
fn the_counts_of_a_known_user_base_are_exact() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, expected) = write_user_base(folder.path(), 10_000);
    let (tally, counts, _) = preview(&path, 2);
    assert_eq!((counts.users, counts.without_address, counts.left_out), (expected.users, 0, 0));
    assert_eq!(tally.groups_by_kind, expected.groups);
    assert_eq!((tally.accounts, tally.removed_accounts), (expected.accounts, expected.removed));
    for ((kind, reason), groups) in &expected.reasons {
        let logins = tally.reasons[kind][*reason];
        // Each of three accounts but the oldest logs in.
        let of_group = if *reason == "MULTIPLE_CANDIDATES" { 2 } else { 1 };
        assert_eq!(logins, groups * of_group, "{reason}");
    }
    let kinds = |tally: &Tally| tally.reasons.values().map(BTreeMap::len).sum::<usize>();
    assert_eq!(kinds(&tally), expected.reasons.len(), "no other reason is given");
}

#[test]
fn the_plan_is_the_same_for_any_number_of_threads_and_any_order_of_the_users() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, _) = write_user_base(folder.path(), 2_000);
    let (_, _, plan) = preview(&path, 1);
    assert_eq!(preview(&path, 3).2, plan);
    let text = std::fs::read_to_string(&path).expect("the users");
    let mut lines: Vec<&str> = text.lines().collect();
    fastrand::Rng::with_seed(7).shuffle(&mut lines);
    std::fs::write(&path, lines.join("\n")).expect("the users are written");
    assert_eq!(preview(&path, 2).2, plan);
}
