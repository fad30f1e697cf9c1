//! Reports that cannot be written, and previews that are interrupted.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use crate::exports::{interrupt, list};
use crate::known_base;
use crate::place::{Place, Ran};
use crate::user_base::{POLICY, USERS, place};

const PREVIEW: [&str; 8] =
    ["backfill", "preview", "--users", "users.ndjson", "--policy", "policy.json", "--report", "report"];

/// The limit for the size of a file, in KiB. The sandbox keeps its memory in a file too, which is smaller.
const LIMIT: u32 = 1_600;

/// Runs a preview with a limit for the size of a file, which simulates a full disk. Returns its sentence.
/// Nothing is left of the report.
fn refuse_with_limit(place: &Place) -> String {
    let limited = format!(
        "trap '' XFSZ; ulimit -f {LIMIT}; exec {} {}",
        env!("CARGO_BIN_EXE_ligature"),
        PREVIEW.join(" ")
    );
    let before = list(place);
    let mut command = Command::new("bash");
    let ran = Ran::read(command.args(["-c", &limited]).current_dir(place.path()).output().expect("it runs"));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {}", ran.stderr);
    assert_eq!(list(place), before, "nothing half done");
    ran.stderr
}

/// Groups of two accounts whose users take less space than their plan.
fn place_with_pairs(pairs: u64) -> Place {
    let mut users = Vec::new();
    known_base::write_pairs(pairs, &mut users).expect("it is written to memory");
    let place = Place::with_files(&[("policy.json", POLICY)]);
    place.write("users.ndjson", &users);
    place
}

#[test]
fn a_disk_that_is_full_for_the_temporary_file_is_one_sentence() {
    let place = place_with_pairs(3_000);
    let told = refuse_with_limit(&place);
    assert!(told.starts_with("error: the temporary file of the groups: "), "{told}");
}

#[test]
fn a_disk_that_is_full_for_the_plan_is_one_sentence() {
    // The plan has each id several times, and the temporary file once.
    let long = "x".repeat(200);
    let users: String = (0..4_000)
        .map(|n| format!("{{\"user_id\":\"sms|{n}{long}\",\"email\":\"u{}@corp.com\"}}\n", n / 2))
        .collect();
    let place = Place::with_files(&[("policy.json", POLICY), ("users.ndjson", &users)]);
    let told = refuse_with_limit(&place);
    assert!(told.starts_with("error: the plan cannot be written: "), "{told}");
}

#[test]
fn a_disk_that_is_full_for_the_table_is_one_sentence() {
    // A character that the table escapes takes three bytes in the plan, and eight in the table.
    let long = "\u{202e}".repeat(100);
    let pair = |n: u32| {
        let lines = USERS.lines().take(2).map(|line| {
            let line = line.replace("ada@", &format!("u{n}@"));
            let line = line.replace("auth0|1\"", &format!("auth0|{n}{long}\""));
            let line = line.replace("google-oauth2|2\"", &format!("google-oauth2|{n}{long}\""));
            let own = |id| format!("\"user_id\":\"{id}\"");
            line.replace(&own("1".to_owned()), &own(format!("{n}{long}")))
                .replace(&own("2".to_owned()), &own(format!("{n}{long}")))
                + "\n"
        });
        lines.collect::<String>()
    };
    let users: String = (0..700).map(pair).collect();
    let place = Place::with_files(&[("policy.json", POLICY), ("users.ndjson", &users)]);
    let told = refuse_with_limit(&place);
    assert!(told.starts_with("error: --report report: plan.csv cannot be written: "), "{told}");
    assert!(told.ends_with("; no report was written\n"), "{told}");
}

#[test]
fn a_refused_preview_creates_no_folder() {
    let place = place();
    place.write("cut.json", b"[{\"user_id\":\"auth0|1\"},");
    let before = list(&place);
    let ran = place.run(&[
        "backfill",
        "preview",
        "--users",
        "cut.json",
        "--policy",
        "policy.json",
        "--report",
        "new/deep/report",
    ]);
    assert_ne!(ran.code, Some(0));
    assert_eq!(list(&place), before);
    let ran = place.run(&[&PREVIEW[..7], &["new/deep/report"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(place.file("new/deep/report/plan.ndjson").exists());
}

#[test]
fn a_folder_without_permission_is_one_sentence() {
    let place = place();
    fs::create_dir(place.file("locked")).expect("a folder");
    let set = |mode| {
        fs::set_permissions(place.file("locked"), fs::Permissions::from_mode(mode)).expect("permissions");
    };
    set(0o555);
    let program = tempfile::tempdir().expect("a folder");
    let binary = program.path().join("ligature");
    fs::copy(env!("CARGO_BIN_EXE_ligature"), &binary).expect("a copy that everybody reaches");
    for folder in [program.path(), place.path()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a path");
    }
    // Root may write everywhere: the program is run as somebody else.
    let is_root = fs::metadata("/proc/self").map(|it| it.uid()).unwrap_or(1) == 0;
    let mut command = Command::new(if is_root { "setpriv".as_ref() } else { binary.as_os_str() });
    if is_root {
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(&binary);
    }
    command.args(&PREVIEW[..7]).arg("locked/report").current_dir(place.path());
    let ran = Ran::read(command.output().expect("it runs"));
    set(0o755);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {}", ran.stderr);
    assert!(ran.stderr.starts_with("error: --report locked/report: "), "{}", ran.stderr);
    assert_eq!(fs::read_dir(place.file("locked")).expect("a folder").count(), 0);
}

#[test]
fn a_file_at_the_place_of_the_report_is_left_as_it_is() {
    let place = place();
    place.write("report", b"mine");
    let told = place.bad(&PREVIEW, 2);
    assert!(told.starts_with("error: --report report: "), "{told}");
    assert_eq!(fs::read(place.file("report")).expect("a file"), b"mine");
    assert_eq!(list(&place), ["policy.json", "report", "users.ndjson"]);
}

/// The users come through a pipe that stays open, so that the preview is interrupted while it reads.
#[test]
fn ctrl_c_during_a_preview_leaves_nothing() {
    let place = place();
    fs::remove_file(place.file("users.ndjson")).expect("a file");
    let made = Command::new("mkfifo").arg(place.file("users.ndjson")).status().expect("mkfifo runs");
    assert!(made.success());
    let mut command = place.command(&PREVIEW);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    // Opening ends once the program has opened the other end: its folder exists then.
    let mut pipe = fs::OpenOptions::new().write(true).open(place.file("users.ndjson")).expect("a pipe");
    assert_eq!(list(&place).len(), 3, "the folder of the report is there, under another name");
    interrupt(&child);
    let user = "{\"user_id\":\"sms|1\",\"email\":\"ada@corp.com\"}\n";
    // The program may have ended already.
    let _ = pipe.write_all(user.repeat(10_000).as_bytes());
    drop(pipe);
    let ended = Ran::read(child.wait_with_output().expect("the end"));
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    assert_eq!(ended.stderr, "error: the preview was stopped; nothing was written\n");
    assert_eq!(list(&place), ["policy.json", "users.ndjson"]);
}
