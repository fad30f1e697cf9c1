//! Reading changes nothing; databases of other programs are left alone; an older
//! schema is changed with a word, and a way back.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use libtest_mimic::Completion;
use ligature_host::ambient::Ambient;
use ligature_host::directory::{Administration, JournalQuery, Location, OpenMode, OpenOptions, open};
use ligature_host::model::ApiError;

use super::storage::VERSION_1;
use super::users::{ada, at, counted, google};
use super::{Implementation, Test};

/// The tests that run on SQLite and PostgreSQL.
pub(crate) const DURABLE: &[Test] = &[
    ("an_older_schema_is_not_changed_by_reading", an_older_schema_is_not_changed_by_reading),
    ("a_migration_is_told_before_it_happens", a_migration_is_told_before_it_happens),
    ("another_programs_database_is_left_alone", another_programs_database_is_left_alone),
    ("an_empty_database_is_not_filled_by_reading", an_empty_database_is_not_filled_by_reading),
    ("what_is_opened_to_read_takes_no_changes", what_is_opened_to_read_takes_no_changes),
];
pub(crate) const SQLITE: &[Test] = &[
    ("reading_leaves_every_byte_as_it_is", reading_leaves_every_byte_as_it_is),
    ("a_copy_of_before_opens_as_it_was", a_copy_of_before_opens_as_it_was),
    ("a_copy_is_never_written_over", a_copy_is_never_written_over),
    ("without_a_copy_nothing_is_migrated", without_a_copy_nothing_is_migrated),
    ("a_file_with_another_application_id_is_left_alone", a_file_with_another_application_id_is_left_alone),
    ("whoever_reads_sees_what_another_process_writes", whoever_reads_sees_what_another_process_writes),
    ("whoever_begins_to_write_is_noticed", whoever_begins_to_write_is_noticed),
    ("the_log_of_a_process_that_was_killed_is_read", the_log_of_a_process_that_was_killed_is_read),
];
pub(crate) const POSTGRES: &[Test] = &[
    ("a_role_that_may_only_read_reads", a_role_that_may_only_read_reads),
    ("a_role_without_create_works_on_its_schema", a_role_without_create_works_on_its_schema),
];

/// A database, empty at first.
struct Place {
    folder: tempfile::TempDir,
    /// The URL, for PostgreSQL only.
    url: Option<String>,
}

impl Place {
    fn new(implementation: &Implementation) -> Self {
        let url = match implementation {
            Implementation::Postgres(server) => Some(server.schema()),
            _ => None,
        };
        Self { folder: tempfile::tempdir().expect("a folder"), url }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("users.db")
    }

    fn location(&self) -> Location {
        let text = match &self.url {
            Some(url) => url.clone(),
            None => format!("sqlite:{}", self.file().display()),
        };
        text.parse().expect("a location")
    }

    fn open(&self, how: OpenMode) -> Result<std::sync::Arc<dyn Administration>, String> {
        self.open_told(how).0
    }

    /// Opens the database, and returns the reported messages too.
    fn open_told(&self, how: OpenMode) -> (Result<std::sync::Arc<dyn Administration>, String>, Vec<String>) {
        let told = Mutex::new(Vec::new());
        let tell = &|text: &str| told.lock().unwrap().push(text.to_owned());
        let options =
            OpenOptions { key: None, journal: None, mode: how, ambient: &Ambient::system(), notify: tell };
        let opened = open(&self.location(), options);
        (opened.map_err(|error| error.to_string()), told.into_inner().unwrap())
    }

    fn sql(&self, statements: &str) {
        match &self.url {
            Some(url) => {
                postgres::Client::connect(url, postgres::NoTls).unwrap().batch_execute(statements).unwrap();
            }
            None => rusqlite::Connection::open(self.file()).unwrap().execute_batch(statements).unwrap(),
        }
    }

    fn tables(&self) -> Vec<String> {
        match &self.url {
            Some(url) => {
                let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
                let statement =
                    "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1";
                client.query(statement, &[]).unwrap().iter().map(|row| row.get(0)).collect()
            }
            None => {
                let connection = rusqlite::Connection::open(self.file()).unwrap();
                let mut statement = connection
                    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
                    .unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
            }
        }
    }

