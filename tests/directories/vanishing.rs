//! An SQLite file that others delete, replace, move or cut while it is open,
//! and a lock that others hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ligature_host::ambient::Ambient;
use ligature_host::directory::{Administration, OpenMode, SqlDirectory};
use ligature_host::model::ApiError;

use super::users::{InFewWords, ada, google, user};
use super::{Implementation, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_deleted_file_takes_no_changes", a_deleted_file_takes_no_changes),
    ("a_deleted_file_is_not_read_for_long", a_deleted_file_is_not_read_for_long),
    ("a_replaced_file_takes_no_changes", a_replaced_file_takes_no_changes),
    ("a_file_that_is_moved_back_goes_on", a_file_that_is_moved_back_goes_on),
    (
        "a_name_that_leads_to_another_file_takes_no_changes",
        a_name_that_leads_to_another_file_takes_no_changes,
    ),
    ("a_deleted_log_is_told_and_its_changes_are_kept", a_deleted_log_is_told_and_its_changes_are_kept),
    ("a_deleted_index_of_the_log_is_told", a_deleted_index_of_the_log_is_told),
    ("a_file_that_was_cut_takes_no_changes", a_file_that_was_cut_takes_no_changes),
    ("a_file_that_another_program_has_compacted_goes_on", a_file_that_another_program_has_compacted_goes_on),
    ("a_queue_of_writers_waits_five_seconds_in_all", a_queue_of_writers_waits_five_seconds_in_all),
];

struct Place {
    folder: tempfile::TempDir,
    directory: Arc<dyn Administration>,
}

