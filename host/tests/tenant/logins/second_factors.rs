//! The second factor of a login on the tenant's own pages.

use serde_json::{Value, json};

use super::{File, tokens};
use crate::http::{Browser, Request, Response, state_of};
use crate::tenants::{
    PASSWORD, Tenant, authorize, by_google, by_password, claims, database_user, login_form, open, shared,
    text,
};

crate::tests![
    a_user_with_a_factor_passes_it,
    a_login_without_a_factor_has_no_amr,
    an_application_asks_for_a_factor,
    a_session_without_a_factor_is_not_enough,
    a_factor_that_an_application_asks_for_is_that_of_the_account_of_the_login,
    a_session_with_a_factor_is_enough,
    attempts_at_a_factor_are_bounded,
    a_code_of_a_factor_is_of_one_account,
    a_code_of_a_factor_is_of_one_browser,
    a_form_of_a_factor_counts_once,
    a_factor_needs_a_first_one,
    no_grant_goes_round_a_factor,
    a_login_ticket_leads_to_the_factor,
    a_policy_asks_for_a_factor,
    a_factor_is_asked_for_before_anything_is_linked,
    the_account_page_needs_the_factor,
    a_factor_is_not_avoided_by_another_form_of_the_login,
    what_an_application_asks_for_is_not_dropped_on_the_way,
    a_factor_of_a_new_account_opens_no_account_that_has_one,
    a_login_that_leaves_an_account_keeps_a_factor,
];

pub(super) const MULTI_FACTOR: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

/// Ada has a second factor, Bob has none, and the id of Mallory differs from Ada's in its case.
fn people() -> String {
    let ada = database_user("ada", "ada@example.com") + "multifactor = [\"otp\"]\n";
    let mallory = database_user("ADA", "mallory@example.com") + "multifactor = [\"otp\"]\n";
    [ada, mallory, database_user("bob", "bob@example.com")].concat()
}

fn tenant() -> std::sync::Arc<Tenant> {
    shared("factors", || Tenant::with(&people()))
}

/// The newest code of a second factor.
pub(crate) fn code_to(tenant: &Tenant, to: &str) -> String {
    let messages = tenant.send(&Request::get("/dev/outbox")).json();
    let mut messages = messages.as_array().expect("messages").iter();
    text(&messages.find(|it| it["to"] == to && it["kind"] == "factor").expect("a code")["code"])
}

pub(crate) fn pass(browser: &mut Browser, state: &str, code: &str) -> Response {
    browser.submit("/u/second-factor", &[("state", state), ("code", code)])
}

pub(super) fn assert_asked(response: &Response) {
    assert_eq!(response.status, 303, "{}", response.text());
    assert!(response.location().contains("/u/second-factor?state="), "{}", response.location());
}

pub(super) fn id_token(tenant: &Tenant, end: &Response) -> Value {
    claims(&tokens(tenant, end)["id_token"])
}

fn a_user_with_a_factor_passes_it() {
    let tenant = Tenant::with(&people());
    let mut browser = tenant.browser();
    let asked = by_password(&mut browser, "ada@example.com", &[]);
    assert_asked(&asked);
    let page = browser.get(&asked.location());
    assert!(page.status == 200 && page.text().contains("Your second factor"), "{}", page.text());
    assert!(browser.get("/account").location().contains("/u/login"), "the first factor logs nobody in");
    let state = state_of(&asked);
    let wrong = pass(&mut browser, &state, "x");
    assert_eq!(wrong.status, 403);
    assert!(
        wrong.text().contains("This code is wrong, was used already, or has expired."),
        "{}",
        wrong.text()
    );
    let claims = id_token(&tenant, &pass(&mut browser, &state, &code_to(&tenant, "ada@example.com")));
    assert_eq!(
        (&claims["sub"], &claims["amr"], &claims["acr"]),
        (&json!("auth0|ada"), &json!(["mfa"]), &json!(MULTI_FACTOR))
    );
}

fn a_login_without_a_factor_has_no_amr() {
    let tenant = tenant();
    let claims = id_token(&tenant, &by_password(&mut tenant.browser(), "bob@example.com", &[]));
    assert_eq!((claims.get("amr"), claims.get("acr")), (None, None));
}

fn an_application_asks_for_a_factor() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let wanted = format!("urn:other {MULTI_FACTOR}");
    let asked = by_password(&mut browser, "bob@example.com", &[("acr_values", &wanted)]);
    assert_asked(&asked);
    let end = pass(&mut browser, &state_of(&asked), &code_to(&tenant, "bob@example.com"));
    assert_eq!(id_token(&tenant, &end)["acr"], MULTI_FACTOR);
    let other = by_password(&mut tenant.browser(), "bob@example.com", &[("acr_values", "urn:other")]);
    assert_eq!(id_token(&tenant, &other).get("acr"), None);
}

