//! The mail that verifies an address. Anybody can sign up with the address of somebody else, so that
//! whoever reads the mail need not know the password of the account.

use serde_json::{Value, json};

use super::{log_in, mails, patch, sign_up, silent, subject_of, tenant_with};
use crate::http::{Browser, Request, Response};
use crate::logins::{AUTO, File};
use crate::tenants::{DATABASE, PASSWORD, Tenant, by_google, by_password, claims, open, redeem, text, user};

crate::tests![
    a_mail_that_another_browser_answers_asks_for_the_password,
    the_browser_that_has_signed_up_needs_no_password,
    an_owner_who_has_not_signed_up_sets_a_new_password,
    an_owner_takes_a_login_back_that_was_linked_into_another_account,
    a_mail_about_a_former_address_verifies_nothing,
    a_mail_of_before_another_verification_is_no_key_for_a_new_password,
    guesses_at_the_password_of_a_mail_are_bounded,
];

/// The address of a mailbox, of which the owner has a Google account.
const ADDRESS: &str = "ada@example.com";

/// A tenant that links Google's logins by their verified address, with Ada's Google account.
fn tenant() -> (File, Tenant) {
    let policy = File::with(AUTO);
    let google = user("google-oauth2|1080", ADDRESS, "google-oauth2");
    let tenant = tenant_with(&google, &["--policy", policy.name()]);
    (policy, tenant)
}

/// The link of the newest mail that verifies an address: its path, and its ticket.
fn mailed(tenant: &Tenant) -> (String, String) {
    let mail = mails(tenant, ADDRESS).into_iter().find(|it| it["kind"] == "verify").expect("a mail");
    let link = text(&mail["link"]);
    (link.clone(), link.split_once("ticket=").expect("a ticket").1.to_owned())
}

fn answer(browser: &mut Browser, ticket: &str, with: &[(&str, &str)]) -> Response {
    browser.submit("/u/email-verification", &[&[("ticket", ticket)][..], with].concat())
}

fn is_verified(tenant: &Tenant, user_id: &str) -> bool {
    tenant.user(user_id).json()["email_verified"] == true
}

/// Eve signs up with Ada's address. Returns the id of that account.
fn signed_up(tenant: &Tenant) -> String {
    let made = sign_up(tenant, DATABASE, ADDRESS);
    assert_eq!(made.status, 200, "{}", made.text());
    format!("auth0|{}", text(&made.json()["_id"]))
}

/// Takes the way of the page to a new password, and sets one.
fn set_new_password(browser: &mut Browser, ticket: &str, password: &str) -> Response {
    let to_reset = answer(browser, ticket, &[("choice", "new-password")]);
    assert_eq!(to_reset.status, 303, "{}", to_reset.text());
    let reset = to_reset.location();
    assert_eq!(browser.get(&reset).status, 200);
    let ticket = reset.split_once("/u/reset?ticket=").expect("the page of a new password").1;
    browser.submit("/u/reset", &[("ticket", ticket), ("password", password)])
}

fn a_mail_that_another_browser_answers_asks_for_the_password() {
    let (_policy, tenant) = tenant();
    let account = signed_up(&tenant);
    let (link, ticket) = mailed(&tenant);
    let mut phone = tenant.browser();
    let page = phone.get(&link).text();
    assert!(page.contains("type=\"password\"") && page.contains("Set a new password"), "{page}");
    for wrong in [&[][..], &[("password", "")], &[("password", "another password")]] {
        let refused = answer(&mut phone, &ticket, wrong);
        assert_eq!(refused.status, 403, "{wrong:?}");
        assert!(refused.text().contains("role=\"alert\""), "{wrong:?}: {}", refused.text());
        assert!(!is_verified(&tenant, &account), "{wrong:?}");
    }
    // Whoever signed up is not linked with the account of Google.
    let subject = |tenant: &Tenant| {
        let answer = by_password(&mut tenant.browser(), ADDRESS, &[]).answer();
        claims(&redeem(tenant, "web", &answer["code"]).json()["id_token"])["sub"].clone()
    };
    assert_eq!(subject(&tenant), json!(account));
    let done = answer(&mut phone, &ticket, &[("password", PASSWORD)]);
    assert!(done.status == 200 && done.text().contains("Your address is verified."), "{}", done.text());
    assert!(is_verified(&tenant, &account));
    assert!(phone.get("/account").location().contains("/u/login"), "the mail logs nobody in");
    let again = answer(&mut phone, &ticket, &[("password", PASSWORD)]);
    assert!(again.status == 400 && again.text().contains("was used already"), "{}", again.text());
}

