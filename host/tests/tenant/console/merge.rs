//! Merging two accounts.

use super::desk::{ADA, ADAS_GOOGLE, Desk, merge_of, unchanged, users};
use crate::http::Request;
use crate::tenants::Tenant;

crate::tests![
    a_preview_shows_both_accounts_and_the_effect,
    the_rules_of_metadata_are_obeyed,
    a_merge_is_in_the_journal_with_operator_and_reason,
    a_reason_is_required,
    an_address_may_name_an_account,
    several_accounts_are_chosen_from,
    a_merge_is_refused_if_an_account_has_changed,
    a_merge_that_is_sent_twice_happens_once,
    two_operators_merge_once,
    a_merge_with_a_blocked_account_is_refused,
    an_account_is_not_merged_with_itself,
];

fn a_preview_shows_both_accounts_and_the_effect() {
    let page = Desk::at(&unchanged()).preview(ADA, ADAS_GOOGLE);
    for words in [
        ">auth0|ada</a>",
        ">google-oauth2|1080</a>",
        "auth0|ada (ada@example.com)",
        "The identities will be: auth0|ada, google-oauth2|1080.",
        "<li>user_metadata, taken over: lang</li>",
        "<li>user_metadata, lost: theme</li>",
        "<li>app_metadata, lost: plan</li>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let other = Desk::at(&unchanged()).preview(ADA, "auth0|bob");
    assert!(other.contains("<li>the accounts have different addresses</li>"), "{other}");
}

fn the_rules_of_metadata_are_obeyed() {
    for (user_metadata, app_metadata, theme, lang, plan) in
        [("keep", "fill", "dark", None, Some("pro")), ("take", "keep", "light", Some("en"), None)]
    {
        let tenant = Tenant::with(&users());
        let mut desk = Desk::at(&tenant);
        let rules = [("user_metadata", user_metadata), ("app_metadata", app_metadata)];
        let page = desk.page(&merge_of(ADA, ADAS_GOOGLE, &rules));
        assert_eq!(desk.submit(&page, "/console/merge", &[("reason", "x")]).status, 303);
        let user = tenant.user(ADA).json();
        assert_eq!(user["user_metadata"]["theme"], theme);
        assert_eq!(user["user_metadata"].get("lang").and_then(|it| it.as_str()), lang);
        assert_eq!(user["app_metadata"].get("plan").and_then(|it| it.as_str()), plan, "{user}");
    }
}

fn a_merge_is_in_the_journal_with_operator_and_reason() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let preview = desk.preview(ADA, ADAS_GOOGLE);
    let merged = desk.submit(&preview, "/console/merge", &[("reason", "ticket 7 of <ada@corp.com>")]);
    let page = desk.page(&merged.location());
    for words in [
        "The accounts were merged.",
        "google-oauth2|1080 was linked into auth0|ada",
        "the operator local",
        "MERGED_BY_OPERATOR",
        "ticket 7 of &#60;a…@corp.com&#62;",
        "lang, theme",
        "Undo this link…",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let identities = tenant.user(ADA).json()["identities"].as_array().map(Vec::len);
    assert_eq!(identities, Some(2));
    let merges: Vec<_> = tenant.log_of("audit").into_iter().filter(|it| it["action"] == "merge").collect();
    assert_eq!(merges.len(), 1);
    assert_eq!((&merges[0]["operator"], &merges[0]["done"]), (&"local".into(), &true.into()));
}

fn a_reason_is_required() {
    let tenant = unchanged();
    let mut desk = Desk::at(&tenant);
    let preview = desk.preview(ADA, ADAS_GOOGLE);
    let long = "é".repeat(501);
    for (reason, words) in [
        ("", "Type the reason"),
        (" ", "Type the reason"),
        (" \u{200b} ", "Type the reason"),
        ("\u{2060}\u{3164}", "Type the reason"),
        ("\u{301}\u{20dd}", "Type the reason"),
        (&long, "may have 500"),
    ] {
        let answer = desk.submit(&preview, "/console/merge", &[("reason", reason)]);
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(words), "{}", answer.text());
        assert!(answer.text().contains(&format!(">{}</textarea>", reason.trim())), "{}", answer.text());
    }
    assert_eq!(tenant.user(ADAS_GOOGLE).status, 200, "nothing was merged");
}