fn a_session_without_a_factor_is_not_enough() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    by_password(&mut browser, "bob@example.com", &[]);
    assert!(browser.get(&authorize(&[])).answer().contains_key("code"));
    let silent = browser.get(&authorize(&[("acr_values", MULTI_FACTOR), ("prompt", "none")])).answer();
    assert_eq!(silent["error"], "login_required");
    // The factor alone is missing.
    let page = browser.get(&authorize(&[("acr_values", MULTI_FACTOR)]));
    assert!(page.location().contains("/u/second-factor?state="), "{}", page.location());
    let end = pass(&mut browser, &state_of(&page), &code_to(&tenant, "bob@example.com"));
    assert_eq!(id_token(&tenant, &end)["amr"], json!(["mfa"]));
    // A login that is too old, or of another connection, is no first factor.
    for with in [("max_age", "0"), ("prompt", "login"), ("connection", "google-oauth2")] {
        let page = browser.get(&authorize(&[("acr_values", MULTI_FACTOR), with]));
        assert!(!page.location().contains("/u/second-factor"), "{with:?}: {}", page.location());
    }
}

/// A new login passes a factor of its own account, and is linked into another one at once.
fn a_factor_that_an_application_asks_for_is_that_of_the_account_of_the_login() {
    let policy = File::with(super::AUTO);
    let tenant = Tenant::started(&people(), &["--policy", policy.name()]);
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[("acr_values", MULTI_FACTOR)]);
    let account = [("user_id", "7"), ("email", "bob@example.com"), ("email_verified", "true")];
    let google = [&[("state", &*state), ("connection", "google-oauth2")][..], &account].concat();
    assert_asked(&browser.submit("/u/stand-in", &google));
    let code = code_to(&tenant, "bob@example.com");
    assert_asked(&pass(&mut browser, &state, &code));
    assert_eq!(identities(&tenant, "auth0|bob"), 2);
    assert_eq!(pass(&mut browser, &state, &code).status, 403, "it was a code of the other account");
    let claims = id_token(&tenant, &pass(&mut browser, &state, &code_to(&tenant, "bob@example.com")));
    assert_eq!((&claims["sub"], &claims["amr"]), (&json!("auth0|bob"), &json!(["mfa"])));
    let silent = browser.get(&authorize(&[("acr_values", MULTI_FACTOR), ("prompt", "none")]));
    assert_eq!(id_token(&tenant, &silent)["amr"], json!(["mfa"]));
}

fn a_session_with_a_factor_is_enough() {
    let tenant = Tenant::with(&people());
    let mut browser = tenant.browser();
    let asked = by_password(&mut browser, "ada@example.com", &[]);
    pass(&mut browser, &state_of(&asked), &code_to(&tenant, "ada@example.com"));
    let silent = browser.get(&authorize(&[("acr_values", MULTI_FACTOR), ("prompt", "none")]));
    let answer = tokens(&tenant, &silent);
    assert_eq!(claims(&answer["id_token"])["amr"], json!(["mfa"]));
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &*text(&answer["refresh_token"]))];
    let refreshed = tenant.token("web", &refresh);
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert_eq!(claims(&refreshed.json()["id_token"])["amr"], json!(["mfa"]));
}

fn attempts_at_a_factor_are_bounded() {
    let tenant = Tenant::with(&people());
    let mut browser = tenant.browser();
    let state = state_of(&by_password(&mut browser, "ada@example.com", &[]));
    let code = code_to(&tenant, "ada@example.com");
    for _ in 0..3 {
        assert_eq!(pass(&mut browser, &state, "x").status, 403);
    }
    let exhausted = pass(&mut browser, &state, &code);
    assert_eq!(exhausted.status, 403);
    assert!(exhausted.text().contains("entered incorrectly too often"), "{}", exhausted.text());
    // A new login does not make the old code valid.
    let again = browser.submit("/u/second-factor/send", &[("state", &state)]);
    assert_eq!(again.status, 303);
    assert_eq!(pass(&mut browser, &state, &code).status, 403);
    let new = code_to(&tenant, "ada@example.com");
    assert!(pass(&mut browser, &state, &new).answer().contains_key("code"));
    // Codes are guessed at one account, however many are requested.
    let statuses = || {
        let mut browser = tenant.browser();
        let state = state_of(&by_password(&mut browser, "ada@example.com", &[]));
        [(); 3].map(|()| pass(&mut browser, &state, "x").status)
    };
    assert!((0..8).any(|_| statuses().contains(&429)));
}

