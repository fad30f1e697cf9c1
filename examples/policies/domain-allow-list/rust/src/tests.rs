//! Logins, decided against a host for tests. The cases in `cases/` say more.

use ligature_policy::Decision;
use ligature_policy::testing::{Decided, Host, login, user};

use super::DomainAllowList;

fn decided(email: &str) -> Decided {
    decided_with(email, r#"{ "domains": ["example.com", "*.example.org"], "message": "Not here." }"#)
}

fn decided_with(email: &str, settings: &str) -> Decided {
    let host = Host::new().user(user("auth0|1", email));
    host.login::<DomainAllowList>(&login(user("google-oauth2|2", email)), settings).unwrap()
}

#[test]
fn an_address_of_a_listed_domain_is_linked() {
    for email in ["ada@example.com", "ada@EXAMPLE.com", "ada@mail.example.org"] {
        assert_eq!(decided(email).linked.as_deref(), Some("auth0|1"), "{email}");
    }
}

#[test]
fn an_allowed_login_is_left_to_others_if_the_settings_say_so() {
    let decided = decided_with("ada@example.com", r#"{ "domains": ["example.com"], "link": false }"#);
    assert_eq!(decided.outcome.decision, Decision::Proceed);
    assert_eq!((decided.outcome.reasons[0].code.as_str(), decided.linked), ("ALLOWED", None));
}

#[test]
fn an_address_of_another_domain_is_denied() {
    for email in ["ada@example.net", "ada@example.org", "ada@badexample.org", "ada"] {
        assert_eq!(decided(email).outcome.decision, Decision::Deny("Not here.".to_owned()), "{email}");
    }
}
