//! Requests of auth0-js 6 to 8, Lock 9 and 10 and LockPasswordless, under the
//! switch for older applications and without it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::{Request, Response, encoded};
use crate::tenants::{
    CALLBACK, CONFIG, DATABASE, PASSWORD, Tenant, authorize, by_password, claims, database_user, redeem,
    shared, text,
};

crate::tests!(
    a_password_at_oauth_ro,
    a_mailed_code_at_oauth_ro,
    a_code_by_sms_at_oauth_ro,
    what_oauth_ro_refuses,
    whoever_guesses_at_oauth_ro_waits,
    pages_of_other_origins_at_oauth_ro,
    a_page_beside_the_callback_at_oauth_ro,
    a_password_from_a_page_of_the_client,
    a_code_from_a_page_of_the_client,
    a_password_from_a_page_of_somebody_else,
    the_whole_profile_at_userinfo,
    a_token_for_an_api_shows_what_its_scopes_allow,
    single_sign_on_data_with_a_slash,
    auth_params_as_form_keys,
    an_address_with_a_fragment,
    an_address_with_a_fragment_of_somebody_else,
    users_by_search_engine_v2,
    either_name_of_the_switch,
    everything_is_refused_without_the_switch,
);

const ORIGIN: &str = "http://localhost:3000";
const SWITCH: &str = "it needs `legacy = true` (or `legacy_id_tokens = true`) in tenant.toml";

fn config(switch: &str) -> String {
    let users = ["ada", "bob", "cem"].map(|id| database_user(id, &format!("{id}@example.com"))).concat();
    let with = CONFIG.replacen("name = \"tenant\"", &format!("name = \"tenant\"\n{switch}"), 1);
    let pages = "\n[[clients]]\nclient_id = \"pages\"\ncallbacks = [\"http://localhost:3003/callback\", \"com.example.app://callback\"]\n";
    let machine = "\n[[clients]]\nclient_id = \"machine\"\nclient_secret = \"the secret of the machine\"\n\
         grant_types = [\"client_credentials\"]\norigins = [\"http://localhost:3000\"]\n";
    let more = "\n[[connections]]\nname = \"sms\"\nstrategy = \"sms\"\n\
         \n[[apis]]\nidentifier = \"https://api.example.com/\"\nscopes = [\"read:things\"]\n";
    with + pages
        + machine
        + more
        + &users
        + "[users.user_metadata]\ntheme = \"dark\"\n[users.app_metadata]\nplan = \"pro\"\n"
}

fn tenant() -> Arc<Tenant> {
    shared("older", || Tenant::configured(&config("legacy = true"), &[]))
}

fn without() -> Arc<Tenant> {
    shared("older, off", || Tenant::configured(&config(""), &[]))
}

/// Returns the request in the forms of auth0-js 6 (reqwest) and auth0-js 8 (superagent).
fn both(target: &str, fields: &[(&str, &str)]) -> [Request; 2] {
    let body: serde_json::Map<String, Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    [Request::post(target).form(fields), Request::post(target).json(&Value::Object(body))]
        .map(|request| request.header("origin", ORIGIN))
}

fn owner_password<'a>(username: &'a str, password: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("client_id", "spa"),
        ("connection", DATABASE),
        ("username", username),
        ("password", password),
        ("grant_type", "password"),
        ("scope", "openid email"),
        ("response_type", "token"),
        ("sso", "false"),
    ]
}

fn a_password_at_oauth_ro() {
    let tenant = tenant();
    for request in both("/oauth/ro", &owner_password("ada@example.com", PASSWORD)) {
        let response = tenant.send(&request);
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
        let tokens = response.json();
        let id = claims(&tokens["id_token"]);
        assert_eq!(
            (&id["sub"], &id["aud"], &id["email"], &tokens["token_type"]),
            (&json!("auth0|ada"), &json!("spa"), &json!("ada@example.com"), &json!("Bearer"))
        );
        assert!(!tokens.as_object().expect("an object").contains_key("refresh_token"));
    }
    // A program that is no page, and a scope that is none: the plugin is asked
    // all the same, and a refresh token comes along where it is asked for.
    let mut fields = owner_password("ada@example.com", PASSWORD);
    fields.retain(|(name, _)| *name != "scope");
    fields.extend([("scope", "openid offline_access"), ("device", "a phone")]);
    let response = tenant.send(&Request::post("/oauth/ro").form(&fields));
    assert!(response.json()["refresh_token"].is_string(), "{}", response.text());
    let decided = |line: &Value| line["protocol"] == "oauth2-resource-owner" && line["client"] == "spa";
    assert!(tenant.log_of("login").iter().any(decided));
}

