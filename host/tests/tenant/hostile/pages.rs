//! Pages with text of an attacker.

use super::tenant;
use crate::http::{Browser, Request, Response, assert_strict};
use crate::tenants::{CALLBACK, DATABASE, authorize, by_password, login_form, open};

crate::tests![
    what_is_said_on_pages,
    what_reorders_a_text_is_escaped,
    a_hint_that_reorders_a_text_is_left_out,
    what_answers_say,
    each_kind_of_page_is_strict,
    scripts_of_pages,
    header_injection,
    forms_of_other_sites_are_refused,
    no_page_in_a_frame
];

const SCRIPT: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&#x3c;{{7*7}}";

fn assert_harmless(name: &str, page: &Response) {
    let text = page.text();
    for tag in ["<script>alert", "<img", "onerror=alert(1)>"] {
        assert!(!text.contains(tag), "{name}: {text}");
    }
    assert!(!text.contains("\"'>"), "{name}: a quote ends the attribute: {text}");
}

/// Asserts that the headers of a page forbid scripts and framing.
fn assert_guarded(name: &str, page: &Response) {
    let policy = page.header("content-security-policy").unwrap_or_else(|| panic!("{name}: no policy"));
    for rule in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(rule), "{name}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{name}: {policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{name}");
    assert_eq!(page.header("cache-control"), Some("no-store"), "{name}");
}

/// The characters would show another address than the one that a code is sent to.
fn what_reorders_a_text_is_escaped() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let address = "support\u{202e}moc.elpmaxe@knab\u{1b}[2J@example.com";
    let query = [("state", state.as_str()), ("connection", "email"), ("address", address)];
    let page = browser.get(&format!("/u/code?{}", crate::http::encoded(&query))).text();
    let label = page.lines().find(|line| line.contains("Code sent to")).unwrap_or_else(|| panic!("{page}"));
    assert!(label.contains(r"support\u{202e}moc.elpmaxe@knab\u{1b}[2J@example.com"), "{label}");
    assert!(!label.contains(['\u{202e}', '\u{1b}']), "{label}");
}

/// An application's hint could show another address than the one that is sent.
fn a_hint_that_reorders_a_text_is_left_out() {
    let tenant = tenant();
    for (hint, is_shown) in [
        ("ada@example.com", true),
        ("support\u{202e}moc.elpmaxe@knab", false),
        ("ada\u{1b}[2J@example.com", false),
        ("ada\0@example.com", false),
        ("ada\u{200b}@example.com", false),
    ] {
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[("login_hint", hint)]);
        for target in [
            "/u/login?",
            "/u/code?connection=email&",
            "/u/forgot?connection=Username-Password-Authentication&",
        ] {
            let page = browser.get(&format!("{target}state={state}")).text();
            assert_eq!(page.contains("@example.com\""), is_shown, "{target} {hint:?}: {page}");
            assert!(!page.contains(['\u{202e}', '\u{1b}', '\0', '\u{200b}']), "{target} {hint:?}: {page}");
        }
    }
}

