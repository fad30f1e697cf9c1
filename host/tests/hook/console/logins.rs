//! Entering the console, and leaving it.

use super::desk::{ADA, ATTEMPT, GRACE, Office, PRETENDER, SESSION, STRANGER};
use crate::http::Browser;

crate::tests![
    an_operator_logs_in_and_out,
    a_login_leads_to_the_page_that_was_asked_for,
    without_a_session_every_page_leads_to_the_login_and_no_form_counts,
    nobody_else_enters,
    an_address_that_is_not_verified_is_nobodys,
    the_callback_of_another_browser_is_refused,
    the_callback_with_another_state_is_refused,
    a_callback_is_used_once,
    a_cancelled_login_is_no_login,
    a_session_that_was_there_before_is_not_taken_over,
    a_login_ends_the_session_before_it,
];

fn an_operator_logs_in_and_out() {
    let office = Office::open();
    let mut ada = office.desk();
    let url = ada.begin("/console");
    for part in ["response_type=code", "code_challenge_method=S256", "scope=openid+email", "nonce=", "state="]
    {
        assert!(url.contains(part), "{part}: {url}");
    }
    assert!(url.starts_with(&office.issuer.http) && !url.contains("prompt="), "{url}");
    let callback = ada.log_in_at_issuer(&url, ADA);
    let end = ada.get(&callback);
    assert_eq!((end.status, end.location().as_str()), (303, "/console"), "{}", end.text());
    let cookies: Vec<_> = end.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    let session = cookies.iter().find(|(_, it)| it.starts_with("ligature-console=")).expect("a session");
    assert!(session.1.ends_with("; HttpOnly; SameSite=Lax; Path=/"), "{}", session.1);
    assert!(!ada.console.cookies.contains_key(ATTEMPT), "the login is over");

    let page = ada.page("/console");
    assert!(page.contains("Operator: ada.lovelace@example.com"), "{page}");
    let stolen = ada.console.clone();
    let out = ada.submit(&page, "/console/log-out", &[]);
    assert_eq!(out.status, 200);
    assert!(out.text().contains("You are logged out"), "{}", out.text());
    assert!(!ada.console.cookies.contains_key(SESSION));
    for mut browser in [ada.console, stolen] {
        assert_eq!(browser.get("/console").status, 303);
    }
    let audited = office.audited("log out");
    assert!(audited.contains("ada.lovelace@example.com"), "{audited}");
}

fn a_login_leads_to_the_page_that_was_asked_for() {
    let office = Office::open();
    let page = "/console/users/auth0%7C1?x=1";
    assert_eq!(office.desk().log_in(page, ADA).location(), page);
    for to in ["https://evil.test/console", "//evil.test", "/v1/confirm", "/console%5Cevil"] {
        let mut desk = office.desk();
        let sent = desk.get(&format!("/console/log-in?to={to}"));
        let callback = desk.log_in_at_issuer(&sent.location(), ADA);
        assert_eq!(desk.get(&callback).location(), "/console", "{to}");
    }
}

fn without_a_session_every_page_leads_to_the_login_and_no_form_counts() {
    let office = Office::open();
    let mut desk = office.desk();
    for cookie in [None, Some(""), Some("x")] {
        if let Some(cookie) = cookie {
            desk.console.cookies.insert(SESSION.to_owned(), cookie.to_owned());
        }
        for path in ["/console", "/console/users?q=auth0", "/console/users/auth0%7C1", "/console/merge"] {
            let sent = desk.get(path);
            assert_eq!(sent.status, 303, "{path}");
            assert!(sent.location().starts_with("/console/log-in?to=%2Fconsole"), "{}", sent.location());
            assert!(!sent.text().contains("eve@corp.com"));
        }
        for path in ["/console/merge", "/console/log-out", "/console/journal/x/undo"] {
            let answer = desk.console.submit(path, &[("form", "x"), ("keep", "auth0|1")]);
            assert_eq!(answer.status, 403, "{path}");
            assert!(answer.text().contains("Nothing was changed"), "{}", answer.text());
        }
    }
    assert_eq!(office.place.links(), 0);
}

