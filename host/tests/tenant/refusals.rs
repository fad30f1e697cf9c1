//! Requests to link and unlink that are refused, each with its response in
//! `snapshots/`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::tenants::{Tenant, by_id, database_user, shared, text, user};
use crate::tokens::{Forger, access_claims, id_claims, with};

/// The users of the tenant. A case that changes a user has it for itself.
fn tenant() -> Arc<Tenant> {
    shared("refusals", || {
        let mut users = String::new();
        for id in
            ["ada", "grace", "main", "busy", "json", "form", "raw", "upper", "lower", "prefixed", "number"]
        {
            users += &database_user(id, &format!("{id}@example.com"));
            users += &user(&format!("google-oauth2|of-{id}"), &format!("{id}@example.com"), "google-oauth2");
        }
        users += &database_user("other", "other@example.com");
        users += &user("google-oauth2|77", "number@example.com", "google-oauth2");
        let tenant = Tenant::with(&users);
        for (primary, secondary) in [("main", "of-main"), ("busy", "of-busy")] {
            let link = post(&format!("auth0%7C{primary}"), &by_id("google-oauth2", secondary));
            assert_eq!(tenant.send(&link.bearer(&tenant.client_token("web"))).status, 201);
        }
        tenant
    })
}

fn post(id: &str, body: &Value) -> Request {
    Request::post(format!("/api/v2/users/{id}/identities")).json(body)
}

fn delete(id: &str, provider: &str, user_id: &str) -> Request {
    Request::new("DELETE", format!("/api/v2/users/{id}/identities/{provider}/{user_id}"))
}

/// A request and its response, without secrets and values that change.
struct Exchange<'a> {
    tenant: &'a Tenant,
    /// Tokens, and what is written in their place.
    words: Vec<(String, String)>,
}

impl<'a> Exchange<'a> {
    fn with(tenant: &'a Tenant) -> Self {
        Self { tenant, words: Vec::new() }
    }

    /// A token, known by what it is.
    fn known(&mut self, token: String, words: &str) -> String {
        self.words.push((token.clone(), format!("<{words}>")));
        token
    }

    /// The web application's own token.
    fn client(&mut self) -> String {
        self.known(self.tenant.client_token("web"), "token of the client web: update:users")
    }

    /// Grace's token for her own identities.
    fn user(&mut self) -> String {
        let scope = "openid update:current_user_identities";
        let tokens = self.tenant.password_tokens("web", "grace@example.com", scope);
        self.known(text(&tokens["access_token"]), "token of auth0|grace: update:current_user_identities")
    }

    fn forged(&mut self, claims: &Value, words: &str) -> String {
        self.known(Forger::of(self.tenant).sign(claims), words)
    }

    fn shown(&self, text: &str) -> String {
        let text = self.words.iter().fold(text.to_owned(), |text, (token, words)| text.replace(token, words));
        text.replace(crate::http::host(self.tenant.http()), "TENANT")
    }

    /// The exchange as a person reads it.
    fn run(&self, request: &Request) -> String {
        let response = self.tenant.send(request);
        self.shown(&format!("{}\n{}", asked(request), answered(&response)))
    }
}

fn asked(request: &Request) -> String {
    let mut text = format!("{} {}\n", request.method, request.target);
    for (name, value) in &request.headers {
        text += &format!("{name}: {value}\n");
    }
    if !request.body.is_empty() {
        text += &format!("\n{}\n", shortened(&String::from_utf8_lossy(&request.body)));
    }
    text
}

fn answered(response: &Response) -> String {
    let mut text = format!("-> {}\n", response.status);
    for name in ["content-type", "www-authenticate", "allow", "x-ratelimit-limit", "x-ratelimit-remaining"] {
        if let Some(value) = response.header(name) {
            text += &format!("   {name}: {value}\n");
        }
    }
    let body = match serde_json::from_slice::<Value>(&response.body) {
        Ok(body) => format!("{body:#}"),
        Err(_) => response.text(),
    };
    text + "\n" + &body + "\n"
}

fn shortened(text: &str) -> String {
    if text.len() <= 4000 { text.to_owned() } else { format!("{}… ({} bytes)", &text[..60], text.len()) }
}

