//! "Send me a link": the mailed link that continues a login on the tenant's own pages.

use serde_json::{Value, json};

use super::{File, subject};
use crate::http::{Browser, Request, Response, state_of};
use crate::tenants::{Tenant, by_google, login_form, open, shared, text};

crate::tests![
    a_link_logs_in_once,
    a_link_that_is_only_opened_does_nothing,
    a_link_is_used_in_the_browser_that_asked_for_it,
    a_link_continues_its_own_login_only,
    a_link_ends_with_the_next_one_of_its_login,
    a_link_proves_a_suggested_account,
    a_link_that_was_asked_for_before_a_block_does_not_log_in,
    a_link_goes_to_any_address_alike,
    a_telephone_gets_no_link,
    a_link_of_another_site_is_refused,
    a_link_of_an_application_is_used_by_a_navigation_only,
];

fn tenant() -> std::sync::Arc<Tenant> {
    shared("links", || Tenant::with("\n[[connections]]\nname = \"sms\"\nstrategy = \"sms\"\n"))
}

/// Asks for a link on the page of a login.
fn ask(browser: &mut Browser, state: &str, to: &str) -> Response {
    let fields = [("state", state), ("connection", "email"), ("address", to), ("send", "link")];
    browser.submit("/u/code/start", &fields)
}

/// The newest link that was mailed to an address.
fn mailed(tenant: &Tenant, to: &str) -> String {
    let messages = tenant.send(&Request::get("/dev/outbox")).json();
    let mut messages = messages.as_array().expect("messages").iter();
    text(&messages.find(|it| it["to"] == to && it["kind"] == "link").expect("a link")["link"])
}

/// Sends the form of the page that a link opens.
fn follow(browser: &mut Browser, link: &str) -> Response {
    let query = link.split_once('?').expect("a query").1;
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    browser.submit("/u/link", &fields)
}

fn a_link_logs_in_once() {
    let (tenant, mut browser) = (tenant(), tenant().browser());
    let state = open(&mut browser, &[]);
    let sent = ask(&mut browser, &state, "Once@example.com");
    let page = browser.get(&sent.location()).text();
    assert!(page.contains("Link sent to Once@example.com. Open it in this browser."), "{page}");
    let link = mailed(&tenant, "once@example.com");
    let page = browser.get(&link);
    assert!(page.status == 200 && page.text().contains("Continue as once@example.com"), "{}", page.text());
    let end = follow(&mut browser, &link);
    assert_eq!(end.status, 302, "{}", end.text());
    assert!(text(&subject(&tenant, &end)).starts_with("email|"));
    for again in [browser.get(&link), follow(&mut browser, &link)] {
        assert_eq!(again.status, 400);
        assert!(again.text().contains("has expired, or was used already"), "{}", again.text());
    }
}

/// Programs that scan mails open links.
fn a_link_that_is_only_opened_does_nothing() {
    let (tenant, mut browser) = (tenant(), tenant().browser());
    let state = open(&mut browser, &[]);
    ask(&mut browser, &state, "opened@example.com");
    let link = mailed(&tenant, "opened@example.com");
    for _ in 0..3 {
        assert_eq!(browser.get(&link).status, 200);
    }
    assert_eq!(tenant.browser().get(&link).status, 403);
    assert!(browser.get("/account").location().contains("/u/login"), "nobody is logged in");
    assert_eq!(follow(&mut browser, &link).status, 302);
}

fn a_link_is_used_in_the_browser_that_asked_for_it() {
    let (tenant, mut browser) = (tenant(), tenant().browser());
    let state = open(&mut browser, &[]);
    ask(&mut browser, &state, "here@example.com");
    let link = mailed(&tenant, "here@example.com");
    let mut elsewhere = tenant.browser();
    open(&mut elsewhere, &[]);
    for refused in [elsewhere.get(&link), follow(&mut elsewhere, &link)] {
        assert_eq!(refused.status, 403);
        assert!(refused.text().contains("Open this link in the browser in which you have asked for it."));
    }
    assert_eq!(follow(&mut browser, &link).status, 302, "it was not used up");
}

