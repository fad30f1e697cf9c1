//! The page itself: what it shows, to whom, and how it is guarded.

use std::sync::Arc;

use super::person::{Person, users};
use crate::clocked::Clocked;
use crate::http::{Request, state_of};
use crate::logins::second_factors::{code_to, pass};
use crate::tenants::{CALLBACK, Tenant, database_user, shared};

crate::tests![
    without_a_session_it_leads_to_the_login,
    a_login_leads_back_to_the_page_that_was_opened,
    a_login_leads_to_no_other_page,
    a_link_that_ends_the_session_says_that_it_was_made,
    methods_show_connection_masked_address_added_and_last_used,
    each_way_to_log_in_shows_its_own_last_use,
    a_removed_way_to_log_in_leaves_no_last_use_behind,
    a_page_has_a_strict_policy_and_no_script,
    logging_out_ends_the_session,
    a_form_without_a_session_says_that_nothing_was_changed,
    an_error_page_leads_back_to_the_account,
    the_client_of_the_page_gets_no_token,
];

fn tenant() -> Arc<Tenant> {
    shared("account", || Tenant::with(&users()))
}

fn without_a_session_it_leads_to_the_login() {
    let mut ada = Person::at(&tenant());
    let login = ada.get("/account");
    assert_eq!(login.status, 302);
    assert!(login.location().contains("/u/login?state="), "{}", login.location());
    let page = ada.page(&login.location());
    assert!(page.contains("<h1>Log in to your account</h1>"), "{page}");
    let end = ada.by_password(&state_of(&login), "ada@example.com");
    assert!(end.location().ends_with("/account"), "{}", end.location());
    assert!(ada.page("/account").contains("<h1>Your account</h1>"));
}

/// The links of a mail or of a bookmark.
fn a_login_leads_back_to_the_page_that_was_opened() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let removal = ada.removal_of("Google");
    let undo = super::history::undo_of(&mut ada);
    for target in [removal.as_str(), &undo, "/account/history"] {
        let mut ada = Person::at(&tenant);
        let login = ada.get(target);
        assert_eq!(login.status, 302, "{target}: {}", login.text());
        let end = ada.by_password(&state_of(&login), "ada@example.com");
        assert!(end.location().ends_with(target), "{target}: {}", end.location());
        ada.page(target);
    }
    let mut ada = Person::at(&tenant);
    let login = ada.get("/account/add");
    assert!(ada.by_password(&state_of(&login), "ada@example.com").location().ends_with("/account/add"));
}

fn a_login_leads_to_no_other_page() {
    let tenant = tenant();
    for (target, page) in [
        ("/account?next=https://evil.example/", "/account"),
        ("/account/link?state=x", "/account"),
        ("/account/undo?link=https://evil.example/", "/account"),
        (
            "/account/remove?identity=%2F%2Fevil.example%0D%0Ax",
            "/account/remove?identity=%2F%2Fevil.example%0D%0Ax",
        ),
    ] {
        let mut ada = Person::at(&tenant);
        let login = ada.get(target);
        let end = ada.by_password(&state_of(&login), "ada@example.com");
        assert_eq!(end.location().strip_prefix(tenant.http()), page.strip_prefix('/'), "{target}");
    }
    let mut ada = Person::at(&tenant);
    let form = ada.browser.submit("/account/remove", &[("identity", "x")]);
    let end = ada.by_password(&state_of(&form), "ada@example.com");
    assert!(end.location().ends_with("/account"), "a form is not sent again: {}", end.location());
}

/// The account that stays has a second factor, which the session has not passed.
fn a_link_that_ends_the_session_says_that_it_was_made() {
    let mia = database_user("mia", "mia@example.com") + "multifactor = [\"otp\"]\n";
    let tenant = Tenant::with(&(users() + &mia));
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let state = ada.begin_adding();
    ada.by_password(&state, "mia@example.com");
    let proved = pass(&mut ada.browser, &state, &code_to(&tenant, "mia@example.com"));
    let page = ada.page(&format!("{}&keep=other", proved.location()));
    let linked = ada.submit(&page, "/account/link", &[]);
    assert!(linked.location().ends_with("/account?done=linked"), "{} {}", linked.status, linked.text());
    let words = "The accounts are one account now. Log in again to see it.";
    let login = ada.get(&linked.location());
    assert!(ada.page(&login.location()).contains(words));
    // Nobody else is told so by a link.
    let mut other = Person::at(&tenant);
    let login = other.get("/account?done=linked");
    assert!(!other.page(&login.location()).contains(words));
}

fn methods_show_connection_masked_address_added_and_last_used() {
    let mut ada = Person::at(&tenant()).logged_in("ada@example.com");
    let page = ada.page("/account");
    for words in ["<strong>Password</strong> a***@example.com (main login)", "Added: 1 Jan 2024, 00:00 UTC."]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("Last used: "), "{page}");
    // A user without a name has the address once.
    assert!(page.contains("<p>a***@example.com, verified</p>"), "{page}");
    for hidden in ["ada@example.com", "auth0|ada"] {
        assert!(!page.contains(hidden), "{hidden}: {page}");
    }
}

