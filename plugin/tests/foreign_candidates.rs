//! Accounts that a look-up should not have returned. The guard returns none of
//! them; another host may.

use ligature_link_policy::Policy;
use link_users_by_email::bindings::Connection;
use link_users_by_email::bindings::{Identity, LoginEvent, User, Verification};
use link_users_by_email::decide::{Input, PlannedDecision, PlannedOutcome, decide};

fn identity(provider: &str, email: Option<&str>, email_verified: Verification) -> Identity {
    Identity {
        provider: provider.to_owned(),
        user_id: "1".to_owned(),
        connection: provider.to_owned(),
        is_social: false,
        email: email.map(str::to_owned),
        email_verified,
    }
}

fn user(provider: &str, email: &str) -> User {
    User {
        user_id: format!("{provider}|1"),
        email: Some(email.to_owned()),
        email_verified: Verification::Verified,
        created_at: Some(1),
        last_login: Some(1),
        logins_count: Some(1),
        blocked: false,
        identities: vec![identity(provider, None, Verification::Absent)],
        roles: Vec::new(),
        organizations: Vec::new(),
        mfa_factors: Vec::new(),
        user_metadata: None,
        app_metadata: None,
    }
}

/// The plan of a login by `ada@example.com` for which these accounts were found.
fn plan(found: &[User], policy: &str) -> PlannedOutcome {
    let event = LoginEvent {
        user: user("email", "ada@example.com"),
        connection: Connection { name: "email".to_owned(), strategy: "email".to_owned() },
        client_id: None,
        organization_id: None,
        protocol: None,
        prompt: Vec::new(),
        methods: Vec::new(),
        settings: String::new(),
        trace: false,
    };
    let policy = Policy::parse(policy).expect("a policy");
    decide(&Input {
        event: &event,
        policy: &policy,
        found,
        failed: None,
        proof: None,
        exact_look_up: false,
        now: 1_000_000,
    })
}

/// The deciding code of a login for which this account was found, and the sentence that
/// explains it.
fn reason(found: User, policy: &str) -> (String, String) {
    let plan = plan(&[found], policy);
    assert_eq!(plan.decision, PlannedDecision::Proceed);
    (plan.reasons[0].code.clone(), plan.reasons[0].detail.clone())
}

/// A code and its sentence.
type Explained = (&'static str, &'static str);

const FOREIGN: Explained =
    ("FOREIGN_CANDIDATE", "The directory returned an account without this address; it was ignored.");
const UNVERIFIED_SECONDARY: Explained =
    ("MATCH_ON_UNVERIFIED_SECONDARY", "Only an unverified linked identity of the account has the address.");
const CASE_VARIANT: Explained = (
    "CASE_VARIANT_ONLY",
    "The address of the account found differs in case, which `email_compare` does not ignore.",
);

#[track_caller]
fn assert_explained((code, detail): (String, String), expected: Explained) {
    assert_eq!((code.as_str(), detail.as_str()), expected);
}

const AUTO: &str = r#"{"mode": "auto"}"#;

#[test]
fn an_account_with_another_address_is_ignored() {
    assert_explained(reason(user("auth0", "eve@example.com"), AUTO), FOREIGN);
}

#[test]
fn an_account_without_an_address_is_ignored() {
    assert_explained(reason(User { email: None, ..user("auth0", "") }, AUTO), FOREIGN);
}

#[test]
fn an_address_in_an_unverified_linked_identity_is_told() {
    let found = |email: &str, verified: Verification| {
        let mut found = user("auth0", "eve@example.com");
        found.identities.push(identity("github", Some(email), verified));
        found
    };
    let unverified = found("Ada@example.com", Verification::Unverified);
    assert_explained(reason(unverified, AUTO), UNVERIFIED_SECONDARY);
    assert_explained(reason(found("ada@example.com", Verification::Verified), AUTO), FOREIGN);
    assert_explained(reason(found("bob@example.com", Verification::Unverified), AUTO), FOREIGN);
}

#[test]
fn another_case_is_told_where_it_is_not_ignored() {
    let exact = r#"{"mode": "auto", "email_compare": "exact"}"#;
    assert_explained(reason(user("auth0", "Ada@example.com"), exact), CASE_VARIANT);
    let domain_only = r#"{"mode": "auto", "email_compare": "ascii_ci_domain_only"}"#;
    assert_explained(reason(user("auth0", "Ada@example.com"), domain_only), CASE_VARIANT);
}

/// A policy that links without a question.
const TRUSTING: &str = r#"{"mode": "auto", "trusted_connections": ["auth0", "email", "github"]}"#;

#[test]
fn an_account_that_is_returned_twice_is_one_candidate() {
    let found = || user("auth0", "ada@example.com");
    let once = plan(&[found()], TRUSTING);
    assert!(matches!(&once.decision, PlannedDecision::Link(links) if links.len() == 1), "{once:?}");
    assert_eq!(plan(&[found(), found()], TRUSTING), once);
}

/// The guard returns accounts in the order of their ids.
#[test]
fn the_order_of_the_accounts_found_changes_nothing() {
    let [a, b] = ["auth0", "github"].map(|provider| user(provider, "ada@example.com"));
    let ordered = plan(&[a.clone(), b.clone()], TRUSTING);
    assert_eq!(ordered.decision, PlannedDecision::Proceed);
    assert_eq!(ordered.reasons[0].subject, ["auth0|1", "github|1"], "{ordered:?}");
    assert_eq!(plan(&[b, a], TRUSTING), ordered);
}
