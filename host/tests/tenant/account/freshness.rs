//! The new login that every change needs, at its last valid and its first invalid millisecond.

use super::person::{Person, users};
use crate::clocked::Clocked;
use crate::http::state_of;
use crate::tenants::{DATABASE, PASSWORD, authorize};

crate::tests![
    a_session_of_299_s_is_fresh_and_of_300_s_is_not,
    a_silent_login_is_not_fresh,
    the_removed_identity_does_not_count_as_fresh,
    a_login_again_ends_at_the_page_of_the_change,
    another_account_does_not_count_as_a_login_again,
    a_form_that_was_sent_too_late_is_not_repeated,
    a_proof_lasts_five_minutes,
];

fn tenant() -> Clocked {
    Clocked::start(&users())
}

fn is_stale(ada: &mut Person) -> bool {
    let page = ada.get("/account/add");
    page.status == 200 && page.text().contains("<h1>Log in again</h1>")
}

fn a_session_of_299_s_is_fresh_and_of_300_s_is_not() {
    let tenant = tenant();
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com");
    tenant.advance_ms(299_999);
    assert!(!is_stale(&mut ada));
    tenant.advance_ms(1);
    assert!(is_stale(&mut ada));
    assert!(ada.page("/account/add").contains("Your last login was 5 minutes ago."));
}

/// The application gets a code for the session, and the session gets no younger.
fn a_silent_login_is_not_fresh() {
    let tenant = tenant();
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com");
    tenant.advance_ms(300_000);
    let answer = ada.get(&authorize(&[("prompt", "none")])).answer();
    assert!(answer.contains_key("code"), "{answer:?}");
    assert!(is_stale(&mut ada));
}

fn the_removed_identity_does_not_count_as_fresh() {
    let tenant = tenant();
    Person::at_clocked(&tenant).logged_in("ada@example.com").with_google();
    let mut google = Person::at_clocked(&tenant);
    let login = google.get("/account");
    google.stand_in(&state_of(&login), "google-oauth2", &[("account", "1080")]);
    let target = google.removal_of("Google");
    let page = google.page(&target);
    assert!(
        page.contains("<h1>Log in again</h1>") && page.contains("by the main login of your account"),
        "{page}"
    );
    // The linked login does not count as a new login either, even if its connection is requested by hand.
    let login = google.submit(&page, "/account/fresh", &[]);
    let state = state_of(&login);
    assert!(!google.page(&format!("/u/login?state={state}")).contains("Continue with Google"));
    let refused = google.stand_in(&state, "google-oauth2", &[("account", "1080")]);
    assert_eq!(refused.status, 400, "{}", refused.text());
    let end = google.by_password(&state, "ada@example.com");
    assert!(end.location().ends_with(&target), "{}", end.location());
    assert!(google.page(&target).contains("<h1>Remove Google?</h1>"));
}

fn a_login_again_ends_at_the_page_of_the_change() {
    let tenant = tenant();
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com").with_google();
    let target = ada.removal_of("Google");
    tenant.advance_ms(300_000);
    let page = ada.page(&target);
    let old = ada.browser.cookies.clone();
    let login = ada.submit(&page, "/account/fresh", &[]);
    let form = ada.page(&login.location());
    assert!(form.contains("<h1>Log in again</h1>") && !form.contains("Sign up"), "{form}");
    let end = ada.by_password(&state_of(&login), "ada@example.com");
    assert!(end.location().ends_with(&target), "{}", end.location());
    assert_ne!(ada.browser.cookies, old, "a new session");
    assert!(ada.page(&target).contains("<h1>Remove Google?</h1>"));
    // A fresh session goes to the page at once.
    let page = page.replace("value=\"x\"", "");
    let again = ada.submit(&page, "/account/fresh", &[]);
    assert_eq!(again.status, 400, "the form is of the session that was replaced");
}

fn another_account_does_not_count_as_a_login_again() {
    let tenant = tenant();
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com");
    tenant.advance_ms(300_000);
    let page = ada.page("/account/add");
    let login = ada.submit(&page, "/account/fresh", &[]);
    let state = state_of(&login);
    let refused = ada.by_password(&state, "bob@example.com");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("belongs to another account"), "{}", refused.text());
    let new =
        [("state", &*state), ("connection", DATABASE), ("email", "eve@example.com"), ("password", PASSWORD)];
    assert_eq!(ada.browser.submit("/u/sign-up", &new).status, 403, "nobody signs up here");
    assert!(is_stale(&mut ada));
    let end = ada.by_password(&state, "ada@example.com");
    assert!(end.location().ends_with("/account/add"), "{}", end.location());
}

fn a_form_that_was_sent_too_late_is_not_repeated() {
    let tenant = tenant();
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com").with_google();
    let target = ada.removal_of("Google");
    let page = ada.page(&target);
    tenant.advance_ms(300_000);
    let late = ada.submit(&page, "/account/remove", &[]);
    assert_eq!((late.status, late.text().contains("<h1>Log in again</h1>")), (403, true), "{}", late.text());
    let login = ada.submit(&late.text(), "/account/fresh", &[]);
    let end = ada.by_password(&state_of(&login), "ada@example.com");
    assert!(end.location().ends_with(&target), "{}", end.location());
    assert!(ada.page("/account").contains("<strong>Google</strong>"), "it was not removed");
}

fn a_proof_lasts_five_minutes() {
    let tenant = tenant();
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    tenant.advance_ms(299_999);
    assert_eq!(ada.get(&preview).status, 200);
    tenant.advance_ms(1);
    let late = ada.get(&preview);
    assert_eq!((late.status, late.text().contains("has expired")), (400, true), "{}", late.text());
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 400);
}
