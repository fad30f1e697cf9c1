//! Links that an application asks for at `/authorize`: `link_account` and
//! `unlink_account`, as npm `@auth0/auth0-auth-js` sends them.

mod attacks;
mod requests;

use serde_json::{Value, json};

use crate::http::{Browser, Response, state_of};
use crate::tenants::{
    DATABASE, PASSWORD, Tenant, authorize, by_password, claims, database_user, login_form, redeem, text, user,
};
use crate::tokens::{Forger, id_claims};

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::Test> {
    [TESTS, attacks::TESTS, requests::TESTS].concat()
}

crate::tests![
    an_owner_who_is_logged_in_links,
    an_owner_who_is_not_logged_in_logs_in_first,
    an_account_that_was_never_there_is_linked_at_once,
    a_new_account_of_a_database_is_linked,
    a_mailbox_is_linked,
    an_account_comes_with_all_its_identities,
    an_account_that_is_linked_already_stays_linked,
    an_owner_unlinks,
    the_plugin_does_not_decide_the_link,
    an_owner_whom_the_plugin_links_elsewhere,
];

/// The web application's request, with these parameters in the place of its own.
fn request(scope: &str, hint: &str, connection: &str, with: &[(&str, &str)]) -> String {
    let usual = [("scope", scope), ("id_token_hint", hint), ("requested_connection", connection)];
    let mut all: Vec<_> =
        usual.into_iter().filter(|(name, _)| !with.iter().any(|(other, _)| other == name)).collect();
    all.extend(with);
    authorize(&all)
}

fn ask_link(browser: &mut Browser, hint: &str, connection: &str) -> Response {
    browser.get(&request("openid link_account offline_access", hint, connection, &[]))
}

fn ask_unlink(browser: &mut Browser, hint: &str, connection: &str) -> Response {
    browser.get(&request("openid unlink_account", hint, connection, &[]))
}

/// Logs in, and gets an ID token.
fn id_token(tenant: &Tenant, browser: &mut Browser, email: &str) -> String {
    let answer = by_password(browser, email, &[]).answer();
    text(&redeem(tenant, "web", &answer["code"]).json()["id_token"])
}

fn as_google(browser: &mut Browser, state: &str, account: &str) -> Response {
    let fields = [("state", state), ("connection", "google-oauth2"), ("user_id", account)];
    browser.submit("/u/stand-in", &fields)
}

fn as_password(browser: &mut Browser, state: &str, email: &str) -> Response {
    let fields = login_form(state, email);
    browser.submit("/u/login", &fields)
}

fn tokens(tenant: &Tenant, response: &Response) -> Value {
    let answer = response.answer();
    redeem(tenant, "web", answer.get("code").unwrap_or_else(|| panic!("no code: {answer:?}"))).json()
}

/// The ids of a user's identities; none of one who is not there.
fn identities(tenant: &Tenant, user_id: &str) -> Vec<String> {
    let user = tenant.user(user_id);
    let all = if user.status == 200 { user.json()["identities"].clone() } else { json!([]) };
    let id = |it: &Value| format!("{}|{}", text(&it["provider"]), text(&it["user_id"]));
    all.as_array().expect("identities").iter().map(id).collect()
}

fn audited(tenant: &Tenant, wanted: &Value) -> bool {
    let holds = |line: &Value| {
        wanted.as_object().expect("an object").iter().all(|(name, value)| &line[name] == value)
    };
    tenant.log_of("audit").iter().any(holds)
}

fn users(ids: &[&str]) -> String {
    ids.iter().map(|id| database_user(id, &format!("{id}@example.com"))).collect()
}

fn google(id: &str, email: &str) -> String {
    user(&format!("google-oauth2|{id}"), email, "google-oauth2")
}

fn an_owner_who_is_logged_in_links() {
    let tenant = Tenant::with(&(users(&["ada"]) + &google("7", "lovelace@example.com")));
    let mut browser = tenant.browser();
    let hint = id_token(&tenant, &mut browser, "ada@example.com");
    let page = ask_link(&mut browser, &hint, "google-oauth2");
    assert!(page.location().contains("/u/stand-in?"), "a page of that connection: {}", page.location());
    let shown = browser.get(&page.location()).text();
    assert!(shown.contains("is to be linked to ada@example.com"), "{shown}");

    let tokens = tokens(&tenant, &as_google(&mut browser, &state_of(&page), "7"));
    let (before, after) = (claims(&hint.into()), claims(&tokens["id_token"]));
    assert_eq!((&after["sub"], &after["auth_time"]), (&json!("auth0|ada"), &before["auth_time"]));
    assert_eq!(after["sid"], before["sid"], "the owner stays logged in");
    assert_eq!(
        (&tokens["scope"], tokens["refresh_token"].is_string()),
        (&json!("openid offline_access"), true)
    );
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|7"]);
    assert_eq!(tenant.user("google-oauth2|7").status, 404);
    assert!(audited(
        &tenant,
        &json!({ "message": "link", "client": "web", "primary": "auth0|ada", "secondary": "google-oauth2|7", "done": true })
    ));
}