fn a_link_continues_its_own_login_only() {
    let (tenant, mut browser) = (tenant(), tenant().browser());
    let (state, other) = (open(&mut browser, &[]), open(&mut browser, &[]));
    ask(&mut browser, &state, "own@example.com");
    let link = mailed(&tenant, "own@example.com");
    let moved = link.replace(&state, &other);
    assert_ne!(link, moved);
    assert_eq!((browser.get(&moved).status, follow(&mut browser, &moved).status), (400, 400));
    let without = link.replace("&token=", "&token=x");
    assert_eq!(follow(&mut browser, &without).status, 400);
    assert_eq!(follow(&mut browser, &link).status, 302);
}

/// The first link may have gone to a mistyped address.
fn a_link_ends_with_the_next_one_of_its_login() {
    let (tenant, mut browser) = (tenant(), tenant().browser());
    let (state, other) = (open(&mut browser, &[]), open(&mut browser, &[]));
    ask(&mut browser, &other, "another@example.com");
    ask(&mut browser, &state, "mistyped@example.com");
    let first = mailed(&tenant, "mistyped@example.com");
    assert_eq!(browser.get(&first).status, 200);
    ask(&mut browser, &state, "meant@example.com");
    for refused in [browser.get(&first), follow(&mut browser, &first)] {
        assert_eq!((refused.status, refused.text().contains("a newer one was sent")), (400, true));
    }
    assert_eq!(follow(&mut browser, &mailed(&tenant, "meant@example.com")).status, 302);
    assert_eq!(follow(&mut browser, &mailed(&tenant, "another@example.com")).status, 302, "another login");
}

fn a_link_proves_a_suggested_account() {
    let policy = File::with(r#"{"mode": "suggest", "trusted_connections": ["google-oauth2", "email"]}"#);
    let tenant = Tenant::started("", &["--policy", policy.name()]);
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    ask(&mut browser, &state, "ada@example.com");
    let first = follow(&mut browser, &mailed(&tenant, "ada@example.com"));
    let mailbox = text(&subject(&tenant, &first));
    let mut browser = tenant.browser();
    let asked = by_google(&mut browser, "1080", &[]);
    let page = browser.get(&asked.location()).text();
    assert!(page.contains("You already have an account"), "{page}");
    let state = state_of(&asked);
    ask(&mut browser, &state, "ada@example.com");
    let end = follow(&mut browser, &mailed(&tenant, "ada@example.com"));
    let tokens = super::tokens(&tenant, &end);
    let sub = text(&crate::tenants::claims(&tokens["id_token"])["sub"]);
    let user = tenant.user(&sub).json();
    let ids: Vec<String> = user["identities"]
        .as_array()
        .expect("identities")
        .iter()
        .map(|it| format!("{}|{}", text(&it["provider"]), text(&it["user_id"])))
        .collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(ids.contains(&mailbox) && ids.contains(&"google-oauth2|1080".to_owned()), "{ids:?}");
}

/// A link from before the end of a user's logins logs in no one.
fn a_link_that_was_asked_for_before_a_block_does_not_log_in() {
    let tenant = Tenant::with("");
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    ask(&mut browser, &state, "eve@example.com");
    let user = text(&subject(&tenant, &follow(&mut browser, &mailed(&tenant, "eve@example.com"))));
    let state = open(&mut browser, &[("prompt", "login")]);
    ask(&mut browser, &state, "eve@example.com");
    let link = mailed(&tenant, "eve@example.com");
    let token = tenant.client_token("web");
    for blocked in [true, false] {
        let path = format!("/api/v2/users/{}", user.replace('|', "%7C"));
        let patch = Request::new("PATCH", path).bearer(&token).json(&json!({ "blocked": blocked }));
        assert_eq!(tenant.send(&patch).status, 200);
    }
    let end = follow(&mut browser, &link);
    assert_eq!(end.answer().get("error").map(String::as_str), Some("access_denied"), "{}", end.location());
}

fn a_link_goes_to_any_address_alike() {
    let tenant = Tenant::with("");
    let page = |to: &str| {
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[]);
        let sent = ask(&mut browser, &state, to);
        let text = browser.get(&sent.location()).text();
        (sent.status, text.replace(&state, "").replace(to, "").replace(&to.replace('@', "%40"), ""))
    };
    let stranger = page("known@example.com");
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    ask(&mut browser, &state, "known@example.com");
    follow(&mut browser, &mailed(&tenant, "known@example.com"));
    assert_eq!(page("known@example.com"), stranger);
}

