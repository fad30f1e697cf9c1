//! Attacks on a link that an application requests: only the owner of both accounts
//! can link them.

use serde_json::{Value, json};

use super::{
    as_google, as_password, ask_link, ask_unlink, audited, google, id_token, identities, tokens, users,
};
use crate::http::{Browser, Request, Response, state_of};
use crate::tenants::{CALLBACK, DATABASE, PASSWORD, Tenant, by_id, by_password, claims, text};
use crate::tokens::{Forger, id_claims};

crate::tests![
    a_stolen_hint_without_the_owners_login,
    a_hint_of_somebody_else_than_who_is_logged_in,
    a_page_that_is_finished_in_another_browser,
    a_page_that_another_site_sends,
    a_page_that_is_sent_twice,
    a_hint_that_is_used_twice,
    an_account_of_another_connection,
    an_account_of_somebody_else,
    an_owner_who_was_linked_away,
    an_owner_who_is_deleted,
    whoever_is_blocked,
    an_owner_who_logs_out_meanwhile,
    an_owner_whose_password_changes_meanwhile,
    somebody_who_gives_up,
    an_unlink_by_somebody_else,
    an_unlink_by_another_identity,
    an_owner_by_a_linked_identity,
    an_unlink_of_what_is_not_linked,
    two_owners_who_prove_one_new_account_at_once,
    an_account_that_its_owner_must_not_join,
];

/// Ada and Eve, and Eve's account at Google.
fn tenant() -> Tenant {
    Tenant::with(
        &(users(&["ada", "eve"]) + &google("7", "lovelace@example.com") + &google("666", "eve@example.net")),
    )
}

/// A refusal is reported to the application and to the operator.
fn denied(tenant: &Tenant, response: &Response, error: &str, words: &str) {
    assert!(response.location().starts_with(CALLBACK), "{}", response.location());
    let answer = response.answer();
    assert_eq!((answer["error"].as_str(), answer["error_description"].as_str()), (error, words));
    assert!(!answer.contains_key("code"));
    let line = json!({ "message": "a link that an application asked for was refused", "error": error, "why": words });
    assert!(audited(tenant, &line), "{words}");
}

fn untouched(tenant: &Tenant) {
    for user in ["auth0|ada", "auth0|eve", "google-oauth2|7", "google-oauth2|666"] {
        assert_eq!(identities(tenant, user), [user]);
    }
}

fn management(tenant: &Tenant, request: Request) -> Response {
    tenant.send(&request.bearer(&tenant.client_token("web")))
}

fn block(tenant: &Tenant, user_id: &str, blocked: bool) {
    let patch =
        Request::new("PATCH", format!("/api/v2/users/{user_id}")).json(&json!({ "blocked": blocked }));
    assert_eq!(management(tenant, patch).status, 200);
}

const ANOTHER: &str = "This is another account than the one of id_token_hint.";

fn a_stolen_hint_without_the_owners_login() {
    let tenant = tenant();
    let hint = id_token(&tenant, &mut tenant.browser(), "ada@example.com");
    let log_in: [fn(&mut Browser, &str) -> Response; 3] = [
        |browser, state| as_password(browser, state, "eve@example.com"),
        |browser, state| as_google(browser, state, "666"),
        // A refused login makes no user, either.
        |browser, state| as_google(browser, state, "new"),
    ];
    for log_in in log_in {
        let mut eve = tenant.browser();
        let page = ask_link(&mut eve, &hint, "google-oauth2");
        assert!(page.location().contains("/u/login?"), "{}", page.location());
        let answer = log_in(&mut eve, &state_of(&page));
        denied(&tenant, &answer, "access_denied", ANOTHER);
        untouched(&tenant);
    }
    assert_eq!(tenant.user("google-oauth2|new").status, 404);
    // A sign-up proves nothing either.
    let mut eve = tenant.browser();
    let state = state_of(&ask_link(&mut eve, &hint, "google-oauth2"));
    let fields = [
        ("state", state.as_str()),
        ("connection", DATABASE),
        ("email", "another@example.com"),
        ("password", PASSWORD),
    ];
    assert_eq!(eve.submit("/u/sign-up", &fields).status, 403);
    let made = Request::get("/api/v2/users-by-email?email=another@example.com");
    assert_eq!(management(&tenant, made).json(), json!([]));
}

