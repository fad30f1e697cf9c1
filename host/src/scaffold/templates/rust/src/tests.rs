//! Logins, decided against a test host, which refuses the same calls as Ligature.

use ligature_policy::testing::{Call, Decided, Fault, Host, login, user};
use ligature_policy::{ApiError, LoginEvent, User, Verification};

use super::OneOther;

const LINK: &str = r#"{ "mode": "link" }"#;

fn ada() -> LoginEvent {
    login(user("google-oauth2|2", "ada@example.com"))
}

fn host() -> Host {
    Host::new().user(user("auth0|1", "ada@example.com"))
}

fn decided(host: Host, login: &LoginEvent, settings: &str) -> Decided {
    host.login::<OneOther>(login, settings).unwrap()
}

fn code(decided: &Decided) -> String {
    decided.outcome.reasons[0].code.clone()
}

#[test]
fn a_verified_login_joins_the_one_other_account() {
    let done = decided(host(), &ada(), LINK);
    assert_eq!(code(&done), "LINKED");
    assert_eq!(done.linked.as_deref(), Some("auth0|1"));
    assert_eq!(done.users.len(), 1);
}

#[test]
fn a_login_only_tells_of_the_link_by_default() {
    let done = decided(host(), &ada(), "{}");
    assert_eq!(code(&done), "WOULD_LINK");
    assert_eq!(done.linked, None);
}

#[test]
fn a_login_that_is_not_verified_looks_nobody_up() {
    let unverified = User { email_verified: Verification::Unverified, ..ada().user };
    let done = decided(host(), &login(unverified), LINK);
    assert_eq!(code(&done), "NOT_VERIFIED");
    assert_eq!(done.linked, None);
}

#[test]
fn an_unverified_account_does_not_count() {
    let unverified = User { email_verified: Verification::Null, ..user("auth0|3", "ada@example.com") };
    let done = decided(host().user(unverified), &ada(), LINK);
    assert_eq!(code(&done), "LINKED");
}

#[test]
fn several_accounts_are_left_alone() {
    let done = decided(host().user(user("auth0|3", "ada@example.com")), &ada(), LINK);
    assert_eq!(code(&done), "NOT_ONE");
    assert_eq!(done.users.len(), 3);
}

#[test]
fn a_link_that_fails_leaves_the_login_as_it_was() {
    let failing = host().fault(Fault::answer(Call::Link, ApiError::TimedOut));
    let done = decided(failing, &ada(), LINK);
    assert_eq!(code(&done), "LINK_FAILED");
    assert_eq!(done.linked, None);
}

#[test]
fn a_look_up_that_fails_is_told_the_host() {
    let failing = host().fault(Fault::answer(Call::FindByEmail, ApiError::TimedOut));
    let failure = failing.login::<OneOther>(&ada(), LINK).unwrap_err();
    assert_eq!(failure.to_string(), "gave up: timed out");
}
