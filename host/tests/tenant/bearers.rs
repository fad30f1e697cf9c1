//! An access token at `/userinfo`: in the header, in a form, in the query.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::{Request, Response, encoded};
use crate::tenants::{Tenant, database_user, shared, text};
use crate::tokens::{Forger, now};

crate::tests!(
    a_token_in_any_of_three_places,
    a_token_in_two_places_at_once,
    a_token_that_stands_twice,
    no_token,
    places_where_no_token_is_looked_for,
    a_token_that_is_not_taken,
    a_token_of_a_user_who_is_blocked,
    a_page_of_another_origin_reads_its_profile,
);

const USERS: [&str; 2] = ["ada", "bob"];

fn tenant() -> Arc<Tenant> {
    shared("bearers", || {
        let users = USERS.map(|id| database_user(id, &format!("{id}@example.com"))).concat();
        Tenant::with(&users)
    })
}

fn token(tenant: &Tenant, id: &str) -> String {
    let tokens = tenant.password_tokens("web", &format!("{id}@example.com"), "openid email");
    text(&tokens["access_token"])
}

fn in_form(token: &str) -> Request {
    Request::post("/userinfo").form(&[("access_token", token)])
}

fn in_query(method: &str, token: &str) -> Request {
    Request::new(method, format!("/userinfo?{}", encoded(&[("access_token", token)])))
}

fn challenge(response: &Response) -> &str {
    response.header("www-authenticate").unwrap_or_else(|| panic!("no challenge: {}", response.status))
}

fn a_token_in_any_of_three_places() {
    let tenant = tenant();
    let token = token(&tenant, "ada");
    let wanted = json!({ "sub": "auth0|ada", "email": "ada@example.com", "email_verified": true });
    for (place, request) in [
        ("header", Request::get("/userinfo").bearer(&token)),
        ("header, posted", Request::post("/userinfo").bearer(&token)),
        (
            "header, in lower case",
            Request::get("/userinfo").header("authorization", format!("bearer {token}")),
        ),
        ("header, beside JSON", Request::post("/userinfo").bearer(&token).json(&json!({ "x": 1 }))),
        ("form", in_form(&token)),
        ("query", in_query("GET", &token)),
        ("query, posted", in_query("POST", &token)),
    ] {
        let response = tenant.send(&request);
        assert_eq!((response.status, response.json()), (200, wanted.clone()), "{place}");
        let kept = response.header("cache-control").unwrap_or_default();
        // RFC 6750, 2.3, asks for `private` where the address has the token.
        assert_eq!(
            kept,
            if place.starts_with("query") { "private, no-store" } else { "no-store" },
            "{place}"
        );
    }
}

/// RFC 6750, 2: it is not known which one is meant.
fn a_token_in_two_places_at_once() {
    let tenant = tenant();
    let (token, other) = (token(&tenant, "ada"), token(&tenant, "bob"));
    let both = |token: &str| encoded(&[("access_token", token)]);
    for other in [&token, &other] {
        for request in [
            in_query("GET", other).bearer(&token),
            in_form(other).bearer(&token),
            Request::post(format!("/userinfo?{}", both(other))).form(&[("access_token", token.as_str())]),
            Request::post(format!("/userinfo?{}", both(other)))
                .form(&[("access_token", token.as_str())])
                .bearer(&token),
            Request::get("/userinfo").bearer(&token).bearer(other),
            Request::get("/userinfo").header("authorization", "Basic dzp3").bearer(other),
        ] {
            let response = tenant.send(&request);
            assert_eq!(response.status, 400, "{}: {}", request.target, response.text());
            assert_eq!(response.json()["error"], "invalid_request");
            assert_eq!(challenge(&response), "Bearer realm=\"userinfo\", error=\"invalid_request\"");
        }
    }
    assert!(
        tenant
            .log_of("audit")
            .iter()
            .any(|line| line["message"] == "a request with several tokens was refused")
    );
}

fn a_token_that_stands_twice() {
    let tenant = tenant();
    let token = token(&tenant, "ada");
    let twice = encoded(&[("access_token", token.as_str()), ("access_token", token.as_str())]);
    let kind = "application/x-www-form-urlencoded";
    for request in [
        Request::get(format!("/userinfo?{twice}")),
        Request::post("/userinfo").body(kind, twice.clone()),
        Request::get("/userinfo").header("authorization", "Bearer "),
        Request::get("/userinfo").header("authorization", "Bearer"),
    ] {
        let response = tenant.send(&request);
        assert_eq!(response.status, 400, "{}", response.text());
        assert_eq!(challenge(&response), "Bearer realm=\"userinfo\", error=\"invalid_request\"");
    }
}