fn a_hint_of_somebody_else_than_who_is_logged_in() {
    let tenant = tenant();
    let hint = id_token(&tenant, &mut tenant.browser(), "ada@example.com");
    let mut eve = tenant.browser();
    id_token(&tenant, &mut eve, "eve@example.com");
    let words = "The user of id_token_hint is not the one who is logged in here. Log out and in again.";
    denied(&tenant, &ask_link(&mut eve, &hint, "google-oauth2"), "access_denied", words);
    // The same the other way round: Eve's link, sent to Ada.
    let hint = id_token(&tenant, &mut tenant.browser(), "eve@example.com");
    let mut ada = tenant.browser();
    id_token(&tenant, &mut ada, "ada@example.com");
    denied(&tenant, &ask_link(&mut ada, &hint, "google-oauth2"), "access_denied", words);
    untouched(&tenant);
}

/// Eve opens the page and has Ada finish it, or the other way round.
fn a_page_that_is_finished_in_another_browser() {
    let tenant = tenant();
    let mut eve = tenant.browser();
    let hint = id_token(&tenant, &mut eve, "eve@example.com");
    let page = ask_link(&mut eve, &hint, "google-oauth2");
    let mut ada = tenant.browser();
    id_token(&tenant, &mut ada, "ada@example.com");
    assert_eq!(ada.get(&page.location()).status, 403);
    assert_eq!(as_google(&mut ada, &state_of(&page), "7").status, 403);
    untouched(&tenant);
    // In the browser that it was shown to, it is good still.
    assert!(as_google(&mut eve, &state_of(&page), "666").answer().contains_key("code"));
}

fn a_page_that_another_site_sends() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let state = state_of(&ask_link(&mut ada, &hint, "google-oauth2"));
    let fields = [("state", state.as_str()), ("connection", "google-oauth2"), ("account", "1080")];
    for origin in ["http://evil.test", "null", "http://localhost:3000"] {
        let response = ada.send(Request::post("/u/stand-in").form(&fields).header("origin", origin));
        assert_eq!(response.status, 403, "{origin}");
    }
    untouched(&tenant);
}

fn a_page_that_is_sent_twice() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let page = ask_link(&mut ada, &hint, "google-oauth2");
    assert!(as_google(&mut ada, &state_of(&page), "7").answer().contains_key("code"));
    let again = as_google(&mut ada, &state_of(&page), "666");
    assert_eq!(again.status, 400, "{}", again.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|7"]);
    // The form stays used after the link is taken back.
    let unlink = Request::new("DELETE", "/api/v2/users/auth0|ada/identities/google-oauth2/7");
    assert_eq!(management(&tenant, unlink).status, 200);
    assert_eq!(as_google(&mut ada, &state_of(&page), "7").status, 400);
    untouched(&tenant);
}

/// A hint proves nothing: each use requires new proofs of both accounts.
fn a_hint_that_is_used_twice() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let state = state_of(&ask_link(&mut ada, &hint, "google-oauth2"));
    assert!(as_google(&mut ada, &state, "7").answer().contains_key("code"));
    let page = ask_link(&mut ada, &hint, "google-oauth2");
    assert!(page.location().contains("/u/stand-in?"), "the account is asked for again: {}", page.location());
    let elsewhere = ask_link(&mut tenant.browser(), &hint, "google-oauth2");
    assert!(elsewhere.location().contains("/u/login?"), "so is the owner: {}", elsewhere.location());
}

fn an_account_of_another_connection() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let state = state_of(&ask_link(&mut ada, &hint, "google-oauth2"));
    let by_password = as_password(&mut ada, &state, "eve@example.com");
    assert_eq!(by_password.status, 400, "{}", by_password.text());
    let sent = ada
        .submit("/u/code/start", &[("state", &state), ("connection", "email"), ("address", "x@example.com")]);
    assert_eq!(sent.status, 400, "{}", sent.text());
    // A page of another connection is this one's.
    let shown = ada.get(&format!("/u/login?state={state}&connection={DATABASE}")).text();
    assert!(shown.contains("google-oauth2") && !shown.contains("password"), "{shown}");
    untouched(&tenant);
}

