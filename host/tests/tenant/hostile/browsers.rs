//! Attacks from another site, from another browser, and with another host name of
//! this machine.

use super::tenant;
use crate::http::{Request, send};
use crate::tenants::{CALLBACK, DATABASE, PASSWORD, authorize, by_password, login_form, open};

crate::tests![
    redirect_uris,
    addresses_after_a_logout,
    a_form_of_another_site,
    a_form_of_another_browser,
    a_session_brought_along,
    forged_cookies,
    foreign_hosts,
    foreign_origins,
    logins_from_foreign_origins,
];

/// Refused on a page: nothing is sent to an address that is not the client's.
fn redirect_uris() {
    let tenant = tenant();
    for uri in [
        "http://localhost:3000/callback/evil",
        "http://localhost:3000/callback.evil.test",
        "http://localhost:3000/callback?x=1",
        "http://localhost:3000/callback#x",
        "http://localhost:3000/callback/",
        "http://localhost:3000/callback/../evil",
        "http://localhost:3000/./callback",
        "http://localhost:3000//callback",
        "http://localhost:3000/%63allback",
        "http://localhost:3000/callback%00",
        "http://localhost:3000/callback\r\nset-cookie: x=1",
        "http://localhost:3000/callback ",
        "HTTP://localhost:3000/callback",
        "http://LOCALHOST:3000/callback",
        "http://localhost:3000/Callback",
        "https://localhost:3000/callback",
        "http://localhost/callback",
        "http://localhost:30001/callback",
        "http://localhost:3000.evil.test/callback",
        "http://localhost:3000@evil.test/callback",
        "http://evil.test\\@localhost:3000/callback",
        "http://evil.test/http://localhost:3000/callback",
        "//evil.test/callback",
        "/callback",
        "evil.test",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "http://localhost:3001/callback",
    ] {
        for mode in ["", "form_post", "web_message", "fragment"] {
            // A page of the client's own origins may get a message.
            let is_own_page = uri.to_lowercase().replace('\r', "/").starts_with("http://localhost:3000/");
            if mode == "web_message" && is_own_page {
                continue;
            }
            let with = [("redirect_uri", uri), ("response_mode", mode), ("prompt", "none")];
            let response = tenant.send(&Request::get(authorize(&with)));
            assert_eq!(response.status, 400, "{uri:?} {mode}: {}", response.text());
            assert_eq!(response.header("location"), None, "{uri:?} {mode}");
            // The page is shown, and its only link leads to the tenant's start page.
            let page = response.text().replace("<a href=\"/\">", "");
            assert!(!page.contains("<a ") && !page.contains("<form"), "{uri:?} {mode}: {page}");
            assert!(!page.contains("<script") && !page.contains("=\"javascript"), "{uri:?} {mode}: {page}");
        }
    }
    let twice = authorize(&[("prompt", "none")]) + "&redirect_uri=http://evil.test/";
    assert_eq!(tenant.send(&Request::get(twice)).status, 400);
    let own = tenant.send(&Request::get(authorize(&[("prompt", "none")])));
    assert!(own.location().starts_with(&format!("{CALLBACK}?error=login_required")), "{}", own.location());
}

fn addresses_after_a_logout() {
    let tenant = tenant();
    for parameter in
        ["/v2/logout?client_id=web&returnTo=", "/oidc/logout?client_id=web&post_logout_redirect_uri="]
    {
        for url in [
            "http://localhost:3000/",
            "http://localhost:3000/x",
            "http://localhost:3000@evil.test",
            "http://localhost:3000.evil.test",
            "//evil.test",
            "javascript:alert(1)",
            "http://evil.test",
        ] {
            let url: String = url::form_urlencoded::byte_serialize(url.as_bytes()).collect();
            let response = tenant.send(&Request::get(format!("{parameter}{url}")));
            assert_eq!((response.status, response.header("location")), (400, None), "{parameter}{url}");
        }
        let own = tenant.send(&Request::get(format!("{parameter}http://localhost:3000")));
        assert_eq!((own.status, own.location().as_str()), (302, "http://localhost:3000"));
    }
}

