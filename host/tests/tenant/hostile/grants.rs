//! Codes, tickets, tokens and passwords that are used once.

use serde_json::{Value, json};

use super::tenant;
use crate::http::{Browser, Request, Response};
use crate::tenants::{
    CALLBACK, CHALLENGE, DATABASE, PASSWORD, REALM_GRANT, Tenant, VERIFIER, authorize, by_password, redeem,
    text,
};

crate::tests![
    a_code_that_comes_twice,
    tokens_of_a_code_that_comes_twice_change_nothing,
    a_code_of_another_client,
    a_code_without_its_verifier,
    a_code_for_another_address,
    a_refresh_token_that_comes_twice,
    a_refresh_token_of_another_client,
    a_code_goes_to_the_address_in_lower_case,
    a_login_ticket_that_comes_twice,
    a_login_ticket_of_another_browser_or_client,
    a_one_time_password_that_comes_twice,
    a_one_time_password_that_is_guessed,
    a_code_is_of_the_application_that_asked,
    clients_that_are_not,
];

fn code(tenant: &Tenant, with: &[(&str, &str)]) -> String {
    by_password(&mut tenant.browser(), "ada@example.com", with).answer()["code"].clone()
}

fn refresh(tenant: &Tenant, client: &str, token: &str) -> Response {
    tenant.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

fn assert_invalid_grant(response: &Response) {
    assert_eq!((response.status, &response.json()["error"]), (403, &Value::from("invalid_grant")));
}

/// The first use may have been the thief's: its tokens end, too.
fn a_code_that_comes_twice() {
    let tenant = tenant();
    let code = code(&tenant, &[]);
    let tokens = redeem(&tenant, "web", &code).json();
    let first = text(&tokens["refresh_token"]);
    let renewed = refresh(&tenant, "web", &first).json();
    let second = text(&renewed["refresh_token"]);
    // Another login in the same browser is not concerned.
    let other = redeem(&tenant, "web", &self::code(&tenant, &[])).json();
    let status = |tokens: &Value| {
        let bearer = text(&tokens["access_token"]);
        [Request::get("/userinfo"), Request::get("/api/v2/users/auth0%7Cada")]
            .map(|request| tenant.send(&request.bearer(&bearer)).status)
    };
    for valid in [&tokens, &renewed, &other] {
        assert_eq!(status(valid), [200, 401], "the audience is /userinfo");
    }
    assert_invalid_grant(&redeem(&tenant, "web", &code));
    assert_invalid_grant(&refresh(&tenant, "web", &second));
    for revoked in [&tokens, &renewed] {
        assert_eq!(status(revoked), [401, 401]);
    }
    assert_eq!(status(&other), [200, 401]);
    assert!(
        tenant
            .log_of("audit")
            .iter()
            .any(|it| it["message"] == "a code was used twice; its tokens are revoked")
    );
}

/// The Management API, and a link by the ID token of the code.
fn tokens_of_a_code_that_comes_twice_change_nothing() {
    let tenant = tenant();
    let api = format!("{}api/v2/", tenant.http());
    let with = [("audience", &*api), ("scope", "openid update:current_user_identities read:current_user")];
    let [own, stolen] = [(); 2].map(|()| code(&tenant, &with));
    let [tokens, proof] = [&own, &stolen].map(|code| redeem(&tenant, "web", code).json());
    let bearer = text(&tokens["access_token"]);
    let read = || tenant.send(&Request::get("/api/v2/users/auth0%7Cada").bearer(&bearer));
    assert_eq!(read().status, 200, "{}", read().text());
    let link = || {
        let link = Request::post("/api/v2/users/auth0%7Cada/identities");
        tenant.send(&link.json(&json!({ "link_with": proof["id_token"] })).bearer(&bearer))
    };
    assert_invalid_grant(&redeem(&tenant, "web", &stolen));
    let refused = link();
    assert_eq!((refused.status, &refused.json()["errorCode"]), (400, &Value::from("invalid_link_with")));
    let audit = tenant.log_of("audit");
    assert!(audit.iter().any(|it| it["why"].as_str().is_some_and(|why| why.contains("used twice"))));
    assert_invalid_grant(&redeem(&tenant, "web", &own));
    assert_eq!((read().status, link().status), (401, 401));
}

fn a_code_of_another_client() {
    let tenant = tenant();
    let code = code(&tenant, &[]);
    let stolen = tenant
        .token("other", &[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)]);
    assert_invalid_grant(&stolen);
    // And nobody knows what the thief did with it meanwhile.
    assert_invalid_grant(&redeem(&tenant, "web", &code));
    assert_invalid_grant(&redeem(&tenant, "web", "none"));
}

