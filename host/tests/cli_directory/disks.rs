//! Disks that take no writes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use crate::place::{Place, Ran};

/// Root writes to read-only files too: the program is run as somebody else.
#[test]
fn a_read_only_file_is_one_sentence_and_nothing_is_lost() {
    let place = Place::with_users();
    let before = place.users();
    let set = |name: &str, mode: u32| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.file(name), mode).expect("permissions are set");
    };
    set("users.db", 0o444);
    set(".", 0o555);
    let is_root = fs::metadata("/proc/self").map(|it| it.uid()).unwrap_or(1) == 0;
    let program = tempfile::tempdir().expect("a folder");
    let binary = program.path().join("ligature");
    fs::copy(env!("CARGO_BIN_EXE_ligature"), &binary).expect("a copy that everybody reaches");
    fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).expect("a path");
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(&binary);
        command
    } else {
        Command::new(&binary)
    };
    let arguments = ["run", "--event", "event.json", "--directory", "sqlite:users.db"];
    let ran = Ran::read(command.args(arguments).current_dir(place.path()).output().expect("it runs"));
    set(".", 0o755);
    set("users.db", 0o644);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("read-only") || ran.stderr.contains("may not be opened"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(place.users(), before);
}

/// A file size limit simulates a full disk: writing fails in the middle.
#[test]
fn a_full_disk_is_one_sentence_and_nothing_is_lost() {
    let place = Place::with_users();
    let before = place.users();
    let many: String = (0..20_000)
        .map(|n| format!("{{\"user_id\":\"sms|{n}\",\"email\":\"u{n}@example.com\"}}\n"))
        .collect();
    place.write("many.ndjson", many.as_bytes());
    let limited = format!(
        "trap '' XFSZ; ulimit -f 1024; exec {} users import many.ndjson --again",
        env!("CARGO_BIN_EXE_ligature")
    );
    let mut command = Command::new("bash");
    command.args(["-c", &limited]).current_dir(place.path()).env("LIGATURE_DIRECTORY", "sqlite:users.db");
    let ran = Ran::read(command.output().expect("it runs"));
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains("cannot be read or written") || ran.stderr.contains("disk is full"),
        "{}",
        ran.stderr
    );
    let after = place.users();
    assert!(before.lines().all(|user| after.contains(user)), "nothing is lost");
    let told: u64 =
        ran.stdout.split(' ').next().and_then(|n| n.replace(',', "").parse().ok()).expect("a number");
    assert_eq!(after.lines().count() as u64, told + 2, "what was told is there, and nothing else");
    // With room again, the same command ends the work.
    place.good(&["users", "import", "many.ndjson"]);
    assert_eq!(place.users().lines().count(), 20_002);
}
