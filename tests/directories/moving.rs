//! A directory that is moved as a whole into another database, and back.

use std::path::Path;

use ligature_host::ambient::Ambient;
use ligature_host::directory::{
    Administration, CountedLogin, Credential, EntryKind, JournalQuery, OpenMode, SealKey, SqlDirectory, Undo,
};
use ligature_host::model::ApiError;
use ligature_host::transfer::{DumpCounts, DumpFile, export_dump};

use super::users::{ada, at, by, counted, google, link, user};
use super::{Implementation, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_whole_directory_moves_there_and_back", a_whole_directory_moves_there_and_back),
    ("a_dump_without_last_logins_is_read", a_dump_without_last_logins_is_read),
    ("a_whole_directory_moves_into_an_empty_one_only", a_whole_directory_moves_into_an_empty_one_only),
];

fn key() -> Option<SealKey> {
    Some(SealKey::from_bytes(&[7; 32]))
}

fn sqlite(folder: &Path, name: &str, key: Option<SealKey>) -> SqlDirectory {
    SqlDirectory::sqlite(&folder.join(name), key, OpenMode::Create, &Ambient::system()).expect("it opens")
}

/// An empty directory of this implementation, without a key.
fn empty(implementation: &Implementation, folder: &Path) -> SqlDirectory {
    match implementation {
        Implementation::Postgres(server) => ligature_tests::open_directory(server),
        _ => sqlite(folder, "there.db", None),
    }
}

fn move_directory(from: &SqlDirectory, to: &SqlDirectory, file: &Path) -> DumpCounts {
    let mut out = std::fs::File::create(file).expect("a file");
    let written = export_dump(from, &mut out).expect("it is written");
    let read = DumpFile::open(file).expect("it is one").restore(to).expect("it is moved");
    assert_eq!(written, read);
    read
}