fn a_code_without_its_verifier() {
    let tenant = tenant();
    let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let with_verifier = |code: &str, verifier: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        tenant.token("web", &fields)
    };
    for wrong in ["", CHALLENGE, "short", &VERIFIER.to_lowercase(), &format!("{VERIFIER}A")] {
        assert_invalid_grant(&with_verifier(&code(&tenant, &pkce), wrong));
    }
    // A verifier where none was promised: the request was not this client's.
    assert_invalid_grant(&with_verifier(&code(&tenant, &[]), VERIFIER));
    assert_eq!(with_verifier(&code(&tenant, &pkce), VERIFIER).status, 200);
    // A method that makes the verifier worthless is refused.
    for with in [
        vec![("code_challenge", CHALLENGE), ("code_challenge_method", "plain")],
        vec![("code_challenge", CHALLENGE)],
        vec![("code_challenge_method", "S256")],
    ] {
        let answer = tenant.send(&Request::get(authorize(&with))).answer();
        assert_eq!(answer["error"], "invalid_request", "{with:?}");
    }
    let answer = tenant.send(&Request::get(authorize(&[("client_id", "spa")]))).answer();
    assert_eq!(answer["error"], "invalid_request", "a public client without PKCE");
}

fn a_code_for_another_address() {
    let tenant = tenant();
    let code = code(&tenant, &[]);
    let fields =
        [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "http://evil.test/")];
    assert_invalid_grant(&tenant.token("web", &fields));
}

fn a_refresh_token_that_comes_twice() {
    let tenant = tenant();
    let first = text(&redeem(&tenant, "web", &code(&tenant, &[])).json()["refresh_token"]);
    let second = text(&refresh(&tenant, "web", &first).json()["refresh_token"]);
    let third = text(&refresh(&tenant, "web", &second).json()["refresh_token"]);
    assert_invalid_grant(&refresh(&tenant, "web", &first));
    assert_invalid_grant(&refresh(&tenant, "web", &third));
    assert!(
        tenant
            .log_of("audit")
            .iter()
            .any(|it| it["message"] == "a refresh token was used twice; its family is revoked")
    );
}

fn a_refresh_token_of_another_client() {
    let tenant = tenant();
    let token = text(&redeem(&tenant, "web", &code(&tenant, &[])).json()["refresh_token"]);
    assert_invalid_grant(&refresh(&tenant, "other", &token));
    for wrong in ["none", ".", "a.b", token.split('.').next_back().expect("a name")] {
        assert_invalid_grant(&refresh(&tenant, "web", wrong));
    }
    assert_eq!(refresh(&tenant, "web", &token).status, 200, "its owner keeps it");
}

/// A ticket, in the browser that it is given to.
fn ticket(browser: &mut Browser) -> String {
    let login = [
        ("client_id", "web"),
        ("username", "ada@example.com"),
        ("password", PASSWORD),
        ("realm", DATABASE),
        ("credential_type", REALM_GRANT),
    ];
    let ask = Request::post("/co/authenticate").form(&login).header("origin", "http://localhost:3000");
    text(&browser.send(ask).json()["login_ticket"])
}

fn a_login_ticket_that_comes_twice() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let ticket = ticket(&mut browser);
    assert!(browser.get(&authorize(&[("login_ticket", &ticket)])).answer().contains_key("code"));
    let again = browser.get(&authorize(&[("login_ticket", &ticket)])).answer();
    assert_eq!(again["error"], "access_denied");
    let unknown = browser.get(&authorize(&[("login_ticket", "none")])).answer();
    assert_eq!(unknown["error"], "access_denied");
}

fn a_login_ticket_of_another_browser_or_client() {
    let tenant = tenant();
    let mut eve = tenant.browser();
    let mut ada = tenant.browser();
    for browser in [&mut eve, &mut ada] {
        crate::tenants::open(browser, &[]);
    }
    for mut another in [ada, tenant.browser()] {
        let answer = another.get(&authorize(&[("login_ticket", &ticket(&mut eve))])).answer();
        assert_eq!(answer["error"], "access_denied");
        assert!(!another.cookies.contains_key("ligature-session"));
    }
    // A ticket that was issued to no known browser, such as a program, is for no other one, and not for a
    // browser that withholds third-party cookies.
    let ticket_without = ticket(&mut tenant.browser());
    let mut without = tenant.browser();
    let answer = without.get(&authorize(&[("login_ticket", &ticket_without)])).answer();
    assert_eq!(answer["error"], "access_denied");
    assert!(!without.cookies.contains_key("ligature-session"));
    let other = [
        ("client_id", "other"),
        ("redirect_uri", "http://localhost:3001/callback"),
        ("login_ticket", &ticket(&mut eve)),
    ];
    assert_eq!(eve.get(&authorize(&other)).answer()["error"], "access_denied");
}