fn assert_shown(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Defines one test for each request. The snapshot has the name of the test.
macro_rules! exchanges {
    ($($name:ident = |$exchange:ident| $request:expr;)+) => {
        $(fn $name() {
            let tenant = tenant();
            #[allow(unused_mut)]
            let mut $exchange = Exchange::with(&tenant);
            let request = $request;
            assert_shown(stringify!($name), &$exchange.run(&request));
        })+
        crate::tests![$($name,)+ too_many_requests];
    };
}

const ADA: &str = "auth0%7Cada";

exchanges! {
    // The caller.
    link_without_a_token = |it| post(ADA, &by_id("google-oauth2", "of-ada"));
    link_with_another_scheme = |it| post(ADA, &by_id("google-oauth2", "of-ada")).header("authorization", "Basic YTpi");
    link_with_an_empty_token = |it| post(ADA, &by_id("google-oauth2", "of-ada")).header("authorization", "Bearer");
    link_with_no_token_at_all = |it| post(ADA, &by_id("google-oauth2", "of-ada")).bearer("none");
    link_with_an_expired_token = |it| {
        let claims = with(access_claims(it.tenant), "exp", 1_700_000_000);
        let token = it.forged(&claims, "expired token");
        post(ADA, &by_id("google-oauth2", "of-ada")).bearer(&token)
    };
    link_with_a_foreign_signature = |it| {
        let kid = Forger::of(it.tenant).kid;
        let token = Forger::foreign(&kid).sign(&access_claims(it.tenant));
        let token = it.known(token, "token signed with another key");
        post(ADA, &by_id("google-oauth2", "of-ada")).bearer(&token)
    };
    link_with_an_id_token_as_bearer = |it| {
        let token = it.forged(&id_claims(it.tenant, "auth0|ada"), "ID token of auth0|ada");
        post(ADA, &by_id("google-oauth2", "of-ada")).bearer(&token)
    };
    link_without_the_scope = |it| {
        let token = it.known(it.tenant.client_token("other"), "token of the client other: read:users");
        post(ADA, &by_id("google-oauth2", "of-ada")).bearer(&token)
    };
    link_as_a_user_without_the_scope = |it| {
        let tokens = it.tenant.password_tokens("web", "grace@example.com", "openid read:current_user");
        let token = it.known(text(&tokens["access_token"]), "token of auth0|grace: read:current_user");
        post("auth0%7Cgrace", &json!({ "link_with": "x" })).bearer(&token)
    };
    link_to_another_user = |it| {
        let token = it.user();
        post(ADA, &json!({ "link_with": "x" })).bearer(&token)
    };
    // The hole of 2018: a user names an account and proves nothing.
    link_as_a_user_by_a_bare_id = |it| {
        let token = it.user();
        post("auth0%7Cgrace", &json!({ "user_id": "google-oauth2|of-ada" })).bearer(&token)
    };
    link_as_a_user_by_provider_and_id = |it| {
        let token = it.user();
        post("auth0%7Cgrace", &by_id("google-oauth2", "of-ada")).bearer(&token)
    };
    link_as_a_user_by_id_in_a_form = |it| {
        let token = it.user();
        Request::post("/api/v2/users/auth0%7Cgrace/identities")
            .form(&[("provider", "google-oauth2"), ("user_id", "of-ada")]).bearer(&token)
    };
    link_as_a_user_who_asked_for_all_scopes = |it| {
        let tokens = it.tenant.password_tokens("web", "grace@example.com", "openid update:users");
        let token = it.known(text(&tokens["access_token"]), "token of auth0|grace, who asked for update:users");
        post("auth0%7Cgrace", &by_id("google-oauth2", "of-ada")).bearer(&token)
    };

    // The path.
    link_to_an_id_without_a_bar = |it| { let token = it.client(); post("ada", &by_id("google-oauth2", "of-ada")).bearer(&token) };
    link_to_an_id_without_a_provider = |it| { let token = it.client(); post("%7Cada", &by_id("google-oauth2", "of-ada")).bearer(&token) };
    link_to_an_id_that_is_not_utf_8 = |it| { let token = it.client(); post("auth0%7C%ff", &by_id("google-oauth2", "of-ada")).bearer(&token) };
    link_to_nobody = |it| { let token = it.client(); post("auth0%7Cnobody", &by_id("google-oauth2", "of-ada")).bearer(&token) };
    link_to_somebody_elses_identity = |it| { let token = it.client(); post("google-oauth2%7Cof-main", &by_id("google-oauth2", "of-ada")).bearer(&token) };
    link_by_another_method = |it| { let token = it.client(); Request::get("/api/v2/users/auth0%7Cada/identities").bearer(&token) };

    // The body.
    link_with_nothing = |it| { let token = it.client(); post(ADA, &json!({})).bearer(&token) };
    link_without_a_body = |it| { let token = it.client(); Request::post("/api/v2/users/auth0%7Cada/identities").bearer(&token) };
    link_with_an_unknown_property = |it| { let token = it.client(); post(ADA, &json!({ "provider": "google-oauth2", "user_id": "of-ada", "admin": true })).bearer(&token) };
    link_with_a_list = |it| { let token = it.client(); post(ADA, &json!([])).bearer(&token) };
    link_with_broken_json = |it| { let token = it.client(); Request::post("/api/v2/users/auth0%7Cada/identities").body("application/json", "{\"provider\":").bearer(&token) };
    link_with_xml = |it| { let token = it.client(); Request::post("/api/v2/users/auth0%7Cada/identities").body("text/xml", "<link/>").bearer(&token) };
    link_with_a_field_twice = |it| { let token = it.client(); Request::post("/api/v2/users/auth0%7Cada/identities").form(&[("link_with", "a"), ("link_with", "b")]).bearer(&token) };
    link_with_a_property_twice = |it| { let token = it.client(); Request::post("/api/v2/users/auth0%7Cada/identities").body("application/json", r#"{"provider":"google-oauth2","user_id":"1","user_id":"of-nobody"}"#).bearer(&token) };
    link_with_an_id_of_another_type = |it| { let token = it.client(); post(ADA, &json!({ "provider": "google-oauth2", "user_id": true })).bearer(&token) };
    link_with_a_fraction_as_id = |it| { let token = it.client(); post(ADA, &json!({ "provider": "google-oauth2", "user_id": 1.5 })).bearer(&token) };
    link_without_an_id = |it| { let token = it.client(); post(ADA, &json!({ "provider": "google-oauth2" })).bearer(&token) };
    link_with_an_empty_id = |it| { let token = it.client(); post(ADA, &by_id("google-oauth2", "")).bearer(&token) };
    link_with_a_control_character = |it| { let token = it.client(); post(ADA, &by_id("google-oauth2", "of-ada\u{0}")).bearer(&token) };
    link_with_proof_and_provider = |it| { let token = it.client(); post(ADA, &json!({ "link_with": "x", "provider": "google-oauth2" })).bearer(&token) };
    link_with_proof_and_id = |it| { let token = it.client(); post(ADA, &json!({ "link_with": "x", "user_id": "of-ada" })).bearer(&token) };
    link_with_proof_and_connection = |it| { let token = it.client(); post(ADA, &json!({ "link_with": "x", "connection_id": "con_CCCCCCCCCCCCCCCC" })).bearer(&token) };
    link_with_a_body_too_large = |it| { let token = it.client(); post(ADA, &json!({ "link_with": "x".repeat(2 << 20) })).bearer(&token) };

    // Provider and connection.
    link_without_a_provider = |it| { let token = it.client(); post(ADA, &json!({ "user_id": "of-ada" })).bearer(&token) };
    link_of_an_unknown_provider = |it| { let token = it.client(); post(ADA, &by_id("gogle", "of-ada")).bearer(&token) };
    link_of_a_provider_that_is_not_configured = |it| { let token = it.client(); post(ADA, &by_id("github", "of-ada")).bearer(&token) };
    link_of_an_unknown_connection = |it| { let token = it.client(); post(ADA, &json!({ "provider": "google-oauth2", "user_id": "of-ada", "connection_id": "con_ZZZZZZZZZZZZZZZZ" })).bearer(&token) };
    link_of_another_providers_connection = |it| { let token = it.client(); post(ADA, &json!({ "provider": "google-oauth2", "user_id": "of-ada", "connection_id": "con_AAAAAAAAAAAAAAAA" })).bearer(&token) };

    // Identities that are linked already, or do not exist.
    link_to_itself = |it| { let token = it.client(); post(ADA, &by_id("auth0", "ada")).bearer(&token) };
    link_to_itself_by_its_whole_id = |it| { let token = it.client(); post(ADA, &by_id("auth0", "auth0|ada")).bearer(&token) };
    link_to_itself_by_proof = |it| {
        let token = it.user();
        let proof = it.forged(&id_claims(it.tenant, "auth0|grace"), "ID token of auth0|grace");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    link_of_what_is_linked_already = |it| { let token = it.client(); post("auth0%7Cmain", &by_id("google-oauth2", "of-main")).bearer(&token) };
    link_of_what_somebody_else_has = |it| { let token = it.client(); post(ADA, &by_id("google-oauth2", "of-busy")).bearer(&token) };
    link_of_nobody = |it| { let token = it.client(); post(ADA, &by_id("google-oauth2", "nobody")).bearer(&token) };
    link_of_nobody_in_one_of_two_databases = |it| { let token = it.client(); post(ADA, &by_id("auth0", "nobody")).bearer(&token) };
    link_of_nobody_in_a_named_database = |it| { let token = it.client(); post(ADA, &json!({ "provider": "auth0", "user_id": "nobody", "connection_id": "con_BBBBBBBBBBBBBBBB" })).bearer(&token) };

    // The proof.
    proof_that_is_no_token = |it| { let token = it.user(); post("auth0%7Cgrace", &json!({ "link_with": "none" })).bearer(&token) };
    proof_with_another_algorithm = |it| {
        let token = it.user();
        let claims = id_claims(it.tenant, "auth0|other");
        let proof = crate::tokens::hmac(&json!({ "alg": "HS256", "typ": "JWT" }), &claims, b"secret");
        let proof = it.known(proof, "ID token of auth0|other, HS256");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_with_a_foreign_signature = |it| {
        let token = it.user();
        let kid = Forger::of(it.tenant).kid;
        let proof = Forger::foreign(&kid).sign(&id_claims(it.tenant, "auth0|other"));
        let proof = it.known(proof, "ID token of auth0|other, signed with another key");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_that_has_expired = |it| {
        let token = it.user();
        let proof = it.forged(&with(id_claims(it.tenant, "auth0|other"), "exp", 1_700_000_000), "expired ID token of auth0|other");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_of_another_issuer = |it| {
        let token = it.user();
        let proof = it.forged(&with(id_claims(it.tenant, "auth0|other"), "iss", "https://evil.test/"), "ID token of auth0|other, from https://evil.test/");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_of_another_name_of_the_tenant = |it| {
        let token = it.user();
        let iss = it.tenant.http().replace("localhost", "127.0.0.1");
        let proof = it.forged(&with(id_claims(it.tenant, "auth0|other"), "iss", iss), "ID token of auth0|other, from the tenant at 127.0.0.1");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_for_several_audiences = |it| {
        let token = it.user();
        let proof = it.forged(&with(id_claims(it.tenant, "auth0|other"), "aud", json!(["web", "other"])), "ID token of auth0|other for web and other");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_for_nobody = |it| {
        let token = it.user();
        let proof = it.forged(&with(id_claims(it.tenant, "auth0|other"), "aud", Value::Null), "ID token of auth0|other without aud");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_for_another_client = |it| {
        let token = it.user();
        let proof = it.forged(&with(id_claims(it.tenant, "auth0|other"), "aud", "other"), "ID token of auth0|other for the client other");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_for_another_client_than_a_clients_own = |it| {
        let token = it.client();
        let proof = it.forged(&with(id_claims(it.tenant, "auth0|other"), "aud", "other"), "ID token of auth0|other for the client other");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_by_an_access_token = |it| {
        let token = it.user();
        let tokens = it.tenant.password_tokens("web", "other@example.com", "read:current_user");
        let proof = it.known(text(&tokens["access_token"]), "access token of auth0|other");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_without_a_subject = |it| {
        let token = it.user();
        let proof = it.forged(&with(id_claims(it.tenant, ""), "sub", Value::Null), "ID token without sub");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_of_a_subject_that_is_no_user = |it| {
        let token = it.user();
        let proof = it.forged(&id_claims(it.tenant, "other"), "ID token whose sub is `other`");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_of_a_subject_that_is_no_text = |it| {
        let token = it.user();
        let proof = it.forged(&with(id_claims(it.tenant, ""), "sub", 7), "ID token whose sub is 7");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_of_nobody = |it| {
        let token = it.user();
        let proof = it.forged(&id_claims(it.tenant, "auth0|nobody"), "ID token of auth0|nobody");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };
    proof_of_somebody_elses_identity = |it| {
        let token = it.user();
        let proof = it.forged(&id_claims(it.tenant, "google-oauth2|of-busy"), "ID token of google-oauth2|of-busy, linked since");
        post("auth0%7Cgrace", &json!({ "link_with": proof })).bearer(&token)
    };

    // Requests that are accepted.
    link_by_proof = |it| {
        let tokens = it.tenant.password_tokens("web", "json@example.com", "openid update:current_user_identities");
        let token = it.known(text(&tokens["access_token"]), "token of auth0|json: update:current_user_identities");
        let proof = it.forged(&id_claims(it.tenant, "google-oauth2|of-json"), "ID token of google-oauth2|of-json");
        post("auth0%7Cjson", &json!({ "link_with": proof })).bearer(&token)
    };
    link_by_proof_in_a_form = |it| {
        let token = it.client();
        let proof = it.forged(&with(id_claims(it.tenant, "google-oauth2|of-form"), "aud", json!(["web"])), "ID token of google-oauth2|of-form");
        Request::post("/api/v2/users/auth0%7Cform/identities").bearer(&token)
            .body("application/x-www-form-urlencoded; charset=UTF-8", format!("link_with={proof}"))
    };
    link_with_a_raw_bar = |it| { let token = it.client(); post("auth0|raw", &by_id("google-oauth2", "of-raw")).bearer(&token) };
    link_with_an_encoded_bar = |it| { let token = it.client(); post("auth0%7Cupper", &by_id("google-oauth2", "of-upper")).bearer(&token) };
    link_with_a_bar_encoded_in_small_letters = |it| { let token = it.client(); post("auth0%7clower", &by_id("google-oauth2", "of-lower")).bearer(&token) };
    link_by_a_whole_id_and_connection = |it| {
        let token = it.client();
        post("auth0%7Cprefixed", &json!({ "provider": "google-oauth2", "user_id": "google-oauth2|of-prefixed", "connection_id": "con_CCCCCCCCCCCCCCCC" })).bearer(&token)
    };
    link_by_a_number = |it| { let token = it.client(); post("auth0%7Cnumber", &json!({ "provider": "google-oauth2", "user_id": 77 })).bearer(&token) };

    // Unlinking.
    unlink_without_a_token = |it| delete("auth0%7Cmain", "google-oauth2", "of-main");
    unlink_without_the_scope = |it| {
        let token = it.known(it.tenant.client_token("other"), "token of the client other: read:users");
        delete("auth0%7Cmain", "google-oauth2", "of-main").bearer(&token)
    };
    unlink_of_another_user = |it| { let token = it.user(); delete("auth0%7Cmain", "google-oauth2", "of-main").bearer(&token) };
    unlink_from_an_id_without_a_bar = |it| { let token = it.client(); delete("main", "google-oauth2", "of-main").bearer(&token) };
    unlink_from_nobody = |it| { let token = it.client(); delete("auth0%7Cnobody", "google-oauth2", "of-main").bearer(&token) };
    unlink_from_somebody_elses_identity = |it| { let token = it.client(); delete("google-oauth2%7Cof-main", "google-oauth2", "of-main").bearer(&token) };
    unlink_of_an_unknown_provider = |it| { let token = it.client(); delete("auth0%7Cmain", "gogle", "of-main").bearer(&token) };
    unlink_of_the_main_identity = |it| { let token = it.client(); delete("auth0%7Cmain", "auth0", "main").bearer(&token) };
    unlink_of_what_is_not_linked = |it| { let token = it.client(); delete("auth0%7Cmain", "google-oauth2", "nobody").bearer(&token) };
    // As auth0/ruby-auth0 has recorded it: no error, and nothing done.
    unlink_by_a_whole_id = |it| { let token = it.client(); delete("auth0%7Cmain", "google-oauth2", "google-oauth2%7Cof-main").bearer(&token) };
}

/// A tenant of its own, whose only request was had for a token.
fn too_many_requests() {
    let tenant = Tenant::with("\n[rate_limit]\nmanagement = { per_second = 1, burst = 1 }\n");
    let mut exchange = Exchange::with(&tenant);
    let token = exchange.client();
    let request = post("auth0%7Cnobody", &by_id("google-oauth2", "1")).bearer(&token);
    // Should it take a second from one to the next, there is another one.
    let refused = (0..100).map(|_| tenant.send(&request)).find(|it| it.status == 429).expect("too many");
    assert!(refused.header("x-ratelimit-reset").is_some() && refused.header("retry-after").is_some());
    assert_shown(
        "too_many_requests",
        &exchange.shown(&format!("{}\n{}", asked(&request), answered(&refused))),
    );
}
