//! Plans that are not applied, and why.

use std::fs;

use ligature_test_servers::Postgres;

use crate::place::Place;
use crate::user_base::{POLICY, USERS, import, place, preview};

/// A folder with users, their directory, and a plan.
fn previewed() -> Place {
    let place = place();
    import(&place);
    preview(&place);
    place
}

/// A folder with a plan of the file of users, and other users in the directory.
fn previewed_beside(users: &str) -> Place {
    let place = place_with_plan_of_file();
    place.write("users.ndjson", users.as_bytes());
    import(&place);
    place
}

fn refuse(place: &Place, more: &[&str]) -> String {
    let apply = ["backfill", "apply", "report/plan.ndjson", "--policy", "policy.json"];
    let told = place.bad(&[&apply[..], more].concat(), 2);
    let journal = place.good(&["journal", "list", "--json"]);
    assert_eq!(journal, "", "nothing is linked");
    told
}

#[test]
fn a_plan_of_another_policy_is_refused() {
    let place = previewed();
    place.write("policy.json", POLICY.replace("\"google-oauth2\", ", "").as_bytes());
    let told = refuse(&place, &[]);
    assert!(
        told.contains("the policy document of `link-users-by-email` is another one; give the policy"),
        "{told}"
    );
}

#[test]
fn a_plan_of_another_plugin_is_refused() {
    let place = previewed();
    let told = refuse(&place, &["--plugin", ligature_test_guests::EVIL_FILE]);
    assert!(told.contains("another one; give the policy of the preview, or preview again"), "{told}");
    assert!(told.contains("the plan was made by another policy: the plugin of `"), "{told}");
}

#[test]
fn a_plan_of_a_policy_that_only_observes_is_refused() {
    let place = place();
    place.write("policy.json", POLICY.replace("auto", "observe").as_bytes());
    import(&place);
    preview(&place);
    let told = refuse(&place, &[]);
    assert!(told.contains("set its `mode` to `auto` and preview again"), "{told}");
}

#[test]
fn a_plan_of_other_users_is_refused() {
    let users = USERS.replace("auth0|", "auth0|x").replace("google-oauth2|", "google-oauth2|x");
    let place = previewed_beside(&users);
    let told = refuse(&place, &[]);
    assert!(told.contains("the plan is of other users"), "{told}");
}

#[test]
fn a_plan_of_other_addresses_of_the_same_ids_is_refused() {
    let place = previewed_beside(&USERS.replace("@corp.com", "@other.test"));
    let told = refuse(&place, &[]);
    assert!(told.contains("with the same address: the plan is of other users"), "{told}");
    assert!(place.good(&["backfill", "status"]).contains("There is no run yet"), "nothing is stored");
}

/// Imports the same users into two directories, and applies the plan of the first one to the second one.
fn refuse_plan_of_another_directory(one: &str, other: &str) {
    let place = place();
    for directory in [one, other] {
        place.good(&["users", "import", "users.ndjson", "--directory", directory]);
    }
    let preview = ["backfill", "preview", "--policy", "policy.json", "--report", "report"];
    place.good(&[&preview[..], &["--directory", one]].concat());
    let apply = ["backfill", "apply", "report/plan.ndjson", "--policy", "policy.json", "--directory"];
    let before = place.good(&["users", "export", "--directory", other]);
    for more in [&[][..], &["--dry-run"]] {
        let told = place.bad(&[&apply[..], &[other], more].concat(), 2);
        // Without the user and the schema.
        let shown = one.split_once('@').map_or(one, |_| "postgres://");
        let from = format!("the plan was made from another directory, which was {shown}");
        assert!(told.contains(&from), "{told}");
        assert!(told.ends_with("; apply it to that one, or preview this one\n"), "{told}");
    }
    assert_eq!(place.good(&["users", "export", "--directory", other]), before);
    let runs = place.good(&["backfill", "status", "--directory", other]);
    assert!(runs.starts_with("There is no run yet"), "{runs}");
    assert!(place.good(&[&apply[..], &[one]].concat()).contains("LINKED                  1 group\n"));

    // The user has chosen the directory of a plan that was made from a file.
    let place = place_with_plan_of_file();
    let told = place.good(&[&apply[..], &[other]].concat());
    assert!(told.contains("LINKED                  1 group\n"), "{told}");
}

fn place_with_plan_of_file() -> Place {
    let place = place();
    let of_file = ["backfill", "preview", "--users", "users.ndjson", "--policy", "policy.json"];
    place.good(&[&of_file[..], &["--report", "report"]].concat());
    place
}