fn a_form_of_another_site() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let fields = login_form(&state, "ada@example.com");
    let port = tenant.http().replace("http://localhost", "http://127.0.0.1");
    for origin in
        ["http://evil.test", "null", "", "http://localhost", port.trim_end_matches('/'), tenant.http()]
    {
        for page in [
            "login",
            "stand-in",
            "code",
            "code/start",
            "sign-up",
            "forgot",
            "skip",
            "link",
            "second-factor",
            "second-factor/send",
        ] {
            let target = format!("/u/{page}");
            let response =
                browser.send(Request::post(target.as_str()).form(&fields).header("origin", origin));
            assert_eq!(response.status, 403, "{origin:?} {target}: {}", response.text());
        }
    }
    // The refused form has used nothing up.
    assert!(browser.submit("/u/login", &fields).location().contains("code="));
    // A state that nobody has, or none.
    for state in ["", "x", "../x"] {
        let fields = login_form(state, "ada@example.com");
        assert_eq!(browser.submit("/u/login", &fields).status, 400, "{state:?}");
        assert_eq!(browser.get(&format!("/u/login?state={state}")).status, 400, "{state:?}");
    }
    // A form that was sent already.
    assert_eq!(browser.submit("/u/login", &fields).status, 400);
}

fn a_form_of_another_browser() {
    let tenant = tenant();
    let mut eve = tenant.browser();
    let state = open(&mut eve, &[]);
    let fields = login_form(&state, "eve@example.com");
    let mut without = tenant.browser();
    assert_eq!(without.submit("/u/login", &fields).status, 403, "a browser without a cookie");
    let mut ada = tenant.browser();
    open(&mut ada, &[]);
    assert_eq!(ada.submit("/u/login", &fields).status, 403, "a browser with another cookie");
    assert_eq!(ada.get(&format!("/u/login?state={state}")).status, 403, "the page in another browser");
    assert!(!ada.cookies.contains_key("ligature-session"));
}

/// Session fixation: Eve gives Ada's browser a session; Ada's login does not
/// make it hers.
fn a_session_brought_along() {
    let tenant = tenant();
    let mut eve = tenant.browser();
    by_password(&mut eve, "eve@example.com", &[]);
    let planted = eve.cookies["ligature-session"].clone();
    let mut ada = tenant.browser();
    ada.cookies.insert("ligature-session".to_owned(), planted.clone());
    by_password(&mut ada, "ada@example.com", &[("prompt", "login")]);
    assert_ne!(ada.cookies["ligature-session"], planted);
    // The ended session logs nobody in any more.
    let silent = eve.get(&authorize(&[("prompt", "none")]));
    assert_eq!(silent.answer()["error"], "login_required");
    assert!(ada.get(&authorize(&[("prompt", "none")])).answer().contains_key("code"));
}

fn forged_cookies() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    by_password(&mut browser, "ada@example.com", &[]);
    let good = browser.cookies["ligature-session"].clone();
    let is_logged_in = |value: &str| {
        let mut other = browser.clone();
        other.cookies.insert("ligature-session".to_owned(), value.to_owned());
        other.get(&authorize(&[("prompt", "none")])).answer().contains_key("code")
    };
    assert!(is_logged_in(&good));
    // The signature comes first, in 44 letters.
    let (signature, name) = good.split_at(good.char_indices().nth(44).map_or(good.len(), |(at, _)| at));
    let swapped = if signature.starts_with('A') { 'B' } else { 'A' };
    for forged in [
        name.to_owned(),
        format!("{swapped}{}{name}", &signature[1..]),
        format!("{signature}{name}x"),
        format!("{}{name}", "A".repeat(44)),
        browser.cookies["ligature-browser"].clone(),
        String::new(),
    ] {
        assert!(!is_logged_in(&forged), "{forged:?}");
    }
    // The log names no session as its cookie does.
    assert!(!tenant.running.log().contains(name));
}