/// The code that was sent to an address or a number.
fn code(tenant: &Tenant, to: &str) -> String {
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    let all = outbox.as_array().expect("a list");
    text(&all.iter().find(|it| it["to"] == to).expect("it was sent")["code"])
}

fn once(tenant: &Tenant, connection: &str, to: &str) -> Value {
    let code = code(tenant, to);
    let mut fields = owner_password(to, &code);
    fields.iter_mut().find(|(name, _)| *name == "connection").expect("it is there").1 = connection;
    let response = tenant.send(&Request::post("/oauth/ro").form(&fields).header("origin", ORIGIN));
    assert_eq!(response.status, 200, "{}", response.text());
    let again = tenant.send(&Request::post("/oauth/ro").form(&fields).header("origin", ORIGIN));
    assert_eq!(
        (again.status, &again.json()["error"]),
        (401, &json!("invalid_user_password")),
        "a code is good once"
    );
    response.json()
}

fn a_mailed_code_at_oauth_ro() {
    let tenant = tenant();
    let start =
        [("client_id", "spa"), ("connection", "email"), ("email", "mail@example.com"), ("send", "code")];
    assert_eq!(tenant.send(&Request::post("/passwordless/start").form(&start)).status, 200);
    let tokens = once(&tenant, "email", "mail@example.com");
    assert_eq!(claims(&tokens["id_token"])["email"], "mail@example.com");
}

fn a_code_by_sms_at_oauth_ro() {
    let tenant = tenant();
    let start = [("client_id", "spa"), ("connection", "sms"), ("phone_number", "+15550100")];
    assert_eq!(tenant.send(&Request::post("/passwordless/start").form(&start)).status, 200);
    let tokens = once(&tenant, "sms", "+15550100");
    assert!(text(&claims(&tokens["id_token"])["sub"]).starts_with("sms|"));
}

/// The error by either of its names.
fn refused(response: &Response) -> (u16, String, String) {
    let body = response.json();
    assert_eq!((&body["error"], &body["error_description"]), (&body["code"], &body["description"]));
    (response.status, text(&body["error"]), text(&body["error_description"]))
}

fn what_oauth_ro_refuses() {
    let tenant = tenant();
    for (name, value, status, error) in [
        ("password", "wrong", 401, "invalid_user_password"),
        ("password", "", 400, "invalid_request"),
        ("username", "nobody@example.com", 401, "invalid_user_password"),
        ("client_id", "nobody", 400, "invalid_request"),
        ("client_id", "machine", 403, "unauthorized_client"),
        ("connection", "", 400, "invalid_request"),
        ("connection", "nowhere", 400, "invalid_request"),
        ("connection", "google-oauth2", 400, "invalid_request"),
        // A user of another database.
        ("connection", "Staff", 401, "invalid_user_password"),
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", 400, "unsupported_grant_type"),
        ("client_secret", "not the secret of it", 401, "access_denied"),
        ("audience", "https://api.example.com/", 400, "invalid_request"),
        ("scope", "openid link_account", 400, "invalid_request"),
    ] {
        let mut fields = owner_password("ada@example.com", PASSWORD);
        fields.retain(|(other, _)| *other != name);
        fields.push((name, value));
        let response = tenant.send(&Request::post("/oauth/ro").form(&fields).header("origin", ORIGIN));
        let (got, code, _) = refused(&response);
        assert_eq!((got, code.as_str()), (status, error), "{name}: {value}");
    }
    // A password in an address ends up in logs.
    let query = encoded(&owner_password("ada@example.com", PASSWORD));
    assert_eq!(tenant.send(&Request::get(format!("/oauth/ro?{query}"))).status, 405);
    let patch = Request::new("PATCH", "/api/v2/users/auth0|bob").json(&json!({ "blocked": true }));
    assert_eq!(tenant.send(&patch.bearer(&tenant.client_token("web"))).status, 200);
    let blocked = Request::post("/oauth/ro").form(&owner_password("bob@example.com", PASSWORD));
    let (status, error, words) = refused(&tenant.send(&blocked));
    assert_eq!((status, error.as_str(), words.as_str()), (401, "unauthorized", "user is blocked"));
}