fn an_account_of_somebody_else() {
    let tenant = tenant();
    let link = Request::post("/api/v2/users/auth0|eve/identities").json(&by_id("google-oauth2", "666"));
    assert_eq!(management(&tenant, link).status, 201);
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let state = state_of(&ask_link(&mut ada, &hint, "google-oauth2"));
    let answer = as_google(&mut ada, &state, "666");
    denied(&tenant, &answer, "access_denied", "The account is linked to another user already.");
    assert_eq!(identities(&tenant, "auth0|eve"), ["auth0|eve", "google-oauth2|666"]);
    // One's own is no other account.
    let state = state_of(&ask_link(&mut ada, &hint, DATABASE));
    let answer = as_password(&mut ada, &state, "ada@example.com");
    denied(&tenant, &answer, "access_denied", "Main identity and the new one are the same.");
}

const GONE: &str =
    "The user of id_token_hint no longer exists: it was deleted, or linked to another account.";

fn an_owner_who_was_linked_away() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let page = ask_link(&mut ada, &hint, "google-oauth2");
    let link = Request::post("/api/v2/users/auth0|eve/identities").json(&by_id("auth0", "ada"));
    assert_eq!(management(&tenant, link).status, 201);
    denied(&tenant, &as_google(&mut ada, &state_of(&page), "7"), "access_denied", GONE);
    for ask in [ask_link, ask_unlink] {
        denied(&tenant, &ask(&mut ada, &hint, "google-oauth2"), "access_denied", GONE);
        denied(&tenant, &ask(&mut tenant.browser(), &hint, "google-oauth2"), "access_denied", GONE);
    }
    assert_eq!(identities(&tenant, "auth0|eve"), ["auth0|eve", "auth0|ada"]);
    assert_eq!(identities(&tenant, "google-oauth2|7"), ["google-oauth2|7"]);
}

fn an_owner_who_is_deleted() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let nobody = Forger::of(&tenant).sign(&id_claims(&tenant, "auth0|nobody"));
    denied(&tenant, &ask_link(&mut ada, &nobody, "google-oauth2"), "access_denied", GONE);
    assert!(ask_link(&mut ada, &hint, "google-oauth2").location().contains("/u/stand-in?"));
    untouched(&tenant);
}

fn whoever_is_blocked() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let page = ask_link(&mut ada, &hint, "google-oauth2");
    // The account.
    block(&tenant, "google-oauth2|7", true);
    denied(&tenant, &as_google(&mut ada, &state_of(&page), "7"), "access_denied", "user is blocked");
    block(&tenant, "google-oauth2|7", false);
    // The owner, after the page was shown, and before.
    let page = ask_link(&mut ada, &hint, "google-oauth2");
    block(&tenant, "auth0|ada", true);
    let answer = as_google(&mut ada, &state_of(&page), "new");
    denied(&tenant, &answer, "access_denied", "user is blocked");
    for ask in [ask_link, ask_unlink] {
        let answer = ask(&mut ada, &hint, "google-oauth2");
        denied(&tenant, &answer, "access_denied", "user is blocked");
    }
    untouched(&tenant);
    assert_eq!(tenant.user("google-oauth2|new").status, 404, "nobody was made");
}

fn an_owner_who_logs_out_meanwhile() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let page = ask_link(&mut ada, &hint, "google-oauth2");
    ada.get("/v2/logout");
    let answer = as_google(&mut ada, &state_of(&page), "7");
    denied(&tenant, &answer, "login_required", "The owner of the account has logged out.");
    // Somebody else's login in the same browser is not theirs.
    id_token(&tenant, &mut ada, "ada@example.com");
    let page = ask_link(&mut ada, &hint, "google-oauth2");
    fresh_id_token(&tenant, &mut ada, "eve@example.com");
    let answer = as_google(&mut ada, &state_of(&page), "7");
    denied(&tenant, &answer, "login_required", "The owner of the account has logged out.");
    untouched(&tenant);
}

fn fresh_id_token(tenant: &Tenant, browser: &mut Browser, email: &str) {
    let answer = by_password(browser, email, &[("prompt", "login")]);
    tokens(tenant, &answer);
}

