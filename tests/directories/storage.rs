//! Databases that cannot be used, or that an older program has written.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ligature_host::ambient::Ambient;
use ligature_host::directory::{
    Administration, Memory, OpenMode, SealKey, SnapshotState, SqlDirectory, Stored,
};
use ligature_host::model::User;

use super::conformance::credentials::credential;
use super::users::{InFewWords, ada, at, counted, google, link, user};
use super::{Implementation, Test};

/// Tests of both databases.
pub(crate) const DURABLE: &[Test] = &[
    ("is_there_again_when_opened_again", is_there_again_when_opened_again),
    ("two_that_start_at_once_both_start", two_that_start_at_once_both_start),
    ("a_database_of_version_1_is_migrated", a_database_of_version_1_is_migrated),
];

/// Tests of the file.
pub(crate) const SQLITE: &[Test] = &[
    ("a_newer_database_is_refused", a_newer_database_is_refused),
    ("what_is_no_database_is_refused", what_is_no_database_is_refused),
    ("a_missing_file_is_not_made_unasked", a_missing_file_is_not_made_unasked),
    ("a_database_is_for_its_owners_eyes_only", a_database_is_for_its_owners_eyes_only),
    (
        "tokens_that_an_older_program_has_kept_are_not_read",
        tokens_that_an_older_program_has_kept_are_not_read,
    ),
    ("a_damaged_user_is_an_error_and_no_panic", a_damaged_user_is_an_error_and_no_panic),
    ("snapshots_are_encrypted_with_a_key", snapshots_are_encrypted_with_a_key),
    ("a_busy_database_is_waited_for", a_busy_database_is_waited_for),
    ("what_fails_beside_others_does_not_undo_them", what_fails_beside_others_does_not_undo_them),
];
/// The environment variable that names the user for a child to read.
pub(crate) const READER: &str = "LIGATURE_READING_CHILD";

pub(crate) fn sqlite(file: &Path) -> Arc<dyn Administration> {
    Arc::new(SqlDirectory::sqlite(file, None, OpenMode::Create, &Ambient::system()).expect("it opens"))
}

fn is_there_again_when_opened_again(implementation: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = match implementation {
        Implementation::Postgres(server) => server.schema(),
        _ => String::new(),
    };
    let open = || -> Arc<dyn Administration> {
        match implementation {
            Implementation::Postgres(_) => Arc::new(
                SqlDirectory::postgres(&url, None, OpenMode::Create, &Ambient::system()).expect("it opens"),
            ),
            _ => sqlite(&folder.path().join("users.db")),
        }
    };
    let directory = open();
    directory.create(ada()).unwrap();
    directory.create(google()).unwrap();
    let linked = directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    drop(directory);
    let directory = open();
    assert_eq!(directory.user("auth0|1"), *linked);
    assert!(matches!(directory.last_link().kept, SnapshotState::Whole(_)));
}

fn two_that_start_at_once_both_start(implementation: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    let url = match implementation {
        Implementation::Postgres(server) => server.schema(),
        _ => String::new(),
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| match implementation {
                Implementation::Postgres(_) => {
                    SqlDirectory::postgres(&url, None, OpenMode::Create, &Ambient::system())
                        .map(drop)
                        .expect("it opens")
                }
                _ => SqlDirectory::sqlite(&file, None, OpenMode::Create, &Ambient::system())
                    .map(drop)
                    .expect("it opens"),
            });
        }
    });
}

/// A database of the first release: its schema, refinery's record of it, and a user.
pub(crate) const VERSION_1: &str = concat!(
    include_str!("../../host/src/directory/sql/migrations/V1__users.sql"),
    "CREATE TABLE refinery_schema_history (version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), \
       checksum VARCHAR(255));
     INSERT INTO refinery_schema_history VALUES (1, 'users', '2026-11-01T00:00:00Z', '7939057041791406996');
     INSERT INTO identities VALUES ('auth0', '1', 'auth0', 'auth0|1');
     INSERT INTO users VALUES ('auth0|1', 5, 'ada@example.com', 'ada@example.com', 3, 1767225600000, '",
    r#"{"user_id": "auth0|1", "email": "ada@example.com", "last_ip": "192.0.2.1", "identities":
        [{"provider": "auth0", "user_id": "1", "connection": "auth0"}]}"#,
    "');"
);