#[test]
fn a_plan_of_another_directory_with_the_same_users_is_refused_in_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, other] =
        ["one.db", "other.db"].map(|name| format!("sqlite:{}", folder.path().join(name).display()));
    refuse_plan_of_another_directory(&one, &other);
}

#[test]
fn a_plan_of_another_directory_with_the_same_users_is_refused_in_postgres() {
    let Ok(server) = Postgres::start() else { return };
    refuse_plan_of_another_directory(&server.schema(), &server.schema());
}

/// A backfill is tried out with a copy.
#[test]
fn a_plan_is_applied_to_a_copy_of_its_directory() {
    let place = previewed();
    fs::copy(place.file("users.db"), place.file("copy.db")).expect("a copy");
    let apply = ["backfill", "apply", "report/plan.ndjson", "--policy", "policy.json"];
    let told = place.good(&[&apply[..], &["--directory", "sqlite:copy.db"]].concat());
    assert!(told.contains("LINKED                  1 group\n"), "{told}");
}

#[test]
fn an_edited_plan_is_refused() {
    let place = previewed();
    let plan = fs::read_to_string(place.file("report/plan.ndjson")).expect("a plan");
    place.write("report/plan.ndjson", plan.replace("auth0|1", "auth0|3").as_bytes());
    assert!(refuse(&place, &[]).contains("the plan has changed since the preview wrote it"));
    let cut: Vec<&str> = plan.lines().collect();
    place.write("report/plan.ndjson", (cut[..cut.len() - 1].join("\n") + "\n").as_bytes());
    assert!(refuse(&place, &[]).contains("the plan breaks off before its last line"));
    place.write("report/plan.ndjson", b"{}\n");
    assert!(refuse(&place, &[]).contains("this is not a plan of `ligature backfill preview`"));
    fs::remove_file(place.file("report/plan.ndjson")).expect("a file");
    assert!(refuse(&place, &[]).contains("report/plan.ndjson: "));
}

#[cfg(unix)]
#[test]
fn a_plan_that_comes_through_a_pipe_is_refused() {
    use std::process::{Command, Stdio};
    let place = previewed();
    let mut cat = Command::new("cat");
    let mut cat = cat.arg(place.file("report/plan.ndjson")).stdout(Stdio::piped()).spawn().expect("cat runs");
    let mut apply = place.command(&["backfill", "apply", "/dev/stdin", "--policy", "policy.json"]);
    let ran = apply.stdin(cat.stdout.take().expect("its output")).output().expect("the program runs");
    cat.wait().expect("the end");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{told}");
    let expected = "error: /dev/stdin: a plan is read several times, and a pipe or standard input can be read once only: \
                    name the file of the plan\n";
    assert_eq!(told, expected);
    // A file that is redirected can be read again.
    let plan = fs::File::open(place.file("report/plan.ndjson")).expect("a file");
    let mut apply = place.command(&["backfill", "apply", "/dev/stdin", "--policy", "policy.json"]);
    assert!(apply.stdin(plan).output().expect("the program runs").status.success());
}

#[test]
fn a_selection_without_groups_is_refused() {
    let place = previewed();
    for options in [["--only", "reason=NONE"], ["--connections", "google-oauth2"]] {
        let told = refuse(&place, &options);
        assert!(
            told.contains("no group is selected: the options exclude each group that the plan links: 1"),
            "{told}"
        );
    }
}

#[test]
fn a_review_that_does_not_fit_is_refused() {
    let place = previewed();
    place.write("review", b"00000000000000000000000000000000\n");
    assert!(
        refuse(&place, &["--groups", "review"])
            .contains("the plan has no group 00000000000000000000000000000000")
    );
    place.write("review", b"maybe\n");
    assert!(refuse(&place, &["--groups", "review"]).contains("line 1: `maybe` is not the id of a group"));
    assert!(refuse(&place, &["--groups", "none"]).contains("none: "));
}

#[test]
fn an_unknown_run_is_named() {
    let place = previewed();
    for command in ["status", "undo"] {
        let told = place.bad(&["backfill", command, "00ff"], 2);
        assert_eq!(told, "error: there is no run `00ff` here; `ligature backfill status` lists the runs\n");
    }
    let told = place.good(&["backfill", "status"]);
    assert_eq!(told, "There is no run yet; `ligature backfill apply` begins one.\n");
}
