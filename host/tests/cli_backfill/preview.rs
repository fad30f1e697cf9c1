//! `ligature backfill preview`: its counts, its report, and its answers to bad input.

use std::fs;
use std::io::Write;

use crate::user_base::{POLICY, USERS, place};

const PREVIEW: [&str; 6] = ["backfill", "preview", "--users", "users.ndjson", "--policy", "policy.json"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&PREVIEW[..], more].concat()
}

#[test]
fn a_preview_counts_groups_by_decision_and_reason() {
    let place = place();
    insta::assert_snapshot!(place.good(&PREVIEW));
    assert!(!place.file("users.db").exists(), "no directory is created");
}

#[test]
fn a_preview_of_a_policy_that_only_observes_says_so() {
    let place = place();
    place.write("policy.json", POLICY.replace("auto", "observe").as_bytes());
    let told = place.good(&PREVIEW);
    assert!(told.contains("LINK                1 group\n             1  WOULD_LINK\n"), "{told}");
    assert!(told.contains("The policy only observes"), "{told}");
}

#[test]
fn a_report_has_a_plan_a_table_and_a_page() {
    let place = place();
    place.good(&with(&["--report", "report", "--now", "2026-11-21T10:00:00Z"]));
    let mut names: Vec<String> = (fs::read_dir(place.file("report")).expect("a folder"))
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["plan.csv", "plan.ndjson", "report.html"]);
    let read = |name: &str| fs::read_to_string(place.file("report").join(name)).expect("a file");
    insta::assert_snapshot!("table", read("plan.csv"));
    let page = read("report.html");
    assert!(!page.contains("ada@") && !page.contains("<script"), "{page}");
    assert!(page.contains("a…@corp.com") && page.contains("CANDIDATE_UNVERIFIED"), "{page}");
    assert!(page.len() < 30_000);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.file("report")).expect("a folder").permissions().mode();
        assert_eq!(mode & 0o077, 0, "only its owner reads it");
    }
}

#[test]
fn a_report_tells_how_a_person_decides_a_conflict() {
    let place = place();
    let third = USERS.lines().nth(1).expect("a user").replace("google-oauth2", "github").replace('2', "6");
    place.write("users.ndjson", format!("{USERS}{third}\n").as_bytes());
    place.write("policy.json", POLICY.replace("[\"google", "[\"github\", \"google").as_bytes());
    place.good(&with(&["--report", "report"]));
    let page = fs::read_to_string(place.file("report/report.html")).expect("a page");
    assert!(page.contains("<th scope=\"row\">MULTIPLE_CANDIDATES</th><td>2</td><td>More than two"), "{page}");
    for way in [
        "set <code>on_multiple</code> in the policy to <code>link_all</code>, or",
        "ligature users merge KEPT MOVED --reason TEXT",
        "in the console",
    ] {
        assert!(page.contains(way), "{way}: {page}");
    }
    assert!(!page.contains("TWO_MANAGED"), "no reason that the plan does not have");
    assert!(page.contains("<strong>6</strong> people, if each account afterwards is one person"), "{page}");
}

#[test]
fn addresses_are_whole_where_that_is_asked_for() {
    let place = place();
    place.good(&with(&["--report", "report", "--addresses"]));
    let read = |name: &str| fs::read_to_string(place.file("report").join(name)).expect("a file");
    let page = read("report.html");
    assert!(page.contains("ada@corp.com") && !page.contains("Addresses are masked"), "{page}");
    let plan = read("plan.ndjson");
    assert!(plan.lines().next().is_some_and(|header| header.contains("\"has_addresses\":true")), "{plan}");
    assert_eq!(
        place.run(&with(&["--addresses"])).code,
        Some(2),
        "a preview without a report shows no address"
    );
}

#[test]
fn a_folder_that_is_not_empty_is_left_as_it_is() {
    let place = place();
    place.good(&with(&["--report", "report"]));
    let before = fs::read(place.file("report/plan.ndjson")).expect("a plan");
    let told = place.bad(&with(&["--report", "report"]), 2);
    assert_eq!(
        told,
        "error: --report report: this folder is not empty; name another one, which is created\n"
    );
    assert_eq!(fs::read(place.file("report/plan.ndjson")).expect("a plan"), before);
}

