//! Files that commands write: what they may not be written onto.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use crate::place::Place;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[test]
fn no_output_replaces_what_the_command_works_on() {
    let place = Place::with_users();
    place.write("key", KEY.as_bytes());
    place.write("case.json", b"{}");
    place.write("bad.ndjson", b"{\"email\":7}\n");
    symlink("users.db", place.file("link")).expect("a link");
    fs::hard_link(place.file("users.db"), place.file("hard")).expect("a link");
    fs::create_dir(place.file("folder")).expect("a folder");
    let database = fs::read(place.file("users.db")).expect("a database");
    let around = format!("../{}/users.db", place.path().file_name().expect("a name").to_string_lossy());
    for arguments in [
        &["users", "export", "users.db"][..],
        &["users", "export", "./users.db"],
        &["users", "export", &around],
        &["users", "export", "link"],
        &["users", "export", "hard"],
        &["users", "export", "users.db-wal"],
        &["users", "export", "users.db", "--whole"],
        &["users", "export", "key", "--whole", "--journal-key", "key"],
        &["users", "export", "folder"],
        &["users", "import", "bad.ndjson", "--rejects", "users.db"],
        &["users", "import", "bad.ndjson", "--rejects", "bad.ndjson"],
        &["users", "import", "bad.ndjson", "--rejects", "new.db", "--directory", "sqlite:new.db"],
        &["users", "export", "users.db", "--directory", "sqlite:./link"],
        &["test", "case.json", "--junit", "users.db"],
        &["test", "case.json", "--junit", "case.json"],
    ] {
        let error = place.bad(arguments, 2);
        assert!(error.contains("name another file to write"), "{arguments:?}: {error}");
    }
    assert_eq!(fs::read(place.file("users.db")).expect("a database"), database);
    assert_eq!(fs::read_to_string(place.file("key")).expect("a key"), KEY);
    assert!(!place.file("new.db").exists());
}

#[test]
fn a_device_and_a_link_stay_what_they_are() {
    let place = Place::with_users();
    place.good(&["users", "export", "/dev/null"]);
    assert!(fs::metadata("/dev/null").expect("a device").file_type().is_char_device());
    place.write("old.ndjson", b"old");
    for (link, file) in [("to-old", "old.ndjson"), ("to-new", "new.ndjson")] {
        symlink(file, place.file(link)).expect("a link");
        place.good(&["users", "export", link]);
        assert!(fs::symlink_metadata(place.file(link)).expect("a link").is_symlink());
        let written = fs::read_to_string(place.file(file)).expect("a file");
        assert_eq!(written, place.users());
    }
    let pipe = place.file("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).expect("a text")
    });
    place.good(&["users", "export", "pipe"]);
    assert_eq!(reader.join().expect("a text"), place.users());
    assert!(fs::metadata(&pipe).expect("a pipe").file_type().is_fifo());
    let left = fs::read_dir(place.path()).expect("a folder").flatten();
    assert!(left.into_iter().all(|file| !file.file_name().to_string_lossy().contains(".part")));
}

#[test]
fn users_that_were_left_out_are_not_lost_by_a_second_run() {
    let place = Place::empty();
    let rejects = place.file("bad");
    let users = b"{\"user_id\":\"samlp|acme|1\"}\nnonsense\n";
    place.write("users.ndjson", users);
    let import = ["users", "import", "users.ndjson", "--rejects", "bad"];
    place.good(&import);
    let held = fs::read_to_string(&rejects).expect("a file");
    assert!(held.contains("\nnonsense\n"), "{held}");
    assert_eq!(fs::metadata(&rejects).expect("a file").permissions().mode() & 0o777, 0o600);
    place.good(&import);
    assert_eq!(fs::read_to_string(&rejects).expect("a file"), held);
    assert_eq!(place.run(&[&import[..], &["--dry-run"]].concat()).code, Some(2));
    let again = place.bad(&[&import[..], &["--again"]].concat(), 2);
    assert!(again.contains("name another file for --rejects, or remove it"), "{again}");
    place.write("users.ndjson", b"{\"user_id\":\"samlp|acme|2\"}\nother\n");
    place.bad(&import, 2);
    assert_eq!(fs::read_to_string(&rejects).expect("a file"), held);
}

/// Rust appends the number of a system's error, which says nothing to people.
#[test]
fn a_file_that_cannot_be_used_is_told_without_the_number_of_the_error() {
    let place = Place::with_users();
    let missing = place.bad(&["users", "import", "nowhere.ndjson"], 2);
    assert_eq!(missing, "error: nowhere.ndjson: there is no such file\n");
    for arguments in [
        &["users", "import", "users.ndjson", "--again", "--rejects", "nowhere/rejects.ndjson"][..],
        &["users", "export", "nowhere/all.ndjson"],
    ] {
        let error = place.bad(arguments, 2);
        assert!(error.contains("nowhere/") && !error.contains("os error"), "{error}");
    }
    let full = place.run(&["users", "export", "/dev/full"]);
    assert!(!full.stderr.is_empty() && !full.stderr.contains("os error"), "{}", full.stderr);
}