fn an_owner_whose_password_changes_meanwhile() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    let page = ask_link(&mut ada, &hint, "google-oauth2");
    let patch = Request::new("PATCH", "/api/v2/users/auth0|ada")
        .json(&json!({ "password": "another horse battery", "connection": DATABASE }));
    assert_eq!(management(&tenant, patch).status, 200);
    let answer = as_google(&mut ada, &state_of(&page), "7").answer();
    assert_eq!(answer["error"], "login_required", "{answer:?}");
    // The session is good no longer: they log in first.
    let page = ask_link(&mut ada, &hint, "google-oauth2");
    let answer = page.answer();
    assert!(page.location().contains("/u/login?") || answer.contains_key("error"), "{answer:?}");
    untouched(&tenant);
}

fn somebody_who_gives_up() {
    let tenant = tenant();
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    for ask in [ask_link, ask_unlink] {
        let page = ask(&mut ada, &hint, "google-oauth2");
        assert!(ada.get(&page.location()).text().contains("Cancel"));
        let answer = ada.submit("/u/skip", &[("state", &state_of(&page))]);
        denied(&tenant, &answer, "access_denied", "The user did not log in to the account.");
        assert_eq!(as_google(&mut ada, &state_of(&page), "7").status, 400, "the page is gone");
    }
    untouched(&tenant);
}

/// Ada, whose account of Google is linked; her ID token.
fn linked() -> (Tenant, Browser, String) {
    let tenant = tenant();
    let link = Request::post("/api/v2/users/auth0|ada/identities").json(&by_id("google-oauth2", "7"));
    assert_eq!(management(&tenant, link).status, 201);
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    (tenant, ada, hint)
}

fn an_unlink_by_somebody_else() {
    let (tenant, mut ada, hint) = linked();
    let mut eve = tenant.browser();
    let answer = {
        let state = state_of(&ask_unlink(&mut eve, &hint, "google-oauth2"));
        as_password(&mut eve, &state, "eve@example.com")
    };
    denied(&tenant, &answer, "access_denied", ANOTHER);
    // Ada's session does not do, and Eve's password in Ada's browser neither.
    let state = state_of(&ask_unlink(&mut ada, &hint, "google-oauth2"));
    denied(&tenant, &as_password(&mut ada, &state, "eve@example.com"), "access_denied", ANOTHER);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|7"]);
}

/// An attacker who holds the linked account cannot shut its owner out.
fn an_unlink_by_another_identity() {
    let (tenant, _, _) = linked();
    let mut other = tenant.browser();
    let state = crate::tenants::open(&mut other, &[]);
    let hint = text(&tokens(&tenant, &as_google(&mut other, &state, "7"))["id_token"]);
    assert_eq!(claims(&hint.as_str().into())["sub"], "auth0|ada");
    let page = ask_unlink(&mut other, &hint, "google-oauth2");
    assert_eq!(as_google(&mut other, &state_of(&page), "7").status, 400, "it is not offered");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|7"]);
}

/// A person who holds only a linked login cannot add a login of their own to the account.
fn an_owner_by_a_linked_identity() {
    let (tenant, _, _) = linked();
    let mut other = tenant.browser();
    let state = crate::tenants::open(&mut other, &[]);
    let hint = text(&tokens(&tenant, &as_google(&mut other, &state, "7"))["id_token"]);
    // Their session does not count, and they are asked for the main login.
    let page = ask_link(&mut other, &hint, "google-oauth2");
    assert!(page.location().contains("/u/login?"), "{}", page.location());
    assert_eq!(as_google(&mut other, &state_of(&page), "7").status, 400, "it is not offered");
    // A login by it links nothing either.
    let mut other = tenant.browser();
    let page = ask_link(&mut other, &hint, "google-oauth2");
    let refused = as_google(&mut other, &state_of(&page), "7");
    let words = "Linking needs a login by the account's main identity.";
    denied(&tenant, &refused, "access_denied", words);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|7"]);
}

fn an_unlink_of_what_is_not_linked() {
    let (tenant, mut ada, hint) = linked();
    for (connection, words) in
        [("email", "No account of email is linked."), (DATABASE, "Main identity cannot be removed.")]
    {
        let state = state_of(&ask_unlink(&mut ada, &hint, connection));
        denied(&tenant, &as_password(&mut ada, &state, "ada@example.com"), "access_denied", words);
    }
    // Two of one connection: nobody knows which one.
    let link = Request::post("/api/v2/users/auth0|ada/identities").json(&by_id("google-oauth2", "666"));
    assert_eq!(management(&tenant, link).status, 201);
    let state = state_of(&ask_unlink(&mut ada, &hint, "google-oauth2"));
    let words = "Several accounts of google-oauth2 are linked: which one is meant is not known.";
    denied(&tenant, &as_password(&mut ada, &state, "ada@example.com"), "access_denied", words);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 3);
    let log = tenant.log_of("audit");
    assert!(!log.iter().any(|line: &Value| line["message"] == "unlink"));
}