#[test]
fn a_truncated_export_leaves_no_report() {
    let place = place();
    let whole = format!("[{}]", USERS.trim().replace('\n', ","));
    place.write("users.ndjson", &whole.as_bytes()[..whole.len() - 40]);
    let told = place.bad(&with(&["--report", "report"]), 2);
    assert!(told.contains("the file breaks off in the middle"), "{told}");
    let left = fs::read_dir(place.path()).expect("a folder").count();
    assert_eq!(left, 2, "only users and policy are there");
}

#[test]
fn an_export_whose_last_line_breaks_off_is_refused() {
    let place = place();
    place.write("users.ndjson", &USERS.as_bytes()[..USERS.len() - 40]);
    let told = place.bad(&with(&["--report", "report"]), 2);
    assert_eq!(
        told,
        "error: the file of users breaks off in the middle of its last user, line 5; export or copy it again\n"
    );
    assert!(!place.file("report").exists());
}

#[test]
fn two_sources_are_refused() {
    let place = place();
    let told = place.bad(&with(&["--directory", "sqlite:other.db"]), 2);
    assert!(told.contains("--users and --directory name two sources of users"), "{told}");
}

#[test]
fn standard_input_is_refused_because_the_users_are_read_twice() {
    let place = place();
    let told = place.bad(&["backfill", "preview", "--users", "-"], 2);
    assert!(told.contains("standard input can be read once only"), "{told}");
}

