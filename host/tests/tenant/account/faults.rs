//! Changes that fail: by injected faults, by the limit of requests, by a file that another process has
//! locked, and between two steps. Nothing is half done, and the same form works afterwards.

use serde_json::json;

use super::add::identities;
use super::history::undo_of;
use super::notices::{newest, object, token};
use super::person::{Person, users};
use crate::clocked::Clocked;
use crate::http::{Request, state_of};
use crate::tenants::{Tenant, text};

crate::tests![
    an_injected_fault_changes_nothing,
    a_change_whose_answer_was_lost_is_made_once,
    a_request_beyond_the_limit_changes_nothing,
    guesses_at_the_second_account_prove_nothing,
    a_locked_file_changes_nothing,
    a_link_that_fails_leaves_no_new_account,
    a_separation_that_fails_halfway_separates_nothing,
    changes_are_counted_by_result,
];

fn inject(tenant: &Tenant, path: &str, after_effect: bool) {
    let faults = json!([{ "method": "POST", "path": path, "status": 503, "after_effect": after_effect }]);
    let answer = tenant.send(&Request::new("PUT", "/dev/faults").json(&faults));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A page that changes the account, and the path of its form.
fn removal(ada: &mut Person) -> (String, &'static str) {
    let target = ada.removal_of("Google");
    (ada.page(&target), "/account/remove")
}

fn an_injected_fault_changes_nothing() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let (both, one): (&[&str], &[&str]) = (&["auth0|ada", "google-oauth2|1080"], &["auth0|ada"]);
    for step in ["link", "remove", "link again", "undo"] {
        let ((page, path), before, after) = match step {
            "remove" => (removal(&mut ada), both, one),
            "undo" => {
                let target = undo_of(&mut ada);
                ((ada.page(&target), "/account/undo"), both, one)
            }
            _ => {
                let preview = ada.prove_google();
                ((ada.page(&preview), "/account/link"), one, both)
            }
        };
        let told = newest(&tenant, 100).len();
        inject(&tenant, path, false);
        let answer = ada.submit(&page, path, &[]);
        assert_eq!(answer.status, 503, "{step}: {}", answer.text());
        assert!(answer.text().contains("an injected fault"), "{step}: {}", answer.text());
        assert_eq!(identities(&tenant, "auth0|ada"), before, "{step}");
        assert_eq!(newest(&tenant, 100).len(), told, "{step}: nobody is told of a change that was not made");
        let answer = ada.submit(&page, path, &[]);
        assert_eq!(answer.status, 303, "{step}: {}", answer.text());
        assert_eq!(identities(&tenant, "auth0|ada"), after, "{step}");
    }
    let preview = ada.prove_google();
    assert_eq!(ada.confirm(&preview).status, 303);
    let token = token(&newest(&tenant, 1)[0]);
    inject(&tenant, "/account/objection", false);
    assert_eq!(object(&mut tenant.browser(), &token).status, 503);
    assert_eq!(identities(&tenant, "auth0|ada"), both);
    assert_eq!(object(&mut tenant.browser(), &token).status, 200);
    assert_eq!(identities(&tenant, "auth0|ada"), one);
}

/// The person sends the form again: it says what is the case, and changes nothing more.
fn a_change_whose_answer_was_lost_is_made_once() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    inject(&tenant, "/account/link", true);
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 503);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
    let told = newest(&tenant, 100).len();
    let again = ada.submit(&page, "/account/link", &[]);
    assert_eq!(again.status, 400);
    assert!(again.text().contains("Your account shows whether the login was added."), "{}", again.text());

    let (page, path) = removal(&mut ada);
    inject(&tenant, path, true);
    assert_eq!(ada.submit(&page, path, &[]).status, 503);
    let again = ada.submit(&page, path, &[]);
    assert_eq!(again.status, 400);
    assert!(again.text().contains("Your account has no such login any more."), "{}", again.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(newest(&tenant, 100).len(), told + 1, "the removal was told once, to the one address of both");
}

fn a_request_beyond_the_limit_changes_nothing() {
    let limit = "\n[rate_limit]\nauthentication = { per_second = 1, burst = 40 }\n";
    let tenant = Clocked::start(&format!("{limit}{}", users()));
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    let exhaust = |ada: &mut Person| (0..100).any(|_| ada.get("/account").status == 429);
    assert!(exhaust(&mut ada));
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 429);
    tenant.advance_ms(5_000);
    assert!(!ada.page("/account").contains("<strong>Google</strong>"), "nothing was linked");
    let end = ada.submit(&page, "/account/link", &[]);
    assert!(end.location().ends_with("done=linked"), "{} {}", end.status, end.text());

    let (page, path) = removal(&mut ada);
    assert!(exhaust(&mut ada));
    assert_eq!(ada.submit(&page, path, &[]).status, 429);
    tenant.advance_ms(5_000);
    assert!(ada.page("/account").contains("<strong>Google</strong>"), "nothing was removed");
    assert_eq!(ada.submit(&page, path, &[]).status, 303);
}

/// Wrong passwords for the second account lock its login, and neither end nor use up the errand.
fn guesses_at_the_second_account_prove_nothing() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let state = ada.begin_adding();
    let form = |password: &'static str| {
        [
            ("state", state.as_str()),
            ("username", "bob@example.com"),
            ("password", password),
            ("connection", crate::tenants::DATABASE),
        ]
    };
    let statuses: Vec<u16> =
        (0..30).map(|_| ada.browser.submit("/u/login", &form("a wrong guess")).status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    let locked = ada.browser.submit("/u/login", &form(crate::tenants::PASSWORD));
    assert_eq!(locked.status, 429, "the right password of a locked login proves nothing: {}", locked.text());
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob"]);
    // The errand is still there, for another account.
    let proved = ada.stand_in(&state, "google-oauth2", &[("account", "1080")]);
    assert_eq!(ada.confirm(&proved.location()).status, 303);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}