fn mailed(tenant: &Tenant, address: &str) -> String {
    let start = [("client_id", "web"), ("connection", "email"), ("send", "code"), ("email", address)];
    let fields = [start.as_slice(), &[("client_secret", "the secret of the web application")]].concat();
    assert_eq!(tenant.send(&Request::post("/passwordless/start").form(&fields)).status, 200);
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    let mine = outbox.as_array().expect("a list").iter().find(|it| it["to"] == address);
    text(&mine.expect("a mail")["code"])
}

/// Another case can be another mailbox, and accounts of mailboxes have lower case.
fn a_code_goes_to_the_address_in_lower_case() {
    let tenant = Tenant::with("");
    let start = [
        ("client_id", "web"),
        ("client_secret", "the secret of the web application"),
        ("connection", "email"),
        ("send", "code"),
        ("email", "Yan@Example.com"),
    ];
    assert_eq!(tenant.send(&Request::post("/passwordless/start").form(&start)).status, 200);
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    let mails = outbox.as_array().expect("a list");
    assert_eq!((mails.len(), text(&mails[0]["to"]).as_str()), (1, "yan@example.com"));

    let tokens = by_code(&tenant, "Yan@Example.com", &text(&mails[0]["code"])).json();
    let token = text(&tokens["access_token"]);
    let user = tenant.send(&Request::get("/userinfo").bearer(&token)).json();
    assert_eq!(user["sub"].as_str().map(|sub| sub.starts_with("email|")), Some(true), "{user}");
}

/// Another application must not use up, or take for itself, a code that it did not ask for.
fn a_code_is_of_the_application_that_asked() {
    let tenant = Tenant::with("");
    let address = "zoe@example.com";
    let start = [("client_id", "spa"), ("connection", "email"), ("send", "code"), ("email", address)];
    assert_eq!(tenant.send(&Request::post("/passwordless/start").form(&start)).status, 200);
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    assert_invalid_grant(&by_code(&tenant, address, &text(&outbox[0]["code"])));
    // Nor on the pages of a login to another application.
    let code = mailed(&tenant, address);
    let mut browser = tenant.browser();
    let spa = [("client_id", "spa"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let state = crate::tenants::open(&mut browser, &spa);
    let form = [("state", &*state), ("connection", "email"), ("address", address), ("code", &*code)];
    assert_eq!(browser.submit("/u/code", &form).status, 403);
    assert_eq!(by_code(&tenant, address, &code).status, 200, "it was not used up");
}

fn by_code(tenant: &Tenant, address: &str, code: &str) -> Response {
    let grant = "http://auth0.com/oauth/grant-type/passwordless/otp";
    tenant.token("web", &[("grant_type", grant), ("realm", "email"), ("username", address), ("otp", code)])
}

fn a_one_time_password_that_comes_twice() {
    let tenant = tenant();
    let code = mailed(&tenant, "once@example.com");
    assert_invalid_grant(&by_code(&tenant, "another@example.com", &code));
    assert_eq!(by_code(&tenant, "once@example.com", &code).status, 200);
    assert_invalid_grant(&by_code(&tenant, "once@example.com", &code));
}

fn a_one_time_password_that_is_guessed() {
    let tenant = tenant();
    let code = mailed(&tenant, "guessed@example.com");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..3 {
        assert_invalid_grant(&by_code(&tenant, "guessed@example.com", wrong));
    }
    assert_invalid_grant(&by_code(&tenant, "guessed@example.com", &code));
    // A new one has attempts of its own.
    let code = mailed(&tenant, "guessed@example.com");
    assert_eq!(by_code(&tenant, "guessed@example.com", &code).status, 200);
}

fn clients_that_are_not() {
    let tenant = tenant();
    let ask = |fields: &[(&str, &str)]| {
        let grant = [("grant_type", "client_credentials"), ("audience", &tenant.audience())];
        tenant.send(&Request::post("/oauth/token").form(&[fields, grant.as_slice()].concat())).status
    };
    assert_eq!(ask(&[("client_id", "web")]), 401);
    assert_eq!(ask(&[("client_id", "web"), ("client_secret", "wrong")]), 401);
    assert_eq!(ask(&[("client_id", "web"), ("client_secret", "the secret of another application")]), 401);
    assert_eq!(ask(&[("client_id", "nobody"), ("client_secret", "x")]), 401);
    assert_eq!(ask(&[("client_id", "spa")]), 403, "a grant that is not the client's");
    assert_eq!(ask(&[("client_id", "web"), ("client_id", "other")]), 400);
}