fn whoever_guesses_at_oauth_ro_waits() {
    let tenant = Tenant::configured(&config("legacy = true"), &[]);
    let guess = |password| {
        tenant.send(&Request::post("/oauth/ro").form(&owner_password("cem@example.com", password))).status
    };
    let statuses: Vec<u16> = (0..11).map(|n| guess(["one", "two"][n % 2])).collect();
    assert_eq!((statuses[0], statuses[10]), (401, 429), "{statuses:?}");
    assert_eq!(guess(PASSWORD), 429, "the right one, too");
    // Codes as well.
    let start = [("client_id", "spa"), ("connection", "sms"), ("phone_number", "+15550111")];
    tenant.send(&Request::post("/passwordless/start").form(&start));
    let code = code(&tenant, "+15550111");
    let try_code = |secret: &str| {
        let mut fields = owner_password("+15550111", secret);
        fields.iter_mut().find(|(name, _)| *name == "connection").expect("it is there").1 = "sms";
        tenant.send(&Request::post("/oauth/ro").form(&fields)).status
    };
    let wrong: Vec<u16> = (0..4).map(|_| try_code("000000x")).collect();
    assert_eq!(wrong, [401; 4]);
    assert_eq!(try_code(&code), 401, "it is gone after three");
}

fn pages_of_other_origins_at_oauth_ro() {
    let tenant = tenant();
    for origin in ["http://evil.test", "null", "http://localhost:3001", "http://localhost:3000.evil.test"] {
        let request = Request::post("/oauth/ro").form(&owner_password("ada@example.com", PASSWORD));
        let response = tenant.send(&request.header("origin", origin));
        assert_eq!(response.status, 403, "{origin}: {}", response.text());
        assert!(!response.text().contains("token\""), "{origin}: {}", response.text());
    }
}

/// Checks that only a page with the origin of a callback may ask.
fn a_page_beside_the_callback_at_oauth_ro() {
    let tenant = tenant();
    let mut fields = owner_password("ada@example.com", PASSWORD);
    fields[0] = ("client_id", "pages");
    for (origin, status) in
        [("http://localhost:3003", 200), (ORIGIN, 403), ("http://localhost:30033", 403), ("null", 403)]
    {
        let response = tenant.send(&Request::post("/oauth/ro").form(&fields).header("origin", origin));
        assert_eq!(response.status, status, "{origin}: {}", response.text());
    }
}

fn own_login(client: &str) -> Vec<(&str, &str)> {
    vec![
        ("client_id", client),
        ("connection", DATABASE),
        ("username", "ada@example.com"),
        ("password", PASSWORD),
        ("redirect_uri", CALLBACK),
        ("response_type", "token"),
        ("scope", "openid"),
        ("state", "the state"),
        ("tenant", "localhost:4480"),
    ]
}

/// The fields of a page's only form.
fn fields(page: &Response) -> Vec<(String, String)> {
    let page = page.text();
    let attribute = |tag: &str, name: &str| {
        let text = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
        Some(text.replace("&amp;", "&").replace("&#38;", "&"))
    };
    let tags = page.split("<input").skip(1);
    tags.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect()
}

fn a_password_from_a_page_of_the_client() {
    let tenant = tenant();
    for request in both("/usernamepassword/login", &own_login("spa")) {
        let page = tenant.send(&request);
        assert_eq!(page.status, 200, "{}", page.text());
        assert_eq!(page.header("access-control-allow-origin"), Some(ORIGIN));
        assert!(page.text().contains(&format!("{}login/callback", tenant.http())), "{}", page.text());
        let fields = fields(&page);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut browser = tenant.browser();
        let send = |browser: &mut crate::http::Browser| {
            browser.send(Request::post("/login/callback").form(&fields).header("origin", ORIGIN))
        };
        let answer = send(&mut browser);
        assert!(answer.location().starts_with(&format!("{CALLBACK}#")), "{}", answer.location());
        let answer = answer.answer();
        assert_eq!(claims(&answer["id_token"].as_str().into())["sub"], "auth0|ada");
        assert_eq!((answer["state"].as_str(), answer.contains_key("access_token")), ("the state", true));
        // The tenant did not know the browser, so it has no session there.
        let silent = browser.get(&authorize(&[("prompt", "none")]));
        assert_eq!(silent.answer()["error"], "login_required");
        assert_eq!(send(&mut browser).answer()["error"], "access_denied", "it is good once");
    }
    let mut wrong = own_login("spa");
    wrong.iter_mut().find(|(name, _)| *name == "password").expect("it is there").1 = "wrong";
    for request in both("/usernamepassword/login", &wrong) {
        let (status, error, words) = refused(&tenant.send(&request));
        assert_eq!(
            (status, error.as_str(), words.as_str()),
            (401, "invalid_user_password", "Wrong email or password.")
        );
    }
}