fn an_owner_who_is_not_logged_in_logs_in_first() {
    let tenant = Tenant::with(&(users(&["ada"]) + &google("7", "lovelace@example.com")));
    let hint = id_token(&tenant, &mut tenant.browser(), "ada@example.com");
    // A browser that nobody is logged in with, and one that has to log in again.
    let mut logged_in = tenant.browser();
    id_token(&tenant, &mut logged_in, "ada@example.com");
    for (mut browser, with) in [
        (tenant.browser(), vec![]),
        (logged_in.clone(), vec![("max_age", "0")]),
        (logged_in, vec![("prompt", "login")]),
    ] {
        let page = browser.get(&request("openid link_account", &hint, "google-oauth2", &with));
        assert!(page.location().contains("/u/login?"), "{}", page.location());
        let shown = browser.get(&page.location()).text();
        assert!(shown.contains("A web application asks to link an account of Google to yours."), "{shown}");
        assert!(!shown.contains("/u/sign-up"), "whoever signs up here is not the owner");
        let page = as_password(&mut browser, &state_of(&page), "ada@example.com");
        assert!(page.location().contains("/u/stand-in?"), "{}", page.location());
        let tokens = tokens(&tenant, &as_google(&mut browser, &state_of(&page), "7"));
        assert_eq!(claims(&tokens["id_token"])["sub"], "auth0|ada");
        assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|7"]);
        // They are logged in from then on.
        assert!(browser.get(&authorize(&[("prompt", "none")])).answer().contains_key("code"));
    }
}

fn an_account_that_was_never_there_is_linked_at_once() {
    let tenant = Tenant::with(&users(&["ada"]));
    let mut browser = tenant.browser();
    let hint = id_token(&tenant, &mut browser, "ada@example.com");
    let state = state_of(&ask_link(&mut browser, &hint, "google-oauth2"));
    let fields = [
        ("state", state.as_str()),
        ("connection", "google-oauth2"),
        ("user_id", "new"),
        ("name", "Ada at Google"),
        ("email", "new@example.com"),
        ("email_verified", "true"),
    ];
    let tokens = tokens(&tenant, &browser.submit("/u/stand-in", &fields));
    assert_eq!(claims(&tokens["id_token"])["sub"], "auth0|ada");
    let user = tenant.user("auth0|ada").json();
    assert_eq!(user["identities"][1]["profileData"]["email"], "new@example.com");
    assert_eq!(user["email"], "ada@example.com");
}

fn a_new_account_of_a_database_is_linked() {
    let tenant = Tenant::with(&users(&["ada"]));
    let mut browser = tenant.browser();
    let hint = id_token(&tenant, &mut browser, "ada@example.com");
    let page = ask_link(&mut browser, &hint, "Staff");
    let shown = browser.get(&page.location()).text();
    assert!(shown.contains("/u/sign-up") && !shown.contains(DATABASE), "{shown}");
    let state = state_of(&page);
    let fields = [
        ("state", state.as_str()),
        ("connection", "Staff"),
        ("email", "staff@example.com"),
        ("password", PASSWORD),
    ];
    let tokens = tokens(&tenant, &browser.submit("/u/sign-up", &fields));
    assert_eq!(claims(&tokens["id_token"])["sub"], "auth0|ada");
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}

fn a_mailbox_is_linked() {
    let tenant = Tenant::with(&users(&["ada"]));
    let mut browser = tenant.browser();
    let hint = id_token(&tenant, &mut browser, "ada@example.com");
    let state = state_of(&ask_link(&mut browser, &hint, "email"));
    let to = "second@example.com";
    browser.submit("/u/code/start", &[("state", &state), ("connection", "email"), ("address", to)]);
    let outbox = tenant.send(&crate::http::Request::get("/dev/outbox")).json();
    let all = outbox.as_array().expect("a list");
    let code = text(&all.iter().find(|it| it["to"] == to).expect("a code was sent")["code"]);
    let wrong = browser
        .submit("/u/code", &[("state", &state), ("connection", "email"), ("address", to), ("code", "x")]);
    assert_eq!(wrong.status, 403, "and the page is there still");
    let right = browser
        .submit("/u/code", &[("state", &state), ("connection", "email"), ("address", to), ("code", &code)]);
    assert_eq!(claims(&tokens(&tenant, &right)["id_token"])["sub"], "auth0|ada");
    assert!(identities(&tenant, "auth0|ada")[1].starts_with("email|"));
}

