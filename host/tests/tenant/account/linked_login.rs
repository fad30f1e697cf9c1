//! Attacks by somebody who holds only a linked login: they decide nothing about the account.

use serde_json::json;

use super::add::identities;
use super::history::undo_of;
use super::person::{Person, users};
use crate::http::{Request, state_of};
use crate::tenants::{Tenant, by_google, redeem, text};

crate::tests![
    a_linked_login_adds_nothing_and_hands_nothing_over,
    a_linked_login_removes_no_other_login,
    a_linked_login_undoes_no_other_addition,
    a_linked_login_does_not_count_as_a_login_again,
    a_token_of_a_linked_login_proves_no_whole_account,
];

/// Ada, with Google and GitHub. Somebody else can log in to her account of Google.
fn shared_google(tenant: &Tenant) -> Person {
    let mut ada = Person::at(tenant).logged_in("ada@example.com").with_google();
    let preview = ada.prove_github("7");
    assert_eq!(ada.confirm(&preview).status, 303);
    let mut other = Person::at(tenant);
    let login = other.get("/account");
    other.stand_in(&state_of(&login), "google-oauth2", &[("account", "1080")]);
    assert!(other.page("/account").contains("a***@example.com (main login)"));
    other
}

fn assert_is_asked_for_the_main_login(page: &str) {
    assert!(
        page.contains("<h1>Log in again</h1>")
            && page.contains("by the main login of your account: Password a***@example.com."),
        "{page}"
    );
}

fn a_linked_login_adds_nothing_and_hands_nothing_over() {
    let tenant = Tenant::with(&users());
    let mut other = shared_google(&tenant);
    assert_is_asked_for_the_main_login(&other.page("/account/add"));
    assert_eq!(identities(&tenant, "auth0|ada").len(), 3);
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob"]);
}

/// They do not even remove their own login: it is a part of somebody's account.
fn a_linked_login_removes_no_other_login() {
    let tenant = Tenant::with(&users());
    let mut other = shared_google(&tenant);
    for label in ["GitHub", "Google"] {
        let target = other.removal_of(label);
        assert_is_asked_for_the_main_login(&other.page(&target));
        // The form of the owner's page, with a token of this session.
        let form = Request::post("/account/remove");
        let identity = target.split_once("identity=").expect("a digest").1.to_owned();
        let refused = other.browser.send(form.form(&[("identity", &identity), ("version", "1")]));
        assert_eq!(refused.status, 400, "{}", refused.text());
    }
    assert_eq!(identities(&tenant, "auth0|ada").len(), 3);
}

fn a_linked_login_undoes_no_other_addition() {
    let tenant = Tenant::with(&users());
    let mut other = shared_google(&tenant);
    let target = undo_of(&mut other);
    assert_is_asked_for_the_main_login(&other.page(&target));
    assert_eq!(identities(&tenant, "auth0|ada").len(), 3);
}

fn a_linked_login_does_not_count_as_a_login_again() {
    let tenant = Tenant::with(&users());
    let mut other = shared_google(&tenant);
    let page = other.page("/account/add");
    let login = other.submit(&page, "/account/fresh", &[]);
    let state = state_of(&login);
    let form = other.page(&format!("/u/login?state={state}"));
    assert!(!form.contains("Continue with Google") && !form.contains("Continue with GitHub"), "{form}");
    assert_eq!(other.stand_in(&state, "google-oauth2", &[("account", "1080")]).status, 400);
    let end = other.by_password(&state, "ada@example.com");
    assert!(end.location().ends_with("/account/add"), "{}", end.location());
}

/// The Management API moves the whole account of an ID token.
fn a_token_of_a_linked_login_proves_no_whole_account() {
    let tenant = Tenant::with(&users());
    shared_google(&tenant);
    let theirs = by_google(&mut tenant.browser(), "1080", &[]).answer();
    let proof = text(&redeem(&tenant, "web", &theirs["code"]).json()["id_token"]);
    let scope = "openid update:current_user_identities";
    let own = text(&tenant.password_tokens("web", "bob@example.com", scope)["access_token"]);
    let link = |proof: &str| {
        let request = Request::post("/api/v2/users/auth0|bob/identities").bearer(&own);
        tenant.send(&request.json(&json!({ "link_with": proof })))
    };
    let refused = link(&proof);
    assert_eq!((refused.status, &refused.json()["errorCode"]), (400, &json!("invalid_link_with")));
    assert!(refused.text().contains("main identity"), "{}", refused.text());
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob"]);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 3);
    let main = text(&tenant.password_tokens("web", "ada@example.com", "openid")["id_token"]);
    assert_eq!(link(&main).status, 201);
}