fn filled(folder: &Path) -> SqlDirectory {
    let directory = sqlite(folder, "here.db", key());
    let login = Credential {
        connection: "auth0".to_owned(),
        user_id: "1".to_owned(),
        email: Some("ada@example.com".to_owned()),
        username: Some("ada".to_owned()),
        password: Some("$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS".to_owned()),
    };
    directory.sign_up(ada(), &login).expect("Ada signs up");
    directory.create(google()).expect("it is made");
    directory.create(user(r#"{"user_id": "waad|3"}"#)).expect("it is made");
    ligature_host::directory::Directory::link(&directory, &link("auth0|1", "google-oauth2|115"))
        .expect("a link");
    let login =
        CountedLogin { identity: Some(("google-oauth2", "115")), ..counted("auth0|1", at(150), None) };
    directory.count_login(&login).expect("it is counted");
    directory
}

fn users(directory: &SqlDirectory) -> Vec<ligature_host::model::User> {
    let mut users = Vec::new();
    let each = &mut |stored: &ligature_host::directory::Stored| {
        users.push(ligature_host::model::User::clone(&stored.user));
        true
    };
    directory.each_user(each).expect("users");
    users.sort_by(|a, b| a.user_id.cmp(&b.user_id));
    users
}

fn a_whole_directory_moves_there_and_back(implementation: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let here = filled(folder.path());
    let there = empty(implementation, folder.path());
    let counts = move_directory(&here, &there, &folder.path().join("there.ndjson"));
    assert_eq!(counts, DumpCounts { users: 2, uses: 1, credentials: 1, entries: 1 });
    let uses = |of: &SqlDirectory| of.last_uses(&users(of)[0].identities).expect("uses");
    assert_eq!((uses(&here), uses(&there)), (vec![None, Some(at(150))], vec![None, Some(at(150))]));
    assert_eq!(users(&there), users(&here));
    assert_eq!(there.credential("auth0", "ada"), here.credential("auth0", "ada"));

    // Without the key it stays sealed; with it, the link is undone where it came back.
    let back = sqlite(folder.path(), "back.db", key());
    move_directory(&there, &back, &folder.path().join("back.ndjson"));
    assert_eq!(users(&back), users(&here));
    let query = JournalQuery { limit: 9, ..JournalQuery::default() };
    let (before, after) = (here.journal(&query).unwrap(), back.journal(&query).unwrap());
    assert_eq!(after, before);
    let entry = after.into_iter().find(|entry| entry.kind == EntryKind::Link).expect("the link");
    let undo = Undo { id: entry.id.clone(), provenance: by("the test"), now: at(300), dry_run: false };
    assert!(there.undo(&undo).is_err(), "there is no key there");
    back.undo(&undo).expect("it is undone");
    here.undo(&undo).expect("it is undone");
    assert_eq!(users(&back), users(&here));
    // An undone link stays undone in the other directory.
    let again = sqlite(folder.path(), "again.db", key());
    assert_eq!(move_directory(&back, &again, &folder.path().join("again.ndjson")).entries, 2);
    assert_eq!(again.journal(&query).unwrap(), back.journal(&query).unwrap());
    assert!(again.undo(&undo).is_err());
}

/// Versions before 7 of the schema knew no last login of an identity.
fn a_dump_without_last_logins_is_read(implementation: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let here = filled(folder.path());
    let mut whole = Vec::new();
    export_dump(&here, &mut whole).expect("it is written");
    let whole = String::from_utf8(whole).expect("text");
    let lines = whole.lines().filter(|line| !line.starts_with("{\"use\":"));
    let old = lines.collect::<Vec<_>>().join("\n").replace("\"uses\":1,", "");
    assert!(old.len() < whole.len() - 50 && !old.contains("uses"), "{old}");
    let file = folder.path().join("old.ndjson");
    std::fs::write(&file, old).expect("a file");
    let there = empty(implementation, folder.path());
    DumpFile::open(&file).expect("a dump").restore(&there).expect("it is restored");
    assert_eq!(users(&there), users(&here));
    assert_eq!(there.last_uses(&users(&there)[0].identities), Ok(vec![None, None]));
}

fn a_whole_directory_moves_into_an_empty_one_only(implementation: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let here = filled(folder.path());
    let file = folder.path().join("whole.ndjson");
    export_dump(&here, &mut std::fs::File::create(&file).expect("a file")).expect("it is written");
    let whole = std::fs::read_to_string(&file).expect("a text");
    let error = DumpFile::open(&file).unwrap().restore(&here).unwrap_err();
    assert!(
        matches!(&error, ApiError::Invalid(why) if why.contains("the directory is not empty")),
        "{error}"
    );

    let there = empty(implementation, folder.path());
    let lines: Vec<&str> = whole.lines().collect();
    let costly = whole.replace("$2b$04$", "$2b$31$");
    let broken = [
        (lines[..lines.len() - 1].join("\n"), "the file breaks off"),
        ([&lines[..2], &lines[3..]].concat().join("\n"), "lines are missing"),
        ([&lines[..1], &lines[2..]].concat().join("\n"), "no user has the identity google-oauth2|115"),
        ([&lines[..2], &lines[1..]].concat().join("\n"), "line 3: auth0|1 appears twice"),
        (whole.replace("\"kind\":\"link\"", "\"kind\":\"theft\""), "cannot be read"),
        (costly, "too expensive"),
        (format!("{whole}{}\n", lines[1]), "after the end"),
    ];
    for (text, why) in broken {
        std::fs::write(&file, text).expect("a file");
        let error = DumpFile::open(&file).unwrap().restore(&there).unwrap_err();
        assert!(error.to_string().contains(why), "{why}: {error}");
        assert!(users(&there).is_empty(), "{why}: something was moved");
    }
    for none in ["", "{}", "{\"ligature_whole\": {\"version\": 2, \"made_at\": \"2026-11-26T10:00:00Z\"}}"] {
        std::fs::write(&file, none).expect("a file");
        assert!(DumpFile::open(&file).is_err(), "{none}");
    }
}