fn the_browser_that_has_signed_up_needs_no_password() {
    let (_policy, tenant) = tenant();
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let form = [("state", &*state), ("connection", DATABASE), ("email", ADDRESS), ("password", PASSWORD)];
    let end = browser.submit("/u/sign-up", &form).answer();
    let account = text(&claims(&redeem(&tenant, "web", &end["code"]).json()["id_token"])["sub"]);
    let (link, ticket) = mailed(&tenant);
    // A session of another account is none of this one.
    let mut other = tenant.browser();
    by_google(&mut other, "1080", &[]);
    assert!(other.get(&link).text().contains("type=\"password\""));
    assert_eq!(answer(&mut other, &ticket, &[]).status, 403);
    assert!(!is_verified(&tenant, &account));
    let page = browser.get(&link).text();
    assert!(page.contains("It was me") && !page.contains("type=\"password\""), "{page}");
    assert_eq!(answer(&mut browser, &ticket, &[]).status, 200);
    assert!(is_verified(&tenant, &account));
}

/// Eve's identity of Google, which she links to the account, leaves it with the new password, too.
fn an_owner_who_has_not_signed_up_sets_a_new_password() {
    let (_policy, tenant) = tenant();
    let account = signed_up(&tenant);
    let (_, ticket) = mailed(&tenant);
    let mut eve = tenant.browser();
    let answer = by_password(&mut eve, ADDRESS, &[("scope", "openid offline_access")]).answer();
    let tokens = redeem(&tenant, "web", &answer["code"]).json();
    link_google(&tenant, [&account, "google-oauth2|666"]);
    let mut ada = tenant.browser();
    let done = set_new_password(&mut ada, &ticket, "a password of Ada");
    assert!(done.text().contains("Your password is changed."), "{}", done.text());
    assert!(is_verified(&tenant, &account));
    assert_eq!(tenant.user(&account).json()["identities"].as_array().map(Vec::len), Some(1));
    assert_eq!(log_in(&tenant, ADDRESS, PASSWORD).status, 403);
    assert_eq!(silent(&mut eve), "login_required");
    assert_eq!(super::refreshed(&tenant, &tokens["refresh_token"]).json()["error"], "invalid_grant");
    // It is a verified login of Ada's, which joins her own account.
    assert_eq!(subject_of(&log_in(&tenant, ADDRESS, "a password of Ada")), "google-oauth2|1080");
}

/// Eve logs in by Google and links one of two accounts into the other one by a proof of both.
fn link_google(tenant: &Tenant, [primary, secondary]: [&str; 2]) {
    let scope = [("scope", "openid update:current_user_identities"), ("audience", &*tenant.audience())];
    let mut browser = tenant.browser();
    let state = open(&mut browser, &scope);
    let account = [("user_id", "666"), ("email", "eve@evil.example"), ("email_verified", "true")];
    let form = [&[("state", &*state), ("connection", "google-oauth2")][..], &account].concat();
    let google = redeem(tenant, "web", &browser.submit("/u/stand-in", &form).answer()["code"]).json();
    let answer = by_password(&mut tenant.browser(), ADDRESS, &scope).answer();
    let password = redeem(tenant, "web", &answer["code"]).json();
    let is_google = secondary.starts_with("google");
    let (own, proof) = if is_google { (password, google) } else { (google, password) };
    let link = Request::post(format!("{}/identities", super::path(primary)));
    let link = link.json(&json!({ "link_with": proof["id_token"] }));
    let linked = tenant.send(&link.bearer(&text(&own["access_token"])));
    assert_eq!(linked.status, 201, "{}", linked.text());
}