/// Codes are kept without regard to the case of ids: a code of one's own account passes no other.
fn a_code_of_a_factor_is_of_one_account() {
    let tenant = Tenant::with(&people());
    let mut browser = tenant.browser();
    let own = state_of(&by_password(&mut browser, "mallory@example.com", &[]));
    let ada = state_of(&by_password(&mut browser, "ada@example.com", &[]));
    browser.submit("/u/second-factor/send", &[("state", &own)]);
    let code = code_to(&tenant, "mallory@example.com");
    let refused = pass(&mut browser, &ada, &code);
    assert_eq!(refused.status, 403, "{}", refused.location());
}

fn a_code_of_a_factor_is_of_one_browser() {
    let tenant = Tenant::with(&people());
    let (mut first, mut second) = (tenant.browser(), tenant.browser());
    let state = state_of(&by_password(&mut first, "ada@example.com", &[]));
    let other = state_of(&by_password(&mut second, "ada@example.com", &[]));
    let code = code_to(&tenant, "ada@example.com");
    assert_eq!(pass(&mut first, &state, &code).status, 403, "the code is of the other browser");
    assert_eq!(pass(&mut first, &other, &code).status, 403, "so is the page");
    assert_eq!(first.get(&format!("/u/second-factor?state={other}")).status, 403);
    assert!(pass(&mut second, &other, &code).answer().contains_key("code"));
}

fn a_form_of_a_factor_counts_once() {
    let tenant = Tenant::with(&people());
    let mut browser = tenant.browser();
    let state = state_of(&by_password(&mut browser, "ada@example.com", &[]));
    let code = code_to(&tenant, "ada@example.com");
    assert!(pass(&mut browser, &state, &code).answer().contains_key("code"));
    assert_eq!(pass(&mut browser, &state, &code).status, 400);
    // Not in another login either.
    let state = state_of(&by_password(&mut browser, "ada@example.com", &[("prompt", "login")]));
    assert_eq!(pass(&mut browser, &state, &code).status, 403);
    let foreign = Request::post("/u/second-factor").form(&[("state", &state), ("code", "1")]);
    assert_eq!(browser.send(foreign.header("origin", "http://evil.test")).status, 403);
}

fn a_factor_needs_a_first_one() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    assert_eq!(pass(&mut browser, &state, "123456").status, 400);
    assert_eq!(browser.submit("/u/second-factor/send", &[("state", &state)]).status, 400);
    let page = browser.get(&format!("/u/second-factor?state={state}")).text();
    assert!(!page.contains("Your second factor") && page.contains("Password"), "{page}");
}

fn no_grant_goes_round_a_factor() {
    let tenant = tenant();
    let fields = [
        ("grant_type", crate::tenants::REALM_GRANT),
        ("realm", crate::tenants::DATABASE),
        ("username", "ada@example.com"),
        ("password", PASSWORD),
        ("scope", "openid offline_access"),
    ];
    let refused = tenant.token("web", &fields);
    assert_eq!(
        (refused.status, &refused.json()["error"]),
        (403, &json!("mfa_required")),
        "{}",
        refused.text()
    );
}

/// Lock and auth0-js log in on a page of the application.
fn a_login_ticket_leads_to_the_factor() {
    let tenant = Tenant::with(&people());
    let mut browser = tenant.browser();
    let login = json!({ "client_id": "web", "credential_type": "http://auth0.com/oauth/grant-type/password-realm",
        "realm": crate::tenants::DATABASE, "username": "ada@example.com", "password": PASSWORD });
    let ticket = browser
        .send(Request::post("/co/authenticate").json(&login).header("origin", "http://localhost:3000"));
    assert_eq!(ticket.status, 200, "{}", ticket.text());
    let ticket = text(&ticket.json()["login_ticket"]);
    let asked = browser.get(&authorize(&[("login_ticket", &ticket)]));
    assert!(asked.location().contains("/u/second-factor?state="), "{}", asked.location());
    let end = pass(&mut browser, &state_of(&asked), &code_to(&tenant, "ada@example.com"));
    assert_eq!(id_token(&tenant, &end)["amr"], json!(["mfa"]));
}

