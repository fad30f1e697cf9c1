//! Removing a way to log in.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::add::identities;
use super::person::{Person, hidden_fields, users};
use crate::http::state_of;
use crate::tenants::{Tenant, by_google, database_user, redeem, text, user};

crate::tests![
    a_login_is_removed_and_becomes_an_account_of_its_own,
    the_main_and_the_last_identity_stay,
    an_unlink_ends_the_sessions_and_tokens_of_its_identity,
    a_removal_of_an_account_that_has_changed_is_shown_again,
];

fn tenant() -> Tenant {
    Tenant::with(&users())
}

fn a_login_is_removed_and_becomes_an_account_of_its_own() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let target = ada.removal_of("Google");
    let page = ada.page(&target);
    let left = "Afterwards you can log in with:</p>\n<ul>\n<li>Password a***@example.com</li>\n\n</ul>";
    assert!(page.contains("<h1>Remove Google?</h1>") && page.contains(left), "{page}");
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2, "a page removes nothing");
    let end = ada.submit(&page, "/account/remove", &[]);
    assert_eq!(
        (end.status, end.location().ends_with("/account?done=removed")),
        (303, true),
        "{}",
        end.text()
    );
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(identities(&tenant, "google-oauth2|1080"), ["google-oauth2|1080"]);
    let again = ada.submit(&page, "/account/remove", &[]);
    assert_eq!((again.status, again.text().contains("no such login")), (400, true), "{}", again.text());
}

fn the_main_and_the_last_identity_stay() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let page = ada.page("/account");
    assert_eq!(page.matches("/account/remove?").count(), 1, "{page}");
    let target = ada.removal_of("Google");
    let removal = ada.page(&target);
    // No page has the digest of the main login.
    let main = digest(&[crate::tenants::DATABASE, "auth0", "ada"]);
    let refused = ada.submit(&removal, "/account/remove", &[("identity", &main)]);
    assert_eq!((refused.status, refused.text().contains("main login")), (400, true), "{}", refused.text());
    assert_eq!(ada.get(&format!("/account/remove?identity={main}")).status, 400);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);

    // A login without a password, and one of an unknown connection, do not count as remaining ones.
    let imported = user("auth0|eve", "eve@example.com", "Username-Password-Authentication")
        + "identities = [{ provider = \"auth0\", user_id = \"eve\", connection = \"Username-Password-Authentication\" }, \
           { provider = \"github\", user_id = \"9\", connection = \"github\" }]\n";
    let tenant = Tenant::with(&format!("{}{imported}", super::person::GITHUB));
    let mut eve = Person::at(&tenant);
    let login = eve.get("/account");
    eve.stand_in(&state_of(&login), "github", &[("user_id", "9")]);
    let target = eve.removal_of("GitHub");
    let refused = eve.get(&target);
    assert_eq!(
        (refused.status, refused.text().contains("only way to log in")),
        (400, true),
        "{}",
        refused.text()
    );
}

/// The digest by which the pages name an identity.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn an_unlink_ends_the_sessions_and_tokens_of_its_identity() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let mut google = tenant.browser();
    let answer = by_google(&mut google, "1080", &[]).answer();
    let tokens = redeem(&tenant, "web", &answer["code"]).json();
    let refresh = text(&tokens["refresh_token"]);
    assert_eq!(google.get("/account").status, 200);
    let target = ada.removal_of("Google");
    let page = ada.page(&target);
    assert_eq!(ada.submit(&page, "/account/remove", &[]).status, 303);
    assert_eq!(google.get("/account").status, 302, "the session has ended");
    let answer = tenant.token("web", &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("invalid_grant")));
    assert_eq!(ada.get("/account").status, 200, "the session that removed it is kept");
}

fn a_removal_of_an_account_that_has_changed_is_shown_again() {
    let tenant = Tenant::with(&(users() + &database_user("eve", "eve@example.com")));
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let target = ada.removal_of("Google");
    let page = ada.page(&target);
    let preview = ada.prove_github("7");
    assert_eq!(ada.confirm(&preview).status, 303);
    let late = ada.submit(&page, "/account/remove", &[]);
    assert_eq!(late.status, 409);
    assert!(
        late.text().contains("has changed since") && late.text().contains("<li>GitHub"),
        "{}",
        late.text()
    );
    assert_ne!(hidden_fields(&late.text(), "/account/remove"), hidden_fields(&page, "/account/remove"));
    assert_eq!(ada.submit(&late.text(), "/account/remove", &[]).status, 303);
}