fn what_is_said_on_pages() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let hint = [("login_hint", SCRIPT), ("state", SCRIPT), ("nonce", SCRIPT), ("scope", SCRIPT)];
    let state = open(&mut browser, &hint);
    let page = browser.get(&format!("/u/login?state={state}"));
    assert_harmless("login_hint", &page);
    assert_guarded("login_hint", &page);
    let fields =
        [("state", state.as_str()), ("connection", DATABASE), ("username", SCRIPT), ("password", SCRIPT)];
    let page = browser.submit("/u/login", &fields);
    assert_eq!(page.status, 403);
    assert_harmless("a wrong password", &page);
    let code = [("state", state.as_str()), ("connection", "email"), ("address", SCRIPT), ("code", SCRIPT)];
    for target in ["/u/code", "/u/code/start"] {
        assert_harmless(target, &browser.submit(target, &code));
    }
    let page = crate::http::encoded(&code);
    assert_harmless("the address", &browser.get(&format!("/u/code?{page}")));
    let account = [("state", state.as_str()), ("connection", "google-oauth2"), ("account", SCRIPT)];
    assert_harmless("the account", &browser.submit("/u/stand-in", &account));
    let typed = [("state", state.as_str()), ("connection", "google-oauth2"), ("user_id", SCRIPT)];
    let typed = [&typed[..], &[("name", SCRIPT), ("email", SCRIPT)]].concat();
    assert_harmless("somebody else", &browser.submit("/u/stand-in", &typed));
    let new = [("state", state.as_str()), ("connection", DATABASE), ("email", SCRIPT), ("username", SCRIPT)];
    let new = [&new[..], &[("password", SCRIPT)]].concat();
    assert_harmless("a sign-up", &browser.submit("/u/sign-up", &new));
    let forgotten = [("state", state.as_str()), ("connection", DATABASE), ("email", SCRIPT)];
    let page = browser.submit("/u/forgot", &forgotten);
    let page = browser.get(&page.location());
    assert_harmless("a forgotten password", &page);
    assert_guarded("a forgotten password", &page);
    for (name, target) in [
        ("client_id", authorize(&[("client_id", SCRIPT)])),
        ("redirect_uri", authorize(&[("redirect_uri", SCRIPT)])),
        ("state of a page", format!("/u/login?{}", crate::http::encoded(&[("state", SCRIPT)]))),
        ("a parameter twice", format!("/authorize?{0}&{0}", crate::http::encoded(&[(SCRIPT, "x")]))),
        ("ticket", format!("/u/reset?{}", crate::http::encoded(&[("ticket", SCRIPT)]))),
        ("verification", format!("/u/email-verification?{}", crate::http::encoded(&[("ticket", SCRIPT)]))),
        ("returnTo", format!("/v2/logout?{}", crate::http::encoded(&[("returnTo", SCRIPT)]))),
        ("path", format!("/{}", url::form_urlencoded::byte_serialize(SCRIPT.as_bytes()).collect::<String>())),
        ("client.js", "/client/%3Cscript%3Ealert(1)%3C%2Fscript%3E.js".to_owned()),
    ] {
        let page = tenant.send(&Request::get(target));
        let is_html = page.header("content-type").is_some_and(|it| it.contains("html"));
        if is_html {
            assert_harmless(name, &page);
            assert_guarded(name, &page);
        }
        assert!(page.status < 500, "{name}: {}", page.status);
    }
}

/// The client of the suites checks each page that any test gets; this test gets one of each kind.
fn each_kind_of_page_is_strict() {
    let tenant = tenant();
    let (mut browser, mut person) = (tenant.browser(), tenant.browser());
    let state = open(&mut browser, &[]);
    let start = open(&mut person, &[]);
    assert_eq!(person.submit("/u/login", &login_form(&start, "ada@example.com")).status, 302);
    let check = |browser: &mut Browser, target: &str| {
        let page = browser.send(Request::get(target).header("accept", "text/html"));
        assert_strict(target, &page);
        assert!(page.header("content-type").is_some_and(|it| it.starts_with("text/html")), "{target}");
        // Where no login continues, no form leads elsewhere.
        let is_of_login = target.contains(&state);
        let policy = page.header("content-security-policy").expect("a policy").to_owned();
        assert!(is_of_login || policy.contains("form-action 'self'"), "{target}: {policy}");
        page
    };
    for page in
        ["login", "stand-in", "code", "forgot", "link", "second-factor", "reset", "email-verification"]
    {
        let more = "connection=google-oauth2&address=x@example.com&link=x&ticket=x";
        check(&mut browser, &format!("/u/{page}?state={state}&{more}"));
        check(&mut browser, &format!("/u/{page}?state=none"));
    }
    for target in [
        "/",
        "/dev/outbox",
        "/dev/logged-in",
        "/dev/log-in?client_id=nobody",
        "/account/history",
        "/account/link",
        "/account/undo",
        "/account/objection?token=x",
        "/account",
        "/console",
        "/console/users?q=a",
        "/console/users/nobody",
        "/console/users/auth0%7Cada",
        "/console/journal",
        "/console/journal/none",
        "/console/decisions",
        "/console/decisions/none",
        "/console/conflicts",
        "/console/merge",
        "/console/live",
        "/authorize?client_id=nobody",
        "/v2/logout?returnTo=http://evil.example",
        "/nowhere",
    ] {
        check(&mut person, target);
    }
    let script = |page: &Response| page.text().matches("<script src=\"/u/").count();
    for (mode, sent) in [("form_post", 200), ("web_message", 200), ("query", 302)] {
        let page = person.get(&authorize(&[("response_mode", mode), ("prompt", "none")]));
        assert_strict(mode, &page);
        assert_eq!((page.status, script(&page)), (sent, usize::from(sent == 200)), "{mode}");
    }
}

