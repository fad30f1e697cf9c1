//! The history of an account, and undoing an addition.

use std::process::Command;

use serde_json::json;

use super::add::identities;
use super::attacks::{ADMINISTRATION, patch};
use super::person::{Person, users};
use crate::http::state_of;
use crate::tenants::{Tenant, database_user, user};

crate::tests![
    a_link_is_undone_by_its_owner,
    an_operators_link_is_not,
    an_undo_needs_a_login_that_stays,
    an_undo_that_is_refused_says_why,
    an_undo_of_an_account_that_has_changed_is_shown_again,
    a_link_of_another_account_is_not_undone,
    a_long_history_has_pages,
    an_entry_of_a_stranger_is_as_unknown_as_none,
    an_account_that_was_added_has_all_its_logins_in_the_history_and_the_mail,
    an_objection_gives_back_what_is_left_after_one_of_the_logins_was_removed,
    a_blocked_owner_removes_and_undoes_nothing,
];

/// The address of the page that undoes the newest addition.
pub(crate) fn undo_of(person: &mut Person) -> String {
    let page = person.page("/account");
    let rest = page.split_once("href=\"/account/undo?").unwrap_or_else(|| panic!("no undo: {page}")).1;
    format!("/account/undo?{}", rest.split_once('"').expect("an end").0)
}

fn a_link_is_undone_by_its_owner() {
    let google = user("google-oauth2|1080", "ada@example.com", "google-oauth2")
        + "user_metadata = { theme = \"light\" }\n";
    let tenant = Tenant::with(&(database_user("ada", "ada@example.com") + &google));
    let before = tenant.user("google-oauth2|1080").json();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    assert!(ada.page("/account").contains("Nothing has changed yet."));
    let mut ada = ada.with_google();
    assert!(ada.page("/account").contains("Google was added by you"));
    let target = undo_of(&mut ada);
    let page = ada.page(&target);
    assert!(page.contains("<h1>Undo this change?</h1>"), "{page}");
    assert!(
        page.contains("<li>Password a***@example.com</li>")
            && page.contains("<li>Google a***@example.com</li>"),
        "{page}"
    );
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2, "a page undoes nothing");
    let end = ada.submit(&page, "/account/undo", &[]);
    assert_eq!((end.status, end.location().ends_with("/account?done=undone")), (303, true), "{}", end.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    let after = tenant.user("google-oauth2|1080").json();
    assert_eq!(
        (&after["user_metadata"], &after["created_at"]),
        (&before["user_metadata"], &before["created_at"])
    );
    let history = ada.page("/account/history");
    assert!(history.contains("The addition of Google was undone by you"), "{history}");
    assert!(!history.contains("/account/undo?"), "{history}");
    let again = ada.submit(&page, "/account/undo", &[]);
    assert_eq!((again.status, again.text().contains("undone already")), (409, true), "{}", again.text());
}

fn an_operators_link_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    drop(Tenant::started(&users(), &["--directory", &directory]));
    let merged = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args([
            "users",
            "merge",
            "auth0|ada",
            "google-oauth2|1080",
            "--reason",
            "she called",
            "--directory",
            &directory,
        ])
        .output()
        .expect("the program runs");
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let tenant = Tenant::started(&users(), &["--directory", &directory]);
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let page = ada.page("/account");
    assert!(
        page.contains("Google was added by support") && page.contains("ask support to undo it"),
        "{page}"
    );
    assert!(!page.contains("/account/undo?"), "{page}");
    let listed = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["journal", "list", "--json", "--directory", &directory])
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let id = text.split_once("\"id\":").expect("an id").1.split('"').nth(1).expect("an id").to_owned();
    let refused = ada.get(&format!("/account/undo?link={id}"));
    assert_eq!((refused.status, refused.text().contains("ask support")), (403, true), "{}", refused.text());
}

/// The login that was added must not decide about the account on its own.
fn an_undo_needs_a_login_that_stays() {
    let tenant = Tenant::with(&users());
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let mut google = Person::at(&tenant);
    let login = google.get("/account");
    google.stand_in(&state_of(&login), "google-oauth2", &[("account", "1080")]);
    let target = undo_of(&mut google);
    let page = google.page(&target);
    assert!(page.contains("<h1>Log in again</h1>"), "{page}");
    let login = google.submit(&page, "/account/fresh", &[]);
    let end = google.by_password(&state_of(&login), "ada@example.com");
    assert!(end.location().ends_with(&target), "{}", end.location());
    assert!(google.page(&target).contains("<h1>Undo this change?</h1>"));
}

fn an_undo_that_is_refused_says_why() {
    let google = user("google-oauth2|1080", "ada@example.com", "google-oauth2")
        + "user_metadata = { theme = \"light\" }\n";
    let tenant = Tenant::with(&(database_user("ada", "ada@example.com") + &google + ADMINISTRATION));
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&format!("{preview}&metadata=take"));
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 303);
    let target = undo_of(&mut ada);
    let page = ada.page(&target);
    patch(&tenant, "auth0|ada", &json!({ "user_metadata": { "theme": "blue" } }));
    let late = ada.submit(&page, "/account/undo", &[]);
    let words = "Settings that this changed were changed again since.";
    assert_eq!((late.status, late.text().contains(words)), (409, true), "{}", late.text());
    let account = ada.page("/account");
    assert!(account.contains(words) && !account.contains("/account/undo?"), "{account}");
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}

