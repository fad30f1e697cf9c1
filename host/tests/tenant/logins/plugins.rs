//! Plugins that link, ask, deny or fail.

use serde_json::json;

use super::{AUTO, File, subject, tokens};
use crate::http::{Request, Response, state_of};
use crate::tenants::{
    CONFIG, Tenant, authorize, by_google, by_id, by_password, claims, database_user, login_form, text, user,
};

crate::tests![
    a_verified_login_joins_the_account_there_is,
    an_unverified_login_does_not,
    a_suggestion_is_proved,
    a_suggestion_says_nothing_of_the_other_account,
    a_suggestion_is_not_proved_by_another_account,
    a_suggestion_is_put_off,
    not_now_is_not_followed_by_a_link_without_a_question,
    a_suggestion_that_is_required_is_declined,
    a_suggestion_is_answered_when_the_accounts_are_linked,
    a_suggestion_is_answered_when_the_account_is_gone,
    a_plugin_that_fails_lets_the_login_go_on,
    a_plugin_that_fails_ends_the_login,
    a_blocked_user,
];

/// A tenant with Ada's database account, and this policy.
fn with_policy(policy: &str) -> Tenant {
    let policy = File::with(policy);
    // The policy is read at the start, so that the folder may go.
    Tenant::started(&database_user("ada", "ada@example.com"), &["--policy", policy.name()])
}

/// The names of Ada's identities.
fn identities(tenant: &Tenant, user_id: &str) -> Vec<String> {
    let user = tenant.user(user_id).json();
    let identities = user["identities"].as_array().unwrap_or_else(|| panic!("{user}"));
    identities.iter().map(|it| format!("{}|{}", text(&it["provider"]), text(&it["user_id"]))).collect()
}

fn a_verified_login_joins_the_account_there_is() {
    let tenant = with_policy(AUTO);
    let mut browser = tenant.browser();
    let tokens = tokens(&tenant, &by_google(&mut browser, "1080", &[]));
    let id = claims(&tokens["id_token"]);
    assert_eq!((&id["sub"], &id["email"]), (&json!("auth0|ada"), &json!("ada@example.com")));
    assert_eq!(claims(&tokens["access_token"])["sub"], "auth0|ada");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|1080"]);
    assert_eq!(tenant.user("google-oauth2|1080").status, 404);

    // The same without anybody there.
    assert_eq!(subject(&tenant, &browser.get(&authorize(&[("prompt", "none")]))), "auth0|ada");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &text(&tokens["refresh_token"]))];
    let refreshed = tenant.token("web", &refresh).json();
    assert_eq!(claims(&refreshed["id_token"])["sub"], "auth0|ada");
    // And by either way from now on.
    assert_eq!(subject(&tenant, &by_google(&mut tenant.browser(), "1080", &[])), "auth0|ada");
    assert_eq!(subject(&tenant, &by_password(&mut tenant.browser(), "ada@example.com", &[])), "auth0|ada");
    assert!(tenant.log_of("login").iter().any(|line| line["decision"] == "linked"));
}

fn an_unverified_login_does_not() {
    let tenant = with_policy(AUTO);
    let mut browser = tenant.browser();
    let state = crate::tenants::open(&mut browser, &[]);
    let eve = [
        ("state", state.as_str()),
        ("connection", "google-oauth2"),
        ("user_id", "666"),
        ("email", "ada@example.com"),
    ];
    assert_eq!(subject(&tenant, &browser.submit("/u/stand-in", &eve)), "google-oauth2|666");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}

