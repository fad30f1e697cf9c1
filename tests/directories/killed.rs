//! Links whose process is killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ligature_host::directory::{Administration, EntryKind, JournalQuery, SnapshotState};
use ligature_host::model::ApiError;

use super::storage::sqlite;
use super::users::{InFewWords, link, user};
use super::{Implementation, Test};

/// Tests of the file.
pub(crate) const SQLITE: &[Test] =
    &[("a_killed_process_leaves_links_whole_or_absent", a_killed_process_leaves_links_whole_or_absent)];

/// The environment variable that names the users for a child to link.
pub(crate) const CHILD: &str = "LIGATURE_LINKING_CHILD";
const PAIRS: usize = 200;

fn pair(n: usize) -> [String; 2] {
    [format!("auth0|{n}"), format!("google-oauth2|{n}")]
}

/// The child's part: links every pair that is not linked yet, four at a time,
/// and says each on a line once it is answered.
pub(crate) fn link_all(file: &Path) {
    let directory = sqlite(file);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let directory = &directory;
            scope.spawn(move || {
                for n in (thread..PAIRS).step_by(4) {
                    let [primary, secondary] = pair(n);
                    match directory.link(&link(&primary, &secondary)) {
                        Ok(_) => println!("{n}"),
                        Err(ApiError::AlreadyLinked(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
}

fn a_killed_process_leaves_links_whole_or_absent(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    let directory = sqlite(&file);
    for id in (0..PAIRS).flat_map(pair) {
        directory
            .create(user(&format!(r#"{{"user_id": "{id}", "app_metadata": {{"of": "{id}"}}}}"#)))
            .unwrap();
    }
    drop(directory);

    let mut answered = [false; PAIRS];
    let mut kills = 0;
    while answered.contains(&false) {
        let was_killed = run_and_kill(&file, fastrand::usize(1..20), &mut answered);
        kills += usize::from(was_killed);
        check_pairs(&sqlite(&file), &mut answered);
        assert!(kills < 5_000, "no run gets anywhere");
        if !was_killed {
            break;
        }
    }
    assert!(kills > 0, "nothing was killed");
    assert_eq!(answered, [true; PAIRS]);
}

/// Kills the child some time after `links` links. Returns whether it was not done by
/// then.
fn run_and_kill(file: &Path, links: usize, answered: &mut [bool; PAIRS]) -> bool {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .env(CHILD, file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let out = child.stdout.take().expect("its output");
    for (n, line) in BufReader::new(out).lines().map_while(Result::ok).enumerate() {
        answered[line.parse::<usize>().expect("a number")] = true;
        if n + 1 == links {
            // Somewhere in the links that four threads are making meanwhile.
            std::thread::sleep(Duration::from_micros(fastrand::u64(0..1_500)));
            let _ = child.kill();
        }
    }
    !child.wait().expect("the child ends").success()
}

/// Asserts that each pair is either linked with an entry in the journal, or not linked without one.
fn check_pairs(directory: &Arc<dyn Administration>, answered: &mut [bool; PAIRS]) {
    for (n, answered) in answered.iter_mut().enumerate() {
        let [primary, secondary] = pair(n);
        let query = JournalQuery { user_id: Some(secondary.clone()), limit: 10, ..JournalQuery::default() };
        let entries = directory.journal(&query).unwrap();
        if directory.get(&secondary).is_ok() {
            assert!(!*answered, "the link of {primary} was answered, and is lost");
            assert_eq!(directory.identities(&primary), [primary.as_str()]);
            assert!(entries.is_empty());
        } else {
            // Done just before the kill, and not answered any more.
            *answered = true;
            assert_eq!(directory.identities(&primary), [primary.as_str(), secondary.as_str()]);
            assert_eq!(directory.owner_of("google-oauth2", "google-oauth2", &n.to_string()), Some(primary));
            assert_eq!(entries.len(), 1);
            assert_eq!(entries[0].kind, EntryKind::Link);
            assert!(matches!(directory.journal_entry(&entries[0].id).unwrap().kept, SnapshotState::Whole(_)));
        }
    }
}
