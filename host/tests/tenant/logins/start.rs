//! The pages of a tenant opened in a browser: the start page, the page of a test
//! login, the outbox.

use std::process::Command;

use serde_json::json;

use super::File;
use crate::http::{Browser, Request, Response, state_of};
use crate::tenants::{CONFIG, DATABASE, PASSWORD, Tenant, database_user, secret_of, shared, user};

crate::tests![
    a_start_page_says_what_is_here,
    a_start_page_shows_users_that_others_named,
    a_login_without_an_application,
    a_login_without_an_application_that_is_refused,
    a_login_without_an_application_is_of_one_browser,
    a_login_without_an_application_issues_nothing,
    a_session_that_is_over_shows_nobody,
    an_outbox_is_a_page_for_browsers,
    an_outbox_is_escaped,
    the_template_and_the_example_directory_do_not_collide,
    a_configured_user_with_another_address_is_told,
    a_configured_user_whose_address_is_taken_is_told,
];

const SCRIPT: &str = "\"'><script>alert(1)</script><img src=x>";

fn tenant() -> std::sync::Arc<Tenant> {
    shared("start", || Tenant::with(&database_user("ada", "ada@example.com")))
}

fn page(target: &str) -> Request {
    Request::get(target).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
}

/// Asserts that the page's headers forbid scripts, resources, framing and reading by other origins.
fn assert_guarded(page: &Response) {
    let policy = page.header("content-security-policy").unwrap_or_else(|| panic!("{}", page.text()));
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_kept(page);
}

