//! The profile that every user has, however the user came to be.

use serde_json::{Value, json};

use super::{subject, tokens};
use crate::http::{Request, Response, encoded};
use crate::tenants::{
    CONFIG, DATABASE, PASSWORD, Tenant, by_google, by_password, claims, database_user, login_form, open,
    shared, text, user,
};

crate::tests![
    every_user_has_a_profile,
    a_profile_is_the_same_wherever_it_is_shown,
    what_is_shown_of_a_profile_is_found,
    a_linked_identity_has_a_profile,
    what_a_provider_says_stays,
    an_id_token_stays_small,
    a_login_is_counted_with_its_address,
    no_user_says_where_it_logged_in,
];

fn tenant() -> std::sync::Arc<Tenant> {
    let clients = CONFIG
        .replace(r#"scopes = ["read:users", "read:s"#, r#"scopes = ["create:users", "read:users", "read:s"#);
    let sms = "\n[[connections]]\nname = \"sms\"\nstrategy = \"sms\"\n";
    shared("profiles", || {
        Tenant::configured(&format!("{clients}{sms}{}", database_user("seed", "seed.one@example.com")), &[])
    })
}

/// The profile of a user as the Management API has it.
fn profile(tenant: &Tenant, user_id: &str) -> [Value; 3] {
    let user = tenant.user(user_id);
    assert_eq!(user.status, 200, "{user_id}");
    let mut user = user.json();
    ["name", "nickname", "picture"].map(|key| user[key].take())
}

fn assert_complete(tenant: &Tenant, user_id: &str, [name, nickname, initials]: [&str; 3]) {
    let [known_name, known_nickname, picture] = profile(tenant, user_id);
    assert_eq!((known_name, known_nickname), (json!(name), json!(nickname)), "{user_id}");
    let picture = text(&picture);
    assert!(picture.starts_with("data:image/svg+xml,"), "{picture}");
    assert!(picture.contains(&format!("%3E{initials}%3C/text%3E")), "{picture}");
}

fn code_of(tenant: &Tenant, to: &str) -> String {
    let messages = tenant.send(&Request::get("/dev/outbox")).json();
    let messages = messages.as_array().expect("messages");
    text(&messages.iter().find(|it| it["to"] == to && it.get("code").is_some()).expect("a code")["code"])
}

/// Logs in by a code that is sent to an address.
fn by_code(tenant: &Tenant, connection: &str, address: &str) -> Response {
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let to = [("state", state.as_str()), ("connection", connection), ("address", address)];
    browser.submit("/u/code/start", &to);
    browser.submit("/u/code", &[&to[..], &[("code", &code_of(tenant, address))]].concat())
}

fn every_user_has_a_profile() {
    let tenant = tenant();
    // A user of the configuration.
    assert_complete(&tenant, "auth0|seed", ["seed.one@example.com", "seed.one", "SE"]);
    // By the form.
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let new = [("state", state.as_str()), ("connection", DATABASE), ("email", "form@example.com")];
    let signed_up = browser.submit("/u/sign-up", &[&new[..], &[("password", PASSWORD)]].concat());
    let user_id = text(&subject(&tenant, &signed_up));
    assert_complete(&tenant, &user_id, ["form@example.com", "form", "FO"]);
    // By the API of databases, with a name.
    let new = json!({ "client_id": "web", "connection": DATABASE, "email": "api@example.com", "password": PASSWORD,
        "name": "Emmy Noether" });
    let made = tenant.send(&Request::post("/dbconnections/signup").json(&new)).json();
    assert_complete(&tenant, &format!("auth0|{}", text(&made["_id"])), ["Emmy Noether", "api", "EN"]);
    // By the Management API.
    let new = json!({ "connection": DATABASE, "email": "manage@example.com", "password": PASSWORD });
    let made = Request::post("/api/v2/users").json(&new).bearer(&tenant.client_token("web"));
    let made = tenant.send(&made).json();
    assert!(text(&made["picture"]).starts_with("data:image/"), "{made}");
    assert_complete(&tenant, &text(&made["user_id"]), ["manage@example.com", "manage", "MA"]);
    // By a provider.
    by_google(&mut tenant.browser(), "1080", &[]);
    assert_complete(&tenant, "google-oauth2|1080", ["Ada Lovelace", "ada", "AL"]);
    // By one that says nothing at all.
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let bare = [("state", state.as_str()), ("connection", "google-oauth2"), ("user_id", "x42")];
    browser.submit("/u/stand-in", &bare);
    assert_complete(&tenant, "google-oauth2|x42", ["x42", "x42", "X4"]);
    // By a code.
    let user_id = text(&subject(&tenant, &by_code(&tenant, "email", "code@example.com")));
    assert_complete(&tenant, &user_id, ["code@example.com", "code", "CO"]);
    let user_id = text(&subject(&tenant, &by_code(&tenant, "sms", "+15550177")));
    assert_complete(&tenant, &user_id, ["+15550177", "+15550177", "15"]);
}

fn a_profile_is_the_same_wherever_it_is_shown() {
    let tenant = tenant();
    let of = |mut from: Value| ["name", "nickname", "picture"].map(|key| from[key].take());
    let tokens = tokens(&tenant, &by_password(&mut tenant.browser(), "seed.one@example.com", &[]));
    let known = profile(&tenant, "auth0|seed");
    assert_eq!(of(claims(&tokens["id_token"])), known);
    let userinfo = Request::get("/userinfo").bearer(&text(&tokens["access_token"]));
    assert_eq!(of(tenant.send(&userinfo).json()), known);
    let token = tenant.client_token("web");
    for target in
        ["/api/v2/users?q=user_id:%22auth0%7Cseed%22", "/api/v2/users-by-email?email=seed.one@example.com"]
    {
        let mut found = tenant.send(&Request::get(target).bearer(&token)).json();
        assert_eq!(of(found[0].take()), known, "{target}");
    }
    let some = "/api/v2/users/auth0%7Cseed?fields=picture,user_id";
    let some = tenant.send(&Request::get(some).bearer(&token)).json();
    assert_eq!(some, json!({ "user_id": "auth0|seed", "picture": known[2] }));
    // Without the scope, the profile is not shown.
    let bare = [("scope", "openid email")];
    let bare = super::tokens(&tenant, &by_password(&mut tenant.browser(), "seed.one@example.com", &bare));
    let bare = claims(&bare["id_token"]);
    assert!(["name", "nickname", "picture"].iter().all(|key| bare.get(key).is_none()), "{bare}");
    // Tokens show nothing that is kept: the user is as it was made.
    let changed = json!({ "picture": "https://example.com/p.png", "nickname": "sd" });
    let change = Request::new("PATCH", "/api/v2/users/auth0%7Cseed").json(&changed).bearer(&token);
    assert_eq!(tenant.send(&change).json()["picture"], changed["picture"]);
    let reset = json!({ "picture": null, "nickname": null });
    let reset = Request::new("PATCH", "/api/v2/users/auth0%7Cseed").json(&reset).bearer(&token);
    assert_eq!(of(tenant.send(&reset).json()), known, "what is taken away is made up again");
}

fn what_is_shown_of_a_profile_is_found() {
    let users = user("google-oauth2|5", "emmy.noether@example.com", "google-oauth2");
    let tenant = Tenant::with(&users);
    let token = tenant.client_token("web");
    for q in
        ["nickname:emmy.noether", "_exists_:picture", "name:\"emmy.noether@example.com\"", "emmy.noether"]
    {
        let target = format!("/api/v2/users?{}", encoded(&[("q", q), ("search_engine", "v3")]));
        let found = tenant.send(&Request::get(target).bearer(&token)).json();
        assert_eq!(found[0]["user_id"], "google-oauth2|5", "{q}: {found}");
    }
}

fn a_linked_identity_has_a_profile() {
    let users =
        [database_user("ada", "ada@example.com"), user("google-oauth2|9", "al@example.com", "google-oauth2")];
    let tenant = Tenant::with(&users.concat());
    let body = json!({ "provider": "google-oauth2", "user_id": "9" });
    let link = Request::post("/api/v2/users/auth0%7Cada/identities").json(&body);
    let linked = tenant.send(&link.bearer(&tenant.client_token("web"))).json();
    let profile = &linked[1]["profileData"];
    assert_eq!(
        (&profile["email"], &profile["nickname"]),
        (&json!("al@example.com"), &json!("al")),
        "{linked}"
    );
    assert!(text(&profile["picture"]).starts_with("data:image/"), "{profile}");
    assert_eq!(tenant.user("auth0|ada").json()["identities"][1]["profileData"], *profile);
}

fn what_a_provider_says_stays() {
    let account = "\n[[connections]]\nname = \"github\"\nstrategy = \"github\"\n[[connections.accounts]]\nuser_id = \"1\"\n\
        email = \"ada@example.com\"\nnickname = \"countess\"\npicture = \"https://example.com/ada.png\"\n";
    let tenant = Tenant::with(account);
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    browser.submit("/u/stand-in", &[("state", &state), ("connection", "github"), ("account", "1")]);
    let known = profile(&tenant, "github|1");
    assert_eq!(known, [json!("ada@example.com"), json!("countess"), json!("https://example.com/ada.png")]);
    // Pages load nothing from elsewhere.
    assert!(!browser.get("/dev/logged-in").text().contains("example.com/ada.png"));
}

fn an_id_token_stays_small() {
    let tenant = tenant();
    let tokens = tokens(&tenant, &by_google(&mut tenant.browser(), "1080", &[]));
    let length = text(&tokens["id_token"]).len();
    assert!(length < 1_700, "{length} bytes");
}

fn a_login_is_counted_with_its_address() {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let before = tenant.user("auth0|ada").json();
    assert!(before.get("last_ip").is_none(), "{before}");
    by_password(&mut tenant.browser(), "ada@example.com", &[]);
    let after = tenant.user("auth0|ada").json();
    assert_eq!((&after["last_ip"], &after["logins_count"]), (&json!("127.0.0.1"), &json!(2)));
    assert_eq!(after["updated_at"], before["updated_at"], "a login is no change");
}

fn no_user_says_where_it_logged_in() {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let body = json!({ "last_ip": "192.0.2.1" });
    let change = Request::new("PATCH", "/api/v2/users/auth0%7Cada").json(&body);
    assert_eq!(tenant.send(&change.bearer(&tenant.client_token("web"))).status, 400);
    // A header has no effect either.
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let fields = login_form(&state, "ada@example.com");
    let login = Request::post("/u/login").form(&fields).header("x-forwarded-for", "192.0.2.1");
    browser.send(login);
    assert_eq!(tenant.user("auth0|ada").json()["last_ip"], "127.0.0.1");
}