impl Place {
    fn with_ada() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = open(&folder.path().join("users.db"));
        directory.create(ada()).expect("the user is made");
        Self { folder, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The answer to a change that must not be answered as done.
    fn refusal(&self) -> String {
        let error = self.directory.create(google()).expect_err("nothing may be answered as done");
        assert!(matches!(error, ApiError::Unavailable(_)), "{error:?}");
        error.to_string()
    }

    /// The users that a new start finds.
    fn after_the_end(self) -> Vec<String> {
        let Self { folder, directory } = self;
        drop(directory);
        let again = open(&folder.path().join("users.db"));
        again.all().into_iter().map(|user| user.user_id).collect()
    }
}

fn open(file: &Path) -> Arc<dyn Administration> {
    Arc::new(SqlDirectory::sqlite(file, None, OpenMode::Create, &Ambient::system()).expect("it opens"))
}

fn a_deleted_file_takes_no_changes(_: &Implementation) {
    let place = Place::with_ada();
    fs::remove_file(place.path("users.db")).unwrap();
    for _ in 0..2 {
        let why = place.refusal();
        assert!(why.contains("users.db was deleted") && why.contains("put it back"), "{why}");
    }
    assert!(!place.path("users.db").exists(), "it is not created again");
}

fn a_deleted_file_is_not_read_for_long(_: &Implementation) {
    let place = Place::with_ada();
    fs::remove_file(place.path("users.db")).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let error = place.directory.get("auth0|1").unwrap_err();
    assert!(error.to_string().contains("users.db was deleted"), "{error}");
}

/// An operator who restores a copy replaces the file in this way.
fn a_replaced_file_takes_no_changes(_: &Implementation) {
    let place = Place::with_ada();
    let other = open(&place.path("other.db"));
    other.create(user(r#"{"user_id": "sms|7"}"#)).unwrap();
    drop(other);
    fs::rename(place.path("other.db"), place.path("users.db")).unwrap();
    let why = place.refusal();
    assert!(why.contains("another file has replaced") && why.contains("start it again"), "{why}");
    for log in ["users.db-wal", "users.db-shm"] {
        fs::remove_file(place.path(log)).unwrap();
    }
    assert_eq!(place.after_the_end(), ["sms|7"], "the copy is as it was put there");
}

fn a_file_that_is_moved_back_goes_on(_: &Implementation) {
    let place = Place::with_ada();
    fs::rename(place.path("users.db"), place.path("away.db")).unwrap();
    assert!(place.refusal().contains("was deleted or moved away"));
    fs::rename(place.path("away.db"), place.path("users.db")).unwrap();
    place.directory.create(google()).unwrap();
    assert_eq!(place.after_the_end(), ["auth0|1", "google-oauth2|115"]);
}

fn a_name_that_leads_to_another_file_takes_no_changes(_: &Implementation) {
    let place = Place::with_ada();
    let link = place.path("link.db");
    std::os::unix::fs::symlink(place.path("users.db"), &link).unwrap();
    let by_link = open(&link);
    by_link.create(user(r#"{"user_id": "sms|7"}"#)).unwrap();
    fs::remove_file(&link).unwrap();
    drop(open(&place.path("other.db")));
    std::os::unix::fs::symlink(place.path("other.db"), &link).unwrap();
    let why = by_link.create(google()).unwrap_err().to_string();
    assert!(why.contains("another file has replaced"), "{why}");
    place.directory.create(google()).expect("whoever has the file by its own name goes on");
}

fn a_deleted_log_is_told_and_its_changes_are_kept(_: &Implementation) {
    let place = Place::with_ada();
    fs::remove_file(place.path("users.db-wal")).unwrap();
    let why = place.refusal();
    assert!(why.contains("users.db-wal") && why.contains("SIGTERM"), "{why}");
    assert_eq!(place.after_the_end(), ["auth0|1"], "the ordinary end has written down what was answered");
}

fn a_deleted_index_of_the_log_is_told(_: &Implementation) {
    let place = Place::with_ada();
    fs::remove_file(place.path("users.db-shm")).unwrap();
    let why = place.refusal();
    assert!(why.contains("users.db-shm"), "{why}");
}

fn a_file_that_was_cut_takes_no_changes(_: &Implementation) {
    for pages in [0, 3] {
        let place = Place::with_ada();
        let (size, many) = (4096, 40);
        for n in 0..many {
            let text = format!(r#"{{"user_id": "sms|{n}", "name": "{}"}}"#, "x".repeat(2000));
            place.directory.create(user(&text)).unwrap();
        }
        let other = rusqlite::Connection::open(place.path("users.db")).unwrap();
        let _: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        // The connection has seen the file as long as it is now.
        place.directory.create(user(r#"{"user_id": "sms|more"}"#)).unwrap();
        let file = fs::OpenOptions::new().write(true).open(place.path("users.db")).unwrap();
        assert!(file.metadata().unwrap().len() > pages * size);
        file.set_len(pages * size).unwrap();
        let why = place.refusal();
        assert!(why.contains("was cut short by another program"), "{pages}: {why}");
        assert!(place.refusal().contains("was cut short"), "and again");
    }
}

fn a_file_that_another_program_has_compacted_goes_on(_: &Implementation) {
    let place = Place::with_ada();
    for n in 0..40 {
        let text = format!(r#"{{"user_id": "sms|{n}", "name": "{}"}}"#, "x".repeat(2000));
        place.directory.create(user(&text)).unwrap();
    }
    let other = rusqlite::Connection::open(place.path("users.db")).unwrap();
    let checkpoint = || {
        other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap();
        fs::metadata(place.path("users.db")).unwrap().len()
    };
    let before = checkpoint();
    place.directory.create(user(r#"{"user_id": "sms|more"}"#)).unwrap();
    for n in 0..40 {
        place.directory.delete(&format!("sms|{n}")).unwrap();
    }
    other.execute_batch("VACUUM").unwrap();
    assert!(checkpoint() < before, "the file is smaller");
    place.directory.create(google()).unwrap();
    drop(other);
    assert_eq!(place.after_the_end(), ["auth0|1", "google-oauth2|115", "sms|more"]);
}

fn a_queue_of_writers_waits_five_seconds_in_all(_: &Implementation) {
    let place = Place::with_ada();
    let other = rusqlite::Connection::open(place.path("users.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        for n in 0..20 {
            let directory = &place.directory;
            scope.spawn(move || {
                let begun = Instant::now();
                let error = directory.create(user(&format!(r#"{{"user_id": "sms|{n}"}}"#))).unwrap_err();
                assert!(matches!(error, ApiError::Unavailable(_)), "{error:?}");
                assert!(error.to_string().contains("another process keeps writing"), "{error}");
                let waited = begun.elapsed();
                assert!((4..7).contains(&waited.as_secs()), "{waited:?}");
            });
        }
    });
    other.execute_batch("COMMIT").unwrap();
    place.directory.create(google()).unwrap();
    assert_eq!(place.directory.count(), Ok(2));
}
