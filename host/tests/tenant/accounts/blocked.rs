//! A blocked user is refused at every endpoint.

use serde_json::json;

use super::{administration, mails, patch, path, reset, sign_up, tenant_with};
use crate::http::{Request, Response};
use crate::tenants::{DATABASE, PASSWORD, Tenant, by_id, database_user, text, user};

crate::tests![
    an_older_token_frees_no_blocked_user,
    a_blocked_users_own_token_does_nothing,
    an_administrator_may_still_link_a_blocked_user,
    a_blocked_account_keeps_its_logins_together,
    mails_and_tickets_of_before_a_block_end,
    a_blocked_user_gets_no_mail_for_a_new_password,
];

fn tenant() -> Tenant {
    tenant_with(
        &(database_user("mallory", "mallory@example.com") + &database_user("fresh", "fresh@example.com")),
        &[],
    )
}

const SCOPE: &str = "openid read:current_user update:current_user_identities update:current_user_metadata create:current_user_metadata";

fn block(tenant: &Tenant) {
    assert_eq!(patch(tenant, "auth0|mallory", &json!({ "blocked": true })).status, 200);
}

fn assert_blocked(response: &Response) {
    assert_eq!((response.status, response.json()["errorCode"].as_str()), (403, Some("user_blocked")));
}

fn an_older_token_frees_no_blocked_user() {
    let tenant = tenant();
    let of = |email| tenant.password_tokens("web", email, SCOPE);
    let (mallory, fresh) = (of("mallory@example.com"), of("fresh@example.com"));
    block(&tenant);
    let link = |user_id: &str, token: &str, proof: &serde_json::Value| {
        let link =
            Request::post(format!("{}/identities", path(user_id))).json(&json!({ "link_with": proof }));
        tenant.send(&link.bearer(token))
    };
    assert_blocked(&link("auth0|fresh", &text(&fresh["access_token"]), &mallory["id_token"]));
    assert_blocked(&link("auth0|fresh", &tenant.client_token("web"), &mallory["id_token"]));
    assert_blocked(&link("auth0|mallory", &text(&mallory["access_token"]), &fresh["id_token"]));
    assert_blocked(&link("auth0|mallory", &tenant.client_token("web"), &fresh["id_token"]));
    assert!(tenant.user("auth0|mallory").json()["blocked"].as_bool().expect("a flag"));
    assert!(
        tenant.log_of("audit").iter().any(|line| line["message"] == "a blocked user's token was refused")
    );
}

fn a_blocked_users_own_token_does_nothing() {
    let tenant = tenant();
    let own = text(&tenant.password_tokens("web", "mallory@example.com", SCOPE)["access_token"]);
    let mine = path("auth0|mallory");
    let requests = || {
        [
            Request::get(&mine),
            Request::new("PATCH", &mine).json(&json!({ "user_metadata": { "a": 1 } })),
            Request::new("DELETE", format!("{mine}/identities/google-oauth2/1")),
        ]
    };
    for request in requests() {
        assert_eq!(tenant.send(&request.bearer(&own)).status, 200);
    }
    block(&tenant);
    for request in requests() {
        assert_blocked(&tenant.send(&request.bearer(&own)));
    }
}

fn an_administrator_may_still_link_a_blocked_user() {
    let tenant = tenant();
    block(&tenant);
    let link = Request::post(format!("{}/identities", path("auth0|mallory")));
    let link = link.json(&crate::tenants::by_id("auth0", "fresh")).bearer(&tenant.client_token("web"));
    assert_eq!(tenant.send(&link).status, 201);
}

/// Mallory signs up, and an application links a login of Google with that account. Nobody has proved
/// the address, so that a new password by mail separates them. Returns the id of the account.
fn signed_up_and_linked(tenant: &Tenant) -> String {
    let made = sign_up(tenant, DATABASE, "new@evil.example");
    let account = format!("auth0|{}", text(&made.json()["_id"]));
    let link = Request::post(format!("{}/identities", path(&account))).json(&by_id("google-oauth2", "66"));
    assert_eq!(administration(tenant, link).status, 201);
    account
}

fn ticket_of(link: &str) -> String {
    link.split_once("ticket=").expect("a ticket").1.to_owned()
}

/// The ticket of the newest mail of a kind.
fn mailed(tenant: &Tenant, kind: &str) -> Option<String> {
    let mail = mails(tenant, "new@evil.example").into_iter().find(|it| it["kind"] == kind)?;
    Some(ticket_of(&text(&mail["link"])))
}