fn nobody_else_enters() {
    let office = Office::open();
    let mut desk = office.desk();
    let end = desk.log_in("/console", STRANGER);
    assert_eq!(end.status, 403);
    assert!(end.text().contains("You may not enter the console."), "{}", end.text());
    assert!(!desk.console.cookies.contains_key(SESSION));
    assert_eq!(desk.get("/console").status, 303);
    let audited = office.audited("no_operator");
    assert!(audited.contains("auth0|another-database-account"), "{audited}");
}

fn an_address_that_is_not_verified_is_nobodys() {
    let office = Office::open();
    assert_eq!(office.desk().log_in("/console", PRETENDER).status, 403);
    // Her address is not verified either; she is an operator by her id.
    let mut grace = office.desk().logged_in(GRACE);
    assert!(grace.page("/console").contains("Operator: auth0|grace"));
}

/// An attacker sends a link that would log the operator in as the attacker.
fn the_callback_of_another_browser_is_refused() {
    let office = Office::open();
    let (mut one, mut other) = (office.desk(), office.desk());
    let url = one.begin("/console");
    let callback = one.log_in_at_issuer(&url, ADA);
    assert_eq!(other.get(&callback).status, 400);
    other.begin("/console");
    let refused = other.get(&callback);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("belongs to another browser"), "{}", refused.text());
    assert!(!other.console.cookies.contains_key(SESSION));
    office.audited("unknown_login");
    assert_eq!(one.get(&callback).status, 303, "it counts where it was begun");
}

fn the_callback_with_another_state_is_refused() {
    let office = Office::open();
    let mut desk = office.desk();
    let url = desk.begin("/console");
    let callback = desk.log_in_at_issuer(&url, ADA);
    let (start, _) = callback.split_once("state=").expect("a state");
    for forged in [format!("{start}state=x"), start.to_owned(), format!("{callback}x")] {
        assert_eq!(desk.get(&forged).status, 400, "{forged}");
    }
    assert!(!desk.console.cookies.contains_key(SESSION));
}

fn a_callback_is_used_once() {
    let office = Office::open();
    let mut desk = office.desk();
    let url = desk.begin("/console");
    let before = desk.console.cookies.clone();
    let callback = desk.log_in_at_issuer(&url, ADA);
    assert_eq!(desk.get(&callback).status, 303);
    assert_eq!(desk.get(&callback).status, 400, "the login is over");
    // Not even with the cookie of before: the issuer exchanges a code once.
    let mut replayed = Browser::at(&office.public_url);
    replayed.cookies = before;
    let refused = replayed.get(&callback);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(!replayed.cookies.contains_key(SESSION));
}

fn a_cancelled_login_is_no_login() {
    let office = Office::open();
    let mut desk = office.desk();
    let url = desk.begin("/console");
    let state = url::Url::parse(&url).expect("a URL");
    let state = state.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    let end = desk.get(&format!("/console/callback?error=access_denied&state={state}"));
    assert_eq!(end.status, 403);
    assert!(!desk.console.cookies.contains_key(SESSION) && !desk.console.cookies.contains_key(ATTEMPT));
    office.audited("cancelled");
}

/// Session fixation: the attacker puts a cookie into the operator's browser, and waits.
fn a_session_that_was_there_before_is_not_taken_over() {
    let office = Office::open();
    let mut ada = office.desk();
    ada.console.cookies.insert(SESSION.to_owned(), "chosen-by-somebody-else".to_owned());
    let mut ada = ada.logged_in(ADA);
    assert_ne!(ada.console.cookies[SESSION], "chosen-by-somebody-else");
    ada.page("/console");
    let mut attacker = Browser::at(&office.public_url);
    attacker.cookies.insert(SESSION.to_owned(), "chosen-by-somebody-else".to_owned());
    assert_eq!(attacker.get("/console").status, 303);
}

fn a_login_ends_the_session_before_it() {
    let office = Office::open();
    let mut ada = office.desk().logged_in(ADA);
    let mut before = ada.console.clone();
    let sent = ada.get("/console/log-in?to=/console");
    let callback = ada.log_in_at_issuer(&sent.location(), ADA);
    assert_eq!(ada.get(&callback).status, 303);
    assert_eq!(before.get("/console").status, 303, "{}", before.get("/console").text());
    ada.page("/console");
}
