//! A change on the console ends the logins that it concerns, as the account page's changes and the
//! Management API's do.

use serde_json::Value;

use super::desk::{ADA, ADAS_GOOGLE, Desk, users};
use crate::accounts::{refreshed, silent, subject_of};
use crate::http::{Browser, Request};
use crate::tenants::{Tenant, by_google, by_password, redeem, text};

crate::tests![
    a_merge_ends_the_refresh_tokens_of_what_moved,
    an_undo_ends_the_logins_of_what_was_separated,
    a_refused_merge_or_undo_ends_nothing,
];

/// A browser that is logged in, and its tokens.
fn log_in(tenant: &Tenant, log_in: impl Fn(&mut Browser) -> crate::http::Response) -> (Browser, Value) {
    let mut browser = tenant.browser();
    let login = log_in(&mut browser);
    let tokens = redeem(tenant, "web", &login.answer()["code"]).json();
    (browser, tokens)
}

fn google(tenant: &Tenant) -> (Browser, Value) {
    log_in(tenant, |browser| by_google(browser, "1080", &[]))
}

fn password(tenant: &Tenant) -> (Browser, Value) {
    log_in(tenant, |browser| by_password(browser, "ada@example.com", &[]))
}

/// A stolen token of the smaller account must not open the larger one.
fn a_merge_ends_the_refresh_tokens_of_what_moved() {
    let tenant = Tenant::with(&users());
    let ((mut browser, moved), (_, kept)) = (google(&tenant), password(&tenant));
    Desk::at(&tenant).merge(ADA, ADAS_GOOGLE);
    let refused = refreshed(&tenant, &moved["refresh_token"]);
    assert_eq!((refused.status, &refused.json()["error"]), (403, &"invalid_grant".into()));
    // It was ended by the merge, not first found out now.
    let found_out =
        |line: &Value| line["message"].as_str().is_some_and(|it| it.contains("another user since"));
    assert!(!tenant.log_of("audit").iter().any(found_out));
    assert_eq!(subject_of(&refreshed(&tenant, &kept["refresh_token"])), ADA);
    // The browser is the same person's.
    assert_eq!(silent(&mut browser), "logged in");
}

fn an_undo_ends_the_logins_of_what_was_separated() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    let ((mut googles, theirs), (mut own, kept)) = (google(&tenant), password(&tenant));
    let profile = |tokens: &Value| {
        tenant.send(&Request::get("/userinfo").bearer(&text(&tokens["access_token"]))).status
    };
    assert_eq!((silent(&mut googles).as_str(), profile(&theirs)), ("logged in", 200));
    let action = format!("{entry}/undo");
    let preview = desk.page(&action);
    assert_eq!(desk.submit(&preview, &action, &[]).status, 303);
    assert_eq!(silent(&mut googles), "login_required");
    assert_eq!(profile(&theirs), 401);
    let refused = refreshed(&tenant, &theirs["refresh_token"]);
    assert_eq!((refused.status, &refused.json()["error"]), (403, &"invalid_grant".into()));
    assert_eq!((silent(&mut own).as_str(), profile(&kept)), ("logged in", 200));
    assert_eq!(subject_of(&refreshed(&tenant, &kept["refresh_token"])), ADA);
    let (_, anew) = google(&tenant);
    assert_eq!(subject_of(&refreshed(&tenant, &anew["refresh_token"])), ADAS_GOOGLE);
}

fn a_refused_merge_or_undo_ends_nothing() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let (_, theirs) = google(&tenant);
    let preview = desk.preview(ADA, ADAS_GOOGLE);
    assert_eq!(desk.submit(&preview, "/console/merge", &[("reason", "")]).status, 400);
    let next = refreshed(&tenant, &theirs["refresh_token"]);
    assert_eq!(subject_of(&next), ADAS_GOOGLE);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    let (mut browser, merged) = google(&tenant);
    let action = format!("{entry}/undo");
    let preview = desk.page(&action);
    assert_eq!(desk.submit(&preview, &action, &[("plan", "x")]).status, 409);
    assert_eq!(silent(&mut browser), "logged in");
    assert_eq!(subject_of(&refreshed(&tenant, &merged["refresh_token"])), ADA);
}