/// Checks that one owner gets the account, and that no owner's account is moved with it.
fn two_owners_who_prove_one_new_account_at_once() {
    let tenant = Tenant::with(&users(&["ada", "eve"]));
    for round in 0..20 {
        let account = format!("new-{round}");
        let pages = ["ada", "eve"].map(|owner| {
            let mut browser = tenant.browser();
            let hint = id_token(&tenant, &mut browser, &format!("{owner}@example.com"));
            let state = state_of(&ask_link(&mut browser, &hint, "google-oauth2"));
            (browser, state)
        });
        let answers: Vec<Response> = std::thread::scope(|scope| {
            let send = |(mut browser, state): (Browser, String)| {
                let account = account.as_str();
                scope.spawn(move || as_google(&mut browser, &state, account))
            };
            pages.map(send).into_iter().map(|it| it.join().expect("an answer")).collect()
        });
        let [ada, eve] = ["auth0|ada", "auth0|eve"].map(|owner| identities(&tenant, owner));
        assert!(ada.starts_with(&["auth0|ada".to_owned()]) && eve.starts_with(&["auth0|eve".to_owned()]));
        let linked = [&ada, &eve].into_iter().flatten().filter(|it| it.ends_with(&account)).count();
        let told = answers.iter().filter(|it| it.answer().contains_key("code")).count();
        assert_eq!((linked, told), (1, 1), "{round}: {ada:?} {eve:?}");
    }
}

/// The application's link is refused as on the account page, but for addresses that nobody has verified.
fn an_account_that_its_owner_must_not_join() {
    let odd = |id: &str, more: &str| crate::tenants::database_user(id, &format!("{id}@example.com")) + more;
    let admin = "app_metadata = { roles = [\"admin\"] }\n";
    let tenant = Tenant::with(
        &[
            users(&["ada"]),
            odd("root", admin),
            odd("mfa", "multifactor = [\"otp\"]\n"),
            odd("kept", "app_metadata = { no_link = true }\n"),
            odd("robot", "app_metadata = { linking = { managed_by = \"scim\" } }\n"),
            google("7", "lovelace@example.com"),
        ]
        .concat(),
    );
    let mut ada = tenant.browser();
    let hint = id_token(&tenant, &mut ada, "ada@example.com");
    for (id, words) in [
        ("root", "auth0|root is a privileged account; ask support"),
        ("kept", "auth0|kept is not to be linked"),
    ] {
        let state = state_of(&ask_link(&mut ada, &hint, DATABASE));
        let answer = as_password(&mut ada, &state, &format!("{id}@example.com"));
        denied(&tenant, &answer, "access_denied", words);
        assert_eq!(identities(&tenant, &format!("auth0|{id}")), [format!("auth0|{id}")]);
    }
    let state = state_of(&ask_link(&mut ada, &hint, DATABASE));
    assert_eq!(as_password(&mut ada, &state, "robot@example.com").answer()["error"], "access_denied");
    // The factor of the other account was passed, and would not be asked for any more.
    let state = state_of(&ask_link(&mut ada, &hint, DATABASE));
    let asked = as_password(&mut ada, &state, "mfa@example.com");
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    let code = text(&outbox[0]["code"]);
    let answer = ada.submit("/u/second-factor", &[("state", &state_of(&asked)), ("code", &code)]);
    let words =
        "auth0|mfa has a second factor, which the account that stays lacks: let it be the account that stays";
    denied(&tenant, &answer, "access_denied", words);
    // An owner with special rights.
    let mut root = tenant.browser();
    let hint = id_token(&tenant, &mut root, "root@example.com");
    let state = state_of(&ask_link(&mut root, &hint, "google-oauth2"));
    let words = "auth0|root is a privileged account; ask support";
    denied(&tenant, &as_google(&mut root, &state, "7"), "access_denied", words);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}