fn stepping_up() -> Tenant {
    let policy =
        File::with(r#"{"mode": "auto", "trusted_connections": ["google-oauth2"], "mfa": "step_up"}"#);
    Tenant::started(&people(), &["--policy", policy.name()])
}

fn identities(tenant: &Tenant, user_id: &str) -> usize {
    tenant.user(user_id).json()["identities"].as_array().map_or(0, Vec::len)
}

fn a_policy_asks_for_a_factor() {
    let tenant = stepping_up();
    let mut browser = tenant.browser();
    let asked = by_google(&mut browser, "1080", &[]);
    let page = browser.get(&asked.location()).text();
    assert!(page.contains("You already have an account"), "{page}");
    let state = state_of(&asked);
    assert_asked(&browser.submit("/u/login", &login_form(&state, "ada@example.com")));
    assert_eq!(identities(&tenant, "auth0|ada"), 1, "the password alone links nothing");
    let end = pass(&mut browser, &state, &code_to(&tenant, "ada@example.com"));
    let claims = id_token(&tenant, &end);
    assert_eq!((&claims["sub"], &claims["acr"]), (&json!("auth0|ada"), &json!(MULTI_FACTOR)));
    assert_eq!(identities(&tenant, "auth0|ada"), 2);
    // The session goes on with the factor that it has.
    assert!(browser.get(&authorize(&[("prompt", "none")])).answer().contains_key("code"));
}

fn a_factor_is_asked_for_before_anything_is_linked() {
    let tenant = stepping_up();
    let mut browser = tenant.browser();
    let asked = by_google(&mut browser, "1080", &[]);
    let state = state_of(&asked);
    browser.submit("/u/login", &login_form(&state, "ada@example.com"));
    assert_eq!(pass(&mut browser, &state, "x").status, 403);
    let end = browser.submit("/u/skip", &[("state", &state)]);
    assert_eq!(id_token(&tenant, &end)["sub"], "google-oauth2|1080");
    assert_eq!(identities(&tenant, "auth0|ada"), 1);
}

fn the_account_page_needs_the_factor() {
    let tenant = Tenant::with(&people());
    let mut browser = tenant.browser();
    let login = browser.get("/account");
    let asked = browser.submit("/u/login", &login_form(&state_of(&login), "ada@example.com"));
    assert_asked(&asked);
    let end = pass(&mut browser, &state_of(&asked), &code_to(&tenant, "ada@example.com"));
    assert!(end.location().ends_with("/account"), "{}", end.location());
    assert!(browser.get("/account").text().contains("<h1>Your account</h1>"));
}

/// After the first factor, no other page or form of the same login goes on without the second one.
fn a_factor_is_not_avoided_by_another_form_of_the_login() {
    let tenant = Tenant::with(&people());
    let mut browser = tenant.browser();
    let state = state_of(&by_password(&mut browser, "ada@example.com", &[]));
    let skipped = browser.submit("/u/skip", &[("state", &state)]);
    assert_eq!((skipped.status, skipped.text().contains("nothing to skip")), (400, true));
    for form in [login_form(&state, "ada@example.com"); 2] {
        assert_asked(&browser.submit("/u/login", &form));
    }
    let silent = browser.get(&authorize(&[("prompt", "none")])).answer();
    assert_eq!(silent["error"], "login_required", "there is no session");
    assert!(browser.get("/account").location().contains("/u/login"));
    // A code of the mailbox does not stand in for it.
    browser.submit(
        "/u/code/start",
        &[("state", &state), ("connection", "email"), ("address", "ada@example.com")],
    );
    let messages = tenant.send(&Request::get("/dev/outbox")).json();
    let mailed = text(
        &messages.as_array().and_then(|all| all.iter().find(|it| it["kind"] == "code")).expect("a code")["code"],
    );
    assert_eq!(pass(&mut browser, &state, &mailed).status, 403);
    assert!(pass(&mut browser, &state, &code_to(&tenant, "ada@example.com")).answer().contains_key("code"));
}

/// The request of a login stays on the server: its forms do not change what it asks for.
fn what_an_application_asks_for_is_not_dropped_on_the_way() {
    let tenant = tenant();
    for dropped in ["", "urn:other"] {
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[("acr_values", MULTI_FACTOR)]);
        let form = [&login_form(&state, "bob@example.com")[..], &[("acr_values", dropped)]].concat();
        assert_asked(&browser.submit(&format!("/u/login?acr_values={dropped}"), &form));
        // A new login without it shows the application that there was no factor.
        let without = by_password(&mut browser, "bob@example.com", &[]);
        assert_eq!(id_token(&tenant, &without).get("acr"), None);
        let back = browser.submit("/u/login", &login_form(&state, "bob@example.com"));
        assert_asked(&back);
    }
}