/// RFC 6750, 3.1: without a token, the challenge says nothing of errors.
fn no_token() {
    let tenant = tenant();
    for request in [
        Request::get("/userinfo"),
        Request::post("/userinfo"),
        Request::get("/userinfo?access_token="),
        Request::post("/userinfo").form(&[("token", "x")]),
        Request::get("/userinfo").header("authorization", "Basic dzp3"),
    ] {
        let response = tenant.send(&request);
        assert_eq!((response.status, challenge(&response)), (401, "Bearer realm=\"userinfo\""));
    }
}

fn places_where_no_token_is_looked_for() {
    let tenant = tenant();
    let token = token(&tenant, "ada");
    let form = encoded(&[("access_token", token.as_str())]);
    for request in [
        // RFC 6750, 2.2: a GET has no form.
        Request::get("/userinfo").form(&[("access_token", token.as_str())]),
        Request::post("/userinfo").json(&json!({ "access_token": token })),
        Request::post("/userinfo").body("text/plain", form.clone()),
        Request::get(format!("/userinfo?token={token}")),
        Request::get(format!("/userinfo?id_token={token}")),
        Request::get(format!("/userinfo?Access_Token={token}")),
        Request::get("/userinfo").header("cookie", format!("access_token={token}")),
    ] {
        let response = tenant.send(&request);
        assert_eq!(response.status, 401, "{} {}: {}", request.method, request.target, response.text());
    }
}

fn a_token_that_is_not_taken() {
    let tenant = tenant();
    let forger = Forger::of(&tenant);
    let tokens = tenant.password_tokens("web", "ada@example.com", "openid read:current_user");
    let expired = json!({ "iss": tenant.http(), "sub": "auth0|ada", "aud": format!("{}userinfo", tenant.http()),
        "azp": "web", "iat": now() - 7200, "exp": now() - 3600, "scope": "openid" });
    let nobody = json!({ "iss": tenant.http(), "sub": "auth0|nobody", "aud": format!("{}userinfo", tenant.http()),
        "azp": "web", "iat": now(), "exp": now() + 3600, "scope": "openid" });
    for (name, token) in [
        ("an ID token", text(&tokens["id_token"])),
        ("a client's own", tenant.client_token("web")),
        ("one that has expired", forger.sign(&expired)),
        ("one of nobody", forger.sign(&nobody)),
        ("no token at all", "x".to_owned()),
    ] {
        for request in [Request::get("/userinfo").bearer(&token), in_form(&token), in_query("GET", &token)] {
            let response = tenant.send(&request);
            assert_eq!(response.status, 401, "{name}: {}", response.text());
            assert_eq!(
                challenge(&response),
                "Bearer realm=\"userinfo\", error=\"invalid_token\", error_description=\"The access token is not valid\"",
                "{name}"
            );
        }
    }
    let log = tenant.running.log();
    assert!(!log.contains(&text(&tokens["id_token"])), "a token in the log");
}

fn a_token_of_a_user_who_is_blocked() {
    let tenant = tenant();
    let token = token(&tenant, "bob");
    assert_eq!(tenant.send(&in_query("GET", &token)).status, 200);
    let set = |blocked: bool| {
        let patch = Request::new("PATCH", "/api/v2/users/auth0|bob").json(&json!({ "blocked": blocked }));
        let response = tenant.send(&patch.bearer(&tenant.client_token("web")));
        assert_eq!(response.status, 200, "{}", response.text());
    };
    set(true);
    for request in [Request::get("/userinfo").bearer(&token), in_form(&token), in_query("GET", &token)] {
        let response = tenant.send(&request);
        assert_eq!((response.status, response.text().as_str()), (401, "Unauthorized"));
        assert!(challenge(&response).contains("error=\"invalid_token\""));
    }
    let told =
        |line: &Value| line["message"] == "a blocked user's token was refused" && line["user"] == "auth0|bob";
    assert!(tenant.log_of("audit").iter().any(told));
    set(false);
}

fn a_page_of_another_origin_reads_its_profile() {
    let tenant = tenant();
    let token = token(&tenant, "ada");
    let from = |origin: &str| tenant.send(&in_query("GET", &token).header("origin", origin));
    let allowed = from("http://localhost:3000");
    assert_eq!(allowed.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(from("http://evil.test").header("access-control-allow-origin"), None);
}