#[test]
fn a_file_that_is_missing_or_no_users_is_named() {
    let place = place();
    place.write("other.json", b"hello");
    for (file, words) in [("none.ndjson", "none.ndjson: "), ("other.json", "this is not JSON")] {
        let told = place.bad(&["backfill", "preview", "--users", file], 2);
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn users_that_cannot_be_read_are_counted_and_named() {
    let place = place();
    place.write(
        "users.ndjson",
        format!("{USERS}{{\"user_id\": \"auth0|7\", \"email\": 7}}\nnonsense\n").as_bytes(),
    );
    let told = place.good(&PREVIEW);
    assert!(told.contains("2 users are left out:\n  line 6: ") && told.contains("  line 7: "), "{told}");
}

/// As in an import, the first user with an id counts.
#[test]
fn a_user_that_is_there_again_counts_once() {
    let place = place();
    let (ada, bob) = (USERS.lines().next().expect("a line"), USERS.lines().nth(2).expect("a line"));
    // The second address of Bob's account is Ada's.
    let stale = bob.replace("bob@corp.com", "ada@corp.com");
    let cy = USERS.lines().last().expect("a line");
    place.write("users.ndjson", format!("{USERS}{ada}\n{stale}\n{cy}\n").as_bytes());
    let told = place.good(&PREVIEW);
    assert!(told.starts_with("5 users, of which 4 have the address of another one: 2 groups\n"), "{told}");
    assert!(told.contains("\n1 user without an address\n3 users are there again; the first"), "{told}");
    let differs = "1 user is left out:\n  line 7: the user auth0|3 is already in line 3 with other data\n";
    assert!(told.contains(differs), "{told}");
}

#[test]
fn ids_that_differ_in_case_are_two_users() {
    let place = place();
    let users = USERS.replacen("google-oauth2|2\"", "auth0|A\"", 1).replacen("auth0|1\"", "auth0|a\"", 1);
    place.write("users.ndjson", users.as_bytes());
    let told = place.good(&PREVIEW);
    assert!(told.starts_with("5 users, of which 4 have"), "{told}");
    assert!(!told.contains("there again"), "{told}");
}

#[test]
fn a_user_of_a_group_that_cannot_be_read_is_named_by_its_line() {
    let place = place();
    let users = USERS.replace("\"connection\":\"google-oauth2\"", "\"connection\":\"a,b\"");
    place.write("users.ndjson", users.as_bytes());
    let told = place.good(&PREVIEW);
    assert!(told.contains("2 users are left out:\n  line "), "{told}");
    assert!(told.contains("\n  line 2: `a,b` is not") && told.contains("\n  line 4: `a,b` is not"), "{told}");
}

#[test]
fn a_file_without_users_is_refused() {
    let place = place();
    for (text, words) in [
        ("", "the file of users holds no user\n"),
        ("[]", "the file of users holds no user\n"),
        (POLICY, "the file of users holds no user; line 1: "),
    ] {
        place.write("users.ndjson", text.as_bytes());
        let told = place.bad(&with(&["--report", "report"]), 2);
        assert!(told.contains(words), "{told}");
        assert!(!place.file("report").exists());
    }
}

#[test]
fn fields_that_no_user_has_are_named() {
    let place = place();
    assert!(!place.good(&PREVIEW).contains("No user has"), "each field is there once");
    let users = USERS.replace(",\"email_verified\":true", "").replace(",\"email_verified\":false", "");
    place.write("users.ndjson", users.as_bytes());
    let told = place.good(&PREVIEW);
    assert!(
        told.contains("No user has `email_verified`: a policy links fewer accounts without it"),
        "{told}"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_because_the_users_are_read_twice() {
    use std::process::Stdio;
    let place = place();
    let mut cat = std::process::Command::new("cat");
    let mut cat = cat.arg(place.file("users.ndjson")).stdout(Stdio::piped()).spawn().expect("cat runs");
    let mut command = place.command(&["backfill", "preview", "--users", "/dev/stdin"]);
    let ran = command.stdin(cat.stdout.take().expect("its output")).output().expect("the program runs");
    cat.wait().expect("the end");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(told.contains("a pipe or standard input can be read once only"), "{told}");
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_no_folder_for_a_report() {
    let place = place();
    std::fs::create_dir(place.file("empty")).expect("a folder");
    std::os::unix::fs::symlink("empty", place.file("report")).expect("a link");
    let told = place.bad(&with(&["--report", "report"]), 2);
    assert!(told.contains("--report report: this is a symbolic link; name the folder itself"), "{told}");
}

/// Names and ids come from strangers.
#[test]
fn hostile_accounts_are_shown_as_text() {
    let place = place();
    let hostile = "</ul><script>alert(1)</script>\\u202e\\n";
    let users = USERS.replace("google-oauth2|4", &format!("=cmd|{hostile}"));
    place.write("users.ndjson", users.as_bytes());
    place.good(&with(&["--report", "report"]));
    let page = fs::read_to_string(place.file("report/report.html")).expect("a page");
    assert!(!page.contains("<script"), "{page}");
    let table = fs::read_to_string(place.file("report/plan.csv")).expect("a table");
    assert!(!table.contains(",=cmd") && table.contains("'=cmd"), "{table}");
    assert!(!table.contains('\u{202e}') && table.contains("\\u{202e}\\n"), "{table}");
}

#[test]
fn a_gzipped_export_that_breaks_off_is_refused() {
    let place = place();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(USERS.as_bytes()).expect("it is written to memory");
    let whole = gzip.finish().expect("it is written to memory");
    for cut in [whole.len() - 4, whole.len() / 2, 11] {
        place.write("users.ndjson", &whole[..cut]);
        let told = place.bad(&with(&["--report", "report"]), 2);
        assert!(told.contains("breaks off") || told.contains("cut"), "{cut}: {told}");
        assert!(!place.file("report").exists());
    }
    place.write("users.ndjson", &whole);
    place.good(&PREVIEW);
}

#[test]
fn addresses_in_ids_are_masked_on_the_page() {
    let place = place();
    let users = USERS.replace("google-oauth2|2", "google-oauth2|ada@corp.com");
    place.write("users.ndjson", users.replace("\"2\"", "\"ada@corp.com\"").as_bytes());
    place.good(&with(&["--report", "report"]));
    let read = |name: &str| fs::read_to_string(place.file("report").join(name)).expect("a file");
    let page = read("report.html");
    assert!(!page.contains("ada@corp.com") && page.contains("google-oauth2|a…@corp.com"), "{page}");
    assert!(read("plan.ndjson").contains("google-oauth2|ada@corp.com"), "the plan needs the id");
    place.good(&with(&["--report", "whole", "--addresses"]));
    let page = fs::read_to_string(place.file("whole/report.html")).expect("a file");
    assert!(page.contains("google-oauth2|ada@corp.com"), "{page}");
}