fn an_address_may_name_an_account() {
    let page = Desk::at(&unchanged()).preview("auth0|a", "bob@example.com");
    assert!(page.contains("name=\"keep\" value=\"auth0|ada\""), "{page}");
    assert!(page.contains("name=\"move\" value=\"auth0|bob\""), "{page}");
    assert!(page.contains("The identities will be: auth0|ada, auth0|bob."), "{page}");
}

fn several_accounts_are_chosen_from() {
    let mut desk = Desk::at(&unchanged());
    let page = desk.get(&merge_of("auth0|bob", "ada@example.com", &[]));
    assert_eq!(page.status, 404);
    let page = page.text();
    for words in
        ["Several users are found by ada@example.com", "move=auth0%7Cada", "move=google-oauth2%7C1080"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("name=\"plan\""), "{page}");
    let nobody = desk.get(&merge_of("auth0|nobody", "auth0|bob", &[]));
    assert!(nobody.text().contains("No user is found by auth0|nobody."), "{}", nobody.text());
}

fn a_merge_is_refused_if_an_account_has_changed() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let preview = desk.preview(ADA, ADAS_GOOGLE);
    let token = tenant.client_token("web");
    let patch = Request::new("PATCH", "/api/v2/users/auth0%7Cada").bearer(&token);
    let patched = tenant.send(&patch.json(&serde_json::json!({ "user_metadata": { "theme": "blue" } })));
    assert_eq!(patched.status, 200, "{}", patched.text());
    let answer = desk.submit(&preview, "/console/merge", &[("reason", "ticket 7")]);
    assert_eq!(answer.status, 409);
    let page = answer.text();
    assert!(page.contains("has changed since this page was shown"), "{page}");
    assert_eq!(tenant.user(ADAS_GOOGLE).status, 200, "nothing was merged");
    // The page that comes back has the new plan, and the reason.
    assert!(page.contains(">ticket 7</textarea>"), "{page}");
    assert_eq!(desk.submit(&page, "/console/merge", &[("reason", "ticket 7")]).status, 303);
}

fn a_merge_that_is_sent_twice_happens_once() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let preview = desk.preview(ADA, ADAS_GOOGLE);
    let send = |desk: &mut Desk| desk.submit(&preview, "/console/merge", &[("reason", "ticket 7")]);
    assert_eq!(send(&mut desk).status, 303);
    let again = send(&mut desk);
    assert_eq!(again.status, 409);
    assert!(again.text().contains("There is no user google-oauth2|1080 any more."), "{}", again.text());
    let journal = desk.page("/console/journal");
    assert_eq!(journal.matches("was linked into").count(), 1);
}

fn two_operators_merge_once() {
    let tenant = Tenant::with(&users());
    let mut one = Desk::at(&tenant);
    let mut other = Desk::at(&tenant);
    let (first, second) = (one.preview(ADA, ADAS_GOOGLE), other.preview(ADAS_GOOGLE, ADA));
    assert_eq!(one.submit(&first, "/console/merge", &[("reason", "one")]).status, 303);
    assert_eq!(other.submit(&second, "/console/merge", &[("reason", "other")]).status, 409);
    assert_eq!(one.page("/console/journal").matches("was linked into").count(), 1);
}

fn a_merge_with_a_blocked_account_is_refused() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let preview = desk.preview(ADA, ADAS_GOOGLE);
    let token = tenant.client_token("web");
    let patch = Request::new("PATCH", "/api/v2/users/google-oauth2%7C1080").bearer(&token);
    assert_eq!(tenant.send(&patch.json(&serde_json::json!({ "blocked": true }))).status, 200);
    let answer = desk.submit(&preview, "/console/merge", &[("reason", "ticket 7")]);
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("is blocked, and nothing was changed"), "{}", answer.text());
    assert!(!answer.text().contains("name=\"plan\""), "{}", answer.text());
    assert!(tenant.log_of("audit").iter().any(|line| line["action"] == "a merge was refused"));
}

fn an_account_is_not_merged_with_itself() {
    let page = Desk::at(&unchanged()).preview(ADA, ADA);
    assert!(page.contains("both are the same user"), "{page}");
    assert!(!page.contains("name=\"plan\""), "{page}");
}