fn ask_for_a_new_password(tenant: &Tenant) {
    let asked = json!({ "client_id": "web", "connection": DATABASE, "email": "new@evil.example" });
    assert_eq!(tenant.send(&Request::post("/dbconnections/change_password").json(&asked)).status, 200);
}

/// Without the block, the new password separates the login of Google from the account.
fn a_blocked_account_keeps_its_logins_together() {
    for is_blocked in [false, true] {
        let tenant = tenant_with(&user("google-oauth2|66", "66@evil.example", "google-oauth2"), &[]);
        let account = signed_up_and_linked(&tenant);
        ask_for_a_new_password(&tenant);
        let (reset, sign_up) =
            (mailed(&tenant, "reset").expect("a mail"), mailed(&tenant, "verify").expect("a mail"));
        if is_blocked {
            assert_eq!(patch(&tenant, &account, &json!({ "blocked": true })).status, 200);
        }
        let mut browser = tenant.browser();
        let by_sign_up =
            browser.submit("/u/email-verification", &[("ticket", &sign_up), ("choice", "new-password")]);
        let set = browser.submit("/u/reset", &[("ticket", &reset), ("password", "another password")]);
        let logins = tenant.user(&account).json()["identities"].as_array().expect("a list").len();
        let freed = tenant.user("google-oauth2|66").status;
        if is_blocked {
            assert_eq!((by_sign_up.status, set.status, logins, freed), (403, 403, 2, 404));
            for page in [by_sign_up, set] {
                assert!(page.text().contains("This account is blocked"), "{}", page.text());
            }
            let audit = tenant.log_of("audit");
            assert!(
                audit.iter().any(|line| line["message"] == "a mailed link of a blocked user was refused")
            );
        } else {
            assert_eq!((by_sign_up.status, set.status, logins, freed), (303, 200, 1, 200));
        }
    }
}

/// Source: docs/tenant.md, the table of what ends logins.
fn mails_and_tickets_of_before_a_block_end() {
    let tenant = tenant_with(&user("google-oauth2|66", "66@evil.example", "google-oauth2"), &[]);
    let account = signed_up_and_linked(&tenant);
    ask_for_a_new_password(&tenant);
    let issued = |kind: &str| {
        let made = administration(
            &tenant,
            Request::post(format!("/api/v2/tickets/{kind}")).json(&json!({ "user_id": account })),
        );
        assert_eq!(made.status, 201, "{}", made.text());
        ticket_of(&text(&made.json()["ticket"]))
    };
    let pages = [
        ("/u/email-verification", mailed(&tenant, "verify").expect("a mail")),
        ("/u/email-verification", issued("email-verification")),
        ("/u/reset", mailed(&tenant, "reset").expect("a mail")),
        ("/u/reset", issued("password-change")),
    ];
    let open =
        |(page, ticket): &(&str, String)| tenant.browser().get(&format!("{page}?ticket={ticket}")).status;
    let submit = |(page, ticket): &(&str, String)| {
        tenant.browser().submit(page, &[("ticket", ticket), ("password", PASSWORD)]).status
    };
    assert_eq!(pages.each_ref().map(open), [200; 4]);
    for (is_blocked, status) in [(true, 403), (false, 400)] {
        assert_eq!(patch(&tenant, &account, &json!({ "blocked": is_blocked })).status, 200);
        assert_eq!(pages.each_ref().map(open), [status; 4], "opened; blocked: {is_blocked}");
        assert_eq!(pages.each_ref().map(submit)[..2], [status; 2], "submitted; blocked: {is_blocked}");
    }
    assert_eq!(pages.each_ref().map(submit), [400; 4]);
    assert_eq!(tenant.user(&account).json()["email_verified"], false);
    assert_eq!(reset(&tenant, "new@evil.example", "another password").expect("a new mail").status, 200);
}

fn a_blocked_user_gets_no_mail_for_a_new_password() {
    let tenant = tenant();
    block(&tenant);
    assert!(reset(&tenant, "mallory@example.com", "another password").is_none());
    assert_eq!(patch(&tenant, "auth0|mallory", &json!({ "blocked": false })).status, 200);
    assert_eq!(reset(&tenant, "mallory@example.com", "another password").expect("a mail").status, 200);
}