/// Anybody can write `acr_values` into an address, and a new account enrols whatever it likes.
fn a_factor_of_a_new_account_opens_no_account_that_has_one() {
    let policy = File::with(r#"{"mode": "auto", "trusted_connections": ["google-oauth2", "email"]}"#);
    let tenant = Tenant::started(&people(), &["--policy", policy.name()]);
    let mut browser = tenant.browser();
    let asked = by_google(&mut browser, "1080", &[("acr_values", MULTI_FACTOR)]);
    assert_asked(&asked);
    let state = state_of(&asked);
    let suggested = pass(&mut browser, &state, &code_to(&tenant, "ada@example.com"));
    let page = browser.get(&suggested.location()).text();
    assert!(page.contains("You already have an account"), "{page}");
    assert_eq!(identities(&tenant, "auth0|ada"), 1, "nothing is linked");
    // A mailbox is no factor of an account either.
    let mut mailbox = tenant.browser();
    let state = open(&mut mailbox, &[("acr_values", MULTI_FACTOR)]);
    let form = [("state", &*state), ("connection", "email"), ("address", "mallory@example.com")];
    mailbox.submit("/u/code/start", &form);
    let messages = tenant.send(&Request::get("/dev/outbox")).json();
    let code = text(&messages[0]["code"]);
    assert_asked(&mailbox.submit("/u/code", &[&form[..], &[("code", &code)]].concat()));
    let suggested = pass(&mut mailbox, &state, &code_to(&tenant, "mallory@example.com"));
    assert!(mailbox.get(&suggested.location()).text().contains("You already have an account"));
    assert_eq!(identities(&tenant, "auth0|ADA"), 1);
    // With her password and her own factor, both are linked.
    let state = state_of(&asked);
    assert_asked(&browser.submit("/u/login", &login_form(&state, "ada@example.com")));
    let end = pass(&mut browser, &state, &code_to(&tenant, "ada@example.com"));
    assert_eq!(id_token(&tenant, &end)["sub"], "auth0|ada");
    assert_eq!(identities(&tenant, "auth0|ada"), 2);
}

/// Without the factor, a stolen password would be enough for the account that leaves.
fn a_login_that_leaves_an_account_keeps_a_factor() {
    let plain = ["carl", "dora"].map(|id| database_user(id, &format!("{id}@example.com")));
    let tenant = Tenant::with(&(people() + &plain.concat()));
    let token = tenant.client_token("web");
    let change = |method: &str, path: &str, body: Option<&Value>| {
        let request = Request::new(method, format!("/api/v2/users/auth0%7C{path}")).bearer(&token);
        let done = tenant.send(&body.map_or(request.clone(), |body| request.json(body)));
        assert!(matches!(done.status, 200 | 201), "{}", done.text());
    };
    let link = |kept: &str, moved: &str| {
        change("POST", &format!("{kept}/identities"), Some(&crate::tenants::by_id("auth0", moved)));
    };
    let leave = |kept: &str, moved: &str| change("DELETE", &format!("{kept}/identities/auth0/{moved}"), None);
    let assert_keeps_factor = |id: &str, email: &str| {
        let user = tenant.user(&format!("auth0|{id}")).json();
        assert_eq!(user["multifactor"], json!(["otp"]), "{user}");
        assert_asked(&by_password(&mut tenant.browser(), email, &[]));
    };
    // The account's factor.
    link("ada", "carl");
    leave("ada", "carl");
    assert_keeps_factor("carl", "carl@example.com");
    // The factor that the login's own account had before.
    link("bob", "ADA");
    leave("bob", "ADA");
    assert_keeps_factor("ADA", "mallory@example.com");
    // Neither account has a factor.
    link("bob", "dora");
    leave("bob", "dora");
    assert_eq!(tenant.user("auth0|dora").json().get("multifactor"), None);
    // By the account's page.
    link("ada", "dora");
    let mut browser = tenant.browser();
    let state = state_of(&browser.get("/account"));
    let asked = browser.submit("/u/login", &login_form(&state, "ada@example.com"));
    let end = pass(&mut browser, &state_of(&asked), &code_to(&tenant, "ada@example.com"));
    assert!(end.location().ends_with("/account"), "{} {}", end.status, end.text());
    let account = browser.get("/account").text();
    let removal = account.split_once("/account/remove?identity=").expect("a login to remove").1;
    let identity = removal.split_once('"').expect("an end").0;
    let page = browser.get(&format!("/account/remove?identity={identity}")).text();
    assert!(page.contains("It keeps the second factor"), "{page}");
    let hidden = crate::account::person::hidden_fields(&page, "/account/remove");
    let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(browser.submit("/account/remove", &fields).status, 303);
    assert_keeps_factor("dora", "dora@example.com");
}
