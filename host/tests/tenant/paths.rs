//! Unknown paths, and the answers that pages of other origins may read.

use std::sync::Arc;

use serde_json::json;

use crate::http::{Request, Response};
use crate::tenants::{CONFIG, Tenant, authorize, by_password, database_user, shared};

crate::tests![
    what_auth0_has_is_told_from_what_nobody_has,
    every_answer_can_be_read_by_the_clients_pages,
    callbacks_are_origins_as_well,
    pages_for_people_are_read_by_no_script,
    a_logout_returns_where_it_may,
    a_refused_callback_is_shown,
    a_client_has_every_scope_that_auth0_has,
];

const APP: &str = "http://localhost:3000";

fn tenant() -> Arc<Tenant> {
    shared("paths", || {
        let client = "\n[[clients]]\nclient_id = \"elsewhere\"\ncallbacks = [\"http://localhost:3999/callback\", \
                      \"com.example.app://callback\"]\nlogout_urls = [\"http://localhost:3999/bye\", \
                      \"http://localhost:3999/other?x=1\"]\n";
        Tenant::with(&(client.to_owned() + &database_user("ada", "ada@example.com")))
    })
}

fn allowed(response: &Response) -> Option<&str> {
    response.header("access-control-allow-origin")
}

fn what_auth0_has_is_told_from_what_nobody_has() {
    let tenant = tenant();
    let api = |path: &str| {
        let answer = tenant.send(&Request::get(path));
        (answer.status, answer.json()["message"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(
        api("/api/v2/actions/executions/1"),
        (501, "This tenant has no /api/v2/actions/executions/1.".to_owned())
    );
    assert_eq!(api("/api/v2/user-blocks"), (501, "This tenant has no user blocks.".to_owned()));
    assert_eq!(api("/api/v2/nonsense"), (404, "This tenant has no GET /api/v2/nonsense.".to_owned()));
    let device = tenant.send(&Request::post("/oauth/device/code").form(&[("client_id", "web")]));
    assert_eq!(
        (device.status, &device.json()["error_description"]),
        (501, &json!("This tenant has no device flow."))
    );

    let long = format!("/nonsense/ada.lovelace@corp.com/{}", "x".repeat(5000));
    let answer = tenant.send(&Request::get(format!("{long}?token=secret")));
    assert_eq!(answer.status, 404);
    let log = tenant.log_of("http");
    let told = log.iter().find(|line| line["path"].as_str().is_some_and(|it| it.contains("@corp.com/xxx")));
    let told = told.expect("the path stands in the log").to_string();
    assert!(told.len() < 600 && !told.contains("secret") && !told.contains("ada.lovelace@"), "{told}");
}

fn every_answer_can_be_read_by_the_clients_pages() {
    let tenant = tenant();
    let large = "x".repeat(2 << 20);
    for request in [
        Request::get("/nonsense"),
        Request::get("/api/v2/nonsense"),
        Request::get("/api/v2/actions/actions"),
        Request::get("/api/v2/users"),
        Request::new("DELETE", "/api/v2/users"),
        Request::new("PUT", "/oauth/token"),
        Request::post("/oauth/token").body("text/plain", "x"),
        Request::post("/oauth/token").body("application/json", large.as_str()),
        Request::get("/userinfo"),
        Request::get("/openapi.json"),
        Request::get("/healthz").header("host", "evil.test"),
    ] {
        let name = format!("{} {}", request.method, request.target);
        let answer = tenant.send(&request.clone().header("origin", APP));
        assert_eq!(allowed(&answer), Some(APP), "{name}: {}", answer.status);
        assert!(answer.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")), "{name}");
        assert_eq!(allowed(&tenant.send(&request.header("origin", "http://evil.test"))), None, "{name}");
    }
    // The answer to too many requests is readable, too.
    let narrow = "\n[rate_limit]\nauthentication = { per_second = 1, burst = 1 }\n";
    let tenant = Tenant::configured(&format!("{CONFIG}{narrow}"), &[]);
    let ask = || tenant.send(&Request::get("/.well-known/jwks.json").header("origin", APP));
    let answers = [ask(), ask(), ask()];
    let limited = answers.iter().find(|it| it.status == 429).expect("one too many");
    assert_eq!(allowed(limited), Some(APP));
}

fn callbacks_are_origins_as_well() {
    let tenant = tenant();
    let ask = |origin: &str| {
        let preflight = Request::new("OPTIONS", "/oauth/token")
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let answers = [preflight, Request::get("/userinfo").header("origin", origin)];
        answers.map(|request| allowed(&tenant.send(&request)).map(str::to_owned))
    };
    let own = Some("http://localhost:3999".to_owned());
    assert_eq!(ask("http://localhost:3999"), [own.clone(), own]);
    for other in ["https://localhost:3999", "com.example.app://callback", "null", "com.example.app://"] {
        assert_eq!(ask(other), [None, None], "{other}");
    }
}

fn pages_for_people_are_read_by_no_script() {
    let tenant = tenant();
    for target in ["/", "/dev/outbox", "/dev/none", "/metrics", "/u/login?state=x"] {
        let answer = tenant.send(&Request::get(target).header("origin", APP));
        assert_eq!(allowed(&answer), None, "{target}");
    }
}

fn a_logout_returns_where_it_may() {
    let tenant = tenant();
    let logout = |query: &str| {
        let mut browser = tenant.browser();
        by_password(&mut browser, "ada@example.com", &[]);
        let answer = browser.get(&format!("/v2/logout?{query}"));
        assert!(!browser.cookies.contains_key("ligature-session"), "{query}");
        (answer.status, answer.header("location").unwrap_or_default().to_owned())
    };
    let bye = "http://localhost:3999/bye";
    for (query, location) in [
        ("client_id=elsewhere", bye),
        ("client_id=elsewhere&returnTo=http://localhost:3999/bye", bye),
        (
            "client_id=elsewhere&returnTo=http://localhost:3999/bye?a=b%26c%23d",
            "http://localhost:3999/bye?a=b&c#d",
        ),
        ("returnTo=http://localhost:3999/other?x=2", "http://localhost:3999/other?x=2"),
    ] {
        assert_eq!(logout(query), (302, location.to_owned()), "{query}");
    }
    for query in [
        "client_id=elsewhere&returnTo=http://localhost:3000",
        "client_id=elsewhere&returnTo=http://localhost:3999/bye/x",
        "client_id=elsewhere&returnTo=http://localhost:3999",
        "client_id=elsewhere&returnTo=http://localhost:3999/bye@evil.test",
        "client_id=elsewhere&returnTo=//evil.test?http://localhost:3999/bye",
        "client_id=nobody&returnTo=http://localhost:3999/bye",
        "returnTo=http://evil.test/?http://localhost:3999/bye",
    ] {
        assert_eq!(logout(query), (400, String::new()), "{query}");
    }
    assert_eq!(logout("").0, 200);
    let mut browser = tenant.browser();
    assert_eq!(browser.get("/oidc/logout?client_id=elsewhere").location(), bye);
}

fn a_refused_callback_is_shown() {
    let tenant = tenant();
    let page = tenant.browser().get(&authorize(&[("redirect_uri", "http://localhost:3000/callback/?<b>")]));
    let text = page.text();
    assert_eq!(page.status, 400);
    assert!(text.contains("http://localhost:3000/callback/?&#60;b&#62;") && text.contains("`web`"), "{text}");
}

fn a_client_has_every_scope_that_auth0_has() {
    let client = |scope: &str| {
        format!(
            "{CONFIG}\n[[clients]]\nclient_id = \"all\"\nclient_secret = \"the secret of all the scopes\"\n\
             grant_types = [\"client_credentials\"]\nscopes = [{scope:?}]\n"
        )
    };
    let tenant = Tenant::configured(&client("read:organization_member_roles"), &[]);
    let audience = format!("{}api/v2/", tenant.http());
    let token = tenant.send(&Request::post("/oauth/token").form(&[
        ("grant_type", "client_credentials"),
        ("client_id", "all"),
        ("client_secret", "the secret of all the scopes"),
        ("audience", &audience),
    ]));
    assert_eq!(token.json()["scope"], "read:organization_member_roles");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tenant.toml");
    std::fs::write(&file, client("read:organisations")).expect("a file is written");
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["serve", "--config"])
        .arg(&file)
        .arg("--state")
        .arg(folder.path().join("state"))
        .output()
        .expect("it runs");
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("`read:organisations`"), "{words}");
}
