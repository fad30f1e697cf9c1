//! The end of everything that ends, at its last valid and its first invalid
//! millisecond: the tenant runs in this process, and a test moves its clock.

use serde_json::{Value, json};

use crate::clocked::Clocked;
use crate::http::{Request, Response};
use crate::tenants::{CALLBACK, DATABASE, PASSWORD, REALM_GRANT, authorize, database_user, open, text};

crate::tests![
    an_access_token,
    a_management_token,
    an_authorization_code,
    a_jobs_status,
    a_link_of_a_mail,
    a_link_of_a_login_page,
    a_link_that_logs_in,
    a_link_with_token,
    a_locked_login,
    a_login_page,
    a_login_for_max_age,
    a_login_ticket,
    a_mailed_code,
    a_rate_limit,
    a_refresh_token,
    a_revocation,
    a_second_factor,
    a_session,
    a_ticket_of_the_management_api,
    an_owners_login_for_a_link,
    an_exported_file,
];

const LIFETIMES: &str = "\n[lifetimes]\naccess_token = 100\nmanagement_token = 100\n\
                         user_management_token = 10000\nid_token = 100\ncode = 100\nmailed_code = 100\n\
                         session = 1000\nrefresh_token = 2000\n";

const ADMINISTRATION: &str = "\n[[clients]]\nclient_id = \"administration\"\n\
                              client_secret = \"the secret of the administration\"\n\
                              grant_types = [\"client_credentials\"]\n\
                              scopes = [\"create:user_tickets\", \"create:users\", \"read:users\", \"update:users\"]\n";

fn tenant() -> Clocked {
    tenant_with("")
}

fn tenant_with(more: &str) -> Clocked {
    let people = ["ada", "bob", "eve"].map(|name| database_user(name, &format!("{name}@example.com")));
    Clocked::start(&format!("{LIFETIMES}{more}{ADMINISTRATION}{}", people.concat()))
}

fn log_in(tenant: &Clocked, password: &str) -> Response {
    let fields = [
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", "ada@example.com"),
        ("password", password),
        ("scope", "openid offline_access"),
    ];
    tenant.token(&fields)
}

/// The tokens of a user for the Management API.
fn tokens(tenant: &Clocked, name: &str) -> Value {
    let (email, audience) = (format!("{name}@example.com"), tenant.audience());
    let fields = [
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", &email),
        ("password", PASSWORD),
        ("audience", &audience),
        ("scope", "openid update:current_user_identities"),
    ];
    let response = tenant.token(&fields);
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

fn redeem(tenant: &Clocked, code: &str) -> u16 {
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    tenant.token(&fields).status
}

/// Two codes of two logins at one moment.
fn codes(tenant: &Clocked) -> [String; 2] {
    [(); 2].map(|()| {
        let mut browser = tenant.browser();
        let response = tenant.by_password(&mut browser);
        response.answer()["code"].clone()
    })
}

fn an_authorization_code() {
    let tenant = tenant();
    let [first, second] = codes(&tenant);
    tenant.advance_ms(99_999);
    assert_eq!(redeem(&tenant, &first), 200);
    tenant.advance_ms(1);
    assert_eq!(redeem(&tenant, &second), 403);
}

fn a_login_page() {
    let tenant = tenant();
    let (mut first, mut second) = (tenant.browser(), tenant.browser());
    let states = [open(&mut first, &[]), open(&mut second, &[])];
    tenant.advance_ms(599_999);
    assert_eq!(tenant.submit_password(&mut first, &states[0]).status, 302);
    tenant.advance_ms(1);
    let late = tenant.submit_password(&mut second, &states[1]);
    assert_eq!(late.status, 400, "{}", late.text());
}

fn a_mailed_code() {
    let tenant = tenant();
    let mailed = |address: &str| {
        let start = json!({ "client_id": "web", "client_secret": "the secret of the web application",
            "connection": "email", "email": address, "send": "code" });
        assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&start)).status, 200);
        let messages = tenant.send(&Request::get("/dev/outbox")).json();
        text(&messages[0]["code"])
    };
    let (first, second) = (mailed("one@example.com"), mailed("two@example.com"));
    let give = |address: &str, code: &str| {
        let grant = "http://auth0.com/oauth/grant-type/passwordless/otp";
        let fields = [("grant_type", grant), ("realm", "email"), ("username", address), ("otp", code)];
        tenant.token(&fields).status
    };
    tenant.advance_ms(99_999);
    assert_eq!(give("one@example.com", &first), 200);
    tenant.advance_ms(1);
    assert_eq!(give("two@example.com", &second), 403);
}