fn a_database_of_version_1_is_migrated(implementation: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    let mut url = String::new();
    if let Implementation::Postgres(server) = implementation {
        url = server.schema();
        postgres::Client::connect(&url, postgres::NoTls).unwrap().batch_execute(VERSION_1).unwrap();
    } else {
        rusqlite::Connection::open(&file).unwrap().execute_batch(VERSION_1).unwrap();
    }
    let open = |how| match implementation {
        Implementation::Postgres(_) => SqlDirectory::postgres(&url, None, how, &Ambient::system()),
        _ => SqlDirectory::sqlite(&file, None, how, &Ambient::system()),
    };
    let why = open(OpenMode::ReadOnly).err().expect("a dry run migrates nothing").to_string();
    assert!(why.contains("its schema is of version 1, this program's of 9"), "{why}");
    let directory: Arc<dyn Administration> = Arc::new(open(OpenMode::Create).expect("it is migrated"));
    let kept = directory.get("auth0|1").unwrap();
    assert_eq!((kept.version, kept.user.logins_count), (5, Some(3)));
    let last_ip = |stored: &Stored| stored.user.rest.get("last_ip").cloned();
    assert_eq!(last_ip(&kept), Some("192.0.2.1".into()), "as the document has it");
    let changed = directory.update(User { blocked: true, ..User::clone(&kept.user) }, 5).unwrap();
    assert_eq!(last_ip(&changed), Some("192.0.2.1".into()));
    directory.count_login(&counted("auth0|1", at(9), Some([192, 0, 2, 9].into()))).unwrap();
    assert_eq!(last_ip(&directory.get("auth0|1").unwrap()), Some("192.0.2.9".into()));
    assert_eq!(directory.count(), Ok(1));
    let id = directory.directory_id().unwrap();
    let credential = credential("1", "ada@example.com", None);
    directory.set_credential(&credential).unwrap();
    drop(directory);
    let again = open(OpenMode::ReadOnly).expect("it is of this version");
    assert_eq!(again.directory_id(), Ok(id));
    assert_eq!(again.credential("auth0", "ada@example.com").unwrap(), Some(credential));
}

/// Prints every user of a directory, opened for reading only.
pub(crate) fn print_all(file: &Path) {
    let directory: Arc<dyn Administration> =
        Arc::new(SqlDirectory::sqlite(file, None, OpenMode::ReadOnly, &Ambient::system()).expect("it opens"));
    println!("{:?}", directory.all());
}

fn refusal(file: &Path) -> String {
    match SqlDirectory::sqlite(file, None, OpenMode::Existing, &Ambient::system()) {
        Ok(_) => panic!("it opens"),
        Err(error) => error.to_string(),
    }
}

fn a_newer_database_is_refused(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    sqlite(&file).create(ada()).unwrap();
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection
        .execute("INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')", [])
        .unwrap();
    drop(connection);
    let why = refusal(&file);
    assert!(why.contains("its schema is of version 99, newer than this program"), "{why}");
    assert!(why.contains("use the program that wrote it, or a newer one"), "{why}");
}

fn what_is_no_database_is_refused(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    std::fs::write(&file, "user_id,email\n".repeat(1000)).unwrap();
    assert!(refusal(&file).contains("this is not an SQLite database"), "{}", refusal(&file));
    assert!(refusal(folder.path()).contains("this is not a regular file"), "{}", refusal(folder.path()));
}

fn a_missing_file_is_not_made_unasked(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    assert!(refusal(&file).contains("there is no such file"));
    assert!(!file.exists());
}