    fn refusal(&self, how: OpenMode) -> String {
        self.open(how).err().expect("it is refused")
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entry = |entry: Result<fs::DirEntry, _>| {
        let entry: fs::DirEntry = entry.expect("an entry");
        (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file"))
    };
    fs::read_dir(folder).expect("a folder").map(entry).collect()
}

fn an_older_schema_is_not_changed_by_reading(implementation: &Implementation) {
    let place = Place::new(implementation);
    place.sql(VERSION_1);
    let before = place.tables();
    for how in [OpenMode::ReadOnly, OpenMode::DryRun] {
        let why = place.refusal(how);
        assert!(why.contains("its schema is of version 1, this program's of 9"), "{why}");
        assert!(why.contains("`ligature migrate`"), "{why}");
    }
    assert_eq!(place.tables(), before);
}

fn a_migration_is_told_before_it_happens(implementation: &Implementation) {
    let place = Place::new(implementation);
    place.sql(VERSION_1);
    let (opened, told) = place.open_told(OpenMode::Existing);
    opened.expect("it is migrated").get("auth0|1").unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("is about to be brought from version 1 to 9"), "{told:?}");
    let way_back = if place.url.is_some() { "pg_dump" } else { "users.db.v1-backup" };
    assert!(told[0].contains(way_back), "{told:?}");
    let (_, told) = place.open_told(OpenMode::Existing);
    assert!(told.is_empty(), "once: {told:?}");
    let fresh = Place::new(implementation);
    let (opened, told) = fresh.open_told(OpenMode::Create);
    opened.expect("it is made");
    assert!(told.is_empty(), "there was nothing before: {told:?}");
}

fn another_programs_database_is_left_alone(implementation: &Implementation) {
    let theirs = [
        ("CREATE TABLE users (id TEXT); INSERT INTO users VALUES ('x')", "users"),
        // Made with the same tool.
        (
            "CREATE TABLE refinery_schema_history (version INT4 PRIMARY KEY, name VARCHAR(255), applied_on \
             VARCHAR(255), checksum VARCHAR(255)); CREATE TABLE journal (line TEXT); \
             INSERT INTO refinery_schema_history VALUES (1, 'initial', '2026-11-01T00:00:00Z', '42')",
            "version 1 of its schema differs from this program's",
        ),
        (
            "CREATE TABLE refinery_schema_history (version INT4 PRIMARY KEY, name VARCHAR(255), applied_on \
             VARCHAR(255), checksum VARCHAR(255)); CREATE TABLE journal (line TEXT)",
            "journal",
        ),
    ];
    for (theirs, named) in theirs {
        let place = Place::new(implementation);
        place.sql(theirs);
        let before = (place.tables(), fs::read(place.file()).ok());
        for how in [OpenMode::ReadOnly, OpenMode::DryRun, OpenMode::Existing, OpenMode::Create] {
            let why = place.refusal(how);
            assert!(why.contains("another program's database") && why.contains(named), "{why}");
        }
        assert_eq!((place.tables(), fs::read(place.file()).ok()), before, "not a byte");
    }
}

fn an_empty_database_is_not_filled_by_reading(implementation: &Implementation) {
    let place = Place::new(implementation);
    if place.url.is_none() {
        fs::write(place.file(), "").unwrap();
    }
    let why = place.refusal(OpenMode::ReadOnly);
    assert!(why.contains("there is no directory in it yet"), "{why}");
    assert!(place.tables().is_empty());
    place.open(OpenMode::Existing).expect("a command that writes makes one");
}

fn what_is_opened_to_read_takes_no_changes(implementation: &Implementation) {
    let place = Place::new(implementation);
    place.open(OpenMode::Create).unwrap().create(ada()).unwrap();
    let directory = place.open(OpenMode::ReadOnly).unwrap();
    let error = directory.create(google()).unwrap_err();
    assert!(matches!(error, ApiError::Unavailable(_)), "{error:?}");
    assert!(directory.count_login(&counted("auth0|1", at(1), None)).is_err());
    assert_eq!(directory.count(), Ok(1));
    let dry = place.open(OpenMode::DryRun).unwrap();
    dry.create(google()).unwrap();
    assert_eq!((dry.count(), directory.count()), (Ok(2), Ok(1)));
}

fn reading_leaves_every_byte_as_it_is(implementation: &Implementation) {
    let place = Place::new(implementation);
    place.open(OpenMode::Create).unwrap().create(ada()).unwrap();
    let before = files(place.folder.path());
    assert_eq!(before.keys().collect::<Vec<_>>(), ["users.db"]);
    for how in [OpenMode::ReadOnly, OpenMode::DryRun] {
        let directory = place.open(how).unwrap();
        directory.get("auth0|1").unwrap();
        directory.journal(&JournalQuery { limit: 1, ..JournalQuery::default() }).unwrap();
        drop(directory);
    }
    let after = files(place.folder.path());
    assert_eq!(after["users.db"], before["users.db"]);
    assert_eq!(after.keys().collect::<Vec<_>>(), ["users.db"]);
}

/// A child reads the file in a read-only mount. Where this user may mount nothing,
/// the folder's permissions are taken away instead, which root does not heed.
pub(crate) fn a_file_in_a_read_only_mount_is_read() -> Completion {
    let place = Place::new(&Implementation::Sqlite);
    place.open(OpenMode::Create).unwrap().create(ada()).unwrap();
    let folder = place.folder.path();
    if in_read_only_mount(folder, "true").is_ok_and(|probe| probe.status.success()) {
        let this = std::env::current_exe().unwrap();
        let read = in_read_only_mount(folder, &format!("exec '{}'", this.display())).unwrap();
        let (printed, errors) =
            (String::from_utf8_lossy(&read.stdout), String::from_utf8_lossy(&read.stderr));
        assert!(read.status.success(), "{printed}{errors}");
        assert!(printed.contains("ada@example.com"), "{printed}{errors}");
        return Completion::Completed;
    }
    let set = |mode| fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    fs::set_permissions(place.file(), fs::Permissions::from_mode(0o444)).unwrap();
    set(0o555);
    let is_read_only = fs::write(folder.join("x"), "").is_err();
    let opened = place.open(OpenMode::ReadOnly);
    let read = opened.map(|directory| directory.get("auth0|1").is_ok());
    set(0o755);
    assert_eq!(read, Ok(true));
    if is_read_only { Completion::Completed } else { Completion::ignored_with("root may mount nothing here") }
}

/// Runs a command in a mount namespace in which a folder is read-only. It fails
/// where this user may not make one.
fn in_read_only_mount(folder: &Path, command: &str) -> std::io::Result<std::process::Output> {
    let script = format!(
        "mount --bind '{0}' '{0}' && mount -o remount,ro,bind '{0}' && ! touch '{0}/x' 2>/dev/null && {command}",
        folder.display()
    );
    std::process::Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", &script])
        .env(super::storage::READER, folder.join("users.db"))
        .output()
}

fn a_copy_of_before_opens_as_it_was(implementation: &Implementation) {
    let place = Place::new(implementation);
    place.sql(VERSION_1);
    place.open(OpenMode::Existing).unwrap().create(google()).unwrap();
    let copy = place.folder.path().join("users.db.v1-backup");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let connection = rusqlite::Connection::open(&copy).unwrap();
    let one = |statement: &str| connection.query_row(statement, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(one("SELECT COUNT(*) FROM users"), 1);
    assert_eq!(one("SELECT MAX(version) FROM refinery_schema_history"), 1);
    let names: Vec<_> = files(place.folder.path()).into_keys().collect();
    assert!(names.iter().all(|name| !name.ends_with(".part")), "{names:?}");
}

fn a_copy_is_never_written_over(implementation: &Implementation) {
    let place = Place::new(implementation);
    place.sql(VERSION_1);
    fs::write(place.folder.path().join("users.db.v1-backup"), "somebody's").unwrap();
    let (opened, told) = place.open_told(OpenMode::Existing);
    opened.unwrap();
    assert!(told[0].contains("users.db.v1-backup-2."), "{told:?}");
    assert_eq!(fs::read(place.folder.path().join("users.db.v1-backup")).unwrap(), b"somebody's");
}

fn without_a_copy_nothing_is_migrated(implementation: &Implementation) {
    let place = Place::new(implementation);
    place.sql(VERSION_1);
    let part = format!("users.db.v1-backup.{}.part", std::process::id());
    fs::create_dir(place.folder.path().join(part)).unwrap();
    let (opened, told) = place.open_told(OpenMode::Existing);
    let why = opened.err().expect("it is not migrated");
    assert!(why.contains("no copy of it can be made") && why.contains("nothing was changed"), "{why}");
    assert!(told.is_empty());
    assert!(place.refusal(OpenMode::ReadOnly).contains("of version 1"));
}

fn a_file_with_another_application_id_is_left_alone(implementation: &Implementation) {
    let place = Place::new(implementation);
    place.sql("PRAGMA application_id = 252006674");
    for how in [OpenMode::ReadOnly, OpenMode::Existing] {
        let why = place.refusal(how);
        assert!(why.contains("another program's database") && why.contains("0x0f055112"), "{why}");
    }
    assert!(place.tables().is_empty());
}

fn whoever_reads_sees_what_another_process_writes(implementation: &Implementation) {
    let place = Place::new(implementation);
    let writing = place.open(OpenMode::Create).unwrap();
    let reading = place.open(OpenMode::ReadOnly).unwrap();
    writing.create(ada()).unwrap();
    assert!(reading.get("auth0|1").is_ok());
    drop(writing);
    assert!(reading.get("auth0|1").is_ok(), "the log is there as long as somebody reads");
}

fn whoever_begins_to_write_is_noticed(implementation: &Implementation) {
    let place = Place::new(implementation);
    place.open(OpenMode::Create).unwrap().create(ada()).unwrap();
    let reading = place.open(OpenMode::ReadOnly).unwrap();
    assert!(reading.get("auth0|1").is_ok());
    let writing = place.open(OpenMode::Existing).unwrap();
    let noticed = |reading: &std::sync::Arc<dyn Administration>| {
        let error = reading.get("auth0|1").unwrap_err();
        assert!(error.to_string().contains("has begun to write"), "{error}");
    };
    noticed(&reading);
    writing.create(google()).unwrap();
    drop(writing);
    noticed(&reading);
    assert_eq!(place.open(OpenMode::ReadOnly).unwrap().count(), Ok(2));
}

fn the_log_of_a_process_that_was_killed_is_read(implementation: &Implementation) {
    let place = Place::new(implementation);
    let writing = place.open(OpenMode::Create).unwrap();
    writing.create(ada()).unwrap();
    let copy = Place::new(implementation);
    for name in ["users.db", "users.db-wal"] {
        fs::copy(place.folder.path().join(name), copy.folder.path().join(name)).unwrap();
    }
    let before = files(copy.folder.path());
    assert_eq!(copy.open(OpenMode::ReadOnly).unwrap().count(), Ok(1));
    let after = files(copy.folder.path());
    for name in ["users.db", "users.db-wal"] {
        assert_eq!(before[name], after[name], "{name}");
    }
}

/// The same server and schema for another role.
fn as_role(url: &str, role: &str) -> String {
    let (_, behind) = url.split_once('@').expect("a URL with a user");
    format!("postgres://{role}@{behind}")
}

fn schema(url: &str) -> &str {
    url.rsplit_once("%3D").expect("a schema").1
}

fn a_role_that_may_only_read_reads(implementation: &Implementation) {
    let mut place = Place::new(implementation);
    place.open(OpenMode::Create).unwrap().create(ada()).unwrap();
    let url = place.url.clone().unwrap();
    let (name, role) = (schema(&url), format!("reader_{}", schema(&url)));
    place.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {name} TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {role}"
    ));
    place.url = Some(as_role(&url, &role));
    let directory = place.open(OpenMode::ReadOnly).expect("it opens");
    directory.get("auth0|1").unwrap();
    assert!(directory.create(google()).is_err());
    drop(directory);
    place.url = Some(url.clone());
    place.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

fn a_role_without_create_works_on_its_schema(implementation: &Implementation) {
    let mut place = Place::new(implementation);
    place.open(OpenMode::Create).unwrap().create(ada()).unwrap();
    let url = place.url.clone().unwrap();
    let (name, role) = (schema(&url), format!("writer_{}", schema(&url)));
    place.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {name} TO {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {role}"
    ));
    place.url = Some(as_role(&url, &role));
    let directory = place.open(OpenMode::Existing).expect("nothing has to be made");
    directory.create(google()).unwrap();
    drop(directory);
    place.url = Some(url.clone());
    place.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