fn silently(tenant: &Clocked, browser: &mut crate::http::Browser, with: &[(&str, &str)]) -> bool {
    let with = [&[("prompt", "none")], with].concat();
    let response = browser.get(&authorize(&with)).answer();
    assert!(response.contains_key("code") || response["error"] == "login_required", "{response:?}");
    let _ = tenant;
    response.contains_key("code")
}

fn a_session() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    tenant.by_password(&mut browser);
    tenant.advance_ms(999_999);
    assert!(silently(&tenant, &mut browser, &[]));
    tenant.advance_ms(1);
    assert!(!silently(&tenant, &mut browser, &[]));
}

/// `max_age` counts whole seconds, and so does `auth_time`.
fn a_login_for_max_age() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    tenant.by_password(&mut browser);
    tenant.advance_ms(59_999);
    assert!(silently(&tenant, &mut browser, &[("max_age", "60")]));
    tenant.advance_ms(1);
    assert!(!silently(&tenant, &mut browser, &[("max_age", "60")]));
    assert!(silently(&tenant, &mut browser, &[("max_age", "61")]));
}

fn a_login_ticket() {
    let tenant = tenant();
    let mut browsers = [tenant.browser(), tenant.browser()];
    let tickets = browsers.each_mut().map(|browser| {
        let login = [
            ("client_id", "web"),
            ("username", "ada@example.com"),
            ("password", PASSWORD),
            ("realm", DATABASE),
            ("credential_type", REALM_GRANT),
        ];
        let ask = Request::post("/co/authenticate").form(&login).header("origin", "http://localhost:3000");
        text(&browser.send(ask).json()["login_ticket"])
    });
    tenant.advance_ms(99_999);
    let answer = browsers[0].get(&authorize(&[("login_ticket", &tickets[0])])).answer();
    assert!(answer.contains_key("code"), "{answer:?}");
    tenant.advance_ms(1);
    let answer = browsers[1].get(&authorize(&[("login_ticket", &tickets[1])])).answer();
    assert_eq!(answer["error"], "access_denied");
}

/// The owner's login may be an hour old, in whole seconds, when a link begins.
fn an_owners_login_for_a_link() {
    let tenant = Clocked::start(&database_user("ada", "ada@example.com"));
    let mut browser = tenant.browser();
    let answer = tenant.by_password(&mut browser).answer();
    let fields =
        [("grant_type", "authorization_code"), ("code", &answer["code"]), ("redirect_uri", CALLBACK)];
    let hint = text(&tenant.token(&fields).json()["id_token"]);
    let link = [
        ("scope", "openid link_account"),
        ("id_token_hint", &hint),
        ("requested_connection", "google-oauth2"),
    ];
    tenant.advance_ms(3_599_999);
    let page = browser.get(&authorize(&link));
    assert!(page.location().contains("/u/stand-in?"), "the second account's page: {}", page.location());
    tenant.advance_ms(1);
    let page = browser.get(&authorize(&link));
    assert!(page.location().contains("/u/login?"), "the owner's login page: {}", page.location());
}

fn a_refresh_token() {
    let tenant = tenant();
    let given = [(); 2].map(|()| text(&log_in(&tenant, PASSWORD).json()["refresh_token"]));
    let refresh = |token: &str| tenant.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    tenant.advance_ms(1_999_999);
    let next = refresh(&given[0]);
    assert_eq!(next.status, 200, "{}", next.text());
    tenant.advance_ms(1);
    assert_eq!(refresh(&given[1]).status, 403);
    // The time of the one that was rotated began again.
    tenant.advance_ms(1_999_998);
    let next = refresh(&text(&next.json()["refresh_token"]));
    assert_eq!(next.status, 200, "{}", next.text());
}

/// `exp` is in whole seconds, and clocks may be five seconds apart.
fn an_access_token() {
    let tenant = tenant();
    let token = text(&log_in(&tenant, PASSWORD).json()["access_token"]);
    let ask = || tenant.send(&Request::get("/userinfo").bearer(&token)).status;
    // Once before, so that its signature is known; the other way is below.
    assert_eq!(ask(), 200);
    tenant.advance_ms(105_999);
    assert_eq!(ask(), 200);
    tenant.advance_ms(1);
    assert_eq!(ask(), 401);
}

