//! Profiles, single sign-on data and searches that the switch allows, and the refusals without it.

use serde_json::{Value, json};

use super::{ORIGIN, SWITCH, config, own_login, owner_password, start_with_a_link, tenant, without};
use crate::http::{Request, encoded};
use crate::tenants::{CALLBACK, DATABASE, PASSWORD, Tenant, authorize, by_password, redeem, text};

crate::tests![
    the_whole_profile_at_userinfo,
    a_token_for_an_api_shows_what_its_scopes_allow,
    single_sign_on_data_with_a_slash,
    users_by_search_engine_v2,
    either_name_of_the_switch,
    everything_is_refused_without_the_switch,
];

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

fn users_by_search_engine_v2() {
    let tenant = tenant();
    let find = |engine: &str| {
        let query = encoded(&[("q", "email:\"ada@example.com\""), ("search_engine", engine)]);
        tenant.send(&Request::get(format!("/api/v2/users?{query}")).bearer(&tenant.client_token("web")))
    };
    for engine in ["v2", "v3"] {
        let found = find(engine).json();
        let length = found.as_array().map(Vec::len);
        assert_eq!((length, &found[0]["user_id"]), (Some(1), &json!("auth0|ada")), "{engine}");
    }
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