fn a_database_is_for_its_owners_eyes_only(_: &Implementation) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    let directory = sqlite(&file);
    directory.create(ada()).unwrap();
    for name in ["users.db", "users.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

fn a_damaged_user_is_an_error_and_no_panic(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    let directory = sqlite(&file);
    directory.create(ada()).unwrap();
    let connection = rusqlite::Connection::open(&file).unwrap();
    for damage in ["'{\"user_id\": 7'", "x'ff00ff'", "7", "''"] {
        connection.execute(&format!("UPDATE users SET document = {damage}"), []).unwrap();
        let error = directory.get("auth0|1").unwrap_err().to_string();
        assert!(
            error.contains("cannot be read") || error.contains("Invalid column type"),
            "{damage}: {error}"
        );
    }
}

fn tokens_that_an_older_program_has_kept_are_not_read(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    let directory = sqlite(&file);
    directory.create(ada()).unwrap();
    directory.create(google()).unwrap();
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let connection = rusqlite::Connection::open(&file).unwrap();
    for (table, column, kind) in [("users", "document", "TEXT"), ("journal", "snapshot", "BLOB")] {
        let old = r#""connection":"google-oauth2","#;
        let with_token = format!(r#"{old}"accessToken":"s3cret","#);
        let statement = format!(
            "UPDATE {table} SET {column} = CAST(replace(CAST({column} AS TEXT), ?1, ?2) AS {kind}) \
             WHERE instr(CAST({column} AS TEXT), ?1)"
        );
        assert_eq!(connection.execute(&statement, [old, &with_token]), Ok(1), "{table}");
    }
    let read = format!("{:?} {:?}", directory.user("auth0|1"), directory.last_link());
    assert!(read.contains("google-oauth2") && !read.contains("s3cret"), "{read}");
}

fn snapshots_are_encrypted_with_a_key(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    let open = |key: Option<u8>| -> Arc<dyn Administration> {
        let key = key.map(|byte| SealKey::from_bytes(&[byte; 32]));
        Arc::new(SqlDirectory::sqlite(&file, key, OpenMode::Create, &Ambient::system()).expect("it opens"))
    };
    let directory = open(Some(1));
    directory.create(ada()).unwrap();
    let marked = user(r#"{"user_id": "google-oauth2|115", "user_metadata": {"word": "FLAMINGO"}}"#);
    directory.create(marked.clone()).unwrap();
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let id = directory.last_link().id;
    let SnapshotState::Whole(snapshot) = directory.last_link().kept else { panic!("not kept") };
    assert_eq!(*snapshot.secondary, marked);

    let connection = rusqlite::Connection::open(&file).unwrap();
    let bytes: Vec<u8> = connection.query_row("SELECT snapshot FROM journal", [], |row| row.get(0)).unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"FLAMINGO"));
    for other in [None, Some(2)] {
        let directory = open(other);
        assert!(matches!(directory.journal_entry(&id).unwrap().kept, SnapshotState::Sealed { .. }));
        let why = directory.undo_at(&id, 300).unwrap_err().to_string();
        assert!(why.contains("--journal-key"), "{why}");
    }
    // A snapshot that somebody has put in another's place.
    connection.execute("UPDATE journal SET entry_id = '00000000-0000-4000-8000-000000000000'", []).unwrap();
    let foreign = "00000000-0000-4000-8000-000000000000".parse().unwrap();
    let error = open(Some(1)).journal_entry(&foreign).unwrap_err().to_string();
    assert!(error.contains("tampered"), "{error}");
}

/// Threads that write at the same time commit together; half of them fail.
fn what_fails_beside_others_does_not_undo_them(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = sqlite(&folder.path().join("users.db"));
    directory.create(ada()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let directory = &directory;
            scope.spawn(move || {
                for n in 0..20 {
                    let id = format!("sms|{thread}-{n}");
                    let made = directory.create(user(&format!(r#"{{"user_id": "{id}"}}"#)));
                    assert_eq!(made.expect("it is made").user.user_id, id);
                    let twice = directory.create(user(&format!(r#"{{"user_id": "{id}"}}"#))).unwrap_err();
                    assert_eq!(super::users::kind(&twice), "invalid");
                    // A thread that learns of another's work finds it committed.
                    directory.get(&id).expect("it is there");
                }
            });
        }
        for _ in 0..8 {
            // Two at a time: of each pair one fails, and then sees the other's.
            scope.spawn(|| {
                for n in 0..50 {
                    let id = format!("email|{n}");
                    if directory.create(user(&format!(r#"{{"user_id": "{id}"}}"#))).is_err() {
                        directory.get(&id).expect("what was in the way is there");
                    }
                }
            });
        }
    });
    assert_eq!(directory.all().len(), 1 + 16 * 20 + 50);
}

fn a_busy_database_is_waited_for(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    let directory = sqlite(&file);
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let made = scope.spawn(|| directory.create(ada()));
        std::thread::sleep(Duration::from_millis(300));
        connection.execute_batch("COMMIT").unwrap();
        made.join().expect("it ends").expect("the user is made");
    });
    // The model, for comparison.
    let model: Arc<dyn Administration> = Arc::new(Memory::new(&Ambient::system()));
    model.create(ada()).unwrap();
    assert_eq!(model.all(), directory.all());
}