/// The policy asks about an account that was never used. Once it is used, nothing else speaks
/// against a link.
fn not_now_is_not_followed_by_a_link_without_a_question() {
    let policy = File::with(AUTO);
    let unused = database_user("ada", "ada@example.com")
        .replace("last_login = \"2026-01-01T00:00:00.000Z\"\nlogins_count = 1\n", "");
    let tenant = Tenant::started(&unused, &["--policy", policy.name()]);
    let (mut browser, state) = asked(&tenant, "auto");
    assert_eq!(subject(&tenant, &browser.submit("/u/skip", &[("state", &state)])), "google-oauth2|1080");
    let mut browser = tenant.browser();
    let question = by_password(&mut browser, "ada@example.com", &[]);
    let page = browser.get(&question.location()).text();
    assert!(page.contains("You already have an account"), "{page}");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    let end = browser.submit("/u/skip", &[("state", &state_of(&question))]);
    assert_eq!(subject(&tenant, &end), "auth0|ada");
    // The next logins of the two make no link and are not asked again.
    for _ in 0..2 {
        assert_eq!(subject(&tenant, &by_google(&mut tenant.browser(), "1080", &[])), "google-oauth2|1080");
        assert_eq!(
            subject(&tenant, &by_password(&mut tenant.browser(), "ada@example.com", &[])),
            "auth0|ada"
        );
    }
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}

