//! `ligature backfill preview`: its counts, its report, and its answers to bad input.

use std::fs;

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
    assert!(told.contains("LINK                1 groups\n             1  WOULD_LINK\n"), "{told}");
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
    assert!(told.contains("2 users cannot be read:\n  line 6: ") && told.contains("  line 7: "), "{told}");
}

/// Names and ids come from strangers.
#[test]
fn hostile_accounts_are_shown_as_text() {
    let place = place();
    let hostile = r#"</ul><script>alert(1)</script>"#;
    let users = USERS.replace("google-oauth2|4", &format!("=cmd|{hostile}"));
    place.write("users.ndjson", users.as_bytes());
    place.good(&with(&["--report", "report"]));
    let page = fs::read_to_string(place.file("report/report.html")).expect("a page");
    assert!(!page.contains("<script"), "{page}");
    let table = fs::read_to_string(place.file("report/plan.csv")).expect("a table");
    assert!(!table.contains(",=cmd") && table.contains("'=cmd"), "{table}");
}