fn an_owner_takes_a_login_back_that_was_linked_into_another_account() {
    let (_policy, tenant) = tenant();
    let account = signed_up(&tenant);
    let (link, ticket) = mailed(&tenant);
    link_google(&tenant, ["google-oauth2|666", &account]);
    let mut ada = tenant.browser();
    let page = ada.get(&link).text();
    assert!(page.contains("was added to another account") && page.contains("Set a new password"), "{page}");
    assert!(!page.contains("It was me") && !page.contains("666") && !page.contains("evil"), "{page}");
    // The address of a login that was linked proves nothing for the other account.
    let refused = answer(&mut ada, &ticket, &[("password", PASSWORD)]);
    assert_eq!(refused.status, 409, "{}", refused.text());
    let done = set_new_password(&mut ada, &ticket, "a password of Ada");
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(is_verified(&tenant, &account));
    let left = tenant.user("google-oauth2|666").json()["identities"].clone();
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!(subject_of(&log_in(&tenant, ADDRESS, "a password of Ada")), "google-oauth2|1080");
}

fn a_mail_about_a_former_address_verifies_nothing() {
    let (_policy, tenant) = tenant();
    let account = signed_up(&tenant);
    let (link, ticket) = mailed(&tenant);
    assert_eq!(patch(&tenant, &account, &json!({ "email": "other@example.com" })).status, 200);
    let mut browser = tenant.browser();
    for refused in [
        browser.get(&link),
        answer(&mut browser, &ticket, &[("password", PASSWORD)]),
        answer(&mut browser, &ticket, &[("choice", "new-password")]),
    ] {
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert!(refused.text().contains("has another address now, or was deleted"), "{}", refused.text());
        assert!(refused.text().contains("href=\"/account\""), "there is a way on: {}", refused.text());
    }
    assert!(!is_verified(&tenant, &account));
}

fn a_mail_of_before_another_verification_is_no_key_for_a_new_password() {
    let (_policy, tenant) = tenant();
    let account = signed_up(&tenant);
    let (link, ticket) = mailed(&tenant);
    let verified = tenant.send(
        &Request::new("PATCH", format!("/api/v2/users/{account}"))
            .json(&json!({ "email_verified": true }))
            .bearer(&tenant.client_token("web")),
    );
    assert_eq!(verified.status, 200, "{}", verified.text());
    let mut browser = tenant.browser();
    for page in [browser.get(&link), answer(&mut browser, &ticket, &[("choice", "new-password")])] {
        assert_eq!(page.status, 200, "{} {}", page.status, page.text());
        let told = page.text();
        assert!(told.contains("Your address is verified.") && !told.contains("<form"), "{told}");
    }
    assert_eq!(log_in(&tenant, ADDRESS, PASSWORD).status, 200, "the password is the same");
}

fn guesses_at_the_password_of_a_mail_are_bounded() {
    let (_policy, tenant) = tenant();
    let account = signed_up(&tenant);
    let (_, ticket) = mailed(&tenant);
    let mut browser = tenant.browser();
    for _ in 0..10 {
        assert_eq!(answer(&mut browser, &ticket, &[("password", "a wrong guess")]).status, 403);
    }
    let refused = answer(&mut browser, &ticket, &[("password", PASSWORD)]);
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(!is_verified(&tenant, &account));
    // They count at the login page, too.
    let locked: Value = log_in(&tenant, ADDRESS, PASSWORD).json();
    assert_eq!(locked["error"], "too_many_attempts");
}