fn an_undo_of_an_account_that_has_changed_is_shown_again() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let target = undo_of(&mut ada);
    let page = ada.page(&target);
    let preview = ada.prove_github("7");
    assert_eq!(ada.confirm(&preview).status, 303);
    let late = ada.submit(&page, "/account/undo", &[]);
    assert_eq!((late.status, late.text().contains("has changed since")), (409, true), "{}", late.text());
    assert_eq!(identities(&tenant, "auth0|ada").len(), 3);
    assert_eq!(ada.submit(&late.text(), "/account/undo", &[]).status, 303);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "github|7"]);
}

fn a_link_of_another_account_is_not_undone() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let theirs = undo_of(&mut ada);
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    let preview = bob.prove_github("7");
    bob.confirm(&preview);
    let own = undo_of(&mut bob);
    let own = bob.page(&own);
    for target in [theirs.clone(), "/account/undo?link=x".to_owned(), "/account/undo".to_owned()] {
        assert_eq!(bob.get(&target).status, 400, "{target}");
    }
    let link = theirs.split_once("link=").expect("a link").1;
    assert_eq!(bob.submit(&own, "/account/undo", &[("link", link)]).status, 400);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}

fn a_long_history_has_pages() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    for n in 0..14 {
        let preview = ada.prove_github(&n.to_string());
        assert_eq!(ada.confirm(&preview).status, 303);
        let target = ada.removal_of("GitHub");
        let page = ada.page(&target);
        assert_eq!(ada.submit(&page, "/account/remove", &[]).status, 303);
    }
    let page = ada.page("/account/history");
    assert_eq!(page.matches("GitHub was ").count(), 25, "{page}");
    let older =
        page.split_once("/account/history?before=").expect("older ones").1.split_once('"').expect("an end").0;
    let older = ada.page(&format!("/account/history?before={older}"));
    assert_eq!(
        (older.matches("GitHub was ").count(), older.contains("Older changes")),
        (3, false),
        "{older}"
    );
    assert!(page.len() <= 30_000 && ada.page("/account").len() <= 30_000);
    for unknown in ["x", "0190b6f0-0000-4000-8000-000000000000"] {
        assert_eq!(ada.get(&format!("/account/history?before={unknown}")).status, 400, "{unknown}");
    }
}

/// Otherwise an id tells whether the journal has it.
fn an_entry_of_a_stranger_is_as_unknown_as_none() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let undo = undo_of(&mut ada);
    let of_ada = undo.split_once("link=").expect("an entry").1;
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    let answers = [of_ada, "0190b6f0-0000-4000-8000-000000000000"].map(|id| {
        let answer = bob.get(&format!("/account/history?before={id}"));
        (answer.status, answer.text())
    });
    assert_eq!(answers[0].0, 400);
    assert_eq!(answers[0], answers[1]);
    assert_eq!(ada.get(&format!("/account/history?before={of_ada}")).status, 200);
}

fn an_account_that_was_added_has_all_its_logins_in_the_history_and_the_mail() {
    let tenant = Tenant::with(&users());
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    let state = bob.begin_adding();
    let preview = bob.by_password(&state, "ada@example.com").location();
    assert_eq!(bob.confirm(&preview).status, 303);
    let page = bob.page("/account");
    assert!(page.contains("Password and Google were added by you"), "{page}");
    assert!(page.contains(">Undo the addition of Password and Google of "), "{page}");
    let told = super::notices::newest(&tenant, 1).remove(0)["text"].to_string();
    let wanted =
        "the logins “Password, a***@example.com” and “Google, a***@example.com” were added to the account";
    assert!(told.contains(wanted), "{told}");
    let target = undo_of(&mut bob);
    let page = bob.page(&target);
    assert_eq!(bob.submit(&page, "/account/undo", &[]).status, 303);
    let page = bob.page("/account");
    assert!(page.contains("The addition of Password and Google was undone by you"), "{page}");
    let told = super::notices::newest(&tenant, 1).remove(0)["text"].to_string();
    assert!(told.contains("It was done from 127.0.0.1, within five minutes after a login."), "{told}");
}

/// Removing one of the logins must not keep the victim's own settings from coming back.
fn an_objection_gives_back_what_is_left_after_one_of_the_logins_was_removed() {
    let settings = "user_metadata = { theme = \"light\" }\n";
    let ada = database_user("ada", "ada@example.com") + settings;
    let google = user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    let tenant = Tenant::with(&[ada, google, database_user("bob", "bob@example.com")].concat());
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    let state = bob.begin_adding();
    let preview = bob.by_password(&state, "ada@example.com").location();
    assert_eq!(bob.confirm(&preview).status, 303);
    let told = super::notices::newest(&tenant, 9);
    let token =
        super::notices::token(told.iter().find(|it| it["to"] == "ada@example.com").expect("a notice"));
    let target = bob.removal_of("Google");
    let page = bob.page(&target);
    assert_eq!(bob.submit(&page, "/account/remove", &[]).status, 303);
    let done = super::notices::object(&mut tenant.browser(), &token);
    assert!(done.text().contains("Everybody is logged out of both accounts."), "{}", done.text());
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob"]);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(tenant.user("auth0|ada").json()["user_metadata"], json!({ "theme": "light" }));
    assert_eq!(bob.get("/account").status, 302);
}

fn a_blocked_owner_removes_and_undoes_nothing() {
    let tenant = Tenant::with(&(users() + ADMINISTRATION));
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let (removal, undo) = (ada.removal_of("Google"), undo_of(&mut ada));
    let (removal, undo) = (ada.page(&removal), ada.page(&undo));
    patch(&tenant, "auth0|ada", &json!({ "blocked": true }));
    for (page, form) in [(&removal, "/account/remove"), (&undo, "/account/undo")] {
        let refused = ada.submit(page, form, &[]);
        assert!(refused.location().contains("/u/login"), "{form}: {}", refused.text());
    }
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}