/// A script that a page needs is kept by browsers, under the name of its version only.
fn scripts_of_pages() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    for (mode, path) in [("form_post", "/u/submit.js"), ("web_message", "/u/message.js")] {
        let page = browser.get(&authorize(&[("response_mode", mode), ("prompt", "none")])).text();
        let address = page.split_once("<script src=\"").and_then(|(_, rest)| rest.split_once('"'));
        let (address, _) = address.unwrap_or_else(|| panic!("{mode}: {page}"));
        assert!(address.starts_with(&format!("{path}?v=")), "{address}");
        let script = browser.get(address);
        assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(script.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(script.header("cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(script.header("x-content-type-options"), Some("nosniff"));
        assert!(script.text().contains("'use strict';"), "{}", script.text());
        for other in [path.to_owned(), format!("{path}?v=0"), format!("{address}&x")] {
            let same = browser.get(&other);
            assert_eq!((same.status, same.header("cache-control")), (200, Some("no-store")), "{other}");
            assert_eq!(same.text(), script.text(), "{other}");
        }
        assert_eq!(browser.submit(address, &[]).status, 405);
    }
}

/// Checks that a page that sends a form or a message by itself contains no foreign script.
fn what_answers_say() {
    let tenant = tenant();
    for mode in ["form_post", "web_message"] {
        let with = [("state", SCRIPT), ("response_mode", mode)];
        let page = by_password(&mut tenant.browser(), "ada@example.com", &with);
        assert_eq!(page.status, 200, "{mode}");
        assert!(!page.text().contains("<script>alert"), "{mode}: {}", page.text());
        assert!(!page.text().contains("<img"), "{mode}: {}", page.text());
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{mode}: {policy}");
        let frame = if mode == "form_post" { "'none'" } else { "http://localhost:3000" };
        assert!(policy.contains(&format!("frame-ancestors {frame}")), "{mode}: {policy}");
    }
    let page = tenant.send(&Request::get(authorize(&[
        ("state", SCRIPT),
        ("response_mode", "web_message"),
        ("prompt", "none"),
    ])));
    // To the origin of the redirect_uri, and no other.
    assert!(page.text().contains("data-target=\"http://localhost:3000\""), "{}", page.text());
    assert!(!page.text().contains("\"*\""));
}

fn header_injection() {
    let tenant = tenant();
    let evil = "x\r\nset-cookie: evil=1\r\n\r\n<script>";
    for with in [
        vec![("state", evil), ("prompt", "none")],
        vec![("state", evil), ("prompt", "none"), ("response_type", "token")],
        vec![("state", evil), ("connection", evil)],
        vec![("login_hint", evil)],
        vec![("redirect_uri", evil)],
    ] {
        let response = tenant.send(&Request::get(authorize(&with)));
        assert!(response.headers.iter().all(|(_, value)| !value.starts_with("evil")), "{with:?}");
        if let Some(location) = response.header("location") {
            let is_ours = [CALLBACK, tenant.http()].iter().any(|own| location.starts_with(own));
            assert!(is_ours && !location.contains("set-cookie: "), "{location}");
        }
    }
    let back = format!(
        "/oidc/logout?{}",
        crate::http::encoded(&[
            ("client_id", "web"),
            ("post_logout_redirect_uri", "http://localhost:3000"),
            ("state", evil)
        ])
    );
    let response = tenant.send(&Request::get(back));
    assert!(
        response.location().starts_with("http://localhost:3000?state=x%0D%0A"),
        "{}",
        response.location()
    );
}

fn no_page_in_a_frame() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    for target in [
        format!("/u/login?state={state}"),
        format!("/u/stand-in?state={state}&connection=google-oauth2"),
        format!("/u/code?state={state}&connection=email"),
        "/u/login?state=none".to_owned(),
        "/v2/logout".to_owned(),
    ] {
        let page = browser.get(&target);
        assert_guarded(&target, &page);
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{target}");
    }
}

/// No form of a login has any effect if another site sends it: neither one whose name is known, nor
/// one that anybody could send.
fn forms_of_other_sites_are_refused() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    for path in [
        "/u/login",
        "/u/sign-up",
        "/u/stand-in",
        "/u/code/start",
        "/u/code",
        "/u/link",
        "/u/second-factor",
        "/u/second-factor/send",
        "/u/forgot",
        "/u/skip",
        "/u/email-verification",
        "/u/reset",
    ] {
        let form = || Request::post(path).form(&[("state", &*state), ("ticket", "x")]);
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let refused = browser.send(form().header(name, value));
            assert_eq!(refused.status, 403, "{path} {name}: {value}");
            assert!(refused.text().contains("sent by another site"), "{path}: {}", refused.text());
        }
        let own = browser.send(form().header("sec-fetch-site", "same-origin"));
        assert!(!own.text().contains("sent by another site"), "{path}: {}", own.text());
    }
}