/// The row of the way to log in with this label.
fn row_of<'a>(page: &'a str, label: &str) -> &'a str {
    let row = page.split("<li>").find(|row| row.contains(&format!("<strong>{label}</strong>")));
    row.unwrap_or_else(|| panic!("no {label}: {page}"))
}

fn each_way_to_log_in_shows_its_own_last_use() {
    let tenant = Clocked::start(&users());
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com").with_google();
    let page = ada.page("/account");
    assert!(row_of(&page, "Password").contains("Last used: 26 Nov 2026, 10:00 UTC."), "{page}");
    assert!(!row_of(&page, "Google").contains("Last used"), "a proof is no login: {page}");
    tenant.advance_ms(2 * 3_600_000);
    let mut google = Person::at_clocked(&tenant);
    let login = google.get("/account");
    google.stand_in(&state_of(&login), "google-oauth2", &[("account", "1080")]);
    let page = google.page("/account");
    assert!(row_of(&page, "Password").contains("Last used: 26 Nov 2026, 10:00 UTC."), "{page}");
    assert!(row_of(&page, "Google").contains("Last used: 26 Nov 2026, 12:00 UTC."), "{page}");
}

/// The login by Google was the last one of the account, and no login by its password.
fn a_removed_way_to_log_in_leaves_no_last_use_behind() {
    let tenant = Clocked::start(&users());
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com").with_google();
    tenant.advance_ms(60_000);
    let mut google = Person::at_clocked(&tenant);
    let login = google.get("/account");
    google.stand_in(&state_of(&login), "google-oauth2", &[("account", "1080")]);
    assert!(row_of(&google.page("/account"), "Google").contains("Last used: 26 Nov 2026, 10:01 UTC."));
    let removal = ada.removal_of("Google");
    let removal = ada.page(&removal);
    assert_eq!(ada.submit(&removal, "/account/remove", &[]).status, 303);
    let page = ada.page("/account");
    assert!(row_of(&page, "Password").contains("Last used: 26 Nov 2026, 10:00 UTC."), "{page}");
    let mut google = Person::at_clocked(&tenant);
    let login = google.get("/account");
    tenant.advance_ms(60_000);
    google.stand_in(&state_of(&login), "google-oauth2", &[("account", "1080")]);
    let page = google.page("/account");
    assert!(row_of(&page, "Google").contains("Last used: 26 Nov 2026, 10:02 UTC."), "{page}");
}

fn a_page_has_a_strict_policy_and_no_script() {
    let mut ada = Person::at(&tenant()).logged_in("ada@example.com");
    let page = ada.get("/account");
    let policy = page.header("content-security-policy").expect("a policy");
    for rule in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.text().contains("<script") && !page.text().contains(" style="), "{}", page.text());
    assert_eq!(page.header("cross-origin-resource-policy"), Some("same-origin"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let foreign = tenant().send(&Request::get("/account").header("origin", "http://localhost:3000"));
    assert_eq!(foreign.header("access-control-allow-origin"), None);
}

fn logging_out_ends_the_session() {
    let mut ada = Person::at(&tenant()).logged_in("ada@example.com");
    let page = ada.page("/account");
    let stolen = ada.browser.clone();
    let end = ada.submit(&page, "/account/log-out", &[]);
    assert_eq!((end.status, end.location().ends_with("/account?done=logged-out")), (303, true));
    for mut browser in [ada.browser, stolen] {
        assert!(browser.get("/account").location().contains("/u/login"));
        let login = browser.get("/account?done=logged-out").location();
        assert!(browser.get(&login).text().contains("You are logged out."));
    }
}

fn a_form_without_a_session_says_that_nothing_was_changed() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_github("77");
    let page = ada.page(&preview);
    let account = ada.page("/account");
    ada.submit(&account, "/account/log-out", &[]);
    let login = ada.submit(&page, "/account/link", &[]);
    assert!(login.location().contains("/u/login?state="), "{}", login.location());
    let page = ada.page(&login.location());
    assert!(page.contains("You are logged out. Nothing was changed."), "{page}");
    assert_eq!(tenant.user("github|77").status, 404);
}

fn an_error_page_leads_back_to_the_account() {
    let mut ada = Person::at(&tenant()).logged_in("ada@example.com");
    for target in ["/account/link?state=x", "/account/remove?identity=x", "/account/undo?link=x"] {
        let page = ada.get(target);
        assert_eq!(page.status, 400, "{target}");
        assert!(page.text().contains("<a href=\"/account\">Your account</a>"), "{target}: {}", page.text());
    }
}

/// Applications cannot begin logins of the page's client.
fn the_client_of_the_page_gets_no_token() {
    let tenant = tenant();
    let client = "ligature-account";
    let asked = format!("/authorize?client_id={client}&response_type=token&redirect_uri={CALLBACK}");
    assert_eq!(tenant.send(&Request::get(asked)).status, 400);
    assert_eq!(tenant.send(&Request::get(format!("/dev/log-in?client_id={client}"))).status, 400);
    for grant in ["client_credentials", "password", "refresh_token", "authorization_code"] {
        let answer = tenant.token(client, &[("grant_type", grant), ("code", "x"), ("refresh_token", "x")]);
        assert_eq!(answer.status, 401, "{grant}: {}", answer.text());
    }
}
