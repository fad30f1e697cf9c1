//! Explanations of decisions: the changes that would alter them.

use ligature_link_policy::Policy;
use link_users_by_email::bindings::{Connection, Identity, LoginEvent, User, Verification};
use link_users_by_email::counterfactual::explain;
use link_users_by_email::decide::{Input, PlannedOutcome, decide};

/// The explained decision of a login by `ada@example.com` from the application `app`, for
/// which no account was found, and the changes that would alter it.
fn explained(settings: &str, email_verified: Verification) -> (PlannedOutcome, Option<String>) {
    let identity = Identity {
        provider: "google-oauth2".to_owned(),
        user_id: "1".to_owned(),
        connection: "google-oauth2".to_owned(),
        is_social: true,
        email: None,
        email_verified: Verification::Absent,
    };
    let user = User {
        user_id: "google-oauth2|1".to_owned(),
        email: Some("ada@example.com".to_owned()),
        email_verified,
        created_at: Some(1),
        last_login: Some(1),
        logins_count: Some(1),
        blocked: false,
        identities: vec![identity],
        roles: Vec::new(),
        organizations: Vec::new(),
        mfa_factors: Vec::new(),
        user_metadata: None,
        app_metadata: None,
    };
    let event = LoginEvent {
        user,
        connection: Connection { name: "google-oauth2".to_owned(), strategy: "google-oauth2".to_owned() },
        client_id: Some("app".to_owned()),
        organization_id: None,
        protocol: None,
        prompt: Vec::new(),
        methods: Vec::new(),
        settings: settings.to_owned(),
        trace: true,
    };
    let policy = Policy::parse(settings).expect("a policy");
    let input = Input {
        event: &event,
        policy: &policy,
        found: &[],
        failed: None,
        proof: None,
        exact_look_up: false,
        now: 1_000_000,
    };
    let plan = decide(&input);
    let changes = explain(&input, &plan);
    (plan, changes)
}

const EXCLUDED: &str =
    r#"{"mode": "auto", "excluded_clients": ["app"], "blocked_domains": {"*": ["example.com"]}}"#;

#[test]
fn each_setting_that_keeps_the_accounts_from_a_look_up_is_named() {
    assert_eq!(
        explained(EXCLUDED, Verification::Verified).1.as_deref(),
        Some(
            "If the settings had {\"blocked_domains\":{},\"excluded_clients\":[]}, the other accounts with this \
             address would be looked up. Only if every address at example.com may be linked if it comes through every \
             connection."
        )
    );
}

/// Settings that lead only to the next rule are no advice.
#[test]
fn no_setting_leads_an_unverified_login_to_a_look_up() {
    assert_eq!(
        explained(EXCLUDED, Verification::Unverified).1.as_deref(),
        Some("No other account was looked up, so no change could be tried.")
    );
}

#[test]
fn only_a_required_link_is_traced_as_not_declined() {
    for (mode, verdict) in [("required", "passes"), ("auto", "not applicable")] {
        let settings = format!(r#"{{"mode": "{mode}"}}"#);
        let (plan, _) = explained(&settings, Verification::Verified);
        let line = plan.trace.iter().find(|line| line.rule.ends_with("a required link is not declined"));
        assert_eq!(line.map(|line| line.verdict.as_str()), Some(verdict), "{mode}");
    }
}
