//! A second factor of an account counts no more once the account was linked into another one.

use serde_json::json;

use crate::http::{Browser, Request, Response, state_of};
use crate::tenants::{Tenant, authorize, by_google, by_id, by_password, database_user, redeem};

use super::File;
use super::second_factors::{MULTI_FACTOR, assert_asked, code_to, id_token, pass};

crate::tests![
    a_session_does_not_bring_a_factor_along,
    a_code_for_tokens_does_not_bring_a_factor_along,
    a_code_of_a_factor_does_not_open_the_other_account,
    an_open_question_does_not_bring_a_factor_along,
    a_question_is_answered_although_the_accounts_were_linked_meanwhile,
    the_account_with_a_factor_is_linked_from_its_own_side,
];

/// The stand-in's user with Ada's address.
const GOOGLE: &str = "1080";

/// Ada has a second factor. Nothing is linked by a login.
fn observing() -> Tenant {
    let policy = File::with(r#"{"mode": "observe"}"#);
    Tenant::started(&ada(), &["--policy", policy.name()])
}

fn ada() -> String {
    database_user("ada", "ada@example.com") + "multifactor = [\"otp\"]\n"
}

fn link(tenant: &Tenant) {
    let link = Request::post("/api/v2/users/auth0|ada/identities").json(&by_id("google-oauth2", GOOGLE));
    let linked = tenant.send(&link.bearer(&tenant.client_token("web")));
    assert_eq!(linked.status, 201, "{}", linked.text());
}

/// Logs in by Google, and passes a factor of that account.
fn pass_own_factor(tenant: &Tenant, browser: &mut Browser) -> Response {
    let asked = by_google(browser, GOOGLE, &[("acr_values", MULTI_FACTOR)]);
    assert_asked(&asked);
    pass(browser, &state_of(&asked), &code_to(tenant, "ada@example.com"))
}

fn a_session_does_not_bring_a_factor_along() {
    let tenant = observing();
    let mut browser = tenant.browser();
    let end = pass_own_factor(&tenant, &mut browser);
    assert_eq!(id_token(&tenant, &end)["sub"], "google-oauth2|1080");
    link(&tenant);
    for with in [&[("prompt", "none")][..], &[("prompt", "none"), ("acr_values", MULTI_FACTOR)]] {
        let silent = browser.get(&authorize(with)).answer();
        assert_eq!(silent["error"], "login_required", "{with:?}");
    }
    assert!(browser.get("/account").location().contains("/u/"), "the account page is closed");
    // With the factor of the account, it is open.
    let asked = browser.get(&authorize(&[]));
    assert!(asked.location().contains("/u/second-factor"), "{}", asked.location());
    let end = pass(&mut browser, &state_of(&asked), &code_to(&tenant, "ada@example.com"));
    assert_eq!(id_token(&tenant, &end)["amr"], json!(["mfa"]));
    assert!(browser.get(&authorize(&[("prompt", "none")])).answer().contains_key("code"));
}

fn a_code_for_tokens_does_not_bring_a_factor_along() {
    let tenant = observing();
    let end = pass_own_factor(&tenant, &mut tenant.browser());
    let code = end.answer()["code"].clone();
    link(&tenant);
    let refused = redeem(&tenant, "web", &code);
    assert_eq!(
        (refused.status, &refused.json()["error"]),
        (403, &"invalid_grant".into()),
        "{}",
        refused.text()
    );
}

fn a_code_of_a_factor_does_not_open_the_other_account() {
    let tenant = observing();
    let mut browser = tenant.browser();
    by_google(&mut tenant.browser(), GOOGLE, &[]);
    let asked = by_google(&mut browser, GOOGLE, &[("acr_values", MULTI_FACTOR)]);
    let (state, code) = (state_of(&asked), code_to(&tenant, "ada@example.com"));
    link(&tenant);
    let refused = pass(&mut browser, &state, &code);
    assert_eq!(refused.status, 403, "{}", refused.text());
    // A new code is sent to the device of the account that has the login now.
    browser.submit("/u/second-factor/send", &[("state", &state)]);
    let end = pass(&mut browser, &state, &code_to(&tenant, "ada@example.com"));
    assert_eq!(id_token(&tenant, &end)["sub"], "auth0|ada");
}

fn an_open_question_does_not_bring_a_factor_along() {
    let policy = File::with(r#"{"mode": "suggest", "trusted_connections": ["google-oauth2"]}"#);
    let tenant = Tenant::started(&ada(), &["--policy", policy.name()]);
    let mut browser = tenant.browser();
    let asked = pass_own_factor(&tenant, &mut browser);
    assert!(asked.location().contains("/u/"), "{}", asked.location());
    link(&tenant);
    let skipped = browser.submit("/u/skip", &[("state", &state_of(&asked))]);
    assert!(!skipped.location().contains("code="), "{}", skipped.location());
    assert_eq!(browser.get(&authorize(&[("prompt", "none")])).answer()["error"], "login_required");
}

/// Another browser or an application has linked the accounts while the page of the question was open.
fn a_question_is_answered_although_the_accounts_were_linked_meanwhile() {
    let policy = json!({ "mode": "suggest", "trusted_connections": ["google-oauth2"],
                         "prompts": { "ask_again_after_days": 0 } });
    let policy = File::with(policy.to_string());
    let tenant = Tenant::started(&ada(), &["--policy", policy.name()]);
    let mut browsers = [tenant.browser(), tenant.browser()];
    let states = browsers.each_mut().map(|browser| state_of(&by_google(browser, GOOGLE, &[])));
    link(&tenant);
    let [first, second] = &mut browsers;
    let password = crate::tenants::login_form(&states[0], "ada@example.com");
    assert_asked(&first.submit("/u/login", &password));
    let answered = pass(first, &states[0], &code_to(&tenant, "ada@example.com"));
    // After “Not now”, too, the factor of the account is the only thing that is missing.
    assert_asked(&second.submit("/u/skip", &[("state", &states[1])]));
    let skipped = pass(second, &states[1], &code_to(&tenant, "ada@example.com"));
    for end in [answered, skipped] {
        let claims = id_token(&tenant, &end);
        assert_eq!((&claims["sub"], &claims["amr"]), (&json!("auth0|ada"), &json!(["mfa"])));
    }
}

/// The factor that the login has passed still counts when its question is answered.
fn the_account_with_a_factor_is_linked_from_its_own_side() {
    let policy = File::with(r#"{"mode": "required", "trusted_connections": ["google-oauth2"]}"#);
    let tenant = Tenant::started(&ada(), &["--policy", policy.name()]);
    let mut other = tenant.browser();
    let asked = by_google(&mut other, GOOGLE, &[]);
    assert!(asked.location().contains("/u/"), "the user is created: {}", asked.location());
    let mut browser = tenant.browser();
    let asked = by_password(&mut browser, "ada@example.com", &[]);
    let state = state_of(&asked);
    let suggested = pass(&mut browser, &state, &code_to(&tenant, "ada@example.com"));
    assert!(suggested.location().contains("/u/"), "{}", suggested.location());
    let account = [("state", &*state), ("connection", "google-oauth2"), ("account", GOOGLE)];
    let claims = id_token(&tenant, &browser.submit("/u/stand-in", &account));
    assert_eq!((&claims["sub"], &claims["amr"]), (&json!("auth0|ada"), &json!(["mfa"])));
    assert_eq!(tenant.user("auth0|ada").json()["identities"].as_array().map(Vec::len), Some(2));
}
