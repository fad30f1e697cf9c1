//! Undoing a link.

use super::desk::{ADA, ADAS_GOOGLE, Desk, users};
use crate::http::Request;
use crate::tenants::Tenant;

crate::tests![
    an_undo_is_previewed_and_restores_both_accounts,
    an_undo_that_is_sent_twice_happens_once,
    an_undo_is_refused_if_the_account_has_changed,
    only_a_link_is_undone,
];

fn an_undo_is_previewed_and_restores_both_accounts() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    let action = format!("{entry}/undo");
    let preview = desk.page(&action);
    for words in
        ["<h2>google-oauth2|1080</h2>", "user_metadata.lang", "app_metadata.plan", "<h2>auth0|ada</h2>"]
    {
        assert!(preview.contains(words), "{words}: {preview}");
    }
    assert_eq!(tenant.user(ADAS_GOOGLE).status, 404, "a preview changes nothing");
    let undone = desk.submit(&preview, &action, &[]);
    assert_eq!((undone.status, undone.location()), (303, format!("{entry}?done=undone")));
    let page = desk.page(&undone.location());
    assert!(page.contains("The link was undone.") && !page.contains("Undo this link…"), "{page}");
    assert_eq!(tenant.user(ADAS_GOOGLE).json()["app_metadata"]["plan"], "pro");
    let journal = desk.page("/console/journal");
    assert!(journal.contains("the link of google-oauth2|1080 into auth0|ada was undone"), "{journal}");
    let audited = tenant.log_of("audit").into_iter().find(|it| it["action"] == "undo a link");
    assert_eq!(audited.expect("a line")["done"], true);
}

fn an_undo_that_is_sent_twice_happens_once() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    let action = format!("{entry}/undo");
    let preview = desk.page(&action);
    assert_eq!(desk.submit(&preview, &action, &[]).status, 303);
    let again = desk.submit(&preview, &action, &[]);
    assert_eq!(again.status, 409);
    assert!(again.text().contains("The link was not undone"), "{}", again.text());
    assert_eq!(desk.get(&action).status, 409);
}

fn an_undo_is_refused_if_the_account_has_changed() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    let action = format!("{entry}/undo");
    let preview = desk.page(&action);
    let token = tenant.client_token("web");
    let patch = Request::new("PATCH", "/api/v2/users/auth0%7Cada").bearer(&token);
    assert_eq!(tenant.send(&patch.json(&serde_json::json!({ "name": "Ada King" }))).status, 200);
    let answer = desk.submit(&preview, &action, &[]);
    assert_eq!(answer.status, 409);
    assert!(answer.text().contains("has changed since this page was shown"), "{}", answer.text());
    assert_eq!(desk.submit(&answer.text(), &action, &[]).status, 303);
}

fn only_a_link_is_undone() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    let preview = desk.page(&format!("{entry}/undo"));
    desk.submit(&preview, &format!("{entry}/undo"), &[]);
    let journal = desk.page("/console/journal");
    let newest =
        journal.split_once("<tr><td><a href=\"").and_then(|(_, it)| it.split_once('"')).expect("a row").0;
    assert!(!desk.page(newest).contains("Undo this link…"));
    assert_eq!(desk.get(&format!("{newest}/undo")).status, 409);
}