fn assert_kept(answer: &Response) {
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

fn a_start_page_says_what_is_here() {
    let tenant = tenant();
    let answer = tenant.send(&page("/").header("origin", "http://localhost:3000"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_guarded(&answer);
    let text = answer.text();
    for words in [
        "<a href=\"/dev/log-in?client_id=web\">Log in to A web application</a>",
        "<a href=\"/dev/log-in?client_id=spa\">",
        "href=\"/dev/outbox\"",
        "href=\"/openapi.json\"",
        "auth0|ada: ada@example.com, verified",
        "<a href=\"/dev/log-in?client_id=web&#38;login_hint=ada%40example.com\">log in as auth0|ada</a>",
        "Continue with Google",
        "Ada Lovelace (ada@example.com, verified)",
        "to begin again, end the tenant, delete the file of its users",
        "and server SDKs, which use https only, <code>localhost:",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains(PASSWORD) && !text.contains(secret_of("web").expect("a secret")), "{text}");
    // Every link of it leads somewhere.
    let links = text.split("href=\"").skip(1).filter_map(|it| it.split('"').next());
    for link in links.map(|link| link.replace("&#38;", "&")) {
        let status = tenant.send(&page(&link)).status;
        assert!([200, 302].contains(&status), "{link}: {status}");
    }
    assert_eq!(tenant.send(&Request::new("HEAD", "/")).status, 200);
}

/// Opening the page proves nothing.
fn a_start_page_shows_users_that_others_named() {
    let script = format!("<script>alert(1)</script>{}", "x".repeat(40));
    let users = [
        user(&format!("google-oauth2|{}", script.replace(' ', "")), "eve@corp.com", "google-oauth2"),
        user("google-oauth2|grace@corp.com", "grace@corp.com", "google-oauth2"),
        database_user("emmy", "emmy@corp.com"),
    ];
    let tenant = Tenant::with(&users.concat());
    let text = tenant.send(&page("/")).text();
    assert!(!text.contains("<script"), "{text}");
    assert!(text.contains("google-oauth2|g…@corp.com: g…@corp.com, verified"), "{text}");
    assert!(!text.contains("grace@corp.com") && !text.contains("emmy%40"), "{text}");
}

/// Begins a login of the start page. Its state.
fn begin(browser: &mut Browser) -> String {
    state_of(&browser.get("/dev/log-in?client_id=web"))
}

fn by_password(browser: &mut Browser) -> Response {
    let state = begin(browser);
    let fields = [("state", state.as_str()), ("connection", DATABASE)];
    browser.submit(
        "/u/login",
        &[&fields[..], &[("username", "ada@example.com"), ("password", PASSWORD)]].concat(),
    )
}

fn a_login_without_an_application() {
    let policy = File::with(r#"{"mode": "suggest", "trusted_connections": ["google-oauth2"]}"#);
    let tenant = Tenant::started(&database_user("ada", "ada@example.com"), &["--policy", policy.name()]);
    let mut browser = tenant.browser();
    let state = begin(&mut browser);
    let account = [("state", state.as_str()), ("connection", "google-oauth2"), ("account", "1080")];
    let asked = browser.submit("/u/stand-in", &account);
    assert!(browser.get(&asked.location()).text().contains("You already have an account"));
    let proof = [("state", state.as_str()), ("connection", DATABASE), ("username", "ada@example.com")];
    let done = browser.submit("/u/login", &[&proof[..], &[("password", PASSWORD)]].concat());
    assert_eq!(done.location(), format!("{}dev/logged-in", tenant.http()));
    let shown = browser.get("/dev/logged-in");
    assert_guarded(&shown);
    for words in
        ["One user, 2 identities", "auth0|ada", "google-oauth2|1080", "<dd>ada@example.com, verified</dd>"]
    {
        assert!(shown.text().contains(words), "{words}: {}", shown.text());
    }
    // On the start page they are one, and nothing is left to link.
    let start = browser.get("/").text();
    assert!(start.contains("linked with google-oauth2|1080"), "{start}");
    assert!(!start.contains("Ada Lovelace (ada@example.com"), "{start}");
    assert_eq!(tenant.log_of("login").last().map(|line| line["client"].clone()), Some(json!("web")));
}

fn a_login_without_an_application_that_is_refused() {
    let tenant = Tenant::with(&(database_user("ada", "ada@example.com") + "blocked = true\n"));
    let mut browser = tenant.browser();
    let refused = by_password(&mut browser);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("user is blocked") && refused.text().contains("href=\"/\""));
    assert!(browser.get("/dev/logged-in").text().contains("Nobody is logged in"));
    // No page says what its address says.
    let injected = browser.get("/dev/logged-in?error_description=Call+this+number&name=Eve").text();
    assert!(!injected.contains("Call this") && !injected.contains("Eve"), "{injected}");
    for client in ["management", "none", "", SCRIPT] {
        let target = format!("/dev/log-in?{}", crate::http::encoded(&[("client_id", client)]));
        let answer = browser.get(&target);
        assert_eq!(answer.status, 400, "{client}");
        assert!(!answer.text().contains("<script"), "{client}");
    }
}

fn a_login_without_an_application_is_of_one_browser() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    by_password(&mut browser);
    assert!(browser.get("/dev/logged-in").text().contains("auth0|ada"));
    assert!(tenant.browser().get("/dev/logged-in").text().contains("Nobody is logged in"));
    // Another site can neither read nor end the session.
    let answer = browser.send(Request::get("/dev/logged-in").header("origin", "http://localhost:3000"));
    assert_kept(&answer);
    let foreign = Request::post("/dev/log-out").form(&[]).header("origin", "http://localhost:3000");
    assert_eq!(browser.send(foreign).status, 403);
    assert!(browser.get("/dev/logged-in").text().contains("auth0|ada"));
    let ended = browser.submit("/dev/log-out", &[]);
    assert!(browser.get(&ended.location()).text().contains("Nobody is logged in"));
}

fn a_login_without_an_application_issues_nothing() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let done = by_password(&mut browser);
    assert_eq!(done.location(), format!("{}dev/logged-in", tenant.http()), "no code, no token");
    let shown = browser.get("/dev/logged-in").text();
    assert!(!shown.contains("eyJ"), "no token: {shown}");
    // No request of an application ends there.
    for with in [
        [("response_mode", "own_page"), ("response_type", "code")],
        [("response_type", "none"), ("nonce", "n")],
    ] {
        let answer = browser.get(&crate::tenants::authorize(&with)).answer();
        assert!(answer.contains_key("error"), "{answer:?}");
    }
    let own = format!("{}dev/logged-in", tenant.http());
    assert_eq!(browser.get(&crate::tenants::authorize(&[("redirect_uri", &own)])).status, 400);
}

fn a_session_that_is_over_shows_nobody() {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let mut browser = tenant.browser();
    by_password(&mut browser);
    assert!(browser.get("/dev/logged-in").text().contains("auth0|ada"));
    let block = Request::new("PATCH", "/api/v2/users/auth0%7Cada").json(&json!({ "blocked": true }));
    assert_eq!(tenant.send(&block.bearer(&tenant.client_token("web"))).status, 200);
    assert!(browser.get("/dev/logged-in").text().contains("Nobody is logged in"));
}

fn an_outbox_is_a_page_for_browsers() {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let client = ("client_id", "web");
    let start = |email: &str, send: &str| {
        let fields = [client, ("connection", "email"), ("email", email), ("send", send)];
        let sent = tenant.send(
            &Request::post("/passwordless/start")
                .form(&[&fields[..], &[("client_secret", secret_of("web").expect("one"))]].concat()),
        );
        assert_eq!(sent.status, 200, "{}", sent.text());
    };
    start("first@example.com", "code");
    start("second@example.com", "link");
    let shown = tenant.send(&page("/dev/outbox").header("origin", "http://localhost:3000"));
    assert_eq!((shown.status, shown.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(shown.header("vary"), Some("accept"));
    assert_guarded(&shown);
    let text = shown.text();
    let messages = tenant.send(&Request::get("/dev/outbox"));
    assert_eq!(messages.header("content-type"), Some("application/json"));
    assert_kept(&messages);
    let messages = messages.json();
    let code = crate::tenants::text(&messages[1]["code"]);
    let link = crate::tenants::text(&messages[0]["link"]).replace('&', "&#38;");
    assert!(text.contains(&format!("<strong>{code}</strong>")), "{text}");
    assert!(text.contains(&format!("<a href=\"{link}\">")), "{text}");
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
    assert!(at("second@example.com") < at("first@example.com"), "the newest first: {text}");
    for accept in ["application/json", "*/*", "application/json, text/plain, */*"] {
        let answer = tenant.send(&Request::get("/dev/outbox").header("accept", accept));
        assert_eq!(answer.json(), messages, "{accept}");
    }
    // The page shows the newest hundred of many messages.
    for n in 0..105 {
        start(&format!("n{n}@example.com"), "code");
    }
    let text = tenant.send(&page("/dev/outbox")).text();
    assert_eq!((text.matches("<h2>").count(), text.contains("7 older ones")), (100, true), "{text}");
}

fn an_outbox_is_escaped() {
    let tenant = Tenant::with("");
    let address = "\"<script>alert(1)</script>\"@example.com";
    let fields = [("client_id", "spa"), ("connection", "email"), ("email", address), ("send", "code")];
    let sent = tenant.send(&Request::post("/passwordless/start").form(&fields)).status;
    let text = tenant.send(&page("/dev/outbox")).text();
    // Whether such an address is taken or not.
    assert!([200, 400].contains(&sent) && !text.contains("<script"), "{sent}: {text}");
}

fn ligature(folder: &std::path::Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
    let ran = command.args(args).current_dir(folder).env("LIGATURE_STATE", folder.join("state")).output();
    let ran = ran.expect("the program runs");
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("UTF-8")
}

/// A directory with these users, as `ligature users import` makes it, and its
/// address.
fn directory(folder: &std::path::Path, users: &str) -> String {
    std::fs::write(folder.join("users.ndjson"), users).expect("a file is written");
    let url = format!("sqlite:{}", folder.join("users.db").display());
    ligature(folder, &["users", "import", "users.ndjson", "--directory", &url]);
    url
}

/// Runs the commands of the README for new users in one folder.
fn the_template_and_the_example_directory_do_not_collide() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/directory/");
    let users = std::fs::read_to_string(format!("{examples}users.ndjson")).expect("users");
    let url = directory(folder.path(), &users);
    ligature(folder.path(), &["serve", "--init"]);
    let config = std::fs::read_to_string(folder.path().join("tenant.toml")).expect("a configuration");
    let event = std::fs::read_to_string(format!("{examples}event.json")).expect("an event");
    for id in config.lines().filter_map(|line| line.strip_prefix("user_id = \"")?.strip_suffix('"')) {
        assert!(!users.contains(id) && !event.contains(id), "{id}");
    }
    for policy in [folder.path().join("policy.json"), format!("{examples}policy.json").into()] {
        let copy = tempfile::tempdir().expect("a temporary folder");
        std::fs::copy(folder.path().join("users.db"), copy.path().join("users.db")).expect("a copy");
        let url = url.replace(&*folder.path().to_string_lossy(), &copy.path().to_string_lossy());
        let policy = policy.to_str().expect("a path in UTF-8");
        let tenant = Tenant::within(copy.path(), &config, &["--policy", policy, "--directory", &url]);
        let warnings: Vec<_> = tenant.log().into_iter().filter(|line| line["level"] == "WARN").collect();
        assert!(warnings.is_empty(), "{warnings:?}");

        // A user who postpones the link is asked again under the policy that --init
        // writes, which is for trying things out.
        if policy.starts_with(&*folder.path().to_string_lossy()) {
            let mut browser = tenant.browser();
            let state = begin(&mut browser);
            let grace = [("connection", "google-oauth2"), ("account", "100000000000000000002")];
            browser.submit("/u/stand-in", &[&[("state", state.as_str())], &grace[..]].concat());
            let skipped = browser.submit("/u/skip", &[("state", &state)]);
            let shown = browser.get(&skipped.location()).text();
            assert!(shown.contains("One user, 1 identity"), "{shown}");
        }
        let mut browser = tenant.browser();
        let state = begin(&mut browser);
        let grace = [
            ("state", state.as_str()),
            ("connection", "google-oauth2"),
            ("account", "100000000000000000002"),
        ];
        let asked = browser.submit("/u/stand-in", &grace);
        assert!(browser.get(&asked.location()).text().contains("You already have an account"), "{policy}");
        let proof = [("state", state.as_str()), ("connection", DATABASE), ("username", "grace@example.com")];
        let done = browser.submit("/u/login", &[&proof[..], &[("password", PASSWORD)]].concat());
        let shown = browser.get(&done.location()).text();
        assert!(shown.contains("You are logged in as Grace Hopper"), "{shown}");
        assert!(shown.contains("One user, 2 identities"), "{shown}");
    }
}

fn warnings(tenant: &Tenant) -> Vec<serde_json::Value> {
    let said = |line: &serde_json::Value| {
        line["message"].as_str().is_some_and(|words| words.starts_with("a user of the configuration"))
    };
    tenant.log().into_iter().filter(said).collect()
}

fn a_configured_user_with_another_address_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let users = format!(
        "{}\n{}",
        json!({ "user_id": "auth0|ada", "email": "ada.lovelace@corp.com", "email_verified": true,
            "identities": [{ "provider": "auth0", "user_id": "ada", "connection": DATABASE }] }),
        json!({ "user_id": "google-oauth2|7", "email": "grace@corp.com", "email_verified": true, "identities": [
            { "provider": "google-oauth2", "user_id": "7", "connection": "google-oauth2" },
            { "provider": "auth0", "user_id": "grace", "connection": DATABASE,
              "profileData": { "email": "Grace@corp.com", "email_verified": true } }] })
    );
    let url = directory(folder.path(), &users);
    let configured = [
        database_user("ada", "ada@corp.com"),
        // The same, but for its case, and linked since.
        database_user("grace", "grace@Corp.com"),
    ];
    let config = format!("{CONFIG}{}", configured.concat());
    let tenant = Tenant::within(folder.path(), &config, &["--directory", &url]);
    let told = warnings(&tenant);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["level"], "WARN");
    assert_eq!(
        [&told[0]["user"], &told[0]["configured"], &told[0]["in_directory"]],
        ["auth0|ada", "a…@corp.com", "a…@corp.com"]
    );
    assert!(told[0]["message"].as_str().expect("words").contains("give it another user_id"), "{told:?}");
    assert_eq!(tenant.user("auth0|ada").json()["email"], "ada.lovelace@corp.com");
    // So is an account that a page offers.
    assert!(!tenant.log().iter().any(|line| line["user"] == "google-oauth2|1080"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let users =
        json!({ "user_id": "google-oauth2|1080", "email": "somebody@corp.com", "email_verified": true });
    let url = directory(folder.path(), &users.to_string());
    let tenant = Tenant::within(folder.path(), CONFIG, &["--directory", &url]);
    let told: Vec<_> = tenant.log().into_iter().filter(|line| line["level"] == "WARN").collect();
    let told: Vec<_> = told.iter().filter(|line| line["user"] == "google-oauth2|1080").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0]["message"].as_str().expect("words").contains("which a login changes"), "{told:?}");
}

/// The users that are there matter more, and the tenant starts.
fn a_configured_user_whose_address_is_taken_is_told() {
    let twice = [database_user("ada", "ada@example.com"), database_user("other", "ada@example.com")];
    let tenant = Tenant::with(&twice.concat());
    let told = warnings(&tenant);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["user"], "auth0|other");
    assert!(told[0]["message"].as_str().expect("words").contains("was not made"), "{told:?}");
    assert_eq!((tenant.user("auth0|ada").status, tenant.user("auth0|other").status), (200, 404));
}