/// DNS rebinding: a site whose name is resolved to this machine.
fn foreign_hosts() {
    let tenant = tenant();
    let address = tenant.http();
    let own = crate::http::host(address);
    for host in [
        "evil.test",
        "localhost.evil.test",
        "localhost",
        "",
        "localhost:1",
        "127.0.0.1.nip.io",
        "[::1",
        "a b",
    ] {
        for target in [
            "/",
            "/dev/logged-in",
            "/dev/log-in?client_id=web",
            "/healthz",
            "/dev/outbox",
            "/.well-known/openid-configuration",
            "/metrics",
            "/none",
        ] {
            let response = send(address, &Request::get(target).header("host", host));
            assert!(matches!(response.status, 400 | 421), "{host:?} {target}: {}", response.status);
            assert!(!response.text().contains("evil"), "{host:?}");
        }
    }
    let two = |one: &str, other: &str| {
        send(address, &Request::get("/dev/outbox").header("host", one).header("host", other)).status
    };
    assert_eq!((two(own, "evil.test"), two("evil.test", own), two(own, own)), (421, 421, 421));
    // An absolute target says which host is meant (RFC 9112, 3.2.2).
    for target in
        ["http://evil.test/dev/outbox", "https://evil.test/dev/outbox", "http://localhost:1/dev/outbox"]
    {
        assert_eq!(send(address, &Request::get(target)).status, 421, "{target}");
    }
    let port = crate::http::exchange(address, b"GET /dev/outbox HTTP/1.0\r\n\r\n").expect("an answer");
    assert_eq!(port.status, 421, "without a Host");
    assert_eq!(send(address, &Request::get(format!("{address}healthz"))).status, 200);
    // No header chooses the addresses in an answer.
    let forwarded = Request::get("/.well-known/openid-configuration")
        .header("x-forwarded-host", "evil.test")
        .header("forwarded", "host=evil.test");
    assert!(!tenant.send(&forwarded).text().contains("evil"));
}

/// Pages of other origins may neither ask with cookies nor read an answer.
fn foreign_origins() {
    let tenant = tenant();
    let allowed = "access-control-allow-origin";
    for origin in [
        "http://evil.test",
        "null",
        "http://localhost",
        "http://localhost:3000.evil.test",
        "http://localhost:3000/",
        "HTTP://LOCALHOST:3000",
    ] {
        for target in [
            "/",
            "/dev/outbox",
            "/dev/logged-in",
            "/userinfo",
            "/api/v2/users",
            "/oauth/token",
            "/.well-known/jwks.json",
        ] {
            let ask = Request::get(target).header("origin", origin);
            let preflight = Request::new("OPTIONS", target)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization");
            for request in [ask, preflight] {
                assert_eq!(tenant.send(&request).header(allowed), None, "{origin} {target}");
            }
        }
    }
    let own = Request::new("OPTIONS", "/co/authenticate")
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "auth0-client,content-type");
    let answer = tenant.send(&own);
    assert_eq!(answer.header(allowed), Some("http://localhost:3000"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert!(answer.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")));
}

fn logins_from_foreign_origins() {
    let tenant = tenant();
    let login = [
        ("client_id", "web"),
        ("username", "ada@example.com"),
        ("password", PASSWORD),
        ("realm", DATABASE),
        ("connection", DATABASE),
        ("credential_type", crate::tenants::REALM_GRANT),
        ("redirect_uri", CALLBACK),
    ];
    for target in ["/co/authenticate", "/usernamepassword/login"] {
        for origin in ["http://evil.test", "null", "http://localhost:3001"] {
            let response = tenant.send(&Request::post(target).form(&login).header("origin", origin));
            assert_eq!(response.status, 403, "{target} {origin}: {}", response.text());
        }
    }
    // auth0-js always sends one; who does not is no browser's page.
    assert_eq!(tenant.send(&Request::post("/co/authenticate").form(&login)).status, 403);
    let own = Request::post("/co/authenticate").form(&login).header("origin", "http://localhost:3000");
    assert_eq!(tenant.send(&own).status, 200);
}