/// A popup of auth0-js 8 sends this request.
fn a_code_from_a_page_of_the_client() {
    let tenant = tenant();
    let start = [("client_id", "spa"), ("connection", "sms"), ("phone_number", "+15550122")];
    tenant.send(&Request::post("/passwordless/start").form(&start));
    let code = code(&tenant, "+15550122");
    let mut fields = own_login("spa");
    for (name, value) in [("connection", "sms"), ("username", "+15550122"), ("password", code.as_str())] {
        fields.iter_mut().find(|(other, _)| *other == name).expect("it is there").1 = value;
    }
    let ask =
        || tenant.send(&Request::post("/usernamepassword/login").form(&fields).header("origin", ORIGIN));
    let page = ask();
    assert!(page.text().contains("login/callback"), "{}", page.text());
    assert_eq!(refused(&ask()).0, 401, "a code is good once");
}

fn a_password_from_a_page_of_somebody_else() {
    let tenant = tenant();
    for origin in ["http://evil.test", "null", "http://localhost:3001"] {
        for client in ["spa", "web"] {
            let request = Request::post("/usernamepassword/login").form(&own_login(client));
            let response = tenant.send(&request.header("origin", origin));
            assert_eq!(response.status, 403, "{origin}: {}", response.text());
            assert!(!response.text().contains("<form"), "{origin}");
        }
    }
}

fn the_whole_profile_at_userinfo() {
    let tenant = tenant();
    let answer = tenant.send(&Request::post("/oauth/ro").form(&owner_password("cem@example.com", PASSWORD)));
    let token = text(&answer.json()["access_token"]);
    let profile = tenant.send(&Request::get("/userinfo").bearer(&token)).json();
    for (name, value) in [
        ("sub", json!("auth0|cem")),
        ("user_id", json!("auth0|cem")),
        ("clientID", json!("spa")),
        ("email", json!("cem@example.com")),
        ("email_verified", json!(true)),
        ("user_metadata", json!({ "theme": "dark" })),
        ("app_metadata", json!({ "plan": "pro" })),
    ] {
        assert_eq!(profile[name], value, "{name}: {profile}");
    }
    assert_eq!(profile["identities"][0]["connection"], DATABASE);
    // The same as by an ID token.
    let token = text(&answer.json()["id_token"]);
    let by_id_token = tenant.send(&Request::post("/tokeninfo").form(&[("id_token", token.as_str())])).json();
    let profile_without_dates = |mut profile: Value| {
        profile.as_object_mut().expect("an object").remove("updated_at");
        profile
    };
    assert_eq!(profile_without_dates(by_id_token), profile_without_dates(profile));
}

fn a_token_for_an_api_shows_what_its_scopes_allow() {
    let tenant = tenant();
    let asked = [("audience", "https://api.example.com/"), ("scope", "openid read:things")];
    let answer = by_password(&mut tenant.browser(), "ada@example.com", &asked).answer();
    let token = text(&redeem(&tenant, "web", &answer["code"]).json()["access_token"]);
    let profile = tenant.send(&Request::get("/userinfo").bearer(&token)).json();
    assert_eq!(profile, json!({ "sub": "auth0|ada" }));
}

fn single_sign_on_data_with_a_slash() {
    for target in ["/user/ssodata/", "/user/ssodata/?ldaps=1&client_id=spa", "/user/ssodata"] {
        let response = tenant().send(&Request::get(target).header("origin", ORIGIN));
        assert_eq!((response.status, response.json()), (200, json!({ "sso": false })), "{target}");
        assert_eq!(response.header("access-control-allow-credentials"), Some("true"), "{target}");
    }
}

/// auth0-js 6 sends a form.
fn start_with_a_link(tenant: &Tenant, to: &str) -> Response {
    let start = [
        ("client_id", "spa"),
        ("connection", "email"),
        ("email", to),
        ("send", "link"),
        ("authParams[redirect_uri]", CALLBACK),
        ("authParams[response_type]", "token"),
        ("authParams[scope]", "openid"),
        ("authParams[state]", "within"),
    ];
    tenant.send(&Request::post("/passwordless/start").form(&start).header("origin", ORIGIN))
}

fn auth_params_as_form_keys() {
    let tenant = tenant();
    let to = "link@example.com";
    let started = start_with_a_link(&tenant, to);
    assert_eq!(started.status, 200, "{}", started.text());
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    let mail = outbox.as_array().expect("a list").iter().find(|it| it["to"] == to).expect("it was sent");
    let answer = tenant.browser().get(&text(&mail["link"])).answer();
    assert_eq!(answer["state"], "within");
    assert_eq!(claims(&answer["id_token"].as_str().into())["aud"], "spa");
}