fn a_telephone_gets_no_link() {
    let mut browser = tenant().browser();
    let state = open(&mut browser, &[]);
    let fields = [("state", &*state), ("connection", "sms"), ("address", "+15550177"), ("send", "link")];
    let refused = browser.submit("/u/code/start", &fields);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("A link can be sent by mail only."), "{}", refused.text());
    let page = browser.get(&format!("/u/code?state={state}&connection=sms")).text();
    assert!(!page.contains("Send me a link"), "{page}");
    let messages = tenant().send(&Request::get("/dev/outbox")).json();
    assert!(!messages.as_array().expect("messages").iter().any(|it: &Value| it["to"] == "+15550177"));
}

fn a_link_of_another_site_is_refused() {
    let (tenant, mut browser) = (tenant(), tenant().browser());
    let state = open(&mut browser, &[]);
    ask(&mut browser, &state, "site@example.com");
    let link = mailed(&tenant, "site@example.com");
    let token = link.split_once("token=").expect("a token").1;
    let fields = [("state", &*state), ("token", token)];
    let foreign = Request::post("/u/link").form(&fields).header("origin", "http://evil.test");
    assert_eq!(browser.send(foreign).status, 403);
    // The login of the page is still open.
    assert_eq!(browser.submit("/u/login", &login_form(&state, "nobody@example.com")).status, 403);
    assert_eq!(follow(&mut browser, &link).status, 302);
}

/// Programs that scan mails, and pages of other sites, do not use a link up, and get no token by it.
fn a_link_of_an_application_is_used_by_a_navigation_only() {
    let tenant = tenant();
    let start =
        [("client_id", "web"), ("connection", "email"), ("email", "scan@example.com"), ("send", "link")];
    let secret = [("client_secret", crate::tenants::secret_of("web").expect("a secret"))];
    let start = Request::post("/passwordless/start").form(&[&start[..], &secret[..]].concat());
    assert_eq!(tenant.send(&start).status, 200);
    let link = mailed(&tenant, "scan@example.com");
    let target = link.split_once("/passwordless/").expect("a path").1;
    let open = |method: &str, headers: &[(&str, &str)]| {
        let request = Request::new(method, format!("/passwordless/{target}"));
        tenant.send(&headers.iter().fold(request, |it, (name, value)| it.header(name, *value)))
    };
    let head = open("HEAD", &[]);
    assert_eq!((head.status, head.header("location"), head.header("allow")), (405, None, Some("GET")));
    for headers in [
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")][..],
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
        &[("sec-purpose", "prefetch")],
        &[("sec-purpose", "prefetch;prerender")],
        &[("purpose", "prefetch")],
        &[("x-moz", "prefetch")],
        &[("origin", "http://evil.test")],
    ] {
        let refused = open("GET", headers);
        assert_eq!((refused.status, refused.header("location")), (403, None), "{headers:?}");
    }
    // A link in a page of a mailbox: the browser calls it a navigation from another site.
    let by_mail = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-user", "?1"),
    ];
    let end = open("GET", &by_mail);
    assert_eq!(end.status, 302, "{}", end.text());
    assert!(end.location().contains("#access_token="), "{}", end.location());
}