fn a_management_token() {
    let tenant = tenant();
    let tokens = [(); 2].map(|()| tenant.client_token());
    let ask = |token: &str| tenant.send(&Request::get("/api/v2/users").bearer(token)).status;
    tenant.advance_ms(105_999);
    assert_eq!(ask(&tokens[0]), 200);
    tenant.advance_ms(1);
    assert_eq!((ask(&tokens[0]), ask(&tokens[1])), (401, 401));
}

fn a_link_with_token() {
    let tenant = tenant();
    let own = text(&tokens(&tenant, "ada")["access_token"]);
    let proofs = ["bob", "eve"].map(|name| text(&tokens(&tenant, name)["id_token"]));
    let link = |proof: &str| {
        let request = Request::post("/api/v2/users/auth0%7Cada/identities").bearer(&own);
        tenant.send(&request.json(&json!({ "link_with": proof })))
    };
    tenant.advance_ms(105_999);
    let linked = link(&proofs[0]);
    assert_eq!(linked.status, 201, "{}", linked.text());
    // Spent, as long as it is valid.
    assert_eq!(link(&proofs[0]).status, 400);
    tenant.advance_ms(1);
    let late = link(&proofs[1]);
    assert_eq!(late.status, 400, "{}", late.text());
    assert_eq!(late.json()["errorCode"], "invalid_link_with");
}

/// A revocation lasts as long as the token that lasts longest, with the leeway of its
/// expiry.
fn a_revocation() {
    let tenant = tenant();
    let [revoked, other] = ["ada", "bob"].map(|name| text(&tokens(&tenant, name)["access_token"]));
    let change = json!({ "password": "another good password", "connection": DATABASE });
    let changed = manage(&tenant, Request::new("PATCH", "/api/v2/users/auth0%7Cada").json(&change));
    assert_eq!(changed.status, 200, "{}", changed.text());
    let ask = |token: &str| tenant.send(&Request::get("/userinfo").bearer(token)).status;
    assert_eq!((ask(&revoked), ask(&other)), (401, 200));
    tenant.advance_ms(10_005_999);
    assert_eq!((ask(&revoked), ask(&other)), (401, 200));
    tenant.advance_ms(1);
    assert_eq!((ask(&revoked), ask(&other)), (401, 401));
}

fn a_locked_login() {
    let tenant = tenant();
    while log_in(&tenant, "another password").status != 429 {}
    tenant.advance_ms(599_999);
    assert_eq!(log_in(&tenant, PASSWORD).status, 429);
    tenant.advance_ms(1);
    assert_eq!(log_in(&tenant, PASSWORD).status, 200);
}

fn manage(tenant: &Clocked, request: Request) -> Response {
    tenant.send(&request.bearer(&tenant.administration_token()))
}

fn a_ticket_of_the_management_api() {
    let tenant = tenant();
    let ticket = |kind: &str| {
        let body = json!({ "user_id": "auth0|ada", "ttl_sec": 1 });
        let made = manage(&tenant, Request::post(format!("/api/v2/tickets/{kind}")).json(&body));
        assert_eq!(made.status, 201, "{}", made.text());
        text(&made.json()["ticket"])
    };
    let links = ["email-verification", "password-change"].map(ticket);
    tenant.advance_ms(999);
    for link in &links {
        assert_eq!(tenant.browser().get(link).status, 200);
    }
    tenant.advance_ms(1);
    for link in &links {
        let (path, name) = link.split_once("?ticket=").expect("a ticket");
        let path = path.strip_prefix(tenant.http().trim_end_matches('/')).expect("the tenant's own");
        assert_eq!(tenant.browser().get(link).status, 400);
        let fields = [("ticket", name), ("password", "another good password")];
        assert_eq!(tenant.browser().submit(path, &fields).status, 400);
    }
    assert_eq!(log_in(&tenant, PASSWORD).status, 200);
}

fn a_link_of_a_mail() {
    let tenant = tenant();
    let ask = Request::post("/dbconnections/change_password")
        .json(&json!({ "client_id": "web", "connection": DATABASE, "email": "ada@example.com" }));
    assert_eq!(tenant.send(&ask).status, 200);
    let link = text(&tenant.send(&Request::get("/dev/outbox")).json()[0]["link"]);
    tenant.advance_ms(86_399_999);
    assert_eq!(tenant.browser().get(&link).status, 200);
    tenant.advance_ms(1);
    assert_eq!(tenant.browser().get(&link).status, 400);
}