fn an_address_with_a_fragment() {
    let tenant = tenant();
    for fragment in ["#", "#/login", "#/login?x=1", "#access_token=x"] {
        let uri = format!("{CALLBACK}{fragment}");
        let token = [("response_type", "token"), ("scope", "openid"), ("nonce", ""), ("redirect_uri", &uri)];
        let answer = by_password(&mut tenant.browser(), "ada@example.com", &token);
        let wanted = format!("{CALLBACK}#access_token=ey");
        assert!(answer.location().starts_with(&wanted), "{}", answer.location());
        let answer = by_password(&mut tenant.browser(), "ada@example.com", &[("redirect_uri", &uri)]);
        assert!(answer.location().starts_with(&format!("{CALLBACK}?code=")), "{}", answer.location());
        // Given for tokens with the address as it was asked with, or as it came.
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &answer.answer()["code"]),
            ("redirect_uri", &uri),
        ];
        let tokens = tenant.token("web", &fields);
        assert_eq!(tokens.status, 200, "{}", tokens.text());
    }
}

fn an_address_with_a_fragment_of_somebody_else() {
    for tenant in [tenant(), without()] {
        for uri in [
            "http://evil.test/#http://localhost:3000/callback",
            "http://evil.test/callback#",
            "http://localhost:3000/callback/evil#x",
            "http://localhost:3000/#/callback",
            "http://localhost:3000@evil.test/callback#",
            "#http://localhost:3000/callback",
        ] {
            let response =
                tenant.send(&Request::get(authorize(&[("redirect_uri", uri), ("prompt", "none")])));
            assert_eq!((response.status, response.header("location")), (400, None), "{uri}");
            assert!(response.text().contains("Callback URL mismatch"), "{uri}: {}", response.text());
        }
    }
}

fn users_by_search_engine_v2() {
    let tenant = tenant();
    let find = |engine: &str| {
        let query = encoded(&[("q", "email:\"ada@example.com\""), ("search_engine", engine)]);
        tenant.send(&Request::get(format!("/api/v2/users?{query}")).bearer(&tenant.client_token("web")))
    };
    let found = find("v2").json();
    assert_eq!((found.as_array().map(Vec::len), &found[0]["user_id"]), (Some(1), &json!("auth0|ada")));
    assert_eq!(find("v3").json(), found);
    assert_eq!(find("v1").status, 400);
}

fn either_name_of_the_switch() {
    for name in ["legacy = true", "legacy_id_tokens = true"] {
        let tenant = Tenant::configured(&config(name), &[]);
        let request = Request::post("/oauth/ro").form(&owner_password("ada@example.com", PASSWORD));
        assert_eq!(tenant.send(&request).status, 200, "{name}");
    }
}

fn everything_is_refused_without_the_switch() {
    let tenant = without();
    let fragment = format!("{CALLBACK}#");
    let legacy_login = Request::post("/usernamepassword/login").form(&own_login("spa"));
    for (request, status) in [
        (Request::post("/oauth/ro").form(&owner_password("ada@example.com", PASSWORD)), 404),
        (legacy_login, 403),
        (Request::get("/user/ssodata/"), 404),
        (Request::post("/tokeninfo").form(&[("id_token", "x")]), 404),
        (Request::get(authorize(&[("redirect_uri", &fragment)])), 400),
        (Request::get("/api/v2/users?search_engine=v2&q=email:x").bearer(&tenant.client_token("web")), 400),
    ] {
        let response = tenant.send(&request.clone().header("origin", ORIGIN));
        let words = response.text().replace("&#96;", "`").replace("&#61;", "=");
        assert_eq!(response.status, status, "{}: {words}", request.target);
        assert!(words.contains(SWITCH), "{}: {words}", request.target);
    }
    let started = start_with_a_link(&tenant, "off@example.com");
    assert_eq!(started.status, 400);
    assert!(started.text().contains(SWITCH), "{}", started.text());
    let code = [
        ("client_id", "spa"),
        ("connection", "sms"),
        ("phone_number", "+15550133"),
        ("authParams[scope]", "openid"),
    ];
    assert_eq!(tenant.send(&Request::post("/passwordless/start").form(&code)).status, 400);
    // An access token shows what its scopes allow.
    let answer = by_password(&mut tenant.browser(), "ada@example.com", &[("scope", "openid")]).answer();
    let token = text(&redeem(&tenant, "web", &answer["code"]).json()["access_token"]);
    let profile = tenant.send(&Request::get("/userinfo").bearer(&token)).json();
    assert_eq!(profile, json!({ "sub": "auth0|ada" }));
}