/// Logs in with Google where the policy asks for a second account. The state of
/// the page that asks.
fn asked(tenant: &Tenant, mode: &str) -> (crate::http::Browser, String) {
    let mut browser = tenant.browser();
    let response = by_google(&mut browser, "1080", &[]);
    let page = browser.get(&response.location());
    assert!(page.text().contains("You already have an account"), "{mode}: {}", page.text());
    assert!(page.text().contains("Not now"), "{mode}: {}", page.text());
    // The login's own address, and every way to log in: which of them leads to
    // that account is nobody's to know before a proof.
    assert!(page.text().contains(r#"value="ada@example.com""#), "{mode}: {}", page.text());
    for offered in ["Google", "email"] {
        assert!(page.text().contains(&format!("Continue with {offered}")), "{mode}: {}", page.text());
    }
    let state = state_of(&response);
    (browser, state)
}

fn suggesting(mode: &str) -> Tenant {
    with_policy(&json!({ "mode": mode, "trusted_connections": ["google-oauth2"] }).to_string())
}

fn prove(browser: &mut crate::http::Browser, state: &str, email: &str) -> Response {
    let fields = login_form(state, email);
    browser.submit("/u/login", &fields)
}

fn a_suggestion_is_proved() {
    let tenant = suggesting("suggest");
    let (mut browser, state) = asked(&tenant, "suggest");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"], "nothing is linked before the proof");
    assert_eq!(subject(&tenant, &prove(&mut browser, &state, "ada@example.com")), "auth0|ada");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|1080"]);
}

/// A login proves nothing about the other account.
fn a_suggestion_says_nothing_of_the_other_account() {
    let policy = r#"{"mode": "suggest", "trusted_connections": ["google-oauth2"], "mfa": "step_up", "on_multiple": "choose"}"#;
    let policy = File::with(policy);
    let page = |users: &str| {
        let tenant = Tenant::started(users, &["--policy", policy.name()]);
        let mut browser = tenant.browser();
        let asked = by_google(&mut browser, "1080", &[]);
        let text = browser.get(&asked.location()).text();
        assert!(text.contains("You already have an account"), "{text}");
        text.replace(&state_of(&asked), "")
    };
    let of_database = page(&database_user("ada", "ada@example.com"));
    for (id, email, connection) in
        [("auth0|staff", "Ada@Example.com", "Staff"), ("email|5", "ada@example.com", "email")]
    {
        assert_eq!(page(&user(id, email, connection)), of_database, "{id}");
    }
    // Nor that it has a second factor, that it was never used, or that there are several.
    let ada = database_user("ada", "ada@example.com");
    for users in [
        ada.clone() + "multifactor = [\"otp\"]\n",
        ada.replace("logins_count = 1\n", "logins_count = 0\n"),
        ada + &user("email|5", "ada@example.com", "email"),
    ] {
        assert_eq!(page(&users), of_database, "{users}");
    }
}

fn a_suggestion_is_not_proved_by_another_account() {
    let users = database_user("ada", "ada@example.com") + &database_user("eve", "eve@example.com");
    let policy = File::with(r#"{"mode": "suggest", "trusted_connections": ["google-oauth2"]}"#);
    let tenant = Tenant::started(&users, &["--policy", policy.name()]);
    let (mut browser, state) = asked(&tenant, "suggest");
    let page = prove(&mut browser, &state, "eve@example.com");
    assert_eq!(page.status, 403);
    assert!(page.text().contains("a different account"), "{}", page.text());
    // Not even by the same account once more.
    let again = [("state", state.as_str()), ("connection", "google-oauth2"), ("account", "1080")];
    assert_eq!(browser.submit("/u/stand-in", &again).status, 403);
    // And still by the right one.
    assert_eq!(subject(&tenant, &prove(&mut browser, &state, "ada@example.com")), "auth0|ada");
}

fn a_suggestion_is_put_off() {
    let tenant = suggesting("suggest");
    let (mut browser, state) = asked(&tenant, "suggest");
    let response = browser.submit("/u/skip", &[("state", &state)]);
    assert_eq!(subject(&tenant, &response), "google-oauth2|1080");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    // If the user cannot be asked, there is no question.
    assert_eq!(subject(&tenant, &browser.get(&authorize(&[("prompt", "none")]))), "google-oauth2|1080");
}

fn a_suggestion_that_is_required_is_declined() {
    let tenant = suggesting("required");
    let (mut browser, state) = asked(&tenant, "required");
    let answer = browser.submit("/u/skip", &[("state", &state)]).answer();
    assert_eq!(answer["error"], "access_denied", "{answer:?}");
    assert_eq!(answer["state"], "the state");
    assert!(!browser.cookies.contains_key("ligature-session"));
}

/// Another tab, another device or an operator links the accounts first. Every answer then logs in
/// the remaining user.
fn a_suggestion_is_answered_when_the_accounts_are_linked() {
    for mode in ["suggest", "required"] {
        for (primary, provider, id) in
            [("auth0|ada", "google-oauth2", "1080"), ("google-oauth2|1080", "auth0", "ada")]
        {
            for is_proved in [true, false] {
                let tenant = suggesting(mode);
                let (mut browser, state) = asked(&tenant, mode);
                let target = format!("/api/v2/users/{}/identities", primary.replace('|', "%7C"));
                let link = Request::post(target).json(&by_id(provider, id));
                let linked = tenant.send(&link.bearer(&tenant.client_token("web")));
                assert_eq!(linked.status, 201, "{}", linked.text());

                let response = if is_proved {
                    prove(&mut browser, &state, "ada@example.com")
                } else {
                    browser.submit("/u/skip", &[("state", &state)])
                };
                assert_eq!(subject(&tenant, &response), primary, "{mode}, proved: {is_proved}");
                let silent = browser.get(&authorize(&[("prompt", "none")]));
                assert_eq!(subject(&tenant, &silent), primary, "{mode}, proved: {is_proved}");
            }
        }
    }
}

/// Checks that answering a suggestion does not create the deleted account again.
fn a_suggestion_is_answered_when_the_account_is_gone() {
    for is_proved in [true, false] {
        let client = "\n[[clients]]\nclient_id = \"admin\"\nname = \"An administrator\"\nclient_secret = \"the secret of an administrator\"\n\
            grant_types = [\"client_credentials\"]\nscopes = [\"delete:users\"]\n";
        let policy = File::with(r#"{"mode": "suggest", "trusted_connections": ["google-oauth2"]}"#);
        let tenant = Tenant::started(
            &(client.to_owned() + &database_user("ada", "ada@example.com")),
            &["--policy", policy.name()],
        );
        let (mut browser, state) = asked(&tenant, "suggest");
        let fields = [
            ("grant_type", "client_credentials"),
            ("audience", &*tenant.audience()),
            ("client_secret", "the secret of an administrator"),
        ];
        let token = text(&tenant.token("admin", &fields).json()["access_token"]);
        let delete = Request::new("DELETE", "/api/v2/users/google-oauth2%7C1080").bearer(&token);
        assert_eq!(tenant.send(&delete).status, 204);

        let answer = if is_proved {
            prove(&mut browser, &state, "ada@example.com")
        } else {
            browser.submit("/u/skip", &[("state", &state)])
        };
        let answer = answer.answer();
        assert!(answer.contains_key("error") && !answer.contains_key("code"), "{answer:?}");
        assert!(!browser.cookies.contains_key("ligature-session"));
        assert_eq!(tenant.user("google-oauth2|1080").status, 404);
    }
}

/// A tenant with a plugin that means harm: the connection's name says which.
fn failing(on_failure: &str) -> Tenant {
    let connections = ["panic", "endless-loop", "memory-growth", "says-linked"].map(|name| {
        format!(
            "\n[[connections]]\nname = {name:?}\nstrategy = \"facebook\"\n[[connections.accounts]]\nuser_id = {name:?}\n\
             email = \"ada@example.com\"\nemail_verified = true\n"
        )
    });
    let config =
        CONFIG.replace("name = \"tenant\"\n", &format!("name = \"tenant\"\non_failure = {on_failure:?}\n"));
    let config = config + &connections.concat() + &database_user("ada", "ada@example.com");
    Tenant::configured(&config, &["--plugin", ligature_test_guests::EVIL_FILE])
}

fn fails(tenant: &Tenant, name: &str) -> Response {
    let mut browser = tenant.browser();
    let state = crate::tenants::open(&mut browser, &[]);
    let response =
        browser.submit("/u/stand-in", &[("state", &state), ("connection", name), ("account", name)]);
    let failures = tenant.log_of("audit");
    let is_told = |line: &serde_json::Value| {
        line["message"] == "the plugin failed"
            && line["user"].as_str().is_some_and(|user| user.ends_with(name))
    };
    assert!(failures.iter().any(is_told), "{name}: {failures:?}");
    response
}

fn a_plugin_that_fails_lets_the_login_go_on() {
    let tenant = failing("proceed");
    for name in ["panic", "endless-loop", "memory-growth", "says-linked"] {
        assert_eq!(subject(&tenant, &fails(&tenant, name)), format!("facebook|{name}"));
    }
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}

fn a_plugin_that_fails_ends_the_login() {
    let tenant = failing("deny");
    for name in ["panic", "endless-loop", "memory-growth", "says-linked"] {
        let answer = fails(&tenant, name).answer();
        assert_eq!(answer["error"], "access_denied", "{name}: {answer:?}");
        assert!(!answer["error_description"].contains("panic"), "what failed is the operator's to know");
    }
}

fn a_blocked_user() {
    let blocked = database_user("mallory", "mallory@example.com") + "blocked = true\n";
    let tenant = Tenant::with(&(blocked + &database_user("ada", "ada@example.com")));
    let mut browser = tenant.browser();
    let answer = by_password(&mut browser, "mallory@example.com", &[]).answer();
    assert_eq!(
        (answer["error"].as_str(), answer["error_description"].as_str()),
        ("unauthorized", "user is blocked")
    );
    assert!(!browser.cookies.contains_key("ligature-session"));

    // Blocked while logged in: neither a session nor a refresh token helps.
    let mut browser = tenant.browser();
    let tokens = tokens(&tenant, &by_password(&mut browser, "ada@example.com", &[]));
    let block =
        crate::http::Request::new("PATCH", "/api/v2/users/auth0%7Cada").json(&json!({ "blocked": true }));
    assert_eq!(tenant.send(&block.bearer(&tenant.client_token("web"))).status, 200);
    let silent = browser.get(&authorize(&[("prompt", "none")])).answer();
    assert_eq!(silent["error"], "unauthorized");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &text(&tokens["refresh_token"]))];
    assert_eq!(tenant.token("web", &refresh).status, 403);
}