fn a_link_of_a_login_page() {
    let tenant = tenant();
    let ask = |to: &str| {
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[]);
        let fields = [("state", &*state), ("connection", "email"), ("address", to), ("send", "link")];
        browser.submit("/u/code/start", &fields);
        let link = text(&tenant.send(&Request::get("/dev/outbox")).json()[0]["link"]);
        let token = link.split_once("token=").expect("a token").1.to_owned();
        (browser, state, token)
    };
    let [mut in_time, mut late] = ["one@example.com", "two@example.com"].map(ask);
    let follow = |(browser, state, token): &mut (crate::http::Browser, String, String)| {
        browser.submit("/u/link", &[("state", state.as_str()), ("token", token.as_str())]).status
    };
    tenant.advance_ms(99_999);
    assert_eq!(follow(&mut in_time), 302);
    tenant.advance_ms(1);
    assert_eq!(follow(&mut late), 400);
}

fn a_second_factor() {
    let tenant = tenant();
    let acr = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";
    let ask = |name: &str| {
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[("acr_values", acr)]);
        browser.submit("/u/login", &crate::tenants::login_form(&state, &format!("{name}@example.com")));
        let code = text(&tenant.send(&Request::get("/dev/outbox")).json()[0]["code"]);
        (browser, state, code)
    };
    let [mut in_time, mut late] = ["bob", "eve"].map(ask);
    let pass = |(browser, state, code): &mut (crate::http::Browser, String, String)| {
        browser.submit("/u/second-factor", &[("state", state.as_str()), ("code", code.as_str())]).status
    };
    tenant.advance_ms(99_999);
    assert_eq!(pass(&mut in_time), 302);
    tenant.advance_ms(1);
    assert_eq!(pass(&mut late), 403);
}

/// A client with several callbacks: the link itself does not name one.
fn a_link_that_logs_in() {
    let tenant = tenant();
    let start = json!({ "client_id": "web", "client_secret": "the secret of the web application",
        "connection": "email", "email": "ada@example.com", "send": "link",
        "authParams": { "redirect_uri": CALLBACK, "response_type": "code", "state": "s" } });
    assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&start)).status, 200);
    let link = text(&tenant.send(&Request::get("/dev/outbox")).json()[0]["link"]);
    tenant.advance_ms(100_000);
    let late = tenant.browser().get(&link);
    assert_eq!(late.status, 400);
    assert!(late.text().contains("This link has expired"), "{}", late.text());
    assert!(!late.text().contains("redirect_uri"), "{}", late.text());
}

fn a_jobs_status() {
    let tenant = tenant();
    let job = manage(
        &tenant,
        Request::post("/api/v2/jobs/verification-email").json(&json!({ "user_id": "auth0|ada" })),
    );
    let job = text(&job.json()["id"]);
    let ask = || manage(&tenant, Request::get(format!("/api/v2/jobs/{job}"))).status;
    tenant.advance_ms(86_399_999);
    assert_eq!(ask(), 200);
    tenant.advance_ms(1);
    assert_eq!(ask(), 404);
}

fn an_exported_file() {
    let tenant = tenant();
    let job = manage(&tenant, Request::post("/api/v2/jobs/users-exports").json(&json!({ "format": "json" })));
    let id = text(&job.json()["id"]);
    let done = manage(&tenant, Request::get(format!("/api/v2/jobs/{id}"))).json();
    let location = text(&done["location"]);
    let path = format!("/{}", location.strip_prefix(tenant.http()).expect("the tenant's own"));
    let ask = || tenant.send(&Request::get(path.clone())).status;
    tenant.advance_ms(599_999);
    assert_eq!(ask(), 200);
    tenant.advance_ms(1);
    assert_eq!(ask(), 404);
}

fn a_rate_limit() {
    let tenant = tenant_with("\n[rate_limit.management]\nper_second = 1\nburst = 2\n");
    let token = tenant.client_token();
    let ask = || tenant.send(&Request::get("/api/v2/users").bearer(&token)).status;
    assert_eq!([ask(), ask(), ask()], [200, 200, 429]);
    tenant.advance_ms(999);
    assert_eq!(ask(), 429);
    tenant.advance_ms(1);
    assert_eq!([ask(), ask()], [200, 429]);
}