/// A tenant on a file, and another connection to it.
fn on_a_file(folder: &tempfile::TempDir) -> (Tenant, rusqlite::Connection) {
    let file = folder.path().join("users.db");
    let tenant = Tenant::started(&users(), &["--directory", &format!("sqlite:{}", file.display())]);
    let other = rusqlite::Connection::open(&file).expect("the file");
    other.busy_timeout(std::time::Duration::from_secs(5)).expect("a time");
    (tenant, other)
}

fn a_locked_file_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tenant, other) = on_a_file(&folder);
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_github("7");
    let page = ada.page(&preview);
    other.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
    let answer = ada.submit(&page, "/account/link", &[]);
    assert_eq!(
        (answer.status, answer.text().contains("Nothing was changed")),
        (503, true),
        "{}",
        answer.text()
    );
    other.execute_batch("ROLLBACK").expect("an end");
    assert_eq!((tenant.user("github|7").status, identities(&tenant, "auth0|ada").len()), (404, 1));
    assert!(newest(&tenant, 9).is_empty());
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 303);

    let target = ada.removal_of("GitHub");
    let page = ada.page(&target);
    let told = newest(&tenant, 100).len();
    other.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
    let answer = ada.submit(&page, "/account/remove", &[]);
    assert_eq!(
        (answer.status, answer.text().contains("Nothing was changed")),
        (503, true),
        "{}",
        answer.text()
    );
    other.execute_batch("ROLLBACK").expect("an end");
    assert_eq!((identities(&tenant, "auth0|ada").len(), newest(&tenant, 100).len()), (2, told));
    assert_eq!(ada.submit(&page, "/account/remove", &[]).status, 303);
}

/// Lets every change fail that writes an entry of the journal.
const STOP: &str =
    "CREATE TRIGGER stop BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'stopped by the test'); END";

/// The account of the new login is made first, in a transaction of its own.
fn a_link_that_fails_leaves_no_new_account() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tenant, other) = on_a_file(&folder);
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_github("7");
    let page = ada.page(&preview);
    other.execute_batch(STOP).expect("a trigger");
    let answer = ada.submit(&page, "/account/link", &[]);
    assert_eq!(
        (answer.status, answer.text().contains("Nothing was changed")),
        (503, true),
        "{}",
        answer.text()
    );
    assert_eq!((tenant.user("github|7").status, identities(&tenant, "auth0|ada").len()), (404, 1));
    assert!(newest(&tenant, 9).is_empty(), "nobody is told");
    other.execute_batch("DROP TRIGGER stop").expect("no trigger");
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 303, "the proof was given back");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "github|7"]);
}

fn a_separation_that_fails_halfway_separates_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tenant, other) = on_a_file(&folder);
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let objection = token(&newest(&tenant, 1)[0]);
    let mut google = Person::at(&tenant);
    let login = google.get("/account");
    google.stand_in(&state_of(&login), "google-oauth2", &[("account", "1080")]);
    // After the login, which changes the profile of the identity.
    let (removal, target) = (removal(&mut ada).0, undo_of(&mut ada));
    let undo = ada.page(&target);
    other.execute_batch(STOP).expect("a trigger");
    for (page, path) in [(&removal, "/account/remove"), (&undo, "/account/undo")] {
        let answer = ada.submit(page, path, &[]);
        let is_true = answer.text().contains("Nothing was changed");
        assert_eq!((answer.status, is_true), (503, true), "{path}: {}", answer.text());
    }
    assert_eq!(object(&mut tenant.browser(), &objection).status, 503);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
    assert_eq!(google.get("/account").status, 200, "no login has ended");
    other.execute_batch("DROP TRIGGER stop").expect("no trigger");
    assert_eq!(object(&mut tenant.browser(), &objection).status, 200);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(google.get("/account").status, 302);
}

fn changes_are_counted_by_result() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    let wrong = [("plan", "another plan")];
    assert_eq!(ada.submit(&page, "/account/link", &wrong).status, 409);
    assert_eq!(ada.submit(&page, "/account/link", &[("form", "x")]).status, 400);
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 303);
    let objection = token(&newest(&tenant, 1)[0]);
    let (page, path) = removal(&mut ada);
    assert_eq!(ada.submit(&page, path, &[]).status, 303);
    object(&mut tenant.browser(), &objection);
    object(&mut tenant.browser(), &objection);
    object(&mut tenant.browser(), "nothing");
    let page = tenant.send(&Request::get("/metrics")).text();
    let count = |change: &str, result: &str| {
        let name = format!("ligature_account_changes_total{{change=\"{change}\",result=\"{result}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&*name)?.parse::<u64>().ok()).unwrap_or(0)
    };
    let results = ["done", "changed", "refused", "failed"];
    assert_eq!(results.map(|it| count("add", it)), [1, 1, 1, 0], "{page}");
    assert_eq!(results.map(|it| count("remove", it)), [1, 0, 0, 0], "{page}");
    assert_eq!(count("contest", "done") + count("contest", "refused"), 3, "{page}");
    assert!(count("contest", "done") >= 1 && count("contest", "refused") >= 1, "{page}");
    assert!(!text(&json!(page)).contains("example.com"), "no label names anybody");
}