fn an_account_comes_with_all_its_identities() {
    let tenant = Tenant::with(&(users(&["ada", "eva"]) + &google("7", "eva@example.com")));
    let token = tenant.client_token("web");
    let link = crate::http::Request::post("/api/v2/users/auth0|eva/identities")
        .json(&crate::tenants::by_id("google-oauth2", "7"));
    assert_eq!(tenant.send(&link.bearer(&token)).status, 201);
    let refresh = |email: &str| {
        let answer = by_password(&mut tenant.browser(), email, &[]).answer();
        text(&redeem(&tenant, "web", &answer["code"]).json()["refresh_token"])
    };
    let (own, theirs) = (refresh("ada@example.com"), refresh("eva@example.com"));

    let mut browser = tenant.browser();
    let hint = id_token(&tenant, &mut browser, "ada@example.com");
    let state = state_of(&ask_link(&mut browser, &hint, DATABASE));
    assert!(as_password(&mut browser, &state, "eva@example.com").answer().contains_key("code"));
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "auth0|eva", "google-oauth2|7"]);
    // After every link, the tokens of the account that goes are revoked.
    let status = |token: &str| {
        tenant.token("web", &[("grant_type", "refresh_token"), ("refresh_token", token)]).status
    };
    assert_eq!((status(&own), status(&theirs)), (200, 403));
}

/// Checks that a link that already exists is accepted, as Auth0's example Action does.
fn an_account_that_is_linked_already_stays_linked() {
    let tenant = Tenant::with(&(users(&["ada"]) + &google("7", "lovelace@example.com")));
    let mut browser = tenant.browser();
    let hint = id_token(&tenant, &mut browser, "ada@example.com");
    for _ in 0..2 {
        let state = state_of(&ask_link(&mut browser, &hint, "google-oauth2"));
        let answer = as_google(&mut browser, &state, "7");
        assert_eq!(claims(&tokens(&tenant, &answer)["id_token"])["sub"], "auth0|ada");
        assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|7"]);
    }
}

fn an_owner_unlinks() {
    let tenant = Tenant::with(&(users(&["ada"]) + &google("7", "lovelace@example.com")));
    let mut browser = tenant.browser();
    let hint = id_token(&tenant, &mut browser, "ada@example.com");
    let state = state_of(&ask_link(&mut browser, &hint, "google-oauth2"));
    let linked = text(&tokens(&tenant, &as_google(&mut browser, &state, "7"))["id_token"]);

    // A session is not enough: they log in once more, to their own account.
    let page = ask_unlink(&mut browser, &linked, "google-oauth2");
    let shown = browser.get(&page.location()).text();
    assert!(shown.contains("asks to unlink the account of Google from yours"), "{shown}");
    assert!(!shown.contains("/u/stand-in") && !shown.contains("/u/sign-up"), "{shown}");
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2, "nothing is unlinked yet");
    let answer = as_password(&mut browser, &state_of(&page), "ada@example.com");
    assert_eq!(claims(&tokens(&tenant, &answer)["id_token"])["sub"], "auth0|ada");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(identities(&tenant, "google-oauth2|7"), ["google-oauth2|7"]);
    assert!(audited(
        &tenant,
        &json!({ "message": "unlink", "client": "web", "primary": "auth0|ada", "identity": "google-oauth2|7", "done": true })
    ));
}

/// The plugin would link the account to Eva's, which has the same address. Checks that it is not
/// asked.
fn the_plugin_does_not_decide_the_link() {
    let policy = r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("policy.json");
    std::fs::write(&path, policy).expect("a file is written");
    let args = ["--policy", path.to_str().expect("a path in UTF-8")];
    let tenant = Tenant::started(&(users(&["ada", "eva"]) + &google("7", "eva@example.com")), &args);
    let mut browser = tenant.browser();
    let hint = id_token(&tenant, &mut browser, "ada@example.com");
    // An account that is there, and one that is not.
    for account in ["7", "8"] {
        let state = state_of(&ask_link(&mut browser, &hint, "google-oauth2"));
        let fields = [
            ("state", state.as_str()),
            ("connection", "google-oauth2"),
            ("user_id", account),
            ("email", "eva@example.com"),
            ("email_verified", "true"),
        ];
        let answer = browser.submit("/u/stand-in", &fields);
        assert_eq!(claims(&tokens(&tenant, &answer)["id_token"])["sub"], "auth0|ada");
    }
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|7", "google-oauth2|8"]);
    assert_eq!(identities(&tenant, "auth0|eva"), ["auth0|eva"]);
}

/// The plugin links the owner at their own login, before the second account is asked for.
fn an_owner_whom_the_plugin_links_elsewhere() {
    let policy = r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("policy.json");
    std::fs::write(&path, policy).expect("a file is written");
    let args = ["--policy", path.to_str().expect("a path in UTF-8")];
    let tenant = Tenant::started(&(users(&["ada"]) + &google("1080", "ada@example.com")), &args);
    let hint = Forger::of(&tenant).sign(&id_claims(&tenant, "google-oauth2|1080"));
    let mut browser = tenant.browser();
    let state = state_of(&ask_link(&mut browser, &hint, "Staff"));
    let fields = [("state", state.as_str()), ("connection", "google-oauth2"), ("account", "1080")];
    let answer = browser.submit("/u/stand-in", &fields).answer();
    assert_eq!(
        (answer["error"].as_str(), answer["error_description"].as_str()),
        ("access_denied", "The user of id_token_hint was linked to another account just now.")
    );
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|1080"]);
}
